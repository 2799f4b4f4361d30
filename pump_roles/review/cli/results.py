"""How a command writes its result: the same ``--format`` and ``--output`` everywhere."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import Any, Final

import click

from pump_roles.inputs import one_line
from pump_roles.review.cli.options import WOULD_OVERWRITE, Command, repeatable, write
from pump_roles.review.cli.read_files import Input, is_same
from pump_roles.review.output.formats import Format, written

_EXTENSIONS: Final[dict[Format, str]] = {
    "table": ".txt",
    "markdown": ".md",
    "json": ".json",
    "csv": ".csv",
    "html": ".html",
}


@dataclass(frozen=True)
class Outputs:
    """Where a result is written, and in which formats; ``None`` is standard output."""

    formats: Mapping[Path | None, Format]

    def write(self, result: Any, *, every_action: bool = False) -> None:
        """Write a result."""
        write(
            {
                file: written(result, chosen, styled=file is None, every_action=every_action)
                for file, chosen in self.formats.items()
            }
        )


def _check_not_an_input(file: Path, options: Mapping[str, Any]) -> None:
    # Before everything is read, not after. What is only known then is checked before it is written.
    types = {each.name: each.type for each in click.get_current_context().command.params}
    for name, value in options.items():
        for path in value if isinstance(value, tuple) else (value,):
            if not isinstance(path, Path):
                continue
            type_ = types.get(name)
            within = isinstance(type_, Input) and type_.reads(path, file)
            if is_same(path, file) or (within and file.exists()):
                raise click.UsageError(one_line(f"{file}: {WOULD_OVERWRITE}"))
            if within:
                problem = f"{file}: would become an input; write it outside of {path}"
                raise click.UsageError(one_line(problem))


def written_as(default: Format, *others: Format) -> Callable[[Command], Command]:
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

    def decorated(command: Command) -> Command:
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
        @wraps(command)
        def run(
            *arguments: object, format: Format | None, output: Sequence[Path], **options: object
        ) -> None:
            for file in output:
                _check_not_an_input(file, options)
            chosen: dict[Path | None, Format] = (
                {} if output and not format else {None: format or default}
            )
            chosen |= {file: formats[file.suffix.lower()] for file in output}
            command(*arguments, outputs=Outputs(chosen), **options)

        return run

    return decorated
