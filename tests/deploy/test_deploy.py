"""The real CDK CLI deploys to an AWS emulator that enforces IAM, and the result is as published."""

import json
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.commands import run
from tests.docs.pages import policy
from tests.support import (
    DOCUMENTED,
    EXTERNAL_ID,
    PRINCIPAL,
    PUMP_ACCOUNT,
    SCENARIOS,
    STACKS,
    Assembly,
    Synth,
    published_policies,
    trust,
)
from tools.sandbox.aws import (
    ACCOUNT_ID,
    OWNER,
    REGION,
    EmbeddedAws,
    embedded_aws,
)
from tools.sandbox.cdk import ROOT, cdk
from tools.sandbox.simulator import Role

KINDS = dict(zip(STACKS, DOCUMENTED, strict=True))
TRUST = trust(PRINCIPAL, EXTERNAL_ID)
ANYTHING = {"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
PARAMETERS = {"PumpIamRole": PRINCIPAL, "PumpExternalID": EXTERNAL_ID}


def deploy(aws: EmbeddedAws, folder: Path, *arguments: str) -> tuple[int, str]:
    asks = "--require-approval=never"
    ended = cdk("deploy", *arguments, "--app", str(folder), asks, environment=aws.environment())
    return ended.returncode, ended.stdout + ended.stderr


def check_that_nothing_is_bootstrapped(aws: EmbeddedAws) -> None:
    """Check that the calls need no bucket, no parameter of a bootstrap, and no role."""
    events = aws.client("cloudtrail").lookup_events(MaxResults=50)["Events"]
    assert {event["EventSource"].split(".")[0] for event in events} == {"sts", "cloudformation"}
    requests = [json.loads(event["CloudTrailEvent"])["requestParameters"] for event in events]
    actions = [request["Action"] for request in requests]
    assert "ExecuteChangeSet" in actions
    assert not [action for action in actions if action.startswith("Assume")]
    created = [request for request in requests if request["Action"] == "CreateChangeSet"]
    assert len(created) == len(KINDS)
    for request in created:
        assert "TemplateBody" in request
        assert not {"RoleARN", "TemplateURL"} & request.keys()


@pytest.mark.slow
def test_second_deployment_changes_nothing(
    aws: EmbeddedAws,
    assembly: Assembly,
    provided: dict[str, str],
    published: list[list[dict[str, Any]]],
) -> None:
    iam, cloudformation = aws.iam(), aws.cloudformation()
    status, output = deploy(aws, assembly(provided), "--all")
    assert status == 0, output
    check_that_nothing_is_bootstrapped(aws)
    first = {}
    for stack, kind in KINDS.items():
        name = f"{stack}Role"
        role = Role.of_account(aws, name)
        assert role.trust == TRUST
        assert json.dumps(role.policies) == json.dumps(published_policies(published, kind))
        assert iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"] == []
        first[name] = iam.get_role(RoleName=name)["Role"]
        assert first[name]["Path"] == "/"
        assert first[name]["MaxSessionDuration"] == 3600
        (described,) = cloudformation.describe_stacks(StackName=stack)["Stacks"]
        assert not described.get("RoleARN")
        outputs = {output["OutputKey"]: output["OutputValue"] for output in described["Outputs"]}
        assert outputs["RoleArn"] == first[name]["Arn"]
        assert outputs["RoleName"] == name

    status, output = deploy(aws, assembly(provided), "--all")
    assert status == 0, output
    assert output.count("(no changes)") == len(KINDS)
    assert {name: iam.get_role(RoleName=name)["Role"] for name in first} == first
    # Only this command of the CDK CLI needs a bootstrap stack, as the guide says.
    for options, said in (
        ([], "requires a bootstrap stack"),
        (["--no-validate-bootstrap-version"], "does not need a rollback"),
    ):
        command = ("rollback", *KINDS, "--app", str(assembly(provided)), *options)
        ended = cdk(*command, environment=aws.environment())
        assert said in ended.stdout + ended.stderr


@pytest.mark.slow
def test_deployment_that_drops_a_boundary_or_a_guardrail_or_is_a_rollout_asks_for_approval(
    aws: EmbeddedAws, assembly: Assembly, provided: dict[str, str]
) -> None:
    """Without a terminal, the CDK CLI fails if it has to ask."""
    aws.iam().create_policy(
        PolicyName="Boundary", PolicyDocument=json.dumps({"Version": "2012-10-17", **ANYTHING})
    )
    limits = {"permissions-boundary": "Boundary", "guardrails": ["recommended"]}
    limited: dict[str, Any] = {**provided, **limits}
    status, output = deploy(aws, assembly(limited), "PumpReadOnly")
    assert status == 0, output
    before = Role.of_account(aws, "PumpReadOnlyRole")

    def asks(stack: str, settings: dict[str, Any]) -> bool:
        folder = str(assembly(settings))
        ended = cdk("deploy", stack, "--app", folder, environment=aws.environment())
        assert Role.of_account(aws, "PumpReadOnlyRole") == before
        asked = "unable to get a confirmation from the user" in ended.stderr
        assert ended.returncode == int(asked), ended.stderr
        return asked

    for dropped in limits:
        assert asks("PumpReadOnly", {key: limited[key] for key in limited if key != dropped})
    # Its role is in a template that is embedded in the stack's.
    assert asks("PumpReadOnlyRollout", SCENARIOS["rollout"])
    assert not asks("PumpReadOnly", limited)


@pytest.mark.slow
def test_permissions_of_the_page_deploy_update_and_remove_a_role(
    aws: EmbeddedAws, assembly: Assembly, provided: dict[str, str]
) -> None:
    from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER  # noqa: PLC0415 - takes half a second

    page = (ROOT / "docs" / "operations.md").read_text("utf-8")
    stacks, roles = policy("smallest-policy-deploy", page, ACCOUNT=ACCOUNT_ID)["Statement"]
    aws.create_role("Deployer", ACCOUNT_ID, [stacks, roles])
    deployer = aws.environment(aws.assume(f"arn:aws:iam::{ACCOUNT_ID}:role/Deployer", OWNER))
    for command, settings in (
        (["deploy", "--require-approval=never"], provided),
        (["deploy", "--require-approval=never"], {**provided, "external-id": f"{EXTERNAL_ID}2"}),
        (["destroy", "--force"], provided),
    ):
        folder = str(assembly(settings))
        ended = cdk(*command, "PumpReadOnly", "--app", folder, environment=deployer)
        assert ended.returncode == 0, ended.stderr
        names = [role["RoleName"] for role in aws.roles()]
        assert ("PumpReadOnlyRole" in names) == (command[0] == "deploy")
    events = aws.client("cloudtrail").lookup_events(MaxResults=50)["Events"]
    called = {
        json.loads(event["CloudTrailEvent"])["requestParameters"]["Action"]
        for event in events
        if event["EventSource"].startswith("cloudformation.")
    }
    assert stacks["Action"] == [f"cloudformation:{name}" for name in sorted(called)]
    handlers = PROVIDER_SCHEMA_MANAGER.get_resource_schema(REGION, "AWS::IAM::Role").schema[
        "handlers"
    ]
    needed = [handlers[kind]["permissions"] for kind in ("create", "read", "update", "delete")]
    assert roles["Action"] == sorted({*chain.from_iterable(needed)})


@pytest.mark.slow
def test_cdk_refuses_credentials_of_another_account_than_the_settings_name(
    aws: EmbeddedAws, assembly: Assembly, provided: dict[str, str]
) -> None:
    for account, accepted in ((PUMP_ACCOUNT, False), (ACCOUNT_ID, True)):
        settings = {**provided, "roles": ["auto-pilot"], "auto-pilot": {"account": account}}
        status, output = deploy(aws, assembly(settings), "PumpAutoPilot")
        assert (status == 0) is accepted, output
        assert bool(aws.iam().list_roles()["Roles"]) is accepted
        refused = f"Need to perform AWS calls for account {account}"
        assert (refused in output) is not accepted


@pytest.mark.slow
def test_cdk_diff_shows_the_embedded_template_of_a_rollout_only_after_its_creation(
    assembly: Assembly, provided: dict[str, str]
) -> None:
    """What the guide warns of. If the CDK CLI shows it one day, it can say so."""
    stack, units = "PumpReadOnlyRollout", {"organizational-units": ["ou-abcd-12345678"]}
    settings = {**provided, "read-only": units}
    with embedded_aws() as aws:

        def diff(**more: Any) -> str:
            folder = str(assembly({**settings, **more}))
            ended = cdk("diff", stack, "--app", folder, environment=aws.environment())
            assert ended.returncode == 0, ended.stderr
            return ended.stdout + ended.stderr

        before = diff()
        status, output = deploy(aws, assembly(settings), stack)
        assert status == 0, output
        after = diff(guardrails=["metadata-only"])
    assert "[+] AWS::CloudFormation::StackSet" in before
    shown = "PumpReadOnlyRole", "sts:AssumeRole", "ce:Get*"
    assert [text in before for text in shown] == [False] * 3
    assert [text in after for text in shown] == [True] * 3


@pytest.mark.slow
def test_imported_role_stays_as_it_was_and_verify_says_so(
    aws: EmbeddedAws, assembly: Assembly, provided: dict[str, str], tmp_path: Path
) -> None:
    name, folder = "PumpReadOnlyRole", assembly(provided)
    template = json.loads((folder / "PumpReadOnly.template.json").read_text())
    (logical_id,) = template["Resources"]
    (mapping := tmp_path / "mapping.json").write_text(json.dumps({logical_id: {"RoleName": name}}))
    aws.create_role(name, PRINCIPAL)
    before = Role.of_account(aws, name)

    ended = cdk(
        *("import", "PumpReadOnly", "--app", str(folder), "--resource-mapping", str(mapping)),
        environment=aws.environment(),
    )
    assert ended.returncode == 0, ended.stderr
    status, output = deploy(aws, folder, "PumpReadOnly")
    assert status == 0, output
    assert Role.of_account(aws, name) == before
    assert before.trust != TRUST
    verified = run(
        *("verify", "--expect", folder / "PumpReadOnly.template.json", "--format", "json"),
        environment=aws.environment(),
    )
    assert verified.exit_code == 3
    (account,) = json.loads(verified.stdout)["accounts"]
    (found,) = account["roles"]
    assert ("trust-policy", "broader") in {
        (difference["rule"], difference["effect"]) for difference in found["differences"]
    }


@pytest.mark.parametrize(
    ("parameters", "named"),
    [
        ({}, "PumpIamRole"),
        ({"PumpIamRole": PRINCIPAL}, "PumpExternalID"),
        ({**PARAMETERS, "PumpExternalID": "two words"}, "PumpExternalID"),
        ({**PARAMETERS, "PumpIamRole": "*"}, "PumpIamRole"),
    ],
)
def test_ready_template_does_not_deploy_without_valid_parameters(
    parameters: dict[str, str], named: str, aws: EmbeddedAws, synth: Synth
) -> None:
    with pytest.raises(ClientError, match=named):
        aws.deploy("PumpReadOnly", json.dumps(synth()["PumpReadOnly"]), parameters)
    assert aws.iam().list_roles()["Roles"] == []


def test_emulator_listens_only_on_loopback(aws: EmbeddedAws) -> None:
    """On Linux; no other process of this test run serves on another address."""
    assert aws.endpoint.startswith("http://127.0.0.1:")
    listening = [
        line.split()[1]
        for table in ("tcp", "tcp6")
        for line in Path(f"/proc/net/{table}").read_text(encoding="ascii").splitlines()[1:]
        if line.split()[3] == "0A"
    ]
    port = int(aws.endpoint.rsplit(":", 1)[1])
    assert f"0100007F:{port:04X}" in listening
    # The port of a listener that ministack opens on every interface unless it is configured not to.
    assert not [address for address in listening if address.endswith(f":{8883:04X}")]
