"""What was kept, read back: a file of ``report --keep``, or a report's JSON."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from pump_roles.iam.identity_policies import Value
from pump_roles.inputs import as_mapping, as_text
from pump_roles.inputs.text import TEMPLATE, YAML_ENDINGS, InputError, cut, read_json, visible
from pump_roles.published import ROLES
from pump_roles.review.output.descriptions import can_be_unknown
from pump_roles.review.output.writers import to_compact_json
from pump_roles.review.report.inventory import FORMAT, Inventory, RoleDetail, kept_text

_KIND: Final = f"a file of report --keep, a JSON report, {TEMPLATE}, or a folder such as cdk.out"

_NAMES: Final = {"", ".json", ".template", ".txt", *YAML_ENDINGS}
"""How the name of a JSON file, which is also YAML, may end: a browser shows none as a page."""

_MOST_BYTES: Final = 4_000_000
"""The maximum size of a file, in bytes. What is kept of the published roles has 45,000."""

_MOST_RESOURCES: Final = 1_000_000
"""The maximum number of other resources, so that they cannot fill the memory."""

_LONGEST: Final = 200
"""The maximum length of a problem, in characters."""


def kept(read: Inventory) -> str:
    """Return the file in which what was read is kept.

    :raises InputError: if it could not be read again.
    """
    text = kept_text(read)
    try:
        if len(text.encode()) > _MOST_BYTES:
            raise InputError(f"it has more than {_MOST_BYTES:,} bytes")
        inventory_from(json.loads(text)["read"])
    except ValueError as error:
        raise InputError(f"what was read cannot be kept: {error}") from None
    return text


def read_saved(path: Path) -> Inventory | None:
    """Read what was kept; return ``None`` for anything else that can be a template."""
    if path.is_dir():
        return None
    if path.is_file() and path.stat().st_size > _MOST_BYTES:
        raise InputError(f"{path}: has more than {_MOST_BYTES:,} bytes")
    content, _ = read_json(path, _KIND)
    if path.suffix.lower() not in _NAMES:
        # A page can be in a string of JSON, and show anything.
        raise InputError(f"{path}: is JSON, but its name is that of something else; name it .json")
    members = as_mapping(content)
    if members.keys().isdisjoint({"read", "schema"}):
        return None
    if "Resources" in members:
        raise InputError(f"{path}: is both a report and a template: it has Resources")
    try:
        return inventory_from(_read_of(members))
    except InputError as error:
        raise InputError(
            f"{path}: is not a report that this version of pump-roles can read: {error}"
        ) from None


def _read_of(members: Mapping[str, Any]) -> Any:
    # What else a JSON report has is derived again.
    more = () if "schema" in members else sorted(members.keys() - {"read"})
    if more:
        raise InputError(f"the member {cut(visible(more[0]), _LONGEST)} is not known")
    return members.get("read")


def inventory_from(content: Any) -> Inventory:
    """Return what a report's member ``read`` has.

    :raises InputError: if this version cannot read it, or it has a member that is not known.
    """
    members = as_mapping(content)
    if not members:
        raise InputError("it does not keep what was read; write it again with this version")
    for text in _texts(content):
        # Whoever wrote the file may want to hide something from whoever reads the comparison.
        if visible(text) != text:
            raise InputError(f"a text has a control character: {cut(visible(text), _LONGEST)}")
    if members.get("format") != FORMAT:
        written, version = (as_text(members.get(name)) for name in ("format", "version"))
        raise InputError(
            f"its format is {cut(written, _LONGEST)}; use version {cut(version, _LONGEST)} of "
            "pump-roles, or a later one"
        )
    read: Inventory = _converted(content, Inventory)
    kinds = [role.kind for role in read.roles]
    if not kinds or {*kinds} - ROLES.keys() or len({*kinds}) < len(kinds):
        raise InputError(f"roles: must be one or more of {', '.join(ROLES)}, each once")
    if sum(map(abs, read.resources.values())) > _MOST_RESOURCES:
        raise InputError(f"resources: must be at most {_MOST_RESOURCES:,}")
    for detail in (*read.roles, *read.approval_end_roles):
        if problem := _problem_of(detail):
            raise InputError(cut(f"{detail.kind}: {problem}", _LONGEST))
    return read


def _problem_of(detail: RoleDetail) -> str:
    # What no version writes, and what would be expected of an account without being compared.
    boundary = detail.PermissionsBoundary
    values = {
        "Path": detail.Path,
        "MaxSessionDuration": detail.MaxSessionDuration,
        "PermissionsBoundary": boundary.PolicyArn if boundary else "",
    }
    for name, value in values.items():
        if isinstance(value, Value) and value.state != "not-read":
            return f"{name}: can only be known or not read"
    for managed in detail.may_deny:
        if not managed.policy.only_denies:
            return f"may_deny: {managed.PolicyName} has more than denies"
    for unknown in detail.unknown:
        if not can_be_unknown(unknown):
            return f"unknown: {unknown.part} cannot be {unknown.why}"
    named = {(unknown.part, unknown.subject) for unknown in detail.unknown}
    role = detail.deployed.role
    for policy in role.policies:
        part = "managed-policies" if policy.arn else "inline-policies"
        if not (policy.is_known or named & {(part, ""), (part, policy.name), (part, policy.arn)}):
            return f"the document of {policy.name} is null, and unknown does not say why"
    return ""


def _converted(content: Any, type_: Any) -> Any:
    # Imported here: only what reads a report needs it.
    import msgspec  # noqa: PLC0415

    try:
        found = msgspec.convert(content, type_)
    except msgspec.ValidationError as error:
        raise InputError(cut(str(error), _LONGEST)) from None
    if unknown := _ignored(content, json.loads(to_compact_json(found))):
        raise InputError(f"the member {cut(unknown, _LONGEST)} is not known")
    return found


def _ignored(content: Any, read: Any) -> str | None:
    # The first member that is not in what was read.
    if isinstance(content, dict):
        parts = [(member, read.get(name)) for name, member in content.items()]
        if unknown := next((name for name in content if name not in read), None):
            return f"{unknown}"
    elif isinstance(content, list):
        parts = [*zip(content, read, strict=True)]
    else:
        return None
    return next(filter(None, (_ignored(*part) for part in parts)), None)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    for part in value if isinstance(value, list | dict) else ():
        yield from _texts(part)
    for member in value.values() if isinstance(value, dict) else ():
        yield from _texts(member)
