"""The software bill of materials: what deploying with this project installs, as CycloneDX JSON.

It is read only from the lock files, ``requirements.txt`` and ``package-lock.json``, so it lists
what every deployment installs, not what one machine happens to have:

- the Python packages. If only some environments install one, its marker is a property;
- of the npm packages, the CDK CLI and its dependencies.

A package on PyPI is several files, and pip accepts any whose digest ``requirements.txt`` lists. A
component's ``hashes`` are those of one file. So each digest is an external reference of the type
``distribution``, whose URL is the package's purl, because the lock file has no address either. An
npm package is one file, whose digest is in the component's ``hashes``.

``package-lock.json`` lists what each npm package needs, but ``requirements.txt`` does not. A Python
package therefore has no entry in the dependency graph, which means "unknown", except as a direct
dependency of this project (CycloneDX Specification, "Dependency Graph").

A component's license is the one that its package declares: that of an npm package is in the lock
file, that of a Python package in ``tools/release/licenses.json``, because ``requirements.txt`` has
none. A test compares that file with the installed packages.

Nothing in it depends on the clock or on chance: it has neither a serial number nor a timestamp.
"""

import json
import re
import sys
from base64 import b64decode
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import (
    ExternalReference,
    ExternalReferenceType,
    HashAlgorithm,
    HashType,
    Property,
    XsUri,
)
from cyclonedx.model.bom import Bom, BomMetaData
from cyclonedx.model.component import Component, ComponentScope, ComponentType
from cyclonedx.model.license import License, LicenseAcknowledgement
from cyclonedx.model.tool import ToolRepository
from cyclonedx.output import make_outputter
from cyclonedx.schema import OutputFormat, SchemaVersion
from packageurl import PackageURL
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from pump_roles import __version__
from tools.sandbox.cdk import ROOT

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

__all__ = ["LICENSES", "MARKER", "sbom"]

LICENSES: Final = "tools/release/licenses.json"
"""The file with the license of each Python package, an SPDX expression, by the package's name."""

MARKER: Final = "pump-roles:environment-marker"
"""The property of a package that only some environments install: its environment marker."""

_CDK_CLI: Final = "aws-cdk"


@dataclass(frozen=True)
class _Npm:
    """An npm package, and the keys in ``package-lock.json`` of those that it needs."""

    component: Component
    needs: Sequence[str]


def sbom(root: Path = ROOT) -> bytes:
    """Return the bill of materials.

    :param root: the project's folder.
    :raises SystemExit: when a lock file lacks a version or a digest, or is inconsistent, or when a
        Python package has no license in ``tools/release/licenses.json``.
    """
    project = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))
    lock = json.loads((root / "package-lock.json").read_text("utf-8"))
    licenses = json.loads((root / LICENSES).read_text("utf-8"))
    python = list(_python((root / "requirements.txt").read_text("utf-8"), licenses))
    npm = _npm(lock["packages"])
    this = _component("pypi", project["project"]["name"], __version__)
    this.type = ComponentType.APPLICATION
    this.licenses = [_license(project["project"]["license"])]
    library = "cyclonedx-python-lib"
    tool = Component(name=library, version=version(library), type=ComponentType.LIBRARY)
    bom = Bom(
        components=[*python, *(package.component for package in npm.values())],
        metadata=BomMetaData(component=this, tools=ToolRepository(components=[tool])),
    )
    direct = _direct(project)
    bom.register_dependency(
        this,
        [
            *(package for package in python if package.name in direct),
            npm[f"node_modules/{_CDK_CLI}"].component,
        ],
    )
    for package in npm.values():
        needs = [npm[place].component for place in package.needs]
        bom.register_dependency(package.component, needs)
    outputter = make_outputter(bom, OutputFormat.JSON, SchemaVersion.V1_6)
    document: dict[str, Any] = json.loads(outputter.output_as_string())
    # The library always adds these two, and an entry that says "needs nothing" for what is unknown.
    del document["serialNumber"], document["metadata"]["timestamp"]
    unknown = {package.bom_ref.value for package in python}
    document["dependencies"] = [
        entry for entry in document["dependencies"] if entry["ref"] not in unknown
    ]
    return json.dumps(document, indent=2, ensure_ascii=False).encode() + b"\n"


def _component(kind: str, name: str, version: str, group: str | None = None) -> Component:
    """Return a component whose reference is its purl."""
    purl = PackageURL(kind, group, name, version)
    return Component(
        name=name,
        group=group,
        version=version,
        type=ComponentType.LIBRARY,
        purl=purl,
        bom_ref=purl.to_string(),
    )


