"""What has changed since an earlier report, in its effect on the decision for each action."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final, Literal

from pump_roles.iam.catalog import Catalog
from pump_roles.iam.decisions import DENIED, Grant
from pump_roles.review.compare import Difference, Effect, compare_roles
from pump_roles.review.report.policies import RolePolicies
from pump_roles.review.report.report_model import Change, Compared, Report, Risk, RoleReport
from pump_roles.review.templates import Place
from pump_roles.text import visible

_ORDER: Final[tuple[Effect, ...]] = ("broader", "other", "narrower")
_RISKS: Final[tuple[Risk | Literal[""], ...]] = ("money", "writes", "data", "", "reads")


@dataclass(frozen=True, kw_only=True)
class Earlier:
    """What a report is compared with."""

    compared: Compared
    report: Report


def earlier_of(report: Report, *, file: str, files: tuple[tuple[str, str], ...]) -> Earlier:
    """Return what to compare a later report with."""
    compared = Compared(file=visible(file), files=files, date=report.date, version=report.version)
    return Earlier(compared=compared, report=report)


def changes(earlier: Report, report: Report, catalog: Catalog) -> tuple[Change, ...]:
    """Return the differences: first what broadens, then what may broaden, then what narrows.

    Within each group, money, writes, and data come first, and reads of metadata last.
    """
    was, now = ({role.kind: role for role in side.roles} for side in (earlier, report))
    # Not the intersection of the keys: the order must be the same every time.
    kinds = [kind for kind in now if kind in was]
    risks = {action.name: action.risk for side in (earlier, report) for action in side.actions}
    found = [
        *_differences(was, now, risks),
        *(change for kind in kinds for change in _of_aws(earlier, was[kind], catalog, risks)),
    ]
    for kind in kinds:
        found += _role(was[kind], now[kind], [change for change in found if change.role == kind])
        of_kind = [
            [place for place in side.places if place.kind == kind] for side in (earlier, report)
        ]
        # The published roles, and those of an account, have no template that deploys them.
        if of_kind[1]:
            found += _places(kind, *of_kind)
        noticed = any(change.role == kind for change in found)
        if _may_differ(was[kind].filled_sha256, now[kind].filled_sha256, noticed=noticed):
            found.append(Change(effect="other", role=kind, about="filled-in"))
    found += _suspects(earlier, report)
    return tuple(
        sorted(found, key=lambda change: (_ORDER.index(change.effect), _RISKS.index(change.risk)))
    )


def _differences(
    was: Mapping[str, RoleReport], now: Mapping[str, RoleReport], risks: Mapping[str, Risk]
) -> Iterator[Change]:
    before = {kind: report.role for kind, report in was.items()}
    after = {kind: report.role for kind, report in now.items()}
    for kind, difference in compare_roles(before, after):
        change = Change(effect=difference.effect, role=kind, difference=difference)
        yield from [*_by_risk(change, difference, risks)] or [change]


def _by_risk(change: Change, difference: Difference, risks: Mapping[str, Risk]) -> Iterator[Change]:
    for decision in difference.decisions:
        names = [action for action in decision.actions if action in difference.actions]
        for risk, actions in _grouped(names, risks):
            part = replace(decision, actions=actions)
            found = replace(difference, actions=actions, decisions=(part,))
            yield replace(change, difference=found, actions=actions, risk=risk)


def _grouped(
    actions: Iterable[str], risks: Mapping[str, Risk]
) -> Iterator[tuple[Risk | Literal[""], tuple[str, ...]]]:
    by_risk: dict[str, list[str]] = {}
    for action in actions:
        by_risk.setdefault(risks.get(action, ""), []).append(action)
    yield from ((risk, tuple(by_risk[risk])) for risk in _RISKS if risk in by_risk)


def _of_aws(
    earlier: Report, role: RoleReport, catalog: Catalog, risks: Mapping[str, Risk]
) -> Iterator[Change]:
    # What the role as it was allows today, but did not allow with the catalog of its time.
    today = RolePolicies(role.role, catalog).evaluator.grants
    then = {
        action.name: action.roles[role.kind]
        for action in earlier.actions
        if role.kind in action.roles
    }
    directions: tuple[tuple[Effect, Mapping[str, Grant], Mapping[str, Grant]], ...] = (
        ("broader", today, then),
        ("narrower", then, today),
    )
    for effect, one, other in directions:
        names = (name for name in one.keys() - other.keys() if one[name].decision != DENIED)
        for risk, found in _grouped(sorted(names), risks):
            yield Change(cause="AWS", effect=effect, role=role.kind, actions=found, risk=risk)


def _role(was: RoleReport, now: RoleReport, found: Iterable[Change]) -> Iterator[Change]:
    # What cannot be read may allow anything, so treat it as broadening.
    before, after = (
        dict.fromkeys(
            unknown
            for unknown in side.role.not_known
            if unknown.part == "path" or unknown in side.unreadable
        )
        for side in (was, now)
    )
    unknown = Change(effect="broader", role=now.kind, about="unknown")
    yield from (replace(unknown, unknown=one) for one in after if one not in before)
    unknown = replace(unknown, effect="narrower")
    yield from (replace(unknown, unknown=one) for one in before if one not in after)
    # A change that narrows does not rule out other changes.
    known = any(
        change.may_broaden
        and change.difference is not None
        and change.difference.part == "trust-policy"
        for change in found
    )
    others = {*now.external_id_sha256} - {*was.external_id_sha256}
    if others and not known:
        yield Change(effect="other", role=now.kind, about="external-id")


def _may_differ(before: str, now: str, *, noticed: bool) -> bool:
    # If only one of them is empty, another change usually says so.
    return before != now and not (noticed and not (before and now))


def _places(kind: str, was: list[Place], now: list[Place]) -> Iterator[Change]:
    gone, added = list(was), []
    for place in now:
        same = [other for other in gone if _meaning(other) == _meaning(place)]
        if same:
            gone.remove(same[0])
        else:
            added.append(place)
    for place in added:
        same = [other for other in gone if other.stack_set and other.stack_set == place.stack_set]
        if len(same) == 1:
            gone.remove(same[0])
            effect = _place_effect(same[0], place)
            yield Change(effect=effect, role=kind, about="place", was=same[0], now=place)
        else:
            yield Change(effect="broader", role=kind, about="place", now=place)
    for place in gone:
        yield Change(effect="narrower", role=kind, about="place", was=place)


def _meaning(place: Place) -> Place:
    # The order and the name of the file do not matter.
    return replace(
        place,
        source="",
        units=tuple(sorted(place.units)),
        accounts=tuple(sorted(place.accounts)),
        regions=tuple(sorted(place.regions)),
        unreadable=tuple(sorted(place.unreadable, key=repr)),
    )


def _place_effect(was: Place, now: Place) -> Effect:
    if was.unreadable or now.unreadable or _setting(was) != _setting(now):
        return "other"
    filtered = set(now.accounts), set(was.accounts)
    more, less = filtered[::-1] if _filter(now) == "exclude" else filtered
    broader = set(was.units) <= set(now.units) and less <= more and was.automatic <= now.automatic
    narrower = set(now.units) <= set(was.units) and more <= less and now.automatic <= was.automatic
    if broader == narrower:
        return "other"
    return "broader" if broader else "narrower"


def _setting(place: Place) -> tuple[str, str, str, str, frozenset[str]]:
    # More targets mean more accounts only if these settings are the same.
    regions = frozenset(place.regions)
    return _filter(place), place.call_as, place.account, place.region, regions


def _filter(place: Place) -> str:
    # Without a filter, no account is excluded.
    return place.filter or ("exclude" if place.units else "")


def _suspects(earlier: Report, report: Report) -> Iterator[Change]:
    was, now = _suspect(earlier), _suspect(report)
    yield from (replace(now[key], effect="broader") for key in now if key not in was)
    yield from (replace(was[key], effect="narrower") for key in was if key not in now)
    noticed = was.keys() != now.keys()
    if _may_differ(earlier.suspects_sha256, report.suspects_sha256, noticed=noticed):
        yield Change(effect="other", about="suspect")


def _suspect(report: Report) -> Mapping[object, Change]:
    # What may give more access. Its file does not matter.
    alarming = {
        (other.name, other.type, other.alarms): other for other in report.others if other.alarms
    }
    return {
        **{key: Change(effect="other", about="suspect", other=alarming[key]) for key in alarming},
        **{
            found: Change(effect="other", about="suspect", unknown=found)
            for found in report.unreadable
        },
    }


def newly_matched(found: Iterable[Change]) -> frozenset[str]:
    """Return the names of the actions that a pattern matches now, but did not match earlier."""
    return frozenset(
        name
        for change in found
        if change.cause == "AWS" and change.effect != "narrower"
        for name in change.actions
    )
