"""Collects what events say about Pump's roles. Its memory does not grow with what was only read."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final, NamedTuple

import msgspec

from pump_roles.event_sources import needs_permission, services_of
from pump_roles.iam.catalog import action_of
from pump_roles.iam.external_ids import ExternalId
from pump_roles.inputs.text import cut
from pump_roles.inputs.validators import ACCOUNT, account_of
from pump_roles.review.account.activity_result import (
    DONE,
    AccountActivity,
    Activity,
    ActivityUnknown,
    DeniedCall,
    RoleActivity,
    Session,
    TableRead,
    Use,
    WriteCall,
)
from pump_roles.review.account.aws_sdk import in_utc
from pump_roles.review.account.cloudtrail_event import (
    Event,
    is_aggregated,
    may_pass_tags,
    new_id,
    read_details,
    returnable_until,
)
from pump_roles.review.account.watched_roles import (
    RoleCall,
    WatchedRole,
    WatchedRoles,
    commitment_changes,
    denied_by_guardrails,
    handshakes,
    may_have_action,
)
from pump_roles.review.report.masking import Mask

_LONGEST: Final = 200
"""The maximum length of a text of a change, in characters."""

_WOULD_BE_DONE: Final = "Client.DryRunOperation"
"""The outcome of a trial of a call of Amazon EC2 that would have succeeded."""


_UNDOES: Final = {"savingsplans:ReturnSavingsPlan", "savingsplans:DeleteQueuedSavingsPlan"}


class Period(NamedTuple):
    """What was asked for: a period in UTC, and of the event history, the Regions that were read."""

    since: str
    until: str
    regions: tuple[str, ...]


@dataclass
class _Read:
    # The events of an account in a Region, of any caller.
    first: datetime
    last: datetime
    events: int = 0
    days: set[int] = field(default_factory=set)


@dataclass
class _Seen:
    # A session's name of a role.
    first: datetime
    last: datetime
    calls: int = 0
    callers: set[str] = field(default_factory=set)
    addresses: set[str] = field(default_factory=set)


@dataclass
class _Calls:
    # How many calls there were, how many of them were refused, and how many a guardrail decides.
    last: datetime | None = None
    calls: int = 0
    refused: int = 0
    decided: int = 0


class _Listed(NamedTuple):
    # An event of a role, and the file or Region that it is from.
    watched: WatchedRole
    event: Event
    file: str


class NothingFoundError(Exception):
    """None of the events is of one of the roles."""

    def __init__(self, events: int, unknown: Sequence[ActivityUnknown]) -> None:
        super().__init__(events, unknown)
        self.events = events
        self.unknown = unknown


class Collector:
    """Collects what events say about Pump's roles."""

    def __init__(self, roles: WatchedRoles) -> None:
        self._roles = roles
        self._external_ids = set(roles.external_ids)
        # Whose session it is, by the ARN of the role that issued it, and the event's account.
        self._issuers: dict[tuple[str, str], WatchedRole | None] = {}
        self._names = {name.casefold() for watched in roles.roles for name in watched.names}
        # By the account, as it is in the event, and the Region.
        self._read: dict[tuple[str, str], _Read] = {}
        self._events = 0
        self._calls: dict[RoleCall, _Calls] = defaultdict(_Calls)
        # With the new ID that the call returned.
        self._changes: list[tuple[str, WriteCall]] = []
        self._refused: list[DeniedCall] = []
        # The events of changes and refusals, by their IDs, counted at the end: a later event may
        # correct one.
        self._listed: dict[str, list[_Listed]] = defaultdict(list)
        self._sessions: dict[tuple[str, str], _Seen] = {}
        self.unknown: list[ActivityUnknown] = []
        """What could not be read."""
        self.table: TableRead | None = None
        """How the events are read from a table."""
        self._malformed: Counter[str] = Counter()
        self._not_mapped: Counter[str] = Counter()

    def add(self, source: str, records: Iterable[Any]) -> None:
        """Add events."""
        for record in records:
            try:
                event = msgspec.convert(record, Event)
            except msgspec.ValidationError:
                if is_aggregated(record):
                    self._events += 1
                else:
                    self._malformed[source] += 1
                continue
            time = event.event_time
            self.count(event.recipient_account_id or "", event.aws_region, time, time, 1)
            if event.unnamed_issuer and event.unnamed_issuer.casefold() in self._names:
                # It may be a session of one of the roles.
                self._malformed[source] += 1
                continue
            if event.assumes_role and event.account:
                self._add_assumption(event)
            if event.issuer and (watched := self._find_issuer(event.issuer, event.account)):
                self._add_call(watched, event, source)

    def count(
        self, account: str, region: str, first: datetime, last: datetime, events: int
    ) -> None:
        """Count events of any caller, of one account, Region, and day."""
        self._events += events
        read = self._read.get((account, region))
        if read is None:
            read = self._read[account, region] = _Read(first, last)
        elif not read.first <= first <= last <= read.last:
            read.first, read.last = min(read.first, first), max(read.last, last)
        read.events += events
        read.days.add(first.toordinal())

    def _find_issuer(self, arn: str, account: str) -> WatchedRole | None:
        key = arn, account
        if key not in self._issuers:
            issuers = (watched for watched in self._roles.roles if watched.is_issuer(*key))
            self._issuers[key] = next(issuers, None)
        return self._issuers[key]

    def _add_assumption(self, event: Event) -> None:
        arn, name = event.request.get("roleArn"), event.request.get("roleSessionName")
        if not isinstance(arn, str) or self._find_issuer(arn, event.account) is None:
            return
        if isinstance(external_id := event.request.get("externalId"), str) and external_id:
            self._external_ids.add(ExternalId.of(external_id))
        if isinstance(name, str) and name and event.outcome == DONE:
            caller = event.user_identity and event.user_identity.account_id
            seen = self._session(arn, name, event.event_time)
            seen.callers |= {caller} if caller else set()

    def _session(self, arn: str, name: str, time: datetime) -> _Seen:
        seen = self._sessions.get((arn, name))
        if seen is None:
            seen = self._sessions[arn, name] = _Seen(first=time, last=time)
        elif not seen.first <= time <= seen.last:
            seen.first, seen.last = min(seen.first, time), max(seen.last, time)
        return seen

    def _add_call(self, watched: WatchedRole, event: Event, file: str) -> None:
        of_service = event.source
        action = action_of(of_service, event.event_name)
        if event.denied or (action is not None and not action.only_reads):
            same_id = self._listed[event.id]
            # CloudTrail may deliver an event twice. Without an ID, it is not known to be the same.
            if not event.id or all(listed.event != event for listed in same_id):
                same_id.append(_Listed(watched, event, file))
        else:
            self._count_call(watched, event, of_service)

    def _count_call(self, watched: WatchedRole, event: Event, source: str) -> None:
        name, outcome = event.event_name, event.outcome
        action, denied = action_of(source, name), event.denied
        writes = action is not None and not action.only_reads
        time, session = event.event_time, event.session
        seen = self._session(event.issuer, session, time)
        seen.calls += 1
        seen.addresses.add(event.source_ip_address or "")
        if action is None and not needs_permission(source, name):
            return
        # A refused call of a service that the role has no action of is only refused: nothing was
        # granted, so no guardrail took anything away.
        if action is not None or not denied or may_have_action(watched, source):
            with_tags = writes and may_pass_tags(event)
            known = action.name if action else None
            call = RoleCall(watched, source, known, with_tags)
            calls = self._calls[call]
            calls.calls += 1
            calls.refused += denied
            calls.decided += denied or outcome in (DONE, _WOULD_BE_DONE)
            if not denied:
                calls.last = max(calls.last or time, time)
            if action is None:
                self._not_mapped[f"{source} {name}"] += 1
        if not (writes or denied):
            return
        common: dict[str, Any] = {
            "action": action.name if action else f"{services_of(source)[0]}:{name}",
            "time": in_utc(time),
            "session": session,
            "role": event.issuer,
            "region": event.aws_region,
            "outcome": outcome,
        }
        if denied:
            self._refused.append(DeniedCall(**common))
        elif action is not None:
            change = WriteCall(
                id=event.id,
                commitment=action.name in commitment_changes(),
                handshake=action.name in handshakes(),
                returnable_until=returnable_until(event, action.name),
                **read_details(event),
                **common,
            )
            self._changes.append((new_id(event), change))

    def _count_listed(self) -> None:
        for id_, same_id in self._listed.items():
            for listed in self._without_corrected(same_id) if id_ else same_id:
                self._count_call(listed.watched, listed.event, listed.event.source)
        self._listed.clear()

    def _without_corrected(self, same_id: Sequence[_Listed]) -> Sequence[_Listed]:
        # CloudTrail gives no other event the same ID, and corrects only events of the same call. If
        # it seems so, a file was changed, and all of them count.
        ordered = sorted(same_id, key=lambda listed: _order(listed.event))
        others = [listed for listed in ordered if listed.event.call != ordered[0].event.call]
        originals = [listed for listed in ordered if not listed.event.corrects]
        if clashing := others or originals[1:]:
            self._malformed.update(listed.file for listed in clashing)
            return ordered
        time = min(listed.event.event_time for listed in ordered)
        latest = msgspec.structs.replace(ordered[-1].event, event_time=time)
        return [ordered[-1]._replace(event=latest)]

    def _without_retries(self) -> Iterator[WriteCall]:
        seen = set()
        for id_, change in sorted(self._changes, key=lambda pair: (pair[1].time, pair[1].id)):
            key = account_of(change.role), change.action, change.region, id_
            is_new = bool(id_) and change.commitment and change.outcome == DONE
            if not (is_new and key in seen):
                yield change
            if is_new:
                seen.add(key)

    def result(self, asked: Period | None = None) -> Activity:
        """Return what the events say."""
        self._count_listed()
        arns = {arn: role for (arn, _), role in self._issuers.items() if role is not None}
        if not arns:
            raise NothingFoundError(self._events, [*self._list_unknown((), ())])
        roles = [
            watched
            for watched in self._roles.roles
            if watched.expected or watched.arns or watched in arns.values()
        ]
        unknown = [*self._list_unknown(roles, arns)]
        used = tuple(self._list_uses())
        period = asked or Period(*_period(self._read.values()), _names(self._read))
        allowed = {action for watched in roles for action in watched.allowed_actions}
        changes = without_returned(self._without_retries())
        activity = Activity(
            accounts=tuple(self._list_accounts(arns, changes)),
            **period._asdict(),
            events=self._events,
            roles=tuple(self._list_roles(roles, arns)),
            changes=tuple(sorted(changes, key=lambda change: _urgency(change, period.until))),
            refused=tuple(sorted(self._refused, key=lambda refusal: (refusal.time, str(refusal)))),
            guardrails=tuple(
                denied_by_guardrails(
                    roles,
                    {call: calls.decided for call, calls in self._calls.items()},
                    everything_read=all(reason.why == "not-mapped" for reason in unknown),
                )
            ),
            used=used,
            allowed=len(allowed),
            unused=tuple(sorted(allowed - {use.action for use in used})),
            sessions=tuple(
                Session(
                    name=name,
                    role=arn,
                    callers=tuple(sorted(seen.callers)),
                    addresses=tuple(sorted(seen.addresses - {""})),
                    first=in_utc(seen.first),
                    last=in_utc(seen.last),
                    calls=seen.calls,
                )
                for (arn, name), seen in sorted(
                    self._sessions.items(), key=lambda session: (session[1].first, session[0])
                )
            ),
            unknown=tuple(unknown),
            table=self.table,
        )
        masked = Mask(frozenset(self._external_ids)).masked(activity)
        return replace(
            masked,
            # An account ID may also be an external ID.
            accounts=tuple(
                replace(each, account=account.account)
                for each, account in zip(masked.accounts, activity.accounts, strict=True)
            ),
            version=activity.version,
            # Only now: the beginning of an external ID would not be hidden.
            changes=tuple(map(_cut_texts, masked.changes)),
        )

    def _list_accounts(
        self, arns: Iterable[str], changes: Sequence[WriteCall]
    ) -> Iterator[AccountActivity]:
        of_roles = {account_of(arn) for arn in arns}
        with_events = {account for account, _ in self._read if ACCOUNT.accepts(account)}
        calls = _by_account(self._count_calls())
        commitments = _by_account(change.role for change in changes if change.changes_commitments)
        handshakes = _by_account(change.role for change in changes if change.accepts_handshake)
        refused = _by_account(refusal.role for refusal in self._refused)
        for account in sorted(self._roles.accounts or with_events | of_roles):
            read = {key: read for key, read in self._read.items() if key[0] == account}
            since, until = _period(read.values())
            yield AccountActivity(
                account=account,
                regions=_names(read),
                since=since,
                until=until,
                days=len({day for of_region in read.values() for day in of_region.days}),
                events=sum(of_region.events for of_region in read.values()),
                calls=calls[account],
                commitments=commitments[account],
                handshakes=handshakes[account],
                refused=refused[account],
            )

    def _count_calls(self) -> Counter[str]:
        # By the role's ARN.
        calls = Counter[str]()
        for (arn, _), seen in self._sessions.items():
            calls[arn] += seen.calls
        return calls

    def _list_roles(
        self, roles: Iterable[WatchedRole], arns: Mapping[str, WatchedRole]
    ) -> Iterator[RoleActivity]:
        calls = self._count_calls()
        for watched in roles:
            issuers = sorted(arn for arn, role in arns.items() if role is watched)
            by_account: dict[str, list[str]] = {}
            for arn in (*watched.arns, *issuers) or (min(watched.names),):
                by_account.setdefault(account_of(arn), []).append(arn)
            for _, of_account in sorted(by_account.items()):
                called = sorted({arn for arn in of_account if calls[arn]})
                for arn in called or of_account[:1]:
                    yield RoleActivity(kind=watched.role.kind, arn=arn, calls=calls[arn])

    def _list_uses(self) -> Iterator[Use]:
        by_action: dict[str, list[_Calls]] = {}
        for call, calls in self._calls.items():
            if call.action:
                by_action.setdefault(call.action, []).append(calls)
        for action, of_action in sorted(by_action.items()):
            refused = sum(calls.refused for calls in of_action)
            yield Use(
                action=action,
                calls=sum(calls.calls for calls in of_action) - refused,
                last=max(in_utc(calls.last) if calls.last else "" for calls in of_action),
                refused=refused,
            )

    def _list_unknown(
        self, roles: Iterable[WatchedRole], arns: Iterable[str]
    ) -> Iterator[ActivityUnknown]:
        yield from sorted(self.unknown, key=lambda unknown: unknown.subject)
        for watched in roles:
            if watched.role.not_known:
                yield ActivityUnknown(why="expected-role", subject=watched.role.name.text)
        called = _by_account(self._count_calls())
        # They were assumed, so there may be calls elsewhere.
        silent = sorted(arn for arn in arns if not called[account_of(arn)])
        yield from (ActivityUnknown(why="no-calls", subject=arn) for arn in silent)
        for subject, count in sorted(self._malformed.items()):
            yield ActivityUnknown(why="malformed", subject=subject, events=count)
        for subject, count in sorted(self._not_mapped.items()):
            yield ActivityUnknown(why="not-mapped", subject=subject, events=count)


