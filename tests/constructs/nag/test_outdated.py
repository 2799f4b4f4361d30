"""Only cdk-nag 3 reads acknowledgments. An earlier version is reported; cdk-nag is optional."""

from collections.abc import Callable, Iterator
from importlib import metadata

import pytest
from aws_cdk import App, Stack

from pump_roles import ReadOnlyRole, ReadOnlyRolloutStack, ReadOnlyStack
from pump_roles.constructs.roles import outdated_cdk_nag
from tests.constructs.nag.test_acknowledgments import acknowledged
from tests.support import ROLE_ARGUMENTS, messages_of

Install = Callable[[str], None]


@pytest.fixture(autouse=True)
def fresh_lookup() -> Iterator[None]:
    """The version is looked up only once in a process, so clear the cache."""
    outdated_cdk_nag.cache_clear()
    yield
    outdated_cdk_nag.cache_clear()


@pytest.fixture
def install(monkeypatch: pytest.MonkeyPatch) -> Install:
    """Pretends that some version of cdk-nag is installed, or none if it is empty."""

    def installed(version: str) -> None:
        def found(name: str) -> str:
            if name != "cdk-nag" or not version:
                raise metadata.PackageNotFoundError(name)
            return version

        monkeypatch.setattr(metadata, "version", found)

    return installed


@pytest.mark.parametrize("version", ["2.28.5", "2.38.2", "1.0.0"])
def test_acknowledging_fails_with_an_earlier_version(version: str, install: Install) -> None:
    install(version)
    role = ReadOnlyRole(Stack(App(), "Vendors"), "Pump", **ROLE_ARGUMENTS)
    with pytest.raises(
        RuntimeError, match=f"requires cdk-nag 3 or later, but cdk-nag {version} is"
    ):
        role.acknowledge_published()


@pytest.mark.parametrize("version", ["", "3.0.0", "3.1.0rc1", "10.2.0", "unknown"])
def test_acknowledging_works_with_any_other_version_and_without_cdk_nag(
    version: str, install: Install
) -> None:
    install(version)
    app = App()
    ReadOnlyRole(Stack(app, "Vendors"), "Pump", **ROLE_ARGUMENTS).acknowledge_published()
    assert len(acknowledged(app)) == 17


@pytest.mark.parametrize(("version", "infos"), [("2.28.5", 1), ("3.0.0", 0), ("", 0)])
def test_stack_says_that_an_earlier_version_reads_no_acknowledgments(
    version: str, infos: int, install: Install
) -> None:
    install(version)
    app = App()
    stack = ReadOnlyStack(app, "PumpReadOnly")
    said = messages_of(stack.role, "info")
    assert len(said) == infos
    assert all(f"cdk-nag {version} is installed [ack: pump-roles:cdk-nag]" in info for info in said)
    assert len(acknowledged(app)) == (0 if infos else 17)


def test_template_is_the_same_with_an_earlier_version(install: Install) -> None:
    templates = []
    for version in ("3.0.0", "2.28.5"):
        install(version)
        outdated_cdk_nag.cache_clear()
        app = App()
        ReadOnlyStack(app, "PumpReadOnly")
        ReadOnlyRolloutStack(app, "PumpReadOnlyRollout", organizational_units=["r-abcd"])
        templates.append([stack.template for stack in app.synth().stacks])
    assert templates[0] == templates[1]
