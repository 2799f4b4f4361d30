"""Which guardrails apply to a role, their policy documents, and which are redundant."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import partial
from typing import Any

from pump_roles.guardrails import Guardrail, is_set, parts_of, statements_of
from pump_roles.inputs import mapped
from pump_roles.inputs.validators import ArgumentError
from pump_roles.patterns import covers, overlap
from pump_roles.published import ROLES, PublishedRole, policy_document


def applying(
    guardrails: Iterable[Guardrail], kind: str, sharing: Collection[str]
) -> list[Guardrail]:
    """Return which guardrails that several roles share apply to one of them.

    A guardrail applies to the roles that have permissions that it denies. If none has, it applies
    to all, and :func:`documents` rejects it.
    """

    def applies(guardrail: Guardrail) -> bool:
        having = [other for other in sharing if documents_on(guardrail, ROLES[other].patterns)]
        return kind in having or not having

    return [guardrail for guardrail in guardrails if applies(guardrail)]


def documents(
    guardrails: Sequence[Guardrail] | None, role: PublishedRole
) -> dict[Guardrail, dict[str, Any]]:
    """Return the policy document of each guardrail for a role; for a set, those of its members.

    They are ordered by name, so that the template does not depend on the order of the list.
    """
    found: dict[Guardrail, dict[str, Any]] = {}
    for guardrail in _checked(guardrails):
        effective = documents_on(guardrail, role.patterns)
        if not effective:
            raise ArgumentError(
                "guardrails",
                f"{guardrail.name} would have no effect on the {role.kind} role",
                guardrail=guardrail.name,
            )
        for part, document in effective.items():
            if part.name in {other.name for other in found}:
                also = f", also in {guardrail.name}" if is_set(guardrail) else ""
                raise ArgumentError(
                    "guardrails", f"{part.name} is listed twice{also}", guardrail=part.name
                )
            found[part] = document
    return dict(sorted(found.items(), key=lambda item: item[0].name))


def made_redundant(
    guardrails: Sequence[Guardrail] | None, found: Mapping[Guardrail, Mapping[str, Any]]
) -> Mapping[str, list[str]]:
    """Return the names of redundant guardrails, by the guardrail that makes them redundant.

    One that denies some actions on every resource without a condition makes those redundant that
    only deny the same actions. A set of guardrails is redundant if all of its members are. Each
    one is returned once.
    """
    redundant: dict[str, list[str]] = {}
    left = {guardrail.name: guardrail for guardrail in guardrails or ()}
    for keeping, document in found.items():
        if any(keeping.name in names for names in redundant.values()):
            continue
        outright = [
            statement
            for statement in document["Statement"]
            if not {"Condition", "NotResource"} & statement.keys() and statement["Resource"] == "*"
        ]
        unneeded = {
            other
            for other, denies in found.items()
            if other is not keeping
            and all(
                any(_denies(statement, pattern) for statement in outright)
                for denied in denies["Statement"]
                for pattern in denied.get("Action", ["*"])
            )
        }
        names = sorted(
            name
            for name, guardrail in left.items()
            if {part for part in parts_of(guardrail) if part in found} <= unneeded
        )
        if names:
            redundant[keeping.name] = names
            left = {name: guardrail for name, guardrail in left.items() if name not in names}
    return redundant


def _denies(statement: Mapping[str, Any], pattern: str) -> bool:
    if "NotAction" in statement:
        return not any(overlap(pattern, action) for action in statement["NotAction"])
    return any(covers(denied, pattern) for denied in statement["Action"])


def _checked(guardrails: object) -> tuple[Guardrail, ...]:
    if guardrails is None:
        return ()
    if not isinstance(guardrails, Sequence) or isinstance(guardrails, str):
        cure = "; put it in a list" if isinstance(guardrails, Guardrail) else ""
        raise ArgumentError("guardrails", f"{guardrails!r} is not a list of Guardrails{cure}")
    names: dict[str, str] = {}
    for guardrail in guardrails:
        if isinstance(guardrail, str):
            constant = Guardrail.named(guardrail).name.upper().replace("-", "_")
            raise ArgumentError("guardrails", f"{guardrail!r} is a name; use Guardrail.{constant}")
        if not isinstance(guardrail, Guardrail):
            raise ArgumentError("guardrails", f"{guardrail!r} is not a Guardrail")
        # IAM does not tell apart names that differ only in case.
        other = names.setdefault(guardrail.policy_name.casefold(), guardrail.name)
        if other != guardrail.name:
            raise ArgumentError("guardrails", f"{guardrail.name} is too similar to {other}")
    return tuple(guardrails)


def documents_on(guardrail: Guardrail, patterns: Iterable[str]) -> dict[Guardrail, dict[str, Any]]:
    """Return its policy document for a role; for a set of guardrails, one for each member.

    A guardrail that denies nothing that the role has is omitted.

    :param patterns: the action patterns that the role allows, each without a wildcard or with one
        at its end.
    """
    allowed = list(patterns)
    found = {part: _document(part, allowed) for part in parts_of(guardrail)}
    return {part: document for part, document in found.items() if document["Statement"]}


def _document(guardrail: Guardrail, allowed: Sequence[str]) -> dict[str, Any]:
    statements = []
    for statement in statements_of(guardrail):
        named, kept = statement.pop("Action", ()), statement.pop("NotAction", None)
        here = _in_common(named, allowed)
        denied = {"Action": here} if here else {}
        if kept is not None:
            denied = _all_but(kept, allowed)
        if denied:
            statements.append({"Effect": "Deny", **denied, **mapped(statement, _with_partition)})
    return policy_document(*statements)


def _in_common(patterns: Iterable[str], allowed: Sequence[str]) -> list[str]:
    return [pattern for pattern in patterns if any(map(partial(overlap, pattern), allowed))]


def _all_but(kept: Iterable[str], allowed: Sequence[str]) -> dict[str, list[str]]:
    # A pattern with a wildcard always matches more, because AWS adds actions.
    if {name.lower() for name in allowed} <= {name.lower() for name in kept}:
        return {}
    # IAM accepts no empty list.
    within = _in_common(kept, allowed)
    return {"NotAction": within} if within else {"Action": ["*"]}


def _with_partition(part: Any) -> Any:
    # One template for every partition.
    return {"Fn::Sub": part} if isinstance(part, str) and "${AWS::Partition}" in part else part
