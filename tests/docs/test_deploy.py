"""The guide to a deployment has every key, and its commands do what it says."""

import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from pump_roles import universal
from pump_roles.app import app_stacks, config
from pump_roles.published import ROLES
from pump_roles.review.cli import app as cli
from tests.docs.pages import (
    DEPLOY,
    ORGANIZATIONS,
    PLACEHOLDERS,
    TEMPLATE,
    filled,
    kept_in_pump_json,
    shown,
)
from tests.support import SECRET, app_files, rollout_with_parameters

ROWS = [
    {"key": row.name, "object": place, "only in one": row.for_one_role, "required": row.required}
    for row in config.TABLE
    for place in sorted({"" if parent in ROLES else parent for parent in row.parents})
]


def rows(page: str, heading: str, place: str) -> list[dict[str, object]]:
    """Return the rows of the first table of keys after a heading."""
    table = re.search(r"\| key \|.*\n\| *---.*\n((?:\|.*\n)+)", page[page.index(heading) :])
    assert table
    found = re.findall(r"^\| `([a-z-]+)` \| (.*) \| (.*) \|$", table[1], re.MULTILINE)
    assert len(found) == table[1].count("\n")
    return [
        {
            "key": key,
            "object": place,
            "only in one": place == "" and description.startswith("only in "),
            "required": omitted == "required",
        }
        for key, description, omitted in found
    ]


def test_tables_of_keys_say_what_the_table_of_the_app_says() -> None:
    listed = [
        *rows(DEPLOY, "### Settings", ""),
        *rows(DEPLOY, 'In `"alarm"`', "alarm"),
        *rows(ORGANIZATIONS, "### Settings", ""),
        *rows(ORGANIZATIONS, 'In `"protection"`', "protection"),
    ]
    assert sorted(listed, key=str) == sorted(ROWS, key=str)


def test_line_about_a_stack_is_that_of_the_settings_above_it() -> None:
    (line,) = re.findall(r"^PumpReadOnly: role .*$", DEPLOY, re.MULTILINE)
    read_only, *_ = app_stacks.stacks(config.Settings(kept_in_pump_json(DEPLOY)))
    assert read_only.summary == line


def test_commands_for_the_template_and_the_link_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    # A short external ID would be a warning.
    monkeypatch.setitem(PLACEHOLDERS, "EXTERNAL_ID", SECRET)
    settings = kept_in_pump_json(DEPLOY)
    (tmp_path / "pump.json").write_text(json.dumps(settings))
    printed = {}
    for arguments in shown(TEMPLATE, "pump-roles"):
        if arguments[0] in {"template", "link"}:
            ended = CliRunner().invoke(cli, [filled(word) for word in arguments])
            assert (ended.exit_code, ended.stderr) == (0, "")
            printed[arguments[0]] = ended.stdout
    assert printed.keys() == {"template", "link"}
    guarded = {"roles": ["auto-pilot"], "guardrails": ["recommended", "no-invitations"]}
    (tmp_path / "pump.json").unlink()
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == {
        "PumpReadOnly.template.json": universal.template("read-only"),
        "PumpAutoPilot.template.json": app_files(guarded)["PumpAutoPilot"],
        "Mine.template.json": app_files(settings)["PumpReadOnly"],
        "PumpReadOnlyRollout.template.json": rollout_with_parameters("read-only"),
    }
