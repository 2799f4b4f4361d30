"""Which files are read, and one clear error for those that cannot be."""

import json
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pump_roles.inputs.text import InputError
from tests.documents import written
from tests.support import EVERYTHING, changed, json_values, of_templates, said


def test_sha_256_is_that_of_the_file(text: str, tmp_path: Path) -> None:
    file = tmp_path / "crlf.template.json"
    file.write_bytes(b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode())
    (role,) = of_templates(file).roles
    assert role.files[0][1] == sha256(file.read_bytes()).hexdigest()


LEAVES = ["AutoPilotRole", "PumpAutoPilotRole", "AWS::IAM::Policy", "*", "x"]
VALUES = json_values(
    st.none() | st.booleans() | st.integers() | st.sampled_from(LEAVES),
    *("Ref", "Fn::If", "Type", "Properties", "Roles", "sts:ExternalId"),
)
PROPERTIES = st.sampled_from(
    [
        *("RoleName", "Policies", "ManagedPolicyArns", "AssumeRolePolicyDocument"),
        *("PermissionsBoundary", "MaxSessionDuration", "Tags"),
    ]
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(PROPERTIES, VALUES, max_size=3), st.dictionaries(st.text("OP"), VALUES))
def test_whatever_a_template_holds_is_a_report_or_one_clear_error(
    text: str, tmp_path: Path, properties: dict[str, Any], resources: dict[str, Any]
) -> None:
    def change(template: dict[str, Any], role: dict[str, Any]) -> None:
        role.update(properties)
        template["Resources"].update(resources)

    try:
        assert written(changed(text, tmp_path, change), "markdown", every_action=True)
    except InputError as error:
        assert str(error).startswith(str(tmp_path))


OTHER_TEMPLATES = {
    "a.yaml": "Resources:\n  R:\n    Type: AWS::IAM::Role\n",
    "deep/b.yml": "Resources: {R: {Type: 'AWS::IAM::Role'}}",
    "c.json": '{"Resources": {"R": {"Type": "AWS::IAM::Role"}}}',
}
NO_TEMPLATES = {
    "package.json": '{"name": "x", "Resources": []}',
    "config.yaml": "Type: AWS::IAM::Role\n",
    "readme.md": OTHER_TEMPLATES["a.yaml"],
}


def test_template_in_a_folder_that_is_not_read_is_named(text: str, tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    templates = dict.fromkeys(["Pump.template.json", "deep/Pump.template.json"], text)
    for name, content in {**NO_TEMPLATES, **templates}.items():
        (tmp_path / name).write_text(content)
    assert of_templates(tmp_path).unreadable == ()
    for name, content in OTHER_TEMPLATES.items():
        (tmp_path / name).write_text(content)
    report = of_templates(tmp_path)
    found = [(each.why, each.source) for each in report.unreadable]
    assert found == [("not-read-in-folder", name) for name in ("a.yaml", "c.json", "b.yml")]
    assert [finding.kind for finding in report.findings] == ["suspect"]
    assert not report.exact
    # A single template is all that was asked for.
    assert of_templates(tmp_path / "Pump.template.json").unreadable == ()


def with_artifact(folder: Path, text: str, **properties: str) -> Path:
    """Write the role's template, and a manifest that names it and one more artifact."""
    folder.mkdir(exist_ok=True)
    (folder / "Pump.template.json").write_text(text)
    artifacts = {
        "Pump": {"properties": {"templateFile": "Pump.template.json"}},
        "Other": {"properties": properties},
    }
    (folder / "manifest.json").write_text(json.dumps({"artifacts": artifacts}))
    return folder


@pytest.mark.parametrize("name", ["a\0b", "\ud800", "a" * 5_000, "", ".", ".."])
@pytest.mark.parametrize("key", ["templateFile", "directoryName"])
def test_name_that_is_not_a_files_name_is_a_finding_or_one_clear_error(
    key: str, name: str, text: str, tmp_path: Path
) -> None:
    try:
        first, *_ = of_templates(with_artifact(tmp_path, text, **{key: name})).findings
    except InputError as error:
        assert str(error).startswith(str(tmp_path))
    else:
        assert first.kind == "suspect"


@pytest.mark.parametrize(
    ("key", "name"),
    [
        ("templateFile", "../outside.json"),
        ("templateFile", "{outside}/outside.json"),
        ("templateFile", "linked.json"),
        ("templateFile", "a/../../x"),
        ("directoryName", "assembly-that-is-missing"),
    ],
)
def test_what_the_manifest_names_elsewhere_is_a_finding_and_is_not_read(
    key: str, name: str, text: str, tmp_path: Path
) -> None:
    name = name.format(outside=tmp_path)
    folder = with_artifact(tmp_path / "cdk.out", text, **{key: name})
    (tmp_path / "outside.json").write_text("not a template")
    (folder / "linked.json").symlink_to(tmp_path / "outside.json")
    report = of_templates(folder)
    assert report.findings[0].kind == "suspect"
    named = f"{Path(name).name}: the manifest names it, but it is not in its folder"
    assert named in said(report)


def test_file_with_another_extension_that_the_manifest_names_is_read(
    text: str, tmp_path: Path
) -> None:
    wide = {"Roles": ["PumpAutoPilotRole"], "PolicyName": "P", "PolicyDocument": EVERYTHING}
    content = {"Resources": {"Wide": {"Type": "AWS::IAM::Policy", "Properties": wide}}}
    (tmp_path / "evil.txt").write_text(json.dumps(content))
    report = of_templates(with_artifact(tmp_path, text, templateFile="evil.txt"))
    assert report.findings[0].kind == "difference"
    assert "ts inline policy Wide is from evil.txt" in said(report)
