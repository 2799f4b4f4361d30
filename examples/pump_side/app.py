"""Pump's side: a worker that assumes customers' read-only roles, only with an external ID.

An example to copy into the app that deploys the worker.
"""

from aws_cdk import Acknowledgment, App, Stack, Validations
from aws_cdk import aws_iam as iam
from cdk_nag import AwsSolutionsChecks
from constructs import Construct

from pump_roles import CustomerAccess


class WorkerStack(Stack):
    """The role that Pump's worker runs with, in Pump's account."""

    def __init__(self, scope: Construct, id: str) -> None:
        super().__init__(scope, id, description="The role that Pump's worker runs with")
        self.worker = iam.Role(
            self,
            "Worker",
            # The trust policies of customers' roles name it.
            role_name="PumpService",
            assumed_by=iam.ServicePrincipal("ecs-tasks.amazonaws.com"),
        )
        access = CustomerAccess(self, "CustomerAccess", roles=["read-only"])
        access.grant(self.worker).assert_success()
        Validations.of(self.worker).acknowledge(
            Acknowledgment(
                id="AwsSolutions::AwsSolutions-IAM5"
                "[Resource::arn:<AWS::Partition>:iam::*:role/PumpReadOnlyRole]",
                reason="Every account can become a customer. Its role requires the external ID "
                "that Pump created for it.",
            )
        )


app = App()
WorkerStack(app, "PumpWorker")
Validations.of(app).add_plugins(AwsSolutionsChecks(app))
app.synth()
