"""Trust policies, parsed once: whom each statement lets in, and what it requires of them."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final, Literal

from pump_roles.iam.conditions import Condition, parse_condition
from pump_roles.iam.external_ids import (
    EXTERNAL_ID_KEY,
    MASK,
    ExternalId,
    external_ids_in,
    ids_required_by,
)
from pump_roles.iam.identity_policies import (
    VERSIONS,
    Value,
    account_of_root,
    in_account,
    in_newest_version,
    known,
    literal,
    strings,
    unreadable,
)
from pump_roles.iam.session_conditions import end_of
from pump_roles.inputs import as_list, as_mapping, as_text
from pump_roles.inputs.validators import EXTERNAL_ID, PRINCIPAL, Text
from pump_roles.patterns import overlap

PrincipalKind = Literal[
    "account",
    "role",
    "provided",
    "user",
    "service",
    "identity-provider",
    "everyone",
    "all-but",
    "deleted",
    "other",
    "unreadable",
]

OF_AWS: Final[frozenset[PrincipalKind]] = frozenset(
    {"account", "role", "provided", "user", "everyone", "deleted", "other"}
)
"""The kinds of principals of AWS."""

_NO_ID: Final = {"service", "identity-provider"}
"""The kinds of principals that pass no external ID."""

ASSUME_ROLE: Final = "sts:AssumeRole"

_ASSUMING: Final = "sts:Assume*"
"""Who is only allowed anything else, such as ``sts:TagSession``, cannot assume the role."""

_DYNAMIC: Final = "{{resolve:"
"""What a dynamic reference of a template starts with."""

_ANY: Final = "$"
"""What is in the place of an open external ID: no external ID has this character."""

_IDS_WHILE_ROTATING: Final = 2
_MOST_PARTS: Final = 10_000
"""A statement with more principals and actions is not compared. IAM allows 4,096 characters."""

_MEMBERS: Final = {"Version", "Id", "Statement"}
_STATEMENT_MEMBERS: Final = {"Sid", "Effect", "Principal", "NotPrincipal", "Action", "Condition"}
_COMPARED_MEMBERS: Final = _STATEMENT_MEMBERS - {"NotPrincipal"}
_KINDS: Final[Mapping[str, PrincipalKind]] = {
    "Service": "service",
    "Federated": "identity-provider",
}

_WITHOUT_ID: Final = re.compile("StringEquals$|ForAllValues:|.*(?:Not|IfExists$)")
"""The operators that a request without an external ID meets, and the exact one."""

_UNIQUE_ID: Final = re.compile("A[A-Z]{3}[A-Z0-9]{12,}")
"""The unique ID that IAM shows for a deleted principal: IAM User Guide, "IAM identifiers"."""

_USER: Final = re.compile("arn:aws[a-z-]*:iam::[0-9]{12}:user/.+")


Reader = Callable[[Any, Text], Value]
"""Reads a principal or an external ID, which the validator accepts."""


def as_written(value: Any, _validator: Text) -> Value:
    """Read a value of a policy that AWS has: every text is known."""
    return literal(value)


@dataclass(frozen=True)
class Principal:
    """A principal of a trust policy.

    :param kind: what it is. ``provided`` is one account or role, provided at deployment;
        ``deleted`` the unique ID of what no longer exists; ``all-but`` everyone except some;
        ``other`` anything else; ``unreadable`` if not even its type can be read.
    :param value: its account ID, ARN, or name. For the root of an account, its account ID: IAM
        shows one for the other.
    """

    kind: PrincipalKind
    value: Value

    @property
    def is_single(self) -> bool:
        """Whether it can only be one account or role."""
        return self.kind in ("account", "role", "provided")

    @property
    def identity(self) -> tuple[str, str]:
        """What is the same for the same principal. The name of a parameter does not matter."""
        return self.kind, self.value.default if self.value.state == "open" else self.value.text


_UNREAD: Final = Principal("unreadable", Value("not-read", why="unreadable"))


@dataclass(frozen=True)
class TrustProblem:
    """How a trust policy differs from one statement with one principal and an external ID.

    :param why: the kind of problem.
    :param subject: what it is about, such as a condition or a number; may be empty.
    :param principal: the principal that it is about, if it is about one.
    """

    why: Literal[
        "actions",
        "any-external-id",
        "condition",
        "document-member",
        "external-id-case",
        "external-id-in-principal",
        "inexact-external-id",
        "many-external-ids",
        "more-actions",
        "no-external-id",
        "not-one-statement",
        "number-of-principals",
        "statement-member",
        "trusts",
        "unknown-external-id",
    ]
    subject: str = ""
    principal: Principal | None = None


@dataclass(frozen=True, kw_only=True)
class TrustStatement:
    """A statement of a trust policy.

    :param effect: ``Allow`` or ``Deny``; another text if it cannot be read.
    :param principals: its principals.
    :param actions: its actions.
    :param id_required: whether it requires an external ID: ``exactly`` one of ``external_ids``,
        ``not-exactly`` if others can be similar, ``unknown`` if that cannot be read, or ``no``.
    :param external_ids: the external IDs that ``StringEquals`` accepts.
    :param condition: what else it requires.
    :param not_read: all of it, as JSON, if something in it cannot be read; otherwise empty.
    """

    effect: str
    principals: tuple[Principal, ...]
    actions: tuple[str, ...]
    id_required: Literal["exactly", "not-exactly", "unknown", "no"]
    external_ids: tuple[ExternalId, ...]
    condition: Condition
    not_read: str

    @property
    def allows_assuming(self) -> bool:
        """Whether someone can assume the role because of it, as far as it can be read."""
        assumes = not self.actions or any(overlap(action, _ASSUMING) for action in self.actions)
        return self.effect != "Deny" and assumes

    def compared_ids(self, *, by_text: bool) -> list[str]:
        """Return a text for each external ID, to compare them; nothing shows these texts.

        What is open could be any ID, and has the same text. With their own texts, they can also be
        compared with a pattern.
        """
        return [
            _ANY if id_.state == "open" else id_.reveal() if by_text else f"{_ANY}{id_.sha256}"
            for id_ in self.external_ids
        ]

    @property
    def is_comparable(self) -> bool:
        """Whether it can be compared with another one."""
        whys = (
            *(who.value.why for who in self.principals),
            *(id_.why for id_ in self.external_ids),
        )
        return (
            not self.not_read
            and not self.condition.not_read
            # An ID of the wrong type is in the condition. What a function is, is not known.
            and not any(whys)
            and 0 < len(self.principals) * len(self.actions) <= _MOST_PARTS
        )


@dataclass(frozen=True, kw_only=True)
class Trust:
    """A trust policy.

    :param statements: its statements.
    :param not_read: what of it is no statement, or all of it if it is no trust policy, as JSON.
    :param problems: how it differs from one statement with one principal and an external ID.
    :param version: its version. Only the newer one of :data:`VERSIONS` has policy variables.
    """

    statements: tuple[TrustStatement, ...]
    not_read: tuple[str, ...] = ()
    problems: tuple[TrustProblem, ...] = ()
    version: str = VERSIONS[0]

    @property
    def allows(self) -> tuple[TrustStatement, ...]:
        """The statements that let someone in."""
        return tuple(statement for statement in self.statements if statement.allows_assuming)

    @property
    def principals(self) -> tuple[Principal, ...]:
        """Whom it lets in; one that cannot be read for what cannot be read of it."""
        named = (principal for statement in self.allows for principal in statement.principals)
        return tuple(dict.fromkeys((*named, *((_UNREAD,) if self.not_read else ()))))

    @property
    def until(self) -> str:
        """Until when it lets anyone in, in UTC; empty if that does not end."""
        ends = {end_of(statement.condition) for statement in self.allows}
        return "" if "" in ends or self.not_read else max(ends, default="")

    @property
    def external_ids(self) -> tuple[ExternalId, ...]:
        """The external IDs that it accepts."""
        return tuple(id_ for statement in self.allows for id_ in statement.external_ids)

    @property
    def named_ids(self) -> frozenset[ExternalId]:
        """The external IDs in it that are known, wherever they are."""
        accepted = (id_ for statement in self.statements for id_ in statement.external_ids)
        required = (id_ for each in self.statements for id_ in ids_required_by(each.condition))
        not_read = external_ids_in([*(each.not_read for each in self.statements), *self.not_read])
        return not_read.union(required, (id_ for id_ in accepted if id_.state == "known"))

    @property
    def id_digests(self) -> tuple[str, ...]:
        """The SHA-256 of each external ID in it that is known, in order."""
        return tuple(sorted(id_.sha256 for id_ in self.named_ids))

    @property
    def id_required(self) -> Literal["exactly", "not-exactly", "not-always", "unknown", "no"]:
        """Whether it requires an external ID of everyone whom it lets in."""
        found = {statement.id_required for statement in self.allows}
        if self.not_read or "unknown" in found or ("no" in found and self.denies_by_id):
            return "unknown"
        if len(found) > 1:
            return "not-always" if "no" in found else "not-exactly"
        return found.pop() if found else "no"

    @property
    def denies_by_id(self) -> bool:
        """Whether it denies access by the external ID, perhaps also without one."""
        return any(
            statement.effect == "Deny"
            and any(EXTERNAL_ID_KEY in text.lower() for text in statement.condition.texts)
            for statement in self.statements
        )

    @property
    def requires_external_id(self) -> bool:
        """Whether nobody is let in without one of the external IDs."""
        return self.id_required == "exactly"

    def with_principals(self, change: Callable[[Value], Value]) -> "Trust":
        """Return it with other values for its principals of AWS."""

        def changed(principal: Principal) -> Principal:
            value = change(principal.value) if principal.kind in OF_AWS else principal.value
            return principal if value == principal.value else _aws_principal(value)

        statements = (
            replace(statement, principals=tuple(map(changed, statement.principals)))
            for statement in self.statements
        )
        problems = (
            replace(problem, principal=problem.principal and changed(problem.principal))
            for problem in self.problems
        )
        left = (each for each in problems if each.principal is None or not each.principal.is_single)
        return replace(self, statements=tuple(statements), problems=tuple(left))

    def with_external_ids(self, change: Callable[[ExternalId], ExternalId]) -> "Trust":
        """Return it with other external IDs."""
        return self._with_ids(lambda ids: tuple(map(change, ids)))

    def with_open_id(self, passed: ExternalId) -> "Trust":
        """Return it with an external ID in the place of the first open one of each statement.

        During a rotation, the other one stays open.
        """

        def filled(ids: tuple[ExternalId, ...]) -> tuple[ExternalId, ...]:
            at = next((at for at, id_ in enumerate(ids) if id_.state == "open"), None)
            return ids if at is None else (*ids[:at], passed, *ids[at + 1 :])

        return self._with_ids(filled)

    def _with_ids(
        self, change: Callable[[tuple[ExternalId, ...]], tuple[ExternalId, ...]]
    ) -> "Trust":
        def changed(statement: TrustStatement) -> TrustStatement:
            ids = change(statement.external_ids)
            required = "exactly" if _is_exact(ids) else statement.id_required
            return replace(statement, external_ids=ids, id_required=required)

        found = replace(self, statements=tuple(map(changed, self.statements)))
        solved = {"no-external-id", "unknown-external-id"} if found.requires_external_id else set()
        problems = (problem for problem in self.problems if problem.why not in solved)
        return replace(found, problems=tuple(problems))

    def in_account(self, *, account: str, partition: str) -> "Trust":
        """Return it with the placeholders of an account filled in."""
        return self.with_texts(partial(in_account, account=account, partition=partition))

    def with_texts(self, change: Callable[[str], str]) -> "Trust":
        """Return it with other principals, external IDs, and conditions."""
        found = self.with_principals(lambda value: replace(value, text=change(value.text)))
        found = found.with_external_ids(lambda id_: id_.filled(change))
        statements = (
            replace(statement, condition=statement.condition.with_texts(change))
            for statement in found.statements
        )
        return replace(found, statements=tuple(statements))


def parse_trust(document: Any, read: Reader = as_written) -> Trust:
    """Parse a trust policy."""
    members = as_mapping(document)
    listed = as_list(members.get("Statement", []))
    not_read = [as_text(part) for part in listed if not isinstance(part, dict)]
    if not isinstance(document, dict) or members.keys() - _MEMBERS:
        not_read = [as_text(document)]
    version = as_text(members.get("Version", VERSIONS[0]))
    parts = (part for part in listed if isinstance(part, dict))
    trust = Trust(
        statements=tuple(_statement(part, version, read) for part in parts),
        not_read=tuple(not_read),
        version=version,
    )
    return replace(trust, problems=tuple(_problems(trust, members, listed)))


def _statement(statement: Mapping[str, Any], version: str, read: Reader) -> TrustStatement:
    written_condition = statement.get("Condition", {})
    equals = as_mapping(as_mapping(written_condition).get("StringEquals"))
    keys = [key for key in equals if key.lower() == EXTERNAL_ID_KEY]
    written = (value for key in keys for value in as_list(equals[key]))
    ids = tuple(_external_id(read(value, EXTERNAL_ID)) for value in written)
    rest = written_condition
    if ids and len(keys) == 1 and all(map(_can_be_id, ids)):
        others = {key: value for key, value in equals.items() if key not in keys}
        rest = {**written_condition, "StringEquals": others}
        if not others:
            del rest["StringEquals"]
    condition = parse_condition(rest).with_texts(lambda text: in_newest_version(text, version))
    actions = as_list(statement.get("Action", []))
    are_texts = all(isinstance(action, str) and _DYNAMIC not in action for action in actions)
    principals = tuple(_principals(statement, read))
    readable = (
        statement.get("Effect") in ("Allow", "Deny")
        and statement.keys() <= _COMPARED_MEMBERS
        and are_texts
        and all(_is_readable(principal) for principal in principals)
        and not condition.not_read
    )
    return TrustStatement(
        effect=as_text(statement.get("Effect", "")),
        principals=principals,
        # What is not read may be any action.
        actions=tuple(actions) if are_texts else (),
        id_required=_id_required(ids, statement, condition, named=bool(keys)),
        external_ids=ids,
        condition=condition,
        not_read="" if readable else as_text(statement),
    )


def _external_id(value: Value) -> ExternalId:
    if value.state == "open":
        return ExternalId("open", parameter=value.text)
    if value.is_known:
        return ExternalId.of(value.text)
    return ExternalId.not_read(value.text, "unreadable" if value.why else "")


def _can_be_id(id_: ExternalId) -> bool:
    # A function can be one, even if it can be something else. Then it is compared as an ID.
    return bool(id_.why) or _is_exact((id_,))


def _id_required(
    ids: tuple[ExternalId, ...],
    statement: Mapping[str, Any],
    condition: Condition,
    *,
    named: bool,
) -> Literal["exactly", "not-exactly", "unknown", "no"]:
    if _is_exact(ids):
        return "exactly"
    is_read = not condition.not_read and not any(id_.why for id_ in ids)
    if not is_read or named or not statement.keys() <= _STATEMENT_MEMBERS:
        return "unknown"
    return "not-exactly" if _inexact_operator(statement.get("Condition")) else "no"


def _is_exact(ids: tuple[ExternalId, ...]) -> bool:
    return bool(ids) and all(id_.state != "not-read" for id_ in ids)


def _is_readable(principal: Principal) -> bool:
    # What a function is, is not known, but it is one principal of AWS.
    value = principal.value
    return principal.kind != "unreadable" and (value.state != "not-read" or bool(value.why))


def _principals(statement: Mapping[str, Any], read: Reader) -> Iterator[Principal]:
    if "NotPrincipal" in statement:
        names = ", ".join(strings(statement["NotPrincipal"]))
        yield Principal("all-but", known(names))
    if not isinstance(principal := statement.get("Principal"), dict):
        if principal is None and "NotPrincipal" not in statement:
            yield _UNREAD
        for part in as_list(principal) if principal is not None else ():
            everyone = part == "*"
            value = known("*") if everyone else unreadable(part)
            yield Principal("everyone" if everyone else "unreadable", value)
        return
    for kind, names in principal.items():
        if kind not in {"AWS", *_KINDS}:
            yield Principal("unreadable", unreadable({kind: names}))
            continue
        for name in as_list(names):
            if kind == "AWS":
                yield _aws_principal(read(name, PRINCIPAL))
            else:
                yield Principal(_KINDS[kind], as_written(name, PRINCIPAL))


def _aws_principal(value: Value) -> Principal:
    if value.state == "open":
        return Principal("provided", value)
    text = account_of_root(value.text)
    kind: PrincipalKind = "other"
    if value.state != "known":
        pass
    elif text == "*":
        kind = "everyone"
    elif _UNIQUE_ID.fullmatch(text):
        kind = "deleted"
    elif re.fullmatch(PRINCIPAL.pattern, text):
        kind = "account" if text.isdigit() else "role"
    elif _USER.fullmatch(text):
        kind = "user"
    return Principal(kind, replace(value, text=text))


def _inexact_operator(condition: Any) -> str:
    # That requires an external ID otherwise than StringEquals; a wildcard if that can be any.
    for operator, keys in as_mapping(condition).items():
        for key, values in as_mapping(keys).items():
            ids = strings(values)
            if key.lower() != EXTERNAL_ID_KEY or _WITHOUT_ID.match(operator):
                continue
            if operator == "Null" or not all(id_.strip("*?") and "${" not in id_ for id_ in ids):
                return "" if ids == ["true"] else "*"
            return operator
    return ""


def _problems(
    trust: Trust, members: Mapping[str, Any], listed: list[Any]
) -> Iterator[TrustProblem]:
    if len(listed) != 1 or [statement.effect for statement in trust.statements] != ["Allow"]:
        yield TrustProblem("not-one-statement")
    unread = sorted(members.keys() - _MEMBERS)
    principals = [who for who in trust.principals if not (unread and who == _UNREAD)]
    if len(principals) != 1 and not unread:
        yield TrustProblem("number-of-principals", f"{len(principals)}")
    for principal in principals:
        if not principal.is_single:
            yield TrustProblem("trusts", principal=principal)
    for member in unread:
        yield TrustProblem("document-member", member)
    parts = (part for part in listed if isinstance(part, dict))
    for statement, part in zip(trust.statements, parts, strict=True):
        if statement.allows_assuming:
            yield from _problems_of_ids(statement, part.get("Condition"), trust)
        if statement.effect == "Allow":
            yield from _problems_of_members(statement, part)


def _problems_of_ids(
    statement: TrustStatement, condition: Any, trust: Trust
) -> Iterator[TrustProblem]:
    if statement.id_required == "not-exactly":
        operator = _inexact_operator(condition)
        any_id = TrustProblem("any-external-id")
        yield any_id if operator == "*" else TrustProblem("inexact-external-id", operator)
    elif statement.id_required == "unknown" or (
        statement.id_required == "no" and trust.denies_by_id
    ):
        yield TrustProblem("unknown-external-id")
    elif statement.id_required == "no" and not {who.kind for who in statement.principals} <= _NO_ID:
        yield TrustProblem("no-external-id")
    if len(statement.external_ids) > _IDS_WHILE_ROTATING:
        yield TrustProblem("many-external-ids", f"{len(statement.external_ids)}")
    named = [principal.value.text for principal in trust.principals]
    # In what was kept, it is masked there.
    if any(MASK in text or id_.is_in(text) for id_ in statement.external_ids for text in named):
        yield TrustProblem("external-id-in-principal")


def _problems_of_members(
    statement: TrustStatement, part: Mapping[str, Any]
) -> Iterator[TrustProblem]:
    actions = statement.actions
    if actions.count(ASSUME_ROLE) != 1:
        yield TrustProblem("actions", ", ".join(actions))
    elif len(actions) > 1:
        others = [action for action in actions if action != ASSUME_ROLE]
        yield TrustProblem("more-actions", ", ".join(others))
    for operator, keys in as_mapping(part.get("Condition")).items():
        for key in as_mapping(keys) or [""]:
            if (operator, key.lower()) != ("StringEquals", EXTERNAL_ID_KEY):
                yield TrustProblem("condition", f"{operator} {key}")
    for member in sorted(part.keys() - _STATEMENT_MEMBERS):
        yield TrustProblem("statement-member", member)
