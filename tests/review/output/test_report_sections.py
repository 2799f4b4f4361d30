"""The report's document: what a ticket needs, that nothing crowds it out, and the rows for CSV."""

import csv
import io
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from pump_roles import Guardrail
from pump_roles.compare.difference import Difference
from pump_roles.iam.catalog import newer, shipped
from pump_roles.iam.identity_policies import known
from pump_roles.iam.trust import parse_trust
from pump_roles.review.output import Names, Strong, Table
from pump_roles.review.output.descriptions import RISKS_IN_WORDS
from pump_roles.review.output.report_actions import CSV_HEADS
from pump_roles.review.output.report_checks import checks
from pump_roles.review.output.report_descriptions import (
    answered,
    at_worst,
    describe_answer,
    describe_denies,
    heading,
    verdict,
)
from pump_roles.review.output.report_sections import facts
from pump_roles.review.output.writers import LIMIT
from pump_roles.review.report import (
    RISKS,
    Answer,
    Earlier,
    Finding,
    Report,
    ReportChange,
    WorstCase,
)
from pump_roles.review.report.permission_report import of_published
from pump_roles.review.report.questions import left_by_sets
from pump_roles.review.report.questions import worst_cases as worst_of
from pump_roles.role.assembly import Deployment
from pump_roles.role.iam_role import Boundary
from pump_roles.role.unknowns import AssemblyUnknown
from tests.customer import allow, deny
from tests.documents import presentation_of, written
from tests.review.account.results import newly_allowed
from tests.support import (
    DOCUMENTED,
    a_statement,
    another,
    changed,
    in_template,
    of_templates,
    synthesize,
    together,
    trust,
)

SINCE = Earlier(file="earlier.json", report=of_published()).compared


@pytest.fixture(scope="module")
def published() -> Report:
    return of_published()


def test_has_what_a_ticket_needs(published: Report) -> None:
    markdown = written(published, "markdown")
    for role in published.roles:
        assert f"**{heading(role)}.** {verdict(role, published)}" in markdown
        assert f"`{role.name}`" in markdown
        for risk in RISKS:
            numbers = (f"{getattr(each, risk):,}" for each in published.roles)
            assert f"\n| {RISKS_IN_WORDS[risk]} | {' | '.join(numbers)} |\n" in markdown
        assert f"- [ ] Accept the {role.kind} role" in markdown
    assert "- [ ] Reject, because:\n" in markdown
    assert "ne role or account, which Pump names to you" in markdown
    for check in checks(published):
        assert f"\n**{check.title}.** {check.text}\n" in markdown
    for statement in published.statements:
        (line,) = (
            line for line in markdown.splitlines() if line.startswith(f"| {statement.title}")
        )
        for answer in statement.roles.values():
            assert f"**{describe_answer(answer)}**, {answered(answer, published.roles[0])}" in line
            # At most three are named.
            assert (f"`{answer.named[0]}`" in line) <= (len(answer.left) <= 3)
    for worst in at_worst(published):
        assert f"\n**{worst.title} ({worst.who}).**\n" in markdown
        for text in worst.texts:
            # Cut short nowhere.
            assert f"\n- {text}\n" in markdown
        for guardrail, _ in worst.limits:
            assert f"`{guardrail.name}`. {describe_denies(guardrail)}" in markdown
            assert guardrail.costs in markdown
    for left in left_by_sets(published):
        assert left.costs in markdown
    assert len(markdown) < 20_000


def test_catalog_is_a_name_in_which_nothing_is_escaped(published: Report) -> None:
    assert f"from the catalog `{published.catalog}`. " in written(published, "markdown")


