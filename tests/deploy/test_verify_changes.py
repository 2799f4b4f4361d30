"""`pump-roles verify` after single changes of a deployed account, made with IAM's own calls.

Each change is found, and nothing else is reported; what means the same is no difference.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from mypy_boto3_iam import IAMClient

from pump_roles.account.verify.accounts import verify_files
from pump_roles.account.verify.details import read_files
from pump_roles.account.verify.expectation import from_published
from pump_roles.account.verify.result import AccountResult
from pump_roles.compare import Effect, Rule
from pump_roles.output.words import access_in_words
from pump_roles.role import Unknown
from tests.customer import (
    AUTO_PILOT,
    BOUNDARY,
    BOUNDARY_ARN,
    PATH,
    READ_ONLY,
    REGIONS,
    Change,
    Customer,
    Edit,
    allow,
    boundary_version,
    delete,
    deny,
    document,
    policy,
    recreated,
    statement,
    trust_policy,
)
from tests.support import OTHER_SECRET, PRINCIPAL, PUMP_ACCOUNT, SECRET, Synth, trust
from tools.sandbox.aws import ACCOUNT_ID, EmbeddedAws

ROOT_USER = f"arn:aws:iam::{PUMP_ACCOUNT}:root"
DELETED = "AROAEXAMPLE1234567890"
INTERN = f"arn:aws:iam::{PUMP_ACCOUNT}:role/Intern"
ADMINISTRATOR = "arn:aws:iam::aws:policy/AdministratorAccess"


@dataclass(frozen=True)
class Case:
    """A change, and what is found.

    :param change: the change.
    :param rule: the rule of each difference.
    :param effects: the effects: what makes it broader comes first.
    :param subject: the subject of each.
    :param named: an action or pattern that each names; none names any if it is empty.
    :param roles: the roles that differ.
    """

    change: Change
    rule: Rule
    effects: tuple[Effect, ...]
    subject: str = ""
    named: str | tuple[str, ...] = ""
    roles: tuple[str, ...] = (READ_ONLY,)

    @property
    def differences(self) -> list[tuple[Rule, Effect, str]]:
        return [(self.rule, effect, self.subject) for effect in self.effects]


def published(edit: Edit, *effects: Effect, named: str | tuple[str, ...]) -> Case:
    """A change of a published policy of the read-only role."""
    name = "PumpBillingReadOnly"
    return Case(policy(name, edit), "policy-changed", effects, name, named)


def guardrail(name: str, edit: Edit, *effects: Effect, named: str | tuple[str, ...]) -> Case:
    """A change of a guardrail of the auto-pilot role."""
    subject = f"PumpGuardrail{name}"
    change = policy(subject, statement(edit), AUTO_PILOT)
    return Case(change, "policy-changed", effects, subject, named, (AUTO_PILOT,))


def inline(*statements: Mapping[str, Any]) -> Change:
    """Add an inline policy to the read-only role."""
    return lambda iam: iam.put_role_policy(
        RoleName=READ_ONLY, PolicyName="Extra", PolicyDocument=document(*statements)
    )


def attached(*versions: Mapping[str, Any], default: int) -> Change:
    """Attach a managed policy with some versions to the read-only role."""

    def change(iam: IAMClient) -> None:
        first, *others = [document(version) for version in versions]
        arn = iam.create_policy(PolicyName="Extra", PolicyDocument=first)["Policy"]["Arn"]
        for number, version in enumerate(others, start=2):
            iam.create_policy_version(
                PolicyArn=arn, PolicyDocument=version, SetAsDefault=number == default
            )
        iam.attach_role_policy(RoleName=READ_ONLY, PolicyArn=arn)

    return change


def trusts(edit: Edit, *effects: Effect) -> Case:
    """A change of the only statement of the read-only role's trust policy."""
    return Case(trust_policy(statement(edit)), "trust-policy", effects, named="sts:AssumeRole")


def condition(found: Any) -> Edit:
    """Replace the condition."""
    return lambda only: only.update(Condition=found)


def external_id(value: Any, *effects: Effect) -> Case:
    """Replace the external ID."""
    edit = condition({"StringEquals": {"sts:ExternalId": value}})
    return Case(trust_policy(statement(edit)), "external-id", effects, named="sts:AssumeRole")


