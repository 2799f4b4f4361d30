"""What a stop of the organization reaches, and that the result says so before everything else."""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from unittest.mock import Mock

import pytest
from botocore.exceptions import ClientError

from pump_roles.iam.external_ids import ExternalId
from pump_roles.iam.identity_policies import DENY_ALL, known, parse_control_policy, parse_policy
from pump_roles.iam.trust import parse_trust
from pump_roles.review.account import verify_accounts
from pump_roles.review.account.account_details import AccountDetails
from pump_roles.review.account.aws_sdk import CallerClients
from pump_roles.review.account.expectation import Expectation, from_published
from pump_roles.review.account.organization import AccountUnknown, Organization
from pump_roles.review.account.organization_policies import (
    PoliciesRead,
    stops_someone,
    verify_policies,
)
from pump_roles.review.account.verification import (
    AccountResult,
    OtherRole,
    RoleResult,
    StoppedBy,
    Verification,
)
from pump_roles.review.account.verify_accounts import verify_account, verify_own_account
from pump_roles.review.output.messages import to_json
from pump_roles.review.output.verify_sections import remedies
from pump_roles.review.report.permission_report import of_published
from pump_roles.role.assembly import OrganizationPolicy
from pump_roles.role.guardrail_policies import published_role
from pump_roles.role.iam_role import Boundary, Role
from pump_roles.role.unknowns import OrganizationUnknown, RoleUnknown
from tests.docs.pages import STOP, policy
from tests.documents import written
from tests.support import EXTERNAL_ID, PUMP_ACCOUNT, trust
from tools.sandbox.aws import ACCOUNT_ID

READ_ONLY, AUTO_PILOT = "PumpReadOnlyRole", "PumpAutoPilotRole"
MANAGEMENT, MEMBER, OTHER = "444455556666", ACCOUNT_ID, "111122223333"
ROOT, UNIT, INNER = "r-abcd", "ou-abcd-11111111", "ou-abcd-22222222"
HERE = Organization(id="o-abcd123456", management_account=MANAGEMENT)
BY_HAND = policy("stop-organization", STOP)
EXPECTED = from_published(of_published(), PUMP_ACCOUNT).with_external_id(ExternalId.of(EXTERNAL_ID))
TRUST = parse_trust(trust(PUMP_ACCOUNT, EXTERNAL_ID))
ROLES = tuple(replace(published_role(kind), trust=TRUST) for kind in ("read-only", "auto-pilot"))
UNREAD = OrganizationUnknown(why="not-read", subject="StopPump")


def stop(*targets: str, document: Any = BY_HAND, **more: Any) -> OrganizationPolicy:
    content = None if document is None else parse_control_policy(document, name="StopPump")
    members = {"name": "StopPump", "type": "SERVICE_CONTROL_POLICY", "content": content}
    return OrganizationPolicy(**{**members, "attached_to": targets, **more})


def only(condition: Mapping[str, Any] | None, **more: Any) -> Any:
    """A policy that denies everything under a condition."""
    statement = {"Effect": "Deny", "Action": "*", "Resource": "*", **more}
    if condition is not None:
        statement["Condition"] = condition
    return {"Version": "2012-10-17", "Statement": [statement]}


def details(account: str = MEMBER, *roles: Role, **more: Any) -> AccountDetails:
    members = {
        "account": account,
        "partition": "aws",
        "units": (ROOT,) if account == MANAGEMENT else (ROOT, UNIT, INNER),
        "roles": roles or ROLES,
        "organization": HERE,
    }
    return AccountDetails(**{**members, **more})


def verified(
    policies: list[OrganizationPolicy],
    *accounts: AccountDetails,
    expectation: Expectation = EXPECTED,
) -> Verification:
    read = PoliciesRead(policies=tuple(policies))
    return Verification(
        expected="x",
        expected_sha256="",
        accounts=tuple(verify_account(expectation, found, read) for found in accounts),
        policies=verify_policies(
            expectation.compared_policies, read, account=MANAGEMENT, partition="aws"
        ),
    )


