"""Results of ``verify`` for the tests of the formats."""

from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from pump_roles import templates
from pump_roles.compare.difference import Difference
from pump_roles.iam.decisions import ALLOWED, DENIED, NOT_GRANTED, DecisionChange, Grant
from pump_roles.iam.identity_policies import Value
from pump_roles.iam.trust import Principal
from pump_roles.review.account.expectation import Expectation, from_templates
from pump_roles.review.account.organization import AccountUnknown, Organization
from pump_roles.review.account.verification import (
    AccountResult,
    Approval,
    OtherRole,
    RoleResult,
    Verification,
)
from pump_roles.review.report.permission_report import of_contents
from pump_roles.role.access import Access
from pump_roles.role.unknowns import RoleUnknown
from tests.support import short_reports

HOSTILE = (
    "a|b",
    "```",
    "`` ` ``",
    "\n\n# heading\n\n- item\n",
    "<script>alert(1)</script><!--",
    "@someone and #1 at https://example.com or www.example.com",
    "[link](https://example.com) ![image](x)",
    "**bold** __bold__ ~~gone~~ *i* _i_",
    "$x$ ${aws:username} {0} &lt; \\` \\| \\",
    "\x1b[31mred\x1b[0m \u202egnp.exe \x07",
    "\ud800",
    "| | |\n|---|---|\n| a | b |",
    "1. one",
    "    code",
    "[bold red]markup[/] :smile:",
)
"""What a name or an action could be, at worst."""


def newly_allowed(*actions: str, before: str = "") -> DecisionChange:
    """Return actions that a policy newly allows, or that one no longer denies."""
    was = Grant(decision=DENIED, denied_by=(before,)) if before else Grant(decision=NOT_GRANTED)
    return DecisionChange(
        effect="broader", before=was, after=Grant(decision=ALLOWED), actions=actions
    )


def difference(**members: Any) -> Difference:
    """Return a difference: a policy that gives more access."""
    found: dict[str, Any] = {
        "rule": "policy-added",
        "effect": "broader",
        "part": "inline-policies",
        "subject": "Extra",
        "actions": ("s3:GetObject",),
        "decisions": (newly_allowed("s3:GetObject"),),
    }
    return Difference(**{**found, **members})


ELSEWHERE: Final = Difference(
    rule="organization",
    effect="broader",
    part="membership",
    was=("444455556666",),
    now=("111122223333",),
)
"""An account that is in another organization."""


def not_read(detail: str) -> RoleUnknown:
    """Return something about a role that could not be checked."""
    return RoleUnknown(part="role", why="not-read", detail=detail)


def account_not_read(detail: str) -> AccountUnknown:
    """Return why an account could not be read."""
    return AccountUnknown(part="account", why="not-read", detail=detail)


def role(account: str, *differences: Difference, **members: Any) -> RoleResult:
    """Return a role: as expected, or with some differences."""
    found: dict[str, Any] = {
        "kind": "read-only",
        "arn": f"arn:aws:iam::{account}:role/PumpReadOnlyRole",
        "differences": differences,
        "stop": "not-stopped",
    }
    return RoleResult(**{**found, **members})


APPROVED = Approval(
    guardrail="only-when-approved", tag="pump-commitments", value="approved", open=True
)


def matching(number: int, **members: Any) -> AccountResult:
    """Return an account whose role is as expected."""
    account = f"{number:012}"
    return AccountResult(account=account, roles=(role(account, **members),))


def differing(number: int, *differences: Difference, **members: Any) -> AccountResult:
    """Return an account whose role differs; by default it has one difference."""
    account = f"{number:012}"
    roles = (role(account, *(differences or (difference(),))),)
    return AccountResult(**{"account": account, "roles": roles, **members})


def unknown(number: int, *, reason: str = "", **members: Any) -> AccountResult:
    """Return an account that could not be read."""
    audit = AccountUnknown(part="account", why="not-assumed", subject="Audit", detail="denied")
    found = {"unknown": (account_not_read(reason) if reason else audit,), **members}
    return AccountResult(account=f"{number:012}", **found)


def verification(*accounts: AccountResult) -> Verification:
    """Return the result with some accounts."""
    return Verification(
        expected="the published roles", expected_sha256="ab" * 32, accounts=accounts
    )


def other_role(name: str, *, principals: tuple[str, ...] = ("*",), allows: str) -> OtherRole:
    """Return another role of the first account."""
    arn = f"arn:aws:iam::000000000001:role/{name}"
    access = (Access("allows", allows),)
    trusted = tuple(Principal("role", Value("known", text)) for text in principals)
    return OtherRole(arn=arn, principals=trusted, access=access)


def with_everything(text: str = "text", number: int = 1) -> AccountResult:
    """Return an account with something in every member."""
    account = f"{number:012}"
    full = role(
        account,
        difference(
            subject=text,
            actions=(text,) * 20,
            decisions=tuple(newly_allowed(text, before=f"{text}{at}") for at in range(9)),
        ),
        Difference(rule="tag-removed", effect="narrower", part="tags", subject=text),
        Difference(rule="boundary-added", effect="narrower", part="boundary", subject=text),
        unknown=(not_read(text),),
        notes=(not_read(text),),
        last_used="2026-11-25T08:15:00Z",
        approvals=(replace(APPROVED, value=text),),
    )
    return AccountResult(
        account=account,
        name=text,
        organization=Organization(id="o-abcd123456", management_account="111122223333"),
        differences=(ELSEWHERE,),
        unknown=(account_not_read(text),),
        roles=(full,),
        others=(other_role(text, principals=(text,) * 20, allows=text),),
        for_management=(other_role("Admin", principals=(text,), allows=text),),
        notes=(AccountUnknown(part="membership", why="not-read", detail=text),),
    )


MIXED = verification(differing(1), matching(2), unknown(3), with_everything(number=4))
"""A result with every state."""


def expected_in(path: Path, **more: Any) -> Expectation:
    """Return the expectation of what the templates at a path contain."""
    read = templates.read(path)
    with short_reports():
        return from_templates(path, read, of_contents(read), **more)
