"""The Markdown for a ticket: its content, and that nothing can crowd it out."""

from dataclasses import replace

import pytest
from markdown_it import MarkdownIt

from pump_roles.iam.trust import parse_trust
from pump_roles.iam.values import known
from pump_roles.review.compare import Difference
from pump_roles.review.output.pieces import code, say, text
from pump_roles.review.output.report_markdown import as_markdown
from pump_roles.review.output.report_words import answer_in_words, at_worst, heading
from pump_roles.review.report import Report, of_published
from pump_roles.review.report.report_model import Change, Compared, Finding
from pump_roles.review.role import Boundary, Unknown
from pump_roles.review.templates import Place
from tests.review.account.verify.results import newly_allowed
from tests.support import trust

LIMIT = 60_000
"""The maximum length, in characters. GitHub allows 65,536 in a comment."""

SINCE = Compared(
    file="earlier.json", files=(("earlier.json", "0" * 64),), date="2026-09-26", version="0.1.0"
)


@pytest.fixture(scope="module")
def published() -> Report:
    return of_published()


def test_has_what_a_ticket_needs(published: Report) -> None:
    markdown = as_markdown(published)
    for role in published.roles:
        assert heading(role) in markdown
        assert f"`{role.name}`" in markdown
        assert f"- [ ] Accept the {role.kind} role" in markdown
    assert "- [ ] Reject, because: " in markdown
    assert "Pump's principal" in markdown
    assert f"**{say('alarms.none')}. {say('changes.not_compared')}.**" in markdown
    for statement in published.statements:
        (line,) = (
            line for line in markdown.splitlines() if line.startswith(f"| {statement.title}")
        )
        for answer in statement.roles.values():
            assert f"**{answer_in_words(answer)}**" in line
    assert len(markdown) < 10_000


def test_says_what_the_answers_mean_at_worst(published: Report) -> None:
    section = as_markdown(published).partition("\n## At worst\n\n")[2].partition("\n## ")[0]
    # Cut short nowhere.
    assert section.strip().split("\n\n") == [
        f"**{what}.** {text(meaning)}" for what, meaning in at_worst(published)
    ]
    assert section in as_markdown(published, every_action=True)


def test_says_nothing_at_worst_of_what_no_role_can_do(published: Report) -> None:
    assert "At worst" not in as_markdown(replace(published, roles=published.roles[:1], actions=()))
    statements = tuple(
        replace(
            found,
            roles={kind: replace(answer, answer="unknown") for kind, answer in found.roles.items()},
        )
        for found in published.statements
    )
    worst = at_worst(replace(published, statements=statements))
    assert all(what.endswith("(read-only, auto-pilot)") for what, _ in worst)


def test_has_the_digests_the_alarms_and_the_changes(published: Report) -> None:
    difference = Difference(
        rule="policies-together",
        effect="broader",
        actions=("ce:GetTags",),
        decisions=(newly_allowed("ce:GetTags"),),
    )
    change = Change(
        effect="broader",
        role="read-only",
        difference=difference,
        actions=("ce:GetTags",),
        risk="reads",
    )
    report = replace(
        published,
        alarms=1,
        findings=(SUSPECT, *published.findings),
        since=SINCE,
        changes=(change,),
        roles=tuple(
            replace(role, files=((f"{number}.json", f"{number}" * 64), ("other.json", "f" * 64)))
            for number, role in enumerate(published.roles)
        ),
    )
    markdown = as_markdown(report)
    assert "**1 alarm. 1 change since earlier.json: 1 can broaden access.**" in markdown
    assert "**Other resources may give more access than these roles.** They are not " in markdown
    assert (
        "- broader, read-only: 1 action that reads metadata: not granted before, allowed now: "
        "`ce:GetTags`" in markdown
    )
    assert f"SHA-256 {'0' * 64}" in markdown
    for role in report.roles:
        for _, sha256 in role.files:
            assert markdown.count(sha256) >= 2, "in the table and next to the line to accept"


def test_lists_every_action_only_if_asked(published: Report) -> None:
    cut, whole = as_markdown(published), as_markdown(published, every_action=True)
    rows = [f"\n| `{action.name}` |" for action in published.actions]
    assert all(row in whole for row in rows)
    assert not any(row in cut for row in rows)
    assert all(f"\n### {policy.name}\n" in whole for policy in published.roles[0].policies)
    assert "\n### " not in cut
    assert "- [ ] " not in whole


LONG = "x" * 70_000
SUSPECT = Finding(kind="suspect")


def macro(subject: str) -> Unknown:
    return Unknown(part="template", why="macro", subject=subject)


LONG_CHANGE = Change(
    effect="broader",
    role="read-only",
    about="suspect",
    unknown=macro(LONG),
    actions=("ce:GetTags",) * 500,
)


@pytest.mark.parametrize(
    "excess",
    [
        {"findings": (SUSPECT,) * 8, "unreadable": (macro(LONG),)},
        {"findings": (SUSPECT,) * 3_000, "unreadable": (macro("a"),)},
        {"since": SINCE, "changes": (LONG_CHANGE,) * 500},
        {
            "findings": (SUSPECT,) * 3_000,
            "unreadable": (macro(LONG),),
            "since": SINCE,
            "changes": (LONG_CHANGE,) * 500,
        },
    ],
)
def test_nothing_pushes_out_the_rest(excess: dict[str, object], published: Report) -> None:
    roles = tuple(
        replace(
            role,
            role=replace(
                role.role,
                name=known(LONG),
                boundary=Boundary(arn=known(LONG)),
                trust=parse_trust(trust(LONG, "Example-1234")),
            ),
            files=((LONG, "0" * 64),) * 50,
        )
        for role in published.roles
    )
    place = Place(kind="read-only", source=LONG, stack_set=LONG)
    report = replace(
        published,
        alarms=1,
        roles=roles,
        places=(place,) * 500,
        **excess,  # type: ignore[arg-type]
    )
    markdown = as_markdown(report)
    assert len(markdown) < LIMIT
    assert "**Cut here: " in markdown
    assert "(cut)" in markdown
    whole = as_markdown(report, every_action=True)
    assert len(whole) > LIMIT
    assert "ut here" not in whole
    assert "(cut)" not in whole
    assert ("**Other resources may give more access than these roles.**" in markdown) == (
        "findings" in excess
    )
    assert ("- broader, read-only: " in markdown) == ("changes" in excess)
    headings = ("In plain words", "Changes", "In numbers", "Where the roles act", "Decision")
    found = [markdown.index(f"## {heading}") for heading in headings]
    assert found == sorted(found), "plain words come first, after the alarms"
    for statement in report.statements:
        assert statement.title in markdown
    _, _, after = markdown.partition("- [ ] Reject, because: \n")
    assert after == f"\n{say('later.markdown')} `{say('later.command')}`\n"


@pytest.mark.parametrize("value", ["a", "`a", "a`", "a`b``c", "`"])
def test_code_span_shows_its_text(value: str) -> None:
    (inline,) = [token for token in MarkdownIt().parse(code(value)) if token.children]
    assert [(span.type, span.content) for span in inline.children or ()] == [("code_inline", value)]
