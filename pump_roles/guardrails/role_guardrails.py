"""Guardrails as policies of a role: their documents, redundant ones, and which one a policy is."""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

from pump_roles.guardrails import (
    WITH_VALUE,
    Guardrail,
    by_policy,
    documents_on,
    is_set,
    opening_tags,
    opening_value,
    own_guardrail,
    parts_of,
)
from pump_roles.iam import (
    Policy,
    Value,
    covers,
    known,
    overlap,
    parse_policy,
    parse_trust,
    without_partition,
)
from pump_roles.inputs import ArgumentError, ListOf, mapped
from pump_roles.published import (
    EXTERNAL_ID_PARAMETER,
    PRINCIPAL_PARAMETER,
    ROLES,
    PublishedRole,
    trust_policy,
)
from pump_roles.role import Role, published_policies


def documents(
    guardrails: Sequence[Guardrail] | None, role: PublishedRole
) -> dict[Guardrail, dict[str, Any]]:
    """Return the policy document of each guardrail for a role; for a set, those of its members.

    They are ordered by name, so that the template does not depend on the order of the list.
    """
    found: dict[Guardrail, dict[str, Any]] = {}
    for guardrail in _checked(guardrails):
        effective = documents_on(guardrail, role.patterns)
        if not effective:
            raise ArgumentError(
                "guardrails",
                f"{guardrail.name} would have no effect on the {role.kind} role",
                guardrail=guardrail.name,
            )
        for part, document in effective.items():
            if part.name in {other.name for other in found}:
                also = f", also in {guardrail.name}" if is_set(guardrail) else ""
                raise ArgumentError(
                    "guardrails", f"{part.name} is listed twice{also}", guardrail=part.name
                )
            found[part] = document
    return dict(sorted(found.items(), key=lambda item: item[0].name))


def as_policies(denies: Mapping[Guardrail, Mapping[str, Any]]) -> tuple[Policy, ...]:
    """Return the inline policies of guardrails, with a placeholder for the partition."""
    return tuple(
        parse_policy(mapped(document, _without_function), name=guardrail.policy_name)
        for guardrail, document in denies.items()
    )


def policies_on(guardrail: Guardrail, kind: str) -> tuple[Policy, ...]:
    """Return the inline policies of a guardrail on a published role; none if it denies nothing."""
    return as_policies(documents_on(guardrail, ROLES[kind].patterns))


def _without_function(part: Any) -> Any:
    return part["Fn::Sub"] if isinstance(part, dict) and part.keys() == {"Fn::Sub"} else part


def applying(
    guardrails: Iterable[Guardrail], kind: str, sharing: Collection[str]
) -> list[Guardrail]:
    """Return which guardrails that several roles share apply to one of them.

    A guardrail applies to the roles that have permissions that it denies. If none has, it applies
    to all, and :func:`documents` rejects it.
    """

    def applies(guardrail: Guardrail) -> bool:
        having = [other for other in sharing if documents_on(guardrail, ROLES[other].patterns)]
        return kind in having or not having

    return [guardrail for guardrail in guardrails if applies(guardrail)]


def added_up(shared: Sequence[Guardrail], own: Sequence[Guardrail]) -> list[Guardrail]:
    """Return the guardrails of several roles and one role's own, without those that both have.

    Of a guardrail with two values, the one remains that leaves only what both leave.
    """
    values = {guardrail.name: guardrail for guardrail in shared if guardrail.values}
    stricter = [
        _stricter(values.pop(guardrail.name), guardrail) if guardrail.name in values else guardrail
        for guardrail in own
    ]
    rest = [guardrail for guardrail in shared if not guardrail.values or guardrail.name in values]
    more = _beyond(stricter, rest)
    return [*_beyond(rest, more), *more]


def _beyond(guardrails: Iterable[Guardrail], others: Iterable[Guardrail]) -> list[Guardrail]:
    included = {part for other in others for part in parts_of(other)}
    return [guardrail for guardrail in guardrails if not included.issuperset(parts_of(guardrail))]


def _stricter(shared: Guardrail, own: Guardrail) -> Guardrail:
    if shared.ends is not None and own.ends is not None:
        return own if own.ends < shared.ends else shared
    common = [value for value in own.values if value in shared.values]
    if not common:
        raise ArgumentError(
            "guardrails",
            f"{', '.join(own.values)} has no value in common with {{other}}, which also applies: "
            f"{', '.join(shared.values)}",
            other=own.name,
        )
    validator, with_value = WITH_VALUE[own.name]
    return with_value(common if isinstance(validator, ListOf) else common[0])


def made_redundant(
    guardrails: Sequence[Guardrail] | None, found: Mapping[Guardrail, Mapping[str, Any]]
) -> Mapping[str, list[str]]:
    """Return the names of redundant guardrails, by the guardrail that makes them redundant.

    One that denies some actions on every resource without a condition makes those redundant that
    only deny the same actions. A set of guardrails is redundant if all of its members are. Each
    one is returned once.
    """
    redundant: dict[str, list[str]] = {}
    left = {guardrail.name: guardrail for guardrail in guardrails or ()}
    for keeping, document in found.items():
        if any(keeping.name in names for names in redundant.values()):
            continue
        outright = [
            statement
            for statement in document["Statement"]
            if not {"Condition", "NotResource"} & statement.keys() and statement["Resource"] == "*"
        ]
        unneeded = {
            other
            for other, denies in found.items()
            if other is not keeping
            and all(
                any(_denies(statement, pattern) for statement in outright)
                for denied in denies["Statement"]
                for pattern in denied.get("Action", ["*"])
            )
        }
        names = sorted(
            name
            for name, guardrail in left.items()
            if {part for part in parts_of(guardrail) if part in found} <= unneeded
        )
        if names:
            redundant[keeping.name] = names
            left = {name: guardrail for name, guardrail in left.items() if name not in names}
    return redundant


