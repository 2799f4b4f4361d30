"""Collects what events say about Pump's roles. Its memory does not grow with what was only read."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cache
from itertools import groupby
from typing import Any, Final, NamedTuple

import msgspec

from pump_roles.guardrails import Guardrail
from pump_roles.iam.catalog import shipped
from pump_roles.iam.decisions import DENIED, NOT_GRANTED
from pump_roles.iam.events import action_of, needs_permission, services_of
from pump_roles.json_input import InputError
from pump_roles.review.account.activity.activity_result import (
    DONE,
    Activity,
    Change,
    DataRead,
    Refusal,
    RoleActivity,
    ServiceReads,
    Session,
    Unknown,
    Use,
)
from pump_roles.review.account.activity.event import Event, read_details
from pump_roles.review.account.activity.guardrail_costs import (
    find_denying_guardrails,
    judge_guardrails,
    may_have_action,
)
from pump_roles.review.account.activity.returns import returnable_until, without_returned
from pump_roles.review.account.activity.watched_roles import WatchedRole, WatchedRoles
from pump_roles.review.account.responses import is_denial
from pump_roles.review.account.times import in_utc
from pump_roles.review.masking import Mask
from pump_roles.review.report.marks import mark
from pump_roles.text import cut
from pump_roles.validators import account_of

_LONGEST: Final = 200
"""The maximum length of a text of a change, in characters."""

_WOULD_BE_DONE: Final = "Client.DryRunOperation"
"""The outcome of a trial of a call of Amazon EC2 that would have succeeded."""


class Period(NamedTuple):
    """What of the event history was asked for: a period in UTC, and the Regions that were read."""

    since: str
    until: str
    regions: tuple[str, ...]


@dataclass
class _Seen:
    # A session's name of a role.
    first: str
    last: str
    calls: int = 0
    callers: set[str] = field(default_factory=set)
    addresses: set[str] = field(default_factory=set)


@dataclass
class _Use:
    # An action that a kind of role used, or tried to.
    last: str = ""
    calls: int = 0
    refused: int = 0


class NothingFoundError(Exception):
    """None of the events is of one of the roles."""

    def __init__(self, events: int, unknown: Sequence[Unknown]) -> None:
        super().__init__(events, unknown)
        self.events = events
        self.unknown = unknown


class Collector:
    """Collects what events say about Pump's roles."""

    def __init__(self, roles: WatchedRoles) -> None:
        self._roles = roles
        self._hidden = set(roles.hidden)
        # Whose session it is, by the ARN of the role that issued it, and the event's account.
        self._issuers: dict[tuple[str, str], WatchedRole | None] = {}
        self._names = {watched.role.name.text for watched in roles.roles}
        self._regions: set[str] = set()
        self._first: datetime | None = None
        self._last: datetime | None = None
        self._events = 0
        # What a guardrail would have denied, or may have.
        self._decided: Counter[tuple[WatchedRole, str, str]] = Counter()
        self._decided_unknown: Counter[tuple[WatchedRole, str]] = Counter()
        self._uses: dict[tuple[str, str], _Use] = {}
        self._changes: dict[object, Change] = {}
        self._refused: dict[object, Refusal] = {}
        self._sessions: dict[tuple[str, str], _Seen] = {}
        self.unknown: list[Unknown] = []
        """What could not be read."""
        self._malformed: Counter[str] = Counter()
        self._not_mapped: Counter[str] = Counter()

    def add(self, source: str, records: Iterable[Any]) -> None:
        """Add events."""
        for record in records:
            try:
                event = msgspec.convert(record, Event)
            except msgspec.ValidationError:
                self._malformed[source] += 1
                continue
            self._events += 1
            self._regions.add(event.aws_region)
            self._first = min(self._first or event.event_time, event.event_time)
            self._last = max(self._last or event.event_time, event.event_time)
            if event.unnamed_issuer in self._names:
                # It may be a session of one of the roles.
                self._malformed[source] += 1
                continue
            if event.assumes_role and event.account:
                self._add_assumption(event)
            watched = self._find_issuer(event.issuer, event.account) if event.issuer else None
            if watched is not None:
                self._add_call(watched, event)

    def _find_issuer(self, arn: str, account: str) -> WatchedRole | None:
        key = arn, account
        if key not in self._issuers:
            found = (watched for watched in self._roles.roles if watched.is_issuer(*key))
            self._issuers[key] = next(found, None)
        return self._issuers[key]

    def _add_assumption(self, event: Event) -> None:
        arn, name = event.request.get("roleArn"), event.request.get("roleSessionName")
        if not isinstance(arn, str) or self._find_issuer(arn, event.account) is None:
            return
        if isinstance(external_id := event.request.get("externalId"), str) and external_id:
            self._hidden.add(external_id)
        if isinstance(name, str) and name and event.error_code is None:
            caller = event.user_identity and event.user_identity.account_id
            self._session(arn, name, event.time).callers |= {caller} if caller else set()

    def _session(self, arn: str, name: str, time: str) -> _Seen:
        seen = self._sessions.setdefault((arn, name), _Seen(first=time, last=time))
        seen.first, seen.last = min(seen.first, time), max(seen.last, time)
        return seen

    def _add_call(self, watched: WatchedRole, event: Event) -> None:
        # CloudTrail may deliver an event twice.
        id_ = event.event_id
        key = id_ if isinstance(id_, str) and id_ else object()
        if key in self._changes or key in self._refused:
            return
        source, name = event.source, event.event_name
        time, session, outcome = event.time, event.session, event.outcome
        seen = self._session(event.issuer, session, time)
        seen.calls += 1
        seen.addresses.add(event.source_ip_address or "")
        action = action_of(source, name)
        if action is None and not needs_permission(source, name):
            return
        denied = is_denial(outcome)
        decided = denied or outcome in (DONE, _WOULD_BE_DONE)
        if action is not None:
            self._decided[watched, action.name, event.aws_region] += decided
            use = self._uses.setdefault((watched.role.kind, action.name), _Use())
            use.refused += denied
            use.calls += not denied
            use.last = use.last if denied else max(use.last, time)
        elif not denied or may_have_action(watched, source):
            # A refused call of a service that the role has no action of is only refused: nothing
            # was granted, so no guardrail took anything away.
            self._not_mapped[f"{source} {name}"] += 1
            self._decided_unknown[watched, source] += decided
        common: dict[str, Any] = {
            "action": action.name if action else f"{services_of(source)[0]}:{name}",
            "time": time,
            "session": session,
            "role": event.issuer,
            "region": event.aws_region,
            "outcome": outcome,
        }
        if denied:
            guardrails = find_denying_guardrails(watched, common["action"])
            self._refused[key] = Refusal(guardrails=guardrails, **common)
        elif action is not None and not action.only_reads:
            self._changes[key] = Change(
                commitment=action.name in _commitment_changes(),
                handshake=action.name in _handshakes(),
                returnable_until=returnable_until(event, action.name),
                **read_details(event),
                **common,
            )

    def result(self, at: datetime, asked: Period | None) -> Activity:
        """Return what the events say."""
        arns = {arn: role for (arn, _), role in self._issuers.items() if role is not None}
        accounts = sorted({account_of(arn) for arn in arns})
        if len(accounts) > 1:
            raise InputError(
                f"the roles are in several accounts: {', '.join(accounts)}; pass --role-arn"
            )
        if not accounts:
            raise NothingFoundError(self._events, [*self._list_unknown((), ())])
        roles = [
            watched
            for watched in self._roles.roles
            if watched.expected or watched.arn or watched in arns.values()
        ]
        unknown = [*self._list_unknown(roles, arns)]
        first, last = (in_utc(time) if time else "" for time in (self._first, self._last))
        period = asked or Period(first, last, tuple(sorted(self._regions)))
        allowed = {
            action
            for watched in roles
            for action, grant in watched.evaluator.grants.items()
            if grant.decision not in (DENIED, NOT_GRANTED)
        }
        found = Activity(
            at=in_utc(at),
            account=accounts[0],
            **period._asdict(),
            events=self._events,
            roles=tuple(
                self._count_calls(watched, [arn for arn, role in arns.items() if role is watched])
                for watched in roles
            ),
            changes=tuple(
                sorted(
                    without_returned(self._changes.values()),
                    key=lambda change: (not change.accepts_handshake, change.time),
                )
            ),
            refused=tuple(sorted(self._refused.values(), key=lambda refusal: refusal.time)),
            reads=tuple(self._list_reads()),
            guardrails=tuple(
                judge_guardrails(
                    roles,
                    self._decided,
                    self._decided_unknown,
                    last=last,
                    everything_read=all(reason.why == "not-mapped" for reason in unknown),
                )
            ),
            used=tuple(
                Use(kind=kind, action=name, calls=use.calls, last=use.last, refused=use.refused)
                for (kind, name), use in sorted(self._uses.items())
            ),
            allowed=len(allowed),
            unused=tuple(sorted(allowed - {name for _, name in self._uses})),
            sessions=tuple(
                Session(
                    name=name,
                    role=arn,
                    callers=tuple(sorted(seen.callers)),
                    addresses=tuple(sorted(seen.addresses - {""})),
                    first=seen.first,
                    last=seen.last,
                    calls=seen.calls,
                )
                for (arn, name), seen in sorted(
                    self._sessions.items(), key=lambda session: session[1].first
                )
            ),
            unknown=tuple(unknown),
        )
        masked = Mask(frozenset(self._hidden)).masked(found)
        return replace(
            masked,
            # An account ID may also be an external ID.
            account=found.account,
            version=found.version,
            # Only now: the beginning of an external ID would not be hidden.
            changes=tuple(map(_cut_texts, masked.changes)),
        )

    def _count_calls(self, watched: WatchedRole, arns: Sequence[str]) -> RoleActivity:
        calls = sum(seen.calls for (arn, _), seen in self._sessions.items() if arn in arns)
        arn = watched.arn or next(iter(arns), min(watched.resources))
        return RoleActivity(kind=watched.role.kind, arn=arn, calls=calls)

    def _list_reads(self) -> Iterator[ServiceReads]:
        reads: dict[str, DataRead] = {}
        for (_, name), use in self._uses.items():
            if use.calls and shipped().actions[name.lower()].only_reads:
                read = reads.get(name, DataRead(action=name, calls=0, last=""))
                last = max(read.last, use.last)
                reads[name] = replace(read, calls=read.calls + use.calls, last=last)
        for service, names in groupby(sorted(reads), key=lambda name: name.partition(":")[0]):
            of_service = [reads[name] for name in names]
            yield ServiceReads(
                service=service,
                calls=sum(read.calls for read in of_service),
                data=tuple(read for read in of_service if mark("data", read.action)),
            )

    def _list_unknown(self, roles: Iterable[WatchedRole], arns: Iterable[str]) -> Iterator[Unknown]:
        yield from sorted(self.unknown, key=lambda unknown: unknown.subject)
        for watched in roles:
            if watched.role.not_known:
                yield Unknown(why="expected-role", subject=watched.role.name.text)
        if not any(seen.calls for seen in self._sessions.values()):
            # They were assumed, so there may be calls elsewhere.
            yield from (Unknown(why="no-calls", subject=arn) for arn in sorted(arns))
        for subject, count in sorted(self._malformed.items()):
            yield Unknown(why="malformed", subject=subject, events=count)
        for subject, count in sorted(self._not_mapped.items()):
            yield Unknown(why="not-mapped", subject=subject, events=count)


def _cut_texts(change: Change) -> Change:
    names = ("item", "offering", "type", "payment", "hourly")
    texts: dict[str, Any] = {name: cut(getattr(change, name), _LONGEST) for name in names}
    return replace(change, **texts)


@cache
def _commitment_changes() -> frozenset[str]:
    # The guardrail denies only what the published roles allow, but a deployed role may allow more.
    buying = {
        action.name
        for action in shipped().actions.values()
        if action.name.partition(":")[2].startswith("Purchase") and not action.only_reads
    }
    denied = {action.name for action in shipped().matching(Guardrail.NO_COMMITMENTS.reasons)}
    return frozenset(buying | denied)


@cache
def _handshakes() -> frozenset[str]:
    return frozenset(action.name for action in shipped().matching(Guardrail.NO_INVITATIONS.reasons))
