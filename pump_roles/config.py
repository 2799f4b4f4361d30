"""Turns CDK context into the stacks' arguments. No other module reads context."""

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from aws_cdk import App, Stack

from pump_roles.guardrails import WITH_VALUE, Guardrail
from pump_roles.keys import PREFIX, as_typed, suggestion
from pump_roles.published import ROLES
from pump_roles.rollout import ROLLOUT_STACKS, ConfigureApp
from pump_roles.summary import summary
from pump_roles.universal import (
    EXTERNAL_ID_PARAMETER,
    NEXT_EXTERNAL_ID_PARAMETER,
    PRINCIPAL_PARAMETER,
)
from pump_roles.validators import (
    ACCOUNTS,
    CALL_AS,
    FAILURE_TOLERANCE,
    GUARDRAILS,
    MAX_CONCURRENT,
    ORGANIZATIONAL_UNITS,
    PERMISSIONS_BOUNDARY,
    PROVIDED_EXTERNAL_ID,
    PROVIDED_PRINCIPAL,
    ROLE_NAME,
    ROLE_PATH,
    ArgumentError,
    Integer,
    ListOf,
    Text,
)

__all__ = ["KEYS", "ConfigError", "StackSettings", "read"]

_UNITS: Final = "organizational-units"
_CALL_AS: Final = "call-as"
_ROLE_NAME: Final = "role-name"
_BOUNDARY: Final = "permissions-boundary"
_BOUNDARY_OF_CDK: Final = "@aws-cdk/core:permissionsBoundary"
"""The CDK's own key, which gives every role of an app a boundary, including Pump's roles. It has no
effect on the member template of a rollout, which has its own app."""

_Validator = Text | ListOf | Integer

_ROLE: Final[Mapping[str, tuple[str, _Validator]]] = {
    "principal": ("pump_principal", PROVIDED_PRINCIPAL),
    "external-id": ("external_id", PROVIDED_EXTERNAL_ID),
    "next-external-id": ("next_external_id", PROVIDED_EXTERNAL_ID),
    _ROLE_NAME: ("role_name", ROLE_NAME),
    "role-path": ("path", ROLE_PATH),
    _BOUNDARY: ("permissions_boundary", PERMISSIONS_BOUNDARY),
    "guardrails": ("guardrails", GUARDRAILS),
    **{name: ("guardrails", validator) for name, (validator, _) in WITH_VALUE.items()},
}
_GUARDRAILS: Final = ("guardrails", *WITH_VALUE)
_ROLLOUT: Final[Mapping[str, tuple[str, _Validator]]] = {
    _UNITS: ("organizational_units", ORGANIZATIONAL_UNITS),
    "exclude-accounts": ("exclude_accounts", ACCOUNTS),
    "only-accounts": ("only_accounts", ACCOUNTS),
    "max-concurrent-percentage": ("max_concurrent_percentage", MAX_CONCURRENT),
    "failure-tolerance-percentage": ("failure_tolerance_percentage", FAILURE_TOLERANCE),
    _CALL_AS: ("call_as", CALL_AS),
}
_ARGUMENTS: Final = {**_ROLE, **_ROLLOUT}
_PARAMETERS: Final = {
    PRINCIPAL_PARAMETER: "principal",
    EXTERNAL_ID_PARAMETER: "external-id",
    NEXT_EXTERNAL_ID_PARAMETER: "next-external-id",
}
_FILTERS: Final = {"exclude-accounts", "only-accounts"}


def _key(name: str, role: str = "") -> str:
    return f"{PREFIX}{role}:{name}" if role else f"{PREFIX}{name}"


KEYS: Final = (
    # Role names are unique in an account, so each role has its own key.
    *(_key(name) for name in _ARGUMENTS if name != _ROLE_NAME),
    # One account deploys an app, so call-as applies to both roles.
    *(_key(name, role) for role in ROLES for name in _ARGUMENTS if name != _CALL_AS),
)


class ConfigError(ValueError):
    """A context key or its value is wrong. The message is for the person who typed it."""


@dataclass(frozen=True)
class _Setting:
    # The key as the user typed it.
    key: str
    value: Any


_Settings = Mapping[str, _Setting]
"""The settings of one role by name, such as ``role-path``."""


