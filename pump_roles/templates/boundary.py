"""Permissions boundaries by their names."""

import re
from typing import Any, Final

from pump_roles.iam.values import ref, strings
from pump_roles.templates.evaluate import only_text
from pump_roles.templates.template import Template, Text

__all__ = ["boundary", "is_same_policy"]

_THIS_ACCOUNT: Final = "${AWS::AccountId}"
_MANAGED_POLICY: Final = "AWS::IAM::ManagedPolicy"

_ARN: Final = re.compile(
    r"arn:(?:aws[a-z-]*|\$\{AWS::Partition\}):iam::(\$\{AWS::AccountId\}|[a-z0-9]*)"
    r":policy/([A-Za-z0-9_+=,.@/-]+)"
)
"""Accepts only the characters of a policy's name: others could disguise a policy as another one."""


def boundary(value: Any, template: Template) -> str:
    """Return a permissions boundary as text; empty if there is none.

    The text is the name of a policy in the account that the template is deployed to, or of an AWS
    managed policy; the logical ID of a policy in the template; any other ARN; or the value itself.

    :param value: a role's permissions boundary, as in a template.
    :param template: that template.
    """
    if value is None or ref(value) == "AWS::NoValue":
        return ""
    if template.type_of(ref(value)) == _MANAGED_POLICY:
        return f"{ref(value)} (in the same template)"
    text = only_text(value, template)
    if text is None or not _is_of(text, template):
        return ", ".join(strings(value))
    found = _ARN.fullmatch(text.text)
    if found is None:
        return text.text
    account, name = found.groups()
    if account == "aws":
        return f"{name} (AWS managed)"
    return name if account and account in (_THIS_ACCOUNT, template.account) else text.text


def is_same_policy(value: Any, other: Any, template: Template) -> bool:
    """Return whether two permissions boundaries name the same policy, however they are written.

    If it is not certain which policy one of them names, both must be written alike.

    :param value: a role's permissions boundary, as in a template.
    :param other: another one.
    :param template: that template.
    """
    if value is None or ref(value) == "AWS::NoValue":
        return False
    named = _policy(value, template)
    return value == other or (named is not None and named == _policy(other, template))


def _policy(value: Any, template: Template) -> tuple[str, str] | None:
    # The account, empty for that of the template, and the name; null if not certain.
    text = only_text(value, template)
    if text is None:
        return None
    for of, logical_id in text.references:
        if text.text == f"${{{logical_id}}}" and of.type_of(logical_id) == _MANAGED_POLICY:
            properties = of.properties(logical_id)
            name, path = properties.get("ManagedPolicyName"), properties.get("Path", "/")
            if of is template and isinstance(name, str) and isinstance(path, str):
                return "", f"{path[1:]}{name}"
            return None
    found = _ARN.fullmatch(text.text)
    if found is None or not found[1] or not _is_of(text, template):
        return None
    account, name = found.groups()
    # A role can only have a policy of its own account, or one of AWS. So if the account is not
    # known, a literal one must be it.
    own = account == _THIS_ACCOUNT or (account.isdecimal() and not template.account)
    return "" if own or account == template.account else account, name


def _is_of(text: Text, template: Template) -> bool:
    # The placeholder of a resource can be only a part of a name or ARN.
    if any(of.type_of(name) is not None for of, name in text.references):
        return False
    # The account in a StackSet's arguments is that of the StackSet, not the one it deploys to.
    passed = any(name in of.arguments for of, name in text.references)
    return not (passed and template.stack_set and _THIS_ACCOUNT in text.text)
