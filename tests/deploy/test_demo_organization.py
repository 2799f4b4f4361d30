"""The demo of an organization runs, and fails if something is not as it should be."""

import json
import subprocess
from collections.abc import Iterator

import pytest

from sandbox import demo_organization, show
from sandbox.aws import EmbeddedAws, embedded_aws
from sandbox.demo_organization import EXCLUDED, UNITS, OrganizationDemo
from sandbox.organization import Organization, StackSets, occupy
from sandbox.show import BUYS, EXTERNAL_ID, PUMP, READS, Show, trust
from tests.support import Synth


@pytest.fixture
def aws() -> Iterator[EmbeddedAws]:
    with embedded_aws() as account:
        yield account


def rolled_out(aws: EmbeddedAws, synth: Synth, *, occupied: str | None = None) -> Organization:
    organization = Organization.create(aws, UNITS)
    by_name = {account.name: account.id for account in organization.accounts()}
    if occupied is not None:
        occupy(by_name[occupied], READS, trust())
    templates = synth(
        {
            "pump:principal": PUMP,
            "pump:external-id": EXTERNAL_ID,
            "pump:read-only:organizational-units": organization.root,
            "pump:read-only:exclude-accounts": by_name[EXCLUDED],
            "pump:auto-pilot:organizational-units": organization.units["Workloads"],
        }
    )
    for name, template in templates.items():
        if name.endswith("Rollout"):
            StackSets(organization).create(template, {})
        else:
            aws.cloudformation.create_stack(
                StackName=name,
                TemplateBody=json.dumps(template),
                Capabilities=["CAPABILITY_NAMED_IAM"],
            )
    return organization


def test_demo_succeeds(capsys: pytest.CaptureFixture[str]) -> None:
    assert demo_organization.main() == 0
    shown = capsys.readouterr().out
    assert "All as it should be." in shown
    # In their units, and in the account that joined and the management account too.
    assert shown.count("✔ read-only") == sum(UNITS.values()) - len([EXCLUDED]) + 2
    assert shown.count("✔ auto-pilot") == UNITS["Workloads"] + 2


def test_tree_of_a_complete_rollout_is_right(aws: EmbeddedAws, synth: Synth) -> None:
    demo = OrganizationDemo()
    demo.show_tree(rolled_out(aws, synth))
    assert demo.right


@pytest.mark.parametrize("account", ["security-1", EXCLUDED])
def test_tree_marks_a_role_that_is_wrong(
    account: str, aws: EmbeddedAws, synth: Synth, capsys: pytest.CaptureFixture[str]
) -> None:
    """One without the published policies, and one where there should be none."""
    demo = OrganizationDemo()
    demo.show_tree(rolled_out(aws, synth, occupied=account))
    (line,) = (line for line in capsys.readouterr().out.splitlines() if f" {account} " in line)
    assert "WRONG" in line
    assert not demo.right


def test_demo_fails_if_an_account_has_a_role_that_it_should_not_have(
    aws: EmbeddedAws, synth: Synth
) -> None:
    organization = rolled_out(aws, synth)
    (taken,) = (account.id for account in organization.accounts() if account.name == "security-2")
    occupy(taken, BUYS, trust())
    demo = OrganizationDemo()
    demo.show_tree(organization)
    assert not demo.right


def test_demo_that_saw_something_wrong_ends_with_1(capsys: pytest.CaptureFixture[str]) -> None:
    demo = Show()
    demo.expect(holds=False)
    assert demo.end("next") == 1
    assert "Something is not as it should be" in capsys.readouterr().out
    assert Show().end("next") == 0


def test_demo_whose_deployment_fails_ends_with_its_status(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    failed = subprocess.CompletedProcess[str]([], 3, "", "no such stack")
    monkeypatch.setattr(show, "cdk", lambda *_, **__: failed)
    with embedded_aws() as aws, pytest.raises(SystemExit) as ended:
        Show().deploy(aws, "NoSuchStack")
    assert ended.value.code == 3
    assert "no such stack" in capsys.readouterr().out
