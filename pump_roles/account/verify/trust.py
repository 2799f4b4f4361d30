"""Compares trust policies: whether more or fewer callers can assume the role."""

import json
import re
from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Any, Final

from pump_roles.account.verify.model import Effect
from pump_roles.iam.canonical import canonical
from pump_roles.iam.trust import EXTERNAL_ID_KEY

__all__ = ["trust_effects", "with_external_ids"]

_WILDCARDS: Final = re.compile(r"[*?]")
_VARIABLE: Final = "${"
_ACCOUNT: Final = re.compile("[0-9]{12}")
_POSITIVE: Final = {"StringEquals", "StringLike", "ArnLike", "IpAddress", "Bool"}
"""Operators whose key must have one of the values, so that more values admit more callers."""

_MEMBERS: Final = {"Sid", "Effect", "Principal", "Action", "Condition"}
_EVERYONE: Final = {"AWS": "*"}


def trust_effects(expected: Any, found: Any, *, account: str = "") -> tuple[Effect, ...]:
    """Return whether a trust policy is broader than another, narrower, or both; otherwise other.

    Empty if both mean the same. If in doubt, it is broader.

    :param expected: the trust policy as expected.
    :param found: the trust policy as it is.
    :param account: the ID of the role's account. By default, it is not known, and no principal is
        taken to be in it.
    """
    if canonical(expected) == canonical(found):
        return ()
    was, now = _parts(expected), _parts(found)
    if None in {**was, **now}.values() or was == now:
        # It cannot be read, or only the policy version differs, which changes what variables mean.
        return ("broader",)
    added, removed = _not_covered(now, was, account), _not_covered(was, now, account)
    effects: list[Effect] = []
    if "Allow" in added or "Deny" in removed:
        effects.append("broader")
    if "Allow" in removed or "Deny" in added:
        effects.append("narrower")
    return tuple(effects) or ("other",)


def with_external_ids(trust: Any, external_ids: list[str]) -> Any:
    """Return a trust policy with its external IDs replaced.

    :param trust: the trust policy.
    :param external_ids: the new IDs.
    """
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


def _parts(trust: Any) -> dict[str, Mapping[str, Any] | None]:
    # Each part allows or denies one action to one principal; None if it cannot be read.
    lines = canonical(trust).split("\n")
    return {part: _read(part) for part in lines if part and not part.startswith("version ")}


def _read(part: str) -> Mapping[str, Any] | None:
    if not part.startswith("{"):
        return None
    statement: Mapping[str, Any] = json.loads(part)
    condition = statement.get("Condition", {})
    known = (
        statement.keys() - {"Condition"} == {"Effect", "Action", "Principal"}
        and statement["Effect"] in ("Allow", "Deny")
        and isinstance(statement["Action"], str)
        and isinstance(statement["Principal"], dict)
        and all(isinstance(name, str) for name in statement["Principal"].values())
        and isinstance(condition, dict)
        and all(_is_readable(keys) for keys in condition.values())
    )
    return statement if known else None


def _is_readable(keys: Any) -> bool:
    return isinstance(keys, dict) and all(
        isinstance(values, list) and all(isinstance(value, str) for value in values)
        for values in keys.values()
    )


def _not_covered(
    parts: Mapping[str, Mapping[str, Any] | None],
    others: Mapping[str, Mapping[str, Any] | None],
    account: str,
) -> set[str]:
    # The effects of the parts that no equal or broader part among the others covers.
    return {
        part["Effect"]
        for text, part in parts.items()
        if part is not None
        and text not in others
        and not any(
            other is not None and _covers(other, part, account) for other in others.values()
        )
    }


def _covers(broader: Mapping[str, Any], part: Mapping[str, Any], account: str) -> bool:
    # Whether the first applies to every call that the second applies to.
    return (
        broader["Effect"] == part["Effect"]
        and _matches(broader["Action"], part["Action"])
        and _is_within(part["Principal"], broader["Principal"], account)
        and _is_weaker(broader.get("Condition", {}), part.get("Condition", {}))
    )


def _matches(pattern: str, text: str) -> bool:
    return pattern == text or (not _WILDCARDS.search(text) and _like(pattern, text))


def _like(pattern: str, text: str) -> bool:
    # IAM's only wildcards are * and ?.
    return fnmatchcase(text, pattern.replace("[", "[[]"))


def _is_within(inner: Mapping[str, Any], outer: Mapping[str, Any], account: str) -> bool:
    if inner == outer:
        return True
    if inner.keys() != {"AWS"} or outer.keys() != {"AWS"}:
        return False
    if outer == _EVERYONE:
        return True
    # Trust in an account includes its roles and users, if their own policies allow the call. In the
    # role's own account, a role or user that is named needs no such policy.
    arn = inner["AWS"].split(":")
    return (
        _ACCOUNT.fullmatch(outer["AWS"]) is not None
        and outer["AWS"] != account
        and arn[0] == "arn"
        and arn[4:5] == [outer["AWS"]]
    )


def _is_weaker(weaker: Mapping[str, Any], stronger: Mapping[str, Any]) -> bool:
    return all(
        any(_implies(test, implied) for test in _tests(stronger)) for implied in _tests(weaker)
    )


_Test = tuple[str, str, list[str]]


def _tests(condition: Mapping[str, Any]) -> list[_Test]:
    return [
        (operator, key, values)
        for operator, keys in condition.items()
        for key, values in keys.items()
    ]


def _implies(test: _Test, implied: _Test) -> bool:
    # Whether each request that passes the first test also passes the second.
    if test == implied:
        return True
    (stronger, its_key, its_values), (operator, key, values) = test, implied
    if its_key != key or any(_VARIABLE in value for value in (*its_values, *values)):
        return False
    if stronger in _POSITIVE:
        # A request that passes it has the key, with one value.
        operator = operator.removeprefix("ForAllValues:")
    # A request without the key passes only with IfExists.
    if not stronger.endswith("IfExists"):
        operator = operator.removesuffix("IfExists")
    return _values_imply((stronger, its_values), (operator, values))


def _values_imply(test: tuple[str, list[str]], implied: tuple[str, list[str]]) -> bool:
    (stronger, its_values), (operator, values) = test, implied
    within = set(its_values) <= set(values)
    if stronger == operator:
        return within and operator.removesuffix("IfExists") in _POSITIVE
    if (stronger, operator) == ("StringEquals", "StringEqualsIgnoreCase"):
        return {*map(str.casefold, its_values)} <= {*map(str.casefold, values)}
    if (stronger, operator) == ("StringEquals", "StringLike"):
        return all(any(_like(pattern, value) for pattern in values) for value in its_values)
    plain = not any(_WILDCARDS.search(value) for value in its_values)
    return (stronger, operator) == ("StringLike", "StringEquals") and plain and within
