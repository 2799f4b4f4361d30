"""Words for what the project knows as data: differences, decisions, and what is not known.

Each function words one thing, for every command and format.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Final

from pump_roles.compare import Difference
from pump_roles.guardrails import by_policy
from pump_roles.iam.decisions import ALLOWED, DENIED, NOT_GRANTED, DecisionChange, Grant
from pump_roles.iam.scopes import Scope
from pump_roles.iam.trust import OPEN_PRINCIPAL, TrustProblem
from pump_roles.output.short import plural
from pump_roles.report.model import NARROWED, Change
from pump_roles.role import Part, Unknown

__all__ = [
    "boundary_in_words",
    "change_in_one_line",
    "change_in_words",
    "details_of",
    "difference_in_words",
    "principal_in_words",
    "problem_in_words",
    "scope_in_words",
    "unknown_in_words",
]

_POLICY_ARN: Final = re.compile(
    r"arn:(?:aws[a-z-]*|\$\{AWS::Partition\}):iam::(\$\{AWS::AccountId\}|[a-z0-9]*)"
    r":policy/(?:([A-Za-z0-9_+=,.@/-]+)|\$\{([A-Za-z0-9]+)\})"
)
"""Accepts only the characters of a policy's name: others could disguise a policy as another one."""

_PARTS: Final[Mapping[Part, str]] = {
    "role": "it",
    "name": "its name",
    "path": "its path",
    "trust-policy": "its trust policy",
    "inline-policies": "its inline policies",
    "managed-policies": "its managed policies",
    "boundary": "its permissions boundary",
    "session": "its maximum session duration",
    "tags": "its tags",
}
_ONE_OF: Final[Mapping[Part, str]] = {
    "inline-policies": "its inline policy {}",
    "managed-policies": "the managed policy {}",
    "boundary": "the policy document of its permissions boundary",
    "tags": "its tag {}",
}
"""One of the parts that a role has several of, or a part of a part."""

_WHY: Final = {
    "absent": "the role does not exist",
    "existence": "whether it exists is not known",
    "only-elsewhere": "the templates deploy this role only in other accounts",
    "attached-to-unknown": "{subject} attaches to a role that cannot be read",
    "conditional": "{about} is created only under the condition {detail}",
    "deployed-elsewhere": "{about} is from {detail}, which may not be deployed with it, and is not "
    "counted",
    "deployed-later": "{detail}",
    "external-id-differs": "the external ID that was passed for this role is not the one in the "
    "templates",
    "external-id-not-listed": "the --external-ids file does not list this role",
    "member": "its member {subject} cannot be read",
    "not-counted": "{about} is attached to it, and is not counted",
    "placeholder": "{about} has the text {detail}, which looks like a placeholder",
    "property": "its property {subject} cannot be read",
    "several-variants": "the templates deploy different variants of this role, for example with "
    "different external IDs; pass the template of one stack",
    "unreadable-name": "the name of a policy cannot be read: {subject}",
}
_NOT_IN_FILES: Final = {
    "managed-policies": "{about} is not in the file; save it again, without --filter",
    "session": "{about} is not in the files; also pass the output of aws iam get-role --role-name "
    "{detail}",
}
_OPEN: Final = {
    "role": "other roles that require its external ID were not searched for, because the ID is not "
    "known; set PUMP_EXTERNAL_ID, or pass --external-ids",
    "boundary": "the policy document of its permissions boundary was not compared: the expected "
    "one is not known; pass --boundary-policy",
    "trust-policy": "{count} not compared: the expected value is not known",
}
_PROBLEMS: Final = {
    "actions": "it allows {}",
    "condition": "it has another condition, {}",
    "document-member": "it has {}, which cannot be read",
    "external-id-case": "its external ID differs from the expected one only in case",
    "external-id-in-principal": "an external ID is part of the principal, and is not shown there",
    "inexact-external-id": "it compares the external ID with {} instead of StringEquals",
    "many-external-ids": "it accepts any of {} external IDs",
    "no-external-id": "it requires no external ID, so another customer of Pump's could reach this "
    "role",
    "not-one-statement": "it is not a single statement that allows",
    "number-of-principals": "it names {} principals",
    "statement-member": "its statement has {}, which cannot be read",
    "trusts": "it trusts {}",
}


def unknown_in_words(unknown: Unknown) -> str:
    """Return what is not known about a role.

    :param unknown: what is not known.
    """
    about = _PARTS[unknown.part]
    if unknown.subject and unknown.part in _ONE_OF:
        about = _ONE_OF[unknown.part].format(unknown.subject)
    how = _WHY.get(unknown.why, "")
    if unknown.why == "not-in-files":
        how = _NOT_IN_FILES.get(unknown.part, "{about} is not in the files")
    elif unknown.why == "not-read":
        how = "{about} could not be read" + (": {detail}" if unknown.detail else "")
    elif unknown.why == "unreadable" and unknown.part == "name":
        how = "{about} cannot be read, so what attaches to it by name is not seen"
    elif unknown.why == "unreadable":
        how = "{about} cannot be read" + (": {detail}" if unknown.detail else "")
    elif unknown.why == "open":
        how = _OPEN[unknown.part]
    count = (
        "an external ID was" if unknown.subject == "1" else f"{unknown.subject} external IDs were"
    )
    return how.format(about=about, subject=unknown.subject, detail=unknown.detail, count=count)


