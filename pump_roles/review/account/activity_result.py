"""The result of ``activity``: what Pump did through its roles, and what it never used.

External IDs are not part of it, so no format can leak one.
"""

from dataclasses import dataclass
from typing import Final, Literal

from pump_roles._version import __version__

DONE: Final = "done"
"""The outcome of a call that succeeded."""

ActivityWhy = Literal[
    "denied",
    "not-read",
    "truncated",
    "not-cloudtrail",
    "not-json",
    "too-deep",
    "too-large",
    "malformed",
    "not-mapped",
    "no-calls",
    "expected-role",
    "condition",
]
"""Why something is not known. The output has words for each.

* a Region or a file
    * ``denied``: a policy denies reading the event history
    * ``not-read``, ``truncated``: some or all of its events are missing
    * a file only
        * ``not-cloudtrail``, ``not-json``: it is something else
        * ``too-deep``, ``too-large``: reading it could take all of the memory
* an event
    * ``malformed``: it is not as CloudTrail writes it
    * ``not-mapped``: its action is not known
* a role
    * ``no-calls``: it was assumed, but no call of its sessions is among the events
    * ``expected-role``: the templates do not tell all that it can do
* a table
    * ``condition``: the query may leave out any event, not only partitions
"""

Cost = Literal["nothing", "unknown", "some"]
"""What a guardrail would have cost: it would certainly have denied no call; that is not known;
or it would have denied at least one."""


@dataclass(frozen=True, kw_only=True)
class ActivityUnknown:
    """Something that could not be read or mapped to an action.

    :param why: why it is not known. ``not-mapped`` is a call, ``malformed`` an event,
        ``no-calls`` a role, and ``expected-role`` one in the templates; ``condition`` a table; the
        others are files or Regions.
    :param subject: the file, the table, the Region, the role, or the call, as its source and its
        name.
    :param detail: what is known about the reason; empty if there is no more.
    :param events: how many events it is about; 0 for a whole file or Region, or for a role.
    """

    why: ActivityWhy
    subject: str
    detail: str = ""
    events: int = 0


@dataclass(frozen=True, kw_only=True)
class AccountActivity:
    """An account that events were read of, with the totals of its roles.

    An account without events is not listed: nothing was read of it.

    :param account: the 12-digit ID of the account.
    :param regions: the Regions of its events.
    :param since: the time of its first event, of any caller, in UTC; empty if it has none.
    :param until: the time of its last event, of any caller, in UTC; empty if it has none.
    :param days: on how many days, in UTC, it has events.
    :param events: how many events of it were read, of any caller.
    :param calls: how many calls the roles' sessions made.
    :param commitments: how many calls changed commitments.
    :param handshakes: how many handshakes were accepted.
    :param refused: how many calls were denied.
    """

    account: str
    regions: tuple[str, ...]
    since: str
    until: str
    days: int
    events: int
    calls: int
    commitments: int
    handshakes: int
    refused: int


@dataclass(frozen=True, kw_only=True)
class RoleActivity:
    """One of Pump's roles in an account.

    :param kind: the role's kind, such as ``read-only``.
    :param arn: its ARN; of an expected role that was not seen, its name.
    :param calls: how many calls its sessions made.
    """

    kind: str
    arn: str
    calls: int


@dataclass(frozen=True, kw_only=True)
class Quantity:
    """How many of a type were bought or changed.

    :param count: how many; ``None`` if the event does not say.
    :param type: the instance or node type; empty if the event does not say.
    """

    count: int | None = None
    type: str = ""


@dataclass(frozen=True, kw_only=True)
class WriteCall:
    """A call that writes or tags, unless it was refused.

    AWS returns the ID of a commitment again if a call is repeated with the same client token. The
    first of these calls is the change.

    :param id: the event's ID, or that of the event that it corrects; empty if it has none.
    :param action: the action.
    :param time: when, in UTC.
    :param session: the name of the session.
    :param role: the role's ARN.
    :param region: the Region.
    :param outcome: ``done``, or the error code.
    :param commitment: whether the action changes commitments: buys, sells, exchanges, modifies, or
        returns them.
    :param handshake: whether the action accepts a handshake, such as an invitation to join an
        organization.
    :param item: the ID of what was bought, changed, or accepted; empty if the event has none.
    :param offering: the ID of the offering; empty if the event has none.
    :param quantities: how many were bought or changed, of each type.
    :param handshake_type: what a handshake is, such as ``INVITE``; empty if it is none, or the
        event does not say.
    :param term_seconds: the term in seconds; ``None`` if the event does not say.
    :param payment: the payment option; empty if the event does not say.
    :param hourly: the hourly commitment of a Savings Plan; empty if it is none.
    :param upfront: how much of a Savings Plan is paid upfront; empty if the event does not say.
    :param returnable_until: until when a Savings Plan can be returned at most, in UTC, whether or
        not that has passed; empty if it cannot be or was returned; ``None`` if that is not known.
    """

    id: str
    action: str
    time: str
    session: str
    role: str
    region: str
    outcome: str
    commitment: bool
    handshake: bool = False
    item: str = ""
    offering: str = ""
    quantities: tuple[Quantity, ...] = ()
    handshake_type: str = ""
    term_seconds: int | None = None
    payment: str = ""
    hourly: str = ""
    upfront: str = ""
    returnable_until: str | None = ""

    @property
    def accepts_handshake(self) -> bool:
        """Whether a handshake was accepted."""
        return self.handshake and self.outcome == DONE

    @property
    def changes_commitments(self) -> bool:
        """Whether commitments were changed."""
        return self.commitment and self.outcome == DONE

    @property
    def is_important(self) -> bool:
        """Whether commitments were changed, or a handshake was accepted."""
        return self.changes_commitments or self.accepts_handshake


