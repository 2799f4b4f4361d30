"""Whom a trust policy admits that is Pump, everyone, or cannot be read."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from pump_roles.iam.values import as_list
from pump_roles.templates.pump_names import Access

__all__ = ["admitted"]


def admitted(
    document: Any, principals: Callable[[Any], Iterator[Access]], *, providers: bool
) -> Iterator[Access]:
    """Yield whom a trust policy admits. Its conditions do not matter.

    A condition on the account or the organization does not exclude a session of Pump's role, which
    is a principal of the account.

    :param document: the trust policy, as in a template.
    :param principals: judges a value of the type ``AWS``.
    :param providers: whether identity providers count.
    """
    if not isinstance(document, dict) or document.keys() - {"Version", "Id", "Statement"}:
        yield Access("unreadable-trust-policy")
        return
    for statement in as_list(document.get("Statement")):
        if not isinstance(statement, dict) or statement.get("Effect") not in ("Allow", "Deny"):
            yield Access("unreadable-statement")
        elif statement["Effect"] == "Allow":
            yield from _admitted(statement, principals, providers=providers)


def _admitted(
    statement: Mapping[str, Any],
    principals: Callable[[Any], Iterator[Access]],
    *,
    providers: bool,
) -> Iterator[Access]:
    principal = statement.get("Principal")
    if "NotPrincipal" in statement:
        yield Access("trusts-everyone-but")
    if principal == "*":
        yield Access("trusts-everyone")
    elif isinstance(principal, dict):
        for kind, named in principal.items():
            if kind == "AWS":
                yield from principals(named)
            elif kind in ("Federated", "CanonicalUser"):
                yield from [Access("trusts-identity-provider")] if providers else []
            elif kind != "Service":
                yield Access("unreadable-principal", kind)
    elif "NotPrincipal" not in statement:
        yield Access("trusts-unreadable")
