"""What the commands that call AWS share."""

import os
import signal
import sys
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager

import click
from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn

from pump_roles.iam.external_ids import ExternalId, TextMask
from pump_roles.inputs.text import InputError, one_line
from pump_roles.review.account.aws_sdk import CallerClients, Clients, remedy_for
from pump_roles.review.cli import UNKNOWN, fail
from pump_roles.review.output.terminal import console

__all__ = [
    "CallerClients",
    "Clients",
    "progress",
    "region_of",
    "say",
    "stopping",
    "unknown_if_aws_fails",
]


def region_of(region: str | None = None) -> str | None:
    """Return the Region to use; ``None`` to let the AWS configuration decide."""
    # The AWS CLI and other SDKs read AWS_REGION; boto3 reads only AWS_DEFAULT_REGION.
    return region or os.environ.get("AWS_REGION")


@contextmanager
def unknown_if_aws_fails(*, external_ids: Collection[ExternalId] = ()) -> Iterator[None]:
    """Exit with :data:`UNKNOWN` if AWS or its configuration fails, or its response is of no use."""
    try:
        yield
    except InputError as error:
        fail(str(error), UNKNOWN)
    # A credential process, a token file, or a configured endpoint can raise the last two.
    except (BotoCoreError, ClientError, ResponseParserError, OSError, ValueError) as error:
        shown = TextMask(external_ids).masked(" ".join(str(error).split()))
        remedy = remedy_for(error)
        fail(f"the result is unknown: {shown}{f'; {remedy}' if remedy else ''}", UNKNOWN)


@contextmanager
def stopping() -> Iterator[None]:
    """Raise :class:`SystemExit` on SIGTERM and SIGHUP, as Ctrl+C raises an exception."""

    def stop(number: int, _: object) -> None:
        raise SystemExit(128 + number)

    # What the caller ignores, such as with nohup, stays ignored.
    wanted = (signal.SIGTERM, signal.SIGHUP)
    changed = [each for each in wanted if signal.getsignal(each) is signal.SIG_DFL]
    for each in changed:
        signal.signal(each, stop)
    try:
        yield
    finally:
        for each in changed:
            signal.signal(each, signal.SIG_DFL)


@contextmanager
def progress(description: str, total: int | None = None) -> Iterator[Callable[..., None]]:
    """Show a progress bar on standard error, if that is a terminal.

    Yields a function to call with the number of further items that are done. With a second
    argument, it writes that as a line if standard error is not a terminal, such as in a CI log.
    """
    is_terminal = sys.stderr is not None and sys.stderr.isatty()
    shown = console(terminal=is_terminal, stderr=True)
    with Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        console=shown,
        transient=True,
        disable=not is_terminal,
    ) as bar:
        task = bar.add_task(description, total=total)

        def done(count: int, line: str = "") -> None:
            bar.advance(task, count)
            if line and sys.stderr is not None and not is_terminal:
                click.echo(line, err=True)

        yield done


def say(text: str) -> None:
    """Write a line on standard error, above a progress bar."""
    # Unlike click.echo(), this writes to what rich put in place of standard error.
    if sys.stderr is not None:
        sys.stderr.write(f"pump-roles: {one_line(text)}\n")
        sys.stderr.flush()
