"""`make pythons`: targets of the Makefile on each Python of this machine, each in a clone."""

import argparse
import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
"""The project's folder."""

LOWEST: Final = (3, 10)
"""The lowest Python that the project promises to work with."""

Version = tuple[int, ...]


def search_path() -> list[str]:
    """Return the folders of the PATH without this project's environment."""
    own = str(ROOT / ".venv" / "bin")
    return [folder for folder in os.get_exec_path() if folder != own]


def pythons() -> dict[Version, str]:
    """Return the first Python of each minor version from the lowest on, in order."""
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    names = ["python3", *(f"python3.{minor}" for minor in range(LOWEST[1], 30))]
    candidates = [
        *(Path(folder) / name for folder in search_path() for name in names),
        *sorted(pyenv.glob("versions/*/bin/python3"), reverse=True),
    ]
    found: dict[Version, str] = {}
    for candidate in filter(Path.exists, candidates):
        # One of pyenv's shims may be of a Python that it does not run here, and Debian's Python
        # cannot create an environment without the package python3-venv.
        asked = subprocess.run(
            [
                candidate,
                "-c",
                "import ensurepip, sys; print(*sys.version_info[:2], sys.executable)",
            ],
            capture_output=True,
            text=True,
            check=False,
        )
        if asked.returncode == 0:
            major, minor, python = asked.stdout.rstrip("\n").split(" ", 2)
            found.setdefault((int(major), int(minor)), python)
    return {version: found[version] for version in sorted(found) if version >= LOWEST}


def passes(targets: Iterable[str], python: str, clone: Path) -> bool:
    """Run targets in a fresh clone of what is committed, and return whether they passed."""
    subprocess.run(["git", "clone", "--quiet", ROOT, clone], check=True)
    of_this_run = ("MAKEFLAGS", "MAKELEVEL", "MFLAGS", "VIRTUAL_ENV")
    inherited = {name: value for name, value in os.environ.items() if name not in of_this_run}
    environment = {**inherited, "PATH": os.pathsep.join(search_path())}
    command = ["make", *targets, f"PYTHON={python}"]
    return subprocess.run(command, cwd=clone, env=environment, check=False).returncode == 0


def main(arguments: Iterable[str]) -> int:
    parser = argparse.ArgumentParser(prog="pythons", description=__doc__)
    parser.add_argument("targets", nargs="+", help="the targets of the Makefile")
    options = parser.parse_args([*arguments])
    targets = " ".join(options.targets)
    found = pythons()
    passed: dict[str, bool] = {}
    for version, python in found.items():
        name = ".".join(map(str, version))
        print(f"Python {name}: make {targets} PYTHON={python}, in a clone", flush=True)
        with TemporaryDirectory() as folder:
            # A path with a space, once: the newest is the one that each caller runs.
            clone = Path(folder) / ("a clone" if version == max(found) else "clone")
            passed[name] = passes(options.targets, python, clone)
    results = [f"{name} {'passed' if passed[name] else 'FAILED'}" for name in passed]
    print(f"make {targets}: {', '.join(results)}")
    return not all(passed.values())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
