"""``pump-roles link``: a link that opens the console with a role's universal template."""

from typing import Annotated

import typer

from pump_roles.cli.common import Role, fail, one_line
from pump_roles.cli.files import write
from pump_roles.validators import ArgumentError

__all__ = ["link"]


def link(
    role: Role,
    *,
    template_url: Annotated[
        str,
        typer.Option(
            metavar="<url>",
            help="The HTTPS URL of the template in Amazon S3. The link's user must be allowed to "
            "read it.",
        ),
    ],
    region: Annotated[
        str,
        typer.Option(
            metavar="<region>",
            help="The stack's Region, such as us-east-1. The role is the same in every Region.",
        ),
    ],
    stack_name: Annotated[
        str | None,
        typer.Option(
            metavar="<name>",
            help="The stack's name. Defaults to PumpReadOnly or PumpAutoPilot.",
        ),
    ] = None,
    principal: Annotated[
        str | None,
        typer.Option(
            metavar="<principal>",
            help="Pump's 12-digit account ID, or the ARN of its IAM role or account root. By "
            "default, the link's user enters it.",
        ),
    ] = None,
    external_id: Annotated[
        str | None,
        typer.Option(
            metavar="<id>",
            help="The external ID that Pump created for this customer; the link contains it. By "
            "default, the link's user enters it.",
        ),
    ] = None,
) -> None:
    """Print a quick-create link: it opens the CloudFormation console with a role's template.

    The console shows all values, and creates the stack only when the link's user confirms. The
    command makes no network calls, so it does not check what the URL returns: compare its digest
    with that of the output of pump-roles template.

    Warnings do not change the exit status. There is one if the URL is not one of Amazon S3, from
    which CloudFormation reads templates, one if it contains the name of the other role's template,
    and one if the external ID has fewer than 16 characters.

    Exit status: 0 if the link is printed; 1 if it cannot be written; 2 for a usage error, such as a
    Region that does not exist, or a value that the template's parameter does not accept.
    """
    from pump_roles.universal import (  # noqa: PLC0415
        EXTERNAL_ID_PARAMETER,
        PRINCIPAL_PARAMETER,
    )
    from pump_roles.universal.link import quick_create_link, warnings_about  # noqa: PLC0415

    options = {PRINCIPAL_PARAMETER: "--principal", EXTERNAL_ID_PARAMETER: "--external-id"}
    values = {PRINCIPAL_PARAMETER: principal, EXTERNAL_ID_PARAMETER: external_id}
    parameters = {name: value for name, value in values.items() if value is not None}
    try:
        found = quick_create_link(
            role,
            template_url=template_url,
            region=region,
            stack_name=stack_name,
            parameters=parameters,
        )
    except ArgumentError as error:
        option = options.get(error.argument, f"--{error.argument.replace('_', '-')}")
        raise typer.BadParameter(f"{option}: {error.problem}") from None
    for warning in warnings_about(
        role, template_url=template_url, region=region, parameters=parameters
    ):
        typer.echo(f"pump-roles: warning: {one_line(warning)}", err=True)
    try:
        write(f"{found}\n".encode(), None)
    except OSError as error:
        fail(f"standard output: cannot be written: {error.strerror}", 1)
