"""Guardrails: named sets of explicit denies that a customer adds to a role.

Each JSON file next to this module is one guardrail: what it removes, what Pump then cannot do, and
its statements or, for a set of guardrails, its members. A statement lists the actions that it
denies, with reasons, or names another guardrail that denies the same ones. With ``NotAction``, it
lists the actions that it does not deny. The customer provides the value of a guardrail with a
``value``. A guardrail becomes an inline policy of the role. The published policies stay unchanged.
"""

import json
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from functools import cache
from pathlib import Path
from typing import Any, Final, NoReturn

from pump_roles.inputs import mapped
from pump_roles.inputs.validators import (
    ACCOUNT,
    ACTION,
    ACTIONS,
    GUARDRAIL_NAME,
    MOMENT,
    REASON,
    REGIONS,
    ArgumentError,
    ListOf,
    Text,
    check_region,
    nearest,
)
from pump_roles.patterns import overlap
from pump_roles.published import ROLES

POLICY_PREFIX: Final = "PumpGuardrail"


class _Shipped:
    # A guardrail of this package, which is read from its file when it is first used.
    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name.lower().replace("_", "-")

    def __get__(self, instance: object, owner: type) -> "Guardrail":
        return by_name()[self._name]


@dataclass(frozen=True, init=False)
class Guardrail:
    """A named set of explicit denies that a customer adds to a role.

    Use one of the constants, or create one with :meth:`invitations_from`, :meth:`only_in_regions`,
    :meth:`until`, or, for actions of your choice, :meth:`denying`. ``Guardrail(...)`` itself raises
    a ``TypeError``. Its ``removes`` says what it denies, and its ``costs`` what Pump then cannot
    do. On a role, it denies only what the role has. If that is nothing, the role rejects it.

    A guardrail cannot limit what purchases cost, because IAM has no condition for the price, the
    term, or the commitment. It cannot stop a purchase that is already queued. And it has to be
    deployed; only ``ONLY_WHEN_APPROVED`` is then opened and closed with a tag of the role. To stop
    everything, see "Stop Pump now" in ``docs/stop.md``.

    Source: IAM User Guide, ["The difference between explicit and implicit
    denies"](https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic_AccessPolicyLanguage_Interplay.html).

    :ivar name: its name, as in the settings and in error messages.
    :ivar removes: what it denies.
    :ivar costs: what Pump cannot do with it.
    :ivar leaves: what remains allowed.
    :ivar value: the name of the value that the customer provides, if it is still missing.
    :ivar tag: the key of the role's tag with which the customer opens it; empty if there is none.
    :ivar values: the values that were provided.
    :ivar ends: the time from which it denies everything, if there is one.
    """

    name: str
    removes: str = field(repr=False)
    costs: str = field(repr=False)
    leaves: str = field(default="", repr=False)
    value: str = field(default="", repr=False)
    tag: str = field(default="", repr=False)
    values: tuple[str, ...] = ()
    ends: datetime | None = None
    # Its statements as JSON text: each ``Action`` with the reason why it is denied, or each
    # ``NotAction`` with what it is ``needed`` for, and what is lost ``without`` it.
    _text: str = field(default="[]", repr=False)
    _members: tuple["Guardrail", ...] = field(default=(), repr=False)
    # What remains, with a place for its value if it takes one; empty if its name says it.
    _in_words: str = field(default="", repr=False)
    # The value of its tag with which the customer opens it.
    _opens: str = field(default="", repr=False)

    def __init__(self, *_: NoReturn, **__: NoReturn) -> None:
        # Type checkers reject every argument.
        raise TypeError(
            "Guardrail(...) would deny nothing; use a constant, such as Guardrail.RECOMMENDED, or "
            "for actions of your choice, Guardrail.denying()"
        )

    METADATA_ONLY = _Shipped()
    """Denies the reads that return application data, user data, credentials, or case contents."""

    NEEDED_ONLY = _Shipped()
    """Denies all but what reservations and Savings Plans need, including what AWS adds later."""

    NO_BILLING_PREFERENCES = _Shipped()
    """Denies the writes in ``ce:*`` that change billing settings, such as anomaly monitors."""

    NO_SELLING = _Shipped()
    """Denies listing Reserved Instances on the marketplace, so Pump cannot sell them."""

    NO_COMMITMENTS = _Shipped()
    """Denies every change to commitments, permanently or for a while."""

    ONLY_WHEN_APPROVED = _Shipped()
    """Denies the same, unless the role has the tag ``pump-commitments`` = ``approved``."""

    HANDS_OFF = _Shipped()
    """Denies changing the commitments that have your tag ``pump-hands-off``, and that tag."""

    NO_INVITATIONS = _Shipped()
    """Denies accepting any handshake, so that the account joins no organization through Pump."""

    NO_QUOTA_INCREASES = _Shipped()
    """Denies requests for higher service quotas, which can limit how much can be bought."""

    NO_SUPPORT_WRITES = _Shipped()
    """Denies opening, answering, and closing support cases, and refreshing Trusted Advisor."""

    COMMITMENT_TAGS_ONLY = _Shipped()
    """Denies ``ec2:CreateTags`` except on Reserved Instances and host reservations."""

    ORGANIZATIONS_LINKED_ROLE_ONLY = _Shipped()
    """Denies ``iam:CreateServiceLinkedRole`` except for AWS Organizations."""

    RECOMMENDED = _Shipped()
    """Guardrails that do not affect buying, selling, and the decisions about them."""

    @classmethod
    def invitations_from(cls, account: str) -> "Guardrail":
        """Deny accepting any handshake except an invitation from one account.

        :param account: the 12-digit ID of the management account of the inviting organization,
            which Pump gives you.
        :raises ArgumentError: when it is not a 12-digit account ID.
        """
        return _filled("invitations-from", ACCOUNT.check("invitations-from", account))

    @classmethod
    def only_in_regions(cls, *regions: str) -> "Guardrail":
        """Deny purchases and exchanges of reservations outside some Regions.

        It applies to what is bought by Region: EC2, RDS, ElastiCache, Redshift, and OpenSearch.
        Pump can still buy every Savings Plan, also an EC2 Instance Savings Plan for another Region:
        ``savingsplans:CreateSavingsPlan`` has no condition key for the Region of the plan (Service
        Authorization Reference, "Actions, resources, and condition keys for AWS Savings Plans").

        :param regions: the names of the Regions where purchases remain allowed, at least one.
        :raises ArgumentError: when a Region did not exist at the release of this package, or is
            listed twice.
        """
        checked = REGIONS.check("only-in-regions", _separate("only-in-regions", regions))
        for region in checked:
            check_region("only-in-regions", region)
        # Sorted, so that the template does not depend on the order.
        return _filled("only-in-regions", sorted(checked))

    @classmethod
    def until(cls, moment: datetime | str) -> "Guardrail":
        """Deny everything from a point in time.

        Purchases that are queued by then still take place. A time that has passed is accepted, with
        a warning at synth: the role has no permissions.

        :param moment: the time, with a time zone. As a string, such as ``2027-01-31T18:00:00Z`` or
            ``2027-01-31T18:00:00+01:00``. Fractions of a second are ignored.
        :raises ArgumentError: when it is not a valid date and time, or has no time zone.
        """
        ends = _moment(moment)
        return _filled("until", ends.isoformat().replace("+00:00", "Z"), ends=ends)

    @classmethod
    def denying(cls, name: str, *actions: str, reason: str) -> "Guardrail":
        """Deny actions of your choice on every resource.

        :param name: the name of your guardrail, such as ``no-lambda``: lower-case words with
            hyphens between them, and not that of another guardrail.
        :param actions: the actions, at least one, without duplicates; each in full, such as
            ``lambda:GetPolicy``, or with ``*`` at its end.
        :param reason: why you deny them, for whoever reads your code.
        :raises ArgumentError: when the name is taken, the reason is empty, or an action is
            malformed, is listed twice, or is one that neither role has.
        """
        GUARDRAIL_NAME.check("name", name)
        taken = {other.replace("-", ""): other for other in by_name()}
        if other := taken.get(name.replace("-", "")):
            raise ArgumentError("name", f"{other} is a guardrail of this package")
        checked = ACTIONS.check("actions", _separate("actions", actions))
        REASON.check("reason", reason)
        had = {pattern for role in ROLES.values() for pattern in role.patterns}
        for action in checked:
            if not any(overlap(action, pattern) for pattern in had):
                raise ArgumentError("actions", f"{action} takes nothing away: no role has it")
        own = "Not known: it is your own guardrail."
        return with_statements(
            [{"Action": dict.fromkeys(checked, reason), "Resource": "*"}],
            name=name,
            removes=f"{', '.join(checked)}.",
            costs=own,
        )

    @classmethod
    def named(cls, name: str) -> "Guardrail":
        """Return the guardrail with a name. It must not take a value.

        :param name: the name, such as ``metadata-only``.
        :raises ArgumentError: when there is no such guardrail. The message suggests a close name.
        """
        if not isinstance(name, str):
            raise ArgumentError("guardrails", f"{name!r} is not the name of a guardrail")
        found = by_name().get(name)
        if found is None:
            names = Guardrail.names()
            hint = nearest(name, names) or f"the guardrails are {', '.join(names)}"
            raise ArgumentError("guardrails", f"there is no guardrail {name!r}; {hint}")
        if found.value:
            method = f"Guardrail.{name.replace('-', '_')}"
            raise ArgumentError(
                "guardrails",
                f"{name} takes a value; use the key {{other}}, or {method}()",
                other=name,
                guardrail=name,
            )
        return found

    @staticmethod
    def names() -> tuple[str, ...]:
        """The names of the guardrails that take no value. Sets of guardrails come last."""
        return tuple(guardrail.name for guardrail in by_name().values() if not guardrail.value)

    @property
    def policy_name(self) -> str:
        """The name of its inline policy."""
        return f"{POLICY_PREFIX}{''.join(map(str.capitalize, self.name.split('-')))}"

    @property
    def value_in_words(self) -> str:
        """What remains, such as ``until 31 January 2027, 18:00 UTC``; empty if its name says it."""
        if self.ends is not None:
            seconds = ":%S" if self.ends.second else ""
            return self._in_words.format(f"{self.ends.day} {self.ends:%B %Y, %H:%M{seconds}} UTC")
        *others, last = self.values or ("",)
        listed = f"{', '.join(others)} and {last}" if others else last
        return self._in_words.format(listed)

    @property
    def reasons(self) -> Mapping[str, str]:
        """Why each action pattern is denied."""
        return dict(_listed(self, "Action"))


