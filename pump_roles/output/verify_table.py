"""The result for a terminal."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from io import StringIO
from textwrap import wrap
from typing import TYPE_CHECKING, Final

from pump_roles.account.verify.result import AccountResult, RoleResult, Verification
from pump_roles.compare import Difference
from pump_roles.output import verify_words as wording
from pump_roles.output.pieces import LONGEST_NAME, console_for, few, line, listed, plural
from pump_roles.output.words import (
    access_in_words,
    details_of,
    difference_in_words,
    unknown_in_words,
)

if TYPE_CHECKING:
    from rich.text import Text

_STYLES: Final = {
    "match": "green",
    "differs": "bold red",
    "unknown": "yellow",
    "broader": "bold red",
    "other": "yellow",
    "narrower": "cyan",
}

_MATCHING: Final = 10
"""Up to this many matching accounts are shown with their roles; more are only counted."""

_MOST: Final = 20
"""The maximum number of differences, reasons, or other roles that are listed."""


@dataclass(frozen=True, kw_only=True)
class _Line:
    # The label is styled; the text after it may be wrapped.
    depth: int = 0
    label: str = ""
    style: str = ""
    text: str = ""

    def shown(self, width: int | None) -> "Text":
        from rich.text import Text  # noqa: PLC0415

        start = "  " * self.depth
        sentence = f"{self.label} {self.text}".strip()
        whole = f"{start}{sentence}"
        if width is not None:
            # Wrap only between words, so that a long ARN stays whole.
            wrapped = wrap(
                sentence,
                width=width,
                initial_indent=start,
                subsequent_indent=f"{start}  ",
                break_long_words=False,
                break_on_hyphens=False,
            )
            whole = "\n".join(wrapped)
        text = Text(whole)
        text.stylize(self.style, len(start), len(start) + len(self.label))
        return text


def as_table(verification: Verification, *, styled: bool) -> str:
    """Return the result for a terminal: first what needs attention, last the counts.

    On a terminal, long sentences are wrapped between words; ARNs and IDs are never broken. If more
    than ten accounts match, they are only counted.

    :param verification: the result.
    :param styled: whether it is for standard output; if that is a terminal, it has styles.
    """
    written = StringIO()
    console = console_for(written, styled=styled)
    for line_ in _lines(verification):
        console.print(line_.shown(console.width if console.is_terminal else None))
    return written.getvalue()


def _lines(verification: Verification) -> Iterator[_Line]:
    yield _Line(text=f"compared with: {line(verification.expected)}")
    if organizations := wording.organizations(verification):
        yield _Line(text=f"organization: {organizations}")
    yield _Line()
    by_state = wording.by_attention(verification.accounts)
    for state in ("differs", "unknown"):
        for account in by_state[state]:
            yield from _account(account)
    matching = by_state["match"]
    if len(matching) <= _MATCHING:
        for account in matching:
            yield from _account(account)
    else:
        text = plural(len(matching), "account")
        yield _Line(label="match:", style=_STYLES["match"], text=text)
        yield from _list("note", wording.notes(matching), depth=1)
        yield _Line()
    by_rule = wording.remedies(verification)
    if by_rule:
        yield _Line(text="what to do:")
        for rule, remedy in by_rule.items():
            yield _Line(depth=1, label=f"{rule}:", style="bold", text=remedy)
        yield _Line()
    yield _Line(text=f"accounts: {wording.counts(verification)}")


def _account(account: AccountResult) -> Iterator[_Line]:
    name = f" ({line(account.name, LONGEST_NAME)})" if account.name else ""
    yield _Line(label=account.state, style=_STYLES[account.state], text=f"{account.account}{name}")
    unknown = [line(unknown_in_words(unread)) for unread in account.unknown]
    yield from _list("not checked", unknown, depth=1)
    for difference in account.differences:
        yield from _difference(difference, depth=1)
    for role in account.roles:
        yield from _role(role)
    others, more = few(account.others, _MOST, "other role")
    for other in others:
        about = f"the role {line(other.arn)}: {line(access_in_words(other.alarms))} (other-access)"
        yield _Line(depth=1, label=f"{other.effect}:", style=_STYLES[other.effect], text=about)
        principals, left = wording.few_of(other.principals)
        if principals:
            text = f"can be assumed by: {', '.join(principals)}{left}"
            yield _Line(depth=2, text=text)
    if more:
        yield _Line(depth=1, text=f"and {more}")
    yield _Line()


def _role(role: RoleResult) -> Iterator[_Line]:
    text = f"{line(role.arn)} ({role.kind})"
    yield _Line(depth=1, label=role.state, style=_STYLES[role.state], text=text)
    shown, more = few(wording.by_effect(role.differences), _MOST, "difference")
    for difference in shown:
        yield from _difference(difference)
    if more:
        yield _Line(depth=2, text=f"and {more}")
    unknown = [line(unknown_in_words(unread)) for unread in role.unknown]
    yield from _list("not checked", unknown, depth=2)
    yield from _list("note", [line(unknown_in_words(note)) for note in role.notes], depth=2)
    for approval in role.approvals:
        text = wording.approval_in_words(approval)
        yield _Line(depth=2, label=f"{approval.guardrail}:", style="bold", text=text)
    if used := wording.last_use(role):
        yield _Line(depth=2, text=f"last used: {used}")


def _difference(difference: Difference, *, depth: int = 2) -> Iterator[_Line]:
    effect = difference.effect
    text = f"{line(difference_in_words(difference))} ({difference.rule})"
    yield _Line(depth=depth, label=f"{effect}:", style=_STYLES[effect], text=text)
    details = (line(detail, LONGEST_NAME) for detail in details_of(difference, wording.SIDES))
    for detail in listed(details, wording.DETAILS, "change"):
        yield _Line(depth=3, text=detail)
    actions, left = wording.few_of(difference.actions)
    if actions:
        yield _Line(depth=3, text=f"actions: {', '.join(actions)}{left}")


def _list(label: str, texts: Sequence[str], *, depth: int) -> Iterator[_Line]:
    shown, more = few(texts, _MOST)
    for text in shown:
        yield _Line(depth=depth, label=f"{label}:", style="yellow", text=text)
    if more:
        yield _Line(depth=depth, text=f"and {more}")
