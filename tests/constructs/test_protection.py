"""The organization's policies around the roles, judged by the policy simulator."""

import json
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import boto3
import pytest
from aws_cdk import App, CfnParameter, LegacyStackSynthesizer, Stack, Validations
from aws_cdk import aws_iam as iam
from aws_cdk.aws_organizations import CfnOrganizationalUnit, CfnPolicy
from botocore.session import get_session
from cdk_nag import AwsSolutionsChecks
from moto import mock_aws

from pump_roles import (
    ArgumentError,
    AutoPilotRollout,
    EmergencyStop,
    ReadOnlyRollout,
    RoleProtection,
    Rollout,
    TrustProtection,
)
from pump_roles.review.report import of_templates
from pump_roles.validators import account_of, policy_size
from tests.docs.pages import BUY, PROTECT, READ, role
from tests.support import EXTERNAL_ID, PRINCIPAL, PUMP_ACCOUNT, messages_of, recommended_flags
from tools.sandbox import catalog
from tools.sandbox.aws import ACCOUNT_ID, REGION, EmbeddedAws
from tools.sandbox.simulator import ALLOWED, EXPLICITLY_DENIED, Role, assumption, decide, use

PROVIDED: dict[str, Any] = {
    "organizational_units": ["r-abcd"],
    "pump_principal": PRINCIPAL,
    "external_id": EXTERNAL_ID,
}
UNIT = "ou-abcd-12345678"
EVERYTHING: dict[str, Any] = {
    "approvers": ["platform/PumpApprover"],
    "boundary_managers": ["platform/Pipeline"],
    "stack_sets": ["PlatformBoundary", "PumpApprover"],
}


def rollouts(scope: Stack, **more: Any) -> list[Rollout]:
    """Add a rollout of each role, with the boundary ``platform/Boundary``."""
    arguments = {**PROVIDED, "permissions_boundary": "platform/Boundary", **more}
    return [
        ReadOnlyRollout(scope, "ReadOnly", **arguments),
        AutoPilotRollout(scope, "AutoPilot", **arguments, path="/vendors/"),
    ]


def content(policy: RoleProtection | EmergencyStop | TrustProtection) -> dict[str, Any]:
    document: dict[str, Any] = Stack.of(policy).resolve(policy.resource.content)
    return document


def protection(**more: Any) -> dict[str, Any]:
    """Return the policy that protects both roles, with everything that it can have."""
    scope = Stack()
    of = {"rollouts": rollouts(scope), "targets": [UNIT], **EVERYTHING}
    return content(RoleProtection(scope, "P", **{**of, **more}))


def trust(**more: Any) -> dict[str, Any]:
    scope = Stack()
    of = {"rollouts": rollouts(scope), "targets": [UNIT], "pump_account": PUMP_ACCOUNT}
    return content(TrustProtection(scope, "T", **{**of, **more}))


@cache
def protecting() -> dict[str, Any]:
    return protection()


@cache
def stopping(*others: str) -> dict[str, Any]:
    scope = Stack()
    return content(EmergencyStop(scope, "S", rollouts=rollouts(scope), roles=others))


@cache
def trusting() -> dict[str, Any]:
    return trust(roles=["one/Buyer"])


class RootUser(Role):
    """The root user of the account."""

    @property
    def arn(self) -> str:
        return f"arn:aws:iam::{self.account}:root"


ADMINISTRATOR = {
    "Everything": {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}],
    }
}
EXECUTION = "stacksets-exec-0123456789abcdef"
APPROVER = "platform/PumpApprover"
WHO = {
    # Each may do everything, as far as its own policies go.
    "StackSets": Role(EXECUTION, {}, ADMINISTRATOR),
    "an administrator": Role("Admin", {}, ADMINISTRATOR),
    "an approver": Role(APPROVER, {}, ADMINISTRATOR),
    "the boundary's manager": Role("platform/Pipeline", {}, ADMINISTRATOR),
    "Pump": Role("vendors/PumpAutoPilotRole", {}, ADMINISTRATOR),
    "the root user": RootUser("root", {}, ADMINISTRATOR),
}

