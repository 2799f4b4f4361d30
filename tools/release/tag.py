"""Tags the release that is prepared and committed: ``make tag``. It pushes nothing."""

import sys
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

from pump_roles.templates import InputError
from tools.release.changelog import UNRELEASED, read, sections, today
from tools.release.check import CHANGELOG, listed, problems, too_early
from tools.release.git import check_clean, check_unchanged, git, tag_of
from tools.release.manifest import manifest
from tools.release.versions import MANIFESTS, last_released, stored
from tools.sandbox.cdk import ROOT

__all__ = ["agreed", "main", "tag"]


def agreed(root: Path, current: Mapping[str, Any], on: date) -> Mapping[str, str]:
    """Return what each changelog says about the version, if all parts of the release agree.

    :param root: the project's folder.
    :param current: the current manifest of the project.
    :param on: today.
    :raises InputError: when the version, the changelogs, and the stored manifest do not agree, or
        the date of the release is in the future.
    """
    version = current["version"]
    last = last_released(root)
    if last is None or last["version"] != version:
        is_not = "does not exist" if last is None else f"is not the latest, {last['version']} is"
        raise InputError(f"{MANIFESTS}/{version}.json {is_not}: run make release first")
    if last != current:
        raise InputError(f"{MANIFESTS}/{version}.json is not the manifest of the current sources")
    name = "CHANGELOG.md"
    found = {name: sections(read(root / name), name), CHANGELOG: listed(root)}
    for file, of_version in found.items():
        if [*of_version][:2] != [UNRELEASED, version]:
            raise InputError(f"{file}: the latest version is not {version}")
        if of_version[UNRELEASED].text:
            raise InputError(f"{file}: the section [{UNRELEASED}] is not empty")
        if not of_version[version].text:
            raise InputError(f"{file}: says nothing about {version}")
    days = {of_version[version].date for of_version in found.values()}
    (day, *others) = days
    if day is None or others:
        raise InputError(f"the changelogs have different dates for {version}")
    if day > on:
        raise InputError(f"{version} has the date {day}, which is after today, {on}, in UTC")
    section = found[CHANGELOG][version]
    wrong = problems(last_released(root, before=version), current, section)
    if wrong := wrong or too_early(section, day):
        raise InputError("\n".join([f"{CHANGELOG}, section [{version}]:", *wrong]))
    return {file: of_version[version].text for file, of_version in found.items()}


def tag(root: Path, current: Mapping[str, Any], on: date) -> str:
    """Create the annotated tag of the version, and return its name.

    :param root: the project's folder.
    :param current: the manifest of the current project.
    :param on: today.
    :raises InputError: when something is not committed, the tag exists, an earlier release was
        changed, or as :func:`agreed` does.
    """
    check_clean(root)
    version = current["version"]
    name = tag_of(root, version)
    agreed(root, current, on)
    # Git may be configured to ignore it.
    git(root, "cat-file", "-e", f"HEAD:{MANIFESTS}/{version}.json")
    for earlier in stored(root)[1:]:
        check_unchanged(root, earlier, f"{MANIFESTS}/{earlier}.json")
    git(root, "tag", "--annotate", name, "--message", f"pump-roles {version}")
    return name


def main(root: Path = ROOT) -> int:
    """Tag the release, and return the exit status.

    :param root: the project's folder.
    """
    try:
        name = tag(root, manifest(), today())
    except (OSError, ValueError) as error:
        print(error, file=sys.stderr)
        return 1
    print(f"Tagged {name}. Nothing was pushed.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
