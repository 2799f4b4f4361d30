"""What the formats of a verification share: order, sentences, remedies, and maximum lengths."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Final, get_args

from pump_roles.account.organization import Organization
from pump_roles.account.verify.result import (
    AccountResult,
    Approval,
    RoleResult,
    State,
    Verification,
)
from pump_roles.compare import Difference, Effect, Rule
from pump_roles.output.pieces import LONGEST_NAME, few, line
from pump_roles.output.words import unknown_in_words

ACTIONS: Final = 8
"""How many actions of a difference are listed."""

DETAILS: Final = 4
"""How many of a difference's details are listed."""

SIDES: Final = "{now} in the account instead of {was}"
"""A format for what is in the account, and what is expected."""

_EFFECTS: Final[Sequence[Effect]] = ("broader", "other", "narrower")
_STATES: Final[Sequence[State]] = ("differs", "unknown", "match")


def few_of(actions: Sequence[str]) -> tuple[Sequence[str], str]:
    """Return the first actions, and how many more there are, in words."""
    shown, more = few(actions, ACTIONS)
    return [line(action, LONGEST_NAME) for action in shown], f" and {more}" if more else ""


def by_effect(differences: Iterable[Difference]) -> Sequence[Difference]:
    """Sort differences: first those that give more access, then those that may, then the others."""
    return sorted(differences, key=lambda difference: _EFFECTS.index(difference.effect))


def broader(account: AccountResult) -> bool:
    """Return whether anything in an account gives more access than expected."""
    return bool(account.others) or any(
        difference.effect == "broader" for difference in _differences(account)
    )


def _differences(account: AccountResult) -> Iterator[Difference]:
    yield from account.differences
    for role in account.roles:
        yield from role.differences


def by_attention(accounts: Iterable[AccountResult]) -> Mapping[State, Sequence[AccountResult]]:
    """Group accounts by state, sorted by ID. The states that need attention come first.

    Among the accounts that differ, those with more access than expected come first.
    """
    ordered = sorted(
        accounts, key=lambda account: (not broader(account), account.account, account.name)
    )
    return {state: [account for account in ordered if account.state == state] for state in _STATES}


def is_unknown(verification: Verification) -> bool:
    """Return whether anything could not be checked, even if something else differs."""
    return not verification.accounts or any(
        account.state == "unknown"
        or account.unknown
        or any(role.state == "unknown" or role.unknown for role in account.roles)
        for account in verification.accounts
    )


def counts(verification: Verification) -> str:
    """Return how many accounts have each state, such as ``998 match, 1 differs, 1 unknown``."""
    states = Counter(account.state for account in verification.accounts)
    shown = [f"{states[state]:,} {state}" for state in get_args(State) if states[state]]
    return ", ".join(shown) or "none"


def organizations(verification: Verification) -> str:
    """Return the accounts' organizations and management accounts; empty if none was read."""
    found = (account.organization for account in verification.accounts)
    return "; ".join(dict.fromkeys(_organization(each) for each in found if each is not None))


def _organization(organization: Organization) -> str:
    if not organization.id:
        return "none"
    return f"{organization.id}, management account {organization.management_account}"


def last_use(role: RoleResult) -> str:
    """Return when and where a role was last used; empty if not known."""
    where = f" in {line(role.last_used_region, LONGEST_NAME)}" if role.last_used_region else ""
    return f"{line(role.last_used, LONGEST_NAME)}{where}" if role.last_used else ""


def approval_in_words(approval: Approval) -> str:
    """Return whether a guardrail is open, such as ``open: approved`` or ``order 17``."""
    value = line(approval.value, LONGEST_NAME)
    if not approval.open:
        return f"closed: {value}" if value else "closed"
    return f"order {value}" if approval.guardrail == "only-by-order" else f"open: {value}"


def notes(accounts: Iterable[AccountResult]) -> Sequence[str]:
    """Return the notes on the roles of accounts, each once, with the number of roles."""
    numbers = Counter(
        note for account in accounts for role in account.roles for note in dict.fromkeys(role.notes)
    )
    return [
        f"{line(unknown_in_words(note))} ({number:,} {'role' if number == 1 else 'roles'})"
        for note, number in numbers.most_common()
    ]


UNVERIFIED: Final = "unverified"
"""The rule for what could not be checked."""

_WHO: Final = "AWS CloudTrail shows who changed it."
_RESTORE: Final = (
    "Restore the reviewed state, manually or with a drift-aware change set (cdk deploy "
    "--revert-drift). Deploying an unchanged template again does not restore it."
)
_AGAIN: Final = "Correct the expectation, or delete the role and deploy it again."

