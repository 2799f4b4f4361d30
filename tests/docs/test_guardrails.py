"""The guide to guardrails says what their files say, and how much they leave."""

import json
import re

from pump_roles import Guardrail
from pump_roles.guardrails import documents
from pump_roles.published import ROLES
from tests.docs.pages import GUARDRAILS
from tools.sandbox import catalog
from tools.sandbox.cdk import ROOT

AUTO_PILOT = ROLES["auto-pilot"]


def test_guide_to_guardrails_says_what_their_files_say() -> None:
    files = sorted((ROOT / "pump_roles" / "guardrails").glob("*.json"))
    rows = re.findall(r"^\| `([a-z-]+)` \| (.*?) \| (.*?) \| (.*?) \|$", GUARDRAILS, re.MULTILINE)
    loaded = {file.stem: json.loads(file.read_text()) for file in files}
    assert {name: tuple(said) for name, *said in rows} == {
        name: (content["removes"], content["leaves"], content["costs"])
        for name, content in loaded.items()
    }


def test_guide_to_guardrails_lists_what_needed_only_leaves() -> None:
    rows = re.findall(
        r"^\| `([a-z0-9-]+:\w+)` \| (.*?) \| (.*?) \| (yes|no) \|$", GUARDRAILS, re.MULTILINE
    )
    read_only = {action.name for action in catalog.matching(ROLES["read-only"].patterns)}
    assert rows == [
        (name, need.needed, need.without, "yes" if name in read_only else "no")
        for name, need in Guardrail.NEEDED_ONLY.keeps.items()
    ]


def test_guide_to_guardrails_says_how_much_needed_only_leaves() -> None:
    kept, guide = Guardrail.NEEDED_ONLY.keeps, " ".join(GUARDRAILS.split())
    for kind, words in (
        ("auto-pilot", "the auto-pilot role's {} actions, {} stay"),
        ("read-only", "the read-only role's {}, {} stay."),
    ):
        granted = {action.name for action in catalog.matching(ROLES[kind].patterns)}
        assert words.format(len(granted), len(granted & kept.keys())) in guide
    (document,) = documents([Guardrail.NEEDED_ONLY], AUTO_PILOT).values()
    size, published = (
        sum(len(json.dumps(one, separators=(",", ":"))) for one in listed)
        for listed in ([document], [policy.document for policy in AUTO_PILOT.policies])
    )
    assert f"takes {size:,} of the 10,240 characters" in guide
    assert f"in addition to {published:,} for the published ones" in guide
    assert f"whole catalog ({len(catalog.actions()):,})" in guide
