"""Compares an account's roles with the expected ones."""

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import replace
from hashlib import sha256
from typing import Any

from pump_roles.account.verify.compare_policies import policy_differences, role_with
from pump_roles.account.verify.compare_trust import trust_differences
from pump_roles.account.verify.details import AccountDetails, RoleDetails
from pump_roles.account.verify.effects import differences
from pump_roles.account.verify.expected import Expectation, ExpectedRole
from pump_roles.account.verify.model import (
    AccountResult,
    Difference,
    RoleResult,
    Rule,
    State,
    state_of,
)
from pump_roles.account.verify.other_roles import other_roles_in
from pump_roles.account.verify.policies import means
from pump_roles.account.verify.removal import removal
from pump_roles.iam.canonical import canonical
from pump_roles.templates import Role
from pump_roles.templates.masking import Mask

__all__ = ["compare"]

_Masking = Callable[[Any], Any]


def compare(expectation: Expectation, details: AccountDetails, *, name: str = "") -> AccountResult:
    """Return how an account's roles differ from what is expected.

    :param expectation: what is expected.
    :param details: what the account has.
    :param name: the account's name. By default, it is not known.
    """
    try:
        return _compared(expectation, details, name)
    except RecursionError:
        return AccountResult(
            account=details.account,
            name=name,
            state="unknown",
            reason="one of its policies is nested too deeply to read",
            calls=details.calls,
        )


def _compared(expectation: Expectation, details: AccountDetails, name: str) -> AccountResult:
    mask = _mask(expectation, details)
    roles = tuple(
        _masked(
            removal(variants[0], details)
            if expectation.removed
            else _closest(variants, details, expectation.allowed_tags),
            mask,
        )
        for variants in expectation.in_account(details.account, details.partition)
    )
    others = other_roles_in(details, expectation)
    states: list[State] = [role.state for role in roles]
    if others:
        states.append("differs")
    if details.unreadable:
        states.append("unknown")
    return AccountResult(
        account=details.account,
        name=mask(name),
        state=state_of(states),
        reason=mask("; ".join(details.unreadable)),
        roles=roles,
        others=mask(others),
        calls=details.calls,
    )


def _closest(
    variants: Sequence[ExpectedRole], details: AccountDetails, allowed_tags: Collection[str]
) -> RoleResult:
    # With several variants, the expectation is not certain: each one's result is at best unknown.
    results = [_Comparison(variant, details, allowed_tags).result() for variant in variants]
    return min(results, key=lambda result: len(result.differences))


