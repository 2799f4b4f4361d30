"""The app, run as the CDK CLI runs it: what it accepts, and how it rejects anything else."""

import json
import runpy
from pathlib import Path
from typing import Any

import aws_cdk
import pytest
from aws_cdk import App

from tests.support import SCENARIOS, STACKS, Assembly
from tools.sandbox.cdk import ROOT, cdk, recommended_flags

UNITS = {"pump:organizational-units": "r-abcd"}


@pytest.mark.parametrize(
    ("context", "key"),
    [
        ({"pump:external-id": "ab\n"}, "pump:external-id"),
        # Only building its stack shows that this is wrong.
        ({"pump:external-id": "ab", "pump:next-external-id": "ab"}, "pump:next-external-id"),
    ],
)
def test_bad_input_gives_one_message_and_no_template(
    context: dict[str, Any],
    key: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    app = App(context=context, outdir=str(tmp_path / "out"))
    monkeypatch.setattr(aws_cdk, "App", lambda: app)
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(ROOT / "app.py"), run_name="__main__")
    message = ended.value.code
    assert isinstance(message, str)  # what Python prints to stderr, with exit status 1
    assert message.startswith(f"pump-roles: {key}: ")
    assert "\n" not in message
    assert capsys.readouterr() == ("", "")
    assert not list((tmp_path / "out").iterdir())  # the folder itself is made by App


@pytest.mark.slow
def test_cdk_synth_writes_the_templates_of_the_other_tests_from_pump_json_and_c(
    assembly: Assembly, checkout: Path
) -> None:
    given = SCENARIOS["everything"] | UNITS
    flags = [word for name, value in given.items() for word in ("-c", f"{name}={value}")]
    ended = cdk("synth", "--quiet", *flags, directory=checkout)
    assert ended.returncode == 0, ended.stderr
    origin, *_ = ended.stderr.splitlines()
    assert origin.startswith("settings: pump.json and context (pump:auto-pilot:")
    written = {file.name: file.read_bytes() for file in checkout.glob("cdk.out/*.template.json")}
    assert len(written) == 4
    assert written == {
        file.name: file.read_bytes()
        for file in assembly(given | {"pump:region": "eu-west-1"}).glob("*.template.json")
    }


@pytest.mark.slow
def test_cdk_synth_shows_the_message_without_a_traceback(tmp_path: Path) -> None:
    ended = cdk("synth", "--output", str(tmp_path / "out"), "-c", "pump:externalid=ab")
    assert ended.returncode == 1
    assert ended.stdout == ""
    shown, *rest = ended.stderr.splitlines()
    assert shown == "pump-roles: pump:externalid: unknown key; did you mean pump:external-id?"
    assert len(rest) <= 1  # the CLI says that the app failed, and nothing about an old Node
    assert not list(tmp_path.glob("**/*.template.json"))


def test_synth_prints_a_summary_of_each_role(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    context = {"pump:external-id": "Example-1234-5678", "pump:read-only:role-name": "Vendor"}
    monkeypatch.chdir(tmp_path)
    app = App(context={**context, **UNITS}, outdir=str(tmp_path / "out"))
    monkeypatch.setattr(aws_cdk, "App", lambda: app)
    runpy.run_path(str(ROOT / "app.py"), run_name="__main__")
    shown, said = capsys.readouterr()
    assert shown == ""
    origin, *lines = said.splitlines()
    assert origin == f"settings: context ({', '.join(sorted({**context, **UNITS}))})"
    assert [line.partition(";")[0] for line in lines] == [
        f"{stack}{rollout}: role {'Vendor' if stack == 'PumpReadOnly' else f'{stack}Role'}"
        for rollout in ("", "Rollout")
        for stack in STACKS
    ]
    assert context["pump:external-id"] not in said


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
    ignored = (ROOT / ".gitignore").read_text().splitlines()
    assert {"pump.json", "cdk.context.json"} <= {*ignored}


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
