"""`make demo-org` as a whole command: what it shows, and that it fails if something is wrong."""

import json
import re
import sys

import pytest

from tests.support import Synth, on_terminal
from tools.sandbox.aws import Caller, EmbeddedAws
from tools.sandbox.cdk import ROOT, tool_environment
from tools.sandbox.demo_organization import (
    EXCLUDED,
    LATE,
    QUESTIONS,
    TAKEN,
    UNITS,
    OrganizationDemo,
)
from tools.sandbox.organization import Organization
from tools.sandbox.show import (
    AUTO_PILOT_ROLE,
    EXTERNAL_ID,
    PUMP,
    PUMP_ACCOUNT,
    READ_ONLY_ROLE,
    trust,
)

pytestmark = pytest.mark.slow

PUMP_ROLE = PUMP.rpartition("/")[2]


def test_demo_shows_every_account() -> None:
    ended, shown = on_terminal(
        [sys.executable, "-m", "tools.sandbox.demo_organization"],
        folder=ROOT,
        environment=tool_environment(),
    )
    assert ended.returncode == 0, shown
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown).replace("\r\n", "\n")
    lines = [line.rsplit("\r", 1)[-1] for line in plain.split("\n")]
    assert max(map(len, lines)) <= 80
    shown = "\n".join(lines)
    assert "Every check passed." in shown
    assert "WRONG" not in shown
    # In their units, in the account that joined, and in the management account.
    assert shown.count("✔ read-only") == sum(UNITS.values()) - len([EXCLUDED]) + 2
    assert shown.count("✔ auto-pilot") == UNITS["Workloads"] + 2
    assert re.search(rf"{LATE} +✔ read-only ✔ auto-pilot joined late", shown)
    assert re.search(rf"{EXCLUDED} +- +- +excluded", shown)
    assert re.findall(r"the StackSet (\w+) deployed to (\d+) accounts", shown) == [
        ("PumpReadOnly", str(sum(UNITS.values()) - len([EXCLUDED]))),
        ("PumpAutoPilot", str(UNITS["Workloads"])),
    ]
    # Two accounts fail at first.
    assert re.findall(r"(\d+) stack instances are not current", shown) == [str(len(TAKEN)), "0"]
    assert " ".join(shown.split()).count("'PumpReadOnlyRole' already exists.") == len(TAKEN)
    for question, (before, protected, stopped) in QUESTIONS.items():
        (row,) = re.findall(rf"^{question} +(.+)$", shown, re.MULTILINE)
        answers = [before, protected, stopped, protected]
        assert re.findall("[✔✘]", row) == ["✔" if allowed else "✘" for allowed in answers]
    accounts = sum(UNITS.values()) + 2
    assert (
        f"before the removal, exit status 3: ✔ {accounts - 1} of {accounts} accounts have a role"
        in shown
    )
    assert f"after the removal, exit status 0: ✔ 0 of {accounts} accounts have a role" in shown


def test_tree_marks_every_account_that_is_not_as_it_should_be(
    aws: EmbeddedAws, synth: Synth, capsys: pytest.CaptureFixture[str]
) -> None:
    units = {"Security": 2, "Workloads": 2, "Sandbox": 7}
    organization = Organization.create(aws.organizations, units)
    ids = {found.name: found.id for found in organization.accounts()}
    targets = {
        "read-only": {
            "organizational-units": [organization.root],
            "exclude-accounts": [ids[EXCLUDED]],
        },
        "auto-pilot": {"organizational-units": [organization.units["Workloads"]]},
    }
    for name, template in synth({"principal": PUMP, "external-id": EXTERNAL_ID, **targets}).items():
        aws.deploy(name, json.dumps(template))

    def tree() -> tuple[int, list[str]]:
        demo = OrganizationDemo(aws)
        status = demo.run(lambda: demo.show_tree(organization), "next")
        aws.iam(Caller(PUMP_ACCOUNT)).delete_role_policy(RoleName=PUMP_ROLE, PolicyName=PUMP_ROLE)
        aws.iam(Caller(PUMP_ACCOUNT)).delete_role(RoleName=PUMP_ROLE)
        return status, sorted(re.findall(r" ([a-z]+-\d) .*WRONG", capsys.readouterr().out))

    assert tree() == (0, [])
    policy = trust()
    del policy["Statement"][0]["Condition"]
    aws.iam(Caller(ids["security-1"])).update_assume_role_policy(
        RoleName=READ_ONLY_ROLE, PolicyDocument=json.dumps(policy)
    )
    aws.delete(f"StackSet-PumpReadOnly-{ids['workloads-1']}", Caller(ids["workloads-1"]))
    for name, role in (("security-2", AUTO_PILOT_ROLE), (EXCLUDED, READ_ONLY_ROLE)):
        aws.create_role(role, PUMP, caller=Caller(ids[name]))
    assert tree() == (1, sorted(["security-1", "security-2", "workloads-1", EXCLUDED]))
