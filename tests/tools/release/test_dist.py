"""``make dist``: what a release consists of, and that the same sources give the same bytes."""

import hashlib
import json
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
from jsonschema import Draft202012Validator

from pump_roles import __version__
from pump_roles.published import ROLES
from tests.docs.pages import sh_blocks
from tests.support import other_pythons
from tools.release import dist, generate
from tools.sandbox.cdk import ROOT, tool_environment

WHEEL = f"pump_roles-{__version__}-py3-none-any.whl"
SDIST = f"pump_roles-{__version__}.tar.gz"
PREFIX = f"pump-roles-{__version__}"
FILES = {
    *(WHEEL, SDIST, "SHA256SUMS", f"{PREFIX}-manual.zip", f"{PREFIX}.cdx.json"),
    *(
        f"{role.stack_name}{more}-{__version__}.template.json"
        for role in ROLES.values()
        for more in ("", "-recommended")
    ),
    *(f"{PREFIX}-permissions.{ending}" for ending in ("html", "md", "json", "schema.json")),
    f"{PREFIX}-permissions-changelog.md",
}


def contents(folder: Path) -> dict[str, bytes]:
    """Return the files of a folder by their names."""
    return {file.name: file.read_bytes() for file in folder.iterdir()}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a build of this project."""
    folder = tmp_path_factory.mktemp("release") / "dist"
    dist.build(folder)
    return folder


def git(folder: Path, *arguments: str) -> None:
    subprocess.run(["git", *arguments], cwd=folder, check=True, capture_output=True)


def cloned(folder: Path) -> Path:
    """Copy what a build reads into a folder, and commit all of it."""
    ignore = shutil.ignore_patterns("__pycache__")
    for name in ("cloudformation", "docs", "pump_roles", "tools"):
        shutil.copytree(ROOT / name, folder / name, ignore=ignore)
    for name in (
        *(".gitattributes", ".gitignore", "LICENSE", "PERMISSIONS.md", "README.md"),
        *("pyproject.toml", "requirements.txt"),
    ):
        shutil.copy(ROOT / name, folder)
    git(folder, "init")
    commit(folder)
    return folder


def commit(folder: Path) -> None:
    git(folder, "add", "--all")
    committer = ("-c", "user.name=Maintainer", "-c", "user.email=maintainer@example.com")
    git(folder, *committer, "commit", "--no-verify", "--message", "All")


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    return cloned(tmp_path / "clone")


def run(folder: Path, *arguments: str, python: str = sys.executable, **variables: str) -> None:
    """Run Python in a copy of the project, with this environment's packages."""
    subprocess.run(
        [python, *arguments],
        cwd=folder,
        env=tool_environment()
        | {"PYTHONPATH": os.pathsep.join((str(folder), sysconfig.get_path("purelib")))}
        | variables,
        check=True,
    )


def test_released_manifest_is_about_the_released_templates(built: Path) -> None:
    """``tests/universal/test_templates.py`` compares these with the synth and the rollouts."""
    manifest = json.loads((built / f"{PREFIX}-permissions.json").read_bytes())
    schema = json.loads((built / f"{PREFIX}-permissions.schema.json").read_bytes())
    Draft202012Validator(schema).validate(manifest)
    sums = (built / "SHA256SUMS").read_text().splitlines()
    for role in manifest["roles"]:
        name = f"{ROLES[role['role']['kind']].stack_name}-{__version__}.template.json"
        ((_, digest),) = role["files"]
        assert f"{digest}  {name}" in sums


def test_wheel_and_sdist_contain_the_package_and_nothing_else(built: Path) -> None:
    tracked = dist.git("ls-tree", "-r", "--name-only", "HEAD", "pump_roles").decode()
    package = sorted(tracked.splitlines())
    assert {"pump_roles/py.typed", "pump_roles/review/output/report.schema.json"} <= set(package)
    wheel = zipfile.ZipFile(built / WHEEL)
    assert sorted(name for name in wheel.namelist() if ".dist-info/" not in name) == package
    root = SDIST.removesuffix(".tar.gz")
    with tarfile.open(built / SDIST) as archive:
        names = [name.removeprefix(f"{root}/") for name in archive.getnames()]
    others = [".gitignore", "LICENSE", "PKG-INFO", "README.md", "pyproject.toml"]
    assert sorted(names) == sorted([*others, *package])


