"""Finds Pump's roles in templates: their policies, trust, boundary, session, and tags."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from pump_roles.guardrails import APPROVAL_END
from pump_roles.iam.identity_policies import (
    DENY_ALL,
    OPEN,
    Policy,
    Value,
    denies_all,
    known,
    literal,
    parse_policy,
    strings,
    unreadable,
)
from pump_roles.iam.trust import Trust, parse_trust
from pump_roles.inputs import as_list, as_mapping, as_text
from pump_roles.inputs.validators import PRINCIPAL, ROLE_NAME, Text
from pump_roles.role.iam_role import HOUR, Boundary, Role, kind_of
from pump_roles.role.unknowns import RolePart, RoleUnknown, RoleWhy
from pump_roles.templates.placeholders import (
    Reference,
    as_written,
    certain_text,
    filled,
    filled_text,
    is_nothing,
    plain,
    values_of,
)
from pump_roles.templates.reach import (
    INLINE_POLICIES,
    INSTANCE_PROFILE,
    Attachment,
    Attachments,
    Naming,
    accepts_only,
    managed_policy_arn,
    names_of,
    parsed,
    path_of,
)
from pump_roles.templates.resolve import Resolver, Resource
from pump_roles.templates.template import MEMBERS, ROLE, Opaque, Template, changed_at_deployment

ROLE_PROPERTIES: Final = {
    *("RoleName", "Description", "Path", "Tags", "PermissionsBoundary", "MaxSessionDuration"),
    *("AssumeRolePolicyDocument", "Policies", "ManagedPolicyArns"),
}
"""A role's properties that are read, or have no effect."""

_THIS_ACCOUNT: Final = "${AWS::AccountId}"
_NOT_READ: Final = Value("not-read", why="unreadable")


@dataclass(frozen=True, kw_only=True)
class TemplateRole:
    """One of Pump's roles, where it is, and what can change its template at deployment.

    Policies that may be attached to it are uncounted.
    """

    resource: Resource
    attachments: tuple[Attachment, ...]
    uncounted: tuple[Attachment, ...]
    changes: tuple[Opaque, ...]
    role: Role

    @property
    def references(self) -> set[Reference]:
        """Its own resource, and those of the policies that count."""
        attached = {found.resource.reference for found in self.attachments}
        return {self.resource.reference, *attached}


def pump_roles(resources: Iterable[Resource], attachments: Attachments) -> Iterator[TemplateRole]:
    """Yield every one of Pump's roles."""
    for resource in resources:
        if resource.type == ROLE:
            found = _TemplateRoleReader(resource, attachments).read()
            if found is not None:
                yield found


def approval_end_roles(resources: Iterable[Resource], attachments: Attachments) -> tuple[Role, ...]:
    """Return every role that ends approvals, once."""
    found = (
        # Its schedule is in one Region.
        _TemplateRoleReader(resource, attachments, regional=True).read(APPROVAL_END)
        for resource in resources
        if resource.type == ROLE and filled_text(resource["RoleName"]) == APPROVAL_END
    )
    roles: list[Role] = []
    for role in (each.role for each in found if each is not None):
        if role not in roles:
            roles.append(role)
    return tuple(roles)


