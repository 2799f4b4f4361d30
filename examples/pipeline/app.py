"""Pump's read-only role in several accounts, deployed by CDK Pipelines: a stage for each account.

An example to copy. What Pump gives you, its principal and your external ID, comes from
``pump.json``. What your team decides, such as the accounts, is in this file. It does not run
cdk-nag, which would report what the pipeline itself can do.
"""

import json
import sys
from pathlib import Path

from aws_cdk import App, Environment, Stack, Stage, pipelines
from constructs import Construct

from pump_roles import Guardrail, ReadOnlyStack

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

    def __init__(
        self, scope: Construct, id: str, *, env: Environment, pump_principal: str, external_id: str
    ) -> None:
        super().__init__(scope, id, env=env)
        ReadOnlyStack(
            self,
            "PumpReadOnly",
            stack_name="PumpReadOnly",
            pump_principal=pump_principal,
            external_id=external_id,
            guardrails=[Guardrail.RECOMMENDED],
        )


def from_pump(app: App, key: str) -> str:
    """Return a value that Pump gives you, from ``pump.json`` or ``-c pump:settings=FILE``."""
    file = Path(app.node.try_get_context("pump:settings") or "pump.json")
    settings = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    if more := settings.keys() - {"principal", "external-id"}:
        sys.exit(f"{file}: this app does not read {', '.join(sorted(more))}; set it in app.py")
    value: str | None = settings.get(key)
    if not value:
        sys.exit(f"{key} is missing; set it in {file}")
    return value


app = App()
pump_principal = from_pump(app, "principal")
external_id = from_pump(app, "external-id")
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
    pipeline.add_stage(
        RoleStage(app, name, env=env, pump_principal=pump_principal, external_id=external_id)
    )
app.synth()
