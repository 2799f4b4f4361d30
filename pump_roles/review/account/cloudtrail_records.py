"""Reads CloudTrail's events from files, one by one, or from the event history, with boto3."""

import gzip
import os
import time
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from io import BytesIO
from pathlib import Path
from stat import S_ISDIR, S_ISREG
from threading import Lock
from typing import Any, Final, NamedTuple

from pump_roles.inputs.text import InputError, parse_any_depth
from pump_roles.review.account.activity_result import ActivityUnknown, ActivityWhy
from pump_roles.review.account.aws_sdk import (
    Clients,
    error_code,
    in_threads,
    is_denial,
    list_in,
    reason_of,
)

_GZIP: Final = b"\x1f\x8b"

_MOST_BYTES: Final = 2**30
"""The maximum length of a file's text, in bytes, so that a file cannot fill the memory."""

_NAMES: Final = (".json", ".json.gz")

_PROBLEMS: Final[Mapping[type[Exception], ActivityWhy]] = {
    EOFError: "truncated",
    RecursionError: "too-deep",
    zlib.error: "not-json",
    gzip.BadGzipFile: "not-json",
    ValueError: "not-json",
    OSError: "not-read",
}
"""Why a file cannot be read, by the error; the first that fits."""

_OF_THE_HISTORY: Final = {"Events", "NextToken", "ResponseMetadata"}
"""The members of the event history, as the AWS CLI and the SDKs save it."""

_WITH_EVENTS: Final = {"Records", "Events"}


def find_files(
    paths: Iterable[Path], *, unknown: Callable[[ActivityUnknown], object]
) -> list[Path]:
    """Return the files at paths, each once; in folders, those with an extension of CloudTrail's."""
    # One file can have several paths.
    by_real_path: dict[Path, Path] = {}
    for path in paths:
        try:
            mode = path.stat().st_mode
        except FileNotFoundError:
            raise InputError(f"{path}: there is no such file") from None
        except OSError as error:
            raise InputError(f"{path}: cannot be read: {error.strerror}") from None
        if not (S_ISDIR(mode) or S_ISREG(mode)):
            raise InputError(f"{path}: is not a regular file")
        files = [*_in_folder(path)] if S_ISDIR(mode) else [path]
        if not files:
            raise InputError(f"{path}: contains no {' and no '.join(_NAMES)} files")
        for file in files:
            if isinstance(file, ActivityUnknown):
                unknown(file)
            else:
                by_real_path[file.resolve()] = file
    return [*by_real_path.values()]


def _in_folder(path: Path) -> Iterator[Path | ActivityUnknown]:
    closed: list[Path] = []
    seen: set[str] = set()
    walk = os.walk(
        path, followlinks=True, onerror=lambda error: closed.append(Path(error.filename))
    )
    for folder, folders, names in walk:
        # A link may lead to a folder above it.
        real = os.path.realpath(folder)
        if real in seen:
            folders.clear()
            continue
        seen.add(real)
        folders.sort()
        for name in sorted(names):
            file = Path(folder, name)
            if name.lower().endswith(_NAMES):
                # Unlike Path.is_file(), it never raises an error.
                regular = os.path.isfile(file)  # noqa: PTH113
                yield file if regular else _not_read(file)
    yield from map(_not_read, closed)


def _not_read(path: Path) -> ActivityUnknown:
    return ActivityUnknown(why="not-read", subject=str(path))


def read_records(
    files: Iterable[Path],
    *,
    unknown: Callable[[ActivityUnknown], object],
    done: Callable[[int], object],
) -> Iterator[tuple[str, list[Any]]]:
    """Yield the events in files, with each file's name."""
    for file in files:
        records, why = _read_file(file)
        if why:
            unknown(ActivityUnknown(why=why, subject=str(file)))
        yield str(file), records
        done(1)


def _read_file(file: Path) -> tuple[list[Any], ActivityWhy | None]:
    try:
        content = file.read_bytes()
        if content.startswith(_GZIP):
            with gzip.GzipFile(fileobj=BytesIO(content)) as compressed:
                content = compressed.read(_MOST_BYTES + 1)
        if len(content) > _MOST_BYTES:
            return [], "too-large"
        parsed = parse_any_depth(content.decode("utf-8-sig"))
    except tuple(_PROBLEMS) as error:
        return [], next(why for kind, why in _PROBLEMS.items() if isinstance(error, kind))
    match parsed:
        case {"Records": list(records)} if parsed.keys() == {"Records"}:
            return records, None
        case {"Events": list(events)} if parsed.keys() <= _OF_THE_HISTORY:
            # The token of the next page: the rest was not saved.
            return [*map(parse_record, events)], "truncated" if parsed.get("NextToken") else None
        case {"digestStartTime": _, "digestS3Object": _} if not parsed.keys() & _WITH_EVENTS:
            # A trail's digest files are next to its files.
            return [], None
    return [], "not-cloudtrail"


def parse_record(event: Any) -> Any:
    """Return an event of the event history as a trail has it; ``None`` if it has none."""
    try:
        return parse_any_depth(event["CloudTrailEvent"])
    except (KeyError, TypeError, ValueError, RecursionError):
        return None


GLOBAL_REGION: Final = "us-east-1"
"""The Region that has the events of global services, in the partition ``aws``.

Source: CloudTrail User Guide, "Global service events"."""

_MOST_PER_PAGE: Final = 50

_SECONDS_BETWEEN: Final = 0.5
"""``LookupEvents`` accepts two calls a second for each account and Region.

Source: CloudTrail API Reference, "LookupEvents"."""


class RegionRead(NamedTuple):
    """How reading the event history of a Region ended.

    :param events: how many events were read.
    :param unknown: why not all of them; ``None`` if they were.
    """

    region: str
    events: int
    unknown: ActivityUnknown | None = None


def read_history(
    clients: Clients,
    regions: Sequence[str],
    period: tuple[datetime, datetime],
    *,
    add: Callable[[str, Sequence[Any]], object],
    done: Callable[[RegionRead], object],
) -> list[RegionRead]:
    """Read the event history of some Regions at once. One failure does not stop the others."""
    lock = Lock()

    def read(region: str) -> RegionRead:
        count = 0
        client = clients.cloudtrail(region)
        pages = client.get_paginator("lookup_events").paginate(
            StartTime=period[0], EndTime=period[1], PaginationConfig={"PageSize": _MOST_PER_PAGE}
        )
        due = time.monotonic()
        try:
            for page in pages:
                events = list_in(page, "Events")
                count += len(events)
                with lock:
                    add(region, [*map(parse_record, events)])
                due = max(due + _SECONDS_BETWEEN, time.monotonic())
                time.sleep(due - time.monotonic())
        except Exception as error:  # noqa: BLE001
            # botocore can raise anything if the response is not from AWS.
            why: ActivityWhy = "denied" if is_denial(error_code(error)) else "not-read"
            unknown = ActivityUnknown(why=why, subject=region, detail=reason_of(error, client))
            return RegionRead(region, count, unknown)
        return RegionRead(region, count)

    return in_threads(regions, read, on_result=done)
