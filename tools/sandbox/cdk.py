"""The pinned CDK CLI, run as a user runs it."""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
"""The project's folder."""

_CLI: Final = ROOT / "node_modules" / "aws-cdk" / "bin" / "cdk"


def tool_environment() -> dict[str, str]:
    """Return the environment that tools run in: this environment's Python and Node, and no AWS.

    The machine's AWS configuration is omitted, so that nothing reaches a real account.
    """
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    return {
        **inherited,
        "PATH": os.pathsep.join((str(Path(sys.executable).parent), inherited.get("PATH", ""))),
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "NO_PROXY": "127.0.0.1",
        "no_proxy": "127.0.0.1",
    }


@contextmanager
def project() -> Iterator[Path]:
    """Make a temporary folder with the project's app and ``cdk.json`` until the block ends.

    So your ``pump.json`` changes neither the demos nor the tests.
    """
    with TemporaryDirectory() as folder:
        for name in ("app.py", "cdk.json"):
            (Path(folder) / name).symlink_to(ROOT / name)
        yield Path(folder)


def cdk(
    *arguments: str, directory: Path | None = None, environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run the CDK CLI, and return its exit status and output."""
    with project() if directory is None else nullcontext(directory) as folder:
        return subprocess.run(
            ["node", str(_CLI), *arguments],
            cwd=folder,
            env=tool_environment() | dict(environment or {}),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