def with_statements(statements: Sequence[Mapping[str, Any]], **members: Any) -> Guardrail:
    """Return a guardrail with these statements, and with these members."""
    for statement in statements:
        for problem in _problems(statement):
            raise ValueError(f"{members['name']}: {problem}")
    made = object.__new__(Guardrail)
    vars(made).update(members, _text=json.dumps(statements))
    return made


def parts_of(guardrail: Guardrail) -> tuple[Guardrail, ...]:
    """Return its members if it is a set of guardrails, or itself."""
    return guardrail._members or (guardrail,)


def is_set(guardrail: Guardrail) -> bool:
    """Return whether it is a set of guardrails."""
    return bool(guardrail._members)


def statements_of(guardrail: Guardrail) -> list[dict[str, Any]]:
    """Return its statements, with the reasons; none for a set of guardrails."""
    statements: list[dict[str, Any]] = json.loads(guardrail._text)
    return statements


def opening_value(guardrail: Guardrail) -> str:
    """Return the value of its tag with which the customer opens it."""
    return guardrail._opens


def kept_by(guardrail: Guardrail) -> Mapping[str, Mapping[str, str]]:
    """Return what it does not deny, with the reasons; empty if it lists what it denies."""
    return dict(_listed(guardrail, "NotAction"))


def _listed(guardrail: Guardrail, element: str) -> Iterator[tuple[str, Any]]:
    for part in parts_of(guardrail):
        for statement in statements_of(part):
            yield from statement.get(element, {}).items()


