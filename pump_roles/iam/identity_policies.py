"""Policies and their statements: which can be read, what each is about, and where it applies."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Final, Literal

from pump_roles.iam.matching import (
    arns_may_overlap,
    arns_overlap,
    covers,
    implies,
    is_never_met,
    is_whole_arn,
    overlap,
)
from pump_roles.inputs.text import as_list, as_mapping, as_text, mapped


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


def strings(value: Any) -> list[str]:
    """The value's strings; what is not one is written as JSON."""
    return [as_text(element) for element in as_list(value)]


def statements_in(document: Any) -> list[Mapping[str, Any]]:
    """The statements of a policy document; none if the value is not one."""
    found = as_list(as_mapping(document).get("Statement"))
    return [statement for statement in found if isinstance(statement, dict)]


_DOCUMENT_MEMBERS: Final = {"Version", "Id", "Statement"}
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


_NAME: Final = re.compile(r"[A-Za-z0-9_+=,.@-]{1,128}")


@dataclass(frozen=True, kw_only=True)
class Policy:
    """A policy of a role.

    :param name: its name.
    :param document: its document. What depends on the account is a placeholder, such as
        ``${AWS::Partition}``. ``None`` if it is not known.
    :param arn: its ARN if it is a managed policy; empty for an inline one.
    """

    name: str
    document: Any
    arn: str = ""


_DENIES_ALL: Final = re.compile(
    r"arn:(?:aws[a-z-]*|\$\{AWS::Partition\}):iam::aws:policy/AWSDenyAll"
)
DENY_ALL: Final = Policy(
    name="AWSDenyAll",
    document={
        "Version": "2012-10-17",
        "Statement": [{"Sid": "DenyAll", "Effect": "Deny", "Action": ["*"], "Resource": "*"}],
    },
    arn="arn:${AWS::Partition}:iam::aws:policy/AWSDenyAll",
)
"""AWS Managed Policy Reference, "AWSDenyAll"."""


def denies_all(arn: str) -> bool:
    """Return whether an ARN is that of AWS's policy that denies everything."""
    return _DENIES_ALL.fullmatch(arn) is not None


def is_policy_name(name: str) -> bool:
    """Return whether a text is a valid policy name, not a function or a masked text."""
    return _NAME.fullmatch(name) is not None


def _is_whole(document: Mapping[str, Any]) -> bool:
    """Return whether a policy document contains statements, and no unknown members."""
    return "Statement" in document and document.keys() <= _DOCUMENT_MEMBERS


def only_denies(document: Any) -> bool:
    """Return whether a policy document can be read, and has nothing but denies."""
    read = as_mapping(document)
    listed = as_list(read["Statement"]) if _is_whole(read) else []
    return bool(listed) and all(
        _is_readable(statement) and statement["Effect"] == "Deny" for statement in listed
    )


def _is_readable(statement: Any) -> bool:
    """Return whether a statement can be read.

    Functions in a condition or a resource can only narrow the statement, so they do not matter.
    """
    known = as_mapping(statement)
    patterns = [*as_list(known.get("Action", [])), *as_list(known.get("NotAction", []))]
    return (
        known.get("Effect") in ("Allow", "Deny")
        and known.keys() <= _STATEMENT_MEMBERS
        and ("Action" in known) != ("NotAction" in known)
        and ("Resource" in known) != ("NotResource" in known)
        and bool(patterns)
        and all(isinstance(pattern, str) and _PATTERN.fullmatch(pattern) for pattern in patterns)
    )


# Canonical forms: what IAM treats alike has the same form.

VERSIONS: Final = ("2008-10-17", "2012-10-17")
"""The versions of a policy. The first is the default; only the second has policy variables."""

# IAM User Guide, "IAM JSON policy elements: Condition operators": these behave identically.
_ALIKE: Final = {"ArnEquals": "ArnLike", "ArnNotEquals": "ArnNotLike"}
_TRUTH: Final = {"Bool", "Null"}

_ROOT: Final = re.compile("arn:aws(?:-[a-z]+)*:iam::([0-9]{12}):root")

