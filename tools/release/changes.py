"""What changes between two permission manifests, and which changes are expansions.

Pump's changes are compared by action pattern, ignoring case, on a resource. AWS's changes are
compared by action: an action that a role gains under a pattern that it already had is AWS's change,
and any other is a consequence of Pump's new pattern.

A difference that none of these changes explains is an expansion that is not understood.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from tools.release.consistency import MARKS, inconsistencies
from tools.release.manifest import LIST_OR_READ

__all__ = [
    "AWS",
    "CHANGED",
    "GAINED",
    "LOST",
    "PUMP",
    "RECLASSIFIED",
    "REWORDED",
    "Change",
    "changes",
    "sizes",
]

PUMP: Final = "Pump"
AWS: Final = "AWS"

GAINED: Final = "gained"
LOST: Final = "lost"
CHANGED: Final = "changed"
RECLASSIFIED: Final = "reclassified"
REWORDED: Final = "reworded"

_VERBS: Final = {GAINED: "gains", LOST: "loses"}

Json = Mapping[str, Any]

_Key = tuple[str, str]
"""A permission: an action pattern in lower case, and a resource."""


@dataclass(frozen=True, kw_only=True)
class Change:
    """A difference between two manifests.

    :param whose: ``Pump`` or ``AWS``.
    :param effect: ``gained``, ``lost``, or ``changed``; ``reclassified`` if only an access level,
        or one of the marks of an action, differs; ``reworded`` if only texts for people differ.
    :param role: the role's kind; empty if it is not about one role.
    :param what: the difference, as it follows the role in a sentence.
    :param expansion: whether a role may do more because of it, or that cannot be ruled out.
    """

    whose: str
    effect: str
    role: str
    what: str
    expansion: bool = False

    @property
    def sentence(self) -> str:
        """The difference, as a sentence for a changelog."""
        return f"{self.role} {self.what}.".lstrip()


def changes(before: Json, after: Json) -> list[Change]:
    """Return what changes from one manifest to another: expansions first, Pump's before AWS's.

    The version, the catalog's name and date, and the templates' names and digests are not compared.
    What they describe is.

    :param before: the earlier manifest.
    :param after: the later manifest.
    """
    wrong = [
        _not_understood("", f"{which} manifest: {why}")
        for which, manifest in (("earlier", before), ("later", after))
        for why in inconsistencies(manifest)
    ]
    found = wrong or [*_roles(before, after), *_actions(before, after), *_reworded(before, after)]
    return sorted(found, key=lambda change: (not change.expansion, change.whose == AWS))


def sizes(role: Json, actions: Iterable[Json]) -> str:
    """Return how large a role is, in words.

    :param role: a role of a manifest.
    :param actions: the manifest's actions.
    """
    granted = [
        action for action in actions if role["kind"] in {by["role"] for by in action["granted_by"]}
    ]
    writes = sum(not set(action["access_levels"]) <= LIST_OR_READ for action in granted)
    patterns = {grant["pattern"].lower() for grant in role["patterns"]}
    return (
        f"{_count(len(role['policies']), 'policy', 'policies')}, "
        f"{_count(len(patterns), 'pattern')}, {_count(len(granted), 'action')}, "
        f"{f'{writes} of them not' if writes else 'all of them'} List or Read"
    )


def _count(number: int, noun: str, several: str = "") -> str:
    return f"{number:,} {noun if number == 1 else several or f'{noun}s'}"


def _not_understood(role: str, what: str) -> Change:
    return Change(
        whose=PUMP, effect=CHANGED, role=role, what=f"not understood: {what}", expansion=True
    )


def _roles(before: Json, after: Json) -> Iterator[Change]:
    old, new = ({role["kind"]: role for role in manifest["roles"]} for manifest in (before, after))
    for kind in sorted(new.keys() - old.keys()):
        what = f"is a new role, `{new[kind]['name']}`: {sizes(new[kind], after['actions'])}"
        yield Change(whose=PUMP, effect=GAINED, role=kind, what=what, expansion=True)
    for kind in sorted(old.keys() - new.keys()):
        yield Change(whose=PUMP, effect=LOST, role=kind, what=f"(`{old[kind]['name']}`) is removed")
    for kind in [kind for kind in old if kind in new]:
        for member, compared in _COMPARED.items():
            if old[kind][member] == new[kind][member]:
                continue
            yield from compared(kind, old[kind][member], new[kind][member])
        yield from _permissions(_Role(old[kind], before), _Role(new[kind], after))
        if more := (old[kind].keys() | new[kind].keys()) - _COMPARED.keys() - _ELSEWHERE:
            yield _not_understood(kind, ", ".join(sorted(more)))


def _renamed(what: str) -> Callable[[str, str, str], Iterator[Change]]:
    def compared(kind: str, old: str, new: str) -> Iterator[Change]:
        text = f"has the {what} `{new}` instead of `{old}`"
        yield Change(whose=PUMP, effect=CHANGED, role=kind, what=text)

    return compared


def _parameters(kind: str, old: list[Json], new: list[Json]) -> Iterator[Change]:
    accepted, accepts = (
        {parameter["name"]: {**parameter, "description": ""} for parameter in listed}
        for listed in (old, new)
    )
    for name in sorted(accepts.keys() - accepted.keys()):
        text = f"has a new parameter, `{name}`"
        yield Change(whose=PUMP, effect=GAINED, role=kind, what=text, expansion=True)
    for name in sorted(accepted.keys() - accepts.keys()):
        yield Change(
            whose=PUMP, effect=LOST, role=kind, what=f"no longer has the parameter `{name}`"
        )
    for name in sorted(accepted.keys() & accepts.keys()):
        if accepted[name] != accepts[name]:
            text = f"accepts other values for the parameter `{name}`"
            yield Change(whose=PUMP, effect=CHANGED, role=kind, what=text, expansion=True)


_TRUST: Final = {
    "principal_parameters": "can be assumed by the principal in `{}`",
    "external_id_parameters": "accepts the external ID in `{}`",
    "actions": "allows the principal to use `{}`",
}


def _trust(kind: str, old: Json, new: Json) -> Iterator[Change]:
    for member, text in _TRUST.items():
        for value in sorted({*new[member]} - {*old[member]}):
            what = text.format(value)
            yield Change(whose=PUMP, effect=GAINED, role=kind, what=what, expansion=True)
        for value in sorted({*old[member]} - {*new[member]}):
            yield Change(whose=PUMP, effect=LOST, role=kind, what=f"no longer {text.format(value)}")
    for member in sorted((old.keys() | new.keys()) - _TRUST.keys()):
        if old.get(member) != new.get(member):
            yield _not_understood(kind, f"{member} of its trust policy")


def _session(kind: str, old: int, new: int) -> Iterator[Change]:
    longer = new > old
    yield Change(
        whose=PUMP,
        effect=GAINED if longer else LOST,
        role=kind,
        what=f"has sessions of up to {new:,} seconds instead of {old:,}",
        expansion=longer,
    )


def _policies(kind: str, old: list[Json], new: list[Json]) -> Iterator[Change]:
    # Their statements are compared as patterns on resources.
    was, now = (
        {policy["name"]: {**policy["document"], "Statement": []} for policy in listed}
        for listed in (old, new)
    )
    for name in sorted(was.keys() & now.keys()):
        if was[name] != now[name]:
            yield _not_understood(kind, f"the policy `{name}` has another version")
    for name in sorted(now.keys() - was.keys()):
        yield Change(whose=PUMP, effect=CHANGED, role=kind, what=f"has a new policy, `{name}`")
    for name in sorted(was.keys() - now.keys()):
        yield Change(
            whose=PUMP, effect=CHANGED, role=kind, what=f"no longer has the policy `{name}`"
        )


_COMPARED: Final[Mapping[str, Callable[[str, Any, Any], Iterator[Change]]]] = {
    "name": _renamed("name"),
    "stack_name": _renamed("stack name"),
    "trust": _trust,
    "session_seconds": _session,
    "parameters": _parameters,
    "policies": _policies,
}
"""What compares a member of a role."""

_ELSEWHERE: Final = {"kind", "description", "template", "patterns"}
"""The members that are compared elsewhere, or not: see :func:`changes`."""


class _Role:
    """What a role may do.

    :param role: the role.
    :param manifest: its manifest.
    """

    def __init__(self, role: Json, manifest: Json) -> None:
        self.kind: str = role["kind"]
        self.grants: dict[_Key, list[Json]] = {}
        """The patterns by permission. Several policies can contain the same one."""
        self.granting: dict[str, set[_Key]] = {}
        """The permissions that grant a concrete action, by its name in lower case."""
        for grant in role["patterns"]:
            key = (grant["pattern"].lower(), grant["resource"])
            self.grants.setdefault(key, []).append(grant)
            for name in grant["actions"]:
                self.granting.setdefault(name.lower(), set()).add(key)
        self.actions: dict[str, Json] = {
            name: action for name, action in _by_name(manifest).items() if name in self.granting
        }

    def covers(self, key: _Key) -> bool:
        """Whether it has a permission, or a wider one."""
        pattern, resource = key
        return any(
            _covers(wider, pattern) and _covers_resource(on, resource) for wider, on in self.grants
        )


def _by_name(manifest: Json) -> dict[str, Json]:
    # IAM does not distinguish the case of actions.
    return {action["name"].lower(): action for action in manifest["actions"]}


def _covers_resource(wider: str, resource: str) -> bool:
    # In an ARN, a wildcard is about one of its six parts.
    parts, of_wider = resource.split(":", 5), wider.split(":", 5)
    return wider == "*" or (len(parts) == len(of_wider) and all(map(_covers, of_wider, parts)))


def _covers(wider: str, pattern: str) -> bool:
    # Whether everything that matches the pattern also matches the wider one.
    parts = {"*": ".*", "?": "[^*]"}
    expression = "".join(parts.get(character, re.escape(character)) for character in wider)
    return re.fullmatch(expression, pattern, re.DOTALL) is not None


def _permissions(old: _Role, new: _Role) -> Iterator[Change]:
    for lost in (False, True):
        had, has = (new, old) if lost else (old, new)
        effect = LOST if lost else GAINED
        other = {
            name: {key for key in has.granting[name] if not had.covers(key)}
            for name in has.actions.keys() - had.actions.keys()
        }
        of_aws = {name for name, keys in other.items() if keys != has.granting[name]}
        for key in sorted(has.grants.keys() - had.grants.keys()):
            consequences = sorted(
                name for name, keys in other.items() if key in keys and name not in of_aws
            )
            yield _permission(has, key, effect, consequences, covered=had.covers(key))
        for name in sorted(of_aws):
            yield _action(has, name, effect)
    for key in sorted(old.grants.keys() & new.grants.keys()):
        was, now = (sorted(_where(grant) for grant in role.grants[key]) for role in (old, new))
        if was != now:
            text = f"has {' and '.join(now)} instead of {' and '.join(was)}"
            yield Change(whose=PUMP, effect=CHANGED, role=new.kind, what=text)


def _where(grant: Json) -> str:
    return f"`{grant['pattern']}` on `{grant['resource']}` in `{grant['policy']}`"


def _permission(
    role: _Role, key: _Key, effect: str, consequences: list[str], *, covered: bool
) -> Change:
    grants = role.grants[key]
    policies = " and ".join(sorted({f"`{grant['policy']}`" for grant in grants}))
    gained = effect == GAINED
    if consequences:
        names = ", ".join(_described(role.actions[name]) for name in consequences)
        means = f"and with it {_count(len(consequences), 'action')}: {names}"
    elif covered:
        means = f"which another pattern {'covered' if gained else 'covers'}"
    elif grants[0]["actions"]:
        means = f"whose actions it {'already had' if gained else 'still has'}"
    else:
        means = "which matches no action yet"
    return Change(
        whose=PUMP,
        effect=effect,
        role=role.kind,
        what=f"{_VERBS[effect]} `{grants[0]['pattern']}` on `{key[1]}` in {policies}, {means}",
        expansion=gained and not covered,
    )


def _described(action: Json) -> str:
    marks = (text for mark, text in MARKS.items() if action[mark])
    return f"`{action['name']}` ({', '.join([*action['access_levels'], *marks])})"


def _action(role: _Role, name: str, effect: str) -> Change:
    patterns = sorted({role.grants[key][0]["pattern"] for key in role.granting[name]})
    matching = " and ".join(f"`{pattern}`" for pattern in patterns)
    return Change(
        whose=AWS,
        effect=effect,
        role=role.kind,
        what=f"{_VERBS[effect]} {_described(role.actions[name])} under {matching}",
        expansion=effect == GAINED,
    )


def _actions(before: Json, after: Json) -> Iterator[Change]:
    old, new = _by_name(before), _by_name(after)
    for name in sorted(old.keys() & new.keys()):
        spelling = new[name]["name"]
        was, now = (", ".join(actions[name]["access_levels"]) for actions in (old, new))
        if was != now:
            text = f"`{spelling}` is {now} instead of {was}"
            yield Change(whose=AWS, effect=RECLASSIFIED, role="", what=text)
        marked = " and ".join(
            f"{'now' if new[name][mark] else 'no longer'} {text}"
            for mark, text in MARKS.items()
            if old[name][mark] != new[name][mark]
        )
        if marked:
            yield Change(whose=PUMP, effect=RECLASSIFIED, role="", what=f"`{spelling}` {marked}")


def _reworded(before: Json, after: Json) -> Iterator[Change]:
    old, new = _texts(before), _texts(after)
    differ = sum(old[key] != new[key] for key in old.keys() & new.keys())
    if differ:
        what = f"{_count(differ, 'text')} reworded"
        yield Change(whose=PUMP, effect=REWORDED, role="", what=what)


def _texts(manifest: Json) -> dict[tuple[str, ...], str]:
    found: dict[tuple[str, ...], str] = {}
    for role in manifest["roles"]:
        found["role", role["kind"]] = role["description"]
        for parameter in role["parameters"]:
            found["parameter", role["kind"], parameter["name"]] = parameter["description"]
        for grant in role["patterns"]:
            key = (
                "pattern",
                role["kind"],
                grant["policy"],
                grant["pattern"].lower(),
                grant["resource"],
            )
            found[key] = grant["reason"]
    for name, action in _by_name(manifest).items():
        found["name", name] = action["name"]
        found["action", name] = action["description"]
        for mark in MARKS:
            if action[mark]:
                found["reason", name, mark] = action["reasons"][mark]
    return found
