"""``pump-roles rollout-status``: which accounts of a rollout have a current stack instance."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import click

from pump_roles import templates
from pump_roles.inputs import ACCOUNTS, STACK_SET_NAME, CallAs, InputError
from pump_roles.review.account.rollout_status import (
    ExpectedRollout,
    UncertainRolloutError,
    read_statuses,
    rollouts_in,
)
from pump_roles.review.cli import aws, options
from pump_roles.review.output.descriptions import describe_unknown
from pump_roles.review.output.rollout_sections import document_of


@options.command()
@click.argument(
    "stack_sets",
    type=options.valid("name", STACK_SET_NAME.check),
    nargs=-1,
    metavar="[STACK_SET]...",
)
@options.EXPECT
@click.option(
    "--delegated-admin/--no-delegated-admin",
    default=None,
    help="Whether you call as a delegated administrator, and not as the management account. "
    "Defaults to what the templates say, or the management account.",
)
@options.comma_separated(
    "--exclude-accounts", ACCOUNTS, help="The IDs of the accounts that the StackSets exclude"
)
@options.comma_separated(
    "--only-accounts", ACCOUNTS, help="The IDs of the only accounts that the StackSets target"
)
@click.option("--no-filter", is_flag=True, help="The StackSets have no account filter.")
@click.option(
    "--region",
    help="The Region of the rollout's stack. Defaults to that of the templates, "
    "AWS_REGION, AWS_DEFAULT_REGION, or that of the profile.",
)
@options.PROFILE
@options.written_as("table", "markdown", "json")
def rollout_status(
    stack_sets: Sequence[str],
    *,
    expect: Path | None,
    delegated_admin: bool | None,
    exclude_accounts: Sequence[str],
    only_accounts: Sequence[str],
    no_filter: bool,
    region: str | None,
    profile: str | None,
    outputs: options.Outputs,
) -> None:
    """Show which accounts of rollouts have a current stack instance, and list those that do not.

    With --expect, every rollout in the templates is checked, with its units and account filter.
    Instead, pass names of StackSets, such as PumpReadOnly, with --exclude-accounts,
    --only-accounts, or --no-filter. The units are then those that the StackSets target.

    Compares the targets with the stack instances. Run it in the account that deployed the rollouts;
    it needs no role in the member accounts.

    A current stack instance means that the last StackSets operation there succeeded. It shows
    neither what the role can do nor whether someone has changed it since: pump-roles verify does.

    Exit status: 3 if a targeted account has no current stack instance, another account has one, no
    account is targeted, a filter names an account that is not below the units, or a StackSet does
    not target the units of the templates; otherwise 4 if that cannot be determined.
    """
    filters = {
        "--only-accounts": only_accounts,
        "--exclude-accounts": exclude_accounts,
        "--no-filter": no_filter,
    }
    if expect is not None:
        options.check_not_passed(
            {"STACK_SET": stack_sets, **filters}, "cannot be combined with --expect"
        )
        rollouts = _in_templates(expect)
    elif stack_sets and sum(map(bool, filters.values())) == 1:
        rollouts = [
            ExpectedRollout(
                stack_set=name,
                filter="" if no_filter else "only" if only_accounts else "exclude",
                filtered=(*exclude_accounts, *only_accounts),
            )
            for name in dict.fromkeys(stack_sets)
        ]
    else:
        raise click.UsageError(
            "pass --expect, or the names of StackSets, such as PumpReadOnly, with one of "
            f"{', '.join(filters)}"
        )
    if delegated_admin is not None:
        call_as: CallAs = "delegated-admin" if delegated_admin else "management"
        rollouts = [replace(rollout, call_as=call_as) for rollout in rollouts]
    region = aws.region_of(region or _region_of_rollouts(rollouts))
    with aws.unknown_if_aws_fails():
        # Organizations allows few calls per second, and each unit takes two.
        clients = aws.Clients(profile=profile, region=region, read_seconds=60, attempts=11)
        cloudformation, organizations = clients.cloudformation(), clients.organizations()
    with aws.progress("stack instances and accounts read") as advance:
        statuses = read_statuses(cloudformation, organizations, rollouts, advance=advance)
    outputs.write(statuses, partial(document_of, statuses))
    state = statuses.state
    options.finish(different=state == "incomplete", unknown=state == "unknown")


def _in_templates(path: Path) -> list[ExpectedRollout]:
    name = path.name or str(path)
    try:
        return [*rollouts_in(templates.read(path), name)]
    except UncertainRolloutError as error:
        targets = f"{name}: the targets of the StackSet {error.stack_set}"
        options.fail(
            f"{targets} cannot be read: {describe_unknown(error.unknown)}", options.UNKNOWN
        )


def _region_of_rollouts(rollouts: Sequence[ExpectedRollout]) -> str | None:
    regions = sorted({rollout.region for rollout in rollouts if rollout.region})
    if len(regions) > 1:
        raise InputError(
            f"the rollouts are in several Regions: {', '.join(regions)}; pass --region"
        )
    return regions[0] if regions else None
