"""The project's Git repository."""

import os
import subprocess
from pathlib import Path

from pump_roles.json_input import InputError


def git(root: Path, *arguments: str) -> str:
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
