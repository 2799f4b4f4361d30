"""What a customer's apps meet where only the wheel and what it depends on is installed.

It imports only the standard library, the CDK, and the package. It builds each app without feature
flags, and with those of a file, such as ``cdk.json``, and prints what is not as expected.
"""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from aws_cdk import App, CfnOutput, Environment, PermissionsBoundary, SecretValue, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sns as sns
from aws_cdk import aws_ssm as ssm

from pump_roles import (
    AlarmForwarder,
    ApprovalEnd,
    AutoPilotRole,
    AutoPilotRollout,
    CommitmentAlarm,
    EmergencyStop,
    Guardrail,
    ReadOnlyRole,
    ReadOnlyRollout,
    RoleProtection,
    TrustProtection,
)
from pump_roles.pump_side import CustomerRoles

PUMP: dict[str, Any] = {"pump_principal": "999988887777", "external_id": "Example-1234-5678"}
DENY = iam.PolicyStatement(effect=iam.Effect.DENY, actions=["ce:*"], resources=["*"])


def stack(app: App, id: str = "S", account: str | None = "111122223333", **of: Any) -> Stack:
    return Stack(app, id, env=Environment(account=account, region=of.pop("region", "us-east-1")))


def role(app: App, id: str = "S", **arguments: Any) -> ReadOnlyRole:
    return ReadOnlyRole(stack(app, id), "Role", **{**PUMP, **arguments})


def rollout(scope: Stack, **arguments: Any) -> AutoPilotRollout:
    return AutoPilotRollout(
        scope, "Rollout", organizational_units=["r-abcd"], **{**PUMP, **arguments}
    )


def everything(app: App) -> None:
    """All constructs, each role named in each way, and what may attach to a role."""
    scope = stack(app)
    approved = [Guardrail.RECOMMENDED, Guardrail.ONLY_WHEN_APPROVED]
    read_only = ReadOnlyRole(scope, "ReadOnly", **PUMP)
    auto_pilot = AutoPilotRole(scope, "AutoPilot", **PUMP, path="/pump/", guardrails=approved)
    iam.Policy(scope, "Less", statements=[DENY], roles=[auto_pilot])
    units: dict[str, Any] = {"organizational_units": ["r-abcd"], **PUMP}
    rollouts = [
        ReadOnlyRollout(scope, "ReadOnlyRollout", **units),
        rollout(scope, permissions_boundary="platform/Boundary"),
    ]
    RoleProtection(scope, "Protection", rollouts=rollouts, targets=["r-abcd"])
    stop = EmergencyStop(scope, "Stop", roles=[read_only, auto_pilot])
    CfnOutput(scope, "Command", value=stop.command)
    TrustProtection(
        scope, "Trust", rollouts=rollouts, pump_account="999988887777", targets=["r-abcd"]
    )
    topic = sns.Topic(scope, "Topic")
    alarm = CommitmentAlarm(scope, "Alarm", topic=topic, roles=[auto_pilot, *rollouts, "Other"])
    elsewhere = stack(app, "Elsewhere", region="eu-west-1")
    forwarder = AlarmForwarder(elsewhere, "Forwarder", roles=[auto_pilot])
    end = ApprovalEnd(scope, "End", role=auto_pilot)
    for construct in (read_only, auto_pilot, alarm, forwarder, end):
        construct.acknowledge_cdk_nag()
    customers = CustomerRoles(scope, "Pump")
    customers.grant_assume_role(iam.Role.from_role_name(scope, "Own", "Own"))
    customers.acknowledge_cdk_nag()
    deployed = AutoPilotRole.from_role_name(scope, "Deployed", "pump/PumpAutoPilotRole")
    iam.Policy(scope, "AlsoLess", statements=[DENY], roles=[deployed])
    deployed.grant_pass_role(iam.Role.from_role_name(scope, "Passes", "Passes"))


def in_another_region(app: App) -> None:
    found = ReadOnlyRole(stack(app, account=None), "Role", **PUMP)
    other = stack(app, "Other", account=None, region="eu-west-1")
    s3.CfnBucket(other, "Bucket", bucket_name=found.role_arn)


def grants(app: App) -> None:
    role(app).add_to_principal_policy(DENY)


