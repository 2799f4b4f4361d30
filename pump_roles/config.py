"""CDK context to the stacks' arguments. Nothing else in the project reads context."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any, Final

from aws_cdk import App, Stack

from pump_roles.forms import (
    ACCOUNTS,
    CALL_AS,
    EXTERNAL_ID,
    FAILURE_TOLERANCE,
    MAX_CONCURRENT,
    ORGANIZATIONAL_UNITS,
    PERMISSIONS_BOUNDARY,
    PRINCIPAL,
    ROLE_PATH,
    ArgumentError,
    Form,
    Several,
    Whole,
)
from pump_roles.rollout import AutoPilotRolloutStack, Gate, ReadOnlyRolloutStack
from pump_roles.stacks import AutoPilotStack, ReadOnlyStack

__all__ = ["KEYS", "ConfigError", "StackSettings", "read"]

_PREFIX: Final = "pump:"
_UNITS: Final = "organizational-units"
_CALL_AS: Final = "call-as"

_ROLE: Final[Mapping[str, tuple[str, Form]]] = {
    "principal": ("pump_principal", PRINCIPAL),
    "external-id": ("external_id", EXTERNAL_ID),
    "next-external-id": ("next_external_id", EXTERNAL_ID),
    "role-path": ("path", ROLE_PATH),
    "permissions-boundary": ("permissions_boundary", PERMISSIONS_BOUNDARY),
}
_ROLLOUT: Final[Mapping[str, tuple[str, Form | Several | Whole]]] = {
    _UNITS: ("organizational_units", ORGANIZATIONAL_UNITS),
    "exclude-accounts": ("exclude_accounts", ACCOUNTS),
    "only-accounts": ("only_accounts", ACCOUNTS),
    "max-concurrent-percentage": ("max_concurrent_percentage", MAX_CONCURRENT),
    "failure-tolerance-percentage": ("failure_tolerance_percentage", FAILURE_TOLERANCE),
    _CALL_AS: ("call_as", CALL_AS),
}
_ARGUMENTS: Final = {**_ROLE, **_ROLLOUT}

_ROLES: Final = {
    "read-only": (("PumpReadOnly", ReadOnlyStack), ("PumpReadOnlyRollout", ReadOnlyRolloutStack)),
    "auto-pilot": (
        ("PumpAutoPilot", AutoPilotStack),
        ("PumpAutoPilotRollout", AutoPilotRolloutStack),
    ),
}

KEYS: Final = (
    *(f"{_PREFIX}{key}" for key in _ARGUMENTS),
    # One app is deployed by one account, so who deploys it holds for both roles.
    *(f"{_PREFIX}{role}:{key}" for role in _ROLES for key in _ARGUMENTS if key != _CALL_AS),
)


class ConfigError(ValueError):
    """A context key or its value is wrong; the message is for the person who typed it."""


@dataclass(frozen=True)
class StackSettings:
    """What context says of one stack.

    :param stack_id: the stack's construct id and name.
    :param stack_class: its class.
    :param arguments: its arguments.
    :param keys: for each argument, the key that it was typed under.
    """

    stack_id: str
    stack_class: type[Stack]
    arguments: Mapping[str, Any] = field(default_factory=dict)
    keys: Mapping[str, str] = field(default_factory=dict)

    def build(self, app: App) -> Stack:
        """Build the stack.

        :raises ConfigError: when a value is not of its form; names the key as it was typed.
        """
        try:
            return self.stack_class(app, self.stack_id, **self.arguments)
        except ArgumentError as error:
            problem = error.problem
            for argument, key in self.keys.items():
                problem = re.sub(rf"\b{argument}\b", key, problem)
            key = self.keys.get(error.argument, self.stack_id)
            raise ConfigError(f"{key}: {problem}") from None


def read(context: Mapping[str, Any], *, gate: Gate | None = None) -> list[StackSettings]:
    """Return what the context says of each stack.

    ``pump:KEY`` holds for both roles; ``pump:read-only:KEY`` or ``pump:auto-pilot:KEY`` for one,
    and wins. Each role has its stack, unless a delegated administrator deploys the app, and a
    rollout if it has organizational units.

    :param context: the app's context, all of it.
    :param gate: what the rollouts' member templates are checked with.
    :raises ConfigError: when a ``pump:`` key is unknown, its value is not of its form, also where
        another key overrides it, or two keys exclude each other. A key whose value is null does not
        come this far: CDK takes it for one that is not set.
    """
    values = dict(_checked(context))
    given = {role: _of_role(role, values) for role in _ROLES}
    for key in values:
        prefix, name = key.rsplit(":", 1)
        own = [role for role in _ROLES if prefix.endswith(f":{role}")]
        if name in _ROLLOUT and not any(_UNITS in given[role] for role in own or _ROLES):
            raise ConfigError(f"{key}: is for a rollout, which needs {prefix}:{_UNITS}")
    singles, rollouts = [], []
    for role, (single, rollout) in _ROLES.items():
        if values.get(f"{_PREFIX}{_CALL_AS}") != "delegated-admin":
            singles.append(_settings(*single, given[role], _ROLE))
        if _UNITS in given[role]:
            rollouts.append(_settings(*rollout, given[role], _ARGUMENTS, gate=gate))
    return singles + rollouts


def _checked(context: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for key, value in context.items():
        if key not in KEYS and _is_meant_for_us(key):
            raise ConfigError(f"{key}: unknown key, {_nearest(key)}")
        if key not in KEYS:
            continue
        _, form = _ARGUMENTS[key.rpartition(":")[2]]
        try:
            # Also where another key overrides it.
            yield key, form.check(key, _typed(value, form))
        except ArgumentError as error:
            raise ConfigError(str(error)) from None


def _typed(value: Any, form: Form | Several | Whole) -> Any:
    # What comes from the command line is a string.
    if isinstance(form, Form) or not isinstance(value, str):
        return value
    if isinstance(form, Several):
        return [one.strip() for one in value.split(",")] if value.strip() else []
    return int(value) if re.fullmatch("[0-9]{1,9}", value) else value


def _is_meant_for_us(key: str) -> bool:
    # Also where the prefix was forgotten, since a boundary that goes unread is not there.
    first, *_ = re.split(r"[^a-z-]", key.strip().lower())
    return bool(re.match(r"pump([^a-z]|$)", key.strip(), re.IGNORECASE)) or (
        first in _ARGUMENTS or first in _ROLES
    )


def _nearest(key: str) -> str:
    if re.fullmatch(f"{_PREFIX}({'|'.join(_ROLES)}):{_CALL_AS}", key):
        return f"it holds for both roles: {_PREFIX}{_CALL_AS}"
    if nearest := get_close_matches(key.strip().lower(), KEYS, n=1):
        return f"did you mean {nearest[0]}?"
    return f"the keys are {', '.join(KEYS[: len(_ARGUMENTS)])}"


def _of_role(role: str, values: Mapping[str, Any]) -> dict[str, tuple[str, Any]]:
    # For each of the role's names, the key that it was typed under and its value.
    return {
        name: (key, values[key])
        for name in _ARGUMENTS
        for key in (f"{_PREFIX}{name}", f"{_PREFIX}{role}:{name}")
        if key in values
    }


def _settings(
    stack_id: str,
    stack_class: type[Stack],
    given: Mapping[str, tuple[str, Any]],
    arguments: Mapping[str, tuple[str, Any]],
    **more: Any,
) -> StackSettings:
    taken = {arguments[name][0]: one for name, one in given.items() if name in arguments}
    return StackSettings(
        stack_id,
        stack_class,
        arguments={argument: value for argument, (_, value) in taken.items()} | more,
        keys={argument: key for argument, (key, _) in taken.items()},
    )
