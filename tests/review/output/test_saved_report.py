"""What each command writes as JSON is what its schema describes, and nothing else is."""

# ruff: noqa: SLF001

import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from hashlib import sha256
from html import unescape
from importlib import resources
from pathlib import Path
from shutil import copytree, ignore_patterns
from typing import Any

import pytest
from jinja2 import Environment, compiler
from jsonschema import Draft202012Validator

from pump_roles import Guardrail, __version__
from pump_roles.inputs.text import InputError
from pump_roles.pump_side import ProbeAttempt, ProbeResult
from pump_roles.review.account.activity_collector import Collector
from pump_roles.review.account.probe import ProbeReport
from pump_roles.review.account.verification import PolicyResult
from pump_roles.review.account.watched_roles import published_roles
from pump_roles.review.output import (
    Item,
    Part,
    Presentation,
    Section,
    Table,
    capital,
    spans,
)
from pump_roles.review.output import page as html_page
from pump_roles.review.output.messages import to_json
from pump_roles.review.output.page import as_html
from pump_roles.review.output.saved_report import inventory_from, kept, read_saved
from pump_roles.review.output.writers import to_markdown
from pump_roles.review.report import FINDINGS, Earlier, Report
from pump_roles.review.report.inventory import RoleTag
from pump_roles.review.report.permission_report import of_kept, of_published
from tests.documents import presentation_of
from tests.review.account import results
from tests.review.account.trail import PURCHASES, call
from tests.support import (
    EVERYTHING,
    another,
    changed,
    earlier,
    of_templates,
    plain,
    rolled_out,
    short_catalog,
    short_reports,
    synthesize,
    together,
)
from tools.sandbox.cdk import ROOT

Json = Any


ALL_GUARDRAILS = [
    Guardrail.RECOMMENDED,
    Guardrail.NO_SELLING,
    Guardrail.ONLY_WHEN_APPROVED,
    Guardrail.HANDS_OFF,
    Guardrail.NO_SUPPORT_WRITES,
    Guardrail.only_in_regions("us-east-1", "eu-west-1"),
    Guardrail.invitations_from("111122223333"),
    Guardrail.until("2927-01-31T18:00:00Z"),
]


