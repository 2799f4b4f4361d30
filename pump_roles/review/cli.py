"""The command line, ``pump-roles``."""

import json
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, Final

import boto3
import typer
from botocore.exceptions import BotoCoreError, ClientError
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn
from rich.table import Table

from pump_roles._version import __version__
from pump_roles.forms import ACCOUNTS, CALL_AS, STACK_SET_NAME, ArgumentError
from pump_roles.review import rollout_status as rollout
from pump_roles.review.formats import as_csv, as_json, as_markdown
from pump_roles.review.organization import AccountFilter
from pump_roles.review.page import as_html
from pump_roles.review.report import of_published, of_templates
from pump_roles.review.templates import ReportError, read_json

__all__ = ["app"]

MISSING: Final = 3
"""Exit status: an account has no role, or one that is not current."""

UNKNOWN: Final = 4
"""Exit status: AWS gave no answer."""

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Look at what Pump's roles are and where they are. It reads, and changes nothing.",
)
_errors: Final = Console(stderr=True, highlight=False, soft_wrap=True)


class Format(str, Enum):
    """How to print."""

    TABLE = "table"
    JSON = "json"


def _version(*, wanted: bool) -> None:
    if wanted:
        print(__version__)  # noqa: T201
        raise typer.Exit


@app.callback()
def _main(
    *,
    _: Annotated[
        bool,
        typer.Option("--version", callback=lambda value: _version(wanted=value), is_eager=True),
    ] = False,
) -> None:
    pass


@app.command("rollout-status")
def rollout_status(
    stack_set: Annotated[
        str, typer.Argument(help="The StackSet's name, such as PumpReadOnly or PumpAutoPilot.")
    ],
    *,
    call_as: Annotated[
        str,
        typer.Option(help="management, or delegated-admin in a delegated administrator's account."),
    ] = "management",
    exclude_accounts: Annotated[
        str, typer.Option(help="The accounts that the rollout excludes, comma-separated.")
    ] = "",
    only_accounts: Annotated[
        str, typer.Option(help="The only accounts that the rollout targets, comma-separated.")
    ] = "",
    region: Annotated[
        str | None, typer.Option(help="The rollout stack's region. By default the profile's.")
    ] = None,
    profile: Annotated[
        str | None,
        typer.Option(help="A profile of your AWS configuration. By default the default."),
    ] = None,
    format: Annotated[
        Format, typer.Option(help="A table to read, or JSON for other tools.")
    ] = Format.TABLE,
) -> None:
    """Say which accounts of a rollout have the role, and list each one that has not.

    Reads the StackSet and the organization, in the account that the rollout is deployed in; it
    needs no role in the members. Filters cannot be read back from a StackSet: give the rollout's.

    A current stack instance means that StackSets' last operation there succeeded. Whether someone
    changed the role since, it does not say.

    Exit status: 0 when every targeted account has a current stack instance, 3 when one has not,
    none is targeted, or a filter names an account that is not there, 4 when AWS gave no answer.
    """
    try:
        STACK_SET_NAME.check("STACK_SET", stack_set)
        CALL_AS.check("--call-as", call_as)
        account_filter, filtered = _filter(exclude_accounts, only_accounts)
    except ArgumentError as error:
        raise typer.BadParameter(str(error)) from None
    try:
        session = boto3.Session(profile_name=profile, region_name=region)
        with _progress() as progress:
            task = progress.add_task("instances and accounts read", total=None)
            status = rollout.read(
                session.client("cloudformation"),
                # Organizations is one for the partition; the region only names that.
                session.client("organizations"),
                stack_set,
                call_as="SELF" if call_as == "management" else "DELEGATED_ADMIN",
                account_filter=account_filter,
                filtered=filtered,
                found=lambda count: progress.advance(task, count),
            )
    except (BotoCoreError, ClientError, ValueError) as error:
        _errors.print(f"pump-roles: could not tell: {' '.join(str(error).split())}", markup=False)
        raise typer.Exit(UNKNOWN) from None
    if format is Format.JSON:
        print(json.dumps(status.as_dict(), indent=2))  # noqa: T201
    else:
        _show(status)
    if not status.complete:
        raise typer.Exit(MISSING)


class ReportFormat(str, Enum):
    """The forms of the permission report."""

    HTML = "html"
    MARKDOWN = "markdown"
    CSV = "csv"
    JSON = "json"


_ENDINGS: Final = {
    ".html": ReportFormat.HTML,
    ".htm": ReportFormat.HTML,
    ".md": ReportFormat.MARKDOWN,
    ".csv": ReportFormat.CSV,
    ".json": ReportFormat.JSON,
}


