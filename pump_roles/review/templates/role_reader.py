"""Finds Pump's roles in templates, with the policies attached to them."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from pump_roles.iam.documents import Policy, as_list, as_mapping, as_text, is_policy_name
from pump_roles.iam.values import OPEN, Value, known, unreadable
from pump_roles.published import ROLES
from pump_roles.review.templates.attachments import Attachment, Attachments
from pump_roles.review.templates.boundary import boundary
from pump_roles.review.templates.deployment import changed_at_deployment
from pump_roles.review.templates.evaluate import certain
from pump_roles.review.templates.filled import certain_text, filled, filled_text, tags_of
from pump_roles.review.templates.symbols import Symbol, written
from pump_roles.review.templates.taking_away import policy_of, taken_away
from pump_roles.review.templates.targets import Naming, elements, target, targets
from pump_roles.review.templates.template import MEMBERS, Reference, Template
from pump_roles.review.templates.trust_reader import read_trust
from pump_roles.role import DENY_ALL, HOUR, Part, Role, Unknown, Why, denies_all
from pump_roles.validators import ROLE_NAME

ROLE_PROPERTIES: Final = {
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
"""A role's properties that are read, or have no effect."""


@dataclass(frozen=True, kw_only=True)
class PumpRole:
    """One of Pump's roles, and where it is. Policies that may be attached to it are uncounted."""

    template: Template
    logical_id: str
    attachments: tuple[Attachment, ...]
    uncounted: tuple[Attachment, ...]
    role: Role

    @property
    def resources(self) -> set[Reference]:
        """Its own resource, and those of the policies that count."""
        attached = {(found.template, found.logical_id) for found in self.attachments}
        return {(self.template, self.logical_id), *attached}

    @property
    def changes(self) -> list[Unknown]:
        """What can change its template at deployment."""
        return [unknown for unknown in self.role.unknown if unknown.part == "template"]


def pump_roles(templates: Iterable[Template], attachments: Attachments) -> Iterator[PumpRole]:
    """Yield every one of Pump's roles in templates."""
    for template in templates:
        for logical_id in template.resources:
            if template.type_of(logical_id) == "AWS::IAM::Role":
                found = _Reader(template, logical_id, attachments).read()
                if found is not None:
                    yield found


_NOT_READ: Final = Value("not-read", why="unreadable")


