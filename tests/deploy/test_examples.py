"""The example with a customer's stack, deployed."""

import json
from collections.abc import Callable
from pathlib import Path

from pump_roles.review.account.account_details import read_account
from pump_roles.review.account.verify_accounts import verify_account
from tests.customer import BOUNDARY
from tests.review.account.results import expected_in
from tests.support import FROM_PUMP, PRINCIPAL, VENDORS
from tools.sandbox.aws import ACCOUNT_ID, EmbeddedAws


def test_role_in_a_customers_stack_matches_its_template_and_pump_assumes_it(
    aws: EmbeddedAws, example: Callable[[str], Path]
) -> None:
    folder = example("read_only")
    # The account is bootstrapped, and has the boundary.
    aws.client("ssm").put_parameter(
        Name="/cdk-bootstrap/hnb659fds/version", Value="30", Type="String"
    )
    boundary = aws.iam().create_policy(
        PolicyName="Boundary", Path="/platform/", PolicyDocument=json.dumps(BOUNDARY)
    )["Policy"]["Arn"]
    aws.deploy("Vendors", (folder / VENDORS).read_text())
    (stack,) = aws.cloudformation().describe_stacks(StackName="Vendors")["Stacks"]
    (output,) = stack["Outputs"]
    pump = aws.caller_in(PRINCIPAL)
    for external_id in (FROM_PUMP["external-id"], "Another-1234-5678", None):
        accepted = aws.can_assume(output["OutputValue"], pump, external_id=external_id)
        assert accepted == (external_id == FROM_PUMP["external-id"])
    expected = expected_in(folder)
    details = read_account(aws.iam(), expected.names, account=ACCOUNT_ID, partition="aws")
    assert verify_account(expected, details).state == "match"
    role = aws.iam().get_role(RoleName="PumpReadOnlyRole")["Role"]
    assert role["PermissionsBoundary"]["PermissionsBoundaryArn"] == boundary
