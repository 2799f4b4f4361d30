"""Findings: how something reaches one of Pump's roles, or lets others in, and where it is."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

Reason = Literal[
    "administrator",
    "allows",
    "allows-managed-policy",
    "allows-unreadable-statement",
    "attaches",
    "changed",
    "changed-later",
    "could-attach",
    "could-be-named-alike",
    "could-contain",
    "ends-approval",
    "lets-in",
    "lets-in-unreadable",
    "may-attach",
    "may-be-named-alike",
    "may-contain",
    "may-end-approval",
    "missing",
    "named-alike",
    "named-for-management",
    "names-account",
    "names-definition",
    "names-management",
    "names-role",
    "opens",
    "parameter",
    "password",
    "requires-same-external-id",
    "tagged",
    "trusts-account",
    "trusts-definition",
    "trusts-everyone",
    "trusts-everyone-but",
    "trusts-identity-provider",
    "trusts-management",
    "trusts-other-account",
    "trusts-role",
    "trusts-unreadable",
    "unreadable-properties",
    "unreadable-statement",
    "unreadable-trust-policy",
]
"""Why something is a finding, for the check at synth, the report, and ``verify``, each of which has
words for its own."""

ONLY_AT_DEPLOYMENT: Final[frozenset[Reason]] = frozenset(
    {"changed-later", "may-attach", "may-be-named-alike", "may-contain"}
)
"""The reasons for which only the deployment knows whether it reaches one of the roles."""


@dataclass(frozen=True)
class Access:
    """A way in which something reaches one of Pump's roles or principals, or lets others in; or
    what a policy allows.

    :param why: the way.
    :param subject: whom or what it is about; empty if ``why`` says it all.
    """

    why: Reason
    subject: str = ""


@dataclass(frozen=True)
class At:
    """Where something is.

    :param file: the template's file.
    :param logical_id: the resource's logical ID, or the section's name.
    :param path: the property, such as ``Properties.Roles``; empty for all of it.
    """

    file: Path
    logical_id: str
    path: str = ""


@dataclass(frozen=True)
class Finding:
    """A way in which something reaches one of Pump's roles, and where it is."""

    access: Access
    at: At
