"""The command line, ``pump-roles``, and its exit statuses.

Each command has a module, which is loaded when the command runs.
"""

import signal
from pkgutil import resolve_name
from typing import Final, NoReturn

import click

from pump_roles._version import __version__
from pump_roles.inputs.text import InputError, one_line

__all__ = ["app"]

_COMMANDS: Final = {
    "probe": "Prove that a role requires its external ID.",
    "verify": "Verify that accounts have the expected roles.",
    "activity": "Show what Pump did, and what it never used.",
    "report": "Show what the roles can do.",
    "template": "Write a role's CloudFormation template.",
}
"""What the help and the shell completion show of each command, without loading it."""


_ERROR: Final = 1
"""Exit status: the input cannot be used, or the result cannot be written."""

DIFFERENT: Final = 3
"""Exit status: an account differs from what is expected, a role does not require its external ID,
or a --fail-on condition is met."""

UNKNOWN: Final = 4
"""Exit status: AWS did not respond, or the result is not conclusive."""

INTERRUPTED: Final = 128 + signal.SIGINT
"""Exit status: what a shell reports of a program that Ctrl+C ended."""


def fail(problem: str, status: int = _ERROR) -> NoReturn:
    """Exit with one line on standard error."""
    click.echo(f"pump-roles: {one_line(problem)}", err=True)
    raise click.exceptions.Exit(status)


def warn(problem: str) -> None:
    """Write a warning as one line on standard error."""
    click.echo(f"pump-roles: warning: {one_line(problem)}", err=True)


def finish(*, different: bool, unknown: bool) -> None:
    """Exit with :data:`DIFFERENT` or :data:`UNKNOWN` if a result is that; both are different."""
    if different or unknown:
        raise click.exceptions.Exit(DIFFERENT if different else UNKNOWN)


class _LazyGroup(click.Group):
    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name, command, rest = super().resolve_command(ctx, args)
        if name is not None:
            command = resolve_name(f"{__name__}.{name}_command:{name}")
        return name, command, rest

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except InputError as error:
            fail(str(error))
        except KeyboardInterrupt:
            raise click.exceptions.Exit(INTERRUPTED) from None


@click.group(
    cls=_LazyGroup,
    commands=[click.Command(name, short_help=text) for name, text in _COMMANDS.items()],
    context_settings={"show_default": True},
)
@click.version_option(__version__, message="%(version)s")
def app() -> None:
    """Get the templates of Pump's roles, and inspect roles.

    No command changes anything in AWS.

    Exit status: 0; 1 if the input cannot be used or the result cannot be written; 2 for a usage
    error; 3 for a difference, or a condition of --fail-on; 4 if the result is unknown.
    """
