"""Turns the settings, one JSON file, into the stacks' arguments. No other module reads them."""

import os
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from aws_cdk import Annotations, App, Environment, Stack

from pump_roles import validators
from pump_roles.app.organization_stacks import (
    AlarmForwarderStack,
    AlarmStack,
    ApprovalStack,
    ProtectionStack,
)
from pump_roles.app.rollout_stack import RolloutStack
from pump_roles.app.summary import (
    alarm_summary,
    approval_summary,
    forwarder_summary,
    protection_summary,
    summary,
)
from pump_roles.constructs.approval_end import ApprovalEnd
from pump_roles.constructs.rollouts import (
    MANAGEMENT_ACCOUNT,
    OPTIONS,
    AutoPilotRollout,
    ReadOnlyRollout,
)
from pump_roles.constructs.stacks import AutoPilotStack, ReadOnlyStack
from pump_roles.guardrails import WITH_VALUE, Guardrail, added_up, applying, parts_of
from pump_roles.json_input import InputError, read_json
from pump_roles.published import ROLES
from pump_roles.text import one_line
from pump_roles.validators import ArgumentError, nearest

_STACKS: Final = {"read-only": ReadOnlyStack, "auto-pilot": AutoPilotStack}
_ROLLOUTS: Final = {
    "read-only": partial(RolloutStack, rollout_class=ReadOnlyRollout),
    "auto-pilot": partial(RolloutStack, rollout_class=AutoPilotRollout),
}

_ROLES: Final = "roles"
_ACCOUNT: Final = "account"
_UNITS: Final = "organizational-units"
_EXCEPT: Final = "exclude-accounts"
_ONLY: Final = "only-accounts"
_DELEGATED: Final = "delegated-admin"
_PROTECTION: Final = "protection"
_ALARM: Final = "alarm"
_REGIONS: Final = "regions"
_ORGANIZATION: Final = "from-organization"
_APPROVAL: Final = "approval-ends"
_PRINCIPAL: Final = "principal"
_ROLE_NAME: Final = "role-name"
_BOUNDARY: Final = "permissions-boundary"
_BOUNDARY_OF_CDK: Final = "@aws-cdk/core:permissionsBoundary"
"""The CDK's own key, which gives every role of an app a boundary, including Pump's roles. It has no
effect on the member template of a rollout, which has its own app."""


_Validator = (
    validators.Text | validators.ListOf | validators.Integer | validators.Boolean | validators.Tags
)

_STACK: Final[Mapping[str, _Validator]] = {
    "tags": validators.TAGS,
    "termination-protection": validators.TERMINATION_PROTECTION,
}
_ROLE: Final[Mapping[str, _Validator]] = {
    _PRINCIPAL: validators.PROVIDED_PRINCIPAL,
    "external-id": validators.PROVIDED_EXTERNAL_ID,
    "next-external-id": validators.PROVIDED_EXTERNAL_ID,
    _ROLE_NAME: validators.ROLE_NAME,
    "role-path": validators.ROLE_PATH,
    _BOUNDARY: validators.PERMISSIONS_BOUNDARY,
    "guardrails": validators.GUARDRAILS,
    **{name: validator for name, (validator, _) in WITH_VALUE.items()},
    **_STACK,
}
_ROLLOUT: Final[Mapping[str, _Validator]] = {
    **{argument.replace("_", "-"): validator for argument, validator in OPTIONS.items()},
    _DELEGATED: validators.DELEGATED_ADMIN,
}
_OF_OBJECT: Final[Mapping[str, Mapping[str, _Validator]]] = {
    _PROTECTION: {
        "targets": validators.POLICY_TARGETS,
        "approvers": validators.ROLES_TO_ASSUME,
        "boundary-managers": validators.ROLES_TO_ASSUME,
        "stack-sets": validators.STACK_SET_NAMES,
        "trust": validators.Boolean(),
        "keep-in-organization": validators.Boolean(),
    },
    _ALARM: {
        "emails": validators.EMAILS,
        _REGIONS: validators.FORWARDED_REGIONS,
        _ACCOUNT: validators.ACCOUNT,
        _ORGANIZATION: validators.ORGANIZATION,
        "stop-page": validators.PAGE,
    },
}
"""The keys of a stack that exists only if its object is there. The first key is required."""

