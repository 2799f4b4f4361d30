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
    ApprovalEnd,
    ArgumentError,
    AutoPilotRole,
    AutoPilotRollout,
    EmergencyStop,
    ReadOnlyRole,
    ReadOnlyRollout,
    RoleProtection,
    Rollout,
    TrustProtection,
)
from pump_roles.inputs.validators import account_of, policy_size
from tests.docs.pages import BUY, PROTECT, READ, role
from tests.support import (
    EXTERNAL_ID,
    PRINCIPAL,
    PUMP_ACCOUNT,
    messages_of,
    of_templates,
    recommended_flags,
)
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


@cache
def shared() -> tuple[Stack, list[Rollout]]:
    """Return rollouts for tests that add nothing to their stack: to create them takes long."""
    scope = Stack()
    return scope, rollouts(scope)


def content(policy: RoleProtection | EmergencyStop | TrustProtection) -> dict[str, Any]:
    document: dict[str, Any] = Stack.of(policy).resolve(policy.resource.content)
    return document


def protection(**more: Any) -> dict[str, Any]:
    """Return the policy that protects both roles, with everything that it can have."""
    _, each = shared()
    of = {"rollouts": each, "targets": [UNIT], **EVERYTHING}
    return content(RoleProtection(Stack(), "P", **{**of, **more}))


def trust(**more: Any) -> dict[str, Any]:
    _, each = shared()
    of = {"rollouts": each, "targets": [UNIT], "pump_account": PUMP_ACCOUNT}
    return content(TrustProtection(Stack(), "T", **{**of, **more}))


@cache
def protecting() -> dict[str, Any]:
    return protection()


@cache
def stopping(*others: str) -> dict[str, Any]:
    _, each = shared()
    return content(EmergencyStop(Stack(), "S", rollouts=each, roles=others))


@cache
def trusting() -> dict[str, Any]:
    return trust(roles=["Buyer"])


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


def test_what_ends_an_approval_can_close_but_not_open_one_and_only_stack_sets_change_it() -> None:
    control = protection(approvers=[APPROVER, ApprovalEnd.approver])
    pumps, ending = arn("role", "PumpReadOnlyRole"), arn("role", ApprovalEnd.approver)
    closing = Role(ApprovalEnd.approver, {}, ADMINISTRATOR)
    for who, action, resource, decision in (
        (closing, "iam:UntagRole", pumps, ALLOWED),
        (closing, "iam:TagRole", pumps, EXPLICITLY_DENIED),
        (closing, "iam:PutRolePolicy", pumps, EXPLICITLY_DENIED),
        (WHO["an approver"], "iam:TagRole", pumps, ALLOWED),
        (WHO["an approver"], "iam:UntagRole", pumps, ALLOWED),
        (WHO["an administrator"], "iam:TagRole", pumps, EXPLICITLY_DENIED),
        (WHO["an administrator"], "iam:UntagRole", pumps, EXPLICITLY_DENIED),
        (WHO["an administrator"], "iam:PutRolePolicy", ending, EXPLICITLY_DENIED),
        (WHO["StackSets"], "iam:TagRole", pumps, ALLOWED),
        (WHO["StackSets"], "iam:PutRolePolicy", ending, ALLOWED),
    ):
        request = use(who, action=action, resource=resource, service_control_policy=control)
        assert decide([request]) == [decision], (who, action, resource)


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
        use(role(name), action=BUY, service_control_policy=stopping("Buyer"))
        for name in ("Buyer", "one/Buyer", "Seller")
    ]
    assert decide(stopped) == [EXPLICITLY_DENIED, EXPLICITLY_DENIED, ALLOWED]


@pytest.mark.parametrize("construct", [EmergencyStop, TrustProtection])
@pytest.mark.parametrize("left", ["ReadOnly", "AutoPilot"])
def test_policy_does_not_forget_a_role_without_a_rollout(construct: Any, left: str) -> None:
    more = {"targets": [UNIT], "pump_account": PUMP_ACCOUNT} if construct is TrustProtection else {}
    scope, (_, both) = Stack(), shared()
    before = content(construct(scope, "B", rollouts=both, policy_name="B", **more))
    without = [rollout for rollout in both if rollout.node.id == left]
    assert content(construct(scope, "A", rollouts=without, policy_name="A", **more)) == before


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
    "a role of Pump's account named as the customer's": (
        f"arn:aws:iam::{PUMP_ACCOUNT}:role/PumpReadOnlyRole",
        EXTERNAL_ID,
    ),
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


