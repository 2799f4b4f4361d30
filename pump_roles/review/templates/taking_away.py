"""What certainly only takes away from the role that it attaches to."""

from collections.abc import Iterable, Mapping
from typing import Any

from pump_roles.iam.documents import Policy, as_list, as_mapping, as_text, is_policy_name
from pump_roles.review.templates.attachments import Attachment, Attachments
from pump_roles.review.templates.boundary import managed_policy_arn
from pump_roles.review.templates.deployment import hidden_at_deployment
from pump_roles.review.templates.evaluate import certain
from pump_roles.review.templates.filled import certain_text, filled
from pump_roles.review.templates.symbols import Symbol
from pump_roles.review.templates.template import MEMBERS, Template
from pump_roles.role import DENY_ALL, denies_all, only_takes_away


def policy_of(attachment: Attachment) -> Policy:
    """Return the policy that an attachment is."""
    template, logical_id = attachment.template, attachment.logical_id
    properties = template.properties(logical_id)
    managed = template.type_of(logical_id) == "AWS::IAM::ManagedPolicy"
    # The name of a managed policy, which does not replace an inline one, may be no literal.
    given = properties.get("ManagedPolicyName" if managed else "PolicyName")
    readable = given if isinstance(given, str) or not managed else ""
    return Policy(
        name=as_text(readable or logical_id),
        document=filled(as_mapping(properties.get("PolicyDocument")), template),
        arn=managed_policy_arn(template, logical_id) if managed else "",
    )


def inline_names(properties: Mapping[str, Any]) -> list[str]:
    """Return the names of a role's own inline policies."""
    policies = as_list(properties.get("Policies", []))
    return [as_text(as_mapping(policy).get("PolicyName")) for policy in policies]


def taken_away(
    attachment: Attachment, attachments: Attachments, inline: Iterable[str]
) -> Policy | None:
    """Return the policy with which an attachment only takes away; ``None`` if that is not certain.

    :param inline: the names of the role's inline policies. One of the same name would replace it.
    """
    template, logical_id = attachment.template, attachment.logical_id
    kind, properties = attachment.resource.get("Type"), template.properties(logical_id)
    found: Policy | None = None
    if kind == "AWS::Budgets::BudgetsAction":
        definition = as_mapping(as_mapping(properties.get("Definition")).get("IamActionDefinition"))
        if properties.get("ActionType") == "APPLY_IAM_POLICY":
            found = denying(definition.get("PolicyArn"), template, attachments)
    elif kind in ("AWS::IAM::ManagedPolicy", "AWS::IAM::Policy", "AWS::IAM::RolePolicy"):
        found = policy_of(attachment)
        if not found.arn:
            taken = {name.casefold() for name in inline}
            replaces = found.name.casefold() in taken or not is_policy_name(found.name)
            found = None if replaces else found
    if found is None or not only_takes_away(found):
        return None
    is_open = attachment.resource.keys() - MEMBERS or template.is_open(logical_id)
    hidden = any(map(hidden_at_deployment, template.chain))
    return None if is_open or hidden else found


def denying(arn: Any, template: Template, attachments: Attachments) -> Policy | None:
    """Return the managed policy with an ARN if it only denies; ``None`` if that is not certain."""
    if denies_all(certain_text(arn, template) or ""):
        return DENY_ALL
    named = certain(arn, template)
    managed = None if named is None else attachments.managed(named, template)
    if managed is None or "Condition" in managed.resource:
        return None
    # Another policy of its account can have its name, unless that is generated.
    own_name = Symbol(managed.logical_id, managed.template)
    is_generated = own_name in (named or ()) and own_name.is_fixed
    here = is_generated or managed.template.is_deployed_with(template)
    return taken_away(managed, attachments, ()) if here else None
