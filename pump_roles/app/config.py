"""Turns the settings, one JSON file, into the stacks' arguments. No other module reads them."""

import os
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, Literal, NamedTuple

from aws_cdk import App, Environment, Stack

from pump_roles.app.organization_stacks import (
    AlarmForwarderStack,
    AlarmStack,
    ApprovalStack,
    ProtectionStack,
    RolloutStack,
)
from pump_roles.app.summary import (
    alarm_summary,
    approval_summary,
    forwarder_summary,
    protection_summary,
    summary,
)
from pump_roles.constructs.stacks import AutoPilotStack, ReadOnlyStack
from pump_roles.guardrails import (
    APPROVAL_END,
    WITH_VALUE,
    Guardrail,
    added_up,
    applying,
    parts_of,
)
from pump_roles.inputs import ArgumentError, InputError, nearest, one_line, read_json, validators
from pump_roles.published import ROLES

_ROLE_STACKS: Final[Mapping[str, Callable[..., Stack]]] = {
    "read-only": ReadOnlyStack,
    "auto-pilot": AutoPilotStack,
}

_Validator = (
    validators.Text | validators.ListOf | validators.Integer | validators.Boolean | validators.Tags
)
_Kind = Literal["role", "rollout", "protection", "alarm", "forwarder", "approval"]
"""What is in a stack of the app."""

_SHARED: Final = ""
"""The place of a key that is in no object: it is for the whole app, or for both roles."""

_PROTECTION: Final = "protection"
_ALARM: Final = "alarm"
_GUARDRAILS: Final = "guardrails"
_ONE_ROLE: Final = tuple(ROLES)
_BOTH_ROLES: Final = (_SHARED, *ROLES)
_ROLE: Final[tuple[_Kind, ...]] = ("role", "rollout")
_ROLLOUT: Final[tuple[_Kind, ...]] = ("rollout",)
_EVERY: Final[tuple[_Kind, ...]] = (*_ROLE, "protection", "alarm", "forwarder", "approval")


class Setting(NamedTuple):
    """A row of the table of keys."""

    name: str
    validator: _Validator
    parents: tuple[str, ...]
    """The objects that it belongs in; the one without a name is the file itself."""
    stacks: tuple[_Kind, ...] = ()
    """The stacks that have it as an argument."""
    argument: str = ""
    """The argument's name, if it is not that of the key."""
    convert: Callable[[Any], object] | None = None
    """What makes the argument from the value."""
    required: bool = False
    """Whether its object must have it."""

    @property
    def argument_name(self) -> str:
        """The name of the stack's argument."""
        return self.argument or self.name.replace("-", "_")

    @property
    def for_one_role(self) -> bool:
        """Whether it belongs only in the object of a role.

        Names are unique in an account, and for both roles, units would make buyers of all accounts.
        """
        return {*self.parents} <= {*ROLES}


def _named(names: list[str]) -> list[Guardrail]:
    return [Guardrail.named(name) for name in names]


def _with_value(create: Callable[[Any], Guardrail], value: Any) -> list[Guardrail]:
    return [create(value)]


def _environment(account: str) -> Environment:
    return Environment(account=account)