def _problems(statement: Mapping[str, Any]) -> Iterator[str]:
    if statement.keys() - {"Action", "NotAction", "Resource", "NotResource", "Condition"}:
        yield f"a statement has more than what it denies: {statement}"
    for element in ("Resource", "Action"):
        if (element in statement) == (f"Not{element}" in statement):
            yield f"a statement must have either {element} or Not{element}: {statement}"
    for pattern, reason in statement.get("Action", {}).items():
        if pattern != "*" and not ACTION.accepts(pattern):
            yield f"{pattern} is not an action or a prefix of actions"
        if not reason.strip():
            yield f"{pattern} has no reason"
    for action, need in statement.get("NotAction", {}).items():
        if not re.fullmatch(r"[a-z0-9-]+:[A-Za-z]+", action):
            yield f"{action} is not an action"
        if need.keys() != {"needed", "without"} or not all(map(str.strip, need.values())):
            yield f"{action} must say what it is needed for, and what is lost without it"


def _separate(argument: str, values: tuple[object, ...]) -> tuple[object, ...]:
    for value in values:
        if isinstance(value, Sequence) and not isinstance(value, str):
            raise ArgumentError(
                argument, f"{value!r} is a list; pass each element as a separate argument"
            )
    return values


def _filled(name: str, value: Any, *, ends: datetime | None = None) -> Guardrail:
    template = by_name()[name]
    placeholder = f"${{{template.value}}}"

    def filled(part: Any) -> Any:
        if part == placeholder:
            return value
        both = isinstance(part, str) and isinstance(value, str)
        return part.replace(placeholder, value) if both else part

    members = {
        **vars(template),
        "value": "",
        "values": (value,) if isinstance(value, str) else tuple(value),
        "ends": ends,
    }
    return with_statements(mapped(statements_of(template), filled), **members)


