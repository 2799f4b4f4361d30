"""cdk-nag's packs check the app, and every finding is acknowledged on its resource.

Only cdk-nag 3 and later read acknowledgments.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import App, Stack, Stage, Validations
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sns as sns
from cdk_nag import (
    AwsSolutionsChecks,
    HIPAASecurityChecks,
    NIST80053R4Checks,
    NIST80053R5Checks,
    PCIDSS321Checks,
    ServerlessChecks,
)

import pump_roles
from pump_roles import (
    AlarmForwarder,
    ApprovalEnd,
    AutoPilotRole,
    AutoPilotRollout,
    AutoPilotStack,
    CommitmentAlarm,
    EmergencyStop,
    Guardrail,
    PumpRole,
    ReadOnlyRole,
    ReadOnlyRollout,
    ReadOnlyStack,
    RoleProtection,
    TrustProtection,
)
from pump_roles.app import config, stacks
from pump_roles.published import FINDINGS, REASONS, RESOURCE_REASONS
from pump_roles.pump_side import CustomerRoles
from tests.support import (
    DOCUMENTED,
    PUMP_ACCOUNT,
    ROLE_ARGUMENTS,
    STACKS,
    published_patterns,
    recommended_flags,
)

Finding = tuple[str, str, str]
"""Where it is, its ID, and the reason with which it was acknowledged."""


OTHER_PACKS: list[Any] = [
    HIPAASecurityChecks,
    NIST80053R4Checks,
    NIST80053R5Checks,
    PCIDSS321Checks,
    ServerlessChecks,
]


def app_with_cdk_nag(outdir: Path | None = None, packs: Sequence[Any] = ()) -> App:
    app = App(outdir=None if outdir is None else str(outdir), context=recommended_flags())
    Validations.of(app).add_plugins(AwsSolutionsChecks(app), *(pack(app) for pack in packs))
    return app


def acknowledged(app: App) -> list[Finding]:
    """Return every acknowledgment in the app."""
    key = Validations.ACKNOWLEDGED_RULES_METADATA_KEY
    return [
        (node.path, rule, reason)
        for construct in app.node.find_all()
        for node in [construct.node]
        for entry in node.metadata
        if entry.type == key
        for rule, reason in entry.data.items()
    ]


def suppressed(outdir: Path) -> list[Finding]:
    """Return every finding that cdk-nag reports as acknowledged."""
    report: dict[str, Any] = json.loads((outdir / "validation-report.json").read_text())
    return [
        (violation["acknowledgedAt"], violation["acknowledgedId"], violation["reason"])
        for plugin in report["pluginReports"]
        for violation in plugin.get("suppressedViolations", [])
    ]


def test_every_finding_is_acknowledged_on_its_role_with_a_reason_and_nothing_else_is(
    tmp_path: Path, published: list[list[dict[str, Any]]]
) -> None:
    app = app_with_cdk_nag(tmp_path, OTHER_PACKS)
    for stack in stacks(config.Settings({}, "")):
        stack.build(app)
    app.synth()
    expected = sorted(
        (f"{stack}/Role/Resource", f"AwsSolutions::AwsSolutions-IAM5[{finding}]", reason)
        for stack, kind in zip(STACKS, DOCUMENTED, strict=True)
        for finding, reason in {
            **{
                f"Action::{pattern}": REASONS[pattern]
                for pattern in published_patterns(published, kind)
                if "*" in pattern
            },
            "Resource::*": RESOURCE_REASONS["*"],
        }.items()
    )
    found = sorted(suppressed(tmp_path))
    assert [finding for finding in found if finding[1].startswith("AwsSolutions")] == expected
    assert {
        (role, rule.partition("::")[0], rule.rpartition("-")[2])
        for role, rule, _ in set(found) - set(expected)
    } == {
        (f"{stack}/Role/Resource", pack, rule)
        for stack in STACKS
        for pack in ("HIPAA.Security", "NIST.800.53.R4", "NIST.800.53.R5", "PCI.DSS.321")
        for rule in ("IAMNoInlinePolicy", "IAMPolicyNoStatementsWithFullAccess")
        # The read-only role has no whole service, and the fourth revision of NIST 800-53 no rule.
        if rule == "IAMNoInlinePolicy" or (stack != "PumpReadOnly" and pack != "NIST.800.53.R4")
    }
    assert all(reason for _, _, reason in found)
    assert sorted(acknowledged(app)) == found


def every_construct(app: App) -> None:
    """Create each of the constructs, in each way that makes a difference for cdk-nag."""
    ReadOnlyStack(app, "ReadOnlyStack")
    AutoPilotStack(app, "AutoPilotStack", guardrails=[Guardrail.RECOMMENDED])
    stack = Stack(app, "Roles")
    roles: list[PumpRole] = [
        ReadOnlyRole(stack, "ReadOnly", **ROLE_ARGUMENTS),
        AutoPilotRole(stack, "AutoPilot", **ROLE_ARGUMENTS),
    ]
    stack = Stack(app, "Organization")
    accounts: Any = {"organizational_units": ["r-abcd"], **ROLE_ARGUMENTS}
    rollouts = [
        ReadOnlyRollout(stack, "ReadOnly", **accounts),
        AutoPilotRollout(stack, "AutoPilot", **accounts),
    ]
    protected: Any = {"rollouts": rollouts, "targets": ["r-abcd"]}
    RoleProtection(stack, "Protection", **protected)
    EmergencyStop(stack, "Stop", **protected)
    TrustProtection(stack, "Trust", pump_account=PUMP_ACCOUNT, **protected)
    stack = Stack(app, "Parts")
    key = kms.Key(stack, "Key", enable_key_rotation=True)
    topic = sns.Topic(stack, "Topic", master_key=key, enforce_ssl=True)
    emails = ["finops@example.com"]
    parts: list[CommitmentAlarm | AlarmForwarder | ApprovalEnd] = [
        CommitmentAlarm(stack, "Alarm", emails=emails),
        CommitmentAlarm(stack, "WithKey", emails=emails, key=key),
        CommitmentAlarm(stack, "WithTopic", topic=topic),
        AlarmForwarder(stack, "Forwarder"),
        ApprovalEnd(stack, "End", role="PumpAutoPilotRole"),
    ]
    created = {type(construct).__name__ for construct in app.node.find_all()}
    public = {
        name for name in pump_roles.__all__ if hasattr(getattr(pump_roles, name), "is_construct")
    }
    assert public - {"PumpRole", "Rollout"} <= created
    assert {where.split("/")[0] for where, _, _ in acknowledged(app)} == {
        "ReadOnlyStack",
        "AutoPilotStack",
    }
    for construct in [*roles, *parts]:
        construct.acknowledge_cdk_nag()


def test_every_finding_of_every_pack_about_every_construct_is_acknowledged_and_nothing_else(
    tmp_path: Path,
) -> None:
    app = app_with_cdk_nag(tmp_path, OTHER_PACKS)
    every_construct(app)
    app.synth()
    found = sorted(suppressed(tmp_path))
    assert sorted(acknowledged(app)) == found
    names = {rule: name for name, rules in FINDINGS.items() for rule in rules}
    parts: dict[str, set[str]] = {}
    for where, rule, reason in found:
        if where.startswith("Parts/"):
            assert reason == FINDINGS[names[rule]][rule]
            parts.setdefault(where.removeprefix("Parts/"), set()).add(rule)
    assert parts == {
        where: {*FINDINGS[name]}
        for name, places in {
            "alarm-without-action": ["Forwarder/DeadLetters/Alarm", "End/DeadLetters/Alarm"],
            "dead-letter-queue": [
                f"{part}/DeadLetters/Queue"
                for part in ("Alarm", "WithKey", "WithTopic", "Forwarder", "End")
            ],
            "email-subscription": ["Alarm/finops@example.com", "WithKey/finops@example.com"],
            "inline-policies": ["Forwarder/Role", "End/Role"],
            "topic-without-key": ["Alarm/Topic/Resource"],
        }.items()
        for where in places
    }
    assert {where.split("/")[0] for where, _, _ in found} == {
        "ReadOnlyStack",
        "AutoPilotStack",
        "Roles",
        "Parts",
    }


@pytest.mark.parametrize(("role_class", "staged"), [(ReadOnlyRole, False), (AutoPilotRole, True)])
def test_synth_of_another_app_fails_until_the_published_policies_are_acknowledged(
    role_class: type[PumpRole], *, staged: bool
) -> None:
    for acknowledge in [False, True]:
        app = app_with_cdk_nag()
        scope = Stage(app, "Stage") if staged else app
        role = role_class(Stack(scope, "Foreign"), "Pump", **ROLE_ARGUMENTS)
        if acknowledge:
            role.acknowledge_cdk_nag()
            app.synth()
        else:
            assert not acknowledged(app)
            with pytest.raises(RuntimeError, match=r"AwsSolutions-IAM5\[Action::ce:Get"):
                app.synth()


def worker(stack: Stack, name: str) -> iam.Role:
    return iam.Role(stack, name, assumed_by=iam.ServicePrincipal("ec2.amazonaws.com"))


def test_only_findings_about_customers_roles_are_acknowledged_in_those_who_may_assume_them(
    tmp_path: Path,
) -> None:
    app = app_with_cdk_nag(tmp_path)
    stack = Stack(app, "Pump")
    service, listed = worker(stack, "Service"), worker(stack, "Listed")
    every = CustomerRoles(stack, "Every", kinds=["read-only", "auto-pilot"], path="/team/")
    few = CustomerRoles(stack, "Few", accounts=["111122223333"])
    for access, grantee in (
        (every, service),
        (every, iam.ManagedPolicy(stack, "Managed")),
        (few, listed),
        (every, iam.AccountPrincipal("444455556666")),
    ):
        access.grant_assume_role(grantee)
    assert not acknowledged(app)
    for access in (every, few):
        access.acknowledge_cdk_nag()
    app.synth()
    found = {(where, rule.partition("Resource::")[2][:-1]) for where, rule, _ in acknowledged(app)}
    assert found == {
        (where, f"arn:<AWS::Partition>:iam::*:role/team/{role}")
        for where in ("Pump/Service", "Pump/Managed")
        for role in ("PumpReadOnlyRole", "PumpAutoPilotRole")
    }
    assert {rule for _, rule, _ in acknowledged(app)} == {
        rule for _, rule, _ in suppressed(tmp_path)
    }

    service.add_to_policy(iam.PolicyStatement(actions=["ce:Get*"], resources=["*"]))
    with pytest.raises(RuntimeError, match=r"AwsSolutions-IAM5\[Action::ce:Get"):
        app.synth(force=True)


def test_findings_of_other_resources_are_not_acknowledged() -> None:
    app = app_with_cdk_nag()
    stack = Stack(app, "Foreign")
    AutoPilotRole(stack, "Pump", **ROLE_ARGUMENTS).acknowledge_cdk_nag()
    own = iam.Role(stack, "Own", assumed_by=iam.ServicePrincipal("ec2.amazonaws.com"))
    own.add_to_policy(iam.PolicyStatement(actions=["ce:Get*"], resources=["*"]))
    with pytest.raises(RuntimeError, match="Foreign/Own/DefaultPolicy/Resource"):
        app.synth()
