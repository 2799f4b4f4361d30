"""`make catalog`: update the package's snapshot of the action catalog from the npm package.

Prints the actions that the policies' wildcards match since the last review: writes first, then
reads that return data. Review them before you commit what it writes.
"""

import json
import re
import shutil
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

import botocore
from botocore.session import get_session

from pump_roles.event_sources import services_of
from pump_roles.iam.catalog import Action, Catalog, action_of
from pump_roles.patterns import covers
from pump_roles.published import ROLES
from pump_roles.review.report.action_risks import mark
from tools.sandbox.cdk import ROOT

PACKAGE: Final = ROOT / "node_modules" / "@cloud-copilot" / "iam-data"
FOLDER: Final = ROOT / "pump_roles" / "iam"
PATTERNS: Final = tuple(
    dict.fromkeys(pattern for role in ROLES.values() for pattern in role.patterns)
)


def trimmed(package: Path = PACKAGE) -> dict[str, Any]:
    """Return the package's data about the services that the published policies touch."""
    about = json.loads((package / "package.json").read_text(encoding="utf-8"))
    services = sorted({pattern.partition(":")[0] for pattern in PATTERNS})
    return {
        "source": f"{about['name']} {about['version']}",
        "date": about["updatedAt"][:10],
        "services": {service: _actions(package, service) for service in services},
        "arns": {service: _arns(package, service) for service in services},
    }


def _actions(package: Path, service: str) -> dict[str, list[Any]]:
    file = package / "data" / "actions" / f"{service}.json"
    actions = json.loads(file.read_text(encoding="utf-8")).values()
    return {
        action["name"]: [
            action["accessLevel"],
            _sentence(action["description"]),
            sorted(kind["name"] for kind in action["resourceTypes"]),
            sorted(
                {
                    *action["conditionKeys"],
                    *(key for kind in action["resourceTypes"] for key in kind["conditionKeys"]),
                }
            ),
        ]
        for action in sorted(actions, key=lambda action: str(action["name"]))
    }


def _arns(package: Path, service: str) -> dict[str, str]:
    file = package / "data" / "resourceTypes" / f"{service}.json"
    kinds = json.loads(file.read_text(encoding="utf-8")).values()
    return {kind["key"].lower(): re.sub(r"\$\{\w+\}", "*", kind["arn"]) for kind in kinds}


def _sentence(description: str) -> str:
    text = description.removeprefix("Grants permission to ").strip()
    return text[:1].upper() + text[1:]


def as_text(data: Mapping[str, Any]) -> str:
    """Return the catalog as JSON, one action per line, so that a difference is readable."""
    services = ",\n".join(
        f"  {json.dumps(service)}: {{\n"
        + ",\n".join(
            f"   {json.dumps(name)}: {json.dumps(entry, ensure_ascii=False)}"
            for name, entry in actions.items()
        )
        + "\n  }"
        for service, actions in data["services"].items()
    )
    arns = json.dumps(data["arns"], indent=1, sort_keys=True)
    head = ", ".join(f"{json.dumps(key)}: {json.dumps(data[key])}" for key in ("source", "date"))
    return f'{{{head}, "services": {{\n{services}\n}}, "arns": {arns}}}\n'


def expansion(catalog: Catalog) -> dict[str, Any]:
    """Return what each published pattern matches in a catalog."""
    return {
        "source": catalog.source,
        "date": catalog.date,
        "patterns": {
            pattern: sorted(action.name for action in catalog.matched_by(pattern))
            for pattern in PATTERNS
        },
    }


def added(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return the patterns and actions that are in one expansion and not in an earlier one."""
    return [
        (pattern, action)
        for pattern, actions in after["patterns"].items()
        for action in actions
        if action not in before["patterns"].get(pattern, [])
    ]


def uncataloged() -> list[str]:
    """Return what botocore can call in the services of the published policies, and the shipped
    catalog does not have, as ``service:Operation``.
    """
    session = get_session()
    services = {pattern.partition(":")[0] for pattern in PATTERNS}
    found = set()
    for name in session.get_available_services():
        model = session.get_service_model(name)
        source = f"{model.endpoint_prefix}.amazonaws.com"
        for service in services.intersection(services_of(source)):
            found |= {
                f"{service}:{operation}"
                for operation in model.operation_names
                if action_of(source, operation) is None
            }
    return sorted(found)


def newer(names: Iterable[str]) -> dict[str, Any]:
    """Return those that a published pattern matches."""
    return {
        "source": f"botocore {botocore.__version__}",
        "actions": [name for name in names if any(covers(pattern, name) for pattern in PATTERNS)],
    }


def priority(action: Action) -> int:
    """Return the order of the review: writes, then reads that return data, then the others."""
    if not action.only_reads:
        return 0
    return 1 if mark("data", action.name) else 2


def lines(granted: Iterable[tuple[str, str]], catalog: Catalog) -> list[str]:
    """Return what is newly granted, one action per line, by priority."""
    listed = sorted(
        ((catalog.actions[name.lower()], pattern) for pattern, name in granted),
        key=lambda entry: (priority(entry[0]), entry[0].name),
    )
    kinds = ("WRITE", "DATA ", "     ")
    return [
        f"{kinds[priority(action)]}  {action.name}  ({', '.join(action.levels)}, by {pattern}): "
        f"{action.description}"
        for action, pattern in listed
    ]


def main(package: Path = PACKAGE, folder: Path = FOLDER) -> int:
    data = trimmed(package)
    catalog = Catalog.of(data)
    after = expansion(catalog)
    file = folder / "reviewed.json"
    before = json.loads(file.read_text(encoding="utf-8"))
    granted = lines(added(before, after), catalog)
    gone = added(after, before)
    for line in granted:
        print(line)
    for pattern, action in gone:
        print(f"GONE   {action}  (by {pattern})")
    print(
        f"{len(granted)} actions newly granted, {len(gone)} gone, from {before['source']} to "
        f"{after['source']}."
    )
    (folder / "catalog.json").write_text(as_text(data), encoding="utf-8")
    file.write_text(json.dumps(after, indent=1) + "\n", encoding="utf-8")
    known = newer(uncataloged())
    print(f"{len(known['actions'])} more are known from {known['source']}: {known['actions']}")
    (folder / "newer.json").write_text(json.dumps(known, indent=1) + "\n", encoding="utf-8")
    shutil.copyfile(package / "LICENSE.txt", folder / "catalog-license.txt")
    return 0


if __name__ == "__main__":
    sys.exit(main())
