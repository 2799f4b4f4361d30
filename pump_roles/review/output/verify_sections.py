"""Whether accounts are as expected, as a document."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final, TypeVar, get_args

from pump_roles.iam import Effect
from pump_roles.review.account.organization import Organization
from pump_roles.review.account.organization_policies import PUMP_POLICIES
from pump_roles.review.account.verification import (
    AccountResult,
    Approval,
    MatchState,
    OtherRole,
    PolicyResult,
    RoleResult,
    StoppedBy,
    Verification,
)
from pump_roles.review.output.descriptions import (
    describe_access,
    describe_difference,
    describe_principal,
    describe_unknown,
    details_of,
)
from pump_roles.review.output.document import (
    Code,
    Document,
    Item,
    Names,
    Section,
    Strong,
    Text,
    Tone,
)
from pump_roles.review.output.texts import TEXTS, say
from pump_roles.role import Difference, Rule

_K = TypeVar("_K")

_MATCHING: Final = 10
"""How many of the matching accounts are shown; the others are only counted."""

_BROADER: Final[Effect] = "broader"

_NOT_STOPPED: Final[Sequence[Rule]] = (
    "not-stopped-management",
    "not-stopped-name",
    "not-stopped-target",
)

_STATES: Final[Mapping[MatchState, Tone]] = {"differs": "bad", "unknown": "unsure", "match": "good"}
_EFFECTS: Final[Mapping[Effect, Tone]] = {"broader": "bad", "unclear": "unsure", "narrower": "less"}
"""What needs attention comes first."""


def document_of(verification: Verification) -> Document:
    """Return the document: first what needs attention."""
    by_state = by_attention(verification.accounts)
    counts = [f"{count:,} {state}" for state, count in verification.counts.items() if count]
    policies = verification.policies or ()
    more = sum(map(broader, _results(verification)))
    todo = (Item((Code(rule), f": {remedy}")) for rule, remedy in remedies(verification).items())
    matching = [*map(_account, by_state["match"][:_MATCHING])]
    if left := len(by_state["match"][_MATCHING:]):
        matching.append(Item(say("verify.more_accounts", left)))
    sections = (
        Section(say("verify.policies"), (*map(_policy, policies),), attention=True),
        Section(say("verify.differ"), (*map(_account, by_state["differs"]),), attention=True),
        Section(say("verify.unknown"), (*map(_account, by_state["unknown"]),)),
        Section(say("verify.for_management"), tuple(_for_management(verification.accounts))),
        Section(say("verify.remedies"), tuple(todo)),
        Section(say("verify.match"), tuple(matching)),
    )
    about: list[Text] = [(say("verify.compared"), " ", Code(verification.expected))]
    read = (account.organization for account in verification.accounts)
    if found := dict.fromkeys(_organization(each) for each in read if each is not None):
        about.append(say("verify.organizations", organizations="; ".join(found)))
    notes = dict.fromkeys(note for account in verification.accounts for note in account.notes)
    about += (say("verify.unread_organization", why=describe_unknown(note)) for note in notes)
    usable = [role for account in verification.accounts for role in account.for_management]
    about += [say("verify.usable", number=f"{len(usable):,}")] if usable else []
    if verification.policies == ():
        about.append(say("verify.no_policies", names=", ".join(PUMP_POLICIES)))
    about += (
        say("verify.unread_policies", why=describe_unknown(note)) for note in verification.notes
    )
    return Document(
        say("verify.title"),
        verification.version,
        summary=(
            *([Strong(say("verify.broader", number=f"{more:,}"), "bad")] if more else []),
            Strong(say("verify.counts", counts=", ".join(counts) or say("roles.none"))),
        ),
        about=tuple(about),
        sections=sections,
        first=tuple(_stops(verification)),
    )


def _stops(verification: Verification) -> Iterator[Text]:
    # First which roles are not stopped, then which ones are, in how many accounts.
    roles = [role for account in verification.accounts for role in _roles(account)]
    # Another type of policy can have the same name.
    stops = (policy for policy in verification.policies or () if policy.stops is not False)
    policies = {policy.name: policy for policy in stops}
    yield from _not_stopped(roles)
    stopped = _grouped((by, role.arn) for role in roles for by in role.stopped_by)
    for by, arns in stopped.items():
        yield Strong(say("verify.stopped", by=_stop(by, policies), roles=_in_accounts(arns)), "bad")
    attached = [
        StoppedBy(kind="organization-policy", name=policy.name)
        for policy in policies.values()
        if policy.attached_to != ()
    ]
    for by in attached:
        if by not in stopped:
            text = "verify.stops_none" if policies[by.name].stops else "verify.may_stop"
            yield Strong(say(text, by=_stop(by, policies)), "unsure")
    if attached and (unread := sum(map(_is_unread, verification.accounts))):
        yield Strong(say("verify.unread_accounts", unread), "unsure")
    revoked = _grouped(
        (role.revoked_before, role.arn)
        for account in verification.accounts
        for role in account.roles
        if role.revoked_before
    )
    for time, arns in revoked.items():
        yield Strong(say("verify.revoked", time=time, roles=_in_accounts(arns)), "bad")


def _not_stopped(roles: Iterable[RoleResult | OtherRole]) -> Iterator[Text]:
    grouped = _grouped(
        ((difference.rule, difference.subject), role.arn)
        for role in roles
        for difference in role.differences
    )
    for rule in _NOT_STOPPED:
        for (found, names), arns in grouped.items():
            if found == rule:
                yield Strong(say(f"verify.{rule}", names=names), "bad"), ": ", Names(arns)


def _grouped(pairs: Iterable[tuple[_K, str]]) -> dict[_K, list[str]]:
    found: dict[_K, list[str]] = {}
    for key, text in pairs:
        found.setdefault(key, []).append(text)
    return found


def _stop(by: StoppedBy, policies: Mapping[str, PolicyResult]) -> str:
    if by.kind != "organization-policy":
        return say(f"verify.by_{by.kind}", name=by.name)
    policy = policies.get(by.name)
    targets = ", ".join((policy and policy.attached_to) or ())
    text = "verify.by_attached" if targets else "verify.by_unread"
    return say(text, name=by.name, targets=targets)


def _in_accounts(arns: Sequence[str]) -> str:
    numbers = Counter(arn.rpartition("/")[2] for arn in arns)
    texts = (say("verify.in_accounts", numbers[role], role=role) for role in sorted(numbers))
    return ", ".join(texts)


def _is_unread(account: AccountResult) -> bool:
    # Whether one of Pump's roles may be there that was not read.
    reasons = [*account.unknown]
    for role in _roles(account):
        reasons += role.unknown
    return any(
        reason.part in ("account", "other-roles", "organization-policies")
        or (reason.part == "role" and reason.why not in ("several-variants", "external-id-differs"))
        for reason in reasons
    )


def _account(account: AccountResult) -> Item:
    items = [
        *_items(say("verify.not_checked"), map(describe_unknown, account.unknown)),
        *map(_of_difference, account.differences),
        *map(_of_other, account.others),
        *map(_role, account.roles),
    ]
    name = f"{account.account}{f' ({account.name})' if account.name else ''}"
    return Item((Strong(name, _STATES[account.state]),), tuple(items))


def _policy(policy: PolicyResult) -> Item:
    kind = TEXTS["policy_types"].get(policy.type, policy.type)
    state = Strong(say("verify.not_compared"))
    if policy.state != "not-compared":
        state = Strong(policy.state, _STATES[policy.state])
    text = say("verify.attached") if policy.attached_to else say("verify.not_attached")
    attached = "" if policy.attached_to is None else text
    about = (state, f": {kind} ", Code(policy.name), attached, Names(policy.attached_to or ()))
    items = (
        *map(_of_difference, policy.differences),
        *_items(say("verify.not_checked"), map(describe_unknown, policy.unknown)),
    )
    return Item(about, items)


def _role(role: RoleResult) -> Item:
    # First those that give more access, then those that may, then the others.
    by_effect = sorted(role.differences, key=lambda found: [*_EFFECTS].index(found.effect))
    items = [
        *(_item(by.name, _about_stop(by), "bad") for by in role.stopped_by),
        *map(_of_difference, by_effect),
        *_items(say("verify.not_checked"), map(describe_unknown, role.unknown)),
        *_items(say("verify.note"), map(describe_unknown, role.notes)),
        *(_item(found.guardrail, describe_approval(found)) for found in role.approvals),
    ]
    if role.last_used:
        items.append(_item(say("verify.last_used"), role.last_used))
    state = Strong(role.state, _STATES[role.state])
    about = say("verify.role", role=role.kind)
    return Item((state, f": {about} ", Code(role.arn)), tuple(items))


def _about_stop(by: StoppedBy) -> str:
    # The role's own stop, which is also a difference unless it is expected.
    return {
        "boundary": say("verdict.stopped"),
        "policy": say("remedies.policy-stops"),
        "organization-policy": say("verify.by_organization"),
    }[by.kind]


def _item(label: str, text: str, tone: Tone = "") -> Item:
    return Item((Strong(label, tone), f": {text}"))


def _items(label: str, texts: Iterable[str]) -> Iterator[Item]:
    return (_item(label, text, "unsure") for text in texts)


def _of_difference(difference: Difference) -> Item:
    details = details_of(difference, "account")
    actions = [Item((say("verify.actions"), Names(difference.actions)))]
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
    about = (Strong(_BROADER, "bad"), " (", Code("other-access"), "): ", say("verify.the_role"))
    items = (
        *map(_of_difference, other.differences),
        *(_item(by.name, _about_stop(by)) for by in other.stopped_by),
        *_items(say("verify.not_checked"), map(describe_unknown, other.unknown)),
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
    return (Item((say("verify.assumed_by"), Names(principals))),) if principals else ()


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
        return say("roles.none")
    management = organization.management_account
    return say("verify.organization", id=organization.id, account=management)


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
    text = "verify.open" if approval.open else "verify.misspelled"
    return say(text if approval.value else "verify.closed", tag=approval.tag, value=approval.value)


REMEDIES: Final[Mapping[str, str]] = {
    rule: TEXTS["remedies"][rule].format(**TEXTS["remedy_parts"]) for rule in get_args(Rule)
}
"""What to do about each kind of difference."""


def remedies(verification: Verification) -> Mapping[str, str]:
    """Return what to do about a result, by rule."""
    rules: set[str] = {
        difference.rule for result in _results(verification) for difference in _differences(result)
    }
    if any(account.others for account in verification.accounts):
        rules.add("other-access")
    found = {rule: remedy for rule, remedy in REMEDIES.items() if rule in rules}
    unverified = (
        not verification.accounts
        or any(policy.unknown for policy in verification.policies or ())
        or any(
            account.state == "unknown"
            or account.unknown
            or any(role.unknown for role in account.roles)
            for account in verification.accounts
        )
    )
    return {**found, "unverified": say("remedies.unverified")} if unverified else found
