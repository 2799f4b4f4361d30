"""What an editor must accept of a customer who uses the public API: pyright reads this file.

mypy does not see what jsii does not pass on to the CDK, such as a property that is not one.
"""

from aws_cdk import CfnOutput, CfnParameter, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sns as sns

from pump_roles import (
    AutoPilotRole,
    AutoPilotRollout,
    AutoPilotStack,
    CommitmentAlarm,
    EmergencyStop,
    Guardrail,
    ReadOnlyRole,
    ReadOnlyStack,
)
from pump_roles.pump_side import CustomerRoles


def use(stack: Stack) -> tuple[ReadOnlyRole, AutoPilotRole, sns.ITopic, iam.Grant]:
    """Create constructs, and pass them to what takes them."""
    external_id = CfnParameter(stack, "ExternalId")
    read_only = ReadOnlyRole(
        stack, "ReadOnly", pump_principal="999988887777", external_id=external_id, guardrails=None
    )
    auto_pilot = AutoPilotRole(
        scope=stack,
        id="AutoPilot",
        pump_principal="999988887777",
        external_id="Example-1234-5678",
        permissions_boundary="platform/Boundary",
        guardrails=[Guardrail.RECOMMENDED, Guardrail.only_in_regions("us-east-1")],
    )
    rollout = AutoPilotRollout(
        stack,
        "Rollout",
        organizational_units=["r-abcd"],
        pump_principal="999988887777",
        external_id="Example-1234-5678",
    )
    iam.Policy(stack, "Policy", roles=[read_only, auto_pilot])
    alarm = CommitmentAlarm(
        stack, "Alarm", emails=["finops@example.com"], roles=[auto_pilot, rollout, "Other"]
    )
    stop = EmergencyStop(stack, "Stop", rollouts=[rollout])
    CfnOutput(stack, "StopCommand", value=stop.command)
    grant = CustomerRoles(stack, "Access").grant_assume_role(read_only)
    roles = ReadOnlyStack(stack, "Stack").role, AutoPilotStack(stack, "Other").role
    return *roles, alarm.topic, grant
