"""Words for what the project knows as data: differences, decisions, and what is not known.

Each function words one thing, for every command and format.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Final

from pump_roles.compare import Difference, Effect
from pump_roles.guardrails import by_policy
from pump_roles.iam.clauses import Scope
from pump_roles.iam.decisions import ALLOWED, DENIED, NOT_GRANTED, DecisionChange, Grant
from pump_roles.iam.trust import OPEN_PRINCIPAL, TrustProblem
from pump_roles.output.pieces import SHOWN, listed, plural, say
from pump_roles.role import Part, Unknown
from pump_roles.templates import Access, Other, Place
from pump_roles.text import cut

_POLICY_ARN: Final = re.compile(
    r"arn:(?:aws[a-z-]*|\$\{AWS::Partition\}):iam::(\$\{AWS::AccountId\}|[a-z0-9]*)"
    r":policy/(?:([A-Za-z0-9_+=,.@/-]+)|\$\{([A-Za-z0-9]+)\})"
)
"""Accepts only the characters of a policy's name: others could disguise a policy as another one."""

_PARTS: Final[Mapping[Part, str]] = {
    "account": "the account",
    "other-roles": "the account's other roles",
    "rollout": "the StackSet",
    "account-filter": "its account filter",
    "organization": "the organization's accounts",
    "membership": "the account's organization",
    "role": "it",
    "name": "its name",
    "path": "its path",
    "trust-policy": "its trust policy",
    "inline-policies": "its inline policies",
    "managed-policies": "its managed policies",
    "boundary": "its permissions boundary",
    "session": "its maximum session duration",
    "tags": "its tags",
    "place": "where it is deployed",
    "template": "the template",
}
_ONE_OF: Final[Mapping[Part, str]] = {
    "inline-policies": "its inline policy {}",
    "managed-policies": "the managed policy {}",
    "boundary": "the policy document of its permissions boundary",
    "tags": "its tag {}",
    "place": "its {}",
    "template": "{}",
}
"""One of the parts that a role has several of, or a part of a part."""

_WHY: Final = {
    "absent": "the role does not exist",
    "deploys-more": "{subject}, of type {detail}, can contain any resource",
    "assume-denied": "the role {subject} could not be assumed: it does not exist there, does not "
    "trust the caller, or the caller lacks the permission ({detail})",
    "changed": "{about} changed while it was read; verify again",
    "existence": "whether it exists is not known",
    "only-elsewhere": "the templates deploy this role only in other accounts",
    "contradictory-targets": "its deployment targets are incomplete or contradict each other",
    "attached-to-unknown": "{subject} attaches to a role that cannot be read",
    "conditional": "{about} is created only under the condition {detail}",
    "deployed-elsewhere": "{about} is from {detail}, which may not be deployed with it, and is not "
    "counted",
    "external-id-differs": "the external ID that was passed for this role is not the one in the "
    "templates",
    "external-id-not-listed": "the --external-ids file does not list this role",
    "function": "{subject} can change the template when it is deployed",
    "macro": "a macro in {subject}, Fn::Transform, can change it when it is deployed",
    "macro-in-resource": "a macro, Fn::Transform, can change {subject} when it is deployed",
    "macro-in-section": "a macro, Fn::Transform, can change its {subject} when it is deployed",
    "member": "its member {subject} cannot be read",
    "no-stack": "no stack in this account and Region contains the StackSet",
    "no-stack-set": "this account has no StackSet {subject} in {detail}; pass the rollout's "
    "--region, or --call-as delegated-admin in a delegated administrator's account",
    "no-stack-set-as-administrator": "this account has no StackSet {subject} in {detail}; pass the "
    "rollout's --region, or --call-as management in the management account",
    "no-such-account": "the organization has no such account",
    "no-units": "the StackSet has no organizational units",
    "not-assumed": "the role {subject} could not be assumed: {detail}",
    "not-below": "not targeted: the account is not below {subject}{more}",
    "not-counted": "{about} is attached to it, and is not counted",
    "not-in-folder": "the manifest names it, but it is not in its folder",
    "outer-stack-set": "the StackSet {subject} deploys it to other accounts",
    "parameter-overrides": "{subject} gives some of its stack instances other parameters",
    "not-in-stack": "the stack {subject} contains only {detail}",
    "not-selected": "the templates deploy a role to this account, but it was not read",
    "operation-active": "the operation {subject} has not ended after {detail} minutes; run the "
    "command again later",
    "operation-status": "AWS returned an unknown operation status: {detail}",
    "placeholder": "{about} has the text {detail}, which looks like a placeholder",
    "property": "its property {subject} cannot be read",
    "resource-from-function": "{subject} can become any resource when the template is deployed",
    "resources-from-function": "{subject} creates resources when the template is deployed",
    "self-managed": "it is self-managed",
    "several-groups": "it deploys to several groups of accounts",
    "several-variants": "the templates deploy different variants of this role, for example with "
    "different external IDs; pass the template of one stack",
    "transform": "the transform {subject} can change the template when it is deployed",
    "unknown-filter": "its account filter is {detail}",
    "unread-template": "the template of {subject} cannot be read",
    "suspended": "the account is suspended",
    "too-deep": "one of its policies is nested too deeply to read",
    "unreadable-name": "the name of a policy cannot be read: {subject}",
}
_VALUES: Final = {"conditional", "not-counted", "transform", "unreadable"}
"""What is not known because of a value in a template, which may be long."""

