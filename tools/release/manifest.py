"""The permission manifests: what the roles of each released version can do.

A manifest is the JSON report of the universal templates: the output of ``pump-roles report
pump_roles/universal --format json``.
"""

import re
from pathlib import Path
from typing import Final

from pump_roles.json_input import InputError, read_json
from pump_roles.review.output.json_documents import report_from
from pump_roles.review.report import Report, of_templates
from tools.sandbox.cdk import ROOT

MANIFESTS: Final = "tools/release/manifests"
"""Where the manifests of released versions are, from the project's folder."""

TEMPLATES: Final = "pump_roles/universal"
"""Where the universal templates are, from the project's folder."""

_VERSION: Final = re.compile(r"(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)", re.ASCII)


def current(root: Path = ROOT) -> Report:
    """Report on the universal templates, as they are now."""
    report = of_templates(root / TEMPLATES)
    if not report.as_published or not report.exact or report.others:
        raise InputError(f"{TEMPLATES}: not only what Pump publishes; run make generate")
    return report


def order(version: str) -> tuple[int, ...]:
    """Return a sort key of a version."""
    found = _VERSION.fullmatch(version)
    if found is None:
        raise InputError(f"{version!r} is not a version; it must be three numbers, such as 0.2.0")
    return tuple(map(int, found.groups()))


def stored(root: Path) -> list[str]:
    """Return the versions that have a manifest, the latest first."""
    return sorted((file.stem for file in (root / MANIFESTS).glob("*.json")), key=order)[::-1]


def read(root: Path, version: str) -> Report:
    file = root / MANIFESTS / f"{version}.json"
    content, _ = read_json(file, "a permission manifest")
    try:
        report = report_from(content)
    except InputError as error:
        raise InputError(f"{file}: is not a permission manifest: {error}") from None
    if report.version != version:
        raise InputError(f"{file}: is the manifest of version {report.version}")
    return report


def last_released(root: Path, *, before: str = "") -> Report | None:
    """Return the manifest of the highest released version, or ``None`` if there is none."""
    for version in stored(root):
        if not before or order(version) < order(before):
            return read(root, version)
    return None
