"""The roles of Pump's that stand in synthesized templates, with all that is attached to them."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from pump_roles.published import AUTO_PILOT, READ_ONLY, ROLES

__all__ = [
    "FoundRole",
    "ReportError",
    "as_list",
    "as_mapping",
    "read_json",
    "roles_in",
    "statements",
    "strings",
]

_SHOWN: Final = 80


class ReportError(ValueError):
    """There is nothing to report on; the message is for the person who asked."""


@dataclass(frozen=True)
class FoundRole:
    """A role as a template holds it.

    :param kind: ``read-only`` or ``auto-pilot``.
    :param name: its name.
    :param trust: its trust policy.
    :param policies: the names and documents of its policies, inline or attached in the template.
    :param boundary: its permissions boundary, as text; empty where it has none.
    :param unread: what is attached to it that cannot be read from the template, in words.
    :param source: the file, or ``published``.
    :param sha256: of that file.
    """

    kind: str
    name: str
    trust: Mapping[str, Any]
    policies: tuple[tuple[str, Mapping[str, Any]], ...]
    boundary: str = ""
    unread: tuple[str, ...] = ()
    source: str = field(default="published", compare=False)
    sha256: str = field(default="", compare=False)


def roles_in(path: Path) -> list[FoundRole]:
    """Read the roles of a template, or of the templates in a folder, the read-only one first.

    In a folder with a ``manifest.json``, such as ``cdk.out``, only the templates that it names
    count. A rollout's member template counts too, with the StackSet's parameters.

    :param path: a template's file, or a folder.
    :raises ReportError: when there is no such file or folder, a file is no template, no template
        holds a role of Pump's, or they hold different ones of a kind.
    """
    found: list[FoundRole] = []
    for file in _files(path):
        template, text = read_json(file, "no template")
        if not isinstance(template, dict) or not isinstance(template.get("Resources"), dict):
            raise ReportError(f"{file}: is no template: it has no Resources")
        digest = sha256(text.encode()).hexdigest()
        for role in _in_template(template, file.name, digest, {}):
            # A single account's stack and the rollout hold the same role.
            if role not in found:
                found.append(role)
    if not found:
        raise ReportError(f"{path}: holds no role of Pump's")
    for kind in ROLES:
        sources = [role.source for role in found if role.kind == kind]
        if len(sources) > 1:
            raise ReportError(
                f"{path}: holds different {kind} roles, in {', '.join(sources)}; a report is about "
                "one of each kind: name a file that holds one"
            )
    return sorted(found, key=lambda role: list(ROLES).index(role.kind))


def read_json(file: Path, problem: str) -> tuple[Any, str]:
    """Read a JSON file; returns its content and its text.

    :param problem: what it is, when it is not JSON.
    :raises ReportError: when it cannot be read, or is not JSON.
    """
    try:
        text = file.read_text(encoding="utf-8")
        return json.loads(text), text
    except (OSError, ValueError, RecursionError) as error:
        raise ReportError(f"{file}: is {problem}: {error}") from None


def _files(path: Path) -> list[Path]:
    try:
        if path.is_file():
            return [path]
        if not path.is_dir():
            raise ReportError(f"{path}: there is no such file or folder")
    except OSError as error:
        raise ReportError(f"{path}: cannot be read: {error.strerror}") from None
    files = sorted(path.glob("**/*.template.json"))
    if (path / "manifest.json").is_file():
        # CDK leaves the templates of earlier syntheses where they are.
        named = set(_named(path))
        files = [file for file in files if file in named]
    if not files:
        raise ReportError(f"{path}: there is no template in this folder")
    return files


def _named(folder: Path) -> Iterator[Path]:
    manifest, _ = read_json(folder / "manifest.json", "no manifest")
    for artifact in as_mapping(as_mapping(manifest).get("artifacts")).values():
        properties = as_mapping(as_mapping(artifact).get("properties"))
        if isinstance(properties.get("templateFile"), str):
            yield folder / properties["templateFile"]
        nested = properties.get("directoryName")
        if isinstance(nested, str) and (folder / nested / "manifest.json").is_file():
            yield from _named(folder / nested)


def _in_template(
    template: Mapping[str, Any], source: str, digest: str, parameters: Mapping[str, Any]
) -> Iterator[FoundRole]:
    resources = {
        logical_id: as_mapping(one)
        for logical_id, one in as_mapping(template.get("Resources")).items()
    }
    for logical_id, resource in resources.items():
        properties = as_mapping(resource.get("Properties"))
        if resource.get("Type") == "AWS::CloudFormation::StackSet":
            yield from _in_stack_set(properties, source, digest)
        if resource.get("Type") != "AWS::IAM::Role":
            continue
        policies, unread = _policies_of(logical_id, properties, resources)
        name = properties.get("RoleName", "")
        kind = _kind(name, policies)
        if kind is not None:
            boundary = properties.get("PermissionsBoundary")
            yield FoundRole(
                kind,
                _text(name),
                _resolved(as_mapping(properties.get("AssumeRolePolicyDocument")), parameters),
                tuple(policies),
                "" if boundary is None else ", ".join(strings(boundary)),
                tuple(unread),
                source,
                digest,
            )


def _in_stack_set(properties: Mapping[str, Any], source: str, digest: str) -> Iterator[FoundRole]:
    try:
        member = json.loads(properties.get("TemplateBody", ""))
    except (TypeError, ValueError, RecursionError):
        return
    given = {
        one["ParameterKey"]: one.get("ParameterValue")
        for one in map(as_mapping, as_list(properties.get("Parameters")))
        if isinstance(one.get("ParameterKey"), str)
    }
    yield from _in_template(as_mapping(member), source, digest, given)


def _policies_of(
    logical_id: str, properties: Mapping[str, Any], resources: Mapping[str, Mapping[str, Any]]
) -> tuple[list[tuple[str, Mapping[str, Any]]], list[str]]:
    policies: list[tuple[str, Mapping[str, Any]]] = []
    unread: list[str] = []
    for one in as_list(properties.get("Policies", [])):
        inline = as_mapping(one)
        if isinstance(inline.get("PolicyDocument"), dict):
            policies.append((_text(inline.get("PolicyName")), inline["PolicyDocument"]))
        else:
            unread.append(f"it has a policy that cannot be read: {_short(one)}")
    managed = {
        str(as_mapping(one).get("Ref")) for one in as_list(properties.get("ManagedPolicyArns", []))
    }
    unread += [
        f"the managed policy {_short(one)} is attached to it, and not counted"
        for one in as_list(properties.get("ManagedPolicyArns", []))
        if as_mapping(one).get("Ref") not in resources
    ]
    targets = {
        "AWS::IAM::Policy": "Roles",
        "AWS::IAM::ManagedPolicy": "Roles",
        "AWS::IAM::RolePolicy": "RoleName",
    }
    for other_id, other in resources.items():
        kind = other.get("Type")
        if kind not in targets:
            continue
        attached = as_mapping(other.get("Properties"))
        to = [_names(one) for one in as_list(attached.get(targets[str(kind)], []))]
        own = {f"${logical_id}", str(properties.get("RoleName", "")).casefold()} - {""}
        if other_id in managed or own & set(to):
            name = attached.get("PolicyName") or attached.get("ManagedPolicyName") or other_id
            policies.append((_text(name), as_mapping(attached.get("PolicyDocument"))))
        elif "" in to:
            unread.append(f"{other_id} attaches to a role that cannot be read from the template")
    return policies, unread


def _names(target: Any) -> str:
    # A logical id, a name, or nothing where it can be either.
    if isinstance(target, str):
        return target.casefold()
    ref = as_mapping(target).get("Ref")
    return f"${ref}" if isinstance(ref, str) else ""


def _kind(name: Any, policies: Sequence[tuple[str, Mapping[str, Any]]]) -> str | None:
    for role in ROLES.values():
        if name == role.name:
            return role.kind
    published = [
        {one.name for one in AUTO_PILOT if name == one.name or document == one.document}
        for name, document in policies
    ]
    held = set().union(*published)
    if held - {one.name for one in READ_ONLY}:
        return "auto-pilot"
    return "read-only" if held else None


def _resolved(value: Any, parameters: Mapping[str, Any]) -> Any:
    if isinstance(value, list):
        return [_resolved(one, parameters) for one in value]
    if isinstance(value, dict):
        if value.keys() == {"Ref"} and value["Ref"] in parameters:
            return parameters[value["Ref"]]
        return {key: _resolved(one, parameters) for key, one in value.items()}
    return value


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True)


def _short(value: Any) -> str:
    text = _text(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


def as_mapping(value: Any) -> Mapping[str, Any]:
    """The value, or an empty mapping where it is none."""
    return value if isinstance(value, dict) else {}


def as_list(value: Any) -> list[Any]:
    """The value, or a list of it where it is none."""
    return value if isinstance(value, list) else [value]


def statements(document: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The statements of a policy document."""
    return [one for one in as_list(document.get("Statement")) if isinstance(one, dict)]


def strings(value: Any) -> list[str]:
    """The value's strings; what is none is written as JSON."""
    return [_text(one) for one in as_list(value)]