def boundary_text(*effects: Effect, named: str, **statements: Any) -> Case:
    """Replace the statements of the boundary's policy in a new default version."""
    change = boundary_version({**BOUNDARY, **statements}, default=True)
    return Case(change, "boundary-text", effects, BOUNDARY_ARN, named, (READ_ONLY, AUTO_PILOT))


def another_boundary(iam: IAMClient) -> None:
    """Replace the boundary by a policy with the same text."""
    iam.create_policy(PolicyName="Other", PolicyDocument=json.dumps(BOUNDARY))
    iam.put_role_permissions_boundary(
        RoleName=READ_ONLY, PermissionsBoundary=BOUNDARY_ARN.replace("Boundary", "Other")
    )


ALLOWED, DENIED = BOUNDARY["Statement"]

CHANGES: dict[str, Case] = {
    # Published policies.
    "an action is added": published(
        statement(lambda only: only["Action"].append("ec2:RunInstances")),
        "broader",
        named="ec2:RunInstances",
    ),
    "an action is removed": published(
        statement(lambda only: only["Action"].remove("cur:Describe*")),
        "narrower",
        named="cur:DescribeReportDefinitions",
    ),
    "an action is replaced": published(
        statement(lambda only: only.update(Action=[*only["Action"][:-1], "ec2:RunInstances"])),
        "broader",
        "narrower",
        named=("ec2:RunInstances", "es:ListDomainNames"),
    ),
    "a published policy is removed": Case(
        lambda iam: iam.delete_role_policy(RoleName=AUTO_PILOT, PolicyName="PumpOrgInvite"),
        "policy-removed",
        ("narrower",),
        "PumpOrgInvite",
        "organizations:AcceptHandshake",
        (AUTO_PILOT,),
    ),
    # Guardrails.
    "a guardrail is removed": Case(
        lambda iam: iam.delete_role_policy(
            RoleName=READ_ONLY, PolicyName="PumpGuardrailMetadataOnly"
        ),
        "policy-removed",
        ("broader",),
        "PumpGuardrailMetadataOnly",
        "rds:DescribeOptionGroups",
    ),
    "a guardrail is limited to a resource": guardrail(
        "NoBillingPreferences",
        lambda only: only.update(Resource="arn:aws:ce::123456789012:anomalymonitor/example"),
        "broader",
        named="ce:CreateAnomalyMonitor",
    ),
    "a guardrail has one more region": guardrail(
        "OnlyInRegions",
        condition({"StringNotEquals": {"aws:RequestedRegion": [*REGIONS, "us-west-2"]}}),
        "broader",
        named="ec2:PurchaseHostReservation",
    ),
    "a guardrail has one region less": guardrail(
        "OnlyInRegions",
        condition({"StringNotEquals": {"aws:RequestedRegion": [REGIONS[0]]}}),
        "narrower",
        named="ec2:PurchaseHostReservation",
    ),
    # Further policies.
    "an inline policy allows": Case(
        inline(allow("s3:GetObject")), "policy-added", ("broader",), "Extra", "s3:GetObject"
    ),
    # AWS does not say whether it accepts such a name. ministack does.
    "an inline policy allows whose name differs in case": Case(
        lambda iam: iam.put_role_policy(
            RoleName=READ_ONLY,
            PolicyName="PUMPBILLINGREADONLY",
            PolicyDocument=document(allow("s3:GetObject")),
        ),
        "policy-added",
        ("broader",),
        "PUMPBILLINGREADONLY",
        "s3:GetObject",
    ),
    "AdministratorAccess is attached": Case(
        lambda iam: iam.attach_role_policy(RoleName=READ_ONLY, PolicyArn=ADMINISTRATOR),
        "policy-added",
        ("broader",),
        "AdministratorAccess",
        "*",
    ),
    "a managed policy is attached whose second version is the default": Case(
        attached(allow("ce:GetCostAndUsage"), allow("s3:GetObject"), default=2),
        "policy-added",
        ("broader",),
        "Extra",
        "s3:GetObject",
    ),
    "a managed policy is attached whose second version is not the default": Case(
        attached(allow("ce:GetCostAndUsage"), allow("s3:GetObject"), default=1),
        "policy-added",
        ("other",),
        "Extra",
    ),
    # The permissions boundary.
    "the boundary is removed": Case(
        lambda iam: iam.delete_role_permissions_boundary(RoleName=READ_ONLY),
        "boundary-removed",
        ("broader",),
        BOUNDARY_ARN,
    ),
    "the boundary is replaced": Case(
        another_boundary, "boundary-changed", ("other",), BOUNDARY_ARN.replace("Boundary", "Other")
    ),
    "the boundary denies less": boundary_text(
        "broader", named="ec2:RunInstances", Statement=[ALLOWED, deny("iam:CreateUser")]
    ),
    # The trust policy.
    "a principal is added": trusts(
        lambda only: only.update(Principal={"AWS": [PRINCIPAL, INTERN]}), "broader"
    ),
    "the external ID is another one": external_id(OTHER_SECRET, "other"),
    "the principal was deleted": Case(
        trust_policy(statement(lambda only: only.update(Principal={"AWS": DELETED}))),
        "trust-broken",
        ("narrower",),
        named="sts:AssumeRole",
    ),
    # The rest of the role.
    "sessions may be longer": Case(
        lambda iam: iam.update_role(RoleName=READ_ONLY, MaxSessionDuration=7200),
        "session-duration",
        ("broader",),
        named="sts:AssumeRole",
    ),
    "the role is deleted": Case(delete, "role-missing", ("narrower",)),
    "the role is created again with another path": Case(
        recreated(Path="/other/"), "role-path", ("other",)
    ),
    "the role is created again with its name in another case": Case(
        recreated(RoleName="pumpreadonlyrole"), "role-name", ("other",)
    ),
    "a tag is changed": Case(
        lambda iam: iam.tag_role(RoleName=READ_ONLY, Tags=[{"Key": "team", "Value": "finance"}]),
        "tag-changed",
        ("other",),
        "team",
    ),
    "a tag is removed": Case(
        lambda iam: iam.untag_role(RoleName=READ_ONLY, TagKeys=["team"]),
        "tag-removed",
        ("other",),
        "team",
    ),
}
"""Single changes."""


