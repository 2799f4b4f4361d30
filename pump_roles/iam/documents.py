"""Policies, and which of their documents and statements can be read."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from pump_roles.iam.values import as_list, as_mapping

__all__ = ["Policy", "is_policy_name", "is_readable", "is_whole"]

_DOCUMENT_MEMBERS: Final = {"Version", "Id", "Statement"}
_STATEMENT_MEMBERS: Final = {
    "Sid",
    "Effect",
    "Action",
    "NotAction",
    "Resource",
    "NotResource",
    "Condition",
}
_PATTERN: Final = re.compile(r"\*|[A-Za-z0-9._-]+:[A-Za-z0-9*?._-]+")
"""The characters of an action pattern. Anything else is a function or masked, imitates another
pattern, or is rejected by IAM, such as a wildcard in the service."""


_NAME: Final = re.compile(r"[A-Za-z0-9_+=,.@-]{1,128}")


@dataclass(frozen=True, kw_only=True)
class Policy:
    """A policy of a role.

    :param name: its name.
    :param document: its document. What depends on the account is a placeholder, such as
        ``${AWS::Partition}``. ``None`` if it is not known.
    :param arn: its ARN if it is a managed policy; empty for an inline one.
    """

    name: str
    document: Any
    arn: str = ""


def is_policy_name(name: str) -> bool:
    """Return whether a text is a valid policy name, not a function or a masked text.

    :param name: the text.
    """
    return _NAME.fullmatch(name) is not None


def is_whole(document: Mapping[str, Any]) -> bool:
    """Return whether a policy document contains statements, and no unknown members.

    :param document: the policy document, as a template contains it.
    """
    return "Statement" in document and document.keys() <= _DOCUMENT_MEMBERS


def is_readable(statement: Any) -> bool:
    """Return whether a statement can be read.

    Functions in a condition or a resource can only narrow the statement, so they do not matter.

    :param statement: the statement, as a template contains it.
    """
    known = as_mapping(statement)
    patterns = [*as_list(known.get("Action", [])), *as_list(known.get("NotAction", []))]
    return (
        known.get("Effect") in ("Allow", "Deny")
        and known.keys() <= _STATEMENT_MEMBERS
        and ("Action" in known) != ("NotAction" in known)
        and ("Resource" in known) != ("NotResource" in known)
        and bool(patterns)
        and all(isinstance(pattern, str) and _PATTERN.fullmatch(pattern) for pattern in patterns)
    )
