"""Finds Pump's roles in templates, with the policies attached to them."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from pump_roles.iam.documents import is_policy_name
from pump_roles.iam.trust import assumption
from pump_roles.iam.values import as_list, as_mapping, as_text, ref
from pump_roles.published import ROLES
from pump_roles.templates.attachments import Attachment, Attachments, name_of
from pump_roles.templates.boundary import boundary
from pump_roles.templates.deployment import changed_at_deployment
from pump_roles.templates.evaluate import evaluate
from pump_roles.templates.masking import Mask
from pump_roles.templates.model import Role
from pump_roles.templates.template import Template

__all__ = ["HOUR", "PumpRole", "kind_of", "pump_roles", "resolved_trust_policy"]

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
HOUR: Final = 3_600
"""The maximum session duration, in seconds, of a role that does not set it."""

_Policies = list[tuple[str, Mapping[str, Any]]]


@dataclass(frozen=True, kw_only=True)
class PumpRole:
    """One of Pump's roles, and where it is.

    :param template: its template.
    :param logical_id: its logical ID.
    :param names: the names that it can have.
    :param attachments: the policies in what was read that are attached to it.
    :param uncounted: the policies that are, or may be, attached to it and are not counted.
    :param changeable: whether its template can change at deployment.
    :param role: the description of the role.
    """

    template: Template
    logical_id: str
    names: tuple[str, ...]
    attachments: tuple[Attachment, ...]
    uncounted: tuple[Attachment, ...]
    changeable: bool
    role: Role


def pump_roles(
    templates: Iterable[Template], attachments: Attachments, mask: Mask
) -> Iterator[PumpRole]:
    """Yield every one of Pump's roles in templates.

    A role is one of Pump's if it has the name of a published role, or a policy with the name or
    the document of a published policy.

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
    """Return the names that a role can have, as far as they are known."""
    name = template.properties(logical_id).get("RoleName")
    return tuple(text.text for text in evaluate(name, template) if text.known)


