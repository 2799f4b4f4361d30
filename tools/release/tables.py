"""Generates the tables and lists of some pages from what they describe.

Each one is between two lines, ``<!-- generated: NAME -->`` and ``<!-- /generated -->``. The text
around them is written by hand.
"""

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

from pump_roles import Guardrail
from pump_roles.guardrails import by_name
from pump_roles.published import ROLES
from pump_roles.review.report.permission_report import of_published
from tools.release import ready_templates
from tools.release.sources import linked
from tools.sandbox.cdk import ROOT


def _table(head: Sequence[str], rows: Iterable[Iterable[str]]) -> str:
    first, *others = (f"| {' | '.join(row)} |\n" for row in (head, *rows))
    return "".join([first, f"|{'---|' * len(head)}\n", *others])


def _guardrails() -> str:
    return _table(
        ("guardrail", "what it removes"),
        ((f"`{guardrail.name}`", guardrail.removes) for guardrail in by_name().values()),
    )


def _costs_of_guardrails() -> str:
    return _table(
        ("guardrail", "what it costs Pump's service"),
        ((f"`{guardrail.name}`", guardrail.costs) for guardrail in by_name().values()),
    )


def _decisions() -> str:
    titles = (
        (page.name, page.read_text("utf-8").partition("\n")[0].removeprefix("# "))
        for page in sorted((ROOT / "docs" / "decisions").glob("*.md"))
        if page.name != "README.md"
    )
    return "".join(f"- [{title}]({name})\n" for name, title in titles)


DATA: Final[Mapping[str, str]] = {
    "read-consolidated-bill": (
        "costs of every account (only in the management account): confidential"
    ),
    "read-organization": (
        "names and email addresses of accounts (only there or in a delegated administrator "
        "account): personal"
    ),
    "read-membership": (
        "the organization that the account is in, with its management account's email address, "
        "and its handshakes: personal"
    ),
    "read-alerts": "email addresses that budgets and alerts notify: personal",
    "read-people": "names of users, public keys, home folders, names of files: personal",
    "read-support-cases": "the text and the files of support cases: personal and confidential",
    "read-user-data": "user data and environment variables: can hold secrets",
    "read-secrets": "keys, certificates, and passwords in settings: secret",
    "read-queries": "queries, table definitions, and parameters: confidential, can hold secrets",
    "read-logs": "fields of log lines: can hold anything",
    "read-metrics": "values of metrics, also your applications' own: confidential",
    "read-dashboards": "dashboards, alarms, and rules over logs: confidential",
    "read-undocumented": "not documented by AWS: treat as confidential",
}
"""What each question of the report about data is about, for whoever protects data."""


def _data() -> str:
    # Each answer of the report, with the number of its actions that a role has.
    sets: tuple[Sequence[Guardrail], ...] = ((), [Guardrail.RECOMMENDED], [Guardrail.NEEDED_ONLY])
    answers = [
        {answer.id: answer.roles for answer in of_published(guardrails=chosen).statements}
        for chosen in sets
    ]

    def numbers(question: str) -> Iterable[str]:
        for by_question in answers:
            for kind in ROLES:
                answer = by_question[question][kind]
                yield str(len(answer.allowed) + len(answer.limited))

    head = (
        "what",
        *(f"{kind}{of}" for of in ("", ", `recommended`", ", `needed-only`") for kind in ROLES),
    )
    return _table(head, ((text, *numbers(question)) for question, text in DATA.items()))


def run_on_aws(file: Path = ROOT / "docs" / "smoke.json") -> str:
    """Return what was run on AWS: what ``make smoke-org`` wrote."""
    documented = "these pages say about AWS is from its documentation.\n"
    if not file.exists():
        return f"**Nothing was run on AWS.** What {documented}"
    result = json.loads(file.read_text("utf-8"))
    passed, left = "; ".join(result["passed"]), "; ".join(result["left"])
    return (
        f"**Run on AWS** on {result['date']}, in us-east-1 and {result['region']}, at the commit "
        f"`{result['commit'][:12]}`: {passed}. Not run: {left}. What else {documented}"
    )


PAGES: Final = (
    "cloudformation/README.md",
    "docs/data.md",
    "docs/decisions/README.md",
    "docs/guardrails-reference.md",
    "docs/guardrails.md",
    "docs/security-model.md",
)
"""The pages with the tables."""

TABLES: Final[Mapping[str, Callable[[], str]]] = {
    "guardrails": _guardrails,
    "costs of guardrails": _costs_of_guardrails,
    "data": _data,
    "decisions": _decisions,
    "ready templates": ready_templates.table,
    "run on AWS": run_on_aws,
}
"""The function that makes each table, by name."""


def filled(page: str) -> str:
    """Return a page with its tables as they are generated now."""
    return re.sub(
        r"(<!-- generated: (.*?) -->\n).*?(?=<!-- /generated -->\n)",
        lambda found: found[1] + linked(TABLES[found[2]]()),
        page,
        flags=re.DOTALL,
    )
