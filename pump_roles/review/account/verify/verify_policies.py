"""Compares the organization's policies about the roles with the expected ones."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from pump_roles.compare import Difference, in_each_direction, same_document
from pump_roles.contents import OrganizationPolicy
from pump_roles.iam.canonical import in_account
from pump_roles.iam.documents import Policy, mapped
from pump_roles.masking import Mask
from pump_roles.review.account.verify.expectation import Expectation
from pump_roles.review.account.verify.stops import stops_someone
from pump_roles.review.account.verify.verification import PolicyResult
from pump_roles.role import Part, Unknown

NAMES: Final = ("ProtectPumpRoles", "StopPump", "StopPumpByHand", "PumpTrust")
"""The names of the policies if none are expected."""

_PART: Final[Part] = "organization-policies"
_EVERYTHING: Final = Policy(
    name="everything",
    document={
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}],
    },
)
"""What policies that only deny take away from."""


def policy_names(expectation: Expectation) -> tuple[str, ...]:
    """Return the names of the policies to look for."""
    return (*NAMES, *(policy.name for policy in expectation.policies))


def verify_policies(
    expectation: Expectation,
    found: Sequence[OrganizationPolicy] | Unknown,
    *,
    account: str,
    partition: str,
) -> tuple[PolicyResult, ...]:
    """Return how the policies differ from the expected ones, and what they are attached to."""
    expected: dict[tuple[str, str], list[OrganizationPolicy]] = {}
    for policy in () if expectation.removed else expectation.policies:
        document = in_account(policy.document, account=account, partition=partition)
        variants = expected.setdefault(_key(policy), [])
        if (filled := replace(policy, document=document)) not in variants:
            variants.append(filled)
    existing = {} if isinstance(found, Unknown) else {_key(policy): policy for policy in found}
    unread = found if isinstance(found, Unknown) else None
    results = (
        _verify(expected.get(key, []), existing.get(key), unread)
        for key in sorted({*expected, *existing})
    )
    return Mask(expectation.hidden).masked(tuple(results))


def _key(policy: OrganizationPolicy) -> tuple[str, str]:
    return policy.type, policy.name


def _verify(
    variants: Sequence[OrganizationPolicy],
    found: OrganizationPolicy | None,
    unread: Unknown | None,
) -> PolicyResult:
    either = found or variants[0]
    result = PolicyResult(
        name=either.name,
        type=either.type,
        attached_to=None if unread else found.targets if found else (),
        stops=_stops(variants, found, unread),
        expected=bool(variants),
    )
    if found is not None and not variants:
        return replace(result, unknown=found.unknown)
    several = Unknown(part=_PART, why="several-variants", subject=either.name)
    unknown = (
        *(reason for policy in variants for reason in policy.unknown),
        *((several,) if len(variants) > 1 else ()),
        *(found.unknown if found else ()),
        *((unread,) if unread else ()),
    )
    # With several variants, the expectation is not certain. What may not exist is not missing.
    differences = min((_compare(variant, found) for variant in variants), key=len)
    return replace(
        result,
        differences=() if found is None and unknown else differences,
        unknown=tuple(dict.fromkeys(unknown)),
    )


def _stops(
    variants: Sequence[OrganizationPolicy],
    found: OrganizationPolicy | None,
    unread: Unknown | None,
) -> bool | None:
    answer = None if unread else found is not None and stops_someone(found)
    # What is expected to stop nobody is not suspected of it.
    if answer is None and variants and not any(map(stops_someone, variants)):
        return False
    return answer


def _compare(
    expected: OrganizationPolicy, found: OrganizationPolicy | None
) -> tuple[Difference, ...]:
    difference = Difference(
        rule="organization-policy-missing",
        # While it is attached to nothing, it limits nobody.
        effect="broader" if expected.targets else "unclear",
        part=_PART,
        subject=expected.name,
    )
    if found is None:
        return (difference,)
    differences: list[Difference] = []
    texts = [_for_everyone(policy.document) for policy in (expected, found)]
    if None not in texts and not same_document(*texts):
        changed = replace(difference, rule="organization-policy-changed", effect="unclear")
        before, now = ([_EVERYTHING, Policy(name=found.name, document=text)] for text in texts)
        differences += in_each_direction(changed, before, now)
    here = found.targets
    # The root contains every account that the policy can affect.
    if here is not None and not any(target.startswith("r-") for target in here):
        missing = tuple(target for target in expected.targets or () if target not in here)
        detached = replace(difference, rule="organization-policy-detached", was=missing, now=here)
        differences += [detached] if missing else []
    return tuple(differences)


def _for_everyone(document: Any) -> Any:
    # What a resource control policy says about its principals: IAM accepts nothing else there.
    def without(part: Any) -> Any:
        if isinstance(part, dict) and part.get("Principal") == "*":
            return {key: value for key, value in part.items() if key != "Principal"}
        return part

    return mapped(document, without)
