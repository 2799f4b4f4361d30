"""Compares an account's roles with the expected ones, and finds others that give access."""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from hashlib import sha256
from typing import Any

from pump_roles.guardrails import Guardrail
from pump_roles.iam.canonical import canonical
from pump_roles.review.account.organization import Organization
from pump_roles.review.account.verify.details import AccountDetails, History
from pump_roles.review.account.verify.expectation import Expectation
from pump_roles.review.account.verify.other_roles import roles_that_admit_pump
from pump_roles.review.account.verify.placement import Location
from pump_roles.review.account.verify.verification import (
    AccountResult,
    Approval,
    OtherRole,
    RoleResult,
)
from pump_roles.review.compare import Difference, Rule, guardrail_of
from pump_roles.review.compare import compare as compare_roles
from pump_roles.review.masking import Mask, ids_of
from pump_roles.review.role import Part, Role, Unknown, Why
from pump_roles.review.templates import Access

_Masking = Callable[[Any], Any]


def compare(
    expectation: Expectation,
    details: AccountDetails,
    *,
    name: str = "",
    units: Collection[str] | None = None,
) -> AccountResult:
    """Return how an account's roles differ from what is expected.

    Without the account's organizational units, only its own account decides what is expected there.
    """
    try:
        return _compared(expectation, details, name, units)
    except RecursionError:
        return AccountResult(
            account=details.account,
            name=name,
            unknown=(Unknown(part="account", why="too-deep"),),
            calls=details.calls,
        )


def _compared(
    expectation: Expectation,
    details: AccountDetails,
    name: str,
    units: Collection[str] | None,
) -> AccountResult:
    mask = _mask(expectation, details)
    in_organization = details.organization
    location = Location(
        account=details.account,
        units=units,
        management_account=in_organization.management_account
        if isinstance(in_organization, Organization)
        else "",
    )
    roles = tuple(
        _masked(_in_place(variants, expectation, details, location), mask)
        for variants in expectation.in_account(details.account, details.partition)
    )
    return AccountResult(
        account=details.account,
        name=mask(name),
        unknown=mask(details.unknown),
        roles=roles,
        others=mask(_others(details, expectation)),
        calls=details.calls,
    )


def _in_place(
    variants: Sequence[Role], expectation: Expectation, details: AccountDetails, location: Location
) -> RoleResult:
    if expectation.removed:
        return _absence(variants[0], details, "role-present", "absent")
    belongs = expectation.belongs(variants[0].kind, location)
    if belongs is False:
        return _absence(variants[0], details, "role-misplaced", "only-elsewhere")
    if belongs:
        return _closest(variants, details)
    open_place = Unknown(part="place", why="open")
    if location.units is None and details.role(variants[0].name.text) is not None:
        # Whoever verifies only this account expects the role that is in it.
        found = _closest(variants, details)
        return replace(found, notes=(*found.notes, open_place))
    uncertain = [replace(role, unknown=(*role.unknown, open_place)) for role in variants]
    return _closest(uncertain, details)


def _closest(variants: Sequence[Role], details: AccountDetails) -> RoleResult:
    # With several variants, the expectation is not certain: each one's result is at best unknown.
    results = [_result(variant, details) for variant in variants]
    return min(results, key=lambda result: len(result.differences))


def _result(expected: Role, details: AccountDetails) -> RoleResult:
    role = details.role(expected.name.text)
    if role is None:
        # If it is not certain that the role should exist, it is not missing.
        reason = details.missing.get(expected.name.text.casefold())
        unknown = expected.not_known if reason is None else (reason,)
        missing = Difference(rule="role-missing", effect="narrower")
        return _found(expected, details, unknown=unknown, differences=() if unknown else (missing,))
    differences = compare_roles(expected, role, account=details.account)
    unread = [*expected.not_known, *role.not_known, *_unread(role)]
    notes = [*_open_ids(expected, differences)]
    if expected.boundary and role.boundary and expected.boundary.arn == role.boundary.arn:
        if expected.boundary.document is None:
            notes.append(Unknown(part="boundary", why="open"))
            unread = [found for found in unread if found.part != "boundary"]
    elif not role.is_unknown("boundary"):
        # Only the policy's ARN matters.
        unread = [found for found in unread if found.part != "boundary" or not found.subject]
    return _found(
        expected,
        details,
        role,
        differences=differences,
        unknown=tuple(dict.fromkeys(unread)),
        notes=tuple(notes),
        approvals=tuple(_approvals(role, expected.kind)),
        boundary_sha256=_boundary_digest(role),
    )


