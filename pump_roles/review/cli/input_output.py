"""The files that commands read and write."""

import errno
import os
import sys
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from stat import S_ISDIR
from typing import Final, TypeVar

import click

from pump_roles.review.cli.common import Command, fail
from pump_roles.text import one_line

_Format = TypeVar("_Format", bound=str)

_INPUT_EXTENSIONS: Final = (".json", ".template", ".yaml", ".yml")
"""The extensions of files that a command may read in a folder."""

_RESULT_MEMBERS: Final = {"schema", "version"}
"""The members that identify the JSON output of a command, which may be overwritten."""


def named_path(value: str) -> Path:
    """Return the path that an option names."""
    # Path("") would be the current folder.
    if not value:
        raise click.BadParameter("must not be empty")
    return Path(value)


EXPECT: Final = click.option(
    "--expect",
    type=named_path,
    metavar="<path>",
    help="What was deployed: a synthesized template, or a folder such as cdk.out. Defaults to the "
    "published roles, without guardrails.",
)


def csv_path(value: str) -> Path:
    """Return the CSV file that an option names."""
    path = named_path(value)
    if path.suffix.lower() != ".csv":
        raise click.BadParameter("must be a .csv file")
    return path


def output_path(value: str) -> Path | None:
    """Return the file that an option names; ``None`` for ``-``, which is standard output."""
    return None if value == "-" else named_path(value)


def outputs_option(extensions: Mapping[str, str]) -> Callable[[Command], Command]:
    """Return the option for files that also get the result, in the formats of their extensions."""
    table, *others, last = extensions
    return click.option(
        "--output",
        type=output_path,
        multiple=True,
        metavar="<path>",
        help="A file to also write the result to, in the format of its extension: "
        f"{table} for the table, {', '.join(others)}, or {last}. May be repeated. Standard output, "
        "or -, always gets the result.",
    )


def why_not_writable(output: Path) -> str:
    """Return why a file cannot be written, as far as can be checked in advance; empty if it can."""
    checked = output
    try:
        if S_ISDIR(output.stat().st_mode):
            return os.strerror(errno.EISDIR)
    except FileNotFoundError:
        checked = output.parent
        if not checked.is_dir():
            return os.strerror(errno.ENOENT)
    except OSError as error:
        # Its name is too long, for example.
        return error.strerror or str(error)
    return "" if os.access(checked, os.W_OK) else os.strerror(errno.EACCES)


def write(written: bytes, output: Path | None) -> None:
    """Write a file."""
    if output is not None:
        output.write_bytes(written)
        return
    if sys.stdout is None:
        # Standard output is closed. click.echo() would silently write nothing.
        raise OSError(errno.EBADF, os.strerror(errno.EBADF))
    try:
        click.echo(written, nl=False)
    except OSError:
        # At exit, Python flushes again, and a failure would change the exit status: see "Note on
        # SIGPIPE" in the documentation of the module signal.
        with suppress(OSError), Path(os.devnull).open("wb") as null:
            os.dup2(null.fileno(), sys.stdout.fileno())
        raise


def is_input(output: Path, path: Path) -> bool:
    """Return whether writing a file would overwrite what a command reads."""
    if _is_same(output, path):
        return True
    # For a symbolic link, both the link and its target count.
    outputs = (output.absolute(), output.resolve())
    readable = any(file.suffix.lower() in _INPUT_EXTENSIONS for file in outputs)
    if not readable or not output.is_file():
        return False
    # Stages have their own folders in it. Nested templates are in the folder of their template.
    folders = (path,) if path.is_dir() else (path.absolute().parent, path.resolve().parent)
    inside = any(
        _is_same(parent, folder)
        for file in outputs
        for parent in file.parents
        for folder in folders
    )
    return inside and not _is_result(output)


def _is_same(file: Path, other: Path) -> bool:
    try:
        return file.samefile(other)
    except (OSError, ValueError):
        return False


def _is_result(file: Path) -> bool:
    from pump_roles.json_input import InputError, read_json  # noqa: PLC0415

    try:
        content, _ = read_json(file, "the output of a command")
    except InputError:
        return False
    return isinstance(content, dict) and content.keys() >= _RESULT_MEMBERS


def formats_of(
    output: Iterable[Path | None],
    inputs: Iterable[Path | None],
    extensions: Mapping[str, _Format],
    chosen: _Format | None = None,
    *,
    remedy: str = "",
) -> dict[Path | None, _Format]:
    """Return the format of each file to write."""
    read = [path for path in inputs if path is not None]
    files = [file for file in output if file is not None]
    found: dict[Path | None, _Format] = {}
    for file in files:
        extension = file.suffix.lower()
        if chosen is None and extension not in extensions:
            allowed = ", ".join(extensions)
            raise click.BadParameter(
                one_line(f"{file}: unknown extension; must be one of {allowed}{remedy}")
            )
        found[file] = extensions[extension] if chosen is None else chosen
    for file in files:
        # Before everything is read, not after.
        if reason := why_not_writable(file):
            fail(f"{file}: cannot be written: {reason}", 1)
        if any(is_input(file, path) for path in read):
            raise click.BadParameter(one_line(f"{file}: would overwrite an input"))
    return found


def write_all(texts: Mapping[Path | None, str], *, status: int = 1) -> None:
    """Write texts. If one cannot be written, the others are. Then the command fails."""

    def problem(file: Path | None, text: str) -> str:
        try:
            write(text.encode("utf-8", "backslashreplace"), file)
        except OSError as error:
            return f"{file or 'standard output'}: cannot be written: {error.strerror}"
        return ""

    if problems := [*filter(None, (problem(file, text) for file, text in texts.items()))]:
        fail("; ".join(problems), status)
