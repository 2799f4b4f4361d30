"""``pump-roles activity``: what Pump did through its roles, and what it never used."""

import gc
import shlex
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime, timedelta, timezone
from functools import partial
from pathlib import Path
from typing import Any, Final

import click

from pump_roles import templates
from pump_roles.inputs.text import InputError, one_line
from pump_roles.inputs.validators import ROLE_ARN, check_region
from pump_roles.review.account.activity_collector import Collector, NothingFoundError, Period
from pump_roles.review.account.athena import (
    ATHENA_TABLE,
    WORKGROUP,
    QueryStep,
    TableQuery,
    check_condition,
    query,
    read_table,
)
from pump_roles.review.account.aws_sdk import CallerClients, Clients, in_utc
from pump_roles.review.account.cloudtrail_records import (
    GLOBAL_REGION,
    RegionRead,
    find_files,
    read_history,
    read_records,
)
from pump_roles.review.account.watched_roles import (
    WatchedRoles,
    published_roles,
    roles_in,
    with_arns,
)
from pump_roles.review.cli import UNKNOWN, aws, fail, finish, options
from pump_roles.review.output.activity_sections import describe_step, nothing_found, presentation_of

_MOST_DAYS: Final = 90
"""CloudTrail User Guide, "Working with CloudTrail event history"."""

_MOST_DAYS_OF_A_TABLE: Final = 3_653
"""Ten years."""

_OBJECTS: Final = 100_000
"""After how many new objects Python searches for cycles.

The events of a file have none, and are many objects. With Python's 700, the search takes a quarter
of the time of the command (measured)."""

_WORKGROUP: Final = "primary"
"""The workgroup that every account has: Amazon Athena User Guide, "Manage workgroups"."""


def _check_not_a_report(_context: object, _parameter: object, path: Path | None) -> Path | None:
    from pump_roles.review.output.saved_report import read_saved  # noqa: PLC0415

    # If the file cannot be read, the reader of templates says why.
    saved = None
    with suppress(InputError):
        saved = path and read_saved(path)
    if saved:
        problem = f"{path}: is a report; pass the templates that it is about, such as cdk.out"
        raise click.BadParameter(one_line(problem))
    return path


@options.command()
@click.argument("paths", type=options.INPUT, nargs=-1, metavar="[PATH]...")
@click.option(
    "--athena",
    metavar="DATABASE.TABLE",
    type=options.valid("table", ATHENA_TABLE.check),
    help="The table of a trail's files in Amazon Athena, in which to run one query.",
)
@click.option(
    "--workgroup",
    type=options.valid("workgroup", WORKGROUP.check),
    help=f"The workgroup in which to run the query. Defaults to {_WORKGROUP}.",
)
@click.option(
    "--where",
    metavar="SQL",
    type=options.valid("condition", check_condition),
    help="Another condition of the query, for the table's partitions. With anything else, what did "
    "not happen is not known.",
)
@click.option("--print-query", is_flag=True, help="Print the query, and call nothing.")
@click.option(
    "--days",
    type=click.IntRange(1, _MOST_DAYS_OF_A_TABLE),
    help=f"How many days to read. Defaults to all: {_MOST_DAYS} of the event history.",
)
@options.repeatable(
    "--region",
    type=options.valid("region", check_region),
    help="A Region whose event history to read, or that of the table. Defaults to AWS_REGION, "
    "AWS_DEFAULT_REGION, or that of the profile; and for the event history, us-east-1, which has "
    "the events of global services.",
)
@options.PROFILE
@click.option(
    "--expect",
    type=options.INPUT,
    callback=_check_not_a_report,
    help="What was deployed: a synthesized template, or a folder such as cdk.out.",
)
@options.repeatable(
    "--role-arn",
    type=options.valid("arn", ROLE_ARN.check),
    help="The ARN of one of the roles. Then only these roles count.",
)
@options.repeatable(
    "--fail-on",
    type=click.Choice(["change", "refused"]),
    help="Exit with status 3 if a commitment was changed or a handshake was accepted, such as an "
    "invitation to join an organization; or if a call was refused.",
)
@options.written_as("table", "markdown", "json")
def activity(
    paths: Sequence[Path],
    *,
    athena: str | None,
    workgroup: str | None,
    where: str | None,
    print_query: bool,
    days: int | None,
    region: Sequence[str],
    profile: str | None,
    expect: Path | None,
    role_arn: Sequence[str],
    fail_on: Sequence[str],
    outputs: options.Outputs,
) -> None:
    """Show what Pump bought, what else it did through its roles, and what it never used.

    PATH is a file of a trail, saved output of aws cloudtrail lookup-events, or a folder with such
    files (.json, .json.gz). By default, the event history of the caller's account is read.

    Reads CloudTrail's events: of any number of accounts from files, or with one query in Amazon
    Athena; and of one account from its event history. Shows what changed, what was read, what was
    refused, sessions, which actions were never used, and what each guardrail would have denied.
    All calls are read-only; Athena writes the result of the query where the workgroup says.
    External IDs are never shown.

    A session counts only if a role with the name issued it, in the account of the event. Without
    --expect, the roles have the published names.

    Exit status: 3 if a --fail-on condition is met; otherwise 4 if anything could not be read or
    mapped to an action, or if there is no call of the roles.
    """
    of_aws = {"--days": days, "--region": region, "--profile": profile, "--athena": athena}
    of_query = {"--workgroup": workgroup, "--where": where, "--print-query": print_query}
    if paths:
        options.check_not_passed(of_aws, "cannot be combined with PATH")
    if not athena:
        options.check_not_passed(of_query, "requires --athena")
    expected = published_roles() if expect is None else roles_in(expect, templates.read(expect))
    roles = with_arns(expected, role_arn)
    collector = Collector(roles)
    asked = None
    if paths:
        gc.set_threshold(_OBJECTS)
        found = find_files(paths, unknown=collector.unknown.append)
        with aws.progress("files read", len(found)) as done:
            for file, records in read_records(found, unknown=collector.unknown.append, done=done):
                collector.add(file, records)
    elif athena:
        now = datetime.now(timezone.utc)
        since = now - timedelta(days=days) if days else None
        of_table = TableQuery(athena.lower(), workgroup or _WORKGROUP, where or "", since, now)
        sql = query(athena, roles, since=since, condition=where or "")
        if print_query:
            written = {"--output": any(outputs.formats)}
            options.check_not_passed(written, "cannot be combined with --print-query")
            click.echo(sql)
            return
        with aws.unknown_if_aws_fails(external_ids=roles.external_ids):
            clients = _clients_of_table(region, profile)
            _read_table(clients, roles, of_table, collector, profile)
    else:
        if days and days > _MOST_DAYS:
            raise click.UsageError(f"--days: the event history has {_MOST_DAYS} days, not {days:,}")
        with aws.unknown_if_aws_fails(external_ids=roles.external_ids):
            asked = _read_history(collector, roles, region, profile, days or _MOST_DAYS)
    try:
        result = collector.result(asked)
    except NothingFoundError as error:
        fail(nothing_found(error, roles, collector.table), UNKNOWN)
    outputs.write(result, partial(presentation_of, result))
    met = {
        "change": any(change.is_important for change in result.changes),
        "refused": bool(result.refused),
    }
    finish(different=any(met[condition] for condition in fail_on), unknown=bool(result.unknown))


