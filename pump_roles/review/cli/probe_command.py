"""``pump-roles probe``: whether roles require their external ID."""

from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from pump_roles.review.cli import common
from pump_roles.review.cli.input_output import csv_path, write_all
from pump_roles.text import one_line
from pump_roles.validators import EXTERNAL_ID, ROLE_ARN

if TYPE_CHECKING:
    from pump_roles.review.account.role_list import ListedRole


@click.command(
    short_help="Prove that roles require their external ID.",
    # The command rejects extra arguments: click's own message would show them, and with them maybe
    # an external ID.
    context_settings={"allow_extra_args": True},
)
@click.pass_context
@click.argument("role_arn", required=False)
@click.option(
    "--external-id",
    help="The role's external ID. Defaults to the environment variable "
    f"{common.EXTERNAL_ID_VARIABLE}, which other users cannot see in the process list.",
)
@click.option(
    "--file",
    type=csv_path,
    metavar="<path>",
    help="The roles to probe: a .csv file whose header has the columns role_arn and external_id.",
)
@click.option(
    "--concurrency", type=click.IntRange(1, 32), default=8, help="How many roles to probe at once."
)
@click.option(
    "--region",
    help="The Region whose STS endpoint to call. Defaults to AWS_REGION, "
    "AWS_DEFAULT_REGION, that of the profile, or us-east-1.",
)
@common.PROFILE
@common.format_option(["table", "json"])
@common.with_errors()
def probe(
    context: click.Context,
    role_arn: str | None,
    *,
    external_id: str | None,
    file: Path | None,
    concurrency: int,
    region: str | None,
    profile: str | None,
    format: Literal["table", "json"],
) -> None:
    """Prove that customers' roles require their external ID, by trying to assume them.

    ROLE_ARN is the ARN of the role to probe. Also pass --external-id.

    Run it as a principal that the roles trust. It tries to assume each role three times: with its
    external ID, without one, and with a wrong one. AWS STS accepts an external ID that a role does
    not require, so the role requires its external ID only if the first call is accepted and the
    other two are refused. Credentials are discarded immediately. An accepted call appears in the
    customer's CloudTrail as the session pump-roles-probe. No external ID is shown or stored.

    If AWS's response is ambiguous, the verdict is unknown. A call that was denied by the caller's
    own policy, permissions boundary, or session policy, by an organization's policy, or by a VPC
    endpoint's policy proves nothing about the role. So use a principal that may call sts:AssumeRole
    with and without an external ID. AWS does not always say which policy denied a call; if
    it does not, the refusal counts as the role's. A role that accepts a pattern of external IDs is
    detected only if the wrong ID (pump- and 32 random hexadecimal digits) matches the pattern.

    Prints a warning, without changing the exit status, for an external ID of fewer than 16
    characters, for an external ID that several accounts share (which is correct only if they belong
    to one customer), and for a role name that is not one of Pump's.

    Exit status: 0 if every role requires its external ID; 3 if any role does not; otherwise 4 if
    any verdict is unknown, AWS cannot be called, or the result cannot be written; 1 if the file is
    not valid; 2 for a usage error.
    """
    from pump_roles.json_input import InputError  # noqa: PLC0415
    from pump_roles.review.account.probe import (  # noqa: PLC0415
        ProbeReport,
        caller_of,
        probe_all,
        sts_client,
    )
    from pump_roles.review.account.role_list import check_partition, warnings_about  # noqa: PLC0415
    from pump_roles.review.output.formats import written  # noqa: PLC0415

    if context.args:
        raise click.BadParameter("too many arguments; pass the external ID with --external-id")
    targets = _roles_to_probe(role_arn, external_id, file)
    hidden = [target.external_id for target in targets]
    with common.unknown_if_aws_fails(hidden=hidden):
        sts = sts_client(profile=profile, region=common.region_of(region), connections=concurrency)
    try:
        check_partition(targets, sts.meta.partition)
    except InputError as error:
        if file is None:
            raise click.BadParameter(f"ROLE_ARN: {error}") from None
        common.fail(f"{file}: {error}", 1)
    for warning in warnings_about(targets):
        about = "" if file is None else f"{file}: "
        click.echo(f"pump-roles: warning: {one_line(f'{about}{warning}')}", err=True)
    # Missing credentials, or an endpoint that does not respond, cause one error, not one per role.
    with common.unknown_if_aws_fails(hidden=hidden):
        caller = caller_of(sts)
    with common.progress("roles probed", len(targets)) as advance:
        results = probe_all(
            [(target.role_arn, target.external_id) for target in targets],
            sts=sts,
            concurrency=concurrency,
            found=lambda _: advance(1),
        )
    report = ProbeReport(caller=caller, roles=tuple(results))
    write_all({None: written(report, format, styled=True)}, status=common.UNKNOWN)
    verdicts = {result.verdict for result in results}
    common.finish(different="not-required" in verdicts, unknown="unknown" in verdicts)


def _roles_to_probe(
    role_arn: str | None, external_id: str | None, file: Path | None
) -> "list[ListedRole]":
    from pump_roles.review.account.role_list import ListedRole, read_role_list  # noqa: PLC0415

    if role_arn is None and file is None:
        raise click.BadParameter("pass ROLE_ARN or --file")
    if file is not None:
        for name, value in {"ROLE_ARN": role_arn, "--external-id": external_id}.items():
            if value is not None:
                common.check_alone(name, {"--file": file})
        return read_role_list(file)
    of_environment = common.external_id_of_environment()
    passed = of_environment if external_id is None else external_id
    if passed is None:
        raise click.BadParameter(f"pass --external-id, or set {common.EXTERNAL_ID_VARIABLE}")
    name = common.EXTERNAL_ID_VARIABLE if external_id is None else "--external-id"
    return [
        ListedRole(
            ROLE_ARN.check("ROLE_ARN", role_arn, shown=False),
            EXTERNAL_ID.check(name, passed, shown=False),
        )
    ]