CHANGES = [
    "iam:AttachRolePolicy",
    "iam:CreateRole",
    "iam:DeleteRole",
    "iam:DeleteRolePermissionsBoundary",
    "iam:DeleteRolePolicy",
    "iam:DetachRolePolicy",
    "iam:PutRolePermissionsBoundary",
    "iam:PutRolePolicy",
    "iam:UpdateAssumeRolePolicy",
    "iam:UpdateRole",
    "iam:UpdateRoleDescription",
]
TAGGING = ["iam:TagRole", "iam:UntagRole"]
"""With these, an approver opens and closes a guardrail."""

BOUNDARY_CHANGES = [
    "iam:CreatePolicy",
    "iam:CreatePolicyVersion",
    "iam:DeletePolicy",
    "iam:DeletePolicyVersion",
    "iam:SetDefaultPolicyVersion",
    "iam:TagPolicy",
    "iam:UntagPolicy",
]
OTHERS = {
    # Service-linked roles have paths of their own, and passing a role changes nothing.
    "iam:CreateServiceLinkedRole",
    "iam:DeleteServiceLinkedRole",
    "iam:PassRole",
}
STACK_CHANGES = [
    action.name
    for action in catalog.matching(["cloudformation:*"])
    if not action.only_reads
    and any(":stack/" in resource for resource in action.resources)
    # What a resource's handler calls, with credentials of its own.
    and action.name != "cloudformation:RecordHandlerProgress"
]
WAYS_OUT = {"organizations:AcceptHandshake", "organizations:LeaveOrganization"}


@pytest.mark.parametrize(
    ("kind", "changes"), [("role", {*CHANGES, *TAGGING, *OTHERS}), ("policy", {*BOUNDARY_CHANGES})]
)
def test_changes_are_all_those_that_the_catalog_knows(kind: str, changes: set[str]) -> None:
    known = {
        action.name
        for action in catalog.matching(["iam:*"])
        if not action.only_reads and any(f":{kind}/" in arn for arn in action.resources)
    }
    assert known == changes
    assert len(STACK_CHANGES) > 10


def test_ways_out_are_all_that_aws_documents_for_a_member_account() -> None:
    model = get_session().get_service_model("organizations")
    logged = {
        f"organizations:{name}"
        for name in model.operation_names
        if "AccountDepartedOrganization" in model.operation_model(name).documentation
    }
    for_the_management_account = {"CloseAccount", "DeleteOrganization"}
    for_the_management_account |= {"RemoveAccountFromOrganization"}
    assert logged - {f"organizations:{name}" for name in for_the_management_account} == WAYS_OUT


def arn(kind: str, name: str) -> str:
    return f"arn:aws:iam::{ACCOUNT_ID}:{kind}/{name}"


def stack(name: str) -> str:
    return f"arn:aws:cloudformation:us-east-1:{ACCOUNT_ID}:stack/{name}/4567"


STACKS = ("PumpReadOnly", "PumpAutoPilot", "PlatformBoundary", "PumpApprover")
WHAT: dict[str, tuple[list[str], list[str]]] = {
    "change the roles": (
        CHANGES,
        [
            arn("role", name)
            for name in ("PumpReadOnlyRole", "vendors/PumpAutoPilotRole", "any/PumpReadOnlyRole")
        ],
    ),
    "tag the roles": (
        TAGGING,
        [arn("role", "PumpReadOnlyRole"), arn("role", "vendors/PumpAutoPilotRole")],
    ),
    "change the approvers": (CHANGES, [arn("role", APPROVER)]),
    "change the boundary": (BOUNDARY_CHANGES, [arn("policy", "platform/Boundary")]),
    "change execution roles": (
        [*CHANGES, *TAGGING],
        [arn("role", EXECUTION), arn("role", "stacksets-exec-of-mine/Admin")],
    ),
    "use execution roles": (["iam:PassRole", "sts:AssumeRole"], [arn("role", EXECUTION)]),
    "change the stacks": (STACK_CHANGES, [stack(f"StackSet-{name}-0123") for name in STACKS]),
    "leave the organization": (["organizations:LeaveOrganization"], ["*"]),
    "accept a handshake": (
        ["organizations:AcceptHandshake"],
        [f"arn:aws:organizations::{PUMP_ACCOUNT}:handshake/o-0123456789/invite/h-0123456789"],
    ),
    "change other roles": (
        [*CHANGES, *TAGGING],
        [arn("role", name) for name in ("Another", "MyPumpReadOnlyRole", "pumpreadonlyrole")],
    ),
    "change other policies": (
        BOUNDARY_CHANGES,
        [
            arn("policy", name)
            for name in ("platform/BoundaryToo", "Boundary", "x/platform/Boundary")
        ],
    ),
    "change other stacks": (
        STACK_CHANGES,
        [stack(name) for name in ("Network", "StackSet-Network-0123", "PumpReadOnly")],
    ),
    "read the roles": (["iam:GetRole", "iam:ListRolePolicies"], [arn("role", "PumpReadOnlyRole")]),
}
NOT_ABOUT_PUMP = {
    "change other roles",
    "change other policies",
    "change other stacks",
    "read the roles",
}
BY_STACK_SETS = {
    "change the roles",
    "tag the roles",
    "change the approvers",
    "change the boundary",
    "use execution roles",
    "change the stacks",
}


