"""The fixtures of several test files: the source document, and the app's templates."""

import fcntl
import json
import os
import re
import shlex
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import App
from botocore.loaders import JSONFileLoader
from hypothesis import settings

from pump_roles.app import config
from tests.support import (
    EXAMPLES,
    EXTERNAL_ID,
    PRINCIPAL,
    SECRET,
    Assembly,
    Synth,
    Template,
    synthesize,
)
from tools.sandbox.aws import EmbeddedAws, embedded_aws
from tools.sandbox.cdk import ROOT, cdk

# `make bench` measures speed; tests do not.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

# Otherwise, each session parses AWS's models again, for about half of a command's time.
_load_file = cache(JSONFileLoader().load_file)
JSONFileLoader.load_file = lambda _, path: _load_file(path)  # type: ignore[assignment,method-assign]


@pytest.fixture(scope="session")
def emulator() -> Iterator[EmbeddedAws]:
    with embedded_aws() as accounts:
        yield accounts


@pytest.fixture
def aws(emulator: EmbeddedAws) -> EmbeddedAws:
    """The AWS emulator, with empty accounts."""
    emulator.reset()
    return emulator


@pytest.fixture
def no_aws(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ignore the machine's AWS configuration, and do not wait between attempts."""
    for name in os.environ:
        if name.startswith("AWS_") or name == "PUMP_EXTERNAL_ID":
            monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setattr("botocore.endpoint.time.sleep", lambda _: None)


@pytest.fixture(scope="session")
def source() -> str:
    """The document that Pump publishes, "Cross Account Role"."""
    return (Path(__file__).parent / "cross-account-role.txt").read_text(encoding="utf-8")


@pytest.fixture(scope="session")
def published(source: str) -> list[list[dict[str, Any]]]:
    """The two lists of policies in the source document, read without the package."""
    lists = []
    at = source.find("\n[")
    while at >= 0:
        policies, end = json.JSONDecoder().raw_decode(source, at + 1)
        lists.append(policies)
        at = source.find("\n[", end)
    return lists


@pytest.fixture(scope="session")
def synth() -> Synth:
    """Synthesize the app's stacks without cdk-nag, once for each context."""

    @cache
    def synthesize(context: str) -> str:
        app = App()
        for stack in config.read(json.loads(context)):
            stack.build(app)
        return json.dumps({stack.stack_name: stack.template for stack in app.synth().stacks})

    def templates(context: Mapping[str, Any] | None = None) -> dict[str, Template]:
        synthesized: dict[str, Template] = json.loads(synthesize(json.dumps(context or {})))
        return synthesized

    return templates


@pytest.fixture(scope="session")
def provided_context() -> dict[str, str]:
    """Context that provides a principal and an external ID."""
    return {"pump:principal": PRINCIPAL, "pump:external-id": EXTERNAL_ID}


@pytest.fixture(scope="session")
def once(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Synthesize with the real CDK CLI into a named folder, once for all test workers."""
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent  # of all the workers

    def synthesize(name: str, *flags: str, **how: Any) -> Path:
        folder = shared / name
        with (shared / f"{name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not folder.exists():
                made = shared / f"{name}.making"
                ended = cdk("synth", "--quiet", "--output", str(made), *flags, **how)
                assert ended.returncode == 0, ended.stderr
                made.rename(folder)
        return folder

    return synthesize


@pytest.fixture(scope="session")
def assembly(once: Callable[..., Path]) -> Assembly:
    """Synthesize the app with the real CDK CLI, once for each context, and return the folder."""

    def synthesize(context: Mapping[str, str]) -> Path:
        flags = [word for name, value in context.items() for word in ("-c", f"{name}={value}")]
        return once(f"cdk.out-{sha256(json.dumps(context).encode()).hexdigest()[:16]}", *flags)

    return synthesize


@pytest.fixture(scope="session")
def example(once: Callable[..., Path]) -> Callable[[str], Path]:
    """Run the command that synthesizes an example, with the real CDK CLI; returns the folder."""
    page = (EXAMPLES / "README.md").read_text()

    def synthesize(name: str) -> Path:
        (flags,) = re.findall(
            rf"^\$ \(cd examples/{name} && npx cdk synth(.*)\)$", page, re.MULTILINE
        )
        return once(
            f"cdk.out-{name}",
            *shlex.split(flags),
            directory=EXAMPLES / name,
            environment={"PYTHONPATH": str(ROOT)},
        )

    return synthesize


@pytest.fixture(scope="session")
def pump_side(example: Callable[[str], Path]) -> Path:
    """The folder with what the example of Pump's side synthesizes."""
    return example("pump_side")


@pytest.fixture(scope="session")
def text(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The auto-pilot role's template."""
    folder = synthesize(tmp_path_factory.mktemp("cdk.out"), external_id=SECRET)
    return (folder / "PumpAutoPilot.template.json").read_text()
