"""Pump's read-only role in several accounts, deployed by CDK Pipelines: a stage for each account.

An example to copy. Replace the constants: what Pump gives you, and what your team decides. It does
not run cdk-nag, which would report what the pipeline itself can do.
"""

from aws_cdk import App, Environment, Stack, Stage, pipelines
from constructs import Construct

from pump_roles import Guardrail, ReadOnlyStack

PUMP_PRINCIPAL = "PRINCIPAL"
EXTERNAL_ID = "EXTERNAL_ID"
"""What Pump gives you. The ID is not a secret."""

PIPELINE = Environment(account="111122223333", region="us-east-1")
"""Where the pipeline is."""

STAGES = {
    "Test": Environment(account="222233334444", region="us-east-1"),
    "Production": Environment(account="333344445555", region="us-east-1"),
}
"""The accounts that get the role, in this order.

Each is bootstrapped, and trusts the account of the pipeline.
"""

REPOSITORY = "owner/repository"
BRANCH = "main"
CONNECTION = "arn:aws:codeconnections:us-east-1:111122223333:connection/example"
"""The connection to the repository, which you create in the console."""


class RoleStage(Stage):
    """What the pipeline deploys into one account."""

    def __init__(self, scope: Construct, id: str, *, env: Environment) -> None:
        super().__init__(scope, id, env=env)
        ReadOnlyStack(
            self,
            "PumpReadOnly",
            stack_name="PumpReadOnly",
            pump_principal=PUMP_PRINCIPAL,
            external_id=EXTERNAL_ID,
            guardrails=[Guardrail.RECOMMENDED],
        )


app = App()
stack = Stack(app, "Pipeline", env=PIPELINE)
pipeline = pipelines.CodePipeline(
    stack,
    "Pipeline",
    synth=pipelines.ShellStep(
        "Synth",
        input=pipelines.CodePipelineSource.connection(
            REPOSITORY, BRANCH, connection_arn=CONNECTION
        ),
        commands=["pip install --requirement requirements.txt", "npx aws-cdk@2 synth"],
    ),
    # The artifacts' key, which the other accounts must be able to use.
    cross_account_keys=True,
    enable_key_rotation=True,
)
for name, env in STAGES.items():
    pipeline.add_stage(RoleStage(app, name, env=env))
app.synth()
