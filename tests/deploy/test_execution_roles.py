"""The command of docs/protect.md that lists roles which a service control policy exempts.

The tests do not need the AWS CLI. Its ``--query`` is JMESPath, which a dependency of botocore
evaluates on the emulator's answers.
"""

import json
import re
import shlex
from typing import Any

import jmespath  # type: ignore[import-untyped]
import pytest

from tools.sandbox.aws import ACCOUNT_ID, EmbeddedAws
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


def found(aws: EmbeddedAws) -> list[str]:
    """Return the ARNs that the command lists, run as the guide has it."""
    command = re.search(r"<!-- foreign-execution-roles -->\n```console\n\$ (.*)\n```", GUIDE)
    assert command
    words = shlex.split(command[1].replace("MANAGEMENT_ACCOUNT", MANAGEMENT))
    assert words[:-1] == ["aws", "iam", "list-roles", "--query"]
    pages = aws.iam().get_paginator("list_roles").paginate()
    answer = {"Roles": [role for page in pages for role in page["Roles"]]}
    return [arn for arn, created in jmespath.search(words[-1], answer) if created]


def create(aws: EmbeddedAws, name: str, *statements: Any, path: str = "/") -> str:
    document = {"Version": "2012-10-17", "Statement": statements}
    role = aws.iam().create_role(
        RoleName=name, Path=path, AssumeRolePolicyDocument=json.dumps(document)
    )
    return role["Role"]["Arn"]


def test_lists_no_stack_sets_role_and_no_role_that_is_not_exempt(aws: EmbeddedAws) -> None:
    create(aws, NAME, OURS)
    create(aws, "Admin", {**OURS, "Principal": {"AWS": ACCOUNT_ID}})
    create(aws, "stacksets-exec", {**OURS, "Principal": {"AWS": ACCOUNT_ID}}, path="/x/")
    create(aws, "my-stacksets-exec-1", {**OURS, "Principal": {"AWS": ACCOUNT_ID}})
    assert found(aws) == []


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
    ids=[
        "the account",
        "another management account",
        "the account, too",
        "a service, too",
        "a service",
        "everyone",
        "another statement",
    ],
)
def test_lists_every_exempt_role_that_others_can_assume(
    aws: EmbeddedAws, statements: list[Any]
) -> None:
    arn = create(aws, NAME, *statements)
    assert found(aws) == [arn]


def test_lists_a_role_whose_path_makes_it_exempt(aws: EmbeddedAws) -> None:
    mine = {**OURS, "Principal": {"AWS": ACCOUNT_ID}}
    assert found(aws) == []
    assert [create(aws, "Admin", mine, path="/stacksets-exec-x/")] == found(aws)