TABLE: Final = (
    Setting("principal", validators.PROVIDED_PRINCIPAL, _BOTH_ROLES, _ROLE, "pump_principal"),
    Setting("external-id", validators.PROVIDED_EXTERNAL_ID, _BOTH_ROLES, _ROLE),
    Setting("next-external-id", validators.PROVIDED_EXTERNAL_ID, _BOTH_ROLES, _ROLE),
    Setting("role-name", validators.ROLE_NAME, _ONE_ROLE, _ROLE),
    Setting("role-path", validators.ROLE_PATH, _BOTH_ROLES, _ROLE, "path"),
    Setting("permissions-boundary", validators.PERMISSIONS_BOUNDARY, _BOTH_ROLES, _ROLE),
    Setting(_GUARDRAILS, validators.GUARDRAILS, _BOTH_ROLES, _ROLE, _GUARDRAILS, _named),
    *(
        Setting(name, validator, _BOTH_ROLES, _ROLE, _GUARDRAILS, partial(_with_value, create))
        for name, (validator, create) in WITH_VALUE.items()
    ),
    Setting("tags", validators.TAGS, _BOTH_ROLES, _EVERY),
    Setting("termination-protection", validators.TERMINATION_PROTECTION, _BOTH_ROLES, _EVERY),
    Setting("account", validators.ACCOUNT, _ONE_ROLE, ("role", "approval"), "env", _environment),
    Setting("approval-ends", validators.TIME_OF_DAY, ("auto-pilot",), ("approval",), "at"),
    Setting("organizational-units", validators.ORGANIZATIONAL_UNITS, _ONE_ROLE, _ROLLOUT),
    Setting("exclude-accounts", validators.ACCOUNTS, _ONE_ROLE, _ROLLOUT),
    Setting("only-accounts", validators.ACCOUNTS, _ONE_ROLE, _ROLLOUT),
    Setting("max-concurrent-percentage", validators.MAX_CONCURRENT, _BOTH_ROLES, _ROLLOUT),
    Setting("max-concurrent-count", validators.MAX_CONCURRENT_COUNT, _BOTH_ROLES, _ROLLOUT),
    Setting("failure-tolerance-percentage", validators.FAILURE_TOLERANCE, _BOTH_ROLES, _ROLLOUT),
    Setting("failure-tolerance-count", validators.FAILURE_TOLERANCE_COUNT, _BOTH_ROLES, _ROLLOUT),
    Setting("region", validators.REGION, _BOTH_ROLES, _ROLLOUT),
    Setting("depends-on", validators.STACK_SET_ARNS, _ONE_ROLE, _ROLLOUT),
    Setting("delegated-admin", validators.DELEGATED_ADMIN, (_SHARED,), _ROLLOUT),
    Setting("roles", validators.ListOf(validators.choice(ROLES)), (_SHARED,)),
    Setting("targets", validators.POLICY_TARGETS, (_PROTECTION,), ("protection",), required=True),
    Setting("approvers", validators.ROLES_TO_ASSUME, (_PROTECTION,), ("protection",)),
    Setting("boundary-managers", validators.ROLES_TO_ASSUME, (_PROTECTION,), ("protection",)),
    Setting("stack-sets", validators.STACK_SET_NAMES, (_PROTECTION,), ("protection",)),
    Setting("trust", validators.Boolean(), (_PROTECTION,)),
    Setting("keep-in-organization", validators.Boolean(), (_PROTECTION,), ("protection",)),
    Setting("emails", validators.EMAILS, (_ALARM,), ("alarm",), required=True),
    Setting("regions", validators.FORWARDED_REGIONS, (_ALARM,)),
    Setting("account", validators.ACCOUNT, (_ALARM,), ("alarm",), "env", _environment),
    Setting("from-organization", validators.ORGANIZATION, (_ALARM,), ("alarm",)),
    Setting("stop-page", validators.PAGE, (_ALARM,), ("alarm",)),
)
"""The keys, in the order of the messages that list them."""

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

OBJECTS: Final = (*ROLES, _PROTECTION, _ALARM)
"""The keys of objects: those of a role override the ones for both."""

KEYS: Final[Mapping[Key, Setting]] = {
    Key(parent, setting.name): setting
    for parent in (_SHARED, *OBJECTS)
    for setting in TABLE
    if parent in setting.parents
}
"""The rows of the table by key."""

_ROLES: Final = Key(_SHARED, "roles")
_DELEGATED: Final = Key(_SHARED, "delegated-admin")
_APPROVAL: Final = Key("auto-pilot", "approval-ends")
_TRUST: Final = Key(_PROTECTION, "trust")
_REGIONS: Final = Key(_ALARM, "regions")
_ALARM_ACCOUNT: Final = Key(_ALARM, "account")
_ORGANIZATION: Final = Key(_ALARM, "from-organization")
_PRINCIPAL: Final = "principal"
_ROLE_NAME: Final = "role-name"
_ROLE_PATH: Final = "role-path"
_BOUNDARY: Final = "permissions-boundary"
_ACCOUNT: Final = "account"
_UNITS: Final = "organizational-units"
_BOUNDARY_OF_CDK: Final = "@aws-cdk/core:permissionsBoundary"
"""The CDK's own key, which gives every role of an app a boundary, including Pump's roles. It has no
effect on the member template of a rollout, which has its own app."""


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
    values = _Values(settings)
    roles = _roles(values)
    for key in values.by_key:
        if problem := _without_effect(key, roles):
            raise settings.error(key, problem)
    boundary = _boundary_of_cdk(context)
    found = [_role_stack(role, values, boundary) for role in roles.values() if role.has_stack]
    found += [_rollout(role, values, configure_app) for role in roles.values() if role.has_rollout]
    if _PROTECTION in settings.content:
        found.append(_protection(roles.values(), found, values))
    if _ALARM in settings.content:
        found += _alarm(roles, values)
    if _APPROVAL in values.by_key:
        found.append(_approval(roles["auto-pilot"], values))
    for stack in found:
        _check_placeholders(boundary, stack)
    return found


