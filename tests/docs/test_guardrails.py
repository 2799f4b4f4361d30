"""The guide to guardrails says what their files say, and how much they leave."""

import json

from pump_roles import Guardrail
from pump_roles.guardrails import kept_by
from pump_roles.guardrails.guardrail_documents import documents
from pump_roles.published import ROLES
from tests.docs.pages import GUARDRAILS, GUARDRAILS_REFERENCE, SECURITY
from tools.sandbox import catalog

AUTO_PILOT = ROLES["auto-pilot"]


def test_guide_to_guardrails_says_how_much_needed_only_leaves() -> None:
    kept = kept_by(Guardrail.NEEDED_ONLY)
    guide, reference, model = (
        " ".join(page.split()) for page in (GUARDRAILS, GUARDRAILS_REFERENCE, SECURITY)
    )
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
    assert f"takes {size:,} of the 10,240 characters" in reference
    assert f"in addition to {published:,} for the published ones" in reference
    assert f"whole catalog ({len(catalog.actions()):,})" in model
