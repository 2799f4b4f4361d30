"""What can happen at worst: ``worst.json`` says what some answers mean, and what limits it.

A ``source`` names the pages that the texts are from.
"""

import json
from collections.abc import Iterator, Sequence
from functools import cache
from importlib import resources
from typing import Any

from pump_roles.review.report.report_model import Worst
from pump_roles.review.report.statements import NO, Statement


def at_worst(found: Sequence[Statement]) -> Iterator[Worst]:
    """Yield what can happen at worst, unless the answers are no."""
    possible = {
        statement.id: [kind for kind, answer in statement.roles.items() if answer.answer != NO]
        for statement in found
    }
    kinds = dict.fromkeys(kind for statement in found for kind in statement.roles)
    for listed in _listed():
        answers = tuple(answer for answer in listed["answers"] if possible.get(answer))
        if answers:
            yield Worst(
                id=listed["id"],
                title=listed["title"],
                severity=listed["severity"],
                answers=answers,
                texts=tuple(listed["texts"]),
                limits=tuple(listed["limits"]),
                roles=tuple(
                    kind for kind in kinds if any(kind in possible[answer] for answer in answers)
                ),
            )


@cache
def _listed() -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = json.loads(
        resources.files(__package__).joinpath("worst.json").read_bytes()
    )
    return listed
