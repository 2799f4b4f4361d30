"""The result as SARIF 2.1.0, for GitHub code scanning and other tools that track findings."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final
from urllib.parse import quote

from pump_roles._version import __version__
from pump_roles.account.verify.result import AccountResult, RoleResult, Verification
from pump_roles.compare import Difference, Rule
from pump_roles.output import verify_words as wording
from pump_roles.output.pieces import LONGEST_NAME, few, line
from pump_roles.output.words import (
    access_in_words,
    details_of,
    difference_in_words,
    unknown_in_words,
)

FINGERPRINT: Final = "pumpRolesFinding/v1"
"""The name of the fingerprint. Change it if fingerprints are computed differently."""

MOST_RESULTS: Final = 25_000
"""The maximum number of results. GitHub rejects a run with more."""

_SCHEMA: Final = (
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
)
_STOPS_PUMP: Final[frozenset[Rule]] = frozenset(
    {"role-missing", "trust-policy", "trust-broken", "external-id", "policy-removed"}
)
"""Less access because of one of these keeps Pump from doing its work."""

_LEVELS: Final = ("error", "warning", "note")


@dataclass(frozen=True, kw_only=True)
class _Finding:
    # A result; its key stays the same between runs.
    account: AccountResult
    role: RoleResult | None = None
    arn: str = ""
    rule: str
    effect: str = ""
    subject: str = ""
    level: str
    message: str

    @property
    def key(self) -> tuple[str, ...]:
        kind = "" if self.role is None else self.role.kind
        return (self.account.account, kind, self.rule, self.effect, self.subject)


def as_sarif(verification: Verification) -> str:
    """Return the result as SARIF 2.1.0, the same text for the same result.

    Each difference, each other role that gives access, and each role or account that could not be
    checked is a SARIF result. More access is an error. A warning is what may be more access, stops
    Pump's service, or could not be checked. Any other loss of access is a note.

    GitHub requires an artifact URI. Those here, such as ``accounts/111122223333/PumpReadOnlyRole``,
    do not name files. A fingerprint is computed from the account, the kind of role, the rule, the
    effect, and the subject, so that the same finding stays the same alert. GitHub uses only the
    fingerprint ``primaryLocationLineHash``.

    GitHub shows 5,000 results of a run, and rejects a run with more than 25,000. Errors come first.
    Results beyond 25,000 are omitted; a notification says how many.

    If anything could not be checked, ``executionSuccessful`` is false. A finding that is missing in
    such a run is not necessarily resolved.
    """
    # Sorting is stable: within a level, the order of the accounts stays.
    findings = sorted(_findings(verification), key=lambda finding: _LEVELS.index(finding.level))
    rules = [*_rules()]
    indexes = {rule["id"]: index for index, rule in enumerate(rules)}
    run = {
        "tool": {"driver": {"name": "pump-roles", "semanticVersion": __version__, "rules": rules}},
        "invocations": [_invocation(verification, len(findings))],
        "results": [*_results(findings, indexes)][:MOST_RESULTS],
    }
    return json.dumps({"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2) + "\n"


def _rules() -> Iterator[dict[str, Any]]:
    known: list[tuple[str, str, str]] = [
        (rule, wording.RULES[rule], wording.REMEDIES[rule]) for rule in wording.RULES
    ]
    known.append((wording.UNVERIFIED, "Something could not be checked.", wording.UNVERIFIED_REMEDY))
    for rule, description, remedy in known:
        yield {
            "id": rule,
            "shortDescription": {"text": description},
            "fullDescription": {"text": f"{description} {remedy}"},
            "help": {"text": remedy},
            "defaultConfiguration": {"level": "warning"},
        }


def _invocation(verification: Verification, number: int) -> dict[str, Any]:
    notifications = []
    if not verification.accounts:
        notifications.append("No account was checked.")
    if left := max(number - MOST_RESULTS, 0):
        notifications.append(f"{left:,} {'result is' if left == 1 else 'results are'} omitted.")
    by_level = [("error", text) for text in notifications]
    # What the expectation leaves open is not a finding. Neither is what the customer opened.
    by_level += [("note", text) for text in wording.notes(verification.accounts)]
    if organizations := wording.organizations(verification):
        by_level.append(("note", f"Organization: {organizations}."))
    by_level += [("note", text) for text in _open_guardrails(verification)]
    invocation: dict[str, Any] = {"executionSuccessful": not wording.is_unknown(verification)}
    if by_level:
        invocation["toolExecutionNotifications"] = [
            {"level": level, "message": {"text": _message(text)}} for level, text in by_level
        ]
    return invocation


def _open_guardrails(verification: Verification) -> Iterator[str]:
    for account in verification.accounts:
        for role in account.roles:
            for approval in role.approvals:
                if approval.open:
                    how = wording.approval_in_words(approval)
                    yield f"{_about(account, role)}: the guardrail {approval.guardrail}: {how}."


def _results(findings: Sequence[_Finding], indexes: Mapping[str, int]) -> Iterator[dict[str, Any]]:
    seen: Counter[tuple[str, ...]] = Counter()
    for finding in findings:
        fingerprint = sha256(json.dumps([*finding.key, seen[finding.key]]).encode()).hexdigest()
        seen[finding.key] += 1
        yield {
            "ruleId": finding.rule,
            "ruleIndex": indexes[finding.rule],
            "level": finding.level,
            "message": {"text": _message(finding.message)},
            "locations": [_location(finding)],
            "partialFingerprints": {
                "primaryLocationLineHash": fingerprint,
                FINGERPRINT: fingerprint,
            },
        }


def _location(finding: _Finding) -> dict[str, Any]:
    arn = line(finding.arn)
    name = arn.rpartition("/")[2]
    parts = ["accounts", finding.account.account, *([name] if name else [])]
    location: dict[str, Any] = {
        "physicalLocation": {
            "artifactLocation": {"uri": "/".join(quote(part, safe="") for part in parts)},
            "region": {"startLine": 1},
        }
    }
    if name:
        logical = {"name": name, "fullyQualifiedName": arn, "kind": "resource"}
        location["logicalLocations"] = [logical]
    return location


def _findings(verification: Verification) -> Iterator[_Finding]:
    for account in verification.accounts:
        if account.unknown or (account.state == "unknown" and not account.roles):
            unknown = (line(unknown_in_words(unread)) for unread in account.unknown)
            reason = "; ".join(unknown) or "nothing could be read"
            yield _unverified(account, None, f"In {_name(account)}: {reason}")
        for difference in account.differences:
            yield _difference(account, None, difference)
        for role in account.roles:
            for difference in role.differences:
                yield _difference(account, role, difference)
            if role.unknown or role.state == "unknown":
                reason = (
                    "; ".join(
                        line(unknown_in_words(unknown))
                        for unknown in few(role.unknown, wording.DETAILS)[0]
                    )
                    or "not known"
                )
                yield _unverified(account, role, f"{_about(account, role)}: {reason}")
        yield from _others(account)


def _unverified(account: AccountResult, role: RoleResult | None, message: str) -> _Finding:
    return _Finding(
        account=account,
        role=role,
        arn="" if role is None else role.arn,
        rule=wording.UNVERIFIED,
        level="warning",
        message=f"Not everything was checked. {message}.",
    )


def _difference(
    account: AccountResult, role: RoleResult | None, difference: Difference
) -> _Finding:
    level = "warning"
    if difference.effect == "broader":
        level = "error"
    elif difference.effect == "narrower" and difference.rule not in _STOPS_PUMP:
        level = "note"
    details, more = few(details_of(difference, wording.SIDES), wording.DETAILS, "change")
    about = f"In {_name(account)}" if role is None else _about(account, role)
    sentences = [
        f"{about}: {line(difference_in_words(difference))} ({difference.effect})",
        *map(line, details),
        *filter(None, [more]),
    ]
    actions, left = wording.few_of(difference.actions)
    if actions:
        sentences.append(f"Actions: {', '.join(actions)}{left}")
    return _Finding(
        account=account,
        role=role,
        arn="" if role is None else role.arn,
        rule=difference.rule,
        effect=difference.effect,
        subject=difference.subject,
        level=level,
        message=f"{'. '.join(sentences)}.",
    )


def _others(account: AccountResult) -> Iterator[_Finding]:
    for other in account.others:
        principals, left = wording.few_of(other.principals)
        by = f" Can be assumed by: {', '.join(principals)}{left}." if principals else ""
        where = f"The role {line(other.name)} in {_name(account)}"
        yield _Finding(
            account=account,
            arn=other.arn,
            rule="other-access",
            effect=other.effect,
            subject=other.name,
            level="error",
            message=f"{where}: {line(access_in_words(other.alarms))}.{by}",
        )


def _about(account: AccountResult, role: RoleResult) -> str:
    return f"The {role.kind} role {line(role.arn.rpartition('/')[2])} in {_name(account)}"


def _name(account: AccountResult) -> str:
    name = f" ({line(account.name, LONGEST_NAME)})" if account.name else ""
    return f"account {account.account}{name}"


def _message(text: str) -> str:
    # SARIF reads these as links and as placeholders.
    return text.replace("](", "] (").replace("{", "{{").replace("}", "}}")
