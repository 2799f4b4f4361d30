"""The demo fails when something is not as it should be."""

from collections.abc import Callable
from typing import Any

import pytest

from pump_roles.published import AUTO_PILOT, READ_ONLY
from sandbox.demo import BUYS, READS, ROLES, Demo
from sandbox.show import EXTERNAL_ID, PUMP
from sandbox.simulator import Role
from tests.conftest import trust


@pytest.fixture
def roles() -> dict[str, Role]:
    return {
        name: Role(
            name,
            trust(PUMP, EXTERNAL_ID),
            {policy.name: policy.document for policy in ROLES[name]},
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


def test_all_is_right_with_the_published_roles(roles: dict[str, Role]) -> None:
    assert (ROLES[READS], ROLES[BUYS]) == (READ_ONLY, AUTO_PILOT)
    assert show(roles).right


def without_external_id(role: Role) -> None:
    role.trust["Statement"][0]["Condition"] = {}


def with_a_wildcard_principal(role: Role) -> None:
    role.trust["Statement"][0]["Principal"] = {"AWS": "*"}


def with_a_policy_more(role: Role) -> None:
    assert isinstance(role.policies, dict)
    role.policies["Wide"] = {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}],
    }


def with_a_pattern_more(role: Role) -> None:
    document: dict[str, Any] = role.policies["PumpBillingReadOnly"]
    document["Statement"][0]["Action"].append("savingsplans:*")


@pytest.mark.parametrize(
    "change",
    [without_external_id, with_a_wildcard_principal, with_a_policy_more, with_a_pattern_more],
)
def test_something_is_wrong_with_a_role(
    change: Callable[[Role], None], roles: dict[str, Role]
) -> None:
    change(roles[READS])
    assert not show(roles).right


def test_marks_what_is_wrong(roles: dict[str, Role], capsys: pytest.CaptureFixture[str]) -> None:
    with_a_pattern_more(roles[READS])
    show(roles)
    assert "WRONG" in capsys.readouterr().out
