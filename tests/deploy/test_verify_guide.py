"""The commands of docs/verify.md run, from before the last onboarding step to the removal."""

import json
import subprocess
from collections.abc import Iterable
from itertools import product
from pathlib import Path

import pytest
from click.testing import CliRunner

from pump_roles import universal
from pump_roles.published import ROLES
from pump_roles.review.cli import app
from tests.docs import pages
from tests.support import PUMP_ACCOUNT, Synth
from tools.sandbox.audit import audited_organization
from tools.sandbox.aws import ACCOUNT_ID, OWNER, Caller, EmbeddedAws
from tools.sandbox.cdk import tool_environment

pytestmark = pytest.mark.usefixtures("no_aws")

COMMANDS = [
    command.replace("PRINCIPAL", PUMP_ACCOUNT).replace(
        "=EXTERNAL_ID", f"={pages.kept_in_pump_json(pages.README)['external-id']}"
    )
    for command in "".join(pages.sh_blocks(pages.VERIFY)).splitlines()
]
SAVE = [command for command in COMMANDS if command.startswith("aws ")]
VERIFY = [command for command in COMMANDS if command not in SAVE]
REMOVED = [command for command in VERIFY if "--removed" in command]
LATER = [command for command in VERIFY if command not in REMOVED]
ONE_ACCOUNT = [command for command in LATER if "--assume-role" not in command]
AT_FIRST = [command for command in ONE_ACCOUNT if "--expect" in command]
"""What the guide runs before the last onboarding step, too."""


def save(aws: EmbeddedAws, folder: Path, commands: Iterable[str]) -> None:
    """Run commands of the AWS CLI that write files."""
    for command in commands:
        environment = {**tool_environment(), **aws.environment()}
        subprocess.run(["sh", "-c", command], cwd=folder, env=environment, check=True)


def assert_match(commands: Iterable[str]) -> None:
    for command in commands:
        settings, program, arguments = command.partition("pump-roles ")
        assert program
        environment = dict(setting.split("=") for setting in settings.split())
        ended = CliRunner(env=environment).invoke(app, arguments.split())
        assert ended.exit_code == 0, (command, ended.output)


@pytest.mark.slow
def test_commands_of_the_guide_match_what_was_deployed_and_then_removed(
    aws: EmbeddedAws, synth: Synth, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert [len(found) for found in (SAVE, AT_FIRST, LATER, REMOVED)] == [2, 2, 4, 4]
    assembly = tmp_path / "cdk.out"
    assembly.mkdir()
    first = pages.kept_in_pump_json(pages.README)
    # The guide's third command expects the published roles.
    assert first.pop("guardrails") == ["recommended"]
    templates = {
        name: json.dumps(template) for name, template in synth({**first, "auto-pilot": {}}).items()
    }
    for name in synth(first):
        (assembly / f"{name}.template.json").write_text(templates[name])
    (tmp_path / "PumpReadOnly.template.json").write_bytes(universal.template("read-only"))
    monkeypatch.chdir(tmp_path)
    for name, value in aws.environment().items():
        monkeypatch.setenv(name, value)

    # Every real account has roles.
    aws.create_role("Admin", ACCOUNT_ID)
    aws.deploy("Pump", templates["PumpReadOnly"])
    save(aws, tmp_path, SAVE)
    assert_match(AT_FIRST)

    organization = audited_organization(aws, 1, templates["PumpReadOnly"])
    units = {"organizational-units": [organization.root]}
    for name, template in synth({**first, **dict.fromkeys(ROLES, units)}).items():
        (assembly / f"{name}.template.json").write_text(json.dumps(template))
    callers = [OWNER, *map(Caller, organization.accounts)]
    others = sorted(templates.keys() - {"PumpReadOnly"})
    for caller, stack in product(callers, others):
        aws.deploy(stack, templates[stack], caller=caller)
    auto_pilot = SAVE[1].replace("ReadOnly", "AutoPilot").replace("role.json", "auto-pilot.json")
    save(aws, tmp_path, [*SAVE, auto_pilot])
    saved = "--details role.json"
    assert_match(command.replace(saved, f"{saved} --details auto-pilot.json") for command in LATER)

    for caller in callers:
        for stack in ("Pump", *others):
            aws.delete(stack, caller)
    save(aws, tmp_path, SAVE[:1])
    assert_match(REMOVED)