def resolved_trust_policy(template: Template, logical_id: str) -> tuple[Any, Mapping[str, Any]]:
    """Return a role's trust policy, and the parameters that it may refer to.

    The arguments of a parent template replace the parameters.
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
    # A parameter that the parent passes on is declared in the parent. If both templates declare the
    # name differently, nothing is known about it.
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
        changes = tuple(changed_at_deployment(self._template, self._mask))
        attached = self._attached(names)
        problems = {found: self._why_not_counted(found, names) for found in attached}
        counted = [found for found, problem in problems.items() if not problem]
        policies = inline + [(name_of(found), as_mapping(_document(found))) for found in counted]
        kind = kind_of(names, policies)
        if kind is None:
            return None
        trust_policy, parameters = resolved_trust_policy(self._template, self._logical_id)
        unknown = tuple(self._unknown(attached))
        role = Role(
            kind=kind,
            name=as_text(self._properties.get("RoleName", "")),
            trust=assumption(trust_policy, parameters),
            policies=tuple(policies),
            boundary=boundary(self._properties.get("PermissionsBoundary"), self._template),
            unreadable=(
                *changes,
                *self._not_as_built(),
                *unreadable,
                *self._unnamed(policies),
                *self._managed(),
                *self._not_counted(problems, unknown),
            ),
            source=self._template.file.name,
            sha256=self._template.sha256,
            files=tuple(self._files(counted)),
        )
        return PumpRole(
            template=self._template,
            logical_id=self._logical_id,
            names=names,
            attachments=tuple(counted),
            uncounted=(*(found for found in attached if problems[found]), *unknown),
            changeable=bool(changes),
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
        reaching = self._attachments.reaching(self._template, self._logical_id, names)
        managed = [self._managed_policy(arn) for arn in self._managed_arns()]
        every = dict.fromkeys([*reaching, *(found for found in managed if found is not None)])
        return [attachment for attachment in every if not attachment.is_instance_profile]

    def _managed_arns(self) -> list[Any]:
        return as_list(self._properties.get("ManagedPolicyArns", []))

    def _managed_policy(self, arn: Any) -> Attachment | None:
        # A policy of the templates, if the ARN is certainly the one of that policy.
        texts = evaluate(arn, self._template)
        if len(texts) != 1 or len(texts[0].references) != 1 or not texts[0].known:
            return None
        ((template, logical_id),) = texts[0].references
        if texts[0].text != f"${{{logical_id}}}":
            return None
        return self._attachments.at(template, logical_id)

    def _managed(self) -> Iterator[str]:
        for arn in self._managed_arns():
            if self._managed_policy(arn) is None and evaluate(arn, self._template):
                shown = self._mask.short(arn)
                yield f"the managed policy {shown} is attached to it, and is not counted"

    def _unnamed(self, policies: _Policies) -> Iterator[str]:
        for name, _ in policies:
            if not is_policy_name(name):
                yield f"the name of a policy cannot be read: {self._mask.short(name)}"

    def _files(self, counted: Iterable[Attachment]) -> Iterator[tuple[str, str]]:
        templates: list[Template] = []
        for template in (self._template, *(found.template for found in counted)):
            above: Template | None = template
            while above is not None:
                templates.append(above)
                above = above.parent
        files = {template.file: template.sha256 for template in templates}
        for file, digest in files.items():
            yield self._mask.masked(file.name), digest

    def _unknown(self, attached: Collection[Attachment]) -> Iterator[Attachment]:
        for attachment in self._attachments.unknown:
            if attachment.template.root is self._template.root and attachment not in attached:
                yield attachment

    def _not_counted(
        self, problems: Mapping[Attachment, str], unknown: Iterable[Attachment]
    ) -> Iterator[str]:
        for attachment, problem in problems.items():
            if problem:
                yield f"{attachment.logical_id} attaches to it {problem}, and is not counted"
        for attachment in unknown:
            yield f"{attachment.logical_id} attaches to a role that cannot be read"

    def _why_not_counted(self, attachment: Attachment, names: Iterable[str]) -> str:
        # A deny that may not be deployed must not count, so no such policy counts.
        if "Condition" in attachment.resource:
            return f"under the condition {self._mask.short(attachment.resource['Condition'])}"
        if attachment.resource.keys() - _ROLE_MEMBERS or not attachment.known:
            return "and cannot be read"
        exactly = {f"${{{self._logical_id}}}".casefold(), *(name.casefold() for name in names)}
        managed = [self._managed_policy(arn) for arn in self._managed_arns()]
        if attachment not in managed and not any(
            text.text.casefold() in exactly for text in attachment.targets
        ):
            return "and cannot be read"
        if not attachment.template.is_deployed_with(self._template):
            return f"from {attachment.template.file.name}, which may not be deployed with it"
        return ""

    def _not_as_built(self) -> Iterator[str]:
        resource = self._template.resources[self._logical_id]
        names = evaluate(self._properties.get("RoleName"), self._template)
        if not all(text.known for text in names):
            yield "its name cannot be read, so what attaches to it by name is not seen"
        if "Condition" in resource:
            condition = self._mask.short(resource["Condition"])
            yield f"it is created only under the condition {condition}"
        duration = self._properties.get("MaxSessionDuration", HOUR)
        if duration != HOUR:
            seconds = self._mask.short(duration)
            yield f"its sessions may last {seconds} seconds instead of {HOUR}"
        for member in sorted(resource.keys() - _ROLE_MEMBERS):
            yield f"its member {member} cannot be read"
        for name in sorted(self._properties.keys() - _ROLE_PROPERTIES):
            yield f"its property {name} cannot be read"


def _document(attachment: Attachment) -> Any:
    return attachment.template.properties(attachment.logical_id).get("PolicyDocument")


def kind_of(names: Iterable[str], policies: Sequence[tuple[str, Mapping[str, Any]]]) -> str | None:
    """Return the kind of one of Pump's roles; ``None`` for any other role.

    A role is one of Pump's if it has the name of a published role, or a policy with the name or
    the document of a published policy.

    :param names: the names that the role can have.
    :param policies: the names and documents of its policies.
    """
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
    # The smallest role that has all of them: the auto-pilot role also has the read-only role's.
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
