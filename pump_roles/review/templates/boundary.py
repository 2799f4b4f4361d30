"""Permissions boundaries, and other managed policies, by their ARNs."""

import re
from typing import Any, Final

from pump_roles.iam.canonical import without_partition
from pump_roles.iam.documents import is_absent, strings
from pump_roles.iam.values import known, unreadable
from pump_roles.review.templates.attachments import Attachments
from pump_roles.review.templates.evaluate import certain
from pump_roles.review.templates.filled import certain_text, filled, filled_text
from pump_roles.review.templates.template import Template
from pump_roles.role import Boundary

_THIS_ACCOUNT: Final = "${AWS::AccountId}"


def boundary(value: Any, template: Template, attachments: Attachments) -> Boundary | None:
    """Return a permissions boundary."""
    if is_absent(value):
        return None
    found = certain(value, template)
    policy = None if found is None else attachments.managed(found, template)
    if policy is not None and (at := _path_of(policy.template, policy.logical_id)):
        document = policy.template.properties(policy.logical_id).get("PolicyDocument")
        return Boundary(arn=known(_arn(at)), document=filled(document, policy.template))
    if policy is not None and policy.template is template:
        return Boundary(arn=unreadable(managed_policy_arn(template, policy.logical_id)))
    arn = filled_text(value, template) or ""
    if not arn:
        return Boundary(arn=unreadable(", ".join(strings(value))))
    if template.account:
        arn = arn.replace(f":{template.account}:", f":{_THIS_ACCOUNT}:")
    return Boundary(arn=known(arn))


def managed_policy_arn(template: Template, logical_id: str) -> str:
    """Return the ARN of a managed policy. If its name is generated, that is a placeholder."""
    return _arn(_path_of(template, logical_id) or f"/${{{logical_id}}}")


def _arn(path: str) -> str:
    return f"arn:${{AWS::Partition}}:iam::${{AWS::AccountId}}:policy{path}"


def _path_of(template: Template, logical_id: str) -> str | None:
    properties = template.properties(logical_id)
    name = filled_text(properties.get("ManagedPolicyName"), template)
    path = filled_text(properties.get("Path", "/"), template)
    return f"{path}{name}" if name and path else None


def is_same_policy(value: Any, other: Any, template: Template) -> bool:
    """Return whether two permissions boundaries name the same policy, however they are written.

    If it is not certain which policy one of them names, both must be written alike.
    """
    if is_absent(value):
        return False
    named = _policy(value, template)
    return value == other or (named is not None and named == _policy(other, template))


def _policy(value: Any, template: Template) -> str | None:
    text = certain_text(value, template)
    # A role can only have a policy of its own account, or one of AWS. So if the account is not
    # known, a literal one must be it.
    own = re.compile(f"::(?:{template.account or '[0-9]{12}'}):")
    return None if text is None else own.sub(f"::{_THIS_ACCOUNT}:", without_partition(text))
