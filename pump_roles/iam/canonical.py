"""Canonical forms of parts of policy documents: what IAM treats alike has the same form."""

import json
import re
from collections.abc import Mapping
from typing import Any, Final

from pump_roles.iam.documents import as_list, mapped

VERSIONS: Final = ("2008-10-17", "2012-10-17")
"""The versions of a policy. The first is the default; only the second has policy variables."""

# IAM User Guide, "IAM JSON policy elements: Condition operators": these behave identically.
_ALIKE: Final = {"ArnEquals": "ArnLike", "ArnNotEquals": "ArnNotLike"}
_TRUTH: Final = {"Bool", "Null"}

_ROOT: Final = re.compile("arn:aws(?:-[a-z]+)*:iam::([0-9]{12}):root")

_VARIABLE: Final = re.compile(r"\$\{(?!AWS::)")
"""The start of a policy variable, not of a placeholder for what depends on the account."""

_ARN: Final = re.compile("^arn:aws(?:-[a-z]+)*:")


def in_newest_version(text: str, version: Any) -> str:
    """Return a text of a policy as the newest version of policies says the same.

    In the older one, a policy variable is the text that it looks like.
    """
    return _VARIABLE.sub("${$}{", text) if version == VERSIONS[0] else text


def in_account(value: Any, *, account: str, partition: str) -> Any:
    """Return a JSON value with the placeholders of an account filled in."""

    def filled(part: Any) -> Any:
        if not isinstance(part, str):
            return part
        return part.replace("${AWS::AccountId}", account).replace("${AWS::Partition}", partition)

    return mapped(value, filled)


def without_partition(value: Any) -> Any:
    """Return a JSON value with a placeholder for the partition of each ARN."""

    def without(part: Any) -> Any:
        if isinstance(part, dict) and part.keys() == {"Fn::Sub"}:
            return part["Fn::Sub"]
        return _ARN.sub("arn:${AWS::Partition}:", part) if isinstance(part, str) else part

    return mapped(value, without)


def account_of_root(principal: Any) -> Any:
    """Return the account's ID if a principal is its root; else the principal."""
    root = _ROOT.fullmatch(principal) if isinstance(principal, str) else None
    return principal if root is None else root[1]


def canonical_condition(condition: Any) -> Any:
    """Return a condition's canonical form: operators with keys in lowercase and sorted values.

    What cannot be read stays unchanged.
    """
    if not isinstance(condition, dict):
        return condition
    found: dict[str, Any] = {}
    for operator, keys in condition.items():
        name = _operator(operator)
        if name in found:
            # Two spellings of one operator: both must be met, so neither replaces the other.
            return condition
        found[name] = _keys(name, keys) if isinstance(keys, dict) else keys
    return found


def _keys(operator: str, keys: Mapping[str, Any]) -> Mapping[str, Any]:
    found = {folded(key): _values(operator, value) for key, value in keys.items()}
    # If a key has two spellings, neither replaces the other.
    return found if len(found) == len(keys) else keys


def _operator(name: str) -> str:
    prefix, _, last = name.rpartition(":")
    base = last.removesuffix("IfExists")
    alike = f"{_ALIKE.get(base, base)}{last[len(base) :]}"
    return f"{prefix}:{alike}" if prefix else alike


def _values(operator: str, value: Any) -> Any:
    base = operator.rpartition(":")[2].removesuffix("IfExists")
    return _set([_value(element, truth=base in _TRUTH) for element in as_list(value)])


def _value(value: Any, *, truth: bool) -> Any:
    # IAM treats a number or a Boolean like its text.
    if isinstance(value, bool | int | float):
        value = json.dumps(value)
    return folded(value) if truth and isinstance(value, str) else value


def folded(text: str) -> str:
    """Return the text of an action or a condition key in lower case."""
    # Only ASCII: letters that IAM distinguishes, such as the Kelvin sign and K, are equal in lower
    # case.
    return text.lower() if text.isascii() else text


def _set(values: list[Any]) -> list[Any]:
    return sorted({text_of(value): value for value in values}.values(), key=text_of)


def text_of(value: Any) -> str:
    """Return the one text of a JSON value."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"))
