"""Reads trust policies: who may assume a role, and what is wrong with the policy."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from pump_roles.iam.documents import (
    as_list,
    as_mapping,
    as_text,
    is_function,
    mapped,
    ref,
    statements,
    strings,
)
from pump_roles.validators import EXTERNAL_ID, PRINCIPAL, Text

OPEN_PRINCIPAL: Final = "${principal}"
OPEN_EXTERNAL_ID: Final = "${external-id}"
"""The placeholders for a principal and an external ID that are provided at deployment."""

EXTERNAL_ID_KEY = "sts:externalid"
"""The condition key, in lower case. IAM reads a condition's key in any case."""

PART_FROM = 6
"""The minimum length of an external ID that is masked within other text. A shorter one could be a
part of any word."""

_OPEN = {PRINCIPAL: OPEN_PRINCIPAL, EXTERNAL_ID: OPEN_EXTERNAL_ID}

_IDS_WHILE_ROTATING = 2

_MEMBERS = {"Version", "Id", "Statement"}
_STATEMENT_MEMBERS = {"Sid", "Effect", "Principal", "NotPrincipal", "Action", "Condition"}


@dataclass(frozen=True)
class TrustProblem:
    """How a trust policy differs from one statement with one principal and an external ID.

    :param why: the kind of problem.
    :param subject: what it is about, such as a principal or a condition; may be empty.
    """

    why: Literal[
        "actions",
        "condition",
        "document-member",
        "external-id-case",
        "external-id-in-principal",
        "inexact-external-id",
        "many-external-ids",
        "more-actions",
        "no-external-id",
        "not-one-statement",
        "number-of-principals",
        "statement-member",
        "trusts",
    ]
    subject: str = ""


@dataclass(frozen=True)
class Assumption:
    """Who may assume a role."""

    principals: tuple[str, ...]
    external_id: bool
    problems: tuple[TrustProblem, ...]
    external_ids: int = 1


@dataclass(frozen=True)
class _Principal:
    text: str
    # Whether it can only be one account or role: an ID, an ARN, or a parameter that accepts only
    # these.
    single: bool


def assumption(trust: Any, parameters: Mapping[str, Any] | None = None) -> Assumption:
    """Read a trust policy."""
    parameters = parameters or {}
    document = as_mapping(trust)
    allows = [statement for statement in statements(document) if statement.get("Effect") == "Allow"]
    principals = [
        principal for statement in allows for principal in _principals(statement, parameters)
    ]
    required = [
        bool(ids := _external_ids(statement))
        and all(accepts_only(EXTERNAL_ID, external_id, parameters) for external_id in ids)
        for statement in allows
    ]
    return Assumption(
        tuple(principal.text for principal in principals),
        bool(required) and all(required),
        tuple(_problems(document, allows, principals, required)),
        sum(len(_external_ids(statement)) for statement in allows),
    )


def _principals(
    statement: Mapping[str, Any], parameters: Mapping[str, Any]
) -> Iterator[_Principal]:
    if "NotPrincipal" in statement:
        names = ", ".join(strings(statement["NotPrincipal"]))
        yield _Principal(f"all but {names}", single=False)
    principal = statement.get("Principal")
    if not isinstance(principal, dict):
        for text in strings(principal) if principal is not None else ():
            yield _Principal(text, single=False)
        return
    for kind, names in principal.items():
        prefix = "" if kind == "AWS" else f"{kind} "
        for name in as_list(names):
            text = f"the parameter {ref(name)}" if ref(name) in parameters else as_text(name)
            single = kind == "AWS" and accepts_only(PRINCIPAL, name, parameters)
            yield _Principal(f"{prefix}{text}", single=single)


def accepts_only(validator: Text, value: Any, parameters: Mapping[str, Any]) -> bool:
    """Return whether a value can only be what a validator accepts."""
    if isinstance(value, str):
        return value == _OPEN[validator] or bool(re.fullmatch(validator.pattern, value))
    declared = as_mapping(parameters.get(ref(value)))
    return (
        declared.get("Type") == "String"
        and declared.get("AllowedPattern") == validator.pattern
        and ("Default" not in declared or accepts_only(validator, declared["Default"], {}))
    )


def principals_of(trust_policy: Mapping[str, Any]) -> list[Any]:
    """Return the principals of a trust policy, as in a template."""
    return [
        name
        for statement in statements(trust_policy)
        for name in as_list(as_mapping(statement.get("Principal")).get("AWS"))
    ]


def external_ids_of(trust_policy: Mapping[str, Any]) -> list[Any]:
    """Return the external IDs of a trust policy, as in a template."""
    return [
        external_id
        for statement in statements(trust_policy)
        for external_id in _external_ids(statement)
    ]


def replaced(value: Any, old: Any, new: Any) -> Any:
    """Return a JSON value in which every part that is equal to another value is replaced."""
    return mapped(value, lambda part: new if part == old else part)


