"""Which files are read, and one clear error for those that cannot be."""

import json
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pump_roles.json_input import InputError
from pump_roles.output.report_markdown import as_markdown
from pump_roles.report import of_templates
from tests.support import changed, json_values


def test_too_deeply_nested_input_is_one_error(text: str, tmp_path: Path) -> None:
    deep: Any = "x"
    for _ in range(600):
        deep = {"a": deep}
    file = tmp_path / "deep.template.json"
    file.write_text(text.replace('"999988887777"', json.dumps(deep)))
    with pytest.raises(InputError, match="nested too deep"):
        of_templates(file)


def test_sha_256_is_that_of_the_file(text: str, tmp_path: Path) -> None:
    file = tmp_path / "crlf.template.json"
    file.write_bytes(b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode())
    (role,) = of_templates(file).roles
    assert role.files[0][1] == sha256(file.read_bytes()).hexdigest()


def test_duplicate_key_is_an_error(text: str, tmp_path: Path) -> None:
    file = tmp_path / "twice.json"
    file.write_text(
        text.replace('"Policies"', '"ManagedPolicyArns": ["x"], "Policies": [], "Policies"')
    )
    with pytest.raises(InputError, match="the key 'Policies' is listed twice"):
        of_templates(file)


VALUES = json_values(
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from(["AutoPilotRole", "PumpAutoPilotRole", "AWS::IAM::Policy", "*", "x"]),
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
        assert as_markdown(changed(text, tmp_path, change))
    except InputError as error:
        assert str(error).startswith(str(tmp_path))


@pytest.mark.parametrize("name", ["a\0b", "\ud800", "a" * 5_000, "", ".", ".."])
@pytest.mark.parametrize("key", ["templateFile", "directoryName"])
def test_name_that_is_not_a_files_name_is_an_alarm_or_one_clear_error(
    key: str, name: str, text: str, tmp_path: Path
) -> None:
    (tmp_path / "Pump.template.json").write_text(text)
    artifacts = {
        "Pump": {"properties": {"templateFile": "Pump.template.json"}},
        "Other": {"properties": {key: name}},
    }
    (tmp_path / "manifest.json").write_text(json.dumps({"artifacts": artifacts}))
    try:
        first, *_ = of_templates(tmp_path).findings
    except InputError as error:
        assert str(error).startswith(str(tmp_path))
    else:
        assert first.kind == "suspect"
