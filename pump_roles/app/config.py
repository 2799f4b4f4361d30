"""The settings of the app, one JSON file: its keys, and their values as arguments of stacks."""

import os
import re
import subprocess
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from functools import partial
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple

from aws_cdk import Environment

from pump_roles.guardrails import WITH_VALUE, Guardrail
from pump_roles.iam.external_ids import ExternalId
from pump_roles.inputs import validators
from pump_roles.inputs.text import InputError, one_line, read_json
from pump_roles.inputs.validators import (
    FORWARDING_PARTITIONS,
    GLOBAL_REGIONS,
    REGION,
    REGION_NAMES,
    ArgumentError,
    ListOf,
    Text,
    nearest,
    partition_of_region,
)
from pump_roles.published import ROLES

_Validator = (
    validators.Text | validators.ListOf | validators.Integer | validators.Boolean | validators.Tags
)
Kind = Literal["role", "rollout", "protection", "alarm", "forwarder", "approval"]
"""What is in a stack of the app."""

SHARED: Final = ""
"""The place of a key that is in no object: it is for the whole app, or for both roles."""

PROTECTION: Final = "protection"
ALARM: Final = "alarm"
GUARDRAILS: Final = "guardrails"
_ONE_ROLE: Final = tuple(ROLES)
_BOTH_ROLES: Final = (SHARED, *ROLES)
_ROLE: Final[tuple[Kind, ...]] = ("role", "rollout")
_ROLLOUT: Final[tuple[Kind, ...]] = ("rollout",)
_EVERY: Final[tuple[Kind, ...]] = (*_ROLE, "protection", "alarm", "forwarder", "approval")


_SETTINGS_FILE: Final = Text(
    pattern="^[^\\x00\\ud800-\\udfff]+$",
    maximum=4_096,
    description="the path of a settings file, such as prod.json",
)


def _why_not_forwarded(region: str) -> str:
    if region in [GLOBAL_REGIONS[partition] for partition in FORWARDING_PARTITIONS]:
        return "is where the alarm is; list only the others"
    if region in REGION_NAMES and partition_of_region(region) not in FORWARDING_PARTITIONS:
        return "sends no events to another Region; deploy the alarm itself there"
    if region not in REGION_NAMES and REGION.accepts(region):
        hint = nearest(region, REGION_NAMES)
        return f"is not a Region; {hint}" if hint else "is not a Region"
    return ""


FORWARDED_REGIONS: Final = ListOf(REGION._replace(explain=_why_not_forwarded))


class Setting(NamedTuple):
    """A row of the table of keys."""

    name: str
    validator: _Validator
    parents: tuple[str, ...]
    """The objects that it belongs in; the one without a name is the file itself."""
    stacks: tuple[Kind, ...] = ()
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
    *(
        Setting(name, validators.PROVIDED_EXTERNAL_ID, _BOTH_ROLES, _ROLE, convert=ExternalId.of)
        for name in ("external-id", "next-external-id")
    ),
    Setting("role-name", validators.ROLE_NAME, _ONE_ROLE, _ROLE),
    Setting("role-path", validators.ROLE_PATH, _BOTH_ROLES, _ROLE, "path"),
    Setting("permissions-boundary", validators.PERMISSIONS_BOUNDARY, _BOTH_ROLES, _ROLE),
    Setting(GUARDRAILS, validators.GUARDRAILS, _BOTH_ROLES, _ROLE, GUARDRAILS, _named),
    *(
        Setting(name, validator, _BOTH_ROLES, _ROLE, GUARDRAILS, partial(_with_value, create))
        for name, (validator, create) in WITH_VALUE.items()
    ),
    Setting("tags", validators.TAGS, _BOTH_ROLES, _EVERY),
    Setting("termination-protection", validators.Boolean(), _BOTH_ROLES, _EVERY),
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
    Setting("delegated-admin", validators.Boolean(), (SHARED,), _ROLLOUT),
    Setting("roles", validators.ListOf(validators.choice(ROLES)), (SHARED,)),
    Setting("targets", validators.POLICY_TARGETS, (PROTECTION,), ("protection",), required=True),
    Setting("approvers", validators.ROLES_TO_ASSUME, (PROTECTION,), ("protection",)),
    Setting("boundary-managers", validators.ROLES_TO_ASSUME, (PROTECTION,), ("protection",)),
    Setting("stack-sets", validators.STACK_SET_NAMES, (PROTECTION,), ("protection",)),
    Setting("trust", validators.Boolean(), (PROTECTION,)),
    Setting("keep-in-organization", validators.Boolean(), (PROTECTION,), ("protection",)),
    Setting("emails", validators.EMAILS, (ALARM,), ("alarm",), required=True),
    Setting("regions", FORWARDED_REGIONS, (ALARM,)),
    Setting("account", validators.ACCOUNT, (ALARM,), ("alarm",), "env", _environment),
    Setting("from-organization", validators.ORGANIZATION, (ALARM,), ("alarm",)),
    Setting("stop-page", validators.PAGE, (ALARM,), ("alarm",)),
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