def decisions(who: Role, control: Mapping[str, Any]) -> dict[str, bool]:
    """Return whether the policy leaves each thing to someone; it is an error if only in part."""
    found = {}
    for what, (actions, resources) in WHAT.items():
        decided = decide(
            [
                use(who, action=action, resource=resource, service_control_policy=control)
                for action in actions
                for resource in resources
            ]
        )
        (decision,) = {*decided}
        assert decision in {ALLOWED, EXPLICITLY_DENIED}
        found[what] = decision == ALLOWED
    return found


@pytest.mark.parametrize(
    ("who", "left"),
    [
        ("StackSets", BY_STACK_SETS),
        ("an administrator", set()),
        ("an approver", {"tag the roles"}),
        ("the boundary's manager", {"change the boundary"}),
        ("Pump", set()),
        ("the root user", set()),
    ],
)
def test_protection_leaves_to_each_only_what_is_theirs(who: str, left: set[str]) -> None:
    expected = {what: what in left | NOT_ABOUT_PUMP for what in WHAT}
    assert decisions(WHO[who], protecting()) == expected


@pytest.mark.parametrize("who", WHO)
def test_emergency_stop_denies_the_roles_everything_and_nobody_else_anything(who: str) -> None:
    assert {*decisions(WHO[who], stopping()).values()} == {who != "Pump"}


@pytest.mark.parametrize("name", ["PumpReadOnlyRole", "PumpAutoPilotRole"])
def test_protection_leaves_the_roles_to_pump_and_the_stop_does_not(name: str) -> None:
    for control, decision in ((protecting(), ALLOWED), (stopping(), EXPLICITLY_DENIED)):
        requests = [
            use(role(in_path), action=action, service_control_policy=control)
            for in_path in (name, f"any/{name}")
            for action in (READ, BUY)
        ]
        assert {*decide(requests)} == {decision}


def test_stop_includes_a_role_without_a_rollout() -> None:
    stopped = [
        use(role(name), action=BUY, service_control_policy=stopping("one/Buyer"))
        for name in ("Buyer", "one/Buyer", "Seller")
    ]
    assert decide(stopped) == [EXPLICITLY_DENIED, EXPLICITLY_DENIED, ALLOWED]


@pytest.mark.parametrize(
    ("principal", "name", "expected"),
    [
        (f"x/{EXECUTION}", "PumpReadOnlyRole", ()),
        # ARNs are compared with case: the exemption is no wider.
        (EXECUTION.capitalize(), "PumpReadOnlyRole", ()),
        ("PumpApprover", "PumpReadOnlyRole", ()),
        (f"x/{APPROVER}", "PumpReadOnlyRole", ()),
        # A tag of the approver approves nothing.
        ("Admin", APPROVER, TAGGING),
        (APPROVER, APPROVER, TAGGING),
    ],
)
def test_exemption_is_only_for_the_exact_roles(
    principal: str, name: str, expected: Iterable[str]
) -> None:
    actions = [*CHANGES, *TAGGING]
    caller = Role(principal, {}, ADMINISTRATOR)
    requests = [
        use(caller, action=action, resource=arn("role", name), service_control_policy=protecting())
        for action in actions
    ]
    decided = zip(actions, decide(requests), strict=True)
    assert {action for action, decision in decided if decision == ALLOWED} == {*expected}


