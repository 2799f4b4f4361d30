"""The command line, ``pump-roles``. It loads only what a command needs."""

import errno
import json
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from enum import Enum
from pathlib import Path
from stat import S_IFDIR, S_IFMT, S_IFREG
from typing import TYPE_CHECKING, Annotated, Final, Literal, NoReturn

import typer

from pump_roles._version import __version__
from pump_roles.validators import (
    ACCOUNTS,
    EXTERNAL_ID,
    ROLE_ARN,
    STACK_SET_NAME,
    STACK_SETS_CALL_AS,
    ArgumentError,
    CallAs,
)

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_organizations import OrganizationsClient

    from pump_roles.account.organization import AccountFilter
    from pump_roles.account.probe import ProbeResult, Verdict
    from pump_roles.account.rollout_status import Instance, Status
    from pump_roles.account.targets import Target
    from pump_roles.report import Report
    from pump_roles.report.model import Change
    from pump_roles.report.state import Earlier

__all__ = ["app"]

DIFFERENT: Final = 3
"""Exit status: an account lacks a current role, or has one that it should not have, a role does not
require its external ID, or a report has what it must not have."""

UNKNOWN: Final = 4
"""Exit status: AWS did not answer, or its answer is not conclusive."""

EXTERNAL_ID_VARIABLE: Final = "PUMP_EXTERNAL_ID"
"""The environment variable with the external ID for ``probe``. Other users of the machine can read
a command line, but not this."""

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Inspect Pump's roles and rollouts (read-only).",
)


_Profile = Annotated[
    str | None,
    typer.Option(
        help="A profile of your AWS configuration. Defaults to the environment's settings."
    ),
]
_TableOrJson = Annotated[
    Literal["table", "json"], typer.Option(help="A table to read, or JSON for other tools.")
]


def _named_path(value: str) -> Path:
    # Path("") would be the current folder.
    if not value:
        raise typer.BadParameter("must not be empty")
    return Path(value)


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
        str,
        typer.Argument(
            metavar="STACK_SET", help="The StackSet's name, such as PumpReadOnly or PumpAutoPilot."
        ),
    ],
    *,
    call_as: Annotated[
        CallAs,
        typer.Option(
            help="Whether you call as the management account or as a delegated administrator."
        ),
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
            help="The rollout stack's region. Defaults to AWS_REGION, AWS_DEFAULT_REGION, or that "
            "of the profile."
        ),
    ] = None,
    profile: _Profile = None,
    format: _TableOrJson = "table",
) -> None:
    """Show which accounts of a rollout have the role, and list those that do not.

    Reads the StackSet and the organization. Run it in the account that deployed the rollout; it
    needs no role in the member accounts. A StackSet's account filter cannot be read back: pass the
    rollout's filter.

    A current stack instance means that the last StackSets operation there succeeded. It does not
    show whether someone has changed the role since.

    Exit status: 0 if every targeted account has a current stack instance; 3 if one does not, if no
    account is targeted, if an account that is not targeted has one, or if a filter names an account
    that is not below the units; 4 if the status cannot be read from AWS; 2 for a usage error.
    """
    from pump_roles.account.rollout_status import read  # noqa: PLC0415

    try:
        STACK_SET_NAME.check("STACK_SET", stack_set)
        account_filter, filtered = _filter(exclude_accounts, only_accounts)
    except ArgumentError as error:
        raise typer.BadParameter(str(error)) from None
    with _unknown_if_aws_fails():
        cloudformation, organizations = _clients(profile, _region(region))
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

    # Organizations answers few calls a second, and is asked twice for each unit.
    config = Config(retries={"mode": "standard", "max_attempts": 10})
    session = boto3.Session(profile_name=profile, region_name=region)
    # There is one Organizations in a partition; the region only names that.
    return session.client("cloudformation", config=config), session.client(
        "organizations", config=config
    )


