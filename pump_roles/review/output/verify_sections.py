"""Whether accounts are as expected, as a presentation."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final, TypeVar, get_args

from pump_roles.compare.difference import Difference, Rule
from pump_roles.iam.decisions import Effect
from pump_roles.inputs.validators import account_of
from pump_roles.review.account.organization import Organization
from pump_roles.review.account.organization_policies import PUMP_POLICIES
from pump_roles.review.account.verification import (
    AccountResult,
    Approval,
    ExpectedRole,
    MatchState,
    OtherRole,
    PolicyResult,
    RoleResult,
    StopKind,
    StoppedBy,
    StopState,
    Verification,
)
from pump_roles.review.output import (
    Code,
    Digest,
    Item,
    Names,
    Piece,
    Presentation,
    Section,
    Sentence,
    Strong,
    Tone,
    counted,
    first,
)
from pump_roles.review.output.descriptions import (
    describe_access,
    describe_difference,
    describe_ended,
    describe_principal,
    describe_remedy,
    describe_time,
    describe_unknown,
    details_of,
    joined,
)

_K = TypeVar("_K")

_MATCHING: Final = 10
"""How many of the matching accounts are shown; the others are only counted."""

_LISTED: Final = 8
"""How many names are listed in the first line."""

_BROADER: Final[Effect] = "broader"

_NOT_STOPPED: Final[Mapping[Rule, str]] = {
    "not-stopped-management": (
        "Pump is not stopped in these roles of the management account, which no service control "
        "policy affects"
    ),
    "not-stopped-name": "Pump is not stopped in these roles, which {names} does not name",
    "not-stopped-target": (
        "Pump is not stopped in these roles, whose accounts are below no target of {names}"
    ),
}

_STATES: Final[Mapping[MatchState, Tone]] = {"differs": "bad", "unknown": "unsure", "match": "good"}
_EFFECTS: Final[Mapping[Effect, Tone]] = {"broader": "bad", "unclear": "unsure", "narrower": "less"}
"""What needs attention comes first."""


def presentation_of(verification: Verification) -> Presentation:
    """Return the presentation: first what needs attention."""
    by_state = by_attention(verification.accounts)
    counts = [f"{count:,} {state}" for state, count in verification.counts.items() if count]
    policies = verification.policies or ()
    more = sum(map(broader, _results(verification)))
    todo = (Item((Code(rule), f": {remedy}")) for rule, remedy in remedies(verification).items())
    matching = [*map(_account, by_state["match"][:_MATCHING])]
    if left := len(by_state["match"][_MATCHING:]):
        matching.append(Item(f"and {counted(left, 'more account')}"))
    sections = (
        Section("Policies of the organization", (*map(_policy, policies),), attention=True),
        Section("Accounts that differ", (*map(_account, by_state["differs"]),), attention=True),
        Section("Accounts that could not be checked", (*map(_account, by_state["unknown"]),)),
        Section(
            "What the management account can use", tuple(_for_management(verification.accounts))
        ),
        Section("What to do", tuple(todo)),
        Section("Accounts that match", tuple(matching)),
    )
    digest = Digest(verification.expected_sha256)
    about: list[Sentence] = [
        ("Compared with:", " ", Code(verification.expected), ", SHA-256 ", digest)
    ]
    about += map(_expected, verification.expected_roles)
    read = (account.organization for account in verification.accounts)
    if found := dict.fromkeys(_organization(each) for each in read if each is not None):
        about.append(f"Organization: {'; '.join(found)}.")
    notes = dict.fromkeys(note for account in verification.accounts for note in account.notes)
    about += (
        f"Management account not known: {describe_unknown(note)}. Of the roles that trust it, only "
        "those with a name that AWS gives are listed."
        for note in notes
    )
    usable = [role for account in verification.accounts for role in account.for_management]
    if usable:
        about.append(
            f"Roles for the management account: {len(usable):,}. They are listed below, and are "
            "not a difference."
        )
    if verification.policies == ():
        about.append(f"Policies of the organization: none is named {', '.join(PUMP_POLICIES)}.")
    about += (
        f"Whether the organization stops Pump is not known: {describe_unknown(note)}."
        for note in verification.notes
    )
    return Presentation(
        "Pump's roles in AWS accounts",
        verification.version,
        summary=(
            *([Strong(f"More access than expected: {more:,}.", "bad")] if more else []),
            Strong(f"Accounts: {', '.join(counts) or 'none'}."),
        ),
        about=tuple(about),
        all_sections=sections,
        first=tuple(_lines(verification)),
    )


def message_of(verification: Verification) -> str:
    """Return the first line: whether Pump is stopped, in which roles, and in how many accounts."""
    return " ".join(sentence.text for sentence in _first_line(verification))


def _first_line(verification: Verification) -> Iterator[Strong]:
    # What is not stopped comes first, then what is not known. Only if there is neither, Pump is
    # stopped as a whole.
    accounts = verification.accounts
    roles = [role for account in accounts for role in _roles(account)]
    arns = _grouped((role.stop, role.arn) for role in roles if role.stop)
    unknown = [*_not_known(accounts, arns)]
    working = arns.get("not-stopped", [])
    stopped = _grouped((role.stopped_by, role.arn) for role in roles if role.stop == "stopped")
    by = "; ".join(f"{_in_accounts(those)}, by {_stops(stops)}" for stops, those in stopped.items())
    if working:
        yield Strong(f"Pump is not stopped: {_in_accounts(working)}.", "bad")
    if unknown:
        lead = "Not known" if working else "Whether Pump is stopped is not known"
        yield Strong(f"{lead}: {'; '.join(unknown)}.", "unsure")
    if by and (working or unknown):
        yield Strong(f"Stopped: {by}.")
    elif by:
        having = len({account_of(arn) for those in stopped.values() for arn in those})
        number = counted(having, "account")
        every = f"all {number}" if 1 < having == len(accounts) else number
        none = len(accounts) - having
        without = f" {counted(none, 'other account has', 'other accounts have')} no role of Pump's."
        yield Strong(f"Pump is stopped in {every}: {by}.{without if none else ''}", "bad")
    elif not (working or unknown):
        yield Strong(f"Pump has no role to stop in {counted(len(accounts), 'account')}.")


def _not_known(
    accounts: Sequence[AccountResult], arns: Mapping[StopState, Sequence[str]]
) -> Iterator[str]:
    if not accounts:
        yield "no account was verified"
    parts = [{unknown.part for unknown in account.unknown} for account in accounts]
    if unread := sum("account" in found for found in parts):
        yield f"{counted(unread, 'account')} that could not be read"
    if unlisted := sum("other-roles" in found for found in parts):
        yield f"other roles in {counted(unlisted, 'account')}"
    if "not-known" in arns:
        yield _in_accounts(arns["not-known"])
    if "not-known-organization" in arns:
        listed = _in_accounts(arns["not-known-organization"])
        yield f"{listed}, which only a service control policy could stop"


def _lines(verification: Verification) -> Iterator[Sentence]:
    yield tuple(_separated(_first_line(verification)))
    for role in verification.expected_roles:
        if role.ended:
            ended = f"role has ended: {describe_ended(role.ended)}. Review the role again."
            yield Strong(f"A limit of the reviewed {role.kind} {ended}", "bad")
    roles = [role for account in verification.accounts for role in _roles(account)]
    yield from _not_stopped(roles)
    revoked = _grouped(
        (role.revoked_before, role.arn)
        for account in verification.accounts
        for role in account.roles
        if role.revoked_before
    )
    for time, arns in revoked.items():
        yield Strong(
            f"Sessions from before {time} are revoked, but Pump can start new ones: "
            f"{_in_accounts(arns)}.",
            "bad",
        )


def _separated(sentences: Iterable[Strong]) -> Iterator[Piece]:
    for index, sentence in enumerate(sentences):
        yield from [" "] if index else []
        yield sentence


def _not_stopped(roles: Sequence[RoleResult | OtherRole]) -> Iterator[Sentence]:
    explained: set[str] = set()
    grouped = _grouped(
        ((difference.rule, difference.subject), role.arn)
        for role in roles
        for difference in role.differences
    )
    for rule, text in _NOT_STOPPED.items():
        for (found, names), arns in grouped.items():
            if found == rule:
                explained |= {*arns}
                yield Strong(text.format(names=names), "bad"), ": ", Names(arns)
    # Which ones only matters if others are stopped.
    working = [role.arn for role in roles if role.stop == "not-stopped"]
    left = [arn for arn in working if arn not in explained]
    if left and any(role.stop == "stopped" for role in roles):
        yield Strong("Pump is not stopped in these roles", "bad"), ": ", Names(left)


def _grouped(pairs: Iterable[tuple[_K, str]]) -> dict[_K, list[str]]:
    found: dict[_K, list[str]] = {}
    for key, text in pairs:
        found.setdefault(key, []).append(text)
    return found


_STOPS: Final[Mapping[StopKind, str]] = {
    "boundary": "the boundary",
    "attached-policy": "the attached policy",
    "inline-policy": "the inline policy",
    "service-control-policy": "the service control policy",
}


def _stops(stops: Iterable[StoppedBy]) -> str:
    return joined(first((f"{_STOPS[by.kind]} {by.name}" for by in stops), _LISTED))


def _in_accounts(arns: Sequence[str]) -> str:
    numbers = Counter(arn.rpartition("/")[2] for arn in arns)
    texts = (f"{role} in {counted(numbers[role], 'account')}" for role in sorted(numbers))
    return ", ".join(first(texts, _LISTED))


def _expected(role: ExpectedRole) -> Sentence:
    # What is compared with, so that nobody takes it for something else.
    published = "as published" if role.as_published else "not as published"
    principals = ", ".join(map(describe_principal, role.principals)) or "no principal"
    guardrails = f"guardrails: {', '.join(role.guardrails)}" if role.guardrails else "no guardrails"
    findings: Piece = "no findings"
    if role.findings:
        findings = Strong(counted(role.findings, "finding"), "bad")
    until = f" until {describe_time(role.until)}" if role.until else ""
    about = f"{published}; principal: {principals}{until}; {guardrails}; "
    files = [f"{file} SHA-256 {digest}" for file, digest in role.files]
    read = ("; ", Names(files)) if files else ()
    state: Piece = about if role.as_published else Strong(about.strip(), "bad")
    space = "" if role.as_published else " "
    expected = (f"Expected {role.kind} role ", Code(role.name), ": ")
    return (*expected, state, space, findings, *read, ".")


def _account(account: AccountResult) -> Item:
    items = [
        *_items("not checked", map(describe_unknown, account.unknown)),
        *map(_of_difference, account.differences),
        *map(_of_other, account.others),
        *map(_role, account.roles),
    ]
    name = f"{account.account}{f' ({account.name})' if account.name else ''}"
    return Item((Strong(name, _STATES[account.state]),), tuple(items))


_POLICY_TYPES: Final = {
    "SERVICE_CONTROL_POLICY": "service control policy",
    "RESOURCE_CONTROL_POLICY": "resource control policy",
}


def _policy(policy: PolicyResult) -> Item:
    kind = _POLICY_TYPES.get(policy.type, policy.type)
    state = Strong("not compared")
    if policy.state != "not-compared":
        state = Strong(policy.state, _STATES[policy.state])
    text = ", attached to " if policy.attached_to else ", attached to nothing"
    attached = "" if policy.attached_to is None else text
    about = (state, f": {kind} ", Code(policy.name), attached, Names(policy.attached_to or ()))
    items = (
        *map(_of_difference, policy.differences),
        *_items("not checked", map(describe_unknown, policy.unknown)),
    )
    return Item(about, items)


_ABSENT: Final = {"absent", "only-elsewhere"}
"""Which notes say that a role does not exist, and should not."""


def _role(role: RoleResult) -> Item:
    # First those that give more access, then those that may, then the others.
    by_effect = sorted(role.differences, key=lambda found: [*_EFFECTS].index(found.effect))
    items = [
        *(_item(by.name, _about_stop(by), "bad") for by in role.stopped_by),
        *map(_of_difference, by_effect),
        *_items("not checked", map(describe_unknown, role.unknown)),
        *_items("note", map(describe_unknown, role.notes)),
        *(_item(found.guardrail, describe_approval(found)) for found in role.approvals),
    ]
    if role.last_used:
        items.append(_item("last used", role.last_used))
    absent = role.state == "match" and any(note.why in _ABSENT for note in role.notes)
    state = Strong("absent, as expected" if absent else role.state, _STATES[role.state])
    about = f"{role.kind} role"
    return Item((state, f": {about} ", Code(role.arn)), tuple(items))


def _about_stop(by: StoppedBy) -> str:
    # The role's own stop, which is also a difference unless it is expected.
    return {
        "boundary": describe_remedy("boundary-stops"),
        "attached-policy": describe_remedy("policy-stops"),
        "inline-policy": describe_remedy("policy-stops"),
        "service-control-policy": "Pump is stopped by this policy of the organization.",
    }[by.kind]


def _item(label: str, text: str, tone: Tone = "") -> Item:
    return Item((Strong(label, tone), f": {text}"))


def _items(label: str, texts: Iterable[str]) -> Iterator[Item]:
    return (_item(label, text, "unsure") for text in texts)


def _of_difference(difference: Difference) -> Item:
    details = details_of(difference, "account")
    actions = [Item(("actions: ", Names(difference.actions)))]
    return Item(
        (
            Strong(difference.effect, _EFFECTS[difference.effect]),
            " (",
            Code(difference.rule),
            f"): {describe_difference(difference)}",
        ),
        (*map(Item, details), *(actions if difference.actions else [])),
    )


def _of_other(other: OtherRole) -> Item:
    ways = describe_access(other.access)
    about = (Strong(_BROADER, "bad"), " (", Code("other-access"), "): ", "the role")
    items = (
        *map(_of_difference, other.differences),
        *(_item(by.name, _about_stop(by)) for by in other.stopped_by),
        *_items("not checked", map(describe_unknown, other.unknown)),
        *_assumed_by(other),
    )
    return Item((*about, " ", Code(other.arn), f": {ways}"), items)


def _for_management(accounts: Iterable[AccountResult]) -> Iterator[Item]:
    # In most accounts, they are the same.
    alike: dict[tuple[object, ...], list[OtherRole]] = {}
    for account in accounts:
        for other in account.for_management:
            alike.setdefault((other.access, other.principals), []).append(other)
    for same in alike.values():
        arns = Names([other.arn for other in same])
        yield Item((arns, f": {describe_access(same[0].access)}"), _assumed_by(same[0]))


def _assumed_by(other: OtherRole) -> tuple[Item, ...]:
    principals = [*map(describe_principal, other.principals)]
    return (Item(("can be assumed by: ", Names(principals))),) if principals else ()


def broader(found: AccountResult | PolicyResult) -> bool:
    """Return whether an account or a policy gives more access than expected."""
    others = isinstance(found, AccountResult) and found.others
    return bool(others) or any(difference.effect == _BROADER for difference in _differences(found))


def _results(verification: Verification) -> tuple[AccountResult | PolicyResult, ...]:
    return (*verification.accounts, *(verification.policies or ()))


def _differences(found: AccountResult | PolicyResult) -> Iterator[Difference]:
    yield from found.differences
    if isinstance(found, AccountResult):
        for role in _roles(found):
            yield from role.differences


def _roles(account: AccountResult) -> tuple[RoleResult | OtherRole, ...]:
    return (*account.roles, *account.others)


def by_attention(accounts: Iterable[AccountResult]) -> Mapping[MatchState, Sequence[AccountResult]]:
    """Group accounts by state, sorted by ID. The states that need attention come first.

    Among the accounts that differ, those with more access than expected come first; among those
    that match, those about which there is something to say.
    """
    ordered = sorted(
        accounts,
        key=lambda account: (
            not (broader(account) or _is_noted(account)),
            account.account,
            account.name,
        ),
    )
    return {state: [account for account in ordered if account.state == state] for state in _STATES}


def _organization(organization: Organization) -> str:
    if not organization.id:
        return "none"
    management = organization.management_account
    return f"{organization.id}, management account {management}"


def _is_noted(account: AccountResult) -> bool:
    # Something to know about an account that matches.
    return account.state == "match" and any(
        role.stopped_by
        or role.revoked_before
        or role.notes
        or any(found.value for found in role.approvals)
        for role in account.roles
    )


def describe_approval(approval: Approval) -> str:
    """Return whether a guardrail is open, such as ``open: approved``."""
    if not approval.value:
        return "closed"
    if approval.open:
        return f"open: {approval.value}"
    return f"closed: the tag {approval.tag} has the value {approval.value}, which does not open it"


def remedies(verification: Verification) -> Mapping[str, str]:
    """Return what to do about a result, by rule."""
    rules: set[str] = {
        difference.rule for result in _results(verification) for difference in _differences(result)
    }
    if any(account.others for account in verification.accounts):
        rules.add("other-access")
    found: dict[str, str] = {
        rule: describe_remedy(rule) for rule in get_args(Rule) if rule in rules
    }
    if (
        not verification.accounts
        or any(policy.unknown for policy in verification.policies or ())
        or any(
            account.state == "unknown"
            or account.unknown
            or any(role.unknown for role in account.roles)
            for account in verification.accounts
        )
    ):
        found["unverified"] = (
            "It may differ from what is expected. Make sure that it can be read, then verify "
            "again. Until then, differences of this account may be missing."
        )
    return found
