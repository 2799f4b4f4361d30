"""Finds the template files to read, and what the manifest says about the stack of each."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from stat import S_ISDIR, S_ISREG
from typing import Any, Final

from pump_roles.iam.documents import as_mapping, as_text
from pump_roles.json_input import InputError, read_json
from pump_roles.review.templates.template import Tags

_MANIFEST: Final = "manifest.json"
_TEMPLATES: Final = "*.template.json"
_ASSETS: Final = "*.assets.json"

READ_IN_FOLDERS: Final = (_MANIFEST, _TEMPLATES, _ASSETS)
"""The names of files that are read in a folder of templates."""


@dataclass(frozen=True)
class File:
    """A template's file."""

    path: Path
    stack: str = ""
    account: str = ""
    region: str = ""
    tags: Tags = field(default_factory=dict)
    readable: bool = True


def files_in(path: Path) -> list[File]:
    """Return a template's file, or the templates in a folder.

    In a folder with a ``manifest.json``, such as ``cdk.out``, these are exactly the templates that
    the manifest names. CDK does not delete those of earlier synths.
    """
    try:
        mode = path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        raise InputError(f"{path}: there is no such file or folder") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None
    if S_ISREG(mode):
        return [File(path)]
    if not S_ISDIR(mode):
        raise InputError(f"{path}: is neither a file nor a folder")
    if (path / _MANIFEST).is_file():
        files = sorted(_named(path), key=lambda file: file.path)
    else:
        files = [File(file) for file in sorted(path.glob(f"**/{_TEMPLATES}"))]
    if not files:
        raise InputError(f"{path}: there is no template in this folder")
    return files


def rendered(paths: Iterable[Path]) -> list[File]:
    """Return the files of templates that an app has rendered, with their stacks and accounts."""
    named: dict[Path, Mapping[Path, File]] = {}
    files = []
    for path in paths:
        if path.parent not in named:
            named[path.parent] = {file.path: file for file in _named(path.parent, follow=False)}
        files.append(named[path.parent].get(path) or File(path))
    return files


def assets(folder: Path) -> Mapping[str, set[str]]:
    """Return the files that CDK uploads from a folder, by their destination.

    A destination that also receives something else, such as the output of a command, has an empty
    name among its files.
    """
    found: dict[str, set[str]] = {}
    for file in sorted(folder.glob(_ASSETS)):
        manifest, _ = read_json(file, "a list of assets")
        for asset in as_mapping(as_mapping(manifest).get("files")).values():
            source = as_mapping(as_mapping(asset).get("source"))
            path = source.get("path")
            readable = isinstance(path, str) and _is_asset(folder, folder / path)
            uploaded = path if readable and "executable" not in source else ""
            for destination in as_mapping(as_mapping(asset).get("destinations")).values():
                place = as_mapping(destination)
                key = f"{place.get('bucketName')}/{place.get('objectKey')}"
                found.setdefault(key, set()).add(as_text(uploaded))
    return found


def _is_asset(folder: Path, path: Path) -> bool:
    # The assets of a stage are in the folder of the app.
    outer = folder / ".."
    return _is_inside(folder, path) or (
        path.parent == outer and is_file(outer / _MANIFEST) and _is_inside(outer, path)
    )


def digest(content: bytes) -> str:
    """Return the SHA-256 of a file's content."""
    return sha256(content).hexdigest()


def _named(folder: Path, *, follow: bool = True) -> Iterator[File]:
    manifest, _ = read_json(folder / _MANIFEST, "a manifest")
    for name, artifact in as_mapping(as_mapping(manifest).get("artifacts")).items():
        properties = as_mapping(as_mapping(artifact).get("properties"))
        template = properties.get("templateFile")
        if isinstance(template, str):
            path = folder / template
            yield File(
                path,
                as_text(properties.get("stackName", name)),
                *_environment(artifact),
                tags=_tags(properties.get("tags")),
                readable=_is_inside(folder, path),
            )
        nested = properties.get("directoryName")
        if follow and isinstance(nested, str):
            inner = folder / nested
            if _is_inside(folder, inner) and is_file(inner / _MANIFEST):
                yield from _named(inner)
            else:
                yield File(inner, readable=False)


def _tags(value: Any) -> Tags:
    if not isinstance(value, dict | None):
        return {None: None}
    return {key: text if isinstance(text, str) else None for key, text in (value or {}).items()}


def _is_inside(folder: Path, path: Path) -> bool:
    # A symbolic link that leads out of the folder is also outside.
    try:
        here = path.resolve().parent == folder.resolve()
    except (OSError, ValueError):
        return False
    return here and ".." not in path.parts[len(folder.parts) :]


def is_file(path: Path) -> bool:
    """Return whether a file exists, even if the path is not a valid one."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def _environment(artifact: Any) -> tuple[str, str]:
    environment = as_text(as_mapping(artifact).get("environment", ""))
    account = re.match("aws://([0-9]{12})/", environment)
    region = re.match("aws://[^/]*/([a-z-]+-[0-9]+)$", environment)
    return account[1] if account else "", region[1] if region else ""
