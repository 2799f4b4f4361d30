"""How a command writes its result: the same ``--format`` and ``--output`` everywhere."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import Any, Final

import click

from pump_roles.review.cli.options import write
from pump_roles.review.output.formats import written
from pump_roles.text import one_line

_Command = Callable[..., None]

_EXTENSIONS: Final = {
    "table": ".txt",
    "markdown": ".md",
    "json": ".json",
    "csv": ".csv",
    "html": ".html",
}


@dataclass(frozen=True)
class Outputs:
    """Where a result is written, and in which formats; ``None`` is standard output."""

    formats: Mapping[Path | None, str]

    def write(self, result: object, *, every_action: bool = False) -> None:
        """Write a result."""
        write(
            {
                file: written(result, chosen, styled=file is None, every_action=every_action)
                for file, chosen in self.formats.items()
            }
        )


def written_as(default: str, *others: str) -> Callable[[_Command], _Command]:
    """Return a decorator of a command that writes a result, which gets its ``outputs``."""
    formats = {_EXTENSIONS[name]: name for name in (default, *others)}
    endings = ", ".join(formats)

    def extension_known(_context: object, _parameter: object, files: Sequence[Path]) -> Any:
        for file in files:
            if file.suffix.lower() not in formats:
                problem = f"{file}: unknown extension; must be one of {endings}"
                raise click.BadParameter(one_line(problem))
            # Before everything is read, not after.
            if not file.parent.is_dir():
                raise click.BadParameter(one_line(f"{file}: there is no such folder"))
        return files

    def decorated(command: _Command) -> _Command:
        @click.option(
            "--format",
            type=click.Choice([*formats.values()]),
            help=f"What to write to standard output. Defaults to {default}, or to nothing if "
            "--output is passed.",
        )
        @click.option(
            "--output",
            type=click.Path(dir_okay=False, writable=True, path_type=Path),
            multiple=True,
            callback=extension_known,
            help=f"A file to write, in the format of its extension: {endings}. May be repeated.",
        )
        @wraps(command)
        def run(
            *arguments: object, format: str | None, output: Sequence[Path], **options: object
        ) -> None:
            for file in output:
                if any(file.resolve() == path.resolve() for path in _paths_in(options)):
                    raise click.UsageError(one_line(f"{file}: would overwrite an input"))
            chosen: dict[Path | None, str] = (
                {} if output and not format else {None: format or default}
            )
            chosen |= {file: formats[file.suffix.lower()] for file in output}
            command(*arguments, outputs=Outputs(chosen), **options)

        return run

    return decorated


def _paths_in(options: Mapping[str, object]) -> Iterator[Path]:
    for value in options.values():
        values = value if isinstance(value, tuple) else (value,)
        yield from (path for path in values if isinstance(path, Path))
