"""An account compared with what is expected: what is unknown, open, masked, or gives access.

``tests/review/compare`` proves that each difference between two roles is found.
"""

import json
from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from pump_roles import Guardrail
from pump_roles.iam.documents import Policy
from pump_roles.json_input import InputError
from pump_roles.review.account.role_list import ListedRole
from pump_roles.review.account.verify.details import AccountDetails
from pump_roles.review.account.verify.expectation import Expectation, from_published, from_templates
from pump_roles.review.account.verify.one_account import compare
from pump_roles.review.account.verify.verification import RoleResult, state_of
from pump_roles.review.output.verify_sections import approval_in_words
from pump_roles.review.role import Boundary, Part, Unknown
from pump_roles.review.role import Role as HeldRole
from pump_roles.review.templates import Access, FoundRole, Place
from tests.customer import allow
from tests.support import (
    EVERYTHING,
    EXTERNAL_ID,
    OTHER_SECRET,
    PUMP_ACCOUNT,
    SECRET,
    synthesize,
    trust,
)
from tools.sandbox.aws import ACCOUNT_ID
from tools.sandbox.simulator import Role

READ_ONLY, AUTO_PILOT = "read-only", "auto-pilot"
NAMES = {READ_ONLY: "PumpReadOnlyRole", AUTO_PILOT: "PumpAutoPilotRole"}
OTHER_ACCOUNT = "111122223333"


def managed_arn(name: str, account: str = ACCOUNT_ID, path: str = "/") -> str:
    return f"arn:aws:iam::{account}:policy{path}{name}"


def denied(part: Part, subject: str = "") -> Unknown:
    """What AWS did not let us read."""
    return Unknown(part=part, why="not-read", subject=subject, detail="denied")


def account(*roles: HeldRole, others: Mapping[str, Any] | None = None, **more: Any) -> Any:
    members = {
        "account": ACCOUNT_ID,
        "partition": "aws",
        "roles": roles,
        "others": tuple(
            HeldRole(kind="", name=name, trust_policy=document, policies=())
            for name, document in (others or {}).items()
        ),
    }
    return AccountDetails(**{**members, **more})


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The synthesized templates, with guardrails."""
    return synthesize(
        tmp_path_factory.mktemp("cdk.out"),
        Guardrail.RECOMMENDED,
        Guardrail.NO_SELLING,
        Guardrail.only_in_regions("us-east-1"),
        Guardrail.invitations_from(OTHER_ACCOUNT),
    )


@pytest.fixture(scope="module")
def expectation(folder: Path) -> Expectation:
    return from_templates(folder)


@pytest.fixture(scope="module")
def deployed(folder: Path) -> dict[str, HeldRole]:
    """The roles as the templates deploy them, read without the package's help."""
    found = {}
    for kind, name in (READ_ONLY, "PumpReadOnly"), (AUTO_PILOT, "PumpAutoPilot"):
        template = json.loads((folder / f"{name}.template.json").read_text())
        role = Role.of_template(template)
        policies = (Policy(name=name, document=made) for name, made in role.policies.items())
        found[kind] = HeldRole(
            kind=kind, name=NAMES[kind], trust_policy=dict(role.trust), policies=tuple(policies)
        )
    return found


Change = Callable[[HeldRole], object]
Compared = Callable[..., RoleResult]


@pytest.fixture
def compared(expectation: Expectation, deployed: dict[str, HeldRole]) -> Callable[..., RoleResult]:
    """Compare the auto-pilot role after a change of its documents, or of other details."""

    def result(
        change: Change = lambda _: None, expected: Expectation | None = None, **more: Any
    ) -> RoleResult:
        role = deepcopy(deployed[AUTO_PILOT])
        change(role)
        details = account(replace(role, **more))
        (found,) = compare((expected or expectation).only([AUTO_PILOT]), details).roles
        return found

    return result


def kinds(result: RoleResult) -> list[tuple[str, str]]:
    """The rules and effects of the differences."""
    return [(found.rule, found.effect) for found in result.differences]


def subjects(result: RoleResult) -> set[tuple[str, str]]:
    return {(found.rule, found.subject) for found in result.differences}