_VARIABLE_START: Final = re.compile(r"\$\{(?!AWS::)")
"""The start of a policy variable, not of a placeholder for what depends on the account."""

_ARN: Final = re.compile("^arn:aws(?:-[a-z]+)*:")


def in_newest_version(text: str, version: Any) -> str:
    """Return a text of a policy as the newest version of policies says the same.

    In the older one, a policy variable is the text that it looks like.
    """
    return _VARIABLE_START.sub("${$}{", text) if version == VERSIONS[0] else text


def in_account(value: Any, *, account: str, partition: str) -> Any:
    """Return a JSON value with the placeholders of an account filled in."""

    def filled(part: Any) -> Any:
        if not isinstance(part, str):
            return part
        return part.replace("${AWS::AccountId}", account).replace("${AWS::Partition}", partition)

    return mapped(value, filled)


def without_partition(value: Any) -> Any:
    """Return a JSON value with a placeholder for the partition of each ARN."""

    def without(part: Any) -> Any:
        if isinstance(part, dict) and part.keys() == {"Fn::Sub"}:
            return part["Fn::Sub"]
        return _ARN.sub("arn:${AWS::Partition}:", part) if isinstance(part, str) else part

    return mapped(value, without)


def account_of_root(principal: Any) -> Any:
    """Return the account's ID if a principal is its root; else the principal."""
    root = _ROOT.fullmatch(principal) if isinstance(principal, str) else None
    return principal if root is None else root[1]


def canonical_condition(condition: Any) -> Any:
    """Return a condition's canonical form: operators with keys in lowercase and sorted values.

    What cannot be read stays unchanged.
    """
    if not isinstance(condition, dict):
        return condition
    found: dict[str, Any] = {}
    for operator, keys in condition.items():
        name = _operator(operator)
        if name in found:
            # Two spellings of one operator: both must be met, so neither replaces the other.
            return condition
        found[name] = _keys(name, keys) if isinstance(keys, dict) else keys
    return found


def _keys(operator: str, keys: Mapping[str, Any]) -> Mapping[str, Any]:
    found = {folded(key): _values(operator, value) for key, value in keys.items()}
    # If a key has two spellings, neither replaces the other.
    return found if len(found) == len(keys) else keys


def _operator(name: str) -> str:
    prefix, _, last = name.rpartition(":")
    base = last.removesuffix("IfExists")
    alike = f"{_ALIKE.get(base, base)}{last[len(base) :]}"
    return f"{prefix}:{alike}" if prefix else alike


def _values(operator: str, value: Any) -> Any:
    base = operator.rpartition(":")[2].removesuffix("IfExists")
    return _set([_value(element, truth=base in _TRUTH) for element in as_list(value)])


def _value(value: Any, *, truth: bool) -> Any:
    # IAM treats a number or a Boolean like its text.
    if isinstance(value, bool | int | float):
        value = json.dumps(value)
    return folded(value) if truth and isinstance(value, str) else value


def folded(text: str) -> str:
    """Return the text of an action or a condition key in lower case."""
    # Only ASCII: letters that IAM distinguishes, such as the Kelvin sign and K, are equal in lower
    # case.
    return text.lower() if text.isascii() else text


def _set(values: list[Any]) -> list[Any]:
    return sorted({text_of(value): value for value in values}.values(), key=text_of)