def test_protection_denies_no_other_action_of_organizations() -> None:
    by_resource: dict[str, set[str]] = {}
    for action in catalog.matching(["organizations:*"]):
        by_resource.setdefault(action.resources[0], set()).add(action.name)
    control = protecting()
    for resource, names in by_resource.items():
        requests = [
            use(WHO["StackSets"], action=name, resource=resource, service_control_policy=control)
            for name in names
        ]
        decided = zip(names, decide(requests), strict=True)
        assert {name for name, decision in decided if decision == ALLOWED} == names - WAYS_OUT


def sids(document: Mapping[str, Any]) -> set[str]:
    return {statement["Sid"] for statement in document["Statement"]}


def test_protection_has_only_what_it_is_asked_for() -> None:
    scope = Stack()
    plain = [ReadOnlyRollout(scope, "R", **PROVIDED, role_name="Vendor", stack_set_name="V")]
    least = protection(
        rollouts=plain,
        approvers=(),
        boundary_managers=(),
        stack_sets=(),
        keep_in_organization=False,
    )
    assert sids(protecting()) - sids(least) == {
        "OnlyStackSetsChangeTheBoundary",
        "NobodyLeavesTheOrganization",
    }
    named = json.dumps(least)
    assert ":role/Vendor" in named
    assert "StackSet-V-*" in named
    assert "Pump" not in named.replace("ChangePumpRoles", "").replace("TagPumpRoles", "")
    managed = [
        AutoPilotRollout(
            scope, "A", **PROVIDED, permissions_boundary="arn:aws:iam::aws:policy/PowerUserAccess"
        )
    ]
    assert "OnlyStackSetsChangeTheBoundary" not in sids(
        protection(rollouts=managed, boundary_managers=())
    )


CALLERS = {
    "Pump": (PRINCIPAL, EXTERNAL_ID),
    "Pump without an external ID": (PRINCIPAL, None),
    "another role of Pump's account": (f"arn:aws:iam::{PUMP_ACCOUNT}:role/Other", EXTERNAL_ID),
    "another account": ("arn:aws:iam::444455556666:role/PumpService", EXTERNAL_ID),
    "an administrator": (f"arn:aws:iam::{ACCOUNT_ID}:role/Admin", EXTERNAL_ID),
    "the root user": (f"arn:aws:iam::{ACCOUNT_ID}:root", EXTERNAL_ID),
}


def assumed(name: str, control: Mapping[str, Any] | None) -> set[str]:
    """Return who assumes a role that trusts everyone, without a condition."""
    statement = {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}
    trusting_everyone = Role(name, {"Version": "2012-10-17", "Statement": [statement]}, {})
    decided = decide(
        [
            assumption(
                trusting_everyone,
                caller=caller,
                external_id=external_id,
                resource_control_policy=control,
                context={"aws:PrincipalArn": caller, "aws:PrincipalAccount": account_of(caller)},
            )
            for caller, external_id in CALLERS.values()
        ]
    )
    return {who for who, decision in zip(CALLERS, decided, strict=True) if decision == ALLOWED}


PUMPS = {"Pump", "Pump without an external ID", "another role of Pump's account"}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("PumpReadOnlyRole", {"Pump"}),
        ("vendors/PumpAutoPilotRole", {"Pump"}),
        ("one/Buyer", {"Pump"}),
        ("two/Buyer", {*CALLERS} - PUMPS),
        ("Another", {*CALLERS} - PUMPS),
        ("PumpAutoPilotRole", {*CALLERS} - PUMPS),
        ("pumpreadonlyrole", {*CALLERS} - PUMPS),
    ],
)
def test_trust_leaves_only_the_roles_to_pump_and_only_pump_to_the_roles(
    name: str, expected: set[str]
) -> None:
    assert assumed(name, None) == {*CALLERS}
    assert assumed(name, trusting()) == expected