def names(found: AccountResult) -> list[tuple[str, str]]:
    """Return the roles' names and states."""
    return [(role.arn.rpartition("/")[2], role.state) for role in found.roles]


def test_deployed_account_matches(customer: Customer) -> None:
    found = customer.verify()
    assert found.state == "match"
    assert names(found) == [(READ_ONLY, "match"), (AUTO_PILOT, "match")]
    for role in found.roles:
        assert (role.differences, role.unknown, role.notes) == ((), (), ())
        assert role.arn == f"arn:aws:iam::{ACCOUNT_ID}:role{PATH}{role.arn.rpartition('/')[2]}"
        assert role.boundary_sha256
    assert found.others == ()
    assert found.unknown == ()
    tags = {tag["Key"] for tag in customer.iam.get_role(RoleName=READ_ONLY)["Role"]["Tags"]}
    assert "aws:cloudformation:stack-name" in tags


TOGETHER = [
    *("an action is removed", "an inline policy allows", "a principal is added"),
    *("the external ID is another one", "sessions may be longer", "a tag is removed"),
    *("a guardrail is limited to a resource", "a guardrail has one region less"),
]
"""Changes that are made at once."""


@pytest.mark.parametrize("name", [name for name in CHANGES if name not in TOGETHER])
def test_change_is_found_and_nothing_else(name: str, customer: Customer) -> None:
    case = CHANGES[name]
    case.change(customer.iam)
    found = customer.verify()
    assert found.state == "differs"
    assert (found.others, found.unknown) == ((), ())
    for role, of in zip(found.roles, (READ_ONLY, AUTO_PILOT), strict=True):
        assert role.unknown == ()
        differences = [
            (difference.rule, difference.effect, difference.subject)
            for difference in role.differences
        ]
        if of not in case.roles:
            assert (role.state, differences) == ("match", [])
            continue
        assert (role.state, differences) == ("differs", case.differences)
        named = case.named if isinstance(case.named, tuple) else [case.named] * len(differences)
        for difference, action in zip(role.differences, named, strict=True):
            assert action in difference.actions if action else not difference.actions
    assert SECRET.lower() not in repr(found).lower()
    assert OTHER_SECRET not in repr(found)


def test_deleted_principal_hides_no_other_change_of_the_trust_policy(customer: Customer) -> None:
    change = {"Principal": {"AWS": DELETED}, "Condition": {}}
    trust_policy(statement(lambda only: only.update(change)))(customer.iam)
    found = [
        (difference.rule, difference.effect)
        for difference in customer.verify().roles[0].differences
    ]
    assert found == [("trust-broken", "narrower"), ("trust-policy", "broader")]


