"""``pump-roles activity``: what Pump did through its roles, and what it never used."""

from collections.abc import Sequence
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any, Final

import click

from pump_roles.json_input import InputError
from pump_roles.review.account.activity.activity_result import Unknown
from pump_roles.review.account.activity.collect import Collector, NothingFoundError, Period
from pump_roles.review.account.activity.from_files import (
    READ_IN_FOLDERS,
    find_files,
    read_records,
)
from pump_roles.review.account.activity.history import GLOBAL_REGION, read_history
from pump_roles.review.account.activity.watched_roles import (
    WatchedRoles,
    published_roles,
    roles_in,
    with_arns,
)
from pump_roles.review.account.times import in_utc
from pump_roles.review.account.verify.accounts import Aws
from pump_roles.review.cli import aws, options, results
from pump_roles.review.cli.inputs import Input
from pump_roles.review.output.activity_sections import nothing_found
from pump_roles.validators import ROLE_ARN, check_region

_MOST_DAYS: Final = 90

_TRAIL: Final = Input(lambda: READ_IN_FOLDERS)


@options.command()
@click.argument("paths", type=_TRAIL, nargs=-1, metavar="[PATH]...")
@click.option(
    "--days",
    type=click.IntRange(1, _MOST_DAYS),
    help=f"How many days of the event history to read. Defaults to {_MOST_DAYS}, all of it.",
)
@options.repeatable(
    "--region",
    type=options.valid("region", check_region),
    help="A Region whose event history to read. Defaults to AWS_REGION, AWS_DEFAULT_REGION, or "
    "that of the profile, and us-east-1, which has the events of global services.",
)
@options.PROFILE
@options.EXPECT
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
@results.written_as("table", "markdown", "json")
def activity(
    paths: Sequence[Path],
    *,
    days: int | None,
    region: Sequence[str],
    profile: str | None,
    expect: Path | None,
    role_arn: Sequence[str],
    fail_on: Sequence[str],
    outputs: results.Outputs,
) -> None:
    """Show what Pump bought, what else it did through its roles, and what it never used.

    PATH is a file of a trail, saved output of aws cloudtrail lookup-events, or a folder with such
    files (.json, .json.gz). By default, the event history of the caller's account is read.

    Reads CloudTrail's events: of any number of accounts from files, and of one from its event
    history. Shows what changed, what was read, what was refused, sessions, which actions were
    never used, and what each guardrail would have denied. All calls are read-only. External IDs
    are never shown.

    A session counts only if a role with the name issued it, in the account of the event. Without
    --expect, the roles have the published names.

    Exit status: 3 if a --fail-on condition is met; otherwise 4 if anything could not be read or
    mapped to an action, or if there is no call of the roles.
    """
    if paths:
        from_history = {"--days": days, "--region": region, "--profile": profile}
        options.check_not_passed(from_history, "cannot be combined with PATH")
    roles = with_arns(published_roles() if expect is None else roles_in(expect), role_arn)
    collector = Collector(roles)
    asked = None
    if paths:
        found = find_files(paths, unknown=collector.unknown.append)
        with aws.progress("files read", len(found)) as done:
            for file, records in read_records(found, unknown=collector.unknown.append, done=done):
                collector.add(file, records)
    else:
        now = datetime.now(timezone.utc)
        since = now - timedelta(days=days or _MOST_DAYS)
        with aws.unknown_if_aws_fails(hidden=[*roles.hidden]):
            asked = _read_history(collector, roles, region, profile, (since, now))
    try:
        result = collector.result(asked)
    except NothingFoundError as error:
        options.fail(nothing_found(error, roles), options.UNKNOWN)
    outputs.write(result)
    met = {
        "change": any(change.is_important for change in result.changes),
        "refused": bool(result.refused),
    }
    options.finish(
        different=any(met[condition] for condition in fail_on), unknown=bool(result.unknown)
    )


def _read_history(
    collector: Collector,
    roles: WatchedRoles,
    regions: Sequence[str],
    profile: str | None,
    period: tuple[datetime, datetime],
) -> Period:
    clients = Aws(profile=profile, region=next(iter(regions), aws.region_of()))
    for account in sorted(roles.accounts - {clients.account}):
        raise InputError(
            f"--role-arn: the role is in account {account}, but the credentials are of account "
            f"{clients.account}"
        )
    by_default = [clients.region, *([GLOBAL_REGION] if clients.partition == "aws" else [])]
    wanted = list(dict.fromkeys(regions or by_default))
    read = []
    with aws.progress("events read") as advance:

        def found(region: str, records: Sequence[Any]) -> None:
            collector.add(region, records)
            advance(len(records))

        def done(region: str, count: int, unknown: Unknown | None) -> None:
            if unknown is None:
                read.append(region)
            else:
                collector.unknown.append(unknown)
            advance(0, f"{region} {count:,} events{'' if unknown is None else ' unknown'}")

        read_history(clients, wanted, period, found=found, done=done)
    return Period(in_utc(period[0]), in_utc(period[1]), tuple(sorted(read)))
