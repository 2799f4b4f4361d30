"""The pages become a website, or the build says which link leads nowhere."""

import re
import subprocess
from pathlib import Path

import pytest

from tools.sandbox.cdk import ROOT
from tools.site.__main__ import build, collect

SITE = ROOT / "site"


@pytest.mark.slow
def test_site_is_complete_and_fails_for_a_broken_link(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    collect(tmp_path)
    page = tmp_path / "SECURITY.md"
    text = page.read_text()
    page.write_text(f"{text}\n[a](docs/deploy.md#nothing) [b](pump_roles/nothing.py)\n")
    with pytest.raises(subprocess.CalledProcessError):
        build(tmp_path)
    assert set(re.findall(r"contains a link '([^']*)'", capfd.readouterr().err)) == {
        "docs/deploy.md#nothing",
        "pump_roles/nothing.py",
    }
    page.write_text(text)
    build(tmp_path)
    assert "Rotate the external ID" in (SITE / "search" / "search_index.js").read_text()
    assert "pump_roles.ReadOnlyRole" in (SITE / "api.html").read_text()
    pages = [*SITE.rglob("*.html")]
    assert SITE / "published-roles.html" in pages
    for built in pages:
        loaded = re.findall(
            r"<(?:script|link|img|iframe)[^>]*(?:src|href)=\S*//", built.read_text()
        )
        assert loaded == []
