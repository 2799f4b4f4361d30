"""Each block of commands can be pasted, whole, into an interactive shell: it runs what it says.

zsh, the shell of macOS, has no comments then, and reads some unquoted characters as patterns.
"""

import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import pytest

from tests.docs.pages import commands, sh_blocks
from tools.sandbox.cdk import ROOT

PAGES: Final = [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("examples/*.md")]
BLOCKS: Final = {
    f"{page.relative_to(ROOT)} {number}": block
    for page in sorted(PAGES)
    for number, block in enumerate(sh_blocks(page.read_text("utf-8")), 1)
}

SHELLS: Final = {
    "script": ["bash"],
    "bash": ["bash", "--noprofile", "--norc", "-i"],
    "zsh": ["zsh", "-f", "-i"],
}
"""What runs a script, and the shells that someone pastes into, without startup files."""

RECORD: Final = r"""
record() { printf '%s\0' "$#" "$@" >> "$RECORDED"; }
command_not_found_handle() { record "$@"; }
command_not_found_handler() { record "$@"; }
cd() { record cd "$@"; }
source() { record source "$@"; }
"""
"""Records each program, of which the shell finds none, and what would need a file or a folder."""

OF_THE_SHELL: Final = {
    *("for", "while", "done", "{", "}", "valid"),
    *("break", "echo", "export", "return", "set"),
}
"""What a line begins with that starts no program."""


def run(blocks: Sequence[str], shell: str) -> list[list[list[str]]]:
    """Return, for each block, the words of each command that a shell runs."""
    typed = [RECORD]
    for block in blocks:
        # What the reader types between the quotation marks.
        typed += ["record\n", re.sub(r"^([A-Z_]+)=''$", r"\1='x'", block, flags=re.MULTILINE)]
        typed.append("set +eu\n")
    with TemporaryDirectory() as folder:
        Path(folder, "trail", "1").mkdir(parents=True)
        # The shell does not look for a program with a folder in its name.
        for name in {words[0] for block in blocks for words in commands(block) if "/" in words[0]}:
            program = Path(folder, name)
            program.parent.mkdir(parents=True, exist_ok=True)
            program.write_text(f'#!/bin/sh\n{RECORD}record {name} "$@"\n', "utf-8")
            program.chmod(0o755)
        subprocess.run(
            [str(shutil.which(SHELLS[shell][0])), *SHELLS[shell][1:]],
            input="".join(typed),
            cwd=folder,
            # A home folder that is written as it is typed.
            env={"PATH": folder, "RECORDED": f"{folder}/recorded", "HOME": "~"},
            capture_output=True,
            text=True,
            check=False,
        )
        words = iter(Path(folder, "recorded").read_text("utf-8").split("\0")[:-1])
    found: list[list[list[str]]] = []
    for count in words:
        if count == "0":
            found.append([])
        else:
            found[-1].append([next(words) for _ in range(int(count))])
    # The parts of a pipeline run at the same time.
    return [sorted(block) for block in found]


def misread(blocks: Sequence[str], shell: str) -> list[str]:
    """Return the blocks of which a shell does not run exactly what is written."""
    as_script, pasted = run(blocks, "script"), run(blocks, shell)
    found = []
    for number, block in enumerate(blocks):
        written = [words for words in commands(block) if words[0] not in OF_THE_SHELL]
        pairs = zip(as_script[number : number + 1], pasted[number : number + 1], strict=True)
        if not any(
            ran == expected
            and all(words in ran for words in written)
            and all(re.fullmatch(r"[\w./-]+", program) for program, *_ in ran)
            for expected, ran in pairs
        ):
            found.append(block)
    return found


@pytest.fixture(params=["bash", "zsh"])
def shell(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    if not shutil.which(name):
        pytest.skip(f"{name} is not installed")
    return name


def test_pasted_block_runs_what_it_says(shell: str) -> None:
    assert len(BLOCKS) > 70
    wrong = misread([*BLOCKS.values()], shell)
    assert [name for name, block in BLOCKS.items() if block in wrong] == []


@pytest.mark.parametrize(
    ("block", "shells"),
    [
        ("npx cdk deploy PumpReadOnly    # those that you have\n", "bash zsh"),
        ("aws iam untag-role --tag-keys pump-commitments # close\nnpx cdk diff\n", "bash zsh"),
        ('pump-roles verify --principal "$PRINCIPAL" # mine\n', "zsh"),
        ("$ aws organizations leave-organization\n", "bash zsh"),
        ("   $ aws iam get-role \\\n       --role-name A\n", "bash zsh"),
        ("aws iam list-roles --query Roles[].Arn\n", "zsh"),
        ("pip install pump_roles.whl[review]\n", "zsh"),
        ('gh release create --notes "Done!now"\n', "bash zsh"),
        ("(cd examples && npx cdk synth) > synth.txt && aws iam get-user | diff - user\n", ""),
        ("for kind in a b; do\n  aws iam get-role --role-name \\\n    '$kind'\ndone\n", ""),
    ],
)
def test_what_a_shell_reads_otherwise_is_found(block: str, shells: str, shell: str) -> None:
    """Between two innocent blocks, of which none is blamed."""
    innocent = ["npx cdk synth --quiet\n", "aws iam get-user\n"]
    expected = [block] if shell in shells.split() else []
    assert misread([innocent[0], block, innocent[1]], shell) == expected


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_are_in_blocks_that_can_be_pasted(page: Path) -> None:
    """So that the test above sees them."""
    assert not re.findall("^ *```(?:console|shell|bash|zsh)", page.read_text("utf-8"), re.MULTILINE)