class _Values:
    """The values of a settings file, each validated and converted."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.by_key = {key: _checked(settings, key, value) for key, value in _keys_in(settings)}

    def keys_of(self, parent: str) -> dict[str, Key]:
        """Return the key that each setting of an object has its value from, by its name."""
        own = {key.name: key for key in self.by_key if key.parent == parent}
        overridden = own.keys() | {
            name for names in _ALTERNATIVES if names & own.keys() for name in names
        }
        shared = {
            key.name: key
            for key in self.by_key
            if key.parent == _SHARED and key.name not in overridden
        }
        return own | shared

    def keys_of_object(self, parent: str) -> dict[str, Key]:
        """Return the same for the object of a stack, which has its required keys."""
        for key, setting in KEYS.items():
            if key.parent == parent and setting.required and key not in self.by_key:
                raise self.settings.error(key, "is required")
        return self.keys_of(parent)

    def arguments(self, stack: _Kind, keys: Mapping[str, Key]) -> dict[str, Any]:
        """Return the arguments of a stack, except guardrails."""
        return {
            KEYS[key].argument_name: self.by_key[key]
            for key in keys.values()
            if stack in KEYS[key].stacks and KEYS[key].argument_name != _GUARDRAILS
        }

    def guardrails_in(self, parent: str) -> dict[Guardrail, Key]:
        """Return the guardrails that an object names, each with its key."""
        keys = (key for key, setting in KEYS.items() if setting.argument_name == _GUARDRAILS)
        return {
            guardrail: key
            for key in keys
            if key.parent == parent
            for guardrail in self.by_key.get(key, ())
        }


@dataclass(frozen=True)
class _Role:
    """What the settings say about one role of the app."""

    kind: str
    name: str
    keys: Mapping[str, Key]
    """The key that each setting has its value from, by its name, such as ``role-path``."""
    guardrails: Mapping[Guardrail, Key]
    """Each with the key that it comes from."""
    has_stack: bool
    has_rollout: bool

    def arguments(self, stack: _Kind, values: _Values) -> dict[str, Any]:
        """Return the arguments of one of its stacks."""
        guardrails = {_GUARDRAILS: [*self.guardrails]} if self.guardrails else {}
        return values.arguments(stack, self.keys) | guardrails

    def typed(self, stack: _Kind) -> dict[str, Key]:
        """Return the keys of the arguments, and of the guardrails by their names."""
        of_guardrails = {guardrail.name: key for guardrail, key in self.guardrails.items()}
        return _typed(stack, self.keys) | of_guardrails


def _typed(stack: _Kind, keys: Mapping[str, Key]) -> dict[str, Key]:
    # The key of each argument of a stack. One that is missing can be an error, too.
    return {
        setting.argument_name: keys.get(setting.name, Key(_SHARED, setting.name))
        for setting in TABLE
        if stack in setting.stacks and setting.name not in WITH_VALUE
    }


def _roles(values: _Values) -> dict[str, _Role]:
    listed = values.by_key.get(_ROLES, ROLES)
    keys_of = {kind: values.keys_of(kind) for kind in ROLES if kind in listed}
    names = _checked_names(values, keys_of)
    delegated = values.by_key.get(_DELEGATED, False)
    deployed = [kind for kind, keys in keys_of.items() if not delegated or _UNITS in keys]
    return {
        kind: _Role(
            kind,
            names[kind],
            keys,
            _guardrails_of(kind, deployed, values) if kind in deployed else {},
            has_stack=not delegated,
            has_rollout=_UNITS in keys,
        )
        for kind, keys in keys_of.items()
    }


def _role_stack(role: _Role, values: _Values, boundary: str) -> StackSettings:
    own = role.keys.get(_BOUNDARY)
    if own and boundary:
        its_policy = _policy_of_boundary(values.by_key[own])
        if its_policy != _policy_of_boundary(boundary):
            raise values.settings.error(
                own, f"must be the same policy as {_BOUNDARY_OF_CDK}, which replaces it"
            )
    name = ROLES[role.kind].stack_name
    shown = f"{boundary} (from {_BOUNDARY_OF_CDK})" if boundary else ""
    return StackSettings(
        name,
        _ROLE_STACKS[role.kind],
        role.arguments("role", values),
        role.typed("role"),
        values.settings,
        partial(summary, name, role.kind, boundary=shown),
    )


def _rollout(
    role: _Role, values: _Values, configure_app: Callable[[App], object] | None
) -> StackSettings:
    name = f"{ROLES[role.kind].stack_name}Rollout"
    return StackSettings(
        name,
        partial(RolloutStack, kind=role.kind),
        role.arguments("rollout", values) | {"configure_app": configure_app},
        role.typed("rollout"),
        values.settings,
        partial(summary, name, role.kind),
    )


def _protection(
    roles: Collection[_Role], stacks: Collection[StackSettings], values: _Values
) -> StackSettings:
    keys = values.keys_of_object(_PROTECTION)
    arguments, typed = values.arguments("protection", keys), _typed("protection", keys)
    if values.by_key.get(_TRUST, False):
        principals = {
            stack.arguments.get("pump_principal"): stack.keys["pump_principal"] for stack in stacks
        }
        if None in principals:
            raise values.settings.error(_TRUST, f"requires {_PRINCIPAL}, Pump's account")
        accounts = {
            validators.account_of(str(principal)): key for principal, key in principals.items()
        }
        account = next(iter(accounts))
        arguments["pump_account"] = account
        # The one in another account is wrong.
        others = (key for other, key in accounts.items() if other != account)
        typed["pump_account"] = next(others, accounts[account])
    arguments["stacks"] = [stack.stack_id for stack in stacks]
    approvers = arguments.get("approvers", [])
    if _APPROVAL in values.by_key and APPROVAL_END not in approvers:
        arguments["approvers"] = [*approvers, APPROVAL_END]
    protected = [role.name for role in roles if role.has_rollout]
    without = [role.name for role in roles if not role.has_rollout]
    line = partial(protection_summary, protected, without)
    return StackSettings("PumpProtection", ProtectionStack, arguments, typed, values.settings, line)


def _alarm(roles: Mapping[str, _Role], values: _Values) -> Iterator[StackSettings]:
    keys = values.keys_of_object(_ALARM)
    typed = _typed("alarm", keys)
    names = {"role_names": [role.name for role in roles.values()]}
    arguments = values.arguments("alarm", keys) | names
    regions = values.by_key.get(_REGIONS, [])
    environment = values.by_key.get(_ALARM_ACCOUNT)
    if _ORGANIZATION in values.by_key and environment is None:
        raise values.settings.error(_ORGANIZATION, f"requires {_ALARM_ACCOUNT}, that of the alarm")
    buyer = roles["auto-pilot"]
    of_principal = buyer.keys.get(_PRINCIPAL)
    principal = values.by_key[of_principal] if of_principal else ""
    limits = (found.values for found in buyer.guardrails if found.name == "only-in-regions")
    line = partial(alarm_summary, principal, regions, next(limits, ()))
    yield StackSettings("PumpAlarm", AlarmStack, arguments, typed, values.settings, line)
    if not (regions or _ORGANIZATION in values.by_key):
        return
    forwarded = values.arguments("forwarder", keys) | names
    if environment is not None:
        forwarded["account"] = environment.account
    line = partial(forwarder_summary, regions)
    yield StackSettings(
        "PumpAlarmForwarder", AlarmForwarderStack, forwarded, typed, values.settings, line
    )


def _approval(role: _Role, values: _Values) -> StackSettings:
    approved = Guardrail.ONLY_WHEN_APPROVED
    if not any(approved in parts_of(guardrail) for guardrail in role.guardrails):
        raise values.settings.error(
            _APPROVAL, f"requires the guardrail {approved.name}, whose tag it removes"
        )
    arguments, typed = values.arguments("approval", role.keys), _typed("approval", role.keys)
    if role.has_rollout:
        # Its role is in many accounts.
        arguments.pop("env", None)
    path = values.by_key[role.keys[_ROLE_PATH]] if _ROLE_PATH in role.keys else "/"
    arguments["role_name"] = f"{path}{role.name}"[1:]
    typed["role_name"] = role.keys.get(_ROLE_PATH, Key(_SHARED, _ROLE_PATH))
    return StackSettings(
        "PumpApproval", ApprovalStack, arguments, typed, values.settings, approval_summary
    )


def _without_effect(key: Key, roles: Mapping[str, _Role]) -> str:
    # All rollouts are protected, and the role that buys causes the alarms.
    kind = {_PROTECTION: "", _ALARM: "auto-pilot"}.get(key.parent, key.parent)
    if kind and kind not in roles:
        return f"has no effect, because {_ROLES} leaves out the {kind} role"
    about = [role for role in roles.values() if kind in ("", role.kind)]
    units = " or ".join(str(Key(role.kind, _UNITS)) for role in about)
    has_rollout = any(role.has_rollout for role in about)
    if (KEYS[key].stacks == _ROLLOUT or key.parent == _PROTECTION) and not has_rollout:
        return f"applies only to a rollout, which requires {units}"
    if any(role.has_stack for role in about):
        return ""
    if key.parent == _PROTECTION:
        return f"only the management account has the organization's policies, so omit {_DELEGATED}"
    if kind and not has_rollout:
        return (
            f"a delegated administrator deploys the {kind} role only as a rollout, which "
            f"requires {units}"
        )
    is_of_stack = key.name == _ACCOUNT and key.parent in ROLES
    own_stack = "is that of the role's own stack, which a delegated administrator does not deploy"
    return own_stack if is_of_stack else ""


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
        parent = typed if typed in OBJECTS else _SHARED
        own = content if parent else {typed: content}
        if not isinstance(own, dict):
            raise settings.error(parent, "must be an object, with keys of its own")
        for name, value in own.items():
            key = Key(parent, name)
            if key not in KEYS:
                raise settings.error(one_line(str(key)), f"unknown key; {_hint(key)}")
            if value is None:
                raise settings.error(key, "null is not a value; omit the key")
            yield key, value


def _hint(unknown: Key) -> str:
    # Where the key belongs, or which one may be meant.
    parent, name = unknown
    rows = [setting for setting in TABLE if setting.name == name]
    if parent in ROLES and any(setting.parents == (_SHARED,) for setting in rows):
        return f"it applies to both roles, so use {name}"
    of_role = [setting for setting in rows if setting.for_one_role]
    objects = [place for setting in of_role or rows for place in setting.parents if place]
    if objects and (parent == _SHARED or (of_role and parent in ROLES)):
        about = "it applies to one role, so " if of_role else ""
        places = " or ".join(f'"{place}"' for place in objects)
        return f"{about}put it into {places}"
    if name in Guardrail.names():
        guardrails = Key(parent if parent in ROLES else _SHARED, _GUARDRAILS)
        return f"{name} is a guardrail; use it as a value of {guardrails}"
    known = {str(key): key for key in KEYS}
    typed = str(unknown)
    if typed in known:
        return f"put {known[typed].name} into the object {known[typed].parent}"
    parent, _, name = typed.rpartition(".")
    if names := [key.name for key in KEYS if parent and key.parent == parent]:
        return nearest(name, names) or f"the keys of {parent} are {', '.join(names)}"
    shared = [key.name for key in KEYS if key.parent == _SHARED]
    return nearest(typed, (*known, *OBJECTS)) or f"the keys are {', '.join((*shared, *OBJECTS))}"


def _checked(settings: Settings, key: Key, value: Any) -> Any:
    setting = KEYS[key]
    try:
        checked = setting.validator.check(str(key), value)
        return checked if setting.convert is None else setting.convert(checked)
    except ArgumentError as error:
        # A guardrail that takes a value has its own key.
        other = key._replace(name=error.guardrail)
        raise settings.error(key, error.problem_naming(str(other))) from None


def _checked_names(values: _Values, keys_of: Mapping[str, Mapping[str, Key]]) -> Mapping[str, str]:
    own = {kind: keys[_ROLE_NAME] for kind, keys in keys_of.items() if _ROLE_NAME in keys}
    names = {
        kind: values.by_key[own[kind]] if kind in own else role.name for kind, role in ROLES.items()
    }
    if len({name.lower() for name in names.values()}) < len(names):
        *_, last = own.values()
        raise values.settings.error(
            last,
            f"{values.by_key[last]!r} would be the name of both roles; role names must be unique "
            "in an account, ignoring case",
        )
    return names


def _guardrails_of(kind: str, deployed: Collection[str], values: _Values) -> dict[Guardrail, Key]:
    # The guardrails of a role, each with the key that it comes from.
    shared, own = values.guardrails_in(_SHARED), values.guardrails_in(kind)
    try:
        found = added_up(applying(shared, kind, deployed), list(own))
    except ArgumentError as error:
        raise values.settings.error(Key(kind, error.other), error.problem) from None
    keys = {guardrail.name: key for guardrail, key in (shared | own).items()}
    return {guardrail: keys[guardrail.name] for guardrail in found}
