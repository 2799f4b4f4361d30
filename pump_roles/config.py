"""CDK context to the stacks' arguments. Nothing else in the project reads context."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any, Final

from aws_cdk import App

from pump_roles.forms import (
    EXTERNAL_ID,
    PERMISSIONS_BOUNDARY,
    PRINCIPAL,
    ROLE_PATH,
    ArgumentError,
    Form,
)
from pump_roles.stacks import AutoPilotStack, ReadOnlyStack, RoleStack

__all__ = ["KEYS", "ConfigError", "RoleSettings", "read"]

_PREFIX: Final = "pump:"

_ARGUMENTS: Final[Mapping[str, tuple[str, Form]]] = {
    "principal": ("pump_principal", PRINCIPAL),
    "external-id": ("external_id", EXTERNAL_ID),
    "next-external-id": ("next_external_id", EXTERNAL_ID),
    "role-path": ("path", ROLE_PATH),
    "permissions-boundary": ("permissions_boundary", PERMISSIONS_BOUNDARY),
}

_STACKS: Final[Mapping[str, tuple[str, type[RoleStack]]]] = {
    "read-only": ("PumpReadOnly", ReadOnlyStack),
    "auto-pilot": ("PumpAutoPilot", AutoPilotStack),
}

KEYS: Final = (
    *(f"{_PREFIX}{key}" for key in _ARGUMENTS),
    *(f"{_PREFIX}{role}:{key}" for role in _STACKS for key in _ARGUMENTS),
)


class ConfigError(ValueError):
    """A context key or its value is wrong; the message is for the person who typed it."""


@dataclass(frozen=True)
class RoleSettings:
    """What context says of one role.

    :param stack_id: the stack's construct id and name.
    :param stack_class: the stack that holds the role.
    :param arguments: the stack's arguments.
    :param keys: for each argument, the key that it was typed under.
    """

    stack_id: str
    stack_class: type[RoleStack]
    arguments: Mapping[str, str] = field(default_factory=dict)
    keys: Mapping[str, str] = field(default_factory=dict)

    def build(self, app: App) -> RoleStack:
        """Build the stack.

        :raises ConfigError: when a value is not of its form; names the key as it was typed.
        """
        try:
            return self.stack_class(app, self.stack_id, **self.arguments)
        except ArgumentError as error:
            raise ConfigError(f"{self.keys[error.argument]}: {error.problem}") from None


def read(context: Mapping[str, Any]) -> list[RoleSettings]:
    """Return what the context says of each role.

    ``pump:KEY`` holds for both roles; ``pump:read-only:KEY`` or ``pump:auto-pilot:KEY`` for one,
    and wins.

    :param context: the app's context, all of it.
    :raises ConfigError: when a ``pump:`` key is unknown, or its value is not a string of
        its form, also where another key overrides it. A key whose value is null does not come
        this far: CDK takes it for one that is not set.
    """
    for key, value in context.items():
        if key not in KEYS and _is_meant_for_us(key):
            raise ConfigError(f"{key}: unknown key, {_nearest(key)}")
        if key not in KEYS:
            continue
        if not isinstance(value, str):
            raise ConfigError(f"{key}: {value!r} is not a string")
        _, form = _ARGUMENTS[key.rpartition(":")[2]]
        try:
            form.check(key, value)  # also where another key overrides it
        except ArgumentError as error:
            raise ConfigError(str(error)) from None
    return [
        _settings(role, stack_id, stack_class, context)
        for role, (stack_id, stack_class) in _STACKS.items()
    ]


def _is_meant_for_us(key: str) -> bool:
    # Also where the prefix was forgotten, since a boundary that goes unread is not there.
    first, *_ = re.split(r"[^a-z-]", key.strip().lower())
    return bool(re.match(r"pump([^a-z]|$)", key.strip(), re.IGNORECASE)) or (
        first in _ARGUMENTS or first in _STACKS
    )


def _nearest(key: str) -> str:
    if nearest := get_close_matches(key.strip().lower(), KEYS, n=1):
        return f"did you mean {nearest[0]}?"
    return f"the keys are {', '.join(KEYS[: len(_ARGUMENTS)])}"


def _settings(
    role: str, stack_id: str, stack_class: type[RoleStack], context: Mapping[str, Any]
) -> RoleSettings:
    keys = {
        argument: key
        for name, (argument, _) in _ARGUMENTS.items()
        for key in (f"{_PREFIX}{name}", f"{_PREFIX}{role}:{name}")
        if key in context
    }
    return RoleSettings(
        stack_id,
        stack_class,
        arguments={argument: context[key] for argument, key in keys.items()},
        keys=keys,
    )