@app.command(
    "probe",
    short_help="Prove that roles require their external ID.",
    # Further arguments are rejected below: typer's own message would show what may be an external
    # ID.
    context_settings={"allow_extra_args": True},
)
def probe(
    context: typer.Context,
    role_arn: Annotated[
        str | None,
        typer.Argument(
            metavar="ROLE_ARN", help="The ARN of the role to probe. Also pass --external-id."
        ),
    ] = None,
    *,
    external_id: Annotated[
        str | None,
        typer.Option(
            help="The role's external ID. Defaults to the environment variable "
            f"{EXTERNAL_ID_VARIABLE}, which other users cannot see in the process list."
        ),
    ] = None,
    file: Annotated[
        Path | None,
        typer.Option(
            help="A file of roles to probe: a .csv file whose header has the columns role_arn and "
            "external_id, or a .json file with a list of objects that have these keys."
        ),
    ] = None,
    concurrency: Annotated[
        int, typer.Option(min=1, max=32, help="How many roles to probe at once.")
    ] = 8,
    region: Annotated[
        str | None,
        typer.Option(
            help="The region whose STS endpoint to call. Defaults to AWS_REGION, "
            "AWS_DEFAULT_REGION, or that of the profile."
        ),
    ] = None,
    profile: _Profile = None,
    format: _TableOrJson = "table",
) -> None:
    """Prove that customers' roles require their external ID, by trying to assume them.

    Run it as a principal that the roles trust. Each role is assumed three times: with its external
    ID, without one, and with a wrong one. AWS STS accepts an external ID that a role does not
    require, so the role requires its external ID only if the first call is accepted and the other
    two are refused. Credentials are discarded at once. An accepted call appears in the customer's
    CloudTrail as the session pump-roles-probe. No external ID is shown or stored.

    If AWS's answer is not clear, the verdict is unknown. A call that was denied by the caller's own
    policy, permissions boundary, or session policy, by an organization's policy, or by a VPC
    endpoint's policy proves nothing about the role. So use a principal that may call sts:AssumeRole
    with and without an external ID. AWS does not always say whose policy refused a call; if it does
    not, the refusal counts as the role's. A role that accepts a pattern of external IDs is detected
    only if the wrong ID (pump- and 32 random hexadecimal digits) matches the pattern.

    There are warnings, which do not change the exit status, about an external ID of fewer than 16
    characters, an external ID that several accounts share (which is right only if they belong to
    one customer), and a role name that is not one of Pump's.

    Exit status: 0 if every role requires its external ID; 3 if any role does not; otherwise 4 if
    any verdict is unknown, or if AWS cannot be called; 1 if the file is not valid; 2 for a usage
    error.
    """
    from pump_roles.account.probe import (  # noqa: PLC0415
        as_document,
        caller_of,
        probe_all,
        sts_client,
    )
    from pump_roles.account.targets import check_partition, warnings_about  # noqa: PLC0415
    from pump_roles.templates import InputError  # noqa: PLC0415

    if context.args:
        raise typer.BadParameter("too many arguments; pass the external ID with --external-id")
    targets = _targets(role_arn, external_id, file)
    hidden = [target.external_id for target in targets]
    with _unknown_if_aws_fails(hidden=hidden):
        sts = sts_client(profile=profile, region=_region(region), connections=concurrency)
    try:
        check_partition(targets, sts.meta.partition)
    except InputError as error:
        if file is None:
            raise typer.BadParameter(f"ROLE_ARN: {error}") from None
        _fail(f"{file}: {error}", 1)
    for warning in warnings_about(targets):
        about = "" if file is None else f"{file}: "
        typer.echo(f"pump-roles: warning: {_visible(f'{about}{warning}')}", err=True)
    # Missing credentials, or an endpoint that does not answer, cause one error, not one per role.
    with _unknown_if_aws_fails(hidden=hidden):
        caller = caller_of(sts)
    with _progress("roles probed", len(targets)) as found:
        results = probe_all(
            [(target.role_arn, target.external_id) for target in targets],
            sts=sts,
            concurrency=concurrency,
            found=found,
        )
    if format == "json":
        typer.echo(json.dumps(as_document(results, caller=caller), indent=2))
    else:
        _show_probed(results)
    verdicts = {result.verdict for result in results}
    if "not-required" in verdicts:
        raise typer.Exit(DIFFERENT)
    if "unknown" in verdicts:
        raise typer.Exit(UNKNOWN)


def _targets(role_arn: str | None, external_id: str | None, file: Path | None) -> "list[Target]":
    from pump_roles.account.targets import EXTENSIONS, Target, read_targets  # noqa: PLC0415
    from pump_roles.templates import InputError  # noqa: PLC0415

    if (role_arn is None) == (file is None):
        raise typer.BadParameter("pass either ROLE_ARN or --file, not both")
    if file is not None:
        if external_id is not None:
            raise typer.BadParameter("--external-id: cannot be combined with --file")
        if file.suffix.lower() not in EXTENSIONS:
            raise typer.BadParameter(
                f"--file: unknown extension; must be {' or '.join(EXTENSIONS)}"
            )
        try:
            return read_targets(file)
        except InputError as error:
            _fail(str(error), 1)
    # A credential process of the AWS configuration must not inherit it.
    of_environment = os.environ.pop(EXTERNAL_ID_VARIABLE, None)
    passed = of_environment if external_id is None else external_id
    if passed is None:
        raise typer.BadParameter(f"pass --external-id, or set {EXTERNAL_ID_VARIABLE}")
    name = EXTERNAL_ID_VARIABLE if external_id is None else "--external-id"
    try:
        return [
            Target(
                ROLE_ARN.check("ROLE_ARN", role_arn, shown=False),
                EXTERNAL_ID.check(name, passed, shown=False),
            )
        ]
    except ArgumentError as error:
        raise typer.BadParameter(str(error)) from None


