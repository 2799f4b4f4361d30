"""``pump-roles link``: a link that opens the console with a role's universal template."""

import click

from pump_roles.inputs import ArgumentError
from pump_roles.published import ROLES
from pump_roles.review.cli import options
from pump_roles.universal import EXTERNAL_ID_PARAMETER, PRINCIPAL_PARAMETER
from pump_roles.universal.link import quick_create_link, warnings_about


@options.command()
@options.ROLE
@click.option(
    "--template-url",
    required=True,
    help="The HTTPS URL of the template in Amazon S3. Whoever opens the link must be "
    "allowed to read it.",
)
@click.option(
    "--region",
    required=True,
    help="The stack's Region, such as us-east-1. The role is the same in every Region.",
)
@click.option(
    "--stack-name",
    help="The stack's name. Defaults to "
    f"{' or '.join(role.stack_name for role in ROLES.values())}.",
)
@click.option(
    "--principal",
    help="Pump's 12-digit account ID, or the ARN of its IAM role or account root. By "
    "default, whoever opens the link enters it.",
)
@click.option(
    "--external-id",
    help="The external ID that Pump created for this customer. The link then contains it. "
    "By default, whoever opens the link enters it.",
)
def link(
    role: str,
    *,
    template_url: str,
    region: str,
    stack_name: str | None,
    principal: str | None,
    external_id: str | None,
) -> None:
    """Print a quick-create link: it opens the CloudFormation console with a role's template.

    ROLE is read-only or auto-pilot.

    The console shows all values, and creates the stack only after confirmation. The command makes
    no network calls, so it does not check what the URL returns. Compare the digest of that template
    with that of the output of pump-roles template.

    Prints a warning if the URL is not an Amazon S3 URL, which CloudFormation requires, or contains
    the name of the other role's template; or if the external ID has fewer than 16 characters.
    """
    values = {PRINCIPAL_PARAMETER: principal, EXTERNAL_ID_PARAMETER: external_id}
    parameters = {name: value for name, value in values.items() if value is not None}
    try:
        url = quick_create_link(
            role,
            template_url=template_url,
            region=region,
            stack_name=stack_name,
            parameters=parameters,
        )
    except ArgumentError as error:
        names = {PRINCIPAL_PARAMETER: "principal", EXTERNAL_ID_PARAMETER: "external_id"}
        option = f"--{names.get(error.argument, error.argument).replace('_', '-')}"
        raise click.BadParameter(error.problem, param_hint=f"'{option}'") from None
    for warning in warnings_about(role, template_url=template_url, parameters=parameters):
        options.warn(warning)
    options.write({None: f"{url}\n"})
