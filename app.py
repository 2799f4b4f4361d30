"""The app: reads the settings, builds the stacks, and synthesizes and validates them."""

import sys
from pathlib import Path

try:
    import cdk_nag  # noqa: F401
    from aws_cdk import App, LegacyStackSynthesizer

    from pump_roles.app import add_cdk_nag, config, stacks, summaries
except ModuleNotFoundError as missing:
    cure = "activate the environment: source .venv/bin/activate"
    if not Path(".venv").exists():
        cure = "set it up: make setup && source .venv/bin/activate"
    sys.exit(f"pump-roles: there is no Python module {missing.name}; {cure}")


# It needs no bootstrap stack, bucket, or role, and adds no bootstrap rule to the templates. The
# bootstrapless one still names bootstrap roles.
app = App(default_stack_synthesizer=LegacyStackSynthesizer())
try:
    context = app.node.get_all_context()
    settings = config.read(context, Path())
    all_stacks = stacks(settings, context, configure_app=add_cdk_nag)
    for stack in all_stacks:
        stack.build(app)
except config.ConfigError as error:
    sys.exit(f"pump-roles: {error}")
# Not as annotations, which the CDK CLI prints on several lines.
sys.stderr.writelines(f"{line}\n" for line in summaries(settings, all_stacks))
add_cdk_nag(app)
app.synth()