@dataclass(frozen=True, kw_only=True)
class DeniedCall:
    """A call that was denied.

    :param action: the action, or the service and the name of a call that is not known.
    :param time: when, in UTC.
    :param session: the name of the session.
    :param role: the role's ARN.
    :param region: the Region.
    :param outcome: the error code.
    """

    action: str
    time: str
    session: str
    role: str
    region: str
    outcome: str


@dataclass(frozen=True, kw_only=True)
class Use:
    """How often the roles used an action, or tried to.

    :param action: the action.
    :param calls: how many calls, without those that were refused.
    :param last: when it was last called, in UTC; empty if all calls were refused.
    :param refused: how many calls were refused.
    """

    action: str
    calls: int
    last: str
    refused: int


@dataclass(frozen=True, kw_only=True)
class GuardrailActivity:
    """What a guardrail would have denied a role.

    A call that failed for another reason than a refusal does not count.

    :param name: the guardrail's name.
    :param kind: the role's kind.
    :param would_deny: how many calls that succeeded or were refused it certainly denies.
    :param might_deny: how many of them it may deny: under a condition or on a resource that the
        event does not decide, because the call's action is not known, or because it denies tags.
    :param cost: ``nothing`` only if both are 0, and everything was read.
    """

    name: str
    kind: str
    would_deny: int
    might_deny: int
    cost: Cost


@dataclass(frozen=True, kw_only=True)
class Session:
    """The sessions of a role that have one name.

    :param name: the name.
    :param role: the role's ARN.
    :param callers: the accounts that assumed the role, as far as that was read.
    :param addresses: the source addresses of its calls.
    :param first: when it was first seen, in UTC.
    :param last: when it was last seen, in UTC.
    :param calls: how many calls it made.
    """

    name: str
    role: str
    callers: tuple[str, ...]
    addresses: tuple[str, ...]
    first: str
    last: str
    calls: int


@dataclass(frozen=True, kw_only=True)
class TableRead:
    """How a table was read, with a query in Amazon Athena.

    :param query: the ID of the query.
    :param table: the database and the table.
    :param workgroup: the workgroup in which the query ran.
    :param condition: the condition that was passed; empty if there is none.
    :param since: the beginning of the period that was asked for, in UTC; empty if all of it.
    :param until: the end of the period, in UTC: when the query was started.
    :param missing: the columns that the table does not have, so that their values are not known.
    """

    query: str
    table: str
    workgroup: str
    condition: str
    since: str
    until: str
    missing: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Activity:
    """The whole result.

    :param schema: the version of the JSON result's schema.
    :param version: the version of this package.
    :param accounts: the accounts, by their IDs. If roles were chosen by their ARNs, only theirs.
    :param regions: the Regions of the events that were read, or, of the event history, those that
        were read.
    :param since: the time of the first event that was read, of any caller, or the beginning of the
        period that was asked for; in UTC.
    :param until: the time of the last event that was read, or the end of the period; in UTC.
    :param events: how many events were read, of any caller.
    :param roles: Pump's roles: the read-only ones, then the auto-pilot ones, by account.
    :param changes: the calls that write or tag: first the handshakes that were accepted; then the
        purchases of which it is not known whether they can be returned; then those that could be
        returned at the end of the period, by that deadline; then the others, by time.
    :param refused: the calls that were denied, by time.
    :param guardrails: what guardrails would have denied; first those that deny none of the calls.
    :param used: which actions the roles used, or tried to, by name.
    :param allowed: how many actions the roles allow.
    :param unused: those of which no call is among the events. A refused call is a call.
    :param sessions: who came in, by the time when they were first seen.
    :param unknown: what could not be read or mapped to an action.
    :param table: how the events were read from a table; ``None`` if they are from elsewhere.
    """

    schema: Literal[5] = 5
    version: str = __version__
    accounts: tuple[AccountActivity, ...]
    regions: tuple[str, ...]
    since: str
    until: str
    events: int
    roles: tuple[RoleActivity, ...]
    changes: tuple[WriteCall, ...]
    refused: tuple[DeniedCall, ...]
    guardrails: tuple[GuardrailActivity, ...]
    used: tuple[Use, ...]
    allowed: int
    unused: tuple[str, ...]
    sessions: tuple[Session, ...]
    unknown: tuple[ActivityUnknown, ...]
    table: TableRead | None = None
