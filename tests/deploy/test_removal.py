"""`pump-roles verify --removed`, on an emulated organization that enforces IAM.

It exits with 0 only if every account was read, and none has one of Pump's roles.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import App, Environment

from pump_roles import ReadOnlyStack
from pump_roles.review.account.verify.expectation import Expectation
from pump_roles.review.output.verify_sections import REMEDIES
from tests.commands import run, the_error
from tests.customer import AUTO_PILOT, READ_ONLY, Customer, allow
from tests.support import EXTERNAL_ID, PRINCIPAL, PUMP_ACCOUNT, SECRET, Assembly, Synth
from tools.sandbox.audit import AUDITOR, let_audit
from tools.sandbox.aws import ACCOUNT_ID, OWNER, Caller, EmbeddedAws
from tools.sandbox.cdk import cdk
from tools.sandbox.organization import Organization

pytestmark = pytest.mark.usefixtures("no_aws")

OTHER_ACCOUNT = "111122223333"
GIVEN = {"principal": PRINCIPAL, "external-id": EXTERNAL_ID}
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


@dataclass(frozen=True)
class Removed:
    """An account whose stacks were deleted, and how to verify that."""

    aws: EmbeddedAws
    folder: Path

    def __call__(self, *arguments: object, **environment: str) -> tuple[int, Result]:
        status, accounts = verify(
            *(arguments or ("--expect", self.folder)),
            environment={**self.aws.environment(), **environment},
        )
        return status, accounts[ACCOUNT_ID]


@pytest.fixture
def removed(aws: EmbeddedAws, reviewed: Path) -> Removed:
    """An account that has no roles."""
    return Removed(aws, reviewed)


def present(account: Result) -> list[str]:
    return [
        role["arn"]
        for role in account["roles"]
        for difference in role["differences"]
        if difference["rule"] == "role-present"
    ]


def test_deployed_roles_still_exist_until_their_stacks_are_deleted(customer: Customer) -> None:
    verified = Removed(customer.aws, customer.folder)
    status, account = verified()
    assert (status, account["state"]) == (3, "differs")
    assert present(account) == [
        f"arn:aws:iam::{ACCOUNT_ID}:role/pump/{name}" for name in (READ_ONLY, AUTO_PILOT)
    ]
    # CloudFormation's tag names the stack to delete.
    stacks = [role["differences"][0]["now"] for role in account["roles"]]
    assert stacks == [["PumpReadOnly"], ["PumpAutoPilot"]]
    for (stack,) in stacks:
        customer.aws.delete(stack)
    status, account = verified()
    assert (status, account["state"]) == (0, "match")
    absent = {"part": "role", "why": "absent", "subject": "", "detail": "", "source": ""}
    assert [role["notes"] for role in account["roles"]] == [[absent]] * 2
    # One call: the list of all roles says it.
    assert account["calls"] == 1


def test_looks_for_the_published_roles_by_default(removed: Removed) -> None:
    status, account = removed("--principal", PRINCIPAL)
    assert (status, account["state"]) == (0, "match")
    notes = account["roles"][0]["notes"]
    assert (notes[1]["part"], notes[1]["why"]) == ("role", "open")
    removed.aws.create_role(READ_ONLY, OTHER_ACCOUNT)
    assert removed("--principal", PRINCIPAL)[0] == 3


def create(aws: EmbeddedAws, name: str, *, path: str = "/", **statement: Any) -> None:
    trust = {
        "Effect": "Allow",
        "Principal": {"AWS": OTHER_ACCOUNT},
        "Action": "sts:AssumeRole",
        **statement,
    }
    document = {"Version": "2012-10-17", "Statement": [trust]}
    aws.iam().create_role(RoleName=name, Path=path, AssumeRolePolicyDocument=json.dumps(document))


def test_role_with_the_name_of_a_published_role_still_exists(removed: Removed) -> None:
    """Although it is not what was deployed."""
    create(removed.aws, READ_ONLY.lower(), Effect="Deny")
    create(removed.aws, AUTO_PILOT, path="/vendors/")
    status, account = removed()
    assert (status, account["state"], len(present(account))) == (3, "differs", 2)
    assert account["others"] == []


SAME_ID: dict[str, Any] = {"Condition": {"StringEquals": {"sts:ExternalId": SECRET}}}


def test_finds_only_other_roles_that_pump_can_assume(removed: Removed) -> None:
    """Such as a copy that someone made."""
    aws = removed.aws
    create(aws, "PumpReadOnlyRoleToo")
    create(aws, "Admin", Principal={"AWS": ACCOUNT_ID})
    create(aws, "Function", Principal={"Service": "lambda.amazonaws.com"})
    assert removed()[0] == 0
    create(aws, "Copy", Principal={"AWS": PRINCIPAL})
    create(aws, "Everyone", Principal="*")
    create(aws, "SameId", **SAME_ID)
    status, account = removed()
    assert (status, account["state"], present(account)) == (3, "differs", [])
    assert [other["name"] for other in account["others"]] == ["Copy", "Everyone", "SameId"]


def test_external_id_in_the_environment_finds_a_copy(removed: Removed) -> None:
    create(removed.aws, "Copy", **SAME_ID)
    assert removed("--principal", PRINCIPAL)[0] == 0  # and a note says so: see above
    status, account = removed("--principal", PRINCIPAL, PUMP_EXTERNAL_ID=SECRET)
    assert (status, [other["name"] for other in account["others"]]) == (3, ["Copy"])


def limited(aws: EmbeddedAws, *actions: str) -> Mapping[str, str]:
    aws.create_role("Limited", ACCOUNT_ID, [allow(*actions)])
    return aws.environment(aws.assume(f"arn:aws:iam::{ACCOUNT_ID}:role/Limited", OWNER))


def test_permission_to_list_roles_is_enough(removed: Removed) -> None:
    environment = limited(removed.aws, "iam:ListRoles")
    assert removed(**environment)[0] == 0
    create(removed.aws, READ_ONLY, path="/vendors/")
    status, account = removed(**environment)
    arn = f"arn:aws:iam::{ACCOUNT_ID}:role/vendors/{READ_ONLY}"
    assert (status, present(account)) == (3, [arn])


def test_account_whose_roles_cannot_be_listed_is_unknown(removed: Removed) -> None:
    # Only the list shows a role of another name, or in another case.
    status, account = removed(**limited(removed.aws, "iam:GetRole"))
    assert (status, account["state"]) == (4, "unknown")
    assert [role["state"] for role in account["roles"]] == ["unknown", "unknown"]
    assert account["unknown"][0]["detail"] == "denied: iam:ListRoles"


def test_saved_details_are_enough(
    aws: EmbeddedAws, reviewed: Path, expectation: Expectation, tmp_path: Path
) -> None:
    customer = Customer(aws, reviewed, expectation)
    aws.create_role("Admin", f"arn:aws:iam::{ACCOUNT_ID}:root")
    details, *_ = customer.saved(tmp_path)
    files = ("--expect", reviewed, "--details", details)
    assert verify(*files)[0] == 0
    create(aws, READ_ONLY.upper())
    details, *_ = customer.saved(tmp_path)
    assert verify(*files)[0] == 3


def stack(folder: Path, **more: Any) -> Path:
    """Synthesize a stack with the read-only role, and return its folder."""
    app = App(outdir=str(folder))
    ReadOnlyStack(app, "S", pump_principal=PUMP_ACCOUNT, external_id=EXTERNAL_ID, **more)
    app.synth()
    return folder


def test_account_that_the_templates_name_must_be_read(removed: Removed, tmp_path: Path) -> None:
    """Otherwise credentials of another account would prove the removal."""
    for account, state in ((OTHER_ACCOUNT, "unknown"), (ACCOUNT_ID, "match")):
        folder = stack(tmp_path / account, env=Environment(account=account, region="us-east-1"))
        status, accounts = verify("--expect", folder, environment=removed.aws.environment())
        assert states(accounts) == {ACCOUNT_ID: "match", account: state}
        assert status == {"unknown": 4, "match": 0}[state]


def test_also_looks_for_the_published_role_name(removed: Removed, tmp_path: Path) -> None:
    """It can be left over from before the role had another name."""
    folder = stack(tmp_path, role_name="VendorPump")
    assert removed("--expect", folder)[0] == 0
    removed.aws.create_role(READ_ONLY, OTHER_ACCOUNT)
    status, account = removed("--expect", folder)
    assert status == 3
    assert present(account) == [f"arn:aws:iam::{ACCOUNT_ID}:role/{READ_ONLY}"]


def test_every_format_names_the_account_the_role_and_the_cure(
    customer: Customer, tmp_path: Path
) -> None:
    outputs = [tmp_path / f"removal.{ending}" for ending in ("txt", "md")]
    words = [word for output in outputs for word in ("--output", output)]
    assert Removed(customer.aws, customer.folder)("--expect", customer.folder, *words)[0] == 3
    for output in outputs:
        text = output.read_text()
        assert SECRET not in text
        for name in (READ_ONLY, AUTO_PILOT):
            assert f"arn:aws:iam::{ACCOUNT_ID}:role/pump/{name}" in text
        assert REMEDIES["role-present"].partition(":")[0] in text


# An organization.


@dataclass(frozen=True)
class Company:
    """An organization with the read-only role in its management account, and a rollout."""

    aws: EmbeddedAws
    organization: Organization
    folder: Path

    def verify(self) -> tuple[int, dict[str, Result]]:
        """Verify every account, as the management account."""
        return verify(
            *("--expect", self.folder, "--organization", "--assume-role", AUDITOR),
            environment=self.aws.environment(),
        )


@pytest.fixture
def company(aws: EmbeddedAws, synth: Synth, tmp_path: Path) -> Company:
    organization = Organization.create(aws.organizations, {"Workloads": 2, "Outside": 1})
    for member in organization.accounts():
        if member.id != ACCOUNT_ID:
            let_audit(aws, Caller(member.id))
    units = [organization.units["Workloads"]]
    templates = synth({**GIVEN, "read-only": {"organizational-units": units}})
    for name in ("PumpReadOnly", "PumpReadOnlyRollout"):
        (tmp_path / f"{name}.template.json").write_text(json.dumps(templates[name]))
    aws.deploy("PumpReadOnly", json.dumps(templates["PumpReadOnly"]))
    return Company(aws, organization, tmp_path)


def test_account_outside_the_units_is_also_checked_and_unproven_if_it_is_suspended(
    company: Company,
) -> None:
    # Like an account that moved, and kept its role.
    assert company.verify()[0] == 3
    company.aws.delete("PumpReadOnly")
    assert company.verify()[0] == 0
    (outside,) = (found.id for found in company.organization.accounts() if "outside" in found.name)
    company.aws.create_role(READ_ONLY, PRINCIPAL, caller=Caller(outside))
    status, accounts = company.verify()
    assert status == 3
    assert [id_ for id_, state in states(accounts).items() if state == "differs"] == [outside]
    company.organization.client.close_account(AccountId=outside)
    status, accounts = company.verify()
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


def test_rollout_is_not_checked_in_a_single_account(company: Company) -> None:
    environment = company.aws.environment()
    ended = run("verify", "--removed", "--expect", company.folder, environment=environment)
    problem = "a StackSet deploys the roles to other accounts; pass --organization"
    assert problem in the_error(ended)
    # To check a single account, use the template of its stack.
    template = company.folder / "PumpReadOnly.template.json"
    status, accounts = verify("--expect", template, environment=environment)
    assert (status, states(accounts)) == (3, {ACCOUNT_ID: "differs"})
