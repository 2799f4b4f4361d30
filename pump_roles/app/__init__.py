"""The CDK app: its stacks, and what the settings say about each.

Those of ``further_stacks`` are loaded when the settings ask for them.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from types import MappingProxyType
from typing import Any, Final

from aws_cdk import App, LegacyStackSynthesizer, Stack, Validations

from pump_roles.app.config import (
    ALARM,
    FILE,
    GUARDRAILS,
    KEYS,
    PROTECTION,
    SHARED,
    TABLE,
    ConfigError,
    Key,
    Kind,
    Settings,
    Values,
    is_untracked,
)
from pump_roles.app.summary import (
    alarm_summary,
    approval_summary,
    forwarder_summary,
    protection_summary,
    summary,
)
from pump_roles.constructs.stacks import AutoPilotStack, ReadOnlyStack
from pump_roles.guardrails import APPROVAL_END, WITH_VALUE, Guardrail, parts_of
from pump_roles.guardrails.guardrail_documents import applying
from pump_roles.iam.external_ids import ExternalId
from pump_roles.inputs.validators import ArgumentError, ListOf, account_of
from pump_roles.published import ROLES

_ROLE_STACKS: Final[Mapping[str, Callable[..., Stack]]] = {
    "read-only": ReadOnlyStack,
    "auto-pilot": AutoPilotStack,
}

_ROLES: Final = Key(SHARED, "roles")
_DELEGATED: Final = Key(SHARED, "delegated-admin")
_APPROVAL: Final = Key("auto-pilot", "approval-ends")
_TRUST: Final = Key(PROTECTION, "trust")
_REGIONS: Final = Key(ALARM, "regions")
_ALARM_ACCOUNT: Final = Key(ALARM, "account")
_ORGANIZATION: Final = Key(ALARM, "from-organization")
_PRINCIPAL: Final = "principal"
_ROLE_NAME: Final = "role-name"
_ROLE_PATH: Final = "role-path"
_BOUNDARY: Final = "permissions-boundary"
_ACCOUNT: Final = "account"
_UNITS: Final = "organizational-units"
_BOUNDARY_OF_CDK: Final = "@aws-cdk/core:permissionsBoundary"
"""The CDK's own key, which gives every role of an app a boundary, including Pump's roles. It has no
effect on the template of a rollout's StackSet, which has its own app."""

_NO_SETTINGS: Final = f"none (no {FILE} here): the ready templates; no guardrail applies"


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
        arguments = {
            name: value.reveal() if isinstance(value, ExternalId) else value
            for name, value in self.arguments.items()
        }
        try:
            stack = self.create(app, self.stack_id, **arguments)
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


def summaries(settings: Settings, stacks: Collection[StackSettings]) -> list[str]:
    """Return one line for each stack, and what to know about the settings; no external ID."""
    file = Path(settings.file)
    lines = [f"settings: {settings.file or _NO_SETTINGS}"]
    lines += [stack.summary for stack in stacks]
    lines += [
        f'{ROLES[kind].stack_name}: not in this app; to add it, add an object "{kind}" to '
        f"{file.name}"
        for kind in settings.omitted_roles
    ]
    if settings.file and is_untracked(file):
        lines.append(
            f"Git does not have {settings.file}; commit it: a deployment replaces all settings, so "
            "without this file, it removes every guardrail"
        )
    return lines


def add_cdk_nag(app: App) -> None:
    """Add cdk-nag, also to the apps of the rollouts' own templates."""
    # A deployment needs it. The command, without the app's requirements, does not.
    from cdk_nag import AwsSolutionsChecks  # noqa: PLC0415

    Validations.of(app).add_plugins(AwsSolutionsChecks(app))


def template_of(
    kind: str, settings: Settings, context: Mapping[str, Any], *, rollout: bool = False
) -> tuple[str, list[str]]:
    """Return the template of a role's stack, or of its rollout's, and the warnings about it."""
    with TemporaryDirectory() as folder:
        app = App(
            # Nothing else of the context changes a template.
            context={key: context[key] for key in context if key == _BOUNDARY_OF_CDK},
            outdir=folder,
            default_stack_synthesizer=LegacyStackSynthesizer(),
            auto_synth=False,
            tree_metadata=False,
        )
        # So that a failed validation always raises, with what it found.
        app.node.set_context("@aws-cdk/core:appMode", "inmemory")
        configure_app = add_cdk_nag if find_spec("cdk_nag") else None
        found = stacks(
            settings, context, rollouts=[kind] if rollout else [], configure_app=configure_app
        )
        built = {stack.stack_id: stack.build(app) for stack in found}
        name = f"{ROLES[kind].stack_name}{'Rollout' if rollout else ''}"
        if name not in built:
            can_add = kind in settings.omitted_roles
            cure = f'; to add the role, add an object "{kind}"' if can_add else ""
            if f"{name}Rollout" in built:
                cure = "; as a delegated administrator, pass --rollout"
            raise ConfigError(f"{settings.file}: the app has no stack {name}{cure}")
        if configure_app is not None:
            configure_app(app)
        written = Path(app.synth().get_stack_by_name(name).template_full_path)
        warnings = [
            str(entry.data).partition(" [ack: ")[0]
            for construct in built[name].node.find_all()
            for entry in construct.node.metadata
            if entry.type == "aws:cdk:warning"
        ]
        return written.read_text(encoding="utf-8"), warnings