_OF_ROLES: Final[Mapping[str, _Validator]] = {
    **_ROLE,
    _ACCOUNT: validators.ACCOUNT,
    _APPROVAL: validators.TIME_OF_DAY,
    **_ROLLOUT,
    _ROLES: validators.ListOf(validators.choice(ROLES)),
}
_VALIDATORS: Final[Mapping[str, _Validator]] = {
    **_OF_ROLES,
    **{name: found for keys in _OF_OBJECT.values() for name, found in keys.items()},
}
_ARGUMENTS: Final = {name: name.replace("-", "_") for name in _VALIDATORS} | {
    _PRINCIPAL: "pump_principal",
    "role-path": "path",
    _ACCOUNT: "env",
    _APPROVAL: "at",
}
_OF_ONE_ROLE: Final = {_ROLE_NAME, _ACCOUNT, _APPROVAL, _UNITS, _EXCEPT, _ONLY, "depends-on"}
"""Keys that belong in the object of a role. Names are unique in an account, and for both roles,
units would make buyers of all accounts."""
_NOT_IN: Final = {"": _OF_ONE_ROLE, "read-only": {_ROLES, _DELEGATED, _APPROVAL}}
_OF_BOTH_ROLES: Final = {_ROLES, _DELEGATED}
_GUARDRAILS: Final = ("guardrails", *WITH_VALUE)
_ALTERNATIVES: Final = (
    {"max-concurrent-percentage", "max-concurrent-count"},
    {"failure-tolerance-percentage", "failure-tolerance-count"},
)
"""Keys of which a role has one. A key also overrides the others of its set."""


class Key(NamedTuple):
    """A key of the settings: the object that it is in, empty if none, and its ``name``."""

    parent: str
    name: str

    def __str__(self) -> str:
        """Return the key as the user typed it, where ``.`` means that it is in an object."""
        return ".".join(filter(None, self))


_PREFIX: Final = "pump:"
SETTINGS: Final = f"{_PREFIX}settings"
"""The context key that names the settings file."""

_FILE: Final = "pump.json"
"""The settings file if no other is named."""

OBJECTS: Final = (*ROLES, *_OF_OBJECT)
"""The keys of objects: those of a role override the ones for both."""

KEYS: Final[Mapping[str, Key]] = {
    str(key): key
    for parent in ("", *OBJECTS)
    for name in _OF_OBJECT.get(parent, _OF_ROLES)
    if name not in _NOT_IN.get(parent, _OF_BOTH_ROLES)
    for key in [Key(parent, name)]
}
"""The keys, as typed."""


class ConfigError(ValueError):
    """A key or its value is wrong. The message is for the person who typed it."""


@dataclass(frozen=True)
class Settings:
    """The content of a settings file, and the file for error messages; both empty if none."""

    content: Mapping[str, Any]
    file: str = _FILE

    def error(self, key: object, problem: str) -> ConfigError:
        """Return the error about one of the file's keys."""
        return ConfigError(f"{self.file}: {key}: {problem}")


@dataclass(frozen=True)
class StackSettings:
    """What the settings say about one stack."""

    stack_id: str
    create: Callable[..., Stack]
    arguments: Mapping[str, Any]
    keys: Mapping[str, Key]
    settings: Settings
    describe: Callable[[Mapping[str, Any]], str]

    def build(self, app: App) -> Stack:
        """Build the stack."""
        self._check_tags()
        try:
            stack = self.create(app, self.stack_id, **self.arguments)
        except ArgumentError as error:
            # Several keys make one list of guardrails.
            key = self.keys.get(error.guardrail) or self.keys.get(error.argument)
            other = self.keys.get(error.other)
            problem = error.problem_naming(str(other)) if other else error.problem
            raise self.settings.error(key or self.stack_id, problem) from None
        # The summary says it.
        Annotations.of(stack).acknowledge_info(MANAGEMENT_ACCOUNT)
        return stack

    def _check_tags(self) -> None:
        # The synth would reject them, too, but could not name the key.
        guardrails = self.arguments.get("guardrails", ())
        opened = {part.tag: part.name for guardrail in guardrails for part in parts_of(guardrail)}
        for tag in self.arguments.get("tags", ()):
            if name := opened.get(tag.lower()):
                raise self.settings.error(
                    self.keys["tags"],
                    f"{tag!r} may open the guardrail {name}; set it only on the deployed role",
                )

    @property
    def summary(self) -> str:
        """One line that says what is in the stack. It contains no external ID."""
        return self.describe(self.arguments)