@pytest.mark.parametrize("principal", [PUMP_ACCOUNT, f"arn:aws:iam::{PUMP_ACCOUNT}:root", None])
def test_trust_is_in_the_account_if_the_role_of_pump_is_not_known(principal: str | None) -> None:
    scope = Stack()
    provided = CfnParameter(scope, "Principal") if principal is None else principal
    of = [ReadOnlyRollout(scope, "R", **{**PROVIDED, "pump_principal": provided})]
    with_both = [*of, AutoPilotRollout(scope, "A", **PROVIDED)]
    for control in (trust(rollouts=of), trust(rollouts=with_both)):
        assert assumed("PumpReadOnlyRole", control) == {"Pump", "another role of Pump's account"}


def test_policies_follow_the_rollouts_and_each_other() -> None:
    app = App()
    scope = Stack(app, "Both")
    each = rollouts(scope)
    unit = CfnOrganizationalUnit(scope, "Unit", name="Unit", parent_id="r-abcd")
    CfnPolicy(scope, "Own", name="Own", type="TAG_POLICY", content={})
    RoleProtection(scope, "Roles", rollouts=each, targets=[unit.attr_id, "r-abcd", ACCOUNT_ID])
    EmergencyStop(scope, "Stop", rollouts=each)
    TrustProtection(
        Stack(app, "Apart"), "T", rollouts=each, pump_account=PUMP_ACCOUNT, targets=[UNIT]
    )
    assembly = app.synth()
    resources = assembly.get_stack_by_name("Both").template["Resources"]
    (stack_sets, policies) = (
        [name for name, resource in resources.items() if resource["Type"] == kind]
        for kind in ("AWS::CloudFormation::StackSet", "AWS::Organizations::Policy")
    )
    own, first, second = policies
    assert "DependsOn" not in resources[own]
    assert sorted(resources[first]["DependsOn"]) == sorted(stack_sets)
    assert sorted(resources[second]["DependsOn"]) == sorted([*stack_sets, first])
    (attached,) = resources[first]["Properties"]["TargetIds"][:1]
    assert attached == {"Fn::GetAtt": ["Unit", "Id"]}
    # Without the property, what is attached in an incident is no drift.
    assert "TargetIds" not in resources[second]["Properties"]
    (dependency,) = assembly.get_stack_by_name("Apart").dependencies[:1]
    assert dependency.id.startswith("Both")


def test_output_of_the_stop_is_the_command_that_attaches_it() -> None:
    app = App()
    scope = Stack(app, "S")
    stop = EmergencyStop(scope, "Stop", rollouts=rollouts(scope))
    (output,) = app.synth().get_stack_by_name("S").template["Outputs"].values()
    command, values = output["Value"]["Fn::Sub"]
    assert command == (
        "aws organizations attach-policy --policy-id ${PolicyId} --target-id "
        "$(aws organizations list-roots --query 'Roots[0].Id' --output text)"
    )
    assert values == {"PolicyId": scope.resolve(stop.policy_id)}


def test_deployment_during_an_incident_leaves_the_stop_attached(aws: EmbeddedAws) -> None:
    (root,) = aws.organizations.list_roots()["Roots"]

    def deploy(role_name: str, *, update: bool) -> None:
        app = App(default_stack_synthesizer=LegacyStackSynthesizer())
        scope = Stack(app, "Rollouts")
        each = [ReadOnlyRollout(scope, "R", **PROVIDED, role_name=role_name)]
        EmergencyStop(Stack(app, "S"), "Stop", rollouts=each)
        template = app.synth().get_stack_by_name("S").template
        aws.deploy("S", json.dumps(template), update=update)

    deploy("PumpReadOnlyRole", update=False)
    (stop,) = (
        policy
        for policy in aws.organizations.list_policies(Filter="SERVICE_CONTROL_POLICY")["Policies"]
        if policy["Name"] == "StopPump"
    )
    aws.organizations.attach_policy(PolicyId=stop["Id"], TargetId=root["Id"])
    deploy("Vendor", update=True)
    found = aws.organizations.describe_policy(PolicyId=stop["Id"])["Policy"]["Content"]
    assert "role/Vendor" in found
    (target,) = aws.organizations.list_targets_for_policy(PolicyId=stop["Id"])["Targets"]
    assert target["TargetId"] == root["Id"]


