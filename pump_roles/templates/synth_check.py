"""Checks that an app's templates contain what its constructs wrote, and nothing that widens it."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from pump_roles.guardrails import opening_tags
from pump_roles.iam.identity_policies import asked_tags, statements_in, without_partition
from pump_roles.inputs import as_list, as_mapping, as_text
from pump_roles.inputs.text import unescaped
from pump_roles.inputs.validators import EXTERNAL_ID, PRINCIPAL, Text
from pump_roles.role.access import Access, AccessWhy, approval_end
from pump_roles.templates.placeholders import (
    Reference,
    Resolved,
    certain_text,
    contains,
    everything,
    filled,
    is_word,
    unresolved_tree,
    values_of,
)
from pump_roles.templates.pump_names import PumpNames
from pump_roles.templates.reach import (
    ATTACHED,
    Attachment,
    Attachments,
    Naming,
    RoleNames,
    accepts_only,
    attachments,
    names_of,
    principals_in,
)
from pump_roles.templates.resolve import EXPORT_WRITER, Resolver, Resource
from pump_roles.templates.template import (
    AWS_TYPES,
    MEMBERS,
    ROLE,
    SCHEDULE,
    STACK_SET,
    Additions,
    Template,
    additions_at_deployment,
    attributes,
    has_transform,
    ref,
    unread_in,
)
from pump_roles.templates.template_files import File, load, rendered

_TRUST: Final = "AssumeRolePolicyDocument"
_PROVIDER: Final = re.compile(
    "CustomCrossRegionExportWriterCustomResourceProviderHandler[0-9A-F]{8}"
)
_LOGS: Final = {
    "Fn::Sub": "arn:${AWS::Partition}:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"
}
_ANY: Final = re.compile(".*")
_HARMLESS_PROPERTIES: Final = {"Description", "Tags"}
_DEFAULTS: Final[Mapping[str, Any]] = {"MaxSessionDuration": 3_600}
_SHOWN: Final = frozenset(
    {"ManagedPolicyArns", "MaxSessionDuration", "Path", "PermissionsBoundary", "RoleName"}
)
"""Properties of a role whose values are short, and never contain an external ID."""
_ALIKE: Final[Mapping[Naming, AccessWhy]] = {
    "certain": "named-alike",
    "could-be": "could-be-named-alike",
    "deployment": "may-be-named-alike",
}


@dataclass(frozen=True)
class Location:
    """Where something is.

    :param file: the template's file.
    :param logical_id: the resource's logical ID, or the section's name.
    :param path: the property, such as ``Properties.Roles``; empty for all of it.
    """

    file: Path
    logical_id: str
    path: str = ""


@dataclass(frozen=True)
class SynthFinding:
    """A way in which something reaches one of Pump's roles, and where it is.

    :param values: of a property that differs, what was expected and what was found; of policies,
        only those that may not attach. Empty if it is long, or could contain an external ID.
    :param others: the resources of the app that the property names.
    """

    access: Access
    at: Location
    values: tuple[Any, ...] = ()
    others: tuple[Location, ...] = ()


@dataclass(frozen=True)
class ExpectedResource:
    """A role, or a StackSet with one, as its construct wrote it.

    :param logical_id: its logical ID; empty for a role that another app deploys, which only has a
        name.
    """

    resource: Any
    file: Path
    logical_id: str
    properties: Mapping[str, Any]

    @property
    def is_role(self) -> bool:
        """Whether it is a role."""
        return _TRUST in self.properties


def check_templates(
    expected: Sequence[ExpectedResource], paths: Iterable[Path]
) -> Iterator[tuple[ExpectedResource, SynthFinding]]:
    """Yield everything in an app's templates that widens an expected resource."""
    files = rendered(paths)
    templates = load(files)
    read_files = {template.file.resolve() for template in templates}
    # Also read nested stacks whose parents refer to them in a way that is not followed.
    not_followed = {each.file for each in expected if each.file.resolve() not in read_files}
    tags = {key: value for template in templates for key, value in template.tags.items()}
    files += [File(at, tags=tags) for at in sorted(not_followed) if at.is_file()]
    check = _SynthCheck(load(files) if not_followed else templates)
    roles: dict[Reference, ExpectedResource] = {}
    for original in expected:
        if not original.logical_id:
            yield from ((original, found) for found in check.attaching(original))
            continue
        found = check.placed(original)
        if not found:
            yield original, _finding("missing", original.file, original.logical_id)
        for resource in found:
            yield from ((original, change) for change in check.changes(resource, original))
            roles |= dict.fromkeys(check.roles_of(resource, original), original)
    yield from check.reaching(roles)


