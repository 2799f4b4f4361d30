"""The guide to a deployment has every key, and its commands do what it says."""

import json
import re
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import pytest
from click.testing import CliRunner

from pump_roles import published, universal
from pump_roles.app import config, stacks
from pump_roles.inputs.validators import REGION_NAMES
from pump_roles.published import ROLES
from pump_roles.review.cli import app as cli
from tests.docs.pages import (
    APPROVE,
    DEPLOY,
    GUARDRAILS,
    ORGANIZATIONS,
    PLACEHOLDERS,
    README,
    TEMPLATE,
    kept_in_pump_json,
    quick_create_link,
    sh_blocks,
    shown,
)
from tests.support import PUMP_ACCOUNT, SECRET, app_files, rollout_with_parameters
from tools.sandbox import demo, demo_organization
from tools.sandbox.cdk import ROOT

ROWS = [
    {"key": row.name, "object": place, "only in one": row.for_one_role, "required": row.required}
    for row in config.TABLE
    for place in sorted({"" if parent in ROLES else parent for parent in row.parents})
]


ADDED = re.findall(r'^ *"auto-pilot": .*$', DEPLOY, re.MULTILINE)


def rows(page: str, heading: str, place: str) -> list[dict[str, object]]:
    """Return the rows of the first table of keys after a heading."""
    table = re.search(r"\| key \|.*\n\| *---.*\n((?:\|.*\n)+)", page[page.index(heading) :])
    assert table
    found = re.findall(r"^\| `([a-z-]+)` \| (.*) \| (.*) \|$", table[1], re.MULTILINE)
    assert len(found) == table[1].count("\n")
    return [
        {
            "key": key,
            "object": place,
            "only in one": place == "" and description.startswith("only in "),
            "required": omitted == "required",
        }
        for key, description, omitted in found
    ]


def test_tables_of_keys_say_what_the_table_of_the_app_says() -> None:
    listed = [
        *rows(DEPLOY, "### Settings", ""),
        *rows(DEPLOY, 'In `"alarm"`', "alarm"),
        *rows(ORGANIZATIONS, "### Settings", ""),
        *rows(ORGANIZATIONS, 'In `"protection"`', "protection"),
    ]
    assert sorted(listed, key=str) == sorted(ROWS, key=str)


def test_line_about_a_stack_is_that_of_the_settings_above_it() -> None:
    (line,) = re.findall(r"^PumpReadOnly: role .*$", DEPLOY, re.MULTILINE)
    read_only, *_ = stacks(config.Settings(kept_in_pump_json(DEPLOY)))
    assert read_only.summary == line


STEP = re.compile(
    r'"(?P<added>auto-pilot)":|pump-roles (?P<reported>report) cdk\.out --output report\.html'
    r" --keep reviewed\.json$|^ *npx cdk (?P<deployed>deploy) PumpAutoPilot$",
    re.MULTILINE,
)
IN_ORDER = ["added", "reported", "deployed"]


def steps(text: str) -> list[str | None]:
    """Return the steps of a guide to the auto-pilot role, from the one that adds the role."""
    found = [step.lastgroup for step in STEP.finditer(text)]
    return found[found.index("added") :]


@pytest.mark.parametrize("text", [DEPLOY, APPROVE, GUARDRAILS, demo.NEXT_STEPS])
def test_no_step_deploys_the_auto_pilot_role_from_a_report_that_did_not_have_it(text: str) -> None:
    assert steps(text)[:3] == IN_ORDER
    assert steps(text).count("deployed") == 1


def test_step_that_deploys_the_auto_pilot_role_without_its_report_is_found() -> None:
    assert steps(DEPLOY.replace("--keep reviewed.json", ""))[:3] != IN_ORDER
    assert steps('report cdk.out\n"auto-pilot": {}\nnpx cdk deploy PumpAutoPilot') != IN_ORDER


@pytest.mark.parametrize("ending", [demo.NEXT_STEPS, demo_organization.NEXT_STEPS])
def test_demos_end_with_the_settings_and_the_review_of_the_guides(ending: str) -> None:
    (text,) = re.findall(r"^  (\{.*?\})$", ending, re.MULTILINE | re.DOTALL)
    settings, guide = json.loads(text), kept_in_pump_json(README)
    assert settings["guardrails"] == guide["guardrails"] == ["recommended"]
    assert settings.keys() - {"read-only"} == guide.keys()
    later = re.findall(r'^  ("auto-pilot": .*)$', ending, re.MULTILINE)
    assert later == ([line.strip() for line in ADDED] if "auto-pilot" in ending else [])
    ran = [line.strip() for line in ending.splitlines() if line.startswith("  ")]
    of_readme = [line for block in sh_blocks(README)[1:3] for line in block.splitlines()][1:]
    at = ran.index(of_readme[0])
    assert ran[at : at + len(of_readme)] == of_readme


