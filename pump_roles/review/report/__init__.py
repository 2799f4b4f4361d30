"""The permission report as plain data. Every format shows this and nothing else.

External IDs are not part of it, so no format can leak one.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, get_args

from pump_roles.compare.difference import Difference
from pump_roles.iam.catalog import Action
from pump_roles.iam.decisions import DENIED, Decision, Effect, Grant
from pump_roles.iam.identity_policies import Scope
from pump_roles.iam.trust import Trust
from pump_roles.inputs.text import visible
from pump_roles.review.report.inventory import Inventory
from pump_roles.role.assembly import DeployedRole, Deployment, OtherResource
from pump_roles.role.iam_role import TimedLimit
from pump_roles.role.unknowns import AssemblyUnknown, RolePart, Unknown

SCHEMA: Final = 10
"""The version of the JSON report's schema, ``report.schema.json``."""

Cause = Literal["AWS", "role"]
Risk = Literal["money", "writes", "data", "reads"]

RISKS: Final[tuple[Risk, ...]] = get_args(Risk)
"""The risks. Each action is counted once, under the first that applies: it can spend money, its
access level is not List or Read, it returns data, or it reads metadata."""

FindingKind = Literal["difference", "trust", "opened", "ended", "uncounted", "suspect"]

FINDINGS: Final[tuple[FindingKind, ...]] = get_args(FindingKind)
"""The kinds of findings, which must be read before a role's numbers."""


PolicyKind = Literal["published", "guardrail", "deny", "other"]


@dataclass(frozen=True, kw_only=True)
class Pattern:
    """An action pattern of a policy.

    :param pattern: the pattern, as written in the policy.
    :param effect: ``Allow`` or ``Deny``.
    :param reason: why Pump needs it, or why the guardrail denies it; empty if neither is known.
    :param scope: on which resources, and under which conditions.
    :param actions: the names of the catalog's actions that it matches. For a deny, only those that
        the role has; none if it denies from a certain time on.
    :param exact: whether it matches no other actions: none that the catalog does not have, and none
        that is filled in when the template is deployed.
    :param excluded: the patterns of a ``NotAction``; empty for a pattern of an ``Action``.
    :param decision: what it decides for the actions that it matches: ``allowed``, ``denied``,
        ``conditionally denied`` or ``denied on some resources``; empty if it cannot be read,
        another policy can replace its policy, or it limits none of them.
    """

    pattern: str
    effect: str
    reason: str
    scope: Scope
    actions: tuple[str, ...]
    exact: bool
    excluded: tuple[str, ...]
    decision: Decision | Literal[""]


@dataclass(frozen=True, kw_only=True)
class PolicyReport:
    """A policy of a role.

    :param name: its name.
    :param kind: ``published``, ``guardrail``, ``deny`` for another with nothing but denies, or
        ``other``.
    :param unmodified: whether it is exactly as Pump publishes it, or as this package
        defines the guardrail, or is a ``deny``.
    :param patterns: its patterns, in order.
    """

    name: str
    kind: PolicyKind
    unmodified: bool
    patterns: tuple[Pattern, ...]


@dataclass(frozen=True, kw_only=True)
class GuardrailReport:
    """What a guardrail of this package does to a role.

    :param name: its name, as in the settings.
    :param policy: the name of its policy.
    :param value: the value that the customer chose, in words, such as ``only us-east-1``; may be
        empty.
    :param removes: what it takes away, in words.
    :param leaves: what stays allowed, in words.
    :param costs: what that costs Pump's service, in words.
    :param denied: the names of the role's actions that it denies.
    :param limited: the names of those that it denies under a condition or on some resources.
    :param ends: whether it denies everything from a certain time on. It then lists no actions.
    """

    name: str
    policy: str
    value: str
    removes: str
    leaves: str
    costs: str
    denied: tuple[str, ...]
    limited: tuple[str, ...]
    ends: bool


@dataclass(frozen=True, kw_only=True)
class Uncounted:
    """A part of a policy that is not counted.

    :param policy: the policy's name.
    :param pattern: the pattern that allows actions that the catalog does not have; empty if the
        policy has a statement that cannot be read.
    """

    policy: str
    pattern: str = ""


YES: Final = "yes"
LIMITED: Final = "limited"
NO: Final = "no"
UNKNOWN: Final = "unknown"

