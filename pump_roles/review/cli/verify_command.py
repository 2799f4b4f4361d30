"""``pump-roles verify``: whether accounts still have the expected roles."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, get_args

import click

from pump_roles import validators
from pump_roles.review.cli import common, input_output

if TYPE_CHECKING:
    from pump_roles.review.account.verify.accounts import Scope
    from pump_roles.review.account.verify.expectation import Expectation
    from pump_roles.review.account.verify.verification import AccountResult, Verification

VerifyFormat = Literal["table", "json", "markdown"]

_EXTENSIONS: Final[dict[str, VerifyFormat]] = {".txt": "table", ".json": "json", ".md": "markdown"}


@click.command(short_help="Verify that accounts have the expected roles.")
@input_output.EXPECT
@click.option(
    "--principal",
    help="Pump's principal, an account ID or an ARN. Required for the published roles, and "
    "for a template in which it is a parameter.",
)
@click.option(
    "--external-ids",
    type=input_output.csv_path,
    metavar="<path>",
    help="The external IDs to compare, for a template in which they are parameters: a "
    ".csv file whose header has the columns role_arn and external_id. For one ID for all "
    f"roles, set {common.EXTERNAL_ID_VARIABLE} instead. By default, external IDs that are "
    "parameters are not compared.",
)
@click.option(
    "--role",
    type=common.ROLE,
    multiple=True,
    help="Expect only this role. May be repeated. By default, all roles of --expect, or "
    "all published roles, are expected.",
)
@click.option(
    "--removed",
    is_flag=True,
    help="Verify that the roles are gone: no role with one of their names exists, and no "
    "other role gives Pump access. With --organization, every account is checked.",
)
@click.option(
    "--management-account",
    metavar="<id>",
    help="The ID of the management account of the expected organization. An account in "
    "another organization, or in none, then differs. By default, the organization is "
    "shown, but not compared.",
)
@click.option(
    "--details",
    type=input_output.named_path,
    multiple=True,
    metavar="<path>",
    help="Verify saved files, without credentials: a file with the output of aws iam "
    "get-account-authorization-details and, because that does not contain the maximum "
    "session duration, a file for each role with the output of aws iam get-role; and, for "
    "the organization of a single account, a file with the output of aws organizations "
    "describe-organization. May be repeated.",
)
@click.option(
    "--organization",
    is_flag=True,
    help="Verify every account of the organization. Requires credentials of the management "
    "account or of a delegated administrator.",
)
@click.option(
    "--assume-role",
    metavar="<name>",
    help="The name of the role to assume in each account of the organization, with its "
    "path if it has one.",
)
@click.option(
    "--unit",
    multiple=True,
    metavar="<id>",
    help="The ID of an organizational unit. Its accounts, and those of the units below it, "
    "are verified. May be repeated. Defaults to the whole organization.",
)
@click.option(
    "--account",
    multiple=True,
    metavar="<id>",
    help="The ID of an account to verify. May be repeated.",
)
@click.option(
    "--exclude-account",
    multiple=True,
    metavar="<id>",
    help="The ID of an account to exclude. May be repeated.",
)
@click.option(
    "--concurrency",
    type=click.IntRange(1, 32),
    default=8,
    help="How many accounts to read at once.",
)
@click.option(
    "--region",
    help="The Region to call. IAM and Organizations are global; the Region only selects "
    "the partition. Defaults to AWS_REGION, AWS_DEFAULT_REGION, that of the profile, or "
    "us-east-1.",
)
@common.PROFILE
@common.format_option(get_args(VerifyFormat))
@input_output.outputs_option(_EXTENSIONS)
@common.with_errors(common.UNKNOWN)
def verify(
    *,
    expect: Path | None,
    principal: str | None,
    external_ids: Path | None,
    role: tuple[str, ...],
    removed: bool,
    management_account: str | None,
    details: tuple[Path, ...],
    organization: bool,
    assume_role: str | None,
    unit: tuple[str, ...],
    account: tuple[str, ...],
    exclude_account: tuple[str, ...],
    concurrency: int,
    region: str | None,
    profile: str | None,
    format: VerifyFormat,
    output: tuple[Path | None, ...],
) -> None:
    """Verify that an account still has the roles that were reviewed.

    Compares the roles in the caller's account, or in the accounts of an organization, with what is
    expected: name and path, trust policy, inline and attached policies, guardrails, permissions
    boundary, and maximum session duration. Policies are compared by meaning, not by text. Also
    names the account's organization and its management account, and lists other roles that
    Pump's principal or everyone can assume. All calls are read-only. External IDs are compared but
    never shown.

    After a removal, pass --removed: then a role that still exists is a difference.

    Exit status: 0 if everything was checked and is as expected; 3 if anything differs; otherwise 4
    if anything could not be checked, or the input cannot be used; 1 if the result cannot be
    written; 2 for a usage error.
    """
    from pump_roles.review.account.verify.accounts import verify_files  # noqa: PLC0415
    from pump_roles.review.account.verify.details import read_files  # noqa: PLC0415
    from pump_roles.review.output.formats import written  # noqa: PLC0415

    formats = input_output.formats_of(output, [expect, external_ids, *details], _EXTENSIONS)
    scope = _scope(unit, account, exclude_account, assume_role, organization=organization)
    if management_account is not None:
        validators.ACCOUNT.check("--management-account", management_account)
    if details:
        common.check_alone(
            "--details", {"--organization": scope, "--profile": profile, "--region": region}
        )
    if removed:
        others = {"--role": role, "--unit": unit, "--account": account}
        common.check_alone("--removed", {**others, "--exclude-account": exclude_account})
    expectation = replace(
        _expectation(expect, principal, external_ids, role),
        management_account=management_account or "",
    )
    if removed and expectation.across_accounts and scope is None:
        common.fail(
            f"{expectation.description}: a StackSet deploys the roles to other accounts; pass "
            "--organization to check them all, or the template of one stack to check one account",
            common.UNKNOWN,
        )
    if removed:
        expectation = expectation.absent()
    if details:
        verification = verify_files(read_files(details), expectation)
    else:
        with common.unknown_if_aws_fails(hidden=[*expectation.hidden]):
            verification = _of_accounts(
                expectation, scope, assume_role, profile, common.region_of(region), concurrency
            )
    input_output.write_all(
        {
            file: written(verification, chosen, styled=file is None)
            for file, chosen in {None: format, **formats}.items()
        }
    )
    state = verification.state
    common.finish(different=state == "differs", unknown=state == "unknown")


def _scope(
    units: Sequence[str],
    accounts: Sequence[str],
    excluded: Sequence[str],
    assume_role: str | None,
    *,
    organization: bool,
) -> "Scope | None":
    from pump_roles.review.account.verify.accounts import Scope  # noqa: PLC0415

    passed = {
        "--assume-role": assume_role,
        "--unit": units,
        "--account": accounts,
        "--exclude-account": excluded,
    }
    if not organization:
        common.check_needless(passed, "--organization")
        return None
    if not assume_role:
        raise click.BadParameter("--organization: requires --assume-role")
    validators.ROLE_TO_ASSUME.check("--assume-role", assume_role)
    if units:
        validators.ORGANIZATIONAL_UNITS.check("--unit", units)
    for name, ids in (("--account", accounts), ("--exclude-account", excluded)):
        for id_ in ids:
            validators.ACCOUNT.check(name, id_)
    return Scope(units=units, accounts=accounts, excluded=excluded)


def _expectation(
    expect: Path | None, principal: str | None, external_ids: Path | None, kinds: Sequence[str]
) -> "Expectation":
    from pump_roles.review.account.role_list import read_role_list  # noqa: PLC0415
    from pump_roles.review.account.verify.expectation import (  # noqa: PLC0415
        from_published,
        from_templates,
    )

    if expect is None and principal is None:
        raise click.BadParameter(
            "pass --expect, or --principal to compare with the published roles"
        )
    of_environment = common.external_id_of_environment()
    if external_ids is not None and of_environment is not None:
        raise click.BadParameter(
            f"--external-ids: cannot be combined with {common.EXTERNAL_ID_VARIABLE}; unset it"
        )
    if principal is not None:
        validators.PRINCIPAL.check("--principal", principal)
    if of_environment is not None:
        validators.EXTERNAL_ID.check(common.EXTERNAL_ID_VARIABLE, of_environment, shown=False)
    expectation = (
        from_templates(expect, principal=principal)
        if expect is not None
        else from_published(principal or "")
    )
    listed = [] if external_ids is None else read_role_list(external_ids)
    return expectation.only(kinds).with_external_ids(listed, external_id=of_environment or "")


def _of_accounts(  # noqa: PLR0917
    expectation: "Expectation",
    scope: "Scope | None",
    assume_role: str | None,
    profile: str | None,
    region: str | None,
    concurrency: int,
) -> "Verification":
    from pump_roles.review.account.organization import read_organization  # noqa: PLC0415
    from pump_roles.review.account.verify.accounts import (  # noqa: PLC0415
        Aws,
        accounts_in,
        verify_organization,
        verify_own_account,
    )

    aws = Aws(profile=profile, region=region, connections=concurrency)
    if scope is None:
        return verify_own_account(aws, expectation)
    accounts = accounts_in(aws, scope, expectation.units)
    organization = read_organization(aws.organizations())
    with common.progress("accounts verified", len(accounts)) as advance:
        numbers = count(1)

        def found(result: "AccountResult") -> None:
            done = f"{next(numbers):,}/{len(accounts):,}"
            advance(1, f"{done} {result.account} {result.state}")

        return verify_organization(
            aws,
            expectation,
            accounts,
            role_to_assume=assume_role or "",
            concurrency=concurrency,
            organization=organization,
            found=found,
        )