def test_several_changes_are_all_found(customer: Customer) -> None:
    """In both roles, and each with its own effect."""
    cases = [CHANGES[name] for name in TOGETHER]
    for case in cases:
        case.change(customer.iam)
    found = customer.verify()
    for role, name in zip(found.roles, (READ_ONLY, AUTO_PILOT), strict=True):
        differences = sorted(
            (difference.rule, difference.effect, difference.subject)
            for difference in role.differences
        )
        expected = [
            difference for case in cases if name in case.roles for difference in case.differences
        ]
        assert differences == sorted(expected)


def test_external_id_is_not_shown_wherever_it_is(customer: Customer) -> None:
    iam, name = customer.iam, f"For-{SECRET}"
    needs_id = {"StringEquals": {"sts:ExternalId": OTHER_SECRET}}
    text = document(allow("ce:*", "sts:AssumeRole", Condition=needs_id))
    iam.put_role_policy(RoleName=READ_ONLY, PolicyName=name, PolicyDocument=text)
    arn = iam.create_policy(PolicyName=name, PolicyDocument=text)["Policy"]["Arn"]
    iam.attach_role_policy(RoleName=READ_ONLY, PolicyArn=arn)
    iam.put_role_permissions_boundary(RoleName=READ_ONLY, PermissionsBoundary=arn)
    iam.tag_role(RoleName=READ_ONLY, Tags=[{"Key": name, "Value": name}])
    role(name, trust(PRINCIPAL, OTHER_SECRET)["Statement"][0])(iam)
    found = customer.verify()
    subjects = [(difference.rule, difference.subject) for difference in found.roles[0].differences]
    assert subjects == [
        ("policy-added", "For-(external ID)"),
        ("policy-added", "For-(external ID)"),
        ("boundary-changed", arn.replace(SECRET, "(external ID)")),
        ("tag-added", "For-(external ID)"),
    ]
    assert [other.name for other in found.others] == ["For-(external ID)"]
    assert SECRET not in repr(found)
    assert OTHER_SECRET not in repr(found)


# Other roles.


def role(name: str, statement: Mapping[str, Any]) -> Change:
    """Create another role."""
    return lambda iam: iam.create_role(RoleName=name, AssumeRolePolicyDocument=document(statement))


