"""A permissions boundary by its name."""

import re
from typing import Any, Final

from pump_roles.templates.evaluate import only_text
from pump_roles.templates.template import Template, Text
from pump_roles.templates.values import ref, strings

__all__ = ["boundary"]

_THIS_ACCOUNT: Final = "${AWS::AccountId}"

_ARN: Final = re.compile(
    r"arn:(?:aws[a-z-]*|\$\{AWS::Partition\}):iam::(\$\{AWS::AccountId\}|[a-z0-9]*)"
    r":policy/([A-Za-z0-9_+=,.@/-]+)"
)
"""Only the characters of a policy's name: others could make one policy look like another."""


def boundary(value: Any, template: Template) -> str:
    """Return a permissions boundary as text; empty if there is none.

    That is the name of a policy of the account that the template is deployed to, or of one that AWS
    manages; the logical ID of one in the template; any other ARN; or the value as it is.

    :param value: a role's permissions boundary, as in a template.
    :param template: that template.
    """
    if value is None or ref(value) == "AWS::NoValue":
        return ""
    if template.type_of(ref(value)) == "AWS::IAM::ManagedPolicy":
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


def _is_of(text: Text, template: Template) -> bool:
    # A resource's placeholder can stand for a part of its name or ARN.
    if any(of.type_of(name) is not None for of, name in text.references):
        return False
    # What a StackSet passes on names the StackSet's account, not the one that it deploys to.
    passed = any(name in of.arguments for of, name in text.references)
    return not (passed and template.stack_set and _THIS_ACCOUNT in text.text)
