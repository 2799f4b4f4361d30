"""``pump-roles rollout-status``: which accounts of a rollout have a current stack instance."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

import click

from pump_roles.review.cli import common
from pump_roles.review.cli.common import comma_separated
from pump_roles.review.cli.input_output import named_path, write_all
from pump_roles.validators import ACCOUNTS, STACK_SET_NAME, CallAs

if TYPE_CHECKING:
    from pump_roles.review.account.organization import AccountFilter
    from pump_roles.review.account.rollout.expected import ExpectedRollout
    from pump_roles.review.account.rollout.status import Statuses

StatusFormat = Literal["table", "json"]


@click.command(short_help="List the accounts without a current stack instance.")
@click.argument("stack_sets", nargs=-1, metavar="[STACK_SET]...")
@click.option(
    "--expect",
    type=named_path,
    metavar="<path>",
    help="What should be rolled out: a synthesized template, or a folder such as cdk.out. "
    "Every rollout in it is checked, with its units and its account filter. Instead, pass "
    "the names of StackSets and one of the next three options.",
)
@click.option(
    "--call-as",
    type=click.Choice(get_args(CallAs)),
    help="Whether you call as the management account or as a delegated administrator. "
    "Defaults to the value in the templates, or management.",
)
@click.option(
    "--exclude-accounts",
    multiple=True,
    metavar="<ids>",
    help="The IDs of the accounts that the StackSets exclude, comma-separated. May be repeated.",
)
@click.option(
    "--only-accounts",
    multiple=True,
    metavar="<ids>",
    help="The IDs of the only accounts that the StackSets target, comma-separated. May be "
    "repeated.",
)
@click.option("--no-filter", is_flag=True, help="The StackSets have no account filter.")
@click.option(
    "--wait", is_flag=True, help="Wait until no operation of the StackSets is running or queued."
)
@click.option(
    "--timeout",
    type=click.IntRange(1, 10_000),
    metavar="<minutes>",
    help="With --wait: the maximum number of minutes to wait for each StackSet. Defaults "
    "to no limit.",
)
@click.option(
    "--region",
    help="The Region of the rollout's stack. Defaults to that of the templates, "
    "AWS_REGION, AWS_DEFAULT_REGION, or that of the profile.",
)
@common.PROFILE
@common.format_option(get_args(StatusFormat))
@common.with_errors(common.UNKNOWN)
def rollout_status(
    stack_sets: tuple[str, ...],
    *,
    expect: Path | None,
    call_as: CallAs | None,
    exclude_accounts: tuple[str, ...],
    only_accounts: tuple[str, ...],
    no_filter: bool,
    wait: bool,
    timeout: int | None,
    region: str | None,
    profile: str | None,
    format: StatusFormat,
) -> None:
    """Show which accounts of rollouts have a current stack instance, and list those that do not.

    STACK_SET is the name of a StackSet, such as PumpReadOnly. Its units are those that it targets.

    Compares the targets with the stack instances. Run it in the account that deployed the rollouts;
    it needs no role in the member accounts.

    A current stack instance means that the last StackSets operation there succeeded. It shows
    neither what the role can do nor whether someone has changed it since: pump-roles verify does.

    Exit status: 0 if every rollout is complete: every targeted account has a current stack
    instance, and no other account has one; 3 if a rollout is not complete, if no account is
    targeted, if a filter names an account that is not below the units, or if a StackSet does not
    target the units of the templates; otherwise 4 if a status or the templates cannot be read, or
    the result cannot be written; 2 for a usage error.
    """
    from pump_roles.review.output.formats import written  # noqa: PLC0415

    filters = {
        "--only-accounts": only_accounts,
        "--exclude-accounts": exclude_accounts,
        "--no-filter": no_filter,
    }
    passed = [option for option, value in filters.items() if value]
    if not wait:
        common.check_needless({"--timeout": timeout}, "--wait")
    if expect is not None:
        common.check_alone("--expect", {"STACK_SET": stack_sets, **filters})
        rollouts = _in_templates(expect)
    elif not stack_sets or not passed:
        raise click.BadParameter(
            "pass --expect, or the names of StackSets, such as PumpReadOnly, with "
            "--exclude-accounts, --only-accounts, or --no-filter"
        )
    else:
        common.check_alone(passed[0], dict.fromkeys(passed[1:], True))
        rollouts = _named(stack_sets, exclude_accounts, only_accounts)
    if call_as is not None:
        rollouts = [replace(rollout, call_as=call_as) for rollout in rollouts]
    statuses = _read_statuses(
        rollouts,
        profile,
        common.region_of(region or _region_of_rollouts(rollouts)),
        seconds=None if timeout is None else timeout * 60,
        wait=wait,
    )
    write_all({None: written(statuses, format, styled=True)}, status=common.UNKNOWN)
    state = statuses.state
    common.finish(different=state == "incomplete", unknown=state == "unknown")


def _in_templates(path: Path) -> "list[ExpectedRollout]":
    from pump_roles.review.account.rollout.expected import rollouts_in  # noqa: PLC0415
    from pump_roles.review.account.rollout.status import StatusError  # noqa: PLC0415
    from pump_roles.review.output.words import unknown_in_words  # noqa: PLC0415
    from pump_roles.review.templates.reading import read_templates  # noqa: PLC0415

    name = path.name or str(path)
    try:
        return [*rollouts_in(read_templates(path), name)]
    except StatusError as error:
        targets = f"{name}: the targets of the StackSet {error.stack_set}"
        common.fail(f"{targets} cannot be read: {unknown_in_words(error.unknown)}", common.UNKNOWN)


def _named(
    stack_sets: Sequence[str], exclude_accounts: Sequence[str], only_accounts: Sequence[str]
) -> "list[ExpectedRollout]":
    from pump_roles.review.account.rollout.expected import ExpectedRollout  # noqa: PLC0415

    account_filter: AccountFilter = "NONE"
    filtered: list[str] = []
    if exclude_accounts:
        account_filter = "DIFFERENCE"
        filtered = ACCOUNTS.check("--exclude-accounts", comma_separated(exclude_accounts))
    elif only_accounts:
        account_filter = "INTERSECTION"
        filtered = ACCOUNTS.check("--only-accounts", comma_separated(only_accounts))
    return [
        ExpectedRollout(
            stack_set=STACK_SET_NAME.check("STACK_SET", name),
            account_filter=account_filter,
            filtered=tuple(filtered),
        )
        for name in dict.fromkeys(stack_sets)
    ]


def _region_of_rollouts(rollouts: "Sequence[ExpectedRollout]") -> str | None:
    regions = sorted({rollout.region for rollout in rollouts if rollout.region})
    if len(regions) > 1:
        common.fail(
            f"the rollouts are in several Regions: {', '.join(regions)}; pass --region",
            common.UNKNOWN,
        )
    return regions[0] if regions else None


def _read_statuses(
    rollouts: "Sequence[ExpectedRollout]",
    profile: str | None,
    region: str | None,
    *,
    seconds: int | None,
    wait: bool,
) -> "Statuses":
    from pump_roles.review.account.clients import Clients  # noqa: PLC0415
    from pump_roles.review.account.rollout.deployed import read, wait_for  # noqa: PLC0415

    with common.unknown_if_aws_fails():
        # Organizations allows few calls per second, and each unit takes two.
        clients = Clients(profile=profile, region=region, read_seconds=60, attempts=11)
        cloudformation, organizations = clients.cloudformation(), clients.organizations()
    with common.progress("seconds waited for the operations to end") as waited:
        unknown = {
            rollout.stack_set: reason
            for rollout in rollouts
            if wait
            and (reason := wait_for(cloudformation, rollout, seconds=seconds, waited=waited))
        }
    with common.progress("stack instances and accounts read") as found:
        return read(
            cloudformation, organizations, rollouts, unknown=unknown, found=found, profile=profile
        )
