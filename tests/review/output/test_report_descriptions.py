"""The sentences of a report: the verdict on each role, and how severe each answer is."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pump_roles import Guardrail
from pump_roles.iam.identity_policies import Value, known, parse_policy, unreadable
from pump_roles.iam.trust import parse_trust
from pump_roles.review.output.report_checks import checks, finding_text, finding_title
from pump_roles.review.output.report_descriptions import (
    describe_data,
    describe_numbers,
    severities,
    verdict,
    who,
)
from pump_roles.review.report import Answer, Earlier, Finding, Report
from pump_roles.review.report import ReportChange as Changed
from pump_roles.review.report.permission_report import of_contents, of_published
from pump_roles.role.assembly import Assembly, DeployedRole
from pump_roles.role.guardrail_policies import published_role
from pump_roles.role.iam_role import Boundary
from tests.documents import written
from tests.support import Change, another, changed, in_role, principal, trust

SUSPECT = Finding(kind="suspect")

SECRETS = "12 actions return data that can hold secrets."
JOINS = "Can make the account join another organization."
TAGS = (
    "Cannot start, stop, or change what runs. Can change tags of what runs, and tags can control "
    "access."
)


def verdicts(report: Report) -> list[str]:
    return [verdict(role, report) for role in report.roles]


@pytest.mark.parametrize(
    ("guardrails", "commitments", "changes"),
    [
        ([], "Can buy and sell commitments, without a limit.", TAGS),
        (
            [Guardrail.RECOMMENDED],
            "Can buy and sell commitments, without a limit.",
            "Cannot start, stop, or change what runs.",
        ),
        (
            [Guardrail.NO_SELLING],
            "Can buy and return commitments, without a limit.",
            TAGS,
        ),
        # It only keeps a tag of one name off.
        (
            [Guardrail.HANDS_OFF, Guardrail.NO_COMMITMENTS],
            "Cannot buy or sell commitments.",
            TAGS,
        ),
    ],
)
def test_verdict_says_what_each_role_can_do(
    guardrails: Sequence[Guardrail], commitments: str, changes: str
) -> None:
    secrets = "" if Guardrail.RECOMMENDED in guardrails else f" {SECRETS}"
    assert verdicts(of_published(guardrails=guardrails)) == [
        f"Reads billing data and infrastructure metadata.{secrets} Changes nothing.",
        f"{commitments} {JOINS} {changes}",
    ]


def test_verdict_and_data_count_one_action_as_one() -> None:
    report = of_published()
    one, _ = report.roles
    named = [action for action in report.actions if action.name == "redshift:DescribeTable"]
    few = replace(report, actions=tuple(named))
    returns = "1 action returns data that can hold secrets"
    assert f" {returns}. Changes nothing." in verdict(one, few)
    assert describe_data(one, few) == returns
    # What Pump does not publish is not judged.
    assert f" At least {returns}. " in verdict(replace(one, allows_only_published=False), few)


REGIONS = Guardrail.only_in_regions("us-east-1", "eu-west-1")
HANDS_OFF = "Can return commitments, except what has your tag pump-hands-off"
APPROVED = "only while you approve (the role's tag pump-commitments)"


@pytest.mark.parametrize(
    ("guardrails", "own", "said"),
    [
        (
            # The only limit of a Savings Plan is that it cannot be bought with a tag.
            [Guardrail.RECOMMENDED, Guardrail.HANDS_OFF, REGIONS],
            [],
            f"Can buy commitments, without a limit. {HANDS_OFF}. {JOINS}",
        ),
        (
            [Guardrail.HANDS_OFF, Guardrail.ONLY_WHEN_APPROVED],
            [],
            f"Can buy commitments, {APPROVED}. {HANDS_OFF} and {APPROVED}. ",
        ),
        (
            [REGIONS],
            [{"Effect": "Deny", "Action": "savingsplans:CreateSavingsPlan", "Resource": "*"}],
            "Can buy commitments, only eu-west-1 and us-east-1. Can sell commitments, ",
        ),
        (
            [REGIONS],
            [
                {
                    "Effect": "Deny",
                    "Action": "savingsplans:CreateSavingsPlan",
                    "Resource": "*",
                    "Condition": {"Bool": {"aws:SecureTransport": "false"}},
                }
            ],
            "Can buy commitments, limited in different ways. Can sell commitments, without ",
        ),
        ([Guardrail.NO_COMMITMENTS], [], "Cannot buy or sell commitments. "),
        ([], [{"Effect": "Deny", "Action": "*", "Resource": "*"}], "Has no permissions."),
        (
            [],
            [{"Effect": "Allow", "Action": "rds:RebootDBInstance", "Resource": "*"}],
            f"Can buy and sell commitments, without a limit. {JOINS} Whether it ",
        ),
    ],
)
def test_verdict_says_only_what_is_so(
    guardrails: Sequence[Guardrail], own: list[Any], said: str
) -> None:
    role = published_role("auto-pilot", guardrails)
    more = parse_policy({"Statement": own}, name="Own")
    report = of_contents(
        Assembly(roles=(DeployedRole(role=replace(role, policies=(*role.policies, more))),))
    )
    assert verdicts(report)[0].removeprefix("Read the findings first. ").startswith(said)


def test_verdict_says_when_a_role_expires() -> None:
    report = of_published(guardrails=[Guardrail.until("2027-01-31T18:00:00Z")])
    until = "Has permissions only until 31 January 2027, 18:00 UTC."
    assert all(until in said for said in verdicts(report))


def test_verdict_leads_to_the_findings() -> None:
    report = replace(of_published(), findings=(SUSPECT,))
    assert all(said.startswith("Read the findings first. ") for said in verdicts(report))


def test_verdict_claims_nothing_that_cannot_be_read() -> None:
    report = of_published()
    first, *_ = report.roles
    unknown = replace(
        report,
        statements=tuple(
            replace(statement, roles={first.kind: unread(statement.roles[first.kind])})
            for statement in report.statements
        ),
    )
    said = verdict(replace(first, exact=False, readable=False, data=0), unknown)
    changes = "Whether it can change what runs is not known."
    assert said == f"Whether it can buy or sell commitments is not known. {changes}"


def test_verdict_says_which_limit_is_known_if_others_cannot_be_read() -> None:
    report = of_published(guardrails=[Guardrail.ONLY_WHEN_APPROVED])
    (role,) = (role for role in report.roles if role.kind == "auto-pilot")
    statements = tuple(
        replace(said, roles={role.kind: replace(said.roles[role.kind], answer="unknown")})
        for said in report.statements
    )
    said = verdict(role, replace(report, statements=statements))
    (guardrail,) = role.guardrails
    assert f"Can buy and sell commitments, {guardrail.value}; whether also without " in said


@pytest.mark.parametrize(
    ("change", "policies", "title"),
    [
        (principal("*"), "yes", "The auto-pilot role's trust is not"),
        (in_role(MaxSessionDuration=7_200), "yes", "The auto-pilot role is not what"),
        (in_role(MaxSessionDuration={"Ref": "S"}), "yes", "The auto-pilot role may not be"),
        (in_role(RoleName={"Ref": "N"}), "unknown", "The auto-pilot role may not be"),
        (another({"Statement": []}), "no", "The auto-pilot role is not what Pump"),
    ],
)
def test_each_part_of_a_role_says_for_itself_whether_it_is_as_published(
    change: Change, policies: str, title: str, text: str, tmp_path: Path
) -> None:
    report = changed(text, tmp_path, change)
    (role,) = report.roles
    assert role.policies_published == policies
    assert finding_title(report.findings[0], report).startswith(title)
    assert f"| Policies | {policies_in(report)}" in written(report, "markdown")


def policies_in(report: Report) -> str:
    (role,) = report.roles
    words = {"yes": "as", "no": "not as", "unknown": "perhaps not as"}
    published = words[role.policies_published]
    said = f"{len(role.policies)}, {published} Pump publishes them"
    return said if role.policies_published == "yes" else f"**{said}**"


STOPPED = (
    "Can do nothing, because of its permissions boundary. Pump is stopped by this boundary; remove "
    "it only when Pump may continue."
)


@pytest.mark.parametrize(("findings", "said"), [(0, ""), (1, "Read the findings first. ")])
@pytest.mark.parametrize("partition", ["aws", "aws-us-gov", "aws-cn", "${AWS::Partition}"])
def test_verdict_on_a_role_that_is_stopped(partition: str, findings: int, said: str) -> None:
    report = replace(of_published(), findings=(SUSPECT,) * findings)
    *_, last = report.roles
    boundary = Boundary(arn=known(f"arn:{partition}:iam::aws:policy/AWSDenyAll"))
    role = replace(last.role, boundary=boundary)
    assert role.stopped
    found = verdict(replace(last, role=role, stopped=True), report)
    assert found == f"{said}{STOPPED}"
    stopped = replace(report, roles=(replace(last, role=role, stopped=True),))
    said = "The numbers and the answers of a role that is stopped are those without its "
    assert f" {said}permissions boundary." in describe_numbers(stopped)
    assert said not in describe_numbers(report)


def unread(answer: Answer) -> Answer:
    return replace(answer, answer="unknown", allowed=(), limited=())


def test_severity_is_the_worst_risk_of_an_answer() -> None:
    found = severities(of_published())
    assert found["spend-money", "auto-pilot"] == "money"
    assert found["manage-commitments", "auto-pilot"] == "writes"
    assert found["read-user-data", "auto-pilot"] == "data"
    assert found["incur-fees", "read-only"] == "reads"
    assert found["spend-money", "read-only"] == ""


def test_unknown_answer_is_as_severe_as_its_topic() -> None:
    report = of_published()
    (statement,) = (found for found in report.statements if found.id == "read-objects")
    answers = {kind: unread(answer) for kind, answer in statement.roles.items()}
    found = severities(replace(report, statements=(replace(statement, roles=answers),)))
    assert {*found.values()} == {"data"}


@pytest.mark.parametrize(
    ("principal", "said"),
    [
        ("111122223333", "any principal that its administrators allow"),
        ("arn:aws:iam::111122223333:root", "any principal that its administrators allow"),
        ("arn:aws:iam::111122223333:role/Pump", "one role"),
        ("arn:aws:iam::111122223333:user/Pump", "one user"),
        ("*", "everyone"),
        ("arn:aws:iam::111122223333:role/*", "not one account or role"),
    ],
)
def test_says_who_a_principal_is(principal: str, said: str) -> None:
    assert [who(each) for each in parse_trust(trust(principal, "Id-1")).principals] == [said]


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (Value("open", "P"), "one role or account, which Pump names to you"),
        (Value("open", "P", default="111122223333"), "one role or account"),
        (unreadable({"Fn::If": ["C", "*", "111122223333"]}), "not known"),
    ],
)
def test_says_who_a_principal_is_that_is_not_known_yet(value: Value, said: str) -> None:
    found = parse_trust(trust("P", "Id-1"), lambda *_: value)
    assert [who(each) for each in found.principals] == [said]


def test_says_how_a_role_differs_from_what_pump_publishes(text: str, tmp_path: Path) -> None:
    denied = {"Effect": "Deny", "Action": "ce:GetTags", "Resource": "*"}
    allowed = {**denied, "Effect": "Allow"}
    report = changed(text, tmp_path, another({"Statement": [denied, allowed]}))
    (finding,) = (found for found in report.findings if found.kind == "difference")
    assert finding_text(finding, report) == (
        "The inline policy Extra is not expected: 1 action: denied by Extra here instead of "
        "allowed: ce:GetTags."
    )


@pytest.mark.parametrize(
    ("changes", "state", "title"),
    [
        ((), "ok", "No changes"),
        ((Changed(effect="narrower"),), "narrower", "1 change"),
        ((Changed(effect="unclear"), Changed(effect="narrower")), "broader", "2 changes"),
    ],
)
def test_checks_say_what_is_new_and_where_it_is(
    changes: tuple[Changed, ...], state: str, title: str
) -> None:
    published = of_published()
    assert [(check.state, check.about) for check in checks(published)] == [
        *(("ok", ""), ("ok", ""), ("none", ""))
    ]
    since = Earlier(file="a.json", report=published).compared
    gained = {"ec2:Describe*": ("ec2:DescribeInstances", "ec2:DescribeHosts")}
    *others, last = checks(
        replace(published, findings=(SUSPECT,) * 2, gained=gained, since=since, changes=changes)
    )
    assert [(check.state, check.title, check.about) for check in others] == [
        ("finding", "2 findings", "findings"),
        ("broader", "2 new actions", "actions"),
    ]
    assert (last.state, last.title, last.about) == (state, title, "changes")
    assert ("1 can broaden access." in last.text) == (state == "broader")