def test_says_at_worst_only_what_is_possible_and_which_guardrails_are_in_place(
    published: Report,
) -> None:
    (both,) = (found for found in at_worst(published) if found.severity == "writes")
    assert both.who == "Auto-pilot"
    guarded = of_published(guardrails=[Guardrail.NO_INVITATIONS, Guardrail.ONLY_WHEN_APPROVED])
    assert both not in [*at_worst(guarded)]
    markdown = written(guarded, "markdown")
    assert "`only-when-approved` (in place)" in markdown
    assert "`metadata-only`." in markdown
    one, other = of_published(guardrails=[Guardrail.METADATA_ONLY]).roles
    for roles, where in (
        ((one, other), "in place"),
        ((replace(one, guardrails=()), other), "in place for auto-pilot"),
    ):
        assert f"`metadata-only` ({where})." in written(replace(published, roles=roles), "markdown")
    assert "`no-commitments`. It denies every" in markdown
    harmless = of_published(guardrails=[Guardrail.NEEDED_ONLY])
    unknown = [
        replace(
            found,
            roles={kind: replace(answer, answer="unknown") for kind, answer in found.roles.items()},
        )
        for found in harmless.statements
    ]
    assert {worst.roles for worst in worst_of(unknown)} == {("read-only", "auto-pilot")}
    # In this order, although the first answer is about the auto-pilot role only.
    assert {worst.roles for worst in harmless.worst if worst.only_reads} == {
        *map(tuple, [DOCUMENTED])
    }


def test_says_what_only_the_read_only_role_can_do_at_worst(published: Report) -> None:
    first, second = (found.title for found in published.worst if "read-only" in found.roles)
    only = f"Of these, only “{first}” and “{second}” apply to the read-only role."
    assert only in written(published, "markdown")


def test_what_is_read_at_worst_is_a_sentence_for_each_answer(published: Report) -> None:
    *_, last = at_worst(published)
    able = "Read-only and auto-pilot can"
    assert last.texts[0] == (
        f"{able} make calls that AWS charges for. A call to Cost Explorer costs $0.01."
    )
    assert last.texts[1] == (
        f"{able} read which organization the account is in, its handshakes, and the policies that "
        "apply to it. This works in any account, and names the management account with its email "
        "address."
    )
    statements = tuple(
        replace(found, roles={**found.roles, "read-only": replace(answer, answer="unknown")})
        for found in published.statements
        for answer in (found.roles["read-only"],)
    )
    *_, last = at_worst(replace(published, statements=statements))
    assert "Read-only may be able to make calls that AWS charges for." in last.texts[0]
    assert any(text.startswith("Auto-pilot can make calls") for text in last.texts)


@pytest.mark.parametrize(
    ("worst", "name"),
    [(worst, name) for worst in of_published().worst for name in worst.limits],
    ids=lambda value: getattr(value, "id", value),
)
def test_guardrail_limits_what_it_is_said_to_limit(
    worst: WorstCase, name: str, published: Report
) -> None:
    with_value = {"invitations-from": Guardrail.invitations_from("111122223333")}
    guarded = of_published(guardrails=[with_value.get(name) or Guardrail.named(name)])
    before, after = (
        [
            (statement.id, kind, name)
            for statement in report.statements
            if statement.id in worst.answers
            for kind, answer in statement.roles.items()
            for name in answer.allowed
        ]
        for report in (published, guarded)
    )
    assert len(after) < len(before)
    # Some reads still return data.
    assert worst.only_reads or not after


def test_role_that_can_do_nothing_has_nothing_at_worst(text: str, tmp_path: Path) -> None:
    markdown = written(changed(text, tmp_path, another({"Statement": deny("*")})), "markdown")
    assert "## At worst, and what limits it" not in markdown
    assert "## What they can do" in markdown


def test_what_pump_does_not_publish_is_not_judged(text: str, tmp_path: Path) -> None:
    statement = allow("ec2:GetPasswordData", "ec2:RunInstances", "s3:GetObject")
    report = changed(text, tmp_path, another({"Statement": statement}))
    markdown = written(report, "markdown", every_action=True)
    reads, changes = "Reads", "Changes"
    assert f"| `ec2:GetPasswordData` | {reads} | Read |" in markdown
    assert f"| `ec2:RunInstances` | {changes} | Write |" in markdown
    unjudged = "What Pump does not publish is counted by its access level only: it may spend money "
    assert f"{unjudged}or return data." in markdown
    assert unjudged not in written(of_published(), "markdown")


