"""Generates the tables and lists of some pages from what they describe.

Each one is between two lines, ``<!-- generated: NAME -->`` and ``<!-- /generated -->``. The text
around them is written by hand.
"""

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib import resources
from typing import Final

from pump_roles.guardrails import SHIPPED, Guardrail, kept_by
from pump_roles.iam import shipped
from pump_roles.published import ROLES
from tools.release import ready_templates
from tools.sandbox.cdk import ROOT


def _table(head: Sequence[str], rows: Iterable[Iterable[str]]) -> str:
    first, *others = (f"| {' | '.join(row)} |\n" for row in (head, *rows))
    return "".join([first, f"|{'---|' * len(head)}\n", *others])


def _guardrails() -> str:
    return _table(
        ("guardrail", "what it removes"),
        ((f"`{guardrail.name}`", guardrail.removes) for guardrail in SHIPPED.values()),
    )


def _guardrails_in_full() -> str:
    return _table(
        ("guardrail", "what it leaves", "what it costs Pump's service"),
        (
            (f"`{guardrail.name}`", guardrail.leaves, guardrail.costs)
            for guardrail in SHIPPED.values()
        ),
    )


def _left_by_metadata_only() -> str:
    left = json.loads(
        resources.files("pump_roles.review.report").joinpath("data.json").read_bytes()
    )["left"]
    return _table(
        ("action", "what it returns", "why it stays"),
        ((f"`{action}`", data["returns"], data["stays"]) for action, data in left.items()),
    )


def _left_by_needed_only() -> str:
    read_only = {action.name for action in shipped().matching(ROLES["read-only"].patterns)}
    head = ("action", "what it is needed for", "what is lost without it", "in the read-only role")
    return _table(
        head,
        (
            (f"`{action}`", need.needed, need.without, "yes" if action in read_only else "no")
            for action, need in kept_by(Guardrail.NEEDED_ONLY).items()
        ),
    )


def _decisions() -> str:
    titles = (
        (page.name, page.read_text("utf-8").partition("\n")[0].removeprefix("# "))
        for page in sorted((ROOT / "docs" / "decisions").glob("*.md"))
        if page.name != "README.md"
    )
    return "".join(f"- [{title}]({name})\n" for name, title in titles)


PAGES: Final = (
    "cloudformation/README.md",
    "docs/decisions/README.md",
    "docs/guardrails-reference.md",
    "docs/guardrails.md",
)
"""The pages with the tables."""

TABLES: Final[Mapping[str, Callable[[], str]]] = {
    "guardrails": _guardrails,
    "guardrails in full": _guardrails_in_full,
    "left by metadata-only": _left_by_metadata_only,
    "left by needed-only": _left_by_needed_only,
    "decisions": _decisions,
    "ready templates": ready_templates.table,
}
"""The function that makes each table, by name."""


def filled(page: str) -> str:
    """Return a page with its tables as they are generated now."""
    return re.sub(
        r"(<!-- generated: (.*?) -->\n).*?(?=<!-- /generated -->\n)",
        lambda found: found[1] + TABLES[found[2]](),
        page,
        flags=re.DOTALL,
    )
