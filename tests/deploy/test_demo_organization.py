"""`make demo-org` as a whole command: what it shows, and that it fails if something is wrong."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.support import Synth
from tools.sandbox.aws import ACCOUNT_ID, Caller, EmbeddedAws
from tools.sandbox.cdk import ROOT, tool_environment
from tools.sandbox.demo_organization import EXCLUDED, LATE, TAKEN, UNITS, OrganizationDemo
from tools.sandbox.management import Management, management
from tools.sandbox.organization import EmbeddedMembers, Organization, StackSets, properties
from tools.sandbox.show import AUTO_PILOT_ROLE, EXTERNAL_ID, PUMP, READ_ONLY_ROLE, trust

pytestmark = pytest.mark.slow


@pytest.fixture
def account() -> Iterator[Management]:
    with management() as account:
        yield account


def rolled_out(aws: EmbeddedAws, account: Management, synth: Synth) -> Organization:
    organization = Organization.create(account, {"Security": 2, "Workloads": 2, "Sandbox": 7})
    (excluded,) = (found.id for found in organization.accounts() if found.name == EXCLUDED)
    templates = synth(
        {
            "principal": PUMP,
            "external-id": EXTERNAL_ID,
            "read-only": {
                "organizational-units": [organization.root],
                "exclude-accounts": [excluded],
            },
            "auto-pilot": {"organizational-units": [organization.units["Workloads"]]},
        }
    )
    for name, template in templates.items():
        if name.endswith("Rollout"):
            StackSets(organization, EmbeddedMembers(aws)).deploy(properties(template))
        else:
            aws.deploy(name, json.dumps(template))
    return organization


def test_demo_shows_every_account() -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "tools.sandbox.demo_organization"],
        cwd=ROOT,
        env=tool_environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert ended.stderr == ""
    shown = ended.stdout
    assert "Every check passed." in shown
    assert "WRONG" not in shown
    assert "\x1b" not in shown
    # In their units, in the account that joined, and in the management account.
    assert shown.count("✔ read-only") == sum(UNITS.values()) - len([EXCLUDED]) + 2
    assert shown.count("✔ auto-pilot") == UNITS["Workloads"] + 2
    assert re.search(rf"{LATE} +✔ read-only ✔ auto-pilot joined late", shown)
    assert re.search(rf"{EXCLUDED} +- +- +excluded", shown)
    assert re.findall(r"the StackSet (\w+) deploys to (\d+) accounts", shown) == [
        ("PumpReadOnly", str(sum(UNITS.values()) - len([EXCLUDED]))),
        ("PumpAutoPilot", str(UNITS["Workloads"])),
    ]
    # Two accounts fail at first, and the last status is complete.
    assert re.search(r"^accounts: 2 not-current, 1 excluded, 48 current$", shown, re.MULTILINE)
    assert shown.count("'PumpReadOnlyRole' already exists.") == len(TAKEN)
    assert shown.count("aws cloudformation create-stack-instances") == 1
    assert re.findall(r"^exit status (\d): ✔", shown, re.MULTILINE) == ["3", "0"]
    accounts = sum(UNITS.values()) + 2
    assert (
        f"before the removal, exit status 3: ✔ {accounts - 1} of {accounts} accounts have a role"
        in shown
    )
    assert re.findall(r"the StackSet (\w+) is deleted", shown) == ["PumpReadOnly", "PumpAutoPilot"]
    assert f"after the removal, exit status 0: ✔ 0 of {accounts} accounts have a role" in shown
    assert max(len(line) for line in shown.splitlines()) <= 80


def test_tree_of_a_complete_rollout_passes(
    aws: EmbeddedAws, account: Management, synth: Synth
) -> None:
    demo = OrganizationDemo(aws, account)
    organization = rolled_out(aws, account, synth)
    assert demo.run(lambda: demo.show_tree(organization), "next") == 0


def test_role_of_pumps_with_another_name_fails_the_check(
    aws: EmbeddedAws, account: Management, synth: Synth
) -> None:
    organization = rolled_out(aws, account, synth)
    (taken,) = (found.id for found in organization.accounts() if found.name == "workloads-1")
    aws.create_role("PumpOther", ACCOUNT_ID, caller=Caller(taken))
    demo = OrganizationDemo(aws, account)
    assert demo.run(lambda: demo.show_tree(organization), "next") == 1


def test_tree_marks_every_account_that_is_not_as_it_should_be(
    aws: EmbeddedAws, account: Management, synth: Synth, capsys: pytest.CaptureFixture[str]
) -> None:
    organization = rolled_out(aws, account, synth)
    ids = {found.name: found.id for found in organization.accounts()}
    policy = trust()
    del policy["Statement"][0]["Condition"]
    aws.iam(Caller(ids["security-1"])).update_assume_role_policy(
        RoleName=READ_ONLY_ROLE, PolicyDocument=json.dumps(policy)
    )
    wrong = ["security-1", "workloads-1"]
    aws.delete(f"StackSet-PumpReadOnly-{ids['workloads-1']}", Caller(ids["workloads-1"]))
    for name, role in [("security-2", AUTO_PILOT_ROLE), (EXCLUDED, READ_ONLY_ROLE)]:
        aws.create_role(role, ACCOUNT_ID, caller=Caller(ids[name]))
        wrong.append(name)
    demo = OrganizationDemo(aws, account)
    assert demo.run(lambda: demo.show_tree(organization), "next") == 1
    shown = re.findall(r" ([a-z]+-\d) .*WRONG", capsys.readouterr().out)
    assert sorted(shown) == sorted(wrong)
