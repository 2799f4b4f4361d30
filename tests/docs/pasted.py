"""Pages as programs: each block of a page, pasted into an interactive shell, in the page's order.

The programs of a block run in the test's process, so a page takes a second instead of a minute:

- ``aws``: the AWS CLI, on the emulator.
- ``pump-roles``: the command.
- ``npx cdk``: ``synth`` writes what the app synthesizes, without cdk-nag; ``deploy`` and
  ``destroy`` are the AWS CLI's commands for a stack. Other tests run the CDK CLI itself.
- ``make setup-review``: an empty ``.venv/bin/activate``.

Everything else, such as ``grep`` and ``diff``, is the machine's.
"""

import io
import json
import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from selectors import EVENT_READ, DefaultSelector
from types import SimpleNamespace
from typing import Any, Final, NamedTuple
from unittest.mock import patch

from awscli.clidriver import create_clidriver
from awscli.customizations.cloudformation import deployer
from botocore import waiter
from click.testing import CliRunner

from pump_roles.review.cli import app
from tests.docs.pages import SETTINGS, filled_in
from tests.support import Assembly
from tools.sandbox.aws import ACCOUNT_ID, REGION, Caller, EmbeddedAws
from tools.sandbox.cdk import ROOT
from tools.sandbox.organization import Organization

SHELLS: Final = {
    "script": ["bash"],
    "bash": ["bash", "--noprofile", "--norc", "-i"],
    "zsh": ["zsh", "-f", "-i"],
}
"""What runs a script, and the shells that someone pastes into, without startup files."""

PROGRAMS: Final = ("aws", "make", "npx", "pump-roles", "unknown")

NOT_FOUND: Final = """\
command_not_found_handle() { unknown "$@"; }
command_not_found_handler() { unknown "$@"; }
"""
"""What bash and zsh run when there is no program of a name."""

CLIENT: Final = """\
import json, os, socket, sys
with socket.socket(socket.AF_UNIX) as client:
    client.connect(os.environ["PROGRAMS"])
    asked = [os.path.basename(sys.argv[1]), *sys.argv[2:]], os.getcwd(), dict(os.environ)
    client.sendall(json.dumps(asked).encode() + b"\\n")
    status, out, err = json.loads(client.makefile().read())
sys.stdout.write(out)
sys.stdout.flush()
sys.stderr.write(err)
sys.exit(status)
"""

_SECONDS = count()


class Part(NamedTuple):
    """A block of a page."""

    section: str
    language: str
    text: str
    before: str
    """The line above it."""


class Ran(NamedTuple):
    """A command that a block ran."""

    words: list[str]
    status: int
    printed: str


def parts(page: str) -> Iterator[Part]:
    """Yield the blocks of a page, in order, each with the heading that it is under."""
    section, before = "", ""
    lines = iter(page.splitlines())
    for line in lines:
        if heading := re.match(r"#+ (.*)", line):
            section = heading[1].replace("`", "")
        if opened := re.match(r"( *)```(\w+)$", line):
            text = ""
            for inside in lines:
                if inside == f"{opened[1]}```":
                    break
                text += f"{inside}\n"
            yield Part(section, opened[2], textwrap.dedent(text), before)
        elif line and not line.startswith("<!--"):
            before = line


