"""The demo fails if something is not as it should be."""

from collections.abc import Callable
from typing import Any

import pytest

from pump_roles import published
from sandbox.demo import Demo
from sandbox.show import BUYS, EXTERNAL_ID, PUMP, READS, ROLES
from sandbox.simulator import Role
from tests.support import trust


@pytest.fixture
def roles() -> dict[str, Role]:
    return {
        name: Role(
            name,
            trust(PUMP, EXTERNAL_ID),
            {policy.name: policy.document for policy in ROLES[name].policies},
        )
        for name in ROLES
    }


def show(roles: dict[str, Role]) -> Demo:
    demo = Demo()
    for name, role in roles.items():
        demo.show_role(role, ROLES[name])
    demo.show_callers(roles)
    demo.show_session(roles)
    return demo


def test_demo_succeeds_with_the_published_roles(roles: dict[str, Role]) -> None:
    assert list(ROLES.values()) == list(published.ROLES.values())
    assert list(ROLES) == [READS, BUYS] == ["PumpReadOnlyRole", "PumpAutoPilotRole"]
    assert show(roles).right


def without_external_id(role: Role) -> None:
    role.trust["Statement"][0]["Condition"] = {}


def with_a_wildcard_principal(role: Role) -> None:
    role.trust["Statement"][0]["Principal"] = {"AWS": "*"}


def with_one_policy_more(role: Role) -> None:
    assert isinstance(role.policies, dict)
    role.policies["Wide"] = {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}],
    }


def with_one_pattern_more(role: Role) -> None:
    document: dict[str, Any] = role.policies["PumpBillingReadOnly"]
    document["Statement"][0]["Action"].append("savingsplans:*")


@pytest.mark.parametrize(
    "change",
    [without_external_id, with_a_wildcard_principal, with_one_policy_more, with_one_pattern_more],
)
def test_demo_fails_if_a_role_differs(
    change: Callable[[Role], None], roles: dict[str, Role]
) -> None:
    change(roles[READS])
    assert not show(roles).right


def test_demo_marks_what_is_wrong(
    roles: dict[str, Role], capsys: pytest.CaptureFixture[str]
) -> None:
    with_one_pattern_more(roles[READS])
    show(roles)
    assert "WRONG" in capsys.readouterr().out