ReportFormat = Literal["html", "markdown", "summary", "csv", "json"]


class FailOn(str, Enum):
    """What a report must not have. Typer accepts no list of literals."""

    ALARM = "alarm"
    BROADENED = "broadened"


_EXTENSIONS: Final[dict[str, ReportFormat]] = {
    ".html": "html",
    ".htm": "html",
    ".md": "markdown",
    ".csv": "csv",
    ".json": "json",
}

_READ: Final = (".json", ".template", ".yaml", ".yml")
"""The extensions of what ``report`` may read in a folder."""


@app.command("report", short_help="Show what the roles may do.")
def report(
    path: Annotated[
        Path | None,
        typer.Argument(
            parser=_named_path,
            metavar="path",
            help="A synthesized template, or a folder such as cdk.out. By default the published "
            "roles.",
        ),
    ] = None,
    *,
    output: Annotated[
        Path | None,
        typer.Option(
            parser=_named_path,
            metavar="<path>",
            help="The file to write. By default, standard output.",
        ),
    ] = None,
    format: Annotated[
        ReportFormat | None,
        typer.Option(
            help="Defaults to the file extension's format, or Markdown. The summary is Markdown "
            "that fits a ticket or a pull request comment."
        ),
    ] = None,
    since: Annotated[
        Path | None,
        typer.Option(
            parser=_named_path,
            metavar="<path>",
            help="An earlier JSON report of this command, to show what has changed since. By "
            "default, the report is not compared with an earlier one.",
        ),
    ] = None,
    fail_on: Annotated[
        list[FailOn] | None,
        typer.Option(
            metavar="<alarm|broadened>",
            help="Exit with status 3, after writing the report, if it has an alarm, or if a change "
            "since the earlier report broadens the roles or may broaden them. May be repeated.",
        ),
    ] = None,
) -> None:
    """Show what the roles may do, action by action: your templates' roles, or the published ones.

    The actions are those of the catalog that comes with the package; the report says its date.
    External IDs are not part of the report.

    Exit status: 0 if the report is written; 3 if it is written and a --fail-on condition is met; 1
    if the input cannot be read or the report cannot be written; 2 for a usage error.
    """
    fatal = fail_on or []
    if FailOn.BROADENED in fatal and since is None:
        raise typer.BadParameter("--fail-on broadened requires --since")
    chosen = format or ("markdown" if output is None else _EXTENSIONS.get(output.suffix.lower()))
    if chosen is None:
        raise typer.BadParameter(_visible(f"{output}: unknown extension; pass --format"))
    if output is not None and _is_input(output, path, since):
        raise typer.BadParameter(_visible(f"{output}: would overwrite an input"))
    if path is not None and _mode(path) not in (None, S_IFREG, S_IFDIR):
        _fail(f"{path}: is neither a file nor a folder", 1)
    found = _report(path, since)
    written = _written(found, chosen).encode("utf-8", "backslashreplace")
    try:
        _write(written, output)
    except OSError as error:
        _fail(f"{output or 'standard output'}: cannot be written: {error.strerror}", 1)
    reasons = list(_reasons(found, fatal))
    if reasons:
        _fail(" ".join(f"{reason}." for reason in reasons), DIFFERENT)


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
    from pump_roles.report.markdown import as_markdown, as_summary  # noqa: PLC0415

    formats = {"markdown": as_markdown, "summary": as_summary, "csv": as_csv, "json": as_json}
    return formats[chosen](found)


def _write(written: bytes, output: Path | None) -> None:
    if output is not None:
        output.write_bytes(written)
        return
    if sys.stdout is None:
        # It is closed. Typer would write nothing, and say nothing.
        raise OSError(errno.EBADF, os.strerror(errno.EBADF))
    typer.echo(written, nl=False)


def _reasons(found: "Report", fatal: Sequence[FailOn]) -> Iterator[str]:
    if FailOn.ALARM in fatal and found.alarms:
        noun = "alarm" if found.alarms == 1 else "alarms"
        titles = (finding.title for finding in found.findings if finding.is_alarm)
        yield _line(f"{found.alarms} {noun}: {'; '.join(titles)}")
    broader = [change for change in found.changes if change.may_broaden]
    if FailOn.BROADENED in fatal and found.since is not None and broader:
        what = (
            "1 change broadens or may broaden"
            if len(broader) == 1
            else f"{len(broader)} changes broaden or may broaden"
        )
        rest = f"; {len(broader) - 1} more" if len(broader) > 1 else ""
        first = f"{_line(_described(broader[0]))}{rest}"
        yield f"{what} the roles since {_line(found.since.file)}: {first}"