def first_lines(verification: Verification) -> list[str]:
    """What is before the title, in the table; in Markdown, it follows the title."""
    before, _, _ = written(verification, "table").partition("Pump's roles in AWS accounts\n")
    after = written(verification, "markdown").split("\n\n")[1 : before.count("\n") + 1]
    lines = before.splitlines()
    plain = [line.replace("**", "").replace("\\", "").replace("`", "") for line in after]
    assert plain == lines
    return lines


def outcome(account: AccountResult) -> dict[str, Any]:
    """Of each role, what stops it, or why nothing does."""
    roles: list[RoleResult | OtherRole] = [*account.roles, *account.others]
    return {
        role.arn.rpartition("/")[2]: [by.name for by in role.stopped_by]
        or [found.rule for found in role.differences if found.rule.startswith("not-stopped")]
        or [found.why for found in role.unknown if found.why.startswith("stop-")]
        for role in roles
    }


STOPPED = ["StopPump"]
NO_TARGET, NO_NAME, IN_MANAGEMENT = (
    [f"not-stopped-{why}"] for why in ("target", "name", "management")
)
PLACE_OPEN, CONDITION_OPEN = ["stop-place"], ["stop-condition"]
UNITS_OPEN, ORGANIZATION_OPEN = ["stop-units"], ["stop-organization"]


@pytest.mark.parametrize(
    ("targets", "account", "more", "expected"),
    [
        ([ROOT], MEMBER, {}, STOPPED),
        ([UNIT], MEMBER, {}, STOPPED),
        ([INNER], MEMBER, {}, STOPPED),
        ([MEMBER], MEMBER, {}, STOPPED),
        ([OTHER, INNER], MEMBER, {}, STOPPED),
        ([OTHER], MEMBER, {}, NO_TARGET),
        (["ou-abcd-33333333"], MEMBER, {}, NO_TARGET),
        ([MANAGEMENT], MEMBER, {}, NO_TARGET),
        # No service control policy affects the management account.
        *(([target], MANAGEMENT, {}, IN_MANAGEMENT) for target in (ROOT, MANAGEMENT, UNIT)),
        # The units above a --target, and of an account that is verified by itself, are not known.
        ([ROOT], MEMBER, {"units": (INNER,)}, STOPPED),
        ([INNER], MEMBER, {"units": (INNER,)}, STOPPED),
        ([UNIT], MEMBER, {"units": (INNER,)}, UNITS_OPEN),
        ([UNIT], MEMBER, {"units": None}, PLACE_OPEN),
        ([MEMBER], MEMBER, {"units": None}, STOPPED),
        ([ROOT], MEMBER, {"units": None}, STOPPED),
        ([ROOT], MANAGEMENT, {"units": None}, IN_MANAGEMENT),
        # It may be the management account.
        (
            [ROOT],
            MEMBER,
            {"organization": AccountUnknown(part="membership", why="not-read")},
            ORGANIZATION_OPEN,
        ),
    ],
)
def test_stop_reaches_the_member_accounts_below_its_targets(
    targets: list[str], account: str, more: dict[str, Any], expected: list[str]
) -> None:
    result = verified([stop(*targets)], details(account, **more))
    assert outcome(result.accounts[0]) == {READ_ONLY: expected, AUTO_PILOT: expected}
    assert (
        result.state
        == {"StopPump": "match", "not-": "differs", "stop": "unknown"}[
            expected[0] if expected == STOPPED else expected[0][:4]
        ]
    )


def arns(*texts: str, operator: str = "ArnLike") -> Any:
    return only({operator: {"aws:PrincipalArn": [*texts]}})


BOTH = "arn:*:iam::*:role/Pump*Role"


