"""What a command reads: its result never replaces it, or is read with it the next time."""

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from stat import S_ISREG
from typing import Any

import click

_opened: set[str] = set()


class Input(click.Path):
    """A file or folder to read. If it exists but cannot be read, that is not a usage error.

    :param names: returns the patterns of the names of files that are read in a folder.
    """

    def __init__(self, names: Callable[[], Sequence[str]]) -> None:
        super().__init__(exists=True, readable=False, path_type=Path)
        self._names = names

    def reads(self, path: Path, file: Path) -> bool:
        """Return whether a path is a folder, and a file, which may not exist, is read in it."""
        # Where a link leads, and the link itself.
        for place in (file, Path(os.path.realpath(file))):
            named = any(fnmatchcase(place.name.lower(), pattern) for pattern in self._names())
            if named and any(is_same(Path(folder), place.parent) for folder in _folders(path)):
                return True
        return False


def is_same(path: Path, other: Path) -> bool:
    """Return whether two paths lead to one file or folder."""
    try:
        return path.samefile(other)
    except OSError:
        return False


def _folders(path: Path) -> Iterator[str]:
    seen = set()
    for folder, below, _ in os.walk(path, followlinks=True):
        # A link may lead to a folder above it.
        if (real := os.path.realpath(folder)) in seen:
            below.clear()
        seen.add(real)
        yield folder


def record() -> None:
    """Record which files are read from now on, by whatever code."""
    _opened.clear()
    _add_hook()


@cache
def _add_hook() -> None:
    # Python cannot remove it.
    sys.addaudithook(_hook)


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    if event == "open":
        path, _, flags = arguments
        if isinstance(path, str | bytes) and not flags & os.O_WRONLY:
            _opened.add(os.fsdecode(path))


def was_read(file: Path) -> bool:
    """Return whether a file was read, under whatever name."""
    identity = _identity(file)
    return identity is not None and identity in map(_identity, [*_opened])


def _identity(path: str | Path) -> tuple[int, int] | None:
    try:
        found = os.stat(path)  # noqa: PTH116
    except (OSError, ValueError):
        return None
    return (found.st_dev, found.st_ino) if S_ISREG(found.st_mode) else None
