"""What the commands share: their options, what they read, and how they write results."""

import errno
import os
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial, wraps
from itertools import chain
from os.path import samestat
from pathlib import Path
from typing import Any, Final, Literal, TypeVar

import click

from pump_roles.iam.external_ids import ExternalId
from pump_roles.inputs.text import InputError, one_line
from pump_roles.inputs.validators import ArgumentError, ListOf
from pump_roles.review.cli import fail
from pump_roles.review.output import Presentation, Table
from pump_roles.review.output.writers import LIMIT, to_csv, to_markdown

_Checked = TypeVar("_Checked")
Command = Callable[..., None]

EXTERNAL_ID_VARIABLE: Final = "PUMP_EXTERNAL_ID"
"""The environment variable for an external ID. Unlike a command line, other users of the machine
cannot read it."""


def check_not_passed(options: Mapping[str, object], why: str) -> None:
    """Raise a usage error if any of some options is passed."""
    for name, value in options.items():
        # A repeatable option that is not passed is empty.
        if value not in (None, (), False):
            raise click.UsageError(f"{name}: {why}")


# Inputs: a result never replaces what is read, or is read with it the next time.


INPUT: Final = click.Path(exists=True, readable=False, path_type=Path)
"""A file or folder to read. If it exists but cannot be read, that is not a usage error."""


def check_not_an_input(file: Path, inputs: Iterable[object]) -> None:
    """Raise a usage error if a file is one of some inputs, or is inside of one that is a folder."""
    # Where a link leads, and the link itself.
    folders = [*filter(None, (_status(place.parent) for place in (file, file.resolve())))]
    existing = _status(file)
    for path in inputs:
        problem = ""
        for status in _below(path) if isinstance(path, Path) else ():
            if existing and samestat(status, existing):
                problem = "would overwrite an input"
                break
            if any(samestat(status, folder) for folder in folders):
                problem = f"would be inside an input; write it outside of {path}"
        if problem:
            raise click.UsageError(one_line(f"{file}: {problem}"))


def _below(path: Path) -> Iterator[os.stat_result]:
    yield from filter(None, [_status(path)])
    seen = set()
    for folder, below, files in os.walk(path, followlinks=True):
        # A link may lead to a folder above it.
        if (real := os.path.realpath(folder)) in seen:
            below.clear()
        seen.add(real)
        yield from filter(None, (_status(Path(folder, name)) for name in (*below, *files)))


def _status(path: Path) -> os.stat_result | None:
    try:
        return path.stat()
    except OSError:
        return None


# Values.


def valid(name: str, check: Callable[[str, Any], _Checked]) -> Callable[[Any], _Checked]:
    """Return the type of an option whose value a validator checks."""

    def convert(value: object) -> _Checked:
        try:
            return check("", value)
        except ArgumentError as error:
            raise click.BadParameter(error.problem) from None

    # What the help shows.
    convert.__name__ = name
    return convert


def external_id_of_environment() -> ExternalId | None:
    """Return the external ID in the environment, and remove it there; ``None`` if it is not set."""
    # A credential process of the AWS configuration must not inherit it. CI systems set a secret
    # that does not exist to an empty string.
    external_id = os.environ.pop(EXTERNAL_ID_VARIABLE, None)
    if not external_id:
        return None
    try:
        return ExternalId.provided(EXTERNAL_ID_VARIABLE, external_id)
    except ArgumentError as error:
        raise click.UsageError(str(error)) from None


# Commands and options.


class _CommandWithoutRepeats(click.Command):
    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        # Of an option that is passed twice, click would silently use the last value.
        _, _, passed = self.make_parser(ctx).parse_args([*args])
        for option, times in Counter(passed).items():
            is_single = isinstance(option, click.Option) and not option.multiple
            if is_single and times > 1 and not ctx.resilient_parsing:
                raise click.UsageError(f"{option.opts[0]}: may be passed only once", ctx)
        return super().parse_args(ctx, args)


command: Final = partial(click.command, cls=_CommandWithoutRepeats)
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


PROFILE: Final = click.option(
    "--profile",
    help="The profile of your AWS configuration to use. Defaults to the environment's settings.",
)


# Results: the same ``--format`` and ``--output`` everywhere.

Format = Literal["table", "markdown", "json", "csv", "html", "kept"]
"""A format. What is kept is only written to a file."""

_EXTENSIONS: Final[Mapping[Format, str]] = {
    "table": ".txt",
    "markdown": ".md",
    "json": ".json",
    "csv": ".csv",
    "html": ".html",
}


def write(texts: Mapping[Path | None, str]) -> None:
    """Write files, and standard output. If one cannot be written, the others are."""
    problems = []
    for file, text in texts.items():
        content = text.encode("utf-8", "backslashreplace")
        try:
            _write_to_standard_output(content) if file is None else _replace(file, content)
        except OSError as error:
            problems.append(f"{file or 'standard output'}: cannot be written: {error.strerror}")
    if problems:
        fail("; ".join(problems))


