"""The command of docs/protect.md that lists roles which a service control policy exempts.

The tests do not need the AWS CLI. Its ``--query`` is JMESPath, which a dependency of botocore
evaluates.
"""

import re
import shlex
from typing import Any

import jmespath  # type: ignore[import-untyped]
import pytest

from tools.sandbox.aws import ACCOUNT_ID
from tools.sandbox.cdk import ROOT

GUIDE = (ROOT / "docs" / "protect.md").read_text()
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
    command = re.search(r"<!-- foreign-execution-roles -->\n```console\n\$ (.*)\n```", GUIDE)
    assert command
    words = shlex.split(command[1].replace("MANAGEMENT_ACCOUNT", MANAGEMENT))
    assert words[:-1] == ["aws", "iam", "list-roles", "--query"]
    return [arn for arn, created in jmespath.search(words[-1], {"Roles": [*roles]}) if created]


MINE = {**OURS, "Principal": {"AWS": ACCOUNT_ID}}


def test_lists_no_stack_sets_role_and_no_role_that_is_not_exempt() -> None:
    assert found() == []
    assert (
        found(
            role(OURS),
            role(MINE, name="Admin"),
            role(MINE, name="stacksets-exec", path="/x/"),
            role(MINE, name="my-stacksets-exec-1"),
        )
        == []
    )


@pytest.mark.parametrize(
    "statements",
    [
        [{**OURS, "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT_ID}:root"}}],
        [{**OURS, "Principal": {"AWS": LINKED.replace(MANAGEMENT, "444455556666")}}],
        [{**OURS, "Principal": {"AWS": [LINKED, f"arn:aws:iam::{ACCOUNT_ID}:root"]}}],
        [{**OURS, "Principal": {"AWS": LINKED, "Service": "ec2.amazonaws.com"}}],
        [{**OURS, "Principal": {"Service": "ec2.amazonaws.com"}}],
        [{**OURS, "Principal": "*"}],
        [OURS, {**OURS, "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT_ID}:root"}}],
    ],
)
def test_lists_every_exempt_role_that_others_can_assume(statements: list[Any]) -> None:
    exempt = role(*statements)
    assert found(role(OURS), exempt) == [exempt["Arn"]]


def test_lists_a_role_whose_path_makes_it_exempt() -> None:
    exempt = role(MINE, name="Admin", path="/stacksets-exec-x/")
    assert found(exempt) == [exempt["Arn"]]