@pytest.mark.parametrize(
    ("document", "read_only", "auto_pilot"),
    [
        (BY_HAND, STOPPED, STOPPED),
        (only(None), STOPPED, STOPPED),
        (arns(BOTH), STOPPED, STOPPED),
        (arns(BOTH, operator="ArnEquals"), STOPPED, STOPPED),
        (
            arns(f"arn:aws:iam::{MEMBER}:role/{READ_ONLY}", operator="StringEquals"),
            STOPPED,
            NO_NAME,
        ),
        (arns("*PumpReadOnlyRole", operator="StringLike"), STOPPED, NO_NAME),
        # As IAM compares them: with case, and each part of an ARN by itself.
        (arns("arn:*:iam::*:role/pumpreadonlyrole"), NO_NAME, NO_NAME),
        (arns("*PumpReadOnlyRole"), NO_NAME, NO_NAME),
        (arns(f"arn:aws:iam::*:role/path/{READ_ONLY}"), NO_NAME, NO_NAME),
        (arns(f"arn:*:iam::*:role/{AUTO_PILOT}", operator="ArnNotLike"), STOPPED, NO_NAME),
        (arns("${aws:PrincipalArn}"), CONDITION_OPEN, CONDITION_OPEN),
        (
            only({"ArnLike": {"aws:PrincipalArn": BOTH}, "Bool": {"aws:SecureTransport": "true"}}),
            CONDITION_OPEN,
            CONDITION_OPEN,
        ),
        # Of two statements, one is enough.
        ({"Statement": [*arns("x")["Statement"], *only(None)["Statement"]]}, STOPPED, STOPPED),
        (
            {
                "Statement": [
                    *arns("${x}")["Statement"],
                    *arns(f"arn:*:iam::*:role/{READ_ONLY}")["Statement"],
                ]
            },
            STOPPED,
            CONDITION_OPEN,
        ),
    ],
)
def test_stop_reaches_the_roles_that_it_names(
    document: Any, read_only: list[str], auto_pilot: list[str]
) -> None:
    (account,) = verified([stop(ROOT, document=document)], details()).accounts
    assert outcome(account) == {READ_ONLY: read_only, AUTO_PILOT: auto_pilot}


@pytest.mark.parametrize(
    "policy",
    [
        stop(),
        stop(ROOT, type="RESOURCE_CONTROL_POLICY", document=only(None)),
        stop(ROOT, document=only(None, Action="ec2:*")),
        stop(ROOT, document=only(None, Resource="arn:aws:s3:::b")),
        stop(ROOT, document=only(None, Effect="Allow")),
        stop(ROOT, document=only(None, Effect={"Ref": "X"})),
        stop(ROOT, document={"Statement": "text"}),
        stop(ROOT, document=None),
        stop(attached_to=None),
    ],
)
def test_policy_that_stops_nobody_or_is_attached_to_nothing_is_no_stop(
    policy: OrganizationPolicy,
) -> None:
    assert PoliciesRead(policies=(policy,)).stops == ()
    result = verified([policy], details(), details(MANAGEMENT))
    assert {state for found in result.accounts for state in [found.state]} == {"match"}
    assert not any(
        by for found in result.accounts for role in found.roles for by in role.stopped_by
    )


def test_second_stop_reaches_what_the_first_one_does_not() -> None:
    more = stop(UNIT, name="StopMore", document=arns(f"arn:*:iam::*:role/{AUTO_PILOT}"))
    first = stop(OTHER, document=only(None))
    (account,) = verified([first, more], details()).accounts
    assert outcome(account) == {READ_ONLY: NO_NAME, AUTO_PILOT: ["StopMore"]}
    (account,) = verified([stop(UNIT), more], details()).accounts
    assert outcome(account)[AUTO_PILOT] == ["StopPump", "StopMore"]


COPY = replace(published_role("read-only"), kind="", name=known("Copy"), trust=TRUST, policies=())


@pytest.mark.parametrize(
    ("principal", "expected"),
    [
        (PUMP_ACCOUNT, NO_NAME),
        ("*", NO_NAME),
        # Only a session of a role that is stopped can assume it.
        (f"arn:aws:iam::{MEMBER}:role/{AUTO_PILOT}", []),
    ],
)
def test_copy_that_pump_can_assume_itself_is_not_stopped(
    principal: str, expected: list[str]
) -> None:
    copy = replace(COPY, trust=parse_trust(trust(principal, "Another-1")))
    result = verified([stop(ROOT)], details(MEMBER, *ROLES, copy))
    assert outcome(result.accounts[0])["Copy"] == expected
    assert (result.state, outcome(result.accounts[0])[READ_ONLY]) == ("differs", STOPPED)
    # With its own name in the policy, too.
    (account,) = verified([stop(ROOT, document=only(None))], details(MEMBER, copy)).accounts
    assert outcome(account)["Copy"] == (STOPPED if expected else [])


