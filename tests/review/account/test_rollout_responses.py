"""An endpoint that is not AWS: the status is unknown, never complete by mistake."""

from collections.abc import Iterator
from typing import Any

import pytest
from botocore.client import BaseClient

from pump_roles.review.account.rollout_status import ExpectedRollout, read_statuses
from tests import commands
from tests.endpoint import Endpoint, serving
from tests.management import Management
from tests.review.account.rollouts import roll_out, why_unknown
from tests.support import Synth
from tools.sandbox.organization import Organization


def error_from(endpoint: Endpoint) -> str:
    command = ("rollout-status", "PumpReadOnly", "--no-filter")
    (why,) = why_unknown(commands.run(*command, environment=endpoint.environment))
    return why


@pytest.mark.usefixtures("clock", "no_aws")
def test_throttled_request_is_sent_again() -> None:
    error = "<Error><Code>Throttling</Code><Message>slow down</Message></Error>"
    with serving(lambda _: (400, f"<ErrorResponse>{error}</ErrorResponse>")) as endpoint:
        assert "throttled: cloudformation:DescribeStackSet" in error_from(endpoint)
    assert len(endpoint.requests) > 10


@pytest.mark.usefixtures("clock", "no_aws")
@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, ""),
        (200, "<html><body>Sign in to the network</body></html>"),
        (200, '{"StackSet": {"StackSetId": 1}}'),
        (200, "<ErrorResponse/>"),
        (200, "<a>" * 2_000),
        (503, ""),
    ],
)
def test_status_is_unknown_if_the_endpoint_is_not_aws(status: int, body: str) -> None:
    with serving(lambda _: (status, body)) as endpoint:
        assert len(error_from(endpoint)) < 1_200


@pytest.mark.usefixtures("clock", "no_aws")
def test_status_is_unknown_if_the_endpoint_refuses_connections() -> None:
    with serving(lambda _: (200, "")) as endpoint:
        pass
    assert "check the network, the Region, and AWS_ENDPOINT_URL" in error_from(endpoint)


NEEDED = {
    "DescribeOrganization": ["Organization.MasterAccountId"],
    "DescribeStackSet": ["StackSet.OrganizationalUnitIds", "StackSet.OrganizationalUnitIds[]"],
    "ListAccountsForParent": ["Accounts", "Accounts[].Id", "Accounts[].Name"],
    "ListOrganizationalUnitsForParent": ["OrganizationalUnits", "OrganizationalUnits[].Id"],
    "ListStackInstances": [
        "Summaries",
        "Summaries[].Account",
        "Summaries[].Region",
        "Summaries[].Status",
    ],
}
"""The members that the command needs: without one, the status is unknown or not complete."""

OPTIONAL = {
    "ListAccountsForParent": ["Accounts[].State", "Accounts[].Status"],
    "ListStackInstances": [
        "Summaries[].StackInstanceStatus",
        "Summaries[].StackInstanceStatus.DetailedStatus",
        "Summaries[].StatusReason",
    ],
}
"""The other members that it reads."""

WRONG: list[Any] = [None, 7, {}, [], "x"]

ANY_TEXT = {"Name", "Region"}
"""The members that can be any text."""


def changes(value: Any, path: str) -> Iterator[tuple[Any, str]]:
    """Yield copies of a response in which the member at a path is missing or wrong."""
    step, dot, rest = path.partition(".")
    name = step.removesuffix("[]")
    in_list = step.endswith("[]")
    if dot:
        for changed, what in changes(value[name][0] if in_list else value[name], rest):
            yield {**value, name: [changed] if in_list else changed}, what
        return
    if not in_list:
        yield {key: member for key, member in value.items() if key != name}, "missing"
    for wrong in WRONG:
        yield {**value, name: [wrong] if in_list else wrong}, repr(wrong)


def test_detects_every_member_of_a_response_that_is_missing_or_wrong(
    aws: Management, synth: Synth, monkeypatch: pytest.MonkeyPatch
) -> None:
    organization = Organization.create(aws.organizations, {"Unit": 1})
    roll_out(organization, synth)
    answers: dict[str, Any] = {}
    real: Any = vars(BaseClient)["_make_api_call"]

    def answer(self: Any, operation: str, arguments: Any) -> Any:
        # The root has no account, and the unit has no other unit.
        key = operation + (arguments.get("ParentId", "") if arguments else "")
        if key not in answers:
            answers[key] = real(self, operation, arguments)
        return answers[key]

    monkeypatch.setattr(BaseClient, "_make_api_call", answer)

    def state_with(key: str, changed: Any) -> str:
        right, answers[key] = answers[key], changed
        targets = ExpectedRollout(stack_set="PumpReadOnly")
        try:
            return read_statuses(aws.cloudformation, aws.organizations, [targets]).state
        finally:
            answers[key] = right

    answers["nothing"] = {}
    assert state_with("nothing", {}) == "complete"
    unit = {"ListAccountsForParent": organization.units["Unit"]}
    unit["ListOrganizationalUnitsForParent"] = organization.root
    tried = [
        (operation, path, what, state_with(key, changed))
        for operation, paths in [*NEEDED.items(), *OPTIONAL.items()]
        for key in [operation + unit.get(operation, "")]
        for path in paths
        for changed, what in changes(answers[key], path)
        if what != "'x'" or path.rpartition(".")[2] not in ANY_TEXT
    ]
    assert len(tried) > 90
    for operation, path, what, found in tried:
        if path not in OPTIONAL.get(operation, ()):
            assert found != "complete", (operation, path, what)
        elif what == "missing":
            assert found == "complete", (operation, path)
