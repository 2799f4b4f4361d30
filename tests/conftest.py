"""The fixtures of several test files: the source document, and the app's templates."""

import gc
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

import botocore.session
import pytest
from aws_cdk import App, LegacyStackSynthesizer
from botocore.loaders import create_loader
from hypothesis import settings

from pump_roles.app import stacks
from tests.support import (
    EXAMPLES,
    EXTERNAL_ID,
    PRINCIPAL,
    SECRET,
    Assembly,
    Synth,
    Template,
    app_files,
    recommended_flags,
    run_example,
    settings_of,
    short_reports,
    synthesize,
    synthesized,
)
from tools.sandbox.aws import EmbeddedAws, embedded_aws
from tools.sandbox.cdk import ROOT

# With it, jsonschema compiles 38 grammars, for a second in each process of the tests. It is for a
# format that only the SBOM has, which is validated in a process of its own.
sys.modules["rfc3987_syntax"] = None  # type: ignore[assignment]

# `make check` tries more examples. `make bench` measures speed; tests do not.
settings.register_profile("quick", deadline=None, max_examples=15)
settings.register_profile("thorough", deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))

# Otherwise, each session parses AWS's models again, for about half of a command's time.
botocore.session.create_loader = cache(create_loader)


@pytest.fixture(params=["default flags", "recommended flags"])
def cdk_flags(request: pytest.FixtureRequest) -> Mapping[str, Any]:
    """The feature flags of an app without any, and of a new app."""
    return recommended_flags() if request.param == "recommended flags" else {}


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
    """Synthesize the app's stacks without cdk-nag, once for each content of ``pump.json``."""

    def templates(settings: Mapping[str, Any] | None = None) -> dict[str, Template]:
        return {name: json.loads(file) for name, file in app_files(settings or {}).items()}

    return templates


@pytest.fixture(scope="session")
def provided() -> dict[str, Any]:
    """Settings that provide a principal and an external ID."""
    return {"principal": PRINCIPAL, "external-id": EXTERNAL_ID, "auto-pilot": {}}


@pytest.fixture(scope="session")
def assembly(tmp_path_factory: pytest.TempPathFactory) -> Assembly:
    """Synthesize the app with the context of ``cdk.json``, but without cdk-nag.

    ``tests/app/test_app.py`` compares what the CDK CLI writes.
    """

    @cache
    def synthesize(settings: str) -> Path:
        folder = tmp_path_factory.mktemp("cdk.out")
        app = App(
            outdir=str(folder),
            context=_context(ROOT),
            default_stack_synthesizer=LegacyStackSynthesizer(),
        )
        for stack in stacks(settings_of(json.loads(settings))):
            stack.build(app)
        app.synth()
        return folder

    return lambda settings: synthesize(json.dumps(settings))


@pytest.fixture(scope="session")
def example(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Run an example with the values that Pump gives; returns the folder."""

    @cache
    def synthesize(name: str) -> Path:
        folder = tmp_path_factory.mktemp(name)
        with pytest.MonkeyPatch.context() as monkeypatch:
            run_example(name, folder, monkeypatch, context=_context(EXAMPLES / name))
        return folder

    return synthesize


def _context(folder: Path) -> dict[str, Any]:
    """Return the context that the CDK CLI passes to the app of a folder."""
    read: dict[str, Any] = json.loads((folder / "cdk.json").read_text())
    paths = read.get("pathMetadata", True)
    context: dict[str, Any] = read["context"] | {"aws:cdk:enable-path-metadata": paths}
    return context


@pytest.fixture(scope="session")
def typescript(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example in TypeScript, compiled, with the packages that Python's contain, and ours."""
    folder = tmp_path_factory.mktemp("typescript")
    for package in ("aws_cdk", "aws_cdk.cloud_assembly_schema", "constructs"):
        (bundle,) = Path(str(resources.files(package))).glob("_jsii/*.tgz")
        shutil.unpack_archive(bundle, folder / "new", "gztar")
        name = json.loads((folder / "new" / "package" / "package.json").read_text())["name"]
        installed = folder / "node_modules" / name
        installed.parent.mkdir(parents=True, exist_ok=True)
        (folder / "new" / "package").rename(installed)
    for name in ("@types", "typescript", "undici-types"):
        (folder / "node_modules" / name).symlink_to(ROOT / "node_modules" / name)
    shutil.copytree(EXAMPLES / "typescript", folder, dirs_exist_ok=True)
    ended = synthesized("node", "node_modules/typescript/bin/tsc", folder=folder)
    assert ended.returncode == 0, ended.stdout
    shutil.copy(ROOT / "cloudformation" / "PumpReadOnly-recommended.template.json", folder)
    return folder


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, as it is released."""
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory"]
    subprocess.run([*build, str(folder)], cwd=ROOT, check=True, capture_output=True)
    (file,) = folder.glob("*.whl")
    return file


@pytest.fixture(scope="session")
def pump_side(example: Callable[[str], Path]) -> Path:
    """The folder with what the example of Pump's side synthesizes."""
    return example("pump_side")


@pytest.fixture
def reports_are_short() -> Iterator[None]:
    """Reports are about what templates contain, not about each of a thousand actions."""
    with short_reports():
        yield


@pytest.fixture(scope="session")
def text(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The auto-pilot role's template."""
    folder = synthesize(tmp_path_factory.mktemp("cdk.out"), external_id=SECRET)
    return (folder / "PumpAutoPilot.template.json").read_text()


def pytest_make_parametrize_id(val: object) -> str | None:
    """Name a token: its text differs in each process of the tests, and so would the test's name."""
    return "token" if isinstance(val, str) and "${Token[" in val else None


def pytest_configure() -> None:
    """Let the garbage collector run seldom: imports and tests leave few cycles."""
    gc.set_threshold(100_000, 20, 100)


def pytest_collection_finish() -> None:
    """Let the garbage collector skip what was imported."""
    gc.freeze()
