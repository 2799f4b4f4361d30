"""``make dist``: what a release consists of, and that the same sources give the same bytes."""

import hashlib
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from pathlib import Path

import pytest
from typer.testing import CliRunner

from pump_roles import __version__, universal
from pump_roles.cli import app
from pump_roles.published import ROLES
from tests.support import other_pythons
from tools.release import dist, generate
from tools.sandbox.cdk import ROOT, tool_environment

FILES = {
    f"pump_roles-{__version__}-py3-none-any.whl",
    f"pump_roles-{__version__}.tar.gz",
    f"PumpReadOnly-{__version__}.template.json",
    f"PumpAutoPilot-{__version__}.template.json",
    f"pump-roles-{__version__}-permissions.html",
    f"pump-roles-{__version__}-permissions.md",
    f"pump-roles-{__version__}-permissions.json",
    f"pump-roles-{__version__}-permissions.schema.json",
    f"pump-roles-{__version__}.guard",
    f"pump-roles-{__version__}-manual.zip",
    f"pump-roles-{__version__}-permissions-changelog.md",
    f"pump-roles-{__version__}.cdx.json",
    "SHA256SUMS",
}
WHEEL = f"pump_roles-{__version__}-py3-none-any.whl"
SDIST = f"pump_roles-{__version__}.tar.gz"

LEFT_BEHIND = [
    "__pycache__/roles.cpython-399.pyc",
    ".roles.py.swp",
    "roles.py~",
    "roles.py.orig",
    "report/#page.css#",
    "report/.idea/workspace.json",
]
"""What editors, merges, and Python leave in the package's folder."""


def contents(folder: Path) -> dict[str, bytes]:
    """Return the files of a folder by their names."""
    return {file.name: file.read_bytes() for file in folder.iterdir()}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a build of this project."""
    folder = tmp_path_factory.mktemp("release") / "dist"
    dist.build(folder)
    return folder


def copied(folder: Path) -> Path:
    """Copy what a build reads into a folder, without what Git and Python keep in it."""
    ignore = shutil.ignore_patterns("__pycache__")
    for name in ("docs", "pump_roles", "tools"):
        shutil.copytree(ROOT / name, folder / name, ignore=ignore)
    for name in (".gitattributes", ".gitignore", "LICENSE", "README.md", "pyproject.toml"):
        shutil.copy(ROOT / name, folder)
    for name in ("PERMISSIONS.md", "package-lock.json", "requirements.txt"):
        shutil.copy(ROOT / name, folder)
    return folder


def git(folder: Path, *arguments: str) -> None:
    subprocess.run(["git", *arguments], cwd=folder, check=True, capture_output=True)


def cloned(folder: Path) -> Path:
    """Copy the project like :func:`copied`, and commit all of it."""
    copied(folder)
    git(folder, "init")
    git(folder, "add", "--all")
    committer = ("-c", "user.name=Maintainer", "-c", "user.email=maintainer@example.com")
    git(folder, *committer, "commit", "--no-verify", "--message", "All")
    return folder


def run(
    folder: Path, *arguments: str, python: str = sys.executable, **variables: str
) -> subprocess.CompletedProcess[str]:
    """Run Python in a copy of the project, with this environment's packages."""
    return subprocess.run(
        [python, *arguments],
        cwd=folder,
        env=tool_environment()
        | {"PYTHONPATH": os.pathsep.join((str(folder), sysconfig.get_path("purelib")))}
        | variables,
        capture_output=True,
        text=True,
        check=False,
    )


def make_dist(folder: Path, python: str = sys.executable, **variables: str) -> dict[str, bytes]:
    """Build a copy of the project, and return the files."""
    ended = run(folder, "-m", "tools.release.dist", python=python, **variables)
    assert ended.returncode == 0, ended.stderr
    return contents(folder / "dist")


def test_writes_the_files_of_a_release_and_nothing_else(built: Path) -> None:
    assert {file.name for file in built.iterdir()} == FILES
    assert [file.name for file in built.parent.iterdir()] == ["dist"]


