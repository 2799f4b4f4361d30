"""The README is short, leads to every page, and says what is true."""

import json
import re

from aws_cdk import Stack
from aws_cdk import aws_iam as iam
from aws_cdk.assertions import Template

from tests.docs.pages import README
from tests.support import access_policy, identity_policies
from tools.sandbox import screenshot
from tools.sandbox.cdk import ROOT


def test_has_fewer_than_150_lines_of_at_most_120_characters() -> None:
    lines = README.splitlines()
    assert len(lines) < 150
    assert max(len(line) for line in lines) <= 120


def test_leads_to_every_page() -> None:
    pages = {
        page.relative_to(ROOT).as_posix() for page in [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")]
    }
    linked = set(re.findall(r"\]\(([^)#]+)", README))
    assert pages - {"README.md"} - linked == set()


def test_picture_of_the_report_shows_its_text() -> None:
    recorded = json.loads(screenshot.TEXTS.read_text(encoding="utf-8"))
    assert recorded["report.png"] == screenshot.report_digest(), "run make screenshot"


def test_example_of_pumps_side_lets_a_worker_assume_roles_only_with_an_external_id() -> None:
    example = re.search(r"```python\n([^`]*CustomerRoles.*?)```", README, re.DOTALL)
    assert example
    stack = Stack()
    worker = iam.Role(stack, "Worker", assumed_by=iam.ServicePrincipal("ecs-tasks.amazonaws.com"))
    exec(compile(example[1], "README.md", "exec"), {"stack": stack, "worker": worker})  # noqa: S102
    (policy,) = identity_policies(dict(Template.from_stack(stack).to_json())).values()
    assert policy == access_policy("arn:aws:iam::*:role/PumpReadOnlyRole")