def _described(change: "Change") -> str:
    return f"{change.role}: {change.what}" if change.role else change.what


def _line(text: str) -> str:
    # A name in a template can have a line break.
    return " ".join(text.split()).rstrip(".")


def _is_input(output: Path, path: Path | None, since: Path | None) -> bool:
    if any(_is_same(output, read) for read in (path, since) if read is not None):
        return True
    # Either end of a link counts.
    outputs = (output.absolute(), output.resolve())
    readable = any(file.suffix.lower() in _READ for file in outputs)
    if path is None or not readable or _mode(output) != S_IFREG:
        return False
    if path.is_dir():
        # Stages have folders of their own in it.
        inside = any(_is_same(folder, path) for file in outputs for folder in file.parents)
    else:
        # What is nested in a template is next to it.
        folders = (path.absolute().parent, path.resolve().parent)
        inside = any(_is_same(file.parent, folder) for file in outputs for folder in folders)
    return inside and not _is_report(output)


def _is_same(file: Path, other: Path) -> bool:
    try:
        return file.samefile(other)
    except (OSError, ValueError):
        return False


def _is_report(file: Path) -> bool:
    from pump_roles.templates import InputError, read_json  # noqa: PLC0415

    try:
        content, _ = read_json(file, "a pump-roles JSON report")
    except InputError:
        return False
    return isinstance(content, dict) and {"schema", "statements"} <= content.keys()


def _mode(path: Path) -> int | None:
    # What kind of file it is; none if there is no such file.
    try:
        return S_IFMT(path.stat().st_mode)
    except (OSError, ValueError):
        return None


def _earlier(file: Path) -> "Earlier":
    from pump_roles.report import earlier_report  # noqa: PLC0415
    from pump_roles.templates import InputError, read_json  # noqa: PLC0415
    from pump_roles.templates.files import digest  # noqa: PLC0415

    earlier, content = read_json(file, "a pump-roles JSON report")
    try:
        # Only the file's own name: the report must not depend on the machine.
        return earlier_report(earlier, file=file.name, sha256=digest(content))
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


def _region(region: str | None) -> str | None:
    # The AWS CLI and the other SDKs read it; boto3 only reads AWS_DEFAULT_REGION.
    return region or os.environ.get("AWS_REGION")


def _split(value: str) -> list[str]:
    return [account.strip() for account in value.split(",")]


def _visible(text: str) -> str:
    # One line, whatever a path contains.
    from pump_roles.templates.masking import visible  # noqa: PLC0415

    return visible(text).replace("\n", "\\n").replace("\t", "\\t")


def _fail(problem: str, status: int) -> NoReturn:
    typer.echo(f"pump-roles: {_visible(problem)}", err=True)
    raise typer.Exit(status)


@contextmanager
def _unknown_if_aws_fails(*, hidden: Sequence[str] = ()) -> Iterator[None]:
    """Exit with one line and the status for unknown if a call to AWS, or its configuration, fails.

    :param hidden: external IDs that the message must not show.
    """
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415
    from botocore.parsers import ResponseParserError  # noqa: PLC0415

    try:
        yield
    # A credential process, a token file, or an endpoint in the settings can raise the last two.
    except (BotoCoreError, ClientError, ResponseParserError, OSError, ValueError) as error:
        from pump_roles.templates.masking import Mask  # noqa: PLC0415

        shown = Mask(frozenset(hidden)).masked(" ".join(str(error).split()))
        _fail(f"could not be determined: {shown}", UNKNOWN)


@contextmanager
def _progress(description: str, total: int | None = None) -> Iterator[Callable[[int], object]]:
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
        task = progress.add_task(description, total=total)
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


def _show_probed(results: "Sequence[ProbeResult]") -> None:
    from rich.console import Console  # noqa: PLC0415

    console = Console(highlight=False, markup=False, emoji=False, soft_wrap=True)
    # What needs attention comes first.
    shown: dict[Verdict, tuple[str, str]] = {
        "not-required": ("not required", "bold red"),
        "unknown": ("unknown", "yellow"),
        "required": ("required", "green"),
    }
    # On a terminal the reason has a line of its own, so that neither is broken in the middle.
    width = max(len(result.role_arn) for result in results)
    between = "\n              " if console.is_terminal else "  "
    for verdict, (label, style) in shown.items():
        for result in results:
            if result.verdict == verdict:
                console.print(f"{label:<12}", style=style, end="")
                name = result.role_arn if console.is_terminal else f"{result.role_arn:<{width}}"
                console.print(f"  {name}{between}{result.reason}")
    counts = [
        f"{count:,} {name}"
        for verdict, (name, _) in shown.items()
        if (count := sum(result.verdict == verdict for result in results))
    ]
    console.print(f"external ID: {', '.join(counts)}")
