"""Collects what events say about Pump's roles. Its memory does not grow with what was only read."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cache
from typing import Any, Final

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
from pump_roles.review.account.activity.event import (
    Event,
    Header,
    MalformedEventError,
    details_of,
    event_of,
    header_of,
    parameters,
)
from pump_roles.review.account.activity.guardrail_costs import (
    denied_by,
    guardrails_of,
    may_have_action,
)
from pump_roles.review.account.activity.returns import returnable_until, without_returned
from pump_roles.review.account.activity.watched_roles import Roles, Sought
from pump_roles.review.account.responses import is_denial
from pump_roles.review.account.times import in_utc
from pump_roles.review.masking import Mask
from pump_roles.review.report.marks import mark
from pump_roles.text import cut
from pump_roles.validators import ACCOUNT

_STS: Final = "sts.amazonaws.com"
_ASSUMES: Final = "AssumeRole"

_LONGEST: Final = 200
"""The maximum length of a text of a change, in characters."""

_WOULD_BE_DONE: Final = "Client.DryRunOperation"
"""The outcome of a trial of a call of Amazon EC2 that would have succeeded."""


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

    def __init__(self, roles: Roles) -> None:
        self._roles = roles
        self._hidden = set(roles.hidden)
        # Whose session it is, by the ARN of the role that issued it, and the event's account.
        self._issuers: dict[tuple[str, str], Sought | None] = {}
        self._names = {sought.role.name.text for sought in roles.sought}
        self._regions: set[str] = set()
        self._period = ["", ""]
        self._events = 0
        # What a guardrail would have denied, or may have.
        self._decided: Counter[tuple[Sought, str, str]] = Counter()
        self._decided_unknown: Counter[tuple[Sought, str, str]] = Counter()
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
            self._add(source, record)

    def _add(self, source: str, record: Any) -> None:
        try:
            self._add_event(record)
        except MalformedEventError:
            self._malformed[source] += 1

    def _add_event(self, record: Any) -> None:
        header = header_of(record)
        self._events += 1
        self._regions.add(header.region)
        self._period[1] = max(self._period[1], header.time)
        if header.time < self._period[0] or not self._period[0]:
            self._period[0] = header.time
        if header.without_issuer in self._names:
            # It may be a session of one of the roles.
            raise MalformedEventError
        if record.get("eventName") == _ASSUMES and record.get("eventSource") == _STS:
            self._add_assumption(record, header)
        sought = self._issued_by(header.issuer, header.account) if header.issuer else None
        if sought is not None:
            self._add_call(sought, header, event_of(record, header), record)

    def _issued_by(self, arn: str, account: str) -> Sought | None:
        key = arn, account
        if key not in self._issuers:
            found = (sought for sought in self._roles.sought if sought.is_issuer(*key))
            self._issuers[key] = next(found, None)
        return self._issuers[key]

    def _add_assumption(self, record: Mapping[str, Any], header: Header) -> None:
        asked = parameters(record, "requestParameters")
        arn, name = asked.get("roleArn"), asked.get("roleSessionName")
        account = record.get("recipientAccountId")
        if not isinstance(arn, str) or account is None:
            return
        if not ACCOUNT.accepts(account):
            raise MalformedEventError
        if self._issued_by(arn, account) is None:
            return
        if isinstance(external_id := asked.get("externalId"), str) and external_id:
            self._hidden.add(external_id)
        if isinstance(name, str) and name and record.get("errorCode") is None:
            seen = self._session(arn, name, header.time)
            caller = (record.get("userIdentity") or {}).get("accountId")
            seen.callers |= {caller} if isinstance(caller, str) and caller else set()

    def _session(self, arn: str, name: str, time: str) -> _Seen:
        seen = self._sessions.setdefault((arn, name), _Seen(first=time, last=time))
        seen.first, seen.last = min(seen.first, time), max(seen.last, time)
        return seen

    def _add_call(
        self, sought: Sought, header: Header, event: Event, record: Mapping[str, Any]
    ) -> None:
        # CloudTrail may deliver an event twice.
        id_ = record.get("eventID")
        key = id_ if isinstance(id_, str) and id_ else object()
        if key in self._changes or key in self._refused:
            return
        action = action_of(event.source, event.name)
        denied = is_denial(event.outcome)
        decided = denied or event.outcome in (DONE, _WOULD_BE_DONE)
        seen = self._session(header.issuer, event.session, event.time)
        seen.calls += 1
        seen.addresses.add(event.address)
        if action is None and not needs_permission(event.source, event.name):
            return
        if action is not None:
            self._decided[sought, action.name, event.region] += decided
        elif not denied or may_have_action(sought, event.source):
            # A refused call of a service that the role has no action of is only refused: nothing
            # was granted, so no guardrail took anything away.
            self._not_mapped[f"{event.source} {event.name}"] += 1
            self._decided_unknown[sought, event.source, event.region] += decided
        common: dict[str, Any] = {
            "time": event.time,
            "session": event.session,
            "role": header.issuer,
            "region": event.region,
            "outcome": event.outcome,
        }
        if action is not None:
            self._add_use(sought.role.kind, action.name, event.time, denied=denied)
        if denied:
            name = action.name if action else f"{services_of(event.source)[0]}:{event.name}"
            self._refused[key] = Refusal(action=name, guardrails=denied_by(sought, name), **common)
            return
        if action is None or action.only_reads:
            return
        self._changes[key] = Change(
            action=action.name,
            commitment=action.name in _commitment_changes(),
            handshake=action.name in _handshakes(),
            returnable_until=returnable_until(event, action.name),
            **details_of(event),
            **common,
        )

    def _add_use(self, kind: str, action: str, time: str, *, denied: bool) -> None:
        use = self._uses.setdefault((kind, action), _Use())
        if denied:
            use.refused += 1
            return
        use.calls += 1
        use.last = max(use.last, time)

    def result(self, at: datetime, asked: tuple[str, str, tuple[str, ...]] | None) -> Activity:
        """Return what the events say."""
        arns = {arn: role for (arn, _), role in self._issuers.items() if role is not None}
        accounts = sorted({arn.split(":")[4] for arn in arns})
        if len(accounts) > 1:
            raise InputError(f"the roles are in several accounts: {', '.join(accounts)}")
        if not accounts:
            raise NothingFoundError(self._events, [*self._all_unknown((), ())])
        sought = [
            role
            for role in self._roles.sought
            if role.expected or role.arn or role in arns.values()
        ]
        unknown = [*self._all_unknown(sought, arns)]
        first, last = self._period
        since, until, regions = asked or (first, last, tuple(sorted(self._regions)))
        allowed = {
            action
            for role in sought
            for action, grant in role.evaluator.grants.items()
            if grant.decision not in (DENIED, NOT_GRANTED)
        }
        found = Activity(
            at=in_utc(at),
            account=accounts[0],
            regions=regions,
            since=since,
            until=until,
            events=self._events,
            roles=tuple(self._role(role, arns) for role in sought),
            changes=tuple(
                sorted(
                    without_returned(self._changes.values()),
                    key=lambda change: (not change.accepts_handshake, change.time),
                )
            ),
            refused=tuple(sorted(self._refused.values(), key=lambda refusal: refusal.time)),
            reads=tuple(self._services()),
            guardrails=tuple(
                guardrails_of(
                    sought,
                    self._decided,
                    self._decided_unknown,
                    last=last,
                    everything_read=all(one.why == "not-mapped" for one in unknown),
                )
            ),
            used=tuple(
                Use(kind=kind, action=name, calls=use.calls, last=use.last, refused=use.refused)
                for (kind, name), use in sorted(self._uses.items())
            ),
            allowed=len(allowed),
            unused=tuple(sorted(allowed - {name for _, name in self._uses})),
            sessions=tuple(sorted(self._all_sessions(), key=lambda session: session.first)),
            unknown=tuple(unknown),
        )
        masked = Mask(frozenset(self._hidden)).masked(found)
        return replace(
            masked,
            # An account ID may also be an external ID.
            account=found.account,
            version=found.version,
            # Only now: the beginning of an external ID would not be hidden.
            changes=tuple(map(_cut, masked.changes)),
        )

    def _role(self, sought: Sought, arns: Mapping[str, Sought]) -> RoleActivity:
        own = [arn for arn, role in arns.items() if role is sought]
        calls = sum(seen.calls for (arn, _), seen in self._sessions.items() if arn in own)
        arn = sought.arn or next(iter(own), min(sought.resources))
        return RoleActivity(kind=sought.role.kind, arn=arn, calls=calls)

    def _services(self) -> Iterator[ServiceReads]:
        by_service: dict[str, dict[str, list[_Use]]] = {}
        for (_, name), use in sorted(self._uses.items(), key=lambda item: item[0][1]):
            action = shipped().actions[name.lower()]
            if action.only_reads and use.calls:
                by_service.setdefault(action.service, {}).setdefault(name, []).append(use)
        for service, reads in by_service.items():
            yield ServiceReads(
                service=service,
                calls=sum(use.calls for uses in reads.values() for use in uses),
                data=tuple(
                    DataRead(
                        action=name,
                        calls=sum(use.calls for use in uses),
                        last=max(use.last for use in uses),
                    )
                    for name, uses in reads.items()
                    if mark("data", name)
                ),
            )

    def _all_sessions(self) -> Iterator[Session]:
        for (arn, name), seen in self._sessions.items():
            yield Session(
                name=name,
                role=arn,
                callers=tuple(sorted(seen.callers)),
                addresses=tuple(sorted(seen.addresses - {""})),
                first=seen.first,
                last=seen.last,
                calls=seen.calls,
            )

    def _all_unknown(self, sought: Iterable[Sought], arns: Iterable[str]) -> Iterator[Unknown]:
        yield from sorted(self.unknown, key=lambda unknown: unknown.subject)
        for role in sought:
            if role.role.not_known:
                yield Unknown(why="expected-role", subject=role.role.name.text)
        if not any(seen.calls for seen in self._sessions.values()):
            # They were assumed, so there may be calls elsewhere.
            yield from (Unknown(why="no-calls", subject=arn) for arn in sorted(arns))
        for subject, count in sorted(self._malformed.items()):
            yield Unknown(why="malformed", subject=subject, events=count)
        for subject, count in sorted(self._not_mapped.items()):
            yield Unknown(why="not-mapped", subject=subject, events=count)


def _cut(change: Change) -> Change:
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