CONSTRUCTS: dict[str, tuple[Any, dict[str, Any]]] = {
    "role": (RoleProtection, {"targets": [UNIT]}),
    "stop": (EmergencyStop, {}),
    "trust": (TrustProtection, {"targets": [UNIT], "pump_account": PUMP_ACCOUNT}),
}


@pytest.mark.parametrize("kind", CONSTRUCTS)
@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ({"rollouts": []}, "rollouts: at least one rollout is required"),
        ({"rollouts": {"PumpReadOnly"}}, "rollouts: {'PumpReadOnly'} is not a list"),
        ({"rollouts": ["PumpReadOnly"]}, "rollouts: 'PumpReadOnly' is not a rollout"),
        ({"targets": ["o-abcd123456"]}, "targets: 'o-abcd123456' is not the ID of an organiz"),
        ({"targets": ["12345678901"]}, "targets: '12345678901' is not the ID"),
        ({"targets": [123456789012]}, "; put the number in quotes"),
        ({"targets": [UNIT, UNIT]}, f"targets: '{UNIT}' is listed twice"),
        ({"targets": UNIT}, "targets: .* is not a list"),
        ({"policy_name": ""}, "policy_name: '' is not the name of a policy"),
        ({"policy_name": "x" * 129}, "policy_name: 'x"),
        ({"policy_name": "Taken"}, "policy_name: Taken is already the name of .*Taken"),
    ],
)
def test_arguments_of_each_policy_are_checked(
    kind: str, arguments: dict[str, Any], problem: str
) -> None:
    scope = Stack()
    CfnPolicy(scope, "Taken", name="Taken", type="TAG_POLICY", content={})
    construct, needed = CONSTRUCTS[kind]
    with pytest.raises(ArgumentError, match=problem):
        construct(scope, "P", **{"rollouts": rollouts(scope), **needed, **arguments})


@pytest.mark.parametrize(
    ("kind", "arguments", "problem"),
    [
        ("role", {"targets": []}, "targets: the list is empty"),
        ("trust", {"targets": []}, "targets: the list is empty"),
        ("role", {"approvers": ["role/Approver*"]}, "approvers: 'role/Approver\\*' is not a role"),
        ("role", {"approvers": ["x/PumpAutoPilotRole"]}, "is the role of .*AutoPilot"),
        ("role", {"approvers": "Approver"}, "approvers: 'Approver' is not a list"),
        ("role", {"boundary_managers": ["/Pipeline"]}, "boundary_managers: '/Pipeline' is not a"),
        ("role", {"stack_sets": ["Network*"]}, "stack_sets: 'Network\\*' is not a StackSet name"),
        ("role", {"keep_in_organization": None}, "keep_in_organization: None is neither true"),
        ("stop", {"roles": ["PumpReadOnlyRole"]}, r"roles: .* is the role of .*Read"),
        ("trust", {"roles": ["Buyer*"]}, "roles: 'Buyer\\*' is not a role"),
        ("trust", {"pump_account": PRINCIPAL}, "pump_account: 'arn:.* is not a 12-digit account"),
        ("trust", {"pump_account": ACCOUNT_ID}, f"pump_account: {PRINCIPAL}, .* another account"),
    ],
)
def test_arguments_of_one_policy_are_checked(
    kind: str, arguments: dict[str, Any], problem: str
) -> None:
    scope = Stack()
    construct, needed = CONSTRUCTS[kind]
    with pytest.raises(ArgumentError, match=problem):
        construct(scope, "P", **{"rollouts": rollouts(scope), **needed, **arguments})


@pytest.mark.parametrize("kind", CONSTRUCTS)
@pytest.mark.parametrize("path", ["/a*/", "/a?/", "/${aws:username}/"])
def test_path_that_matches_others_in_a_policy_is_rejected(kind: str, path: str) -> None:
    scope = Stack()
    construct, needed = CONSTRUCTS[kind]
    of = [ReadOnlyRollout(scope, "ReadOnly", **PROVIDED, path=path)]
    with pytest.raises(ArgumentError, match=r"rollouts: .* would match other paths"):
        construct(scope, "P", rollouts=of, **needed)