@dataclass(frozen=True)
class _TemplateRoleReader:
    resource: Resource
    attachments: Attachments
    regional: bool = False
    unknown: list[RoleUnknown] = field(default_factory=list)

    def read(self, kind: str | None = None) -> TemplateRole | None:
        resource, template = self.resource, self.resource.template
        names = (plain(name) for name in names_of(resource).names if name != resource.placeholder)
        self._not_as_built()
        policies = [*self._inline()]
        reasons = {found: self._uncounted(found, how) for found, how in self._attached().items()}
        counted = [found for found, why in reasons.items() if why is None]
        policies += [found.policy for found in counted]
        unread = []
        for arn in self._managed_arns():
            if denies_all(certain_text(arn) or ""):
                policies.append(DENY_ALL)
            elif self._managed_policy(arn) is None and [*values_of(arn)]:
                unread.append(as_text(as_written(arn)) or '""')
        kind = kind or kind_of(names, policies)
        if kind is None:
            return None
        # All of the template is read for these, so not for every role.
        changes = [*changed_at_deployment(template)]
        self.unknown[:0] = [RoleUnknown(part="template", **vars(change)) for change in changes]
        self.unknown.extend(
            RoleUnknown(part="inline-policies", why="unreadable-name", subject=policy.name)
            for policy in policies
            if not policy.has_valid_name
        )
        may_deny: list[Policy] = []
        uncounted: list[Attachment] = []
        inline = [policy.name for policy in policies if not policy.arn]
        for attachment in (found for found, why in reasons.items() if why is not None):
            denied = self.attachments.taken_away(attachment, inline)
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
            trust=read_trust(
                resource["AssumeRolePolicyDocument"],
                resource.resolver,
                template,
                regional=self.regional,
            ),
            policies=tuple(policies),
            may_deny=tuple(may_deny),
            boundary=boundary(resource, self.attachments),
            session=self._session(),
            tags=dict(self._tags()),
            unknown=tuple(self.unknown),
        ).without_other_tags()
        return TemplateRole(
            resource=resource,
            attachments=tuple(counted),
            uncounted=tuple(uncounted),
            changes=tuple(changes),
            role=role,
        )

    def _add(self, part: RolePart, why: RoleWhy, subject: str = "", detail: str = "") -> None:
        self.unknown.append(RoleUnknown(part=part, why=why, subject=subject, detail=detail))

    def _name(self) -> Value:
        name = filled_text(self.resource["RoleName"])
        if ROLE_NAME.accepts(name):
            return known(name)
        # It is generated, or depends on the account.
        values = values_of(self.resource["RoleName"])
        return OPEN if all(value.certain is not None for value in values) else _NOT_READ

    def _path(self) -> Value:
        path = filled_text(self.resource.tree.get("Path", "/"))
        return _NOT_READ if path is None else known(path or "/")

    def _session(self) -> int | Value:
        seconds = self.resource.tree.get("MaxSessionDuration", HOUR)
        text = filled_text(seconds) or ""
        return int(text) if text.isdecimal() else unreadable(as_written(seconds))

    def _tags(self) -> Iterator[tuple[str, Value]]:
        for key, value in self.resource.tags:
            if key is None:
                self._add("tags", "unreadable")
            else:
                yield key, _NOT_READ if value is None else known(value)

    def _inline(self) -> Iterator[Policy]:
        for policy in as_list(self.resource.tree.get("Policies", [])):
            inline = as_mapping(policy)
            document = filled(inline.get("PolicyDocument"), regional=self.regional)
            if inline.keys() == {"PolicyName", "PolicyDocument"} and isinstance(document, dict):
                name = filled_text(inline["PolicyName"])
                yield parse_policy(
                    document,
                    name=as_text(as_written(inline["PolicyName"])) if name is None else name,
                )
            elif policy is None or not is_nothing(policy):
                # Another policy may be any number of them.
                self._add("inline-policies", "unreadable", detail=as_text(as_written(policy)))

    def _attached(self) -> dict[Attachment, Naming]:
        found = dict(self.attachments.near(names_of(self.resource), self.resource.template))
        for arn in self._managed_arns():
            managed = self._managed_policy(arn)
            found |= {} if managed is None else {managed: "certain"}
        return {
            attachment: naming
            for attachment, naming in found.items()
            if attachment.resource.type != INSTANCE_PROFILE
        }

    def _managed_arns(self) -> list[Any]:
        return as_list(self.resource.tree.get("ManagedPolicyArns", []))

    def _managed_policy(self, arn: Any) -> Attachment | None:
        return self.attachments.managed(arn, self.resource.template)

    def _uncounted(self, attachment: Attachment, naming: Naming) -> RoleUnknown | None:
        # Why a policy does not count. A deny that may not be deployed must not count, either.
        about, resource = attachment.resource.logical_id, attachment.resource
        is_open = resource.members.keys() - MEMBERS or attachment.is_unresolved
        part: RolePart = (
            "inline-policies" if resource.type in INLINE_POLICIES else "managed-policies"
        )
        if naming == "deployment":
            return RoleUnknown(part="managed-policies", why="attached-to-unknown", subject=about)
        if "Condition" in resource.members:
            condition = as_text(resource.members["Condition"])
            return RoleUnknown(part=part, why="conditional", subject=about, detail=condition)
        if is_open or naming != "certain":
            return RoleUnknown(part=part, why="unreadable", subject=about)
        if not resource.template.is_deployed_with(self.resource.template):
            file = resource.template.file.name
            return RoleUnknown(part=part, why="deployed-elsewhere", subject=about, detail=file)
        return None

    def _not_as_built(self) -> None:
        members = self.resource.members
        if "Condition" in members:
            self._add("role", "conditional", detail=as_text(members["Condition"]))
        for member in sorted(members.keys() - MEMBERS):
            self._add("role", "member", member)
        for name in sorted(self.resource.properties.keys() - ROLE_PROPERTIES):
            self._add("role", "property", name)


def boundary(role: Resource, attachments: Attachments) -> Boundary | None:
    """Return the permissions boundary of a role."""
    value, template = role["PermissionsBoundary"], role.template
    if is_nothing(value):
        return None
    policy = attachments.managed(value, template)
    if policy is not None and path_of(policy.resource):
        return Boundary(arn=known(managed_policy_arn(policy.resource)), policy=policy.policy)
    if policy is not None and policy.resource.template is template:
        return Boundary(arn=unreadable(managed_policy_arn(policy.resource)))
    arn = filled_text(value) or ""
    if not arn:
        return Boundary(arn=unreadable(", ".join(strings(as_written(value)))))
    if template.account:
        arn = arn.replace(f":{template.account}:", f":{_THIS_ACCOUNT}:")
    return Boundary(arn=known(arn))


# Trust policies


def read_trust(
    document: Any, resolver: Resolver, template: Template, *, regional: bool = False
) -> Trust:
    """Return a trust policy, with what is certain, and what is provided at deployment."""

    def value_of(value: Any, validator: Text) -> Value:
        if not isinstance(value, dict):
            return literal(value)
        found = resolver.resolve(value, template)
        name, declared = resolver.declared(found) or ("", {})
        if not accepts_only(validator, declared):
            return unreadable(value)
        default = "" if found.why == "overridden" else declared.get("Default", "")
        return Value("open", name, default=default if validator is PRINCIPAL else "")

    return parse_trust(filled(parsed(document), regional=regional), value_of)
