"""Identity policies, parsed once: what each statement is about, and where it applies."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from typing import Any, Final, Literal

from pump_roles.iam.arns import arns_may_overlap, is_whole_arn, service_in
from pump_roles.iam.conditions import ALWAYS, VARIABLE, Condition, parse_condition
from pump_roles.inputs import as_list, as_mapping, as_text, json_text, mapped
from pump_roles.patterns import covers, folded, overlap


@dataclass(frozen=True)
class Value:
    """A text: known, open, or not read.

    :param state: ``known``; ``open`` if it is decided at deployment; ``not-read`` if it cannot be
        read.
    :param text: the text if it is known; what decides it if it is open, such as the name of a
        parameter; what is there, or what AWS says, if it is not read; otherwise empty.
    :param why: if it is not read, why: ``unreadable`` for a function in a template, ``not-read``
        from an account, ``not-in-files``, or ``files-differ``; empty for a literal that has the
        wrong type.
    :param default: if it is open, what it is if nobody decides otherwise; may be empty.
    """

    state: Literal["known", "open", "not-read"]
    text: str = ""
    why: Literal["", "unreadable", "not-read", "not-in-files", "files-differ"] = ""
    default: str = ""

    @property
    def is_known(self) -> bool:
        """Whether it is known."""
        return self.state == "known"


OPEN: Final = Value("open")


def unreadable(value: Any) -> Value:
    """Return what is in a template and cannot be read."""
    return Value("not-read", as_text(value), "unreadable")


def literal(value: Any) -> Value:
    """Return what a policy has: a text, or something of the wrong type."""
    return Value("known" if isinstance(value, str) else "not-read", as_text(value))


def known(text: str) -> Value:
    """Return a known value."""
    return Value("known", text)


# Texts

VERSIONS: Final = ("2008-10-17", "2012-10-17")
"""The versions of a policy. The first is the default; only the second has policy variables."""

_ROOT: Final = re.compile("arn:aws(?:-[a-z]+)*:iam::([0-9]{12}):root")

_VARIABLE_START: Final = re.compile(r"\$\{(?!AWS::)")
"""The start of a policy variable, not of a placeholder for what depends on the account."""

_ARN: Final = re.compile("^arn:aws(?:-[a-z]+)*:")


def in_newest_version(text: str, version: Any) -> str:
    """Return a text of a policy as the newest version of policies says the same.

    In the older one, a policy variable is the text that it looks like.
    """
    return _VARIABLE_START.sub("${$}{", text) if version == VERSIONS[0] else text


def in_account(text: str, *, account: str, partition: str) -> str:
    """Return a text with the placeholders of an account filled in."""
    return text.replace("${AWS::AccountId}", account).replace("${AWS::Partition}", partition)


def without_partition(text: str) -> str:
    """Return an ARN with a placeholder for its partition, or any other text as it is."""
    return _ARN.sub("arn:${AWS::Partition}:", text)


def account_of_root(principal: Any) -> Any:
    """Return the account's ID if a principal is its root; else the principal."""
    root = _ROOT.fullmatch(principal) if isinstance(principal, str) else None
    return principal if root is None else root[1]


def strings(value: Any) -> list[str]:
    """The value's strings; what is not one is written as JSON."""
    return [as_text(element) for element in as_list(value)]


_PRINCIPAL_TAG: Final = re.compile(r'aws:principaltag/([^"\\}]+)')


def asked_tags(text: str) -> set[str]:
    """Return the keys, in lower case, of the role's tags on which a text of a policy depends."""
    return set(_PRINCIPAL_TAG.findall(text.lower()))


# Where a statement applies

_OPEN: Final = re.compile(r"\$\{(\$\}\{)?[^}]*\}")
"""What can stand for any text: a policy variable, or a placeholder, in each version."""

_OF_ANY_SERVICE: Final = re.compile(r"(?:arn:[^:*?]*:?)?\*", re.IGNORECASE)

_NO_RESOURCE: Final = "*"

_REQUIRES_ONE: Final = {
    f"ForAnyValue:{operator}"
    for operator in ("StringEquals", "StringEqualsIgnoreCase", "StringLike")
}

