"""Rewrites policy documents without changing what they mean."""

import json
from collections.abc import Callable, Mapping
from copy import deepcopy
from typing import Any

from hypothesis import strategies as st

from pump_roles.iam.identity_policies import VERSIONS, Policy, account_of_root
from pump_roles.iam.identity_policies import Statement as ReadStatement
from pump_roles.inputs import as_list

Statement = dict[str, Any]


def document_of(policy: Policy) -> dict[str, Any]:
    """A document that a policy could be read from."""
    statements = [
        json.loads(statement.not_read) if statement.not_read else _written(statement)
        for statement in policy.statements
    ]
    others = [json.loads(part)["Statement"] for part in policy.not_read]
    return {"Version": VERSIONS[-1], "Statement": [*statements, *others]}


def _written(statement: ReadStatement) -> Statement:
    scope = statement.scope
    resources = [*scope.resources, *map(json.loads, scope.unresolved)]
    actions, excluded = statement.actions, statement.not_actions
    return {
        "Effect": statement.effect,
        **({"Action": [*actions]} if excluded is None else {"NotAction": [*excluded]}),
        "NotResource" if scope.excluded else "Resource": resources,
        **({"Condition": json.loads(str(scope.condition))} if scope.condition else {}),
    }


@st.composite
def rewritten(draw: st.DrawFn, document: Mapping[str, Any]) -> dict[str, Any]:
    """The same policy, written in another way."""
    made: list[Statement] = []
    for statement in deepcopy(as_list(document["Statement"])):
        name = draw(st.sampled_from(["Action", "Resource", "Principal"]))
        values = statement.get(name)
        if isinstance(values, list):
            # In two statements.
            at = draw(st.integers(0, len(values)))
            made += [
                {**statement, name: part} for part in (values[:at], values[at:], values[:1]) if part
            ]
        else:
            made.append(statement)
    written = [draw(_spelled(statement)) for statement in draw(st.permutations(made))]
    return {
        **document,
        "Id": "Rewritten",
        "Statement": written[0] if len(written) == 1 else written,
    }


@st.composite
def _spelled(draw: st.DrawFn, statement: Statement) -> Statement:
    spelled: Statement = {}
    for name, value in draw(st.permutations(list(statement.items()))):
        if name in ("Action", "NotAction"):
            spelled[name] = draw(_listed(value, lambda text: draw(_cased(text))))
        elif name in ("Resource", "NotResource"):
            spelled[name] = draw(_listed(value, lambda text: text))
        elif name == "Principal" and value == "*":
            spelled[name] = draw(st.sampled_from(["*", {"AWS": "*"}, {"AWS": ["*"]}]))
        elif name == "Principal":
            spelled[name] = {"AWS": draw(_listed(value["AWS"], lambda text: draw(_rooted(text))))}
        elif name == "Condition":
            spelled[name] = draw(_condition_spelled(value))
        else:
            spelled[name] = value
    if "Condition" not in spelled and draw(st.booleans()):
        spelled["Condition"] = {}
    if draw(st.booleans()):
        spelled["Sid"] = "Any"
    return spelled


@st.composite
def _condition_spelled(draw: st.DrawFn, condition: dict[str, Any]) -> dict[str, Any]:
    alike = {"ArnEquals": "ArnLike", "ArnNotEquals": "ArnNotLike", "ArnLike": "ArnEquals"}
    spelled: dict[str, Any] = {}
    for operator, keys in draw(st.permutations(list(condition.items()))):
        both = {"ArnEquals", "ArnLike"} <= condition.keys()
        other = alike.get(operator, operator) if not both and draw(st.booleans()) else operator
        # Duplicate elements stay unchanged.
        as_it_is = both or len({key.lower() for key in keys}) < len(keys)
        spelled[other] = {
            key if as_it_is else draw(_cased(key)): values
            if as_it_is
            else draw(_listed(values, lambda value: draw(_as_text(value, operator))))  # noqa: B023
            for key, values in draw(st.permutations(list(keys.items())))
        }
    return spelled


@st.composite
def _listed(draw: st.DrawFn, value: Any, write: Callable[[Any], Any]) -> Any:
    values = [write(element) for element in (value if isinstance(value, list) else [value])]
    values = draw(st.permutations([*values, *values[: draw(st.integers(0, 1))]]))
    return values[0] if len(values) == 1 and draw(st.booleans()) else values


def _cased(text: str) -> st.SearchStrategy[str]:
    return st.sampled_from([text, text.lower(), text.upper(), text.swapcase()])


def _rooted(text: str) -> st.SearchStrategy[str]:
    account = account_of_root(text)
    if not account.isdigit():
        return st.just(text)
    return st.sampled_from([account, f"arn:aws:iam::{account}:root"])


def _as_text(value: Any, operator: str) -> st.SearchStrategy[Any]:
    if operator not in ("Bool", "Null"):
        return st.just(value)
    truth = str(value).lower() == "true"
    return st.sampled_from([truth, str(truth), str(truth).lower()])
