"""Pump's read-only role in your own stack.

An example to copy. Replace the constants: what Pump gives you, and what your team decides.
"""

from aws_cdk import App, CfnOutput, Stack, Validations
from cdk_nag import AwsSolutionsChecks
from constructs import Construct

from pump_roles import Guardrail, ReadOnlyRole

PUMP_PRINCIPAL = "PRINCIPAL"
EXTERNAL_ID = "EXTERNAL_ID"
"""What Pump gives you. The ID is not a secret."""

BOUNDARY = "platform/Boundary"
"""The permissions boundary: a managed policy of the account, by its name with its path."""


class VendorsStack(Stack):
    """The roles that vendors assume."""

    def __init__(self, scope: Construct, id: str) -> None:
        super().__init__(scope, id, description="The roles that vendors assume")
        pump = ReadOnlyRole(
            self,
            "Pump",
            pump_principal=PUMP_PRINCIPAL,
            external_id=EXTERNAL_ID,
            permissions_boundary=BOUNDARY,
            guardrails=[Guardrail.RECOMMENDED],
        )
        # Without this call, cdk-nag reports each wildcard that Pump publishes.
        pump.acknowledge_cdk_nag()
        CfnOutput(self, "RoleArn", description="Give this to Pump", value=pump.role_arn)


app = App()
VendorsStack(app, "Vendors")
Validations.of(app).add_plugins(AwsSolutionsChecks(app))
app.synth()