def _finding(
    why: AccessWhy, file: Path, logical_id: str, subject: str = "", path: str = ""
) -> SynthFinding:
    return SynthFinding(Access(why, subject), Location(file, logical_id, path))


class _SynthCheck:
    # An app's templates, as the check at synth reads them.
    def __init__(self, templates: Sequence[Template]) -> None:
        self._resolver = Resolver(templates)
        self._additions: Additions = {each: additions_at_deployment(each) for each in templates}
        self._attachments = attachments(self._resolver.resources.values(), self._additions)
        self._files: dict[Path, list[Template]] = {}
        for template in templates:
            # A StackSet's template is in the same file, but has its own logical IDs.
            if not template.is_body:
                self._files.setdefault(template.file.resolve(), []).append(template)

    def placed(self, expected: ExpectedResource) -> list[Resource]:
        """Return it as it is in each place."""
        return [
            self._resolver.resources[template.key, expected.logical_id]
            for template in self._files.get(expected.file.resolve(), [])
            if expected.logical_id in template.resources
        ]

    def attaching(self, expected: ExpectedResource) -> Iterator[SynthFinding]:
        """Yield what attaches to a role that another app deploys, and may not only deny."""
        role = RoleNames((expected.properties["RoleName"],))
        for template in self._files.get(expected.file.resolve(), []):
            for found, naming in self._attachments.near(role, template):
                if self._attachments.taken_away(found, ()) is None:
                    yield _at(found.resource, ATTACHED[naming])

    def roles_of(self, resource: Resource, expected: ExpectedResource) -> Iterator[Reference]:
        """Yield the role; for a StackSet, the roles that it deploys."""
        if expected.is_role:
            yield resource.reference
        elif member := resource.template.nested.get(expected.logical_id):
            names = (name for name in member.resources if member.type_of(name) == ROLE)
            yield from ((member.key, name) for name in names)

    def changes(self, resource: Resource, expected: ExpectedResource) -> Iterator[SynthFinding]:
        """Yield how a resource differs from what was expected."""
        file, members, properties = resource.template.file, resource.members, resource.properties
        changed = [] if resource.type == (ROLE if expected.is_role else STACK_SET) else ["Type"]
        changed += sorted(members.keys() - MEMBERS)
        found = [_finding("changed", file, expected.logical_id, name, name) for name in changed]
        found += [
            self._difference(name, resource, expected)
            for name in sorted({*properties, *expected.properties})
            if not self._is_same(name, resource, expected)
        ]
        if opening := opening_tags(asked_tags(as_text(expected.properties))):
            keys = dict.fromkeys(key for key, _ in resource.tags)
            tags = [key or "" for key in keys if key is None or key.lower() in opening]
            found += [_finding("tagged", file, expected.logical_id, key) for key in tags]
        if expected.is_role:
            names = dict.fromkeys(_loosened(expected.properties, resource.template))
            found += [_finding("parameter", file, expected.logical_id, name) for name in names]
        yield from found

    def _difference(
        self, name: str, resource: Resource, expected: ExpectedResource
    ) -> SynthFinding:
        template, expected_value = (
            resource.template,
            expected.properties.get(name, _DEFAULTS.get(name)),
        )
        at = f"Properties.{name}"
        difference = _finding("changed", template.file, expected.logical_id, name, at)
        if not expected.is_role or name not in _SHOWN:
            return difference
        tree = self._refused(resource) if name == "ManagedPolicyArns" else resource.tree.get(name)
        resources = self._resolver.resources
        refers = {of for value in everything(tree) for of in value.refers if of in resources}
        return replace(
            difference,
            values=(filled(self._resolver.tree(expected_value, template)), filled(tree)),
            others=tuple(_place(resources[of]) for of in sorted(refers)),
        )

    def _refused(self, resource: Resource) -> list[Any]:
        # The managed policies of a role that do not certainly only deny.
        return [
            arn
            for arn in as_list(resource.tree.get("ManagedPolicyArns", []))
            if [*values_of(arn)] and not self._attachments.denying(arn, resource.template)
        ]

    def _is_same(self, name: str, resource: Resource, expected: ExpectedResource) -> bool:
        value, expected_value = resource.properties.get(name), expected.properties.get(name)
        if expected.is_role and name == "PermissionsBoundary":
            # The app may add one, because a boundary only removes permissions.
            return expected_value is None or self._is_same_policy(resource, expected_value)
        if expected.is_role and name == "ManagedPolicyArns":
            return not self._refused(resource)
        if name in expected.properties:
            return bool(value == expected_value)
        if expected.is_role:
            return name in _HARMLESS_PROPERTIES or value in (None, _DEFAULTS.get(name))
        # Targets and preferences of a StackSet are free, but not what it deploys there.
        is_open = name == "TemplateURL" or name.startswith("Fn::") or has_transform(value)
        return not is_open and '"ParameterOverrides"' not in as_text(value)

    def _is_same_policy(self, resource: Resource, expected_value: Any) -> bool:
        # However it is written. If it is not certain which policy it is, it must be written alike.
        value, template = resource["PermissionsBoundary"], resource.template
        if not [*values_of(value)]:
            return False
        named = _policy(value, template)
        other = _policy(self._resolver.tree(expected_value, template), template)
        alike = resource.properties.get("PermissionsBoundary") == expected_value
        return alike or (named is not None and named == other)

    def reaching(
        self, roles: Mapping[Reference, ExpectedResource]
    ) -> Iterator[tuple[ExpectedResource, SynthFinding]]:
        """Yield what attaches to the roles, takes their name, or may contain what does."""
        # Each of many roles has the name of the others in other stacks.
        outside = (
            Attachment(each, tuple(values_of(each["RoleName"])))
            for each in self._resolver.resources.values()
            if each.type == ROLE and not each.template.member and each.reference not in roles
        )
        namesakes = Attachments(outside, self._additions)
        yield from self._trusting(roles)
        not_read, changing = [*_unread(self._resolver, self._additions)], self._changing()
        acting = [*_acting(self._resolver.resources.values())]
        for reference, expected in roles.items():
            resource = self._resolver.resources[reference]
            role, template = names_of(resource), resource.template
            expected_value = expected.properties.get("RoleName")
            if isinstance(expected_value, str):
                role = replace(role, names=(*role.names, expected_value))
            inline = _inline_names(resource)
            for found, naming in self._attachments.near(role, template):
                if self._attachments.taken_away(found, inline) is None:
                    yield expected, _at(found.resource, ATTACHED[naming])
            for found, naming in namesakes.near(role, template) if not template.member else ():
                yield expected, _at(found.resource, _ALIKE[naming])
            named = (
                each for each, values in acting if each is not resource and _names(role, values)
            )
            yield from ((expected, _at(each, "names-role")) for each in named)
            for part in not_read:
                near = part.template.root is template.root and part.name in part.template.unread
                if (contains := part.may_contain(role)) or near:
                    of, name = _outside(part.template, part.name)
                    why: AccessWhy = "could-contain" if contains else "may-contain"
                    yield expected, _finding(why, of.file, name, part.name)
            of, name = _outside(template, resource.logical_id)
            for what in changing.get(template.root, ()):
                yield expected, _finding("changed-later", of.file, name, what)

    def _trusting(
        self, roles: Mapping[Reference, ExpectedResource]
    ) -> Iterator[tuple[ExpectedResource, SynthFinding]]:
        # Other roles that the principals of Pump's roles, or their accounts, can assume.
        resources = self._resolver.resources
        trusts = {
            principal: expected
            for reference, expected in roles.items()
            for value in principals_in(resources[reference][_TRUST], "Allow")
            for principal in value.words
        }
        pump = PumpNames((), trusts)
        for other in resources.values():
            if other.type != ROLE or other.reference in roles:
                continue
            account = other.template.account
            texts = (
                text
                for value in principals_in(other[_TRUST], "Allow")
                for text in {*value.every, *value.words}
            )
            found = (pump.in_text(text, account, roles=False) for text in texts)
            if named := next(filter(None, found), None):
                expected = next(trusts[principal] for principal in trusts if named[1] in principal)
                yield expected, _at(other, "trusts-account")

    def _changing(self) -> Mapping[Template, Sequence[str]]:
        # What can change the templates of each stack, with its nested stacks.
        found: dict[Template, list[str]] = {}
        for template, changes in self._additions.items():
            named = (f"{change.subject} in {template.file.name}" for change in changes)
            found.setdefault(template.root, []).extend(named)
        return found