def stacks(
    settings: Settings,
    context: Mapping[str, Any] = MappingProxyType({}),
    *,
    rollouts: Collection[str] = (),
    configure_app: Callable[[App], object] | None = None,
) -> list[StackSettings]:
    """Return what the settings say about each stack.

    A key applies to both roles, and what is in an object ``read-only`` or ``auto-pilot`` to one; it
    overrides the key for both, but guardrails add up. A guardrail for both roles applies to the
    roles that have permissions that it denies. Each role that ``roles`` names has a stack, unless a
    delegated administrator deploys the app, and a rollout if it has organizational units. The
    objects ``protection`` and ``alarm``, and ``approval-ends``, have stacks of their own.

    :param rollouts: the roles that also have a rollout without units, which are a parameter.
    """
    values = Values(settings)
    roles = _roles(values, rollouts)
    for key in values.by_key:
        if problem := _without_effect(key, roles, values):
            raise settings.error(key, problem)
    boundary = _boundary_of_cdk(context)
    found = [_role_stack(role, values, boundary) for role in roles.values() if role.has_stack]
    found += [_rollout(role, values, configure_app) for role in roles.values() if role.has_rollout]
    if PROTECTION in settings.content:
        found.append(_protection(roles.values(), found, values))
    if ALARM in settings.content:
        found += _alarm(roles, values)
    if _APPROVAL in values.by_key:
        found.append(_approval(roles["auto-pilot"], values))
    for stack in found:
        _check_placeholders(boundary, stack)
    return found


@dataclass(frozen=True)
class _RoleSettings:
    """What the settings say about one role of the app."""

    kind: str
    name: str
    keys: Mapping[str, Key]
    """The key that each setting has its value from, by its name, such as ``role-path``."""
    guardrails: Mapping[Guardrail, Key]
    """Each with the key that it comes from."""
    has_stack: bool
    has_rollout: bool

    def arguments(self, stack: Kind, values: Values) -> dict[str, Any]:
        """Return the arguments of one of its stacks."""
        guardrails = {GUARDRAILS: [*self.guardrails]} if self.guardrails else {}
        return values.arguments(stack, self.keys) | guardrails

    def typed(self, stack: Kind) -> dict[str, Key]:
        """Return the keys of the arguments, and of the guardrails by their names."""
        of_guardrails = {guardrail.name: key for guardrail, key in self.guardrails.items()}
        return _typed(stack, self.keys) | of_guardrails


def _typed(stack: Kind, keys: Mapping[str, Key]) -> dict[str, Key]:
    # The key of each argument of a stack. One that is missing can be an error, too.
    return {
        setting.argument_name: keys.get(setting.name, Key(SHARED, setting.name))
        for setting in TABLE
        if stack in setting.stacks and setting.name not in WITH_VALUE
    }


def _roles(values: Values, rollouts: Collection[str]) -> dict[str, _RoleSettings]:
    listed = values.by_key.get(_ROLES, values.settings.default_roles)
    keys_of = {kind: values.keys_of(kind) for kind in ROLES if kind in listed}
    names = _checked_names(values, keys_of)
    delegated = values.by_key.get(_DELEGATED, False)
    rolled_out = {kind for kind, keys in keys_of.items() if _UNITS in keys or kind in rollouts}
    deployed = [kind for kind in keys_of if not delegated or kind in rolled_out]
    return {
        kind: _RoleSettings(
            kind,
            names[kind],
            keys,
            _guardrails_of(kind, deployed, values) if kind in deployed else {},
            has_stack=not delegated,
            has_rollout=kind in rolled_out,
        )
        for kind, keys in keys_of.items()
    }


