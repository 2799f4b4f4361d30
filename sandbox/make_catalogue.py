"""`make catalogue`: make the package's snapshot of the action catalogue from the npm package.

Prints what the policies' wildcards newly match since that was last reviewed, writes and
data-bearing reads first. To commit what it writes says that it was reviewed.
"""

import json
import shutil
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from pump_roles.published import AUTO_PILOT
from pump_roles.review.catalogue import Action, Catalogue
from pump_roles.review.report import mark
from sandbox.cdk import ROOT

PACKAGE: Final = ROOT / "node_modules" / "@cloud-copilot" / "iam-data"
FOLDER: Final = ROOT / "pump_roles" / "review"
PATTERNS: Final = tuple(
    dict.fromkeys(pattern for policy in AUTO_PILOT for pattern in policy.patterns)
)


def trimmed(package: Path = PACKAGE) -> dict[str, Any]:
    """The package's data about the services that the published policies touch."""
    about = json.loads((package / "package.json").read_text(encoding="utf-8"))
    services = sorted({pattern.partition(":")[0] for pattern in PATTERNS})
    return {
        "source": f"{about['name']} {about['version']}",
        "date": about["updatedAt"][:10],
        "services": {service: _actions(package, service) for service in services},
    }


def _actions(package: Path, service: str) -> dict[str, list[Any]]:
    file = package / "data" / "actions" / f"{service}.json"
    actions = json.loads(file.read_text(encoding="utf-8")).values()
    return {
        action["name"]: [
            action["accessLevel"],
            _sentence(action["description"]),
            sorted(one["name"] for one in action["resourceTypes"]),
            sorted(
                {
                    *action["conditionKeys"],
                    *(key for one in action["resourceTypes"] for key in one["conditionKeys"]),
                }
            ),
        ]
        for action in sorted(actions, key=lambda one: str(one["name"]))
    }


def _sentence(description: str) -> str:
    text = description.removeprefix("Grants permission to ").strip()
    return text[:1].upper() + text[1:]


def as_text(data: Mapping[str, Any]) -> str:
    """The catalogue as JSON with one action a line, so that a difference can be read."""
    services = ",\n".join(
        f"  {json.dumps(service)}: {{\n"
        + ",\n".join(
            f"   {json.dumps(name)}: {json.dumps(entry, ensure_ascii=False)}"
            for name, entry in actions.items()
        )
        + "\n  }"
        for service, actions in data["services"].items()
    )
    head = ", ".join(f"{json.dumps(key)}: {json.dumps(data[key])}" for key in ("source", "date"))
    return f'{{{head}, "services": {{\n{services}\n}}}}\n'


def expansion(catalogue: Catalogue) -> dict[str, Any]:
    """What each published pattern matches in a catalogue."""
    return {
        "source": catalogue.source,
        "date": catalogue.date,
        "patterns": catalogue.expand(PATTERNS),
    }


def news(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The patterns and actions that are in one expansion and not in an earlier one."""
    return [
        (pattern, action)
        for pattern, actions in after["patterns"].items()
        for action in actions
        if action not in before["patterns"].get(pattern, [])
    ]


def weight(action: Action) -> int:
    """Writes first, then reads that bear data, then the others."""
    if not action.only_reads:
        return 0
    return 1 if mark("data", action.name) else 2


def lines(found: Iterable[tuple[str, str]], catalogue: Catalogue) -> list[str]:
    """What is newly granted, one action a line, the weightiest first."""
    listed = [(catalogue.actions[name.lower()], pattern) for pattern, name in found]
    listed.sort(key=lambda one: (weight(one[0]), one[0].name))
    kinds = ("WRITE", "DATA ", "     ")
    return [
        f"{kinds[weight(action)]}  {action.name}  ({', '.join(action.levels)}, by {pattern}): "
        f"{action.description}"
        for action, pattern in listed
    ]


def main(package: Path = PACKAGE, folder: Path = FOLDER) -> int:
    data = trimmed(package)
    catalogue = Catalogue.of(data)
    after = expansion(catalogue)
    file = folder / "reviewed.json"
    before = json.loads(file.read_text(encoding="utf-8"))
    found = lines(news(before, after), catalogue)
    gone = news(after, before)
    for line in found:
        print(line)
    for pattern, action in gone:
        print(f"GONE   {action}  (by {pattern})")
    print(
        f"{len(found)} actions newly granted, {len(gone)} gone, from {before['source']} to "
        f"{after['source']}."
    )
    (folder / "catalogue.json").write_text(as_text(data), encoding="utf-8")
    file.write_text(json.dumps(after, indent=1) + "\n", encoding="utf-8")
    shutil.copyfile(package / "LICENSE.txt", folder / "catalogue-license.txt")
    return 0


if __name__ == "__main__":
    sys.exit(main())
