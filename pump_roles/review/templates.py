"""The roles of Pump's that stand in synthesized templates, with all that is attached to them.

What a template makes of itself when it is deployed cannot be read: conditions, transforms, imports.
Wherever such a thing could change a role, that is said, and nothing is counted on.
"""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from pump_roles.published import AUTO_PILOT, READ_ONLY, ROLES
from pump_roles.review.masking import external_ids, masked, visible
from pump_roles.review.trust import EXTERNAL_ID_KEY, Assumption, assumption
from pump_roles.review.values import as_list, as_mapping, as_text, ref, statements, strings

__all__ = ["FoundRole", "ReportError", "Templates", "read_json", "read_templates"]

_SHOWN: Final = 80

_ROLE_MEMBERS: Final = {
    *("Type", "Properties", "Metadata", "DependsOn", "DeletionPolicy", "UpdateReplacePolicy"),
    "Condition",
}
_ROLE_PROPERTIES: Final = {
    *("RoleName", "Description", "Path", "Tags", "PermissionsBoundary"),
    *("AssumeRolePolicyDocument", "Policies", "ManagedPolicyArns", "MaxSessionDuration"),
}
_HOUR: Final = 3_600
_ATTACHES: Final = {
    "AWS::IAM::Policy": "Roles",
    "AWS::IAM::ManagedPolicy": "Roles",
    "AWS::IAM::RolePolicy": "RoleName",
}


class ReportError(ValueError):
    """There is nothing to report on; the message is for the person who asked."""


@dataclass(frozen=True)
class FoundRole:
    """A role as a template holds it.

    :param kind: ``read-only`` or ``auto-pilot``.
    :param name: its name.
    :param trust: who may assume it.
    :param policies: the names and documents of its policies, inline or attached in the template.
    :param boundary: its permissions boundary, as text; empty where it has none.
    :param unread: what it has that cannot be read from the template or is not counted, in words.
    :param source: the file, or ``published``.
    :param sha256: of that file.
    """

    kind: str
    name: str
    trust: Assumption
    policies: tuple[tuple[str, Mapping[str, Any]], ...]
    boundary: str = ""
    unread: tuple[str, ...] = ()
    source: str = field(default="published", compare=False)
    sha256: str = field(default="", compare=False)


@dataclass(frozen=True)
class Templates:
    """What some templates hold.

    :param roles: the roles of Pump's, the read-only one first.
    :param beside: the types of the other resources, one for each.
    :param suspects: those of them that can give Pump more than these roles, in words.
    """

    roles: tuple[FoundRole, ...]
    beside: tuple[str, ...]
    suspects: tuple[str, ...] = ()


def read_templates(path: Path) -> Templates:
    """Read a template, or the templates in a folder.

    In a folder with a ``manifest.json``, such as ``cdk.out``, only the templates that it names
    count, with those that are nested in them. A rollout's member template counts too, with the
    StackSet's parameters.

    :param path: a template's file, or a folder.
    :raises ReportError: when there is no such file or folder, a file is no template, no template
        holds a role of Pump's, or they hold different ones of a kind.
    """
    found: list[FoundRole] = []
    beside: list[str] = []
    suspects: list[str] = []
    for file in _files(path):
        of_file = _read_template(file, empty=path.is_dir())
        beside += of_file.beside
        suspects += of_file.suspects
        # A single account's stack and the rollout hold the same role.
        for role in of_file.roles:
            if role not in found:
                found.append(role)
    if not found:
        raise ReportError(f"{path}: holds no role of Pump's")
    for kind in ROLES:
        sources = [role.source for role in found if role.kind == kind]
        if len(sources) > 1:
            files = list(dict.fromkeys(sources))
            cure = ": give a template that holds one" if len(files) == len(sources) else ""
            raise ReportError(
                f"{path}: holds different {kind} roles, in {', '.join(files)}; a report is about "
                f"one of each kind{cure}"
            )
    order = list(ROLES)
    return Templates(
        tuple(sorted(found, key=lambda role: order.index(role.kind))),
        tuple(sorted(beside)),
        tuple(dict.fromkeys(suspects)),
    )


def read_json(file: Path, problem: str) -> tuple[Any, bytes]:
    """Read a JSON file; returns its content and its bytes.

    :param problem: what it is, when it is not JSON.
    :raises ReportError: when it cannot be read, is not JSON, or has a key twice.
    """
    try:
        content = file.read_bytes()
        return json.loads(content.decode("utf-8-sig"), object_pairs_hook=_once), content
    except OSError as error:
        raise ReportError(f"{file}: is {problem}: {error}") from None
    except (ValueError, RecursionError) as error:
        raise ReportError(f"{file}: is {problem}: it is not JSON: {error}") from None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        twice, _ = Counter(key for key, _ in pairs).most_common(1)[0]
        raise ValueError(f"the key {visible(twice)!r} is there twice")
    return found


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


