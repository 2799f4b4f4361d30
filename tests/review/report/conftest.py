"""The roles with one guardrail each, in templates."""

from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest
from aws_cdk import App

from pump_roles import AutoPilotStack, Guardrail, ReadOnlyStack
from pump_roles.review.report import Report
from tests.every_guardrail import EVERY
from tests.support import ROLE_ARGUMENTS, of_templates


@pytest.fixture(scope="session")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of templates: both roles, the auto-pilot role with each guardrail, and the read-only
    role with the recommended ones.
    """
    folder = tmp_path_factory.mktemp("guarded")
    app = App(outdir=str(folder))
    ReadOnlyStack(app, "read-only", **ROLE_ARGUMENTS)
    ReadOnlyStack(
        app, "read-only-recommended", guardrails=[Guardrail.RECOMMENDED], **ROLE_ARGUMENTS
    )
    AutoPilotStack(app, "auto-pilot", **ROLE_ARGUMENTS)
    for name, guardrail in EVERY.items():
        AutoPilotStack(app, name, guardrails=[guardrail], **ROLE_ARGUMENTS)
    app.synth()
    return folder


@pytest.fixture(scope="session")
def report_with(guarded: Path) -> Callable[[str], Report]:
    """Return the report of one of these templates."""
    return cache(lambda name: of_templates(guarded / f"{name}.template.json"))
