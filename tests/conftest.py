"""The fixtures of several test files: the source document, and the app's templates."""

import fcntl
import json
import os
from collections.abc import Mapping
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import App
from hypothesis import settings

from pump_roles import config
from sandbox.cdk import cdk
from tests.support import EXTERNAL_ID, PRINCIPAL, SECRET, Assembly, Synth, Template, synthesize

# How fast something is, `make bench` says; a test does not.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


@pytest.fixture(scope="session")
def source() -> str:
    """The document that Pump publishes, "Cross Account Role"."""
    return (Path(__file__).parent / "cross-account-role.txt").read_text(encoding="utf-8")


@pytest.fixture(scope="session")
def published(source: str) -> list[list[dict[str, Any]]]:
    """The two lists of policies in the source document, read without the package's help."""
    lists = []
    at = source.find("\n[")
    while at >= 0:
        policies, end = json.JSONDecoder().raw_decode(source, at + 1)
        lists.append(policies)
        at = source.find("\n[", end)
    return lists


@pytest.fixture(scope="session")
def synth() -> Synth:
    """Synthesize the app's stacks with some context, without cdk-nag; once for each context."""

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
def given() -> dict[str, str]:
    """Context that provides a principal and an external ID."""
    return {"pump:principal": PRINCIPAL, "pump:external-id": EXTERNAL_ID}


@pytest.fixture(scope="session")
def assembly(tmp_path_factory: pytest.TempPathFactory) -> Assembly:
    """Synthesize the app with the real CDK CLI, once for each context; returns the folder."""
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent  # of all the workers

    def synthesize(context: Mapping[str, str]) -> Path:
        folder = shared / f"cdk.out-{sha256(json.dumps(context).encode()).hexdigest()[:16]}"
        with folder.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not folder.exists():
                made = folder.with_suffix(".making")
                flags = [
                    word for name, value in context.items() for word in ("-c", f"{name}={value}")
                ]
                ended = cdk("synth", "--quiet", "--output", str(made), *flags)
                assert ended.returncode == 0, ended.stderr
                made.rename(folder)
        return folder

    return synthesize


@pytest.fixture(scope="session")
def text(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The auto-pilot role's template."""
    folder = synthesize(tmp_path_factory.mktemp("cdk.out"), external_id=SECRET)
    return (folder / "PumpAutoPilot.template.json").read_text()