def _replace(file: Path, content: bytes) -> None:
    had = _described(file) if _has_other(file, content) else ""
    file.write_bytes(content)
    if had:
        click.echo(f"pump-roles: {one_line(str(file))}: replaced; it had {had}", err=True)


def _has_other(file: Path, content: bytes) -> bool:
    # Reading a pipe or a device may never end.
    if not file.is_file():
        return False
    try:
        return file.read_bytes() not in {b"", content}
    except OSError:
        return True


def _described(file: Path) -> str:
    from pump_roles.review.output.saved_report import read_saved  # noqa: PLC0415

    try:
        earlier = read_saved(file)
    except InputError:
        earlier = None
    return f"another report of actions as of {earlier.date}" if earlier else "other content"


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


@dataclass(frozen=True)
class Outputs:
    """Where a result is written, and in which formats; ``None`` is standard output."""

    formats: Mapping[Path | None, Format]

    def write(
        self,
        result: object,
        presentation: Callable[[], Presentation],
        *,
        table: Callable[[], Table] | None = None,
        page: Callable[[], str] | None = None,
        kept: Callable[[], str] | None = None,
        whole: bool = False,
    ) -> None:
        """Write a result.

        :param presentation: makes its presentation, for a terminal and Markdown.
        :param table: makes its table, for CSV.
        :param page: makes its page.
        :param kept: makes the file that is kept.
        :param whole: whether Markdown is not cut.
        """

        def text(chosen: Format, *, styled: bool) -> str:
            if chosen == "json":
                # Imported here: only JSON needs what describes every command's results.
                from pump_roles.review.output.messages import to_json  # noqa: PLC0415

                return to_json(result)
            if chosen == "csv" and table is not None:
                return to_csv(table())
            if chosen == "html" and page is not None:
                return page()
            if chosen == "kept" and kept is not None:
                return kept()
            if chosen == "markdown":
                return to_markdown(presentation(), None if whole else LIMIT)
            # Imported here: rich loads slowly.
            from pump_roles.review.output.terminal import to_terminal  # noqa: PLC0415

            return to_terminal(presentation(), styled=styled)

        write({file: text(chosen, styled=file is None) for file, chosen in self.formats.items()})


def _check_writable(file: Path, endings: Sequence[str]) -> None:
    # Before everything is read, not after.
    problem = "" if file.parent.is_dir() else "there is no such folder"
    if file.suffix.lower() not in endings:
        problem = f"unknown extension; must be one of {', '.join(endings)}"
    if problem:
        raise click.BadParameter(one_line(f"{file}: {problem}"))


def _name_to_keep(_context: object, _parameter: object, file: Path | None) -> Path | None:
    if file is not None:
        _check_writable(file, [_EXTENSIONS["json"]])
    return file


KEEP: Final = click.option(
    "--keep",
    type=click.Path(dir_okay=False, writable=True, path_type=Path),
    callback=_name_to_keep,
    help="A file (.json) in which to keep what was read. This command, --since, and pump-roles "
    "verify --expect read it.",
)
"""The option of a command that keeps what it read. Then its outputs have the file."""


def written_as(default: Format, *others: Format) -> Callable[[Command], Command]:
    """Return a decorator of a command that writes a result, which gets its ``outputs``."""
    formats = {_EXTENSIONS[name]: name for name in (default, *others)}
    endings = ", ".join(formats)

    def extension_known(_context: object, _parameter: object, files: Sequence[Path]) -> Any:
        for file in files:
            _check_writable(file, [*formats])
        return files

    def decorated(function: Command) -> Command:
        @click.option(
            "--format",
            type=click.Choice([*formats.values()]),
            help=f"What to write to standard output. Defaults to {default}, or to nothing if "
            "--output is passed.",
        )
        @repeatable(
            "--output",
            type=click.Path(dir_okay=False, writable=True, path_type=Path),
            callback=extension_known,
            help=f"A file to write, in the format of its extension: {endings}.",
        )
        @wraps(function)
        def run(
            *arguments: object,
            format: Format | None,
            output: Sequence[Path],
            keep: Path | None = None,
            **options: object,
        ) -> None:
            passed = (each if isinstance(each, tuple) else (each,) for each in options.values())
            inputs = [*chain.from_iterable(passed)]
            for file in (*output, *([keep] if keep else [])):
                check_not_an_input(file, inputs)
            if keep and any(file.resolve() == keep.resolve() for file in output):
                raise click.UsageError(one_line(f"{keep}: passed as both --output and --keep"))
            chosen: dict[Path | None, Format] = (
                {} if output and not format else {None: format or default}
            )
            chosen |= {file: formats[file.suffix.lower()] for file in output}
            if keep:
                chosen[keep] = "kept"
            function(*arguments, outputs=Outputs(chosen), **options)

        return run

    return decorated
