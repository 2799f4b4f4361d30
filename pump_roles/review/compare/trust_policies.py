"""Compares trust policies: whether more or fewer callers can assume a role."""

import json
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, Final

from pump_roles.iam.canonical import account_of_root, canonical
from pump_roles.iam.conditions import implies, is_readable
from pump_roles.iam.decisions import Effect
from pump_roles.iam.documents import as_mapping
from pump_roles.iam.patterns import covers
from pump_roles.iam.trust import (
    OPEN_EXTERNAL_ID,
    OPEN_PRINCIPAL,
    TrustProblem,
    assumption,
    external_ids_of,
    principals_of,
    replaced,
    with_external_ids,
)
from pump_roles.review.compare.difference import Difference
from pump_roles.validators import EXTERNAL_ID, PRINCIPAL

_ACCOUNT: Final = re.compile("[0-9]{12}")
_EVERYONE: Final = {"AWS": "*"}

_UNIQUE_ID: Final = re.compile("A[A-Z]{3}[A-Z0-9]{12,}")
"""The unique ID that IAM shows for a deleted principal: IAM User Guide, "IAM identifiers"."""

_PLACEHOLDER: Final = "external-id"


def trust_differences(
    expected: Any, found: Any, *, account: str = "", any_principal: bool = True
) -> Iterator[Difference]:
    """Yield how a trust policy differs from the expected one.

    An open external ID can be any external ID.
    """
    if canonical(expected) == canonical(found):
        return
    if any_principal:
        expected = _with_principal(expected, found)
    principal = next(iter(_principals(expected)), "")
    principals = _principals(found)
    deleted = [name for name in principals if _UNIQUE_ID.fullmatch(name)]
    if deleted:
        still_trusted = principal in principals
        yield Difference(
            rule="trust-broken",
            effect="other" if still_trusted else "narrower",
            part="trust-policy",
            now=tuple(deleted),
            actions=("sts:AssumeRole",),
        )
        # Compare everything else as if they were not deleted.
        for unique_id in deleted:
            found = replaced(found, unique_id, principal)
    expected_ids = [str(id_) for id_ in external_ids_of(as_mapping(expected))]
    ids = _readable_ids(found, expected_ids)
    if ids and expected_ids:
        yield from _external_ids(ids, expected_ids)
        expected, found = (with_external_ids(trust, [_PLACEHOLDER]) for trust in (expected, found))
    elif OPEN_EXTERNAL_ID in expected_ids:
        # Not the open ID itself: an account's trust policy may contain that text.
        expected = with_external_ids(expected, [_PLACEHOLDER])
    was, now = assumption(expected), assumption(found)
    # IAM shows the ARN of the account's root instead of an account ID.
    before, after = ([*map(account_of_root, trust.principals)] for trust in (was, now))
    added = [name for name in after if name not in before]
    removed = [name for name in before if name not in after]
    problems = tuple(
        dict.fromkeys(
            problem
            for problem in now.problems
            if problem not in was.problems
            and not (problem.why == "trusts" and problem.subject in added)
        )
    )
    for effect in trust_effects(expected, found, account=account):
        lost, gained = effect != "broader", effect != "narrower"
        yield Difference(
            rule="trust-policy",
            effect=effect,
            part="trust-policy",
            was=tuple(dict.fromkeys(removed)) if lost else (),
            now=tuple(dict.fromkeys(added)) if gained else (),
            actions=("sts:AssumeRole",),
            problems=problems if gained or not removed else (),
        )


def trust_effects(expected: Any, found: Any, *, account: str = "") -> tuple[Effect, ...]:
    """Return whether a trust policy is broader than another, narrower, or both; otherwise other.

    Empty if both mean the same. If in doubt, it is broader.
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


def _with_principal(expected: Any, found: Any) -> Any:
    # The parameter for the principal never means everyone.
    own = _principals(expected)
    if OPEN_PRINCIPAL not in own or OPEN_PRINCIPAL in _principals(found):
        return expected
    others = {name for name in _principals(found) if name not in own}
    other = next(iter(others), "")
    single = len(others) == 1 and PRINCIPAL.accepts(other)
    return replaced(expected, OPEN_PRINCIPAL, other) if single else expected


def _readable_ids(trust: Any, expected: Collection[str]) -> list[str]:
    # Empty if any of them is not a plain ID, such as a policy variable: then they must not be
    # replaced before the trust policies are compared.
    found = external_ids_of(as_mapping(trust))
    ids = [
        id_
        for id_ in found
        if EXTERNAL_ID.accepts(id_) or (id_ in expected and "${" not in str(id_))
    ]
    return ids if len(ids) == len(found) else []


def _external_ids(found: list[str], expected: Sequence[str]) -> Iterator[Difference]:
    open_ids = [id_ for id_ in expected if id_ == OPEN_EXTERNAL_ID]
    known = [id_ for id_ in expected if id_ != OPEN_EXTERNAL_ID]
    missing = [id_ for id_ in known if id_ not in found]
    extra = [id_ for id_ in dict.fromkeys(found) if id_ not in known]
    if len(extra) == len(open_ids) and not missing:
        return
    effect: Effect = "other"
    if not missing:
        effect = "broader" if len(extra) > len(open_ids) else "narrower"
    elif not extra:
        effect = "narrower"
    folded = {id_.casefold() for id_ in extra}
    only_case = bool(missing) and all(id_.casefold() in folded for id_ in missing)
    yield Difference(
        rule="external-id",
        effect=effect,
        part="trust-policy",
        problems=(TrustProblem("external-id-case"),) if only_case else (),
        was=(f"{len(missing)}",),
        now=(f"{len(extra)}",),
        actions=("sts:AssumeRole",),
    )


def _principals(trust: Any) -> list[str]:
    return [
        account_of_root(name) for name in principals_of(as_mapping(trust)) if isinstance(name, str)
    ]


def _parts(trust: Any) -> dict[str, Mapping[str, Any] | None]:
    # Each part allows or denies one action to one principal; None if it cannot be read.
    lines = canonical(trust).split("\n")
    return {part: _read(part) for part in lines if part and not part.startswith("version ")}


def _read(part: str) -> Mapping[str, Any] | None:
    if not part.startswith("{"):
        return None
    statement: Mapping[str, Any] = json.loads(part)
    known = (
        statement.keys() - {"Condition"} == {"Effect", "Action", "Principal"}
        and statement["Effect"] in ("Allow", "Deny")
        and isinstance(statement["Action"], str)
        and isinstance(statement["Principal"], dict)
        and all(isinstance(name, str) for name in statement["Principal"].values())
        and is_readable(statement.get("Condition", {}))
    )
    return statement if known else None


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
        and covers(broader["Action"], part["Action"])
        and _is_within(part["Principal"], broader["Principal"], account)
        and implies(part.get("Condition", {}), broader.get("Condition", {}))
    )


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
