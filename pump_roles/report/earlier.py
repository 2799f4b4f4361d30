"""Reads an earlier report from its JSON."""

import json
from collections.abc import Mapping
from datetime import date
from typing import Any, Final

from pump_roles.report.decisions import ALLOWED, CONDITIONALLY, DENIED, PARTLY, Grant
from pump_roles.report.model import RISKS, SCHEMA, Compared
from pump_roles.report.state import Earlier, State, Written
from pump_roles.report.statements import LIMITED, NO, UNKNOWN, YES
from pump_roles.templates import InputError, Place
from pump_roles.text import visible

__all__ = ["earlier_report"]

_DECISIONS: Final = (ALLOWED, DENIED, CONDITIONALLY, PARTLY)
_ANSWERS: Final = (YES, LIMITED, NO, UNKNOWN)
_MOST_SHOWN: Final = 80


def earlier_report(report: Mapping[str, Any], *, file: str, sha256: str) -> Earlier:
    """Return what an earlier report says.

    :param report: its JSON object.
    :param file: the name of its file.
    :param sha256: the SHA-256 of that file.
    :raises InputError: if it is not a report, or has another version of the schema.
    """
    try:
        return _report(_mapping(report), file, sha256)
    except KeyError as error:
        raise InputError(f"is not a pump-roles JSON report: it has no {error}") from None
    except (TypeError, ValueError) as error:
        raise InputError(f"is not a pump-roles JSON report: {error}") from None


def _report(report: Mapping[str, Any], file: str, sha256: str) -> Earlier:
    if (schema := _integer(report["schema"])) != SCHEMA:
        raise ValueError(f"its schema version is {schema}; this version reads {SCHEMA}")
    actions = [_mapping(action) for action in _list(report["actions"])]
    statements = [_mapping(statement) for statement in _list(report["statements"])]
    return Earlier(
        compared=Compared(
            file=visible(file),
            sha256=sha256,
            date=_date(report["date"]),
            version=_string(report["version"]),
        ),
        roles=dict(_role(_mapping(role), actions, statements) for role in _list(report["roles"])),
        places=tuple(_place(_mapping(place)["place"]) for place in _list(report["places"])),
        suspects=frozenset(_strings(report["suspects"])),
        suspects_sha256=_string(report["suspects_sha256"]),
    )


def _role(
    role: Mapping[str, Any],
    actions: list[Mapping[str, Any]],
    statements: list[Mapping[str, Any]],
) -> tuple[str, State]:
    kind = _string(role["kind"])
    policies = [_mapping(policy) for policy in _list(role["policies"])]
    guardrails = [_mapping(guardrail) for guardrail in _list(role["guardrails"])]
    having = [action for action in actions if kind in _mapping(action["roles"])]
    return kind, State(
        name=_string(role["name"]),
        grants={_string(action["name"]): _grant(action["roles"][kind]) for action in having},
        clauses=frozenset(
            _clause(_string(policy["name"]), _mapping(pattern))
            for policy in policies
            for pattern in _list(policy["patterns"])
        ),
        risks={_string(action["name"]): _one_of(RISKS, action["risk"]) for action in having},
        answers={
            _string(statement["id"]): _one_of(
                _ANSWERS, _mapping(_mapping(statement["roles"])[kind])["answer"]
            )
            for statement in statements
        },
        guardrails={_string(found["name"]): _string(found["policy"]) for found in guardrails},
        values={_string(found["name"]): _strings(found["values"]) for found in guardrails},
        in_words={_string(found["name"]): _string(found["value"]) for found in guardrails},
        ends=frozenset(_string(found["name"]) for found in guardrails if _boolean(found["ends"])),
        principals=frozenset(_strings(role["principals"])),
        external_id=_boolean(role["external_id"]),
        external_ids=_integer(role["external_ids"]),
        trust_sha256=_string(role["trust_sha256"]),
        boundary=_string(role["boundary"]),
        trust_problems=frozenset(_strings(role["trust_problems"])),
        unreadable=frozenset((*_strings(role["unreadable"]), *_strings(role["uncounted"]))),
        exact=_boolean(role["exact"]),
        filled_sha256=_string(role["filled_sha256"]),
    )


def _clause(policy: str, pattern: Mapping[str, Any]) -> Written:
    return Written(
        policy=policy,
        pattern=_string(pattern["pattern"]),
        effect=_string(pattern["effect"]),
        scope=_string(pattern["scope"]),
        exact=_boolean(pattern["exact"]),
    )


def _grant(value: Any) -> Grant:
    grant = _mapping(value)
    return Grant(
        decision=_one_of(_DECISIONS, grant["decision"]),
        granted_by=tuple(_pair(pair) for pair in _list(grant["granted_by"])),
        denied_by=_strings(grant["denied_by"]),
        allowed_on=_strings(grant["allowed_on"]),
        limits=_strings(grant["limits"]),
    )


def _place(value: Any) -> Place:
    place = _mapping(value)
    return Place(
        kind=_string(place["kind"]),
        source=_string(place["source"]),
        account=_string(place["account"]),
        region=_string(place["region"]),
        stack_set=_string(place["stack_set"]),
        units=_strings(place["units"]),
        filter=_string(place["filter"]),
        accounts=_strings(place["accounts"]),
        automatic=_boolean(place["automatic"]),
        call_as=_string(place["call_as"]),
        regions=_strings(place["regions"]),
        unreadable=_strings(place["unreadable"]),
    )


def _pair(value: Any) -> tuple[str, str]:
    strings = _strings(value)
    if len(strings) != len(("policy", "pattern")):
        raise ValueError(f"{_shown(value)} is not a policy and a pattern")
    policy, pattern = strings
    return policy, pattern


def _shown(value: Any) -> str:
    # In JSON's terms, because the user has a JSON file.
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list):
        return "a list"
    text = visible(json.dumps(value, ensure_ascii=False))
    return text if len(text) <= _MOST_SHOWN else f"{text[:_MOST_SHOWN]}..."


def _date(value: Any) -> str:
    try:
        return date.fromisoformat(_string(value)).isoformat()
    except ValueError:
        raise ValueError(f"{_shown(value)} is not a date") from None


def _one_of(known: tuple[str, ...], value: Any) -> str:
    if value not in known:
        raise ValueError(f"{_shown(value)} is not one of {', '.join(known)}")
    return _string(value)


def _mapping(value: Any) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise TypeError(f"{_shown(value)} is not an object")
    return value


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise TypeError(f"{_shown(value)} is not a list")
    return value


def _string(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{_shown(value)} is not a string")
    return visible(value)


def _strings(value: Any) -> tuple[str, ...]:
    return tuple(map(_string, _list(value)))


def _boolean(value: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError(f"{_shown(value)} is not true or false")
    return value


def _integer(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"{_shown(value)} is not a whole number")
    return value
