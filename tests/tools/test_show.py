"""Where the tables, messages, and commands of the demos break in a narrow terminal."""

import re
from collections.abc import Callable

import pytest

from tools.sandbox.show import Show

ACTION = "organizations:DescribeOrganization"
ROWS = [
    ("see the organization", "✔ yes", ACTION),
    ("stop an instance", "· no", "ec2:StopInstances"),
]
COMMAND = (
    f"aws iam tag-role --role-name {'PumpAutoPilotRole' * 5} --tags Key=example,Value=[example]"
)


@pytest.fixture
def shown(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., str]:
    def show(width: int, work: Callable[[Show], object]) -> str:
        monkeypatch.setenv("COLUMNS", str(width))
        work(Show({}))
        return capsys.readouterr().out

    return show


def table(show: Show) -> None:
    made = show.table("", "read-only", "action")
    for what, verdict, action in ROWS:
        made.add_row(what, f"[green]{verdict}[/]", action)
    show.show_table(made)


def words(text: str) -> set[str]:
    return {*text.split()}


def test_table_that_fits_is_not_broken(shown: Callable[..., str]) -> None:
    lines = shown(80, table).splitlines()
    assert len(lines) == 4
    assert lines[2] == f"see the organization  ✔ yes      {ACTION}"


def test_narrower_table_breaks_only_between_words(shown: Callable[..., str]) -> None:
    lines = shown(60, table).splitlines()
    assert max(map(len, lines)) <= 60
    assert words("\n".join(lines)) >= {ACTION, "organization", "ec2:StopInstances", "instance"}


def test_action_that_is_longer_than_its_column_breaks_after_its_colon(
    shown: Callable[..., str],
) -> None:
    lines = shown(48, table).splitlines()
    assert max(map(len, lines)) <= 48
    found = words("\n".join(lines))
    assert found >= {"organizations:", "DescribeOrganization", "ec2:StopInstances", "organization"}


def test_no_word_is_cut_if_the_terminal_is_narrower_than_the_words(
    shown: Callable[..., str],
) -> None:
    found = words(shown(20, table))
    assert found >= {"organizations:", "DescribeOrganization", "organization", "read-only"}


def test_command_is_neither_wrapped_nor_markup(shown: Callable[..., str]) -> None:
    assert shown(40, lambda show: show.command(COMMAND)) == f"  $ {COMMAND}\n"


def test_message_breaks_only_between_words(shown: Callable[..., str]) -> None:
    arn = f"arn:aws:iam::123456789012:role/{'a-path/' * 9}Role"
    message = f"[User] {arn} is not authorized\nto perform: {ACTION}"
    text = shown(40, lambda show: show.quote(message))
    assert text.split() == message.split()
    assert all(re.match(r"    \S", line) for line in text.splitlines())
