"""Checks that templates contain what was built, and nothing that widens it."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, Literal

from pump_roles.guardrails import opening_tags
from pump_roles.iam.documents import as_list, as_mapping, as_text, has_transform, ref
from pump_roles.iam.trust import parse_trust
from pump_roles.iam.values import Value
from pump_roles.review.templates.attachments import NAMED, Attachment, Attachments
from pump_roles.review.templates.boundary import is_same_policy
from pump_roles.review.templates.deployment import hidden_at_deployment
from pump_roles.review.templates.evaluate import evaluate
from pump_roles.review.templates.filled import tags_of
from pump_roles.review.templates.flatten import flatten
from pump_roles.review.templates.possible import Possible
from pump_roles.review.templates.taking_away import denying, inline_names, taken_away
from pump_roles.review.templates.targets import Naming, Target, literal, target
from pump_roles.review.templates.template import MEMBERS, Reference, Template
from pump_roles.review.templates.template_files import File, rendered
from pump_roles.review.templates.trust_reader import accepts_only
from pump_roles.role import Unknown
from pump_roles.text import unescaped
from pump_roles.validators import Text

Rule = Literal[
    "missing",
    "changed",
    "tagged",
    "parameter",
    "attaches",
    "named-alike",
    "unread",
    "changed-later",
]

_ROLE: Final = "AWS::IAM::Role"
_HARMLESS_PROPERTIES: Final = {"Description", "Tags"}
_DEFAULTS: Final[Mapping[str, Any]] = {"MaxSessionDuration": 3_600}


@dataclass(frozen=True)
class Built:
    """A role, or a StackSet with one, as it was built."""

    resource: Any
    file: Path
    logical_id: str
    properties: Mapping[str, Any]

    @property
    def is_role(self) -> bool:
        """Whether it is a role."""
        return "AssumeRolePolicyDocument" in self.properties


@dataclass(frozen=True)
class Widening:
    """What widens something that was built."""

    rule: Rule
    built: Built
    file: Path
    logical_id: str
    subject: str = ""
    naming: Naming = "certain"


def widenings(built: Sequence[Built], paths: Iterable[Path]) -> Iterator[Widening]:
    """Yield everything that widens what was built."""
    templates, _ = flatten(rendered(paths))
    read = {template.file.resolve() for template in templates}
    # Also read nested stacks whose parents refer to them in a way that is not followed.
    not_followed = {original.file for original in built if original.file.resolve() not in read}
    tags = {key: value for template in templates for key, value in template.tags.items()}
    templates += flatten(File(at, tags=tags) for at in sorted(not_followed) if at.is_file())[0]
    placed: dict[Path, list[Template]] = {}
    for template in templates:
        # A StackSet's member template is in the same file, but has its own logical IDs.
        if not template.is_member:
            placed.setdefault(template.file.resolve(), []).append(template)
    attachments = Attachments(templates)
    roles: dict[Reference, Built] = {}
    for original in built:
        in_file = placed.get(original.file.resolve(), [])
        found = [template for template in in_file if original.logical_id in template.resources]
        if not found:
            yield Widening("missing", original, original.file, original.logical_id)
        for template in found:
            for rule, subject in _changes(template, original, attachments):
                yield Widening(rule, original, template.file, original.logical_id, subject)
            roles |= dict.fromkeys(_roles_of(template, original), original)
    for rule, original, at, naming, subject in _reaching(roles, templates, attachments):
        of, logical_id = _outside(*at)
        yield Widening(rule, original, of.file, logical_id, subject, naming)


def _outside(template: Template, logical_id: str) -> Reference:
    # The StackSet for a resource that it deploys, which is part of a string there.
    if template.parent is None or not template.is_member:
        return template, logical_id
    return _outside(template.parent, template.deployed_by)


def _roles_of(template: Template, built: Built) -> Iterator[Reference]:
    # For a StackSet, these are the roles that it deploys.
    if built.is_role:
        yield template, built.logical_id
    elif member := template.nested.get(built.logical_id):
        yield from ((member, name) for name in member.resources if member.type_of(name) == _ROLE)


def _changes(
    template: Template, built: Built, attachments: Attachments
) -> Iterator[tuple[Rule, str]]:
    resource, found = template.resources[built.logical_id], template.properties(built.logical_id)
    if resource.get("Type") != (_ROLE if built.is_role else "AWS::CloudFormation::StackSet"):
        yield "changed", "Type"
    yield from (("changed", member) for member in sorted(resource.keys() - MEMBERS))
    for name in sorted({*found, *built.properties}):
        if not _is_same(name, found.get(name), built, template, attachments):
            yield "changed", name
    yield from (("tagged", key) for key in _opening_tags(template, built))
    if built.is_role:
        yield from (("parameter", name) for name in _loosened(template, built))


def _opening_tags(template: Template, built: Built) -> Iterator[str]:
    if not (opening := opening_tags(built.properties)):
        return
    for key in dict.fromkeys(key for key, _ in tags_of(built.logical_id, template)):
        if key is None or key.lower() in opening:
            yield key or ""


def _is_same(
    name: str, value: Any, built: Built, template: Template, attachments: Attachments
) -> bool:
    as_built = built.properties.get(name)
    if built.is_role and name == "PermissionsBoundary":
        # The app may add one, because a boundary only removes permissions.
        return as_built is None or is_same_policy(value, as_built, template)
    if built.is_role and name == "ManagedPolicyArns":
        return all(denying(arn, template, attachments) for arn in as_list(value or []))
    if name in built.properties:
        return bool(value == as_built)
    if built.is_role:
        return name in _HARMLESS_PROPERTIES or value in (None, _DEFAULTS.get(name))
    # Targets and preferences of a StackSet are free, but not what it deploys there.
    is_open = name == "TemplateURL" or name.startswith("Fn::") or has_transform(value)
    return not is_open and '"ParameterOverrides"' not in as_text(value)


def _loosened(template: Template, built: Built) -> Iterator[str]:
    def value_of(value: Any, validator: Text) -> Value:
        strict = accepts_only(validator, value, template)
        return Value("known" if strict else "not-read", ref(value) or as_text(value))

    trust = parse_trust(built.properties["AssumeRolePolicyDocument"], value_of)
    for value in (*(principal.value for principal in trust.principals), *trust.external_ids):
        if value.state == "not-read":
            yield value.text


def _reaching(
    roles: Mapping[Reference, Built], templates: Sequence[Template], attachments: Attachments
) -> Iterator[tuple[Rule, Built, Reference, Naming, str]]:
    # Each of many roles has the name of the others in other stacks.
    outside = (of for of in templates if of.member is None)
    namesakes = Attachments(outside, NAMED, without=roles)
    hidden = {template: hidden_at_deployment(template) for template in templates}
    unread = [
        ((template, name), _unread(template, name))
        for template, changes in hidden.items()
        for name in {*template.unread, *_opaque(template, changes)}
    ]
    changing = _by_root(hidden)
    for (template, logical_id), built in roles.items():
        role = target(template, logical_id)
        as_built = built.properties.get("RoleName")
        if isinstance(as_built, str):
            role = replace(role, names=(*role.names, (as_built,)))
        for found, naming in _attaching(template, logical_id, role, attachments):
            yield "attaches", built, (found.template, found.logical_id), naming, found.logical_id
        for found, naming in namesakes.naming(role, template).items():
            if template.member is None:
                at = found.template, found.logical_id
                yield "named-alike", built, at, naming, at[1]
        for at, possible in unread:
            names = filter(None, map(literal, role.names))
            if (template, logical_id) in possible.references or any(
                map(possible.spells_within, names)
            ):
                yield "unread", built, at, "could-be", at[1]
            elif at[0].root is template.root and at[1] in at[0].unread:
                yield "unread", built, at, "deployment", at[1]
        for what in changing.get(template.root, ()):
            yield "changed-later", built, (template, logical_id), "deployment", what


def _attaching(
    template: Template, logical_id: str, role: Target, attachments: Attachments
) -> Iterator[tuple[Attachment, Naming]]:
    inline = inline_names(template.properties(logical_id))
    for found, naming in attachments.naming(role, template).items():
        if taken_away(found, attachments, inline) is None:
            yield found, naming


def _by_root(hidden: Mapping[Template, Iterable[Unknown]]) -> Mapping[Template, list[str]]:
    # What can change the templates of each stack, with its nested stacks.
    found: dict[Template, list[str]] = {}
    for template, changes in hidden.items():
        named = (f"{change.subject} in {template.file.name}" for change in changes)
        found.setdefault(template.root, []).extend(named)
    return found


def _opaque(template: Template, changes: Iterable[Unknown]) -> Iterator[str]:
    # The resources and sections that can become any resource at deployment.
    for change in changes:
        if change.why == "transform":
            yield "Transform"
        elif change.subject in template.resources or change.subject in template.content:
            yield change.subject


def _unread(template: Template, name: str) -> Possible:
    # What a nested template, or another part of a template, that cannot be read could contain.
    read = as_mapping(template.content.get("Resources")).get(name, template.content.get(name))
    text = unescaped(template.unread.get(name) or as_text(read))
    separators = re.findall(r"[^\w\s]", text) if "Split" in text else ()
    words = [*re.findall(r"[\w+=,.@-]+", text), *re.findall(r"[\w-]+", text)]
    return evaluate([read, words], template).could_be(separators=separators)
