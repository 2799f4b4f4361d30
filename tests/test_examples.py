"""The examples grant what they show, and fail their cdk-nag gate without acknowledgments."""

import json
import runpy
from pathlib import Path

import aws_cdk
import pytest
from aws_cdk import App

from pump_roles.report import of_templates
from pump_roles.templates.model import InputError
from sandbox.cdk import recommended_flags
from tests.support import PUMP_SIDE, PUMP_WORKER, access_policy, identity_policies

WILDCARD = "AwsSolutions-IAM5[Resource::arn:<AWS::Partition>:iam::*:role/PumpReadOnlyRole]"


def test_worker_may_assume_the_read_only_roles_and_nothing_else(pump_side: Path) -> None:
    template = json.loads((pump_side / PUMP_WORKER).read_text())
    kinds = [resource["Type"] for resource in template["Resources"].values()]
    assert sorted(kinds) == ["AWS::IAM::Policy"] * 2 + ["AWS::IAM::Role"] * 2
    worker, probe = identity_policies(template).values()
    customers = "arn:aws:iam::*:role/PumpReadOnlyRole"
    expected = access_policy(customers)
    # The recommended flags sort the resources.
    expected["Statement"][0]["Resource"].sort()
    assert worker == expected
    allow = {"Action": "sts:AssumeRole", "Effect": "Allow", "Resource": customers}
    assert probe["Statement"] == [allow]


def test_every_finding_is_acknowledged_on_its_role_with_a_reason(pump_side: Path) -> None:
    report = json.loads((pump_side / "validation-report.json").read_text())
    acknowledged = [
        violation
        for plugin in report["pluginReports"]
        for violation in plugin["suppressedViolations"]
    ]
    assert [found["acknowledgedId"] for found in acknowledged] == [f"AwsSolutions::{WILDCARD}"] * 2
    places = {found["acknowledgedAt"] for found in acknowledged}
    assert places == {"PumpWorker/Worker", "PumpWorker/Probe"}
    assert all(found["reason"].endswith(".") for found in acknowledged)


def synthesize(text: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run an example's code in this process, where that takes a fraction of a second."""
    (folder / "app.py").write_text(text)
    app = App(outdir=str(folder / "cdk.out"))
    monkeypatch.setattr(aws_cdk, "App", lambda: app)
    runpy.run_path(str(folder / "app.py"), run_name="__main__")


def test_gate_fails_without_the_acknowledgment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The positive control of the test above."""
    text = (PUMP_SIDE / "app.py").read_text()
    synthesize(text, tmp_path, monkeypatch)
    start = text.index("        Validations.of(self.worker)")
    end = text.index("        # For pump-roles probe")
    with pytest.raises(RuntimeError) as caught:
        synthesize(text[:start] + text[end:], tmp_path, monkeypatch)
    assert WILDCARD in str(caught.value)


def test_example_is_quiet_and_has_the_recommended_flags() -> None:
    assert json.loads((PUMP_SIDE / "cdk.json").read_text()) == {
        "app": "python3 app.py",
        "versionReporting": False,
        "notices": False,
        "context": {"cli-telemetry": False, **recommended_flags()},
    }


def test_report_finds_none_of_the_roles_on_pumps_side(pump_side: Path) -> None:
    with pytest.raises(InputError, match=r"contains no role of Pump's$"):
        of_templates(pump_side)
