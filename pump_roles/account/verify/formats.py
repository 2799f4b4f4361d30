"""The result as JSON and as Markdown."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from pump_roles._version import __version__
from pump_roles.account.verify.model import (
    AccountResult,
    Difference,
    OtherRole,
    RoleResult,
    Verification,
)
from pump_roles.account.verify.remedies import remedies
from pump_roles.account.verify.wording import (
    DETAILS,
    LONGEST_NAME,
    broader,
    by_attention,
    by_effect,
    counts,
    few,
    few_of,
    last_use,
    line,
    notes,
)
from pump_roles.report.escape import code, text

__all__ = ["MARKDOWN_LIMIT", "as_json", "as_markdown"]

MARKDOWN_LIMIT: Final = 60_000
"""The maximum length of the Markdown, in characters. GitHub allows 65,536 in a comment."""

_ONE_ACCOUNT: Final = 8_000
"""The maximum number of characters for one account, so that none crowds out the others."""

_MOST: Final = 10
"""The maximum number of differences, reasons, or other roles that are listed."""

_NOTES: Final = 5

_SENTENCE: Final = 400
"""The maximum length of a sentence, in characters."""


def as_json(verification: Verification) -> str:
    """Return the result as JSON, which ``verify.schema.json`` describes.

    :param verification: the result.
    """
    return json.dumps(verification.as_dict(), indent=2) + "\n"


def as_markdown(verification: Verification) -> str:
    """Return the result as Markdown, for a pull request or a ticket: at most 60,000 characters.

    Accounts that differ come first; among them, those with more access than expected. What is cut
    is counted. Accounts that match are only counted.

    :param verification: the result.
    """
    by_state = by_attention(verification.accounts)
    head = [*_head(verification)]
    matching, to_do = [*_notes(notes(by_state["match"]))], [*_remedies(remedies(verification))]
    tail = [*matching, *([""] if matching and to_do else []), *to_do]
    # Leave room for the sentences that say what is cut.
    room = MARKDOWN_LIMIT - len("\n".join((*head, *tail))) - 1_000
    sections: list[str] = []
    for title, accounts in (
        ("Accounts that differ", by_state["differs"]),
        ("Accounts that could not be checked", by_state["unknown"]),
    ):
        section = [*_section(title, accounts, room)]
        room -= len("\n".join(section))
        sections += section
    return "\n".join((*head, *sections, *tail)).rstrip("\n") + "\n"


def _head(verification: Verification) -> Iterator[str]:
    more = sum(map(broader, verification.accounts))
    alarm = f" More access than expected: {more:,}." if more else ""
    yield "# Pump's roles in AWS accounts"
    yield ""
    yield f"**Accounts: {counts(verification)}.{alarm}**"
    yield ""
    yield f"Compared with: {_code(verification.expected)}. Made by pump-roles {__version__}."
    yield ""


def _notes(texts: Sequence[str]) -> Iterator[str]:
    shown, more = few(texts, _NOTES)
    if shown:
        yield "## Accounts that match"
        yield ""
        for note in shown:
            yield f"- {_text(note)}"
        if more:
            yield f"- and {more:,} more notes"


def _remedies(by_rule: Mapping[str, str]) -> Iterator[str]:
    if by_rule:
        yield "## What to do"
        yield ""
        for rule, remedy in by_rule.items():
            yield f"- `{rule}`: {_text(remedy)}"


def _section(title: str, accounts: Sequence[AccountResult], room: int) -> Iterator[str]:
    if not accounts:
        return
    yield f"## {title}"
    yield ""
    for number, account in enumerate(accounts):
        block = [*_fitted([*_account(account)])]
        room -= len("\n".join(block)) + 1
        if room < 0:
            left = accounts[number:]
            with_more = sum(map(broader, left))
            about = f", {with_more:,} with more access than expected" if with_more else ""
            yield f"**Cut here: {len(left):,} more of {len(accounts):,} accounts{about}.**"
            yield ""
            return
        yield from block


def _fitted(lines: Sequence[str]) -> Iterator[str]:
    room = _ONE_ACCOUNT
    for number, text_line in enumerate(lines):
        room -= len(text_line) + 1
        if room < 0:
            yield f"- **Cut here: {len(lines) - number:,} more lines about this account.**"
            break
        yield text_line
    yield ""


def _account(account: AccountResult) -> Iterator[str]:
    name = f" ({_code(account.name)})" if account.name else ""
    yield f"### {account.account}{name}"
    yield ""
    if account.reason:
        yield f"- not checked: {_text(account.reason)}"
    for role in account.roles:
        yield from _role(role)
    yield from _few(map(_other, account.others), "other roles")


def _other(other: OtherRole) -> str:
    principals, more = few_of(other.principals)
    by = f"; can be assumed by {', '.join(map(code, principals))}{more}" if principals else ""
    about = f"the role {_code(other.name)}: {_text(other.alarm)}"
    return f"- **{other.effect}** (`other-access`): {about}{by}"


def _role(role: RoleResult) -> Iterator[str]:
    used = f", last used {_text(last_use(role))}" if last_use(role) else ""
    yield f"- {role.kind} role {code(line(role.arn))}: **{role.state}**{used}"
    yield from _few(map(_difference, by_effect(role.differences)), "differences", indent="  ")
    yield from _few((f"- not checked: {_text(reason)}" for reason in role.unknown), "", indent="  ")
    yield from _few((f"- note: {_text(note)}" for note in role.notes), "", indent="  ")


def _difference(difference: Difference) -> str:
    details, more = few(difference.details, DETAILS)
    sentences = [_text(difference.what), *(_text(line(detail, LONGEST_NAME)) for detail in details)]
    if more:
        sentences.append(f"{more:,} more changes")
    actions, left = few_of(difference.actions)
    listed = f"; actions: {', '.join(map(code, actions))}{left}" if actions else ""
    return f"- **{difference.effect}** (`{difference.rule}`): {'; '.join(sentences)}{listed}"


def _few(items: Iterable[str], what: str, *, indent: str = "") -> Iterator[str]:
    shown, more = few([*items], _MOST)
    for item in shown:
        yield f"{indent}{item}"
    if more:
        yield f"{indent}- and {more:,} more {what}".rstrip()


def _text(value: str) -> str:
    return text(line(value, _SENTENCE))


def _code(value: str) -> str:
    return code(line(value, LONGEST_NAME))
