"""The permission manifest: what the roles of a version may do, for other tools.

It describes the universal templates as this project's reader and report see them, so that no number
in it has a second source. ``manifest.schema.json`` is its schema. The manifests of past
releases are in ``tools/release/manifests``.
"""

import json
import sys
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from pump_roles import universal
from pump_roles._version import __version__
from pump_roles.iam.trust import external_ids_of, principals_of
from pump_roles.iam.values import as_mapping, ref, statements, strings
from pump_roles.output.report_words import finding_text
from pump_roles.published import ROLES
from pump_roles.report import Report, of_contents
from pump_roles.report.marks import mark
from pump_roles.report.model import ActionReport, RoleReport
from pump_roles.role import Role
from pump_roles.templates import Contents, InputError
from pump_roles.templates.files import read_json
from pump_roles.templates.reading import read_templates

__all__ = ["LIST_OR_READ", "SCHEMA", "as_json", "manifest", "manifest_of", "problem", "read"]

SCHEMA: Final = 1
"""The version of the manifest's schema, ``manifest.schema.json``."""

LIST_OR_READ: Final = frozenset({"List", "Read"})
"""The access levels of an action that neither writes nor tags."""

_MARKS: Final = {
    "spends_money": "spends",
    "returns_data": "data",
    "incurs_fee": "fee",
    "may_incur_fee": "possible_fee",
    "legacy": "legacy",
}
"""The members that mark an action, with the kind of mark that has the reason."""

_TEMPLATE: Final = {"Description", "Metadata", "Parameters", "Resources", "Outputs"}
_METADATA: Final = {"AWS::CloudFormation::Interface"}
"""Only how the console shows the parameters."""

_RESOURCE: Final = {"Type", "Properties"}
_PROPERTIES: Final = {
    "AssumeRolePolicyDocument",
    "Description",
    "MaxSessionDuration",
    "Policies",
    "RoleName",
}
_PARAMETER: Final = {
    "AllowedPattern",
    "ConstraintDescription",
    "Description",
    "MaxLength",
    "MinLength",
    "Type",
}
"""The members of a template, and of what is in it, that a manifest can describe."""


def manifest() -> dict[str, Any]:
    """Return the manifest of this version, read from the universal templates.

    :raises ValueError: as :func:`manifest_of` does.
    """
    return manifest_of({kind: universal.template(kind) for kind in ROLES}, __version__)


def manifest_of(templates: Mapping[str, bytes], version: str) -> dict[str, Any]:
    """Return the manifest of some universal templates.

    Roles, policies, and patterns are in published order, actions sorted by name.

    :param templates: each role's template, byte for byte, by the role's kind.
    :param version: the version of pump-roles that they belong to.
    :raises ValueError: when a template has anything that a manifest does not describe, a role is
        not what Pump publishes, or its trust is not one principal with an external ID.
    """
    names = {kind: f"{ROLES[kind].stack_name}-{version}.template.json" for kind in templates}
    with TemporaryDirectory() as folder:
        for kind, content in templates.items():
            (Path(folder) / names[kind]).write_bytes(content)
        found = read_templates(Path(folder))
    report = of_contents(found)
    _check(found, report)
    return {
        "schema": SCHEMA,
        "version": version,
        "catalog": {"source": report.catalog, "date": report.date},
        "roles": [
            _role(role, form.role, json.loads(templates[role.kind]))
            for role, form in zip(report.roles, found.roles, strict=True)
        ],
        "actions": [_action(action) for action in report.actions],
    }


def as_json(content: Mapping[str, Any]) -> bytes:
    """Return a manifest as JSON in UTF-8, the same bytes for the same manifest.

    :param content: the manifest.
    """
    return (json.dumps(content, indent=1, ensure_ascii=False) + "\n").encode()


def read(file: Path) -> dict[str, Any]:
    """Read a manifest.

    :param file: its file, named for its version, such as ``0.1.0.json``.
    :raises InputError: when it cannot be read, is not a manifest of this schema, or is the manifest
        of another version.
    """
    content, _ = read_json(file, "a permission manifest")
    if wrong := problem(content):
        raise InputError(f"{file}: is not a permission manifest: {wrong}")
    if content["version"] != file.stem:
        raise InputError(f"{file}: is the manifest of version {content['version']}")
    found: dict[str, Any] = content
    return found


def problem(content: Any) -> str:
    """Return how something is not a manifest of this schema, in one line; empty if it is one.

    :param content: the JSON value.
    """
    error = next(iter(_validator().iter_errors(content)), None)
    if error is None:
        return ""
    message, *_ = error.message.splitlines()
    return f"{error.json_path}: {message if len(message) <= _SHORT else 'is not valid'}"


