"""`pump-roles verify --removed`, on an emulated organization that enforces IAM.

It exits with 0 only if every account was read, and none has one of Pump's roles.
"""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import App, Environment

from pump_roles import ReadOnlyStack
from tests.commands import run, the_error
from tests.customer import AUTO_PILOT, READ_ONLY, Customer, allow
from tests.support import EXTERNAL_ID, PRINCIPAL, PUMP_ACCOUNT, SECRET, Assembly, Synth
from tools.sandbox.audit import AUDITOR, let_audit
from tools.sandbox.aws import ACCOUNT_ID, OWNER, Caller, EmbeddedAws
from tools.sandbox.cdk import cdk
from tools.sandbox.organization import Organization

pytestmark = pytest.mark.usefixtures("no_aws")

OTHER_ACCOUNT = "111122223333"
GIVEN = {"principal": PRINCIPAL, "external-id": EXTERNAL_ID, "auto-pilot": {}}
REMOVED = ("--removed", "--format", "json")
Result = Mapping[str, Any]


def verify(
    *arguments: object, environment: Mapping[str, str] | None = None
) -> tuple[int, dict[str, Result]]:
    """Return the exit status, and the accounts by ID."""
    ended = run("verify", *REMOVED, *arguments, environment=environment)
    found = json.loads(ended.stdout)
    assert found["removed"] is True
    return ended.exit_code, {account["account"]: account for account in found["accounts"]}


def states(accounts: Mapping[str, Result]) -> dict[str, str]:
    return {id_: account["state"] for id_, account in accounts.items()}


# One account.

Removed = Callable[..., tuple[int, Result]]
"""Verifies that the account has no roles; expects those of the reviewed templates by default."""


@pytest.fixture
def removed(aws: EmbeddedAws, reviewed: Path) -> Removed:
    def verified(*arguments: object, caller: Caller = OWNER, **more: str) -> tuple[int, Result]:
        environment = {**aws.environment(caller), **more}
        status, accounts = verify(*(arguments or ("--expect", reviewed)), environment=environment)
        return status, accounts[ACCOUNT_ID]

    return verified


def present(account: Result) -> list[str]:
    return [
        role["arn"]
        for role in account["roles"]
        for difference in role["differences"]
        if difference["rule"] == "role-present"
    ]


def names_of(account: Result) -> list[str]:
    return [other["arn"].rpartition("/")[2] for other in account["others"]]


def create(aws: EmbeddedAws, name: str, *, path: str = "/", **statement: Any) -> str:
    """Create a role, and return its ARN."""
    principal = {"AWS": OTHER_ACCOUNT}
    trusted = {"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole", **statement}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [trusted]})
    made = aws.iam().create_role(RoleName=name, Path=path, AssumeRolePolicyDocument=policy)
    return made["Role"]["Arn"]


def test_deployed_roles_still_exist_until_their_stacks_are_deleted(
    removed: Removed, customer: Customer, tmp_path: Path
) -> None:
    details, *_ = customer.saved(tmp_path)
    files = ("--expect", customer.folder, "--details", details)
    arns = [f"arn:aws:iam::{ACCOUNT_ID}:role/pump/{name}" for name in (READ_ONLY, AUTO_PILOT)]
    for status, account in (removed(), removed(*files)):
        assert (status, account["state"], present(account)) == (3, "differs", arns)
        # CloudFormation's tag names the stack to delete.
        stacks = [role["differences"][0]["now"] for role in account["roles"]]
        assert stacks == [["PumpReadOnly"], ["PumpAutoPilot"]]
    for (stack,) in stacks:
        customer.aws.delete(stack)
    # Every real account has roles, which trust nobody of Pump's.
    create(customer.aws, "Function", Principal={"Service": "lambda.amazonaws.com"})
    details, *_ = customer.saved(tmp_path)
    assert removed(*files)[0] == 0
    status, account = removed()
    assert (status, account["state"]) == (0, "match")
    absent = {
        "message": "the role does not exist",
        "part": "role",
        "why": "absent",
        "subject": "",
        "detail": "",
        "source": "",
    }
    assert [role["notes"] for role in account["roles"]] == [[absent]] * 2


def test_role_with_the_name_of_an_expected_or_a_published_role_still_exists(
    aws: EmbeddedAws, removed: Removed, tmp_path: Path
) -> None:
    """Although it is not what was deployed, or was left over from before it had another name."""
    renamed = stack(tmp_path, role_name="VendorPump")
    assert removed("--expect", renamed)[0] == removed("--principal", PRINCIPAL)[0] == 0
    arns = [create(aws, READ_ONLY.lower(), Effect="Deny"), create(aws, AUTO_PILOT, path="/x/")]
    status, account = removed()
    assert (status, present(account), account["others"]) == (3, arns, [])
    assert present(removed("--expect", renamed)[1]) == arns[:1]
    assert present(removed("--principal", PRINCIPAL)[1]) == arns