def text_of(value: Any) -> str:
    """Return the one text of a JSON value."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


# Statements, one action pattern at a time

_VARIABLE: Final = "${"
_OPEN: Final = re.compile(r"\$\{(\$\}\{)?[^}]*\}")
"""What can stand for any text: a policy variable, or a placeholder, in each version."""

_NO_RESOURCE: Final = "*"

ANY_ARN: Final = ("arn:*",)
"""The pattern of the ARNs of an action whose resources are not known."""


@dataclass(frozen=True, kw_only=True)
class Scope:
    """Where a statement applies.

    :param resources: the ARNs and patterns of its resources, sorted. What is not a string is JSON.
    :param excluded: whether it applies to all resources but these.
    :param condition: the canonical form of its condition as JSON; empty if it has none.
    """

    resources: tuple[str, ...] = ("*",)
    excluded: bool = False
    condition: str = ""

    @property
    def everywhere(self) -> bool:
        """Whether it applies to every resource."""
        return not self.excluded and "*" in self.resources

    @property
    def needs_tags(self) -> bool:
        """Whether it applies only to requests with certain tags."""
        condition = as_mapping(_read(self.condition or "{}"))
        return any(
            "aws:tagkeys" in as_mapping(condition.get(f"ForAnyValue:{operator}"))
            for operator in ("StringEquals", "StringEqualsIgnoreCase", "StringLike")
        )

    def on(
        self, arns: Sequence[str], others: Sequence[str] = (), *, certain: bool = False
    ) -> "Scope | None":
        """Return where it applies to an action; ``None`` if it certainly never does, or, if only
        what is certain counts, unless it does.

        The action's resources have ARNs of some patterns, or of none, and perhaps of others that
        AWS does not document. An action without resources is about the resource ``*``, so a
        statement applies to all of the action or to none.
        """
        if self.everywhere:
            return self
        known = arns or (_NO_RESOURCE,)
        if self.excluded:
            if "*" in self.resources:
                return None
            # That an incomplete ARN does not exclude the resource `*` is not certain.
            everywhere = not arns and all(
                is_whole_arn(listed) and not _may_be(listed, (*known, *others))
                for listed in self.resources
            )
            return replace(EVERYWHERE, condition=self.condition) if everywhere else self
        about = known if certain else (*known, *others)
        applies = any(_may_be(listed, about, certain=certain) for listed in self.resources)
        return self if applies else None

    def covers(self, other: "Scope") -> bool:
        """Return whether it certainly applies wherever another one does."""
        return self._covers_resources(other) and (
            self.condition == other.condition
            or not self.condition
            or (bool(other.condition) and implies(_read(other.condition), _read(self.condition)))
        )

    def _covers_resources(self, other: "Scope") -> bool:
        if self.everywhere or (self.excluded, self.resources) == (other.excluded, other.resources):
            return True
        if self.excluded and other.excluded:
            return all(
                any(_within(mine, its) for its in other.resources) for mine in self.resources
            )
        if self.excluded:
            return not any(
                _VARIABLE in mine + its or overlap(mine, its)
                for mine in self.resources
                for its in other.resources
            )
        return not other.excluded and all(
            any(_within(its, mine) for mine in self.resources) for its in other.resources
        )


EVERYWHERE: Final = Scope()
"""Every resource, under no condition."""


def _scope_of(statement: Mapping[str, Any], version: Any) -> Scope:
    excluded = "NotResource" in statement
    listed = statement["NotResource"] if excluded else statement.get("Resource", "*")
    # What CloudFormation fills in is written as JSON, so it is not text of the policy.
    resources = {
        text if text.startswith("{") else in_newest_version(text, version)
        for text in strings(listed)
    }
    condition = statement.get("Condition", {})
    canonical_form = canonical_condition(condition)
    if statement.get("Effect") == "Deny" and is_never_met(canonical_form):
        return Scope(resources=())
    written = "" if condition == {} else json.dumps(canonical_form, sort_keys=True)
    return Scope(
        resources=("*",) if not excluded and "*" in resources else tuple(sorted(resources)),
        excluded=excluded,
        condition=in_newest_version(written, version),
    )


@lru_cache(maxsize=2**12)
def _read(condition: str) -> Any:
    return json.loads(condition)


@lru_cache(maxsize=2**12)
def _opened(resource: str) -> str:
    # What CloudFormation fills in is written as JSON.
    return "*" if resource.startswith("{") else _OPEN.sub("*", resource)


def _may_be(resource: str, arns: Sequence[str], *, certain: bool = False) -> bool:
    pattern = _opened(resource)
    shares = arns_overlap if certain else arns_may_overlap
    return any(
        covers(pattern, arn, fold=False) if arn == _NO_RESOURCE else shares(pattern, arn)
        for arn in arns
    )


def _within(inner: str, outer: str) -> bool:
    # A variable can stand for anything.
    return inner == outer or (_VARIABLE not in inner + outer and covers(outer, inner, fold=False))


@dataclass(frozen=True, kw_only=True)
class Clause:
    """One action pattern of a statement, or all the patterns of its ``NotAction``."""

    pattern: str
    excluded: tuple[str, ...] | None
    effect: str
    scope: Scope
    readable: bool

    @property
    def named(self) -> str:
        """Its pattern, or that it is all but the patterns of a ``NotAction``."""
        return self.pattern if self.excluded is None else f"all but {', '.join(self.excluded)}"

    def matches(self, action: str) -> bool:
        """Return whether it is about an action, or about everything that a pattern matches."""
        if self.excluded is None:
            return covers(self.pattern, action)
        return not any(overlap(pattern, action) for pattern in self.excluded)

    def matches_all_of(self, other: "Clause") -> bool:
        """Return whether it is certainly about everything that another one is about."""
        if other.excluded is None:
            return self.matches(other.pattern)
        if self.excluded is None:
            return self.pattern == "*"
        return all(any(covers(its, mine) for its in other.excluded) for mine in self.excluded)


def clauses(document: Any) -> Iterator[Clause]:
    """Yield the clauses of a policy document. What is not a statement is skipped; see
    :func:`unreadable_statements`.
    """
    members = as_mapping(document)
    whole, version = _is_whole(members), members.get("Version", VERSIONS[0])
    for statement in statements_in(document):
        common: dict[str, Any] = {
            "effect": as_text(statement.get("Effect", "")),
            "scope": _scope_of(statement, version),
            "readable": whole and _is_readable(statement),
        }
        if "NotAction" in statement:
            yield Clause(pattern="", excluded=tuple(strings(statement["NotAction"])), **common)
        for pattern in strings(statement.get("Action", [])):
            yield Clause(pattern=pattern, excluded=None, **common)


def unreadable_statements(document: Any) -> list[Any]:
    """Return the statements of a policy document that cannot be read, or the document itself."""
    read = as_mapping(document)
    if not _is_whole(read):
        return [document]
    return [statement for statement in as_list(read["Statement"]) if not _is_readable(statement)]


def canonical(document: Any) -> str:
    """Return a policy document's canonical form: documents that IAM treats alike have the same one.

    It has a line for each action and resource of a statement. What cannot be read is there as it
    is, so it equals only itself.
    """
    members = as_mapping(document)
    if not _is_whole(members):
        return f"unreadable document {text_of(document)}"
    lines = {f"unreadable {text_of(part)}" for part in unreadable_statements(document)}
    parts = {part for clause in clauses(document) if clause.readable for part in _parts(clause)}
    # Every resource includes any other one.
    lines |= {f"{about} {on}" for about, on in parts if on == _ANY or (about, _ANY) not in parts}
    version = members.get("Version", VERSIONS[0])
    if version not in VERSIONS:
        lines.add(f"version {text_of(version)}")
    return "\n".join(sorted(lines))


_ANY: Final = text_of("*")


def _parts(clause: Clause) -> Iterator[tuple[str, str]]:
    # What each part of a clause is about, and on which resource.
    scope = clause.scope
    about = {"Effect": clause.effect, "Condition": _read(scope.condition or "{}")}
    if clause.excluded is None:
        about["Action"] = folded(clause.pattern)
    else:
        about["NotAction"] = sorted({*map(folded, clause.excluded)})
    if scope.excluded:
        yield text_of({**about, "NotResource": scope.resources}), ""
        return
    text = text_of(about)
    for resource in scope.resources or (None,):
        yield text, text_of(resource)


_PRINCIPAL_TAG: Final = re.compile(r'aws:principaltag/([^"\\}]+)')


def asked_tags(policies: Any) -> set[str]:
    """Return the keys, in lower case, of the role's tags on which policies depend."""
    return set(_PRINCIPAL_TAG.findall(as_text(policies).lower()))
