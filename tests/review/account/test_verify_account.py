"""An account compared with what is expected: what is unknown, open, masked, or gives access.

``tests/compare`` proves that each difference between two roles is found.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, replace
from hashlib import sha256
from pathlib import Path
from typing import Any, Literal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pump_roles import Guardrail, templates
from pump_roles.iam.external_ids import ExternalId
from pump_roles.iam.identity_policies import Value, known, parse_policy
from pump_roles.iam.trust import Principal, parse_trust
from pump_roles.inputs import mapped, validators
from pump_roles.inputs.text import InputError
from pump_roles.review.account.account_details import AccountDetails, read_policy, read_trust_policy
from pump_roles.review.account.expectation import Expectation, from_published, from_report
from pump_roles.review.account.organization import AccountUnknown, Organization
from pump_roles.review.account.other_roles import collect_contents
from pump_roles.review.account.verification import (
    AccountResult,
    Approval,
    RoleResult,
    StoppedBy,
    match_state,
)
from pump_roles.review.account.verify_accounts import verify_account, verify_files
from pump_roles.review.report.masking import Mask
from pump_roles.review.report.permission_report import of_contents, of_published
from pump_roles.role.assembly import DeployedRole, Deployment
from pump_roles.role.guardrail_policies import published_role
from pump_roles.role.iam_role import Boundary
from pump_roles.role.iam_role import Role as HeldRole
from pump_roles.role.unknowns import RolePart, RoleUnknown, RoleWhy, Unknown
from tests import attacks
from tests.attacks import ATTACKS, INNOCENT
from tests.customer import allow
from tests.policies import document_of
from tests.review.account.results import expected_in
from tests.role_changes import CHANGES
from tests.support import (
    EVERYTHING,
    EXTERNAL_ID,
    OTHER_SECRET,
    PUMP_ACCOUNT,
    SECRET,
    Template,
    of_templates,
    short_reports,
    synthesize,
    trust,
)
from tools.sandbox.aws import ACCOUNT_ID

READ_ONLY, AUTO_PILOT = "read-only", "auto-pilot"
NAMES = {READ_ONLY: "PumpReadOnlyRole", AUTO_PILOT: "PumpAutoPilotRole"}
OTHER_ACCOUNT, MANAGEMENT = "111122223333", "444455556666"
HERE = Organization(id="o-abcd123456", management_account=MANAGEMENT)
UNIT, INNER = "ou-abcd-11111111", "ou-abcd-22222222"
A, B = "Aaaaaaaa-1", "Bbbbbbbb-2"
ANYONE = {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}
NOT_READ = Value("not-read", "denied", "not-read")


def managed_arn(name: str, path: str = "/") -> str:
    return f"arn:aws:iam::{ACCOUNT_ID}:policy{path}{name}"


def denied(part: RolePart, subject: str = "") -> RoleUnknown:
    """What AWS did not let us read of a role."""
    return RoleUnknown(part=part, why="not-read", subject=subject, detail="denied")


def denied_account(
    part: Literal["account", "other-roles", "membership"], detail: str = "denied"
) -> AccountUnknown:
    """What AWS did not let us read of an account."""
    return AccountUnknown(part=part, why="not-read", detail=detail)


def account(*roles: HeldRole, others: Mapping[str, Any] | None = None, **more: Any) -> Any:
    other_roles = (
        HeldRole(kind="", name=known(name), trust=read_trust_policy(document), policies=())
        for name, document in (others or {}).items()
    )
    members = {"account": ACCOUNT_ID, "partition": "aws", "roles": (*roles, *other_roles)}
    return AccountDetails(**{**members, **more})


def only(kind: str, expectation: Expectation) -> Expectation:
    """What is expected, with one of the roles."""
    roles = (variants for variants in expectation.roles if variants[0].role.kind == kind)
    return replace(expectation, roles=tuple(roles))


BOTH = from_published(of_published(), PUMP_ACCOUNT)

OPEN = only(READ_ONLY, BOTH)
"""The published read-only role, whose external ID is open."""

PUBLISHED = OPEN.with_external_id(ExternalId.of(A))
"""The published read-only role."""


def published(external_id: str | list[str] = A, kind: str = READ_ONLY) -> HeldRole:
    """A published role, as it is in an account."""
    document = trust(PUMP_ACCOUNT, external_id)  # type: ignore[arg-type]
    return replace(published_role(kind), trust=parse_trust(document))


def bounded_role(boundary: tuple[str, Any] | None) -> HeldRole:
    """A role with a boundary, of which the text is not read if it is not passed."""
    if boundary is None:
        return published()
    arn, document = boundary
    policy = parse_policy(document, name="boundary") if document else None
    return replace(
        published(),
        boundary=Boundary(arn=known(arn), policy=policy),
        unknown=() if document else (denied("boundary", arn),),
    )


def bounded(boundary: tuple[str, Any] | None) -> Expectation:
    """The published role with a boundary, whose text is open if it is not passed."""
    (variant,) = PUBLISHED.roles[0]
    role = replace(variant.role, boundary=bounded_role(boundary).boundary)
    return replace(PUBLISHED, roles=((replace(variant, role=role),),))


def result(expectation: Expectation, *roles: HeldRole, **more: Any) -> RoleResult:
    """Verify an account that should have one role."""
    (found,) = verify_account(expectation, account(*roles, **more)).roles
    return found


def kinds(result: RoleResult) -> list[tuple[str, str]]:
    """The rules and effects of the differences."""
    return [(found.rule, found.effect) for found in result.differences]


DENY = {"Statement": {"Effect": "Deny", "Action": "ce:*", "Resource": "*"}}


def attaching(folder: Path) -> Expectation:
    """The read-only role with a managed policy that only denies, and a budget that stops it."""
    synthesize(folder)
    file = folder / "PumpReadOnly.template.json"
    template = json.loads(file.read_text())
    target = {"Roles": [NAMES[READ_ONLY]]}
    stop = {"IamActionDefinition": {**target, "PolicyArn": DENY_ALL}}
    template["Resources"] |= {
        "Less": {
            "Type": "AWS::IAM::ManagedPolicy",
            "Properties": {**target, "PolicyDocument": DENY},
        },
        "Stop": {
            "Type": "AWS::Budgets::BudgetsAction",
            "Properties": {"ActionType": "APPLY_IAM_POLICY", "Definition": stop},
        },
    }
    file.write_text(json.dumps(template))
    return only(READ_ONLY, expected_in(folder))


def test_what_only_takes_away_is_as_the_templates_attach_it(tmp_path: Path) -> None:
    expectation = attaching(tmp_path)
    role = published(EXTERNAL_ID)
    # CloudFormation generates the name.
    less = parse_policy(DENY, name="Pump-Less-1", arn=managed_arn("Pump-Less-1"))
    stops = parse_policy(STOPS, name="AWSDenyAll", arn=DENY_ALL)
    for policies, differences in (
        ([less], []),
        ([less, stops], []),
        ([stops], [("policy-removed", "broader")]),
        (
            [less, parse_policy(EVERYTHING, name=stops.name, arn=stops.arn)],
            [("policy-added", "broader")],
        ),
    ):
        found = result(expectation, replace(role, policies=(*role.policies, *policies)))
        assert (found.unknown, kinds(found)) == ((), differences)
    unexpected = result(PUBLISHED, replace(published(), policies=(*role.policies, stops)))
    assert kinds(unexpected) == [("policy-stops", "narrower")]


BOUNDARY = managed_arn("Boundary", path="/platform/")
DENY_ALL = "arn:aws:iam::aws:policy/AWSDenyAll"
STOPS = {"Statement": {"Effect": "Deny", "Action": "*", "Resource": "*"}}
NARROW = {"Statement": allow("ec2:*")}
ADDED = [("boundary-added", "narrower")]


@pytest.mark.parametrize(
    ("expected", "found", "differences"),
    [
        ((BOUNDARY, NARROW), (BOUNDARY, NARROW), []),
        ((BOUNDARY, NARROW), (BOUNDARY, EVERYTHING), [("boundary-text", "broader")]),
        # Without the same ARN, its text need not be known.
        ((BOUNDARY, NARROW), (BOUNDARY.lower(), None), [("boundary-changed", "unclear")]),
        # A role that can do nothing is stopped, which may be expected.
        (None, (DENY_ALL, None), [("boundary-stops", "narrower")]),
        ((DENY_ALL, None), (DENY_ALL, None), []),
        # As where AWS does not have this policy.
        (None, (BOUNDARY, STOPS), [("boundary-stops", "narrower")]),
        (None, (DENY_ALL.replace("aws:policy", f"{ACCOUNT_ID}:policy"), EVERYTHING), ADDED),
        # What only looks like AWSDenyAll is any other boundary.
        (None, (f"{DENY_ALL}2", None), ADDED),
    ],
)
def test_boundary_is_compared_and_may_stop_the_role(
    expected: tuple[str, Any] | None, found: tuple[str, Any] | None, differences: Any
) -> None:
    verified = result(bounded(expected), bounded_role(found))
    assert (kinds(verified), verified.unknown) == (differences, ())
    stops = found is not None and (found[0] == DENY_ALL or found[1] == STOPS)
    name = found[0].rpartition("/")[2] if found else ""
    assert verified.stopped_by == ((StoppedBy(kind="boundary", name=name),) if stops else ())


def test_text_of_a_boundary_that_cannot_be_read_is_unknown_unless_it_is_left_open() -> None:
    unread = bounded_role((BOUNDARY, None))
    found = result(bounded((BOUNDARY, NARROW)), unread)
    assert (found.state, found.unknown) == ("unknown", unread.unknown)
    for role in (unread, bounded_role((BOUNDARY, EVERYTHING))):
        found = result(bounded((BOUNDARY, None)), role)
        assert (found.state, found.notes[-1]) == ("match", RoleUnknown(part="boundary", why="open"))


def test_role_is_stopped_even_if_it_must_be_removed_but_not_if_its_boundary_is_not_known() -> None:
    stopped = bounded_role((DENY_ALL, None))
    found = result(replace(PUBLISHED, removed=True), stopped)
    assert (kinds(found), len(found.stopped_by)) == ([("role-present", "broader")], 1)
    unread = Value("not-read", DENY_ALL, "not-read")
    assert not result(PUBLISHED, replace(stopped, boundary=Boundary(arn=unread))).stopped_by


# Tags with which the customer opens a guardrail.


Tagged = Callable[..., RoleResult]


@pytest.fixture(scope="module")
def tagged(tmp_path_factory: pytest.TempPathFactory) -> Tagged:
    """Compare a role that has a guardrail which a tag opens, with some tags."""
    folder = synthesize(tmp_path_factory.mktemp("cdk.out"), Guardrail.ONLY_WHEN_APPROVED)
    expected = only(AUTO_PILOT, expected_in(folder))
    ((role,),) = expected.in_account(ACCOUNT_ID, "aws")

    def compare(tags: Mapping[str, str], *, statements: Any = None, **more: Any) -> RoleResult:
        policies = (
            parse_policy(
                {"Version": "2012-10-17", "Statement": statements},
                name=policy.name,
                arn=policy.arn,
            )
            if statements is not None and policy.name == "PumpGuardrailOnlyWhenApproved"
            else policy
            for policy in role.policies
        )
        held = {key: known(value) for key, value in tags.items()}
        return result(expected, replace(role, policies=tuple(policies), tags=held, **more))

    return compare


@pytest.mark.parametrize(
    ("tags", "value", "is_open"),
    [
        ({}, "", False),
        ({"pump-commitments": "approved"}, "approved", True),
        ({"pump-commitments": "Approved"}, "Approved", False),
        ({"pump-commitments": ""}, "", False),
        # IAM ignores the case of a key.
        ({"PUMP-COMMITMENTS": "approved"}, "approved", True),
        ({"team": "approved", "aws:cloudformation:stack-name": "PumpAutoPilot"}, "", False),
        ({"pump-commitments": f"{EXTERNAL_ID}-17"}, "(external ID)-17", False),
    ],
)
def test_tag_with_which_the_customer_opens_a_guardrail_is_shown_and_no_difference(
    tags: dict[str, str], value: str, *, is_open: bool, tagged: Tagged
) -> None:
    found = tagged(tags)
    assert (found.state, found.differences) == ("match", ())
    assert found.approvals == (
        Approval(guardrail="only-when-approved", tag="pump-commitments", value=value, open=is_open),
    )


def test_guardrail_that_is_not_as_defined_or_not_known_is_not_said_to_be_closed(
    tagged: Tagged,
) -> None:
    found = tagged({}, statements=[])
    assert {each.subject for each in found.differences} >= {"PumpGuardrailOnlyWhenApproved"}
    assert found.approvals == ()
    found = tagged({}, unknown=(denied("tags"),))
    assert (found.state, found.approvals) == ("unknown", ())


# What is not known is never a match, and hides no difference.


def test_role_that_does_not_exist_is_missing_unless_it_could_not_be_read() -> None:
    unread = denied("role")
    missing = {NAMES[AUTO_PILOT].lower(): unread}
    found = verify_account(BOTH, account(missing=missing))
    assert [(role.state, kinds(role), role.unknown) for role in found.roles] == [
        ("differs", [("role-missing", "narrower")], ()),
        ("unknown", [], (unread,)),
    ]
    assert found.state == "differs"
    assert found.roles[0].arn == f"arn:aws:iam::{ACCOUNT_ID}:role/PumpReadOnlyRole"


UNREAD_TEXTS = tuple(
    parse_policy(None, name=policy.name, arn=policy.arn) for policy in published().policies
)


@pytest.mark.parametrize(
    "more",
    [
        {"policies": (), "unknown": (denied("inline-policies"),)},
        {"policies": (), "unknown": (denied("inline-policies"), denied("managed-policies"))},
        {"policies": UNREAD_TEXTS, "unknown": (denied("inline-policies", "PumpReadOnly"),)},
        {"boundary": Boundary(arn=NOT_READ), "session": NOT_READ, "unknown": (denied("tags"),)},
        {"unknown": (denied("role"),)},
    ],
)
def test_unknown_property_is_not_a_difference(more: dict[str, Any]) -> None:
    role = replace(published(), **more)
    found = result(PUBLISHED, role)
    assert (found.state, found.differences) == ("unknown", ())
    assert found.unknown
    found = result(PUBLISHED, replace(role, trust=read_trust_policy({"Statement": ANYONE})))
    assert found.state == "differs"
    assert found.unknown


def test_unknown_account_does_not_match_and_a_difference_takes_precedence() -> None:
    unread = denied_account("other-roles")
    found = verify_account(PUBLISHED, account(published(), unknown=(unread,)))
    assert (found.state, found.unknown) == ("unknown", (unread,))
    longer = replace(published(), session=7200)
    assert verify_account(PUBLISHED, account(longer, unknown=(unread,))).state == "differs"
    assert match_state([]) == "unknown"
    assert match_state(["match", "unknown"]) == "unknown"
    assert match_state(["match", "unknown", "differs"]) == "differs"
    nothing = replace(PUBLISHED, roles=())
    assert verify_account(nothing, account()).state == "unknown"
    others = {"Admin": {"Statement": ANYONE}}
    assert verify_account(nothing, account(others=others)).state == "differs"


@pytest.mark.parametrize("levels", [50, 500, 5_000])
@pytest.mark.parametrize("where", ["inline", "trust", "other"])
def test_deeply_nested_policy_never_matches_and_does_not_affect_other_accounts(
    levels: int, where: str
) -> None:
    nested: Any = []
    for _ in range(levels):
        nested = [nested]
    condition = {"Condition": {"StringEquals": {"k": nested}}}
    role, others = published(), {}
    if where == "inline":
        more = read_policy({"Statement": {**EVERYTHING["Statement"], **condition}}, "X")
        role = replace(role, policies=(*role.policies, more))
    elif where == "trust":
        statements = [*trust(PUMP_ACCOUNT, A)["Statement"], {**ANYONE, **condition}]
        role = replace(role, trust=read_trust_policy({"Statement": statements}))
    else:
        others = {"Other": {"Statement": {**ANYONE, **condition}}}
    found = verify_account(PUBLISHED, account(role, others=others))
    too_deep = AccountUnknown(part="account", why="too-deep")
    assert found.state == "differs" or found.unknown == (too_deep,)


# External IDs.


IDS = st.from_regex(validators.EXTERNAL_ID.pattern, fullmatch=True).filter(
    lambda id_: 6 <= len(id_) < 60
)


def with_everywhere(id_: str) -> AccountResult:
    """The result for an account with an external ID in its place, and in texts of every kind."""
    inside = f"x{id_}y"
    inline = allow(inside, Resource=inside, Condition={"StringLike": {inside: [id_, f"{id_}*"]}})
    role = replace(
        published(id_),
        policies=(
            *published().policies,
            parse_policy({"Statement": inline}, name=inside),
            parse_policy({"Statement": {inside: id_}}, name=inside, arn=managed_arn(inside)),
        ),
        path=known(f"/{inside}/"),
        tags={inside: known(id_), Guardrail.ONLY_WHEN_APPROVED.tag: known(inside)},
        boundary=Boundary(arn=known(managed_arn(inside)), policy=parse_policy({}, name="boundary")),
        unknown=(denied("managed-policies", inside), denied("boundary", id_)),
    )
    others = {inside: {"Statement": {**ANYONE, inside: id_}}}
    details = account(
        role, others=others, unknown=(denied_account("other-roles", inside),), name=inside
    )
    return verify_account(OPEN, details)


@given(IDS)
@example("Describe")
@example("trust-policy")
@example("broader")
@example("999988887777")
def test_result_shows_no_external_id_wherever_it_is(id_: str) -> None:
    found, others = (json.dumps(asdict(with_everywhere(each))) for each in (id_, "Q7-" * 20))
    # Unless this package says so itself.
    assert id_ not in found or id_ in others
    assert json.dumps(asdict(with_everywhere(SECRET))).count("(external ID)") > 9


@pytest.mark.parametrize("shorter", ["", "ab"])
def test_external_ids_appear_nowhere_in_a_result(shorter: str) -> None:
    second = shorter or OTHER_SECRET
    ids = {"StringEquals": {"sts:ExternalId": [SECRET, second, 98765432]}}
    statement = {**trust(PUMP_ACCOUNT, EXTERNAL_ID)["Statement"][0], "Condition": ids}
    more = {**ANYONE, "Principal": {"AWS": f"arn:aws:iam::1:role/{SECRET}"}}
    inline = allow(
        *(f"s3:{SECRET}", "s3:GetObject"),
        Resource=f"arn:aws:s3:::{SECRET}",
        Condition={"StringLike": {"STS:externalid": "Of-Inline-1234"}},
    )
    bounds = {"Statement": {"Condition": {"StringEquals": {"sts:ExternalId": "Bound-1"}}}}
    managed = f"Managed-{SECRET}"
    tags = {f"tag-{SECRET}": SECRET, EXTERNAL_ID: "x", second: "x", "98765432": "x"}
    role = replace(
        published(),
        trust=parse_trust({"Statement": [statement, more]}),
        policies=(
            *published().policies,
            parse_policy({"Statement": inline}, name=f"Allows-{SECRET}"),
            parse_policy({"Statement": "Of-Inline-1234"}, name=managed, arn=managed_arn(managed)),
        ),
        path=known(f"/{SECRET}/"),
        tags={key: known(value) for key, value in tags.items()},
        boundary=Boundary(
            arn=known(managed_arn(f"B-{SECRET}")), policy=parse_policy(bounds, name="boundary")
        ),
        unknown=(denied("managed-policies", SECRET), denied("boundary", "Bound-1")),
    )
    details = account(
        role,
        others={
            f"Other-{SECRET}": {"Statement": {**ANYONE, "Condition": {}}},
            f"Role-{EXTERNAL_ID}": trust(OTHER_ACCOUNT, SECRET),
            "Bound-1": trust(PUMP_ACCOUNT, EXTERNAL_ID),
            "For-Of-Other-1234": trust(PUMP_ACCOUNT, "Of-Other-1234"),
        },
        unknown=(denied_account("other-roles", SECRET),),
        name=f"Account of {EXTERNAL_ID}",
    )
    found = verify_account(PUBLISHED.with_external_id(ExternalId.of(EXTERNAL_ID)), details)
    assert found.state == "differs"
    shown = json.dumps(asdict(found))
    secrets = (SECRET, EXTERNAL_ID, OTHER_SECRET, "Of-Inline", "Bound-1", "Of-Other", "98765432")
    assert not [secret for secret in secrets if secret in shown]
    assert '"ab"' not in shown
    assert "(external ID)" in shown


def test_external_id_in_the_name_of_an_account_that_is_not_read_is_not_shown() -> None:
    expected = PUBLISHED.with_external_id(ExternalId.of(SECRET))
    why = AccountUnknown(part="account", why="not-below", subject=SECRET)
    found = verify_account(expected, AccountDetails(account=A, name=SECRET, unknown=(why,)))
    assert (found.name, found.unknown[0].subject) == ("(external ID)", "(external ID)")


def test_account_and_state_stay_even_if_they_are_the_external_id() -> None:
    found = result(PUBLISHED, published(ACCOUNT_ID))
    assert found.arn == f"arn:aws:iam::{ACCOUNT_ID}:role/PumpReadOnlyRole"
    for state, held in (("match", "match"), ("differs", EXTERNAL_ID)):
        expected = PUBLISHED.with_external_id(ExternalId.of(state))
        verified = verify_account(expected, account(published(held)))
        assert [verified.state, *(role.state for role in verified.roles)] == [state, state]


@pytest.mark.parametrize("id_", ["iam::123456789012:role", "arn:aws:iam::123456789012:role/Pump"])
def test_external_id_that_is_part_of_an_arn_leaves_the_place_of_the_role(id_: str) -> None:
    found = result(PUBLISHED.with_external_id(ExternalId.of(id_)), published(id_))
    assert (found.state, found.arn.startswith(f"arn:aws:iam::{ACCOUNT_ID}:")) == ("match", True)


def test_external_id_that_is_no_text_is_not_open(tmp_path: Path) -> None:
    document = trust(PUMP_ACCOUNT, EXTERNAL_ID)
    document["Statement"][0]["Condition"]["StringEquals"]["sts:ExternalId"] = 12345678
    properties = {"RoleName": "PumpReadOnlyRole", "AssumeRolePolicyDocument": document}
    file = tmp_path / "t.json"
    file.write_text(
        json.dumps({"Resources": {"R": {"Type": "AWS::IAM::Role", "Properties": properties}}})
    )
    rules = [
        [each.rule for each in result(expected_in(file), published(id_)).differences]
        for id_ in ("12345678", EXTERNAL_ID)
    ]
    assert ["trust-policy" in each for each in rules] == [False, True]


def test_external_id_that_is_not_known_is_not_compared_so_the_role_does_not_match() -> None:
    uncompared = RoleUnknown(part="trust-policy", why="open", subject="1")
    for expected, state, unknown in ((PUBLISHED, "match", ()), (OPEN, "unknown", (uncompared,))):
        found = result(expected, published(A))
        assert (found.state, found.unknown, found.notes) == (state, unknown, ())
    found = result(PUBLISHED.with_external_id(ExternalId.of(B)), published(A))
    assert kinds(found) == [("external-id", "unclear")]
    assert not [id_ for id_ in (A, B) if id_ in repr(found)]
    # A placeholder for an open ID is none.
    assert result(OPEN, published("${external-id}")).state == "differs"


# Templates that leave something open, or contradict each other.


def in_template(folder: Path, external_id: Any = EXTERNAL_ID, **more: Any) -> Expectation:
    """What a template with the read-only role expects."""
    properties = {
        "RoleName": NAMES[READ_ONLY],
        "AssumeRolePolicyDocument": trust(PUMP_ACCOUNT, external_id),
        "Policies": [
            {"PolicyName": policy.name, "PolicyDocument": document_of(policy)}
            for policy in published().policies
        ],
        **more.pop("properties", {}),
    }
    role = {"Type": "AWS::IAM::Role", "Properties": properties, **more.pop("resource", {})}
    parameters = {name: {"Type": "String"} for name in ("Next", "Name")}
    parameters |= more.pop("parameters", {})
    content: Template = {"Parameters": parameters, "Resources": {"Role": role}}
    file = folder / "role.template.json"
    file.write_text(json.dumps(content))
    return expected_in(file, **more)


@pytest.mark.parametrize("name", ["", {"Fn::Sub": "${AWS::Region}-Pump"}, {"Ref": "Name"}])
def test_role_name_that_is_a_function_is_evaluated_or_rejected(name: Any, tmp_path: Path) -> None:
    sub = in_template(tmp_path, properties={"RoleName": {"Fn::Sub": NAMES[READ_ONLY]}})
    assert result(sub, published(EXTERNAL_ID)).state == "match"
    with pytest.raises(InputError, match="the name of the read-only role cannot be read"):
        in_template(tmp_path, properties={"RoleName": name})


def test_conditional_role_that_does_not_exist_is_unknown(tmp_path: Path) -> None:
    found = result(in_template(tmp_path, resource={"Condition": "Wanted"}))
    assert (found.state, found.differences) == ("unknown", ())


@pytest.mark.parametrize(
    ("written", "held"),
    [
        # During a rotation, with the current ID in the template, and in the environment.
        ([SECRET, {"Ref": "Next"}], [SECRET, OTHER_SECRET]),
        ({"Fn::Sub": "${AWS::Region}-acme"}, "eu-west-1-acme"),
    ],
)
def test_external_id_that_is_open_stays_so(written: Any, held: Any, tmp_path: Path) -> None:
    expectation = in_template(tmp_path, written)
    if isinstance(held, list):
        expectation = expectation.with_external_id(ExternalId.of(SECRET))
    found = result(expectation, published(held))
    assert found.state == "unknown"
    assert found.unknown == (RoleUnknown(part="trust-policy", why="open", subject="1"),)
    # The one that is passed takes its place.
    last = held[-1] if isinstance(held, list) else held
    assert result(
        in_template(tmp_path, written).with_external_id(ExternalId.of(last)), published(held)
    ).state == ("match")


def test_does_not_show_a_principal_that_contains_the_external_id(tmp_path: Path) -> None:
    document = trust(f"arn:aws:iam::{PUMP_ACCOUNT}:role/{SECRET}", SECRET)
    properties = {"AssumeRolePolicyDocument": document}
    with pytest.raises(InputError, match="omit --principal") as raised:
        in_template(tmp_path, properties=properties, principal=PUMP_ACCOUNT)
    assert SECRET not in str(raised.value)


@pytest.mark.parametrize(
    ("passed", "trusted", "state"),
    [
        (None, PUMP_ACCOUNT, "match"),
        (None, OTHER_ACCOUNT, "differs"),
        (OTHER_ACCOUNT, OTHER_ACCOUNT, "match"),
        (OTHER_ACCOUNT, PUMP_ACCOUNT, "differs"),
    ],
)
def test_default_principal_is_expected_unless_another_is_passed(
    passed: str | None, trusted: str, state: str, tmp_path: Path
) -> None:
    parameter = {
        "Type": "String",
        "AllowedPattern": validators.PRINCIPAL.pattern,
        "Default": PUMP_ACCOUNT,
    }
    document = trust("", A)
    document["Statement"][0]["Principal"] = {"AWS": {"Ref": "Who"}}
    expectation = in_template(
        tmp_path,
        properties={"AssumeRolePolicyDocument": document},
        parameters={"Who": parameter},
        principal=passed,
    )
    held = replace(published(), trust=parse_trust(trust(trusted, A)))
    assert result(expectation, held).state == state


def test_placeholders_are_filled_in_for_each_account() -> None:
    arn = "arn:${AWS::Partition}:iam::${AWS::AccountId}:policy/B"
    expected = bounded((arn, {"Statement": ["${AWS::AccountId}"]}))
    ((role,),) = expected.in_account(OTHER_ACCOUNT, "aws-cn")
    assert role.boundary == Boundary(
        arn=known(f"arn:aws-cn:iam::{OTHER_ACCOUNT}:policy/B"),
        policy=parse_policy({"Statement": [OTHER_ACCOUNT]}, name="boundary"),
    )


def test_role_of_a_template_for_the_account_is_compared_with_that_template() -> None:
    (variant,) = PUBLISHED.roles[0]
    here = replace(variant, account=ACCOUNT_ID)
    there = DeployedRole(role=replace(variant.role, path=known("/there/")), account=OTHER_ACCOUNT)
    anywhere = DeployedRole(role=replace(variant.role, path=known("/anywhere/")))

    def verify(*variants: DeployedRole) -> RoleResult:
        return result(replace(PUBLISHED, roles=(variants,)), published())

    assert verify(here, there, anywhere).state == "match"
    assert verify(there, here).state == "match"
    assert kinds(verify(there, anywhere)) == [("role-path", "unclear")]
    assert verify(variant, variant).state == "match"
    several = verify(variant, anywhere)
    assert several.state == "unknown"
    assert [unknown.why for unknown in several.unknown] == ["several-variants"]


# Where the templates put a role.


def stack(**members: Any) -> Deployment:
    return Deployment(kind=READ_ONLY, source="", **members)


def rollout(**members: Any) -> Deployment:
    given = {"stack_set": "PumpReadOnly", "call_as": "management", "units": (UNIT,)}
    return stack(**{**given, **members})


UNREADABLE = (RoleUnknown(part="template", why="conditional"),)
ELSEWHERE = stack(account=OTHER_ACCOUNT)
IN_UNITS = {"units": (UNIT, INNER)}
IN_ROOT = {"account": MANAGEMENT, "units": ()}
ALONE = {"units": None}


@pytest.mark.parametrize(
    ("places", "where", "expected"),
    [
        ([stack(account=ACCOUNT_ID)], IN_UNITS, True),
        ([ELSEWHERE], IN_UNITS, False),
        ([stack()], IN_UNITS, None),
        ([stack(account=ACCOUNT_ID, unreadable=UNREADABLE)], IN_UNITS, None),
        ([rollout()], IN_UNITS, True),
        ([rollout(units=("r-abcd", INNER))], IN_UNITS, True),
        ([rollout(units=("ou-abcd-33333333",))], IN_UNITS, False),
        ([rollout(filter="exclude", accounts=(OTHER_ACCOUNT,))], IN_UNITS, True),
        ([rollout(filter="exclude", accounts=(ACCOUNT_ID,))], IN_UNITS, False),
        ([rollout(filter="only", accounts=(ACCOUNT_ID,))], IN_UNITS, True),
        ([rollout(filter="only", accounts=(OTHER_ACCOUNT,))], IN_UNITS, False),
        ([rollout(filter="UNION", accounts=(ACCOUNT_ID,))], IN_UNITS, None),
        ([rollout(call_as="", units=(), accounts=(ACCOUNT_ID,))], IN_UNITS, True),
        ([rollout(call_as="", units=(), accounts=(OTHER_ACCOUNT,))], IN_UNITS, False),
        ([rollout(call_as="", units=())], IN_UNITS, False),
        ([rollout(call_as="delegated-admin")], IN_UNITS, True),
        # If any place says so; and not known if any is open.
        ([ELSEWHERE, rollout()], IN_UNITS, True),
        ([ELSEWHERE, stack()], IN_UNITS, None),
        ([ELSEWHERE, ELSEWHERE], IN_UNITS, False),
        # The management account has the stack that its rollout is deployed with.
        ([rollout()], {**IN_ROOT, "units": (UNIT,)}, False),
        ([stack()], IN_ROOT, None),
        ([stack(), rollout()], IN_ROOT, True),
        ([stack(), rollout()], {"units": ()}, False),
        ([stack(), rollout()], {"units": (), "organization": None}, None),
        ([stack(), rollout(call_as="delegated-admin")], IN_ROOT, None),
        # An account that is verified alone has what could be in it.
        ([stack()], ALONE, True),
        ([ELSEWHERE], ALONE, False),
        ([rollout()], ALONE, None),
        ([rollout(filter="exclude", accounts=(ACCOUNT_ID,))], ALONE, False),
        ([rollout(call_as="", accounts=(ACCOUNT_ID,))], ALONE, True),
        ([rollout()], {"account": MANAGEMENT}, False),
    ],
)
def test_role_is_expected_where_the_templates_put_it_and_nowhere_else(
    places: list[Deployment], where: dict[str, Any], *, expected: bool | None
) -> None:
    organization = Organization(id="o-abcd123456", management_account=MANAGEMENT)
    expectation = replace(PUBLISHED, places=tuple(places))
    why: RoleWhy = "open-account"
    if where is ALONE:
        why = "open-rollout"
    elif any(place.unreadable or place.filter == "UNION" for place in places):
        why = "open"
    open_place = RoleUnknown(part="place", why=why)
    about = {"organization": organization, **where}
    found, missing = (result(expectation, *roles, **about) for roles in ([published()], []))
    if expected is False:
        assert kinds(found) == [("role-misplaced", "broader")]
        assert (missing.state, missing.notes) == (
            "match",
            (RoleUnknown(part="role", why="only-elsewhere"),),
        )
    elif expected:
        assert (found.state, kinds(missing)) == ("match", [("role-missing", "narrower")])
    else:
        assert (missing.state, missing.unknown) == ("unknown", (open_place,))
        # Whoever verifies only this account expects the role that is in it.
        alone = where is ALONE
        assert (found.state, open_place in found.notes) == ("match" if alone else "unknown", alone)


def test_units_that_are_a_parameter_leave_open_where_the_role_is_expected() -> None:
    places = (rollout(units=("${OrganizationalUnitIds}",)),)
    for where, why in ((IN_UNITS, "open-units"), (ALONE, "open-rollout")):
        found = result(replace(PUBLISHED, places=places), **where)
        assert [(each.part, each.why) for each in found.unknown] == [("place", why)]


def test_whether_a_role_exists_is_not_known_if_roles_cannot_be_listed() -> None:
    expectation = replace(PUBLISHED, places=(ELSEWHERE,))
    found = result(expectation, unknown=(denied_account("other-roles"),))
    assert found.unknown == (RoleUnknown(part="role", why="existence"),)


# Other roles.


BY_SERVICE = {**ANYONE, "Principal": {"Service": "ec2.amazonaws.com"}}


def name_of(arn: str) -> str:
    return arn.rpartition("/")[2]


def filled(part: Any) -> Any:
    """Return a part of a trust policy as it is in the account."""
    if part == {"Ref": "AWS::AccountId"}:
        return ACCOUNT_ID
    if isinstance(part, dict) and isinstance(part.get("Fn::Sub"), str):
        text = part["Fn::Sub"].replace("${AWS::AccountId}", ACCOUNT_ID)
        return text.replace("${AWS::Partition}", "aws")
    return part


def trust_policies() -> Iterator[tuple[Any, set[str]]]:
    """Yield the trust policies of the attacks that an account can have, and what is found."""
    for attack in (*ATTACKS, *INNOCENT):
        other = attack.content["Resources"].get("Other", {})
        properties = other.get("Properties", {})
        document = mapped(properties.get("AssumeRolePolicyDocument"), filled)
        with suppress(ValueError, TypeError):
            document = json.loads(document)
        # Here, it is known which account is the own one: see below.
        is_known = not re.search(r"'Ref'|Fn::|\$\{|aws:PrincipalAccount", repr(document))
        is_read = "unreadable-properties" not in attack.elsewhere
        if document and is_known and is_read and other["Type"] == "AWS::IAM::Role":
            has_policies = "Policies" in properties
            yield document, set() if has_policies else about(attack.elsewhere)


def about(found: Iterable[str]) -> set[str]:
    """Return what is found, whether it is trusted or named in another way."""
    return {each.replace("names-", "trusts-") for each in found if "-alike" not in each}


@pytest.mark.parametrize(("document", "expected"), [*trust_policies()])
def test_other_role_is_found_as_in_a_template(document: Any, expected: set[str]) -> None:
    both = BOTH.with_external_id(ExternalId.of(SECRET))
    roles = [published(SECRET, kind) for kind in NAMES]
    found = verify_account(both, account(*roles, others={"Other": document}))
    ways = [f"{way.why} {way.subject}".rstrip() for other in found.others for way in other.access]
    assert about(ways) == expected
    assert [role.state for role in found.roles] == ["match", "match"]
    assert (found.state, bool(found.others)) == ("differs" if ways else "match", bool(ways))


UNNAMED = {"another name", "no name"}


@pytest.mark.parametrize("name", sorted(CHANGES.keys() - UNNAMED))
def test_changed_role_is_found_as_in_a_template(name: str, tmp_path: Path) -> None:
    change = CHANGES[name]
    attacks.write_app(tmp_path, change.before())
    expectation = expected_in(tmp_path)
    change.written(tmp_path)
    (changed,) = templates.read(tmp_path).roles
    found = verify_account(expectation, account(changed.role))
    (role,) = found.roles
    told = {f"{each.rule} {each.effect} {each.subject}".rstrip() for each in role.differences}
    # In an account, it is the customer who opens a guardrail.
    is_open = change.finding == "opened"
    assert told == (set() if is_open else change.found)
    assert any(approval.open for approval in role.approvals) == is_open
    assert bool(role.unknown) == bool(change.unknown)
    assert found.state == ("differs" if told else "unknown" if role.unknown else "match")


def test_role_of_pumps_that_is_not_expected_is_another_role() -> None:
    roles = [published(EXTERNAL_ID, kind) for kind in NAMES]
    found = verify_account(OPEN.with_external_id(ExternalId.of(EXTERNAL_ID)), account(*roles))
    assert (found.state, [role.state for role in found.roles]) == ("differs", ["match"])
    (other,) = found.others
    assert name_of(other.arn) == "PumpAutoPilotRole"
    assert other.principals == (Principal("account", known(PUMP_ACCOUNT)),)


IN_ORGANIZATION = {"aws:PrincipalOrgID": "o-abcd123456"}


def to_everyone(condition: Any) -> dict[str, Any]:
    return {"Other": {"Statement": {**ANYONE, "Condition": condition}}}


@pytest.mark.parametrize(
    "condition",
    [
        {"StringEquals": IN_ORGANIZATION},
        {"StringLike": {"AWS:principalorgid": ["o-abcd123456"]}},
        {"ForAnyValue:StringLike": {"aws:PrincipalOrgPaths": "o-abcd123456/r-abcd/ou-abcd-1/*"}},
        {"StringEquals": {"aws:PrincipalAccount": [ACCOUNT_ID, OTHER_ACCOUNT]}},
        {"ArnLike": {"aws:PrincipalArn": f"arn:*:iam::{ACCOUNT_ID}:role/Admin*"}},
        {"ArnEquals": {"aws:PrincipalArn": f"arn:aws:iam::{ACCOUNT_ID}:role/Admin*"}},
        {"StringEquals": {"aws:PrincipalArn": f"arn:aws:iam::{ACCOUNT_ID}:role/Admin"}},
        # One test is enough: all must be met.
        {"StringEquals": IN_ORGANIZATION, "Bool": {"aws:MultiFactorAuthPresent": "true"}},
        {"StringEquals": IN_ORGANIZATION, "Null": {"sts:ExternalId": "false"}},
    ],
)
def test_role_that_trusts_everyone_within_the_organization_does_not_trust_everyone(
    condition: Any,
) -> None:
    details = account(published(), others=to_everyone(condition), organization=HERE)
    assert (verify_account(PUBLISHED, details).state, details.management_account) == (
        "match",
        MANAGEMENT,
    )


@pytest.mark.parametrize(
    ("condition", "why"),
    [
        ({"StringEqualsIfExists": IN_ORGANIZATION}, "trusts-everyone"),
        ({"StringNotEquals": IN_ORGANIZATION}, "trusts-everyone"),
        (
            {"StringEquals": {"aws:PrincipalOrgID": ["o-abcd123456", "o-zyxw987654"]}},
            "trusts-everyone",
        ),
        ({"StringLike": {"aws:PrincipalOrgID": "o-*"}}, "trusts-everyone"),
        ({"StringEquals": {"aws:ResourceOrgID": "o-abcd123456"}}, "trusts-everyone"),
        (
            {"ForAllValues:StringLike": {"aws:PrincipalOrgPaths": "o-abcd123456/*"}},
            "trusts-everyone",
        ),
        ({"StringLike": {"aws:PrincipalOrgPaths": "o-abcd123456/*"}}, "trusts-everyone"),
        ({"ForAnyValue:StringLike": {"aws:PrincipalOrgPaths": "o-abcd12345*"}}, "trusts-everyone"),
        ({"StringLike": {"aws:PrincipalAccount": "*"}}, "trusts-everyone"),
        ({"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::*:role/Admin"}}, "trusts-everyone"),
        (
            {"StringLike": {"aws:PrincipalArn": f"arn:*:iam::{ACCOUNT_ID}:role/A"}},
            "trusts-everyone",
        ),
        ({"StringEquals": {"aws:PrincipalAccount": "${aws:ResourceAccount}"}}, "trusts-everyone"),
        ({"StringEquals": {"aws:PrincipalAccount": []}}, "trusts-everyone"),
        ("text", "trusts-everyone"),
        ({"StringEquals": {"aws:PrincipalAccount": [{"Ref": "X"}]}}, "trusts-everyone"),
        # Pump's account, or one of its roles in the account.
        ({"StringEquals": {"aws:PrincipalAccount": PUMP_ACCOUNT}}, "names-account"),
        (
            {
                "StringEquals": {
                    "aws:PrincipalArn": f"arn:aws:iam::{ACCOUNT_ID}:role/{NAMES[AUTO_PILOT]}"
                }
            },
            "names-role",
        ),
    ],
)
def test_role_that_trusts_everyone_is_listed_unless_its_condition_certainly_limits_that(
    condition: Any, why: str
) -> None:
    details = account(published(), others=to_everyone(condition), organization=HERE)
    (other,) = verify_account(PUBLISHED, details).others
    assert why in {way.why for way in other.access}


@pytest.mark.parametrize(
    "organization",
    [
        None,
        denied_account("membership"),
        Organization(),
        # Pump's own.
        replace(HERE, management_account=PUMP_ACCOUNT),
    ],
)
def test_role_of_an_organization_that_is_not_known_or_is_pumps_is_listed(
    organization: Organization | AccountUnknown | None,
) -> None:
    others = to_everyone({"StringEquals": IN_ORGANIZATION})
    details = account(published(), others=others, organization=organization)
    (other,) = verify_account(PUBLISHED, details).others
    assert [way.why for way in other.access] == ["trusts-everyone"]


@pytest.mark.parametrize("value", ["true", "false", ["false"], False])
def test_whether_an_external_id_is_there_is_no_external_id(value: Any) -> None:
    asks: Any = {"Statement": {**BY_SERVICE, "Condition": {"Null": {"sts:ExternalId": value}}}}
    document = trust(PUMP_ACCOUNT, A)
    document["Statement"].append({**asks["Statement"], "Effect": "Deny"})
    role = replace(published(), trust=read_trust_policy(document))
    details = account(role, others={"Other": asks}, name="false")
    found = verify_account(PUBLISHED, details)
    assert (found.others, found.name, details.external_ids) == (
        (),
        "false",
        {ExternalId.of(A)},
    )


def test_external_id_in_the_place_of_whether_there_is_one_is_not_shown() -> None:
    asks = {"Null": {"sts:ExternalId": SECRET}}
    assert account(others=to_everyone(asks)).external_ids == {ExternalId.of(SECRET.lower())}
    shown = Mask(frozenset()).masked(
        {"Null": {"sts:ExternalId": SECRET, "k": "v"}, "k": {"k": "v"}}
    )
    assert shown == {"Null": {"sts:ExternalId": "(external ID)", "k": "v"}, "k": {"k": "v"}}
    presence = {"Null": {"sts:ExternalId": "false"}}
    assert Mask(frozenset()).masked(presence) == presence


def test_external_id_of_another_role_is_pumps_if_it_is_expected_or_in_the_account() -> None:
    copy = {"Copy": trust(OTHER_ACCOUNT, A)}
    known_id = OPEN.with_external_id(ExternalId.of(A))
    for expected, roles, names in (
        (OPEN, (), []),
        (known_id, (), ["Copy"]),
        (OPEN, (published(),), ["Copy"]),
    ):
        found = verify_account(expected, account(*roles, others=copy))
        assert [name_of(other.arn) for other in found.others] == names


# The organization.


DENIED = denied_account("membership")
IN_ANOTHER = ("broader", (OTHER_ACCOUNT,), (MANAGEMENT,))
LEFT = ("unclear", (OTHER_ACCOUNT,), ())


@pytest.mark.parametrize(
    ("organization", "management", "state", "difference"),
    [
        (HERE, "", "match", None),
        (HERE, MANAGEMENT, "match", None),
        (HERE, OTHER_ACCOUNT, "differs", IN_ANOTHER),
        (Organization(), "", "match", None),
        (Organization(), OTHER_ACCOUNT, "differs", LEFT),
        # What could not be read is no difference unless it was asked for.
        (DENIED, "", "match", None),
        (DENIED, MANAGEMENT, "unknown", None),
    ],
)
def test_compares_the_organization_only_if_one_is_expected(
    organization: Organization | AccountUnknown, management: str, state: str, difference: Any
) -> None:
    expectation = replace(PUBLISHED, management_account=management)
    verification = verify_files([account(published(), organization=organization)], expectation)
    (found,) = verification.accounts
    assert (verification.state, found.state) == (state, state)
    assert found.unknown == ((organization,) if state == "unknown" else ())
    assert found.organization == (organization if isinstance(organization, Organization) else None)
    assert [(each.effect, each.was, each.now) for each in found.differences] == (
        [] if difference is None else [difference]
    )
    assert {each.rule for each in found.differences} <= {"organization"}


def test_organization_does_not_hide_what_else_differs_or_is_unknown() -> None:
    def verify(*roles: HeldRole, **more: Any) -> tuple[str, tuple[Unknown, ...]]:
        expectation = replace(PUBLISHED, management_account=MANAGEMENT)
        found = verify_account(expectation, account(*roles, **more))
        return found.state, found.unknown

    why = denied_account("other-roles")
    assert verify(organization=DENIED) == ("differs", (DENIED,))
    assert verify(published(), unknown=(why,), organization=HERE) == ("unknown", (why,))
    assert verify(published(), unknown=(why,), organization=DENIED) == ("unknown", (why, DENIED))
    # Its ID is masked if it is an external ID, too.
    expectation = PUBLISHED.with_external_id(ExternalId.of(HERE.id))
    found = verify_account(expectation, account(organization=HERE))
    assert found.organization == replace(HERE, id="(external ID)")


def test_organization_of_an_account_that_is_not_in_it_is_not_known() -> None:
    why = AccountUnknown(part="account", why="not-below")
    found = verify_account(
        replace(PUBLISHED, management_account=OTHER_ACCOUNT),
        AccountDetails(account=ACCOUNT_ID, unknown=(why,)),
    )
    assert found == AccountResult(account=ACCOUNT_ID, unknown=(why,))


def trusting(principal: str) -> Any:
    return {"Statement": {**ANYONE, "Principal": {"AWS": principal}}}


STACK_SETS = (
    f"arn:aws:iam::{MANAGEMENT}:role/aws-service-role/stacksets.cloudformation.amazonaws.com/"
    "AWSServiceRoleForCloudFormationStackSetsOrgAdmin"
)
AUDIT = "arn:aws:iam::777788889999:role/aws-controltower-AuditAdministratorRole"
OF_MANAGEMENT: dict[str, tuple[Any, list[tuple[str, str]]]] = {
    # Created with the account, and with another name.
    "OrganizationAccountAccessRole": (
        trusting(MANAGEMENT),
        [
            ("named-for-management", "OrganizationAccountAccessRole"),
            ("trusts-management", MANAGEMENT),
        ],
    ),
    "OrgAdmin": (trusting(f"arn:aws:iam::{MANAGEMENT}:root"), [("trusts-management", MANAGEMENT)]),
    "stacksets-exec-0123456789abcdef": (
        trusting(STACK_SETS),
        [("named-for-management", "stacksets-exec-*"), ("trusts-management", MANAGEMENT)],
    ),
    "AWSControlTowerExecution": (
        trusting(MANAGEMENT),
        [
            ("named-for-management", "AWSControlTowerExecution"),
            ("trusts-management", MANAGEMENT),
        ],
    ),
    "aws-controltower-AdministratorExecutionRole": (
        trusting(AUDIT),
        [("named-for-management", "aws-controltower-*")],
    ),
    "OfItsConfig": (
        {
            "Statement": {
                **BY_SERVICE,
                "Condition": {"StringEquals": {"aws:SourceAccount": MANAGEMENT}},
            }
        },
        [("names-management", MANAGEMENT)],
    ),
}
"""Roles of a member account, as AWS creates them, and why each is listed."""


def ways_of(found: AccountResult) -> dict[str, list[tuple[str, str]]]:
    return {
        name_of(other.arn): [(way.why, way.subject) for way in other.access]
        for other in found.for_management
    }


def test_roles_for_the_management_account_are_listed_and_no_difference() -> None:
    trusts = {name: document for name, (document, _) in OF_MANAGEMENT.items()}
    harmless = {
        f"Harmless{at}": document
        for at, (document, found) in enumerate(trust_policies())
        if not found
    }
    ours = {"Ours": trusting(ACCOUNT_ID), "not-stacksets-exec-1": trusting(OTHER_ACCOUNT)}
    others = trusts | harmless | ours
    expected, role = OPEN.with_external_id(ExternalId.of(EXTERNAL_ID)), published(EXTERNAL_ID)
    found = verify_account(expected, account(role, others=others, organization=HERE))
    assert (found.state, found.others, found.notes) == ("match", (), ())
    assert ways_of(found) == {name: ways for name, (_, ways) in OF_MANAGEMENT.items()}
    of_stack_sets = found.for_management[-1]
    assert of_stack_sets.principals == (Principal("role", known(STACK_SETS)),)


@pytest.mark.parametrize(
    ("organization", "noted"),
    [
        (denied_account("membership"), [denied_account("membership")]),
        (AccountUnknown(part="membership", why="not-in-files"), None),
        # Left over from a former organization.
        (Organization(), []),
        (Organization(id="o-abcd123456", management_account=OTHER_ACCOUNT), []),
    ],
)
def test_only_names_tell_roles_for_a_management_account_that_is_not_known(
    organization: Organization | AccountUnknown, noted: list[Unknown] | None
) -> None:
    others = {name: document for name, (document, _) in OF_MANAGEMENT.items()}
    found = verify_account(
        PUBLISHED, account(published(), others=others, organization=organization)
    )
    assert (found.state, found.unknown) == ("match", ())
    assert [*found.notes] == ([organization] if noted is None else noted)
    named = {
        name: [way for way in ways if way[0] == "named-for-management"]
        for name, (_, ways) in OF_MANAGEMENT.items()
    }
    assert ways_of(found) == {name: ways for name, ways in named.items() if ways}


def test_role_for_the_management_account_is_listed_once_and_not_in_that_account() -> None:
    in_pumps = Organization(id="o-abcd123456", management_account=PUMP_ACCOUNT)
    name = "OrganizationAccountAccessRole"
    others = {name: trusting(PUMP_ACCOUNT)}
    found = verify_account(PUBLISHED, account(published(), others=others, organization=in_pumps))
    # Pump can use it, so it is a difference. The expected role, which also trusts it, is none.
    assert (found.state, ways_of(found)) == ("differs", {})
    assert [name_of(other.arn) for other in found.others] == [name]
    at_home = Organization(id="o-abcd123456", management_account=ACCOUNT_ID)
    others = {name: trusting(ACCOUNT_ID)}
    found = verify_account(PUBLISHED, account(published(), others=others, organization=at_home))
    assert (found.state, ways_of(found)) == ("match", {})


@pytest.mark.parametrize("name", ["AdministratorAccess", "job-function/AdministratorAccess"])
def test_says_if_a_role_for_the_management_account_is_known_to_be_an_administrator(
    name: str,
) -> None:
    arn = f"arn:aws:iam::aws:policy/{name}"
    role = HeldRole(
        kind="",
        name=known("OrgAdmin"),
        trust=parse_trust(trusting(MANAGEMENT)),
        policies=(parse_policy(None, name=name_of(arn), arn=arn),),
    )
    found = verify_account(PUBLISHED, account(published(), role, organization=HERE))
    administrator = [("administrator", "")] if "/" not in name else []
    assert ways_of(found) == {"OrgAdmin": [("trusts-management", MANAGEMENT), *administrator]}


# What a report expects.


def reported(file: Path) -> Expectation:
    """What the report on a template expects."""
    with short_reports():
        return from_report(Path("report.html"), of_templates(file))


def texts(value: str | list[str]) -> set[str]:
    return {value} if isinstance(value, str) else {*value}


@pytest.mark.parametrize("ids", [A, [A, B]])
def test_report_expects_the_external_ids_although_it_hides_them(ids: Any, tmp_path: Path) -> None:
    by_template = in_template(tmp_path, ids)
    by_report = reported(tmp_path / "role.template.json")
    assert A not in repr(by_report)
    digests = [sha256(id_.encode()).hexdigest() for id_ in (A, B)]
    cases: list[Any] = [A, B, [A, B], [B, A], digests[0], digests, [A, "Other-3"]]
    for held in cases:
        found = result(by_report, published(held))
        assert found == result(by_template, published(held)), held
        assert (found.state == "match") == (texts(held) == texts(ids))
    # One that is passed must be one of them.
    states = [
        result(by_report.with_external_id(ExternalId.of(id_)), published(ids)).state
        for id_ in (A, "Other-3")
    ]
    assert states == ["match", "unknown"]


def test_report_knows_which_principal_has_which_external_id(tmp_path: Path) -> None:
    def document(first: str, second: str) -> Any:
        found = trust(PUMP_ACCOUNT, first)
        found["Statement"] += trust(OTHER_ACCOUNT, second)["Statement"]
        return found

    in_template(tmp_path, properties={"AssumeRolePolicyDocument": document(A, B)})
    by_report = reported(tmp_path / "role.template.json")
    for ids, state in (((A, B), "match"), ((B, A), "differs"), ((A, A), "differs")):
        held = replace(published(), trust=parse_trust(document(*ids)))
        assert result(by_report, held).state == state


def test_external_ids_that_a_report_cannot_tell_apart_are_said_to_be_open(tmp_path: Path) -> None:
    # As of two stacks with the same role, and different IDs.
    open_ids = RoleUnknown(part="trust-policy", why="open", subject="1")
    in_template(tmp_path, A)
    with short_reports():
        report = of_templates(tmp_path / "role.template.json")
    digests = tuple(sha256(id_.encode()).hexdigest() for id_ in (A, B))
    (role,) = report.read.roles
    read = replace(report.read, roles=(replace(role, external_id_sha256=digests),))
    either = replace(report, read=read)
    for id_ in (A, B):
        found = result(from_report(Path("report.html"), either), published(id_))
        assert (found.state, found.unknown) == ("unknown", (open_ids,))


def test_report_that_hides_an_external_id_elsewhere_is_rejected(tmp_path: Path) -> None:
    said = {"Effect": "Deny", "Action": "ce:*", "Resource": f"arn:aws:ce::{ACCOUNT_ID}:x/{A}"}
    policy = {"PolicyName": "Less", "PolicyDocument": {"Statement": said}}
    in_template(tmp_path, A, properties={"Policies": [policy]})
    with pytest.raises(InputError, match=r"report\.html: .* pass the templates") as raised:
        reported(tmp_path / "role.template.json")
    assert A not in str(raised.value)


def test_removed_role_of_a_report_leaves_no_role_with_its_external_id(tmp_path: Path) -> None:
    in_template(tmp_path, A)
    gone = reported(tmp_path / "role.template.json").absent()
    for id_, names in ((A, ["Copy"]), (B, [])):
        found = verify_account(gone, account(others={"Copy": trust(OTHER_ACCOUNT, id_)}))
        assert [name_of(other.arn) for other in found.others] == names


def test_report_expects_the_role_where_it_says_and_its_principal_is_passed(tmp_path: Path) -> None:
    document = trust("", A)
    document["Statement"][0]["Principal"] = {"AWS": {"Ref": "Name"}}
    given = {"AssumeRolePolicyDocument": document}
    in_template(tmp_path, principal=PUMP_ACCOUNT, properties=given)
    with short_reports():
        report = of_templates(tmp_path / "role.template.json")
    file = Path("report.html")
    with pytest.raises(InputError, match=r"report\.html: .* pass --principal"):
        from_report(file, report)
    there = replace(report, read=replace(report.read, places=(ELSEWHERE, rollout())))
    found = from_report(file, there, principal=PUMP_ACCOUNT)
    assert found.places == (ELSEWHERE, rollout())
    assert found.accounts == {OTHER_ACCOUNT}
    assert result(found, published(), **IN_UNITS).state == "match"
    assert kinds(result(found, published(), units=())) == [("role-misplaced", "broader")]


def test_report_on_an_account_expects_what_it_had() -> None:
    had = account(replace(published(A), path=known("/pump/")))
    with short_reports():
        report = of_contents(collect_contents(had, [NAMES[READ_ONLY]]))
    expected = from_report(Path("report.json"), report)
    assert expected.accounts == {ACCOUNT_ID}
    assert verify_account(expected, had).state == "match"
    assert kinds(result(expected, published(B))) == [
        ("role-path", "unclear"),
        ("external-id", "unclear"),
    ]
