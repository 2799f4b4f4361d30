"""The command line, ``pump-roles``: one module for each command. Each loads only what it needs."""

from typing import Annotated

import typer

from pump_roles._version import __version__
from pump_roles.cli.activity import activity
from pump_roles.cli.common import UNKNOWN, with_errors
from pump_roles.cli.link import link
from pump_roles.cli.probe import probe
from pump_roles.cli.report import report
from pump_roles.cli.rollout_status import rollout_status
from pump_roles.cli.template import template
from pump_roles.cli.verify import verify

__all__ = ["app"]

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Get the templates of Pump's roles, and inspect roles and rollouts. No command changes "
    "anything in AWS.",
)


def _version(*, wanted: bool) -> None:
    if wanted:
        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def _main(
    *,
    _: Annotated[
        bool,
        typer.Option(
            "--version",
            callback=lambda value: _version(wanted=value),
            is_eager=True,
            help="Show the version and exit.",
        ),
    ] = False,
) -> None:
    pass


app.command("rollout-status", short_help="List the accounts without a current role.")(
    with_errors(rollout_status, status=UNKNOWN)
)
app.command(
    "probe",
    short_help="Prove that roles require their external ID.",
    # The command rejects extra arguments: typer's own message would show them, and with them maybe
    # an external ID.
    context_settings={"allow_extra_args": True},
)(with_errors(probe))
app.command("verify", short_help="Verify that accounts have the expected roles.")(
    with_errors(verify, status=UNKNOWN)
)
app.command("activity", short_help="Show what Pump did, and what it never used.")(
    with_errors(activity, status=UNKNOWN)
)
app.command("report", short_help="Show what the roles can do.")(with_errors(report))
app.command("template", short_help="Print a role's universal template.")(template)
app.command("link", short_help="Print a link that deploys the template in the console.")(
    with_errors(link)
)
