"""Reads what synthesized templates contain."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from pump_roles.contents import Contents, FoundRole, Other, Place
from pump_roles.iam.documents import as_text
from pump_roles.iam.values import Value
from pump_roles.json_input import TOO_DEEP, InputError
from pump_roles.masking import (
    Mask,
    digests_of_ids,
    texts_under_the_key,
    under_the_key,
)
from pump_roles.published import ROLES
from pump_roles.review.templates.attachments import Attachments
from pump_roles.review.templates.definitions import combined, filled_in, suspicious
from pump_roles.review.templates.deployment import hidden_at_deployment
from pump_roles.review.templates.evaluate import evaluate
from pump_roles.review.templates.filled import certain_text
from pump_roles.review.templates.flatten import flatten
from pump_roles.review.templates.organization_policies import organization_policies
from pump_roles.review.templates.other_access import others
from pump_roles.review.templates.places import places
from pump_roles.review.templates.role_reader import PumpRole, pump_roles
from pump_roles.review.templates.template import Template
from pump_roles.review.templates.template_files import files_in
from pump_roles.role import ROOT, Role, Unknown
from pump_roles.validators import EXTERNAL_ID


def read_templates(path: Path) -> Contents:
    """Read a template, or the templates in a folder.

    In a folder with a ``manifest.json``, such as ``cdk.out``, this reads exactly the templates that
    the manifest names, with those nested in them and those that a StackSet deploys.
    """
    try:
        return _read(path)
    except RecursionError:
        raise InputError(f"{path}: {TOO_DEEP}") from None


def _read(path: Path) -> Contents:
    templates, outside = flatten(files_in(path), empty=path.is_dir())
    hidden_ids = _external_ids(templates)
    attachments = Attachments(templates)
    roles = list(pump_roles(templates, attachments))
    if not roles:
        raise InputError(f"{path}: contains none of Pump's roles")
    found = dict(others(templates, roles, attachments))
    found_places = tuple(places(roles))
    # What can change a template with one of Pump's roles, or one that deploys it, is reported for
    # the role itself.
    reported = {above for role in roles for above in role.template.chain}
    hidden = {
        template: problems
        for template in templates
        if template not in reported and (problems := [*hidden_at_deployment(template)])
    }
    variants = tuple(_variants(path, roles, found_places, Mask(hidden_ids)))
    return Contents(
        roles=tuple(map(_together, variants)),
        others=tuple(found.values()),
        unreadable=(
            *(Unknown(part="template", why="not-in-folder", source=file) for file in outside),
            *(
                Unknown(
                    part="template",
                    why="unread-template",
                    subject=logical_id,
                    source=template.file.name,
                )
                for template in templates
                for logical_id in template.unread
            ),
            *(
                replace(problem, source=template.file.name)
                for template, problems in hidden.items()
                for problem in problems
            ),
        ),
        resources=tuple(_resources(templates, roles, found.values())),
        places=found_places,
        suspects_sha256=suspicious(
            roles,
            [
                *(reference for reference, other in found.items() if other.alarms),
                *((template, name) for template in templates for name in template.unread),
            ],
            hidden,
        ),
        variants=tuple(
            tuple(form for index, form in enumerate(forms) if form not in forms[:index])
            for forms in variants
        ),
        external_ids=hidden_ids,
        policies=tuple(organization_policies(templates, _names(roles))),
    )


def _names(roles: Iterable[PumpRole]) -> set[str]:
    published = {role.name for role in ROLES.values()}
    return published | {found.role.name.text for found in roles if found.role.name.is_known}


def _external_ids(templates: Iterable[Template]) -> frozenset[str]:
    # All that a value under the condition key could be.
    found: set[str] = set()
    for template in templates:
        for value in under_the_key(template.content):
            found |= evaluate(value, template).could_be(into_resources=False).fragments
        # A report can also show the pattern of a Fn::Sub.
        found |= {text for text in texts_under_the_key(template.content) if "${" in text}
    # An external ID has at least two characters.
    return frozenset(text for text in found if len(text) > 1)


def _variants(
    path: Path, found: Sequence[PumpRole], found_places: Iterable[Place], mask: Mask
) -> Iterator[list[FoundRole]]:
    uncertain = {place.kind for place in found_places if place.unreadable}
    for kind in ROLES:
        of_kind = [pump_role for pump_role in found if pump_role.role.kind == kind]
        # The stack for one account and the rollout contain the same role.
        different = {repr(_without_ids(found.role)): found for found in reversed(of_kind)}
        if len(different) > 1:
            files = {found.template.file for found in different.values()}
            cure = ": pass a template that contains only one" if len(files) > 1 else ""
            listed = [
                f"{found.logical_id} in {found.template.file.name}"
                for found in reversed(different.values())
            ]
            raise InputError(
                f"{path}: contains different {kind} roles, {', '.join(mask.masked(listed))}; a "
                f"report is about one of each kind{cure}"
            )
        if of_kind:
            yield [_found(pump_role, uncertain=kind in uncertain) for pump_role in of_kind]


def _without_ids(role: Role) -> Role:
    # Nor with the path, which does not change what the role can do.
    trust = role.trust.with_values(
        lambda value, validator: Value("hidden") if validator is EXTERNAL_ID else value
    )
    return replace(role, trust=trust, path=ROOT)


def _found(pump_role: PumpRole, *, uncertain: bool) -> FoundRole:
    template, role = pump_role.template, pump_role.role
    return FoundRole(
        role=role,
        account=template.account,
        stack_set=_stack_set(template),
        files=tuple(_files(pump_role)),
        filled_sha256=filled_in(pump_role, uncertain=uncertain),
        external_id_sha256=digests_of_ids(role.trust),
    )


def _stack_set(template: Template) -> str:
    if template.stack_set is None:
        return ""
    outer, logical_id = template.stack_set
    name = certain_text(outer.properties(logical_id).get("StackSetName"), outer)
    return name or f"${{{logical_id}}}"


def _files(pump_role: PumpRole) -> Iterator[tuple[str, str]]:
    read = (pump_role.template, *(found.template for found in pump_role.attachments))
    files = {above.file: above.sha256 for template in read for above in template.chain}
    for file, digest in files.items():
        yield file.name, digest


def _together(same: Sequence[FoundRole]) -> FoundRole:
    # Roles that are equal may differ in what is not shown, such as the external ID.
    return replace(
        same[0],
        files=tuple(dict.fromkeys(file for found in same for file in found.files)),
        filled_sha256=combined(found.filled_sha256 for found in same),
        external_id_sha256=tuple(
            sorted({digest for found in same for digest in found.external_id_sha256})
        ),
    )


def _resources(
    templates: Iterable[Template], roles: Iterable[PumpRole], found: Iterable[Other]
) -> Iterable[str]:
    accounted = {(of.file.name, name) for role in roles for of, name in role.resources}
    accounted |= {(other.source, other.name) for other in found}
    for template in templates:
        for logical_id in template.resources:
            kind = template.type_of(logical_id)
            listed = (template.file.name, logical_id) in accounted or logical_id in template.nested
            if not listed and kind != "AWS::CDK::Metadata":
                yield as_text(kind)
