"""The policy documents of guardrails for a role, and which guardrails are redundant."""

from collections.abc import Mapping, Sequence
from typing import Any

from pump_roles.guardrails.guardrail import Guardrail
from pump_roles.iam.patterns import overlap
from pump_roles.published import PublishedRole
from pump_roles.validators import ArgumentError

__all__ = ["documents", "made_redundant"]


def documents(
    guardrails: Sequence[Guardrail], role: PublishedRole
) -> dict[Guardrail, dict[str, Any]]:
    """Return the policy document of each guardrail for a role; for a set, those of its members.

    They are ordered by name, so that the template does not depend on the order of the list.

    :param guardrails: the guardrails.
    :param role: the role.
    :raises ArgumentError: when one is not a guardrail, is listed twice, or would have no effect.
    """
    found: dict[Guardrail, dict[str, Any]] = {}
    for guardrail in _checked(guardrails):
        effective = guardrail.on(role.patterns)
        if not effective:
            raise ArgumentError(
                "guardrails",
                f"{guardrail.name} would have no effect on the {role.kind} role",
                guardrail=guardrail.name,
            )
        for part, document in effective.items():
            if part.name in {other.name for other in found}:
                also = f", also in {guardrail.name}" if guardrail.members else ""
                raise ArgumentError(
                    "guardrails", f"{part.name} is listed twice{also}", guardrail=part.name
                )
            found[part] = document
    return dict(sorted(found.items(), key=lambda item: item[0].name))


def made_redundant(
    guardrails: Sequence[Guardrail], found: Mapping[Guardrail, Mapping[str, Any]]
) -> Mapping[str, list[str]]:
    """Return the names of redundant guardrails, by the guardrail that makes them redundant.

    A guardrail that denies all but some actions makes others redundant. A set of guardrails is
    redundant if all of its members are.

    :param guardrails: the guardrails of a role.
    :param found: their policy documents, as :func:`documents` returns them.
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
        unneeded = {
            other
            for other, denies in found.items()
            if other is not keeping
            and not any(
                overlap(pattern, action)
                for statement in denies["Statement"]
                for pattern in statement.get("Action", ["*"])
                for action in kept
            )
        }
        names = sorted(
            guardrail.name
            for guardrail in guardrails
            if {part for part in guardrail.parts if part in found} <= unneeded
        )
        if kept and names:
            redundant[keeping.name] = names
    return redundant


def _checked(guardrails: object) -> tuple[Guardrail, ...]:
    """Return the guardrails, a list of them.

    :raises ArgumentError: when they are not a list, or one is not a guardrail.
    """
    if not isinstance(guardrails, Sequence) or isinstance(guardrails, str):
        one = "; put it in a list" if isinstance(guardrails, Guardrail) else ""
        raise ArgumentError("guardrails", f"{guardrails!r} is not a list of Guardrails{one}")
    for guardrail in guardrails:
        if not isinstance(guardrail, Guardrail):
            raise ArgumentError("guardrails", f"{guardrail!r} is not a Guardrail")
    return tuple(guardrails)