def read(context: Mapping[str, Any], folder: Path) -> Settings:
    """Return the settings in ``pump.json``, or in the file that the context names."""
    for typed in context:
        if typed.lower().startswith(_PREFIX) and typed != SETTINGS:
            raise ConfigError(
                f"{one_line(typed)}: settings go into {_FILE}, or into the file that -c "
                f"{SETTINGS}=FILE names"
            )
    named = context.get(SETTINGS, _FILE)
    # A link that leads nowhere is a file that cannot be read.
    if SETTINGS not in context and not os.path.lexists(folder / _FILE):
        return Settings({}, "")
    try:
        name = validators.SETTINGS_FILE.check(SETTINGS, named)
        content, _ = read_json(folder / name, "a settings file")
    except (ArgumentError, InputError) as error:
        raise ConfigError(str(error)) from None
    if not isinstance(content, dict):
        raise ConfigError(f"{folder / name}: is not a settings file: it is not a JSON object")
    return Settings(content, str(folder / name))


def stacks(
    settings: Settings,
    context: Mapping[str, Any] = MappingProxyType({}),
    *,
    configure_app: Callable[[App], object] | None = None,
) -> list[StackSettings]:
    """Return what the settings say about each stack.

    A key applies to both roles, and what is in an object ``read-only`` or ``auto-pilot`` to one; it
    overrides the key for both, but guardrails add up. A guardrail for both roles applies to the
    roles that have permissions that it denies. Each role that ``roles`` names has a stack, unless a
    delegated administrator deploys the app, and a rollout if it has organizational units. The
    objects ``protection`` and ``alarm``, and ``approval-ends``, have stacks of their own.
    """
    values = {key: _checked_value(settings, key, value) for key, value in _keys_in(settings)}
    kinds = [role for role in ROLES if role in values.get(Key("", _ROLES), ROLES)]
    keys_of = {role: _keys_of(role, values) for role in kinds}
    names = _checked_names(settings, keys_of, values)
    rolled_out = [role for role in kinds if _UNITS in keys_of[role]]
    delegated = values.get(Key("", _DELEGATED), False)
    with_stack = [] if delegated else kinds
    deployed = with_stack or rolled_out
    for key in values:
        if problem := _without_effect(key, kinds, rolled_out, delegated=delegated):
            raise settings.error(key, problem)
    guardrails = {role: _guardrails_of(role, deployed, values, settings) for role in deployed}
    boundary = _boundary_of_cdk(context)
    shown = boundary and f"{boundary} (from {_BOUNDARY_OF_CDK})"
    found = []
    for role in with_stack:
        own = keys_of[role].get(_BOUNDARY)
        if boundary and own and _policy_of_boundary(values[own]) != _policy_of_boundary(boundary):
            raise settings.error(
                own, f"must be the same policy as {_BOUNDARY_OF_CDK}, which replaces it"
            )
        arguments, keys = _arguments({*_ROLE, _ACCOUNT}, keys_of[role], values, guardrails[role])
        name, stack = ROLES[role].stack_name, _STACKS[role]
        line = partial(summary, name, role, boundary=shown)
        found.append(StackSettings(name, stack, arguments, keys, settings, line))
    for role in rolled_out:
        arguments, keys = _arguments({*_ROLE, *_ROLLOUT}, keys_of[role], values, guardrails[role])
        arguments["configure_app"] = configure_app
        name, rollout = f"{ROLES[role].stack_name}Rollout", _ROLLOUTS[role]
        line = partial(summary, name, role)
        found.append(StackSettings(name, rollout, arguments, keys, settings, line))
    if settings.content.get(_PROTECTION) is not None:
        without = [names[role] for role in with_stack if role not in rolled_out]
        line = partial(protection_summary, [names[role] for role in rolled_out], without)
        found.append(_protection(found, line, values, settings))
    buying = guardrails.get("auto-pilot", ())
    if settings.content.get(_ALARM) is not None:
        of_principal = keys_of["auto-pilot"].get(_PRINCIPAL)
        principal = values[of_principal] if of_principal else ""
        found += _alarm([names[role] for role in kinds], principal, buying, values, settings)
    if Key("auto-pilot", _APPROVAL) in values:
        name = names["auto-pilot"]
        found.append(_approval(name, buying, keys_of["auto-pilot"], values, settings))
    for stack_settings in found:
        _check_placeholders(boundary, stack_settings)
    return found


