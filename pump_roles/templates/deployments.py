"""Where and how templates deploy Pump's roles, and the organization's policies."""

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, Literal, TypeVar, get_args

from pump_roles.iam.external_ids import (
    OPEN_ID,
    ExternalId,
    TextMask,
    texts_under_the_key,
    under_the_key,
)
from pump_roles.iam.identity_policies import Policy, parse_control_policy
from pump_roles.inputs import as_list, as_mapping, as_text
from pump_roles.inputs.text import InputError, decoded
from pump_roles.inputs.validators import (
    ACCOUNTS,
    ORGANIZATIONAL_UNITS,
    POLICY_TARGETS,
    REGIONS,
    ListOf,
)
from pump_roles.published import PUBLISHED_NAMES
from pump_roles.role.assembly import (
    AccountFilter,
    Assembly,
    CallAs,
    ControlType,
    DeployedRole,
    Deployment,
    OrganizationPolicy,
    OtherResource,
)
from pump_roles.role.iam_role import ROOT, Role
from pump_roles.role.unknowns import AssemblyUnknown, AssemblyWhy, OrganizationUnknown
from pump_roles.templates.filled_in import combined, filled_in, suspicious
from pump_roles.templates.placeholders import (
    PLACEHOLDER,
    Reference,
    as_written,
    certain_text,
    filled,
    filled_text,
    is_call,
    is_nothing,
)
from pump_roles.templates.resolve import Resolver, Resource
from pump_roles.templates.role_reader import TemplateRole
from pump_roles.templates.template import MEMBERS, Additions, Opaque, Template
from pump_roles.templates.template_files import File

_Word = TypeVar("_Word", bound=str)

_TARGETS: Final = {"OrganizationalUnitIds", "Accounts", "AccountFilterType", "AccountsUrl"}
_INSTANCES: Final = {"DeploymentTargets", "Regions", "ParameterOverrides"}
_AUTOMATIC: Final = {"Enabled", "RetainStacksOnAccountRemoval", "DependsOn"}

_SELF_MANAGED: Final = "SELF_MANAGED"
_MODELS: Final = {name: name for name in (_SELF_MANAGED, "SERVICE_MANAGED")}
ACCOUNT_FILTERS: Final[Mapping[str, AccountFilter]] = {
    "DIFFERENCE": "exclude",
    "INTERSECTION": "only",
}
"""What an account filter does, by its type: CloudFormation API Reference, "DeploymentTargets"."""

_FILTERS: Final[Mapping[str, Literal[AccountFilter, "UNION"]]] = {
    "NONE": "",
    "UNION": "UNION",
    **ACCOUNT_FILTERS,
}
_CALL_AS: Final[Mapping[str, CallAs]] = {"SELF": "management", "DELEGATED_ADMIN": "delegated-admin"}
"""What StackSets calls each caller: CloudFormation API Reference, "CreateStackSet", ``CallAs``."""

_ENABLED: Final = {"true": "yes", "True": "yes", "false": "", "False": ""}


def places(roles: Iterable[TemplateRole]) -> Iterator[Deployment]:
    """Yield where each of Pump's roles is deployed."""
    deployed: dict[tuple[str, Template, Resource | None], list[AssemblyUnknown]] = {}
    for role in roles:
        stack_set = stack_set_of(role.resource)
        template = role.resource.template.root if stack_set is None else stack_set.template
        problems = deployed.setdefault((role.role.kind, template, stack_set), [])
        problems += map(_changed, role.changes)
        if "Condition" in role.resource.members:
            condition = as_text(role.resource.members["Condition"])
            about = role.resource.logical_id
            problems.append(_changed(Opaque("conditional", about, condition)))
    order = list(PUBLISHED_NAMES)
    for kind, template, stack_set in sorted(deployed, key=lambda key: order.index(key[0])):
        for group in _groups(stack_set and stack_set["StackInstancesGroup"]):
            reader = _PlaceReader(deployed[kind, template, stack_set])
            members = reader.stack_set(stack_set, group) if stack_set else {}
            yield Deployment(
                kind=kind,
                source=template.root.file.name,
                account=template.account,
                region=template.region,
                unreadable=tuple(dict.fromkeys(reader.problems)),
                **members,
            )