def test_manual_has_its_files_and_no_dead_link(built: Path) -> None:
    archive = zipfile.ZipFile(built / f"{PREFIX}-manual.zip")
    folder = f"{PREFIX}-manual/"
    found = {entry.filename: archive.read(entry) for entry in archive.infolist()}
    for name, content in found.items():
        assert content == (ROOT / name.removeprefix(folder)).read_bytes()
    names = {name.removeprefix(folder) for name in found}
    assert {path for path in generate.FILES if path.startswith("docs/manual/")} < names
    links = re.findall(r"\]\(([^)#]+)", found[f"{folder}docs/manual.md"].decode())
    assert "../PERMISSIONS.md" in links
    assert {os.path.normpath(f"docs/{link}") for link in links} < names
    assert not [name for name in names if name.endswith(".json") and name not in generate.FILES]


VALIDATE = """\
import sys
from pathlib import Path
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
validator, text = JsonStrictValidator(SchemaVersion.V1_6), Path(sys.argv[1]).read_text("utf-8")
assert validator.validate_str(text) is None
# Proves that the schema rejects something.
assert validator.validate_str(text.replace('"SHA-256"', '"SHA-255"')) is not None
"""


@pytest.mark.slow
def test_sbom_is_valid(built: Path) -> None:
    file = built / f"{PREFIX}.cdx.json"
    subprocess.run([sys.executable, "-c", VALIDATE, str(file)], check=True)


def test_sbom_has_each_python_package_with_its_digests(built: Path) -> None:
    text = (built / f"{PREFIX}.cdx.json").read_text("utf-8")
    document = json.loads(text)
    # Nothing that depends on the clock, on chance, or on the machine.
    assert document.keys().isdisjoint({"serialNumber"})
    assert document["metadata"].keys() == {"component", "properties", "tools"}
    assert str(ROOT) not in text
    about = document["metadata"]["component"]
    assert (about["name"], about["version"]) == ("pump-roles", __version__)
    found = {
        component["purl"]: {
            digest["content"]
            for reference in component["externalReferences"]
            for digest in reference["hashes"]
        }
        for component in document["components"]
    }
    pinned = (ROOT / "requirements.txt").read_text("utf-8").replace("\\\n", "").splitlines()
    assert found == {
        f"pkg:pypi/{line.split()[0].replace('==', '@')}": set(re.findall("sha256:(.{64})", line))
        for line in pinned
        if not line.startswith("#")
    }


def commands(page: str, *programs: str) -> str:
    """Return the commands of a page that begin with one of the programs, as a script."""
    text = (ROOT / "docs" / page).read_text("utf-8").replace("VERSION", __version__)
    found = "".join(sh_blocks(text)).splitlines()
    return "\n".join(command for command in found if command.split()[0] in programs)


def shell(script: str, folder: Path, **variables: str) -> list[str]:
    """Run a script that stops at the first error, and return the lines that it prints."""
    ended = subprocess.run(
        ["sh", "-euc", script],
        cwd=folder,
        env=os.environ | variables,
        capture_output=True,
        text=True,
        check=True,
    )
    return ended.stdout.splitlines()


def test_commands_of_the_guide_find_a_release_intact_and_identical(
    built: Path, tmp_path: Path
) -> None:
    assert {file.name for file in built.iterdir()} == FILES
    downloads = tmp_path / "Downloads"
    downloads.mkdir()
    shutil.copy(built / "SHA256SUMS", downloads)
    script = f"{commands('release.md', 'diff')}\ncd dist\n{commands('release.md', 'sha256sum')}"
    first, *checked = shell(script, built.parent, HOME=str(tmp_path))
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


