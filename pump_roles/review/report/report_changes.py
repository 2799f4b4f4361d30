"""What has changed since an earlier report, in its effect on the decision for each action."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Final, Literal, TypeVar

from pump_roles.compare import compare_roles
from pump_roles.iam.decisions import Effect
from pump_roles.review.report import Earlier, Report, ReportChange, Risk, RoleReport
from pump_roles.role.assembly import Deployment

_ORDER: Final[tuple[Effect, ...]] = ("broader", "unclear", "narrower")
_RISKS: Final[tuple[Risk | Literal[""], ...]] = ("money", "writes", "data", "", "reads")

_T = TypeVar("_T")


def changes(since: Earlier, report: Report) -> tuple[ReportChange, ...]:
    """Return the differences: first what broadens, then what may broaden, then what narrows.

    Within each group, money, writes, and data come first, and reads of metadata last.
    """
    earlier = since.report
    was = {role.kind: role for role in earlier.roles}
    then = {role.kind: role.effective for role in earlier.read.roles}
    now = {role.kind: role for role in report.roles}
    found = [*_differences(was, now)]
    # Not the intersection of the keys: the order must be the same every time.
    for kind in (kind for kind in now if kind in was):
        compared = [change for change in found if change.role == kind]
        more = [
            *_caused_by_aws(kind, then[kind], earlier.effective(kind)),
            *_not_compared(was[kind], now[kind], compared),
            *_places(kind, earlier.places, report.places),
        ]
        noticed = bool(compared or more)
        if _may_differ(was[kind].filled_sha256, now[kind].filled_sha256, noticed=noticed):
            more.append(ReportChange(effect="unclear", role=kind, about="filled-in"))
        found += more
    found += _suspects(earlier, report)
    # Only of what Pump publishes is it known that a read returns no data.
    risks = {
        action.name: action.risk
        for side in (earlier, report)
        for action in side.actions
        if action.reason or action.risk != "reads"
    }
    return tuple(
        sorted(
            (part for change in found for part in _by_risk(change, risks)),
            key=lambda change: (_ORDER.index(change.effect), _RISKS.index(change.risk)),
        )
    )


def _only_in_one(
    was: Collection[_T], now: Collection[_T]
) -> tuple[tuple[Effect, Iterable[_T]], ...]:
    # What is new gives more access; what is gone gave it.
    return (
        ("broader", [found for found in now if found not in was]),
        ("narrower", [found for found in was if found not in now]),
    )


def _differences(
    was: Mapping[str, RoleReport], now: Mapping[str, RoleReport]
) -> Iterator[ReportChange]:
    before = {kind: report.role for kind, report in was.items()}
    after = {kind: report.role for kind, report in now.items()}
    for kind, difference in compare_roles(before, after):
        change = ReportChange(effect=difference.effect, role=kind, difference=difference)
        parts = [
            replace(change, actions=actions, difference=replace(difference, decisions=(decision,)))
            for decision in difference.decisions
            if (actions := tuple(name for name in decision.actions if name in difference.actions))
        ]
        yield from parts or [change]


def _by_risk(change: ReportChange, risks: Mapping[str, Risk]) -> Iterator[ReportChange]:
    by_risk: dict[Risk | Literal[""], list[str]] = {}
    for action in change.actions:
        by_risk.setdefault(risks.get(action, ""), []).append(action)
    for risk, names in by_risk.items():
        actions, difference = tuple(names), change.difference
        if difference is not None:
            (decision,) = difference.decisions
            part = replace(decision, actions=actions)
            difference = replace(difference, actions=actions, decisions=(part,))
        yield replace(change, difference=difference, actions=actions, risk=risk)
    if not by_risk:
        yield change


def _caused_by_aws(
    kind: str, then: Collection[str], today: Collection[str]
) -> Iterator[ReportChange]:
    # What the role as it was allows today, but did not allow with the catalog of its time.
    for effect, names in _only_in_one(then, today):
        if actions := tuple(sorted(names)):
            yield ReportChange(cause="AWS", effect=effect, role=kind, actions=actions)


def _not_compared(
    was: RoleReport, now: RoleReport, compared: Iterable[ReportChange]
) -> Iterator[ReportChange]:
    # What cannot be read may allow anything, so treat it as broadening.
    before, after = (
        dict.fromkeys(unknown for unknown in side.role.not_known if unknown.part != "boundary")
        for side in (was, now)
    )
    for effect, listed in _only_in_one(before, after):
        for unknown in listed:
            yield ReportChange(effect=effect, role=now.kind, about="unknown", unknown=unknown)
    # A change that narrows does not rule out other changes.
    known = any(
        change.may_broaden
        and change.difference is not None
        and change.difference.part == "trust-policy"
        for change in compared
    )
    if {*now.external_id_sha256} - {*was.external_id_sha256} and not known:
        yield ReportChange(effect="unclear", role=now.kind, about="external-id")


def _may_differ(before: str, now: str, *, noticed: bool) -> bool:
    # If only one of them is empty, another change usually says so.
    return before != now and not (noticed and not (before and now))


def _places(
    kind: str, earlier: Iterable[Deployment], places: Iterable[Deployment]
) -> Iterator[ReportChange]:
    gone = [place for place in earlier if place.kind == kind]
    now = [place for place in places if place.kind == kind]
    # The published roles, and those of an account, have no template that deploys them.
    if not now:
        return
    added = []
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
            yield ReportChange(effect=effect, role=kind, about="place", was=same[0], now=place)
        else:
            yield ReportChange(effect="broader", role=kind, about="place", now=place)
    for place in gone:
        yield ReportChange(effect="narrower", role=kind, about="place", was=place)


def _meaning(place: Deployment) -> Deployment:
    # The order and the name of the file do not matter.
    return replace(
        place,
        source="",
        units=tuple(sorted(place.units)),
        accounts=tuple(sorted(place.accounts)),
        regions=tuple(sorted(place.regions)),
        unreadable=tuple(sorted(place.unreadable, key=repr)),
    )


def _place_effect(was: Deployment, now: Deployment) -> Effect:
    # More targets mean more accounts only if the other settings are the same.
    if was.unreadable or now.unreadable or _settings(was) != _settings(now):
        return "unclear"
    broader, narrower = _covers(now, was), _covers(was, now)
    if broader == narrower:
        return "unclear"
    return "broader" if broader else "narrower"


def _settings(place: Deployment) -> tuple[str, str, str, str, frozenset[str]]:
    regions = frozenset(place.regions)
    return _filter(place), place.call_as, place.account, place.region, regions


def _filter(place: Deployment) -> str:
    # Without a filter, no account is excluded.
    return place.filter or ("exclude" if place.units else "")


def _covers(place: Deployment, other: Deployment) -> bool:
    accounts = {*place.accounts}, {*other.accounts}
    more, less = accounts[::-1] if _filter(place) == "exclude" else accounts
    return {*other.units} <= {*place.units} and less <= more and other.automatic <= place.automatic


def _suspects(earlier: Report, report: Report) -> Iterator[ReportChange]:
    was, now = _suspect(earlier), _suspect(report)
    for effect, keys in _only_in_one(was, now):
        yield from (replace((was | now)[key], effect=effect) for key in keys)
    noticed = was.keys() != now.keys()
    if _may_differ(earlier.suspects_sha256, report.suspects_sha256, noticed=noticed):
        yield ReportChange(effect="unclear", about="suspect")


def _suspect(report: Report) -> dict[object, ReportChange]:
    # What may give more access. Its file does not matter.
    suspect = ReportChange(effect="unclear", about="suspect")
    suspects = [other for other in report.others if other.suspect_access]
    return {
        **{
            (other.name, other.type, other.suspect_access): replace(suspect, other=other)
            for other in suspects
        },
        **{unknown: replace(suspect, unknown=unknown) for unknown in report.unreadable},
    }


def newly_matched(found: Iterable[ReportChange]) -> frozenset[str]:
    """Return the names of the actions that a pattern matches now, but did not match earlier."""
    return frozenset(
        name
        for change in found
        if change.cause == "AWS" and change.effect != "narrower"
        for name in change.actions
    )
