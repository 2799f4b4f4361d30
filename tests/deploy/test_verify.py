"""`pump-roles verify` reads with the smallest policy; what it could not read is unknown.

What it finds after changes is in ``test_verify_changes.py``.
"""

import os
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import product
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.exceptions import EndpointConnectionError

from pump_roles.inputs import as_list
from pump_roles.review.account.account_details import policy_for_reading
from pump_roles.review.account.aws_sdk import CallerClients
from pump_roles.review.account.verification import AccountResult
from pump_roles.review.output.descriptions import describe_unknown
from pump_roles.role.unknowns import Unknown
from tests.customer import AUTO_PILOT, BOUNDARY_ARN, PATH, READ_ONLY, Customer, delete
from tests.support import SECRET, some
from tools.sandbox.aws import ACCOUNT_ID, OWNER, Caller, EmbeddedAws

NAMES = (READ_ONLY, AUTO_PILOT)
POLICY = policy_for_reading(NAMES)
ACTIONS = [
    action
    for statement in POLICY["Statement"]
    for action in as_list(statement["Action"])
    # The schedule that ends an approval is in ``test_approval.py``.
    if action != "scheduler:GetSchedule"
]
ADMINISTRATOR = "arn:aws:iam::aws:policy/AdministratorAccess"


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Do not wait between attempts."""
    monkeypatch.setattr("botocore.endpoint.time.sleep", lambda _: None)


def differences(found: AccountResult) -> list[str]:
    return [difference.rule for role in found.roles for difference in role.differences]


def not_checked(found: AccountResult) -> list[Unknown]:
    return [*found.unknown, *(unknown for role in found.roles for unknown in role.unknown)]


def reasons(found: AccountResult) -> str:
    """Return all that could not be checked, as one text."""
    return "; ".join(map(describe_unknown, not_checked(found)))


# The smallest policy.


def reader(aws: EmbeddedAws, *without: str, name: str = "Reader") -> Caller:
    """Return a session of a role that may read, and nothing else.

    ministack checks a role's ARN without its path, which AWS does not leave out. What the policy
    covers is in the guide: see ``tests/review/account/test_verify_guide.py``.
    """
    statements = []
    for statement in POLICY["Statement"]:
        allowed = [action for action in as_list(statement["Action"]) if action not in without]
        if allowed:
            statements.append({**statement, "Action": allowed})
    aws.create_role(name, ACCOUNT_ID, statements)
    return aws.assume(f"arn:aws:iam::{ACCOUNT_ID}:role/{name}", OWNER)


def test_smallest_policy_is_enough_for_the_roles_and_for_what_is_attached(
    customer: Customer,
) -> None:
    caller = reader(customer.aws)
    found = customer.verify(caller=caller)
    assert (found.state, reasons(found), differences(found)) == ("match", "", [])
    arns = [f"arn:aws:iam::{ACCOUNT_ID}:role{PATH}{name}" for name in NAMES]
    assert [role.arn for role in found.roles] == arns
    customer.iam.attach_role_policy(RoleName=READ_ONLY, PolicyArn=ADMINISTRATOR)
    found = customer.verify(caller=caller)
    assert (found.state, reasons(found)) == ("differs", "")
    assert found == customer.verify()
    # It is found even if its text cannot be read.
    found = customer.verify(caller=reader(customer.aws, "iam:GetPolicyVersion", name="Less"))
    (difference,) = found.roles[0].differences
    assert (difference.rule, difference.effect) == ("policy-added", "broader")
    assert "denied: iam:GetPolicyVersion" in reasons(found)


def test_without_an_action_of_the_policy_what_it_reads_is_unknown(customer: Customer) -> None:
    ways = customer.expectation.roles
    inline = {policy.name for (way,) in ways for policy in way.role.policies}
    unread: dict[str, set[tuple[str, str]]] = {
        "iam:ListRoles": {("other-roles", "")},
        # What only a single role shows.
        "iam:GetRole": {("boundary", ""), ("session", "")},
        "iam:GetRolePolicy": {("inline-policies", name) for name in inline},
        "iam:ListAttachedRolePolicies": {("managed-policies", "")},
        "iam:ListRolePolicies": {("inline-policies", "")},
        "iam:GetPolicy": {("boundary", BOUNDARY_ARN)},
        "iam:GetPolicyVersion": {("boundary", BOUNDARY_ARN)},
    }
    assert sorted(unread) == sorted(ACTIONS)
    for number, (action, parts) in enumerate(unread.items()):
        found = customer.verify(caller=reader(customer.aws, action, name=f"Reader{number}"))
        assert (found.state, differences(found), found.others) == ("unknown", [], ())
        unknown = not_checked(found)
        assert {(each.part, each.subject) for each in unknown} == parts
        assert {each.detail for each in unknown} == {f"denied: {action}"}
        assert SECRET not in repr(found)


def test_role_that_can_neither_be_listed_nor_read_is_not_missing(customer: Customer) -> None:
    found = customer.verify(caller=reader(customer.aws, "iam:ListRoles", "iam:GetRole"))
    assert found.state == "unknown"
    assert differences(found) == []
    for role in found.roles:
        assert [*map(describe_unknown, role.unknown)] == [
            "it could not be read: denied: iam:GetRole"
        ]
    # It is missing if roles cannot be listed, but IAM says that it does not exist.
    delete(customer.iam)
    customer.iam.delete_role_policy(RoleName="Reader", PolicyName="Reader")
    delete(customer.iam, "Reader")
    found = customer.verify(caller=reader(customer.aws, "iam:ListRoles"))
    assert found.state == "differs"
    assert differences(found) == ["role-missing"]
    assert reasons(found) == "the account's other roles could not be read: denied: iam:ListRoles"


# Calls that fail.

Response = tuple[int, str]

Fails = Callable[[str, int], Response | Exception | None]
"""Gets the operation of a call, and the number of the attempt at it.