def problem_in_words(problem: TrustProblem) -> str:
    """Return how a trust policy is not one principal with an external ID.

    :param problem: the problem.
    """
    return _PROBLEMS[problem.why].format(principal_in_words(problem.subject))


def principal_in_words(principal: str) -> str:
    """Return a principal, which may be the one that is provided at deployment.

    :param principal: the principal.
    """
    return "Pump's principal" if principal == OPEN_PRINCIPAL else principal


def boundary_in_words(arn: str) -> str:
    """Return a permissions boundary: the policy's name if it is in the role's account.

    :param arn: the policy's ARN.
    """
    found = _POLICY_ARN.fullmatch(arn)
    if found is None:
        return arn
    account, name, logical_id = found.groups()
    if logical_id:
        return f"{logical_id} (in the same template)"
    if account == "aws":
        return f"{name} (AWS managed)"
    return name if account == "${AWS::AccountId}" else arn


def scope_in_words(scope: Scope) -> str:
    """Return on which resources, and under which conditions, a statement applies.

    :param scope: the scope.
    """
    # Different resources must not become the same text.
    listed = ", ".join(
        f'"{resource}"' if "," in resource else resource for resource in scope.resources
    )
    where = "on every resource" if scope.everywhere else f"on {listed}"
    if scope.excluded:
        where = f"on all but {listed}"
    return f"{where}, if {scope.condition}" if scope.condition else where


def difference_in_words(difference: Difference) -> str:
    """Return a difference in one line.

    :param difference: the difference.
    """
    was, now = ", ".join(difference.was), ", ".join(difference.now)
    subject = difference.subject
    if difference.part == "boundary":
        was, now, subject = map(boundary_in_words, (was, now, subject))
    words = {
        "role-missing": "the role does not exist",
        "role-present": "the role still exists",
        "role-name": f"its name is {now} instead of {was}",
        "role-path": f"its path is {now} instead of {was}",
        "trust-policy": "its trust policy differs",
        "trust-broken": f"its trust policy names {now}, a deleted principal; a new principal with "
        "the same name cannot assume the role until the trust policy is updated",
        "policies-together": "its policies, taken together, have a different effect",
        "boundary-added": f"the permissions boundary {subject} is not expected",
        "boundary-removed": f"the permissions boundary {subject} is missing",
        "boundary-changed": f"its permissions boundary is {now} instead of {was}",
        "boundary-text": "the policy document of its permissions boundary differs",
        "tag-added": f"the tag {subject} is not expected",
        "tag-removed": f"the tag {subject} is missing",
        "tag-changed": f"the tag {subject} has a different value",
    }.get(difference.rule, "")
    if difference.rule == "external-id":
        words = _external_ids(difference)
    elif difference.rule == "session-duration":
        words = f"its maximum session duration is {int(now):,} seconds instead of {int(was):,}"
    elif difference.rule in _VERBS:
        words = f"{_policy(difference)} {_VERBS[difference.rule]}"
    neutral = difference.rule in (
        "policy-added",
        "policy-removed",
        "policy-changed",
        "boundary-text",
    )
    if neutral and difference.effect == "other" and not difference.decisions:
        words += ", which does not change the decision for any known action"
    return words


_VERBS: Final = {
    "policy-added": "is not expected",
    "policy-removed": "is missing",
    "policy-changed": "differs",
}


_Sides = tuple[str, str]
_IN_TIME: Final[_Sides] = ("before", "now")


def details_of(difference: Difference, sides: _Sides = _IN_TIME) -> list[str]:
    """Return what a difference changes, in one line each.

    :param difference: the difference.
    :param sides: what the two sides of the comparison are.
    """
    return [*dict.fromkeys(_details(difference, sides))]


def _details(difference: Difference, sides: _Sides) -> Iterator[str]:
    if difference.rule == "role-present":
        yield from map(_stack, difference.now)
    if difference.rule == "trust-policy":
        yield from (f"trusts {principal_in_words(name)}" for name in difference.now)
        yield from (f"no longer trusts {principal_in_words(name)}" for name in difference.was)
        yield from map(problem_in_words, difference.problems)
    if difference.part == "inline-policies" and (difference.was or difference.now):
        yield _values(difference, sides) or ", ".join((*difference.was, *difference.now))
    if difference.unreadable:
        verb = "no longer has" if difference.effect == "narrower" else "has"
        yield f"{verb} a statement that cannot be read"
    yield from (change_in_words(change, sides) for change in difference.decisions)