FILE: Final = "pump.json"
"""The settings file if no other is named."""

_ALIKE: Final = 0.8
"""From which ratio on a name is taken for a mistyped one; that of pump-report.json is 0.72."""

_OTHER_ENDING: Final = re.compile(r"pump(\.(js.*|ya?ml|toml|ini|conf|cfg|txt))?")

OBJECTS: Final = (*ROLES, PROTECTION, ALARM)
"""The keys of objects: those of a role override the ones for both."""

KEYS: Final[Mapping[Key, Setting]] = {
    Key(parent, setting.name): setting
    for parent in (SHARED, *OBJECTS)
    for setting in TABLE
    if parent in setting.parents
}
"""The rows of the table by key."""


class ConfigError(ValueError):
    """A key or its value is wrong. The message is for the person who typed it.

    :param problem: the message, but not where the problem is.
    """

    def __init__(self, message: str, problem: str = "") -> None:
        super().__init__(message)
        self.problem = problem or message


@dataclass(frozen=True)
class Settings:
    """The content of a settings file, and the file for error messages; both empty if none."""

    content: Mapping[str, Any] = field(repr=False)
    file: str = FILE

    @property
    def default_roles(self) -> Collection[str]:
        """The roles of the app if none are listed: the one that spends is chosen, not assumed."""
        if not self.file:
            return ROLES
        return [kind for kind in ROLES if kind == "read-only" or kind in self.content]

    @property
    def omitted_roles(self) -> Collection[str]:
        """The roles that are not in the app because none are listed."""
        return {*ROLES} - {*self.default_roles} if "roles" not in self.content else ()

    def error(self, key: object, problem: str) -> ConfigError:
        """Return the error about one of the file's keys."""
        return ConfigError(f"{self.file}: {key}: {problem}", problem)


def read(context: Mapping[str, Any], folder: Path) -> Settings:
    """Return the settings in ``pump.json``, or in the file that the context names."""
    for typed in context:
        if typed.lower().startswith(_PREFIX) and typed != SETTINGS:
            raise ConfigError(
                f"{one_line(typed)}: settings go into {FILE}, or into the file that -c "
                f"{SETTINGS}=FILE names"
            )
    named = context.get(SETTINGS, FILE)
    # A link that leads nowhere is a file that cannot be read.
    if SETTINGS not in context and not os.path.lexists(folder / FILE):
        if misnamed := sorted(filter(_is_misnamed, _files_in(folder))):
            raise ConfigError(
                f"{', '.join(map(one_line, misnamed))}: the settings file must be named {FILE}; "
                f"rename it, or name it with -c {SETTINGS}=FILE"
            )
        return Settings({}, "")
    try:
        name = _SETTINGS_FILE.check(SETTINGS, named)
    except ArgumentError as error:
        raise ConfigError(str(error)) from None
    return Settings(_content_of(folder / name, "a settings file"), str(folder / name))


