"""CDK context to the stacks' arguments. Nothing else in the project reads context."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any, Final

from aws_cdk import App, Stack

from pump_roles.forms import (
    ACCOUNTS,
    CALL_AS,
    EXTERNAL_ID,
    FAILURE_TOLERANCE,
    GUARDRAILS,
    MAX_CONCURRENT,
    MOMENT,
    ORGANIZATIONAL_UNITS,
    PERMISSIONS_BOUNDARY,
    PRINCIPAL,
    REGIONS,
    ROLE_PATH,
    ArgumentError,
    Form,
    Several,
    Whole,
)
from pump_roles.guardrails import Guardrail
from pump_roles.rollout import AutoPilotRolloutStack, Gate, ReadOnlyRolloutStack
from pump_roles.stacks import AutoPilotStack, ReadOnlyStack

__all__ = ["KEYS", "ConfigError", "StackSettings", "read"]

_PREFIX: Final = "pump:"
_UNITS: Final = "organizational-units"
_CALL_AS: Final = "call-as"

_Form = Form | Several | Whole

_ROLE: Final[Mapping[str, tuple[str, _Form]]] = {
    "principal": ("pump_principal", PRINCIPAL),
    "external-id": ("external_id", EXTERNAL_ID),
    "next-external-id": ("next_external_id", EXTERNAL_ID),
    "role-path": ("path", ROLE_PATH),
    "permissions-boundary": ("permissions_boundary", PERMISSIONS_BOUNDARY),
    "guardrails": ("guardrails", GUARDRAILS),
    "only-in-regions": ("guardrails", REGIONS),
    "until": ("guardrails", MOMENT),
    "invitations-from": ("guardrails", ACCOUNTS.form),
}
_GUARDRAILS: Final[Mapping[str, Callable[[Any], list[Guardrail]]]] = {
    "guardrails": lambda names: [Guardrail.named(name) for name in names],
    "only-in-regions": lambda regions: [Guardrail.only_in_regions(*regions)],
    "until": lambda moment: [Guardrail.until(moment)],
    "invitations-from": lambda account: [Guardrail.invitations_from(account)],
}
_ROLLOUT: Final[Mapping[str, tuple[str, _Form]]] = {
    _UNITS: ("organizational_units", ORGANIZATIONAL_UNITS),
    "exclude-accounts": ("exclude_accounts", ACCOUNTS),
    "only-accounts": ("only_accounts", ACCOUNTS),
    "max-concurrent-percentage": ("max_concurrent_percentage", MAX_CONCURRENT),
    "failure-tolerance-percentage": ("failure_tolerance_percentage", FAILURE_TOLERANCE),
    _CALL_AS: ("call_as", CALL_AS),
}
_ARGUMENTS: Final = {**_ROLE, **_ROLLOUT}
_FILTERS: Final = {"exclude-accounts", "only-accounts"}

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
    :param keys: for each argument, or kind of guardrail, the key that it was typed under.
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
            problem, typed = error.problem, self.keys
            if error.argument == "guardrails":
                # Several keys make the list. Those that take a value are named by the problem.
                named = [key for key in typed.values() if problem.startswith(key.rsplit(":")[-1])]
                key = named[0] if named else typed.get("guardrails", self.stack_id)
            else:
                for argument, one in typed.items():
                    problem = re.sub(rf"\b{argument}\b", one, problem)
                key = typed.get(error.argument, self.stack_id)
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
    delegated = values.get(f"{_PREFIX}{_CALL_AS}") == "delegated-admin"
    for role, (single, rollout) in _ROLES.items():
        unread = [key for key in values if key.startswith(f"{_PREFIX}{role}:")]
        if delegated and unread and _UNITS not in given[role]:
            raise ConfigError(
                f"{unread[0]}: a delegated administrator's app has no {role} role without "
                f"{_PREFIX}{role}:{_UNITS}"
            )
        if not delegated:
            singles.append(_settings(*single, given[role], _ROLE))
        if _UNITS in given[role]:
            rollouts.append(_settings(*rollout, given[role], _ARGUMENTS, gate=gate))
    return singles + rollouts


def _checked(context: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for key, value in context.items():
        if key not in KEYS and _is_meant_for_us(key):
            shown = key if key.isprintable() else repr(key)
            raise ConfigError(f"{shown}: unknown key, {_nearest(key)}")
        if key not in KEYS:
            continue
        name = key.rpartition(":")[2]
        _, form = _ARGUMENTS[name]
        try:
            # Also where another key overrides it.
            checked = form.check(key, _typed(value, form))
            yield key, _GUARDRAILS[name](checked) if name in _GUARDRAILS else checked
        except ArgumentError as error:
            raise ConfigError(f"{key}: {error.problem}") from None


def _typed(value: Any, form: _Form) -> Any:
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
    given = {
        name: (key, values[key])
        for name in _ARGUMENTS
        for key in (f"{_PREFIX}{name}", f"{_PREFIX}{role}:{name}")
        if key in values
    }
    own = [name for name in _FILTERS if f"{_PREFIX}{role}:{name}" in values]
    # A filter of the role's own takes the place of a shared one of the other kind too.
    return {name: one for name, one in given.items() if not own or name not in _FILTERS - {*own}}


def _settings(
    stack_id: str,
    stack_class: type[Stack],
    given: Mapping[str, tuple[str, Any]],
    arguments: Mapping[str, tuple[str, Any]],
    **more: Any,
) -> StackSettings:
    taken: dict[str, Any] = dict(more)
    keys: dict[str, str] = {}
    for name, (key, value) in given.items():
        if name not in arguments:
            continue
        argument, _ = arguments[name]
        # Several keys make one list of guardrails.
        if name in _GUARDRAILS:
            taken[argument] = [*taken.get(argument, []), *value]
            keys[name] = key
        else:
            taken[argument] = value
            keys[argument] = key
    return StackSettings(stack_id, stack_class, taken, keys)
