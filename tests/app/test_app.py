"""The app, run as the CDK CLI runs it: what it accepts, and how it rejects anything else."""

import json
import runpy
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support import ROLLED_OUT, SCENARIOS, STACKS, UNITS, Assembly, recommended_flags, run_app
from tools.sandbox.cdk import ROOT, cdk


@pytest.mark.parametrize(
    ("settings", "context", "key"),
    [
        ({"external-id": "ab\n"}, {}, "pump.json: external-id"),
        # Only building its stack shows that this is wrong.
        ({"external-id": "ab", "next-external-id": "ab"}, {}, "pump.json: next-external-id"),
        ({}, {"pump:external-id": "ab"}, "pump:external-id"),
        ({}, {"pump:read-only:role-name": "Vendor"}, "pump:read-only:role-name"),
        ({}, {"pump:settings": "prod.json"}, "prod.json"),
    ],
)
def test_bad_input_gives_one_message_and_no_template(  # noqa: PLR0917
    settings: dict[str, Any],
    context: dict[str, Any],
    key: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit) as ended:
        run_app(ROOT / "app.py", settings, tmp_path, monkeypatch, context)
    message = ended.value.code
    assert isinstance(message, str)  # what Python prints to stderr, with exit status 1
    assert message.startswith(f"pump-roles: {key}: ")
    assert "\n" not in message
    assert capsys.readouterr() == ("", "")
    assert not list((tmp_path / "cdk.out").iterdir())  # the folder itself is made by App


@pytest.mark.slow
@pytest.mark.parametrize("named", [False, True])
def test_cdk_synth_writes_the_templates_of_the_other_tests(
    assembly: Assembly, checkout: Path, *, named: bool
) -> None:
    everything = SCENARIOS["everything"]
    settings = {
        **everything,
        "region": "eu-west-1",
        **{role: {**everything.get(role, {}), **UNITS} for role in ROLLED_OUT},
    }
    file = "prod.json" if named else "pump.json"
    (checkout / file).write_text(json.dumps(settings))
    flags = ["-c", f"pump:settings={file}"] if named else []
    ended = cdk("synth", "--quiet", *flags, directory=checkout)
    assert ended.returncode == 0, ended.stderr
    origin, *_ = ended.stderr.splitlines()
    assert origin == f"settings: {file}"
    written = {file.name: file.read_bytes() for file in checkout.glob("cdk.out/*.template.json")}
    assert len(written) == 4
    assert written == {
        file.name: file.read_bytes() for file in assembly(settings).glob("*.template.json")
    }


@pytest.mark.slow
def test_cdk_synth_shows_the_message_without_a_traceback(tmp_path: Path) -> None:
    ended = cdk("synth", "--output", str(tmp_path / "out"), "-c", "pump:external-id=ab")
    assert ended.returncode == 1
    assert ended.stdout == ""
    shown, *rest = ended.stderr.splitlines()
    assert shown.startswith("pump-roles: pump:external-id: settings go into pump.json")
    assert len(rest) <= 1  # the CLI says that the app failed, and nothing about an old Node
    assert not list(tmp_path.glob("**/*.template.json"))