@dataclass
class World:
    """A clone of the project, in a customer's organization on the emulator."""

    aws: EmbeddedAws
    folder: Path
    organization: Organization
    assembly: Assembly
    caller: Caller = field(default_factory=lambda: Caller(ACCOUNT_ID))
    """Whose credentials the blocks run with."""
    settings: dict[str, Any] = field(default_factory=dict)
    ran: list[Ran] = field(default_factory=list)

    @classmethod
    def create(cls, aws: EmbeddedAws, folder: Path, assembly: Assembly) -> "World":
        """Create it in an empty folder."""
        organization = Organization.create(aws.organizations, {"Workloads": 2, "Sandbox": 1})
        for name in ("examples", "cloudformation", "docs", "app.py", "cdk.json"):
            (folder / name).symlink_to(ROOT / name)
        programs = folder / "programs"
        programs.mkdir()
        client = folder / "client"
        client.write_text(CLIENT)
        # The path of Python may have a space, which no first line of a script can.
        python = shlex.join([sys.executable, "-IS", str(client)])
        for name in PROGRAMS:
            (programs / name).write_text(f'#!/bin/sh\nexec {python} "$0" "$@"\n')
            (programs / name).chmod(0o755)
        return cls(aws, folder, organization, assembly)

    @property
    def accounts(self) -> list[str]:
        """The IDs of the member accounts."""
        return [found.id for found in self.organization.accounts() if found.id != ACCOUNT_ID]

    def configure(self, settings: Mapping[str, Any]) -> None:
        self.settings = dict(settings)
        (self.folder / "pump.json").write_text(json.dumps(settings))

    def profiles(self, **accounts: str) -> None:
        """Let a profile of the AWS CLI have the credentials of each account."""
        (self.folder / "aws-config").write_text(
            "".join(
                f"[profile {name}]\naws_access_key_id = {account}\naws_secret_access_key = x\n"
                f"region = {REGION}\n"
                for name, account in accounts.items()
            )
        )

    def run(self, *words: str, **variables: str) -> Ran:
        """Run a program as a block does, outside of any block."""
        environment = {**self.environment(), **variables}
        status, out, err = self._run([*words], str(self.folder), environment)
        return Ran([*words], status, out + err)

    def environment(self) -> dict[str, str]:
        return {
            # After the programs of the system, Node, which a machine may not have.
            "PATH": f"{self.folder / 'programs'}:/usr/bin:/bin:{Path(sys.executable).parent}",
            "HOME": str(self.folder),
            "PROGRAMS": str(self.folder / "socket"),
            "LC_ALL": "C.UTF-8",
            "COLUMNS": "200",
            "AWS_CONFIG_FILE": str(self.folder / "aws-config"),
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            # Of the AWS CLI's own data, which its import sets.
            "AWS_DATA_PATH": os.environ["AWS_DATA_PATH"],
            **self.aws.environment(self.caller),
        }

    def answer(self, asked: str) -> bytes:
        """Run a program for a client; returns what the client writes, and its exit status."""
        words, folder, environment = json.loads(asked)
        answered = self._run(words, folder, environment)
        status, out, err = answered
        self.ran.append(Ran(words, status, out + err))
        return json.dumps(answered).encode()

    def _run(
        self, words: list[str], folder: str, environment: Mapping[str, str]
    ) -> tuple[int, str, str]:
        program, *arguments = words
        runs: dict[str, Callable[[list[str], Mapping[str, str]], tuple[int, str, str]]] = {
            "aws": run_aws_cli,
            "pump-roles": _pump_roles,
            "npx": self._npx,
            "make": _make,
            "unknown": lambda words, _: (127, "", f"command not found: {words[0]}"),
        }
        before = Path.cwd()
        os.chdir(folder)
        try:
            with patch.dict(os.environ, environment, clear=True):
                return runs[program](arguments, environment)
        finally:
            os.chdir(before)

    def _npx(  # noqa: C901
        self, arguments: list[str], environment: Mapping[str, str]
    ) -> tuple[int, str, str]:
        cdk, action, *rest = arguments
        assert cdk == "cdk"
        options: list[str] = []
        names: list[str] = []
        values: list[str] = []
        words = iter(rest)
        for word in words:
            if word == "--profile":
                options += [word, next(words)]
            elif word == "--parameters":
                values.append(next(words))
            elif word in ("--app", "--require-approval"):
                next(words)
            elif not word.startswith("-"):
                names.append(word)
        try:
            synthesized = self.assembly(json.loads(Path("pump.json").read_text()))
        except Exception as error:  # noqa: BLE001
            return 1, "", f"{error}\n"
        shutil.copytree(synthesized, "cdk.out", dirs_exist_ok=True)
        out = err = ""
        for name in names if action in ("deploy", "destroy") else ():
            file = f"cdk.out/{name}.template.json"
            if not Path(file).exists():
                return 1, out, f"{err}No stacks match the name(s) {name}\n"
            stack = ["cloudformation", "delete-stack", "--stack-name", name, *options]
            if action == "deploy":
                stack[1] = "deploy"
                stack += ["--template-file", file, "--capabilities", "CAPABILITY_NAMED_IAM"]
                stack += ["--no-fail-on-empty-changeset"]
                stack += ["--parameter-overrides", *values] if values else []
            status, said, wrong = run_aws_cli(stack, environment)
            out, err = f"{out}{said}", f"{err}{wrong}"
            if status:
                return 1, out, err
        return 0, out, err


