"""The project's Git repository."""

import os
import subprocess
from pathlib import Path

from pump_roles.json_input import InputError


def git(root: Path, *arguments: str) -> str:
    """Run Git, and return what it prints.

    :param root: the repository's folder.
    :param arguments: the command line.
    :raises InputError: when it fails, or is not installed.
    """
    # In a hook, variables point to the repository of the hook.
    pointing = {"GIT_DIR", "GIT_INDEX_FILE", "GIT_PREFIX", "GIT_WORK_TREE"}
    try:
        ended = subprocess.run(
            ["git", *arguments],
            cwd=root,
            env={name: value for name, value in os.environ.items() if name not in pointing},
            capture_output=True,
            text=True,
            encoding="utf-8",
            check=False,
        )
    except FileNotFoundError:
        raise InputError("git is not installed") from None
    if ended.returncode:
        raise InputError(f"git {' '.join(arguments)} failed: {ended.stderr.strip()}")
    return ended.stdout


def check_clean(root: Path) -> None:
    """Check that everything is committed.

    :param root: the repository's folder.
    :raises InputError: when something is not.
    """
    changed = git(root, "status", "--porcelain", "--untracked-files=all").splitlines()
    if changed:
        raise InputError(
            f"{changed[0][3:]} {f'and {len(changed) - 1} more are' if changed[1:] else 'is'} "
            "not committed: commit or remove all changes first"
        )


def tag_of(root: Path, version: str) -> str:
    """Return the name of a version's tag, which must not exist.

    :param root: the repository's folder.
    :param version: the version.
    :raises InputError: when it exists.
    """
    name = f"v{version}"
    if git(root, "tag", "--list", name):
        raise InputError(f"the tag {name} already exists: a release never changes")
    return name


def check_unchanged(root: Path, version: str, file: str) -> None:
    """Check that a file of a release is committed as the release's tag has it.

    :param root: the repository's folder.
    :param version: the version.
    :param file: the file, from the repository's folder.
    :raises InputError: when it is not, or there is no such tag.
    """
    tag = f"v{version}"
    if not git(root, "tag", "--list", tag):
        raise InputError(f"the tag {tag} is missing: run git fetch --tags, or make tag")
    then, now = git(root, "rev-parse", f"refs/tags/{tag}:{file}", f"HEAD:{file}").split()
    if then != now:
        raise InputError(f"{file} is not what {tag} has: a release never changes")
