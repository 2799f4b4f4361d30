"""``pump-roles activity``: what Pump did through its roles, and what it never used."""

from collections.abc import Sequence
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, get_args

import click

from pump_roles import validators
from pump_roles.review.cli import common, input_output

if TYPE_CHECKING:
    from pump_roles.review.account.activity.activity_result import Activity, Unknown
    from pump_roles.review.account.activity.collect import Collector
    from pump_roles.review.account.activity.watched_roles import Roles

ActivityFormat = Literal["table", "markdown", "json"]

_EXTENSIONS: Final[dict[str, ActivityFormat]] = {
    ".txt": "table",
    ".md": "markdown",
    ".json": "json",
}

_MOST_DAYS: Final = 90


@click.command(short_help="Show what Pump did, and what it never used.")
@click.argument("paths", type=input_output.named_path, nargs=-1, metavar="[PATH]...")
@click.option(
    "--days",
    type=click.IntRange(1, _MOST_DAYS),
    help=f"How many days of the event history to read. Defaults to {_MOST_DAYS}, which is "
    "all of it.",
)
@click.option(
    "--region",
    multiple=True,
    help="A Region whose event history to read. May be repeated. Defaults to AWS_REGION, "
    "AWS_DEFAULT_REGION, or that of the profile, and us-east-1, which has the events of "
    "global services.",
)
@common.PROFILE
@input_output.EXPECT
@click.option(
    "--role-arn",
    multiple=True,
    metavar="<arn>",
    help="The ARN of one of the roles, if it has another path, or if the events are of "
    "several accounts. May be repeated. Then only these roles count.",
)
@click.option(
    "--fail-on",
    type=click.Choice(["change", "refused"]),
    multiple=True,
    help="Exit with status 3 if a commitment was changed or a handshake was accepted, such as an "
    "invitation to join an organization; or if a call was refused. May be repeated.",
)
@common.format_option(get_args(ActivityFormat))
@input_output.outputs_option(_EXTENSIONS)
@common.with_errors(common.UNKNOWN)
def activity(
    paths: tuple[Path, ...],
    *,
    days: int | None,
    region: tuple[str, ...],
    profile: str | None,
    expect: Path | None,
    role_arn: tuple[str, ...],
    fail_on: tuple[str, ...],
    format: ActivityFormat,
    output: tuple[Path | None, ...],
) -> None:
    """Show what Pump did through its roles, and what it never used.

    PATH is a file of a trail, saved output of aws cloudtrail lookup-events, or a folder with such
    files (.json, .json.gz). By default, the event history of the caller's account is read.

    Reads CloudTrail's events of one account, from files or from its event history. Shows what
    changed, what was read, what was refused, who came in, which actions were never used, and what
    each guardrail would have denied. All calls are read-only. External IDs are never shown.

    A session counts only if the role's ARN issued it: the role's path and name, in the account of
    the event.

    Exit status: 0; 3 if a --fail-on condition is met; otherwise 4 if anything could not be read or
    mapped to an action, if there is no call of the roles, or if the input cannot be used; 1 if the
    result cannot be written; 2 for a usage error.
    """
    from pump_roles.review.account.activity import watched_roles  # noqa: PLC0415
    from pump_roles.review.account.activity.collect import Collector  # noqa: PLC0415
    from pump_roles.review.output.formats import written  # noqa: PLC0415

    formats = input_output.formats_of(output, [expect, *paths], _EXTENSIONS)
    if paths:
        common.check_alone("PATH", {"--days": days, "--region": region, "--profile": profile})
    for arn in role_arn:
        validators.ROLE_ARN.check("--role-arn", arn)
    for name in region:
        validators.check_region("--region", name)
    roles = watched_roles.with_arns(
        watched_roles.published_roles() if expect is None else watched_roles.roles_in(expect),
        role_arn,
    )
    collector = Collector(roles)
    now = datetime.now(timezone.utc)
    asked = None
    if paths:
        _read_files(collector, paths)
    else:
        since = now - timedelta(days=days or _MOST_DAYS)
        with common.unknown_if_aws_fails(hidden=[*roles.hidden]):
            asked = _read_history(collector, roles, region, profile, (since, now))
    found = _result_of(collector, roles, now, asked)
    input_output.write_all(
        {
            file: written(found, chosen, styled=file is None)
            for file, chosen in {None: format, **formats}.items()
        }
    )
    met = {
        "change": any(change.is_important for change in found.changes),
        "refused": bool(found.refused),
    }
    common.finish(
        different=any(met[condition] for condition in fail_on), unknown=bool(found.unknown)
    )


def _read_files(collector: "Collector", paths: Sequence[Path]) -> None:
    from pump_roles.review.account.activity.from_files import files_of, records_of  # noqa: PLC0415

    found = files_of(paths, unknown=collector.unknown.append)
    with common.progress("files read", len(found)) as done:
        for file, records in records_of(found, unknown=collector.unknown.append, done=done):
            collector.add(file, records)


def _result_of(
    collector: "Collector",
    roles: "Roles",
    now: datetime,
    asked: tuple[str, str, tuple[str, ...]] | None,
) -> "Activity":
    from pump_roles.json_input import InputError  # noqa: PLC0415
    from pump_roles.review.account.activity.collect import NothingFoundError  # noqa: PLC0415
    from pump_roles.review.output.activity_sections import nothing_found  # noqa: PLC0415

    try:
        return collector.result(now, asked)
    except NothingFoundError as error:
        common.fail(nothing_found(error, roles), common.UNKNOWN)
    except InputError as error:
        common.fail(f"{error}; pass --role-arn", common.UNKNOWN)


def _read_history(
    collector: "Collector",
    roles: "Roles",
    regions: Sequence[str],
    profile: str | None,
    period: tuple[datetime, datetime],
) -> tuple[str, str, tuple[str, ...]]:
    from pump_roles.review.account.activity.history import GLOBAL_REGION, read_history  # noqa: PLC0415
    from pump_roles.review.account.times import in_utc  # noqa: PLC0415
    from pump_roles.review.account.verify.accounts import Aws  # noqa: PLC0415

    aws = Aws(profile=profile, region=next(iter(regions), common.region_of(None)))
    if roles.given_account not in ("", aws.account):
        common.fail(
            f"--role-arn: the role is in account {roles.given_account}, but the credentials are of "
            f"account {aws.account}",
            common.UNKNOWN,
        )
    by_default = [aws.region, *([GLOBAL_REGION] if aws.partition == "aws" else [])]
    wanted = list(dict.fromkeys(regions or by_default))
    read = []
    with common.progress("events read") as advance:

        def found(region: str, records: Sequence[Any]) -> None:
            collector.add(region, records)
            advance(len(records))

        def done(region: str, count: int, unknown: "Unknown | None") -> None:
            if unknown is None:
                read.append(region)
            else:
                collector.unknown.append(unknown)
            advance(0, f"{region} {count:,} events{'' if unknown is None else ' unknown'}")

        read_history(aws, wanted, period, found=found, done=done)
    return in_utc(period[0]), in_utc(period[1]), tuple(sorted(read))
