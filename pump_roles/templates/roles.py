"""Pump's roles in templates, with the policies that are attached to them."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from pump_roles.published import ROLES
from pump_roles.templates.attachments import Attachment, Attachments, name_of
from pump_roles.templates.deployment import changed_at_deployment
from pump_roles.templates.evaluate import evaluate
from pump_roles.templates.masking import Mask
from pump_roles.templates.model import Role
from pump_roles.templates.template import Template
from pump_roles.templates.trust import assumption
from pump_roles.templates.values import as_list, as_mapping, as_text, ref, strings

__all__ = ["PumpRole", "pump_roles", "resolved_trust_policy"]

_ROLE_MEMBERS: Final = {
    "Type",
    "Properties",
    "Metadata",
    "DependsOn",
    "DeletionPolicy",
    "UpdateReplacePolicy",
    "Condition",
}
_ROLE_PROPERTIES: Final = {
    "RoleName",
    "Description",
    "Path",
    "Tags",
    "PermissionsBoundary",
    "AssumeRolePolicyDocument",
    "Policies",
    "ManagedPolicyArns",
    "MaxSessionDuration",
}
_HOUR: Final = 3_600

_Policies = list[tuple[str, Mapping[str, Any]]]


@dataclass(frozen=True, kw_only=True)
class PumpRole:
    """One of Pump's roles, and where it is.

    :param template: its template.
    :param logical_id: its logical ID.
    :param names: the names that it can have.
    :param attachments: the policies in what was read that are attached to it.
    :param role: what it is.
    """

    template: Template
    logical_id: str
    names: tuple[str, ...]
    attachments: tuple[Attachment, ...]
    role: Role


def pump_roles(
    templates: Iterable[Template], attachments: Attachments, mask: Mask
) -> Iterator[PumpRole]:
    """Yield every role of Pump's in some templates.

    A role is Pump's if it has the name of one, or a policy with the name or the document of one.

    :param templates: the templates.
    :param attachments: what attaches to roles in them.
    :param mask: masks what must not be shown.
    """
    for template in templates:
        for logical_id in template.resources:
            if template.type_of(logical_id) == "AWS::IAM::Role":
                found = _Reader(template, logical_id, attachments, mask).read()
                if found is not None:
                    yield found


def names_of(template: Template, logical_id: str) -> tuple[str, ...]:
    """Return the names that a role can have, as far as its template says."""
    name = template.properties(logical_id).get("RoleName")
    return tuple(text.text for text in evaluate(name, template) if text.known)


def resolved_trust_policy(template: Template, logical_id: str) -> tuple[Any, Mapping[str, Any]]:
    """Return a role's trust policy as its stack gets it, and the parameters that it may refer to.

    What a parent gives for a parameter takes its place.
    """
    trust = template.properties(logical_id).get("AssumeRolePolicyDocument")
    arguments, parameters = _arguments(template)
    return _resolved(trust, arguments), parameters


def _arguments(template: Template) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    if template.parent is None:
        return {}, template.declared
    outer_arguments, outer = _arguments(template.parent)
    arguments = {
        name: _resolved(value, outer_arguments) for name, value in template.arguments.items()
    }
    # A parameter that is passed on is declared outside. Nothing is known about a name that is
    # declared in both, and not alike.
    passed = {ref(value) for value in arguments.values()} - {""}
    merged = {
        name: outer.get(name) if template.declared.get(name) in (None, outer.get(name)) else None
        for name in passed
    }
    return arguments, {**template.declared, **merged}


class _Reader:
    def __init__(
        self, template: Template, logical_id: str, attachments: Attachments, mask: Mask
    ) -> None:
        self._template = template
        self._logical_id = logical_id
        self._attachments = attachments
        self._mask = mask
        self._properties = template.properties(logical_id)

    def read(self) -> PumpRole | None:
        names = names_of(self._template, self._logical_id)
        inline, unreadable = self._inline()
        attached = [
            attachment for attachment in self._attached(names) if not attachment.is_instance_profile
        ]
        policies = inline + [
            (name_of(one), as_mapping(_document(one))) for one in attached if not _not_counted(one)
        ]
        kind = _kind(names, policies)
        if kind is None:
            return None
        trust_policy, parameters = resolved_trust_policy(self._template, self._logical_id)
        boundary = self._properties.get("PermissionsBoundary")
        if ref(boundary) == "AWS::NoValue":
            boundary = None
        role = Role(
            kind=kind,
            name=as_text(self._properties.get("RoleName", "")),
            trust=assumption(trust_policy, parameters),
            policies=tuple(policies),
            boundary="" if boundary is None else ", ".join(strings(boundary)),
            unreadable=(
                *changed_at_deployment(self._template, self._mask),
                *self._not_as_built(),
                *unreadable,
                *self._managed(),
                *self._not_counted(attached),
            ),
            source=self._template.file.name,
            sha256=self._template.sha256,
        )
        return PumpRole(
            template=self._template,
            logical_id=self._logical_id,
            names=names,
            attachments=tuple(attached),
            role=role,
        )

    def _inline(self) -> tuple[_Policies, list[str]]:
        policies: _Policies = []
        unreadable = []
        for policy in as_list(self._properties.get("Policies", [])):
            inline = as_mapping(policy)
            if inline.keys() == {"PolicyName", "PolicyDocument"} and isinstance(
                inline["PolicyDocument"], dict
            ):
                policies.append((as_text(inline["PolicyName"]), inline["PolicyDocument"]))
            else:
                unreadable.append(
                    f"it has a policy that cannot be read: {self._mask.short(policy)}"
                )
        return policies, unreadable

    def _attached(self, names: Iterable[str]) -> list[Attachment]:
        found = self._attachments.reaching(self._template, self._logical_id, names)
        managed = self._managed_policies()
        return found + [
            attachment
            for attachment in self._attachments.every
            if (attachment.template, attachment.logical_id) in managed and attachment not in found
        ]

    def _managed_policies(self) -> set[tuple[Template, str]]:
        return {
            (template, logical_id)
            for managed in as_list(self._properties.get("ManagedPolicyArns", []))
            for text in evaluate(managed, self._template)
            for template, logical_id in text.references
            if template.type_of(logical_id) == "AWS::IAM::ManagedPolicy"
        }

    def _managed(self) -> Iterator[str]:
        for managed in as_list(self._properties.get("ManagedPolicyArns", [])):
            texts = evaluate(managed, self._template)
            found = {
                template.type_of(logical_id)
                for text in texts
                for template, logical_id in text.references
            }
            if texts and (found != {"AWS::IAM::ManagedPolicy"} or len(texts) > 1):
                shown = self._mask.short(managed)
                yield f"the managed policy {shown} is attached to it, and is not counted"

    def _not_counted(self, attached: Sequence[Attachment]) -> Iterator[str]:
        for attachment in attached:
            if problem := _not_counted(attachment):
                yield f"{problem}, and is not counted"
        for attachment in self._attachments.unknown:
            if attachment.template.root is self._template.root and attachment not in attached:
                yield f"{attachment.logical_id} attaches to a role that cannot be read"

    def _not_as_built(self) -> Iterator[str]:
        resource = self._template.resources[self._logical_id]
        if "Condition" in resource:
            condition = self._mask.short(resource["Condition"])
            yield f"it is created only under the condition {condition}"
        duration = self._properties.get("MaxSessionDuration", _HOUR)
        if duration != _HOUR:
            seconds = self._mask.short(duration)
            yield f"its sessions may last {seconds} seconds, as published an hour"
        for member in sorted(resource.keys() - _ROLE_MEMBERS):
            yield f"its member {member} cannot be read"
        for name in sorted(self._properties.keys() - _ROLE_PROPERTIES):
            yield f"its property {name} cannot be read"


def _document(attachment: Attachment) -> Any:
    return attachment.template.properties(attachment.logical_id).get("PolicyDocument")


def _not_counted(attachment: Attachment) -> str:
    resource = attachment.resource
    if "Condition" in resource:
        condition = as_text(resource["Condition"])
        return f"{attachment.logical_id} attaches to it under the condition {condition}"
    if resource.keys() - _ROLE_MEMBERS or not all(text.known for text in attachment.targets):
        return f"{attachment.logical_id} attaches to it, cannot be read"
    return ""


def _kind(names: Iterable[str], policies: _Policies) -> str | None:
    called = {name.casefold() for name in names}
    for role in ROLES.values():
        if role.name.casefold() in called:
            return role.kind
    held = {
        policy.name
        for role in ROLES.values()
        for policy in role.policies
        for name, document in policies
        if name == policy.name or document == policy.document
    }
    # The smallest role that has all of them: the auto-pilot role has the read-only role's, too.
    for role in sorted(ROLES.values(), key=lambda role: len(role.policies)):
        if held and held <= {policy.name for policy in role.policies}:
            return role.kind
    return None


def _resolved(value: Any, parameters: Mapping[str, Any]) -> Any:
    if isinstance(value, list):
        return [_resolved(element, parameters) for element in value]
    if isinstance(value, dict):
        if ref(value) in parameters:
            return parameters[ref(value)]
        return {key: _resolved(element, parameters) for key, element in value.items()}
    return value