def _protection(
    stacks: Sequence[StackSettings],
    line: Callable[[Mapping[str, Any]], str],
    values: Mapping[Key, Any],
    settings: Settings,
) -> StackSettings:
    arguments, keys = _arguments_of_object(_PROTECTION, values, settings)
    if arguments.pop("trust", False):
        principals = {
            stack.arguments.get("pump_principal"): stack.keys["pump_principal"] for stack in stacks
        }
        if None in principals:
            raise settings.error(
                Key(_PROTECTION, "trust"), f"requires {_PRINCIPAL}, Pump's account"
            )
        first, *_ = principals
        arguments["pump_account"] = validators.account_of(str(first))
        # If another principal is in another account, it is the last one.
        *_, keys["pump_account"] = principals.values()
    arguments["stacks"] = [stack.stack_id for stack in stacks]
    approvers = arguments.get("approvers", [])
    if Key("auto-pilot", _APPROVAL) in values and ApprovalEnd.approver not in approvers:
        arguments["approvers"] = [*approvers, ApprovalEnd.approver]
    return StackSettings("PumpProtection", ProtectionStack, arguments, keys, settings, line)


def _alarm(
    role_names: Sequence[str],
    principal: str,
    guardrails: Collection[Guardrail],
    values: Mapping[Key, Any],
    settings: Settings,
) -> Iterator[StackSettings]:
    arguments, keys = _arguments_of_object(_ALARM, values, settings)
    arguments["role_names"] = role_names
    regions = arguments.pop("regions", [])
    account = arguments["env"].account if "env" in arguments else None
    if "from_organization" in arguments and account is None:
        raise settings.error(
            Key(_ALARM, _ORGANIZATION), f"requires {Key(_ALARM, _ACCOUNT)}, that of the alarm"
        )
    limits = (found.values for found in guardrails if found.name == "only-in-regions")
    buying = next(limits, ())
    line = partial(alarm_summary, principal, regions, buying)
    yield StackSettings("PumpAlarm", AlarmStack, arguments, keys, settings, line)
    if not (regions or "from_organization" in arguments):
        return
    forwarded = {
        name: value
        for name, value in arguments.items()
        if name in ("role_names", "tags", "termination_protection")
    }
    if account is not None:
        forwarded["account"] = account
    line = partial(forwarder_summary, regions)
    yield StackSettings("PumpAlarmForwarder", AlarmForwarderStack, forwarded, keys, settings, line)


def _approval(
    role_name: str,
    guardrails: Collection[Guardrail],
    keys: Mapping[str, Key],
    values: Mapping[Key, Any],
    settings: Settings,
) -> StackSettings:
    approved = Guardrail.ONLY_WHEN_APPROVED
    if not any(approved in parts_of(guardrail) for guardrail in guardrails):
        raise settings.error(
            keys[_APPROVAL], f"requires the guardrail {approved.name}, whose tag it removes"
        )
    # A rollout's role is in many accounts.
    accepted = {_APPROVAL, *_STACK} | (set() if _UNITS in keys else {_ACCOUNT})
    arguments, typed = _arguments(accepted, keys, values, {})
    path = values[keys["role-path"]] if "role-path" in keys else "/"
    arguments["role_name"] = f"{path}{role_name}"[1:]
    typed["role_name"] = keys.get("role-path", Key("", "role-path"))
    return StackSettings(
        "PumpApproval", ApprovalStack, arguments, typed, settings, approval_summary
    )


