"""What the commands share: exit statuses, errors, options, and files."""

import errno
import os
import signal
import sys
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, Final, NoReturn, TypeVar

import click

from pump_roles.inputs import PROVIDED_EXTERNAL_ID, ArgumentError, ListOf, one_line
from pump_roles.published import ROLES
from pump_roles.review.cli.read_files import Input, was_read

_Value = TypeVar("_Value")
Command = Callable[..., None]

_ERROR: Final = 1
"""Exit status: the input cannot be used, or the result cannot be written."""

DIFFERENT: Final = 3
"""Exit status: a rollout is not complete, an account differs from what is expected, a role does not
require its external ID, or a --fail-on condition is met."""

UNKNOWN: Final = 4
"""Exit status: AWS did not respond, or the result is not conclusive."""

INTERRUPTED: Final = 128 + signal.SIGINT
"""Exit status: what a shell reports of a program that Ctrl+C ended."""

EXTERNAL_ID_VARIABLE: Final = "PUMP_EXTERNAL_ID"
"""The environment variable for an external ID. Unlike a command line, other users of the machine
cannot read it."""


# Errors.


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


def check_not_passed(options: Mapping[str, object], why: str) -> None:
    """Raise a usage error if any of some options is passed."""
    for name, value in options.items():
        # A repeatable option that is not passed is empty.
        if value not in (None, (), False):
            raise click.UsageError(f"{name}: {why}")


# Values.


def _template_names() -> Sequence[str]:
    # What reads templates takes long to load.
    from pump_roles.templates.template_files import READ_IN_FOLDERS  # noqa: PLC0415

    return READ_IN_FOLDERS


INPUT: Final = Input(_template_names)
"""A template or a report, or a folder of templates."""


def valid(name: str, check: Callable[[str, Any], _Value]) -> Callable[[Any], _Value]:
    """Return the type of an option whose value a validator checks."""

    def convert(value: object) -> _Value:
        try:
            return check("", value)
        except ArgumentError as error:
            raise click.BadParameter(error.problem) from None

    # What the help shows.
    convert.__name__ = name
    return convert


def csv(value: str) -> Path:
    """Return the CSV file that an option names."""
    # click would show a file that does not exist, and it could be an external ID.
    if not value.lower().endswith(".csv"):
        raise click.BadParameter("must be a .csv file")
    return Path(value)


def external_id_of_environment() -> str | None:
    """Return the external ID in the environment, and remove it there; ``None`` if it is not set."""
    # A credential process of the AWS configuration must not inherit it. CI systems set a secret
    # that does not exist to an empty string.
    external_id = os.environ.pop(EXTERNAL_ID_VARIABLE, None)
    if not external_id:
        return None
    try:
        return PROVIDED_EXTERNAL_ID.check(EXTERNAL_ID_VARIABLE, external_id)
    except ArgumentError as error:
        raise click.UsageError(str(error)) from None


# Commands and options.


class _Command(click.Command):
    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        # Of an option that is passed twice, click would silently use the last value.
        _, _, passed = self.make_parser(ctx).parse_args([*args])
        for option, times in Counter(passed).items():
            is_single = isinstance(option, click.Option) and not option.multiple
            if is_single and times > 1 and not ctx.resilient_parsing:
                raise click.UsageError(f"{option.opts[0]}: may be passed only once", ctx)
        return super().parse_args(ctx, args)


command: Final = partial(click.command, cls=_Command)
"""A command. Only an option that is :func:`repeatable` may be passed more than once."""


def repeatable(name: str, *, help: str, **settings: Any) -> Callable[[Command], Command]:
    """Return an option that may be repeated."""
    return click.option(name, multiple=True, help=f"{help} May be repeated.", **settings)


def comma_separated(name: str, validator: ListOf, *, help: str) -> Callable[[Command], Command]:
    """Return an option that is a comma-separated list, and may be repeated."""

    def convert(_context: object, _parameter: object, values: Sequence[str]) -> Sequence[str]:
        elements = [element.strip() for value in values for element in value.split(",")]
        return valid(name, validator.check)(elements) if values else ()

    return repeatable(name, callback=convert, metavar="LIST", help=f"{help}, comma-separated.")


def _check_not_a_report(_context: object, _parameter: object, path: Path | None) -> Path | None:
    from pump_roles.review.output.json_documents import is_report  # noqa: PLC0415

    if path is not None and is_report(path):
        problem = f"{path}: is a report; pass the templates that it is about, such as cdk.out"
        raise click.BadParameter(one_line(problem))
    return path


EXPECT: Final = click.option(
    "--expect",
    type=INPUT,
    callback=_check_not_a_report,
    help="What was deployed: a synthesized template, or a folder such as cdk.out.",
)

PROFILE: Final = click.option(
    "--profile",
    help="The profile of your AWS configuration to use. Defaults to the environment's settings.",
)

ROLE: Final = click.argument("role", type=click.Choice([*ROLES]), metavar="ROLE")


# Files.

WOULD_OVERWRITE: Final = "would overwrite an input"


def write(texts: Mapping[Path | None, str]) -> None:
    """Write files, and standard output. If one cannot be written, the others are."""
    problems = []
    for file, text in texts.items():
        content = text.encode("utf-8", "backslashreplace")
        if file is not None and was_read(file):
            problems.append(f"{file}: {WOULD_OVERWRITE}")
            continue
        try:
            _write_to_standard_output(content) if file is None else file.write_bytes(content)
        except OSError as error:
            problems.append(f"{file or 'standard output'}: cannot be written: {error.strerror}")
    if problems:
        fail("; ".join(problems))


def _write_to_standard_output(content: bytes) -> None:
    if sys.stdout is None:
        # Standard output is closed. click.echo() would silently write nothing.
        raise OSError(errno.EBADF, os.strerror(errno.EBADF))
    try:
        click.echo(content, nl=False)
    except OSError:
        # At exit, Python flushes again, and a failure would change the exit status: see "Note on
        # SIGPIPE" in the documentation of the module signal.
        with suppress(OSError), Path(os.devnull).open("wb") as null:
            os.dup2(null.fileno(), sys.stdout.fileno())
        raise
