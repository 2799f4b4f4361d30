"""The events in files: of a trail, of its folders, and of the saved event history."""

import gzip
import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pump_roles.inputs.text import InputError, parse_any_depth
from pump_roles.review.account import cloudtrail_records
from pump_roles.review.account.activity_result import ActivityUnknown
from pump_roles.review.account.cloudtrail_records import find_files, parse_record, read_records
from tests.review.account.trail import call, write, write_lookup

DIGEST = {
    "awsAccountId": "111122223333",
    "digestStartTime": "2026-11-10T07:15:00Z",
    "digestEndTime": "2026-11-10T08:15:00Z",
    "digestS3Bucket": "trail",
    "digestS3Object": "AWSLogs/111122223333/CloudTrail-Digest/d.json.gz",
    "logFiles": [],
}


def read(*paths: Path) -> tuple[list[Any], list[ActivityUnknown]]:
    unknown: list[ActivityUnknown] = []
    files = find_files(paths, unknown=unknown.append)
    records = read_records(files, unknown=unknown.append, done=lambda _: None)
    return [record for _, found in records for record in found], unknown


def test_reads_files_folders_and_the_saved_event_history(tmp_path: Path) -> None:
    events = [call("ec2:DescribeInstances") for _ in range(5)]
    nested = write(tmp_path, events[0], name="AWSLogs/us-east-1/2026/11/10/a.json.gz")
    write(tmp_path, events[1], name="AWSLogs/us-west-2/2026/11/10/b.JSON")
    (tmp_path / "README.txt").write_text("not read")
    lookup = write_lookup(tmp_path, events[2:4], "lookup.json")
    again = lookup.parent / "AWSLogs" / ".." / lookup.name
    # A file that is named may have any extension. A digest file has no events.
    renamed = write(tmp_path, events[4], name="trail.log")
    (tmp_path / "digest.json.gz").write_bytes(gzip.compress(json.dumps(DIGEST).encode()))
    found, unknown = read(tmp_path, nested, lookup, again, renamed)
    assert sorted(event["eventID"] for event in found) == [event["eventID"] for event in events]
    assert unknown == []


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "not-json"),
        (b"{", "not-json"),
        (b'{"Records": [{"a": 1}', "not-json"),
        (b"\xff\xfe", "not-json"),
        (b"[" * 100_000 + b"]" * 100_000, "too-deep"),
        (b'{"Records": [NaN]}', "not-json"),
        (b'{"Records": [], "Records": []}', "not-json"),
        (b'{"Records": [{"eventName": "Purchase", "\\u0065ventName": "Describe"}]}', "not-json"),
        (b'{"Records": [{"userIdentity": {"arn": "a", "arn": "b"}}]}', "not-json"),
        (rb'{"Records": [{"a": "\u003a", "b": 1, "b": 2}]}', "not-json"),
        (rb'{"Records": [{"a": "\u003A", "b": 1, "b": 2}]}', "not-json"),
        (b'{"Records": [], "Events": []}', "not-cloudtrail"),
        (b'{"Records": [], "more": []}', "not-cloudtrail"),
        (b'{"Events": [], "more": []}', "not-cloudtrail"),
        (b'{"Records": [], "digestStartTime": "", "digestS3Object": ""}', "not-cloudtrail"),
        (b'{"Events": [], "digestStartTime": "", "digestS3Object": ""}', "not-cloudtrail"),
        (b"[]", "not-cloudtrail"),
        (b'{"Resources": {}}', "not-cloudtrail"),
        (b'{"Records": {}}', "not-cloudtrail"),
        (gzip.compress(b'{"Records": []}', mtime=0)[:-6], "truncated"),
        (gzip.compress(b'{"Records": []}' * 9, mtime=0)[:20], "truncated"),
        (b"\x1f\x8bnot gzip", "not-json"),
        (b'{"Records": [' + b" " * 1_000 + b"]}", "too-large"),
        (gzip.compress(b'{"Records": [' + b" " * 1_000 + b"]}", mtime=0), "too-large"),
    ],
)
def test_file_that_cannot_be_read_is_unknown(
    content: bytes, why: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if why == "too-large":
        monkeypatch.setattr(cloudtrail_records, "_MOST_BYTES", 1_000)
    file = tmp_path / "a.json.gz"
    file.write_bytes(content)
    assert read(file) == ([], [ActivityUnknown(why=why, subject=str(file))])


TEXTS = st.sampled_from(["a", "b", ":", "a:b", '"', "\\", "\u00e9", "\u003a"])


def _written(value: Any) -> st.SearchStrategy[str]:
    return st.sampled_from([json.dumps(value), json.dumps(value).replace(":", r"\u003a")])


JSON_TEXTS = st.recursive(
    TEXTS.flatmap(_written)
    | st.sampled_from(["1", "2.5", "null", "NaN", "1e999", "12345678901234567890123"]),
    lambda inner: (
        st.lists(inner, max_size=3).map(lambda found: f"[{', '.join(found)}]")
        | st.lists(st.tuples(TEXTS.flatmap(_written), inner), max_size=3).map(
            lambda found: "{" + ", ".join(f"{key} : {value}" for key, value in found) + "}"
        )
    ),
    max_leaves=8,
)
"""JSON, also with keys that are listed twice, and with what is not JSON."""


@given(JSON_TEXTS)
def test_file_is_read_as_the_strict_parser_reads_it(
    tmp_path_factory: pytest.TempPathFactory, text: str
) -> None:
    text = f'{{"Records": [{text}]}}'
    try:
        expected = parse_any_depth(text)["Records"]
    except ValueError:
        expected = []
    file = tmp_path_factory.mktemp("trail") / "a.json"
    file.write_text(text)
    assert repr(read(file)[0]) == repr(expected)


def test_event_history_that_was_not_saved_to_the_end_is_unknown(tmp_path: Path) -> None:
    event = call("ec2:DescribeInstances")
    file = write_lookup(tmp_path, [event])
    saved = json.loads(file.read_text()) | {"ResponseMetadata": {"HTTPStatusCode": 200}}
    for token, unknown in (("", []), ("x", [ActivityUnknown(why="truncated", subject=str(file))])):
        file.write_text(json.dumps(saved | {"NextToken": token}))
        assert read(file) == ([event], unknown)


@pytest.mark.parametrize("text", ['{"eventName": "Purchase", "eventName": "Describe"}', "{", 3])
def test_record_of_the_event_history_that_cannot_be_read_is_none(text: Any) -> None:
    assert parse_record({"CloudTrailEvent": text}) is None


def test_file_with_a_lone_surrogate_is_read(tmp_path: Path) -> None:
    event = call("ec2:DescribeInstances", session="\ud800")
    assert read(write(tmp_path, event)) == ([event], [])


def test_paths_without_files_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"contains no .json and no .json.gz files"):
        read(tmp_path)
    with pytest.raises(InputError, match="there is no such file"):
        read(tmp_path / "x.json")
    with pytest.raises(InputError, match="is not a regular file"):
        read(Path("/dev/null"))
    loop = tmp_path / "loop.json"
    loop.symlink_to(loop)
    with pytest.raises(InputError, match=r"loop.json: cannot be read: "):
        read(loop)
    write(tmp_path, call("ec2:DescribeInstances"))
    assert read(tmp_path)[1] == [ActivityUnknown(why="not-read", subject=str(loop))]


def test_linked_folders_are_read_once_and_may_lead_back(tmp_path: Path) -> None:
    event = call("ec2:DescribeInstances")
    write(tmp_path / "elsewhere", event)
    folder = tmp_path / "trail"
    folder.mkdir()
    for name in ("a", "b"):
        (folder / name).symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere" / "back").symlink_to(folder)
    assert read(folder) == ([event], [])


def test_what_cannot_be_read_in_a_folder_is_unknown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed, broken = tmp_path / "closed", tmp_path / "broken.json"
    closed.mkdir()
    broken.symlink_to(tmp_path / "nothing")
    (tmp_path / "broken.txt").symlink_to(tmp_path / "nothing")
    scan = os.scandir

    def denied(path: Any) -> Any:
        # The permissions of a folder do not stop root.
        if Path(path) == closed:
            raise PermissionError(13, "Permission denied", str(path))
        return scan(path)

    monkeypatch.setattr(os, "scandir", denied)
    unknown = [ActivityUnknown(why="not-read", subject=str(path)) for path in (broken, closed)]
    assert read(tmp_path) == ([], unknown)
    event = call("ec2:DescribeInstances")
    write(tmp_path, event)
    assert read(tmp_path) == ([event], unknown)
