"""What several guardrails are on one role: their policy documents, and what is redundant."""

from collections.abc import Mapping, Sequence
from typing import Any

from pump_roles.guardrails.guardrail import Guardrail
from pump_roles.guardrails.patterns import any_overlap
from pump_roles.published import PublishedRole
from pump_roles.validators import ArgumentError

__all__ = ["documents", "made_redundant"]


def documents(
    guardrails: Sequence[Guardrail], role: PublishedRole
) -> dict[Guardrail, dict[str, Any]]:
    """Return the policy document of each guardrail on a role, sets of guardrails resolved.

    They are ordered by name, so that the template does not depend on the order of the list.

    :param guardrails: the guardrails.
    :param role: the role.
    :raises ArgumentError: when one is not a guardrail, is listed twice, or would do nothing.
    """
    found: dict[Guardrail, dict[str, Any]] = {}
    for guardrail in _checked(guardrails):
        effective = guardrail.on(role.patterns)
        if not effective:
            raise ArgumentError(
                "guardrails",
                f"{guardrail.name} would do nothing on the {role.kind} role",
                guardrail=guardrail.name,
            )
        for one, document in effective.items():
            if one.name in {other.name for other in found}:
                also = f", also in {guardrail.name}" if guardrail.members else ""
                raise ArgumentError(
                    "guardrails", f"{one.name} is listed twice{also}", guardrail=one.name
                )
            found[one] = document
    return dict(sorted(found.items(), key=lambda item: item[0].name))


def made_redundant(
    guardrails: Sequence[Guardrail], found: Mapping[Guardrail, Mapping[str, Any]]
) -> Mapping[str, list[str]]:
    """Return the guardrails that deny nothing more, by the one that denies all but some actions.

    A set of others is among them if all of it denies nothing more.

    :param guardrails: the guardrails that are given.
    :param found: their policy documents on a role, as :func:`documents` returns them.
    """
    redundant = {}
    for keeping, document in found.items():
        kept = [
            action
            for statement in document["Statement"]
            if statement.keys() == {"Effect", "NotAction", "Resource"}
            if statement["Resource"] == "*"
            for action in statement["NotAction"]
        ]
        spare = {
            one
            for one, other in found.items()
            if one is not keeping
            and not any(
                any_overlap(pattern, kept)
                for statement in other["Statement"]
                for pattern in statement.get("Action", ["*"])
            )
        }
        names = sorted(
            one.name for one in guardrails if {part for part in one.parts if part in found} <= spare
        )
        if kept and names:
            redundant[keeping.name] = names
    return redundant


def _checked(guardrails: object) -> tuple[Guardrail, ...]:
    """Return the guardrails, a list of them.

    :raises ArgumentError: when they are not a list, or one is not a guardrail.
    """
    if not isinstance(guardrails, Sequence) or isinstance(guardrails, str):
        raise ArgumentError("guardrails", f"{guardrails!r} is not a list of Guardrails")
    for one in guardrails:
        if not isinstance(one, Guardrail):
            raise ArgumentError("guardrails", f"{one!r} is not a Guardrail")
    return tuple(guardrails)
