"""What the commands have in common: exit statuses, options, errors, and progress."""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Annotated, Final, Literal, NoReturn

import typer

from pump_roles.validators import nearest

__all__ = [
    "DIFFERENT",
    "EXTERNAL_ID_VARIABLE",
    "UNKNOWN",
    "Profile",
    "Role",
    "TableOrJson",
    "external_id_of_environment",
    "fail",
    "one_line",
    "progress",
    "region_of",
    "unknown_if_aws_fails",
]

DIFFERENT: Final = 3
"""Exit status: an account lacks a current role, or has one that it should not have, a role does not
require its external ID, or a report has what it must not have."""

UNKNOWN: Final = 4
"""Exit status: AWS did not answer, or its answer is not conclusive."""

EXTERNAL_ID_VARIABLE: Final = "PUMP_EXTERNAL_ID"
"""The environment variable with an external ID. Other users of the machine can read a command line,
but not this."""

Profile = Annotated[
    str | None,
    typer.Option(
        help="A profile of your AWS configuration. Defaults to the environment's settings."
    ),
]
TableOrJson = Annotated[
    Literal["table", "json"], typer.Option(help="A table to read, or JSON for other tools.")
]


def _role(value: str) -> str:
    from pump_roles.published import ROLES  # noqa: PLC0415

    if value not in ROLES:
        hint = nearest(value.lower(), ROLES) or f"the roles are {' and '.join(ROLES)}"
        raise typer.BadParameter(f"there is no role {value!r}; {hint}")
    return value


def _roles() -> list[str]:
    from pump_roles.published import ROLES  # noqa: PLC0415

    return list(ROLES)


Role = Annotated[
    str,
    typer.Argument(
        parser=_role,
        autocompletion=_roles,
        metavar="ROLE",
        help="The role: read-only or auto-pilot.",
    ),
]


def region_of(region: str | None) -> str | None:
    """Return the region to use; ``None`` if the AWS configuration decides.

    :param region: the option's value.
    """
    # The AWS CLI and the other SDKs read it; boto3 only reads AWS_DEFAULT_REGION.
    return region or os.environ.get("AWS_REGION")


def external_id_of_environment() -> str | None:
    """Return the external ID in the environment, and remove it there; ``None`` if there is none.

    An empty one counts as none.
    """
    # A credential process of the AWS configuration must not inherit it. A CI system sets a secret
    # that does not exist to an empty text.
    return os.environ.pop(EXTERNAL_ID_VARIABLE, None) or None


def one_line(text: str) -> str:
    """Return a text as one visible line, whatever a path in it contains.

    :param text: the text.
    """
    # Only an error needs it.
    from pump_roles.templates import masking  # noqa: PLC0415

    return masking.one_line(text)


def fail(problem: str, status: int) -> NoReturn:
    """Exit with one line on standard error.

    :param problem: what is wrong.
    :param status: the exit status.
    """
    typer.echo(f"pump-roles: {one_line(problem)}", err=True)
    raise typer.Exit(status)


@contextmanager
def unknown_if_aws_fails(*, hidden: Sequence[str] = ()) -> Iterator[None]:
    """Exit with one line and the status for unknown if a call to AWS, or its configuration, fails.

    :param hidden: external IDs that the message must not show.
    """
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415
    from botocore.parsers import ResponseParserError  # noqa: PLC0415

    try:
        yield
    # A credential process, a token file, or an endpoint in the settings can raise the last two.
    except (BotoCoreError, ClientError, ResponseParserError, OSError, ValueError) as error:
        from pump_roles.account.errors import cure_of  # noqa: PLC0415
        from pump_roles.templates.masking import Mask  # noqa: PLC0415

        shown = Mask(frozenset(hidden)).masked(" ".join(str(error).split()))
        cure = cure_of(error)
        fail(f"could not be determined: {shown}{f'; {cure}' if cure else ''}", UNKNOWN)


@contextmanager
def progress(description: str, total: int | None = None) -> Iterator[Callable[[int], object]]:
    """Show a progress bar on standard error, if that is a terminal.

    Yields what to call with how many more are done.

    :param description: what is counted.
    :param total: how many there are; by default that is not known.
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
        yield lambda count: bar.advance(task, count)