def _absence(expected: Role, details: AccountDetails, rule: Rule, why: Why) -> RoleResult:
    # Any role with its name counts, whatever else differs.
    role = details.role(expected.name.text)
    if role is not None:
        stack = details.history.get(role.name.text, History()).stack
        present = Difference(rule=rule, effect="broader", now=(stack,) if stack else ())
        return _found(expected, details, role, differences=(present,))
    # Only the list of all roles shows a name in another case. The account's result says why that
    # could not be read.
    not_known = Unknown(part="role", why="existence") if details.unknown else None
    if reason := details.missing.get(expected.name.text.casefold(), not_known):
        return _found(expected, details, unknown=(reason,))
    notes = [Unknown(part="role", why=why)]
    ids = expected.trust.external_ids
    if rule == "role-present" and any(value.state == "open" for value in ids):
        notes.append(Unknown(part="role", why="open"))
    return _found(expected, details, notes=tuple(notes))


def _found(
    expected: Role, details: AccountDetails, role: Role | None = None, **result: Any
) -> RoleResult:
    # Of a role that does not exist, what is expected.
    history = details.history.get(role.name.text, History()) if role else History()
    return RoleResult(
        kind=expected.kind,
        arn=details.arn(role or expected),
        last_used=history.last_used,
        last_used_region=history.last_used_region,
        stopped=role is not None and role.stopped,
        **result,
    )


def _opened_by_tags(role: Role, kind: str) -> Iterator[Guardrail]:
    for policy in role.policies:
        guardrail = guardrail_of(kind, policy)
        if guardrail is not None and guardrail.tag:
            yield guardrail


def _approvals(role: Role, kind: str) -> Iterator[Approval]:
    if role.is_unknown("tags"):
        return
    # IAM User Guide, "Tags for AWS Identity and Access Management resources": the case of a key
    # does not matter.
    tags = {key.lower(): value for key, value in role.tags.items()}
    for guardrail in _opened_by_tags(role, kind):
        value = tags[guardrail.tag].text if guardrail.tag in tags else ""
        is_open = value == guardrail.opens
        yield Approval(guardrail=guardrail.name, tag=guardrail.tag, value=value, open=is_open)


def _open_ids(expected: Role, differences: Iterable[Difference]) -> Iterator[Unknown]:
    number = sum(value.state == "open" for value in expected.trust.external_ids)
    if number and not any(difference.part == "trust-policy" for difference in differences):
        yield Unknown(part="trust-policy", why="open", subject=f"{number}")


def _unread(role: Role) -> Iterator[Unknown]:
    # If no reason was recorded.
    named = {unknown.subject for unknown in role.unknown}
    for policy in role.policies:
        if policy.document is None and not {policy.name, policy.arn} & named:
            part: Part = "managed-policies" if policy.arn else "inline-policies"
            yield Unknown(part=part, why="not-read", subject=policy.arn or policy.name)


def _boundary_digest(role: Role) -> str:
    if role.boundary is None or role.boundary.document is None:
        return ""
    return sha256(canonical(role.boundary.document).encode()).hexdigest()


def _mask(expectation: Expectation, details: AccountDetails) -> _Masking:
    # The expectation's mask is built only once, so the account's own IDs need a second mask. If an
    # own ID is part of an expected one, that one must be masked first.
    own = details.external_ids - expectation.hidden
    containing = {
        expected for expected in expectation.hidden if any(id_ in expected for id_ in own)
    }
    first = Mask(own | containing)
    return lambda value: expectation.mask.masked(first.masked(value))


def _masked(result: RoleResult, mask: _Masking) -> RoleResult:
    # Keep the account ID in the ARN, even if it is also an external ID.
    *place, name = result.arn.split(":", 5)
    masked: RoleResult = mask(result)
    return replace(masked, arn=":".join([*place, mask(name)]))


def _others(details: AccountDetails, expectation: Expectation) -> tuple[OtherRole, ...]:
    pump_names = {name.casefold() for name in expectation.names}
    every = details.by_name
    others = {name: role for name, role in every.items() if name.casefold() not in pump_names}
    alarms = {
        **roles_that_admit_pump(
            others.values(),
            account=details.account,
            names=expectation.names,
            principals=expectation.principals,
        )
    }
    # The IDs that Pump passes.
    passed = expectation.hidden.union(
        *(ids_of(role.trust) for name, role in every.items() if name not in others)
    )
    for name, role in others.items():
        if passed & ids_of(role.trust):
            alarms.setdefault(name, []).append(Access("requires-same-external-id"))
    omitted = {name.casefold(): kind for name, kind in expectation.omitted.items()}
    for name, ways in alarms.items():
        if kind := omitted.get(name.casefold()):
            ways.append(Access("named-like-omitted-role", kind))
    return tuple(
        OtherRole(
            arn=details.arn(others[name]),
            name=name,
            principals=others[name].trust.principals,
            alarms=tuple(found),
        )
        for name, found in sorted(alarms.items())
    )
