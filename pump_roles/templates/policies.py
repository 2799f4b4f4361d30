"""Which policy documents, and which of their statements, can be read."""

import re
from collections.abc import Mapping
from typing import Any, Final

from pump_roles.templates.values import as_list, as_mapping

__all__ = ["is_policy_name", "is_readable", "is_whole"]

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
"""What an action pattern consists of. Anything else is filled in, masked, made to look like another
pattern, or rejected by IAM, such as a wildcard in the service."""


_NAME: Final = re.compile(r"[A-Za-z0-9_+=,.@-]{1,128}")


def is_policy_name(name: str) -> bool:
    """Return whether a text is a policy's name, and not one that is filled in or masked.

    :param name: the text.
    """
    return _NAME.fullmatch(name) is not None


def is_whole(document: Mapping[str, Any]) -> bool:
    """Return whether a policy document contains statements, and nothing that cannot be read.

    :param document: the policy document, as a template contains it.
    """
    return "Statement" in document and document.keys() <= _DOCUMENT_MEMBERS


def is_readable(statement: Any) -> bool:
    """Return whether a statement can be read.

    Functions within a condition or a resource only narrow.

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