def _denies(statement: Mapping[str, Any], pattern: str) -> bool:
    if "NotAction" in statement:
        return not any(overlap(pattern, action) for action in statement["NotAction"])
    return any(covers(denied, pattern) for denied in statement["Action"])


def _checked(guardrails: object) -> tuple[Guardrail, ...]:
    if guardrails is None:
        return ()
    if not isinstance(guardrails, Sequence) or isinstance(guardrails, str):
        cure = "; put it in a list" if isinstance(guardrails, Guardrail) else ""
        raise ArgumentError("guardrails", f"{guardrails!r} is not a list of Guardrails{cure}")
    names: dict[str, str] = {}
    for guardrail in guardrails:
        if isinstance(guardrail, str):
            constant = Guardrail.named(guardrail).name.upper().replace("-", "_")
            raise ArgumentError("guardrails", f"{guardrail!r} is a name; use Guardrail.{constant}")
        if not isinstance(guardrail, Guardrail):
            raise ArgumentError("guardrails", f"{guardrail!r} is not a Guardrail")
        # IAM does not tell apart names that differ only in case.
        other = names.setdefault(guardrail.policy_name.casefold(), guardrail.name)
        if other != guardrail.name:
            raise ArgumentError("guardrails", f"{guardrail.name} is too similar to {other}")
    return tuple(guardrails)


def guardrail_of(kind: str, policy: Policy) -> Guardrail | None:
    """Return the guardrail that a policy of a role implements exactly; ``None`` for any other one.

    How it is written, and the partition of its ARNs, do not count.
    """
    guardrail = by_policy().get(policy.name) or own_guardrail(policy)
    if guardrail is None or kind not in ROLES:
        return None
    found = policy.with_texts(without_partition)
    for expected in policies_on(guardrail, kind):
        filled = _filled_as_in(found, guardrail, expected) if guardrail.value else guardrail
        if filled is not None and any(map(found.means_the_same_as, policies_on(filled, kind))):
            return filled
    return None


def _filled_as_in(found: Policy, guardrail: Guardrail, expected: Policy) -> Guardrail | None:
    # The guardrail with the value that is in the place of its placeholder.
    values = [*dict.fromkeys(_values(found, expected, f"${{{guardrail.value}}}"))]
    if not values:
        return None
    validator, with_value = WITH_VALUE[guardrail.name]
    try:
        return with_value(values if isinstance(validator, ListOf) else values[0])
    except ArgumentError:
        return None


def _values(found: Policy, expected: Policy, placeholder: str) -> Iterator[str]:
    scopes = [statement.scope for statement in found.statements]
    for own in (statement.scope for statement in expected.statements):
        for resource in (text for text in own.resources if placeholder in text):
            value = re.escape(resource).replace(re.escape(placeholder), "(.+)")
            matches = (re.fullmatch(value, text) for scope in scopes for text in scope.resources)
            yield from (match[1] for match in matches if match)
        for own_test in (test for test in own.condition.tests if placeholder in test.values):
            for test in (test for scope in scopes for test in scope.condition.tests):
                if (test.operator, test.key) == (own_test.operator, own_test.key):
                    yield from test.values


def opened(role: Role) -> tuple[str, ...]:
    """Return the keys of a role's tags that open a guardrail, or may; not what is unknown."""
    implemented = [(policy, guardrail_of(role.kind, policy)) for policy in role.policies]
    values = {found.tag: opening_value(found) for _, found in implemented if found is not None}
    others = (policy.asked_tags for policy, found in implemented if found is None)
    elsewhere = opening_tags({key for asked in others for key in asked})
    return tuple(
        key
        for key, value in role.tags.items()
        if value.is_known and (key.lower() in elsewhere or values.get(key.lower()) == value.text)
    )


def may_be_opened(role: Role) -> set[str]:
    """Return the keys, in lower case, of the tags with which the customer opens its guardrails."""
    return opening_tags({key for policy in role.all_policies for key in policy.asked_tags})


def opened_by_tag(kind: str, policies: Iterable[Policy]) -> Iterator[tuple[Guardrail, str]]:
    """Yield the guardrails among a role's policies that a tag opens, and its value that does."""
    for policy in policies:
        guardrail = guardrail_of(kind, policy)
        if guardrail is not None and guardrail.tag:
            yield guardrail, opening_value(guardrail)


def published_role(kind: str, guardrails: Sequence[Guardrail] = ()) -> Role:
    """Return a role as Pump publishes it, with those of the guardrails of both that apply to it."""
    role = ROLES[kind]
    return Role(
        kind=kind,
        name=known(role.name),
        trust=parse_trust(
            trust_policy(PRINCIPAL_PARAMETER, [EXTERNAL_ID_PARAMETER]),
            lambda parameter, _: Value("open", parameter),
        ),
        policies=(
            *published_policies(kind),
            *as_policies(documents(applying(guardrails, kind, ROLES), role)),
        ),
    )