def _values(difference: Difference, sides: _Sides = _IN_TIME) -> str:
    # The values of a guardrail, if both sides have one.
    if difference.part != "inline-policies" or not (difference.was and difference.now):
        return ""
    was, now = sides
    return f"{', '.join(difference.was)} {was}, {', '.join(difference.now)} {now}"


def change_in_words(change: DecisionChange, sides: _Sides = _IN_TIME) -> str:
    """Return how decisions differ, with the number of actions.

    :param change: the change.
    :param sides: what the two sides of the comparison are.
    """
    return f"{plural(len(change.actions), 'action')}: {_on_both(change, sides)}"


def _on_both(change: DecisionChange, sides: _Sides = _IN_TIME) -> str:
    was, now = sides
    return f"{_decided(change.before)} {was}, {_decided(change.after)} {now}"


def _decided(grant: Grant) -> str:
    by = f" by {', '.join(map(_guardrail, grant.denied_by))}" if grant.denied_by else ""
    # What a guardrail of this package limits is known.
    limits = ", ".join(
        scope_in_words(scope)
        for scope in grant.limits
        if not all(policy in by_policy() for policy in grant.denied_by)
    )
    decided = f"{grant.decision}{by}{f' ({limits})' if limits else ''}"
    if grant.decision in (DENIED, NOT_GRANTED) or not grant.allowed_on:
        return decided
    only = f"only {' or '.join(map(scope_in_words, grant.allowed_on))}"
    return f"{decided} {only}" if grant.decision == ALLOWED else f"{decided}, allowed {only}"


def _guardrail(policy: str) -> str:
    found = by_policy().get(policy)
    return policy if found is None else found.name


def _policy(difference: Difference) -> str:
    if difference.part == "managed-policies":
        return f"the attached managed policy {difference.subject}"
    kind = "guardrail" if difference.subject in by_policy() else "inline policy"
    return f"the {kind} {difference.subject}"


def _external_ids(difference: Difference) -> str:
    missing, extra = (int(*side) for side in (difference.was, difference.now))
    for problem in difference.problems:
        return problem_in_words(problem)
    if missing and extra:
        return "it accepts a different external ID than expected"
    if missing:
        return "it does not accept an expected external ID"
    if not extra:
        return "it accepts fewer external IDs than expected"
    which = "an external ID that is" if extra == 1 else f"{extra} external IDs that are"
    return f"it accepts {which} not expected"


_STACK_SET_PREFIX: Final = "StackSet-"
"""The prefix of the names of stacks that a StackSet created."""


def _stack(name: str) -> str:
    created = f"the stack {name} created it"
    if name.startswith(_STACK_SET_PREFIX):
        created += "; delete the stack instance, not the stack"
    return created


_NOUNS: Final = {
    "money": ("action that can spend money", "actions that can spend money"),
    "writes": ("action that writes or tags", "actions that write or tag"),
    "data": ("action that returns data", "actions that return data"),
    "reads": ("action that reads metadata", "actions that read metadata"),
    "": ("action", "actions"),
}


def change_in_one_line(change: Change) -> str:
    """Return a difference from an earlier report in one line.

    :param change: the difference.
    """
    if change.cause == "AWS":
        verb = "no longer matched" if change.effect == NARROWED else "now matched"
        return f"{_number(change)}: {verb} by a wildcard"
    if change.difference is not None:
        return _since(change, change.difference)
    if change.unknown is not None:
        adverb = "no longer" if change.effect == NARROWED else "now"
        return f"{adverb}: {unknown_in_words(change.unknown)}"
    where = "where it is deployed" if change.about == "place" else ""
    if change.was and change.now:
        return f"{where}: {change.was} Now: {change.now}"
    if change.was or change.now:
        adverb = "no longer" if change.was else "now also" if where else "now"
        return f"{where}{', ' if where else ''}{adverb}: {change.was or change.now}"
    return {
        "suspect": "what may give more access may have changed",
        "trust-policy": "its trust policy changed in what a report does not show, such as the "
        "external ID",
        "filled-in": "what is filled in when it is deployed may have changed, such as a "
        "parameter's default",
    }[change.about]


def _number(change: Change) -> str:
    singular, several = _NOUNS[change.risk]
    return f"{len(change.actions)} {singular if len(change.actions) == 1 else several}"


def _since(change: Change, difference: Difference) -> str:
    if difference.rule in ("role-present", "role-missing"):
        return "the role is new" if difference.rule == "role-present" else "the role is gone"
    if difference.decisions and change.actions:
        (decision,) = difference.decisions
        how = _values(difference) or _on_both(decision)
        return f"{_number(change)}: {how}"
    details = details_of(difference)
    if difference.part == "trust-policy" and details:
        return ", ".join(details)
    return f"{difference_in_words(difference)}{': ' if details else ''}{', '.join(details)}"
