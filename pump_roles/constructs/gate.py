"""A validation plugin that fails the synth if anything in an app widens one of Pump's roles.

CDK calls the plugin after it has written an app's templates, including those of stages and
pipelines. docs/synth-check.md lists what the plugin cannot see.
"""

import json
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from traceback import format_exception_only
from typing import TYPE_CHECKING, Any, Final

import jsii
from aws_cdk import (
    CfnResource,
    CfnStackSet,
    IPolicyValidationContext,
    IPolicyValidationPlugin,
    PolicyValidationPluginReport,
    PolicyViolatingResource,
    PolicyViolation,
    Resource,
    Stack,
    Stage,
    Token,
    Validations,
)
from aws_cdk import aws_iam as iam
from constructs import Construct

from pump_roles._version import __version__
from pump_roles.inputs.json_values import as_list, as_text
from pump_roles.inputs.validators import ArgumentError

if TYPE_CHECKING:
    from pump_roles.role.access import AccessWhy
    from pump_roles.templates.widening import Built, Widening

_RULE: Final = "immutable"
_FIX: Final = (
    "The role must have exactly what Pump publishes. Remove whatever changes it or attaches to it. "
    "To change its name or deny permissions, use its arguments."
)
_ATTACHED_FIX: Final = (
    f"{_FIX} Only what certainly denies may attach: AWSDenyAll, or a policy with nothing but "
    "denies that this app creates. If the account has such a policy already, create it in this "
    "app instead; or pass its name as permissions_boundary, if it also allows what the role "
    "should do."
)
_UNKNOWN_TARGET: Final = "unknown-target"
"""Can be acknowledged: nothing in the app says that it changes Pump's role."""
_UNKNOWN_TARGET_FIX: Final = (
    "Say in the app what this is, with a literal name or the allowed_values of a parameter; or "
    "move it to another stack. If it never reaches Pump's role, acknowledge this rule on its "
    "construct, with a reason."
)
_NAMES_ROLE_FIX: Final = (
    "If it must not change Pump's role, remove the role's name from it. If it does not change the "
    "role, acknowledge this rule on its construct, with a reason."
)
_CHANGED_LATER_FIX: Final = (
    "Move it, or Pump's role, to another stack. If it does not change Pump's role, acknowledge "
    "this rule on the role, with a reason."
)

_FIXES: Final["Mapping[AccessWhy, str]"] = {
    "changed-later": _CHANGED_LATER_FIX,
    "names-role": _NAMES_ROLE_FIX,
}
_OTHER_ROLE: Final = "other-role"
"""Can be acknowledged: Pump's role is not affected."""
_OTHER_ROLE_FIX: Final = (
    "Remove Pump's principal from the trust policy. If Pump must be able to assume this role, too, "
    "acknowledge this rule on its construct, with a reason."
)

ONLY_AT_DEPLOYMENT: Final["frozenset[AccessWhy]"] = frozenset(
    {"changed-later", "may-attach", "may-be-named-alike", "may-contain"}
)
"""The reasons for which only the deployment knows whether it reaches one of the roles."""


_SPELLED: Final = "the app contains every part of the name"
_ONLY_AT_DEPLOYMENT: Final = "whether it does is known only at deployment"
_ALIKE: Final = "{it} may have the same name as {role} and could replace it"
_UNREAD: Final = "{it} has a template that cannot be read and may contain what widens {role}"
_WORDS: Final["Mapping[AccessWhy, str]"] = {
    "attaches": "{it} attaches to {role}",
    "changed": "{role} has a different {it}",
    "missing": "{role} is missing from its template: it was removed or replaced",
    "named-alike": "{it} has the same name as {role} and could replace it",
    "parameter": "{role} has the parameter {it}, which now accepts more than it should",
    "trusts-account": "{it} trusts the account of Pump, as {role} does",
    "tagged": "{role} has {tag}, which may open a guardrail; set it only on the deployed role",
    "could-attach": f"{{it}} may attach to {{role}}: {_SPELLED}",
    "may-attach": f"{{it}} may attach to {{role}}: {_ONLY_AT_DEPLOYMENT}",
    "changed-later": f"{{it}} may change the template of {{role}}: {_ONLY_AT_DEPLOYMENT}",
    "could-be-named-alike": f"{_ALIKE}: {_SPELLED}",
    "may-be-named-alike": f"{_ALIKE}: {_ONLY_AT_DEPLOYMENT}",
    "names-role": f"{{it}} names {{role}} and can change it: {_ONLY_AT_DEPLOYMENT}",
    "could-contain": f"{_UNREAD}: {_SPELLED}",
    "may-contain": f"{_UNREAD}: {_ONLY_AT_DEPLOYMENT}",
}


def protect(resource: iam.CfnRole | CfnStackSet, scope: Construct, **properties: Any) -> None:
    """Fail the synth when anything in the app widens a role, or a StackSet that deploys one.

    Two of Pump's roles in a stack, or in an account that is known, cannot have one name, ignoring
    case.
    """
    # Each attribute is a call into the CDK.
    stack = scope if isinstance(scope, Stack) else resource.stack
    plugin, file = _plugin_and_file(stack)
    if name := properties.get("RoleName"):
        account = stack.account
        place = str(file) if Token.is_unresolved(account) else account
        other = plugin.named.setdefault((place, name.lower()), resource)
        if other is not resource:
            role = other.node.path.removesuffix("/Resource")
            raise ArgumentError("role_name", f"{name} is already the name of {role}")
    plugin.protected.setdefault(file, []).append((resource, properties))


