"""The security model shows what the app synthesizes, and its counts are the catalog's."""

import json
import re
from pathlib import Path

import pytest

from pump_roles import Guardrail
from pump_roles.published import ROLES
from pump_roles.review.report.permission_report import of_published
from tests.decisions.test_guardrails import UNDOCUMENTED
from tests.docs.pages import GUARDRAILS, GUARDRAILS_REFERENCE, SECURITY, counts, filled_in
from tests.support import NEVER, Synth, only_resource
from tools.sandbox import catalog
from tools.sandbox.cdk import ROOT

DATA = (ROOT / "docs" / "data.md").read_text()
AUTO_PILOT = ROLES["auto-pilot"]


def test_page_shows_the_trust_policy_of_each_role(synth: Synth) -> None:
    (block,) = re.findall(r"```json\n(.*?)```", SECURITY, re.DOTALL)
    shown = json.loads(filled_in(block))
    (statement,) = shown["Statement"]
    stacks = synth(
        {
            "principal": statement["Principal"]["AWS"],
            "external-id": statement["Condition"]["StringEquals"]["sts:ExternalId"],
            "auto-pilot": {},
        }
    )
    for template in stacks.values():
        assert only_resource(template, "AWS::IAM::Role")["AssumeRolePolicyDocument"] == shown


def test_counts_of_the_security_model_are_those_of_the_catalog() -> None:
    page = " ".join(SECURITY.split())
    _, actions, writes = counts(AUTO_PILOT.patterns)
    assert f"has {actions} actions, of which {writes} are not List or Read" in page
    assert f"allows `ce:*`, which includes {counts(['ce:*'])[2]} writes" in page
    assert f"`support:*` has {counts(['support:*'])[2]} writes" in page
    tagged = len(catalog.actions()["ec2:createtags"].resources)
    assert f"`ec2:CreateTags` works on {tagged} types of resource" in page
    assert f"each of {len(NEVER)} actions that neither role may ever have" in page
    reference = " ".join(GUARDRAILS_REFERENCE.split())
    undocumented = f"CloudWatch has {len(UNDOCUMENTED)} reads that its API reference does not have"
    assert undocumented in reference
    _, actions, writes = counts(ROLES["read-only"].patterns)
    assert (
        f"only the policy `PumpBillingReadOnly`, whose {actions} actions are all List or Read"
        in page
    )
    assert writes == 0


def test_every_action_that_the_security_model_names_is_granted_and_exists() -> None:
    names = set(re.findall(r"`((?!sts:)[a-z0-9-]+:[A-Z]\w+)`", SECURITY))
    granted = {action.name.lower() for action in catalog.matching(AUTO_PILOT.patterns)}
    assert {name for name in names if name.lower() not in granted} == set()


def test_reads_that_return_data_are_those_of_the_report_and_of_the_roles() -> None:
    permissions = (ROOT / "docs" / "permissions.md").read_text()
    (shown,) = re.findall(r"^\| return data \| (\d+) \| (\d+) \|$", permissions, re.MULTILINE)
    words = "{} actions of the read-only role, and {} of the auto-pilot role"
    page = " ".join(SECURITY.split())
    assert words.format(*shown) in page
    assert f"For {len(UNDOCUMENTED)} of the {shown[1]}, AWS does not document" in page
    table = SECURITY.partition("| action | what it can return |")[2].partition("\n\n")[0]
    rest, _, in_both = table.partition("also in the read-only role")
    read_only = {action.name for action in catalog.matching(ROLES["read-only"].patterns)}
    assert set(re.findall(r"`([a-z]+:\w+)`", in_both)) <= read_only
    assert not set(re.findall(r"`([a-z0-9]+:\w+)`", rest)) & read_only


def reads_of_data(kind: str, *guardrails: Guardrail) -> set[str]:
    """Return the reads that return data and that a published role is left with."""
    return {
        action.name
        for action in of_published(guardrails=guardrails).actions
        if action.risk == "data" and kind in action.roles
        if action.roles[kind].decision in ("allowed", "limited")
    }


def test_pages_say_how_many_reads_that_return_data_recommended_denies() -> None:
    published, recommended = (
        {kind: len(reads_of_data(kind, *guardrails)) for kind in ROLES}
        for guardrails in ((), (Guardrail.RECOMMENDED,))
    )
    denied = {kind: published[kind] - recommended[kind] for kind in ROLES}
    both = (
        f"denies {denied['read-only']} of the {published['read-only']} reads that return data in "
        f"the read-only role, and {denied['auto-pilot']} of {published['auto-pilot']} in the "
        "auto-pilot role"
    )
    assert both in " ".join(GUARDRAILS.split())
    of_the_auto_pilot = f"{denied['auto-pilot']} of the {published['auto-pilot']} reads"
    assert of_the_auto_pilot in " ".join(SECURITY.split())
    left = "{read-only} of the 35 are left, and {auto-pilot} of the 142".format(**recommended)
    assert left in " ".join(DATA.split())


SECRETS = {"read-secrets", "read-user-data", "read-queries", "read-logs"}
QUESTIONS = json.loads((ROOT / "pump_roles" / "review" / "report" / "questions.json").read_bytes())


def test_pages_say_which_reads_that_can_hold_secrets_recommended_denies() -> None:
    published = reads_of_data("read-only")
    recommended = reads_of_data("read-only", Guardrail.RECOMMENDED)
    denied = published - recommended
    (no_secret,) = re.findall(r"which also has `(\w+:\w+)`", " ".join(DATA.split()))
    secret = {
        name
        for question in QUESTIONS
        if question["id"] in SECRETS
        for name in question["actions"]
        if name in published
    }
    assert denied - secret == {no_secret}
    assert secret <= denied
    assert f"denies all {len(secret)} that can hold secrets in the read-only role" in " ".join(
        DATA.split()
    )


OVERSOLD = re.compile(r"\b(?:other|another|no other) customers?\b.*\b(?:reach|protect|assume)")
CONDITION = re.compile(r"\b[Ii]f Pump sends each customer's own\b")


def oversold(text: str) -> list[str]:
    """Return what says that the external ID keeps other customers out, whatever Pump sends."""
    parts = re.split(r"\n\n|\n- |\| ", text.replace("**", ""))
    return [part for part in parts if OVERSOLD.search(part) and not CONDITION.search(part)]


@pytest.mark.parametrize(
    "page",
    [ROOT / "README.md", ROOT / "SECURITY.md", *sorted(ROOT.glob("docs/*.md"))],
    ids=lambda page: page.stem,
)
def test_external_id_is_said_to_protect_only_if_pump_sends_each_customers_own(page: Path) -> None:
    assert [" ".join(part.split()) for part in oversold(page.read_text("utf-8"))] == []


def test_promise_of_what_pump_sends_is_found() -> None:
    assert oversold("| External ID | other customers of Pump cannot reach this role |\n")
    assert not oversold("If Pump sends each customer's own, no other customer reaches your role.")


NOTHING_WAS_RUN = re.compile(
    r"(nothing|neither)\s+(was|has\s+been)\s+\[?run\s+on\s+AWS", re.IGNORECASE
)


def test_pages_say_that_nothing_was_run_on_aws_until_a_file_says_what_was() -> None:
    pages = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]
    found = {page.name for page in pages if NOTHING_WAS_RUN.search(page.read_text("utf-8"))}
    expected = {"README.md", "release.md", "security-model.md"}
    assert found == (set() if (ROOT / "docs" / "smoke.json").exists() else expected)