def test_role_that_a_boundary_or_policy_stops_need_not_be_reached() -> None:
    boundary = Boundary(arn=known("arn:aws:iam::aws:policy/AWSDenyAll"))
    attached = replace(DENY_ALL, arn="arn:aws:iam::aws:policy/AWSDenyAll")
    roles = (
        replace(ROLES[0], boundary=boundary),
        replace(ROLES[1], policies=(*ROLES[1].policies, attached)),
    )
    (account,) = verified([stop(ROOT)], details(MANAGEMENT, *roles)).accounts
    assert [role.stopped_by for role in account.roles] == [
        (StoppedBy(kind="boundary", name="AWSDenyAll"),),
        (StoppedBy(kind="attached-policy", name="AWSDenyAll"),),
    ]
    assert [[found.rule for found in role.differences] for role in account.roles] == [
        ["boundary-stops"],
        ["policy-stops"],
    ]


def test_role_that_does_not_exist_or_must_not_is_told_apart() -> None:
    (account,) = verified([stop(ROOT)], details(MANAGEMENT, ROLES[0])).accounts
    assert outcome(account) == {READ_ONLY: IN_MANAGEMENT, AUTO_PILOT: []}
    gone = EXPECTED.absent()
    (account,) = verified([stop(ROOT)], details(MEMBER, ROLES[0]), expectation=gone).accounts
    assert outcome(account) == {READ_ONLY: STOPPED, AUTO_PILOT: []}
    assert verified([stop(ROOT)], details(roles=()), expectation=gone).state == "match"


# The sentences.


def test_result_begins_with_what_is_not_stopped_and_then_with_what_is() -> None:
    accounts = (
        details(MEMBER),
        details(OTHER, ROLES[0], COPY),
        details(MANAGEMENT),
        details("777788889999", *ROLES, units=(ROOT,)),
    )
    result = verified([stop(UNIT)], *accounts)
    arn = "arn:aws:iam::{}:role/{}".format
    assert first_lines(result) == [
        (
            "Pump is not stopped: Copy in 1 account, PumpAutoPilotRole in 2 accounts, "
            "PumpReadOnlyRole in 2 accounts. Stopped: PumpAutoPilotRole in 1 account, "
            "PumpReadOnlyRole in 2 accounts, by the service control policy StopPump."
        ),
        (
            "Pump is not stopped in these roles of the management account, which no service "
            f"control policy affects: {arn(MANAGEMENT, READ_ONLY)}, {arn(MANAGEMENT, AUTO_PILOT)}"
        ),
        "Pump is not stopped in these roles, which StopPump does not name: " + arn(OTHER, "Copy"),
        (
            "Pump is not stopped in these roles, whose accounts are below no target of StopPump: "
            f"{arn('777788889999', READ_ONLY)}, {arn('777788889999', AUTO_PILOT)}"
        ),
    ]
    assert result.state == "differs"
    assert {*remedies(result)} >= {*NO_NAME, *NO_TARGET, *IN_MANAGEMENT}
    # The role's own line says it first, too.
    text = written(result, "table")
    assert (
        f"    differs: read-only role {arn(MANAGEMENT, READ_ONLY)}\n"
        "      broader (not-stopped-management): StopPump does not stop it: no service control "
        "policy affects the management account\n"
    ) in text
    assert "not compared: service control policy StopPump, attached to ou-abcd-11111111\n" in text


def test_stop_that_reaches_every_role_is_a_match_and_said_first() -> None:
    result = verified([stop(ROOT)], details(MEMBER), details(OTHER, ROLES[0], ROLES[1]))
    assert result.state == "match"
    assert first_lines(result) == [
        (
            f"Pump is stopped in all 2 accounts: {AUTO_PILOT} in 2 accounts, {READ_ONLY} in 2 "
            "accounts, by the service control policy StopPump."
        )
    ]


