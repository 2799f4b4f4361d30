"""The settings of docs/protect.md, and its commands that list roles before the deployment.

The tests do not need the AWS CLI. Its ``--query`` is JMESPath, which a dependency of botocore
evaluates.
"""

import re
import shlex
import subprocess
from typing import Any

import jmespath  # type: ignore[import-untyped]
import pytest

from pump_roles import ApprovalEnd
from pump_roles.app import config, stacks
from tests.docs.pages import ORGANIZATIONS, PROTECT, settings_in
from tools.sandbox.aws import ACCOUNT_ID

MANAGEMENT = "111122223333"
NAME = "stacksets-exec-0123456789abcdef0123456789abcdef"
LINKED = (
    f"arn:aws:iam::{MANAGEMENT}:role/aws-service-role/stacksets.cloudformation.amazonaws.com/"
    "AWSServiceRoleForCloudFormationStackSetsOrgAdmin"
)
OURS: dict[str, Any] = {
    "Sid": "1",
    "Effect": "Allow",
    "Principal": {"AWS": LINKED},
    "Action": "sts:AssumeRole",
}
"""The statement of a real one, as exports of real accounts have it."""


def role(*statements: Any, name: str = NAME, path: str = "/") -> dict[str, Any]:
    """Return a role as ``aws iam list-roles`` does."""
    return {
        "RoleName": name,
        "CreateDate": "2026-11-25T08:15:00Z",
        "Arn": f"arn:aws:iam::{ACCOUNT_ID}:role{path}{name}",
        "AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": [*statements]},
    }


def found(*roles: dict[str, Any]) -> list[str]:
    """Return the ARNs that the command lists, run as the guide has it."""
    command = re.search(r"<!-- foreign-execution-roles -->\n```sh\n(.*)\n```", PROTECT)
    assert command
    words = shlex.split(command[1].replace("MANAGEMENT_ACCOUNT", MANAGEMENT))
    assert words[:-1] == ["aws", "iam", "list-roles", "--query"]
    return [arn for arn, created in jmespath.search(words[-1], {"Roles": [*roles]}) if created]


MINE = {**OURS, "Principal": {"AWS": ACCOUNT_ID}}


ROOT_USER = {"AWS": f"arn:aws:iam::{ACCOUNT_ID}:root"}
EC2 = {"Service": "ec2.amazonaws.com"}


@pytest.mark.parametrize(
    ("found_role", "exempt"),
    [
        (role(OURS), False),
        (role(MINE, name="Admin"), False),
        (role(MINE, name="stacksets-exec", path="/x/"), False),
        (role(MINE, name="my-stacksets-exec-1"), False),
        (role({**OURS, "Principal": ROOT_USER}), True),
        (role({**OURS, "Principal": {"AWS": LINKED.replace(MANAGEMENT, "444455556666")}}), True),
        (role({**OURS, "Principal": {"AWS": [LINKED, ROOT_USER["AWS"]]}}), True),
        (role({**OURS, "Principal": {"AWS": LINKED, **EC2}}), True),
        (role({**OURS, "Principal": EC2}), True),
        (role({**OURS, "Principal": "*"}), True),
        (role(OURS, {**OURS, "Principal": ROOT_USER}), True),
        (role(MINE, name="Admin", path="/stacksets-exec-x/"), True),
    ],
)
def test_lists_every_exempt_role_that_others_can_assume(
    found_role: dict[str, Any], *, exempt: bool
) -> None:
    assert found(role(OURS), found_role) == ([found_role["Arn"]] if exempt else [])


def test_lists_roles_with_names_that_the_policies_leave_something_to_in_every_spelling() -> None:
    pipe = re.search(r"^ *(aws iam list-roles .*) \|\n *(grep .*)\n", PROTECT, re.MULTILINE)
    assert pipe
    listing, filtering = map(shlex.split, pipe.groups())
    assert listing[:4] == ["aws", "iam", "list-roles", "--query"]
    assert listing[5:] == ["--output", "text"]
    (settings,) = settings_in(PROTECT)
    (approver,) = settings["protection"]["approvers"]
    listed = {"pumpreadonlyrole", "PumpReadOnlyRole", "PUMPAutopilotRole"}
    listed |= {approver.rpartition("/")[2], ApprovalEnd.approver, "pumpapprovalend"}
    others = {"MyPumpReadOnlyRole", "PumpReadOnlyRoles", "PumpReadOnly", "Pump", "PumpApproverRole"}
    rows = jmespath.search(
        listing[4], {"Roles": [role(name=name, path="/x/") for name in listed | others]}
    )
    text = "".join("\t".join(row) + "\n" for row in rows)
    found = subprocess.run(filtering, input=text, capture_output=True, text=True, check=True)
    assert {*found.stdout.split()} == listed


@pytest.mark.parametrize("rollouts", settings_in(ORGANIZATIONS))
def test_settings_add_the_stack_that_the_page_deploys(rollouts: dict[str, Any]) -> None:
    (settings,) = settings_in(PROTECT)
    added = {stack.stack_id for stack in stacks(config.Settings({**rollouts, **settings}))}
    assert added - {stack.stack_id for stack in stacks(config.Settings(rollouts))} == {
        *re.findall(r"^npx cdk deploy (\w+)$", PROTECT, re.MULTILINE)
    }
