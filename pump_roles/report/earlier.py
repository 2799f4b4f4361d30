"""Reads an earlier report back from its JSON."""

from collections.abc import Mapping
from datetime import date
from reprlib import repr as shortened
from typing import Any

from pump_roles.report.changes import Earlier, Entry, State
from pump_roles.templates import InputError
from pump_roles.templates.masking import visible

__all__ = ["earlier_report"]


def earlier_report(report: Mapping[str, Any]) -> Earlier:
    """Return what an earlier report says.

    :param report: its JSON object.
    :raises InputError: if it is not a report, or one of another version that lacks something.
    """
    try:
        return Earlier(
            date=date.fromisoformat(_string(_mapping(report)["date"])).isoformat(),
            roles=dict(map(_role, _list(report["roles"]))),
            complete=True,
        )
    except KeyError as error:
        raise InputError(f"is not a pump-roles JSON report: it has no {error}") from None
    except (TypeError, ValueError) as error:
        raise InputError(f"is not a pump-roles JSON report: {error}") from None


def _role(value: Any) -> tuple[str, State]:
    role = _mapping(value)
    return _string(role["kind"]), State(
        entries={
            Entry(
                policy=_string(policy["name"]),
                effect=_string(pattern["effect"]),
                pattern=_string(pattern["pattern"]),
                scope=_string(pattern["scope"]),
            ): _strings(pattern["actions"])
            for policy in map(_mapping, _list(role["policies"]))
            for pattern in map(_mapping, _list(policy["patterns"]))
        },
        exact=_boolean(role["exact"]),
        principals=_strings(role["principals"]),
        external_id=_boolean(role["external_id"]),
        external_ids=_integer(role["external_ids"]),
        boundary=_string(role["boundary"]),
        unreadable=_strings(role["unreadable"])
        | _strings(role["trust_problems"])
        | _strings(role["uncounted"]),
    )


def _mapping(value: Any) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise TypeError(f"{shortened(value)} is not an object")
    return value


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise TypeError(f"{shortened(value)} is not a list")
    return value


def _string(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{shortened(value)} is not a string")
    return visible(value)


def _strings(value: Any) -> frozenset[str]:
    return frozenset(map(_string, _list(value)))


def _boolean(value: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError(f"{shortened(value)} is not true or false")
    return value


def _integer(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"{shortened(value)} is not a whole number")
    return value
