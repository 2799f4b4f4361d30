"""What a reviewer should see first: alarms, then risks, then what the report does not cover."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from pump_roles.report.decisions import counted
from pump_roles.report.marks import left_by_metadata_only
from pump_roles.report.model import ActionReport, Finding, RoleReport
from pump_roles.templates import Contents

__all__ = [
    "alarms",
    "may_add_permissions",
    "may_reach_more",
    "other_resources",
    "risks",
    "suspects",
]

_ACCESS_TYPES: Final = {
    "AWS::EKS::AccessEntry",
    "AWS::IAM::AccessKey",
    "AWS::IAM::Group",
    "AWS::IAM::InstanceProfile",
    "AWS::IAM::OIDCProvider",
    "AWS::IAM::Role",
    "AWS::IAM::SAMLProvider",
    "AWS::IAM::User",
    "AWS::RolesAnywhere::Profile",
    "AWS::RolesAnywhere::TrustAnchor",
    "AWS::SSO::Assignment",
    "AWS::SSO::PermissionSet",
}
"""Resource types that give someone access, but give Pump's roles no permissions."""

_REACHABLE_TYPES: Final = {"AWS::EKS::AccessEntry", "AWS::IAM::Role"}
"""Those through which one of Pump's roles may do more than its policies say: a role that trusts it,
or a cluster that gives it access."""


def may_add_permissions(contents: Contents) -> bool:
    """Return whether something other than their own policies may give Pump's roles permissions.

    :param contents: what was read.
    """
    return bool(contents.unreadable) or any(
        other.alarm and other.type not in _ACCESS_TYPES for other in contents.others
    )


def may_reach_more(contents: Contents) -> bool:
    """Return whether Pump's roles may do more, through something other than their own policies.

    :param contents: what was read.
    """
    return may_add_permissions(contents) or any(
        other.alarm and other.type in _REACHABLE_TYPES for other in contents.others
    )


def alarms(roles: Sequence[RoleReport], contents: Contents) -> Iterator[Finding]:
    """Return the findings that must be read before the roles' numbers.

    :param roles: the roles.
    :param contents: what was read.
    """
    for role in roles:
        if role.differences:
            exact = " Its numbers are not exact." if role.unreadable else ""
            yield Finding(
                kind="difference",
                title=f"The {role.kind} role is not what Pump publishes",
                text=(
                    f"{_sentence(role.differences)}{exact} For actions that Pump does not publish, "
                    "this report does not say whether they spend money or return data. The answers "
                    "in plain words cover only the actions that they name."
                ),
            )
    for role in roles:
        if role.trust_problems:
            yield Finding(
                kind="trust",
                title=f"The {role.kind} role's trust is not one principal with an external ID",
                text=_sentence(role.trust_problems),
            )
    for role in roles:
        if role.uncounted:
            yield Finding(
                kind="uncounted",
                title=f"The {role.kind} role allows more than is counted",
                text=(
                    "The catalog has only the services that the published policies name, as of its "
                    "date. What it does not have, and what cannot be read, is not counted, so the "
                    "numbers of this role are not exact: "
                    f"{', '.join(role.uncounted)}."
                ),
            )
    found = suspects(contents)
    if found:
        not_exact = (
            " The numbers of Pump's roles are not exact." if may_add_permissions(contents) else ""
        )
        yield Finding(
            kind="suspect",
            title="Other resources may give more access than these roles",
            text=f"They are not counted. {' '.join(f'{suspect}.' for suspect in found)}{not_exact}",
        )


def suspects(contents: Contents) -> tuple[str, ...]:
    """Return what may give more access than Pump's roles, in words.

    :param contents: what was read.
    """
    alarming = (
        f"{other.name} ({other.type}): {other.alarm}" for other in contents.others if other.alarm
    )
    return (*alarming, *contents.unreadable)


def _sentence(parts: Sequence[str]) -> str:
    return f"{_capital('; '.join(parts))}."


def _capital(text: str) -> str:
    # Not capitalize(), which also changes the rest.
    return f"{text[:1].upper()}{text[1:]}"


@dataclass(frozen=True, kw_only=True)
class _Risk:
    """A reason why an action matters.

    :param kind: one word for it.
    :param singular: the title for one such action.
    :param plural: the title for several.
    :param text: what that means; empty if it depends on the actions.
    :param applies: whether it applies to an action.
    """

    kind: str
    singular: str
    plural: str
    text: str
    applies: Callable[[ActionReport], bool]


_RISKS: Final = (
    _Risk(
        kind="spends",
        singular="action can spend money",
        plural="actions can spend money",
        text="IAM cannot limit how much: it has no condition for the price, the term, or the "
        "amount of a commitment.",
        applies=lambda action: bool(action.spends),
    ),
    _Risk(
        kind="writes",
        singular="action writes or tags",
        plural="actions write or tag",
        text="Their access level is not List or Read. Some come from the published policy named "
        "PumpReadOnly, which the auto-pilot role has.",
        applies=lambda action: not action.only_reads,
    ),
    _Risk(
        kind="data",
        singular="action can return data, not only metadata",
        plural="actions can return data, not only metadata",
        text="",
        applies=lambda action: bool(action.data),
    ),
    _Risk(
        kind="legacy",
        singular="action is legacy",
        plural="actions are legacy",
        text="AWS has replaced them; Pump's published policies still contain them.",
        applies=lambda action: bool(action.legacy),
    ),
)


def risks(actions: Sequence[ActionReport], *, exact: bool) -> Iterator[Finding]:
    """Return the actions that matter most, grouped by the reason.

    :param actions: every action that a role has.
    :param exact: whether the numbers of all roles are exact.
    """
    effective = [action for action in actions if action.effective]
    for risk in _RISKS:
        names = tuple(action.name for action in effective if risk.applies(action))
        if names:
            number = counted(len(names), exact=exact)
            yield Finding(
                kind=risk.kind,
                title=f"{_capital(number)} {risk.singular if len(names) == 1 else risk.plural}",
                text=risk.text or _data(names),
                actions=names,
            )


def _data(names: Sequence[str]) -> str:
    denied = sum(not left_by_metadata_only(name) for name in names)
    left = "metric values, names and addresses, public keys, or the settings of budgets and alerts"
    if denied:
        return (
            f"Application data, user data, credentials, support cases, what AWS does not document, "
            f"{left}. The guardrail metadata-only denies {denied} of them."
        )
    return (
        f"{_capital(left)}. Pump's service needs them, so the guardrail metadata-only does not "
        "deny them."
    )


def other_resources(contents: Contents) -> Iterator[Finding]:
    """Return the other resources, counted by their type.

    :param contents: what was read.
    """
    if contents.resources:
        counts = Counter(contents.resources).items()
        listed = ", ".join(f"{resource_type} ({count})" for resource_type, count in counts)
        yield Finding(
            kind="resources",
            title="There are other resources",
            text=f"This report does not cover them: {listed}.",
        )
