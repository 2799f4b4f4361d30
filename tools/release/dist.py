"""Writes the files of a release to ``dist``: ``make dist``.

The same sources produce the same bytes, whatever the folder, the Python, the clock, the time zone,
the locale, and the umask. The wheel and the sdist are compressed, so their bytes also depend on
zlib.
"""

import io
import os
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable, Mapping
from functools import cache
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from pump_roles import __version__
from pump_roles.review.output.messages import to_json
from pump_roles.review.output.page import as_html
from pump_roles.review.output.report_sections import presentation_of
from pump_roles.review.output.writers import to_markdown
from pump_roles.review.report.permission_report import of_published
from tools.release import manual
from tools.release.check import current
from tools.release.ready_templates import READY
from tools.sandbox.cdk import ROOT

_DATE: Final = (2020, 2, 2, 0, 0, 0)
"""The time of every file in an archive: hatchling's default."""

_PREFIX: Final = f"pump-roles-{__version__}"
_WHEEL: Final = f"pump_roles-{__version__}-py3-none-any.whl"
_SDIST: Final = f"pump_roles-{__version__}.tar.gz"

CHECKSUMS: Final = "SHA256SUMS"
"""The file with the digests of all the others, as ``sha256sum --check`` reads it."""

_SCHEMA: Final = "pump_roles/review/output/report.schema.json"

_DISTRIBUTED: Final = (".gitignore", "LICENSE", "README.md", "pyproject.toml", "pump_roles")
"""What the wheel and the sdist are built from."""


def git(*arguments: str) -> bytes:
    """Run Git in the project. In a hook, variables would point to the repository of the hook."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    return subprocess.run(
        ["git", *arguments], cwd=ROOT, env=inherited, stdout=subprocess.PIPE, check=True
    ).stdout


def _run(folder: Path, *module: str) -> bytes:
    """Run a Python module in a folder, and return its output. The environment sets no option."""
    options = ("HATCH_", "SOURCE_DATE_EPOCH")
    ended = subprocess.run(
        [sys.executable, "-m", *module],
        cwd=folder,
        env={name: value for name, value in os.environ.items() if not name.startswith(options)},
        capture_output=True,
        check=False,
    )
    if ended.returncode:
        raise SystemExit(f"make dist: {module[0]}: {ended.stderr.decode(errors='replace').strip()}")
    return ended.stdout


@cache
def _archives() -> Mapping[str, bytes]:
    """Return the wheel and the sdist of what is committed, by name."""
    with TemporaryDirectory() as folder:
        project, built = Path(folder, "project"), Path(folder, "built")
        # hatchling would otherwise look for a .hgignore in all the folders above.
        (project / ".hg").mkdir(parents=True)
        committed = git("archive", "--format=zip", "HEAD", *_DISTRIBUTED)
        zipfile.ZipFile(io.BytesIO(committed)).extractall(project)
        targets = ("--target", "wheel", "--target", "sdist")
        _run(project, "hatchling", "build", *targets, "--directory", str(built))
        return {path.name: path.read_bytes() for path in built.iterdir()}


def _sbom() -> bytes:
    """Return the Python packages that a deployment installs, as CycloneDX JSON."""
    with TemporaryDirectory() as folder:
        shutil.copy(ROOT / "requirements.txt", folder)
        # cyclonedx-py does not read a dynamic version.
        project = (ROOT / "pyproject.toml").read_text("utf-8")
        (Path(folder) / "pyproject.toml").write_text(
            project.replace('dynamic = ["version"]', f'version = "{__version__}"'), "utf-8"
        )
        # A test validates it. That needs more than pure Python packages.
        options = ("--pyproject", "pyproject.toml", "--output-reproducible", "--no-validate")
        return _run(Path(folder), "cyclonedx_py", "requirements", *options, "requirements.txt")


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
    _WHEEL: lambda: _archives()[_WHEEL],
    _SDIST: lambda: _archives()[_SDIST],
    **{
        Path(path).name.replace(".", f"-{__version__}.", 1): (ROOT / path).read_bytes
        for path in READY
    },
    f"{_PREFIX}-permissions.html": lambda: as_html(of_published()).encode(),
    f"{_PREFIX}-permissions.md": lambda: to_markdown(presentation_of(of_published())).encode(),
    f"{_PREFIX}-permissions.json": lambda: to_json(current()).encode(),
    f"{_PREFIX}-permissions-changelog.md": (ROOT / "PERMISSIONS.md").read_bytes,
    f"{_PREFIX}-permissions.schema.json": (ROOT / _SCHEMA).read_bytes,
    f"{_PREFIX}-manual.zip": _manual,
    f"{_PREFIX}.cdx.json": _sbom,
}
"""The function that makes each file of a release, except the checksums, by file name."""


def build(folder: Path) -> None:
    """Write the files of a release, and their checksums, to a folder that contains nothing else."""
    content = {name: make() for name, make in ARTIFACTS.items()}
    content[CHECKSUMS] = "".join(
        f"{sha256(made).hexdigest()}  {name}\n" for name, made in sorted(content.items())
    ).encode()
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
    for name, made in content.items():
        (folder / name).write_bytes(made)


def main() -> None:
    """Build into ``dist``, and print the checksums."""
    folder = ROOT / "dist"
    if changed := git("status", "--porcelain").decode():
        raise SystemExit(f"make dist: commit this first, or remove it:\n{changed}")
    build(folder)
    print((folder / CHECKSUMS).read_text(), end="")


if __name__ == "__main__":
    main()
