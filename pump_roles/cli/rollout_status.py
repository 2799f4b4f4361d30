"""``pump-roles rollout-status``: which accounts of a rollout have the role."""

import json
from typing import TYPE_CHECKING, Annotated

import typer

from pump_roles.cli.common import (
    DIFFERENT,
    Profile,
    TableOrJson,
    progress,
    region_of,
    unknown_if_aws_fails,
)
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

__all__ = ["rollout_status"]


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
    profile: Profile = None,
    format: TableOrJson = "table",
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
    with unknown_if_aws_fails():
        cloudformation, organizations = _clients(profile, region_of(region))
        with progress("stack instances and accounts read") as found:
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
