"""Pump's roles across an AWS organization: read-only in every account, auto-pilot in some.

An example to copy. Replace the constants: what Pump gives you, and what your team decides. Deploy
it in the management account: ``VendorsReadOnly`` first, and ``VendorsAutoPilot`` when you want Pump
to buy and sell for you. Then ``VendorsProtection``, before which the CDK CLI deploys the others.
"""

from aws_cdk import App, CfnOutput, Stack, Validations
from cdk_nag import AwsSolutionsChecks
from constructs import Construct

from pump_roles import (
    AutoPilotRollout,
    EmergencyStop,
    Guardrail,
    ReadOnlyRole,
    ReadOnlyRollout,
    RoleProtection,
)

PUMP_PRINCIPAL = "PRINCIPAL"
EXTERNAL_ID = "EXTERNAL_ID"
"""What Pump gives you. The ID is not a secret."""

READ_ONLY_UNITS = ["ROOT"]
"""Where the read-only role is deployed: the ID of the root, so every account."""

AUTO_PILOT_UNITS = ["UNIT"]
"""Where the auto-pilot role is deployed: the IDs of the units that buy commitments."""

READ_ONLY_GUARDRAILS = [Guardrail.RECOMMENDED]

AUTO_PILOT_GUARDRAILS = [
    Guardrail.RECOMMENDED,
    Guardrail.only_in_regions("us-east-1", "eu-west-1"),
]


def add_cdk_nag(app: App) -> None:
    """Check this app, and those of the templates that StackSets deploy."""
    Validations.of(app).add_plugins(AwsSolutionsChecks(app))


class ReadOnlyInOrganization(Stack):
    """The read-only role in the member accounts, and in this one."""

    def __init__(self, scope: Construct, id: str) -> None:
        super().__init__(scope, id, description="Pump's read-only role in every account")
        self.rollout = ReadOnlyRollout(
            self,
            "MemberAccounts",
            organizational_units=READ_ONLY_UNITS,
            pump_principal=PUMP_PRINCIPAL,
            external_id=EXTERNAL_ID,
            guardrails=READ_ONLY_GUARDRAILS,
            configure_app=add_cdk_nag,
        )
        # StackSets never deploy to the management account.
        role = ReadOnlyRole(
            self,
            "ManagementAccount",
            pump_principal=PUMP_PRINCIPAL,
            external_id=EXTERNAL_ID,
            guardrails=READ_ONLY_GUARDRAILS,
        )
        # Without this call, cdk-nag reports each wildcard that Pump publishes.
        role.acknowledge_cdk_nag()
        CfnOutput(self, "RoleArn", description="Give this to Pump", value=role.role_arn)


class AutoPilotInOrganization(Stack):
    """The auto-pilot role in the member accounts that buy commitments."""

    def __init__(self, scope: Construct, id: str) -> None:
        super().__init__(scope, id, description="Pump's auto-pilot role in some accounts")
        self.rollout = AutoPilotRollout(
            self,
            "MemberAccounts",
            organizational_units=AUTO_PILOT_UNITS,
            pump_principal=PUMP_PRINCIPAL,
            external_id=EXTERNAL_ID,
            guardrails=AUTO_PILOT_GUARDRAILS,
            configure_app=add_cdk_nag,
        )


app = App()
rollouts = [
    ReadOnlyInOrganization(app, "VendorsReadOnly").rollout,
    AutoPilotInOrganization(app, "VendorsAutoPilot").rollout,
]
protection = Stack(app, "VendorsProtection", description="Policies around Pump's roles")
# In the member accounts, only StackSets change the roles.
RoleProtection(protection, "Roles", rollouts=rollouts, targets=READ_ONLY_UNITS)
# Not attached to anything. The stack's output is the command that attaches it.
stop = EmergencyStop(protection, "Stop", rollouts=rollouts)
CfnOutput(protection, "StopCommand", value=stop.command)
add_cdk_nag(app)
app.synth()