def test_roles_as_they_are_deployed_match(
    expectation: Expectation, deployed: dict[str, HeldRole]
) -> None:
    details = account(*deployed.values())
    found = compare(expectation, details, name="Production")
    assert (found.state, found.name, found.unknown, found.others) == ("match", "Production", (), ())
    assert [role.state for role in found.roles] == ["match", "match"]
    assert [role.kind for role in found.roles] == [READ_ONLY, AUTO_PILOT]
    assert all(not (role.differences or role.unknown or role.notes) for role in found.roles)


def in_trust(**members: Any) -> Change:
    return lambda role: role.trust_policy["Statement"][0].update(members)


def trusts_also(statement: Any) -> Change:
    return lambda role: role.trust_policy["Statement"].append(statement)


ANYONE = {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}

BOUNDARY = managed_arn("Boundary", path="/platform/")
NARROW = {"Statement": allow("ec2:*")}


def bounded(expectation: Expectation, arn: str, document: Any = None) -> Expectation:
    ways = expectation.only([AUTO_PILOT]).roles[0]
    boundary = Boundary(arn=arn, document=document)
    return replace(
        expectation,
        roles=(tuple(replace(way, role=replace(way.role, boundary=boundary)) for way in ways),),
    )


@pytest.mark.parametrize(
    ("found", "document", "expected"),
    [
        (BOUNDARY, NARROW, ("match", [])),
        (BOUNDARY, EVERYTHING, ("differs", [("boundary-text", "broader")])),
        (BOUNDARY, None, ("unknown", [])),
        # Only its ARN matters, so its text need not be known.
        (BOUNDARY.lower(), None, ("differs", [("boundary-changed", "other")])),
    ],
)
def test_boundary_is_compared_and_unknown_if_its_text_cannot_be_read(
    found: str,
    document: Any,
    expected: tuple[str, list[tuple[str, str]]],
    compared: Compared,
    expectation: Expectation,
) -> None:
    unknown = (denied("boundary", found),) if document is None else ()
    result = compared(
        expected=bounded(expectation, BOUNDARY, NARROW),
        boundary=Boundary(arn=found, document=document),
        unknown=unknown,
    )
    assert (result.state, kinds(result)) == expected
    assert result.unknown == (unknown if expected[0] == "unknown" else ())
    assert bool(result.boundary_sha256) == (document is not None)


DENY_ALL = "arn:aws:iam::aws:policy/AWSDenyAll"


@pytest.mark.parametrize(
    ("expected", "found", "differences"),
    [
        (None, DENY_ALL, [("boundary-stops", "narrower")]),
        (BOUNDARY, DENY_ALL, [("boundary-stops", "narrower")]),
        (DENY_ALL, DENY_ALL, []),
        (DENY_ALL, None, [("boundary-removed", "broader")]),
        (DENY_ALL, BOUNDARY, [("boundary-changed", "broader")]),
        # What only looks like it is any other boundary.
        (None, f"{DENY_ALL}2", [("boundary-added", "narrower")]),
        (None, managed_arn("AWSDenyAll"), [("boundary-added", "narrower")]),
        (BOUNDARY, managed_arn("AWSDenyAll"), [("boundary-changed", "other")]),
    ],
)
def test_role_with_aws_deny_all_is_stopped_which_may_be_expected(
    expected: str | None,
    found: str | None,
    differences: list[tuple[str, str]],
    compared: Compared,
    expectation: Expectation,
) -> None:
    result = compared(
        expected=bounded(expectation, expected) if expected else expectation,
        boundary=Boundary(arn=found) if found else None,
    )
    assert (kinds(result), result.stopped) == (differences, found == DENY_ALL)
    assert result.state == ("differs" if differences else "match")


def test_role_whose_boundary_is_not_known_is_not_said_to_be_stopped(compared: Compared) -> None:
    assert not compared(boundary=Boundary(arn=DENY_ALL), unknown=(denied("boundary"),)).stopped


def test_stopped_role_that_must_be_removed_is_still_stopped(
    expectation: Expectation, deployed: dict[str, HeldRole]
) -> None:
    role = replace(deployed[READ_ONLY], boundary=Boundary(arn=DENY_ALL))
    removed = replace(expectation.only([READ_ONLY]), removed=True)
    (found,) = compare(removed, account(role)).roles
    assert (kinds(found), found.stopped) == ([("role-present", "broader")], True)


def test_document_of_a_boundary_that_is_not_expected_is_noted(
    compared: Compared, expectation: Expectation
) -> None:
    boundary = Boundary(arn=BOUNDARY, document=EVERYTHING)
    result = compared(expected=bounded(expectation, BOUNDARY), boundary=boundary)
    assert result.state == "match"
    assert result.notes == (Unknown(part="boundary", why="open"),)


