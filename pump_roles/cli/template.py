"""``pump-roles template``: a role's universal template."""

from pathlib import Path
from typing import Annotated

import typer

from pump_roles.cli.common import Role, fail
from pump_roles.cli.files import STANDARD_OUTPUT, create, output_path, write
from pump_roles.text import one_line


def template(
    role: Role,
    *,
    output: Annotated[
        Path | None,
        typer.Option(
            parser=output_path,
            metavar="<path>",
            help="The file to create; it must not exist. Defaults to -, standard output.",
        ),
    ] = None,
) -> None:
    """Print a role's universal template: CloudFormation JSON, the same for every customer.

    It is byte for byte what cdk synth writes without configuration, and what a rollout deploys. Its
    parameters are PumpIamRole, Pump's principal, and PumpExternalID, the external ID that Pump
    created for you. It creates a named IAM role and nothing else, so CloudFormation requires
    CAPABILITY_NAMED_IAM.

    Exit status: 0 if the template is written; 1 if it cannot be written; 2 for a usage error, such
    as a file that already exists; that file is left unchanged.
    """
    from pump_roles import universal  # noqa: PLC0415

    content = universal.template(role)
    try:
        if output is None or output is STANDARD_OUTPUT:
            write(content, None)
        else:
            create(content, output)
    except FileExistsError:
        raise typer.BadParameter(
            one_line(f"--output: {output} already exists; pass another path, or remove it")
        ) from None
    except OSError as error:
        name = "standard output" if output in (None, STANDARD_OUTPUT) else output
        fail(f"{name}: cannot be written: {error.strerror}", 1)