PUMPS = {who for who, (caller, _) in CALLERS.items() if account_of(caller) == PUMP_ACCOUNT}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("PumpReadOnlyRole", {"Pump"}),
        ("vendors/PumpAutoPilotRole", {"Pump"}),
        # A name is unique in an account, so a path tells nothing apart.
        ("a/b/PumpAutoPilotRole", {"Pump"}),
        ("one/Buyer", {"Pump"}),
        ("Another", {*CALLERS} - PUMPS),
        ("MyBuyer", {*CALLERS} - PUMPS),
        ("Buyer/Another", {*CALLERS} - PUMPS),
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
        assert assumed("PumpReadOnlyRole", control) == PUMPS - {"Pump without an external ID"}


def test_trust_leaves_a_role_without_a_rollout_to_its_own_principal() -> None:
    scope = Stack()
    of = [ReadOnlyRollout(scope, "R", **PROVIDED)]
    another, _ = CALLERS["another role of Pump's account"]
    assert assumed("PumpAutoPilotRole", trust(rollouts=of)) == {"Pump"}
    buyer = AutoPilotRole(scope, "A", pump_principal=another, external_id=EXTERNAL_ID)
    with_buyer = trust(rollouts=of, roles=[buyer])
    assert assumed("PumpAutoPilotRole", with_buyer) == {"Pump", "another role of Pump's account"}
    elsewhere = AutoPilotRole(
        scope, "E", pump_principal=ACCOUNT_ID, external_id=EXTERNAL_ID, role_name="Elsewhere"
    )
    with pytest.raises(
        ArgumentError,
        match=f"pump_account: {ACCOUNT_ID}, the principal of a role, is in another account than "
        f"{PUMP_ACCOUNT}; all must be in one",
    ):
        trust(rollouts=of, roles=[elsewhere])


MANAGEMENT_ACCOUNT = "444455556666"
AFTER_ONE_HOP = {
    # The role that was assumed first: its account, its name, and which roles its session assumes.
    "Pump's read-only role": (ACCOUNT_ID, "PumpReadOnlyRole", set()),
    "Pump's auto-pilot role": (ACCOUNT_ID, "vendors/PumpAutoPilotRole", set()),
    "Pump's role under another name": (ACCOUNT_ID, "one/Buyer", set()),
    "Pump's role of the management account": (MANAGEMENT_ACCOUNT, "PumpReadOnlyRole", set()),
    "another role of the account": (ACCOUNT_ID, "Another", {"Admin"}),
    "another role of the management account": (MANAGEMENT_ACCOUNT, "Another", {"Admin"}),
    "a similar name": (ACCOUNT_ID, "MyPumpReadOnlyRole", {"Admin"}),
    # Names in policies are compared with case.
    "the same name, in lower case": (ACCOUNT_ID, "pumpreadonlyrole", {"Admin"}),
}


@pytest.mark.parametrize("first", AFTER_ONE_HOP)
def test_trust_lets_no_session_of_pumps_roles_assume_another_role(first: str) -> None:
    account, name, expected = AFTER_ONE_HOP[first]
    session = Role(name, {}, role().policies, account)
    trusted = {"Effect": "Allow", "Principal": {"AWS": session.arn}, "Action": "sts:AssumeRole"}
    # In the same account, the trust policy alone lets the session in.
    policies = session.policies if account == ACCOUNT_ID else ADMINISTRATOR

    def assumed_by_the_session(control: Mapping[str, Any] | None) -> set[str]:
        names = ("Admin", "PumpReadOnlyRole", "vendors/PumpAutoPilotRole")
        requests = [
            assumption(
                Role(second, {"Version": "2012-10-17", "Statement": [trusted]}, {}),
                caller=f"arn:aws:sts::{account}:assumed-role/{name.rpartition('/')[2]}/session",
                external_id=EXTERNAL_ID,
                caller_policies=policies,
                resource_control_policy=control,
                context={"aws:PrincipalArn": session.arn, "aws:PrincipalAccount": account},
            )
            for second in names
        ]
        decided = zip(names, decide(requests), strict=True)
        return {second for second, decision in decided if decision == ALLOWED}

    assert assumed_by_the_session(None) == {
        "Admin",
        "PumpReadOnlyRole",
        "vendors/PumpAutoPilotRole",
    }
    assert assumed_by_the_session(trusting()) == expected


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