AnswerKind = Literal["yes", "limited", "no", "unknown"]
"""The answers."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """A role's answer to a question.

    :param answer: ``yes`` if at least one of the actions is allowed. Otherwise, ``unknown`` if
        something that cannot be read may allow more, or a policy allows actions that Pump does not
        publish, which this list does not cover; ``limited`` if the remaining actions are denied
        under a condition or on some resources; and ``no`` if none remains.
    :param allowed: the names of the actions that are allowed. A denied tag does not limit what can
        be done without it.
    :param limited: the names of those that are denied under a condition or on some resources.
    :param limits: the names of the policies of which each limits all of these.
    :param denied: the names of those that one policy allows and another denies.
    :param not_granted: the names of those that no pattern of the role's policies grants.
    :param only: the answer in words if a single action is left, and only in one way; otherwise
        empty.
    """

    answer: AnswerKind
    allowed: tuple[str, ...]
    limited: tuple[str, ...]
    limits: tuple[str, ...]
    denied: tuple[str, ...]
    not_granted: tuple[str, ...]
    only: str

    @property
    def named(self) -> tuple[str, ...]:
        """The actions that the question is about."""
        return self.allowed + self.limited + self.denied + self.not_granted

    @property
    def left(self) -> tuple[str, ...]:
        """The actions that are not denied."""
        return self.allowed + self.limited


@dataclass(frozen=True, kw_only=True)
class Question:
    """A question about what the roles can do.

    :param id: a stable name.
    :param topic: its topic, in one word.
    :param title: what the role may or may not do.
    :param note: what to know about it; may be empty.
    :param roles: each role's answer, by the role's kind.
    """

    id: str
    topic: str
    title: str
    note: str
    roles: Mapping[str, Answer]


@dataclass(frozen=True, kw_only=True)
class RoleReport(DeployedRole):
    """One role.

    :param role: the role itself. External IDs are masked.
    :param files: every file that it was read from, with its SHA-256; none for a published role, and
        for one of an account.
    :param account: the ID of the account that it was read from; empty for any other role.
    :param filled_sha256: the SHA-256 of everything that is filled in when it is deployed, such as a
        parameter with its default, and of its parts that are not read; empty if there is nothing.
    :param external_id_sha256: the SHA-256 of each external ID in its trust policy.
    :param policies: its policies.
    :param guardrails: what each of its guardrails does.
    :param differences: how it differs from what Pump publishes, apart from its trust policy.
    :param opened: the keys of its tags that open one of its guardrails, or may.
    :param timed: those of its denies that limit it only from a time on, or until one.
    :param uncounted: what is not counted: the patterns that allow actions of services that are not
        in the catalog, and statements that cannot be read.
    :param as_published: whether it is what Pump publishes, apart from guardrails of this package
        and other policies with nothing but denies.
    :param exact: whether the numbers below are exact. They are not if something that could add or
        hide permissions is attached or cannot be read.
    :param allows_only_published: whether Pump publishes everything that it allows. Of other
        actions, it is not known whether they spend money or return data.
    :param readable: whether everything that may allow an action can be read, and the role can reach
        nothing else, so that "not granted" is certain.
    :param stopped: whether it can do nothing now, because its permissions boundary is AWSDenyAll.
        The numbers below are those of its policies, without the boundary.
    :param money: how many effective actions can spend money.
    :param writes: how many others are not List or Read.
    :param data: how many others return data, not only metadata.
    :param reads: how many others there are. They read metadata.
    :param effective: how many of its actions are not denied: the sum of these four.
    :param only: how many of these no other role in the report has.
    :param actions: how many actions its patterns match.
    :param limited: how many of these are denied under a condition or on some resources.
    """

    policies: tuple[PolicyReport, ...]
    guardrails: tuple[GuardrailReport, ...]
    differences: tuple[Difference, ...]
    opened: tuple[str, ...]
    timed: tuple[TimedLimit, ...]
    uncounted: tuple[Uncounted, ...]
    as_published: bool
    exact: bool
    allows_only_published: bool
    readable: bool
    stopped: bool
    money: int
    writes: int
    data: int
    reads: int
    effective: int
    only: int
    actions: int
    limited: int

    @property
    def kind(self) -> str:
        """Its kind, such as ``read-only``."""
        return self.role.kind

    @property
    def name(self) -> str:
        """Its name; empty if it is not known."""
        return self.role.name.text

    @property
    def trust(self) -> Trust:
        """Its trust policy."""
        return self.role.trust

    @property
    def by_risk(self) -> Mapping[Risk, int]:
        """How many of its effective actions have each risk."""
        return {"money": self.money, "writes": self.writes, "data": self.data, "reads": self.reads}

    @property
    def boundary(self) -> str:
        """The ARN of its permissions boundary, which is not counted; empty if it has none."""
        return "" if self.role.boundary is None else self.role.boundary.arn.text

    @property
    def unreadable(self) -> tuple[Unknown, ...]:
        """What is not known about it and may give more access."""
        return tuple(unknown for unknown in self.role.not_known if unknown.may_add_access)

    @property
    def policies_published(self) -> Literal["yes", "no", "unknown"]:
        """Whether its policies are what Pump publishes, apart from policies that only deny."""
        parts = {difference.part for difference in self.differences}
        if parts & {"inline-policies", "managed-policies"}:
            return "no"
        apart: set[RolePart] = {"session", "tags"}
        unread = {unknown.part for unknown in self.unreadable} - apart
        return "unknown" if unread or self.uncounted else "yes"

    def guardrail_of(self, policy: str) -> str:
        """Return the name of the guardrail that a policy implements; of any other, its own."""
        return next((found.name for found in self.guardrails if found.policy == policy), policy)

    @property
    def ends(self) -> str:
        """When it expires, such as ``until 31 January 2027, 18:00 UTC``; empty if it does not."""
        return " and ".join(found.value for found in self.guardrails if found.ends)

    @property
    def denied(self) -> int:
        """How many of its actions are denied on every resource without a condition."""
        return self.actions - self.effective


@dataclass(frozen=True, kw_only=True)
class ActionReport(Action):
    """An action of the catalog that a role has.

    :param name: its name, as ``service:Action``.
    :param levels: its access levels.
    :param description: what it does.
    :param resources: the resource types that it supports; empty if it supports only ``*``.
    :param conditions: the condition keys that it supports.
    :param risk: what it is counted under, one of :data:`RISKS`.
    :param reason: why Pump needs it; empty if Pump does not publish it.
    :param data: why it returns data; empty if it does not.
    :param spends: how it can spend money; empty if it cannot.
    :param legacy: why it is legacy; empty if it is not.
    :param new: whether a wildcard matches it only since the earlier report, or since the wildcards
        were last reviewed.
    :param roles: for each role that has it, how, by the role's kind.
    """

    risk: Risk
    reason: str
    data: str
    spends: str
    legacy: str
    new: bool
    roles: Mapping[str, Grant]

    def is_effective(self, kind: str) -> bool:
        """Return whether a role has it, and it is not denied.

        :param kind: the role's kind.
        """
        return kind in self.roles and self.roles[kind].decision != DENIED

    @property
    def effective(self) -> bool:
        """Whether any role has it and is not denied it."""
        return any(grant.decision != DENIED for grant in self.roles.values())


def counts(actions: Sequence[ActionReport]) -> dict[str, int]:
    """Return how many actions have each of the :data:`RISKS`, and how many are ``effective``."""
    found = Counter(action.risk for action in actions)
    return {**{risk: found[risk] for risk in RISKS}, "effective": len(actions)}


@dataclass(frozen=True, kw_only=True)
class Finding:
    """What a reviewer must see before a role's numbers.

    :param kind: the kind of finding.
    :param role: the kind of the role that it is about; empty for all of them.
    """

    kind: FindingKind
    role: str = ""


@dataclass(frozen=True, kw_only=True)
class WorstCase:
    """What can happen at worst.

    :param id: a stable name.
    :param title: what it is.
    :param severity: how serious it is: one of the risks of an action.
    :param answers: the IDs of the questions to which a role's answer is not no.
    :param texts: what that means; may be empty.
    :param limits: the names of the guardrails that limit it.
    :param roles: the kinds of the roles that can do it.
    """

    id: str
    title: str
    severity: Risk
    answers: tuple[str, ...]
    texts: tuple[str, ...]
    limits: tuple[str, ...]
    roles: tuple[str, ...]

    @property
    def only_reads(self) -> bool:
        """Whether nothing is spent or changed."""
        return self.severity not in ("money", "writes")


@dataclass(frozen=True, kw_only=True)
class ReportChange:
    """A difference from an earlier report.

    :param cause: ``AWS`` if an unchanged pattern matches other actions; otherwise ``role``.
    :param effect: ``broader`` or ``narrower``; ``unclear`` if it may be either.
    :param role: the role's kind; empty for all roles.
    :param difference: the difference between the two roles, if it is one.
    :param about: what else differs: something that is not known about the role; where it is
        deployed; what may give more access; or a digest of the trust policy, or of what is filled
        in at deployment. Otherwise empty.
    :param unknown: what is not known; if it narrows, what has become known.
    :param other: what may give more access; if it narrows, what no longer does.
    :param was: where it was deployed, if it was.
    :param now: where it is deployed now, if it is.
    :param actions: the names of its actions.
    :param risk: the risk of these actions, one of :data:`RISKS`; empty if there are none.
    """

    cause: Cause = "role"
    effect: Effect
    role: str = ""
    difference: Difference | None = None
    about: Literal["", "unknown", "place", "suspect", "external-id", "filled-in"] = ""
    unknown: Unknown | None = None
    other: OtherResource | None = None
    was: Deployment | None = None
    now: Deployment | None = None
    actions: tuple[str, ...] = ()
    risk: Risk | Literal[""] = ""

    @property
    def may_broaden(self) -> bool:
        """Whether it allows, or may allow, more than before."""
        return self.effect != "narrower"


@dataclass(frozen=True, kw_only=True)
class Compared:
    """The earlier report, or the report on earlier templates, that a report is compared with.

    :param file: the name of its file or folder.
    :param version: the version of this package that read it.
    :param date: the date of its action catalog.
    :param read_sha256: the SHA-256 of what was read for it, as kept.
    """

    file: str
    version: str
    date: str
    read_sha256: str


@dataclass(frozen=True, kw_only=True)
class Report:
    """The whole report.

    :param schema: the version of the JSON report's schema.
    :param read: what was read. The rest is derived from it, and so is a later comparison with this
        report.
    :param read_sha256: the SHA-256 of the file in which that is kept.
    :param version: the version of this package.
    :param catalog: the action catalog's package and version.
    :param date: the catalog's date.
    :param as_published: whether all roles are what Pump publishes, apart from guardrails of this
        package and other policies with nothing but denies, and there are no findings.
    :param exact: whether the numbers of all roles are exact.
    :param statements: the questions about what the roles can do, with their answers.
    :param worst: what can happen at worst.
    :param roles: the roles.
    :param places: where the templates deploy them.
    :param others: everything else in the templates that gives access.
    :param unreadable: what could not be read and may give more access than the roles.
    :param suspects_sha256: the SHA-256 of what may give more access, as in the templates; empty if
        there is nothing.
    :param findings: what must be read before the numbers: something gives, or may give, more
        access than Pump publishes.
    :param resources: how many other resources the templates have, by type.
    :param since: the earlier report that it is compared with, if any.
    :param changes: the differences from the earlier report.
    :param reviewed: the date of the last review of what the published wildcards match.
    :param gained: the actions that they match since then, by pattern.
    :param sdk: the version of AWS's SDK at that review.
    :param newer: the operations of that SDK that a role may call, and that the catalog does not
        have because AWS's reference does not describe them yet. They are not counted.
    :param actions: every action that a role has, by name.
    """

    schema: Literal[10]
    read: Inventory
    read_sha256: str
    version: str
    catalog: str
    date: str
    as_published: bool
    exact: bool
    statements: tuple[Question, ...]
    worst: tuple[WorstCase, ...]
    roles: tuple[RoleReport, ...]
    places: tuple[Deployment, ...]
    others: tuple[OtherResource, ...]
    unreadable: tuple[AssemblyUnknown, ...]
    suspects_sha256: str
    findings: tuple[Finding, ...]
    resources: Mapping[str, int]
    since: Compared | None
    changes: tuple[ReportChange, ...]
    reviewed: str
    gained: Mapping[str, tuple[str, ...]]
    sdk: str
    newer: tuple[str, ...]
    actions: tuple[ActionReport, ...]

    def effective(self, kind: str) -> tuple[str, ...]:
        """Return the names of a role's actions that are not denied.

        :param kind: the role's kind.
        """
        return tuple(action.name for action in self.actions if action.is_effective(kind))


@dataclass(frozen=True, kw_only=True)
class Earlier:
    """What a report is compared with.

    :param file: the name of its file or folder.
    :param report: the report, as this version derives it from what the earlier one read.
    """

    file: str
    report: Report

    @property
    def compared(self) -> Compared:
        """What the later report says of it."""
        read = self.report.read
        return Compared(
            file=visible(self.file),
            version=read.version,
            date=read.date,
            read_sha256=self.report.read_sha256,
        )
