"""A page with what it carries, and a report back from its JSON, or its page: what was read."""

import json
import re
from base64 import b64decode, b64encode
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timezone
from functools import cache
from hashlib import sha256
from itertools import chain
from lzma import LZMADecompressor, LZMAError, compress
from pathlib import Path
from typing import Any, Final

from pump_roles.iam.identity_policies import Value
from pump_roles.iam.session_conditions import last_times
from pump_roles.inputs import as_mapping, as_text
from pump_roles.inputs.text import TOO_DEEP, InputError, cut, parse_json, read_json, visible
from pump_roles.published import ROLES
from pump_roles.review.output.descriptions import can_be_unknown
from pump_roles.review.output.writers import to_compact_json
from pump_roles.review.report import Compared, Earlier, Report, earlier_of
from pump_roles.review.report.inventory import FORMAT, Inventory, RoleDetail
from pump_roles.review.report.permission_report import of_contents

_ELEMENT: Final = '<script type="text/plain" id="report">{}</script>'
_EMBEDDED: Final = re.compile(_ELEMENT.format("([A-Za-z0-9+/=]*)").encode())
_PACKAGE: Final = Path(__file__).parents[2]
_WITHOUT: Final = {"__pycache__", "account", "app", "cli", "constructs", "universal"}
"""The folders of the package that a page does not depend on."""

_PAGES: Final = frozenset({".htm", ".html", ".mht", ".mhtml", ".shtml", ".svg", ".xht", ".xhtml"})
"""How the names of files end that a browser shows as a page, whatever they contain."""

_KIND: Final = "a pump-roles report, a page of one, a template, or a folder of templates"

_MOST_BYTES: Final = 100_000_000
"""The maximum length of what a page carries, in bytes, so that it cannot fill the memory."""

_MOST_TIMES: Final = 5
"""The maximum number of earlier times as of which a page is made again."""

_MOMENT: Final = 0.001
"""How long before a time that has passed since, in seconds, a page is made again."""

_MOST_RESOURCES: Final = 1_000_000
"""The maximum number of other resources, so that they cannot fill the memory."""

_LONGEST: Final = 200
"""The maximum length of a problem, in characters."""


def page_of(report: Report) -> str:
    """Return the page of a report, which carries what was read: the same for the same report."""
    return _page(report, _element(report))


def _page(report: Report, carried: str) -> str:
    # Imported here: Jinja loads slowly.
    from pump_roles.review.output.page import as_html  # noqa: PLC0415

    return as_html(report, carried)


def _element(report: Report) -> str:
    # Carries what was read for the report that the page shows.
    carried = {"read": report.read, "since": report.since, "code": code_sha256()}
    written = to_compact_json(carried).encode("utf-8", "backslashreplace")
    # Unlike zlib, this has one implementation, so the page is the same on every machine.
    return _ELEMENT.format(b64encode(compress(written, preset=1)).decode())


@cache
def code_sha256() -> str:
    """Return the SHA-256 of the files that decide a page, with which it is the same every time."""
    found = sha256()
    for file in sorted(_files(_PACKAGE)):
        name, content = file.relative_to(_PACKAGE).as_posix(), file.read_bytes()
        found.update(f"{name}\n{len(content)}\n".encode() + content)
    return found.hexdigest()


def _files(folder: Path) -> Iterator[Path]:
    for file in folder.iterdir():
        if not file.is_dir():
            yield file
        elif file.name not in _WITHOUT:
            yield from _files(file)


def _carried_by(page: bytes) -> Any:
    # None if it is not the page of a report.
    found = _EMBEDDED.findall(page)
    if len(found) != 1:
        return None
    decompressor = LZMADecompressor(memlimit=_MOST_BYTES)
    try:
        written = decompressor.decompress(b64decode(found[0]), _MOST_BYTES)
        return parse_json(written.decode()) if decompressor.eof else None
    except (LZMAError, EOFError, ValueError):
        return None


def element_of(page: bytes) -> str:
    """Return the element of a page with what the page carries, or an empty text without one."""
    found = _EMBEDDED.search(page)
    return found[0].decode() if found else ""


def inventory_from(content: Any) -> Inventory:
    """Return what a report's member ``read`` has.

    :raises InputError: if this version cannot read it, or it has a member that is not known.
    """
    members = as_mapping(content)
    if not members:
        raise InputError("it does not keep what was read; write it again with this version")
    if members.get("format") != FORMAT:
        written, version = (as_text(members.get(name)) for name in ("format", "version"))
        raise InputError(
            f"its format is {cut(visible(written), _LONGEST)}; use version "
            f"{cut(visible(version), _LONGEST)} of pump-roles, or a later one"
        )
    read: Inventory = _converted(content, Inventory)
    kinds = [role.kind for role in read.roles]
    if not kinds or {*kinds} - ROLES.keys() or len({*kinds}) < len(kinds):
        raise InputError(f"roles: must be one or more of {', '.join(ROLES)}, each once")
    if sum(map(abs, read.resources.values())) > _MOST_RESOURCES:
        raise InputError(f"resources: must be at most {_MOST_RESOURCES:,}")
    for detail in (*read.roles, *read.approval_end_roles):
        if problem := _problem_of(detail):
            raise InputError(cut(f"{visible(detail.kind)}: {problem}", _LONGEST))
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
    content = _visible(content)
    # Imported here: only what reads a report needs it.
    import msgspec  # noqa: PLC0415

    try:
        found = msgspec.convert(content, type_)
    except msgspec.ValidationError as error:
        raise InputError(cut(visible(str(error)), _LONGEST)) from None
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