def _arguments_of_object(
    name: str, values: Mapping[Key, Any], settings: Settings
) -> tuple[dict[str, Any], dict[str, Key]]:
    accepted = _OF_OBJECT[name]
    required = Key(name, next(iter(accepted)))
    if required not in values:
        raise settings.error(required, "is required")
    return _arguments({*accepted, *_STACK}, _keys_of(name, values), values, {})


def _without_effect(
    key: Key, kinds: Collection[str], rolled_out: Collection[str], *, delegated: bool
) -> str:
    # All rollouts are protected, and the role that buys causes the alarms.
    role = {_PROTECTION: "", _ALARM: "auto-pilot"}.get(key.parent, key.parent)
    if role and role not in kinds:
        return f"has no effect, because {_ROLES} leaves out the {role} role"
    units = " or ".join(str(Key(role, _UNITS)) for role in ([role] if role else kinds))
    about_rollouts = key.name in _ROLLOUT or key.parent == _PROTECTION
    if about_rollouts and not (role in rolled_out if role else rolled_out):
        return f"applies only to a rollout, which requires {units}"
    if delegated and key.parent == _PROTECTION:
        return f"only the management account has the organization's policies, so omit {_DELEGATED}"
    if delegated and role and role not in rolled_out:
        return (
            f"a delegated administrator deploys the {role} role only as a rollout, which "
            f"requires {units}"
        )
    if delegated and key.name == _ACCOUNT and key.parent in ROLES:
        return "is that of the role's own stack, which a delegated administrator does not deploy"
    return ""


def _boundary_of_cdk(context: Mapping[str, Any]) -> str:
    if _BOUNDARY_OF_CDK not in context:
        return ""
    setting = context[_BOUNDARY_OF_CDK]
    named = setting if isinstance(setting, Mapping) else {}
    boundary = named.get("arn") or named.get("name")
    if not boundary or not isinstance(boundary, str):
        raise ConfigError(
            f"{_BOUNDARY_OF_CDK}: must be an object with a name or an arn, or the CDK ignores it; "
            "set it in a file, because -c passes only strings"
        )
    return boundary


def _check_placeholders(boundary: str, stack: StackSettings) -> None:
    # The CDK would fail, too, but without the key.
    unknown = {"${AWS::Partition}", "${AWS::Region}"}
    if "env" not in stack.arguments:
        unknown.add("${AWS::AccountId}")
    for placeholder in sorted(unknown):
        if placeholder in boundary:
            raise ConfigError(
                f"{_BOUNDARY_OF_CDK}: {boundary!r} contains {placeholder}, which the CDK does not "
                f"know when it synthesizes {stack.stack_id}; use a policy with the same name in "
                "each account"
            )


def _policy_of_boundary(boundary: str) -> tuple[bool, str]:
    # Whether AWS manages it, and its name with its path.
    arn, _, name = boundary.rpartition(":policy/")
    return arn.endswith(":aws"), name


def _keys_in(settings: Settings) -> Iterator[tuple[Key, Any]]:
    for typed, content in settings.content.items():
        parent = typed if typed in OBJECTS else ""
        own = content if parent else {typed: content}
        if not isinstance(own, dict):
            raise settings.error(parent, "must be an object, with keys of its own")
        for name, value in own.items():
            key = Key(parent, name)
            if key not in KEYS.values():
                hint = _nearest_key(key)
                raise settings.error(one_line(str(key)), f"unknown key; {hint}")
            if value is None:
                raise settings.error(key, "null is not a value; omit the key")
            yield key, value


