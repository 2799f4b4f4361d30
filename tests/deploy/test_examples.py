"""The examples with a customer's stack and with a pipeline, deployed."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from pump_roles.review.account.verify.expectation import from_templates
from pump_roles.review.account.verify.from_aws import read_account
from pump_roles.review.account.verify.verify_account import verify_account
from tests.customer import BOUNDARY
from tests.support import FROM_PUMP, PRINCIPAL, VENDORS
from tools.sandbox.aws import ACCOUNT_ID, OWNER, Caller, EmbeddedAws


def bootstrap(aws: EmbeddedAws, caller: Caller = OWNER) -> None:
    """Set the version that the CDK's templates check in a bootstrapped account."""
    aws.client("ssm", caller).put_parameter(
        Name="/cdk-bootstrap/hnb659fds/version", Value="30", Type="String"
    )


@pytest.fixture
def templates(aws: EmbeddedAws, example: Callable[[str], Path]) -> Path:
    """The folder with the stack's template, which has been deployed."""
    folder = example("read_only")
    # The account also has the boundary.
    bootstrap(aws)
    aws.iam().create_policy(
        PolicyName="Boundary", Path="/platform/", PolicyDocument=json.dumps(BOUNDARY)
    )
    aws.deploy("Vendors", (folder / VENDORS).read_text())
    return folder


@pytest.mark.usefixtures("templates")
def test_pump_assumes_the_role_that_the_stack_prints_only_with_the_external_id(
    aws: EmbeddedAws,
) -> None:
    (stack,) = aws.cloudformation().describe_stacks(StackName="Vendors")["Stacks"]
    (output,) = stack["Outputs"]
    role_arn = output["OutputValue"]
    pump = aws.caller_in(PRINCIPAL)
    assert aws.can_assume(role_arn, pump, external_id=FROM_PUMP["external-id"])
    assert not aws.can_assume(role_arn, pump, external_id="Another-1234-5678")
    assert not aws.can_assume(role_arn, pump)


def test_pump_assumes_the_role_in_each_account_that_the_pipeline_deploys_to(
    aws: EmbeddedAws, example: Callable[[str], Path]
) -> None:
    pump = aws.caller_in(PRINCIPAL)
    for stage, account in {"Test": "222233334444", "Production": "333344445555"}.items():
        (template,) = (example("pipeline") / f"assembly-{stage}").glob("*.template.json")
        owner = Caller(account)
        bootstrap(aws, owner)
        aws.deploy("PumpReadOnly", template.read_text(), caller=owner)
        role_arn = f"arn:aws:iam::{account}:role/PumpReadOnlyRole"
        assert aws.can_assume(role_arn, pump, external_id=FROM_PUMP["external-id"])
        assert not aws.can_assume(role_arn, pump)


def test_deployed_role_has_its_boundary_and_matches_its_template(
    aws: EmbeddedAws, templates: Path
) -> None:
    expected = from_templates(templates)
    details = read_account(aws.iam(), expected.names, account=ACCOUNT_ID, partition="aws")
    assert verify_account(expected, details).state == "match"
    role = aws.iam().get_role(RoleName="PumpReadOnlyRole")["Role"]
    boundary = role["PermissionsBoundary"]["PermissionsBoundaryArn"]
    assert boundary == f"arn:aws:iam::{ACCOUNT_ID}:policy/platform/Boundary"