def _by_account(arns: Iterable[str] | Counter[str]) -> Counter[str]:
    # How many there are of each account.
    by_account = Counter[str]()
    for arn, count in Counter(arns).items():
        by_account[account_of(arn)] += count
    return by_account


def _period(read: Collection[_Read]) -> tuple[str, str]:
    if not read:
        return "", ""
    return in_utc(min(each.first for each in read)), in_utc(max(each.last for each in read))


def _names(read: Iterable[tuple[str, str]]) -> tuple[str, ...]:
    return tuple(sorted({region for _, region in read}))


def _urgency(change: WriteCall, until: str) -> tuple[object, ...]:
    # Accepted handshakes are first. Until when a plan can be returned is then compared with the end
    # of the period, so that a result depends on no clock.
    deadline = change.returnable_until
    if change.accepts_handshake:
        rank, order = 0, change.time
    elif deadline is None:
        rank, order = 1, change.time
    elif deadline >= until and deadline:
        rank, order = 2, deadline
    else:
        rank, order = 3, change.time
    return rank, order, change.time, str(change)


def _order(event: Event) -> tuple[bool, datetime, str]:
    # The last one has what is true.
    return event.corrects, event.event_time, str(event.event_id)


def _cut_texts(change: WriteCall) -> WriteCall:
    quantities = (replace(each, type=cut(each.type, _LONGEST)) for each in change.quantities)
    return replace(
        change,
        item=cut(change.item, _LONGEST),
        offering=cut(change.offering, _LONGEST),
        quantities=tuple(quantities),
        handshake_type=cut(change.handshake_type, _LONGEST),
        payment=cut(change.payment, _LONGEST),
        hourly=cut(change.hourly, _LONGEST),
        upfront=cut(change.upfront, _LONGEST),
    )


def without_returned(changes: Iterable[WriteCall]) -> list[WriteCall]:
    """Return the changes, so that no plan that was returned seems to be returnable."""
    listed = [*changes]
    returned = {
        change.item for change in listed if change.action in _UNDOES and change.outcome == DONE
    }
    return [
        replace(change, returnable_until="") if change.item and change.item in returned else change
        for change in listed
    ]