class _Comparison:
    # Compares one role.
    def __init__(
        self, expected: ExpectedRole, details: AccountDetails, allowed_tags: Collection[str]
    ) -> None:
        self._expected = expected
        self._details = details
        self._allowed_tags = allowed_tags
        self._unknown: list[str] = list(expected.unreadable)
        self._notes: list[str] = []

    def result(self) -> RoleResult:
        role = self._details.role(self._expected.name)
        if role is None:
            return self._absent()
        differences = tuple(self._differences(role))
        self._unknown += role.unreadable or self._gaps(role)
        state: State = "differs" if differences else "unknown" if self._unknown else "match"
        return RoleResult(
            kind=self._expected.kind,
            arn=self._details.arn(role.name, role.path),
            state=state,
            differences=differences,
            unknown=tuple(dict.fromkeys(self._unknown)),
            notes=tuple(self._notes),
            last_used=role.last_used,
            last_used_region=role.last_used_region,
            boundary_sha256=self._boundary_digest(role),
        )

    def _absent(self) -> RoleResult:
        expected = self._expected
        arn = self._details.arn(expected.name, expected.deployed.path)
        reason = self._details.missing.get(expected.name.casefold(), "")
        # If it is not certain that the role should exist, it is not missing.
        unknown = (reason,) if reason else tuple(self._unknown)
        if unknown:
            return RoleResult(kind=expected.kind, arn=arn, state="unknown", unknown=unknown)
        missing = Difference(
            rule="role-missing", effect="narrower", subject="", what="the role does not exist"
        )
        return RoleResult(kind=expected.kind, arn=arn, state="differs", differences=(missing,))

    def _differences(self, role: RoleDetails) -> Iterator[Difference]:
        expected = self._expected
        if role.name != expected.name:
            yield _neutral("role-name", f"its name is {role.name} instead of {expected.name}")
        if role.path != expected.deployed.path:
            what = f"its path is {role.path} instead of {expected.deployed.path}"
            yield _neutral("role-path", what)
        found, notes = trust_differences(expected, role, account=self._details.account)
        self._notes += notes
        yield from found
        yield from policy_differences(expected, role, self._details)
        yield from self._session(role)
        if role.described:
            yield from self._boundary(role)
            yield from self._tags(role)

    def _gaps(self, role: RoleDetails) -> Iterator[str]:
        # What is not known, if no reason was recorded.
        if role.inline is None:
            yield "its inline policies could not be read"
        if role.attached is None:
            yield "its managed policies could not be read"
        if not role.described:
            yield "its permissions boundary and tags could not be read"
        for name, document in role.inline or ():
            if document is None:
                yield f"its inline policy {name} is not known"
        for policy in role.attached or ():
            if policy.document is None:
                yield f"the managed policy {policy.arn} is not known"

    def _boundary(self, role: RoleDetails) -> Iterator[Difference]:
        expected = self._expected.deployed.boundary
        found = "" if role.boundary is None else role.boundary.arn
        if not expected and not found:
            return
        if not found:
            what = f"the permissions boundary {expected} is missing"
            yield Difference(rule="boundary-removed", effect="broader", subject=expected, what=what)
        elif not expected:
            what = f"the permissions boundary {found} is not expected"
            yield Difference(rule="boundary-added", effect="narrower", subject=found, what=what)
        elif found != expected:
            what = f"its permissions boundary is {found} instead of {expected}"
            yield Difference(rule="boundary-changed", effect="other", subject=found, what=what)
        else:
            yield from self._boundary_text(role)

    def _boundary_text(self, role: RoleDetails) -> Iterator[Difference]:
        expected = self._expected.deployed.boundary_document
        if expected is None:
            self._notes.append(
                "the policy document of its permissions boundary was not compared: the expected "
                "one is not known; pass --boundary-policy"
            )
            return
        assert role.boundary is not None  # noqa: S101
        found = role.boundary.document
        if found is None:
            reason = f": {role.boundary.reason}" if role.boundary.reason else ""
            self._unknown.append(
                f"the policy document of its permissions boundary could not be read{reason}"
            )
            return
        if means(found, expected):
            return
        name = role.boundary.arn.rpartition("/")[2]
        yield from differences(
            "boundary-text",
            "the policy document of its permissions boundary differs",
            subject=role.boundary.arn,
            expected=self._only(name, expected),
            found=self._only(name, found),
        )

    def _only(self, name: str, document: Any) -> Role:
        # Compare boundaries as if each were the only policy of a role.
        return role_with(self._expected, {(False, name): (name, document)})

    def _boundary_digest(self, role: RoleDetails) -> str:
        if role.boundary is None or role.boundary.document is None:
            return ""
        text = canonical(role.boundary.document)
        return sha256(text.encode()).hexdigest()

    def _session(self, role: RoleDetails) -> Iterator[Difference]:
        expected, found = self._expected.deployed.session_seconds, role.session_seconds
        if found is None:
            self._unknown.append(
                "its maximum session duration is not in the files; also pass the output of aws iam "
                f"get-role --role-name {role.name}"
            )
        elif found != expected:
            yield Difference(
                rule="session-duration",
                effect="broader" if found > expected else "narrower",
                subject="",
                what=f"its maximum session duration is {found:,} seconds instead of {expected:,}",
                actions=("sts:AssumeRole",),
            )

    def _tags(self, role: RoleDetails) -> Iterator[Difference]:
        expected = self._expected.deployed.tags
        # AWS reserves this prefix. CloudFormation adds such tags.
        found = {key: value for key, value in role.tags.items() if not key.startswith("aws:")}
        for key in sorted({*expected, *found}):
            if key not in found:
                yield _neutral("tag-removed", f"the tag {key} is missing", key)
            elif key not in expected:
                if key not in self._allowed_tags:
                    yield _neutral("tag-added", f"the tag {key} is not expected", key)
            elif found[key] != expected[key]:
                yield _neutral("tag-changed", f"the tag {key} has a different value", key)


def _neutral(rule: Rule, what: str, subject: str = "") -> Difference:
    return Difference(rule=rule, effect="other", subject=subject, what=what)


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
    return replace(
        result,
        arn=":".join([*place, mask(name)]),
        unknown=mask(result.unknown),
        notes=mask(result.notes),
        differences=tuple(
            replace(
                difference,
                subject=mask(difference.subject),
                what=mask(difference.what),
                details=mask(difference.details),
                actions=mask(difference.actions),
            )
            for difference in result.differences
        ),
    )