def _role_stack(role: _RoleSettings, values: Values, boundary: str) -> StackSettings:
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
    role: _RoleSettings, values: Values, configure_app: Callable[[App], object] | None
) -> StackSettings:
    from pump_roles.app.further_stacks import RolloutStack  # noqa: PLC0415

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
    roles: Collection[_RoleSettings], stacks: Collection[StackSettings], values: Values
) -> StackSettings:
    from pump_roles.app.further_stacks import STOP, ProtectionStack  # noqa: PLC0415

    keys = values.keys_of_object(PROTECTION)
    arguments, typed = values.arguments("protection", keys), _typed("protection", keys)
    if values.by_key.get(_TRUST, False):
        principals = {
            stack.arguments.get("pump_principal"): stack.keys["pump_principal"] for stack in stacks
        }
        if None in principals:
            raise values.settings.error(_TRUST, f"requires {_PRINCIPAL}, Pump's account")
        accounts = {account_of(str(principal)): key for principal, key in principals.items()}
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
    line = partial(protection_summary, protected, without, STOP)
    return StackSettings("PumpProtection", ProtectionStack, arguments, typed, values.settings, line)


def _alarm(roles: Mapping[str, _RoleSettings], values: Values) -> Iterator[StackSettings]:
    from pump_roles.app.further_stacks import AlarmForwarderStack, AlarmStack  # noqa: PLC0415

    keys = values.keys_of_object(ALARM)
    typed = _typed("alarm", keys)
    names = {"roles": [role.name for role in roles.values()]}
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


def _approval(role: _RoleSettings, values: Values) -> StackSettings:
    from pump_roles.app.further_stacks import ApprovalStack  # noqa: PLC0415

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
    arguments["role"] = f"{path}{role.name}"[1:]
    typed["role"] = role.keys.get(_ROLE_PATH, Key(SHARED, _ROLE_PATH))
    return StackSettings(
        "PumpApproval", ApprovalStack, arguments, typed, values.settings, approval_summary
    )


def _without_effect(key: Key, roles: Mapping[str, _RoleSettings], values: Values) -> str:
    # All rollouts are protected, and the role that buys causes the alarms.
    kind = {PROTECTION: "", ALARM: "auto-pilot"}.get(key.parent, key.parent)
    if kind and kind not in roles:
        why = f", because {_ROLES} leaves out the {kind} role"
        if _ROLES not in values.by_key:
            why = f' without the {kind} role; to add the role, add an object "{kind}"'
        return f"has no effect{why}"
    about = [role for role in roles.values() if kind in ("", role.kind)]
    units = " or ".join(str(Key(role.kind, _UNITS)) for role in about)
    has_rollout = any(role.has_rollout for role in about)
    if (KEYS[key].stacks == ("rollout",) or key.parent == PROTECTION) and not has_rollout:
        return f"applies only to a rollout, which requires {units}"
    if any(role.has_stack for role in about):
        return ""
    if key.parent == PROTECTION:
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


def _checked_names(values: Values, keys_of: Mapping[str, Mapping[str, Key]]) -> Mapping[str, str]:
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


def _guardrails_of(kind: str, deployed: Collection[str], values: Values) -> dict[Guardrail, Key]:
    # The guardrails of a role, each with the key that it comes from.
    shared, own = values.guardrails_in(SHARED), values.guardrails_in(kind)
    try:
        found = _added_up(applying(shared, kind, deployed), list(own))
    except ArgumentError as error:
        raise values.settings.error(Key(kind, error.other), error.problem) from None
    keys = {guardrail.name: key for guardrail, key in (shared | own).items()}
    return {guardrail: keys[guardrail.name] for guardrail in found}


def _added_up(shared: Sequence[Guardrail], own: Sequence[Guardrail]) -> list[Guardrail]:
    # The guardrails of several roles and one role's own, without those that both have. Of a
    # guardrail with two values, the one remains that leaves only what both leave.
    values = {guardrail.name: guardrail for guardrail in shared if guardrail.values}
    stricter = [
        _stricter(values.pop(guardrail.name), guardrail) if guardrail.name in values else guardrail
        for guardrail in own
    ]
    rest = [guardrail for guardrail in shared if not guardrail.values or guardrail.name in values]
    more = _beyond(stricter, rest)
    return [*_beyond(rest, more), *more]


def _beyond(guardrails: Iterable[Guardrail], others: Iterable[Guardrail]) -> list[Guardrail]:
    included = {part for other in others for part in parts_of(other)}
    return [guardrail for guardrail in guardrails if not included.issuperset(parts_of(guardrail))]


def _stricter(shared: Guardrail, own: Guardrail) -> Guardrail:
    if shared.ends is not None and own.ends is not None:
        return own if own.ends < shared.ends else shared
    common = [value for value in own.values if value in shared.values]
    if not common:
        raise ArgumentError(
            "guardrails",
            f"{', '.join(own.values)} has no value in common with {{other}}, which also applies: "
            f"{', '.join(shared.values)}",
            other=own.name,
        )
    validator, with_value = WITH_VALUE[own.name]
    return with_value(common if isinstance(validator, ListOf) else common[0])
