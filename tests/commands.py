"""The commands, run in this process."""

from collections.abc import Mapping

import click
from click.testing import CliRunner, Result

from pump_roles.review.cli import app
from tests.support import EXTERNAL_ID, OTHER_SECRET, SECRET


def run(*arguments: object, environment: Mapping[str, str] | None = None) -> Result:
    """Run ``pump-roles``, and check that it shows no external ID and no traceback."""
    ended = CliRunner().invoke(
        app, [*map(str, arguments)], env={"COLUMNS": "200", **(environment or {})}
    )
    assert ended.exception is None or isinstance(ended.exception, SystemExit), ended.exception
    for secret in (EXTERNAL_ID, SECRET, OTHER_SECRET):
        assert secret not in ended.stdout + ended.stderr
    return ended


def command(name: str) -> click.Command:
    """Return a command, which is loaded when it is needed."""
    _, found, _ = app.resolve_command(click.Context(app), [name])
    assert found is not None
    return found


def the_error(ended: Result, status: int = 4) -> str:
    """Return the one line of an error."""
    assert ended.exit_code == status, ended.output
    assert ended.stdout == ""
    (line,) = ended.stderr.splitlines()
    assert line.startswith("pump-roles: ")
    return line


def the_usage_error(ended: Result) -> str:
    """Return what is wrong with the arguments, as one line."""
    assert ended.exit_code == 2, ended.output
    assert ended.stdout == ""
    return " ".join(ended.stderr.replace("│", "").split())
