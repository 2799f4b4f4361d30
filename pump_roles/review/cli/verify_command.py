"""``pump-roles verify``: whether accounts still have the expected roles."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from itertools import count
from pathlib import Path

import click

from pump_roles import templates
from pump_roles.inputs.text import InputError
from pump_roles.inputs.validators import ACCOUNT, ORGANIZATIONAL_UNIT, PRINCIPAL, ROLE_TO_ASSUME
from pump_roles.review.account.expectation import (
    Expectation,
    from_published,
    from_report,
    from_templates,
)
from pump_roles.review.account.organization import select_accounts
from pump_roles.review.account.saved_details import read_files
from pump_roles.review.account.verification import AccountResult, Verification
from pump_roles.review.account.verify_accounts import (
    verify_files,
    verify_organization,
    verify_own_account,
)
from pump_roles.review.cli import aws, finish, options
from pump_roles.review.output.saved_report import read_saved
from pump_roles.review.output.verify_sections import presentation_of
from pump_roles.review.report.permission_report import of_contents, of_kept, of_published


def _check_target(argument: str, value: str) -> str:
    return value if ACCOUNT.accepts(value) else ORGANIZATIONAL_UNIT.check(argument, value)


@options.command()
@click.option(
    "--expect",
    type=options.INPUT,
    help="What was reviewed: a file that pump-roles report --keep wrote, the JSON of a report, a "
    "synthesized template, or a folder such as cdk.out.",
)
@click.option(
    "--principal",
    type=options.valid("principal", PRINCIPAL.check),
    help="Pump's principal, an account ID or an ARN, for a template in which it is a parameter; "
    "or, without --expect, for the published roles without guardrails.",
)
@click.option(
    "--removed",
    is_flag=True,
    help="Verify that the roles are gone: no role with one of their names exists, and no "
    "other role gives Pump access. With --assume-role, every account is checked.",
)
@click.option(
    "--management-account",
    type=options.valid("id", ACCOUNT.check),
    help="The ID of the management account of the expected organization. An account in another "
    "organization, or in none, then differs. By default, it is shown, but not compared.",
)
@options.repeatable(
    "--details",
    type=options.INPUT,
    help="Verify saved files, without credentials: the output of aws iam "
    "get-account-authorization-details; and, for each role, that of aws iam get-role, which has "
    "the maximum session duration.",
)
@click.option(
    "--assume-role",
    type=options.valid("name", ROLE_TO_ASSUME.check),
    help="Verify every account of the organization: the name of the role to assume in each, with "
    "its path if it has one. Requires credentials of the management account or of a delegated "
    "administrator.",
)
@options.repeatable(
    "--target",
    type=options.valid("id", _check_target),
    help="With --assume-role: the ID of an organizational unit, whose accounts, and those of the "
    "units below it, are verified; or the ID of an account. Defaults to the whole organization.",
)
@options.repeatable(
    "--exclude-account",
    type=options.valid("id", ACCOUNT.check),
    help="With --assume-role: the ID of an account to exclude.",
)
@options.PROFILE
@options.written_as("table", "markdown", "json")
def verify(
    *,
    expect: Path | None,
    principal: str | None,
    removed: bool,
    management_account: str | None,
    details: Sequence[Path],
    assume_role: str | None,
    target: Sequence[str],
    exclude_account: Sequence[str],
    profile: str | None,
    outputs: options.Outputs,
) -> None:
    """Verify that an account still has the roles that were reviewed.

    Compares the roles in the caller's account, or in the accounts of an organization, with what is
    expected: name and path, trust policy, inline and attached policies, guardrails, permissions
    boundary, maximum session duration, and the schedule that ends an approval, with its role.
    Policies are compared by meaning, not by text. The result begins with which roles are stopped,
    and which are not. Also names the account's organization and its management account, and lists
    other roles that Pump's principal or everyone can assume, and those that the management account
    can use, which are not a difference. All calls are read-only. External IDs are compared but
    never shown. One that the templates leave to a parameter is that of the environment variable
    PUMP_EXTERNAL_ID; without it, the role is unknown.

    After a removal, pass --removed: then a role that still exists is a difference.

    Exit status: 3 if anything differs; otherwise 4 if anything could not be checked.
    """
    narrowed = {"--target": target, "--exclude-account": exclude_account}
    if not assume_role:
        options.check_not_passed(narrowed, "requires --assume-role")
    if removed:
        options.check_not_passed(narrowed, "cannot be combined with --removed")
    if details:
        of_aws = {
            "--assume-role": assume_role,
            "--profile": profile,
            "--management-account": management_account,
        }
        options.check_not_passed(of_aws, "cannot be combined with --details")
    if len({ACCOUNT.accepts(each) for each in target}) > 1:
        raise click.UsageError("--target: pass either organizational units or accounts")
    expectation = replace(
        _expectation(expect, principal), management_account=management_account or ""
    )
    if removed and not assume_role and any(place.stack_set for place in expectation.places):
        raise InputError(
            f"{expectation.description}: a StackSet deploys the roles to other accounts; pass "
            "--assume-role to check them all, or the template of one stack to check one account"
        )
    if removed:
        expectation = expectation.absent()
    if details:
        verification = verify_files(read_files(details), expectation)
    else:
        with aws.unknown_if_aws_fails(external_ids=expectation.external_ids):
            clients = aws.CallerClients(profile=profile, region=aws.region_of())
            verification = (
                _of_organization(clients, expectation, target, exclude_account, assume_role)
                if assume_role
                else verify_own_account(clients, expectation)
            )
    outputs.write(verification, partial(presentation_of, verification))
    state = verification.state
    finish(different=state == "differs", unknown=state == "unknown")


def _expectation(expect: Path | None, principal: str | None) -> Expectation:
    external_id = options.external_id_of_environment()
    if expect is not None and (saved := read_saved(expect)):
        expectation = from_report(expect, of_kept(saved), principal=principal)
    elif expect is not None:
        read = templates.read(expect)
        expectation = from_templates(expect, read, of_contents(read), principal=principal)
    elif principal is not None:
        expectation = from_published(of_published(), principal)
    else:
        raise click.UsageError("pass --expect, or --principal to compare with the published roles")
    return expectation.with_external_id(external_id) if external_id else expectation


def _of_organization(
    clients: aws.CallerClients,
    expectation: Expectation,
    targets: Sequence[str],
    excluded: Sequence[str],
    role_to_assume: str,
) -> Verification:
    rolled_out = {unit for place in expectation.places for unit in place.known_units}
    accounts = select_accounts(clients.organizations(), targets, excluded, rolled_out)
    with aws.progress("accounts verified", len(accounts)) as advance:
        numbers = count(1)

        def show(result: AccountResult) -> None:
            done = f"{next(numbers):,}/{len(accounts):,}"
            advance(1, f"{done} {result.account} {result.state}")

        return verify_organization(
            clients,
            expectation,
            accounts,
            role_to_assume=role_to_assume,
            on_result=show,
        )
