"""How long a process takes, and how much memory."""

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter


@dataclass(frozen=True, kw_only=True)
class Used:
    seconds: float
    memory: float


def run(arguments: Sequence[str], environment: Mapping[str, str]) -> Used:
    """Run a Python process without output."""
    with Path(os.devnull).open("w") as nowhere:
        streams = [(os.POSIX_SPAWN_DUP2, nowhere.fileno(), number) for number in (1, 2)]
        start = perf_counter()
        command = [sys.executable, *arguments]
        process = os.posix_spawn(sys.executable, command, environment, file_actions=streams)
        _, status, used = os.wait4(process, 0)
        seconds = perf_counter() - start
    if status:
        ended = os.waitstatus_to_exitcode(status)
        raise RuntimeError(f"{' '.join(arguments)} ended with exit status {ended}")
    return Used(seconds=seconds, memory=used.ru_maxrss)