def admits(principal: Any, **condition: Any) -> dict[str, Any]:
    """Return the statement of a trust policy."""
    found = {"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}
    return {**found, "Condition": condition} if condition else found


OTHERS: dict[str, tuple[Mapping[str, Any], str]] = {
    "Pump's account": (
        admits({"AWS": ROOT_USER}),
        f"trusts Pump's account {PUMP_ACCOUNT}",
    ),
    "who has the same external ID": (
        trust("444455556666", SECRET)["Statement"][0],
        "requires the external ID of one of Pump's roles",
    ),
}
"""Whom another role of the account trusts, and why it is listed."""


@pytest.mark.parametrize("name", OTHERS)
def test_other_role_that_gives_access_is_listed(name: str, customer: Customer) -> None:
    trusted, alarm = OTHERS[name]
    role("Other", trusted)(customer.iam)
    found = customer.verify()
    assert found.state == "differs"
    assert names(found) == [(READ_ONLY, "match"), (AUTO_PILOT, "match")]
    assert [(other.name, access_in_words(other.alarms)) for other in found.others] == [
        ("Other", alarm)
    ]
    assert SECRET not in repr(found)
    assert OTHER_SECRET not in repr(found)


# What means the same.


def divided(found: Any) -> None:
    """Divide the only statement of a policy document into one for each action."""
    (only,) = found["Statement"]
    found["Statement"] = [{**only, "Action": action} for action in only["Action"]]


INNOCENT: dict[str, Change] = {
    "an action as text": policy(
        "PumpGuardrailUntil", statement(lambda only: only.update(Action="*"))
    ),
    "a statement for each action": policy("PumpBillingReadOnly", divided),
    "regions in another order": policy(
        "PumpGuardrailOnlyInRegions",
        statement(condition({"StringNotEquals": {"aws:RequestedRegion": sorted(REGIONS)[::-1]}})),
        AUTO_PILOT,
    ),
    "a trust policy with lists": trust_policy(
        statement(
            lambda only: only.update(
                Action=["STS:assumerole"],
                Principal={"AWS": [PRINCIPAL]},
                Condition={"StringEquals": {"STS:EXTERNALID": [SECRET]}},
                Sid="Pump",
            )
        )
    ),
    "a version of the boundary that is not the default": boundary_version(
        {**BOUNDARY, "Statement": [ALLOWED]}, default=False
    ),
    "a default version of the boundary that means the same": boundary_version(
        {**BOUNDARY, "Statement": [DENIED, ALLOWED]}, default=True
    ),
    # Only services of AWS can add such a tag, as CloudFormation does. ministack lets everyone.
    "a tag of AWS": lambda iam: iam.tag_role(
        RoleName=READ_ONLY, Tags=[{"Key": "aws:example", "Value": "example"}]
    ),
    "a description": lambda iam: iam.update_role(RoleName=READ_ONLY, Description="Ours."),
    "a role created again": recreated(),
    "a role for another vendor": role("Other", trust("444455556666", OTHER_SECRET)["Statement"][0]),
}
"""Changes that affect neither what a role can do nor who may assume it."""


def everything_in(customer: Customer) -> Any:
    """Return what the account has."""
    details: dict[str, Any] = {**customer.iam.get_account_authorization_details()}
    del details["ResponseMetadata"]
    roles = [customer.iam.get_role(RoleName=name)["Role"] for name in (READ_ONLY, AUTO_PILOT)]
    return details, roles


@pytest.mark.parametrize("change", INNOCENT.values(), ids=INNOCENT)
def test_what_means_the_same_is_not_a_difference(change: Change, customer: Customer) -> None:
    before = everything_in(customer)
    change(customer.iam)
    assert everything_in(customer) != before
    found = customer.verify()
    assert found.state == "match"
    assert [role.differences for role in found.roles] == [(), ()]
    assert found.others == ()
    assert OTHER_SECRET not in repr(found)


@pytest.mark.parametrize(
    ("expected", "shown"), [(PUMP_ACCOUNT, ROOT_USER), (ROOT_USER, PUMP_ACCOUNT)]
)
def test_published_role_trusts_an_account_by_its_id_or_its_root(
    expected: str, shown: str, aws: EmbeddedAws, synth: Synth, reviewed: Path
) -> None:
    """IAM shows one for the other: IAM User Guide, "AWS JSON policy elements: Principal"."""
    parameters = {"PumpIamRole": expected, "PumpExternalID": SECRET}
    aws.deploy("PumpReadOnly", json.dumps(synth({})["PumpReadOnly"]), parameters)
    customer = Customer(aws, reviewed, from_published(expected).only(["read-only"]))
    trust_policy(statement(lambda only: only.update(Principal={"AWS": shown})))(customer.iam)
    found = customer.verify()
    assert found.state == "match"
    (only,) = found.roles
    assert only.notes == (Unknown(part="trust-policy", why="open", subject="1"),)
    trust_policy(statement(lambda only: only.update(Principal={"AWS": ACCOUNT_ID})))(customer.iam)
    assert customer.verify().state == "differs"


def test_text_of_the_boundary_is_compared_only_if_it_is_expected(customer: Customer) -> None:
    boundary_version({**BOUNDARY, "Statement": [ALLOWED]}, default=True)(customer.iam)
    assert customer.verify().state == "differs"
    found = customer.verify(replace(customer.expectation, boundary_document=None))
    assert found.state == "match"
    for role in found.roles:
        (note,) = role.notes
        assert note == Unknown(part="boundary", why="open")


# Saved files.

SAVED = [
    "a guardrail is removed",
    "a managed policy is attached whose second version is the default",
    "a managed policy is attached whose second version is not the default",
    "a principal is added",
    "sessions may be longer",
    "a tag is changed",
]


@pytest.mark.parametrize("name", SAVED)
def test_saved_files_have_the_same_differences(
    name: str, customer: Customer, tmp_path: Path
) -> None:
    CHANGES[name].change(customer.iam)
    role("Other", admits({"AWS": PRINCIPAL}))(customer.iam)
    live = customer.verify()
    assert live.state == "differs"
    saved = verify_files(read_files(customer.saved(tmp_path)), customer.expectation)
    assert saved.accounts == (replace(live, calls=0),)


@pytest.mark.parametrize("name", ["a statement for each action", "a tag of AWS"])
def test_saved_files_match_what_means_the_same(
    name: str, customer: Customer, tmp_path: Path
) -> None:
    INNOCENT[name](customer.iam)
    saved = verify_files(read_files(customer.saved(tmp_path)), customer.expectation)
    assert saved.accounts == (replace(customer.verify(), calls=0),)
    assert saved.state == "match"