ANY_ARN: Final = ("arn:*",)
"""The pattern of the ARNs of an action whose resources are not known."""


@dataclass(frozen=True, kw_only=True)
class Scope:
    """Where a statement applies.

    :param resources: the ARNs and patterns of its resources, sorted.
    :param unresolved: those of its resources that only the deployment knows, as JSON, sorted.
    :param excluded: whether it applies to all resources but these.
    :param condition: what a request must meet.
    """

    resources: tuple[str, ...] = ("*",)
    unresolved: tuple[str, ...] = ()
    excluded: bool = False
    condition: Condition = ALWAYS

    @property
    def everywhere(self) -> bool:
        """Whether it applies to every resource."""
        return not self.excluded and "*" in self.resources

    @cached_property
    def size(self) -> int:
        """How many resources it has, or values of its condition."""
        values = sum(len(test.values) for test in self.condition.tests)
        return max(len(self.resources), values, 1)

    @cached_property
    def services(self) -> frozenset[str]:
        """The patterns of the services whose resources it may apply to."""
        if self.excluded or self.unresolved:
            return frozenset("*")
        return frozenset(map(service_in, self.opened))

    @cached_property
    def opened(self) -> tuple[str, ...]:
        """Its resources, with a wildcard for what can be any text."""
        return tuple(map(_opened, self.resources))

    def is_of_any_service(self, *, certain: bool) -> bool:
        """Return whether it applies to every action; if only what is certain counts, certainly."""
        every = not certain and any(map(_OF_ANY_SERVICE.match, self.opened))
        return self.everywhere or bool(self.unresolved) or (every and not self.excluded)

    @property
    def needs_tags(self) -> bool:
        """Whether it applies only to requests with certain tags."""
        return any(
            test.key == "aws:tagkeys" and test.operator in _REQUIRES_ONE
            for test in self.condition.tests
        )

    def on(self, arns: Sequence[str], others: Sequence[str] = ()) -> "Scope | None":
        """Return where it applies to an action; ``None`` if it certainly never does.

        The action's resources have ARNs of some patterns, or of none, and perhaps of others that
        AWS does not document. An action without resources is about the resource ``*``, so a
        statement applies to all of the action or to none.
        """
        if self.everywhere:
            return self
        known = arns or (_NO_RESOURCE,)
        about = (*others, *known)
        if self.excluded:
            if "*" in self.resources:
                return None
            # That an incomplete ARN does not exclude the resource `*` is not certain.
            everywhere = not (arns or self.unresolved) and all(
                is_whole_arn(listed) and not _may_be(listed, about) for listed in self.resources
            )
            return replace(EVERYWHERE, condition=self.condition) if everywhere else self
        applies = self.unresolved or any(_may_be(listed, about) for listed in self.resources)
        return self if applies else None

    def covers(self, other: "Scope") -> bool:
        """Return whether it certainly applies wherever another one does."""
        return self._covers_resources(other) and (
            not self.condition or other.condition.implies(self.condition)
        )

    def _covers_resources(self, other: "Scope") -> bool:
        same = (
            self.resources == other.resources
            and self.unresolved == other.unresolved
            and self.excluded == other.excluded
        )
        if self.everywhere or same:
            return True
        mine, its = {*self.unresolved}, {*other.unresolved}
        if self.excluded and other.excluded:
            return mine <= its and all(
                any(_within(one, another) for another in other.resources) for one in self.resources
            )
        if self.excluded:
            return not (mine or its) and not any(
                VARIABLE in one + another or overlap(one, another)
                for one in self.resources
                for another in other.resources
            )
        return (
            not other.excluded
            and its <= mine
            and all(
                any(_within(one, another) for another in self.resources) for one in other.resources
            )
        )

    @property
    def texts(self) -> Iterator[str]:
        """Its resources, and the texts of its condition."""
        yield from (*self.resources, *self.unresolved, *self.condition.texts)

    def with_texts(self, change: Callable[[str], str]) -> "Scope":
        """Return it with other texts."""
        return replace(
            self,
            resources=tuple(sorted({*map(change, self.resources)})),
            unresolved=tuple(sorted({*map(change, self.unresolved)})),
            condition=self.condition.with_texts(change),
        )


