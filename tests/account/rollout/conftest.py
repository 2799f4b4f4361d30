"""The fixtures of the tests of rollouts: an emulated management account, and the command."""

import json
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest
from moto.cloudformation.exceptions import ValidationError
from moto.cloudformation.models import cloudformation_backends
from moto.cloudformation.responses import CloudFormationResponse
from moto.core.responses import ActionResult
from moto.moto_api._internal import mock_random

from tests import commands
from tests.account.rollout.rollouts import Run, Stacks
from tools.sandbox.aws import ACCOUNT_ID
from tools.sandbox.management import Management, management


@pytest.fixture
def aws() -> Iterator[Management]:
    with management() as account:
        # With the same IDs in each test, a rollout to them is synthesized once.
        mock_random.seed(1)
        yield account


@pytest.fixture
def run(aws: Management, stacks: Stacks, monkeypatch: pytest.MonkeyPatch) -> Run:
    assert not stacks
    for name, value in aws.environment.items():
        monkeypatch.setenv(name, value)
    return partial(commands.run, "rollout-status")


@pytest.fixture
def stacks(monkeypatch: pytest.MonkeyPatch) -> Stacks:
    """Emulates stacks with StackSets, which moto lacks, found by a resource's physical ID."""
    deployed: Stacks = {}

    def describe(self: Any) -> ActionResult:
        physical_id = self._get_param("PhysicalResourceId")
        for stack, text in deployed.items():
            for logical_id, resource in json.loads(text)["Resources"].items():
                name = resource["Properties"].get("StackSetName")
                states = cloudformation_backends[ACCOUNT_ID]["us-east-1"].stacksets.values()
                if physical_id in {state.id for state in states if state.name == name}:
                    described = {
                        "StackName": stack,
                        "StackId": f"arn:aws:cloudformation:us-east-1:{ACCOUNT_ID}:stack/{stack}/1",
                        "LogicalResourceId": logical_id,
                        "PhysicalResourceId": physical_id,
                        "ResourceType": resource["Type"],
                        "Timestamp": "2026-11-25T08:15:00Z",
                        "ResourceStatus": "CREATE_COMPLETE",
                    }
                    return ActionResult({"StackResources": [described]})
        # AWS's message.
        raise ValidationError(message=f"Stack for {physical_id} does not exist")

    def template(self: Any) -> ActionResult:
        return ActionResult({"TemplateBody": deployed[self._get_param("StackName").split("/")[1]]})

    monkeypatch.setattr(CloudFormationResponse, "describe_stack_resources", describe)
    monkeypatch.setattr(CloudFormationResponse, "get_template", template)
    return deployed


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses, in seconds. Tests do not really wait."""
    pauses: list[float] = []
    monkeypatch.setattr("time.sleep", pauses.append)
    return pauses