def test_command_of_the_stop_attaches_it_and_the_stack_has_an_output_only_if_the_app_makes_one(
    cdk_flags: Mapping[str, Any],
) -> None:
    app = App(context=cdk_flags)
    scope = Stack(app, "S")
    stop = EmergencyStop(scope, "Stop", rollouts=rollouts(scope))
    assert isinstance(stop.command, str)
    assert "Outputs" not in app.synth().get_stack_by_name("S").template
    command, values = scope.resolve(stop.command)["Fn::Sub"]
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


def assert_rejected(kind: str, arguments: dict[str, Any], problem: str) -> None:
    scope, each = shared()
    construct, needed = CONSTRUCTS[kind]
    if not scope.node.try_find_child("Taken"):
        CfnPolicy(scope, "Taken", name="Taken", type="TAG_POLICY", content={})
    with pytest.raises(ArgumentError, match=problem):
        construct(scope, "P", **{"rollouts": each, **needed, **arguments})
    scope.node.try_remove_child("P")


@pytest.mark.parametrize("kind", CONSTRUCTS)
@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ({"rollouts": []}, "rollouts: at least one rollout.* is required"),
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
    assert_rejected(kind, arguments, problem)


@pytest.mark.parametrize("kind", ["stop", "trust"])
def test_stop_and_trust_policy_need_a_rollout_or_a_role(kind: str) -> None:
    scope = Stack()
    role = AutoPilotRole(
        scope,
        "A",
        pump_principal=PRINCIPAL,
        external_id=EXTERNAL_ID,
        role_name="Buyer",
        path="/one/",
    )
    arguments = {"pump_account": PUMP_ACCOUNT, "targets": [UNIT]} if kind == "trust" else {}
    construct: Any = {"stop": EmergencyStop, "trust": TrustProtection}[kind]
    by_role, by_name, by_rollout = (
        content(construct(Stack(), "P", roles=[given], **arguments))
        for given in (role, "one/Buyer", ReadOnlyRollout(scope, "R", **PROVIDED, role_name="Buyer"))
    )
    assert by_role == by_rollout
    assert json.dumps(by_name).count("role/Buyer") == json.dumps(by_role).count("role/Buyer") > 0


def test_two_policies_with_the_same_name_in_an_account_are_an_error() -> None:
    app = App()
    accounts = {"One": ACCOUNT_ID, "Two": ACCOUNT_ID, "Other": PUMP_ACCOUNT}
    stacks = {
        name: Stack(app, name, env={"account": account, "region": f"eu-west-{number}"})
        for number, (name, account) in enumerate(accounts.items(), 1)
    }
    each = {
        name: [ReadOnlyRollout(stack, "R", **PROVIDED, stack_set_name=name)]
        for name, stack in stacks.items()
    }
    EmergencyStop(stacks["One"], "Stop", rollouts=each["One"])
    EmergencyStop(stacks["Other"], "Stop", rollouts=each["Other"])
    with pytest.raises(ArgumentError, match="policy_name: StopPump is already the name of One/St"):
        EmergencyStop(stacks["Two"], "Stop", rollouts=each["Two"])


@pytest.mark.parametrize("account", [None, ACCOUNT_ID, PUMP_ACCOUNT])
def test_policy_in_another_account_than_its_rollouts_is_an_error(account: str | None) -> None:
    app = App()
    home = Stack(app, "Home", env={"account": ACCOUNT_ID})
    each = [ReadOnlyRollout(home, "R", **PROVIDED)]
    policies = Stack(app, "Policies", env={"account": account})
    if account != PUMP_ACCOUNT:
        RoleProtection(policies, "P", rollouts=each, targets=[UNIT])
        return
    with pytest.raises(ArgumentError, match=r"^Policies/P: rollouts: Home/R is in the account 1"):
        RoleProtection(policies, "P", rollouts=each, targets=[UNIT])


