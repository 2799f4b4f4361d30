"""Context, stacks, cdk-nag, synth."""

import sys

from aws_cdk import App, Validations
from cdk_nag import AwsSolutionsChecks

from pump_roles import config

app = App()
try:
    for role in config.read(app.node.get_all_context()):
        role.build(app)
except config.ConfigError as error:
    sys.exit(f"pump-roles: {error}")
Validations.of(app).add_plugins(AwsSolutionsChecks(app))
app.synth()