@dataclass(frozen=True)
class StackSettings:
    """What the context says about one stack.

    :param stack_id: the stack's construct ID and name.
    :param role: the role's kind, such as ``read-only``.
    :param stack_class: its class.
    :param arguments: its arguments.
    :param keys: the key, as typed, of each argument and of each guardrail that has its own key.
    :param boundary: a description of the boundary that the CDK gives to every role of the app;
        empty if there is none.
    """

    stack_id: str
    role: str
    stack_class: type[Stack]
    arguments: Mapping[str, Any]
    keys: Mapping[str, str]
    boundary: str = ""

    def build(self, app: App) -> Stack:
        """Build the stack.

        :raises ConfigError: when AWS would not accept a value. The message names the key as typed.
        """
        try:
            return self.stack_class(app, self.stack_id, **self.arguments)
        except ArgumentError as error:
            # Several keys make one list of guardrails.
            key = self.keys.get(error.guardrail) or self.keys.get(error.argument, self.stack_id)
            problem = error.problem.replace(error.other, self.keys.get(error.other, error.other))
            raise ConfigError(f"{key}: {problem}") from None

    @property
    def summary(self) -> str:
        """One line that says what the stack's role gets. It contains no external ID."""
        return summary(self.stack_id, self.role, self.arguments, boundary=self.boundary)


def read(
    context: Mapping[str, Any], *, configure_app: ConfigureApp | None = None
) -> list[StackSettings]:
    """Return what the context says about each stack.

    ``pump:KEY`` applies to both roles; ``pump:read-only:KEY`` or ``pump:auto-pilot:KEY`` applies to
    one, and overrides it. A guardrail of ``pump:KEY`` applies to the roles that have permissions
    that it denies. Each role has a stack, unless a delegated administrator deploys the app, and a
    rollout if it has organizational units.

    :param context: all of the app's context.
    :param configure_app: called with the app of each rollout's member template.
    :raises ConfigError: when a key is unknown or misspelled, a value is not accepted (even if
        another key overrides it), or two keys exclude each other. A key whose value is null is not
        in the context: the CDK treats it as not set.
    """
    values = dict(_checked(context))
    settings_of = {role: _of_role(role, values) for role in ROLES}
    _check_names(settings_of)
    rolled_out = [role for role in ROLES if _UNITS in settings_of[role]]
    for key in values:
        role, name = _parts(key)
        applies = role in rolled_out if role else bool(rolled_out)
        if name in _ROLLOUT and not applies:
            raise ConfigError(
                f"{key}: applies only to a rollout, which requires {_key(_UNITS, role)}"
            )
    delegated = values.get(_key(_CALL_AS)) == "delegated-admin"
    for key in values if delegated else ():
        role, _ = _parts(key)
        if role and role not in rolled_out:
            raise ConfigError(
                f"{key}: a delegated administrator deploys the {role} role only as a rollout, "
                f"which requires {_key(_UNITS, role)}"
            )
    with_stack = [] if delegated else list(ROLES)
    built = with_stack or rolled_out
    settings_of |= {role: _with_shared_guardrails(role, settings_of, built) for role in built}
    found = []
    boundary = _boundary_of_cdk(context)
    shown = boundary and f"{boundary} (from {_BOUNDARY_OF_CDK})"
    for role in with_stack:
        single = ROLLOUT_STACKS[role].rollout_class.stack_class
        own = settings_of[role].get(_BOUNDARY)
        if boundary and own and _policy(own.value) != _policy(boundary):
            raise ConfigError(
                f"{own.key}: must be the same policy as {_BOUNDARY_OF_CDK}, which replaces it"
            )
        stack = _settings(role, ROLES[role].stack_name, single, settings_of[role], _ROLE)
        found.append(replace(stack, boundary=shown))
    for role in rolled_out:
        if boundary and _BOUNDARY not in settings_of[role]:
            raise ConfigError(
                f"{_BOUNDARY_OF_CDK}: does not reach the accounts of a rollout; set "
                f"{_key(_BOUNDARY)} too"
            )
        rollout = ROLLOUT_STACKS[role]
        stack_id = f"{ROLES[role].stack_name}Rollout"
        more = {"configure_app": configure_app}
        found.append(_settings(role, stack_id, rollout, settings_of[role], _ARGUMENTS, **more))
    return found


def _boundary_of_cdk(context: Mapping[str, Any]) -> str:
    setting = context.get(_BOUNDARY_OF_CDK)
    if not setting:
        return ""
    named = setting if isinstance(setting, Mapping) else {}
    boundary = named.get("name") or named.get("arn")
    if not isinstance(boundary, str):
        raise ConfigError(
            f"{_BOUNDARY_OF_CDK}: must be an object with a name or an arn, or the CDK ignores it; "
            "set it in a file, because -c passes only strings"
        )
    return boundary


