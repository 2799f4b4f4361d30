"""Writes the files of a release to ``dist``: ``make dist``.

The same sources produce the same bytes, whatever the folder, the Python, the clock, the time zone,
the locale, and the umask. The wheel and the sdist are compressed, so their bytes also depend on
zlib.
"""

import io
import os
import re
import subprocess
import sys
import zipfile
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from pump_roles import __version__, universal
from pump_roles.output.page import as_html
from pump_roles.output.report_markdown import as_summary
from pump_roles.published import ROLES
from pump_roles.report import of_published
from tools.release import manual
from tools.release.manifest import as_json, manifest
from tools.release.sbom import sbom
from tools.sandbox.cdk import ROOT

__all__ = ["ARTIFACTS", "CHECKSUMS", "EPOCH", "build", "main", "sources"]

EPOCH: Final = 1_580_601_600
"""The time of every file in an archive: 2020-02-02 00:00 UTC, in seconds since 1970.

This is hatchling's default, so that ``python -m hatchling build`` builds the same wheel and sdist.
"""

_DATE: Final = (2020, 2, 2, 0, 0, 0)

_PREFIX: Final = f"pump-roles-{__version__}"

_WHEEL: Final = f"pump_roles-{__version__}-py3-none-any.whl"

_SDIST: Final = f"pump_roles-{__version__}.tar.gz"

CHECKSUMS: Final = "SHA256SUMS"
"""The file with the digests of all the others, as ``sha256sum --check`` reads it."""

_DISTRIBUTED: Final = (".gitignore", "LICENSE", "README.md", "pyproject.toml", "pump_roles")

_MADE_FROM: Final = (
    *_DISTRIBUTED,
    "PERMISSIONS.md",
    "docs",
    "package-lock.json",
    "requirements.txt",
    "tools",
)
"""The sources of a release."""

_LEFT_BEHIND: Final = re.compile(
    r"(?:^|/)(?:\.|__pycache__/|[^/]*(?:~|#|\.(?:bak|orig|py[co]|rej|swp|tmp))$)"
)
"""What editors, merges, and Python leave in a folder."""


def sources(root: Path = ROOT) -> list[str]:
    """Return the paths of the files that the wheel and the sdist are built from, sorted.

    In a clone, these are the files that Git tracks. Other files of the package are omitted, and
    listed on standard error. So is each source file that differs from the last commit. In a copy
    without ``.git``, these are all files except what editors and Python leave behind.

    :param root: the project's folder.
    :raises SystemExit: when Git cannot list the files, or when the list has no package.
    """
    found = _tracked(root) if (root / ".git").exists() else _present(root)
    for path in (*_DISTRIBUTED[:-1], "pump_roles/__init__.py"):
        if path not in found:
            raise SystemExit(f"make dist: {path}: missing, or not in Git")
    return sorted(found)


def _tracked(root: Path) -> set[str]:
    for path in _git(root, "ls-files", "--others", "--exclude-standard", "--", *_DISTRIBUTED):
        print(f"make dist: {path}: not in Git, omitted", file=sys.stderr)
    options = ("--porcelain", "--no-renames", "--untracked-files=no")
    for entry in _git(root, "status", *options, "--", *_MADE_FROM):
        path = entry[3:]  # after two letters and a space: git-status, "Porcelain Format Version 1"
        print(f"make dist: {path}: differs from the last commit", file=sys.stderr)
    return {path for path in _git(root, "ls-files", "--", *_DISTRIBUTED) if (root / path).is_file()}


def _present(root: Path) -> set[str]:
    package = root / "pump_roles"
    files = {file.relative_to(package).as_posix() for file in package.rglob("*") if file.is_file()}
    return {path for path in _DISTRIBUTED if (root / path).is_file()} | {
        f"pump_roles/{path}" for path in files if not _LEFT_BEHIND.search(path)
    }


def _git(root: Path, command: str, *arguments: str) -> Sequence[str]:
    # In a Git hook, variables point to the repository of the hook.
    environment = {name: value for name, value in os.environ.items() if name[:4] != "GIT_"}
    try:
        ended = subprocess.run(
            # File modes are not part of a release.
            ["git", "-c", "core.fileMode=false", command, "-z", *arguments],
            cwd=root,
            env=environment,
            capture_output=True,
            text=True,
            encoding="utf-8",
            check=True,
        )
    except FileNotFoundError as error:
        raise SystemExit("make dist: this is a Git clone, and git is not on the PATH") from error
    except subprocess.CalledProcessError as error:
        raise SystemExit(f"make dist: git {command}: {error.stderr.strip()}") from error
    return ended.stdout.split("\0")[:-1]