def modify(template: dict[str, Any], role: dict[str, Any]) -> None:
    """Give the role more than Pump publishes."""
    others = {"Effect": "Deny", "NotAction": ["ec2:*", "ce:*"], "Resource": "*"}
    for document in (EVERYTHING, {"Statement": others}):
        another(document)(template, role)
    trust = role["AssumeRolePolicyDocument"]
    trust["Statement"][0]["Principal"] = "*"
    trusting = {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": trust}}
    template["Resources"] |= {"Another": trusting, "Topic": {"Type": "AWS::SNS::Topic"}}


def approve(template: dict[str, Any], role: dict[str, Any]) -> None:
    """Give the role a tag that opens one of its policies."""
    unless = {"StringNotEquals": {"aws:PrincipalTag/pump-commitments": "yes"}}
    denied = {"Effect": "Deny", "Action": "ce:*", "Resource": "*", "Condition": unless}
    another({"Statement": denied})(template, role)
    role["Tags"] = [{"Key": "pump-commitments", "Value": "yes"}]


def expire(template: dict[str, Any], role: dict[str, Any]) -> None:
    """Give the role a deny whose time has passed."""
    before = {"DateLessThan": {"aws:CurrentTime": "2026-01-01T00:00:00Z"}}
    denied = {"Effect": "Deny", "Action": "ce:*", "Resource": "*", "Condition": before}
    another({"Statement": denied})(template, role)


def obscure(template: dict[str, Any], role: dict[str, Any]) -> None:
    """Add what only a deployment decides."""
    template["Transform"] = ["Macro"]
    role["ManagedPolicyArns"] = {"Ref": "P"}
    only = {"Effect": "Allow", "Action": "ec2:RunInstances", "Resource": "arn:aws:ec2:*:*:image/*"}
    another({"Statement": only})(template, role)


def compared(text: str, folder: Path) -> Report:
    """Report on a modified role that had guardrails before, as if AWS had added an action since."""
    synthesize(folder / "before", *ALL_GUARDRAILS)
    before = plain(of_templates(folder / "before" / "PumpAutoPilot.template.json"))
    added = before["read"]["roles"][0]["effective"].pop(0)
    changed(text, folder, modify)
    now = of_templates(folder / "changed.template.json", since=earlier(before, "before.json"))
    return replace(now, gained={"*": (added,)})


REPORTS: dict[str, Callable[[str, Path], Report]] = {
    "published": lambda _, __: of_published(),
    "guardrails": lambda _, folder: of_templates(
        synthesize(folder, *ALL_GUARDRAILS, permissions_boundary="platform/Boundary")
    ),
    "rollouts": lambda _, folder: of_templates(rolled_out(folder, lambda _: None)),
    "modified": lambda text, folder: changed(text, folder, together(modify, approve, expire)),
    "unreadable": lambda text, folder: changed(text, folder, obscure),
    "compared": compared,
}


PROBED = ProbeResult(
    "arn:aws:iam::111122223333:role/R",
    ProbeAttempt("refused"),
    ProbeAttempt("unknown", "failed", "\ud800"),
    ProbeAttempt("refused"),
)

ACTIVITY = Collector(published_roles())
ACTIVITY.add("trail.json", [*PURCHASES.values(), call("ecs:DescribeTasks"), call("s3:ListBuckets")])
ACTIVITY.add("trail.json", [call("ec2:CreateTags", error="AccessDenied")])

OTHERS: dict[str, Json] = {
    "activity": ACTIVITY.result(),
    "verify, mixed": results.MIXED,
    "verify, no account": results.verification(),
    "verify, everything": replace(
        results.verification(results.with_everything()),
        policies=(
            PolicyResult(
                name="text",
                type="SERVICE_CONTROL_POLICY",
                differences=(results.difference(rule="organization-policy-changed"),),
                unknown=(results.not_read("text"),),
                attached_to=("r-abcd",),
                stops=True,
            ),
        ),
        notes=(results.not_read("text"),),
    ),
    "probe": ProbeReport(caller="", roles=(PROBED,)),
}


@pytest.fixture(scope="module")
def reports(text: str, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Report]:
    with short_reports():
        return {
            f"report, {name}": report(text, tmp_path_factory.mktemp(name))
            for name, report in REPORTS.items()
        }


@pytest.fixture(scope="module")
def documents(reports: Mapping[str, Report]) -> Mapping[str, Json]:
    """Every result as the JSON that is written, by a name that begins with its schema's."""
    return {name: json.loads(to_json(result)) for name, result in {**reports, **OTHERS}.items()}


NAMES = [*(f"report, {name}" for name in REPORTS), *OTHERS]


def validator(name: str) -> Draft202012Validator:
    file = resources.files("pump_roles.review.output") / f"{name.partition(',')[0]}.schema.json"
    return Draft202012Validator(json.loads(file.read_text("utf-8")))


@pytest.mark.parametrize("name", NAMES)
def test_what_is_written_is_valid(name: str, documents: Mapping[str, Json]) -> None:
    validator(name).validate(documents[name])


def test_a_report_follows_from_what_it_keeps(
    reports: Mapping[str, Report], documents: Mapping[str, Json]
) -> None:
    with short_reports():
        for name, report in reports.items():
            if report.since is None:
                assert of_kept(inventory_from(documents[name]["read"])) == report, name


def test_reports_have_what_their_names_say(documents: Mapping[str, Json]) -> None:
    """The positive control of the test above."""
    assert documents["report, published"]["as_published"]
    assert any(found["ends"] for found in documents["report, guardrails"]["roles"][1]["guardrails"])
    assert all(place["units"] for place in documents["report, rollouts"]["places"])
    kinds = {finding["kind"] for finding in documents["report, modified"]["findings"]}
    assert kinds >= set(FINDINGS)
    assert not documents["report, unreadable"]["exact"]
    compared = documents["report, compared"]
    assert compared["since"]["file"] == "before.json"
    assert {change["cause"] for change in compared["changes"]} == {"AWS", "role"}


WORDED = ({"rule", "effect"}, {"part", "why"}, {"why", "events"}, {"cause"}, {"schema", "expected"})
"""Members that only a difference, an unknown or a note, a change, or a verification has."""


def texts_of(part: Part | Section | Presentation) -> Iterator[str]:
    """Every text of a document, whole, as it is shown."""
    match part:
        case Presentation():
            for section in (*part.first, *part.summary, *part.about, *part.sections):
                yield from texts_of(section)
        case Section():
            for each in part.parts:
                yield from texts_of(each)
        case Table():
            for row in part.rows:
                yield ": ".join(text for cell in row for text in texts_of(cell))
        case Item():
            yield from texts_of(part.text)
            for item in part.items:
                yield from texts_of(item)
        case _:
            pieces = spans(part, whole=True)
            yield "".join(piece if isinstance(piece, str) else piece.text for piece in pieces)


@pytest.mark.parametrize("name", NAMES)
def test_message_of_each_difference_unknown_and_note_is_what_a_terminal_shows(
    name: str, reports: Mapping[str, Report], documents: Mapping[str, Json]
) -> None:
    shown = [*texts_of(presentation_of({**reports, **OTHERS}[name]))]
    for found in objects_apart_from(("read",), documents[name]):
        if any(members <= found.keys() for members in WORDED):
            texts = found["message"], capital(found["message"])
            assert any(text in line for line in shown for text in texts), found


def test_results_have_messages_of_each_type_apart_from_what_is_kept(
    documents: Mapping[str, Json],
) -> None:
    """The positive control of the test above."""
    worded = [
        members
        for document in documents.values()
        for found in objects_apart_from(("read",), document)
        for members in (*WORDED, {"kind", "role"})
        if {"message", *members} <= found.keys()
    ]
    assert all(members in worded for members in (*WORDED, {"kind", "role"}))
    read = documents["report, unreadable"]["read"]
    kept = [*objects_apart_from((), read)]
    assert any({"part", "why"} <= found.keys() for found in kept)
    assert not any("message" in found for found in kept)


UNDESCRIBED = ("AssumeRolePolicyDocument", "PolicyDocument", "resources")
"""The members whose objects may have any member."""


def first_objects(value: Json) -> Iterator[dict[str, Json]]:
    """The objects of a document, and of each list only the first element's.

    Those of tags, resources, and policy documents are not described.
    """
    if isinstance(value, dict):
        yield value
        for name, member in value.items():
            if name not in (*UNDESCRIBED, "tags"):
                yield from first_objects(member)
    elif isinstance(value, list) and value:
        yield from first_objects(value[0])


def short(value: Json) -> Json:
    """A document with at most two elements of each list, which is as valid."""
    if isinstance(value, dict):
        return {name: short(member) for name, member in value.items()}
    return [short(element) for element in value[:2]] if isinstance(value, list) else value


@pytest.mark.parametrize("name", NAMES)
def test_unknown_or_missing_member_is_invalid(name: str, documents: Mapping[str, Json]) -> None:
    document, schema = short(documents[name]), validator(name)
    schema.validate(document)
    objects = [*first_objects(document)]
    assert len(objects) > 1
    for found in objects:
        found["more"] = None
        assert not schema.is_valid(document), found
        del found["more"]
    for member in document:
        without = {other: document[other] for other in document if other != member}
        assert not schema.is_valid(without), member


def problem_of(content: Json) -> str:
    """Why a JSON value is not what a report keeps."""
    with pytest.raises(InputError) as caught:
        inventory_from(content)
    return str(caught.value)


@pytest.mark.parametrize("name", ["report, guardrails", "report, modified", "report, rollouts"])
def test_member_that_is_not_known_is_an_error(name: str, documents: Mapping[str, Json]) -> None:
    read = documents[name]["read"]
    inventory_from(read)
    for found in objects_apart_from(UNDESCRIBED, read):
        found["more"] = None
        assert problem_of(read) == "the member more is not known"
        del found["more"]


def objects_apart_from(names: Sequence[str], value: Json) -> Iterator[dict[str, Json]]:
    """The objects of a document that are not below one of these members."""
    members: list[Json] = value if isinstance(value, list) else []
    if isinstance(value, dict):
        yield value
        members = [member for name, member in value.items() if name not in names]
    for member in members:
        yield from objects_apart_from(names, member)


def test_what_is_kept_has_each_kind_of_role_at_most_once(documents: Mapping[str, Json]) -> None:
    read = documents["report, published"]["read"]
    first, second = read["roles"]
    for roles in ([], [first, first], [{**first, "kind": "other"}]):
        assert problem_of({**read, "roles": roles}) == (
            "roles: must be one or more of read-only, auto-pilot, each once"
        )
    assert inventory_from({**read, "roles": [second, first]}).roles


ALLOWING: Json = {"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
OPEN_VALUE: Json = {"state": "open", "text": "P", "why": "", "default": ""}
OTHER_POLICY: Json = {"PolicyName": "X", "PolicyArn": "arn:aws:iam::111122223333:policy/X"}


@pytest.mark.parametrize(
    ("members", "problem"),
    [
        (
            {"may_deny": [{**OTHER_POLICY, "PolicyDocument": ALLOWING}]},
            "may_deny: X has more than denies",
        ),
        (
            {"AttachedManagedPolicies": [{**OTHER_POLICY, "PolicyDocument": None}]},
            "the document of X is null, and unknown does not say why",
        ),
        (
            {"RolePolicyList": [{"PolicyName": "X", "PolicyDocument": None}]},
            "the document of X is null, and unknown does not say why",
        ),
        ({"Path": OPEN_VALUE}, "Path: can only be known or not read"),
        (
            {"MaxSessionDuration": {**OPEN_VALUE, "state": "known", "text": "3600"}},
            "MaxSessionDuration: can only be known or not read",
        ),
        (
            {"PermissionsBoundary": {**OTHER_POLICY, "PolicyArn": OPEN_VALUE}},
            "PermissionsBoundary: can only be known or not read",
        ),
        (
            {"unknown": [{"part": "inline-policies", "why": "open"}]},
            "unknown: inline-policies cannot be open",
        ),
    ],
)
def test_what_would_not_be_compared_although_no_finding_says_so_is_an_error(
    members: Json, problem: str, documents: Mapping[str, Json]
) -> None:
    read = documents["report, guardrails"]["read"]
    first, second = read["roles"]
    if boundary := members.get("PermissionsBoundary"):
        members = {"PermissionsBoundary": {**boundary, "PolicyDocument": None}}
    assert problem_of({**read, "roles": [{**first, **members}, second]}) == f"read-only: {problem}"


def test_policy_that_was_not_read_and_policy_that_may_deny_are_read_back(
    documents: Mapping[str, Json],
) -> None:
    """The positive control of the test above."""
    read = documents["report, guardrails"]["read"]
    denying = {"Statement": [{"Effect": "Deny", "Action": "*", "Resource": "*"}]}
    why = {"part": "managed-policies", "why": "not-read", "subject": OTHER_POLICY["PolicyArn"]}
    role = {
        **read["roles"][0],
        "AttachedManagedPolicies": [{**OTHER_POLICY, "PolicyDocument": None}],
        "may_deny": [{**OTHER_POLICY, "PolicyDocument": denying}],
        "unknown": [why],
    }
    assert inventory_from({**read, "roles": [role]}).roles[0].may_deny


def test_more_resources_than_templates_have_are_an_error(documents: Mapping[str, Json]) -> None:
    read = documents["report, modified"]["read"]
    assert problem_of({**read, "resources": {"AWS::SNS::Topic": 10**12}}) == (
        "resources: must be at most 1,000,000"
    )


def test_numbers_of_accounts_and_roles_are_by_state(documents: Mapping[str, Json]) -> None:
    assert documents["verify, mixed"]["counts"] == {"match": 1, "differs": 2, "unknown": 1}
    assert documents["verify, mixed"]["state"] == "differs"
    assert documents["verify, no account"]["state"] == "unknown"
    assert documents["probe"]["counts"] == {"required": 0, "not-required": 0, "unknown": 1}


def test_character_that_cannot_be_encoded_is_kept() -> None:
    written = to_json(ProbeReport(caller="", roles=(PROBED,)))
    assert json.loads(written)["roles"][0]["without_id"]["detail"] == "\ud800"
    assert written.encode("utf-8", "backslashreplace")


# What is kept, and files of every version


SAVED = ROOT / "tests" / "saved"
"""What each version kept. Nothing is ever removed from it."""


def kept_files(ending: str) -> list[Path]:
    return sorted(SAVED.rglob(f"*.{ending}"))


@pytest.mark.parametrize("file", kept_files("json"), ids=lambda file: file.name)
def test_what_every_version_kept_is_read_and_kept_again_byte_for_byte(file: Path) -> None:
    read = read_saved(file)
    assert read is not None
    assert kept(read) == file.read_text()
    with short_reports():
        report = of_kept(read)
        again = of_kept(read, since=Earlier(file=file.name, report=report))
    assert report.read == read
    assert report.read_sha256 == sha256(file.read_bytes()).hexdigest()
    assert (report.version, report.date) == (__version__, short_catalog().date)
    assert {change.cause for change in again.changes} <= {"AWS"}


@pytest.mark.parametrize("file", kept_files("html"), ids=lambda file: file.name)
def test_page_of_every_version_is_an_error_that_says_what_to_pass(file: Path) -> None:
    with pytest.raises(InputError, match="is a page, which is for people; pass a file of report"):
        read_saved(file)


def test_files_of_every_version_are_tested() -> None:
    """The positive control of the tests above."""
    assert len(kept_files("json")) == 3
    assert len(kept_files("html")) == 2


def test_sha256_is_that_of_what_was_read_however_its_file_is_formatted(
    documents: Mapping[str, Json], reports: Mapping[str, Report], tmp_path: Path
) -> None:
    for name, report in reports.items():
        file = tmp_path / "report.json"
        for content in (kept(report.read), json.dumps(documents[name])):
            file.write_text(content)
            read = read_saved(file)
            assert read is not None
            with short_reports():
                found = of_kept(read)
            assert found.read_sha256 == sha256(kept(report.read).encode()).hexdigest()
            assert documents[name]["read_sha256"] == found.read_sha256


@pytest.mark.parametrize("ending", ["html", "HTM", "shtm", "xhtml", "svg", "md"])
def test_json_that_can_be_shown_as_something_else_is_refused(
    ending: str, reports: Mapping[str, Report], tmp_path: Path
) -> None:
    for content, is_kept in ((kept(reports["report, modified"].read), True), ("{}", False)):
        file = tmp_path / f"report.{ending}"
        file.write_text(content)
        with pytest.raises(InputError, match="is JSON, but its name is that of something else"):
            read_saved(file)
        for name in ("report.json", "report.template", "report.TXT", "report.yaml", "report"):
            file = file.rename(tmp_path / name)
            assert (read_saved(file) is not None) == is_kept


def test_what_could_not_be_read_again_is_not_kept(reports: Mapping[str, Report]) -> None:
    read = reports["report, published"].read
    hidden = replace(read.roles[0], RoleName="a\u202eb")
    long = replace(read.roles[0], RoleName="a" * 4_000_000)
    for role, problem in (
        (hidden, r"a text has a control character: a\u202eb"),
        (long, "it has more than 4,000,000 bytes"),
    ):
        with pytest.raises(InputError) as caught:
            kept(replace(read, roles=(role,)))
        assert str(caught.value) == f"what was read cannot be kept: {problem}"


def test_page_has_what_was_read_as_text_and_nothing_hidden(
    reports: Mapping[str, Report],
) -> None:
    for report in reports.values():
        page = as_html(report)
        (shown,) = re.findall(r'<pre id="kept" tabindex="0">(.*?)</pre>', page, re.DOTALL)
        assert unescape(shown) == kept(report.read)
        assert f"{report.read_sha256[:12]}…" in page
        assert report.read_sha256 in to_markdown(presentation_of(report))


@pytest.mark.parametrize(
    "change",
    [
        {"Path": "/other/"},
        {"MaxSessionDuration": 7200},
        {"external_id_sha256": ("0" * 64,)},
        {"Tags": (RoleTag(Key="pump", Value="x"),)},
        {"PermissionsBoundary": None},
    ],
    ids=lambda change: next(iter(change)),
)
def test_whatever_is_compared_changes_the_page_and_its_sha256(
    change: dict[str, Any], reports: Mapping[str, Report]
) -> None:
    report = reports["report, guardrails"]
    first, second = report.read.roles
    with short_reports():
        other = of_kept(replace(report.read, roles=(replace(first, **change), second)))
    assert other.read_sha256 != report.read_sha256
    assert as_html(other) != as_html(report)


def test_template_of_the_page_is_compiled_once_for_each_version_of_jinja(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found: list[str] = []
    compile_ = Environment.compile

    def compiled(*arguments: Any, **options: Any) -> Any:
        found.append(options["filename"])
        return compile_(*arguments, **options)

    monkeypatch.setattr(sys, "pycache_prefix", str(tmp_path / "cache"))
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    monkeypatch.setattr(Environment, "compile", compiled)
    other = tmp_path / "compiler.py"
    other.write_text("")
    for version, expected in ((None, 1), (None, 1), (str(other), 2), (str(other), 2)):
        if version:
            monkeypatch.setattr(compiler, "__file__", version)
        html_page._template.__wrapped__()
        assert len(found) == expected


def test_what_was_kept_is_read_although_a_type_has_another_name_since(tmp_path: Path) -> None:
    copytree(ROOT / "pump_roles", tmp_path / "pump_roles", ignore=ignore_patterns("__pycache__"))
    for file in (tmp_path / "pump_roles").rglob("*.py"):
        file.write_text(re.sub(r"\bOtherResource\b", "Neighbor", file.read_text()))
    kept = SAVED / "0.1.0" / "modified.json"
    ended = subprocess.run(
        [sys.executable, "-m", "pump_roles", "report", "--since", str(kept)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    assert "Since `modified.json`" in ended.stdout