EVERYWHERE: Final = Scope()
"""Every resource, under no condition."""


@lru_cache(maxsize=2**12)
def _opened(resource: str) -> str:
    # No partition has a colon, so that it does not matter which one it is.
    return _OPEN.sub("*", resource.replace("${AWS::Partition}", "aws"))


def _may_be(resource: str, arns: Sequence[str]) -> bool:
    pattern = _opened(resource)
    return any(
        {*pattern} == {_NO_RESOURCE} if arn == _NO_RESOURCE else arns_may_overlap(pattern, arn)
        for arn in arns
    )


def _within(inner: str, outer: str) -> bool:
    # A variable can stand for anything.
    return inner == outer or (VARIABLE not in inner + outer and covers(outer, inner, fold=False))


@dataclass(frozen=True, kw_only=True)
class ActionPattern:
    """One action pattern of a statement, or all the patterns of its ``NotAction``.

    :param pattern: the pattern; empty for a ``NotAction``.
    :param excluded: the patterns of the ``NotAction``.
    :param effect: the effect of the statement.
    :param scope: where the statement applies.
    :param readable: whether the statement can be read.
    """

    pattern: str
    excluded: tuple[str, ...] | None
    effect: str
    scope: Scope
    readable: bool

    @property
    def size(self) -> int:
        """How many patterns it has."""
        return len(self.excluded or [self.pattern])

    @property
    def named(self) -> str:
        """Its pattern, or that it is all but the patterns of a ``NotAction``."""
        return self.pattern if self.excluded is None else f"all but {', '.join(self.excluded)}"

    def matches(self, action: str) -> bool:
        """Return whether it is about an action, or about everything that a pattern matches."""
        if self.excluded is None:
            return covers(self.pattern, action)
        return not any(overlap(pattern, action) for pattern in self.excluded)

    def matches_all_of(self, other: "ActionPattern") -> bool:
        """Return whether it is certainly about everything that another one is about."""
        if other.excluded is None:
            return self.matches(other.pattern)
        if self.excluded is None:
            return self.pattern == "*"
        return all(any(covers(its, mine) for its in other.excluded) for mine in self.excluded)


_STATEMENT_MEMBERS: Final = {
    "Sid",
    "Effect",
    "Action",
    "NotAction",
    "Resource",
    "NotResource",
    "Condition",
}
_PATTERN: Final = re.compile(r"\*|[A-Za-z0-9._-]+:[A-Za-z0-9*?._-]+")
"""The characters of an action pattern. Anything else is a function or masked, imitates another
pattern, or is rejected by IAM, such as a wildcard in the service."""


@dataclass(frozen=True, kw_only=True)
class Statement:
    """A statement of an identity policy.

    :param effect: ``Allow`` or ``Deny``; another text if it cannot be read.
    :param actions: the patterns of its actions.
    :param not_actions: the patterns of all that it is not about; ``None`` if it only has actions.
    :param scope: where it applies.
    :param not_read: all of it, as JSON, if it cannot be read; otherwise empty.
    """

    effect: str
    actions: tuple[str, ...] = ()
    not_actions: tuple[str, ...] | None = None
    scope: Scope = EVERYWHERE
    not_read: str = ""

    @cached_property
    def patterns(self) -> tuple[ActionPattern, ...]:
        """Its action patterns, one by one."""
        excluded = () if self.not_actions is None else (("", self.not_actions),)
        return tuple(
            ActionPattern(
                pattern=pattern,
                excluded=excluded,
                effect=self.effect,
                scope=self.scope,
                readable=not self.not_read,
            )
            for pattern, excluded in (*excluded, *((action, None) for action in self.actions))
        )

    @property
    def denies_everything(self) -> bool:
        """Whether it denies every action on every resource, at least under its condition."""
        denies = self.effect == "Deny" and not self.not_read
        return denies and "*" in self.actions and self.scope.everywhere

    @property
    def texts(self) -> Iterator[str]:
        """All of its texts but the effect."""
        yield from (*self.actions, *(self.not_actions or ()), *self.scope.texts, self.not_read)


