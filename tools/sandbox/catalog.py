"""AWS's actions, from the action catalog of the pinned npm package."""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from pump_roles.patterns import covers
from tools.sandbox.aws import ACCOUNT_ID
from tools.sandbox.cdk import ROOT

_DATA: Final = ROOT / "node_modules" / "@cloud-copilot" / "iam-data" / "data"


@dataclass(frozen=True)
class Action:
    name: str
    access_levels: frozenset[str]
    resources: tuple[str, ...]

    @property
    def only_reads(self) -> bool:
        return self.access_levels <= {"List", "Read"}


@cache
def actions() -> Mapping[str, Action]:
    """Return every action of every service, by its name in lower case."""
    found = {}
    for file in sorted((_DATA / "actions").glob("*.json")):
        arns = {
            key.lower(): _example(resource["arn"])
            for key, resource in _read(_DATA / "resourceTypes" / file.name).items()
        }
        for action in _read(file).values():
            name = f"{file.stem}:{action['name']}"
            found[name.lower()] = Action(
                name,
                frozenset(action["accessLevel"].split(", ")),
                tuple(arns[kind["name"].lower()] for kind in action["resourceTypes"]) or ("*",),
            )
    return found


def matching(patterns: Iterable[str]) -> list[Action]:
    """Return the actions that any of the patterns matches, in any case, with ``*`` and ``?``."""
    found = {name for pattern in patterns for name in _matched(pattern)}
    return [action for name, action in actions().items() if name in found]


@cache
def _matched(pattern: str) -> frozenset[str]:
    # Nearly all of the 20,000 names are of other services than a pattern.
    service, colon, _ = pattern.lower().partition(":")
    one_service = colon and not {"*", "?"} & {*service}
    names = _by_service().get(service, []) if one_service else actions()
    return frozenset(name for name in names if covers(pattern, name))


@cache
def _by_service() -> Mapping[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name in actions():
        found.setdefault(name.partition(":")[0], []).append(name)
    return found


def _read(file: Any) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    return content


def _example(arn: str) -> str:
    known = {"Partition": "aws", "Region": "us-east-1", "Account": ACCOUNT_ID}
    return re.sub(r"\$\{(\w+)\}", lambda match: known.get(match[1], "example"), arn)