def _files_in(folder: Path) -> Iterator[str]:
    return (entry.name for entry in os.scandir(folder) if not entry.is_dir())


def _is_misnamed(name: str) -> bool:
    # Without its settings, the app would have both roles, and no guardrails.
    name = name.lower()
    alike = SequenceMatcher(None, name, FILE).ratio() >= _ALIKE
    return alike or _OTHER_ENDING.fullmatch(name) is not None


def read_file(file: Path) -> tuple[Settings, Mapping[str, Any]]:
    """Return the settings in a file, and the context that a synth in its folder has."""
    settings = Settings(_content_of(file, "a settings file"), str(file))
    beside = file.parent / "cdk.json"
    if not beside.is_file():
        return settings, {}
    context = _content_of(beside, "a configuration of the CDK").get("context")
    return settings, context if isinstance(context, dict) else {}


def _content_of(file: Path, kind: str) -> Mapping[str, Any]:
    try:
        content, _ = read_json(file, kind)
    except InputError as error:
        raise ConfigError(str(error)) from None
    if not isinstance(content, dict):
        raise ConfigError(f"{file}: is not {kind}: it is not a JSON object")
    return content


def is_untracked(file: Path) -> bool:
    """Return whether Git does not have a file of its work tree."""
    command = ["git", "ls-files", "--error-unmatch", "--", file.name]
    try:
        ended = subprocess.run(command, cwd=file.parent, capture_output=True, check=False)
    except OSError:
        return False
    # Outside a work tree, it is another one.
    return ended.returncode == 1


class Values:
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
            if key.parent == SHARED and key.name not in overridden
        }
        return own | shared

    def keys_of_object(self, parent: str) -> dict[str, Key]:
        """Return the same for the object of a stack, which has its required keys."""
        for key, setting in KEYS.items():
            if key.parent == parent and setting.required and key not in self.by_key:
                raise self.settings.error(key, "is required")
        return self.keys_of(parent)

    def arguments(self, stack: Kind, keys: Mapping[str, Key]) -> dict[str, Any]:
        """Return the arguments of a stack, except guardrails."""
        return {
            KEYS[key].argument_name: self.by_key[key]
            for key in keys.values()
            if stack in KEYS[key].stacks and KEYS[key].argument_name != GUARDRAILS
        }

    def guardrails_in(self, parent: str) -> dict[Guardrail, Key]:
        """Return the guardrails that an object names, each with its key."""
        keys = (key for key, setting in KEYS.items() if setting.argument_name == GUARDRAILS)
        return {
            guardrail: key
            for key in keys
            if key.parent == parent
            for guardrail in self.by_key.get(key, ())
        }


def _keys_in(settings: Settings) -> Iterator[tuple[Key, Any]]:
    for typed, content in settings.content.items():
        parent = typed if typed in OBJECTS else SHARED
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
    if parent in ROLES and any(setting.parents == (SHARED,) for setting in rows):
        return f"it applies to both roles, so use {name}"
    of_role = [setting for setting in rows if setting.for_one_role]
    objects = [place for setting in of_role or rows for place in setting.parents if place]
    if objects and (parent == SHARED or (of_role and parent in ROLES)):
        about = "it applies to one role, so " if of_role else ""
        places = " or ".join(f'"{place}"' for place in objects)
        return f"{about}put it into {places}"
    if name in Guardrail.names():
        guardrails = Key(parent if parent in ROLES else SHARED, GUARDRAILS)
        return f"{name} is a guardrail; use it as a value of {guardrails}"
    known = {str(key): key for key in KEYS}
    typed = str(unknown)
    if typed in known:
        return f"put {known[typed].name} into the object {known[typed].parent}"
    parent, _, name = typed.rpartition(".")
    if names := [key.name for key in KEYS if parent and key.parent == parent]:
        return nearest(name, names) or f"the keys of {parent} are {', '.join(names)}"
    shared = [key.name for key in KEYS if key.parent == SHARED]
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