_DOCUMENT_MEMBERS: Final = {"Version", "Id", "Statement"}
_NAME: Final = re.compile(r"[A-Za-z0-9_+=,.@-]{1,128}")
_NOT_KNOWN: Final = ("null",)


@dataclass(frozen=True, kw_only=True)
class Policy:
    """A policy of a role, or of an organization.

    What depends on the account is a placeholder, such as ``${AWS::Partition}``. Its texts are those
    of the newest version of policies.

    :param name: its name.
    :param arn: its ARN if it is a managed policy; empty for an inline one.
    :param statements: its statements.
    :param not_read: what is no statement, or all of it if it is no policy, as JSON; ``null`` if its
        document is not known.
    """

    name: str
    arn: str = ""
    statements: tuple[Statement, ...] = ()
    not_read: tuple[str, ...] = _NOT_KNOWN

    @property
    def is_known(self) -> bool:
        """Whether its document is known."""
        return self.not_read != _NOT_KNOWN

    @property
    def unreadable(self) -> tuple[str, ...]:
        """All that cannot be read of it, as JSON."""
        unread = (statement.not_read for statement in self.statements if statement.not_read)
        return (*self.not_read, *unread)

    @property
    def patterns(self) -> Iterator[ActionPattern]:
        """The action patterns of its statements, one by one."""
        for statement in self.statements:
            yield from statement.patterns

    @property
    def only_denies(self) -> bool:
        """Whether all of it can be read, and it has nothing but denies."""
        denies = (each.effect == "Deny" and not each.not_read for each in self.statements)
        return bool(self.statements) and not self.not_read and all(denies)

    @property
    def has_valid_name(self) -> bool:
        """Whether its name is valid, not a function or a masked text."""
        return _NAME.fullmatch(self.name) is not None

    @property
    def asked_tags(self) -> set[str]:
        """The keys, in lower case, of the role's tags on which it depends."""
        texts = (text for statement in self.statements for text in statement.texts)
        return {key for text in (*texts, *self.not_read) for key in asked_tags(text)}

    def with_texts(self, change: Callable[[str], str]) -> "Policy":
        """Return it with other resources and conditions."""
        statements = (
            replace(each, scope=each.scope.with_texts(change), not_read=change(each.not_read))
            for each in self.statements
        )
        not_read = tuple(map(change, self.not_read))
        return replace(self, statements=tuple(statements), not_read=not_read)

    def in_account(self, *, account: str, partition: str) -> "Policy":
        """Return it with the placeholders of an account filled in."""

        def fill(text: str) -> str:
            return in_account(text, account=account, partition=partition)

        return replace(self.with_texts(fill), name=fill(self.name), arn=fill(self.arn))

    def means_the_same_as(self, other: "Policy") -> bool:
        """Return whether IAM treats two policies alike."""
        mine, its = (self.statements, self.not_read), (other.statements, other.not_read)
        return mine == its or self.canonical == other.canonical

    @cached_property
    def canonical(self) -> frozenset[object]:
        """What is the same for policies that IAM treats alike.

        It has a part for each action and resource of a statement. What cannot be read is there as
        it is, so it equals only itself.
        """
        parts = {
            part
            for statement in self.statements
            if not statement.not_read
            for pattern in statement.patterns
            for part in _parts(pattern)
        }
        # Every resource includes any other one.
        kept = {(about, on) for about, on in parts if on == "*" or (about, "*") not in parts}
        return frozenset({*kept, *self.unreadable})


def _parts(pattern: ActionPattern) -> Iterator[tuple[object, object]]:
    # What it is about, and on which resource.
    scope = pattern.scope
    action: object = folded(pattern.pattern)
    if pattern.excluded is not None:
        action = frozenset(map(folded, pattern.excluded))
    about = (pattern.effect, action, scope.condition)
    if scope.excluded:
        yield about, (scope.resources, scope.unresolved)
        return
    for resource in scope.resources or (None,):
        yield about, resource
    for unresolved in scope.unresolved:
        yield about, ("unresolved", unresolved)