@app.command("report")
def report(
    path: Annotated[
        Path | None,
        typer.Argument(
            help="A synthesized template, or a folder such as cdk.out. By default the published "
            "roles."
        ),
    ] = None,
    *,
    output: Annotated[
        Path | None,
        typer.Option(help="The file to write. By default it goes to the terminal."),
    ] = None,
    format: Annotated[
        ReportFormat | None,
        typer.Option(help="By default the one that the file's ending says, else Markdown."),
    ] = None,
    since: Annotated[
        Path | None,
        typer.Option(
            help="An earlier report as JSON, to show what has changed. By default what AWS's "
            "wildcards newly match since somebody last looked."
        ),
    ] = None,
) -> None:
    """Show what the roles may do, action by action: your templates' roles, or the published ones.

    The actions are those of the catalogue that comes with the package; the report says of which day
    it is. External ids are no part of the report.

    Exit status: 0 when it is written, 1 when there is nothing to report on.
    """
    form = format or (
        ReportFormat.MARKDOWN if output is None else _ENDINGS.get(output.suffix.lower())
    )
    if form is None:
        raise typer.BadParameter(f"{output}: say the --format, the ending does not")
    try:
        earlier = None if since is None else _earlier(since)
        found = of_published(since=earlier) if path is None else of_templates(path, since=earlier)
    except ReportError as error:
        _errors.print(f"pump-roles: {error}", markup=False)
        raise typer.Exit(1) from None
    written = {
        ReportFormat.HTML: as_html,
        ReportFormat.MARKDOWN: as_markdown,
        ReportFormat.CSV: as_csv,
        ReportFormat.JSON: as_json,
    }[form](found).encode("utf-8", "backslashreplace")
    if output is None:
        typer.echo(written, nl=False)
        return
    try:
        output.write_bytes(written)
    except OSError as error:
        _errors.print(f"pump-roles: {output}: cannot be written: {error.strerror}", markup=False)
        raise typer.Exit(1) from None


def _earlier(file: Path) -> dict[str, Any]:
    earlier, _ = read_json(file, "no earlier report")
    if not isinstance(earlier, dict):
        raise ReportError(f"{file}: is no earlier report: it is no JSON object")
    return earlier


def _filter(exclude_accounts: str, only_accounts: str) -> tuple[AccountFilter, list[str]]:
    if exclude_accounts and only_accounts:
        raise ArgumentError("--only-accounts", "cannot stand beside --exclude-accounts")
    if exclude_accounts:
        return "DIFFERENCE", ACCOUNTS.check("--exclude-accounts", _split(exclude_accounts))
    if only_accounts:
        return "INTERSECTION", ACCOUNTS.check("--only-accounts", _split(only_accounts))
    return "NONE", []


def _split(value: str) -> list[str]:
    return [one.strip() for one in value.split(",")]


def _progress() -> Progress:
    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        console=_errors,
        transient=True,
        disable=not _errors.is_terminal,
    )


def _show(status: rollout.Status) -> None:
    console = Console(highlight=False, soft_wrap=True)
    instances = ", ".join(f"{count:,} {name}" for name, count in status.counts.items()) or "none"
    console.print(f"[bold]{escape(status.stack_set)}[/] in {', '.join(status.units)}")
    console.print(f"stack instances: {instances}")
    rows = [
        *(
            (one.account, "", " ".join(filter(None, (one.status, one.detail))), one.reason)
            for one in status.not_current
        ),
        *((one.id, one.name, "no instance", "") for one in status.missing),
        *((one.id, one.name, "no instance", "suspended") for one in status.suspended),
        *((one.id, one.name, "no instance", "filtered out") for one in status.filtered),
        *(
            (one.account, "", " ".join(filter(None, (one.status, one.detail))), "not targeted")
            for one in status.elsewhere
        ),
        *((one, "", "no account", "filtered, and not below the units") for one in status.unknown),
    ]
    if rows:
        table = Table("account", "name", "state", "reason", box=box.SIMPLE_HEAD, show_edge=False)
        for row in rows:
            table.add_row(*map(escape, row))
        console.print(table)
    if status.complete:
        console.print(
            f"[green]Every one of {status.targeted:,} targeted accounts has a current stack "
            "instance.[/]"
        )
    else:
        console.print(
            f"[bold red]Of {status.targeted:,} targeted accounts, {len(status.missing):,} have no "
            f"stack instance; {len(status.not_current):,} instances are not current.[/]"
        )
    if status.elsewhere:
        console.print(
            f"[bold yellow]{len(status.elsewhere):,} instances are in accounts that are not "
            "targeted.[/]"
        )
    console.print(
        f"[dim]Not counted: the management account {status.management_account}, where StackSets "
        "never deploy.[/]"
    )
