"""The pages become a website, or the build says which link leads nowhere."""

import re
import subprocess
from pathlib import Path

import pytest

from tools.site.__main__ import build, collect


@pytest.mark.slow
def test_site_is_complete_and_fails_only_for_a_broken_link(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    source, site = tmp_path / "source", tmp_path / "site"
    collect(source)
    with (source / "SECURITY.md").open("a") as page:
        page.write("\n[a](docs/deploy.md#nothing) [b](pump_roles/nothing.py)\n")
    with pytest.raises(subprocess.CalledProcessError):
        build(source, site)
    said = "".join(capfd.readouterr())
    warnings = [line for line in said.splitlines() if re.match(r"(WARNING|ERROR)\b", line)]
    found = [re.findall(r"contains a link '([^']*)'", warning) for warning in warnings]
    assert sorted(found) == [["docs/deploy.md#nothing"], ["pump_roles/nothing.py"]]
    assert "Aborted with 2 warnings in strict mode" in said
    assert "Rotate the external ID" in (site / "search" / "search_index.js").read_text()
    api = (site / "api.html").read_text()
    names = (
        "AutoPilotRole",
        "ReadOnlyRollout",
        "pump_side.CustomerRoles",
        "Guardrail",
        "ArgumentError",
    )
    places = [api.index(f'id="pump_roles.{name}"') for name in names]
    assert places == sorted(places)
    pages = [*site.rglob("*.html")]
    assert site / "published-roles.html" in pages
    for built in pages:
        loaded = re.findall(
            r"<(?:script|link|img|iframe)[^>]*(?:src|href)=\S*//", built.read_text()
        )
        assert loaded == []
