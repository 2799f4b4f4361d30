"""The guide to a deployment has every key, and its commands do what it says."""

import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from pump_roles import universal
from pump_roles.app import config
from pump_roles.published import ROLES
from pump_roles.review.cli import app as cli
from tests.docs.pages import (
    DEPLOY,
    ORGANIZATIONS,
    PLACEHOLDERS,
    filled,
    kept_in_pump_json,
    shown,
)
from tests.support import SECRET


def test_tables_of_keys_are_complete() -> None:
    listed = re.findall(r"^\| `([a-z-]+)` \|", DEPLOY + ORGANIZATIONS, re.MULTILINE)
    # Each once for the roles, whether it is for both or for one.
    keys = {("" if key.parent in ROLES else key.parent, key.name) for key in config.KEYS.values()}
    assert sorted(listed) == sorted(name for _, name in keys)


def test_line_about_a_stack_is_that_of_the_settings_above_it() -> None:
    (line,) = re.findall(r"^PumpReadOnly: role .*$", DEPLOY, re.MULTILINE)
    read_only, *_ = config.stacks(config.Settings(kept_in_pump_json(DEPLOY)))
    assert read_only.summary == line


def test_commands_for_the_template_and_the_link_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    # A short external ID would be a warning.
    monkeypatch.setitem(PLACEHOLDERS, "EXTERNAL_ID", SECRET)
    printed = {}
    for arguments in shown(DEPLOY, "pump-roles"):
        if arguments[0] in {"template", "link"}:
            ended = CliRunner().invoke(cli, [filled(word) for word in arguments])
            assert (ended.exit_code, ended.stderr) == (0, "")
            printed[arguments[0]] = ended.stdout
    assert printed.keys() == {"template", "link"}
    (file,) = tmp_path.iterdir()
    assert file.read_bytes() == universal.template("read-only")
    assert f"file://{file.name}" in DEPLOY
