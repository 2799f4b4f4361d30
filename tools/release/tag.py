"""Tags the release that is prepared and committed: ``make tag``. It pushes nothing."""

import sys
from collections.abc import Mapping
from datetime import date
from pathlib import Path

from pump_roles.json_input import InputError
from pump_roles.output.json_documents import as_json
from pump_roles.report import Report
from tools.release.changelog import UNRELEASED, read, sections, today
from tools.release.check import CHANGELOG, listed, problems, too_early
from tools.release.git import check_clean, check_unchanged, git, tag_of
from tools.release.manifest import MANIFESTS, current, last_released, stored
from tools.sandbox.cdk import ROOT


def agreed(root: Path, now: Report, on: date) -> Mapping[str, str]:
    """Return what each changelog says about the version, if all parts of the release agree.

    :param root: the project's folder.
    :param now: the report of the current project.
    :param on: today.
    :raises InputError: when the version, the changelogs, and the stored manifest do not agree, or
        the date of the release is in the future.
    """
    version, name = now.version, "CHANGELOG.md"
    if stored(root)[:1] != [version]:
        raise InputError(f"{version} is not the latest in {MANIFESTS}: run make release first")
    file = f"{MANIFESTS}/{version}.json"
    if (root / file).read_text(encoding="utf-8") != as_json(now):
        raise InputError(f"{file} is not the manifest of the current sources")
    found = {name: sections(read(root / name), name), CHANGELOG: listed(root)}
    for changelog, of_version in found.items():
        if [*of_version][:2] != [UNRELEASED, version]:
            raise InputError(f"{changelog}: the latest version is not {version}")
        if of_version[UNRELEASED].text:
            raise InputError(f"{changelog}: the section [{UNRELEASED}] is not empty")
        if not of_version[version].text:
            raise InputError(f"{changelog}: says nothing about {version}")
    section = found[CHANGELOG][version]
    day = section.date
    if day is None or found[name][version].date != day:
        raise InputError(f"the changelogs have different dates for {version}")
    if day > on:
        raise InputError(f"{version} has the date {day}, which is after today, {on}, in UTC")
    wrong = problems(last_released(root, before=version), now, section)
    if wrong := wrong or too_early(section, day):
        raise InputError("\n".join([f"{CHANGELOG}, section [{version}]:", *wrong]))
    return {changelog: of_version[version].text for changelog, of_version in found.items()}


def tag(root: Path, now: Report, on: date) -> str:
    """Create the annotated tag of the version, and return its name.

    :param root: the project's folder.
    :param now: the report of the current project.
    :param on: today.
    :raises InputError: when something is not committed, the tag exists, an earlier release was
        changed, or as :func:`agreed` does.
    """
    check_clean(root)
    name = tag_of(root, now.version)
    agreed(root, now, on)
    for earlier in stored(root)[1:]:
        check_unchanged(root, earlier, f"{MANIFESTS}/{earlier}.json")
    git(root, "tag", "--annotate", name, "--message", f"pump-roles {now.version}")
    return name


def main(root: Path = ROOT) -> int:
    """Tag the release, and return the exit status.

    :param root: the project's folder.
    """
    try:
        name = tag(root, current(root), today())
    except (OSError, ValueError) as error:
        print(error, file=sys.stderr)
        return 1
    print(f"Tagged {name}. Nothing was pushed.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