def _nearest_key(key: Key) -> str:
    typed = str(key)
    if key.name in _OF_BOTH_ROLES and key.parent in ROLES:
        return f"it applies to both roles, so use {key.name}"
    possible = ROLES if key.name in _OF_ONE_ROLE else OBJECTS
    parents = [parent for parent in possible if str(Key(parent, key.name)) in KEYS]
    if parents and (not key.parent or key.name == _APPROVAL):
        about = "it applies to one role, so " if key.name in _OF_ONE_ROLE else ""
        objects = " or ".join(f'"{parent}"' for parent in parents)
        return f"{about}put it into {objects}"
    if key.name in Guardrail.names():
        guardrails = Key(key.parent if key.parent in ROLES else "", "guardrails")
        return f"{key.name} is a guardrail; use it as a value of {guardrails}"
    if typed in KEYS:
        return f"put {KEYS[typed].name} into the object {KEYS[typed].parent}"
    parent, _, name = typed.rpartition(".")
    if names := [known.name for known in KEYS.values() if parent and known.parent == parent]:
        return nearest(name, names) or f"the keys of {parent} are {', '.join(names)}"
    shared = [name for name, known in KEYS.items() if not known.parent]
    return nearest(typed, (*KEYS, *OBJECTS)) or f"the keys are {', '.join((*shared, *OBJECTS))}"


def _checked_value(settings: Settings, key: Key, value: Any) -> Any:
    try:
        checked: Any = _VALIDATORS[key.name].check(str(key), value)
        if key.name == _ACCOUNT:
            return Environment(account=checked)
        if key.name == "guardrails":
            return [Guardrail.named(name) for name in checked]
        if key.name in WITH_VALUE:
            _, with_value = WITH_VALUE[key.name]
            return [with_value(checked)]
    except ArgumentError as error:
        # A guardrail that takes a value has its own key.
        other = key._replace(name=error.guardrail)
        raise settings.error(key, error.problem_naming(str(other))) from None
    return checked


def _checked_names(
    settings: Settings, keys_of: Mapping[str, Mapping[str, Key]], values: Mapping[Key, Any]
) -> Mapping[str, str]:
    own = {role: keys[_ROLE_NAME] for role, keys in keys_of.items() if _ROLE_NAME in keys}
    names = {role: values[own[role]] if role in own else ROLES[role].name for role in ROLES}
    if len({name.lower() for name in names.values()}) < len(names):
        *_, last = own.values()
        raise settings.error(
            last,
            f"{values[last]!r} would be the name of both roles; role names must be unique in an "
            "account, ignoring case",
        )
    return names


def _keys_of(role: str, values: Collection[Key]) -> dict[str, Key]:
    # The key that each setting of the role has its value from, by name, such as ``role-path``.
    own = {key.name: key for key in values if key.parent == role}
    overridden = own.keys() | {
        name for names in _ALTERNATIVES if names & own.keys() for name in names
    }
    shared = {key.name: key for key in values if not key.parent and key.name not in overridden}
    return own | shared


def _guardrails_of(
    role: str, deployed: Collection[str], values: Mapping[Key, Any], settings: Settings
) -> dict[Guardrail, Key]:
    # The guardrails of a role, each with the key that it comes from.
    shared = _guardrails_in("", values)
    own = _guardrails_in(role, values)
    try:
        found = added_up(applying(shared, role, deployed), list(own))
    except ArgumentError as error:
        raise settings.error(Key(role, error.other), error.problem) from None
    keys = {guardrail.name: key for guardrail, key in (shared | own).items()}
    return {guardrail: keys[guardrail.name] for guardrail in found}


def _guardrails_in(role: str, values: Mapping[Key, Any]) -> dict[Guardrail, Key]:
    keys = [Key(role, name) for name in _GUARDRAILS]
    return {guardrail: key for key in keys for guardrail in values.get(key, ())}


def _arguments(
    accepted: Collection[str],
    keys: Mapping[str, Key],
    values: Mapping[Key, Any],
    guardrails: Mapping[Guardrail, Key],
) -> tuple[dict[str, Any], dict[str, Key]]:
    # Also returns the keys of the arguments, and of the guardrails by their names.
    arguments = {
        _ARGUMENTS[name]: values[key]
        for name, key in keys.items()
        if name in accepted and name not in _GUARDRAILS
    }
    if guardrails:
        arguments["guardrails"] = list(guardrails)
    # A key that is missing can be an error, too.
    typed = {_ARGUMENTS[name]: keys.get(name, Key("", name)) for name in accepted}
    return arguments, typed | {guardrail.name: key for guardrail, key in guardrails.items()}
