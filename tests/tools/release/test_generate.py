"""The files that are generated from the published roles are up to date, and only where they are."""

import json
import re
from pathlib import Path

import pytest

from pump_roles import __version__
from tools.release import generate, tables
from tools.release.check import TEMPLATES
from tools.sandbox.cdk import ROOT

# Those of the CDK CLI take long. tests/universal compares them with what the tests synthesize, and
# tests/app/test_app.py that with what the CLI writes.
QUICK = [path for path in generate.FILES if not path.startswith(TEMPLATES)]


@pytest.mark.parametrize("path", QUICK)
def test_file_is_up_to_date(path: str) -> None:
    # Not compared by assert, which would print bytes.
    if (ROOT / path).read_bytes() != generate.FILES[path]():
        pytest.fail(f"{path} is not up to date; run make generate, and review the difference")


def test_writes_what_differs_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(generate, "FILES", {"a/same": lambda: b"1", "a/other": lambda: b"2"})
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "same").write_bytes(b"1")
    (tmp_path / "a" / "other").write_bytes(b"1")
    generate.main(tmp_path)
    assert (tmp_path / "a" / "other").read_bytes() == b"2"
    assert capsys.readouterr().out == "a/other\n"


def test_names_of_released_files_on_the_pages_have_the_version() -> None:
    pages = {
        *ROOT.glob("*.md"),
        *ROOT.glob("docs/*.md"),
        *(ROOT / path for path in generate.NAMING),
    }
    named = {
        page: set(re.findall(r"(?:roles|Only|Pilot)-(\d+\.\d+\.\d+)", page.read_text("utf-8")))
        for page in pages
    }
    assert all(named[ROOT / path] for path in generate.NAMING)
    assert {version for versions in named.values() for version in versions} == {__version__}


def test_version_is_set_in_names_of_released_files_only() -> None:
    text = "pump_roles-0.0.9-py3-none-any.whl, PumpReadOnly-0.0.9.template.json, other-0.0.9"
    assert generate.versioned(text) == text.replace("0.0.9", __version__, 2)


def test_table_is_filled_in_between_its_lines_each_once(monkeypatch: pytest.MonkeyPatch) -> None:
    pages = "".join((ROOT / page).read_text() for page in tables.PAGES)
    begins = [f"<!-- generated: {name} -->\n" for name in tables.TABLES]
    assert [pages.count(begin) for begin in begins] == [1] * len(begins)
    assert pages.count("<!-- generated: ") == pages.count("<!-- /generated -->\n") == len(begins)
    page = "before\n<!-- generated: a -->\n{}<!-- /generated -->\nafter\n"
    monkeypatch.setattr(tables, "TABLES", {"a": lambda: "| 1 |\n"})
    assert tables.filled(page.format("| old |\n")) == page.format("| 1 |\n")


def test_security_model_says_what_was_run_on_aws_from_its_file(tmp_path: Path) -> None:
    file = tmp_path / "smoke.json"
    assert tables.run_on_aws(file).startswith("**Nothing was run on AWS.** ")
    result = {"date": "2026-12-02", "commit": "0123456789abcdef", "region": "eu-central-1"}
    file.write_text(json.dumps({**result, "passed": ["both roles", "verify"], "left": {"x": "y"}}))
    assert tables.run_on_aws(file).startswith(
        "**Run on AWS** on 2026-12-02, in us-east-1 and eu-central-1, at the commit "
        "`0123456789ab`: both roles; verify. Not run: x. "
    )