@pytest.fixture(scope="module")
def by_approval(tmp_path_factory: pytest.TempPathFactory) -> Expectation:
    """A role whose guardrail the customer opens with a tag."""
    folder = synthesize(tmp_path_factory.mktemp("cdk.out"), Guardrail.ONLY_WHEN_APPROVED)
    return from_templates(folder).only([AUTO_PILOT])


def with_tags(expected: Expectation, *, tags: Mapping[str, str], **more: Any) -> RoleResult:
    """Compare the expected role, with some tags."""
    ((variant,),) = expected.in_account(ACCOUNT_ID, "aws")
    (found,) = compare(expected, account(replace(variant, tags=tags, **more))).roles
    return found


@pytest.mark.parametrize(
    ("tags", "state"),
    [
        ({}, "closed"),
        ({"pump-commitments": "approved"}, "open: approved"),
        ({"pump-commitments": "Approved"}, "closed: Approved"),
        ({"pump-commitments": ""}, "closed"),
        # IAM ignores the case of a key.
        ({"PUMP-COMMITMENTS": "approved"}, "open: approved"),
        ({"team": "approved", "aws:cloudformation:stack-name": "PumpAutoPilot"}, "closed"),
    ],
)
def test_tag_with_which_the_customer_opens_a_guardrail_is_shown_and_no_difference(
    tags: dict[str, str], state: str, by_approval: Expectation
) -> None:
    found = with_tags(by_approval, tags=tags)
    assert (found.state, found.differences) == ("match", ())
    (approval,) = found.approvals
    assert approval.guardrail == "only-when-approved"
    assert approval_in_words(approval) == state


def test_tag_of_an_opened_guardrail_that_is_expected_is_compared(by_approval: Expectation) -> None:
    (((way,),)) = by_approval.roles
    opened = replace(way, role=replace(way.role, tags={"pump-commitments": "approved"}))
    expected = replace(by_approval, roles=((opened,),))
    for tags, rules in (
        ({"pump-commitments": "approved"}, set()),
        ({"pump-commitments": "later"}, {("tag-changed", "pump-commitments")}),
        ({}, {("tag-removed", "pump-commitments")}),
    ):
        assert subjects(with_tags(expected, tags=tags)) == rules


def test_tag_that_opens_a_guardrail_which_is_not_expected_is_a_difference(
    by_approval: Expectation,
) -> None:
    tags = {"pump-commitments": "approved", "team": "x"}
    ((variant,),) = by_approval.in_account(ACCOUNT_ID, "aws")
    ((way,),) = by_approval.roles
    others = tuple(found for found in way.role.policies if "Guardrail" not in found.name)
    without = replace(way, role=replace(way.role, policies=others))
    expected = replace(by_approval, roles=((without,),))
    (found,) = compare(expected, account(replace(variant, tags=tags))).roles
    assert subjects(found) == {
        ("policy-added", "PumpGuardrailOnlyWhenApproved"),
        ("tag-added", "pump-commitments"),
    }


def test_guardrail_that_is_not_as_defined_or_not_known_is_not_said_to_be_closed(
    by_approval: Expectation,
) -> None:
    ((variant,),) = by_approval.in_account(ACCOUNT_ID, "aws")
    changed = tuple(
        replace(policy, document={**policy.document, "Statement": []})
        if policy.name == "PumpGuardrailOnlyWhenApproved"
        else policy
        for policy in variant.policies
    )
    found = with_tags(by_approval, tags={}, policies=changed)
    assert ("policy-changed", "PumpGuardrailOnlyWhenApproved") in subjects(found)
    assert found.approvals == ()
    found = with_tags(by_approval, tags={}, unknown=(denied("tags"),))
    assert (found.state, found.approvals) == ("unknown", ())


def test_external_id_in_a_tag_that_opens_a_guardrail_is_not_shown(by_approval: Expectation) -> None:
    (approval,) = with_tags(by_approval, tags={"pump-commitments": f"{EXTERNAL_ID}-17"}).approvals
    assert (approval.guardrail, approval.value) == ("only-when-approved", "(external ID)-17")


