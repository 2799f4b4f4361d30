"""The guide's StackSet puts the forwarder into each account and Region of an organization.

The emulator's StackSets have one Region. So the commands of the guide say what is deployed where,
and each stack is created there with the account's own credentials.
"""

import re
import shlex
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

import pytest

from pump_roles.app import config, stacks
from tests.docs.pages import PLACEHOLDERS, filled_in, settings_in
from tests.support import Assembly
from tools.sandbox.aws import ACCOUNT_ID, Caller, EmbeddedAws
from tools.sandbox.cdk import ROOT
from tools.sandbox.organization import Organization

PAGE = (ROOT / "docs" / "alarm.md").read_text()
SETTINGS: list[dict[str, Any]] = [
    # Once pump.json has the role that buys.
    {"auto-pilot": {}, **settings}
    for settings in settings_in(PAGE)
]


def commands() -> list[list[str]]:
    """Return the arguments of the commands in the guide that deploy the forwarder."""
    (block,) = re.findall(r"<!-- forward -->\n```sh\n(.*?)```", PAGE, re.DOTALL)
    return [shlex.split(line) for line in filled_in(block).replace("\\\n", " ").splitlines()]


@pytest.mark.parametrize("settings", SETTINGS)
def test_settings_of_the_guide_have_the_alarm_and_the_forwarder(settings: dict[str, Any]) -> None:
    *_, alarm, forwarder = stacks(config.Settings(settings))
    assert (alarm.stack_id, forwarder.stack_id) == ("PumpAlarm", "PumpAlarmForwarder")


def test_forwarder_of_the_guide_is_in_each_account_and_region_of_the_organization(
    aws: EmbeddedAws, assembly: Assembly
) -> None:
    organization = Organization.create(aws.organizations, {"Workloads": 2})
    _, create, instances = commands()
    parser = ArgumentParser()
    for option in ("--stack-set-name", "--template-body", "--capabilities", "--permission-model"):
        parser.add_argument(option)
    parser.add_argument("--auto-deployment")
    parser.add_argument("--operation-preferences")
    parser.add_argument("--deployment-targets")
    parser.add_argument("--regions", nargs="+")
    asked = parser.parse_args(create[3:])
    where = parser.parse_args(instances[3:])
    assert where.stack_set_name == asked.stack_set_name == "PumpAlarmForwarder"
    assert where.deployment_targets == f"OrganizationalUnitIds={PLACEHOLDERS['ROOT_ID']}"
    # By default, one account at a time, one Region after the other, until the first failure.
    assert "SOFT_FAILURE_TOLERANCE,RegionConcurrencyType=PARALLEL" in where.operation_preferences
    file = Path(asked.template_body.removeprefix("file://"))
    assert file.parts[0] == "cdk.out"
    template = (assembly(SETTINGS[1]) / file.name).read_text()
    # StackSets leave out the management account.
    members = {account.id for account in organization.accounts()} - {ACCOUNT_ID}
    assert len(members) == 2
    for account in members:
        for region in where.regions:
            caller = Caller(account)
            client = aws.client("cloudformation", caller, region=region)
            name = f"StackSet-{asked.stack_set_name}"
            client.create_stack(
                StackName=name, TemplateBody=template, Capabilities=[asked.capabilities]
            )
            client.get_waiter("stack_create_complete").wait(
                StackName=name, WaiterConfig={"Delay": 0.01}
            )
            events = aws.client("events", caller, region=region)
            rules = events.list_rules()["Rules"]
            targets = [
                target
                for rule in rules
                for target in events.list_targets_by_rule(Rule=rule["Name"])["Targets"]
            ]
            assert len(rules) == len(targets) == 7
            assert {target["Arn"] for target in targets} == {
                "arn:aws:events:us-east-1:111122223333:event-bus/default"
            }


def test_template_of_the_guide_creates_nothing_where_the_alarm_is(
    aws: EmbeddedAws, assembly: Assembly
) -> None:
    template = (assembly(SETTINGS[1]) / "PumpAlarmForwarder.template.json").read_text()
    caller = Caller("111122223333")
    aws.deploy("PumpAlarmForwarder", template, caller=caller)
    assert aws.client("events", caller).list_rules()["Rules"] == []
    assert aws.roles(caller) == []