def with_external_ids(trust: Any, external_ids: list[str]) -> Any:
    """Return a trust policy with its external IDs replaced."""
    if isinstance(trust, list):
        return [with_external_ids(element, external_ids) for element in trust]
    if not isinstance(trust, dict):
        return trust
    return {
        name: {
            key: external_ids if key.lower() == EXTERNAL_ID_KEY and value != [] else value
            for key, value in member.items()
        }
        if name == "StringEquals" and isinstance(member, dict)
        else with_external_ids(member, external_ids)
        for name, member in trust.items()
    }


def with_placeholders(
    trust: Any, accepts: Callable[[Text, Any], bool] = lambda _validator, _value: True
) -> Any:
    """Return a trust policy with placeholders for what is filled in at deployment."""
    if not isinstance(trust, dict):
        return trust

    def opened(value: Any, validator: Text) -> Any:
        if isinstance(value, list):
            return [opened(element, validator) for element in value]
        function = next(iter(value), "") if isinstance(value, dict) else ""
        is_open = is_function(function) and accepts(validator, value)
        return _OPEN[validator] if is_open else value

    def statement_opened(statement: Any) -> Any:
        if not isinstance(statement, dict):
            return statement
        found = dict(statement)
        principal = as_mapping(found.get("Principal"))
        if "AWS" in principal:
            found["Principal"] = {**principal, "AWS": opened(principal["AWS"], PRINCIPAL)}
        condition = as_mapping(found.get("Condition"))
        equals = as_mapping(condition.get("StringEquals"))
        if equals:
            found["Condition"] = {
                **condition,
                "StringEquals": {
                    key: opened(value, EXTERNAL_ID) if key.lower() == EXTERNAL_ID_KEY else value
                    for key, value in equals.items()
                },
            }
        return found

    return {**trust, "Statement": [*map(statement_opened, as_list(trust.get("Statement", [])))]}


def _is_within(external_id: Any, text: str) -> bool:
    return isinstance(external_id, str) and (
        external_id == text or (len(external_id) >= PART_FROM and external_id in text)
    )


def _external_ids(statement: Mapping[str, Any]) -> list[Any]:
    equals = as_mapping(as_mapping(statement.get("Condition")).get("StringEquals"))
    values = [value for key, value in equals.items() if key.lower() == EXTERNAL_ID_KEY]
    return [external_id for value in values for external_id in as_list(value)]


def _inexact(statement: Mapping[str, Any]) -> str:
    # The operator that requires an external ID, if it is one of these; empty if none does.
    condition = as_mapping(statement.get("Condition"))
    for operator in ("StringLike", "StringEqualsIgnoreCase"):
        for key, values in as_mapping(condition.get(operator)).items():
            ids = strings(values) if key.lower() == EXTERNAL_ID_KEY else []
            if ids and all(id_.strip("*?") and "${" not in id_ for id_ in ids):
                return operator
    return ""


def _problems(
    document: Mapping[str, Any],
    allows: list[Mapping[str, Any]],
    principals: list[_Principal],
    required: list[bool],
) -> Iterator[TrustProblem]:
    if len(allows) != 1 or len(as_list(document.get("Statement"))) != 1:
        yield TrustProblem("not-one-statement")
    if len(principals) != 1:
        yield TrustProblem("number-of-principals", f"{len(principals)}")
    for principal in principals:
        if not principal.single:
            yield TrustProblem("trusts", principal.text)
    for member in sorted(document.keys() - _MEMBERS):
        yield TrustProblem("document-member", member)
    for statement, needs_id in zip(allows, required, strict=True):
        yield from _problems_of_ids(statement, principals, required=needs_id)
        yield from _problems_of_members(statement)


def _problems_of_ids(
    statement: Mapping[str, Any], principals: list[_Principal], *, required: bool
) -> Iterator[TrustProblem]:
    if not required and (operator := _inexact(statement)):
        yield TrustProblem("inexact-external-id", operator)
    elif not required:
        yield TrustProblem("no-external-id")
    ids = _external_ids(statement)
    if len(ids) > _IDS_WHILE_ROTATING:
        yield TrustProblem("many-external-ids", f"{len(ids)}")
    if any(_is_within(external_id, who.text) for external_id in ids for who in principals):
        yield TrustProblem("external-id-in-principal")


def _problems_of_members(statement: Mapping[str, Any]) -> Iterator[TrustProblem]:
    actions = strings(statement.get("Action"))
    if actions.count("sts:AssumeRole") != 1:
        yield TrustProblem("actions", ", ".join(actions))
    elif len(actions) > 1:
        others = [action for action in actions if action != "sts:AssumeRole"]
        yield TrustProblem("more-actions", ", ".join(others))
    for operator, keys in as_mapping(statement.get("Condition")).items():
        for key in as_mapping(keys) or [""]:
            if (operator, key.lower()) != ("StringEquals", EXTERNAL_ID_KEY):
                yield TrustProblem("condition", f"{operator} {key}")
    for member in sorted(statement.keys() - _STATEMENT_MEMBERS):
        yield TrustProblem("statement-member", member)