_SHORT: Final = 200
"""The longest message of the validator that is shown, in characters."""


@cache
def _validator() -> Any:
    # Only reading needs it, and it is compiled: generating a manifest works with any Python.
    from jsonschema import Draft202012Validator  # noqa: PLC0415

    text = Path(__file__).with_name("manifest.schema.json").read_text(encoding="utf-8")
    return Draft202012Validator(json.loads(text))


def _check(contents: Contents, report: Report) -> None:
    rest = (*contents.unreadable, *contents.resources, *(other.name for other in contents.others))
    if rest:
        raise ValueError(f"the templates contain more than the roles: {', '.join(rest)}")
    if not report.as_published or not report.exact:
        different = "; ".join(
            finding_text(finding, report) for finding in report.findings if finding.is_alarm
        )
        raise ValueError(
            "the roles of the universal templates are not what Pump publishes; run make generate: "
            f"{different}"
        )
    for form, *others in contents.variants:
        role = form.role
        if others or role.unknown or role.boundary or role.tags or role.path != "/":
            raise ValueError(f"the {role.kind} role has a path, tags, a boundary, or several forms")


def _role(role: RoleReport, form: Role, template: Mapping[str, Any]) -> dict[str, Any]:
    (resource,) = template["Resources"].values()
    properties, parameters = resource["Properties"], template["Parameters"]
    for members, known in (
        (template.keys(), _TEMPLATE),
        (template.get("Metadata", {}).keys(), _METADATA),
        (resource.keys(), _RESOURCE),
        (properties.keys(), _PROPERTIES),
        *((declared.keys(), _PARAMETER) for declared in parameters.values()),
    ):
        if more := members - known:
            raise ValueError(f"{role.source}: cannot be described: {', '.join(sorted(more))}")
    return {
        "kind": role.kind,
        "name": role.name,
        "description": properties["Description"],
        "stack_name": ROLES[role.kind].stack_name,
        "template": {"file": role.source, "sha256": role.sha256},
        "parameters": [
            {
                "name": name,
                "description": declared["Description"],
                "min_length": declared["MinLength"],
                "max_length": declared["MaxLength"],
                "pattern": declared["AllowedPattern"],
            }
            for name, declared in parameters.items()
        ],
        "trust": _trust(properties["AssumeRolePolicyDocument"]),
        "session_seconds": form.session_seconds,
        "policies": [
            {"name": policy.name, "document": policy.document} for policy in form.policies
        ],
        "patterns": list(_patterns(role, form)),
    }


def _trust(policy: Mapping[str, Any]) -> dict[str, Any]:
    # The reader has accepted it: one statement, one principal, StringEquals, and nothing else.
    (statement,) = statements(policy)
    (operator,) = as_mapping(statement["Condition"])
    principals = [ref(principal) for principal in principals_of(policy)]
    external_ids = [ref(external_id) for external_id in external_ids_of(policy)]
    if not all((*principals, *external_ids)):
        raise ValueError("a trust policy has a principal or an external ID that is not a parameter")
    return {
        "principal_parameters": principals,
        "external_id_parameters": external_ids,
        "external_id_operator": operator,
        "actions": strings(statement["Action"]),
    }


def _patterns(role: RoleReport, form: Role) -> Iterator[dict[str, Any]]:
    for policy, found in zip(form.policies, role.policies, strict=True):
        resources = [
            statement["Resource"]
            for statement in statements(policy.document)
            for _ in statement["Action"]
        ]
        for pattern, resource in zip(found.patterns, resources, strict=True):
            yield {
                "policy": policy.name,
                "pattern": pattern.pattern,
                "resource": resource,
                "reason": pattern.reason,
                "actions": sorted(pattern.actions),
            }


def _action(action: ActionReport) -> dict[str, Any]:
    reasons = {member: mark(kind, action.name) or None for member, kind in _MARKS.items()}
    return {
        "name": action.name,
        "service": action.service,
        "access_levels": list(action.levels),
        "description": action.description,
        "granted_by": [
            {"role": kind, "policy": policy, "pattern": pattern}
            for kind, grant in action.roles.items()
            for policy, pattern in grant.granted_by
        ],
        **{member: reason is not None for member, reason in reasons.items()},
        "reasons": reasons,
    }


if __name__ == "__main__":
    sys.stdout.buffer.write(as_json(manifest()))
