"""The guide to rollouts shows what the command prints, and says what it may do."""

import json
import re
from pathlib import Path

import boto3
import pytest
from moto import settings
from moto.core.authorization import ActionAuthenticatorMixin

from tests.docs.pages import ORGANIZATIONS, STACKSETS, policy
from tests.management import Management
from tests.review.account.rollouts import (
    NoMembers,
    Run,
    roll_out,
    written,
)
from tests.support import Synth
from tools.sandbox.organization import Organization, StackSets


def test_example_of_the_guide_is_what_the_command_prints(
    aws: Management, run: Run, synth: Synth, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    organization = Organization.create(
        aws.organizations, {"Workloads": 30, "Security": 7, "Sandbox": 14}
    )
    ids = {account.name: account.id for account in organization.accounts()}
    own = {
        "organizational-units": [organization.root],
        "exclude-accounts": [ids["sandbox-7"]],
    }
    reason = "Resource of type 'AWS::IAM::Role' with identifier 'PumpReadOnlyRole' already exists."
    failing = NoMembers([ids["workloads-3"], ids["workloads-8"]], reason)
    templates = roll_out(organization, synth, members=failing, settings={"read-only": own})
    written(templates, tmp_path / "cdk.out")
    monkeypatch.chdir(tmp_path)
    (shown,) = re.findall(r"```text\n(Pump's rollouts\n.*?)```", ORGANIZATIONS, re.DOTALL)

    def shown_in_the_guide(printed: str) -> list[str]:
        units = {organization.units["Workloads"]: "1" * 8, organization.units["Sandbox"]: "2" * 8}
        for unit, number in units.items():
            printed = printed.replace(unit, f"ou-abcd-{number}")
        for name, account in (
            *(("workloads-3", "111122223333"), ("workloads-8", "444455556666")),
            *(("sandbox-7", "777788889999"), (organization.root, "r-abcd")),
        ):
            printed = printed.replace(ids.get(name, name), account)
        # Sorted, because the IDs are random.
        return sorted(",".join(sorted(re.split("[,=]", line))) for line in printed.splitlines())

    ended = run("--expect", "cdk.out")
    assert (ended.exit_code, shown_in_the_guide(ended.stdout)) == (3, shown_in_the_guide(shown))
    targets = {
        "OrganizationalUnitIds": [organization.root],
        "Accounts": [ids["workloads-3"], ids["workloads-8"]],
        "AccountFilterType": "INTERSECTION",
    }
    StackSets(organization, NoMembers()).repeat("PumpReadOnly", targets)
    ended = run("--expect", "cdk.out")
    assert ended.exit_code == 0


def test_needs_exactly_the_documented_permissions(
    aws: Management, run: Run, synth: Synth, monkeypatch: pytest.MonkeyPatch
) -> None:
    roll_out(Organization.create(aws.organizations, {"Unit": {"Deep": 1}}), synth)
    (statement,) = policy("rollout-status-policy", STACKSETS)["Statement"]
    iam = boto3.client("iam", endpoint_url=aws.endpoint)
    iam.create_user(UserName="reviewer")
    key = iam.create_access_key(UserName="reviewer")["AccessKey"]
    # From now on, moto denies what the user's policies do not allow.
    monkeypatch.setattr(settings, "INITIAL_NO_AUTH_ACTION_COUNT", 0)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", key["AccessKeyId"])
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", key["SecretAccessKey"])

    def allow(actions: list[str]) -> None:
        monkeypatch.setattr(settings, "INITIAL_NO_AUTH_ACTION_COUNT", float("inf"))
        document = {"Version": "2012-10-17", "Statement": [{**statement, "Action": actions}]}
        iam.put_user_policy(
            UserName="reviewer", PolicyName="P", PolicyDocument=json.dumps(document)
        )
        monkeypatch.setattr(settings, "INITIAL_NO_AUTH_ACTION_COUNT", 0)

    allow(statement["Action"])
    ended = run("PumpReadOnly", "--no-filter")
    assert ended.exit_code == 0, ended.output
    for action in statement["Action"]:
        allow([other for other in statement["Action"] if other != action])
        ended = run("PumpReadOnly", "--no-filter")
        assert ended.exit_code == 4, action
        assert action.partition(":")[2] in ended.stdout
    assert ActionAuthenticatorMixin.request_count