def check_attachments(role: Resource, name: str) -> None:
    """Fail the synth when the app attaches to a role of another app what may not only deny."""
    plugin, file = _plugin_and_file(role.stack)
    plugin.protected.setdefault(file, []).append((role, {"RoleName": name}))


def _plugin_and_file(stack: Stack) -> "tuple[_Immutable, Path]":
    stage = Stage.of(stack)
    assert stage is not None  # noqa: S101 - the root is an App, which is a stage
    plugin, folder = _plugin_and_folder(stage)
    # By file, because jsii returns another Python object each time for a stack that was not created
    # in Python.
    return plugin, folder / stack.template_file


@cache
def _plugin_and_folder(stage: Stage) -> "tuple[_Immutable, Path]":
    # One for each app, so that its templates are read only once: by jsii's reference, because jsii
    # returns another Python object each time for an app that was not created in Python, such as
    # that of ``Stack()``.
    root = stage.node.root
    reference = root.__jsii_ref__.ref  # type: ignore[attr-defined]
    if reference not in _PLUGINS:
        _PLUGINS[reference] = _Immutable()
        Validations.of(root).add_plugins(_PLUGINS[reference])
    return _PLUGINS[reference], Path(stage.outdir)


@jsii.implements(IPolicyValidationPlugin)
class _Immutable:
    def __init__(self) -> None:
        self.protected: dict[Path, list[tuple[CfnResource | Resource, Mapping[str, Any]]]] = {}
        self.named: dict[tuple[str, str], CfnResource] = {}

    @property
    def name(self) -> str:
        return "pump-roles"

    @property
    def version(self) -> str:
        return __version__

    @property
    def rule_ids(self) -> list[str]:
        return [_RULE, _UNKNOWN_TARGET, _OTHER_ROLE]

    def validate(self, context: IPolicyValidationContext) -> PolicyValidationPluginReport:
        try:
            violations = list(self._violations(context))
        except Exception as error:  # noqa: BLE001 - CDK ignores a plugin that raises
            violations = [_not_checked(error, next(iter(self.protected)))]
        return PolicyValidationPluginReport(success=not violations, violations=violations)

    def _violations(self, context: IPolicyValidationContext) -> Iterator[PolicyViolation]:
        # Imported here: an app that only defines its constructs does not need the reader.
        from pump_roles.templates.widening import widenings  # noqa: PLC0415

        paths = [Path(path) for path in context.template_paths]
        found = widenings(list(self._built()), paths)
        yield from (_violation(*each) for each in found)

    def _built(self) -> "Iterator[Built]":
        from pump_roles.templates.widening import Built  # noqa: PLC0415

        found = [
            (file, resource, properties)
            for file, here in self.protected.items()
            for resource, properties in here
        ]
        # All in one call into the CDK. A role of another app has no resource.
        resolve = found[0][1].stack.resolve
        logical_ids = resolve([getattr(resource, "logical_id", "") for _, resource, _ in found])
        for (file, resource, properties), logical_id in zip(found, logical_ids, strict=True):
            read = properties
            if "${Token[" in json.dumps(properties):
                read = dict.fromkeys(properties) | resource.stack.resolve(properties)
            yield Built(resource, file, logical_id, read)


_PLUGINS: Final[dict[str, _Immutable]] = {}
"""The plugin of each app."""


def _violation(built: "Built", widening: "Widening") -> PolicyViolation:
    why, at = widening.access.why, widening.at
    rule, fix = _RULE, _FIX
    if why == "trusts-account":
        rule, fix = _OTHER_ROLE, _OTHER_ROLE_FIX
    elif why == "attaches" or at.path == "Properties.ManagedPolicyArns":
        fix = _ATTACHED_FIX
    elif why in ONLY_AT_DEPLOYMENT or why in _FIXES:
        rule, fix = _UNKNOWN_TARGET, _FIXES.get(why, _UNKNOWN_TARGET_FIX)
    return PolicyViolation(
        rule_name=rule,
        description=_description(built, widening),
        fix=fix,
        # Only "fatal" cannot be acknowledged.
        severity="fatal" if rule == _RULE else "error",
        violating_resources=[
            PolicyViolatingResource(
                resource_logical_id=at.logical_id,
                template_path=str(at.file),
                locations=[at.path] if at.path else [],
            )
            for at in (at, *widening.others)
        ],
    )


def _not_checked(error: Exception, template: Path) -> PolicyViolation:
    # An error may fail to say what it is.
    reason = format_exception_only(error)[-1].strip()
    return PolicyViolation(
        rule_name=_RULE,
        description=f"the templates could not be checked: {reason}",
        severity="fatal",
        # CDK ignores a violation without a resource.
        violating_resources=[
            PolicyViolatingResource(
                resource_logical_id="*", template_path=str(template), locations=[]
            )
        ],
    )


def _description(built: "Built", widening: "Widening") -> str:
    role = str(built.resource.node.path).removesuffix("/Resource")
    subject = widening.access.subject
    tag = f"the tag {subject}" if subject else "a tag whose key cannot be read"
    it = subject or widening.at.logical_id
    text = _WORDS[widening.access.why].format(it=it, role=role, tag=tag)
    if not widening.values:
        return text
    was, found = (
        ", ".join(map(as_text, as_list(value))) if value else "none" for value in widening.values
    )
    return f"{text}: built with {was}, found {found}"
