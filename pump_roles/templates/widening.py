"""Checks that templates contain what was built, and nothing that widens it.

What cannot be read is a finding only in a role itself and in its stack: an app must not fail just
because some other template cannot be read.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from pump_roles.iam.trust import accepts_only, external_ids_of, principals_of
from pump_roles.iam.values import as_mapping, as_text, ref
from pump_roles.templates.attachments import Attachments, may_be_one_account
from pump_roles.templates.boundary import is_same_policy
from pump_roles.templates.files import File, rendered
from pump_roles.templates.flatten import flatten
from pump_roles.templates.roles import names_of
from pump_roles.templates.template import Template
from pump_roles.validators import EXTERNAL_ID, PRINCIPAL

__all__ = ["Built", "Widening", "widenings"]

_ROLE: Final = "AWS::IAM::Role"
_STACK_SET: Final = "AWS::CloudFormation::StackSet"
_HOUR: Final = 3_600

_HARMLESS_MEMBERS: Final = {
    "Type",
    "Properties",
    "Condition",
    "CreationPolicy",
    "DeletionPolicy",
    "DependsOn",
    "Metadata",
    "UpdatePolicy",
    "UpdateReplacePolicy",
}
_COMPARED: Final = {
    "AssumeRolePolicyDocument": "a different trust policy",
    "Policies": "different inline policies",
    "RoleName": "a different name",
    "Path": "a different path",
}
_HARMLESS_PROPERTIES: Final = {"Description", "Tags"}


@dataclass(frozen=True)
class Built:
    """A role, or a StackSet with one, as it was built.

    :param name: an object whose string is its name in messages.
    :param file: the template that it is rendered to.
    :param logical_id: its logical ID there.
    :param properties: its properties as built; null for a property that it was built without.
    """

    name: object
    file: Path
    logical_id: str
    properties: Mapping[str, Any]

    @property
    def is_role(self) -> bool:
        """Whether it is a role."""
        return "AssumeRolePolicyDocument" in self.properties


@dataclass(frozen=True)
class Widening:
    """What widens something that was built.

    :param problem: what is wrong, in words.
    :param file: the template that contains it.
    :param logical_id: the resource at fault.
    :param properties: the properties at fault.
    :param is_unknown_target: whether it is a policy that only might attach to the role, because
        its target is known only at deployment.
    """

    problem: str
    file: Path
    logical_id: str
    properties: tuple[str, ...] = field(default=())
    is_unknown_target: bool = False


def widenings(built: Sequence[Built], paths: Iterable[Path]) -> Iterator[Widening]:
    """Yield everything that widens what was built.

    :param built: the roles and StackSets, as they were built.
    :param paths: the templates that the app has rendered.
    :raises InputError: when a template cannot be read.
    """
    templates, _ = flatten(rendered(paths))
    read = {template.file.resolve() for template in templates}
    # Also read nested stacks whose parents refer to them in a way that is not followed.
    not_followed = {original.file for original in built if original.file.resolve() not in read}
    templates += flatten(File(file, "") for file in sorted(not_followed) if file.is_file())[0]
    placed: dict[tuple[Path, str], list[Template]] = {}
    for template in templates:
        # A StackSet's member template is in the same file, but has its own logical IDs.
        if not template.is_member:
            file = template.file.resolve()
            for logical_id in template.resources:
                placed.setdefault((file, logical_id), []).append(template)
    roles: dict[tuple[Template, str], Built] = {}
    for original in built:
        found = placed.get((original.file.resolve(), original.logical_id), [])
        if not found:
            problem = f"{original.name} is missing from its template: it was removed or replaced"
            yield Widening(problem, original.file, original.logical_id)
        for template in found:
            changes = _role_changes if original.is_role else _stack_set_changes
            for change, properties in changes(template, original):
                problem = f"{original.name} has {change}"
                yield _widening(problem, template, original.logical_id, *properties)
            roles |= _roles_of(template, original)
    yield from _attached(roles, Attachments(templates))
    yield from _namesakes(roles, templates)


def _roles_of(template: Template, built: Built) -> dict[tuple[Template, str], Built]:
    # For a StackSet, these are the roles that it deploys.
    if built.is_role:
        return {(template, built.logical_id): built}
    member = template.nested.get(built.logical_id)
    if member is None:
        return {}
    return {
        (member, logical_id): replace(
            built, logical_id=logical_id, properties=member.properties(logical_id)
        )
        for logical_id in member.resources
        if member.type_of(logical_id) == _ROLE
    }


def _widening(problem: str, template: Template, logical_id: str, *properties: str) -> Widening:
    while template.is_member and template.parent is not None:
        template, logical_id, properties = template.parent, template.deployed_by, ("TemplateBody",)
    return Widening(problem, template.file, logical_id, properties)


def _role_changes(template: Template, built: Built) -> Iterator[tuple[str, tuple[str, ...]]]:
    yield from _other_resource(template, built, _ROLE)
    found = template.properties(built.logical_id)
    for name, change in _COMPARED.items():
        if found.get(name) != built.properties[name]:
            yield change, (name,)
    boundary = built.properties["PermissionsBoundary"]
    if boundary is not None and not is_same_policy(
        found.get("PermissionsBoundary"), boundary, template
    ):
        yield "lost its permissions boundary, or has a different one", ("PermissionsBoundary",)
    if found.get("ManagedPolicyArns"):
        yield "a managed policy attached", ("ManagedPolicyArns",)
    if found.get("MaxSessionDuration", _HOUR) != _HOUR:
        yield "a different session duration", ("MaxSessionDuration",)
    known = {*built.properties, *_HARMLESS_PROPERTIES, "ManagedPolicyArns", "MaxSessionDuration"}
    for name in sorted(found.keys() - known):
        yield f"the property {name}, which cannot be read", (name,)
    trust_policy = as_mapping(built.properties["AssumeRolePolicyDocument"])
    for validator, values in (
        (PRINCIPAL, principals_of(trust_policy)),
        (EXTERNAL_ID, external_ids_of(trust_policy)),
    ):
        for value in values:
            if not accepts_only(validator, value, template.declared):
                name = ref(value) or as_text(value)
                yield (
                    f"the parameter {name}, which now accepts more than {validator.description}",
                    ("AssumeRolePolicyDocument",),
                )


def _stack_set_changes(template: Template, built: Built) -> Iterator[tuple[str, tuple[str, ...]]]:
    yield from _other_resource(template, built, _STACK_SET)
    found = template.properties(built.logical_id)
    rest = {name: value for name, value in found.items() if name != "TemplateBody"}
    if found.get("TemplateBody") != built.properties["TemplateBody"] or "TemplateURL" in found:
        yield "a different member template", ("TemplateBody",)
    if found.get("Parameters") != built.properties["Parameters"]:
        yield "different parameters", ("Parameters",)
    if '"ParameterOverrides"' in as_text(found.get("StackInstancesGroup")):
        yield "different parameters for some of its stack instances", ("StackInstancesGroup",)
    if '"Fn::Transform"' in as_text(rest):
        yield "a transform, which cannot be read", ()


def _other_resource(
    template: Template, built: Built, expected: str
) -> Iterator[tuple[str, tuple[str, ...]]]:
    resource = template.resources[built.logical_id]
    if resource.get("Type") != expected:
        yield "a different resource type", ()
    for member in sorted(resource.keys() - _HARMLESS_MEMBERS):
        yield f"the member {member}, which cannot be read", ()


def _attached(
    roles: Mapping[tuple[Template, str], Built], attachments: Attachments
) -> Iterator[Widening]:
    unknown = attachments.unknown
    for (template, logical_id), built in roles.items():
        names = {*names_of(template, logical_id), as_text(built.properties.get("RoleName"))}
        reaching = attachments.reaching(template, logical_id, names)
        for attachment in reaching:
            yield _widening(
                f"{attachment.logical_id} attaches to {built.name}",
                attachment.template,
                attachment.logical_id,
            )
        for attachment in unknown:
            if attachment.template.root is template.root and attachment not in reaching:
                found = _widening(
                    f"{attachment.logical_id} may attach to {built.name}: its target cannot be "
                    "determined from the templates",
                    attachment.template,
                    attachment.logical_id,
                )
                yield replace(found, is_unknown_target=attachment.is_of_deployment)


def _namesakes(
    roles: Mapping[tuple[Template, str], Built], templates: Iterable[Template]
) -> Iterator[Widening]:
    by_name: dict[str, list[tuple[Template, Built]]] = {}
    for (template, _), built in roles.items():
        if template.is_member:
            continue
        name = as_text(built.properties["RoleName"]).casefold()
        by_name.setdefault(name, []).append((template, built))
    for template in templates:
        if template.is_member:
            continue
        for logical_id in template.resources:
            if template.type_of(logical_id) != _ROLE or (template, logical_id) in roles:
                continue
            for name in names_of(template, logical_id):
                for other, built in by_name.get(name.casefold(), ()):
                    if may_be_one_account(template, other):
                        yield _widening(
                            f"{logical_id} has the same name as {built.name} and could replace it",
                            template,
                            logical_id,
                            "RoleName",
                        )