@dataclass(frozen=True, eq=False)
class _Unread:
    """A nested template, or another part of a template, that cannot be read.

    :param name: the logical ID, or the section.
    :param text: its text.
    :param values: the values in it.
    """

    template: Template
    name: str
    text: str
    values: tuple[Resolved, ...]

    def may_contain(self, role: RoleNames) -> bool:
        """Return whether it contains a role's name, or refers to the role."""
        return any(is_word(name, self.text) for name in role.names) or _names(role, self.values)


def _unread(resolver: Resolver, additions: Additions) -> Iterator[_Unread]:
    """Yield what cannot be read."""
    for template, changes in additions.items():
        for name in sorted(unread_in(template, changes)):
            listed = as_mapping(template.content.get("Resources"))
            read = listed.get(name, template.content.get(name))
            text = unescaped(template.unread.get(name) or as_text(read))
            yield _Unread(template, name, text, tuple(resolver.inside(read, template)))


def _acting(resources: Iterable[Resource]) -> Iterator[tuple[Resource, Sequence[Resolved]]]:
    # What can call AWS when it is deployed, or later, and what says what it does, as one value.
    for resource in resources:
        is_custom = not (resource.is_of_aws or resource.type.endswith("::MODULE"))
        if not is_custom and resource.type not in AWS_TYPES["acts"]:
            continue
        if resource.type == EXPORT_WRITER and _is_of_cdk(resource):
            continue
        names = attributes().get(resource.type, ("", "", ""))[1].split()
        tree = {name: resource[name] for name in resource.properties.keys() - {*names, "Tags"}}
        if not (resource.type == SCHEDULE and approval_end(filled(tree))):
            yield resource, [unresolved_tree("custom-resource", tree)]


