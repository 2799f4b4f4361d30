"""The permission manifest says what the templates, the report, and the README say."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from copy import deepcopy
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from pump_roles import __version__, universal
from pump_roles.published import REASONS, ROLES
from pump_roles.report import of_published
from pump_roles.report.marks import mark
from pump_roles.templates import InputError
from tests.tools.release.manifests import build
from tools.release.consistency import MARKS, inconsistencies
from tools.release.manifest import (
    LIST_OR_READ,
    as_json,
    manifest,
    manifest_of,
    problem,
    read,
)
from tools.sandbox.cdk import ROOT

MANIFEST = manifest()


def with_everything() -> dict[str, Any]:
    """Return a manifest in which nothing that its schema knows is missing or empty."""
    content = build({"read-only": {"One": [("a:Get*", "*")]}}, ["a:GetX"])
    (action,) = content["actions"]
    action |= dict.fromkeys(MARKS, True)
    action["reasons"] = dict.fromkeys(MARKS, "A reason.")
    return content


DOCUMENT = ("roles", 0, "policies", 0, "document")


def with_value(path: Sequence[Any], value: Any) -> dict[str, Any]:
    """Return a manifest with another value somewhere."""
    content = with_everything()
    parent: Any = content
    for step in path[:-1]:
        parent = parent[step]
    parent[path[-1]] = value
    return content


def test_manifest_is_valid_and_consistent() -> None:
    assert problem(json.loads(as_json(MANIFEST))) == problem(MANIFEST) == ""
    assert problem(with_everything()) == ""
    assert inconsistencies(MANIFEST) == []


def test_reason_may_be_null_and_a_policy_without_a_version() -> None:
    assert problem(with_value(("actions", 0, "reasons", "legacy"), None)) == ""
    document = with_everything()["roles"][0]["policies"][0]["document"]
    assert problem(with_value(DOCUMENT, {"Statement": document["Statement"]})) == ""
    assert problem(with_value(DOCUMENT, {"Version": document["Version"]}))


@pytest.mark.parametrize(
    "path",
    [
        (),
        ("catalog",),
        ("roles", 0),
        ("roles", 0, "template"),
        ("roles", 0, "parameters", 0),
        ("roles", 0, "trust"),
        DOCUMENT[:-1],
        DOCUMENT,
        (*DOCUMENT, "Statement", 0),
        ("roles", 0, "patterns", 0),
        ("actions", 0),
        ("actions", 0, "granted_by", 0),
        ("actions", 0, "reasons"),
    ],
    ids=str,
)
def test_unknown_member_is_invalid(path: Sequence[Any]) -> None:
    assert "'more' was unexpected" in problem(with_value((*path, "more"), None))


@pytest.mark.parametrize(
    ("path", "values"),
    [
        (("schema",), [2]),
        (("version",), ["", "1", "1.0", "01.0.0", "1.0.0-rc.1"]),
        (("catalog", "date"), ["", "today", "26-09-26"]),
        (("roles",), [[]]),
        (("roles", 0, "kind"), ["", "Read-Only"]),
        (("roles", 0, "template", "sha256"), ["", "0", "G" * 64]),
        (("roles", 0, "session_seconds"), [3599, 43201]),
        (("roles", 0, "trust", "principal_parameters"), [[], ["*"], ["A", "A"]]),
        (("roles", 0, "trust", "external_id_parameters"), [[]]),
        (("roles", 0, "trust", "external_id_operator"), ["", "StringLike"]),
        ((*DOCUMENT, "Version"), ["2008-10-17"]),
        ((*DOCUMENT, "Statement", 0, "Effect"), ["Deny"]),
        ((*DOCUMENT, "Statement", 0, "Action"), [[], ["*"], "a:Get*"]),
        (("roles", 0, "patterns", 0, "pattern"), ["", "*", "a"]),
        (("roles", 0, "patterns", 0, "resource"), ["", "a b", "arn:aws:a:::${aws:username}"]),
        ((*DOCUMENT, "Statement", 0, "Resource"), ["", "${aws:username}"]),
        (("actions", 0, "name"), ["", "a", "a:*"]),
        (("actions", 0, "access_levels"), [[], ["read"], ["Read", "Read"]]),
        (("actions", 0, "granted_by"), [[]]),
        (("actions", 0, "reasons", "legacy"), ["", 0, [], {}, False]),
    ],
)
def test_value_that_is_not_allowed_is_invalid(path: Sequence[Any], values: list[Any]) -> None:
    for value in values:
        assert problem(with_value(path, value)), value


def test_manifest_has_the_same_bytes_in_every_process() -> None:
    found = {
        subprocess.run(
            [sys.executable, "-m", "tools.release.manifest"],
            cwd=ROOT,
            env={**os.environ, "PYTHONHASHSEED": seed, "TZ": zone, "PYTHONUTF8": "0"},
            capture_output=True,
            check=True,
        ).stdout
        for seed, zone in (("1", "UTC"), ("2", "Asia/Tokyo"))
    }
    assert found == {as_json(MANIFEST)}
    (content,) = found
    assert content.endswith(b"}\n")
    assert json.loads(content.decode("utf-8")) == MANIFEST
    names = [action["name"] for action in MANIFEST["actions"]]
    assert names == sorted(names)


def test_roles_are_those_of_the_released_templates() -> None:
    assert MANIFEST["version"] == __version__
    for role, published in zip(MANIFEST["roles"], ROLES.values(), strict=True):
        content = universal.template(role["kind"])
        assert (role["kind"], role["name"]) == (published.kind, published.name)
        assert (role["description"], role["stack_name"]) == (
            published.description,
            published.stack_name,
        )
        assert role["template"] == {
            "file": f"{published.stack_name}-{__version__}.template.json",
            "sha256": sha256(content).hexdigest(),
        }
        assert role["trust"] == {
            "principal_parameters": ["PumpIamRole"],
            "external_id_parameters": ["PumpExternalID"],
            "external_id_operator": "StringEquals",
            "actions": ["sts:AssumeRole"],
        }
        assert role["session_seconds"] == 3600
        assert [(policy["name"], policy["document"]) for policy in role["policies"]] == [
            (policy.name, policy.document) for policy in published.policies
        ]
        assert [grant["pattern"] for grant in role["patterns"]] == list(published.patterns)
        assert {grant["reason"] for grant in role["patterns"]} <= set(REASONS.values())
        declared = json.loads(content)["Parameters"]
        assert {parameter["name"]: parameter["pattern"] for parameter in role["parameters"]} == {
            name: parameter["AllowedPattern"] for name, parameter in declared.items()
        }


def actions_of(kind: str, policy: str = "") -> list[dict[str, Any]]:
    return [
        action
        for action in MANIFEST["actions"]
        if any(by["role"] == kind and policy in ("", by["policy"]) for by in action["granted_by"])
    ]


def writes(actions: list[dict[str, Any]]) -> int:
    return sum(not set(action["access_levels"]) <= LIST_OR_READ for action in actions)


def test_numbers_match_the_report() -> None:
    report = of_published()
    for role, said in zip(MANIFEST["roles"], report.roles, strict=True):
        found = actions_of(role["kind"])
        assert (len(found), writes(found)) == (said.actions, said.writes)
        assert sum(action["spends_money"] for action in found) == said.money
        assert sum(action["returns_data"] for action in found) == said.data
        assert len({grant["pattern"] for grant in role["patterns"]}) == said.patterns
    assert Counter(
        level for action in MANIFEST["actions"] for level in action["access_levels"]
    ) == (Counter(level for action in report.actions for level in action.levels))
    assert (MANIFEST["catalog"]["source"], MANIFEST["catalog"]["date"]) == (
        report.catalog,
        report.date,
    )


def test_numbers_match_the_readme() -> None:
    readme = (ROOT / "README.md").read_text()
    rows = re.findall(
        r"^\| (?:each|auto-pilot) \|(.*?)\|(.*?)\|(.*?)\|(.*?)\|", readme, re.MULTILINE
    )
    listed = {name.strip(" `"): [int(count) for count in found] for name, *found in rows}
    (role,) = (role for role in MANIFEST["roles"] if role["kind"] == "auto-pilot")
    for name, counts in listed.items():
        policy = "" if name.startswith("all 4") else name
        found = actions_of("auto-pilot", policy)
        patterns = {
            grant["pattern"] for grant in role["patterns"] if policy in ("", grant["policy"])
        }
        assert [len(patterns), len(found), writes(found)] == counts
    assert len(listed) == 5


def test_actions_have_the_reasons_of_the_marks() -> None:
    kinds = {
        "spends_money": "spends",
        "returns_data": "data",
        "incurs_fee": "fee",
        "may_incur_fee": "possible_fee",
    }
    for action in MANIFEST["actions"]:
        for member, kind in {**kinds, "legacy": "legacy"}.items():
            assert (action["reasons"][member] or "") == mark(kind, action["name"])
            assert action[member] == bool(mark(kind, action["name"]))
    assert all(any(action[member] for action in MANIFEST["actions"]) for member in MARKS)


Template = dict[str, Any]


def properties(template: Template) -> dict[str, Any]:
    found: dict[str, Any] = template["Resources"]["ReadOnlyRole"]["Properties"]
    return found


def statement(template: Template) -> dict[str, Any]:
    found: dict[str, Any] = properties(template)["AssumeRolePolicyDocument"]["Statement"][0]
    return found


def changed(change: Callable[[Template], object]) -> dict[str, Any]:
    template = json.loads(universal.template("read-only"))
    change(template)
    return manifest_of({"read-only": json.dumps(template).encode()}, "9.9.9")


def test_session_duration_is_read_from_the_template() -> None:
    made = changed(lambda template: properties(template).update(MaxSessionDuration=3600))
    assert made["roles"][0]["session_seconds"] == 3600
    assert made["roles"][0]["template"]["file"] == "PumpReadOnly-9.9.9.template.json"


@pytest.mark.parametrize(
    "change",
    {
        "a bucket": lambda template: template["Resources"].update(B={"Type": "AWS::S3::Bucket"}),
        "a second role": lambda template: template["Resources"].update(
            Other={"Type": "AWS::IAM::Role", "Properties": properties(template)}
        ),
        "a condition": lambda template: template.update(
            Conditions={"Never": {"Fn::Equals": ["a", "b"]}}
        ),
        "other metadata": lambda template: template["Metadata"].update(Other={}),
        "a conditional role": lambda template: template["Resources"]["ReadOnlyRole"].update(
            Condition="C"
        ),
        "a default": lambda template: template["Parameters"]["PumpExternalID"].update(
            Default="0000"
        ),
        "a path": lambda template: properties(template).update(Path="/pump/"),
        "a boundary": lambda template: properties(template).update(
            PermissionsBoundary="arn:aws:iam::aws:policy/ReadOnlyAccess"
        ),
        "a longer session": lambda template: properties(template).update(MaxSessionDuration=7200),
        "a tag": lambda template: properties(template).update(Tags=[{"Key": "a", "Value": "b"}]),
        "a managed policy": lambda template: properties(template).update(
            ManagedPolicyArns=["arn:aws:iam::aws:policy/ReadOnlyAccess"]
        ),
        "another action": lambda template: properties(template)["Policies"][0]["PolicyDocument"][
            "Statement"
        ][0]["Action"].append("s3:GetObject"),
        "a deny": lambda template: properties(template)["Policies"][0]["PolicyDocument"][
            "Statement"
        ].append({"Effect": "Deny", "Action": ["ce:*"], "Resource": "*"}),
        "a literal principal": lambda template: statement(template).update(
            Principal={"AWS": "1" * 12}
        ),
        "a literal external ID": lambda template: statement(template).update(
            Condition={"StringEquals": {"sts:ExternalId": "abcdefgh"}}
        ),
        "no external ID": lambda template: statement(template).pop("Condition"),
        "StringLike": lambda template: statement(template).update(
            Condition={"StringLike": {"sts:ExternalId": {"Ref": "PumpExternalID"}}}
        ),
        "TagSession": lambda template: statement(template).update(
            Action=["sts:AssumeRole", "sts:TagSession"]
        ),
    }.items(),
    ids=lambda case: case[0],
)
def test_template_that_a_manifest_cannot_describe_is_rejected(
    change: tuple[str, Callable[[Template], object]],
) -> None:
    with pytest.raises(ValueError, match=r"."):
        changed(change[1])


def test_released_manifest_is_read(tmp_path: Path) -> None:
    file = tmp_path / f"{__version__}.json"
    file.write_bytes(as_json(MANIFEST))
    assert read(file) == MANIFEST


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "there is no such file"),
        (b"{", "it is not JSON"),
        (b"{}", r"\$: 'schema' is a required property"),
        (b'{"schema": 1, "schema": 1}', "it is not JSON"),
        (b"\xff", "it is not UTF-8 text"),
        (as_json({**MANIFEST, "roles": "none"}), r"\$.roles: "),
        (as_json({**MANIFEST, "version": "0.0.1"}), "is the manifest of version 0.0.1"),
    ],
)
def test_manifest_that_cannot_be_read_is_one_clear_error(
    content: bytes | None, said: str, tmp_path: Path
) -> None:
    file = tmp_path / "9.9.9.json"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(InputError, match=said) as raised:
        read(file)
    assert len(str(raised.value).splitlines()) == 1


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda manifest: manifest["roles"].append(manifest["roles"][0]), "a role is listed twice"),
        (
            lambda manifest: manifest["actions"].append(manifest["actions"][0]),
            "an? action is listed twice",
        ),
        (lambda manifest: manifest["roles"][0]["patterns"].pop(), "are not those of its policies"),
        (lambda manifest: manifest["roles"][0]["policies"].pop(), "are not those of its policies"),
        (
            lambda manifest: manifest["roles"][0]["patterns"][0]["actions"].pop(),
            "does not match those actions",
        ),
        (lambda manifest: manifest["actions"].pop(), "does not match those actions"),
        (
            lambda manifest: manifest["actions"][0]["granted_by"][0].update(role="b"),
            "is not granted by exactly",
        ),
        (lambda manifest: manifest["actions"][0].update(service="b"), "has the service b"),
        (lambda manifest: manifest["actions"][0].update(legacy=True), "must have a reason"),
        (
            lambda manifest: manifest["roles"][0]["trust"].update(principal_parameters=["Other"]),
            "has a parameter that is not listed",
        ),
    ],
)
def test_manifest_that_contradicts_itself_is_found(
    change: Callable[[dict[str, Any]], object], said: str
) -> None:
    content = build({"a": {"P": [("a:Get*", "*")]}}, ["a:GetX", "a:GetY"])
    assert inconsistencies(content) == []
    content = deepcopy(content)
    change(content)
    assert re.search(said, "\n".join(inconsistencies(content)))


@pytest.mark.skipif(not shutil.which("jq"), reason="jq is not installed")
def test_command_of_the_guide_lists_what_incurs_a_fee(tmp_path: Path) -> None:
    guide = (ROOT / "docs" / "release.md").read_text(encoding="utf-8")
    (command,) = re.findall(r"^\$ (jq .*\n.*)$", guide, re.MULTILINE)
    (tmp_path / f"pump-roles-{__version__}-permissions.json").write_bytes(as_json(MANIFEST))
    ended = subprocess.run(
        ["sh", "-c", command], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    fees = [
        action["name"]
        for action in MANIFEST["actions"]
        if action["incurs_fee"] and any(by["role"] == "read-only" for by in action["granted_by"])
    ]
    assert ended.stdout.splitlines() == fees
    assert fees


def test_example_of_the_guide_lists_what_writes_or_tags(tmp_path: Path) -> None:
    guide = (ROOT / "docs" / "release.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```python\n(.*?)```", guide, re.DOTALL)
    (tmp_path / f"pump-roles-{__version__}-permissions.json").write_bytes(as_json(manifest()))
    ended = subprocess.run(
        [sys.executable, "-c", example], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    lines = ended.stdout.splitlines()
    assert len(lines) == 62
    assert "savingsplans:CreateSavingsPlan auto-pilot" in lines
