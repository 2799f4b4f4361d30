"""The project's Git repository."""

import subprocess
from pathlib import Path

from pump_roles.templates import InputError

__all__ = ["check_clean", "git", "tag_of"]


def git(root: Path, *arguments: str, content: bytes = b"") -> bytes:
    """Run Git, and return what it prints.

    :param root: the repository's folder.
    :param arguments: the command line.
    :param content: what Git reads from standard input.
    :raises InputError: when it fails.
    """
    ended = subprocess.run(
        ["git", *arguments], cwd=root, input=content, capture_output=True, check=False
    )
    if ended.returncode:
        said = ended.stderr.decode(errors="replace").strip()
        raise InputError(f"git {arguments[0]} failed: {said}")
    return ended.stdout


def check_clean(root: Path) -> None:
    """Check that everything is committed.

    :param root: the repository's folder.
    :raises InputError: when something is not.
    """
    changed = git(root, "status", "--porcelain").decode().splitlines()
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
