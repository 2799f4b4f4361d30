"""What holds for each page: its examples run, and its commands name what exists."""

import re
import runpy
import textwrap
from pathlib import Path

import aws_cdk
import pytest
from aws_cdk import App

from pump_roles.app import config, stacks
from tests.docs.pages import (
    DEPLOY,
    GUARDRAILS,
    ORGANIZATIONS,
    PLACEHOLDERS,
    PUMP_SIDE,
    README,
    WITH_COMMANDS,
    cdk_commands,
    filled_in,
    settings_in,
)
from tests.support import NEVER_WITHOUT_EXTERNAL_ID, SECRET, Synth
from tools.sandbox.cdk import ROOT

WITH_AN_APP = {
    "README": README,
    "deploy": DEPLOY,
    "guardrails": GUARDRAILS,
    "pump-side": PUMP_SIDE,
}


@pytest.mark.parametrize("page", WITH_AN_APP.values(), ids=WITH_AN_APP)
def test_examples_of_the_constructs_run_one_after_the_other(
    page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    examples = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    code = "\n".join(map(textwrap.dedent, examples))
    (tmp_path / "app.py").write_text(filled_in(code, PLACEHOLDERS | {"EXTERNAL_ID": SECRET}))
    app = App(outdir=str(tmp_path / "out"))
    monkeypatch.setattr(aws_cdk, "App", lambda: app)
    runpy.run_path(str(tmp_path / "app.py"), run_name="__main__")
    assert (tmp_path / "out" / "Vendors.template.json").exists()


# What the commands on a page about later are run with is what was deployed with.
KEPT = {name: text for name, text in WITH_COMMANDS.items() if name != "operations"}


@pytest.mark.parametrize(
    ("page", "words"),
    [(page, words) for page, text in WITH_COMMANDS.items() for words in cdk_commands(text)],
    ids=lambda part: part if isinstance(part, str) else " ".join(part),
)
def test_app_has_the_stacks_that_a_command_names(page: str, words: list[str], synth: Synth) -> None:
    examples, names = settings_in(KEPT.get(page, ORGANIZATIONS)), set()
    rest = iter(words[3:])
    for word in rest:
        if word in ("--parameters", "--require-approval"):
            next(rest)
        elif not word.startswith("-"):
            names.add(word)
    assert any(names <= synth(settings).keys() for settings in examples)
    # A misspelt name among several is no error of the CDK CLI.
    assert words[2] != "deploy" or len(names) == 1 or page == "operations"


@pytest.mark.parametrize("page", KEPT.values(), ids=KEPT)
def test_examples_of_pump_json_are_accepted(page: str, synth: Synth) -> None:
    examples = settings_in(page)
    assert all(examples)
    assert all(map(synth, examples))


@pytest.mark.parametrize("name", WITH_COMMANDS)
def test_placeholder_of_an_id_or_a_principal_is_rejected(name: str) -> None:
    shown = re.findall(
        r"(principal|(?:next-)?external-id)(?:=|\": \")([A-Z_]{3,})", WITH_COMMANDS[name]
    )
    assert shown or name == "approve"
    for key, value in shown:
        with pytest.raises(config.ConfigError, match=f"'{value}' is a placeholder; replace it"):
            stacks(config.Settings({key: value}))


def test_policy_that_names_the_auto_pilot_role_names_every_role() -> None:
    """So that a policy on a page stops, protects, or lets read all of them."""
    policies = [
        policy
        for page in (ROOT / "docs").glob("*.md")
        for policy in re.findall(r"```json\n(.*?)```", page.read_text(), re.DOTALL)
        if ":role/PumpAutoPilotRole" in policy
    ]
    assert len(policies) == 2
    for policy in policies:
        named = set(re.findall(r":role/(?:\*/)?(Pump\w+Role)\"", policy))
        assert named == set(NEVER_WITHOUT_EXTERNAL_ID)


GENERATED = {"guardrails-reference.md", "permissions.md"}


@pytest.mark.parametrize("page", sorted({*ROOT.glob("docs/*.md")}), ids=lambda page: page.stem)
def test_page_has_at_most_2000_words(page: Path) -> None:
    assert len(page.read_text("utf-8").split()) <= 2_000 or page.name in GENERATED


def test_pages_for_users_have_at_most_27000_words_together() -> None:
    pages = [
        *(ROOT / name for name in ("README.md", "SECURITY.md", "examples/README.md")),
        *(page for page in ROOT.glob("docs/*.md") if page.name != "permissions.md"),
    ]
    assert sum(len(page.read_text("utf-8").split()) for page in pages) <= 27_000


@pytest.mark.parametrize("page", sorted({*ROOT.glob("docs/*.md")}), ids=lambda page: page.stem)
def test_picture_of_a_page_exists_and_is_described(page: Path) -> None:
    for described, picture in re.findall(r"!\[(.*?)\]\((.*?)\)", page.read_text("utf-8")):
        assert (page.parent / picture).is_file()
        assert len(described) > 20
