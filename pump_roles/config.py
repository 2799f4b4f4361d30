"""CDK context to the stacks' arguments. Nothing else in the project reads context."""

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
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
    Integer,
    ListOf,
)
from pump_roles.guardrails import Guardrail
from pump_roles.published import ROLES
from pump_roles.rollout import AutoPilotRolloutStack, Gate, ReadOnlyRolloutStack
from pump_roles.stacks import AutoPilotStack, ReadOnlyStack

__all__ = ["KEYS", "ConfigError", "StackSettings", "read"]

_PREFIX: Final = "pump:"
_UNITS: Final = "organizational-units"
_CALL_AS: Final = "call-as"

_Form = Form | ListOf | Integer

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

_STACKS: Final = {
    "read-only": (("PumpReadOnly", ReadOnlyStack), ("PumpReadOnlyRollout", ReadOnlyRolloutStack)),
    "auto-pilot": (
        ("PumpAutoPilot", AutoPilotStack),
        ("PumpAutoPilotRollout", AutoPilotRolloutStack),
    ),
}


def _key(name: str, role: str = "") -> str:
    return f"{_PREFIX}{role}:{name}" if role else f"{_PREFIX}{name}"


KEYS: Final = (
    *(_key(name) for name in _ARGUMENTS),
    # One app is deployed by one account, so who deploys it holds for both roles.
    *(_key(name, role) for role in ROLES for name in _ARGUMENTS if name != _CALL_AS),
)


class ConfigError(ValueError):
    """A context key or its value is wrong; the message is for the person who typed it."""


@dataclass(frozen=True)
class StackSettings:
    """What context says of one stack.

    :param stack_id: the stack's construct id and name.
    :param stack_class: its class.
    :param arguments: its arguments.
    :param keys: for each argument, and each guardrail with a key of its own, the key that it was
        typed under.
    """

    stack_id: str
    stack_class: type[Stack]
    arguments: Mapping[str, Any]
    keys: Mapping[str, str]

    def build(self, app: App) -> Stack:
        """Build the stack.

        :raises ConfigError: when a value is not of its form; names the key as it was typed.
        """
        try:
            return self.stack_class(app, self.stack_id, **self.arguments)
        except ArgumentError as error:
            # Several keys make one list of guardrails.
            key = self.keys.get(error.guardrail) or self.keys.get(error.argument, self.stack_id)
            problem = error.problem.replace(error.other, self.keys.get(error.other, error.other))
            raise ConfigError(f"{key}: {problem}") from None


def read(context: Mapping[str, Any], *, gate: Gate | None = None) -> list[StackSettings]:
    """Return what the context says of each stack.

    ``pump:KEY`` holds for both roles; ``pump:read-only:KEY`` or ``pump:auto-pilot:KEY`` for one,
    and wins. A guardrail of ``pump:KEY`` holds for those of the app's roles that have what it
    denies. Each role has its stack, unless a delegated administrator deploys the app, and a rollout
    if it has organizational units.

    :param context: the app's context, all of it.
    :param gate: what the rollouts' member templates are checked with.
    :raises ConfigError: when a ``pump:`` key is unknown, its value is not of its form, also where
        another key overrides it, or two keys exclude each other. A key whose value is null does not
        come this far: CDK takes it for one that is not set.
    """
    values = dict(_checked(context))
    given = {role: _of_role(role, values) for role in ROLES}
    rolled_out = [role for role in ROLES if _UNITS in given[role]]
    for key in values:
        role, name = _parts(key)
        if name in _ROLLOUT and not {*rolled_out} & {role or one for one in ROLES}:
            raise ConfigError(f"{key}: is for a rollout, which needs {_key(_UNITS, role)}")
    delegated = values.get(_key(_CALL_AS)) == "delegated-admin"
    for key in values if delegated else ():
        role, _ = _parts(key)
        if role and role not in rolled_out:
            raise ConfigError(
                f"{key}: a delegated administrator's app has no {role} role without "
                f"{_key(_UNITS, role)}"
            )
    _share_guardrails(given, rolled_out if delegated else list(ROLES))
    singles, rollouts = [], []
    for role, (single, rollout) in _STACKS.items():
        if not delegated:
            singles.append(_settings(*single, given[role], _ROLE))
        if role in rolled_out:
            rollouts.append(_settings(*rollout, given[role], _ARGUMENTS, gate=gate))
    return singles + rollouts