def _since(days: int) -> datetime:
    return datetime.now(timezone.utc) - timedelta(days=days)


def _clients_of_table(region: Sequence[str], profile: str | None) -> Clients:
    if len(region) > 1:
        raise click.UsageError("--region: may be passed only once with --athena")
    in_region = next(iter(region), aws.region_of())
    return Clients(profile=profile, region=in_region, read_seconds=10, attempts=8)


def _read_table(
    clients: Clients,
    roles: WatchedRoles,
    asked: TableQuery,
    collector: Collector,
    profile: str | None,
) -> None:
    with aws.stopping(), aws.progress("query") as advance:

        def tell(step: QueryStep) -> None:
            if step.state in ("queued", "running", "succeeded"):
                advance(0, f"query {step.state}")
                return
            command = f"--region {clients.region}"
            if profile:
                command += f" --profile {shlex.quote(profile)}"
            aws.say(describe_step(step, asked, command))

        scanned = read_table(clients, roles, asked, collector=collector, tell=tell)
    click.echo(f"pump-roles: the query scanned {scanned:,} bytes", err=True)


def _read_history(
    collector: Collector,
    roles: WatchedRoles,
    regions: Sequence[str],
    profile: str | None,
    days: int,
) -> Period:
    period = _since(days), datetime.now(timezone.utc)
    clients = CallerClients(profile=profile, region=next(iter(regions), aws.region_of()))
    for account in sorted(roles.accounts - {clients.account}):
        raise InputError(
            f"--role-arn: the role is in account {account}, but the credentials are of account "
            f"{clients.account}"
        )
    by_default = [clients.region, *([GLOBAL_REGION] if clients.partition == "aws" else [])]
    wanted = list(dict.fromkeys(regions or by_default))
    with aws.progress("events read") as advance:

        def add(region: str, records: Sequence[Any]) -> None:
            collector.add(region, records)
            advance(len(records))

        def done(read: RegionRead) -> None:
            advance(0, f"{read.region} {read.events:,} events{' unknown' if read.unknown else ''}")

        ended = read_history(clients, wanted, period, add=add, done=done)
    collector.unknown += [read.unknown for read in ended if read.unknown]
    complete = sorted(read.region for read in ended if not read.unknown)
    return Period(in_utc(period[0]), in_utc(period[1]), tuple(complete))
