"""cdk-nag's AwsSolutions checks the app, and every finding is acknowledged on its resource.

Only cdk-nag 3 reads acknowledgments. An earlier version is reported; cdk-nag is optional.
"""

import json
from collections.abc import Callable, Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import App, Stack, Stage, Validations
from aws_cdk import aws_iam as iam
from cdk_nag import AwsSolutionsChecks

from pump_roles import AutoPilotRole, ReadOnlyRole, ReadOnlyRolloutStack, ReadOnlyStack
from pump_roles.app import config
from pump_roles.constructs.roles import PumpRole, outdated_cdk_nag
from pump_roles.published import REASONS, RESOURCE_REASONS
from tests.support import (
    DOCUMENTED,
    ROLE_ARGUMENTS,
    STACKS,
    messages_of,
    published_patterns,
    recommended_flags,
)

Finding = tuple[str, str, str]
"""Where it is, its ID, and the reason with which it was acknowledged."""


def app_with_cdk_nag(outdir: Path | None = None) -> App:
    app = App(outdir=None if outdir is None else str(outdir), context=recommended_flags())
    Validations.of(app).add_plugins(AwsSolutionsChecks(app))
    return app


def acknowledged(app: App) -> list[Finding]:
    """Return every acknowledgment in the app."""
    return [
        (node.node.path, rule, reason)
        for node in app.node.find_all()
        for entry in node.node.metadata
        if entry.type == Validations.ACKNOWLEDGED_RULES_METADATA_KEY
        for rule, reason in entry.data.items()
    ]


def suppressed(outdir: Path) -> list[Finding]:
    """Return every finding that cdk-nag reports as acknowledged."""
    report: dict[str, Any] = json.loads((outdir / "validation-report.json").read_text())
    return [
        (violation["acknowledgedAt"], violation["acknowledgedId"], violation["reason"])
        for plugin in report["pluginReports"]
        for violation in plugin["suppressedViolations"]
    ]


def test_every_finding_is_acknowledged_on_its_role_with_a_reason_and_nothing_else_is(
    tmp_path: Path, published: list[list[dict[str, Any]]]
) -> None:
    app = app_with_cdk_nag(tmp_path)
    for stack in config.stacks(config.Settings({})):
        stack.build(app)
    app.synth()
    expected = sorted(
        (f"{stack}/Role/Resource", f"AwsSolutions::AwsSolutions-IAM5[{finding}]", reason)
        for stack, kind in zip(STACKS, DOCUMENTED, strict=True)
        for finding, reason in {
            **{
                f"Action::{pattern}": REASONS[pattern]
                for pattern in published_patterns(published, kind)
                if "*" in pattern
            },
            "Resource::*": RESOURCE_REASONS["*"],
        }.items()
    )
    assert sorted(suppressed(tmp_path)) == expected
    assert sorted(acknowledged(app)) == expected


@pytest.mark.parametrize(("role_class", "staged"), [(ReadOnlyRole, False), (AutoPilotRole, True)])
def test_synth_of_another_app_fails_until_the_published_policies_are_acknowledged(
    role_class: type[PumpRole], *, staged: bool
) -> None:
    for acknowledge in [False, True]:
        app = app_with_cdk_nag()
        scope = Stage(app, "Stage") if staged else app
        role = role_class(Stack(scope, "Foreign"), "Pump", **ROLE_ARGUMENTS)
        if acknowledge:
            role.acknowledge_published()
            app.synth()
        else:
            assert not acknowledged(app)
            with pytest.raises(RuntimeError, match=r"AwsSolutions-IAM5\[Action::ce:Get"):
                app.synth()


def test_findings_of_other_resources_are_not_acknowledged() -> None:
    app = app_with_cdk_nag()
    stack = Stack(app, "Foreign")
    AutoPilotRole(stack, "Pump", **ROLE_ARGUMENTS).acknowledge_published()
    own = iam.Role(stack, "Own", assumed_by=iam.ServicePrincipal("ec2.amazonaws.com"))
    own.add_to_policy(iam.PolicyStatement(actions=["ce:Get*"], resources=["*"]))
    with pytest.raises(RuntimeError, match="Foreign/Own/DefaultPolicy/Resource"):
        app.synth()


# Versions of cdk-nag


Install = Callable[[str], None]


@pytest.fixture(autouse=True)
def fresh_lookup() -> Iterator[None]:
    """The version is looked up only once in a process, so clear the cache."""
    outdated_cdk_nag.cache_clear()
    yield
    outdated_cdk_nag.cache_clear()


@pytest.fixture
def install(monkeypatch: pytest.MonkeyPatch) -> Install:
    """Pretends that some version of cdk-nag is installed, or none if it is empty."""

    def installed(version: str) -> None:
        def found(name: str) -> str:
            if name != "cdk-nag" or not version:
                raise metadata.PackageNotFoundError(name)
            return version

        monkeypatch.setattr(metadata, "version", found)

    return installed


@pytest.mark.parametrize("version", ["1.0.0", "2.38.2", "", "3.0.0", "3.1.0rc1", "10.2.0", "odd"])
def test_acknowledges_unless_an_earlier_version_is_installed(
    version: str, install: Install
) -> None:
    install(version)
    app = App()
    role = ReadOnlyRole(Stack(app, "Vendors"), "Pump", **ROLE_ARGUMENTS)
    if version in ("1.0.0", "2.38.2"):
        problem = f"requires cdk-nag 3 or later, but cdk-nag {version} is"
        with pytest.raises(RuntimeError, match=problem):
            role.acknowledge_published()
    else:
        role.acknowledge_published()
    assert len(acknowledged(app)) == (0 if version in ("1.0.0", "2.38.2") else 17)


def test_stack_says_that_an_earlier_version_reads_no_acknowledgments_and_stays_the_same(
    install: Install,
) -> None:
    templates = []
    for version, infos in (("2.28.5", 1), ("3.0.0", 0), ("", 0)):
        install(version)
        outdated_cdk_nag.cache_clear()
        app = App()
        stack = ReadOnlyStack(app, "PumpReadOnly")
        said = messages_of(stack.role, "info")
        assert len(said) == infos
        assert all(f"cdk-nag {version} is installed [ack: pump-roles:cdk-nag]" in it for it in said)
        assert len(acknowledged(app)) == (0 if infos else 17)
        ReadOnlyRolloutStack(app, "PumpReadOnlyRollout", organizational_units=["r-abcd"])
        templates.append([stack.template for stack in app.synth().stacks])
    assert templates[0] == templates[1] == templates[2]
