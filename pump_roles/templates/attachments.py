"""The policies that attach to roles by themselves, found by what they attach to."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from pump_roles.templates.evaluate import evaluate
from pump_roles.templates.template import Reference, Template, Text
from pump_roles.templates.values import as_text

__all__ = ["ATTACHES", "Attachment", "Attachments", "may_be_one_account"]

ATTACHES: Final[Mapping[str, str]] = {
    "AWS::IAM::Policy": "Roles",
    "AWS::IAM::ManagedPolicy": "Roles",
    "AWS::IAM::RolePolicy": "RoleName",
    "AWS::IAM::InstanceProfile": "Roles",
}
"""The resources that attach to roles, and the property that names these."""


@dataclass(frozen=True, eq=False)
class Attachment:
    """A resource that attaches to roles.

    :param template: its template.
    :param logical_id: its logical ID.
    :param targets: what it attaches to.
    :param known: whether these are all.
    """

    template: Template
    logical_id: str
    targets: tuple[Text, ...]
    known: bool

    @property
    def resource(self) -> Mapping[str, Any]:
        """The resource."""
        return self.template.resources[self.logical_id]

    @property
    def is_instance_profile(self) -> bool:
        """Whether it hands the role to EC2, rather than a policy to the role."""
        return self.resource.get("Type") == "AWS::IAM::InstanceProfile"


@dataclass
class Attachments:
    """Every resource that attaches to roles, by what it attaches to.

    :param every: the attachments.
    """

    every: list[Attachment]
    _by_reference: dict[Reference, list[Attachment]] = field(default_factory=dict)
    _by_name: dict[str, list[Attachment]] = field(default_factory=dict)

    @classmethod
    def of(cls, templates: Iterable[Template]) -> "Attachments":
        """Return the attachments in some templates."""
        found = cls([attachment for template in templates for attachment in _attachments(template)])
        for attachment in found.every:
            for text in attachment.targets:
                for reference in text.references:
                    found._by_reference.setdefault(reference, []).append(attachment)
                found._by_name.setdefault(text.text.casefold(), []).append(attachment)
        return found

    def reaching(
        self, template: Template, logical_id: str, names: Iterable[str]
    ) -> list[Attachment]:
        """Return what attaches to a role, each once.

        :param template: the role's template.
        :param logical_id: the role's logical ID.
        :param names: the names that the role can have.
        """
        found = list(self._by_reference.get((template, logical_id), ()))
        for name in names:
            found += [
                attachment
                for attachment in self._by_name.get(name.casefold(), ())
                if may_be_one_account(attachment.template, template)
            ]
        return list(dict.fromkeys(found))

    @property
    def unknown(self) -> list[Attachment]:
        """The policies that may attach to any role, as far as the templates say."""
        return [
            attachment
            for attachment in self.every
            if not attachment.known and not attachment.is_instance_profile
        ]


def may_be_one_account(one: Template, other: Template) -> bool:
    """Return whether two templates may be deployed to the same account."""
    return not one.account or not other.account or one.account == other.account


def _attachments(template: Template) -> Iterator[Attachment]:
    for logical_id, resource in template.resources.items():
        kind = resource.get("Type")
        if not isinstance(kind, str) or kind not in ATTACHES:
            continue
        properties = template.properties(logical_id)
        targets = evaluate(properties.get(ATTACHES[kind]), template)
        # Fn::Transform, for instance, can add a target.
        known = all(text.known for text in targets) and not any(
            name.startswith("Fn::") for name in properties
        )
        yield Attachment(template, logical_id, targets, known)


def name_of(attachment: Attachment) -> str:
    """Return a policy's name; its logical ID if it has none."""
    properties = attachment.template.properties(attachment.logical_id)
    name = properties.get("PolicyName") or properties.get("ManagedPolicyName")
    return as_text(name or attachment.logical_id)
