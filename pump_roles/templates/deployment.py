"""What can change a template, or what it deploys, at deployment."""

from collections.abc import Iterator
from typing import Final

from pump_roles.iam.values import as_list, as_text, has_transform
from pump_roles.templates.masking import Mask
from pump_roles.templates.template import Template

__all__ = ["changed_at_deployment", "hidden_at_deployment"]

_HIDE_NOTHING: Final = {
    "AWS::CodeDeployBlueGreen",
    "AWS::LanguageExtensions",
    "AWS::SecretsManager-2020-07-23",
    "AWS::SecretsManager-2024-09-16",
    "AWS::Serverless-2016-10-31",
}
"""AWS's own transforms that add only what the template describes."""

_DEPLOYS_MORE: Final = {
    "AWS::Serverless::Application",
    "AWS::ServiceCatalog::CloudFormationProvisionedProduct",
}
"""Resources that deploy templates from elsewhere. So do modules."""

_READ_SECTIONS: Final = {"Conditions", "Mappings", "Outputs", "Parameters", "Rules"}
_READ_TYPES: Final = (
    "AWS::CloudFormation::",
    "AWS::EKS::AccessEntry",
    "AWS::IAM::",
    "AWS::RolesAnywhere::",
    "AWS::SSM::Parameter",
    "AWS::SSO::",
    "Custom::",
)
"""The prefixes of the resource types that can reach one of Pump's roles themselves."""


def changed_at_deployment(template: Template, mask: Mask) -> Iterator[str]:
    """Yield what can change a template, or the one that deploys it, at deployment.

    :param template: the template.
    :param mask: masks what must not be shown.
    """
    if template.parent is not None:
        yield from changed_at_deployment(template.parent, mask)
        yield from _deploying(template.parent, template.deployed_by, mask)
    transforms = as_list(template.content.get("Transform", []))
    # This transform only adds functions to the language.
    if transforms and transforms != ["AWS::LanguageExtensions"]:
        names = mask.short(template.content["Transform"])
        yield f"the transform {names} can change the template when it is deployed"
    yield from _functions(template)
    if has_transform(template.content) and "Fn::Transform" not in template.content:
        yield f"a macro in {template.file.name}, Fn::Transform, can change it when it is deployed"


def hidden_at_deployment(template: Template, mask: Mask) -> Iterator[str]:
    """Yield what can add resources of any kind to a template at deployment.

    :param template: the template.
    :param mask: masks what must not be shown.
    """
    transforms = as_list(template.content.get("Transform", []))
    unknown = [name for name in transforms if as_text(name) not in _HIDE_NOTHING]
    if unknown:
        yield f"the transform {mask.short(unknown)} can change the template when it is deployed"
    yield from _functions(template)
    for section in sorted(_READ_SECTIONS & template.changeable):
        yield f"a macro, Fn::Transform, can change its {section} when it is deployed"
    for logical_id in template.resources:
        kind = as_text(template.type_of(logical_id))
        if kind.startswith(_READ_TYPES) and has_transform(template.properties(logical_id)):
            yield f"a macro, Fn::Transform, can change {logical_id} when it is deployed"


def _functions(template: Template) -> Iterator[str]:
    for logical_id, resource in template.resources.items():
        kind = as_text(template.type_of(logical_id))
        if logical_id.startswith("Fn::"):
            yield f"{logical_id} creates resources when the template is deployed"
        elif any(member.startswith("Fn::") for member in resource):
            yield f"{logical_id} can become any resource when the template is deployed"
        elif kind in _DEPLOYS_MORE or kind.endswith("::MODULE"):
            yield f"{logical_id}, of type {kind}, can contain any resource"
    for member in template.content:
        if member.startswith("Fn::"):
            yield f"{member} can change the template when it is deployed"


def _deploying(template: Template, logical_id: str, mask: Mask) -> Iterator[str]:
    resource = template.resources[logical_id]
    properties = template.properties(logical_id)
    if "Condition" in resource:
        condition = mask.short(resource["Condition"])
        yield f"{logical_id} is created only under the condition {condition}"
    for name in sorted(properties):
        if name.startswith("Fn::"):
            yield f"the property {name} of {logical_id} cannot be read"
    if '"ParameterOverrides"' in as_text(properties.get("StackInstancesGroup")):
        yield f"{logical_id} gives some of its stack instances other parameters"