def test_finds_only_other_roles_that_pump_can_assume(aws: EmbeddedAws, removed: Removed) -> None:
    """Such as a copy that someone made."""
    create(aws, "PumpReadOnlyRoleToo")
    create(aws, "SameId", Condition={"StringEquals": {"sts:ExternalId": SECRET}})
    status, account = removed("--principal", PRINCIPAL)
    notes = account["roles"][0]["notes"]
    assert (status, notes[1]["part"], notes[1]["why"]) == (0, "role", "open")
    for known in (removed(), removed("--principal", PRINCIPAL, PUMP_EXTERNAL_ID=SECRET)):
        assert (known[0], names_of(known[1])) == (3, ["SameId"])
    create(aws, "Copy", Principal={"AWS": PRINCIPAL})
    status, account = removed()
    assert (status, present(account)) == (3, [])
    assert names_of(account) == ["Copy", "SameId"]


@pytest.mark.parametrize(
    ("action", "expected"), [("iam:ListRoles", (0, "match")), ("iam:GetRole", (4, "unknown"))]
)
def test_permission_to_list_roles_is_enough_and_necessary(
    action: str, expected: tuple[int, str], aws: EmbeddedAws, removed: Removed
) -> None:
    """Only the list shows a role of another name, or in another case."""
    aws.create_role("Limited", ACCOUNT_ID, [allow(action)])
    caller = aws.assume(f"arn:aws:iam::{ACCOUNT_ID}:role/Limited", OWNER)
    status, account = removed(caller=caller)
    assert (status, account["state"]) == expected
    assert {role["state"] for role in account["roles"]} == {expected[1]}
    assert [unknown["detail"] for unknown in account["unknown"]] == (
        ["denied: iam:ListRoles"] if status else []
    )


def stack(folder: Path, **more: Any) -> Path:
    """Synthesize a stack with the read-only role, and return its folder."""
    app = App(outdir=str(folder))
    ReadOnlyStack(app, "S", pump_principal=PUMP_ACCOUNT, external_id=EXTERNAL_ID, **more)
    app.synth()
    return folder


def test_account_that_the_templates_name_must_be_read(aws: EmbeddedAws, tmp_path: Path) -> None:
    """Otherwise credentials of another account would prove the removal."""
    for account, state in ((OTHER_ACCOUNT, "unknown"), (ACCOUNT_ID, "match")):
        folder = stack(tmp_path / account, env=Environment(account=account, region="us-east-1"))
        status, accounts = verify("--expect", folder, environment=aws.environment())
        assert states(accounts) == {ACCOUNT_ID: "match", account: state}
        assert status == {"unknown": 4, "match": 0}[state]


# An organization.


def test_account_outside_the_units_is_also_checked_and_unproven_if_it_is_suspended(
    aws: EmbeddedAws, synth: Synth, tmp_path: Path
) -> None:
    organization = Organization.create(aws.organizations, {"Workloads": 2, "Outside": 1})
    for member in organization.accounts():
        if member.id != ACCOUNT_ID:
            let_audit(aws, Caller(member.id))
    units = [organization.units["Workloads"]]
    templates = synth({**GIVEN, "read-only": {"organizational-units": units}})
    for name in ("PumpReadOnly", "PumpReadOnlyRollout"):
        (tmp_path / f"{name}.template.json").write_text(json.dumps(templates[name]))
    aws.deploy("PumpReadOnly", json.dumps(templates["PumpReadOnly"]))
    expected, environment = ("--expect", tmp_path), aws.environment()
    everywhere = (*expected, "--assume-role", AUDITOR)

    # In a single account, only the template of its stack can be checked.
    problem = "a StackSet deploys the roles to other accounts; pass --assume-role"
    assert problem in the_error(run("verify", "--removed", *expected, environment=environment), 1)
    template = tmp_path / "PumpReadOnly.template.json"
    status, accounts = verify("--expect", template, environment=environment)
    assert (status, states(accounts)) == (3, {ACCOUNT_ID: "differs"})

    assert verify(*everywhere, environment=environment)[0] == 3
    aws.delete("PumpReadOnly")
    assert verify(*everywhere, environment=environment)[0] == 0
    # Like an account that moved, and kept its role.
    (outside,) = (found.id for found in organization.accounts() if "outside" in found.name)
    aws.create_role(READ_ONLY, PRINCIPAL, caller=Caller(outside))
    status, accounts = verify(*everywhere, environment=environment)
    assert status == 3
    assert [id_ for id_, state in states(accounts).items() if state == "differs"] == [outside]
    organization.client.close_account(AccountId=outside)
    status, accounts = verify(*everywhere, environment=environment)
    assert (status, accounts[outside]["unknown"][0]["why"]) == (4, "suspended")
    assert set(states(accounts).values()) == {"match", "unknown"}


@pytest.mark.slow
def test_cdk_destroy_succeeds_without_deleting_a_rollout_that_has_no_units(
    assembly: Assembly,
) -> None:
    """What the guides warn of. If the CDK CLI fails one day, they can say so."""
    ended = cdk("destroy", "PumpReadOnlyRollout", "--force", "--app", str(assembly({})))
    assert ended.returncode == 0
    assert "PumpReadOnlyRollout does not exist" in ended.stdout + ended.stderr