def stack_set_of(resource: Resource) -> Resource | None:
    """Return the nearest StackSet that deploys a resource, if there is one."""
    member = resource.template.member
    if member is None or member.parent is None:
        return None
    return resource.resolver.resources[member.parent.key, member.deployed_by]


def _unknown(why: AssemblyWhy, subject: str = "", detail: str = "") -> AssemblyUnknown:
    return AssemblyUnknown(part="place", why=why, subject=subject, detail=detail)


def _changed(change: Opaque, source: str = "") -> AssemblyUnknown:
    return AssemblyUnknown(part="template", source=source, **vars(change))


def _groups(value: Any) -> list[Any]:
    groups = [group for group in as_list(value) if not is_nothing(group)]
    return groups or [None]


def _open_list(value: Any, template: Template) -> tuple[str, ...]:
    # The placeholder of a parameter that is all of a list; otherwise empty.
    written = as_mapping(as_written(value))
    name = written.get("Ref") if len(written) == 1 else None
    if not isinstance(name, str) or template.parent is not None or not template.is_list(name):
        return ()
    return () if "Default" in as_mapping(template.declared[name]) else (f"${{{name}}}",)


class _PlaceReader:
    # Reads one entry of a StackSet's groups, and collects why the result cannot be relied on.
    def __init__(self, problems: Iterable[AssemblyUnknown]) -> None:
        self.problems = list(problems)

    def stack_set(self, resource: Resource, group: Any) -> dict[str, Any]:
        if (outer := stack_set_of(resource)) is not None:
            self.problems.append(_unknown("outer-stack-set", outer.logical_id))
        self._text(resource["StackSetName"], "StackSetName")
        model = self._choice(_MODELS, resource.tree, "PermissionModel", "SERVICE_MANAGED")
        automatic = self._automatic(resource["AutoDeployment"])
        call_as = self._choice(_CALL_AS, resource.tree, "CallAs", "SELF")
        members = {
            # An empty name would mean a single stack.
            "stack_set": certain_text(resource["StackSetName"]) or f"${{{resource.logical_id}}}",
            "automatic": automatic and model != _SELF_MANAGED,
            "call_as": "" if model == _SELF_MANAGED else call_as,
        }
        if group is not None:
            members |= self._instances(
                group, resource.template, self_managed=model == _SELF_MANAGED
            )
        return members

    def _instances(self, group: Any, template: Template, *, self_managed: bool) -> dict[str, Any]:
        before = len(self.problems)
        instances = self._members(group, _INSTANCES, "StackInstancesGroup")
        targets = self._members(instances.get("DeploymentTargets"), _TARGETS, "DeploymentTargets")
        units = _open_list(targets.get("OrganizationalUnitIds"), template) or self._list(
            ORGANIZATIONAL_UNITS, targets, "OrganizationalUnitIds"
        )
        accounts = self._list(ACCOUNTS, targets, "Accounts", "${AWS::AccountId}")
        account_filter = self._choice(_FILTERS, targets, "AccountFilterType", "NONE")
        if not is_nothing(targets.get("AccountsUrl")):
            self._not_read(targets["AccountsUrl"], "AccountsUrl")
        # The valid combinations: CloudFormation Template Reference, "DeploymentTargets".
        complete = bool(accounts) == bool(account_filter) and bool(units)
        if self_managed:
            complete = bool(accounts) and not units and not account_filter
        if not complete and len(self.problems) == before:
            self.problems.append(_unknown("contradictory-targets"))
        return {
            "units": units,
            "accounts": accounts,
            "filter": account_filter,
            "regions": self._list(REGIONS, instances, "Regions", "${AWS::Region}"),
        }

    def _automatic(self, value: Any) -> bool:
        if is_nothing(value):
            return False
        enabled = self._members(value, _AUTOMATIC, "AutoDeployment").get("Enabled")
        named = {"AutoDeployment": enabled}
        return self._choice(_ENABLED, named, "AutoDeployment", "false") == "yes"

    def _members(self, value: Any, known: set[str], what: str) -> Mapping[str, Any]:
        # A macro is also a member, and so is a condition.
        written = as_mapping(as_written(value))
        self.problems += [_unknown("member", name, what) for name in sorted(written.keys() - known)]
        if not written:
            self._not_read(value, what)
        return as_mapping(value)

    def _choice(
        self, choices: Mapping[str, _Word], members: Mapping[str, Any], name: str, default: str
    ) -> _Word | Literal[""]:
        value = members.get(name)
        text = default if is_nothing(value) else self._text(value, name)
        if text and text not in choices:
            self._not_read(value, name)
        return choices.get(text, "")

    def _text(self, value: Any, what: str) -> str:
        text = None if value is None else certain_text(value)
        if text is None:
            self._not_read(value, what)
        return text or ""

    def _list(
        self,
        validator: ListOf,
        members: Mapping[str, Any],
        name: str,
        placeholder: str = "",
    ) -> tuple[str, ...]:
        value, found = members.get(name), []
        for element in as_list(value):
            if is_nothing(element):
                continue
            # A function can return a longer list than it has strings.
            text = certain_text(element) if isinstance(value, list) else None
            if text is not None and (validator.element.accepts(text) or text == placeholder):
                found.append(text)
            else:
                self._not_read(element, name)
        return tuple(found)

    def _not_read(self, value: Any, what: str) -> None:
        self.problems.append(_unknown("unreadable", what, as_text(as_written(value))))


