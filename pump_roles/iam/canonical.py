"""Canonical forms of policy documents: documents that IAM treats alike have the same form."""

import json
import re
from collections.abc import Iterator, Mapping
from itertools import product
from math import prod
from typing import Any, Final

from pump_roles.iam.documents import as_list, mapped

VERSIONS: Final = ("2008-10-17", "2012-10-17")
"""The versions of a policy. The first is the default; only the second has policy variables."""

_MEMBERS: Final = {"Version", "Id", "Statement"}
_DIVIDED: Final = {"Principal", "Action", "Resource"}
_EXCLUDED: Final = {"NotPrincipal", "NotAction", "NotResource"}
_NO_MEANING: Final = {"Sid", "Condition"}
"""Members of a statement without meaning. A condition has none only if it is empty."""

# IAM User Guide, "IAM JSON policy elements: Condition operators": these behave identically.
_ALIKE: Final = {"ArnEquals": "ArnLike", "ArnNotEquals": "ArnNotLike"}
_TRUTH: Final = {"Bool", "Null"}

_ROOT: Final = re.compile("arn:aws(?:-[a-z]+)*:iam::([0-9]{12}):root")

_VARIABLE: Final = re.compile(r"\$\{(?!AWS::)")
"""The start of a policy variable, not of a placeholder for what depends on the account."""

_ARN: Final = re.compile("^arn:aws(?:-[a-z]+)*:")

_MOST_PARTS: Final = 100_000
"""A statement with more parts is not divided. IAM's limits on the size of a policy allow about a
million."""


def canonical(document: Any) -> str:
    """Return a policy document's canonical form, as text.

    The form does not depend on the order of statements and lists, the case of actions and condition
    keys, one-element lists, statement IDs, and how statements are divided. It depends on the
    version only if the document has a policy variable; see :func:`in_newest_version`. In a trust
    policy, an account's root becomes the account's ID: IAM shows one for the other, and a role
    cannot be assumed from another partition.

    What cannot be read stays unchanged, so it equals only itself.
    """
    if not isinstance(document, dict) or document.keys() - _MEMBERS:
        return f"unreadable document {_text(document)}"
    found = {
        part for statement in as_list(document.get("Statement", [])) for part in _parts(statement)
    }
    version = document.get("Version", VERSIONS[0])
    parts = sorted(in_newest_version(part, version) for part in found)
    if version not in VERSIONS:
        parts.append(f"version {_text(version)}")
    return "\n".join(parts)


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


def _parts(statement: Any) -> Iterator[str]:
    # Each part has one principal, action, and resource of a statement.
    if not isinstance(statement, dict):
        yield f"unreadable statement {_text(statement)}"
        return
    # Exclusions, such as NotAction, cannot be divided.
    whole: dict[str, Any] = {}
    divided: dict[str, list[Any]] = {}
    for name, value in statement.items():
        if name in _DIVIDED:
            divided[name] = _set(_elements(name, value))
        elif name in _EXCLUDED:
            whole[name] = _set(_elements(name, value))
        elif name == "Condition" and value != {}:
            whole[name] = canonical_condition(value)
        elif name not in _NO_MEANING:
            whole[name] = value
    if prod(map(len, divided.values())) > _MOST_PARTS:
        yield f"undivided {_text({**whole, **divided})}"
        return
    for chosen in product(*divided.values()):
        yield _text({**whole, **dict(zip(divided, chosen, strict=True))})
    if not all(divided.values()):
        yield f"empty {_text(statement)}"


def _elements(name: str, value: Any) -> list[Any]:
    if name in ("Principal", "NotPrincipal"):
        return list(_principals(value))
    fold = name in ("Action", "NotAction")
    return [
        folded(element) if fold and isinstance(element, str) else element
        for element in as_list(value)
    ]


def _principals(value: Any) -> Iterator[Any]:
    if not isinstance(value, dict):
        yield {"AWS": "*"} if value == "*" else value
        return
    for kind, named in value.items():
        for name in as_list(named):
            yield {kind: account_of_root(name) if kind == "AWS" else name}


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
    return sorted({_text(value): value for value in values}.values(), key=_text)


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"))
