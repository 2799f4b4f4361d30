"""What sessions of the roles in the synthesized templates can do, according to a simulator."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest

from tests.support import NEVER, Synth, published_patterns, some
from tools.sandbox import catalog
from tools.sandbox.catalog import Action
from tools.sandbox.simulator import ALLOWED, IMPLICITLY_DENIED, Role, decide, use


@pytest.fixture(scope="module")
def roles(synth: Synth) -> dict[str, Role]:
    parameters = {"PumpIamRole": "999988887777", "PumpExternalID": "Example-1234"}
    return {name: Role.of_template(template, parameters) for name, template in synth().items()}


def granted(published: list[list[dict[str, Any]]], kind: str = "auto-pilot") -> list[Action]:
    """Return the concrete actions that a role's patterns match, by the source document."""
    return catalog.matching(published_patterns(published, kind))


def decisions(role: Role, actions: Iterable[Action]) -> dict[str, str]:
    """Return the decision on each action: the one for an example of every resource type."""
    asked = tuple((action.name, resource) for action in actions for resource in action.resources)
    found = decide([use(role, action=name, resource=resource) for name, resource in asked])
    decided: dict[str, set[str]] = {}
    for (name, _), decision in zip(asked, found, strict=True):
        decided.setdefault(name, set()).add(decision)
    assert all(len(found) == 1 for found in decided.values())
    return {name: found.pop() for name, found in decided.items()}


def once(actions: Iterable[Action]) -> list[Action]:
    """Return actions with an example of only one resource type."""
    return [replace(action, resources=action.resources[:1]) for action in actions]


def named(names: Iterable[str]) -> list[Action]:
    return [catalog.actions()[name.lower()] for name in names]


def test_patterns_match_as_many_actions_as_at_the_last_count(
    published: list[list[dict[str, Any]]],
) -> None:
    """When the pinned catalog changes, review `make catalog`, and count again."""
    read_only, auto_pilot = granted(published, "read-only"), granted(published)
    assert (len(read_only), len(auto_pilot)) == (238, 721)
    assert all(action.only_reads for action in read_only)
    # The test below says that each role may do exactly these.
    assert {action.name for action in read_only} < {action.name for action in auto_pilot}


def test_auto_pilot_role_loses_an_action_without_the_read_only_policy(
    roles: dict[str, Role], published: list[list[dict[str, Any]]]
) -> None:
    """Why the auto-pilot role has that policy: its other policies lack one action."""
    role = roles["PumpAutoPilot"]
    others = {name: text for name, text in role.policies.items() if name != "PumpBillingReadOnly"}
    asked = once(granted(published, "read-only"))
    found = decisions(replace(role, policies=others), asked)
    lost = [name for name, decision in found.items() if decision != ALLOWED]
    assert lost == ["cur:DescribeReportDefinitions"]


@pytest.mark.parametrize("name", ["PumpReadOnly", "PumpAutoPilot"])
def test_forbidden_actions_are_denied_to_both_roles(name: str, roles: dict[str, Role]) -> None:
    never = once(named(NEVER))
    found = decisions(roles[name], never)
    assert found == dict.fromkeys((action.name for action in never), IMPLICITLY_DENIED)


@pytest.mark.parametrize(
    ("name", "kind"), [("PumpReadOnly", "read-only"), ("PumpAutoPilot", "auto-pilot")]
)
def test_role_may_do_only_the_published_actions_of_the_services_that_the_roles_touch(
    name: str, kind: str, roles: dict[str, Role], published: list[list[dict[str, Any]]]
) -> None:
    services = {action.name.split(":")[0] for action in granted(published)}
    asked = once(
        action for action in catalog.actions().values() if action.name.split(":")[0] in services
    )
    assert len(asked) > 2_000
    found = decisions(roles[name], some(asked, 3))
    may = {action for action, decision in found.items() if decision == ALLOWED}
    assert may == {action.name for action in granted(published, kind)} & found.keys()
    assert set(found.values()) == {ALLOWED, IMPLICITLY_DENIED}
