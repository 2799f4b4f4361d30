"""The command line, ``pump-roles``."""

import json
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import boto3
import typer
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn
from rich.table import Table

from pump_roles._version import __version__
from pump_roles.forms import ACCOUNTS, STACK_SET_NAME, ArgumentError
from pump_roles.review import rollout_status as rollout
from pump_roles.review.changes import Earlier, earlier_report
from pump_roles.review.formats import as_csv, as_json, as_markdown
from pump_roles.review.organization import AccountFilter
from pump_roles.review.page import as_html
from pump_roles.review.report import of_published, of_templates
from pump_roles.review.templates import ReportError, read_json

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_organizations import OrganizationsClient

__all__ = ["app"]

MISSING: Final = 3
"""Exit status: an account has no role or one that is not current, or has one and should not."""

UNKNOWN: Final = 4
"""Exit status: AWS gave no answer, or none that says it."""

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


class CallAs(str, Enum):
    """Who asks."""

    MANAGEMENT = "management"
    DELEGATED_ADMIN = "delegated-admin"


def _version(*, wanted: bool) -> None:
    if wanted:
        print(__version__)  # noqa: T201
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


@app.command("rollout-status")
def rollout_status(
    stack_set: Annotated[
        str, typer.Argument(help="The StackSet's name, such as PumpReadOnly or PumpAutoPilot.")
    ],
    *,
    call_as: Annotated[
        CallAs,
        typer.Option(
            help="Whether this is the management account, or a delegated administrator's."
        ),
    ] = CallAs.MANAGEMENT,
    exclude_accounts: Annotated[
        str | None, typer.Option(help="The accounts that the rollout excludes, comma-separated.")
    ] = None,
    only_accounts: Annotated[
        str | None,
        typer.Option(help="The only accounts that the rollout targets, comma-separated."),
    ] = None,
    region: Annotated[
        str | None,
        typer.Option(
            help="The rollout stack's region. By default that of the profile or the environment."
        ),
    ] = None,
    profile: Annotated[
        str | None,
        typer.Option(
            help="A profile of your AWS configuration. By default what the environment says."
        ),
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
    none is targeted, an account has the role that is not targeted, or a filter names an account
    that is not there; 4 when it could not be told, 2 for a wrong command line.
    """
    try:
        STACK_SET_NAME.check("STACK_SET", stack_set)
        account_filter, filtered = _filter(exclude_accounts, only_accounts)
    except ArgumentError as error:
        raise typer.BadParameter(str(error)) from None
    try:
        cloudformation, organizations = _clients(profile, region)
        with _progress() as progress:
            task = progress.add_task("instances and accounts read", total=None)
            status = rollout.read(
                cloudformation,
                organizations,
                stack_set,
                call_as="SELF" if call_as is CallAs.MANAGEMENT else "DELEGATED_ADMIN",
                account_filter=account_filter,
                filtered=filtered,
                found=lambda count: progress.advance(task, count),
            )
    except (BotoCoreError, ClientError, rollout.StatusError) as error:
        problem = " ".join(str(error).split())
        _errors.print(f"pump-roles: could not tell: {problem}", markup=False)
        raise typer.Exit(UNKNOWN) from None
    if format is Format.JSON:
        print(json.dumps(status.as_dict(), indent=2))  # noqa: T201
    else:
        _show(status)
    if not status.complete:
        raise typer.Exit(MISSING)


def _clients(
    profile: str | None, region: str | None
) -> "tuple[CloudFormationClient, OrganizationsClient]":
    # Organizations answers few calls a second, and is asked twice for each unit.
    config = Config(retries={"mode": "standard", "max_attempts": 10})
    try:
        session = boto3.Session(profile_name=profile, region_name=region)
        # Organizations is one for the partition; the region only names that.
        return session.client("cloudformation", config=config), session.client(
            "organizations", config=config
        )
    except ValueError as error:
        raise rollout.StatusError(str(error)) from None


class ReportFormat(str, Enum):
    """The formats of the permission report."""

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
            help="An earlier report as JSON, to show what has changed. By default what the "
            "policies' wildcards newly match since that was last reviewed."
        ),
    ] = None,
) -> None:
    """Show what the roles may do, action by action: your templates' roles, or the published ones.

    The actions are those of the catalogue that comes with the package; the report says of which day
    it is. External ids are no part of the report.

    Exit status: 0 when it is written, 1 when what it reads is no such thing or it cannot be
    written, 2 for a wrong command line.
    """
    form = format or (
        ReportFormat.MARKDOWN if output is None else _ENDINGS.get(output.suffix.lower())
    )
    if form is None:
        raise typer.BadParameter(f"{output}: say the --format, the ending does not")
    if output is not None and _is_read(output.resolve(), path, since):
        raise typer.BadParameter(f"{output}: is what the report is made from")
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
    try:
        if output is None:
            typer.echo(written, nl=False)
        else:
            output.write_bytes(written)
    except OSError as error:
        where = output or "the terminal"
        _errors.print(f"pump-roles: {where}: cannot be written: {error.strerror}", markup=False)
        raise typer.Exit(1) from None


def _is_read(output: Path, *read: Path | None) -> bool:
    paths = [one.resolve() for one in read if one is not None]
    of_cdk = output.name.endswith((".template.json", ".assets.json", "manifest.json"))
    return output in paths or (of_cdk and any(one in output.parents for one in paths))


def _earlier(file: Path) -> Earlier:
    earlier, _ = read_json(file, "no earlier report")
    try:
        return earlier_report(earlier)
    except ReportError as error:
        raise ReportError(f"{file}: {error}") from None


def _filter(
    exclude_accounts: str | None, only_accounts: str | None
) -> tuple[AccountFilter, list[str]]:
    if exclude_accounts is not None and only_accounts is not None:
        raise ArgumentError("--only-accounts", "cannot stand beside --exclude-accounts")
    if exclude_accounts is not None:
        return "DIFFERENCE", ACCOUNTS.check("--exclude-accounts", _split(exclude_accounts))
    if only_accounts is not None:
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


def _state(instance: rollout.Instance) -> str:
    return " ".join(filter(None, (instance.status, instance.detail)))


def _show(status: rollout.Status) -> None:
    console = Console(highlight=False, soft_wrap=True)
    instances = ", ".join(f"{count:,} {name}" for name, count in status.counts.items()) or "none"
    console.print(f"[bold]{escape(status.stack_set)}[/] in {', '.join(status.units)}")
    console.print(f"stack instances: {instances}")
    rows = [
        *((one.account, one.name, _state(one), one.reason) for one in status.not_current),
        *((one.id, one.name, "no instance", "") for one in status.missing),
        *((one.id, one.name, "no instance", "suspended") for one in status.suspended),
        *((one.id, one.name, "no instance", "filtered out") for one in status.filtered),
        *((one.account, one.name, _state(one), "not targeted") for one in status.elsewhere),
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
            "instance, and no other has one.[/]"
        )
    if not status.targeted:
        console.print("[bold red]No account is targeted.[/]")
    for count, problem in (
        (len(status.missing), "targeted accounts without a stack instance"),
        (len(status.not_current), "stack instances that are not current"),
        (len(status.elsewhere), "stack instances in accounts that are not targeted"),
        (len(status.unknown), "filtered accounts that are not below the units"),
    ):
        if count:
            console.print(f"[bold red]{problem}: {count:,}[/]")
    console.print(
        f"[dim]Not counted: the management account {status.management_account}, where StackSets "
        "never deploy.[/]"
    )