def test_role_that_does_not_exist_is_missing_unless_it_could_not_be_read(
    expectation: Expectation,
) -> None:
    unread = denied("role")
    found = compare(expectation, account(missing={NAMES[AUTO_PILOT].lower(): unread}))
    assert [(role.state, kinds(role), role.unknown) for role in found.roles] == [
        ("differs", [("role-missing", "narrower")], ()),
        ("unknown", [], (unread,)),
    ]
    assert found.state == "differs"
    assert found.roles[0].arn == f"arn:aws:iam::{ACCOUNT_ID}:role/PumpReadOnlyRole"


# What is not known is never a match, and hides no difference.


@pytest.mark.parametrize(
    "more",
    [
        {"policies": (), "unknown": (denied("inline-policies"),)},
        {"unknown": (denied("boundary"), denied("session"), denied("tags"))},
        {"unknown": (denied("role"),)},
        {"policies": (), "unknown": (denied("inline-policies"), denied("managed-policies"))},
    ],
)
def test_unknown_property_is_not_a_difference(more: dict[str, Any], compared: Compared) -> None:
    found = compared(**more)
    assert (found.state, found.differences) == ("unknown", ())
    assert found.unknown
    found = compared(in_trust(Principal="*"), **more)
    assert found.state == "differs"
    assert found.unknown


def test_documents_that_are_not_known_are_unknown(
    compared: Compared, deployed: dict[str, HeldRole]
) -> None:
    role = deployed[AUTO_PILOT]
    for policy in role.policies:
        policies = [
            replace(other, document=None) if other is policy else other for other in role.policies
        ]
        found = compared(policies=policies, unknown=(denied("inline-policies", policy.name),))
        assert (found.state, found.differences) == ("unknown", ())
        assert found.unknown == (denied("inline-policies", policy.name),)
        # Even if no reason was recorded.
        found = compared(policies=policies)
        assert (found.state, found.differences) == ("unknown", ())
        assert found.unknown == (replace(denied("inline-policies", policy.name), detail=""),)


def test_unknown_account_does_not_match_and_a_difference_takes_precedence(
    expectation: Expectation, deployed: dict[str, HeldRole]
) -> None:
    roles = [*deployed.values()]
    found = compare(expectation, account(*roles, unknown=(denied("other-roles"),)))
    assert (found.state, found.unknown) == ("unknown", (denied("other-roles"),))
    longer = replace(roles[0], session_seconds=7200)
    both = account(longer, roles[1], unknown=(denied("other-roles"),))
    assert compare(expectation, both).state == "differs"
    unknown = replace(roles[1], unknown=(denied("session"),))
    assert compare(expectation, account(roles[0], unknown)).state == "unknown"
    assert compare(expectation, account(longer, unknown)).state == "differs"


def test_never_matches_if_nothing_was_compared(expectation: Expectation) -> None:
    assert state_of([]) == "unknown"
    assert state_of(["match", "unknown"]) == "unknown"
    assert state_of(["match", "unknown", "differs"]) == "differs"
    nothing = replace(expectation, roles=())
    assert compare(nothing, account()).state == "unknown"
    assert compare(nothing, account(others={"Admin": {"Statement": ANYONE}})).state == "differs"


def deep(levels: int) -> Any:
    found: Any = []
    for _ in range(levels):
        found = [found]
    return found


@pytest.mark.parametrize("levels", [50, 5_000])
@pytest.mark.parametrize("where", ["inline", "trust", "other"])
def test_deeply_nested_policy_never_matches_and_does_not_affect_other_accounts(
    levels: int, where: str, expectation: Expectation, deployed: dict[str, HeldRole]
) -> None:
    roles = deepcopy(deployed)
    statement = {**EVERYTHING["Statement"], "Condition": {"StringEquals": {"k": deep(levels)}}}
    if where == "inline":
        more = Policy(name="X", document={"Statement": statement})
        role = roles[AUTO_PILOT]
        roles[AUTO_PILOT] = replace(role, policies=(*role.policies, more))
    if where == "trust":
        trusts_also({**ANYONE, "Condition": statement["Condition"]})(roles[AUTO_PILOT])
    others = {"Other": {"Statement": {**ANYONE, "Condition": statement["Condition"]}}}
    details = account(*roles.values(), others=others if where == "other" else {})
    found = compare(expectation, details)
    assert found.state in ("differs", "unknown")
    too_deep = Unknown(part="account", why="too-deep")
    assert found.state == "differs" or found.unknown == (too_deep,)