_NOT_IN_FILES: Final = {
    "managed-policies": "{about} is not in the file; save it again, without --filter",
    "membership": "{about} is not in the files; also pass the output of aws organizations "
    "describe-organization",
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
_ACCOUNT_FILTER: Final = (
    "its account filter cannot be read: {}; pass --expect, --exclude-accounts, --only-accounts, or "
    "--no-filter"
)
_PROBLEMS: Final = {
    "actions": "it allows {}",
    "more-actions": "it also allows {}",
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


_IN_TIME: Final = "{was} before, {now} now"
_UNEXPECTED: Final = ("is not expected", "is missing")
_TRUST: Final[Mapping[Effect, str]] = {
    "broader": "its trust policy allows more",
    "other": "its trust policy differs",
    "narrower": "its trust policy allows less",
}


def unknown_in_words(unknown: Unknown) -> str:
    """Return what is not known about a role, an account, or a rollout.

    :param unknown: what is not known.
    """
    if unknown.part == "account-filter":
        found = unknown.detail
        if unknown.why not in ("not-read", "unreadable") or unknown.subject:
            found = unknown_in_words(replace(unknown, part="place"))
        return _ACCOUNT_FILTER.format(found)
    longest = SHOWN if unknown.why in _VALUES else None
    about, subject = _PARTS[unknown.part], cut(unknown.subject, longest)
    if unknown.subject and unknown.part in _ONE_OF:
        about = _ONE_OF[unknown.part].format(subject)
    how = _WHY.get(unknown.why, "")
    if unknown.why == "not-in-files":
        how = _NOT_IN_FILES.get(unknown.part, "{about} is not in the files")
    elif unknown.why == "not-read":
        how = "{about} could not be read" + (": {detail}" if unknown.detail else "")
    elif unknown.why == "unreadable" and unknown.part == "name":
        how = "{about} cannot be read, so what attaches to it by name is not seen"
    elif unknown.why == "unreadable":
        how = "{about} cannot be read" + (": {detail}" if unknown.detail else "")
    elif unknown.why in ("member", "property") and unknown.detail:
        whose = "its " if unknown.part == "place" else ""
        how = f"the {unknown.why} {{subject}} of {whose}{{detail}} cannot be read"
    elif unknown.why == "open":
        how = _OPEN[unknown.part]
    count = (
        "an external ID was" if unknown.subject == "1" else f"{unknown.subject} external IDs were"
    )
    where = f"{unknown.source}: " if unknown.source else ""
    detail = cut(unknown.detail, longest)
    more = f" ({detail})" if detail else ""
    return where + how.format(about=about, subject=subject, detail=detail, count=count, more=more)


def problem_in_words(problem: TrustProblem) -> str:
    """Return how a trust policy is not one principal with an external ID."""
    return _PROBLEMS[problem.why].format(principal_in_words(problem.subject))


def principal_in_words(principal: str) -> str:
    """Return a principal, which may be the one that is provided at deployment."""
    return say("roles.pump") if principal == OPEN_PRINCIPAL else principal


def boundary_in_words(arn: str) -> str:
    """Return a permissions boundary: the policy's name if it is in the role's account.

    :param arn: the policy's ARN.
    """
    found = _POLICY_ARN.fullmatch(arn)
    if found is None:
        return arn
    account, name, logical_id = found.groups()
    if logical_id:
        return say("roles.same_template", name=logical_id)
    if account == "aws":
        return say("roles.aws_managed", name=name)
    return name if account == "${AWS::AccountId}" else arn


def scope_in_words(scope: Scope) -> str:
    """Return on which resources, and under which conditions, a statement applies."""
    # Different resources must not become the same text.
    listed = ", ".join(
        f'"{resource}"' if "," in resource else resource for resource in scope.resources
    )
    where = "on every resource" if scope.everywhere else f"on {listed}"
    if scope.excluded:
        where = f"on all but {listed}"
    return f"{where}, if {scope.condition}" if scope.condition else where


def difference_in_words(difference: Difference, verbs: tuple[str, str] = _UNEXPECTED) -> str:
    """Return a difference in one line.

    :param difference: the difference.
    :param verbs: how to say that something was added, and that it was removed. By default, that it
        is not expected, and that it is missing.
    """
    added, removed = verbs
    was, now = ", ".join(difference.was), ", ".join(difference.now)
    subject = difference.subject
    if difference.part == "boundary":
        was, now, subject = map(boundary_in_words, (was, now, subject))
    words = {
        "role-missing": "the role does not exist",
        "role-present": "the role still exists",
        "role-name": f"its name is {now} instead of {was}",
        "role-path": f"its path is {now} instead of {was}",
        "trust-policy": _TRUST[difference.effect],
        "trust-broken": f"its trust policy names {now}, a deleted principal; a new principal with "
        "the same name cannot assume the role until the trust policy is updated",
        "policies-together": "its policies, taken together, have a different effect",
        "boundary-added": f"the permissions boundary {subject} {added}",
        "boundary-removed": f"the permissions boundary {subject} {removed}",
        "boundary-changed": f"its permissions boundary is {now} instead of {was}",
        "boundary-text": "the policy document of its permissions boundary differs",
        "tag-added": f"the tag {subject} {added}",
        "tag-removed": f"the tag {subject} {removed}",
        "tag-changed": f"the tag {subject} has a different value",
        "organization": f"the management account of its organization is {now} instead of {was}"
        if now
        else f"it is in no organization, instead of that of the management account {was}",
    }.get(difference.rule, "")
    if difference.rule == "external-id":
        words = _external_ids(difference)
    elif difference.rule == "session-duration":
        words = f"its maximum session duration is {int(now):,} seconds instead of {int(was):,}"
    elif difference.rule in ("policy-added", "policy-removed", "policy-changed"):
        verb = {"policy-added": added, "policy-removed": removed}.get(difference.rule, "differs")
        words = f"{policy_in_words(difference)} {verb}"
    neutral = difference.rule in (
        "policy-added",
        "policy-removed",
        "policy-changed",
        "boundary-text",
    )
    if neutral and difference.effect == "other" and not difference.decisions:
        words += ", which does not change the decision for any known action"
    return words


def details_of(difference: Difference, sides: str = _IN_TIME) -> list[str]:
    """Return what a difference changes, in one line each.

    :param difference: the difference.
    :param sides: a format for what ``was`` and what is ``now``.
    """
    return [*dict.fromkeys(_details(difference, sides))]


def _details(difference: Difference, sides: str) -> Iterator[str]:
    if difference.rule == "role-present":
        yield from map(_stack, difference.now)
    if difference.rule == "trust-policy":
        yield from (f"trusts {principal_in_words(name)}" for name in difference.now)
        lost = "no longer trusts" if sides == _IN_TIME else "does not trust"
        yield from (f"{lost} {principal_in_words(name)}" for name in difference.was)
        yield from map(problem_in_words, difference.problems)
    if difference.part == "inline-policies" and (difference.was or difference.now):
        yield values_in_words(difference, sides) or ", ".join((*difference.was, *difference.now))
    if difference.unreadable:
        lost = "no longer has" if sides == _IN_TIME else "does not have"
        verb = lost if difference.effect == "narrower" else "has"
        yield f"{verb} a statement that cannot be read"
    yield from (change_in_words(change, sides) for change in difference.decisions)


def values_in_words(difference: Difference, sides: str = _IN_TIME) -> str:
    """Return the values of a guardrail on both sides; empty if one of them has none.

    :param difference: the difference.
    :param sides: a format for what ``was`` and what is ``now``.
    """
    if difference.part != "inline-policies" or not (difference.was and difference.now):
        return ""
    return sides.format(was=" and ".join(difference.was), now=" and ".join(difference.now))


def change_in_words(change: DecisionChange, sides: str = _IN_TIME) -> str:
    """Return how decisions differ, with the number of actions.

    :param change: the change.
    :param sides: a format for what ``was`` and what is ``now``.
    """
    number = actions_in_words(change.actions, ("action", "actions"))
    return f"{number}: {decisions_in_words(change, sides)}"


def actions_in_words(actions: Sequence[str], nouns: tuple[str, str]) -> str:
    """Return how many actions there are, and how many patterns that may match more.

    :param actions: the actions and patterns.
    :param nouns: what an action is called, in the singular and in the plural.
    """
    patterns = sum("*" in action or "?" in action for action in actions)
    number = len(actions) - patterns
    parts = [f"{number:,} {nouns[number != 1]}"] if number else []
    return " and ".join(parts + ([plural(patterns, "pattern")] if patterns else []))


def decisions_in_words(change: DecisionChange, sides: str = _IN_TIME) -> str:
    """Return how decisions differ.

    :param change: the change.
    :param sides: a format for what ``was`` and what is ``now``.
    """
    return sides.format(was=_decided(change.before), now=_decided(change.after))


def _decided(grant: Grant) -> str:
    by = f" by {' and '.join(map(_guardrail, grant.denied_by))}" if grant.denied_by else ""
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


def policy_in_words(difference: Difference) -> str:
    """Return which policy a difference is about.

    :param difference: a difference that is about a single policy.
    """
    if difference.part == "boundary":
        return "its permissions boundary"
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


_GRANTS: Final = 8
"""How many of the patterns that a policy allows are listed."""

_OPENS: Final[Mapping[str, str]] = {
    "AWS::IAM::AccessKey": "anyone with this access key can act as a user of the account",
    "AWS::IAM::OIDCProvider": "trusts an external identity provider",
    "AWS::IAM::SAMLProvider": "trusts an external identity provider",
    "AWS::IdentityStore::GroupMembership": "adds a user to a group of IAM Identity Center",
    "AWS::RolesAnywhere::Profile": "lets anyone with a certificate assume roles",
    "AWS::RolesAnywhere::TrustAnchor": "lets anyone with a certificate assume roles",
    "AWS::SSO::Assignment": "gives users of IAM Identity Center access to an account",
    "AWS::SSO::PermissionSet": "gives users of IAM Identity Center permissions in an account",
}
_ACCESS: Final[Mapping[str, str]] = {
    "attaches": "attaches to the role {}",
    "could-attach": "may attach to the role {}",
    "could-be-named-alike": "may have the name of the role {}",
    "lets-in": "gives access to another principal: {}",
    "lets-in-unreadable": "gives access to a principal that cannot be read",
    "may-attach": "may attach to one of the roles; what it attaches to cannot be read",
    "may-be-named-alike": "may have the name of one of the roles; its name cannot be read",
    "names-account": "names Pump's account {}",
    "names-definition": "names {}",
    "names-role": "names the role {}",
    "named-like-omitted-role": "has the name of the {} role in what is expected",
    "password": "anyone with the password can act as this user",
    "requires-same-external-id": "requires the external ID of one of Pump's roles",
    "trusts-account": "trusts Pump's account {}",
    "trusts-definition": "trusts {}",
    "trusts-everyone": "trusts everyone",
    "trusts-everyone-but": "trusts everyone except those in NotPrincipal",
    "trusts-identity-provider": "trusts an identity provider",
    "trusts-other-account": "trusts another account: {}",
    "trusts-role": "trusts the role {}",
    "trusts-unreadable": "trusts a principal that cannot be read",
    "unreadable-principal": "its trust policy names a principal that cannot be read: {}",
    "unreadable-properties": "has properties that cannot be read",
    "unreadable-statement": "its trust policy has a statement that cannot be read",
    "unreadable-trust-policy": "its trust policy cannot be read",
    "allows": "{}",
    "allows-all-but": "all but {}",
    "allows-managed-policy": "the managed policy {}",
    "allows-unreadable-policy": "a policy that cannot be read",
    "allows-unreadable-statement": "a statement that cannot be read",
}


def access_in_words(ways: Iterable[Access]) -> str:
    """Return in which ways a resource reaches Pump's roles; empty if there are none."""
    return "; ".join(map(_way, ways))


def alarm_in_words(other: Other) -> str:
    """Return which resource reaches Pump's roles, and how."""
    return f"{other.name} ({other.type}): {access_in_words(other.alarms)}"


def grants_in_words(other: Other) -> str:
    """Return what a resource allows; empty if it allows nothing itself."""
    return ", ".join(listed(map(_way, other.grants), _GRANTS))


def _way(way: Access) -> str:
    if way.why == "opens":
        return _OPENS.get(way.subject, f"gives access as a resource of the type {way.subject}")
    return _ACCESS[way.why].format(cut(way.subject, SHOWN))


def place_in_words(place: Place) -> str:
    """Return where a template deploys a role, in words."""
    sentences = [*_stack_set(place)] if place.stack_set else [_one_stack(place)]
    sentences += [f"Not certain: {unknown_in_words(unknown)}." for unknown in place.unreadable]
    return " ".join(sentences)


def _one_stack(place: Place) -> str:
    account = f"account {place.account}" if place.account else "the account where you deploy it"
    region = f", {place.region}" if place.region else ""
    return f"One stack, in {account}{region}."


def _stack_set(place: Place) -> Iterator[str]:
    account = f" of account {place.account}" if place.account else ""
    region = f" in {place.region}" if place.region else ""
    yield f"The StackSet {place.stack_set}{account}{region} deploys it to {_targets(place)}."
    if place.units and place.automatic:
        ignored = ", even if the account filter excludes it today" if place.filter else ""
        yield f"An account that is added to these units later gets it automatically{ignored}."
    elif place.units:
        yield "An account that is added to these units later does not get it."
    if place.call_as == "delegated-admin":
        yield "A delegated administrator deploys the StackSet."
    elif place.call_as not in ("", "management"):
        yield f"The StackSet is called as {place.call_as}."


def _targets(place: Place) -> str:
    accounts = _listed(place.accounts) or "accounts that cannot be read"
    if not place.units and place.accounts:
        return f"the accounts {accounts}"
    if not place.units:
        return accounts if place.unreadable else "no account that the template names"
    units = _listed(place.units)
    if place.filter == "exclude":
        return f"the accounts of {units}, except {accounts}"
    if place.filter == "only":
        return f"{accounts}, if in {units}"
    if place.filter:
        return f"the accounts of {units}, filtered by {place.filter} with {accounts}"
    return f"every account of {units}"


def _listed(names: tuple[str, ...]) -> str:
    *others, last = names or ("",)
    return f"{', '.join(others)} and {last}" if others else last
