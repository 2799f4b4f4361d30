"""Guardrails as policies of a role: which one a policy is, and what opens it."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

from pump_roles.guardrails import (
    POLICY_PREFIX,
    WITH_VALUE,
    Guardrail,
    by_policy,
    opening_tags,
    opening_value,
)
from pump_roles.guardrails.guardrail_documents import applying, documents, documents_on
from pump_roles.iam.identity_policies import Policy, Value, known, parse_policy, without_partition
from pump_roles.iam.trust import parse_trust
from pump_roles.inputs import mapped
from pump_roles.inputs.validators import ArgumentError, ListOf
from pump_roles.published import EXTERNAL_ID_PARAMETER, PRINCIPAL_PARAMETER, ROLES, trust_policy
from pump_roles.role.iam_role import Role, published_policies


def as_policies(denies: Mapping[Guardrail, Mapping[str, Any]]) -> tuple[Policy, ...]:
    """Return the inline policies of guardrails, with a placeholder for the partition."""
    return tuple(
        parse_policy(mapped(document, _without_function), name=guardrail.policy_name)
        for guardrail, document in denies.items()
    )


# There are few guardrails, but whoever writes a policy may choose any value.
@lru_cache(maxsize=2**10)
def policies_on(guardrail: Guardrail, kind: str) -> tuple[Policy, ...]:
    """Return the inline policies of a guardrail on a published role; none if it denies nothing."""
    return as_policies(documents_on(guardrail, ROLES[kind].patterns))


def _without_function(part: Any) -> Any:
    return part["Fn::Sub"] if isinstance(part, dict) and part.keys() == {"Fn::Sub"} else part


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


def own_guardrail(policy: Policy) -> Guardrail | None:
    """Return the guardrail that a policy with a name like this could implement; else ``None``."""
    if not policy.name.startswith(POLICY_PREFIX):
        return None
    name = "-".join(re.findall("[A-Z][a-z0-9]*", policy.name.removeprefix(POLICY_PREFIX))).lower()
    actions = [action for statement in policy.statements for action in statement.actions]
    try:
        guardrail = Guardrail.denying(name, *actions, reason="Your own guardrail denies it.")
    except ArgumentError:
        return None
    return guardrail if guardrail.policy_name == policy.name else None
