"""``pump-roles probe``: whether roles require their external ID."""

from functools import partial
from pathlib import Path

import click

from pump_roles.inputs import PROBED_ROLE_ARN, PROVIDED_EXTERNAL_ID, InputError
from pump_roles.review.account.probe import ProbeReport, probe_all, read_caller, sts_client
from pump_roles.review.account.role_list import (
    ListedRole,
    check_partition,
    read_role_list,
)
from pump_roles.review.cli import aws, options
from pump_roles.review.output.probe_sections import document_of


# The command rejects extra arguments: click's own message would show them, and with them maybe an
# external ID.
@options.command(context_settings={"allow_extra_args": True})
@click.pass_context
@click.argument("role_arn", type=options.valid("arn", PROBED_ROLE_ARN.check), required=False)
@click.option(
    "--external-id",
    type=options.valid("id", PROVIDED_EXTERNAL_ID.check),
    help="The role's external ID. Defaults to the environment variable "
    f"{options.EXTERNAL_ID_VARIABLE}, which other users cannot see in the process list.",
)
@click.option(
    "--file",
    type=options.csv,
    help="The roles to probe: a .csv file whose header has the columns role_arn and external_id.",
)
@click.option(
    "--region",
    help="The Region whose STS endpoint to call. Defaults to AWS_REGION, "
    "AWS_DEFAULT_REGION, that of the profile, or us-east-1.",
)
@options.PROFILE
@options.written_as("table", "markdown", "json")
def probe(
    context: click.Context,
    role_arn: str | None,
    *,
    external_id: str | None,
    file: Path | None,
    region: str | None,
    profile: str | None,
    outputs: options.Outputs,
) -> None:
    """Prove that customers' roles require their external ID, by trying to assume them.

    ROLE_ARN is the ARN of the role to probe. Also pass --external-id.

    Run it as a principal that the roles trust. It tries to assume each role three times: with its
    external ID, without one, and with a wrong one. AWS STS accepts an external ID that a role does
    not require, so the role requires its external ID only if the first call is accepted and the
    other two are refused. Credentials are discarded immediately. An accepted call appears in the
    customer's CloudTrail as the session pump-roles-probe. No external ID is shown or stored.

    Use a principal that may call sts:AssumeRole with and without an external ID: a call that a
    policy on the caller's side denied proves nothing about the role. AWS does not always say
    which policy denied a call; if it does not, the refusal counts as the role's. A role that
    accepts a pattern of external IDs is detected only if the wrong ID (pump- and 32 random
    hexadecimal digits) matches the pattern.

    Exit status: 3 if any role does not require its external ID; otherwise 4 if any verdict is
    unknown, or AWS cannot be called.
    """
    if context.args:
        raise click.UsageError("too many arguments; pass the external ID with --external-id")
    targets = _roles_to_probe(role_arn, external_id, file)
    hidden = [target.external_id for target in targets]
    with aws.unknown_if_aws_fails(hidden=hidden):
        sts = sts_client(profile=profile, region=aws.region_of(region))
    try:
        check_partition(targets, sts.meta.partition)
    except InputError as error:
        options.fail(f"{file}: {error}" if file else str(error))
    # Missing credentials, or an endpoint that does not respond, cause one error, not one per role.
    with aws.unknown_if_aws_fails(hidden=hidden):
        caller = read_caller(sts)
    with aws.progress("roles probed", len(targets)) as advance:
        found = probe_all(
            [(target.role_arn, target.external_id) for target in targets],
            sts=sts,
            on_result=lambda _: advance(1),
        )
    report = ProbeReport(caller=caller, roles=tuple(found))
    outputs.write(report, partial(document_of, report))
    options.finish(
        different=bool(report.counts["not-required"]), unknown=bool(report.counts["unknown"])
    )


def _roles_to_probe(
    role_arn: str | None, external_id: str | None, file: Path | None
) -> list[ListedRole]:
    if file is not None:
        options.check_not_passed(
            {"ROLE_ARN": role_arn, "--external-id": external_id}, "cannot be combined with --file"
        )
        return read_role_list(file)
    if role_arn is None:
        raise click.UsageError("pass ROLE_ARN or --file")
    of_environment = options.external_id_of_environment()
    passed = external_id or of_environment
    if passed is None:
        raise click.UsageError(f"pass --external-id, or set {options.EXTERNAL_ID_VARIABLE}")
    return [ListedRole(role_arn, passed)]