def test_numbers_of_denied_actions_may_not_be_exact(text: str, tmp_path: Path) -> None:
    change = together(another({"Statement": deny("ec2:*")}), in_template(Transform=["Macro"]))
    report = changed(text, tmp_path, change)
    (role,) = report.roles
    said = f"{role.denied:,}+ of {role.actions:,}+ actions are denied"
    assert said in written(report, "markdown")


@pytest.mark.parametrize(
    ("name", "shown"),
    [("Vendor.Buys", "Vendor.Buys"), ("x; reboot", "ROLE_NAME"), ("", "ROLE_NAME")],
)
def test_says_how_to_stop_the_roles_of_the_report(name: str, shown: str, published: Report) -> None:
    one, *others = published.roles
    renamed = replace(one, role=replace(one.role, name=known(name)))
    markdown = written(replace(published, roles=(renamed, *others)), "markdown")
    for stopped in (shown, others[0].name):
        assert f"\n- `aws iam put-role-permissions-boundary --role-name {stopped} --" in markdown
    assert (
        "`aws organizations attach-policy --policy-id POLICY_ID --target-id TARGET_ID`" in markdown
    )
    # The same for both is said once.
    unnamed = replace(others[0], role=replace(others[0].role, name=known("")))
    markdown = written(replace(published, roles=(renamed, unnamed)), "markdown")
    assert markdown.count("--role-name ROLE_NAME --") == 1


def test_has_the_digests_the_findings_and_the_changes(published: Report) -> None:
    difference = Difference(
        rule="policies-together",
        effect="broader",
        actions=("ce:GetTags",),
        decisions=(newly_allowed("ce:GetTags"),),
    )
    change = ReportChange(
        effect="broader",
        role="read-only",
        difference=difference,
        actions=("ce:GetTags",),
        risk="reads",
    )
    report = replace(
        published,
        findings=(SUSPECT,),
        since=SINCE,
        changes=(change,),
        roles=tuple(
            replace(role, files=((f"{number}.json", f"{number}" * 64), ("other.json", "f" * 64)))
            for number, role in enumerate(published.roles)
        ),
    )
    markdown = written(report, "markdown")
    assert "**1 finding.** Something gives, or may give, more access than Pump " in markdown
    assert "**1 change.** Since `earlier.json`. 1 can broaden access.\n" in markdown
    assert "**Other resources may give more access than these roles.** They are not " in markdown
    assert " What to do: Find out who needs this, and review it by itself.\n" in markdown
    assert (
        "- broader, read-only: 1 action that reads metadata: not granted before, allowed now: "
        "`ce:GetTags`" in markdown
    )
    assert f"SHA-256 {SINCE.read_sha256}" in markdown
    for role in report.roles:
        for _, sha256 in role.files:
            assert sha256 in markdown
    assert markdown.count(report.read_sha256) >= 2, "at the beginning and for the ticket"


def test_lists_every_action_only_if_asked(published: Report) -> None:
    ticket, whole = presentation_of(published), presentation_of(published, every_action=True)
    titles = [[section.title for section in found.sections] for found in (ticket, whole)]
    assert titles[0][:-1] == titles[1][:-1]
    assert [found[-1] for found in titles] == ["For the ticket", "Every action"]
    tables = [part for part in whole.sections[-1].parts if isinstance(part, Table)]
    named = [
        name
        for table in tables
        for row in table.rows
        for name in (row[0].names if isinstance(row[0], Names) else ())
    ]
    assert sorted(named) == [action.name for action in published.actions], "each is there once"


LONG = "x" * 7_000
SUSPECT = Finding(kind="suspect")


