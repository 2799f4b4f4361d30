"""What the guide to operations says about a role with a path is so."""

import json
import re

from aws_cdk import App, Stack
from aws_cdk.assertions import Template

from pump_roles import ApprovalEnd
from tests.docs.pages import OPERATIONS, settings_in
from tests.support import app_files

SECTION = OPERATIONS.partition("## A path and a boundary\n")[2].partition("\n## ")[0]
(SETTINGS,) = settings_in(SECTION)


def untagged(template: object) -> set[str]:
    """Return the names, with their paths, of the roles that the schedule's role can untag."""
    return set(re.findall(r"[^\"]*:role/([^\"]*Pump\w+Role)\"", json.dumps(template)))


def test_end_of_an_approval_needs_the_path_of_the_role_and_the_app_passes_it() -> None:
    (written,) = re.findall(r'`role="(.*?)"`', SECTION)
    assert f"/{written}" == f"{SETTINGS['role-path']}PumpAutoPilotRole"
    for name in (written, "PumpAutoPilotRole"):
        stack = Stack(App(), "S")
        ApprovalEnd(stack, "End", role=name)
        assert untagged(Template.from_stack(stack).to_json()) == {name}
    only_when_approved = {"guardrails": ["only-when-approved"], "approval-ends": "20:00"}
    files = app_files({**SETTINGS, "auto-pilot": only_when_approved})
    assert untagged(json.loads(files["PumpApproval"])) == {written}