@pytest.mark.slow
def test_two_folders_pythons_and_environments_give_the_same_bytes_and_so_does_plain_hatchling(
    built: Path, tmp_path: Path
) -> None:
    """Another Python if this machine has one from 3.11 on."""
    elsewhere = tmp_path / "else where" / "é"
    elsewhere.mkdir(parents=True)
    copy = cloned(elsewhere / "copy")
    for file in copy.rglob("*"):
        if file.is_file() and ".git" not in file.parts:
            os.utime(file, (1_000_000_000, 1_000_000_000))
            file.chmod(0o600)
    # hatchling would exclude what these name, and put one of them into the sdist.
    for name in (".gitignore", ".hgignore"):
        (elsewhere / name).write_text("syntax: glob\n*.json\n")
    umask = os.umask(0o077)
    try:
        run(
            copy,
            *("-m", "tools.release.dist"),
            python=[*other_pythons(), sys.executable][0],
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
    of_this, of_copy = contents(built), contents(copy / "dist")
    assert of_this.keys() == of_copy.keys() == FILES
    assert [name for name in FILES if of_this[name] != of_copy[name]] == []
    # Proves that the comparison can fail.
    source = copy / "pump_roles" / "constructs" / "roles.py"
    source.write_bytes(source.read_bytes() + b"\n")
    commit(copy)
    run(copy, "-m", "tools.release.dist")
    changed = contents(copy / "dist")
    assert {name for name in FILES if of_this[name] != changed[name]} == {
        *(WHEEL, SDIST, "SHA256SUMS")
    }
    # Anyone can build the two files that are compressed, also from the released sdist.
    (tmp_path / SDIST).write_bytes(of_this[SDIST])
    shutil.unpack_archive(tmp_path / SDIST, tmp_path, filter="data")
    sdist = tmp_path / SDIST.removesuffix(".tar.gz")
    run(sdist, "-m", "hatchling", "build", "--directory", "plain")
    assert {name: of_this[name] for name in (WHEEL, SDIST)} == contents(sdist / "plain")
    if not other_pythons():
        pytest.skip("the folders were compared, but this machine has no other Python from 3.11 on")


def test_nothing_is_built_from_what_is_not_committed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in (".gitignore", "README.md"):
        shutil.copy(ROOT / name, tmp_path)
    (tmp_path / "pump_roles").mkdir()
    (tmp_path / "pump_roles" / "role.py").touch()
    git(tmp_path, "init")
    commit(tmp_path)
    (tmp_path / "README.md").write_text("Changed.")
    (tmp_path / "pump_roles" / "scratch.py").write_text("Added.")
    monkeypatch.setattr(dist, "ROOT", tmp_path)
    # Python prints the text of it, and ends with the status 1.
    with pytest.raises(SystemExit) as ended:
        dist.main()
    said, *files = str(ended.value).splitlines()
    assert said == "make dist: commit this first, or remove it:"
    assert files == [" M README.md", "?? pump_roles/scratch.py"]
    assert not (tmp_path / "dist").exists()


def test_clone_with_windows_line_endings_has_the_same_bytes(clone: Path, tmp_path: Path) -> None:
    """Git for Windows has this setting by default."""
    windows = tmp_path / "windows"
    git(tmp_path, "clone", "--config", "core.autocrlf=true", str(clone), str(windows))
    files = [*map(str, Path("pump_roles").rglob("*.json")), "README.md"]
    assert [
        file for file in files if (windows / file).read_bytes() != (clone / file).read_bytes()
    ] == []


def test_build_replaces_an_earlier_one_only_when_it_is_complete(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> bytes:
        raise OSError("failed")

    for name, content in (("old", b"1"), ("new", b"rules")):
        monkeypatch.setattr(dist, "ARTIFACTS", {name: lambda content=content: content})
        dist.build(tmp_path / "dist")
    digest = hashlib.sha256(b"rules").hexdigest()
    complete = {"new": b"rules", "SHA256SUMS": f"{digest}  new\n".encode()}
    assert contents(tmp_path / "dist") == complete
    monkeypatch.setattr(dist, "ARTIFACTS", {"a": lambda: b"2", "b": fail})
    with pytest.raises(OSError, match="failed"):
        dist.build(tmp_path / "dist")
    assert contents(tmp_path / "dist") == complete