def macro(subject: str) -> AssemblyUnknown:
    return AssemblyUnknown(part="template", why="macro", subject=subject)


LONG_CHANGE = ReportChange(
    effect="broader",
    role="read-only",
    about="suspect",
    unknown=macro(LONG),
    actions=("ce:GetTags",) * 500,
)


def test_nothing_pushes_out_the_rest(published: Report) -> None:
    roles = tuple(
        replace(
            role,
            role=replace(
                role.role,
                name=known(LONG),
                boundary=Boundary(arn=known(LONG)),
                trust=parse_trust(trust(LONG, "Example-1234")),
            ),
            files=((LONG, "0" * 64),) * 20,
        )
        for role in published.roles
    )
    report = replace(
        published,
        roles=roles,
        places=(Deployment(kind="read-only", source=LONG, stack_set=LONG),) * 30,
        findings=(SUSPECT,) * 100,
        unreadable=(macro(LONG),),
        since=SINCE,
        changes=(LONG_CHANGE,) * 30,
    )
    markdown = written(report, "markdown")
    assert len(markdown) <= LIMIT
    found = [
        markdown.index(f"\n## {section.title}\n") for section in presentation_of(report).sections
    ]
    assert found == sorted(found)
    for statement in report.statements:
        assert statement.title in markdown
    assert "**Other resources may give more access than these roles.**" in markdown
    assert "- broader, read-only: " in markdown
    later = (
        "SHA-256 of what was reviewed, the file of `--keep reviewed.json`:\n"
        "\n"
        f"`{report.read_sha256}`\n"
        "\n"
        "Keep this file. Whoever reviews the roles next passes it to the same command, and the "
        "new report lists what has changed: `pump-roles report ... --since reviewed.json`\n"
    )
    assert markdown.endswith(f"- [ ] Reject, because:\n\n{later}")
    whole = written(report, "markdown", every_action=True)
    assert not re.search("ut here|\\(cut\\)|and [0-9]+ more", whole)


Rows = Mapping[tuple[str, str], Mapping[str, str]]


def rows(report: Report) -> Rows:
    """Return the rows of the CSV by action and role; each is there once."""
    found = list(csv.DictReader(io.StringIO(written(report, "csv"))))
    by_key = {(row["action"], row["role"]): row for row in found}
    assert len(by_key) == len(found)
    return by_key


@pytest.fixture(scope="module")
def of_both(published: Report) -> Rows:
    return rows(published)


def test_csv_has_a_row_for_every_action_of_a_role(of_both: Rows, published: Report) -> None:
    row = of_both["savingsplans:CreateSavingsPlan", "auto-pilot"]
    assert [*row] == [*CSV_HEADS.values()]
    assert row["service"] == "savingsplans"
    assert row["granted by policies"] == "PumpAutoPilot"
    assert row["granted by patterns"] == "savingsplans:*"
    assert (row["risk"], row["decision"]) == ("money", "allowed")
    assert row["plain words"] == "Spend money on commitments"
    assert row["why Pump needs it"].startswith("Buys and sells Savings Plans")
    granted = {
        (name, kind)
        for (name, kind), row in of_both.items()
        if row["decision"] != "not granted" and name not in newer()[1]
    }
    assert {key for key, row in of_both.items() if row["risk"] in RISKS} == granted
    assert granted == {(action.name, kind) for action in published.actions for kind in action.roles}


def test_csv_has_policies_and_patterns_in_the_same_order(text: str, tmp_path: Path) -> None:
    extra = {"Effect": "Allow", "NotAction": ["s3:*", "iam:*"], "Resource": "*"}
    report = changed(text, tmp_path, another({"Statement": extra}))
    row = rows(report)["savingsplans:CreateSavingsPlan", "auto-pilot"]
    assert row["granted by policies"].split("; ") == ["PumpAutoPilot", "Extra"]
    assert row["granted by patterns"].split("; ") == ["savingsplans:*", "all but s3:*, iam:*"]