def _checked(context: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for key, value in context.items():
        if key not in KEYS and _is_meant_for_us(key):
            shown = key if key.isprintable() else repr(key)
            raise ConfigError(f"{shown}: unknown key, {_nearest(key)}")
        if key not in KEYS:
            continue
        _, name = _parts(key)
        _, form = _ARGUMENTS[name]
        try:
            # Also where another key overrides it.
            checked = form.check(key, _typed(value, form))
            yield key, _GUARDRAILS[name](checked) if name in _GUARDRAILS else checked
        except ArgumentError as error:
            raise ConfigError(f"{key}: {error.problem}") from None


def _parts(key: str) -> tuple[str, str]:
    # The role, none where the key holds for both, and the name.
    *role, name = key.removeprefix(_PREFIX).split(":")
    return (role[0] if role else ""), name


def _typed(value: Any, form: _Form) -> Any:
    # What comes from the command line is a string.
    if isinstance(form, Form) or not isinstance(value, str):
        return value
    if isinstance(form, ListOf):
        return [one.strip() for one in value.split(",")] if value.strip() else []
    return int(value) if re.fullmatch("[0-9]{1,9}", value) else value


def _is_meant_for_us(key: str) -> bool:
    # Also where the prefix was forgotten, since a boundary that goes unread is not there.
    first, *_ = re.split(r"[^a-z-]", _spelt(key))
    return bool(re.match(r"pump([^a-z]|$)", key.strip(), re.IGNORECASE)) or (
        first in _ARGUMENTS or first in ROLES
    )


def _spelt(key: str) -> str:
    # As our keys are: permissions_boundary and permissionsBoundary are permissions-boundary.
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "-", key.strip()).replace("_", "-").lower()


def _nearest(key: str) -> str:
    if key in {_key(_CALL_AS, role) for role in ROLES}:
        return f"it holds for both roles: {_key(_CALL_AS)}"
    if nearest := get_close_matches(_spelt(key), KEYS, n=1):
        return f"did you mean {nearest[0]}?"
    return f"the keys are {', '.join(KEYS[: len(_ARGUMENTS)])}"


def _of_role(role: str, values: Mapping[str, Any]) -> dict[str, tuple[str, Any]]:
    # For each of the role's names, the key that it was typed under and its value.
    given = {
        name: (key, values[key])
        for name in _ARGUMENTS
        for key in (_key(name), _key(name, role))
        if key in values
    }
    own = [name for name in _FILTERS if _key(name, role) in values]
    # A filter of the role's own takes the place of a shared one of the other kind too.
    return {name: one for name, one in given.items() if not own or name not in _FILTERS - {*own}}


def _share_guardrails(
    given: Mapping[str, dict[str, tuple[str, Any]]], roles: Collection[str]
) -> None:
    # A shared guardrail is for the roles that have what it denies. Where none has, it stays, and
    # the role refuses it.
    for name in _GUARDRAILS:
        shared = _key(name)
        sharing = [role for role in roles if given[role].get(name, ("",))[0] == shared]
        for role in sharing:
            _, guardrails = given[role][name]
            given[role][name] = (
                shared,
                [
                    one
                    for one in guardrails
                    if one.on(ROLES[role].patterns)
                    or not any(one.on(ROLES[other].patterns) for other in sharing)
                ],
            )


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
        if name in _GUARDRAILS:
            taken[argument] = [*taken.get(argument, []), *value]
            keys[name] = key
        else:
            taken[argument] = value
            keys[argument] = key
    return StackSettings(stack_id, stack_class, taken, keys)
