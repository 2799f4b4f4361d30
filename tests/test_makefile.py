"""What takes a while says so before it begins."""

import re

import pytest

from sandbox.cdk import ROOT

MAKEFILE = (ROOT / "Makefile").read_text()


def recipe(target: str) -> list[str]:
    """Return the lines of a target's recipe."""
    found = re.search(rf"^{re.escape(target)}: .*\n((?:\t.*\n)+)", MAKEFILE, re.MULTILINE)
    assert found
    return [line.strip() for line in found[1].splitlines()]


@pytest.mark.parametrize(
    ("target", "runs"),
    [
        ("demo", "-m sandbox.demo"),
        ("demo-org", "-m sandbox.demo_organization"),
        ("test", "-m pytest"),
        ("scanners", "-m sandbox.scanners"),
        ("release", "-m release.prepare"),
    ],
)
def test_target_first_says_how_long_it_takes(target: str, runs: str) -> None:
    first, second = recipe(target)
    assert re.fullmatch(
        r'@echo "This takes about [1-9][0-9]* (seconds|minutes?) on 2 cores\."', first
    )
    assert runs in second


def test_setting_up_says_that_it_happens_once_and_how_long_it_takes() -> None:
    assert any(
        line.startswith('@echo "Setting up once: ') and "(a minute or two)" in line
        for line in recipe("$(PACKAGES)")
    )