def test_csv_has_a_row_for_each_action_of_a_statement(of_both: Rows) -> None:
    objects = [row for row in of_both.values() if row["plain words"] == "Read objects in S3"]
    assert {row["decision"] for row in objects} == {"not granted"}
    assert {row["role"] for row in objects} == DOCUMENTED.keys()
    assert of_both["s3:GetObject", "auto-pilot"]["risk"] == ""
    # One role has it, and the other does not.
    buys = of_both["savingsplans:CreateSavingsPlan", "read-only"]
    assert (buys["decision"], buys["risk"]) == ("not granted", "")
    assert buys["granted by policies"] == buys["spends money"] == ""
    assert buys["access levels"] == "Write"
    assert of_both["ce:GetCostAndUsage", "read-only"]["plain words"] == (
        "Make calls that AWS charges for; Read the costs of every account in the organization"
    )


def test_what_is_not_granted_is_unknown_if_not_all_can_be_read(text: str, tmp_path: Path) -> None:
    found = rows(changed(text, tmp_path, in_template(Transform=["Macro"])))
    assert found["s3:GetObject", "auto-pilot"]["decision"] == "unknown"
    assert found["savingsplans:CreateSavingsPlan", "auto-pilot"]["decision"] == "allowed"
    assert "not granted" not in {row["decision"] for row in found.values()}


@pytest.mark.parametrize(
    ("denied", "decision"),
    [
        (None, "allowed"),
        (deny("s3:*"), "denied"),
        (deny("s3:*", Resource="arn:aws:s3:::mine/*"), "limited"),
    ],
)
def test_action_that_the_catalog_lacks_has_a_row_with_its_decision(
    denied: Mapping[str, str] | None, decision: str, text: str, tmp_path: Path
) -> None:
    assert "s3:getobject" not in shipped().actions
    statements = [allow("s3:GetObject"), *([denied] if denied else [])]
    found = rows(changed(text, tmp_path, another({"Statement": statements})))
    assert found["s3:GetObject", "auto-pilot"]["decision"] == decision
    assert found["s3:GetObjectVersion", "auto-pilot"]["decision"] == "not granted"


def test_many_limits_of_an_action_are_counted(text: str, tmp_path: Path) -> None:
    buys = {"Effect": "Deny", "Action": "ec2:PurchaseHostReservation"}
    for number, shown in ((20, ""), (21, "; and 1 more"), (1_100, "; and 1,080 more")):
        arns = [f"arn:aws:ec2:*:*:dedicated-host/h-{at}" for at in range(number)]
        denies = [{**buys, "Resource": arn} for arn in reversed(arns)]
        report = changed(text, tmp_path, another({"Version": "2012-10-17", "Statement": denies}))
        row = rows(report)["ec2:PurchaseHostReservation", "auto-pilot"]
        assert row["decision"] == "denied on some resources"
        assert (
            row["limited by"] == "; ".join(f"on {deny['Resource']}" for deny in denies[:20]) + shown
        )
        (extra,) = (policy for policy in report.roles[-1].policies if policy.name == "Extra")
        assert len(extra.patterns) == number


def test_many_resources_that_an_action_is_allowed_on_are_counted(text: str, tmp_path: Path) -> None:
    runs = {"Effect": "Allow", "Action": "ec2:RunInstances"}
    for number, shown in ((20, ""), (21, "; and 1 more"), (1_100, "; and 1,080 more")):
        arns = [f"arn:aws:ec2:*:*:image/ami-{at:04}" for at in range(number)]
        allows = [{**runs, "Resource": arn} for arn in arns]
        report = changed(text, tmp_path, another({"Version": "2012-10-17", "Statement": allows}))
        row = rows(report)["ec2:RunInstances", "auto-pilot"]
        assert row["allowed only"] == "; ".join(f"on {arn}" for arn in arns[:20]) + shown