def _visible(value: Any) -> Any:
    # Whoever wrote the file may want to hide something from whoever reads the comparison.
    if isinstance(value, str):
        return visible(value)
    if isinstance(value, list):
        return [_visible(element) for element in value]
    if isinstance(value, dict):
        return {visible(key): _visible(member) for key, member in value.items()}
    return value


def read_saved(path: Path) -> Earlier | None:
    """Read a report, or a page of one; return ``None`` for a template, or a folder of them."""
    try:
        if path.is_dir():
            return None
        page = path.read_bytes() if path.is_file() else b""
        carried = _carried_by(page)
        content, written = (carried, page) if carried is not None else read_json(path, _KIND)
    except RecursionError:
        raise InputError(f"{path}: {TOO_DEEP}") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None
    if carried is None and path.suffix.lower() in _PAGES:
        # A page can be in a string of JSON, and show anything.
        raise InputError(f"{path}: is JSON, but its name is that of a page; name it .json")
    if isinstance(content, dict) and "Resources" in content:
        if "read" in content:
            raise InputError(f"{path}: is both a report and a template: it has read and Resources")
        return None
    if not _is_result(content):
        raise InputError(f"{path}: is not {_KIND}")
    files = ((path.name, sha256(written).hexdigest()),)
    try:
        found = _earlier(content, path.name, files)
        unchecked = carried is not None and not _is_checked(page, content, found)
    except InputError as error:
        raise InputError(
            f"{path}: is not a report that this version of pump-roles can read: {error}"
        ) from None
    except RecursionError:
        raise InputError(f"{path}: {TOO_DEEP}") from None
    return replace(found, compared=replace(found.compared, unchecked=unchecked))


def _earlier(
    content: Any, file: str, files: tuple[tuple[str, str], ...], now: float | None = None
) -> Earlier:
    read, since = inventory_from(content.get("read")), None
    if content.get("since") and "code" in content:
        # Only a page shows again what it was compared with.
        inventory_from(as_mapping(content["since"]).get("read"))
        compared: Compared = _converted(content["since"], Compared)
        since = Earlier(compared=compared, report=of_contents(compared.read.assembly, now=now))
    report = of_contents(read.assembly, since=since, now=now)
    return earlier_of(report, file=file, files=files, read=read)


def _is_checked(page: bytes, carried: Any, found: Earlier) -> bool:
    # Another version can show the same otherwise.
    if carried.get("code") != code_sha256():
        return False
    times = _times_passed(found.report)
    # What a policy denied until one of them, it may have denied when the page was written.
    then = (_earlier(carried, "", (), time - _MOMENT) for time in times[:_MOST_TIMES])
    if any(_is_shown(page, carried, each.report) for each in chain([found], then)):
        return True
    if len(times) <= _MOST_TIMES:
        raise InputError("it shows something else than it carries")
    return False


def _is_shown(page: bytes, carried: Any, report: Report) -> bool:
    shown = _page(report, element_of(page)).encode("utf-8", "backslashreplace")
    kept = json.loads(to_compact_json({"read": report.read, "since": report.since}))
    return shown == page and kept == {name: carried.get(name) for name in kept}


def _times_passed(report: Report) -> list[float]:
    # The times that have passed after which a condition is never met, the last one first.
    inventories = [report.read, *([report.since.read] if report.since else [])]
    roles = (found.role for inventory in inventories for found in inventory.assembly.roles)
    policies = (policy for role in roles for policy in role.all_policies)
    scopes = (statement.scope for policy in policies for statement in policy.statements)
    times = {time for scope in scopes for time in last_times(scope.condition)}
    now = datetime.now(timezone.utc).timestamp()
    return sorted((time for time in times if time <= now), reverse=True)


def is_report(path: Path) -> bool:
    """Return whether a file is a report, or a page of one, even if this version cannot read it."""
    try:
        content = path.read_bytes() if path.is_file() else b""
        if element_of(content):
            return True
        found = parse_json(content.decode("utf-8-sig"))
    except (OSError, RecursionError, ValueError):
        return False
    return _is_result(found)


def _is_result(content: Any) -> bool:
    is_object = isinstance(content, dict) and "Resources" not in content
    return is_object and bool(content.keys() & {"schema", "read"})
