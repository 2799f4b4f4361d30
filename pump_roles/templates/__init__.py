"""The reader: what synthesized templates contain. It only reads files.

Conditions, transforms, and imports are resolved at deployment, so they cannot be read. If one of
them could change one of Pump's roles, the result says so, and does not rely on it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pump_roles.iam.values import as_text
from pump_roles.published import ROLES
from pump_roles.templates.attachments import Attachments
from pump_roles.templates.definitions import combined, filled_in, suspicious
from pump_roles.templates.deployed import DeployedRole, deployed
from pump_roles.templates.deployment import hidden_at_deployment
from pump_roles.templates.evaluate import evaluate
from pump_roles.templates.files import files_in, read_json
from pump_roles.templates.flatten import NESTED, flatten
from pump_roles.templates.masking import Mask, external_ids, under_the_key
from pump_roles.templates.model import Contents, InputError, Other, Place, Role
from pump_roles.templates.other_access import others
from pump_roles.templates.places import places
from pump_roles.templates.roles import PumpRole, pump_roles
from pump_roles.templates.template import Reference, Template

__all__ = [
    "Contents",
    "Deployed",
    "InputError",
    "Other",
    "Place",
    "Role",
    "read_deployed",
    "read_json",
    "read_templates",
]


@dataclass(frozen=True, kw_only=True)
class Deployed:
    """What templates deploy, for comparison with an account.

    :param contents: what the templates contain, as for a report.
    :param roles: each of Pump's roles in them, in every form in which they deploy it; see
        :func:`pump_roles.templates.deployed.deployed`.
    :param external_ids: the external IDs in them, which must not be shown.
    """

    contents: Contents
    roles: tuple[tuple[DeployedRole, ...], ...]
    external_ids: frozenset[str]


def read_templates(path: Path) -> Contents:
    """Read a template, or the templates in a folder.

    In a folder with a ``manifest.json``, such as ``cdk.out``, this reads exactly the templates that
    the manifest names, with those nested in them and those that a StackSet deploys.

    :param path: a template's file, or a folder.
    :raises InputError: when there is no such file or folder, a file is not a CloudFormation
        template, no template contains one of Pump's roles, or they contain different ones of a
        kind.
    """
    return read_deployed(path).contents


def read_deployed(path: Path) -> Deployed:
    """Read what a template, or the templates in a folder, deploy.

    :param path: as for :func:`read_templates`.
    :raises InputError: as :func:`read_templates` does.
    """
    try:
        return _read(path)
    except RecursionError:
        raise InputError(f"{path}: is nested too deeply to read") from None


def _read(path: Path) -> Deployed:
    templates, unreadable = flatten(files_in(path), empty=path.is_dir())
    external_ids = _external_ids(templates)
    mask = Mask(external_ids)
    attachments = Attachments(templates)
    roles = list(pump_roles(templates, attachments, mask))
    if not roles:
        raise InputError(f"{path}: contains none of Pump's roles")
    found = dict(others(templates, roles, attachments, mask))
    found_places = tuple(places(roles, mask))
    hidden = {
        template: problems
        for template in _elsewhere(templates, roles)
        if (problems := tuple(hidden_at_deployment(template, mask)))
    }
    contents = Contents(
        roles=_one_of_each_kind(path, roles, found_places, mask),
        others=tuple(found.values()),
        unreadable=(
            *unreadable,
            *(
                f"{template.file.name}: {problem}"
                for template, problems in hidden.items()
                for problem in problems
            ),
        ),
        resources=tuple(_resources(templates, roles, found.values())),
        places=found_places,
        suspects_sha256=suspicious(
            roles,
            [
                *(reference for reference, other in found.items() if other.alarm),
                *_not_nested(templates),
            ],
            hidden,
        ),
    )
    return Deployed(
        contents=mask.masked(contents),
        roles=tuple(deployed(roles, contents.roles, templates)),
        external_ids=external_ids,
    )


def _external_ids(templates: Iterable[Template]) -> frozenset[str]:
    found: set[str] = set()
    for template in templates:
        outer = {} if template.parent is None else template.parent.declared
        found |= external_ids(template.content, template.arguments, outer)
        for value in under_the_key(template.content):
            texts = {text.text for text in evaluate(value, template)}
            found |= {text for text in texts if text not in ("", "*") and "${" not in text}
    return frozenset(found)


def _one_of_each_kind(
    path: Path, found: Iterable[PumpRole], found_places: Iterable[Place], mask: Mask
) -> tuple[Role, ...]:
    uncertain = {place.kind for place in found_places if place.unreadable}
    every = [
        replace(
            pump_role.role,
            filled_sha256=filled_in(pump_role, uncertain=pump_role.role.kind in uncertain),
        )
        for pump_role in found
    ]
    roles: list[Role] = []
    for role in every:
        # The stack for one account and the rollout contain the same role.
        if role not in roles:
            roles.append(_together([same for same in every if same == role]))
    for kind in ROLES:
        sources = [mask.masked(role.source) for role in roles if role.kind == kind]
        if len(sources) > 1:
            files = list(dict.fromkeys(sources))
            cure = ": pass a template that contains only one" if len(files) == len(sources) else ""
            raise InputError(
                f"{path}: contains different {kind} roles, in {', '.join(files)}; a report is "
                f"about one of each kind{cure}"
            )
    order = list(ROLES)
    return tuple(sorted(roles, key=lambda role: order.index(role.kind)))


def _together(same: Sequence[Role]) -> Role:
    # Roles that are equal may differ in what is not shown, such as the external ID.
    first = same[0]
    trust = replace(first.trust, sha256=combined(role.trust.sha256 for role in same))
    return replace(
        first,
        trust=trust,
        files=tuple(dict.fromkeys(file for role in same for file in role.files)),
        filled_sha256=combined(role.filled_sha256 for role in same),
    )


def _elsewhere(templates: Iterable[Template], roles: Iterable[PumpRole]) -> Iterable[Template]:
    # What can change a template with one of Pump's roles is reported for the role itself. The same
    # applies to the templates that deploy it.
    reported = set()
    for role in roles:
        above: Template | None = role.template
        while above is not None:
            reported.add(above)
            above = above.parent
    return (template for template in templates if template not in reported)


def _not_nested(templates: Iterable[Template]) -> Iterable[Reference]:
    for template in templates:
        for logical_id in template.resources:
            if template.type_of(logical_id) in NESTED and logical_id not in template.nested:
                yield template, logical_id


def _resources(
    templates: Iterable[Template], roles: Iterable[PumpRole], found: Iterable[Other]
) -> Iterable[str]:
    accounted = {(role.template.file.name, role.logical_id) for role in roles}
    accounted |= {
        (attachment.template.file.name, attachment.logical_id)
        for role in roles
        for attachment in role.attachments
    }
    accounted |= {(other.source, other.name) for other in found}
    for template in templates:
        for logical_id in template.resources:
            kind = template.type_of(logical_id)
            listed = (template.file.name, logical_id) in accounted or logical_id in template.nested
            if not listed and kind != "AWS::CDK::Metadata":
                yield as_text(kind)