def _policy(boundary: str) -> tuple[bool, str]:
    # Whether AWS manages it, and its name with its path.
    arn, _, name = boundary.rpartition(":policy/")
    return arn.endswith(":aws"), name


def _checked(context: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for key, value in context.items():
        if key not in KEYS:
            if problem := _problem(key, value):
                raise ConfigError(f"{as_typed(key)}: {problem}")
            continue
        _, name = _parts(key)
        _, validator = _ARGUMENTS[name]
        try:
            # Even if another key overrides it.
            checked = validator.check(key, _typed(value, validator))
            yield key, _guardrails(name, checked) if name in _GUARDRAILS else checked
        except ArgumentError as error:
            raise ConfigError(f"{key}: {error.problem}") from None


def _guardrails(name: str, value: Any) -> list[Guardrail]:
    if name == "guardrails":
        return [Guardrail.named(guardrail) for guardrail in value]
    _, with_value = WITH_VALUE[name]
    return [with_value(value)]


def _parts(key: str) -> tuple[str, str]:
    # The role is empty if the key applies to both.
    *role, name = key.removeprefix(PREFIX).split(":")
    return (role[0] if role else ""), name


def _typed(value: Any, validator: _Validator) -> Any:
    # Every value from the command line is a string.
    if isinstance(validator, Text) or not isinstance(value, str):
        return value
    if isinstance(validator, ListOf):
        return [element.strip() for element in value.split(",")] if value.strip() else []
    return int(value) if re.fullmatch("[0-9]{1,9}", value) else value


def _problem(key: str, value: Any) -> str | None:
    # None if the key is not meant for this app.
    if key == "context" and isinstance(value, Mapping):
        # As in cdk.json.
        inside = next((name for name in value if name in KEYS or _problem(name, value[name])), None)
        return inside and f"belongs in cdk.json; put {inside} at the top level of cdk.context.json"
    for parameter, name in _PARAMETERS.items():
        if key.strip().lower() == parameter.lower():
            fix = f"use the key {_key(name)}"
            if parameter != NEXT_EXTERNAL_ID_PARAMETER:
                fix = f"pass --parameters {parameter}=..., or {fix}"
            return f"is a template parameter, not a context key; {fix}"
    if key in {_key(_CALL_AS, role) for role in ROLES}:
        return f"unknown key; it applies to both roles, so use {_key(_CALL_AS)}"
    shared = _key(_ROLE_NAME)
    found = suggestion(key, (*KEYS, shared))
    own = " or ".join(_key(_ROLE_NAME, role) for role in ROLES)
    bare = not key.strip().lower().startswith(PREFIX[:-1])
    # Any app may have a key for a role name, or for something read-only.
    if (
        found is None
        or (bare and found.startswith(f"did you mean {shared}?"))
        or (_is_role(key) and not isinstance(value, Mapping))
    ):
        return None
    role, name = _parts(key)
    if name in Guardrail.names():
        guardrails = _key("guardrails", role if role in ROLES else "")
        found = f"{name} is a guardrail; use it as a value of {guardrails}"
    return f"unknown key; {found.replace(shared, own)}"


def _is_role(key: str) -> bool:
    return re.sub("[^a-z]", "", key.lower()) in {role.replace("-", "") for role in ROLES}


def _check_names(settings_of: Mapping[str, _Settings]) -> None:
    own = {
        role: settings[_ROLE_NAME]
        for role, settings in settings_of.items()
        if _ROLE_NAME in settings
    }
    names = [own[role].value if role in own else ROLES[role].name for role in ROLES]
    if len({name.lower() for name in names}) < len(names):
        *_, last = own.values()
        raise ConfigError(
            f"{last.key}: {last.value!r} would be the name of both roles; role names must be "
            "unique in an account, ignoring case"
        )


def _of_role(role: str, values: Mapping[str, Any]) -> _Settings:
    found = {
        name: _Setting(key, values[key])
        for name in _ARGUMENTS
        for key in (_key(name), _key(name, role))
        if key in values
    }
    own = {name for name in _FILTERS if _key(name, role) in values}
    # A role's own filter also replaces a shared filter of the other kind.
    replaced = _FILTERS - own if own else set()
    return {name: setting for name, setting in found.items() if name not in replaced}


def _with_shared_guardrails(
    role: str, settings_of: Mapping[str, _Settings], built: Collection[str]
) -> _Settings:
    # A shared guardrail applies to the roles that have permissions that it denies. If none has, the
    # guardrail stays, and the role rejects it.
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
    role: str,
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
    return StackSettings(stack_id, role, stack_class, arguments, keys)
