"""The reader: what synthesized templates contain. It reads files, and nothing else.

What a template only decides when it is deployed cannot be read: conditions, transforms, imports.
Wherever such a thing could change one of Pump's roles, that is said, and nothing is relied on.
"""

from collections.abc import Iterable
from pathlib import Path

from pump_roles.published import ROLES
from pump_roles.templates.access import others
from pump_roles.templates.attachments import Attachments
from pump_roles.templates.deployment import hidden_at_deployment
from pump_roles.templates.evaluate import evaluate
from pump_roles.templates.files import files_in, read_json
from pump_roles.templates.flatten import flatten
from pump_roles.templates.masking import Mask, external_ids, under_the_key
from pump_roles.templates.model import Contents, InputError, Other, Place, Role
from pump_roles.templates.places import places
from pump_roles.templates.roles import PumpRole, pump_roles
from pump_roles.templates.template import Template
from pump_roles.templates.values import as_text

__all__ = ["Contents", "InputError", "Other", "Place", "Role", "read_json", "read_templates"]


def read_templates(path: Path) -> Contents:
    """Read a template, or the templates in a folder.

    In a folder with a ``manifest.json``, such as ``cdk.out``, exactly the templates that it names
    are read, with those that are nested in them, and those that a StackSet deploys.

    :param path: a template's file, or a folder.
    :raises InputError: when there is no such file or folder, a file is not a CloudFormation
        template, no template contains a role of Pump's, or they contain different ones of a kind.
    """
    try:
        return _read(path)
    except RecursionError:
        raise InputError(f"{path}: is nested too deeply to read") from None


def _read(path: Path) -> Contents:
    templates, unreadable = flatten(files_in(path), empty=path.is_dir())
    mask = Mask(_external_ids(templates))
    attachments = Attachments(templates)
    roles = list(pump_roles(templates, attachments, mask))
    if not roles:
        raise InputError(f"{path}: contains no role of Pump's")
    found = list(others(templates, roles, attachments, mask))
    contents = Contents(
        roles=_one_of_each_kind(path, roles, mask),
        others=tuple(found),
        unreadable=(*unreadable, *_hidden_elsewhere(templates, roles, mask)),
        resources=tuple(_resources(templates, roles, found)),
        places=tuple(places(roles, mask)),
    )
    return mask.masked(contents)


def _external_ids(templates: Iterable[Template]) -> frozenset[str]:
    found: set[str] = set()
    for template in templates:
        outer = {} if template.parent is None else template.parent.declared
        found |= external_ids(template.content, template.arguments, outer)
        for value in under_the_key(template.content):
            texts = {text.text for text in evaluate(value, template)}
            found |= {text for text in texts if text not in ("", "*") and "${" not in text}
    return frozenset(found)


def _one_of_each_kind(path: Path, found: Iterable[PumpRole], mask: Mask) -> tuple[Role, ...]:
    roles: list[Role] = []
    for pump_role in found:
        # A single account's stack and the rollout contain the same role.
        if pump_role.role not in roles:
            roles.append(pump_role.role)
    for kind in ROLES:
        sources = [mask.masked(role.source) for role in roles if role.kind == kind]
        if len(sources) > 1:
            files = list(dict.fromkeys(sources))
            cure = ": give a template that contains one" if len(files) == len(sources) else ""
            raise InputError(
                f"{path}: contains different {kind} roles, in {', '.join(files)}; a report is "
                f"about one of each kind{cure}"
            )
    order = list(ROLES)
    return tuple(sorted(roles, key=lambda role: order.index(role.kind)))


def _hidden_elsewhere(
    templates: Iterable[Template], roles: Iterable[PumpRole], mask: Mask
) -> Iterable[str]:
    # In a template with one of Pump's roles, it is said of the role.
    roots = {role.template.root for role in roles}
    for template in templates:
        if template.root not in roots:
            for problem in hidden_at_deployment(template, mask):
                yield f"{template.file.name}: {problem}"


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