def test_synth_prints_a_summary_of_each_role(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    secret = "Example-1234-5678"
    own = {"read-only": {**UNITS, "role-name": "Vendor"}}
    settings = {**ROLLED_OUT, "external-id": secret, **own}
    run_app(ROOT / "app.py", settings, tmp_path, monkeypatch)
    shown, said = capsys.readouterr()
    assert shown == ""
    origin, *lines = said.splitlines()
    assert origin == "settings: pump.json"
    assert [line.partition(";")[0] for line in lines] == [
        f"{stack}{rollout}: role {'Vendor' if stack == 'PumpReadOnly' else f'{stack}Role'}"
        for rollout in ("", "Rollout")
        for stack in STACKS
    ]
    assert secret not in said


def test_synth_says_how_to_add_the_role_that_the_settings_omit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    said = {}
    omitted: dict[str, dict[str, Any]] = {
        "omitted": {"guardrails": ["recommended"]},
        "left out": {"roles": ["read-only"]},
        "added": {"auto-pilot": {}},
    }
    for name, settings in omitted.items():
        run_app(ROOT / "app.py", settings, tmp_path, monkeypatch)
        _, *said[name] = capsys.readouterr().err.splitlines()
    read_only, advice = said["omitted"]
    assert read_only.startswith("PumpReadOnly: role ")
    assert advice == (
        'PumpAutoPilot: not in this app; to add it, add an object "auto-pilot" to pump.json'
    )
    assert [len(said["left out"]), len(said["added"])] == [1, 2]


def test_synth_says_to_commit_the_settings_until_git_has_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def last_line() -> str:
        run_app(ROOT / "app.py", {"roles": ["read-only"]}, tmp_path, monkeypatch)
        return capsys.readouterr().err.splitlines()[-1]

    assert last_line().startswith("PumpReadOnly: ")  # not a work tree
    subprocess.run(["git", "init", "--quiet"], cwd=tmp_path, check=True)
    assert last_line() == (
        "Git does not have pump.json; commit it: a deployment replaces all settings, so without "
        "this file, it removes every guardrail"
    )
    subprocess.run(["git", "add", "pump.json"], cwd=tmp_path, check=True)
    assert last_line().startswith("PumpReadOnly: ")
    assert "pump.json" not in (ROOT / ".gitignore").read_text()


def test_synth_without_settings_says_that_no_guardrail_applies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    runpy.run_path(str(ROOT / "app.py"), run_name="__main__")
    origin, *_ = capsys.readouterr().err.splitlines()
    assert origin == (
        "settings: none (no pump.json here): the ready templates; no guardrail applies"
    )


@pytest.mark.parametrize("missing", ["aws_cdk", "cdk_nag"])
def test_app_without_its_environment_says_in_one_line_to_set_it_up_or_to_activate_it(
    missing: str, tmp_path: Path
) -> None:
    shutil.copy(ROOT / "app.py", tmp_path)
    for package in {"aws_cdk", "cdk_nag"} - {missing}:
        (tmp_path / f"{package}.py").write_text(
            "App = LegacyStackSynthesizer = Validations = AwsSolutionsChecks = object"
        )
    # As Python in a new shell: without the environment's packages.
    ended = subprocess.run(
        [sys.executable, "-S", "app.py"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr == (
        f"pump-roles: there is no Python module {missing}; set it up: make setup && "
        "source .venv/bin/activate\n"
    )
    (tmp_path / ".venv").mkdir()
    ended = subprocess.run(
        [sys.executable, "-S", "app.py"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert ended.stderr == (
        f"pump-roles: there is no Python module {missing}; activate the environment: "
        "source .venv/bin/activate\n"
    )


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of the project whose owner keeps settings in ``pump.json``."""
    folder = tmp_path / "checkout"
    folder.mkdir()
    for name in ("app.py", "cdk.json"):
        (folder / name).symlink_to(ROOT / name)
    (folder / "pump.json").write_text('{"region": "eu-west-1", "permissions-boundary": "Kept"}')
    return folder


def test_pump_json_changes_neither_demos_nor_tests(
    checkout: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    cli = tmp_path / "cli.js"
    cli.write_text('process.stdout.write(require("fs").readdirSync(".").sort().join())')
    monkeypatch.setattr("tools.sandbox.cdk._CLI", cli)
    monkeypatch.setattr("tools.sandbox.cdk.ROOT", checkout)
    assert cdk("synth").stdout == "app.py,cdk.json"
    assert cdk("synth", directory=checkout).stdout == "app.py,cdk.json,pump.json"


def test_cdk_json_turns_on_every_recommended_flag_and_is_quiet() -> None:
    settings = json.loads((ROOT / "cdk.json").read_text())
    assert settings.pop("context") == {"cli-telemetry": False, **recommended_flags()}
    assert settings == {
        "app": "python3 app.py",
        "versionReporting": False,
        "notices": False,
        "requireApproval": "any-change",
        "pathMetadata": False,
        "assetMetadata": False,
    }