def test_what_was_not_read_is_never_said_to_be_stopped() -> None:
    lost = AccountDetails(account=OTHER, unknown=(AccountUnknown(part="account", why="suspended"),))
    missing = {AUTO_PILOT.lower(): RoleUnknown(part="role", why="not-read", detail="denied")}
    partly = details(MEMBER, ROLES[0], missing=missing)
    result = verified([stop(ROOT)], lost, partly)
    assert first_lines(result) == [
        (
            "Whether Pump is stopped is not known: 1 account that could not be read; "
            "PumpAutoPilotRole in 1 account. Stopped: PumpReadOnlyRole in 1 account, by the "
            "service control policy "
            "StopPump."
        )
    ]
    assert result.state == "unknown"
    assert first_lines(verified([], lost, partly)) == [
        (
            "Pump is not stopped: PumpReadOnlyRole in 1 account. Not known: 1 account that could "
            "not be read; PumpAutoPilotRole in 1 account."
        )
    ]


ONLY_POLICY = "which only a service control policy could stop"


@pytest.mark.parametrize(
    ("policies", "line"),
    [
        (
            [stop(ROOT, document=None, unknown=(UNREAD,))],
            f"{AUTO_PILOT} in 1 account, {READ_ONLY} in 1 account, {ONLY_POLICY}.",
        ),
        (
            [stop(attached_to=None, document=None, unknown=(UNREAD,))],
            f"{AUTO_PILOT} in 1 account, {READ_ONLY} in 1 account, {ONLY_POLICY}.",
        ),
    ],
)
def test_stop_that_could_not_be_read_leaves_open_whether_pump_is_stopped(
    policies: list[OrganizationPolicy], line: str
) -> None:
    result = verified(policies, details())
    assert first_lines(result) == [f"Whether Pump is stopped is not known: {line}"]
    assert (stops_someone(policies[0]), result.state) == (None, "unknown")
    # Only in the management account, nothing can stop it.
    assert first_lines(verified(policies, details(MANAGEMENT))) == [NOT_STOPPED]


NOT_STOPPED = f"Pump is not stopped: {AUTO_PILOT} in 1 account, {READ_ONLY} in 1 account."


def test_innocent_result_begins_with_that_nothing_is_stopped() -> None:
    for policies in (
        [],
        [stop()],
        [stop(ROOT, name="ProtectPumpRoles", document=only(None, Action="iam:*"))],
    ):
        assert first_lines(verified(policies, details())) == [NOT_STOPPED]
    assert first_lines(verified([], details(roles=()))) == [
        "Pump has no role to stop in 1 account."
    ]
    assert first_lines(verified([])) == [
        "Whether Pump is stopped is not known: no account was verified."
    ]


DENY_BOUNDARY = Boundary(arn=known("arn:aws:iam::aws:policy/AWSDenyAll"))
ATTACHED = replace(DENY_ALL, arn="arn:aws:iam::aws:policy/AWSDenyAll")
OWN_STOPS = [
    ({"boundary": DENY_BOUNDARY}, "the boundary AWSDenyAll"),
    ({"policies": (*ROLES[0].policies, ATTACHED)}, "the attached policy AWSDenyAll"),
    (
        {"policies": (*ROLES[0].policies, parse_policy(only(None), name="Stop"))},
        "the inline policy Stop",
    ),
]


@pytest.mark.parametrize(("stopped", "by"), OWN_STOPS)
def test_role_that_is_not_stopped_is_named_before_one_that_is(
    stopped: dict[str, Any], by: str
) -> None:
    result = verified([], details(MEMBER, replace(ROLES[0], **stopped), ROLES[1]))
    assert first_lines(result) == [
        (
            f"Pump is not stopped: {AUTO_PILOT} in 1 account. Stopped: {READ_ONLY} in 1 account, "
            f"by {by}."
        ),
        f"Pump is not stopped in these roles: arn:aws:iam::{MEMBER}:role/{AUTO_PILOT}",
    ]
    # A copy that Pump can assume is also one of its roles.
    alone = details(MEMBER, replace(ROLES[0], **stopped), COPY)
    assert first_lines(verified([], alone))[0].startswith("Pump is not stopped: Copy in 1 account.")
    (line,) = first_lines(verified([], details(MEMBER, replace(ROLES[0], **stopped))))
    assert line == f"Pump is stopped in 1 account: {READ_ONLY} in 1 account, by {by}."