def _is_of_cdk(writer: Resource) -> bool:
    # Whether its function is the one that CDK adds, whose role can only keep values in SSM.
    template = writer.template
    handler = _properties_of(writer.properties.get("ServiceToken"), template, _PROVIDER)
    role = _properties_of(handler.get("Role"), template)
    (policy, *more), managed = (
        as_list(role.get("Policies")) or [None],
        role.get("ManagedPolicyArns"),
    )
    document = as_mapping(as_mapping(policy).get("PolicyDocument"))
    (statement, *others) = as_list(document.get("Statement")) or [None]
    actions = as_list(as_mapping(statement).get("Action", "*"))
    is_only = not (more or others) and managed in (None, [_LOGS])
    return is_only and all(as_text(action).startswith("ssm:") for action in actions)


def _properties_of(
    attribute: Any, template: Template, named: re.Pattern[str] = _ANY
) -> Mapping[str, Any]:
    # Those of the resource that a value is an attribute of; empty if it is none in the template.
    name = as_text((as_list(as_mapping(attribute).get("Fn::GetAtt")) or [""])[0])
    return template.properties(name) if named.fullmatch(name) and name in template.resources else {}


def _names(role: RoleNames, values: Iterable[Resolved]) -> bool:
    return any(
        role.reference in value.refers or any(contains(name, value) for name in role.names)
        for value in values
    )


def _outside(template: Template, logical_id: str) -> tuple[Template, str]:
    # A resource in its file: for one of a template in a StackSet, that StackSet.
    if template.parent is None or not template.is_body:
        return template, logical_id
    return _outside(template.parent, template.deployed_by)


def _at(resource: Resource, why: AccessWhy) -> SynthFinding:
    return SynthFinding(Access(why, resource.logical_id), _place(resource))


def _place(resource: Resource) -> Location:
    template, logical_id = _outside(resource.template, resource.logical_id)
    return Location(template.file, logical_id)


def _inline_names(resource: Resource) -> list[str]:
    policies = as_list(resource.properties.get("Policies", []))
    return [as_text(as_mapping(policy).get("PolicyName")) for policy in policies]


def _policy(leaf: Any, template: Template) -> str | None:
    # A role can only have a policy of its own account, or one of AWS. So if the account is not
    # known, a literal one must be it.
    text, own = certain_text(leaf), re.compile(f"::(?:{template.account or '[0-9]{12}'}):")
    return None if text is None else own.sub("::${AWS::AccountId}:", without_partition(text))


def _loosened(expected: Mapping[str, Any], template: Template) -> Iterator[str]:
    # The parameters of the trust policy that accept more than they should.
    for statement in statements_in(expected[_TRUST]):
        ids = as_mapping(as_mapping(statement.get("Condition")).get("StringEquals"))
        named: list[tuple[Any, Text]] = [
            (as_mapping(statement.get("Principal")).get("AWS"), PRINCIPAL),
            (ids.get("sts:ExternalId"), EXTERNAL_ID),
        ]
        for values, validator in named:
            for name in filter(None, map(ref, as_list(values))):
                if not accepts_only(validator, as_mapping(template.declared.get(name))):
                    yield name