def test_csv_says_what_limits_an_action(text: str, tmp_path: Path) -> None:
    guardrails = (Guardrail.only_in_regions("us-east-1"), Guardrail.NO_SELLING)
    found = rows(of_templates(synthesize(tmp_path / "app", *guardrails)))
    buys = found["ec2:PurchaseHostReservation", "auto-pilot"]
    assert buys["decision"] == "conditionally denied"
    assert buys["denied by"] == "PumpGuardrailOnlyInRegions"
    assert buys["limited by"] == (
        'on every resource, if {"StringNotEquals": {"aws:requestedregion": ["us-east-1"]}}'
    )
    sells = found["ec2:CreateReservedInstancesListing", "auto-pilot"]
    assert (sells["decision"], sells["limited by"]) == ("denied", "")
    assert sells["denied by"] == "PumpGuardrailNoSelling"
    images = "arn:aws:ec2:*:*:image/*"
    change = a_statement(allow("ec2:RunInstances", Resource=images))
    row = rows(changed(text, tmp_path, change))["ec2:RunInstances", "auto-pilot"]
    assert (row["decision"], row["allowed only"]) == ("allowed", f"on {images}")


def test_data_of_a_role_adds_up_to_its_number(published: Report) -> None:
    for role in published.roles:
        (text,) = facts(role, published)["Data"]
        assert sum(map(int, re.findall(r"\d+", str(text)))) == role.data
    (without,) = (role for role in of_published().roles if role.kind == "read-only")
    nothing = replace(published, actions=())
    assert facts(without, nothing)["Data"] == ("None",)
    assert facts(replace(without, exact=False), nothing)["Data"] == ("Not known",)
    (at_least,) = facts(replace(without, exact=False), published)["Data"]
    assert str(at_least).startswith("At least 12 actions return data that can hold secrets, ")


def _with_one_allowed(answer: Answer) -> Answer:
    one, *others = answer.not_granted
    return replace(answer, answer="yes", allowed=(one,), not_granted=tuple(others))


def test_escalation_is_zero_only_if_each_answer_is_known(published: Report) -> None:
    read_only, auto_pilot = published.roles
    zero = "0 of 31 actions that change IAM, or assume or pass roles"
    assert facts(read_only, published)["Escalation"] == (zero,)
    joins = "; by joining an organization: its management account can create any role"
    assert facts(auto_pilot, published)["Escalation"] == (zero, joins)
    never = of_published(guardrails=[Guardrail.NO_INVITATIONS])
    assert facts(never.roles[1], never)["Escalation"] == (zero,)
    passing = tuple(
        replace(question, roles={"read-only": _with_one_allowed(question.roles["read-only"])})
        if question.id == "become"
        else question
        for question in published.statements
    )
    (one,) = facts(read_only, replace(published, statements=passing))["Escalation"]
    assert one == Strong(zero.replace("0", "1", 1))
    unknown = tuple(
        replace(
            question,
            roles={"read-only": replace(question.roles["read-only"], answer="unknown")},
        )
        if question.id == "change-iam"
        else question
        for question in published.statements
    )
    (not_known,) = facts(read_only, replace(published, statements=unknown))["Escalation"]
    assert not_known == Strong(f"{zero}; not everything is known")
    (unasked,) = facts(read_only, replace(published, statements=()))["Escalation"]
    assert isinstance(unasked, Strong)


def test_says_when_permissions_can_grow(published: Report) -> None:
    texts = [check.text for check in checks(published)]
    assert "AWS can add some on any day; a report of a newer version says so." in texts[1]
    needed = [check.text for check in checks(of_published(guardrails=[Guardrail.NEEDED_ONLY]))]
    assert needed[1].endswith("`needed-only` denies what AWS adds.")
    none = [check.text for check in checks(replace(published, roles=()))]
    assert "AWS can add some" in none[1]
    assert "The maintainers have run nothing on AWS." in written(published, "markdown")
