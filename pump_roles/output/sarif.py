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
from pump_roles.compare import Rule
from pump_roles.output import verify_words as wording
from pump_roles.output.pieces import line, listed
from pump_roles.output.words import unknown_in_words

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

_REASONS: Final = 4
"""How many of the reasons why a role or an account could not be checked are listed."""

_LEVELS: Final = ("error", "warning", "note")


@dataclass(frozen=True, kw_only=True)
class _Finding:
    # A result; its key stays the same between runs.
    account: str
    kind: str = ""
    arn: str = ""
    rule: str
    effect: str = ""
    subject: str = ""
    level: str
    message: str

    @property
    def key(self) -> tuple[str, ...]:
        return (self.account, self.kind, self.rule, self.effect, self.subject)


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
    by_level += [("note", text) for text in wording.open_guardrails(verification.accounts)]
    invocation: dict[str, Any] = {"executionSuccessful": not wording.is_unknown(verification)}
    if by_level:
        invocation["toolExecutionNotifications"] = [
            {"level": level, "message": {"text": _message(text)}} for level, text in by_level
        ]
    return invocation


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
    parts = ["accounts", finding.account, *([name] if name else [])]
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
        yield from _of(account, account)
        for role in account.roles:
            yield from _of(account, role)
        for other in account.others:
            yield _Finding(
                account=account.account,
                arn=other.arn,
                rule="other-access",
                effect=other.effect,
                subject=other.name,
                level="error",
                message=_said(account, account, wording.of_other(other)),
            )


def _of(account: AccountResult, found: AccountResult | RoleResult) -> Iterator[_Finding]:
    about = {"account": account.account}
    if isinstance(found, RoleResult):
        about |= {"kind": found.kind, "arn": found.arn}
    for difference in found.differences:
        level = "warning"
        if difference.effect == "broader":
            level = "error"
        elif difference.effect == "narrower" and difference.rule not in _STOPS_PUMP:
            level = "note"
        yield _Finding(
            **about,
            rule=difference.rule,
            effect=difference.effect,
            subject=difference.subject,
            level=level,
            message=_said(account, found, wording.of_difference(difference)),
        )
    if found.unknown or (found.state == "unknown" and found is account and not account.roles):
        reasons = listed((line(unknown_in_words(each)) for each in found.unknown), _REASONS)
        why = "; ".join(reasons) or "nothing could be read"
        yield _Finding(
            **about,
            rule=wording.UNVERIFIED,
            level="warning",
            message=f"Not everything was checked. {wording.about(account, found)}: {why}.",
        )


def _said(account: AccountResult, found: AccountResult | RoleResult, entry: wording.Entry) -> str:
    sentence = f"{wording.about(account, found)}: {entry.sentence} ({entry.label})"
    return f"{'; '.join((sentence, *entry.details))}."


def _message(text: str) -> str:
    # SARIF reads these as links and as placeholders.
    return text.replace("](", "] (").replace("{", "{{").replace("}", "}}")