def _license(declared: str) -> License:
    declares = LicenseAcknowledgement.DECLARED
    return LicenseFactory().make_from_string(declared, license_acknowledgement=declares)


def _direct(project: Mapping[str, Any]) -> set[str]:
    """Return the names of the Python packages that this project requires directly."""
    asked = [*project["project"]["dependencies"], *project["dependency-groups"]["app"]]
    return {canonicalize_name(Requirement(requirement).name) for requirement in asked}


def _python(text: str, licenses: Mapping[str, str]) -> Iterator[Component]:
    """Read ``requirements.txt``, as ``make lock`` writes it."""
    for line in text.replace("\\\n", " ").splitlines():
        asked, *digests = re.split(r"\s+--hash=sha256:", line.strip())
        if not asked or asked.startswith("#"):
            continue
        if not digests or not all(re.fullmatch("[0-9a-f]{64}", digest) for digest in digests):
            raise _not_pinned(asked)
        try:
            requirement = Requirement(asked)
            (pin,) = requirement.specifier
            Version(pin.version)
        except ValueError as error:
            raise _not_pinned(asked) from error
        if pin.operator != "==" or requirement.url or requirement.extras:
            raise _not_pinned(asked)
        package = _component("pypi", canonicalize_name(requirement.name), pin.version)
        package.external_references = [
            ExternalReference(
                type=ExternalReferenceType.DISTRIBUTION,
                url=XsUri(str(package.purl)),
                comment="one of the files of this version",
                hashes=[HashType(alg=HashAlgorithm.SHA_256, content=digest)],
            )
            for digest in digests
        ]
        if package.name not in licenses:
            raise SystemExit(f"{LICENSES}: {package.name} is missing: add the license it declares")
        package.licenses = [_license(licenses[package.name])]
        if requirement.marker:
            package.properties = [Property(name=MARKER, value=str(requirement.marker))]
        yield package


def _not_pinned(asked: str) -> SystemExit:
    return SystemExit(
        f"requirements.txt: {asked}: must be NAME==VERSION with SHA-256 digests: run `make lock`"
    )


def _npm(packages: Mapping[str, Any]) -> dict[str, _Npm]:
    """Read the CDK CLI and its dependencies from ``package-lock.json``, by their keys in it."""
    found: dict[str, _Npm] = {}
    places = [f"node_modules/{_CDK_CLI}"]
    while places:
        place = places.pop()
        if place not in found:
            needs = list(_needs(packages, place))
            found[place] = _Npm(_npm_component(place, packages[place]), needs)
            places += needs
    return dict(sorted(found.items()))


def _needs(packages: Mapping[str, Any], place: str) -> Iterator[str]:
    """Return the keys of the packages that npm installs for a package."""
    package = packages[place]
    required = {**package.get("dependencies", {}), **package.get("peerDependencies", {})}
    optional = {
        *package.get("optionalDependencies", {}),
        *(name for name, how in package.get("peerDependenciesMeta", {}).items() if how["optional"]),
    }
    for name in sorted({*required, *optional}):
        for folder in _folders(place):
            if f"{folder}node_modules/{name}" in packages:
                yield f"{folder}node_modules/{name}"
                break
        else:
            if name not in optional:
                raise SystemExit(f"package-lock.json: {place}: {name} is missing: run `make lock`")


def _folders(place: str) -> Iterator[str]:
    """Return where Node looks for what a package needs: in itself, then in each folder above."""
    parts = place.split("node_modules/")
    for count in range(len(parts), 0, -1):
        folder = "node_modules/".join(parts[:count])
        yield f"{folder.rstrip('/')}/" if folder else ""


def _npm_component(place: str, package: Mapping[str, Any]) -> Component:
    group, _, name = place.rpartition("node_modules/")[2].rpartition("/")
    algorithm, _, digest = package.get("integrity", "").partition("-")
    if algorithm != "sha512":
        raise SystemExit(f"package-lock.json: {place}: no SHA-512 digest: run `make lock`")
    component = _component("npm", name, package["version"], group or None)
    component.scope = ComponentScope.OPTIONAL if package.get("optional") else None
    if "license" in package:
        component.licenses = [_license(package["license"])]
    component.hashes = [HashType(alg=HashAlgorithm.SHA_512, content=b64decode(digest).hex())]
    return component
