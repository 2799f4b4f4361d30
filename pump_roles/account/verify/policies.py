"""The policies of a role in an account, as if they were read from a template."""

from collections.abc import Iterable, Mapping
from typing import Any

from pump_roles.account.verify.details import AccountDetails, RoleDetails
from pump_roles.guardrails import by_policy
from pump_roles.iam.canonical import canonical
from pump_roles.iam.values import as_mapping, statements, strings
from pump_roles.published import ROLES
from pump_roles.report.comparison import guardrail_of

__all__ = ["actions_in", "as_shipped", "attached", "inline", "means", "name_in_report"]


def inline(role: RoleDetails) -> Mapping[str, tuple[str, Any]]:
    """Return the names and documents of a role's inline policies, by the name in lowercase.

    If two names differ only in case, both policies are kept.

    :param role: the role.
    """
    return _by_key((name.casefold(), (name, document)) for name, document in role.inline or ())


def attached(role: RoleDetails, details: AccountDetails) -> Mapping[str, tuple[str, Any]]:
    """Return the names and documents of the managed policies that are attached to a role.

    The key is the name in lowercase. For AWS managed policies, whose names are not unique, it is
    the ARN.

    :param role: the role.
    :param details: its account.
    """
    own = f"arn:{details.partition}:iam::{details.account}:policy/"
    return _by_key(
        (
            policy.name.casefold() if policy.arn.startswith(own) else policy.arn,
            (policy.name, policy.document),
        )
        for policy in role.attached or ()
    )


def _by_key(policies: Iterable[tuple[str, tuple[str, Any]]]) -> Mapping[str, tuple[str, Any]]:
    found: dict[str, tuple[str, Any]] = {}
    for key, policy in policies:
        free = key
        while free in found:
            # Keep both policies if their names differ only in case.
            free += " "
        found[free] = policy
    return found


def name_in_report(name: str, *, managed: bool) -> str:
    """Return a policy's name for a report.

    In a template, inline policies with the same name replace each other. A managed policy does not
    replace an inline one, so its name must differ.

    :param name: the policy's name.
    :param managed: whether it is a managed policy.
    """
    return f"{name}@managed" if managed else name


def means(document: Any, expected: Any) -> bool:
    """Return whether two policy documents mean the same.

    :param document: a document.
    :param expected: the document to compare it with.
    """
    return canonical(document) == canonical(expected)


def actions_in(documents: Iterable[Any]) -> tuple[str, ...]:
    """Return the actions and patterns that policy documents name, each once.

    :param documents: the documents.
    """
    named = [
        pattern
        for document in documents
        for statement in statements(as_mapping(document))
        for pattern in strings(statement.get("Action", []))
    ]
    return tuple(dict.fromkeys(named))


def as_shipped(kind: str, name: str, document: Any, partition: str) -> Any:
    """Return this package's version of a policy if it means the same; otherwise the policy itself.

    :param kind: the role's kind.
    :param name: the policy's name.
    :param document: its document.
    :param partition: the partition of the account.
    """
    if not isinstance(document, dict):
        return document
    for policy in ROLES[kind].policies:
        if policy.name == name and means(document, policy.document):
            return policy.document
    if name in by_policy():
        # In a template, the partition of a guardrail's ARNs is a pseudo parameter.
        opened = _partition_opened(document, f"arn:{partition}:")
        if guardrail_of(kind, name, opened) is not None:
            return opened
    return document


def _partition_opened(value: Any, prefix: str) -> Any:
    if isinstance(value, list):
        return [_partition_opened(element, prefix) for element in value]
    if isinstance(value, dict):
        return {key: _partition_opened(member, prefix) for key, member in value.items()}
    if isinstance(value, str) and value.startswith(prefix):
        return {"Fn::Sub": f"arn:${{AWS::Partition}}:{value.removeprefix(prefix)}"}
    return value