@cache
def _archives() -> Mapping[str, bytes]:
    """Return the wheel and the sdist by name."""
    inherited = {name: value for name, value in os.environ.items() if name[:6] != "HATCH_"}
    with TemporaryDirectory() as folder:
        project, built = Path(folder, "project"), Path(folder, "built")
        # hatchling would otherwise look for a .hgignore in all the folders above.
        (project / ".hg").mkdir(parents=True)
        for path in sources():
            (project / path).parent.mkdir(parents=True, exist_ok=True)
            (project / path).write_bytes((ROOT / path).read_bytes())
        ended = subprocess.run(
            [
                *(sys.executable, "-m", "hatchling", "build"),
                *("--target", "wheel", "--target", "sdist", "--directory", str(built)),
            ],
            cwd=project,
            env=inherited | {"SOURCE_DATE_EPOCH": str(EPOCH)},
            capture_output=True,
            text=True,
            check=False,
        )
        if ended.returncode:
            raise SystemExit(f"make dist: hatchling: {ended.stderr.strip()}")
        return {path.name: path.read_bytes() for path in built.iterdir()}


def _archive(name: str) -> Callable[[], bytes]:
    return lambda: _archives()[name]


def _template(kind: str) -> Callable[[], bytes]:
    return lambda: universal.template(kind)


def _content(path: str) -> Callable[[], bytes]:
    return (ROOT / path).read_bytes


def _manual() -> bytes:
    """Return a ZIP file of the manual, the pages it links to, and its files, not compressed."""
    text = (ROOT / "docs" / "manual.md").read_text(encoding="utf-8")
    linked = re.findall(r"\]\(([^):#]+\.md)[)#]", text)
    pages = {os.path.normpath(f"docs/{link}") for link in linked}
    made = {f"docs/manual/{name}" for name in manual.FILES}
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_STORED) as archive:
        for path in sorted({"docs/manual.md"} | pages | made):
            entry = zipfile.ZipInfo(f"{_PREFIX}-manual/{path}", _DATE)
            entry.create_system = 3  # Unix, whose permissions these are
            entry.external_attr = 0o100644 << 16
            archive.writestr(entry, (ROOT / path).read_bytes())
    return content.getvalue()


ARTIFACTS: Final[Mapping[str, Callable[[], bytes]]] = {
    **{name: _archive(name) for name in (_WHEEL, _SDIST)},
    **{
        f"{ROLES[kind].stack_name}-{__version__}.template.json": _template(kind)
        for kind in universal.FILES
    },
    f"{_PREFIX}-permissions.html": lambda: as_html(of_published()).encode(),
    f"{_PREFIX}-permissions.md": lambda: as_summary(of_published()).encode(),
    f"{_PREFIX}-permissions.json": lambda: as_json(manifest()),
    f"{_PREFIX}-permissions-changelog.md": _content("PERMISSIONS.md"),
    f"{_PREFIX}-permissions.schema.json": _content("tools/release/manifest.schema.json"),
    f"{_PREFIX}.guard": _content("pump_roles/guard/pump.guard"),
    f"{_PREFIX}-manual.zip": _manual,
    f"{_PREFIX}.cdx.json": sbom,
}
"""The function that makes each file of a release, except the checksums, by file name."""


def build(folder: Path) -> None:
    """Write the files of a release, and their checksums, to a folder that contains nothing else.

    A folder of an earlier build stays unchanged until the new one is complete.

    :param folder: the folder. It may exist if an earlier build wrote it.
    :raises SystemExit: when the folder contains anything that a build does not write, or when a
        file cannot be built.
    :raises OSError: when a file cannot be read or written.
    """
    _check(folder)
    content = {name: make() for name, make in ARTIFACTS.items()}
    content[CHECKSUMS] = "".join(
        f"{sha256(made).hexdigest()}  {name}\n" for name, made in sorted(content.items())
    ).encode()
    folder.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}-") as temporary:
        new = Path(temporary, "new")
        new.mkdir()
        for name, made in content.items():
            (new / name).write_bytes(made)
        if folder.exists():
            folder.rename(Path(temporary, "old"))
        new.rename(folder)


def _check(folder: Path) -> None:
    """Reject a folder that contains anything that builds do not write, whatever the version."""
    if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
        raise SystemExit(f"make dist: {folder}: is not a folder; move it away")
    names = "|".join(re.escape(name) for name in (*ARTIFACTS, CHECKSUMS))
    written = re.compile(names.replace(re.escape(__version__), r"[0-9][0-9A-Za-z.+]*"))
    for entry in sorted(folder.iterdir()) if folder.exists() else ():
        if not written.fullmatch(entry.name) or entry.is_symlink() or not entry.is_file():
            raise SystemExit(
                f"make dist: {entry}: not from an earlier build, and would be removed; move it away"
            )


def main() -> None:
    """Build into ``dist``, and print the checksums."""
    folder = ROOT / "dist"
    try:
        build(folder)
    except (OSError, ValueError) as error:
        raise SystemExit(f"make dist: {error}") from error
    print((folder / CHECKSUMS).read_text(), end="")


if __name__ == "__main__":
    main()
