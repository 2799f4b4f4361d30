"""Blocks of the pages, pasted into bash and zsh on the emulated organization, do what they say."""

import json
import re
from pathlib import Path

import pytest
import yaml

from pump_roles import ArgumentError
from pump_roles.app import config
from pump_roles.inputs import validators
from tests.docs.pages import (
    OPERATIONS,
    PLACEHOLDERS,
    README,
    filled_in,
    kept_in_pump_json,
    settings_blocks,
    settings_in,
)
from tests.docs.pasted import World, shell
from tests.docs.test_pasted_commands import BLOCKS, PAGES
from tests.support import PRINCIPAL, SECRET, Assembly
from tools.sandbox.aws import EmbeddedAws
from tools.sandbox.cdk import ROOT

SETTINGS = {"principal": PRINCIPAL, "external-id": SECRET, "auto-pilot": {}}
PROFILES = {"PROFILE": "production", "OTHER_PROFILE": "test"}


@pytest.fixture
def world(aws: EmbeddedAws, tmp_path: Path, assembly: Assembly) -> World:
    made = World.create(aws, tmp_path, assembly)
    made.profiles(**dict(zip(PROFILES.values(), made.accounts, strict=False)))
    made.configure(SETTINGS)
    return made


@pytest.mark.slow
def test_job_for_ci_deploys_only_what_the_gate_accepts(world: World) -> None:
    """GitHub runs each step only if the ones before it succeeded, as a shell with ``set -e``."""
    workflow = yaml.safe_load((ROOT / "examples" / "ci" / "github-actions-deploy.yml").read_text())
    steps = [step.get("run", "") for step in workflow["jobs"]["deploy"]["steps"]]
    needed = ("npx cdk synth", "pump-roles report", "npx cdk deploy")
    scripts = [step for step in steps if any(part in step for part in needed)]
    ci = "\n".join(["set -eu", *scripts, ""])
    world.configure({**SETTINGS, "guardrails": ["recommended"]})
    world.run("npx", "cdk", "synth")
    world.run("pump-roles", "report", "cdk.out", "--keep", "pump-report.json")
    for settings, accepted in ((SETTINGS, False), (world.settings, True)):
        world.configure(settings)
        with shell(world, "bash") as opened:
            ran, _ = opened.paste(ci.replace("$GITHUB_STEP_SUMMARY", "summary.md"))
        deployed = [each.status for each in ran if each.words[:3] == ["npx", "cdk", "deploy"]]
        assert deployed == ([0] if accepted else [])


def test_rotation_shows_all_settings_so_that_no_other_is_lost() -> None:
    during, after, *_ = settings_in(OPERATIONS)
    settings = {**kept_in_pump_json(README), "external-id": PLACEHOLDERS["NEW_EXTERNAL_ID"]}
    assert after == settings
    new = settings["external-id"]
    both = {"external-id": PLACEHOLDERS["OLD_EXTERNAL_ID"], "next-external-id": new}
    assert during == {**settings, **both}


DESTROYS = re.compile(
    r"^(npx cdk destroy|aws \S+ (delete-policy|delete-stack|delete-stack-instances|detach-policy"
    r"|leave-organization))\b"
)


def mixed(text: str) -> bool:
    """Return whether a block has a command that destroys, and another one."""
    lines = text.replace("\\\n", " ").splitlines()
    return len(lines) > 1 and any(DESTROYS.match(line) for line in lines)


def test_command_that_destroys_is_alone_in_its_block() -> None:
    assert len(BLOCKS) > 50
    assert [block for block, text in BLOCKS.items() if mixed(text)] == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("aws organizations list-roots\naws organizations delete-policy --policy-id A\n", True),
        ("npx cdk destroy PumpReadOnly\npump-roles verify --removed\n", True),
        ("aws organizations delete-policy \\\n    --policy-id A\n", False),
        ("npx cdk deploy PumpReadOnly\npump-roles verify\n", False),
    ],
)
def test_block_that_destroys_among_others_is_found(text: str, expected: object) -> None:
    assert mixed(text) == expected


