"""The command line, ``pump-roles``. It loads only what a command needs."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, Literal, NoReturn

import typer

from pump_roles._version import __version__
from pump_roles.validators import (
    ACCOUNTS,
    STACK_SET_NAME,
    STACK_SETS_CALL_AS,
    ArgumentError,
    CallAs,
)

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_organizations import OrganizationsClient

    from pump_roles.account.organization import AccountFilter
    from pump_roles.account.rollout_status import Instance, Status
    from pump_roles.report import Report
    from pump_roles.report.changes import Earlier

__all__ = ["app"]

DIFFERENT: Final = 3
"""Exit status: an account has no current role, or has one and should not."""

UNKNOWN: Final = 4
"""Exit status: AWS did not answer, or not what was asked."""

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Inspect Pump's roles and rollouts (read-only).",
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


@app.command("rollout-status", short_help="List the accounts without a current role.")
def rollout_status(
    stack_set: Annotated[
        str, typer.Argument(help="The StackSet's name, such as PumpReadOnly or PumpAutoPilot.")
    ],
    *,
    call_as: Annotated[
        CallAs,
        typer.Option(help="Whether this is the management account or a delegated administrator."),
    ] = "management",
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
            help="The rollout stack's region. Defaults to that of the profile or the environment."
        ),
    ] = None,
    profile: Annotated[
        str | None,
        typer.Option(
            help="A profile of your AWS configuration. Defaults to the environment's settings."
        ),
    ] = None,
    format: Annotated[
        Literal["table", "json"], typer.Option(help="A table to read, or JSON for other tools.")
    ] = "table",
) -> None:
    """Show which accounts of a rollout have the role, and list those that do not.

    Reads the StackSet and the organization, in the account that the rollout is deployed in; it
    needs no role in the member accounts. A StackSet's account filter cannot be read back: pass the
    one that the rollout has.

    A current stack instance means that the last StackSets operation there succeeded. It does not
    show whether someone changed the role since.

    Exit status: 0 if every targeted account has a current stack instance; 3 if one does not, if no
    account is targeted, if an account has the role that is not targeted, or if a filter names an
    account that does not exist; 4 if it cannot be read from AWS; 2 for a usage error.
    """
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415

    from pump_roles.account.rollout_status import StatusError, read  # noqa: PLC0415

    try:
        STACK_SET_NAME.check("STACK_SET", stack_set)
        account_filter, filtered = _filter(exclude_accounts, only_accounts)
    except ArgumentError as error:
        raise typer.BadParameter(str(error)) from None
    try:
        cloudformation, organizations = _clients(profile, region)
        with _progress("stack instances and accounts read") as found:
            status = read(
                cloudformation,
                organizations,
                stack_set,
                call_as=STACK_SETS_CALL_AS[call_as],
                account_filter=account_filter,
                filtered=filtered,
                found=found,
            )
    except (BotoCoreError, ClientError, StatusError) as error:
        _fail(f"unknown: {' '.join(str(error).split())}", UNKNOWN)
    if format == "json":
        typer.echo(json.dumps(status.as_dict(), indent=2))
    else:
        _show(status)
    if not status.complete:
        raise typer.Exit(DIFFERENT)


def _clients(
    profile: str | None, region: str | None
) -> "tuple[CloudFormationClient, OrganizationsClient]":
    import boto3  # noqa: PLC0415
    from botocore.config import Config  # noqa: PLC0415

    from pump_roles.account.rollout_status import StatusError  # noqa: PLC0415

    # Organizations answers few calls a second, and is asked twice for each unit.
    config = Config(retries={"mode": "standard", "max_attempts": 10})
    try:
        session = boto3.Session(profile_name=profile, region_name=region)
        # There is one Organizations in a partition; the region only names that.
        return session.client("cloudformation", config=config), session.client(
            "organizations", config=config
        )
    except ValueError as error:
        raise StatusError(str(error)) from None


ReportFormat = Literal["html", "markdown", "csv", "json"]

_EXTENSIONS: Final[dict[str, ReportFormat]] = {
    ".html": "html",
    ".htm": "html",
    ".md": "markdown",
    ".csv": "csv",
    ".json": "json",
}


@app.command("report", short_help="Show what the roles may do.")
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
        typer.Option(help="The file to write. By default, standard output."),
    ] = None,
    format: Annotated[
        ReportFormat | None,
        typer.Option(help="Defaults to what the file's extension says, or Markdown."),
    ] = None,
    since: Annotated[
        Path | None,
        typer.Option(
            help="An earlier JSON report, to show what has changed since. By default the roles are "
            "compared with what Pump publishes, as last reviewed."
        ),
    ] = None,
) -> None:
    """Show what the roles may do, action by action: your templates' roles, or the published ones.

    The actions are those of the catalog that comes with the package; the report says its date.
    External IDs are not part of the report.

    Exit status: 0 if the report is written, 1 if the input cannot be read or the report cannot be
    written, 2 for a usage error.
    """
    chosen = format or ("markdown" if output is None else _EXTENSIONS.get(output.suffix.lower()))
    if chosen is None:
        raise typer.BadParameter(f"{output}: unknown extension; pass --format")
    if output is not None and _is_read(output.resolve(), path, since):
        raise typer.BadParameter(f"{output}: would overwrite an input")
    written = _written(_report(path, since), chosen).encode("utf-8", "backslashreplace")
    try:
        if output is None:
            typer.echo(written, nl=False)
        else:
            output.write_bytes(written)
    except OSError as error:
        _fail(f"{output or 'standard output'}: cannot be written: {error.strerror}", 1)


def _report(path: Path | None, since: Path | None) -> "Report":
    from pump_roles.report import of_published, of_templates  # noqa: PLC0415
    from pump_roles.templates import InputError  # noqa: PLC0415

    try:
        earlier = None if since is None else _earlier(since)
        return of_published(since=earlier) if path is None else of_templates(path, since=earlier)
    except InputError as error:
        _fail(str(error), 1)


def _written(found: "Report", chosen: ReportFormat) -> str:
    if chosen == "html":
        from pump_roles.report.page import as_html  # noqa: PLC0415

        return as_html(found)
    from pump_roles.report.formats import as_csv, as_json  # noqa: PLC0415
    from pump_roles.report.markdown import as_markdown  # noqa: PLC0415

    return {"markdown": as_markdown, "csv": as_csv, "json": as_json}[chosen](found)


def _is_read(output: Path, *read: Path | None) -> bool:
    paths = [file.resolve() for file in read if file is not None]
    of_cdk = output.name.endswith((".template.json", ".assets.json", "manifest.json"))
    return output in paths or (of_cdk and any(path in output.parents for path in paths))


def _earlier(file: Path) -> "Earlier":
    from pump_roles.report import earlier_report  # noqa: PLC0415
    from pump_roles.templates import InputError, read_json  # noqa: PLC0415

    earlier, _ = read_json(file, "a pump-roles JSON report")
    try:
        return earlier_report(earlier)
    except InputError as error:
        raise InputError(f"{file}: {error}") from None


def _filter(
    exclude_accounts: str | None, only_accounts: str | None
) -> "tuple[AccountFilter, list[str]]":
    if exclude_accounts is not None and only_accounts is not None:
        raise ArgumentError("--only-accounts", "cannot be combined with --exclude-accounts")
    if exclude_accounts is not None:
        return "DIFFERENCE", ACCOUNTS.check("--exclude-accounts", _split(exclude_accounts))
    if only_accounts is not None:
        return "INTERSECTION", ACCOUNTS.check("--only-accounts", _split(only_accounts))
    return "NONE", []


def _split(value: str) -> list[str]:
    return [account.strip() for account in value.split(",")]


def _fail(problem: str, status: int) -> NoReturn:
    typer.echo(f"pump-roles: {problem}", err=True)
    raise typer.Exit(status)


@contextmanager
def _progress(description: str) -> Iterator[Callable[[int], object]]:
    from rich.console import Console  # noqa: PLC0415
    from rich.progress import (  # noqa: PLC0415
        BarColumn,
        MofNCompleteColumn,
        Progress,
        SpinnerColumn,
        TextColumn,
    )

    console = Console(stderr=True)
    with Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    ) as progress:
        task = progress.add_task(description, total=None)
        yield lambda count: progress.advance(task, count)


def _state(instance: "Instance") -> str:
    return " ".join(filter(None, (instance.status, instance.detail)))


def _show(status: "Status") -> None:
    from rich import box  # noqa: PLC0415
    from rich.console import Console  # noqa: PLC0415
    from rich.markup import escape  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415

    console = Console(highlight=False, soft_wrap=True)
    instances = ", ".join(f"{count:,} {name}" for name, count in status.counts.items()) or "none"
    console.print(f"[bold]{escape(status.stack_set)}[/] in {', '.join(status.units)}")
    console.print(f"stack instances: {instances}")
    rows = [
        *((found.account, found.name, _state(found), found.reason) for found in status.not_current),
        *((account.id, account.name, "no instance", "") for account in status.missing),
        *((account.id, account.name, "no instance", "suspended") for account in status.suspended),
        *((account.id, account.name, "no instance", "filtered out") for account in status.filtered),
        *((found.account, found.name, _state(found), "not targeted") for found in status.elsewhere),
        *(
            (account, "", "no account", "filtered, and not below the units")
            for account in status.unknown
        ),
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
