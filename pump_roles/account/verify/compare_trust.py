"""Compares a role's trust policy, and the external IDs in it, with what is expected."""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from pump_roles.account.verify.details import RoleDetails
from pump_roles.account.verify.expected import ExpectedRole, replaced
from pump_roles.account.verify.model import Difference, Effect, Rule
from pump_roles.account.verify.trust import trust_effects, with_external_ids
from pump_roles.iam.canonical import account_of_root
from pump_roles.iam.trust import Assumption, assumption, external_ids_of, principals_of
from pump_roles.iam.values import as_mapping
from pump_roles.templates.deployed import OPEN_EXTERNAL_ID
from pump_roles.validators import EXTERNAL_ID

__all__ = ["trust_differences"]

_UNIQUE_ID: Final = re.compile("A[A-Z]{3}[A-Z0-9]{12,}")
"""The unique ID that IAM shows for a deleted principal: IAM User Guide, "IAM identifiers"."""

_PLACEHOLDER: Final = "external-id"


def trust_differences(
    expected: ExpectedRole, role: RoleDetails, *, account: str
) -> tuple[list[Difference], list[str]]:
    """Return how a role's trust policy differs, and what was not compared, in words.

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
    deleted = [name for name in principals if _UNIQUE_ID.fullmatch(name)]
    if deleted:
        yield _broken(deleted, still_trusted=principal in principals)
        # Compare everything else as if they were not deleted.
        for unique_id in deleted:
            found = replaced(found, unique_id, principal)
    ids = _readable_ids(found, expected.external_ids)
    if ids:
        yield from _external_ids(ids, expected.external_ids, notes)
        was, found = (with_external_ids(trust, [_PLACEHOLDER]) for trust in (was, found))
    elif OPEN_EXTERNAL_ID in expected.external_ids:
        # Not the open ID itself: the account's trust policy may contain that text.
        was = with_external_ids(was, [_PLACEHOLDER])
    details = _details(assumption(was, {}), assumption(found, {}))
    for effect in trust_effects(was, found, account=account):
        yield _difference("trust-policy", effect, "its trust policy differs", details[effect])


def _details(was: Assumption, now: Assumption) -> Mapping[Effect, list[str]]:
    # IAM shows the ARN of the account's root instead of an account ID.
    before, after = ([*map(account_of_root, trust.principals)] for trust in (was, now))
    added = [f"trusts {name}" for name in after if name not in before]
    removed = [f"no longer trusts {name}" for name in before if name not in after]
    problems = [problem for problem in now.problems if problem.removeprefix("it ") not in added]
    return {
        "broader": [*added, *problems],
        "other": [*added, *removed, *problems],
        "narrower": removed or problems,
    }


def _broken(deleted: Sequence[str], *, still_trusted: bool) -> Difference:
    what = (
        f"its trust policy names {', '.join(deleted)}, a deleted principal; a new principal with "
        "the same name cannot assume the role until the trust policy is updated"
    )
    return _difference("trust-broken", "other" if still_trusted else "narrower", what)


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


def _external_ids(
    found: list[str], expected: Sequence[str], notes: list[str]
) -> Iterator[Difference]:
    open_ids = [id_ for id_ in expected if id_ == OPEN_EXTERNAL_ID]
    known = [id_ for id_ in expected if id_ != OPEN_EXTERNAL_ID]
    missing = [id_ for id_ in known if id_ not in found]
    extra = [id_ for id_ in dict.fromkeys(found) if id_ not in known]
    if len(extra) == len(open_ids) and not missing:
        if open_ids:
            count = len(open_ids)
            noun = "an external ID was" if count == 1 else f"{count} external IDs were"
            notes.append(f"{noun} not compared: the expected value is not known")
        return
    effect: Effect = "other"
    if not missing:
        effect = "broader" if len(extra) > len(open_ids) else "narrower"
    elif not extra:
        effect = "narrower"
    yield _difference("external-id", effect, _describe_ids(missing, extra))


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
    # IAM shows the ARN of the account's root instead of an account ID.
    return [
        account_of_root(name) for name in principals_of(as_mapping(trust)) if isinstance(name, str)
    ]


def _describe_ids(missing: Sequence[str], extra: Sequence[str]) -> str:
    folded = {id_.casefold() for id_ in extra}
    if missing and all(id_.casefold() in folded for id_ in missing):
        return "its external ID differs from the expected one only in case"
    if missing and extra:
        return "it accepts a different external ID than expected"
    if missing:
        return "it does not accept an expected external ID"
    if not extra:
        return "it accepts fewer external IDs than expected"
    which = "an external ID that is" if len(extra) == 1 else f"{len(extra)} external IDs that are"
    return f"it accepts {which} not expected"
