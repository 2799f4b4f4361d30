"""What can change a template, or what it deploys, at deployment."""

from collections.abc import Iterator, Sequence
from typing import Any, Final

from pump_roles.iam.documents import as_list, as_text, has_transform
from pump_roles.review.templates.template import Template
from pump_roles.role import Unknown, Why

_ADD_WHAT_IS_DESCRIBED: Final = {
    "AWS::CodeDeployBlueGreen",
    "AWS::LanguageExtensions",
    "AWS::SecretsManager-2020-07-23",
    "AWS::SecretsManager-2024-09-16",
    "AWS::Serverless-2016-10-31",
}
"""AWS's own transforms that only add what the template describes. They change no role or policy.

CloudFormation Template Reference, "Transform reference". If SAM would make a resource with the
logical ID of another one, the deployment fails.
"""

_DEPLOYS_MORE: Final = {
    "AWS::Serverless::Application",
    "AWS::ServiceCatalog::CloudFormationProvisionedProduct",
}
"""Resources that deploy templates from elsewhere. So do modules."""

_READ_SECTIONS: Final = {"Conditions", "Mappings", "Outputs", "Parameters", "Rules"}
_READ_TYPES: Final = (
    "AWS::Budgets::BudgetsAction",
    "AWS::CloudFormation::",
    "AWS::EKS::AccessEntry",
    "AWS::IAM::",
    "AWS::RolesAnywhere::",
    "AWS::SSM::Parameter",
    "AWS::SSO::",
    "Custom::",
)
"""The prefixes of the resource types that can reach one of Pump's roles themselves."""


def changed_at_deployment(template: Template) -> Iterator[Unknown]:
    """Yield what can change a template, or the one that deploys it, at deployment."""
    if template.parent is not None:
        yield from changed_at_deployment(template.parent)
        yield from _deploying(template.parent, template.deployed_by)
    yield from _added(template)
    if has_transform(template.content) and "Fn::Transform" not in template.content:
        yield _unknown("macro", template.file.name)


def hidden_at_deployment(template: Template) -> Sequence[Unknown]:
    """Return what can add resources of any kind to a template at deployment."""
    # All of the template is read for it.
    if template.hidden is None:
        template.hidden = tuple(_hidden(template))
    return template.hidden


def _hidden(template: Template) -> Iterator[Unknown]:
    yield from _added(template)
    for section in sorted(_READ_SECTIONS & template.changeable):
        yield _unknown("macro-in-section", section)
    for logical_id in template.resources:
        kind = as_text(template.type_of(logical_id))
        if kind.startswith(_READ_TYPES) and has_transform(template.properties(logical_id)):
            yield _unknown("macro-in-resource", logical_id)


def _added(template: Template) -> Iterator[Unknown]:
    for transform in as_list(template.content.get("Transform", [])):
        if as_text(transform) not in _ADD_WHAT_IS_DESCRIBED:
            yield _unknown("transform", transform)
    for logical_id, resource in template.resources.items():
        kind = as_text(template.type_of(logical_id))
        if logical_id.startswith("Fn::"):
            yield _unknown("resources-from-function", logical_id)
        elif any(member.startswith("Fn::") for member in resource):
            yield _unknown("resource-from-function", logical_id)
        elif kind in _DEPLOYS_MORE or kind.endswith("::MODULE"):
            yield _unknown("deploys-more", logical_id, kind)
    for member in template.content:
        if member.startswith("Fn::"):
            yield _unknown("function", member)


def _deploying(template: Template, logical_id: str) -> Iterator[Unknown]:
    resource = template.resources[logical_id]
    properties = template.properties(logical_id)
    if "Condition" in resource:
        yield _unknown("conditional", logical_id, resource["Condition"])
    for name in sorted(properties):
        if name.startswith("Fn::"):
            yield _unknown("property", name, logical_id)
    if '"ParameterOverrides"' in as_text(properties.get("StackInstancesGroup")):
        yield _unknown("parameter-overrides", logical_id)


def _unknown(why: Why, subject: Any, detail: Any = "") -> Unknown:
    return Unknown(part="template", why=why, subject=as_text(subject), detail=as_text(detail))