def _read_template(file: Path, *, empty: bool) -> Templates:
    template, content = read_json(file, "no template")
    if empty and isinstance(template, dict) and "Resources" not in template:
        # What CDK writes for a stack that has none.
        return Templates((), ())
    if not isinstance(template, dict) or not isinstance(template.get("Resources"), dict):
        raise ReportError(f"{file}: is no template: it has no Resources")
    return _Template(
        template,
        hidden=external_ids(template, {}, {}),
        source=visible(file.name),
        digest=sha256(content).hexdigest(),
        folder=file.parent,
        assets=dict(_assets(file)),
        files=frozenset({file.name}),
    ).read()


def _assets(file: Path) -> Iterator[tuple[str, str]]:
    # CDK's list of a stack's files, among them the nested templates, by the hash in their address.
    listed = file.with_name(file.name.replace(".template.json", ".assets.json"))
    if listed == file or not listed.is_file():
        return
    manifest, _ = read_json(listed, "no list of assets")
    for asset, one in as_mapping(as_mapping(manifest).get("files")).items():
        path = as_mapping(as_mapping(one).get("source")).get("path")
        if isinstance(path, str) and Path(path).name == path:
            yield asset, path


class _Template:
    # A template with what it is given from outside. `hidden` are the external ids in it.
    def __init__(
        self,
        template: Mapping[str, Any],
        *,
        hidden: frozenset[str],
        source: str,
        digest: str,
        folder: Path | None,
        assets: Mapping[str, str],
        files: frozenset[str] = frozenset(),
        given: Mapping[str, Any] | None = None,
        outer: Mapping[str, Any] | None = None,
        within: tuple[str, ...] = (),
    ) -> None:
        self._template = template
        self._hidden = hidden
        self._source = source
        self._digest = digest
        self._folder = folder
        self._assets = assets
        self._files = files
        self._given = given or {}
        own = as_mapping(template.get("Parameters"))
        # A parameter that is passed on is declared outside.
        passed = {ref(value) for value in self._given.values()} - {""}
        outer = outer or {}
        # Nothing is known of a name that is declared in both, and not alike.
        self._parameters = {
            **own,
            **{
                name: outer.get(name) if own.get(name) in (None, outer.get(name)) else None
                for name in passed
            },
        }
        self._resources = {
            logical_id: as_mapping(one)
            for logical_id, one in as_mapping(template.get("Resources")).items()
        }
        self._within = (*within, *self._made_at_deploy())

    def _made_at_deploy(self) -> Iterator[str]:
        if "Transform" in self._template:
            names = self._short(self._template["Transform"])
            yield f"the transform {names} can change the template when it is deployed"
        for logical_id in self._resources:
            if logical_id.startswith("Fn::"):
                yield f"{logical_id} makes resources when the template is deployed"
        for member in self._template:
            if member.startswith("Fn::"):
                yield f"{visible(member)} can change the template when it is deployed"

    def read(self) -> Templates:
        roles: list[FoundRole] = []
        beside: list[str] = []
        suspects: list[str] = []
        counted: set[str] = set()
        for logical_id, resource in self._resources.items():
            kind = resource.get("Type")
            found: Templates | None = None
            if kind == "AWS::CloudFormation::StackSet":
                found = self._stack_set(logical_id, resource)
            elif kind == "AWS::CloudFormation::Stack":
                found = self._nested_stack(logical_id, resource)
            elif kind == "AWS::IAM::Role":
                role, attached = self._role(logical_id, resource)
                if role is not None:
                    counted |= attached
                    found = Templates((role,), ())
            if found is not None:
                counted.add(logical_id)
                roles += found.roles
                beside += found.beside
                suspects += found.suspects
            elif kind in ("AWS::CloudFormation::StackSet", "AWS::CloudFormation::Stack"):
                suspects.append(f"{logical_id}, whose template cannot be read")
        suspects += self._assumed_as_these(counted)
        suspects += self._attached_elsewhere(counted)
        beside += [
            as_text(resource.get("Type"))
            for logical_id, resource in self._resources.items()
            if logical_id not in counted and resource.get("Type") != "AWS::CDK::Metadata"
        ]
        return Templates(
            tuple(map(self._shown, roles)),
            tuple(masked(beside, self._hidden)),
            tuple(masked(suspects, self._hidden)),
        )

    def _attached_elsewhere(self, counted: set[str]) -> Iterator[str]:
        # To a role that is not in this template: it has no logical id here.
        for logical_id, _, targets in self._attachments():
            if logical_id not in counted and any(
                self._reaches(one, "", role.name) is not False
                for one in targets
                for role in ROLES.values()
            ):
                yield f"{logical_id}, a policy that may be attached to one of them"

    def _assumed_as_these(self, counted: set[str]) -> Iterator[str]:
        trusts = {
            logical_id: as_mapping(resource.get("Properties")).get("AssumeRolePolicyDocument")
            for logical_id, resource in self._resources.items()
            if resource.get("Type") == "AWS::IAM::Role"
        }

        def principals(logical_id: str) -> set[str]:
            return {
                as_text(name)
                for one in statements(as_mapping(trusts[logical_id]))
                for name in as_list(as_mapping(one.get("Principal")).get("AWS"))
                if name is not None
            }

        pumps = {name for one in trusts if one in counted for name in principals(one)}
        for logical_id, trust in trusts.items():
            if logical_id in counted:
                continue
            if EXTERNAL_ID_KEY in as_text(trust).lower():
                yield f"{logical_id}, a role that takes an external id"
            elif principals(logical_id) & pumps:
                yield f"{logical_id}, a role that trusts the same principal"

    def _shown(self, role: FoundRole) -> FoundRole:
        trust = role.trust
        return replace(
            role,
            name=masked(role.name, self._hidden),
            trust=Assumption(
                tuple(masked(list(trust.principals), self._hidden)),
                trust.external_id,
                tuple(masked(list(trust.problems), self._hidden)),
                trust.external_ids,
            ),
            policies=tuple(
                (masked(name, self._hidden), masked(document, self._hidden))
                for name, document in role.policies
            ),
            boundary=masked(role.boundary, self._hidden),
            unread=tuple(masked(list(role.unread), self._hidden)),
        )

    def _role(
        self, logical_id: str, resource: Mapping[str, Any]
    ) -> tuple[FoundRole | None, set[str]]:
        properties = as_mapping(resource.get("Properties"))
        policies, unread, attached = self._policies(logical_id, properties)
        name = properties.get("RoleName", "")
        kind = _kind(name, policies)
        if kind is None:
            return None, set()
        boundary = properties.get("PermissionsBoundary")
        if ref(boundary) == "AWS::NoValue":
            boundary = None
        trust = _resolved(properties.get("AssumeRolePolicyDocument"), self._given)
        role = FoundRole(
            kind,
            as_text(name),
            assumption(trust, self._parameters),
            tuple(policies),
            "" if boundary is None else ", ".join(strings(boundary)),
            (*self._within, *self._not_as_built(resource, properties), *unread),
            self._source,
            self._digest,
        )
        return role, attached

    def _policies(
        self, logical_id: str, properties: Mapping[str, Any]
    ) -> tuple[list[tuple[str, Mapping[str, Any]]], list[str], set[str]]:
        policies: list[tuple[str, Mapping[str, Any]]] = []
        unread: list[str] = []
        attached: set[str] = set()
        for one in as_list(properties.get("Policies", [])):
            inline = as_mapping(one)
            if inline.keys() == {"PolicyName", "PolicyDocument"} and isinstance(
                inline["PolicyDocument"], dict
            ):
                policies.append((as_text(inline["PolicyName"]), inline["PolicyDocument"]))
            else:
                unread.append(f"it has a policy that cannot be read: {self._short(one)}")
        managed = set()
        for one in as_list(properties.get("ManagedPolicyArns", [])):
            if self._type_of(ref(one)) == "AWS::IAM::ManagedPolicy":
                managed.add(ref(one))
            else:
                unread.append(
                    f"the managed policy {self._short(one)} is attached to it, and not counted"
                )
        for other_id, other, targets in self._attachments():
            more = as_mapping(other.get("Properties"))
            reaches = [
                self._reaches(one, logical_id, properties.get("RoleName", "")) for one in targets
            ]
            if any(key.startswith("Fn::") for key in more) or None in reaches:
                unread.append(f"{other_id} attaches to a role that cannot be read")
            elif other_id in managed or True in reaches:
                attached.add(other_id)
                if problem := self._not_counted(other_id, other):
                    unread.append(f"{problem}, and is not counted")
                else:
                    name = more.get("PolicyName") or more.get("ManagedPolicyName") or other_id
                    policies.append((as_text(name), as_mapping(more.get("PolicyDocument"))))
        return policies, unread, attached

    def _attachments(self) -> Iterator[tuple[str, Mapping[str, Any], list[Any]]]:
        # The policies that attach to roles by themselves, and what they attach to.
        for logical_id, resource in self._resources.items():
            kind = resource.get("Type")
            if isinstance(kind, str) and kind in _ATTACHES:
                properties = as_mapping(resource.get("Properties"))
                yield logical_id, resource, as_list(properties.get(_ATTACHES[kind], []))

    def _not_counted(self, policy: str, resource: Mapping[str, Any]) -> str:
        if "Condition" in resource:
            condition = self._short(resource["Condition"])
            return f"{policy} attaches to it under the condition {condition}"
        if resource.keys() - _ROLE_MEMBERS:
            return f"{policy} attaches to it, cannot be read"
        return ""

    def _reaches(self, target: Any, logical_id: str, role_name: Any) -> bool | None:
        # Whether a policy's target is the role; nothing where that cannot be told.
        if "{{resolve:" in as_text(target) or "{{resolve:" in as_text(role_name):
            return None
        if isinstance(target, str):
            return target.casefold() == role_name.casefold() if isinstance(role_name, str) else None
        if ref(target) == logical_id:
            return True
        return False if self._type_of(ref(target)) == "AWS::IAM::Role" else None

    def _type_of(self, logical_id: str) -> Any:
        return self._resources.get(logical_id, {}).get("Type")

    def _stack_set(self, logical_id: str, resource: Mapping[str, Any]) -> Templates | None:
        properties = as_mapping(resource.get("Properties"))
        try:
            member = json.loads(properties.get("TemplateBody", ""), object_pairs_hook=_once)
        except (TypeError, ValueError, RecursionError):
            return None
        within = [*self._within, *self._when(logical_id, resource)]
        if '"ParameterOverrides"' in as_text(properties.get("StackInstancesGroup")):
            within.append(f"{logical_id} gives some of its stack instances other parameters")
        given = {
            one["ParameterKey"]: one.get("ParameterValue")
            for one in map(as_mapping, as_list(properties.get("Parameters")))
            if isinstance(one.get("ParameterKey"), str)
        }
        return self._inner(member, given, within)

    def _nested_stack(self, logical_id: str, resource: Mapping[str, Any]) -> Templates | None:
        properties = as_mapping(resource.get("Properties"))
        url = as_text(properties.get("TemplateURL"))
        name = next((path for asset, path in self._assets.items() if asset in url), None)
        # One that is nested in itself is not followed.
        if self._folder is None or name is None or name in self._files:
            return None
        try:
            template, content = read_json(self._folder / name, "no template")
        except ReportError:
            return None
        return self._inner(
            template,
            as_mapping(properties.get("Parameters")),
            [*self._within, *self._when(logical_id, resource)],
            file=name,
            digest=sha256(content).hexdigest(),
        )

    def _inner(
        self,
        template: Any,
        given: Mapping[str, Any],
        within: Sequence[str],
        *,
        file: str = "",
        digest: str = "",
    ) -> Templates:
        given = {key: _resolved(value, self._given) for key, value in given.items()}
        return _Template(
            as_mapping(template),
            hidden=self._hidden | external_ids(template, given, self._parameters),
            source=visible(file) or self._source,
            digest=digest or self._digest,
            folder=self._folder if file else None,
            assets=self._assets,
            files=self._files | {file},
            given=given,
            outer=self._parameters,
            within=tuple(within),
        ).read()

    def _short(self, value: Any) -> str:
        # Before it is cut, since a part of an external id would not be known again.
        text = as_text(masked(value, self._hidden))
        return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."

    def _not_as_built(
        self, resource: Mapping[str, Any], properties: Mapping[str, Any]
    ) -> Iterator[str]:
        if "Condition" in resource:
            yield f"it is made only under the condition {self._short(resource['Condition'])}"
        if properties.get("MaxSessionDuration", _HOUR) != _HOUR:
            seconds = self._short(properties["MaxSessionDuration"])
            yield f"its sessions may last {seconds} seconds, as published an hour"
        for member in sorted(resource.keys() - _ROLE_MEMBERS):
            yield f"its member {member} cannot be read"
        for name in sorted(properties.keys() - _ROLE_PROPERTIES):
            yield f"its property {name} cannot be read"

    def _when(self, logical_id: str, resource: Mapping[str, Any]) -> Iterator[str]:
        if "Condition" in resource:
            condition = self._short(resource["Condition"])
            yield f"{logical_id} is made only under the condition {condition}"
        for name in sorted(as_mapping(resource.get("Properties"))):
            if name.startswith("Fn::"):
                yield f"the property {name} of {logical_id} cannot be read"


def _kind(name: Any, policies: Sequence[tuple[str, Mapping[str, Any]]]) -> str | None:
    for role in ROLES.values():
        if isinstance(name, str) and name.casefold() == role.name.casefold():
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
        if ref(value) in parameters:
            return parameters[ref(value)]
        return {key: _resolved(one, parameters) for key, one in value.items()}
    return value
