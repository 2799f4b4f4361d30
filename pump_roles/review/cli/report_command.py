"""``pump-roles report``: what the roles can do."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, get_args

import click

from pump_roles.review.cli import common, input_output
from pump_roles.validators import GUARDRAILS, ROLE_NAME, ArgumentError

if TYPE_CHECKING:
    from pump_roles.guardrails import Guardrail
    from pump_roles.review.report import Earlier, Report

ReportFormat = Literal["html", "markdown", "csv", "json"]

_ALARM: Final = "alarm"
_BROADENED: Final = "broadened"

_EXTENSIONS: Final[dict[str, ReportFormat]] = {
    ".html": "html",
    ".htm": "html",
    ".md": "markdown",
    ".csv": "csv",
    ".json": "json",
}


@click.command(short_help="Show what the roles can do.")
@click.argument("path", type=input_output.named_path, required=False)
@click.option(
    "--output",
    type=input_output.output_path,
    metavar="<path>",
    help="The file to write. Defaults to -, standard output.",
)
@click.option(
    "--format",
    type=click.Choice(get_args(ReportFormat)),
    help="Defaults to the format of the output file's extension, or markdown, which fits a "
    "ticket or a pull request comment.",
)
@click.option(
    "--every-action",
    is_flag=True,
    help="With markdown: list every policy and action, and cut nothing.",
)
@click.option(
    "--guardrails",
    multiple=True,
    metavar="<names>",
    help="Guardrails for the published roles, comma-separated: the report shows what they "
    "would leave. May be repeated. By default, none.",
)
@click.option(
    "--since",
    type=input_output.named_path,
    metavar="<path>",
    help="What to compare with: an earlier report of this command, as JSON or as a page, "
    "or an earlier template or cdk.out. The report then shows what has changed since. By "
    "default, nothing is compared.",
)
@click.option(
    "--fail-on",
    type=click.Choice([_ALARM, _BROADENED]),
    multiple=True,
    help="After writing the report, exit with status 3 if it has an alarm (alarm), or if a "
    "change since the earlier report broadens or may broaden the roles (broadened). May be "
    "repeated.",
)
@click.option(
    "--account",
    is_flag=True,
    help="Report on the roles in the caller's AWS account, as they are now.",
)
@click.option(
    "--role-name",
    multiple=True,
    metavar="<name>",
    help="With --account: the name of one of Pump's roles there. May be repeated. Defaults "
    "to the published names.",
)
@click.option(
    "--region",
    help="With --account: the Region to call. Defaults to AWS_REGION, AWS_DEFAULT_REGION, "
    "or that of the profile.",
)
@common.PROFILE
@common.with_errors()
def report(
    path: Path | None,
    *,
    output: Path | None,
    format: ReportFormat | None,
    every_action: bool,
    guardrails: tuple[str, ...],
    since: Path | None,
    fail_on: tuple[str, ...],
    account: bool,
    role_name: tuple[str, ...],
    region: str | None,
    profile: str | None,
) -> None:
    """Show what the roles can do, action by action: your templates' roles, or the published ones.

    PATH is a synthesized template, or a folder such as cdk.out. Defaults to the published roles.

    With --account, show the roles in an AWS account instead. All calls are read-only.

    The actions come from the catalog that ships with this package; the report states its date.
    External IDs are not part of the report.

    Exit status: 0 if the report is written; 3 if it is written and a --fail-on condition is met; 1
    if the input cannot be read or the report cannot be written; 2 for a usage error; 4 if the
    account cannot be read.
    """
    from pump_roles.review.output.formats import written  # noqa: PLC0415
    from pump_roles.review.report import of_templates  # noqa: PLC0415

    _check_account(path, role_name, region, profile, account=account)
    if _BROADENED in fail_on and since is None:
        raise click.BadParameter("--fail-on broadened requires --since")
    formats = input_output.formats_of(
        [output], [path, since], _EXTENSIONS, format, remedy="; or pass --format"
    ) or {None: format or "markdown"}
    ((file, chosen),) = formats.items()
    if chosen != "markdown":
        common.check_needless({"--every-action": every_action}, "--format markdown")
    if guardrails and (account or path is not None):
        raise click.BadParameter("--guardrails: cannot be combined with --account or a path")
    earlier = None
    if since is not None:
        from pump_roles.review.output.json_documents import read_baseline  # noqa: PLC0415

        earlier = read_baseline(since)
    if account:
        result = _of_account(role_name, region, profile, earlier)
    elif path is not None:
        result = of_templates(path, since=earlier)
    else:
        result = _of_published(guardrails, earlier)
    input_output.write_all({file: written(result, chosen, every_action=every_action)})
    if reasons := [*_reasons(result, fail_on)]:
        common.fail(" ".join(reasons), common.DIFFERENT)


def _of_published(values: Sequence[str], earlier: "Earlier | None") -> "Report":
    from pump_roles.guardrails import Guardrail  # noqa: PLC0415
    from pump_roles.review.report import of_published  # noqa: PLC0415

    try:
        names = GUARDRAILS.check("guardrails", common.comma_separated(values)) if values else []
        guardrails = [Guardrail.named(name) for name in names]
        report = of_published(guardrails=guardrails, since=earlier)
    except ArgumentError as error:
        problem = error.problem
        if error.other:
            # Only a setting, or an argument of a construct, can have a value.
            problem = f"{error.guardrail} takes a value; report on a template that has it instead"
        raise click.BadParameter(f"--guardrails: {problem}") from None
    for name, others in sorted(_redundant(guardrails).items()):
        click.echo(
            f"pump-roles: --guardrails: {name} makes these redundant: {', '.join(others)}", err=True
        )
    return report


def _redundant(guardrails: "Sequence[Guardrail]") -> "dict[str, list[str]]":
    from pump_roles.guardrails import applying, documents, made_redundant  # noqa: PLC0415
    from pump_roles.published import ROLES  # noqa: PLC0415

    found: dict[str, list[str]] = {}
    for kind, role in ROLES.items():
        applied = applying(guardrails, kind, ROLES)
        found |= made_redundant(applied, documents(applied, role))
    return found


def _check_account(
    path: Path | None,
    role_names: Sequence[str],
    region: str | None,
    profile: str | None,
    *,
    account: bool,
) -> None:
    if account:
        common.check_alone("--account", {"PATH": path})
    else:
        options = {"--role-name": role_names, "--region": region, "--profile": profile}
        common.check_needless(options, "--account")
    for name in role_names:
        ROLE_NAME.check("--role-name", name)


def _of_account(
    role_names: Sequence[str], region: str | None, profile: str | None, earlier: "Earlier | None"
) -> "Report":
    from pump_roles.json_input import InputError  # noqa: PLC0415
    from pump_roles.published import ROLES  # noqa: PLC0415
    from pump_roles.review.account.verify.accounts import Aws, read_own_account  # noqa: PLC0415
    from pump_roles.review.account.verify.details import contents_of  # noqa: PLC0415
    from pump_roles.review.report import of_contents  # noqa: PLC0415

    names = role_names or [role.name for role in ROLES.values()]
    with common.unknown_if_aws_fails():
        details = read_own_account(Aws(profile=profile, region=common.region_of(region)), names)
    try:
        return of_contents(contents_of(details, names), since=earlier)
    except InputError as error:
        common.fail(str(error), common.UNKNOWN)


def _reasons(result: "Report", fatal: Sequence[str]) -> Iterator[str]:
    from pump_roles.review.output.report_words import (  # noqa: PLC0415
        change_of_roles,
        difference,
        finding_title,
    )
    from pump_roles.review.output.texts import first, say  # noqa: PLC0415

    if _ALARM in fatal and result.alarms:
        titles = (finding_title(finding, result) for finding in result.findings if finding.is_alarm)
        yield f"{say('units.alarms', result.alarms)}: {'; '.join(titles)}."
    broader = [change_of_roles(change) for change in result.changes if change.may_broaden]
    if _BROADENED in fatal and broader:
        yield f"{difference(result)}: {'; '.join(first(broader, 1)).rstrip('.')}."
