"""``pump-roles report``: what the roles can do."""

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

import click

from pump_roles.guardrails import Guardrail
from pump_roles.inputs.text import TOO_DEEP, InputError
from pump_roles.inputs.validators import GUARDRAILS, ROLE_NAME, ArgumentError
from pump_roles.published import ROLES
from pump_roles.review.cli import DIFFERENT, fail, options, warn
from pump_roles.review.output.report_actions import rows_of
from pump_roles.review.output.report_checks import broader_in_short, findings_in_short
from pump_roles.review.output.report_sections import presentation_of
from pump_roles.review.report import Earlier, Report
from pump_roles.review.report.permission_report import of_contents, of_kept, of_published

_FINDING: Final = "finding"
_BROADENED: Final = "broadened"


class _FailOn(click.Choice[str]):
    """The conditions of --fail-on. For one release, it accepts the old name of one."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if value == "alarm":
            warn(f"--fail-on alarm is now --fail-on {_FINDING}; the next release rejects it")
            value = _FINDING
        return super().convert(value, param, ctx)


@options.command()
@click.argument("path", type=options.INPUT, required=False)
@click.option(
    "--every-action", is_flag=True, help="With markdown: list every policy and action; cut nothing."
)
@options.comma_separated(
    "--guardrails", GUARDRAILS, help="Show what guardrails would leave of the published roles"
)
@click.option(
    "--since",
    type=options.INPUT,
    help="Show what has changed since an earlier report (a file that --keep wrote, or its JSON) "
    "or since an earlier template or cdk.out.",
)
@options.repeatable(
    "--fail-on",
    type=_FailOn([_FINDING, _BROADENED]),
    help="Exit with status 3 if the report has a finding (finding), or if a change since the "
    "earlier report broadens or may broaden the roles (broadened).",
)
@click.option(
    "--account", is_flag=True, help="Show the roles in the caller's AWS account, as they are now."
)
@options.repeatable(
    "--role-name",
    type=options.valid("name", ROLE_NAME.check),
    help="With --account: the name of one of Pump's roles there. Defaults to the published names.",
)
@options.PROFILE
@options.KEEP
@options.written_as("markdown", "html", "csv", "json")
def report(
    path: Path | None,
    *,
    every_action: bool,
    guardrails: Sequence[str],
    since: Path | None,
    fail_on: Sequence[str],
    account: bool,
    role_name: Sequence[str],
    profile: str | None,
    outputs: options.Outputs,
) -> None:
    """Show what the roles can do, action by action: your templates' roles, or the published ones.

    PATH is a synthesized template, a folder such as cdk.out, a file that --keep wrote, or the JSON
    of an earlier report. Defaults to the published roles.

    With --account, show the roles in an AWS account instead. All calls are read-only.

    The actions come from the catalog that ships with this package; the report states its date.
    External IDs are not part of the report.

    Exit status: 3 if a --fail-on condition is met; 4 if the account cannot be read.
    """
    if account:
        options.check_not_passed({"PATH": path}, "cannot be combined with --account")
    else:
        options.check_not_passed(
            {"--role-name": role_name, "--profile": profile}, "requires --account"
        )
    if account or path is not None:
        options.check_not_passed(
            {"--guardrails": guardrails}, "cannot be combined with --account or a path"
        )
    if _BROADENED in fail_on and since is None:
        raise click.UsageError("--fail-on broadened requires --since")
    if "markdown" not in outputs.formats.values():
        options.check_not_passed({"--every-action": every_action}, "requires Markdown")
    # Only the name of its file: the report must not depend on the machine.
    earlier = None if since is None else Earlier(file=since.name, report=_of_path(since))
    if account:
        result = _of_account(role_name, profile, earlier)
    elif path is not None:
        result = _of_path(path, earlier)
    else:
        result = _of_published(guardrails, earlier)
    outputs.write(
        result,
        partial(presentation_of, result, every_action=every_action),
        table=partial(rows_of, result),
        page=partial(_page_of, result),
        kept=partial(_kept, result),
        whole=every_action,
    )
    if reasons := [*_reasons(result, fail_on)]:
        fail(" ".join(reasons), DIFFERENT)


def _page_of(report: Report) -> str:
    # Imported here: Jinja loads slowly.
    from pump_roles.review.output.page import as_html  # noqa: PLC0415

    return as_html(report)


def _kept(report: Report) -> str:
    # Imported here: only this, and what reads it, needs it.
    from pump_roles.review.output.saved_report import kept  # noqa: PLC0415

    return kept(report.read)


def _of_path(path: Path, earlier: Earlier | None = None) -> Report:
    # Imported here: a report on the published roles needs neither. What a file contains says what
    # it is, not its name.
    from pump_roles import templates  # noqa: PLC0415
    from pump_roles.review.output.saved_report import read_saved  # noqa: PLC0415

    try:
        if (saved := read_saved(path)) is not None:
            return of_kept(saved, since=earlier)
        return of_contents(templates.read(path), since=earlier)
    except RecursionError:
        raise InputError(f"{path}: {TOO_DEEP}") from None


def _of_published(names: Sequence[str], earlier: Earlier | None) -> Report:
    try:
        guardrails = [Guardrail.named(name) for name in names]
        return of_published(guardrails=guardrails, since=earlier)
    except ArgumentError as error:
        problem = error.problem
        if error.other:
            # Only a setting, or an argument of a construct, can have a value.
            problem = f"{error.guardrail} takes a value; report on a template that has it instead"
        raise click.BadParameter(problem, param_hint="'--guardrails'") from None


def _of_account(names: Sequence[str], profile: str | None, earlier: Earlier | None) -> Report:
    # boto3 takes longer to load than the other reports take as a whole.
    from pump_roles.review.account.account_details import read_own_account  # noqa: PLC0415
    from pump_roles.review.account.other_roles import collect_contents  # noqa: PLC0415
    from pump_roles.review.cli import aws  # noqa: PLC0415

    names = names or [role.name for role in ROLES.values()]
    with aws.unknown_if_aws_fails():
        details = read_own_account(
            aws.CallerClients(profile=profile, region=aws.region_of()), names
        )
        return of_contents(collect_contents(details, names), since=earlier)


def _reasons(result: Report, fatal: Sequence[str]) -> Iterator[str]:
    if _FINDING in fatal and result.findings:
        yield findings_in_short(result)
    if _BROADENED in fatal and any(change.may_broaden for change in result.changes):
        yield broader_in_short(result)
