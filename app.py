"""The app: reads the settings, builds the stacks, and synthesizes and validates them."""

import sys
from pathlib import Path

from aws_cdk import App, Validations
from cdk_nag import AwsSolutionsChecks

from pump_roles.app import config


def add_validation(app: App) -> None:
    """Add cdk-nag, also to the apps of the rollouts' member templates."""
    Validations.of(app).add_plugins(AwsSolutionsChecks(app))


app = App()
try:
    context = app.node.get_all_context()
    settings = config.read(context, Path())
    stacks = config.stacks(settings, context, configure_app=add_validation)
    for stack in stacks:
        stack.build(app)
except config.ConfigError as error:
    sys.exit(f"pump-roles: {error}")
# Not as annotations, which the CDK CLI prints on several lines.
lines = [f"settings: {settings.file or 'none'}", *(stack.summary for stack in stacks)]
sys.stderr.writelines(f"{line}\n" for line in lines)
add_validation(app)
app.synth()