@dataclass(frozen=True)
class _Reader:
    template: Template
    logical_id: str
    attachments: Attachments
    unknown: list[Unknown] = field(default_factory=list)

    @property
    def _properties(self) -> Mapping[str, Any]:
        return self.template.properties(self.logical_id)

    def read(self) -> PumpRole | None:
        own = Symbol(self.logical_id, self.template)
        named = target(self.template, self.logical_id).names
        names = tuple(written(name) for name in named if own not in name)
        self._not_as_built()
        reasons = {found: self._uncounted(found, how) for found, how in self._attached().items()}
        counted = [found for found, why in reasons.items() if why is None]
        policies = [*self._inline(), *map(policy_of, counted)]
        unread = []
        for arn in self._managed_arns():
            if denies_all(certain_text(arn, self.template) or ""):
                policies.append(DENY_ALL)
            elif self._managed_policy(arn) is None and [*elements(arn, self.template)]:
                unread.append(as_text(arn) or '""')
        kind = kind_of(names, policies)
        if kind is None:
            return None
        # All of the template is read for these, so not for every role.
        self.unknown[:0] = changed_at_deployment(self.template)
        self.unknown.extend(
            Unknown(part="inline-policies", why="unreadable-name", subject=policy.name)
            for policy in policies
            if not is_policy_name(policy.name)
        )
        may_deny: list[Policy] = []
        uncounted: list[Attachment] = []
        inline = [policy.name for policy in policies if not policy.arn]
        for attachment in (found for found in reasons if found not in counted):
            denied = taken_away(attachment, self.attachments, inline)
            if denied is None:
                uncounted.append(attachment)
            elif denied not in (*policies, *may_deny):
                may_deny.append(denied)
        for arn in unread:
            self._add("managed-policies", "not-counted", arn)
        self.unknown.extend(filter(None, map(reasons.get, uncounted)))
        role = Role(
            kind=kind,
            name=self._name(),
            path=self._path(),
            trust=read_trust(self._properties.get("AssumeRolePolicyDocument"), self.template),
            policies=tuple(policies),
            may_deny=tuple(may_deny),
            boundary=boundary(
                self._properties.get("PermissionsBoundary"), self.template, self.attachments
            ),
            session=self._session(),
            tags=dict(self._tags()),
            unknown=tuple(self.unknown),
        )
        return PumpRole(
            template=self.template,
            logical_id=self.logical_id,
            attachments=tuple(counted),
            uncounted=tuple(uncounted),
            role=role,
        )

    def _add(self, part: Part, why: Why, subject: str = "", detail: str = "") -> None:
        self.unknown.append(Unknown(part=part, why=why, subject=subject, detail=detail))

    def _name(self) -> Value:
        value = self._properties.get("RoleName")
        name = filled_text(value, self.template)
        if ROLE_NAME.accepts(name):
            return known(name)
        # It is generated, or depends on the account.
        return _NOT_READ if targets(value, self.template).possible else OPEN

    def _path(self) -> Value:
        path = filled_text(self._properties.get("Path", "/"), self.template)
        return _NOT_READ if path is None else known(path or "/")

    def _session(self) -> int | Value:
        seconds = self._properties.get("MaxSessionDuration", HOUR)
        text = filled_text(seconds, self.template) or ""
        return int(text) if text.isdecimal() else unreadable(seconds)

    def _tags(self) -> Iterator[tuple[str, Value]]:
        for key, value in tags_of(self.logical_id, self.template):
            if key is None:
                self._add("tags", "unreadable")
            else:
                yield key, _NOT_READ if value is None else known(value)

    def _inline(self) -> Iterator[Policy]:
        for policy in as_list(self._properties.get("Policies", [])):
            inline = as_mapping(policy)
            if inline.keys() == {"PolicyName", "PolicyDocument"} and isinstance(
                inline["PolicyDocument"], dict
            ):
                name = filled_text(inline["PolicyName"], self.template)
                yield Policy(
                    name=as_text(inline["PolicyName"]) if name is None else name,
                    document=filled(inline["PolicyDocument"], self.template),
                )
            else:
                # Another policy may be any number of them.
                self._add("inline-policies", "unreadable", detail=as_text(policy))

    def _attached(self) -> dict[Attachment, Naming]:
        role = target(self.template, self.logical_id)
        found = self.attachments.naming(role, self.template)
        for arn in self._managed_arns():
            managed = self._managed_policy(arn)
            found |= {} if managed is None else {managed: "certain"}
        return {
            attachment: naming
            for attachment, naming in found.items()
            if not attachment.is_instance_profile
        }

    def _managed_arns(self) -> list[Any]:
        return as_list(self._properties.get("ManagedPolicyArns", []))

    def _managed_policy(self, arn: Any) -> Attachment | None:
        found = certain(arn, self.template)
        return None if found is None else self.attachments.managed(found, self.template)

    def _uncounted(self, attachment: Attachment, naming: Naming) -> Unknown | None:
        # Why a policy does not count. A deny that may not be deployed must not count, either.
        about = attachment.logical_id
        is_open = attachment.resource.keys() - MEMBERS or attachment.targets.possible
        is_inline = attachment.resource.get("Type") in ("AWS::IAM::Policy", "AWS::IAM::RolePolicy")
        part: Part = "inline-policies" if is_inline else "managed-policies"
        if naming == "deployment":
            return Unknown(part="managed-policies", why="attached-to-unknown", subject=about)
        if "Condition" in attachment.resource:
            condition = as_text(attachment.resource["Condition"])
            return Unknown(part=part, why="conditional", subject=about, detail=condition)
        if is_open or naming != "certain":
            return Unknown(part=part, why="unreadable", subject=about)
        if not attachment.template.is_deployed_with(self.template):
            file = attachment.template.file.name
            return Unknown(part=part, why="deployed-elsewhere", subject=about, detail=file)
        return None

    def _not_as_built(self) -> None:
        resource = self.template.resources[self.logical_id]
        if "Condition" in resource:
            self._add("role", "conditional", detail=as_text(resource["Condition"]))
        for member in sorted(resource.keys() - MEMBERS):
            self._add("role", "member", member)
        for name in sorted(self._properties.keys() - ROLE_PROPERTIES):
            self._add("role", "property", name)


def kind_of(names: Iterable[str], policies: Sequence[Policy]) -> str | None:
    """Return the kind of one of Pump's roles; ``None`` for any other role.

    A role is one of Pump's if it has the name of a published role, or a policy with the name or
    the document of a published policy.
    """
    called = {name.casefold() for name in names}
    for role in ROLES.values():
        if role.name.casefold() in called:
            return role.kind
    held = {
        published.name
        for role in ROLES.values()
        for published in role.policies
        for policy in policies
        if policy.name == published.name or policy.document == published.document
    }
    # The smallest role that has all of them: the auto-pilot role also has the read-only role's.
    for role in sorted(ROLES.values(), key=lambda role: len(role.policies)):
        if held and held <= {policy.name for policy in role.policies}:
            return role.kind
    return None