def parse_policy(document: Any, *, name: str, arn: str = "") -> Policy:
    """Parse the document of an identity policy."""
    members = as_mapping(document)
    is_whole = "Statement" in members and members.keys() <= _DOCUMENT_MEMBERS
    listed = as_list(members.get("Statement", []))
    version = members.get("Version", VERSIONS[0])
    not_read = [{"Statement": part} for part in listed if not isinstance(part, dict)]
    if not is_whole:
        not_read = [document]
    if version not in VERSIONS:
        not_read.append({"Version": version})
    return Policy(
        name=name,
        arn=arn,
        statements=tuple(
            _statement(part, version, is_whole=is_whole)
            for part in listed
            if isinstance(part, dict)
        ),
        not_read=tuple(map(json_text, not_read)),
    )


def parse_control_policy(document: Any, *, name: str) -> Policy:
    """Parse the document of a service or resource control policy, which may name everyone."""

    def without_everyone(part: Any) -> Any:
        if isinstance(part, dict) and part.get("Principal") == "*":
            return {key: value for key, value in part.items() if key != "Principal"}
        return part

    return parse_policy(mapped(document, without_everyone), name=name)


def _statement(members: Mapping[str, Any], version: Any, *, is_whole: bool) -> Statement:
    actions, not_actions = members.get("Action", []), members.get("NotAction")
    patterns = [*as_list(actions), *as_list([] if not_actions is None else not_actions)]
    # Functions in a condition or a resource can only narrow the statement, so they do not matter.
    readable = (
        is_whole
        and members.get("Effect") in ("Allow", "Deny")
        and members.keys() <= _STATEMENT_MEMBERS
        and ("Action" in members) != ("NotAction" in members)
        and ("Resource" in members) != ("NotResource" in members)
        and bool(patterns)
        and all(isinstance(pattern, str) and _PATTERN.fullmatch(pattern) for pattern in patterns)
    )
    return Statement(
        effect=as_text(members.get("Effect", "")),
        actions=tuple(strings(actions)),
        not_actions=tuple(strings(not_actions)) if "NotAction" in members else None,
        scope=_scope(members, version),
        not_read="" if readable else json_text(members),
    )


def _scope(members: Mapping[str, Any], version: Any) -> Scope:
    def newest(text: str) -> str:
        return in_newest_version(text, version)

    condition = parse_condition(members.get("Condition", {})).with_texts(newest)
    excluded = "NotResource" in members
    listed = as_list(members["NotResource"] if excluded else members.get("Resource", "*"))
    resources = {newest(resource) for resource in listed if isinstance(resource, str)}
    if "*" in resources and not excluded:
        return Scope(condition=condition)
    unresolved = {as_text(resource) for resource in listed if not isinstance(resource, str)}
    return Scope(
        resources=tuple(sorted(resources)),
        unresolved=tuple(sorted(unresolved)),
        excluded=excluded,
        condition=condition,
    )


_DENIES_ALL: Final = re.compile(
    r"arn:(?:aws[a-z-]*|\$\{AWS::Partition\}):iam::aws:policy/AWSDenyAll"
)
DENY_ALL: Final = Policy(
    name="AWSDenyAll",
    arn="arn:${AWS::Partition}:iam::aws:policy/AWSDenyAll",
    statements=(Statement(effect="Deny", actions=("*",)),),
    not_read=(),
)
"""AWS Managed Policy Reference, "AWSDenyAll"."""


def denies_all(arn: str) -> bool:
    """Return whether an ARN is that of AWS's policy that denies everything."""
    return _DENIES_ALL.fullmatch(arn) is not None


def statements_in(document: Any) -> list[Mapping[str, Any]]:
    """The statements of a policy document; none if the value is not one."""
    found = as_list(as_mapping(document).get("Statement"))
    return [statement for statement in found if isinstance(statement, dict)]