def _captured(run: Callable[[], int | None]) -> tuple[int, str, str]:
    out, err = (io.TextIOWrapper(io.BytesIO(), "utf-8") for _ in range(2))
    with redirect_stdout(out), redirect_stderr(err):
        try:
            status = run() or 0
        except SystemExit as ended:
            status = int(ended.code or 0)
    texts = []
    for stream in (out, err):
        stream.flush()
        buffer: Any = stream.buffer
        texts.append(buffer.getvalue().decode())
    return status, texts[0], texts[1]


def run_aws_cli(arguments: list[str], environment: Mapping[str, str]) -> tuple[int, str, str]:
    """Run the AWS CLI in this process; return its exit status and what it wrote."""
    # Version 1 ignores AWS_ENDPOINT_URL for some services.
    endpoint = ["--endpoint-url", environment["AWS_ENDPOINT_URL"]]
    with (
        # Not the module's sleep: the emulator's threads sleep, too.
        patch.object(waiter, "time", SimpleNamespace(sleep=lambda _: time.sleep(0.1))),
        # Names a change set after the second.
        patch.object(deployer, "time", SimpleNamespace(time=_SECONDS.__next__)),
    ):
        return _captured(lambda: create_clidriver().main([*endpoint, *arguments]))


def _pump_roles(arguments: list[str], _: Mapping[str, str]) -> tuple[int, str, str]:
    ended = CliRunner().invoke(app, arguments)
    if ended.exception and not isinstance(ended.exception, SystemExit):
        raise ended.exception
    return ended.exit_code, ended.stdout, ended.stderr


def _make(arguments: list[str], _: Mapping[str, str]) -> tuple[int, str, str]:
    # tests/deploy runs the demo, and who reads this has run the tests.
    if arguments in (["demo"], ["test"]):
        return 0, "", ""
    assert arguments == ["setup-review"]
    Path(".venv/bin").mkdir(parents=True, exist_ok=True)
    Path(".venv/bin/activate").touch()
    return 0, "", ""


class Shell:
    """An interactive shell in the folder of a world."""

    def __init__(
        self, world: World, process: "subprocess.Popen[bytes]", server: socket.socket
    ) -> None:
        self.world, self.process, self.server = world, process, server

    def paste(self, block: str) -> tuple[list[Ran], str]:
        """Paste a block; returns the commands that it ran, and what the block wrote."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.world.ran.clear()
        self.process.stdin.write(f"{block}printf '\\0%s\\0' $?\n".encode())
        self.process.stdin.flush()
        written = b""
        with DefaultSelector() as selector:
            selector.register(self.server, EVENT_READ)
            selector.register(self.process.stdout, EVENT_READ)
            while written.count(b"\0") < 2:
                for key, _ in selector.select():
                    if key.fileobj is self.server:
                        client, _ = self.server.accept()
                        with client, client.makefile() as asked:
                            client.sendall(self.world.answer(asked.readline()))
                    else:
                        read = os.read(self.process.stdout.fileno(), 65_536)
                        if not read:  # The block ended the shell.
                            return [*self.world.ran], written.decode()
                        written += read
        return [*self.world.ran], written.partition(b"\0")[0].decode()


@contextmanager
def shell(world: World, name: str) -> Iterator[Shell]:
    """Run a shell until the block ends; what it writes to standard error is in its output."""
    with socket.socket(socket.AF_UNIX) as server:
        path = world.folder / "socket"
        server.bind(str(path))
        server.listen()
        process = subprocess.Popen(
            [str(shutil.which(SHELLS[name][0])), *SHELLS[name][1:]],
            cwd=world.folder,
            env={**world.environment(), "PS1": "", "PS2": "", "PROMPT": ""},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        try:
            opened = Shell(world, process, server)
            opened.paste(NOT_FOUND)
            yield opened
        finally:
            assert process.stdin is not None
            process.stdin.close()
            process.wait(timeout=10)
            assert process.stdout is not None
            process.stdout.close()
            path.unlink()


def write_settings(world: World, part: Part, values: Mapping[str, Any]) -> None:
    """Do what the page says about a block of JSON: save it, as ``pump.json`` or another file."""
    content = json.loads(filled_in(part.text, values))
    if saved := re.search(r"Save this as `([\w.-]+)`", part.before):
        (world.folder / saved[1]).write_text(json.dumps(content))
    elif content and content.keys() <= SETTINGS:
        world.configure(content)
