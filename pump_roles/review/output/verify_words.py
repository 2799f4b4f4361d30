"""What the formats of a verification share: entries, order, remedies, and maximum lengths."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, get_args

from pump_roles.review.account.organization import Organization
from pump_roles.review.account.verify.verification import (
    AccountResult,
    Approval,
    OtherRole,
    RoleResult,
    State,
    Verification,
)
from pump_roles.review.compare import Difference, Effect, Rule
from pump_roles.review.output.pieces import LONGEST_NAME, TEXTS, few, line, listed, plural, say
from pump_roles.review.output.words import (
    access_in_words,
    details_of,
    difference_in_words,
    principal_in_words,
    unknown_in_words,
)

_MOST: Final = 20
"""The maximum number of differences, other roles, or reasons that are listed."""

_NAMES: Final = 8
"""How many actions of a difference, or principals of a role, are listed."""

_DETAILS: Final = 4
"""How many of a difference's details are listed."""

_DENY_ALL: Final = "AWSDenyAll"
_STOPPED: Final = say("verdict.stopped")

_EFFECTS: Final[Sequence[Effect]] = ("broader", "other", "narrower")
_STATES: Final[Sequence[State]] = ("differs", "unknown", "match")


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One thing about an account or a role, which each format shows in its own way."""

    label: str = ""
    rule: str = ""
    sentence: str
    details: Sequence[str] = ()


def of_account(account: AccountResult) -> Iterator[Entry]:
    """Yield what there is to say about an account, apart from its expected roles."""
    yield from _entries("not checked", map(unknown_in_words, account.unknown))
    yield from _first(map(_of_difference, account.differences), "difference")
    yield from _first(map(_of_other, account.others), "other role")


def of_role(role: RoleResult) -> Iterator[Entry]:
    """Yield what there is to say about an expected role."""
    # First those that give more access, then those that may, then the others.
    by_effect = sorted(role.differences, key=lambda found: _EFFECTS.index(found.effect))
    yield from _first(map(_of_difference, by_effect), "difference")
    yield from _entries("not checked", map(unknown_in_words, role.unknown))
    yield from _entries("note", map(unknown_in_words, role.notes))
    if role.stopped:
        yield Entry(label=_DENY_ALL, sentence=_STOPPED)
    for approval in role.approvals:
        yield Entry(label=approval.guardrail, sentence=approval_in_words(approval))
    if role.last_used:
        where = f" in {role.last_used_region}" if role.last_used_region else ""
        yield Entry(label="last used", sentence=line(f"{role.last_used}{where}"))


def _entries(label: str, sentences: Iterable[str]) -> Iterator[Entry]:
    """Yield an entry for each sentence; of many, only the first, and how many more there are."""
    return _first(Entry(label=label, sentence=line(each)) for each in sentences)


def _of_difference(difference: Difference) -> Entry:
    """Return what a difference is, and what it changes."""
    details = (line(detail, LONGEST_NAME) for detail in details_of(difference, "account"))
    return Entry(
        label=difference.effect,
        rule=difference.rule,
        sentence=line(difference_in_words(difference)),
        details=(
            *listed(details, _DETAILS, "change"),
            *_named("actions", difference.actions),
        ),
    )


def _of_other(other: OtherRole) -> Entry:
    """Return how another role gives access, and to whom."""
    return Entry(
        label=other.effect,
        rule="other-access",
        sentence=f"the role {line(other.arn)}: {line(access_in_words(other.alarms))}",
        details=(*_named("can be assumed by", [*map(principal_in_words, other.principals)]),),
    )


def _named(what: str, names: Sequence[str]) -> Iterator[str]:
    shown, more = few(names, _NAMES)
    if shown:
        known = ", ".join(line(name, LONGEST_NAME) for name in shown)
        yield f"{what}: {known}{f' and {more}' if more else ''}"


def _first(entries: Iterable[Entry], noun: str = "") -> Iterator[Entry]:
    shown, more = few([*entries], _MOST, noun)
    yield from shown
    if more:
        yield Entry(sentence=f"and {more}")


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


def _is_unknown(verification: Verification) -> bool:
    """Return whether anything could not be checked, even if something else differs."""
    return not verification.accounts or any(
        account.state == "unknown" or account.unknown or any(role.unknown for role in account.roles)
        for account in verification.accounts
    )


def counts(verification: Verification) -> str:
    """Return how many accounts have each state, such as ``998 match, 1 differs, 1 unknown``."""
    shown = [f"{count:,} {state}" for state, count in verification.counts.items() if count]
    return ", ".join(shown) or "none"


def account_in_words(account: AccountResult) -> str:
    """Return an account's ID, and its name if that was read."""
    return f"{account.account}{f' ({line(account.name, LONGEST_NAME)})' if account.name else ''}"


def organizations(verification: Verification) -> str:
    """Return the accounts' organizations and management accounts; empty if none was read."""
    found = (account.organization for account in verification.accounts)
    return "; ".join(dict.fromkeys(_organization(each) for each in found if each is not None))


def _organization(organization: Organization) -> str:
    if not organization.id:
        return "none"
    return f"{organization.id}, management account {organization.management_account}"


def approval_in_words(approval: Approval) -> str:
    """Return whether a guardrail is open, such as ``open: approved``."""
    value = line(approval.value, LONGEST_NAME)
    state = "open" if approval.open else "closed"
    return f"{state}: {value}" if value else state


def of_matching(accounts: Sequence[AccountResult]) -> Iterator[Entry]:
    """Yield what there is to say about accounts that match and are not shown one by one."""
    yield from _entries("note", _notes(accounts))
    if stopped := sum(role.stopped for account in accounts for role in account.roles):
        yield Entry(label=_DENY_ALL, sentence=f"{_STOPPED} ({plural(stopped, 'role')})")
    yield from _entries("open", _open_guardrails(accounts))


def _open_guardrails(accounts: Iterable[AccountResult]) -> Iterator[str]:
    """Yield which guardrails the customer has opened, a sentence for each role."""
    for account in accounts:
        for role in account.roles:
            for approval in role.approvals:
                if approval.open:
                    name = line(role.arn.rpartition("/")[2])
                    yield (
                        f"The {role.kind} role {name} in account {account_in_words(account)}: "
                        f"the guardrail {approval.guardrail}: {approval_in_words(approval)}."
                    )


def _notes(accounts: Iterable[AccountResult]) -> Sequence[str]:
    """Return the notes on the roles of accounts, each once, with the number of roles."""
    numbers = Counter(
        note for account in accounts for role in account.roles for note in dict.fromkeys(role.notes)
    )
    return [
        f"{line(unknown_in_words(note))} ({plural(number, 'role')})"
        for note, number in numbers.most_common()
    ]


REMEDIES: Final[Mapping[Rule, str]] = {
    rule: TEXTS["remedies"][rule].format(**TEXTS["remedy_parts"]) for rule in get_args(Rule)
}
"""What to do about each kind of difference."""

UNVERIFIED_REMEDY: Final = say("remedies.unverified")
"""What to do about what could not be checked."""


def remedies(verification: Verification) -> Mapping[str, str]:
    """Return what to do about a result, by rule."""
    rules = {
        difference.rule for account in verification.accounts for difference in _differences(account)
    }
    if any(account.others for account in verification.accounts):
        rules.add("other-access")
    by_rule: dict[str, str] = {rule: remedy for rule, remedy in REMEDIES.items() if rule in rules}
    return {**by_rule, "unverified": UNVERIFIED_REMEDY} if _is_unknown(verification) else by_rule