def test_sha256sum_accepts_the_files_and_rejects_a_changed_byte_in_any(
    built: Path, tmp_path: Path
) -> None:
    folder = shutil.copytree(built, tmp_path / "dist")
    check = ["sha256sum", "--check", "--strict", "SHA256SUMS"]
    ended = subprocess.run(check, cwd=folder, capture_output=True, text=True, check=False)
    names = sorted(FILES - {"SHA256SUMS"})
    assert ended.stdout.splitlines() == [f"{name}: OK" for name in names]
    assert (ended.returncode, ended.stderr) == (0, "")
    for name in names:
        content = (folder / name).read_bytes()
        (folder / name).write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
        ended = subprocess.run(check, cwd=folder, capture_output=True, text=True, check=False)
        assert ended.returncode == 1
        assert f"{name}: FAILED\n" in ended.stdout
        (folder / name).write_bytes(content)


@pytest.mark.parametrize("kind", ROLES)
def test_released_template_is_the_universal_template(kind: str, built: Path) -> None:
    """``tests/universal/test_templates.py`` compares it with the synth and with the rollouts."""
    released = (built / f"{ROLES[kind].stack_name}-{__version__}.template.json").read_bytes()
    digest = hashlib.sha256(universal.template(kind)).hexdigest()
    assert hashlib.sha256(released).hexdigest() == digest
    assert f"{digest}  {ROLES[kind].stack_name}-" in (built / "SHA256SUMS").read_text()


@pytest.mark.parametrize(("ending", "format_name"), [("html", "html"), ("md", "summary")])
def test_released_report_is_what_the_command_writes(
    ending: str, format_name: str, built: Path, tmp_path: Path
) -> None:
    written = tmp_path / "report"
    arguments = ["report", "--format", format_name, "--output", str(written)]
    ended = CliRunner().invoke(app, arguments)
    assert ended.exit_code == 0, ended.stderr
    released = built / f"pump-roles-{__version__}-permissions.{ending}"
    assert released.read_bytes() == written.read_bytes()


def test_wheel_and_sdist_contain_the_package_and_nothing_else(built: Path) -> None:
    package = [path for path in dist.sources() if path.startswith("pump_roles/")]
    assert {"pump_roles/py.typed", "pump_roles/universal/__init__.py"} <= set(package)
    wheel = zipfile.ZipFile(built / WHEEL)
    assert sorted(name for name in wheel.namelist() if ".dist-info/" not in name) == package
    root = SDIST.removesuffix(".tar.gz")
    with tarfile.open(built / SDIST) as archive:
        names = [name.removeprefix(f"{root}/") for name in archive.getnames()]
    others = [".gitignore", "LICENSE", "PKG-INFO", "README.md", "pyproject.toml"]
    assert sorted(names) == sorted([*others, *package])


def test_manual_is_an_uncompressed_zip_with_its_files_and_no_dead_link(built: Path) -> None:
    archive = zipfile.ZipFile(built / f"pump-roles-{__version__}-manual.zip")
    folder = f"pump-roles-{__version__}-manual/"
    found = {entry.filename: archive.read(entry) for entry in archive.infolist()}
    for name, content in found.items():
        assert content == (ROOT / name.removeprefix(folder)).read_bytes()
    names = {name.removeprefix(folder) for name in found}
    assert {path for path in generate.FILES if path.startswith("docs/manual/")} < names
    links = re.findall(r"\]\(([^)#]+)", found[f"{folder}docs/manual.md"].decode())
    assert "../PERMISSIONS.md" in links
    assert {os.path.normpath(f"docs/{link}") for link in links} < names
    assert not [name for name in names if name.endswith(".json") and name not in generate.FILES]
    for entry in archive.infolist():
        assert entry.compress_type == zipfile.ZIP_STORED
        assert entry.date_time == (2020, 2, 2, 0, 0, 0)
        assert entry.external_attr >> 16 == 0o100644


def commands(page: str, *programs: str) -> str:
    """Return the commands of a page that begin with one of the programs, as a script."""
    text = (ROOT / "docs" / page).read_text("utf-8").replace("VERSION", __version__)
    found = re.findall(r"^\$ (.*)$", text, re.MULTILINE)
    return "\n".join(command for command in found if command.split()[0] in programs)


