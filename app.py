"""Context, stacks, validation, synth."""

import sys
from functools import cache

from aws_cdk import App, CloudFormationValidatePlugin, ValidationRuleSource, Validations
from cdk_nag import AwsSolutionsChecks

from pump_roles import config, guard


@cache
def cdk_validation() -> CloudFormationValidatePlugin:
    """CDK's own validation, with Pump's Guard rules. Cached: building its engine is slow."""
    rules = ValidationRuleSource(name=guard.FILE, content=guard.rules())
    return CloudFormationValidatePlugin(guard_rules=[rules])


def add_validation(app: App) -> None:
    """Add the Guard rules and cdk-nag to this app, or to that of a rollout's member template."""
    Validations.of(app).add_plugins(cdk_validation(), AwsSolutionsChecks(app))


app = App()
try:
    stacks = config.read(app.node.get_all_context(), configure_app=add_validation)
    for stack in stacks:
        stack.build(app)
except config.ConfigError as error:
    sys.exit(f"pump-roles: {error}")
# Not an annotation, which the CDK CLI prints on several lines.
sys.stderr.writelines(f"{stack.summary}\n" for stack in stacks)
add_validation(app)
app.synth()