# External IDs.


@pytest.mark.parametrize("shorter", ["", "ab"])
def test_external_ids_appear_nowhere_in_a_result(
    shorter: str, expectation: Expectation, deployed: dict[str, HeldRole]
) -> None:
    role = deepcopy(deployed[AUTO_PILOT])
    second = shorter or OTHER_SECRET
    trusts_also({**ANYONE, "Principal": {"AWS": f"arn:aws:iam::1:role/{SECRET}"}})(role)
    in_trust(Condition={"StringEquals": {"sts:ExternalId": [SECRET, second, 98765432]}})(role)
    of_inline = {"StringLike": {"STS:externalid": "Of-Inline-1234"}}
    resource = f"arn:aws:s3:::{SECRET}"
    allows = allow(f"s3:{SECRET}", "s3:GetObject", Resource=resource, Condition=of_inline)
    managed = f"Managed-{SECRET}"
    details = account(
        replace(
            role,
            policies=(
                *role.policies,
                Policy(name=f"Allows-{SECRET}", document={"Statement": allows}),
                Policy(
                    name=managed, arn=managed_arn(managed), document={"Statement": "Of-Inline-1234"}
                ),
            ),
            path=f"/{SECRET}/",
            tags={f"tag-{SECRET}": SECRET, EXTERNAL_ID: "x", second: "x", "98765432": "x"},
            boundary=Boundary(
                arn=managed_arn(f"B-{SECRET}"),
                document={
                    "Statement": {"Condition": {"StringEquals": {"sts:ExternalId": "Bound-1"}}}
                },
            ),
            unknown=(denied("managed-policies", SECRET), denied("boundary", "Bound-1")),
        ),
        others={
            f"Other-{SECRET}": {"Statement": {**ANYONE, "Condition": {}}},
            f"Role-{EXTERNAL_ID}": trust(OTHER_ACCOUNT, SECRET),
            "Bound-1": trust(PUMP_ACCOUNT, EXTERNAL_ID),
            "For-Of-Other-1234": trust(PUMP_ACCOUNT, "Of-Other-1234"),
        },
        unknown=(denied("other-roles", SECRET),),
    )
    expected = expectation.with_external_ids([], external_id=EXTERNAL_ID)
    found = compare(expected, details, name=f"Account of {EXTERNAL_ID}")
    assert found.state == "differs"
    shown = json.dumps(asdict(found))
    secrets = (SECRET, EXTERNAL_ID, OTHER_SECRET, "Of-Inline", "Bound-1", "Of-Other", "98765432")
    assert not [secret for secret in secrets if secret in shown]
    assert '"ab"' not in shown
    assert "(external ID)" in shown


def test_account_id_stays_in_arns_even_if_it_is_the_external_id(compared: Compared) -> None:
    found = compared(in_trust(Condition={"StringEquals": {"sts:ExternalId": ACCOUNT_ID}}))
    assert found.arn == f"arn:aws:iam::{ACCOUNT_ID}:role/PumpAutoPilotRole"


@pytest.mark.parametrize("state", ["match", "differs"])
def test_state_stays_even_if_it_is_the_external_id(state: str) -> None:
    expected, role = open_role(state if state == "match" else EXTERNAL_ID)
    found = compare(expected.with_external_ids([], external_id=state), account(role))
    assert (found.state, [result.state for result in found.roles]) == (state, [state])


def open_role(*external_ids: str) -> tuple[Expectation, HeldRole]:
    """The published role, whose external ID is left open, and it in an account."""
    expected = from_published(PUMP_ACCOUNT).only([READ_ONLY])
    ids: Any = list(external_ids)
    found = expected.roles[0][0].role
    return expected, replace(found, trust_policy=trust(PUMP_ACCOUNT, ids))


A, B, C = "Aaaaaaaa-1", "Bbbbbbbb-2", "Cccccccc-3"


def test_external_id_is_noted_only_if_it_is_not_known() -> None:
    expected, role = open_role(A)
    for known, noted in ((A, False), ("", True)):
        (found,) = compare(expected.with_external_ids([], external_id=known), account(role)).roles
        assert (found.state, bool(found.notes)) == ("match", noted)
    (found,) = compare(expected.with_external_ids([], external_id=B), account(role)).roles
    assert kinds(found) == [("external-id", "other")]
    assert not [id_ for id_ in (A, B) if id_ in repr(found)]