@pytest.mark.parametrize(
    "lost",
    [
        {"organization": AccountUnknown(part="membership", why="not-read")},
        {"units": (INNER,)},
        {"unknown": (AccountUnknown(part="other-roles", why="not-read"),)},
    ],
)
def test_pump_is_never_said_to_be_stopped_as_a_whole_if_something_is_not_known(
    lost: dict[str, Any],
) -> None:
    lines = first_lines(verified([stop(UNIT)], details(), details(OTHER, **lost)))
    assert lines[0].startswith("Whether Pump is stopped is not known: ")
    assert ". Stopped: PumpAutoPilotRole in " in lines[0]


def test_json_has_the_first_line_and_the_state_of_each_role() -> None:
    result = verified([], details(MEMBER, replace(ROLES[0], boundary=DENY_BOUNDARY), ROLES[1]))
    assert json.loads(to_json(result))["message"] == first_lines(result)[0]
    assert [role.stop for role in result.accounts[0].roles] == ["stopped", "not-stopped"]


REVOKED = "2026-11-25T08:15:00.000Z"


def test_stop_and_revoked_sessions_of_a_role_are_said_first_with_no_advice_to_undo_them() -> None:
    revoked = parse_policy(
        only({"DateLessThan": {"aws:TokenIssueTime": REVOKED}}), name="AWSRevokeOlderSessions"
    )
    denied = replace(DENY_ALL, arn="arn:aws:iam::aws:policy/AWSDenyAll")
    roles = [
        replace(role, policies=(*role.policies, more))
        for role, more in zip(ROLES, (revoked, denied), strict=True)
    ]
    result = verified([], details(MEMBER, *roles))
    assert first_lines(result) == [
        (
            f"Pump is not stopped: {READ_ONLY} in 1 account. Stopped: {AUTO_PILOT} in 1 account, "
            "by the attached policy AWSDenyAll."
        ),
        f"Pump is not stopped in these roles: arn:aws:iam::{MEMBER}:role/{READ_ONLY}",
        (
            f"Sessions from before {REVOKED} are revoked, but Pump can start new ones: "
            f"{READ_ONLY} in 1 account."
        ),
    ]
    found = remedies(result)
    assert [*found] == ["policy-stops", "sessions-revoked"]
    assert all("only when Pump may continue" in remedy for remedy in found.values())
    text = written(result, "table")
    assert (
        "narrower (sessions-revoked): the inline policy AWSRevokeOlderSessions denies everything "
        f"to sessions from before {REVOKED}\n"
    ) in text
    assert (
        "narrower (policy-stops): the attached managed policy AWSDenyAll denies everything\n"
    ) in text
    assert "emove the policy, or review it" not in text


# The caller's own account.


def denied(code: str = "AccessDeniedException") -> Mock:
    return Mock(side_effect=ClientError({"Error": {"Code": code}}, "ListPolicies"))


def own_account(monkeypatch: pytest.MonkeyPatch, organizations: Mock) -> Verification:
    monkeypatch.setattr(verify_accounts, "read_own_account", lambda *_: details(units=None))
    aws = Mock(
        spec=CallerClients, account=MEMBER, partition="aws", organizations=lambda: organizations
    )
    return verify_own_account(aws, replace(EXPECTED, policies=(stop(ROOT),)))


def test_member_account_that_may_not_read_policies_says_so_and_matches(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = {"Id": HERE.id, "MasterAccountId": MANAGEMENT}
    organizations = Mock(
        describe_organization=Mock(return_value={"Organization": found}), get_paginator=denied()
    )
    organizations.meta.service_model.signing_name = "organizations"
    result = own_account(monkeypatch, organizations)
    assert (result.state, result.policies) == ("match", None)
    assert (
        "Whether the organization stops Pump is not known: the organization's policies could not "
        "be read: denied: organizations:ListPolicies.\n"
    ) in written(result, "table")


def test_account_in_no_organization_has_nothing_to_say(monkeypatch: pytest.MonkeyPatch) -> None:
    organizations = Mock(describe_organization=denied("AWSOrganizationsNotInUseException"))
    result = own_account(monkeypatch, organizations)
    assert (result.state, result.policies, result.notes) == ("match", None, ())
    organizations.get_paginator.assert_not_called()