@pytest.mark.parametrize("kind", CONSTRUCTS)
def test_rollouts_of_a_delegated_administrator_are_rejected(kind: str) -> None:
    scope = Stack()
    construct, needed = CONSTRUCTS[kind]
    with pytest.raises(ArgumentError, match="ReadOnly is for a delegated administrator"):
        construct(scope, "P", rollouts=rollouts(scope, delegated_admin=True), **needed)


def test_boundary_managers_need_a_boundary_that_the_rollouts_say() -> None:
    scope = Stack()
    plain = ReadOnlyRollout(scope, "R", **PROVIDED)
    with pytest.raises(ArgumentError, match="boundary_managers: no rollout has a permissions bou"):
        protection(rollouts=[plain])

    def bounded(app: App) -> None:
        policy = iam.ManagedPolicy.from_managed_policy_name(
            app.node.children[0],  # type: ignore[arg-type]
            "Boundary",
            "Boundary",
        )
        iam.PermissionsBoundary.of(app).apply(policy)

    unknown = AutoPilotRollout(scope, "A", **PROVIDED, configure_app=bounded)
    with pytest.raises(ArgumentError, match=r"rollouts: the boundary of .*A cannot be read; pass"):
        protection(rollouts=[unknown])


def named_approvers(number: int) -> list[str]:
    return [f"platform/approvers/of-a-long-path/PumpApprover{index:03}" for index in range(number)]


def test_size_of_a_policy_is_checked_as_organizations_counts_it() -> None:
    scope = Stack()
    each = rollouts(scope)
    plain = RoleProtection(scope, "P0", rollouts=each, targets=[UNIT])
    assert not messages_of(plain, "warning")

    def with_approvers(number: int) -> RoleProtection:
        return RoleProtection(
            scope,
            f"P{number}",
            rollouts=each,
            targets=[UNIT],
            policy_name=f"P{number}",
            approvers=named_approvers(number),
        )

    assert f"has {policy_size(protecting()):,} of at most 10,240 characters" in PROTECT
    larger = with_approvers(20)
    size = policy_size(content(larger))
    assert 5_120 < size <= 10_240
    (warning,) = messages_of(larger, "warning")
    assert f"the policy P20 has {size:,} characters without white space" in warning
    with pytest.raises(ArgumentError, match=r"P60 would have 1\d,\d{3} .* at most 10,240 allowed"):
        with_approvers(60)
    many = [
        ReadOnlyRollout(
            scope, f"R{index}", **PROVIDED, role_name=f"{index:064}", stack_set_name=f"R{index}"
        )
        for index in range(20)
    ]
    with pytest.raises(ArgumentError, match=r"PumpTrust would have 5,\d{3} .* most 5,120 allowed"):
        TrustProtection(scope, "T", rollouts=many, pump_account=PUMP_ACCOUNT, targets=[UNIT])


@mock_aws
def test_organizations_creates_and_attaches_the_policies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "unchecked")
    client: Any = boto3.client("organizations", region_name=REGION)
    client.create_organization(FeatureSet="ALL")
    (root,) = client.list_roots()["Roots"]
    for kind, policies in (
        ("SERVICE_CONTROL_POLICY", [protecting(), stopping()]),
        ("RESOURCE_CONTROL_POLICY", [trusting()]),
    ):
        for document in policies:
            created = client.create_policy(
                Type=kind, Name=f"P{id(document)}", Description="", Content=json.dumps(document)
            )["Policy"]["PolicySummary"]
            client.attach_policy(PolicyId=created["Id"], TargetId=root["Id"])
            attached = client.list_policies_for_target(TargetId=root["Id"], Filter=kind)
            assert created["Id"] in {policy["Id"] for policy in attached["Policies"]}


def test_neither_cdk_nag_nor_the_gate_nor_the_report_finds_anything(tmp_path: Path) -> None:
    app = App(outdir=str(tmp_path), context=recommended_flags())
    Validations.of(app).add_plugins(AwsSolutionsChecks(app))
    scope = Stack(app, "Organization")
    each = rollouts(scope)
    RoleProtection(scope, "Roles", rollouts=each, targets=[UNIT], **EVERYTHING)
    EmergencyStop(scope, "Stop", rollouts=each)
    TrustProtection(scope, "Trust", rollouts=each, pump_account=PUMP_ACCOUNT, targets=[UNIT])
    app.synth()
    assert not of_templates(tmp_path).alarms
