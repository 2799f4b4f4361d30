"""Policies, which of their documents and statements can be read, and the JSON values in them."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final


def as_mapping(value: Any) -> Mapping[str, Any]:
    """The value, or an empty mapping if it is not one."""
    return value if isinstance(value, dict) else {}


def as_list(value: Any) -> list[Any]:
    """The value, or a list of it if it is not one."""
    return value if isinstance(value, list) else [value]


def as_text(value: Any) -> str:
    """The value, or its JSON if it is not a string."""
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True)


def is_function(key: str) -> bool:
    """Whether the key of an object is the name of a CloudFormation function."""
    return key == "Ref" or key.startswith("Fn::")


def is_call(value: Any) -> bool:
    """Whether a value is the call of a CloudFormation function."""
    return isinstance(value, dict) and len(value) == 1 and is_function(*value)


def has_transform(value: Any) -> bool:
    """Whether a macro can change something in the value: ``Fn::Transform``."""
    if isinstance(value, dict):
        if "Fn::Transform" in value:
            return True
        value = value.values()
    elif not isinstance(value, list):
        return False
    # Not called for each string: most parts of a template are strings.
    return any(has_transform(part) for part in value if isinstance(part, dict | list))


def mapped(value: Any, change: Callable[[Any], Any]) -> Any:
    """Return a JSON value with parts of it changed."""
    changed = change(value)
    if changed is not value:
        return changed
    if isinstance(value, list):
        return [mapped(element, change) for element in value]
    if isinstance(value, dict):
        return {key: mapped(member, change) for key, member in value.items()}
    return value


def strings(value: Any) -> list[str]:
    """The value's strings; what is not one is written as JSON."""
    return [as_text(element) for element in as_list(value)]


def statements(document: Any) -> list[Mapping[str, Any]]:
    """The statements of a policy document; none if the value is not one."""
    found = as_list(as_mapping(document).get("Statement"))
    return [statement for statement in found if isinstance(statement, dict)]


def ref(value: Any) -> str:
    """The logical ID that a value is a ``Ref`` to; empty if it is not one."""
    target = value.get("Ref") if isinstance(value, dict) and value.keys() == {"Ref"} else ""
    return target if isinstance(target, str) else ""


def is_absent(value: Any) -> bool:
    """Whether CloudFormation treats a value as if it were not there."""
    return value is None or ref(value) == "AWS::NoValue"


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


_DENIES_ALL: Final = re.compile(
    r"arn:(?:aws[a-z-]*|\$\{AWS::Partition\}):iam::aws:policy/AWSDenyAll"
)
DENY_ALL: Final = Policy(
    name="AWSDenyAll",
    document={
        "Version": "2012-10-17",
        "Statement": [{"Sid": "DenyAll", "Effect": "Deny", "Action": ["*"], "Resource": "*"}],
    },
    arn="arn:${AWS::Partition}:iam::aws:policy/AWSDenyAll",
)
"""AWS Managed Policy Reference, "AWSDenyAll"."""


def denies_all(arn: str) -> bool:
    """Return whether an ARN is that of AWS's policy that denies everything."""
    return _DENIES_ALL.fullmatch(arn) is not None


def is_policy_name(name: str) -> bool:
    """Return whether a text is a valid policy name, not a function or a masked text."""
    return _NAME.fullmatch(name) is not None


def is_whole(document: Mapping[str, Any]) -> bool:
    """Return whether a policy document contains statements, and no unknown members."""
    return "Statement" in document and document.keys() <= _DOCUMENT_MEMBERS


def only_denies(document: Any) -> bool:
    """Return whether a policy document can be read, and has nothing but denies."""
    read = as_mapping(document)
    listed = as_list(read["Statement"]) if is_whole(read) else []
    return bool(listed) and all(
        is_readable(statement) and statement["Effect"] == "Deny" for statement in listed
    )


def is_readable(statement: Any) -> bool:
    """Return whether a statement can be read.

    Functions in a condition or a resource can only narrow the statement, so they do not matter.
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
