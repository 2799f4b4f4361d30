"""The result for a terminal."""

from collections.abc import Iterator
from typing import Final

from pump_roles.review.account.verify.verification import AccountResult, Verification
from pump_roles.review.output import verify_words as wording
from pump_roles.review.output.pieces import line, plural
from pump_roles.review.output.terminal import Line, in_lines

_STYLES: Final = {
    "match": "green",
    "differs": "bold red",
    "unknown": "yellow",
    "broader": "bold red",
    "other": "yellow",
    "narrower": "cyan",
    "not checked": "yellow",
    "note": "yellow",
    "open": "yellow",
}

_MATCHING: Final = 10
"""Up to this many matching accounts are shown with their roles; more are only counted."""


def as_table(verification: Verification, *, styled: bool) -> str:
    """Return the result for a terminal: first what needs attention, last the counts."""
    return in_lines(_lines(verification), styled=styled)


def _lines(verification: Verification) -> Iterator[Line]:
    yield Line(text=f"compared with: {line(verification.expected)}")
    if organizations := wording.organizations(verification):
        yield Line(text=f"organization: {organizations}")
    yield Line()
    by_state = wording.by_attention(verification.accounts)
    matching = by_state["match"]
    few = matching if len(matching) <= _MATCHING else []
    for account in (*by_state["differs"], *by_state["unknown"], *few):
        yield from _account(account)
    if len(matching) > _MATCHING:
        yield Line(label="match:", style=_STYLES["match"], text=plural(len(matching), "account"))
        for entry in wording.of_matching(matching):
            yield from _entry(entry, 1)
        yield Line()
    if by_rule := wording.remedies(verification):
        yield Line(text="what to do:")
        for rule, remedy in by_rule.items():
            yield Line(depth=1, label=f"{rule}:", style="bold", text=remedy)
        yield Line()
    yield Line(text=f"accounts: {wording.counts(verification)}")


def _account(account: AccountResult) -> Iterator[Line]:
    state, about = account.state, wording.account_in_words(account)
    yield Line(label=state, style=_STYLES[state], text=about)
    for entry in wording.of_account(account):
        yield from _entry(entry, 1)
    for role in account.roles:
        text = f"{line(role.arn)} ({role.kind})"
        yield Line(depth=1, label=role.state, style=_STYLES[role.state], text=text)
        for entry in wording.of_role(role):
            yield from _entry(entry, 2)
    yield Line()


def _entry(entry: wording.Entry, depth: int) -> Iterator[Line]:
    label = f"{entry.label}:" if entry.label else ""
    text = f"{entry.sentence} ({entry.rule})" if entry.rule else entry.sentence
    yield Line(depth=depth, label=label, style=_STYLES.get(entry.label, "bold"), text=text)
    for detail in entry.details:
        yield Line(depth=depth + 1, text=detail)
