"""Who may assume a role, as a trust policy says; and how it is not what this package makes."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pump_roles.review.templates import as_list, as_mapping, statements, strings

__all__ = ["Assumption", "assumption"]


@dataclass(frozen=True)
class Assumption:
    """Who may assume a role.

    :param principals: the principals, in words.
    :param external_id: whether each of them needs an external id.
    :param problems: how the trust is not one statement, one principal and an external id.
    """

    principals: tuple[str, ...]
    external_id: bool
    problems: tuple[str, ...]


@dataclass(frozen=True)
class _Principal:
    text: str
    # Whether it is one AWS principal: no wildcard, and nothing but a parameter to be filled in.
    single: bool


def assumption(trust: Mapping[str, Any]) -> Assumption:
    """Read a trust policy.

    :param trust: the policy document, as a template holds it.
    """
    found = statements(trust)
    allows = [one for one in found if one.get("Effect") == "Allow"]
    principals = [one for statement in allows for one in _principals(statement)]
    required = [_requires_external_id(one) for one in allows]
    return Assumption(
        tuple(one.text for one in principals),
        bool(required) and all(required),
        tuple(_problems(trust, allows, principals)),
    )


def _principals(statement: Mapping[str, Any]) -> Iterator[_Principal]:
    if "NotPrincipal" in statement:
        names = ", ".join(strings(statement["NotPrincipal"]))
        yield _Principal(f"all but {names}", single=False)
    principal = statement.get("Principal")
    if not isinstance(principal, dict):
        yield from (
            _Principal(one, single=False)
            for one in (strings(principal) if principal is not None else ())
        )
        return
    for kind, names in principal.items():
        prefix = "" if kind == "AWS" else f"{kind} "
        for name in as_list(names):
            if isinstance(name, dict) and name.keys() == {"Ref"}:
                yield _Principal(f"{prefix}the parameter {name['Ref']}", single=kind == "AWS")
            else:
                yield from (
                    _Principal(f"{prefix}{one}", single=kind == "AWS" and not set(one) & set("*{"))
                    for one in strings(name)
                )


def _requires_external_id(statement: Mapping[str, Any]) -> bool:
    for operator, keys in as_mapping(statement.get("Condition")).items():
        for key, value in as_mapping(keys).items():
            # IAM reads a condition's key in any case.
            if operator == "StringEquals" and key.lower() == "sts:externalid":
                ids = as_list(value)
                return bool(ids) and all(one not in {"", "*"} for one in strings(ids))
    return False


def _problems(
    trust: Mapping[str, Any], allows: list[Mapping[str, Any]], principals: list[_Principal]
) -> Iterator[str]:
    if len(allows) != 1 or len(as_list(trust.get("Statement"))) != 1:
        yield "it is not one statement that allows"
    if len(principals) != 1:
        yield f"it names {len(principals)} principals"
    for one in principals:
        if not one.single:
            yield f"it trusts {one.text}"
    for statement in allows:
        if not _requires_external_id(statement):
            yield "it takes no external id, so another customer of Pump's could reach this role"
        if strings(statement.get("Action")) != ["sts:AssumeRole"]:
            yield f"it allows {', '.join(strings(statement.get('Action')))}"
