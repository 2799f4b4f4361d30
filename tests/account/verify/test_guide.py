"""docs/verify.md says what the command does."""

import json
import re

from click.testing import CliRunner

from pump_roles.account.verify.expectation import from_published
from pump_roles.account.verify.from_aws import policy_for_reading
from pump_roles.cli import app
from pump_roles.output.verify_words import RULES
from pump_roles.published import ROLES
from tests.support import PUMP_ACCOUNT
from tools.sandbox.cdk import ROOT

GUIDE = (ROOT / "docs" / "verify.md").read_text()
HELP = CliRunner().invoke(app, ["verify", "--help"], env={"COLUMNS": "200"}).stdout


def test_guide_has_the_smallest_policy() -> None:
    _, _, rest = GUIDE.partition("<!-- smallest-policy -->\n```json\n")
    names = from_published(PUMP_ACCOUNT).names
    assert json.loads(rest.partition("```")[0]) == policy_for_reading(names)


def test_guide_names_every_option() -> None:
    options = set(re.findall(r"--[a-z-]+", HELP)) - {"--help"}
    assert len(options) >= 15
    # These are the same for all commands.
    assert options - set(re.findall(r"--[a-z-]+", GUIDE)) <= {"--profile", "--region"}


def test_guide_lists_every_rule() -> None:
    assert dict(re.findall(r"^\| `([a-z][a-z-]+)` \| (.+) \|$", GUIDE, re.MULTILINE)) == dict(RULES)


def test_guide_counts_the_calls_for_both_published_roles() -> None:
    inline = sum(len(role.policies) for role in ROLES.values())
    calls = 2 + 1 + 3 * len(ROLES) + inline
    assert f"that is {calls}: {inline} inline policies, 2 times 3, and 3." in GUIDE
