"""The software bill of materials: what deploying with this project installs, as CycloneDX JSON.

It is read only from the lock files, ``requirements.txt`` and ``package-lock.json``, so it lists
what every deployment installs, not what one machine happens to have:

- the Python packages. If only some environments install one, its marker is a property;
- of the npm packages, the CDK CLI and its dependencies.

A component's ``hashes`` are those of one file, but a package on PyPI is several. So each of its
digests is an external reference of the type ``distribution``, whose URL is the package's purl,
because the lock file has no address. Only the direct dependencies of this project are in the
dependency graph: a package without an entry has unknown ones (CycloneDX Specification, "Dependency
Graph").

Nothing in it depends on the clock or on chance: it has neither a serial number nor a timestamp.
"""

import json
import re
import sys
from base64 import b64decode
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from pump_roles import __version__
from tools.sandbox.cdk import ROOT

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

LICENSES: Final = "tools/release/licenses.json"
"""The file with the license of each Python package, an SPDX expression, by the package's name."""

MARKER: Final = "pump-roles:environment-marker"
"""The property of a package that only some environments install: its environment marker."""

Json = dict[str, Any]


def sbom(root: Path = ROOT) -> bytes:
    """Return the bill of materials.

    :param root: the project's folder.
    :raises SystemExit: when a lock file lacks a version or a digest, or when a Python package has
        no license in ``tools/release/licenses.json``.
    """
    project = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))
    about, lock = project["project"], json.loads((root / "package-lock.json").read_text("utf-8"))
    packages = lock["packages"]
    licenses = json.loads((root / LICENSES).read_text("utf-8"))
    this = _component("pypi", about["name"], __version__, about["license"])
    components = [
        *_npm(packages),
        *_python((root / "requirements.txt").read_text("utf-8"), licenses),
    ]
    asked = [*about["dependencies"], *project["dependency-groups"]["app"]]
    direct = {canonicalize_name(Requirement(requirement).name) for requirement in asked}
    direct |= packages[""]["dependencies"].keys()
    document = {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": {**this, "type": "application"}},
        "components": components,
        "dependencies": [
            {
                "ref": this["bom-ref"],
                "dependsOn": [
                    component["bom-ref"] for component in components if component["name"] in direct
                ],
            }
        ],
    }
    return (json.dumps(document, indent=2, ensure_ascii=False) + "\n").encode()


def _component(kind: str, name: str, version: str, license_: str) -> Json:
    # A purl writes the @ of an npm scope as %40.
    purl = f"pkg:{kind}/{name.replace('@', '%40')}@{version}"
    return {
        "type": "library",
        "bom-ref": purl,
        "name": name,
        "version": version,
        "purl": purl,
        "licenses": [{"expression": license_, "acknowledgement": "declared"}],
    }


def _python(text: str, licenses: Mapping[str, str]) -> Iterator[Json]:
    """Read ``requirements.txt``, as ``make lock`` writes it."""
    for line in text.replace("\\\n", " ").splitlines():
        asked, *digests = re.split(r"\s+--hash=sha256:", line.strip())
        if not asked or asked.startswith("#"):
            continue
        pinned = re.fullmatch(r"([a-z0-9-]+)==([0-9][0-9a-z.]*)( ; .*)?", asked)
        known = all(re.fullmatch("[0-9a-f]{64}", digest) for digest in digests)
        try:
            marker = Requirement(asked).marker
        except InvalidRequirement:
            pinned = None
        if pinned is None or not digests or not known:
            raise SystemExit(
                f"requirements.txt: {asked}: must be NAME==VERSION with SHA-256 digests: "
                "run `make lock`"
            )
        name, version, _ = pinned.groups()
        if name not in licenses:
            raise SystemExit(f"{LICENSES}: {name} is missing: add the license it declares")
        component = _component("pypi", name, version, licenses[name])
        component["externalReferences"] = [
            {
                "type": "distribution",
                "url": component["purl"],
                "comment": "one of the files of this version",
                "hashes": [{"alg": "SHA-256", "content": digest}],
            }
            for digest in digests
        ]
        if marker:
            component["properties"] = [{"name": MARKER, "value": str(marker)}]
        yield component


def _npm(packages: Mapping[str, Any]) -> Iterator[Json]:
    """Read ``package-lock.json``, in which npm marks what only development needs."""
    for place, package in packages.items():
        if not place or package.get("dev"):
            continue
        algorithm, _, digest = package.get("integrity", "").partition("-")
        if algorithm != "sha512" or not package.get("license"):
            raise SystemExit(
                f"package-lock.json: {place}: no license, or no SHA-512 digest: run `make lock`"
            )
        name = place.rpartition("node_modules/")[2]
        component = _component("npm", name, package["version"], package["license"])
        component["hashes"] = [{"alg": "SHA-512", "content": b64decode(digest).hex()}]
        if package.get("optional") or package.get("devOptional"):
            component["scope"] = "optional"
        yield component