RULES: Final[Mapping[Rule, str]] = MappingProxyType(
    {
        "role-missing": "An expected role does not exist.",
        "role-present": "A role that must be removed still exists.",
        "role-name": "The role's name differs in case.",
        "role-path": "The role has a different path.",
        "trust-policy": "The trust policy differs.",
        "trust-broken": "The trust policy names a principal that no longer exists.",
        "external-id": "The role accepts other external IDs than expected.",
        "policy-added": "The role has a policy that is not expected.",
        "policy-removed": "The role lacks an expected policy.",
        "policy-changed": "One of the role's policies differs.",
        "policies-together": "The role's policies, taken together, have a different effect.",
        "boundary-added": "The role has a permissions boundary that is not expected.",
        "boundary-removed": "The role lacks the expected permissions boundary.",
        "boundary-changed": "The role has a different permissions boundary.",
        "boundary-text": "The policy document of the permissions boundary differs.",
        "session-duration": "The maximum session duration differs.",
        "tag-added": "The role has a tag that is not expected.",
        "tag-removed": "The role lacks an expected tag.",
        "tag-changed": "A tag has a different value.",
        "other-access": "Pump's principal, or everyone, can assume another role.",
        "organization": "The account is not in the expected organization.",
    }
)
"""What each kind of difference means."""

REMEDIES: Final[Mapping[Rule, str]] = MappingProxyType(
    {
        "role-missing": "Pump cannot work in the account with this role. Deploy the role's stack, "
        "or the stack instance of its rollout; if you do not want it yet, pass --role with the "
        f"other one. If the stack still exists: {_RESTORE}",
        "role-present": "Delete what created it: its stack; in a member account, the stack "
        "instance of its rollout (aws cloudformation delete-stack-instances --no-retain-stacks); "
        "or, if it was created manually, the role itself. Then verify again.",
        "role-name": f"ARNs in policies are case-sensitive. {_AGAIN}",
        "role-path": f"The path is part of the ARN that Pump and policies use. {_AGAIN}",
        "trust-policy": f"It decides who can assume the role. {_WHO} {_RESTORE}",
        "trust-broken": "A new principal with the same name cannot assume the role until the trust "
        f"policy is updated. {_RESTORE}",
        "external-id": "Pump can assume the role only with the external ID that it has for the "
        f"account. {_WHO} {_RESTORE}",
        "policy-added": f"{_WHO} Remove the policy, or review it and add it to what is expected.",
        "policy-removed": "Without a guardrail, the role can do more; without any other policy, "
        f"Pump may be unable to work in the account. {_WHO} {_RESTORE}",
        "policy-changed": f"{_WHO} {_RESTORE}",
        "policies-together": "No single policy has this effect. Review all policies of the role. "
        f"{_WHO} {_RESTORE}",
        "boundary-added": f"{_WHO} Remove the boundary, or add it to what is expected.",
        "boundary-removed": f"No permissions boundary limits the role now. {_WHO} {_RESTORE}",
        "boundary-changed": f"{_WHO} {_RESTORE}",
        "boundary-text": f"Compare the policy with the one that was reviewed. {_WHO}",
        "session-duration": f"{_WHO} {_RESTORE}",
        "tag-added": "Remove the tag, or allow its key with --allow-tag.",
        "tag-removed": "Policies can depend on the tag. Restore it.",
        "tag-changed": "Policies can depend on the tag. Set its expected value again.",
        "other-access": "If it is one of the roles that you deployed, verify it, too. Otherwise, "
        "delete the role if it is no longer needed, or restrict its trust policy.",
        "organization": "The management account of an organization acts in the account past Pump's "
        "roles and everything that limits them, and an organization's policies no longer apply "
        "after the account has left it. Find out who accepted an invitation, or left. If the "
        "account should not be in its organization, leave that.",
    }
)
"""What to do about each kind of difference."""

UNVERIFIED_REMEDY: Final = (
    "It may differ from what is expected. Make sure that it can be read, then verify again. "
    "Until then, findings about this account may be missing."
)
"""What to do about what could not be checked."""


def remedies(verification: Verification) -> Mapping[str, str]:
    """Return what to do about a result, by rule."""
    rules = {
        difference.rule for account in verification.accounts for difference in _differences(account)
    }
    if any(account.others for account in verification.accounts):
        rules.add("other-access")
    by_rule: dict[str, str] = {rule: remedy for rule, remedy in REMEDIES.items() if rule in rules}
    return {**by_rule, UNVERIFIED: UNVERIFIED_REMEDY} if is_unknown(verification) else by_rule
