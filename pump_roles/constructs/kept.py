"""What the package keeps about an app or a stack in a hidden child, such as role names."""

from collections.abc import Callable
from typing import Any, Final, TypeVar
from weakref import WeakKeyDictionary

from aws_cdk import Stack
from constructs import Construct, IConstruct

from pump_roles.validators import ArgumentError

_State = TypeVar("_State")

_FOUND: Final[WeakKeyDictionary[IConstruct, dict[str, Any]]] = WeakKeyDictionary()
"""Only saves calls into jsii, which take longer than the rest of a role."""


class _Kept(Construct):
    def __init__(self, owner: IConstruct, id: str, state: Any) -> None:
        super().__init__(owner, id)  # type: ignore[arg-type]
        self.state = state


def kept_in(owner: IConstruct, id: str, make: Callable[[], _State]) -> _State:
    """Return the state that a construct has under an ID, made when it is first asked for.

    The state is in a child of the construct. If the construct was not created in Python, such as
    the app of ``Stack()``, jsii returns another Python object each time that it is asked for.
    """
    found = _FOUND.setdefault(owner, {})
    if id not in found:
        child = owner.node.try_find_child(id)
        if not isinstance(child, _Kept):
            child = _Kept(owner, id, make())
        found[id] = child.state
    state: _State = found[id]
    return state


def take_role_name(name: str, role: Construct, scope: Construct) -> None:
    """Reserve a name for a role in its stack."""
    # Stack.of() is a slow call into jsii.
    stack = scope if isinstance(scope, Stack) else Stack.of(scope)
    taken: dict[str, Construct] = kept_in(stack, "pump-roles:names", dict)
    other = taken.get(name.lower())
    if other is not None and other in stack.node.find_all():
        raise ArgumentError("role_name", f"{name} is already the name of {other.node.path}")
    taken[name.lower()] = role