Returns the response instead of AWS's, an exception to raise, or nothing if AWS shall answer.
"""


class Failing:
    """Clients of IAM, as the command makes them for accounts, whose calls fail."""

    def __init__(self, caller: CallerClients) -> None:
        self.caller = caller
        self.operations: list[str] = []
        self.attempts: list[int] = []

    def verify(self, customer: Customer, fails: Fails) -> AccountResult:
        """Verify the account, while calls fail."""
        self.operations, self.attempts, self._fails = [], [], fails
        credentials = {
            "AccessKeyId": OWNER.access_key_id,
            "SecretAccessKey": OWNER.secret_access_key,
            "SessionToken": None,
        }
        iam = self.caller.with_credentials(credentials).iam()
        events: Any = iam.meta.events
        events.register("before-call.iam", self._call)
        events.register("before-send.iam", self._send)
        return customer.verify(iam=iam)

    def _call(self, model: Any, **_: object) -> None:
        self.operations.append(model.name)
        self.attempts.append(0)

    def _send(self, request: AWSPreparedRequest, **_: object) -> AWSResponse | None:
        self.attempts[-1] += 1
        found = self._fails(self.operations[-1], self.attempts[-1])
        if isinstance(found, Exception):
            raise found
        if found is None:
            return None
        status, text = found
        headers: Any = {}
        raw = SimpleNamespace(stream=lambda: iter([text.encode()]))
        return AWSResponse(request.url, status, headers, raw)


@pytest.fixture(scope="module")
def caller(emulator: EmbeddedAws) -> Iterator[CallerClients]:
    """The command's own clients, which call the account as its root user."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        for name in os.environ:
            if name.startswith("AWS_"):
                monkeypatch.delenv(name)
        for name, value in emulator.environment().items():
            monkeypatch.setenv(name, value)
        yield CallerClients()


@pytest.fixture
def failing(caller: CallerClients) -> Failing:
    return Failing(caller)


def error(code: str, status: int = 400) -> Response:
    """Return an error of IAM."""
    shown = f"<Type>Sender</Type><Code>{code}</Code><Message>{SECRET}</Message>"
    return status, f"<ErrorResponse><Error>{shown}</Error></ErrorResponse>"


LOST = EndpointConnectionError(endpoint_url="https://iam.amazonaws.com")


def test_call_is_repeated_seven_times(customer: Customer, failing: Failing) -> None:
    def until(last: int) -> Fails:
        return lambda operation, attempt: (
            LOST if operation == "ListRolePolicies" and attempt <= last else None
        )

    found = failing.verify(customer, until(7))
    assert found.state == "match"
    assert {*failing.attempts} == {1, 8}
    # As in the guide; an attempt is not a call.
    calls = Counter(failing.operations)
    policies = calls.pop("GetRolePolicy")
    assert policies == sum(
        len(customer.iam.list_role_policies(RoleName=name)["PolicyNames"]) for name in NAMES
    )
    assert calls.pop("ListRoles") == 1
    of_managed = calls.pop("GetPolicy", 0), calls.pop("GetPolicyVersion", 0)
    assert of_managed[0] == of_managed[1]
    each = ("GetRole", "ListRolePolicies", "ListAttachedRolePolicies")
    assert calls == dict.fromkeys(each, len(NAMES))
    assert failing.verify(customer, until(8)).state == "unknown"


UNANSWERED: list[tuple[Response | Exception, str]] = [
    # tests/review/account/test_probe.py has every kind.
    (error("Throttling"), "throttled: iam:ListRoles"),
    ((500, "<html>"), "iam:ListRoles failed: HTTP status 500"),
    ((200, "<html><body>Sign in</body></html>"), "the response cannot be parsed"),
    (LOST, "no response from http://127.0.0.1"),
]


def test_what_does_not_answer_or_was_deleted_meanwhile_is_unknown(
    customer: Customer, failing: Failing
) -> None:
    for response, reason in UNANSWERED:
        found = failing.verify(customer, lambda *_, response=response: response)
        assert found.state == "unknown"
        assert [role.state for role in found.roles] == ["unknown", "unknown"]
        assert differences(found) == []
        assert reason in describe_unknown(*found.unknown)
        # Nothing of the response is shown.
        assert not [text for text in (SECRET, "<", "Sign in") if text in reasons(found)]
    gone = error("NoSuchEntity", 404)
    found = failing.verify(
        customer, lambda operation, _: gone if operation == "GetRolePolicy" else None
    )
    assert (found.state, differences(found)) == ("unknown", [])
    assert {unknown.why for role in found.roles for unknown in role.unknown} == {"changed"}


def test_account_is_unknown_if_any_response_is_incomplete(
    customer: Customer, failing: Failing
) -> None:
    # Every action, with one of them.
    for content, action in some(product(("<Role/>", ""), ACTIONS), 2):
        operation = action.partition(":")[2]
        result = f"<{operation}Result>{content}</{operation}Result>"
        response = 200, f"<{operation}Response>{result}</{operation}Response>"

        def first(called: str, _: int, given: Any = (operation, response)) -> Response | None:
            once = called == given[0] and failing.operations.count(called) == 1
            return given[1] if once else None

        found = failing.verify(customer, first)
        assert operation in failing.operations
        assert found.state == "unknown", operation
        assert (differences(found), found.others) == ([], ())
        assert reasons(found)
        assert SECRET not in repr(found)
