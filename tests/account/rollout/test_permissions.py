"""The documented permissions are what the command needs, and no more."""

import json

import boto3
import pytest
from moto import settings
from moto.core.authorization import ActionAuthenticatorMixin

from tests.account.rollout.rollouts import Run, roll_out, running, state
from tests.docs.pages import ROLLOUT_STATUS, policy
from tests.support import Synth
from tools.sandbox.management import Management
from tools.sandbox.organization import Organization


def test_needs_exactly_the_documented_permissions(
    aws: Management, run: Run, synth: Synth, monkeypatch: pytest.MonkeyPatch
) -> None:
    roll_out(Organization.create(aws, {"Unit": {"Deep": 1}}), synth)
    running("RUNNING")
    monkeypatch.setattr("time.sleep", lambda _: state().update_operation("0", "SUCCEEDED"))
    (statement,) = policy("rollout-status-policy", ROLLOUT_STATUS)["Statement"]
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
    ended = run("PumpReadOnly", "--no-filter", "--wait")
    assert ended.exit_code == 0, ended.output
    for action in statement["Action"]:
        state().update_operation("0", "RUNNING")
        allow([other for other in statement["Action"] if other != action])
        ended = run("PumpReadOnly", "--no-filter", "--wait")
        assert ended.exit_code == 4, action
        assert action.partition(":")[2] in ended.stdout
    assert ActionAuthenticatorMixin.request_count