def grants_to_deployed(app: App) -> None:
    scope = stack(app)
    s3.Bucket(scope, "Bucket").grant_read(ReadOnlyRole.from_role_name(scope, "Deployed"))


def attaches_to_deployed(app: App) -> None:
    scope = stack(app)
    allow = iam.PolicyStatement(actions=["s3:*"], resources=["*"])
    deployed = ReadOnlyRole.from_role_name(scope, "Deployed")
    iam.Policy(scope, "More", statements=[allow], roles=[deployed])


def other_role(app: App) -> None:
    principal = iam.AccountPrincipal("999988887777")
    iam.Role(role(app).stack, "Other", assumed_by=principal)


def longer(app: App) -> None:
    role(app).resource.max_session_duration = 43_200


def named_policy(app: App) -> None:
    found = role(app)
    found.add_managed_policy(iam.ManagedPolicy.from_managed_policy_name(found, "Own", "Ours"))


def from_ssm(app: App) -> None:
    scope = stack(app)
    value = ssm.StringParameter.value_for_string_parameter(scope, "/pump/id")
    ReadOnlyRole(scope, "Role", **{**PUMP, "external_id": value})


def protected_elsewhere(app: App) -> None:
    RoleProtection(
        stack(app, "Other", "444455556666"),
        "Protection",
        rollouts=[rollout(stack(app))],
        targets=["r-abcd"],
    )


APPS: dict[Callable[[App], object], str] = {
    everything: "",
    in_another_region: "",
    lambda app: CommitmentAlarm(stack(app, region="eu-west-1"), "A", emails=["a@example.com"]): (
        "pump-roles:alarm-region"
    ),
    lambda app: AlarmForwarder(stack(app), "Forwarder"): "pump-roles:alarm-region",
    other_role: "trusts the account of Pump, as S/Role does",
    lambda app: (role(app), role(app, "Other")): "is already the name of S/Role",
    protected_elsewhere: "must be in the management account",
    lambda app: ApprovalEnd(stack(app), "End", role=role(app, "Other")): "only-when-approved",
    grants: "pump-roles:deny-dropped",
    grants_to_deployed: "pump-roles:grant-dropped",
    attaches_to_deployed: "attaches to S/Deployed",
    lambda app: role(app).grant_assume_role(iam.ServicePrincipal("ec2.amazonaws.com")): "grantee:",
    lambda app: EmergencyStop(stack(app), "Stop"): "at least one rollout, or one of roles",
    lambda app: CommitmentAlarm(stack(app), "A"): "emails",
    longer: "different MaxSessionDuration: built with 3600, found 43200",
    named_policy: "policy/Ours",
    from_ssm: "pass what value_from_lookup() returns",
    lambda app: role(app, external_id=SecretValue.secrets_manager("x")): "a SecretValue is not",
    lambda app: role(app, permissions_boundary=PermissionsBoundary.from_name("x")): (
        "a PermissionsBoundary is not a policy's name"
    ),
}


def said(build: Callable[[App], object], context: dict[str, Any]) -> str:
    """Return what building and synthesizing an app says, and which resources promises exclude."""
    app = App(context=context)
    try:
        build(app)
        entries = [entry for each in app.node.find_all() for entry in each.node.metadata]
        app.synth()
    except ValueError as error:
        return str(error)
    except RuntimeError:
        return (Path(app.outdir) / "validation-report.json").read_text()
    found = [str(entry.data) for entry in entries if entry.type == "aws:cdk:warning"]
    for file in Path(app.outdir).glob("*.template.json"):
        resources = json.loads(file.read_text())["Resources"].values()
        types = {resource["Type"] for resource in resources}
        found += types & {"AWS::Lambda::Function", "AWS::CloudFormation::CustomResource"}
    return "\n".join(found)


if __name__ == "__main__":
    flags = json.loads(Path(sys.argv[1]).read_text())["context"]
    wrong = [
        f"{build.__name__}: expected {expected!r}, but: {text!r}"
        for build, expected in APPS.items()
        for text in (said(build, {}), said(build, flags))
        if expected not in text or bool(expected) != bool(text)
    ]
    sys.stdout.write("\n".join(wrong or ["as expected"]) + "\n")
