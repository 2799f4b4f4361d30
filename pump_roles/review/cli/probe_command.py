"""``pump-roles probe``: whether a role requires its external ID."""

from functools import partial

import click

from pump_roles.iam.external_ids import ExternalId
from pump_roles.inputs.validators import PROBED_ROLE_ARN, partition_of
from pump_roles.review.account.probe import ProbeReport, prove, read_caller, sts_client
from pump_roles.review.cli import aws, fail, finish, options
from pump_roles.review.output.probe_sections import presentation_of


# The command rejects extra arguments: click's own message would show them, and with them maybe an
# external ID.
@options.command(context_settings={"allow_extra_args": True})
@click.pass_context
@click.argument("role_arn", type=options.valid("arn", PROBED_ROLE_ARN.check))
@click.option(
    "--external-id",
    type=options.valid("id", ExternalId.provided),
    help="The role's external ID. Defaults to the environment variable "
    f"{options.EXTERNAL_ID_VARIABLE}, which other users cannot see in the process list.",
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
    role_arn: str,
    *,
    external_id: ExternalId | None,
    region: str | None,
    profile: str | None,
    outputs: options.Outputs,
) -> None:
    """Prove that a customer's role requires its external ID, by trying to assume it.

    ROLE_ARN is the ARN of the role. Also pass --external-id.

    Run it as a principal that the role trusts. It tries to assume the role three times: with its
    external ID, without one, and with a wrong one. AWS STS accepts an external ID that a role does
    not require, so the role requires its external ID only if the first call is accepted and the
    other two are refused. Credentials are discarded immediately. An accepted call appears in the
    customer's CloudTrail as the session pump-roles-probe. No external ID is shown or stored.

    Use a principal that may call sts:AssumeRole with and without an external ID: a call that a
    policy on the caller's side denied proves nothing about the role. AWS does not always say
    which policy denied a call; if it does not, the refusal counts as the role's. A role that
    accepts a pattern of external IDs is detected only if the wrong ID (pump- and 32 random
    hexadecimal digits) matches the pattern.

    Exit status: 3 if the role does not require its external ID; 4 if the verdict is unknown, or AWS
    cannot be called.
    """
    if context.args:
        raise click.UsageError("too many arguments; pass the external ID with --external-id")
    of_environment = options.external_id_of_environment()
    external_id = external_id or of_environment
    if external_id is None:
        raise click.UsageError(f"pass --external-id, or set {options.EXTERNAL_ID_VARIABLE}")
    with aws.unknown_if_aws_fails(external_ids=[external_id]):
        sts = sts_client(profile=profile, region=aws.region_of(region))
    here, there = sts.meta.partition, partition_of(role_arn)
    if there != here:
        fail(
            f"the role is in partition {there}, but the caller is in {here}; pass a --region or "
            f"--profile in {there}"
        )
    # Missing credentials, or an endpoint that does not respond, cause one error, not three.
    with aws.unknown_if_aws_fails(external_ids=[external_id]):
        caller = read_caller(sts)
    report = ProbeReport(caller=caller, roles=(prove(role_arn, external_id, sts=sts),))
    outputs.write(report, partial(presentation_of, report))
    finish(different=bool(report.counts["not-required"]), unknown=bool(report.counts["unknown"]))
