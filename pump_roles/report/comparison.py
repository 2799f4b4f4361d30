"""Compares a role with what Pump publishes and with this package's guardrails."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from pump_roles.guardrails import Guardrail, by_policy, recognized
from pump_roles.iam.catalog import matcher
from pump_roles.iam.clauses import EVERYWHERE, clauses
from pump_roles.published import ROLES
from pump_roles.templates import Role

__all__ = ["differences", "guardrail_of", "is_unmodified", "policy_kind"]

_LISTED: Final = 8


@dataclass(frozen=True, kw_only=True)
class _Published:
    """A role's published policies, read once.

    :param documents: the policy documents by the policy's name.
    :param patterns: the action patterns of each policy, by its name.
    """

    documents: Mapping[str, Mapping[str, Any]]
    patterns: Mapping[str, tuple[str, ...]]


def policy_kind(role_kind: str, name: str) -> str:
    """Return what a policy is, by its name: ``published``, ``guardrail``, or ``other``.

    :param role_kind: the kind of the role that has it.
    :param name: the policy's name.
    """
    if name in _published(role_kind).documents:
        return "published"
    return "guardrail" if name in by_policy() else "other"


def is_unmodified(role_kind: str, name: str, document: Mapping[str, Any]) -> bool:
    """Return whether a policy is exactly as Pump publishes it, or a guardrail of this package.

    :param role_kind: the kind of the role that has it.
    :param name: the policy's name.
    :param document: its document, as a template contains it.
    """
    published = _published(role_kind)
    if name in published.documents:
        return document == published.documents[name]
    return guardrail_of(role_kind, name, document) is not None


def guardrail_of(role_kind: str, name: str, document: Mapping[str, Any]) -> Guardrail | None:
    """Return the guardrail of this package that a policy is exactly; ``None`` if there is none.

    :param role_kind: the kind of the role that has it.
    :param name: the policy's name.
    :param document: its document, as a template contains it.
    """
    if name not in by_policy():
        return None
    patterns = _published(role_kind).patterns.values()
    return recognized(name, document, (pattern for listed in patterns for pattern in listed))


def differences(role: Role) -> Iterator[str]:
    """Yield how a role differs from what Pump publishes, apart from its trust policy, in words.

    :param role: the role.
    """
    yield from role.unreadable
    names = [name for name, _ in role.policies]
    for name in sorted(_published(role.kind).documents.keys() - set(names)):
        yield f"the published policy {name} is missing"
    # IAM ignores the case of a policy's name.
    first = {name.casefold(): name for name in reversed(names)}
    for key, count in Counter(map(str.casefold, names)).items():
        if count > 1:
            yield f"{count} policies are named {first[key]}"
    for name, document in role.policies:
        if not is_unmodified(role.kind, name, document):
            yield from _policy_differences(role.kind, name, document)


def _policy_differences(role_kind: str, name: str, document: Mapping[str, Any]) -> Iterator[str]:
    kind = policy_kind(role_kind, name)
    if kind == "published":
        yield from _changed(name, document, _published(role_kind).patterns[name])
    elif kind == "guardrail":
        yield f"{name} is named like a guardrail of this package, but is not one{_allows(document)}"
    else:
        yield f"{name} is neither a published policy nor a guardrail{_allows(document)}"


def _changed(name: str, document: Mapping[str, Any], published: Sequence[str]) -> Iterator[str]:
    # IAM ignores the case of an action.
    here = {pattern.lower(): pattern for pattern in _allowed_patterns(document)}
    there = {pattern.lower(): pattern for pattern in published}
    added = [pattern for key, pattern in here.items() if key not in there]
    missing = [
        pattern
        for key, pattern in there.items()
        if not any(matcher(allowed).fullmatch(key) for allowed in here)
    ]
    if added:
        yield f"{name} allows {', '.join(added)}, which Pump does not publish"
    if missing:
        yield f"{name} lacks {', '.join(missing)}, which Pump publishes"
    if not added and not missing:
        yield f"{name} has the published patterns, but differs in something else{_odd(document)}"


def _odd(document: Mapping[str, Any]) -> str:
    for clause in clauses(document):
        if (clause.effect, clause.scope) != ("Allow", EVERYWHERE):
            return f", such as {clause.effect} {clause.pattern} {clause.scope}"
    return ""


def _allows(document: Mapping[str, Any]) -> str:
    allowed = _allowed_patterns(document)
    if not allowed:
        return ""
    more = len(allowed) - _LISTED
    rest = f" and {more} more" if more > 0 else ""
    return f": it allows {', '.join(allowed[:_LISTED])}{rest}"


def _allowed_patterns(document: Mapping[str, Any]) -> list[str]:
    allowed = (clause.pattern for clause in clauses(document) if clause.effect == "Allow")
    return list(dict.fromkeys(allowed))


@cache
def _published(role_kind: str) -> _Published:
    policies = ROLES[role_kind].policies
    return _Published(
        documents={policy.name: policy.document for policy in policies},
        patterns={policy.name: policy.patterns for policy in policies},
    )
