"""Compares a role's trust policy, and the external IDs in it, with what is expected."""

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Any, Final

from pump_roles.account.verify.details import RoleDetails
from pump_roles.account.verify.expected import ExpectedRole, replaced
from pump_roles.account.verify.model import Difference, Effect, Rule
from pump_roles.account.verify.trust import trust_effects, with_external_ids
from pump_roles.templates.deployed import OPEN_EXTERNAL_ID
from pump_roles.templates.trust import assumption, external_ids_of, principals_of
from pump_roles.templates.values import as_mapping
from pump_roles.validators import EXTERNAL_ID

__all__ = ["trust_differences"]

_UNIQUE_ID: Final = re.compile("A[A-Z]{3}[A-Z0-9]{12,}")
"""IAM User Guide, "IAM identifiers": what IAM shows for a principal that was deleted."""

_PLACEHOLDER: Final = "external-id"


def trust_differences(
    expected: ExpectedRole, role: RoleDetails, *, account: str
) -> tuple[list[Difference], list[str]]:
    """Return how a role's trust policy differs, and what of it was not compared, in words.

    :param expected: the role as expected.
    :param role: the role as it is.
    :param account: the ID of its account.
    """
    notes: list[str] = []
    return [*_differences(expected, role.trust_policy, account, notes)], notes


def _differences(
    expected: ExpectedRole, found: Any, account: str, notes: list[str]
) -> Iterator[Difference]:
    was = expected.deployed.trust_policy
    principal = next(iter(_texts(principals_of(was))), "")
    principals = _texts(principals_of(as_mapping(found)))
    deleted = [one for one in principals if _UNIQUE_ID.fullmatch(one)]
    if deleted:
        yield _broken(deleted, still_trusted=principal in principals)
        # Everything else about the trust policy is compared as if they were not deleted.
        for one in deleted:
            found = replaced(found, one, principal)
    ids = _readable_ids(found, expected.external_ids)
    if ids:
        yield from _external_ids(ids, expected.external_ids, notes)
        was, found = (with_external_ids(trust, [_PLACEHOLDER]) for trust in (was, found))
    before, now = assumption(was, {}), assumption(found, {})
    details = [
        *(f"trusts {one}" for one in now.principals if one not in before.principals),
        *(f"no longer trusts {one}" for one in before.principals if one not in now.principals),
        *now.problems,
    ]
    for effect in trust_effects(was, found, account=account):
        yield _difference("trust-policy", effect, "its trust policy differs", details)


def _broken(deleted: Sequence[str], *, still_trusted: bool) -> Difference:
    what = (
        f"its trust policy names {', '.join(deleted)}, which stands for a principal that was "
        "deleted; even if there is one of that name again, it cannot assume the role until the "
        "trust policy is written again"
    )
    return _difference("trust-broken", "other" if still_trusted else "narrower", what)


def _readable_ids(trust: Any, expected: Collection[str]) -> list[str]:
    # None if one of them could be anything, such as a variable, so that it must not be replaced
    # before the trust policies are compared.
    found = external_ids_of(as_mapping(trust))
    ids = [
        one
        for one in found
        if EXTERNAL_ID.accepts(one) or (one in expected and "${" not in str(one))
    ]
    return ids if len(ids) == len(found) else []


def _external_ids(
    found: list[str], expected: Sequence[str], notes: list[str]
) -> Iterator[Difference]:
    open_ids = [one for one in expected if one == OPEN_EXTERNAL_ID]
    known = [one for one in expected if one != OPEN_EXTERNAL_ID]
    missing = [one for one in known if one not in found]
    spare = [one for one in dict.fromkeys(found) if one not in known]
    if len(spare) == len(open_ids) and not missing:
        if open_ids:
            noun = "an external ID" if len(open_ids) == 1 else f"{len(open_ids)} external IDs"
            verb = "is" if len(open_ids) == 1 else "are"
            notes.append(f"{noun} {verb} not compared: the expectation leaves it open")
        return
    effect: Effect = "other"
    if not missing:
        effect = "broader" if len(spare) > len(open_ids) else "narrower"
    elif not spare:
        effect = "narrower"
    yield _difference("external-id", effect, _ids_in_words(missing, spare))


def _difference(rule: Rule, effect: Effect, what: str, details: Iterable[str] = ()) -> Difference:
    return Difference(
        rule=rule,
        effect=effect,
        subject="",
        what=what,
        details=tuple(dict.fromkeys(details)),
        actions=("sts:AssumeRole",),
    )


def _texts(values: Iterable[Any]) -> list[str]:
    return [value for value in values if isinstance(value, str)]


def _ids_in_words(missing: Sequence[str], spare: Sequence[str]) -> str:
    folded = {one.casefold() for one in spare}
    if missing and all(one.casefold() in folded for one in missing):
        return "it accepts an external ID that differs from the expected one only in case"
    if missing and spare:
        return "it accepts another external ID than the expected one"
    if missing:
        return "it does not accept an expected external ID"
    if not spare:
        return "it accepts fewer external IDs than expected"
    which = "an external ID that is" if len(spare) == 1 else f"{len(spare)} external IDs that are"
    return f"it accepts {which} not expected"
