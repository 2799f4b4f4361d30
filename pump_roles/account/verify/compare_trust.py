"""Compares a role's trust policy, and the external IDs in it, with what is expected."""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from pump_roles.account.verify.details import RoleDetails
from pump_roles.account.verify.expected import ExpectedRole, replaced
from pump_roles.account.verify.model import Difference, Effect, Rule
from pump_roles.account.verify.trust import trust_effects, with_external_ids
from pump_roles.templates.canonical import account_of_root
from pump_roles.templates.deployed import OPEN_EXTERNAL_ID
from pump_roles.templates.trust import Assumption, assumption, external_ids_of, principals_of
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
    principal = next(iter(_principals(was)), "")
    principals = _principals(found)
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
    elif OPEN_EXTERNAL_ID in expected.external_ids:
        # Not the placeholder: someone may have written that.
        was = with_external_ids(was, [_PLACEHOLDER])
    details = _details(assumption(was, {}), assumption(found, {}))
    for effect in trust_effects(was, found, account=account):
        yield _difference("trust-policy", effect, "its trust policy differs", details[effect])


def _details(was: Assumption, now: Assumption) -> Mapping[Effect, list[str]]:
    # IAM shows an account's root for its ID.
    before, after = ([*map(account_of_root, one.principals)] for one in (was, now))
    come = [f"trusts {one}" for one in after if one not in before]
    gone = [f"no longer trusts {one}" for one in before if one not in after]
    problems = [one for one in now.problems if one.removeprefix("it ") not in come]
    return {
        "broader": [*come, *problems],
        "other": [*come, *gone, *problems],
        "narrower": gone or problems,
    }


def _broken(deleted: Sequence[str], *, still_trusted: bool) -> Difference:
    what = (
        f"its trust policy names {', '.join(deleted)}, a deleted principal; a new principal with "
        "the same name cannot assume the role until the trust policy is updated"
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
            count = len(open_ids)
            noun = "an external ID was" if count == 1 else f"{count} external IDs were"
            notes.append(f"{noun} not compared: the expected value is not known")
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


def _principals(trust: Any) -> list[str]:
    # IAM shows an account's root for its ID.
    return [
        account_of_root(one) for one in principals_of(as_mapping(trust)) if isinstance(one, str)
    ]


def _ids_in_words(missing: Sequence[str], spare: Sequence[str]) -> str:
    folded = {one.casefold() for one in spare}
    if missing and all(one.casefold() in folded for one in missing):
        return "its external ID differs from the expected one only in case"
    if missing and spare:
        return "it accepts a different external ID than expected"
    if missing:
        return "it does not accept an expected external ID"
    if not spare:
        return "it accepts fewer external IDs than expected"
    which = "an external ID that is" if len(spare) == 1 else f"{len(spare)} external IDs that are"
    return f"it accepts {which} not expected"
