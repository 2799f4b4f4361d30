"""Finds the organization's policies in templates that name Pump's roles."""

import json
from collections.abc import Collection, Iterable, Iterator
from typing import Any, get_args

from pump_roles.contents import ControlType, OrganizationPolicy
from pump_roles.iam.documents import as_list, as_text, is_absent, is_call
from pump_roles.json_input import decoded
from pump_roles.review.templates.filled import filled, filled_text
from pump_roles.review.templates.template import MEMBERS, Template
from pump_roles.role import Unknown
from pump_roles.validators import POLICY_TARGETS


def organization_policies(
    templates: Iterable[Template], roles: Collection[str]
) -> Iterator[OrganizationPolicy]:
    """Yield the policies whose content names one of the roles."""
    for template in templates:
        for logical_id in template.resources:
            if template.type_of(logical_id) == "AWS::Organizations::Policy":
                content = as_text(template.properties(logical_id).get("Content"))
                if any(role in content for role in roles):
                    yield _read(template, logical_id)


def _read(template: Template, logical_id: str) -> OrganizationPolicy:
    resource, properties = template.resources[logical_id], template.properties(logical_id)
    name, kind = (filled_text(properties.get(key), template) for key in ("Name", "Type"))
    document = _document(properties.get("Content"), template)
    listed = properties.get("TargetIds")
    values = [] if is_absent(listed) else as_list(listed)
    targets = [filled_text(target, template) for target in values]
    known = tuple(target for target in targets if POLICY_TARGETS.element.accepts(target))
    unknown = []
    if "Condition" in resource:
        unknown.append(_unknown("conditional", logical_id, as_text(resource["Condition"])))
    elif resource.keys() - MEMBERS or template.is_open(logical_id):
        document = None
    if (
        name is None
        or kind not in get_args(ControlType)
        or document is None
        or len(known) < len(targets)
    ):
        unknown.append(_unknown("unreadable", logical_id))
    return OrganizationPolicy(
        name=name or logical_id,
        type=kind or "",
        document=document,
        targets=known,
        unknown=tuple(unknown),
    )


def _unknown(why: Any, subject: str, detail: str = "") -> Unknown:
    return Unknown(part="organization-policies", why=why, subject=subject, detail=detail)


def _document(content: Any, template: Template) -> Any:
    found = filled(content, template)
    if isinstance(found, str):
        try:
            found = decoded(json.loads, found)
        except ValueError:
            return None
    return found if isinstance(found, dict) and not _has_call(found) else None


def _has_call(value: Any) -> bool:
    if is_call(value):
        return True
    members = value.values() if isinstance(value, dict) else as_list(value)
    return any(_has_call(member) for member in members if isinstance(member, dict | list))
