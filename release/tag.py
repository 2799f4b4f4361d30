"""Tags the release that is prepared and committed: ``make tag``. It pushes nothing."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pump_roles.templates import InputError
from release.changelog import UNRELEASED, read, sections
from release.check import CHANGELOG, problems, too_early
from release.git import check_clean, git, tag_of
from release.manifest import as_json, manifest
from release.versions import MANIFESTS, last_released
from sandbox.cdk import ROOT

__all__ = ["agreed", "main", "tag"]


def agreed(root: Path, current: Mapping[str, Any]) -> str:
    """Return what ``CHANGELOG.md`` says about the version, if all parts of the release agree.

    :param root: the project's folder.
    :param current: the current manifest of the project.
    :raises InputError: when the version, the changelogs, and the stored manifest do not agree.
    """
    version = current["version"]
    last = last_released(root)
    if last is None or last["version"] != version:
        raise InputError(
            f"{MANIFESTS}/{version}.json is not the latest manifest: run make release first"
        )
    if (root / MANIFESTS / f"{version}.json").read_bytes() != as_json(current):
        raise InputError(f"{MANIFESTS}/{version}.json is not the manifest of the current sources")
    found = {file: sections(read(root / file), file) for file in ("CHANGELOG.md", CHANGELOG)}
    for file, listed in found.items():
        if [*listed][:2] != [UNRELEASED, version]:
            raise InputError(f"{file}: the latest version is not {version}")
        if listed[UNRELEASED].text:
            raise InputError(f"{file}: the section [{UNRELEASED}] is not empty")
        if not listed[version].text:
            raise InputError(f"{file}: says nothing about {version}")
    days = {listed[version].date for listed in found.values()}
    (day, *others) = days
    if day is None or others:
        raise InputError(f"the changelogs have different dates for {version}")
    section = found[CHANGELOG][version]
    wrong = problems(last_released(root, before=version), current, section)
    if wrong := wrong or too_early(section, day):
        raise InputError("\n".join([f"{CHANGELOG}, section [{version}]:", *wrong]))
    return found["CHANGELOG.md"][version].text


def tag(root: Path, current: Mapping[str, Any]) -> str:
    """Create the annotated tag of the version, and return its name.

    :param root: the project's folder.
    :param current: the manifest of the project as it is.
    :raises InputError: when something is not committed, the tag exists, or as :func:`agreed` does.
    """
    check_clean(root)
    name = tag_of(root, current["version"])
    agreed(root, current)
    git(root, "tag", "--annotate", name, "--message", f"pump-roles {current['version']}")
    return name


def main(root: Path = ROOT) -> int:
    """Tag the release, and return the exit status.

    :param root: the project's folder.
    """
    try:
        name = tag(root, manifest())
    except ValueError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"Tagged {name}. Nothing was pushed.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
