"""Why an action matters: it returns data, spends money, or is legacy.

``action_risks.json`` has the reasons for the last two. ``data.json`` says which return data:
``denied`` lists those that the guardrail metadata-only is expected to deny, and ``left`` those that
it does not, each with what it ``returns`` and why it ``stays``. The list is independent of the
guardrail: an action that is no longer denied still returns data.
"""

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

from pump_roles.guardrails import Guardrail
from pump_roles.review.report import RISKS, Risk

_NOT_DENIED: Final = "Returns data, not only metadata."
"""The reason for an action in ``denied`` for which the guardrail has none."""


# Each report asks about nearly the same actions.
@cache
def mark(kind: str, name: str) -> str:
    """Return why an action is of a kind; empty if it is not."""
    reasons, name = _reasons()[kind], name.lower()
    if name in reasons:
        return reasons[name]
    prefixes = _prefixes(kind)
    return prefixes.get(next(filter(name.startswith, prefixes), ""), "")


@cache
def _reasons() -> Mapping[str, Mapping[str, str]]:
    # By kind and pattern, in lower case.
    reasons: dict[str, Mapping[str, str]] = json.loads(
        Path(__file__).with_name("action_risks.json").read_bytes()
    )
    data: dict[str, Any] = json.loads(Path(__file__).with_name("data.json").read_bytes())
    sentences, left = Guardrail.METADATA_ONLY.reasons, data["left"]
    reasons["data"] = {
        **{pattern: sentences.get(pattern, _NOT_DENIED) for pattern in data["denied"]},
        **{pattern: reason["returns"] for pattern, reason in left.items()},
    }
    return {
        kind: {pattern.lower(): reason for pattern, reason in of_kind.items()}
        for kind, of_kind in reasons.items()
    }


@cache
def _prefixes(kind: str) -> Mapping[str, str]:
    reasons = _reasons()[kind].items()
    return {pattern[:-1]: reason for pattern, reason in reasons if pattern.endswith("*")}


@cache
def risk_of(name: str, *, only_reads: bool) -> Risk:
    """Return what an action is counted under: the first of :data:`RISKS` that applies."""
    applies = (mark("spends", name), not only_reads, mark("data", name), "reads")
    return next(risk for risk, why in zip(RISKS, applies, strict=True) if why)
