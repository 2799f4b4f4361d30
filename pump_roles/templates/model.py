"""What templates contain: Pump's roles, and everything else that gives access."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pump_roles.templates.trust import Assumption

__all__ = ["Contents", "InputError", "Other", "Role"]


class InputError(ValueError):
    """The input cannot be read; the message is for the person who gave it."""


@dataclass(frozen=True, kw_only=True)
class Role:
    """One of Pump's roles, as a template contains it.

    :param kind: ``read-only`` or ``auto-pilot``.
    :param name: its name.
    :param trust: who may assume it.
    :param policies: the names and documents of its policies, inline or attached in what was read.
    :param boundary: its permissions boundary, as text; empty if it has none.
    :param unreadable: what it has that cannot be read, or that is not counted, in words.
    :param source: the file, or ``published``.
    :param sha256: the SHA-256 of that file.
    """

    kind: str
    name: str
    trust: Assumption
    policies: tuple[tuple[str, Mapping[str, Any]], ...]
    boundary: str = ""
    unreadable: tuple[str, ...] = ()
    source: str = field(default="published", compare=False)
    sha256: str = field(default="", compare=False)


@dataclass(frozen=True, kw_only=True)
class Other:
    """Something else that gives access, or that reaches one of Pump's roles.

    :param name: its logical ID.
    :param type: its CloudFormation type.
    :param source: the file.
    :param principals: who may use it, in words; empty if it names nobody.
    :param grants: what it allows, in words; empty if it allows nothing by itself.
    :param alarm: why it could give Pump, or others through Pump's roles, more than these roles;
        empty if it could not.
    """

    name: str
    type: str
    source: str
    principals: tuple[str, ...] = ()
    grants: str = ""
    alarm: str = ""


@dataclass(frozen=True, kw_only=True)
class Contents:
    """What some templates contain.

    :param roles: Pump's roles, in the order in which they are published.
    :param others: every other role, user, group and policy, and whatever reaches Pump's roles.
    :param unreadable: what could not be read and could contain such a thing, in words.
    :param resources: the types of all the other resources, one for each.
    """

    roles: tuple[Role, ...]
    others: tuple[Other, ...] = ()
    unreadable: tuple[str, ...] = ()
    resources: tuple[str, ...] = ()