# What is deployed


def assembly_of(
    path: Path,
    resolver: Resolver,
    roles: Sequence[TemplateRole],
    others: Mapping[Reference, OtherResource],
    *,
    additions: Additions,
    outside: Iterable[File],
) -> Assembly:
    """Return what templates deploy: Pump's roles, other resources, and what cannot be read."""
    hidden_ids = _external_ids(resolver)
    found_places = tuple(places(roles))
    # What can change a template with one of Pump's roles, or one that deploys it, is reported for
    # the role itself.
    reported = {above for role in roles for above in role.resource.template.chain}
    unread = [(each, name) for each in resolver.templates for name in each.unread]
    changing = {each: found for each, found in additions.items() if each not in reported and found}
    variants = tuple(_variants(path, roles, found_places, TextMask(hidden_ids)))
    suspects = [*(reference for reference, other in others.items() if other.suspect_access)]
    suspects += [(template.key, name) for template, name in unread]
    names = {*PUBLISHED_NAMES.values()}
    names |= {found.role.name.text for found in roles if found.role.name.is_known}
    return Assembly(
        roles=tuple(map(_together, variants)),
        others=tuple(others.values()),
        unreadable=(
            *(
                AssemblyUnknown(
                    part="template",
                    why="not-in-folder" if file.named else "not-read-in-folder",
                    source=file.path.name,
                )
                for file in outside
            ),
            *(
                AssemblyUnknown(
                    part="template", why="unread-template", subject=name, source=each.file.name
                )
                for each, name in unread
            ),
            *(
                _changed(change, template.file.name)
                for template, changes in changing.items()
                for change in changes
            ),
        ),
        resources=tuple(_listed(resolver, roles, others)),
        places=found_places,
        suspects_sha256=suspicious(resolver, roles, suspects, changing),
        variants=tuple(map(_different, variants)),
        external_ids=hidden_ids,
        policies=tuple(organization_policies(resolver.resources.values(), names)),
    )


def _external_ids(resolver: Resolver) -> frozenset[ExternalId]:
    # All that a value under the condition key could be.
    found: set[str] = set()
    for template in resolver.templates:
        for value in under_the_key(template.content):
            for each in resolver.inside(value, template):
                found |= {piece for word in each.words for piece in PLACEHOLDER.split(word)[::2]}
        # A report can also show the pattern of a Fn::Sub.
        found |= {text for text in texts_under_the_key(template.content) if "${" in text}
    # An external ID has at least two characters.
    return frozenset(ExternalId.of(text) for text in found if len(text) > 1)


def _variants(
    path: Path, found: Sequence[TemplateRole], found_places: Iterable[Deployment], mask: TextMask
) -> Iterator[list[DeployedRole]]:
    uncertain = {place.kind for place in found_places if place.unreadable}
    for kind in PUBLISHED_NAMES:
        of_kind = [pump_role for pump_role in found if pump_role.role.kind == kind]
        # The stack for one account and the rollout contain the same role.
        different = {repr(_without_ids(each.role)): each.resource for each in reversed(of_kind)}
        if len(different) > 1:
            files = {resource.template.file for resource in different.values()}
            cure = ": pass a template that contains only one" if len(files) > 1 else ""
            listed = [
                f"{resource.logical_id} in {resource.template.file.name}"
                for resource in reversed(different.values())
            ]
            shown = ", ".join(map(mask.masked, listed))
            raise InputError(
                f"{path}: contains different {kind} roles, {shown}; a report is about one of each "
                f"kind{cure}"
            )
        if of_kind:
            yield [_found(each, uncertain=kind in uncertain) for each in of_kind]


