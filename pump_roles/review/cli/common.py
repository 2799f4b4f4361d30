"""What the commands share: exit statuses, options, errors, and progress."""

import os
import signal
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import wraps
from typing import Final, NoReturn, ParamSpec, TypeVar

import click

from pump_roles.published import ROLES
from pump_roles.text import one_line
from pump_roles.validators import ArgumentError

_P = ParamSpec("_P")
Command = TypeVar("Command", bound=Callable[..., object])

DIFFERENT: Final = 3
"""Exit status: a rollout is not complete, an account differs from what is expected, a role does not
require its external ID, or a report meets a --fail-on condition."""

UNKNOWN: Final = 4
"""Exit status: AWS did not respond, or its response is not conclusive."""

_INTERRUPTED: Final = 128 + signal.SIGINT
"""Exit status: what a shell reports of a program that Ctrl+C ended."""

EXTERNAL_ID_VARIABLE: Final = "PUMP_EXTERNAL_ID"
"""The environment variable for an external ID. Unlike a command line, other users of the machine
cannot read it."""

PROFILE: Final = click.option(
    "--profile",
    help="The profile of your AWS configuration to use. Defaults to the environment's settings.",
)

ROLE: Final = click.Choice([*ROLES])
"""The name of a role."""


def format_option(formats: Iterable[str]) -> Callable[[Command], Command]:
    """Return the option for the format of standard output, by default a table."""
    return click.option(
        "--format",
        type=click.Choice([*formats]),
        default="table",
        help="What to write to standard output.",
    )


def comma_separated(values: Iterable[str]) -> list[str]:
    """Return the elements of an option that is a comma-separated list and may be repeated."""
    return [element.strip() for value in values for element in value.split(",")]


def region_of(region: str | None) -> str | None:
    """Return the Region to use; ``None`` to let the AWS configuration decide."""
    # The AWS CLI and other SDKs read AWS_REGION; boto3 reads only AWS_DEFAULT_REGION.
    return region or os.environ.get("AWS_REGION")


def external_id_of_environment() -> str | None:
    """Return the external ID in the environment, and remove it there; ``None`` if it is not set."""
    # A credential process of the AWS configuration must not inherit it. CI systems set a secret
    # that does not exist to an empty string.
    return os.environ.pop(EXTERNAL_ID_VARIABLE, None) or None


def fail(problem: str, status: int) -> NoReturn:
    """Exit with one line on standard error."""
    click.echo(f"pump-roles: {one_line(problem)}", err=True)
    raise click.exceptions.Exit(status)


def finish(*, different: bool, unknown: bool) -> None:
    """Exit with :data:`DIFFERENT` or :data:`UNKNOWN` if a result is that; both are different."""
    if different or unknown:
        raise click.exceptions.Exit(DIFFERENT if different else UNKNOWN)


def check_alone(option: str, others: Mapping[str, object]) -> None:
    """Raise a usage error if any of some options is passed that another one excludes."""
    for name in _passed(others):
        raise click.BadParameter(f"{option}: cannot be combined with {name}")


def check_needless(options: Mapping[str, object], needed: str) -> None:
    """Raise a usage error if any of some options is passed that need another one."""
    for name in _passed(options):
        raise click.BadParameter(f"{name}: requires {needed}")


def _passed(options: Mapping[str, object]) -> list[str]:
    # A repeatable option that is not passed is empty.
    return [name for name, value in options.items() if value not in (None, (), False)]


def with_errors(status: int = 1) -> Callable[[Callable[_P, None]], Callable[_P, None]]:
    """Return a decorator of a command, whose errors are then one line."""

    def decorated(command: Callable[_P, None]) -> Callable[_P, None]:
        @wraps(command)
        def run(*arguments: _P.args, **options: _P.kwargs) -> None:
            try:
                command(*arguments, **options)
            except ArgumentError as error:
                raise click.BadParameter(str(error)) from None
            except ValueError as error:
                # Not every command reads files.
                from pump_roles.json_input import InputError  # noqa: PLC0415

                if not isinstance(error, InputError):
                    raise
                fail(str(error), status)
            except KeyboardInterrupt:
                raise click.exceptions.Exit(_INTERRUPTED) from None

        return run

    return decorated


@contextmanager
def unknown_if_aws_fails(*, hidden: Sequence[str] = ()) -> Iterator[None]:
    """Exit with one line and :data:`UNKNOWN` if a call to AWS, or the AWS configuration, fails."""
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415
    from botocore.parsers import ResponseParserError  # noqa: PLC0415

    from pump_roles.json_input import InputError  # noqa: PLC0415

    try:
        yield
    except InputError:
        raise
    # A credential process, a token file, or a configured endpoint can raise the last two.
    except (BotoCoreError, ClientError, ResponseParserError, OSError, ValueError) as error:
        from pump_roles.review.account.responses import remedy_for  # noqa: PLC0415
        from pump_roles.review.masking import Mask  # noqa: PLC0415

        shown = Mask(frozenset(hidden)).masked(" ".join(str(error).split()))
        remedy = remedy_for(error)
        fail(f"the result is unknown: {shown}{f'; {remedy}' if remedy else ''}", UNKNOWN)


@contextmanager
def progress(description: str, total: int | None = None) -> Iterator[Callable[..., None]]:
    """Show a progress bar on standard error, if that is a terminal.

    Yields a function to call with the number of further items that are done. With a second
    argument, it writes that as a line if standard error is not a terminal, such as in a CI log.
    """
    from rich.console import Console  # noqa: PLC0415
    from rich.progress import (  # noqa: PLC0415
        BarColumn,
        MofNCompleteColumn,
        Progress,
        SpinnerColumn,
        TextColumn,
    )

    console = Console(stderr=True)
    with Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    ) as bar:
        task = bar.add_task(description, total=total)

        def done(count: int, line: str = "") -> None:
            bar.advance(task, count)
            if line and sys.stderr is not None and not sys.stderr.isatty():
                click.echo(line, err=True)

        yield done
