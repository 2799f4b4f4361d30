"""The resources that attach to roles, such as managed policies, by what they attach to."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from pump_roles.iam.values import as_text
from pump_roles.templates.evaluate import evaluate
from pump_roles.templates.template import Reference, Template, Text

__all__ = ["ATTACHES", "Attachment", "Attachments", "may_be_one_account"]

ATTACHES: Final[Mapping[str, str]] = {
    "AWS::IAM::Policy": "Roles",
    "AWS::IAM::ManagedPolicy": "Roles",
    "AWS::IAM::RolePolicy": "RoleName",
    "AWS::IAM::InstanceProfile": "Roles",
}
"""The resource types that attach to roles, and the property that names the roles."""

_PSEUDO: Final = "${aws::"


@dataclass(frozen=True, eq=False)
class Attachment:
    """A resource that attaches to roles.

    :param template: its template.
    :param logical_id: its logical ID.
    :param targets: what it attaches to.
    :param is_transformed: whether a function such as ``Fn::Transform`` can add a target.
    """

    template: Template
    logical_id: str
    targets: tuple[Text, ...]
    is_transformed: bool

    @property
    def known(self) -> bool:
        """Whether the targets are complete."""
        return not self.is_transformed and all(text.known for text in self.targets)

    @property
    def resource(self) -> Mapping[str, Any]:
        """The resource."""
        return self.template.resources[self.logical_id]

    @property
    def is_instance_profile(self) -> bool:
        """Whether it is an instance profile, which gives the role to EC2, and not a policy."""
        return self.resource.get("Type") == "AWS::IAM::InstanceProfile"

    @property
    def is_unknown(self) -> bool:
        """Whether it is a policy that may attach to any role, as far as the templates show."""
        return not self.known and not self.is_instance_profile

    @property
    def is_of_deployment(self) -> bool:
        """Whether only the deployment knows what it attaches to, apart from what is known."""
        return not self.is_transformed and all(
            text.known or text.is_of_deployment for text in self.targets
        )


class Attachments:
    """Every resource that attaches to roles, by what it attaches to.

    :param templates: the templates that contain them.
    """

    def __init__(self, templates: Iterable[Template]) -> None:
        self._at: dict[Reference, Attachment] = {}
        self._by_reference: dict[Reference, list[Attachment]] = {}
        self._by_name: dict[str, list[Attachment]] = {}
        for template in templates:
            for attachment in _attachments(template):
                self._at[template, attachment.logical_id] = attachment
                for text in attachment.targets:
                    for reference in text.references:
                        self._by_reference.setdefault(reference, []).append(attachment)
                    self._by_name.setdefault(text.text.casefold(), []).append(attachment)
        self._open = [name for name in self._by_name if _PSEUDO in name]
        self.unknown = [attachment for attachment in self._at.values() if attachment.is_unknown]
        """The policies that may attach to any role, as far as the templates show."""

    def at(self, template: Template, logical_id: str) -> Attachment | None:
        """Return a resource as an attachment; ``None`` if it is not one."""
        return self._at.get((template, logical_id))

    def reaching(
        self, template: Template, logical_id: str, names: Iterable[str]
    ) -> list[Attachment]:
        """Return what attaches to a role, without duplicates.

        :param template: the role's template.
        :param logical_id: the role's logical ID.
        :param names: the names that the role can have.
        """
        found = list(self._by_reference.get((template, logical_id), ()))
        for name in names:
            for target in self._targets(name.casefold()):
                found += [
                    attachment
                    for attachment in self._by_name[target]
                    if may_be_one_account(attachment.template, template)
                ]
        return list(dict.fromkeys(found))

    def _targets(self, name: str) -> Iterator[str]:
        # A name can contain what is known only at deployment, such as the Region.
        if name in self._by_name:
            yield name
        for target in self._by_name if _PSEUDO in name else self._open:
            if target != name and (_matches(name, target) or _matches(target, name)):
                yield target


def may_be_one_account(template: Template, other: Template) -> bool:
    """Return whether two templates may be deployed to the same account."""
    return not template.account or not other.account or template.account == other.account


def _matches(pattern: str, name: str) -> bool:
    parts = re.split(r"\$\{aws::[^}]*\}", pattern)
    return re.fullmatch(".*".join(map(re.escape, parts)), name, re.DOTALL) is not None


def _attachments(template: Template) -> Iterator[Attachment]:
    for logical_id, resource in template.resources.items():
        kind = resource.get("Type")
        if not isinstance(kind, str) or kind not in ATTACHES:
            continue
        properties = template.properties(logical_id)
        targets = evaluate(properties.get(ATTACHES[kind]), template)
        is_transformed = any(name.startswith("Fn::") for name in properties)
        yield Attachment(template, logical_id, targets, is_transformed)


def name_of(attachment: Attachment) -> str:
    """Return a policy's name; its logical ID if it has no name or, if managed, no literal name."""
    properties = attachment.template.properties(attachment.logical_id)
    if attachment.resource.get("Type") == "AWS::IAM::ManagedPolicy":
        # It does not replace an inline policy of the same name.
        name = properties.get("ManagedPolicyName")
        return name if isinstance(name, str) and name else attachment.logical_id
    return as_text(properties.get("PolicyName") or attachment.logical_id)
