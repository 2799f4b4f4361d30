"""CDK context to the stacks' arguments. Nothing else in the project reads context."""

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from aws_cdk import App, Stack

from pump_roles.guardrails import Guardrail
from pump_roles.published import ROLES
from pump_roles.rollout import AutoPilotRolloutStack, ConfigureApp, ReadOnlyRolloutStack
from pump_roles.stacks import AutoPilotStack, ReadOnlyStack
from pump_roles.validators import (
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
    Integer,
    ListOf,
    Text,
    nearest,
)

__all__ = ["KEYS", "ConfigError", "StackSettings", "read"]

_PREFIX: Final = "pump:"
_UNITS: Final = "organizational-units"
_CALL_AS: Final = "call-as"

_Validator = Text | ListOf | Integer

_ROLE: Final[Mapping[str, tuple[str, _Validator]]] = {
    "principal": ("pump_principal", PRINCIPAL),
    "external-id": ("external_id", EXTERNAL_ID),
    "next-external-id": ("next_external_id", EXTERNAL_ID),
    "role-path": ("path", ROLE_PATH),
    "permissions-boundary": ("permissions_boundary", PERMISSIONS_BOUNDARY),
    "guardrails": ("guardrails", GUARDRAILS),
    "only-in-regions": ("guardrails", REGIONS),
    "until": ("guardrails", MOMENT),
    "invitations-from": ("guardrails", ACCOUNTS.element),
}
_GUARDRAILS: Final[Mapping[str, Callable[[Any], list[Guardrail]]]] = {
    "guardrails": lambda names: [Guardrail.named(name) for name in names],
    "only-in-regions": lambda regions: [Guardrail.only_in_regions(*regions)],
    "until": lambda moment: [Guardrail.until(moment)],
    "invitations-from": lambda account: [Guardrail.invitations_from(account)],
}
_ROLLOUT: Final[Mapping[str, tuple[str, _Validator]]] = {
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
    "read-only": (ReadOnlyStack, ReadOnlyRolloutStack),
    "auto-pilot": (AutoPilotStack, AutoPilotRolloutStack),
}


def _key(name: str, role: str = "") -> str:
    return f"{_PREFIX}{role}:{name}" if role else f"{_PREFIX}{name}"


KEYS: Final = (
    *(_key(name) for name in _ARGUMENTS),
    # One account deploys an app, so who that is applies to both roles.
    *(_key(name, role) for role in ROLES for name in _ARGUMENTS if name != _CALL_AS),
)


class ConfigError(ValueError):
    """A context key or its value is wrong; the message is for the person who typed it."""


@dataclass(frozen=True)
class _Setting:
    # A value, and the key as the user typed it.
    key: str
    value: Any


_Settings = Mapping[str, _Setting]
"""The settings of one role by name, such as ``role-path``."""


@dataclass(frozen=True)
class StackSettings:
    """What the context says about one stack.

    :param stack_id: the stack's construct ID and name.
    :param stack_class: its class.
    :param arguments: its arguments.
    :param keys: for each argument, and each guardrail with a key of its own, the key as typed.
    """

    stack_id: str
    stack_class: type[Stack]
    arguments: Mapping[str, Any]
    keys: Mapping[str, str]

    def build(self, app: App) -> Stack:
        """Build the stack.

        :raises ConfigError: when AWS would not accept a value; names the key as typed.
        """
        try:
            return self.stack_class(app, self.stack_id, **self.arguments)
        except ArgumentError as error:
            # Several keys make one list of guardrails.
            key = self.keys.get(error.guardrail) or self.keys.get(error.argument, self.stack_id)
            problem = error.problem.replace(error.other, self.keys.get(error.other, error.other))
            raise ConfigError(f"{key}: {problem}") from None


def read(
    context: Mapping[str, Any], *, configure_app: ConfigureApp | None = None
) -> list[StackSettings]:
    """Return what the context says about each stack.

    ``pump:KEY`` applies to both roles; ``pump:read-only:KEY`` or ``pump:auto-pilot:KEY`` applies to
    one, and wins. A guardrail of ``pump:KEY`` applies to those of the app's roles that have what it
    denies. Each role has its stack, unless a delegated administrator deploys the app, and a rollout
    if it has organizational units.

    :param context: the app's context, all of it.
    :param configure_app: called with the app of each rollout's member template.
    :raises ConfigError: when a ``pump:`` key is unknown, its value is not accepted, even if another
        key overrides it, or two keys exclude each other. A key whose value is null does not get
        here: CDK treats it as not set.
    """
    values = dict(_checked(context))
    settings_of = {role: _of_role(role, values) for role in ROLES}
    rolled_out = [role for role in ROLES if _UNITS in settings_of[role]]
    for key in values:
        role, name = _parts(key)
        applies = role in rolled_out if role else bool(rolled_out)
        if name in _ROLLOUT and not applies:
            raise ConfigError(f"{key}: is for a rollout, which needs {_key(_UNITS, role)}")
    delegated = values.get(_key(_CALL_AS)) == "delegated-admin"
    for key in values if delegated else ():
        role, _ = _parts(key)
        if role and role not in rolled_out:
            raise ConfigError(
                f"{key}: a delegated administrator's app has no {role} role without "
                f"{_key(_UNITS, role)}"
            )
    with_stack = [] if delegated else list(ROLES)
    built = with_stack or rolled_out
    settings_of |= {role: _with_shared_guardrails(role, settings_of, built) for role in built}
    found = []
    for role in with_stack:
        single, _ = _STACKS[role]
        found.append(_settings(ROLES[role].stack_name, single, settings_of[role], _ROLE))
    for role in rolled_out:
        _, rollout = _STACKS[role]
        stack_id = f"{ROLES[role].stack_name}Rollout"
        more = {"configure_app": configure_app}
        found.append(_settings(stack_id, rollout, settings_of[role], _ARGUMENTS, **more))
    return found


