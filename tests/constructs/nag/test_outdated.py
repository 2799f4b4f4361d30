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


@pytest.mark.parametrize("version", ["1.0.0", "2.38.2", "", "3.0.0", "3.1.0rc1", "10.2.0", "odd"])
def test_acknowledges_unless_an_earlier_version_is_installed(
    version: str, install: Install
) -> None:
    install(version)
    app = App()
    role = ReadOnlyRole(Stack(app, "Vendors"), "Pump", **ROLE_ARGUMENTS)
    if version in ("1.0.0", "2.38.2"):
        problem = f"requires cdk-nag 3 or later, but cdk-nag {version} is"
        with pytest.raises(RuntimeError, match=problem):
            role.acknowledge_published()
    else:
        role.acknowledge_published()
    assert len(acknowledged(app)) == (0 if version in ("1.0.0", "2.38.2") else 17)


def test_stack_says_that_an_earlier_version_reads_no_acknowledgments_and_stays_the_same(
    install: Install,
) -> None:
    templates = []
    for version, infos in (("2.28.5", 1), ("3.0.0", 0), ("", 0)):
        install(version)
        outdated_cdk_nag.cache_clear()
        app = App()
        stack = ReadOnlyStack(app, "PumpReadOnly")
        said = messages_of(stack.role, "info")
        assert len(said) == infos
        assert all(f"cdk-nag {version} is installed [ack: pump-roles:cdk-nag]" in it for it in said)
        assert len(acknowledged(app)) == (0 if infos else 17)
        ReadOnlyRolloutStack(app, "PumpReadOnlyRollout", organizational_units=["r-abcd"])
        templates.append([stack.template for stack in app.synth().stacks])
    assert templates[0] == templates[1] == templates[2]
