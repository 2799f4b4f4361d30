"""``pump-roles template``: a role's universal template."""

from pathlib import Path

import click

from pump_roles import universal
from pump_roles.review.cli import options


@options.command()
@options.ROLE
@click.option(
    "--output",
    type=click.Path(dir_okay=False, writable=True, allow_dash=True, path_type=Path),
    help="The file to write. Defaults to -, standard output.",
)
def template(role: str, *, output: Path | None) -> None:
    """Print a role's universal template: CloudFormation JSON, the same for every customer.

    ROLE is read-only or auto-pilot.

    It is byte for byte what cdk synth writes without configuration, and what a rollout deploys. Its
    parameters are PumpIamRole, Pump's principal, and PumpExternalID, the external ID that Pump
    created for you. It creates a named IAM role and nothing else, so CloudFormation requires
    CAPABILITY_NAMED_IAM.
    """
    file = None if output == Path("-") else output
    options.write({file: universal.template(role).decode()})
