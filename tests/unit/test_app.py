"""The app, run as the CDK CLI runs it: what it takes, and how it refuses."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from sandbox.cdk import ROOT, cdk, recommended_flags, tool_environment

PRINCIPAL = "999988887777"
LONG = "a" * 1224

BAD: list[tuple[dict[str, Any], str]] = [
    *(
        ({"pump:external-id": value}, "pump:external-id")
        for value in ["", "a", "a" * 1225, "a b", "ab\n", "éé", "\u0661\u0662", "a*", 12, ["ab"]]
    ),
    ({"pump:external-id": "ab", "pump:next-external-id": "ab"}, "pump:next-external-id"),
    ({"pump:external-id": LONG, "pump:next-external-id": LONG[1:]}, "pump:next-external-id"),
    *(
        ({"pump:principal": value}, "pump:principal")
        for value in [
            "1" * 11,
            "1" * 13,
            "\uff11" * 12,
            "*",
            "arn:aws:iam::123456789012:role/*",
            "arn:aws:iam::123456789012:user/pump",
            "ec2.amazonaws.com",
            "arn:aws:s3:::bucket",
            "arn:aws:sts::123456789012:assumed-role/pump/session",
            "123456789012\n",
        ]
    ),
    *(
        ({"pump:role-path": value}, "pump:role-path")
        for value in ["", "pump", f"/{'a' * 511}/", ["/pump/"]]
    ),
    *(
        ({"pump:permissions-boundary": value}, "pump:permissions-boundary")
        for value in [
            "",
            "arn:aws:iam::123456789012:policy/Boundary",
            "arn:aws:iam::123456789012:role/Boundary",
        ]
    ),
    ({"pump:externalid": "ab"}, "pump:externalid"),
    ({"pump:autopilot:role-path": "/pump/"}, "pump:autopilot:role-path"),
]


def run_app(
    context: dict[str, Any], outdir: Path, directory: Path = ROOT
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(ROOT / "app.py")],
        cwd=directory,
        env=tool_environment()
        | {"CDK_CONTEXT_JSON": json.dumps(context), "CDK_OUTDIR": str(outdir)},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(("context", "key"), BAD)
def test_bad_input_gives_one_message_and_no_template(
    context: dict[str, Any], key: str, tmp_path: Path
) -> None:
    ended = run_app(context, tmp_path / "out")
    assert ended.returncode == 1
    assert ended.stdout == ""
    (message,) = ended.stderr.splitlines()
    assert message.startswith(f"pump-roles: {key}: ")
    assert not list((tmp_path / "out").iterdir())  # the folder itself is made by App


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["-c", "pump:external-id=a"], "pump-roles: pump:external-id: 'a' is not an external id: "),
        (["-c", "pump:external-id="], "pump-roles: pump:external-id: '' is not an external id: "),
        (
            ["-c", "pump:externalid=ab"],
            "pump-roles: pump:externalid: unknown key, did you mean pump:external-id?",
        ),
    ],
)
def test_cdk_synth_shows_the_message_without_a_traceback(
    arguments: list[str], message: str, tmp_path: Path
) -> None:
    ended = cdk("synth", "--output", str(tmp_path / "out"), *arguments)
    assert ended.returncode == 1
    assert ended.stdout == ""
    shown, *rest = ended.stderr.splitlines()
    assert shown.startswith(message)
    assert "Traceback" not in ended.stderr
    assert len(rest) <= 1  # the CLI's own word that the app failed
    assert not list(tmp_path.glob("**/*.template.json"))


def test_cdk_synth_needs_no_configuration_and_says_nothing_of_old_node(tmp_path: Path) -> None:
    ended = cdk("synth", "--quiet", "--output", str(tmp_path / "out"))
    assert ended.returncode == 0, ended.stderr
    assert "end-of-life" not in ended.stderr
    assert {file.name for file in tmp_path.glob("out/*.template.json")} == {
        "PumpReadOnly.template.json",
        "PumpAutoPilot.template.json",
    }


def test_an_external_id_reaches_the_template_as_it_was_typed(tmp_path: Path) -> None:
    typed = "a=b=c,d@e.f:g/h-i+j_k"
    ended = cdk(
        "synth",
        "PumpReadOnly",
        "--json",
        "--output",
        str(tmp_path),
        "-c",
        f"pump:external-id={typed}",
    )
    template = json.loads(ended.stdout)
    assert set(template["Parameters"]) == {"PumpIamRole"}
    assert f'"sts:ExternalId": "{typed}"' in json.dumps(template)


def test_cdk_json_turns_on_every_recommended_flag_and_is_quiet() -> None:
    settings = json.loads((ROOT / "cdk.json").read_text())
    assert settings.pop("context") == {"cli-telemetry": False, **recommended_flags()}
    assert settings == {
        "app": "python3 app.py",
        "versionReporting": False,
        "notices": False,
        "pathMetadata": False,
        "assetMetadata": False,
    }
