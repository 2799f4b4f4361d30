"""The real CDK CLI deploys to an embedded AWS, and what is deployed is what is published.

What moto does not do: it checks no trust policy when a role is assumed, enforces no parameter's
pattern, and does not change a role on a stack update. The tests in ``tests/decisions`` judge the
templates for the first, ``tests/test_validators.py`` and ``tests/test_stacks.py`` for the second.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError

from sandbox.aws import EmbeddedAws, embedded_aws, recorded
from sandbox.cdk import cdk
from sandbox.simulator import Role
from tests.support import EXTERNAL_ID, PRINCIPAL, Assembly, published_policies, trust

KINDS = {"PumpReadOnly": "read-only", "PumpAutoPilot": "auto-pilot"}
TRUST = trust(PRINCIPAL, EXTERNAL_ID)


@pytest.fixture
def aws() -> Iterator[EmbeddedAws]:
    with embedded_aws() as account:
        yield account


def deploy(aws: EmbeddedAws, folder: Path, *arguments: str) -> tuple[int, str]:
    # Direct, since moto never finishes the change set of an update that changes nothing.
    ended = cdk(
        "deploy",
        *arguments,
        "--app",
        str(folder),
        "--method=direct",
        "--require-approval=never",
        environment=aws.environment,
    )
    return ended.returncode, ended.stdout + ended.stderr


def test_deploys_deploys_again_without_change_and_leaves_nothing(
    aws: EmbeddedAws,
    assembly: Assembly,
    given: dict[str, str],
    published: list[list[dict[str, Any]]],
) -> None:
    status, output = deploy(aws, assembly(given), "--all")
    assert status == 0, output
    first = {}
    for stack, kind in KINDS.items():
        name = f"{stack}Role"
        role = Role.of_account(aws.iam, name)
        assert role.trust == TRUST
        assert json.dumps(role.policies) == json.dumps(published_policies(published, kind))
        assert aws.iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"] == []
        first[name] = aws.iam.get_role(RoleName=name)["Role"]
        assert first[name]["Path"] == "/"
        assert first[name]["MaxSessionDuration"] == 3600
        (described,) = aws.cloudformation.describe_stacks(StackName=stack)["Stacks"]
        outputs = {output["OutputKey"]: output["OutputValue"] for output in described["Outputs"]}
        assert outputs["RoleArn"] == first[name]["Arn"]
        assert outputs["RoleName"] == name

    status, output = deploy(aws, assembly(given), "--all")
    assert status == 0, output
    assert output.count("(no changes)") == 2
    assert {name: aws.iam.get_role(RoleName=name)["Role"] for name in first} == first

    ended = cdk(
        "destroy", "--all", "--force", "--app", str(assembly(given)), environment=aws.environment
    )
    assert ended.returncode == 0, ended.stderr
    assert aws.iam.list_roles()["Roles"] == []
    assert aws.iam.list_policies(Scope="Local")["Policies"] == []
    assert aws.cloudformation.describe_stacks()["Stacks"] == []


def test_universal_template_deploys_with_its_parameters(
    aws: EmbeddedAws, assembly: Assembly, published: list[list[dict[str, Any]]]
) -> None:
    status, output = deploy(
        aws,
        assembly({}),
        "PumpReadOnly",
        "--parameters",
        f"PumpIamRole={PRINCIPAL}",
        "--parameters",
        f"PumpExternalID={EXTERNAL_ID}",
    )
    assert status == 0, output
    role = Role.of_account(aws.iam, "PumpReadOnlyRole")
    assert role.trust == TRUST
    assert role.policies == published_policies(published, "read-only")


def test_universal_template_does_not_deploy_without_its_parameters(
    aws: EmbeddedAws, assembly: Assembly
) -> None:
    status, output = deploy(aws, assembly({}), "PumpReadOnly")
    assert status != 0
    assert "PumpExternalID" in output
    assert aws.iam.list_roles()["Roles"] == []


def test_same_template_deploys_as_a_template_body_as_from_the_console(
    aws: EmbeddedAws, assembly: Assembly
) -> None:
    aws.cloudformation.create_stack(
        StackName="ByHand",
        TemplateBody=(assembly({}) / "PumpAutoPilot.template.json").read_text(),
        Parameters=[
            {"ParameterKey": "PumpIamRole", "ParameterValue": PRINCIPAL},
            {"ParameterKey": "PumpExternalID", "ParameterValue": EXTERNAL_ID},
        ],
        Capabilities=["CAPABILITY_NAMED_IAM"],
    )
    assert Role.of_account(aws.iam, "PumpAutoPilotRole").trust == TRUST


def test_deployment_asks_for_no_bootstrap(
    aws: EmbeddedAws, assembly: Assembly, given: dict[str, str], tmp_path: Path
) -> None:
    with recorded(tmp_path / "recording") as requests:
        status, output = deploy(aws, assembly(given), "PumpReadOnly")
    assert status == 0, output
    # No bucket, no parameter of a bootstrap.
    assert requests.services == {"sts", "cloudformation"}
    assert not [request for request in requests if request["Action"][0].startswith("Assume")]
    (create,) = (request for request in requests if request["Action"] == ["CreateStack"])
    assert "RoleARN" not in create
    assert "TemplateURL" not in create
    (described,) = aws.cloudformation.describe_stacks(StackName="PumpReadOnly")["Stacks"]
    assert "RoleARN" not in described


def test_role_of_that_name_stays_as_it_was_and_the_failure_says_why(
    aws: EmbeddedAws, assembly: Assembly, given: dict[str, str]
) -> None:
    by_hand = json.dumps({"Version": "2012-10-17", "Statement": []})
    aws.iam.create_role(RoleName="PumpReadOnlyRole", AssumeRolePolicyDocument=by_hand)
    before = aws.iam.get_role(RoleName="PumpReadOnlyRole")["Role"]
    status, output = deploy(aws, assembly(given), "PumpReadOnly")
    assert status != 0
    assert "PumpReadOnlyRole already exists" in output
    assert aws.iam.get_role(RoleName="PumpReadOnlyRole")["Role"] == before
    assert aws.iam.list_role_policies(RoleName="PumpReadOnlyRole")["PolicyNames"] == []


def fail_while_serving(endpoints: list[str]) -> None:
    with embedded_aws() as account:
        endpoints.append(account.endpoint)
        assert account.iam.list_roles()["Roles"] == []
        raise ZeroDivisionError


def test_server_ends_with_its_block_even_if_that_fails() -> None:
    endpoints: list[str] = []
    with pytest.raises(ZeroDivisionError):
        fail_while_serving(endpoints)
    with pytest.raises(EndpointConnectionError):
        EmbeddedAws(endpoints[0]).iam.list_roles()