WORKS = re.compile(
    r"\b\d{12}\b|\b(?:r|ou)-[0-9a-z]{4}\b|\bo-[0-9a-z]{10}\b|-(?:1234|5678)\b"
    r"|\b(?!us-east-1\b)[a-z]{2}-[a-z]+-\d\b|\b[0-9a-f]{8}-[0-9a-f]{4}-"
)
"""An account, a root, a unit, an organization, an external ID, or an ID that nobody put there; or a
Region, except the one of all global services.
"""

CODE = {
    f"{page.relative_to(ROOT)} {number}": "".join(codes)
    for page in sorted(PAGES)
    for number, (_, *codes) in enumerate(
        re.findall(
            r"^( *)```(?!text)\w+\n(.*?)^\1```$|(?<=`)(\"[a-z-]+\": [^`]*)(?=`)",
            page.read_text(),
            re.MULTILINE | re.DOTALL,
        )
    )
}
"""What is copied: the blocks of the pages, except what a command prints, and settings in text."""


def test_no_value_works_unless_the_reader_put_it_there() -> None:
    assert len(CODE) > 100
    assert {at: works[0] for at, text in CODE.items() if (works := WORKS.search(text))} == {}


@pytest.mark.parametrize("placeholder", PLACEHOLDERS)
def test_value_that_works_is_found(placeholder: str) -> None:
    value = PLACEHOLDERS[placeholder]
    assert WORKS.search(f'"{value}"') or value == "us-east-1"
    assert not WORKS.search(f'"{placeholder}"')


SETTINGS_WITH_PLACEHOLDERS = [
    pytest.param(text, placeholder, id=f"{page.stem}: {placeholder}")
    for page in PAGES
    for text in settings_blocks(page.read_text())
    for placeholder in PLACEHOLDERS
    if filled_in(text, {placeholder: ""}) != text
]


@pytest.mark.parametrize(("text", "placeholder"), SETTINGS_WITH_PLACEHOLDERS)
def test_settings_with_a_placeholder_are_rejected(text: str, placeholder: str) -> None:
    """The others are filled in, and with this one as well, the settings are accepted."""
    others = {name: value for name, value in PLACEHOLDERS.items() if name != placeholder}
    config.Values(config.Settings(json.loads(filled_in(text))))
    with pytest.raises(config.ConfigError, match=f"{placeholder}' is "):
        config.Values(config.Settings(json.loads(filled_in(text, others))))


CHECKED = {
    **dict.fromkeys(
        ("PRINCIPAL", "PUMP_ACCOUNT", "AUDITOR_PRINCIPAL"), validators.PROVIDED_PRINCIPAL
    ),
    **dict.fromkeys(
        ("EXTERNAL_ID", "OLD_EXTERNAL_ID", "NEW_EXTERNAL_ID"), validators.PROVIDED_EXTERNAL_ID
    ),
    **dict.fromkeys(("ROOT_ID", "UNIT_ID", "OTHER_UNIT_ID"), validators.ORGANIZATIONAL_UNIT),
    **dict.fromkeys(("REGION", "OTHER_REGION"), validators.REGION),
    "ORGANIZATION_ID": validators.ORGANIZATION,
    "ROLE_ARN": validators.PROBED_ROLE_ARN,
}
"""What checks a placeholder's value; it is an account if it is not named."""


@pytest.mark.parametrize("placeholder", sorted(PLACEHOLDERS))
def test_placeholder_is_rejected_wherever_its_value_is_checked(placeholder: str) -> None:
    validator = CHECKED.get(placeholder, validators.ACCOUNT)
    validator.check("value", PLACEHOLDERS[placeholder])
    with pytest.raises(ArgumentError):
        validator.check("value", placeholder)