def _without_ids(role: Role) -> Role:
    # Nor with the path, which does not change what the role can do.
    return replace(role, trust=role.trust.with_external_ids(lambda _: OPEN_ID), path=ROOT)


def _found(pump_role: TemplateRole, *, uncertain: bool) -> DeployedRole:
    resource, role = pump_role.resource, pump_role.role
    read = (resource, *(found.resource for found in pump_role.attachments))
    files = {above.file: above.sha256 for each in read for above in each.template.chain}
    return DeployedRole(
        role=role,
        account=resource.template.account,
        files=tuple((file.name, digest) for file, digest in files.items()),
        filled_sha256=filled_in(pump_role, uncertain=uncertain),
        external_id_sha256=role.trust.id_digests,
    )


def _different(variants: Iterable[DeployedRole]) -> tuple[DeployedRole, ...]:
    different: list[DeployedRole] = []
    for variant in variants:
        if all((each.role, each.account) != (variant.role, variant.account) for each in different):
            different.append(variant)
    return tuple(different)


def _together(same: Sequence[DeployedRole]) -> DeployedRole:
    # Roles that are equal may differ in what is not shown, such as the external ID.
    ids = {digest for found in same for digest in found.external_id_sha256}
    return replace(
        same[0],
        files=tuple(dict.fromkeys(file for found in same for file in found.files)),
        filled_sha256=combined(found.filled_sha256 for found in same),
        external_id_sha256=tuple(sorted(ids)),
    )


def _listed(
    resolver: Resolver, roles: Iterable[TemplateRole], others: Mapping[Reference, OtherResource]
) -> Iterator[str]:
    # The types of the resources that are neither a role nor another finding.
    accounted = {*others, *(reference for role in roles for reference in role.references)}
    for reference, resource in resolver.resources.items():
        nested = resource.logical_id in resource.template.nested
        if reference not in accounted and not nested and resource.type != "AWS::CDK::Metadata":
            yield resource.type


# The organization's policies


def organization_policies(
    resources: Iterable[Resource], roles: Collection[str]
) -> Iterator[OrganizationPolicy]:
    """Yield the policies whose content names one of the roles."""
    for resource in resources:
        if resource.type == "AWS::Organizations::Policy":
            content = as_text(resource.properties.get("Content"))
            if any(role in content for role in roles):
                yield _organization_policy(resource)


def _organization_policy(resource: Resource) -> OrganizationPolicy:
    logical_id, members = resource.logical_id, resource.members
    name, kind = (filled_text(resource[key]) or None for key in ("Name", "Type"))
    content = _content(resource["Content"], name or logical_id)
    listed = resource["TargetIds"]
    values = [] if is_nothing(listed) else as_list(listed)
    targets = [filled_text(target) for target in values]
    known = tuple(target for target in targets if POLICY_TARGETS.element.accepts(target))
    unknown = []
    if "Condition" in members:
        condition = as_text(members["Condition"])
        unknown.append(OrganizationUnknown(why="conditional", subject=logical_id, detail=condition))
    elif members.keys() - MEMBERS or resource.is_open:
        content = None
    readable = kind in get_args(ControlType) and len(known) == len(targets)
    if name is None or content is None or not readable:
        unknown.append(OrganizationUnknown(why="unreadable", subject=logical_id))
    return OrganizationPolicy(
        name=name or logical_id,
        type=kind or "",
        content=content,
        attached_to=known,
        unknown=tuple(unknown),
    )


def _content(written: Any, name: str) -> Policy | None:
    found = filled(written)
    if isinstance(found, str):
        try:
            found = decoded(json.loads, found)
        except ValueError:
            return None
    is_read = isinstance(found, dict) and not _has_call(found)
    return parse_control_policy(found, name=name) if is_read else None


def _has_call(value: Any) -> bool:
    if is_call(value):
        return True
    members = value.values() if isinstance(value, dict) else as_list(value)
    return any(_has_call(member) for member in members if isinstance(member, dict | list))