def test_commands_for_a_template_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    # A short external ID would be a warning.
    monkeypatch.setitem(PLACEHOLDERS, "EXTERNAL_ID", SECRET)
    settings = kept_in_pump_json(DEPLOY)
    (tmp_path / "pump.json").write_text(json.dumps(settings))
    for arguments in shown(TEMPLATE, "pump-roles"):
        if arguments[0] != "template":
            continue
        ended = CliRunner().invoke(cli, arguments)
        assert (ended.exit_code, ended.output) == (0, "")
    guarded = {"roles": ["auto-pilot"], "guardrails": ["recommended", "no-invitations"]}
    (tmp_path / "pump.json").unlink()
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == {
        "PumpReadOnly.template.json": universal.template("read-only"),
        "PumpAutoPilot-mine.template.json": app_files(guarded)["PumpAutoPilot"],
        "PumpReadOnly-mine.template.json": app_files(settings)["PumpReadOnly"],
        "PumpReadOnlyRollout.template.json": rollout_with_parameters("read-only"),
    }


AWS = (
    "https://eu-central-1.console.aws.amazon.com/cloudformation/home?region=eu-central-1"
    "#/stacks/create/review?templateURL=https://s3.eu-central-1.amazonaws.com/templates/"
    "WordPress.template&stackName=MyWPBlog&param_DBName=mywpblog&param_KeyName=MyKeyPair"
)
"""CloudFormation User Guide, "Create quick-create links for stacks": the form of its example."""


def parts(link: str) -> tuple[str, str, str, dict[str, str]]:
    """Return the Region and the page that a link opens, and what it fills in."""
    region, _, console = urlsplit(link).netloc.partition(".")
    page, _, query = urlsplit(link).fragment.partition("?")
    assert urlsplit(link).query == f"region={region}"
    where = f"{urlsplit(link).scheme}://{console}{urlsplit(link).path}"
    return region, where, page, dict(parse_qsl(query, strict_parsing=True))


def test_quick_create_link_has_the_form_that_aws_documents() -> None:
    values = {
        "TEMPLATE_URL": "https://s3.us-east-1.amazonaws.com/mine/a+b.template.json?versionId=c%2Bd",
        "PRINCIPAL": f"arn:aws:iam::{PUMP_ACCOUNT}:role/a+=,.@-/b",
        # Everything that an external ID can have and a URL treats in its own way.
        "EXTERNAL_ID": "a+b=c,d.e@f:g/h-i_j",
    }
    region, *where, filled_in = parts(quick_create_link(values))
    of_aws, *documented, shown_by_aws = parts(AWS)
    assert {region, of_aws} <= {*REGION_NAMES}
    assert where == documented
    assert filled_in == {
        "templateURL": values["TEMPLATE_URL"],
        "stackName": ROLES["read-only"].stack_name,
        f"param_{published.PRINCIPAL_PARAMETER}": values["PRINCIPAL"],
        f"param_{published.EXTERNAL_ID_PARAMETER}": values["EXTERNAL_ID"],
    }
    # The names are case-sensitive, and a parameter that the template does not have is ignored.
    assert {"templateURL", "stackName"} < shown_by_aws.keys()
    assert all(name.startswith("param_") for name in [*shown_by_aws][2:])
    declared = json.loads(universal.template("read-only"))["Parameters"]
    assert {f"param_{name}" for name in declared} == {*filled_in} - {"templateURL", "stackName"}
    # The console would not fill in such a parameter.
    assert not any("NoEcho" in parameter for parameter in declared.values())


def test_guide_names_the_versions_that_the_package_needs() -> None:
    package = (ROOT / "pyproject.toml").read_text()
    cli = json.loads((ROOT / "package.json").read_text())
    (lowest,) = re.findall(r'"aws-cdk-lib>=([\d.]+),<3"', package)
    node = cli["engines"]["node"].removeprefix(">=")
    needed = f"`aws-cdk-lib` {lowest} or later, and, for the CDK, Node {node} or later"
    assert needed in " ".join(DEPLOY.split())