@pytest.mark.parametrize(
    ("kind", "arguments", "problem"),
    [
        ("role", {"targets": []}, "targets: the list is empty"),
        ("trust", {"targets": []}, "targets: the list is empty"),
        ("role", {"approvers": ["role/Approver*"]}, "approvers: 'role/Approver\\*' is not a role"),
        ("role", {"roles": ["/one/Buyer"]}, "roles: '/one/Buyer' is not a role's name, with its p"),
        ("role", {"approvers": "Approver"}, "approvers: 'Approver' is not a list"),
        ("role", {"boundary_managers": ["/Pipeline"]}, "boundary_managers: '/Pipeline' is not a"),
        ("role", {"stack_sets": ["Network*"]}, "stack_sets: 'Network\\*' is not a StackSet name"),
        ("role", {"keep_in_organization": None}, "keep_in_organization: None is neither true"),
        ("stop", {"roles": ["Buyer", "Buyer"]}, "roles: 'Buyer' is listed twice"),
        ("trust", {"roles": ["Buyer*"]}, "roles: 'Buyer\\*' is not a role"),
        ("trust", {"pump_account": PRINCIPAL}, "pump_account: 'arn:.* is not a 12-digit account"),
        ("trust", {"pump_account": ACCOUNT_ID}, f"pump_account: {PRINCIPAL}, .* another account"),
        *(
            ("role", {argument: [name]}, f"{argument}: {name} is a role of Pump; name roles of")
            for argument in ("approvers", "boundary_managers")
            for name in ("PumpReadOnlyRole", "x/PumpAutoPilotRole", "x/pumpautopilotrole")
        ),
        *(
            ("role", {argument: [name]}, f"{argument}: {name} is named as the execution roles of S")
            for argument in ("approvers", "boundary_managers")
            for name in (EXECUTION, "stacksets-exec-1/Approver")
        ),
        ("role", {"roles": [EXECUTION]}, f"roles: {EXECUTION} is named as .* stacksets-exec-$"),
    ],
)
def test_arguments_of_one_policy_are_checked(
    kind: str, arguments: dict[str, Any], problem: str
) -> None:
    assert_rejected(kind, arguments, problem)


@pytest.mark.parametrize("argument", ["approvers", "boundary_managers"])
def test_role_of_pump_without_a_rollout_approves_and_manages_nothing(argument: str) -> None:
    scope = Stack()
    renamed: dict[str, Any] = {"role_name": "Vendor", "permissions_boundary": "Boundary"}
    of = [ReadOnlyRollout(scope, "R", **PROVIDED, **renamed)]
    buyer = AutoPilotRole(
        scope, "A", pump_principal=PRINCIPAL, external_id=EXTERNAL_ID, role_name="Buyer"
    )
    only = {**dict.fromkeys(EVERYTHING, ()), "rollouts": of, "roles": [buyer]}
    for name in ("PumpReadOnlyRole", "PumpAutoPilotRole", "x/Vendor", "buyer"):
        with pytest.raises(ArgumentError, match=f"{argument}: {name} is a role of Pump"):
            protection(**{**only, argument: [name]})
    assert protection(**{**only, argument: ["MyVendor", "Buyer/Approver"]})


@pytest.mark.parametrize(
    ("named", "exempt"),
    [
        ({"role_name": EXECUTION}, EXECUTION),
        ({"path": "/stacksets-exec-x/"}, "stacksets-exec-x/PumpReadOnlyRole"),
        ({"path": "/x/", "role_name": EXECUTION}, ""),
        ({"role_name": EXECUTION.capitalize()}, ""),
    ],
)
def test_role_of_pump_with_the_name_of_an_execution_role_is_rejected(
    named: dict[str, Any], exempt: str
) -> None:
    scope, (_, both) = Stack(), shared()
    provided: dict[str, Any] = {"pump_principal": PRINCIPAL, "external_id": EXTERNAL_ID}
    rollout = {"rollouts": [ReadOnlyRollout(scope, "R", **PROVIDED, **named)]}
    own = {"rollouts": both, "roles": [ReadOnlyRole(scope, "O", **provided, **named)]}
    for argument, arguments in (("rollouts", rollout), ("roles", own)):
        of = {**dict.fromkeys(EVERYTHING, ()), **arguments}
        if exempt:
            with pytest.raises(ArgumentError, match=f"{argument}: {exempt} is named as the exec"):
                protection(**of)
        else:
            # The simulator says that these are not exempt: see above.
            assert protection(**of)


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
    # Every organization accepts it.
    assert not messages_of(larger, "warning")
    with pytest.raises(ArgumentError, match=r"P60 would have 1\d,\d{3} .* at most 10,240 allowed"):
        with_approvers(60)
    many = [
        ReadOnlyRollout(
            scope, f"R{index}", **PROVIDED, role_name=f"{index:064}", stack_set_name=f"R{index}"
        )
        for index in range(6)
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
    assert not of_templates(tmp_path).findings