def _moment(moment: datetime | str) -> datetime:
    text = moment.isoformat() if isinstance(moment, datetime) else MOMENT.check("until", moment)
    wrong = f"{text!r} is not {MOMENT.description}"
    try:
        # Python 3.10 reads neither Z nor fractions of other than 3 or 6 digits.
        read = datetime.fromisoformat(re.sub(r"\.[0-9]+", "", text).replace("Z", "+00:00"))
        in_utc = read.astimezone(timezone.utc)
    except OverflowError:
        problem = f"{wrong}; in UTC, it is not in the years 1 to 9999"
        raise ArgumentError("until", problem) from None
    except ValueError:
        raise ArgumentError("until", f"{wrong}; there is no such date or time") from None
    if read.tzinfo is None:
        raise ArgumentError("until", wrong)
    return in_utc


@cache
def by_name() -> Mapping[str, Guardrail]:
    """Return the guardrails of this package by name. Sets of guardrails come last."""
    contents = {
        file.name.removesuffix(".json"): json.loads(file.read_text(encoding="utf-8"))
        for file in Path(__file__).parent.iterdir()
        if file.name.endswith(".json")
    }
    found: dict[str, Guardrail] = {}
    # Sets are last. Otherwise, a guardrail can only name one before it in the alphabet.
    for name in sorted(contents, key=lambda name: ("members" in contents[name], name)):
        content = contents[name]
        statements = content.pop("statements", [])
        for statement in statements:
            # Instead of actions, the name of a guardrail that denies them for the same reasons.
            if isinstance(same := statement.get("Action"), str):
                statement["Action"] = found[same].reasons
        members = tuple(found[member] for member in content.pop("members", ()))
        more = {f"_{key}": content.pop(key, "") for key in ("in_words", "opens")}
        found[name] = with_statements(statements, name=name, **content, _members=members, **more)
    return found


WITH_VALUE: Final[Mapping[str, tuple[Text | ListOf, Callable[[Any], Guardrail]]]] = {
    "only-in-regions": (REGIONS, lambda regions: Guardrail.only_in_regions(*regions)),
    "until": (MOMENT, Guardrail.until),
    "invitations-from": (ACCOUNT, Guardrail.invitations_from),
}
"""What accepts the value of each guardrail that takes one, and what returns the guardrail with it,
by name."""


@cache
def by_policy() -> Mapping[str, Guardrail]:
    """Return the guardrails of this package, except sets, by the name of their inline policy."""
    return {
        guardrail.policy_name: guardrail
        for guardrail in by_name().values()
        if not is_set(guardrail)
    }


def opening_tags(asked: Collection[str]) -> set[str]:
    """Return the keys, in lower case, of the tags with which the customer opens guardrails.

    The case of a key does not matter (IAM User Guide, "Tags for AWS Identity and Access Management
    resources").
    """
    return {*asked} & {guardrail.tag for guardrail in by_policy().values()}


APPROVAL_END: Final = "PumpApprovalEnd"
"""The name of the schedule, and of the role that it acts with."""
