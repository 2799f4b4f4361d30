"""Pump's side: a role that assumes customers' roles, and one that probes them.

An example to copy into the app that deploys the services.
"""

from aws_cdk import Acknowledgment, App, Aws, Stack, Validations
from aws_cdk import aws_iam as iam
from cdk_nag import AwsSolutionsChecks
from constructs import Construct

from pump_roles.pump_side import CustomerRoles

CUSTOMERS_ROLES = f"arn:{Aws.PARTITION}:iam::*:role/PumpReadOnlyRole"
WILDCARD = (
    "AwsSolutions::AwsSolutions-IAM5[Resource::arn:<AWS::Partition>:iam::*:role/PumpReadOnlyRole]"
)


class WorkerStack(Stack):
    """The roles that Pump's services run as, in the account that customers trust."""

    def __init__(self, scope: Construct, id: str) -> None:
        super().__init__(scope, id, description="The roles that Pump's services run as")
        self.worker = iam.Role(
            self,
            "Worker",
            role_name="PumpService",
            assumed_by=iam.ServicePrincipal("ecs-tasks.amazonaws.com"),
        )
        access = CustomerRoles(self, "CustomerRoles", kinds=["read-only"])
        access.grant_assume_role(self.worker).assert_success()
        access.acknowledge_cdk_nag()
        # For pump-roles probe and nothing else: it must be able to call without an external ID.
        self.probe = iam.Role(
            self,
            "Probe",
            role_name="PumpProbe",
            assumed_by=iam.ServicePrincipal("ecs-tasks.amazonaws.com"),
        )
        self.probe.add_to_policy(
            iam.PolicyStatement(actions=["sts:AssumeRole"], resources=[CUSTOMERS_ROLES])
        )
        Validations.of(self.probe).acknowledge(
            Acknowledgment(
                id=WILDCARD,
                reason="The probe proves that a customer's role refuses a call without an "
                "external ID, before Pump stores the role.",
            )
        )


app = App()
WorkerStack(app, "PumpWorker")
Validations.of(app).add_plugins(AwsSolutionsChecks(app))
app.synth()
