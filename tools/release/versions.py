"""Versions of pump-roles, and the manifests of those that were released."""

import re
from pathlib import Path
from typing import Any, Final

from pump_roles.templates import InputError
from tools.release.manifest import read

__all__ = ["MANIFESTS", "last_released", "order", "stored"]

MANIFESTS: Final = "tools/release/manifests"
"""Where the manifests of released versions are, from the project's folder."""

_VERSION: Final = re.compile(r"(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)", re.ASCII)


def order(version: str) -> tuple[int, ...]:
    """Return a sort key of a version.

    :param version: three numbers, such as ``0.2.0``. There are no pre-releases such as ``-rc.1``.
    :raises InputError: when it is not a version.
    """
    found = _VERSION.fullmatch(version)
    if found is None:
        raise InputError(f"{version!r} is not a version; it must be three numbers, such as 0.2.0")
    return tuple(map(int, found.groups()))


def stored(root: Path) -> list[str]:
    """Return the versions that have a manifest, the latest first.

    :param root: the project's folder.
    :raises InputError: when a manifest is not named for its version.
    """
    return sorted((file.stem for file in (root / MANIFESTS).glob("*.json")), key=order)[::-1]


def last_released(root: Path, *, before: str = "") -> dict[str, Any] | None:
    """Return the manifest of the highest released version, or ``None`` if there is none.

    :param root: the project's folder.
    :param before: consider only the versions before this one. By default, all.
    :raises InputError: when a manifest is not named for its version, or cannot be read.
    """
    for version in stored(root):
        if not before or order(version) < order(before):
            return read(root / MANIFESTS / f"{version}.json")
    return None
