"""What CloudFormation Guard says about templates, by the rules of the package."""

import json
from collections.abc import Mapping
from functools import cache
from typing import Any

import guardpycfn

from pump_roles import guard

ID = "pump_role_requires_an_external_id"
PRINCIPALS = "pump_role_trusts_one_principal"
ALLOWS = "pump_role_allows_only_what_is_published"
POLICIES = "pump_role_has_no_other_policy"
SESSION = "pump_role_has_sessions_of_an_hour"
RULES = [ID, PRINCIPALS, ALLOWS, POLICIES, SESSION]


@cache
def evaluated(template: str, rules: str | None) -> tuple[Mapping[str, str], frozenset[str]]:
    """What guardpycfn says: PASS, FAIL, or SKIP by rule, and the messages of what failed."""
    # Not verbose, it cuts off a long answer.
    answer = guardpycfn.validate_with_guard(template, rules or guard.rules(), True)  # noqa: FBT003
    assert answer["success"], answer
    checks = [child["container"]["RuleCheck"] for child in answer["result"]["children"]]
    verdict = {check["name"]: check["status"] for check in checks}
    has_failed = "FAIL" in verdict.values()
    return verdict, frozenset(messages(answer["result"]) if has_failed else ())


def messages(tree: Any) -> set[str]:
    """The messages of all checks that failed."""
    if isinstance(tree, list):
        return set().union(*map(messages, tree))
    if not isinstance(tree, dict):
        return set()
    own = tree.get("custom_message") if tree.get("status") == "FAIL" else None
    return ({" ".join(own.split())} if own else set()).union(*map(messages, tree.values()))


def verdicts(template: Any, rules: str | None = None) -> Mapping[str, str]:
    """What guardpycfn says about a template: PASS, FAIL, or SKIP, by rule."""
    return evaluated(json.dumps(template), rules)[0]


def failed(template: Any, rules: str | None = None) -> set[str]:
    """The rules that a template breaks, by guardpycfn."""
    return {rule for rule, verdict in verdicts(template, rules).items() if verdict == "FAIL"}