def test_commands_of_the_manual_check_and_unpack_it(built: Path, tmp_path: Path) -> None:
    archive = f"pump-roles-{__version__}-manual.zip"
    for name in (archive, "SHA256SUMS"):
        shutil.copy(built / name, tmp_path)
    script = commands("manual.md", "sha256sum", "unzip", "cd")
    ended = subprocess.run(
        ["sh", "-eu"],
        input=f"{script}\nls",
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    checked, *unpacked = ended.stdout.splitlines()
    assert checked == f"{archive}: OK"
    assert set(unpacked) == {file.name for file in (ROOT / "docs" / "manual").iterdir()}


def test_commands_of_the_guide_find_a_release_intact_and_identical(
    built: Path, tmp_path: Path
) -> None:
    (tmp_path / "Downloads").mkdir()
    shutil.copy(built / "SHA256SUMS", tmp_path / "Downloads")
    script = f"{commands('release.md', 'diff')}\ncd dist\n{commands('release.md', 'sha256sum')}"
    ended = subprocess.run(
        ["sh", "-eu"],
        input=script,
        cwd=built.parent,
        env={**os.environ, "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    first, *checked = ended.stdout.splitlines()
    assert first == "identical"
    assert checked == [f"{name}: OK" for name in sorted(FILES - {"SHA256SUMS"})]


@pytest.mark.parametrize(("text", "status"), [(b"same", 0), (b"other", 1)])
def test_command_of_the_guide_compares_what_two_wheels_contain(
    text: bytes, status: int, tmp_path: Path
) -> None:
    for name, content, level in (("one.whl", b"same", 1), ("other.whl", text, 9)):
        with zipfile.ZipFile(
            tmp_path / name, "w", zipfile.ZIP_DEFLATED, compresslevel=level
        ) as wheel:
            wheel.writestr("pump_roles/file", content)
    script = commands("release.md", "unzip")
    assert subprocess.run(["sh", "-c", script], cwd=tmp_path, check=False).returncode == status


def test_guide_lists_each_file_of_a_release() -> None:
    guide = (ROOT / "docs" / "release.md").read_text("utf-8")
    table = guide.partition("| file | what it is |")[2].partition("\n\n")[0]
    listed = re.findall(r"`([^` ]+)`(?=[^|]*\|[^|]*\|$)", table, re.MULTILINE)
    assert sorted(listed) == sorted(name.replace(__version__, "VERSION") for name in FILES)


@pytest.fixture(scope="module")
def of_clone(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The files of a build in a clone that also has files that Git does not track."""
    clone = cloned(tmp_path_factory.mktemp("clone") / "project")
    for path in [*LEFT_BEHIND, "scratch.py", "report/notes.json"]:
        (clone / "pump_roles" / path).parent.mkdir(parents=True, exist_ok=True)
        (clone / "pump_roles" / path).write_text("not a source")
    return make_dist(clone)


def test_two_folders_pythons_and_environments_give_the_same_bytes(
    of_clone: dict[str, bytes], tmp_path: Path
) -> None:
    """Another Python if this machine has one from 3.11 on."""
    elsewhere = tmp_path / "else where" / "é"
    elsewhere.mkdir(parents=True)
    copy = copied(elsewhere / "copy")
    for path in LEFT_BEHIND:
        (copy / "pump_roles" / path).parent.mkdir(parents=True, exist_ok=True)
        (copy / "pump_roles" / path).write_text("not a source")
    for file in copy.rglob("*"):
        if file.is_file():
            os.utime(file, (1_000_000_000, 1_000_000_000))
            file.chmod(0o600)
    # hatchling would exclude what these name, and put one of them into the sdist.
    for name in (".gitignore", ".hgignore"):
        (elsewhere / name).write_text("syntax: glob\n*.json\n")
    umask = os.umask(0o077)
    try:
        of_copy = make_dist(
            copy,
            [*other_pythons(), sys.executable][0],
            TZ="Pacific/Kiritimati",
            LC_ALL="C",
            PYTHONUTF8="0",
            PYTHONHASHSEED="1",
            TMPDIR=str(elsewhere),
            SOURCE_DATE_EPOCH="1700000000",
            HATCH_BUILD_LOCATION=str(tmp_path / "nowhere"),
        )
    finally:
        os.umask(umask)
    assert of_clone.keys() == of_copy.keys() == FILES
    assert [name for name in FILES if of_clone[name] != of_copy[name]] == []
    if not other_pythons():
        pytest.skip("the folders were compared, but this machine has no other Python from 3.11 on")


def test_plain_hatchling_builds_the_same_wheel_and_sdist_and_so_does_the_sdist(
    of_clone: dict[str, bytes], tmp_path: Path
) -> None:
    released = {name: of_clone[name] for name in (WHEEL, SDIST)}
    (tmp_path / SDIST).write_bytes(released[SDIST])
    shutil.unpack_archive(tmp_path / SDIST, tmp_path)
    for folder in (copied(tmp_path / "copy"), tmp_path / SDIST.removesuffix(".tar.gz")):
        ended = run(folder, "-m", "hatchling", "build", "--directory", "plain")
        assert ended.returncode == 0, ended.stderr
        plain = contents(folder / "plain")
        assert [name for name in released if plain[name] != released[name]] == []


def test_changed_byte_of_a_source_changes_the_digests(
    of_clone: dict[str, bytes], tmp_path: Path
) -> None:
    """Proves that the tests above can fail."""
    copy = copied(tmp_path / "copy")
    source = copy / "pump_roles" / "constructs" / "roles.py"
    source.write_bytes(source.read_bytes() + b"\n")
    changed = make_dist(copy)
    assert {name for name in FILES if of_clone[name] != changed[name]} == {
        *(WHEEL, SDIST, "SHA256SUMS")
    }


def test_clone_omits_what_git_does_not_track_and_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    clone = cloned(tmp_path / "clone")
    tracked = dist.sources(clone)
    assert capsys.readouterr().err == ""
    (clone / "pump_roles" / "scratch.py").touch()
    (clone / "pump_roles" / "__pycache__").mkdir()
    (clone / "pump_roles" / "__pycache__" / "a.pyc").touch()
    assert dist.sources(clone) == tracked
    error = capsys.readouterr().err
    assert error == "make dist: pump_roles/scratch.py: not in Git, omitted\n"
    git(clone, "add", "pump_roles/scratch.py")
    assert dist.sources(clone) == sorted([*tracked, "pump_roles/scratch.py"])


def test_clone_with_windows_line_endings_has_the_same_bytes(tmp_path: Path) -> None:
    """Git for Windows has this setting by default."""
    origin, clone = cloned(tmp_path / "origin"), tmp_path / "clone"
    git(tmp_path, "clone", "--config", "core.autocrlf=true", str(origin), str(clone))
    files = [file for file in clone.rglob("*") if file.is_file() and ".git" not in file.parts]
    assert len(files) > 100
    assert [
        file
        for file in files
        if file.read_bytes() != (origin / file.relative_to(clone)).read_bytes()
    ] == []


def test_changes_that_are_not_committed_are_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    clone = cloned(tmp_path / "clone")
    # None is part of a release: a file's mode, another document, and what is elsewhere.
    (clone / "README.md").chmod(0o755)
    (clone / "notes.txt").touch()
    dist.sources(clone)
    assert capsys.readouterr().err == ""
    (clone / "docs" / "manual.md").write_text("Changed.")
    (clone / "pump_roles" / "py.typed").unlink()
    git(clone, "mv", "pump_roles/constructs/roles.py", "pump_roles/é")
    dist.sources(clone)
    paths = (
        "docs/manual.md",
        "pump_roles/constructs/roles.py",
        "pump_roles/py.typed",
        "pump_roles/é",
    )
    assert sorted(capsys.readouterr().err.splitlines()) == [
        f"make dist: {path}: differs from the last commit" for path in paths
    ]


def test_copy_without_git_has_the_sources_of_a_clone(tmp_path: Path) -> None:
    clone = cloned(tmp_path / "clone")
    tracked = dist.sources(clone)
    shutil.rmtree(clone / ".git")
    assert dist.sources(clone) == tracked


def test_git_error_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clone = cloned(tmp_path / "clone")
    # A hook of another repository sets this.
    monkeypatch.setenv("GIT_DIR", str(ROOT / "nowhere"))
    assert dist.sources(clone)
    (clone / ".git" / "index").unlink()
    with pytest.raises(SystemExit, match=r"make dist: \.gitignore: missing, or not in Git"):
        dist.sources(clone)
    shutil.rmtree(clone / ".git")
    (clone / ".git").write_text("gitdir: nowhere")
    with pytest.raises(SystemExit, match="make dist: git ls-files: fatal: "):
        dist.sources(clone)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SystemExit, match="git is not on the PATH"):
        dist.sources(clone)


@pytest.fixture
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Replace the files of a release by one."""
    monkeypatch.setattr(dist, "ARTIFACTS", {f"pump-roles-{__version__}.guard": lambda: b"rules"})


@pytest.mark.usefixtures("_small")
def test_build_replaces_the_build_of_an_earlier_version(tmp_path: Path) -> None:
    folder = tmp_path / "dist"
    folder.mkdir()
    (folder / "pump-roles-0.0.9rc1.guard").touch()
    (folder / "SHA256SUMS").touch()
    dist.build(folder)
    digest = hashlib.sha256(b"rules").hexdigest()
    assert contents(folder) == {
        f"pump-roles-{__version__}.guard": b"rules",
        "SHA256SUMS": f"{digest}  pump-roles-{__version__}.guard\n".encode(),
    }


@pytest.mark.usefixtures("_small")
@pytest.mark.parametrize("name", ["notes.txt", "pump-roles-0.1.0.guard.bak", "pump-roles-.guard"])
def test_build_rejects_a_folder_with_other_files(name: str, tmp_path: Path) -> None:
    folder = tmp_path / "dist"
    folder.mkdir()
    (folder / name).write_text("mine")
    (folder / "SHA256SUMS").write_text("earlier")
    with pytest.raises(SystemExit, match=f"{name}: not from an earlier build"):
        dist.build(folder)
    assert contents(folder) == {name: b"mine", "SHA256SUMS": b"earlier"}


@pytest.mark.usefixtures("_small")
def test_build_rejects_folders_and_links(tmp_path: Path) -> None:
    folder = tmp_path / "dist"
    (folder / "SHA256SUMS").mkdir(parents=True)
    with pytest.raises(SystemExit, match="SHA256SUMS: not from an earlier build"):
        dist.build(folder)
    (folder / "SHA256SUMS").rmdir()
    (folder / "SHA256SUMS").symlink_to(tmp_path)
    with pytest.raises(SystemExit, match="SHA256SUMS: not from an earlier build"):
        dist.build(folder)
    (tmp_path / "link").symlink_to(folder)
    with pytest.raises(SystemExit, match="link: is not a folder"):
        dist.build(tmp_path / "link")
    (tmp_path / "file").touch()
    with pytest.raises(SystemExit, match="file: is not a folder"):
        dist.build(tmp_path / "file")


@pytest.mark.parametrize("error", [SystemExit("failed"), OSError("failed")])
def test_failed_build_leaves_only_the_earlier_build(
    error: BaseException, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> bytes:
        raise error

    monkeypatch.setattr(dist, "ARTIFACTS", {"a": lambda: b"1"})
    dist.build(tmp_path / "dist")
    earlier = contents(tmp_path / "dist")
    monkeypatch.setattr(dist, "ARTIFACTS", {"a": lambda: b"2", "b": fail})
    with pytest.raises(type(error), match="failed"):
        dist.build(tmp_path / "dist")
    assert contents(tmp_path / "dist") == earlier
    assert [path.name for path in tmp_path.iterdir()] == ["dist"]


def test_build_that_cannot_write_leaves_the_earlier_build(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dist, "ARTIFACTS", {"a": lambda: b"1"})
    dist.build(tmp_path / "dist")
    earlier = contents(tmp_path / "dist")
    # A name that no file system takes.
    monkeypatch.setattr(dist, "ARTIFACTS", {"a": lambda: b"2", "b" * 300: lambda: b"3"})
    with pytest.raises(OSError, match="name too long"):
        dist.build(tmp_path / "dist")
    assert contents(tmp_path / "dist") == earlier
    assert [path.name for path in tmp_path.iterdir()] == ["dist"]


def test_missing_file_is_one_clear_error(tmp_path: Path) -> None:
    copy = copied(tmp_path / "copy")
    (copy / "docs" / "manual.md").unlink()
    ended = run(copy, "-m", "tools.release.dist")
    assert (ended.returncode, ended.stdout) == (1, "")
    (line,) = ended.stderr.splitlines()
    assert line.startswith("make dist: ")
    assert line.endswith("/docs/manual.md'")
    assert not (copy / "dist").exists()


def test_hatchling_error_is_an_error(tmp_path: Path) -> None:
    copy = copied(tmp_path / "copy")
    (copy / "pyproject.toml").write_text("[project]\nname = 'pump-roles'\n")
    ended = run(copy, "-m", "tools.release.dist")
    assert ended.returncode == 1
    assert "make dist: hatchling: " in ended.stderr
    assert not (copy / "dist").exists()


def test_no_file_names_the_folder_or_the_machine_of_the_build(built: Path) -> None:
    folder = str(ROOT).encode()
    archives = [built / WHEEL, built / f"pump-roles-{__version__}-manual.zip"]
    members = [zipfile.ZipFile(file).read(name) for file in archives for name in _names(file)]
    assert members
    assert not [1 for content in [*contents(built).values(), *members] if folder in content]


def _names(archive: Path) -> list[str]:
    return zipfile.ZipFile(archive).namelist()