def test_external_id_of_one_role_is_not_that_of_another() -> None:
    targets = [
        ListedRole(f"arn:aws:iam::{ACCOUNT_ID}:role/x/pumpreadonlyrole", A),
        ListedRole(f"arn:aws:iam::{OTHER_ACCOUNT}:role/PumpReadOnlyRole", B),
    ]
    expected, role = open_role(A)
    assert compare(expected.with_external_ids(targets), account(role)).state == "match"
    _, other = open_role(B)
    assert compare(expected.with_external_ids(targets), account(other)).state == "differs"
    (found,) = compare(expected.with_external_ids(targets[1:]), account(role)).roles
    assert found.state == "unknown"
    assert [unknown.why for unknown in found.unknown] == ["external-id-not-listed"]


# Roles that are deployed in several ways.


def test_role_of_a_template_for_the_account_is_compared_with_that_template() -> None:
    expected, role = open_role(A)
    (way,) = expected.roles[0]
    here = replace(way, account=ACCOUNT_ID)
    there = FoundRole(role=replace(way.role, path="/there/"), account=OTHER_ACCOUNT)
    anywhere = FoundRole(role=replace(way.role, path="/anywhere/"))

    def result(*ways: Any) -> RoleResult:
        (found,) = compare(replace(expected, roles=(ways,)), account(role)).roles
        return found

    assert result(here, there, anywhere).state == "match"
    assert result(there, here).state == "match"
    assert kinds(result(there, anywhere)) == [("role-path", "other")]
    assert result(way, way).state == "match"
    several = result(way, anywhere)
    assert several.state == "unknown"
    assert [unknown.why for unknown in several.unknown] == ["several-variants"]


def test_role_where_the_templates_put_none_is_a_difference_and_its_absence_is_not() -> None:
    expected, role = open_role(A)
    elsewhere = Place(kind=READ_ONLY, source="", account=OTHER_ACCOUNT)
    there = replace(expected, places=(elsewhere,))
    (found,) = compare(there, account(role)).roles
    assert kinds(found) == [("role-misplaced", "broader")]
    (found,) = compare(there, account()).roles
    assert (found.state, found.notes) == ("match", (Unknown(part="role", why="only-elsewhere"),))
    # Whether it exists is not known.
    (found,) = compare(there, account(unknown=(denied("other-roles"),))).roles
    assert found.state == "unknown"


def test_role_that_may_belong_elsewhere_is_unknown_in_an_organization_and_noted_alone() -> None:
    expected, role = open_role(A)
    rollout = Place(kind=READ_ONLY, source="", stack_set="S", call_as="management", units=("r-1",))
    not_known = Unknown(part="place", why="open")
    alone = replace(expected, places=(rollout,))
    (found,) = compare(alone, account(role)).roles
    assert (found.state, found.notes[-1]) == ("match", not_known)
    (found,) = compare(alone, account()).roles
    assert (found.state, found.unknown) == ("unknown", (not_known,))
    anywhere = replace(expected, places=(Place(kind=READ_ONLY, source=""),))
    for roles in ((role,), ()):
        (found,) = compare(anywhere, account(*roles), units=("r-1",)).roles
        assert (found.state, found.unknown) == ("unknown", (not_known,))


def test_placeholders_are_filled_in_for_each_account(expectation: Expectation) -> None:
    boundary = "arn:${AWS::Partition}:iam::${AWS::AccountId}:policy/B"
    expected = bounded(expectation, boundary, {"Statement": "${AWS::AccountId}"})
    ((role,),) = expected.in_account(OTHER_ACCOUNT, "aws-cn")
    assert role.boundary is not None
    assert role.boundary.arn == f"arn:aws-cn:iam::{OTHER_ACCOUNT}:policy/B"
    assert role.boundary.document == {"Statement": OTHER_ACCOUNT}


def test_only_some_kinds_of_roles_are_compared(expectation: Expectation) -> None:
    assert expectation.only([]) is expectation
    assert expectation.only([AUTO_PILOT]).names == ("PumpAutoPilotRole",)
    with pytest.raises(InputError, match="does not contain the auto-pilot role"):
        expectation.only([READ_ONLY]).only([AUTO_PILOT])


# Other roles.