def _checked(context: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for key, value in context.items():
        if key not in KEYS and _is_meant_for_us(key):
            shown = key if key.isprintable() else repr(key)
            raise ConfigError(f"{shown}: unknown key, {_suggestion(key)}")
        if key not in KEYS:
            continue
        _, name = _parts(key)
        _, validator = _ARGUMENTS[name]
        try:
            # Even if another key overrides it.
            checked = validator.check(key, _typed(value, validator))
            yield key, _GUARDRAILS[name](checked) if name in _GUARDRAILS else checked
        except ArgumentError as error:
            raise ConfigError(f"{key}: {error.problem}") from None


def _parts(key: str) -> tuple[str, str]:
    # The role, empty where the key applies to both, and the name.
    *role, name = key.removeprefix(_PREFIX).split(":")
    return (role[0] if role else ""), name


def _typed(value: Any, validator: _Validator) -> Any:
    # What comes from the command line is a string.
    if isinstance(validator, Text) or not isinstance(value, str):
        return value
    if isinstance(validator, ListOf):
        return [element.strip() for element in value.split(",")] if value.strip() else []
    return int(value) if re.fullmatch("[0-9]{1,9}", value) else value


def _is_meant_for_us(key: str) -> bool:
    # Even if the prefix was forgotten, since a boundary that is not read is not there.
    first, *_ = re.split(r"[^a-z-]", _spelled(key))
    return bool(re.match(r"pump([^a-z]|$)", key.strip(), re.IGNORECASE)) or (
        first in _ARGUMENTS or first in ROLES
    )


def _spelled(key: str) -> str:
    # As our keys are: permissions_boundary and permissionsBoundary are permissions-boundary.
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "-", key.strip()).replace("_", "-").lower()


def _suggestion(key: str) -> str:
    if key in {_key(_CALL_AS, role) for role in ROLES}:
        return f"it applies to both roles: {_key(_CALL_AS)}"
    return nearest(_spelled(key), KEYS) or f"the keys are {', '.join(KEYS[: len(_ARGUMENTS)])}"


def _of_role(role: str, values: Mapping[str, Any]) -> _Settings:
    found = {
        name: _Setting(key, values[key])
        for name in _ARGUMENTS
        for key in (_key(name), _key(name, role))
        if key in values
    }
    own = {name for name in _FILTERS if _key(name, role) in values}
    # A filter of the role's own also replaces a shared one of the other kind.
    replaced = _FILTERS - own if own else set()
    return {name: setting for name, setting in found.items() if name not in replaced}


def _with_shared_guardrails(
    role: str, settings_of: Mapping[str, _Settings], built: Collection[str]
) -> _Settings:
    # A shared guardrail is for the roles that have what it denies. If none has, it stays, and the
    # role rejects it.
    def applies(guardrail: Guardrail, sharing: Collection[str]) -> bool:
        having = [other for other in sharing if guardrail.on(ROLES[other].patterns)]
        return role in having or not having

    def shares(other: str, name: str) -> bool:
        return name in settings_of[other] and settings_of[other][name].key == _key(name)

    settings = dict(settings_of[role])
    for name in _GUARDRAILS:
        if shares(role, name):
            sharing = [other for other in built if shares(other, name)]
            value = settings[name].value
            kept = [guardrail for guardrail in value if applies(guardrail, sharing)]
            settings[name] = _Setting(settings[name].key, kept)
    return settings


def _settings(
    stack_id: str,
    stack_class: type[Stack],
    settings: _Settings,
    accepted: Mapping[str, tuple[str, _Validator]],
    **more: Any,
) -> StackSettings:
    arguments = dict(more)
    keys: dict[str, str] = {}
    guardrails: list[Guardrail] = []
    for name, setting in settings.items():
        if name not in accepted:
            continue
        argument, _ = accepted[name]
        if name in _GUARDRAILS:
            guardrails += setting.value
            arguments[argument] = guardrails
            keys[name] = setting.key
        else:
            arguments[argument] = setting.value
            keys[argument] = setting.key
    return StackSettings(stack_id, stack_class, arguments, keys)
