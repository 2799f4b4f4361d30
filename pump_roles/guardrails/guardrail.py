"""A guardrail, and those of this package."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from functools import cache
from importlib import resources
from typing import Any, ClassVar, Final

from pump_roles.guardrails.patterns import all_within, any_overlap
from pump_roles.validators import (
    ACCOUNTS,
    MOMENT,
    REGIONS,
    ArgumentError,
    check_region,
    nearest,
)

__all__ = ["SHIPPED", "Guardrail", "Need", "by_policy", "load"]


@dataclass(frozen=True)
class Need:
    """Why a guardrail leaves an action.

    :param needed: what Pump needs it for.
    :param without: what part of Pump's service is lost without it.
    """

    needed: str
    without: str


@dataclass(frozen=True)
class Guardrail:
    """A named set of explicit denies that a customer adds to a role.

    Use one of the constants, or create one with :meth:`invitations_from`, :meth:`only_in_regions`,
    or :meth:`until`. On a role it denies only what the role has; if that is nothing, the role
    rejects it.

    What no guardrail can do: limit what purchases cost, because IAM has no condition for the price,
    the term, or the commitment; stop a purchase that is already queued; or take effect within
    seconds, because it is deployed like everything else. For that, see "Stop Pump now" in the
    README.

    :param name: its name, as context and error messages write it.
    :param removes: what it takes away.
    :param costs: what it costs Pump's service.
    :param text: its statements as JSON text: each ``Action`` with the reason why it is denied, or
        each ``NotAction`` with what it is ``needed`` for, and what is lost ``without`` it.
    :param members: the guardrails that it consists of, when it is a set of others.
    :param leaves: what stays allowed next to it.
    :param value: what the customer fills in, if that is still missing.
    :param in_words: how to say its value; empty if it takes none.
    :param values: the values that were filled in.
    :param ends: the moment from which it denies everything, if there is one.
    """

    name: str
    removes: str = field(repr=False)
    costs: str = field(repr=False)
    text: str = field(default="[]", repr=False)
    members: tuple["Guardrail", ...] = field(default=(), repr=False)
    leaves: str = field(default="", repr=False)
    value: str = field(default="", repr=False)
    in_words: str = field(default="", repr=False)
    values: tuple[str, ...] = ()
    ends: datetime | None = None

    def __post_init__(self) -> None:
        _check(self.name, json.loads(self.text))

    METADATA_ONLY: ClassVar["Guardrail"]
    """Denies the reads that return application data, user data, credentials, or case contents.

    What it costs Pump: the number of tasks that a service should run (``ecs:DescribeServices``),
    the size of each Fargate task (``ecs:DescribeTasks``), alarms, and the follow-up of support
    cases. Metric values and the email addresses of accounts stay.
    """

    NEEDED_ONLY: ClassVar["Guardrail"]
    """Denies every action but those that reservations and savings plans need.

    What AWS adds tomorrow is also denied. What it costs Pump: containers, Auto Scaling, budgets,
    resource tags, invitations to an organization, support cases, tags of reserved instances, and
    billing settings. Most other guardrails are then redundant, and the synth says which.
    """

    NO_BILLING_PREFERENCES: ClassVar["Guardrail"]
    """Denies the writes inside ``ce:*`` that change billing settings.

    Starting a purchase analysis stays. Pump can no longer set up anomaly detection and the like.
    """

    NO_SELLING: ClassVar["Guardrail"]
    """Denies listing reserved instances on the marketplace.

    Returning a wrong savings plan stays. Pump can no longer sell what you do not need.
    """

    NO_COMMITMENTS: ClassVar["Guardrail"]
    """Denies every purchase, sale, exchange, and modification: manual mode, or a pause.

    The undo stays: deleting what is queued, canceling a listing, returning a savings plan. Pump
    can no longer buy or sell.
    """

    NO_QUOTA_INCREASES: ClassVar["Guardrail"]
    """Denies requests for higher service quotas, which can limit how much can be bought."""

    NO_SUPPORT_WRITES: ClassVar["Guardrail"]
    """Denies opening, answering, and closing support cases, and refreshing Trusted Advisor."""

    COMMITMENT_TAGS_ONLY: ClassVar["Guardrail"]
    """Denies ``ec2:CreateTags`` on anything but reserved instances and host reservations."""

    ORGANIZATIONS_LINKED_ROLE_ONLY: ClassVar["Guardrail"]
    """Denies ``iam:CreateServiceLinkedRole`` for any service but AWS Organizations."""

    RECOMMENDED: ClassVar["Guardrail"]
    """Guardrails that leave buying, selling and the decisions about them as they are.

    They deny the reads that return data, changes to billing settings, tags on anything but
    commitments, and service-linked roles of other services. What they cost Pump: the number and the
    sizes of Fargate tasks, alarms, and the follow-up of support cases; see ``METADATA_ONLY``.

    On the auto-pilot role: ``METADATA_ONLY``, ``NO_BILLING_PREFERENCES``, ``COMMITMENT_TAGS_ONLY``
    and ``ORGANIZATIONS_LINKED_ROLE_ONLY``. On the read-only role: ``METADATA_ONLY``.
    """

    @classmethod
    def invitations_from(cls, account: str) -> "Guardrail":
        """Deny accepting any handshake but an invitation from one account.

        :param account: the 12-digit ID of the management account of the organization that invites,
            which Pump names.
        :raises ArgumentError: when it is not a 12-digit account ID.
        """
        return _filled("invitations-from", ACCOUNTS.element.check("invitations-from", account))

    @classmethod
    def only_in_regions(cls, *regions: str) -> "Guardrail":
        """Deny purchases and exchanges of reservations outside some Regions.

        It applies to what is bought by Region: EC2, RDS, ElastiCache, Redshift, and OpenSearch.
        Savings plans have no Region, and stay. What it costs Pump: the savings in other Regions.

        :param regions: the names of the Regions where purchases stay allowed, at least one.
        :raises ArgumentError: when there is no such Region, as of the release of this package, or
            one is listed twice.
        """
        checked = REGIONS.check("only-in-regions", regions)
        for region in checked:
            check_region("only-in-regions", region)
        # The order means nothing, and the template must not depend on it.
        return _filled("only-in-regions", sorted(checked))

    @classmethod
    def until(cls, moment: datetime | str) -> "Guardrail":
        """Deny everything from a moment on.

        Purchases that are queued by then go through. A moment that has passed is allowed, with a
        warning at synth: the role has no permissions.

        :param moment: with its time zone; as text, like ``2027-01-31T18:00:00Z`` or
            ``2027-01-31T18:00:00+01:00``. Fractions of a second are cut off.
        :raises ArgumentError: when it is not a valid moment, or has no time zone.
        """
        ends = _moment(moment)
        return _filled("until", ends.isoformat().replace("+00:00", "Z"), ends=ends)

    @classmethod
    def named(cls, name: str) -> "Guardrail":
        """Return the guardrail of that name, one that takes no value.

        :param name: such as ``metadata-only``.
        :raises ArgumentError: when there is no such guardrail; suggests the nearest one.
        """
        if not isinstance(name, str):
            raise ArgumentError("guardrails", f"{name!r} is not a name")
        found = SHIPPED.get(name)
        if found is None:
            names = Guardrail.names()
            hint = nearest(name, names) or f"the guardrails are {', '.join(names)}"
            raise ArgumentError("guardrails", f"there is no guardrail {name!r}; {hint}")
        if found.value:
            method = f"Guardrail.{name.replace('-', '_')}"
            raise ArgumentError(
                "guardrails", f"{name} takes a value; use the key pump:{name}, or {method}()"
            )
        return found

    @staticmethod
    def names() -> tuple[str, ...]:
        """The names of those that take no value, sets of others last."""
        return tuple(one.name for one in SHIPPED.values() if not one.value)

    @property
    def policy_name(self) -> str:
        """The name of its inline policy."""
        return f"PumpGuardrail{self.name.title().replace('-', '')}"

    @property
    def value_in_words(self) -> str:
        """Its value, such as ``until 31 January 2027, 18:00 UTC``; empty if it takes none."""
        if self.ends is not None:
            seconds = ":%S" if self.ends.second else ""
            return self.in_words.format(f"{self.ends.day} {self.ends:%B %Y, %H:%M{seconds}} UTC")
        *others, last = self.values or ("",)
        listed = f"{', '.join(others)} and {last}" if others else last
        return self.in_words.format(listed)

    @property
    def reasons(self) -> Mapping[str, str]:
        """Why each action pattern is denied."""
        return {
            pattern: reason
            for guardrail in self.parts
            for statement in json.loads(guardrail.text)
            for pattern, reason in statement.get("Action", {}).items()
        }

    @property
    def keeps(self) -> Mapping[str, Need]:
        """The only actions that it does not deny, with why; empty if it names what it denies."""
        return {
            action: Need(**need)
            for guardrail in self.parts
            for statement in json.loads(guardrail.text)
            for action, need in statement.get("NotAction", {}).items()
        }

    @property
    def parts(self) -> tuple["Guardrail", ...]:
        """The guardrails that it consists of: its members, or itself."""
        return self.members or (self,)

    def on(self, patterns: Iterable[str]) -> dict["Guardrail", dict[str, Any]]:
        """Return its policy document on a role; of a set of guardrails, one for each.

        There is none for what denies nothing that the role has.

        :param patterns: the action patterns that the role allows, each with a wildcard at its end
            or none.
        """
        allowed = list(patterns)
        found = {one: one._document(allowed) for one in self.parts}  # noqa: SLF001
        return {one: document for one, document in found.items() if document["Statement"]}

    def _document(self, allowed: Sequence[str]) -> dict[str, Any]:
        statements = []
        for statement in json.loads(self.text):
            named, kept = statement.pop("Action", ()), statement.pop("NotAction", None)
            denied = _those(named, allowed) if kept is None else _all_but(kept, allowed)
            if denied:
                statements.append({"Effect": "Deny", **denied, **_with_partition(statement)})
        return {"Version": "2012-10-17", "Statement": statements}


def load(name: str, text: str, members: Mapping[str, Guardrail] | None = None) -> Guardrail:
    """Read a guardrail, and check it.

    :param name: its name.
    :param text: its JSON text: ``removes``, ``costs``, ``leaves`` and ``statements``, or, for a set
        of others, ``members``; ``value`` and ``in_words`` if the customer fills something in.
    :param members: the guardrails that it may name as members. By default it may name none.
    :raises ValueError: when the text is not JSON, a statement has an effect or no reason for an
        action, a pattern has its wildcard anywhere but at its end, or an action that is not denied
        has a wildcard.
    """
    loaded = json.loads(text)
    return Guardrail(
        name,
        removes=loaded["removes"],
        leaves=loaded.get("leaves", ""),
        costs=loaded["costs"],
        text=json.dumps(loaded.get("statements", [])),
        members=tuple((members or {})[member] for member in loaded.get("members", [])),
        value=loaded.get("value", ""),
        in_words=loaded.get("in_words", ""),
    )


def _check(name: str, statements: Iterable[Mapping[str, Any]]) -> None:
    for statement in statements:
        if statement.keys() - {"Action", "NotAction", "Resource", "NotResource", "Condition"}:
            raise ValueError(f"{name}: a statement has more than what it denies: {statement}")
        for element in ("Resource", "Action"):
            if (element in statement) == (f"Not{element}" in statement):
                raise ValueError(
                    f"{name}: a statement has either {element} or Not{element}: {statement}"
                )
        for pattern, reason in statement.get("Action", {}).items():
            if not re.fullmatch(r"\*|[a-z0-9-]+:[A-Za-z]+\*?", pattern):
                raise ValueError(f"{name}: {pattern} is not an action or the beginning of some")
            if not reason.strip():
                raise ValueError(f"{name}: {pattern} has no reason")
        _check_kept(name, statement.get("NotAction", {}))


def _check_kept(name: str, kept: Mapping[str, Mapping[str, str]]) -> None:
    for action, need in kept.items():
        if not re.fullmatch(r"[a-z0-9-]+:[A-Za-z]+", action):
            raise ValueError(f"{name}: {action} is not an action")
        if need.keys() != {"needed", "without"} or not all(map(str.strip, need.values())):
            raise ValueError(
                f"{name}: {action} must say what it is needed for, and what is lost without it"
            )


def _those(patterns: Iterable[str], allowed: Sequence[str]) -> dict[str, list[str]]:
    here = [pattern for pattern in patterns if any_overlap(pattern, allowed)]
    return {"Action": here} if here else {}


def _all_but(actions: Iterable[str], allowed: Sequence[str]) -> dict[str, list[str]]:
    if all_within(allowed, actions):
        return {}
    here = [action for action in actions if any_overlap(action, allowed)]
    # IAM accepts no empty list.
    return {"NotAction": here} if here else {"Action": ["*"]}


def _with_partition(value: Any) -> Any:
    # One template for every partition.
    if isinstance(value, list):
        return [_with_partition(one) for one in value]
    if isinstance(value, dict):
        return {key: _with_partition(one) for key, one in value.items()}
    if isinstance(value, str) and "${AWS::Partition}" in value:
        return {"Fn::Sub": value}
    return value


def _filled(name: str, value: Any, *, ends: datetime | None = None) -> Guardrail:
    template = SHIPPED[name]
    statements = _with_value(json.loads(template.text), template.value, value)
    return replace(
        template,
        text=json.dumps(statements),
        value="",
        values=(value,) if isinstance(value, str) else tuple(value),
        ends=ends,
    )


def _with_value(tree: Any, name: str, value: Any) -> Any:
    placeholder = f"${{{name}}}"
    if tree == placeholder:
        return value
    if isinstance(tree, str):
        return tree.replace(placeholder, value) if isinstance(value, str) else tree
    if isinstance(tree, list):
        return [_with_value(element, name, value) for element in tree]
    if isinstance(tree, dict):
        return {key: _with_value(element, name, value) for key, element in tree.items()}
    return tree


def _moment(moment: datetime | str) -> datetime:
    text = moment.isoformat() if isinstance(moment, datetime) else MOMENT.check("until", moment)
    wrong = f"{text!r} is not {MOMENT.description}"
    try:
        if not isinstance(moment, datetime):
            # Python 3.10 reads neither Z nor fractions of other than 3 or 6 digits.
            moment = datetime.fromisoformat(re.sub(r"\.[0-9]+", "", text).replace("Z", "+00:00"))
        in_utc = moment.astimezone(timezone.utc)
    except OverflowError:
        problem = f"{wrong}; in UTC, it is not in the years 1 to 9999"
        raise ArgumentError("until", problem) from None
    except ValueError:
        raise ArgumentError("until", f"{wrong}; there is no such date or time") from None
    if moment.tzinfo is None:
        raise ArgumentError("until", wrong)
    return in_utc.replace(microsecond=0)


def _read_all() -> Mapping[str, Guardrail]:
    files = sorted(
        (file for file in resources.files(__package__).iterdir() if file.name.endswith(".json")),
        key=lambda file: file.name,
    )
    texts = {file.name.removesuffix(".json"): file.read_text(encoding="utf-8") for file in files}
    sets = {name: text for name, text in texts.items() if "members" in json.loads(text)}
    found = {name: load(name, text) for name, text in texts.items() if name not in sets}
    return found | {name: load(name, text, found) for name, text in sets.items()}


SHIPPED: Final = _read_all()
"""The guardrails of this package by name, sets of others last."""

for _name in Guardrail.names():
    setattr(Guardrail, _name.upper().replace("-", "_"), SHIPPED[_name])


@cache
def by_policy() -> Mapping[str, Guardrail]:
    """Return every guardrail of this package but the sets, by the name of its inline policy."""
    return {one.policy_name: one for one in SHIPPED.values() if not one.members}
