"""Context, stacks, cdk-nag, synth."""

import sys

from aws_cdk import App, Validations
from cdk_nag import AwsSolutionsChecks

from pump_roles import config


def add_cdk_nag(app: App) -> None:
    """Add cdk-nag to an app: to this one, and to those of the rollouts' member templates."""
    Validations.of(app).add_plugins(AwsSolutionsChecks(app))


app = App()
try:
    stacks = config.read(app.node.get_all_context(), configure_app=add_cdk_nag)
    for stack in stacks:
        stack.build(app)
except config.ConfigError as error:
    sys.exit(f"pump-roles: {error}")
# Not an annotation, which the CDK CLI prints on several lines.
sys.stderr.writelines(f"{stack.summary}\n" for stack in stacks)
add_cdk_nag(app)
app.synth()
