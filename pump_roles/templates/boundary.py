"""Permissions boundaries by their names."""

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
    # The placeholder of a resource can be only a part of a name or ARN.
    if any(of.type_of(name) is not None for of, name in text.references):
        return False
    # The account in a StackSet's arguments is that of the StackSet, not the one it deploys to.
    passed = any(name in of.arguments for of, name in text.references)
    return not (passed and template.stack_set and _THIS_ACCOUNT in text.text)