ALARMING: list[Any] = [
    {"Statement": ANYONE},
    {"Statement": {**ANYONE, "Principal": {"AWS": [OTHER_ACCOUNT, "*"]}}},
    # Pump's session is a principal of the account, and of its organization.
    {
        "Statement": {
            **ANYONE,
            "Condition": {"StringEquals": {"aws:PrincipalOrgID": "o-abcd123456"}},
        }
    },
    {"Statement": {**ANYONE, "Effect": "allow"}},
    "text",
    trust(PUMP_ACCOUNT, A),
    trust(f"arn:aws:iam::{PUMP_ACCOUNT}:root", A),
    trust(f"arn:aws:iam::{PUMP_ACCOUNT}:role/Worker", A),
    trust(f"arn:aws:sts::{PUMP_ACCOUNT}:assumed-role/Worker/session", A),
    {"Statement": {**ANYONE, "Principal": {"AWS": int(PUMP_ACCOUNT)}}},
    # Through one of Pump's roles.
    trust(f"arn:aws:iam::{ACCOUNT_ID}:role/PumpReadOnlyRole", A),
    trust(f"arn:aws:iam::{ACCOUNT_ID}:role/path/pumpAUTOPILOTrole", A),
    trust(f"arn:aws:sts::{ACCOUNT_ID}:assumed-role/PumpReadOnlyRole/session", A),
    # With the ID that Pump passes.
    trust(OTHER_ACCOUNT, EXTERNAL_ID),
]
"""Trust policies of other roles that Pump, or everyone, can assume.

``tests/review/templates/test_other_access.py`` has every way.
"""

INNOCENT: list[Any] = [
    trust(OTHER_ACCOUNT, A),
    trust(f"arn:aws:iam::{ACCOUNT_ID}:role/PumpReadOnlyRoleOfOurs", A),
    {"Statement": {**ANYONE, "Principal": {"Federated": "accounts.google.com"}}},
]


def test_other_role_that_pump_or_everyone_can_assume_is_a_difference(
    expectation: Expectation, deployed: dict[str, HeldRole]
) -> None:
    roles = [*deployed.values()]
    others = {f"Other{at:02}": document for at, document in enumerate(ALARMING)}
    harmless = {f"Harmless{at}": document for at, document in enumerate(INNOCENT)}
    found = compare(expectation, account(*roles, others=others | harmless))
    assert (found.state, [role.state for role in found.roles]) == ("differs", ["match", "match"])
    assert [other.name for other in found.others] == [*others]
    assert all(other.alarms for other in found.others)
    found = compare(expectation, account(*roles, others=harmless))
    assert (found.state, found.others) == ("match", ())


def test_external_id_of_another_role_is_pumps_if_it_is_expected_or_in_the_account() -> None:
    expected, role = open_role(A)
    copy = {"Copy": trust(OTHER_ACCOUNT, A)}
    for known, roles, names in (("", (), []), (A, (), ["Copy"]), ("", (role,), ["Copy"])):
        expectation = expected.with_external_ids([], external_id=known)
        found = compare(expectation, account(*roles, others=copy))
        assert [other.name for other in found.others] == names


def test_unexpected_pump_role_is_another_role(
    expectation: Expectation, deployed: dict[str, HeldRole]
) -> None:
    roles = [*deployed.values()]
    assert compare(expectation, account(*roles)).state == "match"
    found = compare(expectation.only([READ_ONLY]), account(*roles))
    assert found.state == "differs"
    (other,) = found.others
    assert (other.name, other.effect) == ("PumpAutoPilotRole", "broader")
    assert {role.state for role in found.roles} == {"match"}


def test_other_role_that_the_same_templates_expect_is_named_as_such(
    expectation: Expectation, deployed: dict[str, HeldRole]
) -> None:
    copies = {"Copy": deployed[AUTO_PILOT].trust_policy}
    found = compare(expectation.only([READ_ONLY]), account(*deployed.values(), others=copies))
    said = {other.name: other.alarms for other in found.others}
    assert said.keys() == {"Copy", NAMES[AUTO_PILOT]}
    also = Access("named-like-omitted-role", AUTO_PILOT)
    assert said[NAMES[AUTO_PILOT]] == (*said["Copy"], also)


def test_does_not_show_an_external_id_in_a_folder_name(tmp_path: Path) -> None:
    folder = synthesize(tmp_path / f"of-{EXTERNAL_ID}")
    assert from_templates(folder).description == "of-(external ID)"
