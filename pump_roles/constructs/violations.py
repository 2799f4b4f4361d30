"""The rules of the check at synth: what each violation says, and how to remedy it."""

from pathlib import Path
from traceback import format_exception_only
from typing import TYPE_CHECKING, Final, NamedTuple

from aws_cdk import PolicyViolatingResource, PolicyViolation

from pump_roles.inputs import as_list, as_text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pump_roles.role.access import AccessWhy
    from pump_roles.templates.synth_check import ExpectedResource, SynthFinding

_IMMUTABLE: Final = "immutable"
_UNKNOWN_TARGET: Final = "unknown-target"
"""Can be acknowledged: nothing in the app says that it changes Pump's role."""
_OTHER_ROLE: Final = "other-role"
"""Can be acknowledged: Pump's role is not affected."""

RULES: Final = (_IMMUTABLE, _UNKNOWN_TARGET, _OTHER_ROLE)

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
_UNKNOWN_TARGET_FIX: Final = (
    "Say in the app what this is, with a literal name or the allowed_values of a parameter; or "
    "move it to another stack. If it never reaches Pump's role, acknowledge this rule on its "
    "construct, with a reason."
)


class _SynthRule(NamedTuple):
    description: str
    name: str = _IMMUTABLE
    fix: str = _FIX


_SPELLED: Final = "the app contains every part of the name"
_ONLY_AT_DEPLOYMENT: Final = "whether it does is known only at deployment"
_ALIKE: Final = "{it} may have the same name as {role} and could replace it"
_UNREAD: Final = "{it} has a template that cannot be read and may contain what widens {role}"

_RULES: Final["Mapping[AccessWhy, _SynthRule]"] = {
    "attaches": _SynthRule("{it} attaches to {role}", fix=_ATTACHED_FIX),
    "changed": _SynthRule("{role} has a different {it}"),
    "missing": _SynthRule("{role} is missing from its template: it was removed or replaced"),
    "named-alike": _SynthRule("{it} has the same name as {role} and could replace it"),
    "parameter": _SynthRule("{role} has the parameter {it}, which now accepts more than it should"),
    "trusts-account": _SynthRule(
        "{it} trusts the account of Pump, as {role} does",
        _OTHER_ROLE,
        "Remove Pump's principal from the trust policy. If Pump must be able to assume this role, "
        "too, acknowledge this rule on its construct, with a reason.",
    ),
    "tagged": _SynthRule(
        "{role} has {tag}, which may open a guardrail; set it only on the deployed role"
    ),
    "could-attach": _SynthRule(f"{{it}} may attach to {{role}}: {_SPELLED}"),
    "may-attach": _SynthRule(
        f"{{it}} may attach to {{role}}: {_ONLY_AT_DEPLOYMENT}",
        _UNKNOWN_TARGET,
        _UNKNOWN_TARGET_FIX,
    ),
    "changed-later": _SynthRule(
        f"{{it}} may change the template of {{role}}: {_ONLY_AT_DEPLOYMENT}",
        _UNKNOWN_TARGET,
        "Move it, or Pump's role, to another stack. If it does not change Pump's role, acknowledge "
        "this rule on the role, with a reason.",
    ),
    "could-be-named-alike": _SynthRule(f"{_ALIKE}: {_SPELLED}"),
    "may-be-named-alike": _SynthRule(
        f"{_ALIKE}: {_ONLY_AT_DEPLOYMENT}", _UNKNOWN_TARGET, _UNKNOWN_TARGET_FIX
    ),
    "names-role": _SynthRule(
        f"{{it}} names {{role}} and can change it: {_ONLY_AT_DEPLOYMENT}",
        _UNKNOWN_TARGET,
        "If it must not change Pump's role, remove the role's name from it. If it does not change "
        "the role, acknowledge this rule on its construct, with a reason.",
    ),
    "could-contain": _SynthRule(f"{_UNREAD}: {_SPELLED}"),
    "may-contain": _SynthRule(
        f"{_UNREAD}: {_ONLY_AT_DEPLOYMENT}", _UNKNOWN_TARGET, _UNKNOWN_TARGET_FIX
    ),
}


def violation(expected: "ExpectedResource", found: "SynthFinding") -> PolicyViolation:
    """Return what the check at synth found, as the CDK reports it."""
    rule, at = _RULES[found.access.why], found.at
    return PolicyViolation(
        rule_name=rule.name,
        description=_description(rule, expected, found),
        fix=_ATTACHED_FIX if at.path == "Properties.ManagedPolicyArns" else rule.fix,
        # Only "fatal" cannot be acknowledged.
        severity="fatal" if rule.name == _IMMUTABLE else "error",
        violating_resources=[
            PolicyViolatingResource(
                resource_logical_id=at.logical_id,
                template_path=str(at.file),
                locations=[at.path] if at.path else [],
            )
            for at in (at, *found.others)
        ],
    )


def not_checked(error: Exception, template: Path) -> PolicyViolation:
    """Return that the check itself failed."""
    # An error may fail to say what it is.
    reason = format_exception_only(error)[-1].strip()
    return PolicyViolation(
        rule_name=_IMMUTABLE,
        description=f"the templates could not be checked: {reason}",
        severity="fatal",
        # CDK ignores a violation without a resource.
        violating_resources=[
            PolicyViolatingResource(
                resource_logical_id="*", template_path=str(template), locations=[]
            )
        ],
    )


def _description(rule: _SynthRule, expected: "ExpectedResource", found: "SynthFinding") -> str:
    role = str(expected.resource.node.path).removesuffix("/Resource")
    subject = found.access.subject
    tag = f"the tag {subject}" if subject else "a tag whose key cannot be read"
    text = rule.description.format(it=subject or found.at.logical_id, role=role, tag=tag)
    if not found.values:
        return text
    was, is_now = (
        ", ".join(map(as_text, as_list(value))) if value else "none" for value in found.values
    )
    return f"{text}: built with {was}, found {is_now}"
