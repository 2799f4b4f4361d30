"""Why an action matters: it returns data, spends money or is legacy."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from pump_roles.guardrails import Guardrail
from pump_roles.report.catalog import matcher, read_text

__all__ = ["mark"]


@dataclass(frozen=True, kw_only=True)
class _Marks:
    """The reasons of one kind.

    :param by_name: the reasons of single actions, by the name in lower case.
    :param by_pattern: the reasons of all actions that a pattern matches.
    """

    by_name: Mapping[str, str]
    by_pattern: Mapping[re.Pattern[str], str]


def mark(kind: str, name: str) -> str:
    """Return why an action is of a kind; empty if it is not.

    :param kind: ``data``, ``spends`` or ``legacy``.
    :param name: the action's name.
    """
    marks, key = _marks()[kind], name.lower()
    if key in marks.by_name:
        return marks.by_name[key]
    reasons = (reason for pattern, reason in marks.by_pattern.items() if pattern.fullmatch(key))
    return next(reasons, "")


@cache
def _marks() -> Mapping[str, _Marks]:
    reasons: dict[str, Mapping[str, str]] = json.loads(read_text("marks.json"))
    reasons["data"] = Guardrail.METADATA_ONLY.reasons
    return {kind: _marks_of(of_kind) for kind, of_kind in reasons.items()}


def _marks_of(reasons: Mapping[str, str]) -> _Marks:
    return _Marks(
        by_name={
            pattern.lower(): reason
            for pattern, reason in reasons.items()
            if not pattern.endswith("*")
        },
        by_pattern={
            matcher(pattern): reason for pattern, reason in reasons.items() if pattern.endswith("*")
        },
    )
