"""State of an app or a stack that the constructs share, such as the role names of a stack."""

from collections.abc import Callable
from typing import Any, Final, TypeVar
from weakref import WeakKeyDictionary

from aws_cdk import Stack
from constructs import Construct, IConstruct

from pump_roles.validators import ArgumentError

_State = TypeVar("_State")

_CACHE: Final[WeakKeyDictionary[IConstruct, dict[str, Any]]] = WeakKeyDictionary()
"""Only saves calls into jsii, which take longer than the rest of a role."""


class _Holder(Construct):
    def __init__(self, owner: IConstruct, id: str, state: Any) -> None:
        super().__init__(owner, id)  # type: ignore[arg-type]
        self.state = state


def state_of(owner: IConstruct, id: str, make: Callable[[], _State]) -> _State:
    """Return the state that a construct has under an ID, made when it is first asked for.

    The state is in a child of the construct. If the construct was not created in Python, such as
    the app of ``Stack()``, jsii returns another Python object each time that it is asked for.
    """
    states = _CACHE.setdefault(owner, {})
    if id not in states:
        child = owner.node.try_find_child(id)
        holder = child if isinstance(child, _Holder) else _Holder(owner, id, make())
        states[id] = holder.state
    state: _State = states[id]
    return state


def reserve_role_name(name: str, role: Construct, scope: Construct) -> None:
    """Check that no other role of the stack has a name."""
    # Stack.of() is a slow call into jsii.
    stack = scope if isinstance(scope, Stack) else Stack.of(scope)
    roles: dict[str, Construct] = state_of(stack, "pump-roles:names", dict)
    other = roles.setdefault(name.lower(), role)
    if other is not role:
        raise ArgumentError("role_name", f"{name} is already the name of {other.node.path}")
