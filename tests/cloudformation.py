"""CloudFormation as someone else wrote it: the emulator's engine, in this process."""

import asyncio
import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from tools.sandbox.aws import ACCOUNT_ID, REGION
from tools.sandbox.server import know_pseudo_parameters_in_conditions


@contextmanager
def _same_recursion_limit() -> Iterator[None]:
    # One of the emulator's libraries raises it for the whole process.
    limit = sys.getrecursionlimit()
    yield
    sys.setrecursionlimit(limit)


with _same_recursion_limit():
    from ministack.core.responses import set_request_account_id, set_request_region
    from ministack.services import (
        cloudformation,
        dynamodb,
        eventbridge,
        iam,
        s3,
        sns,
        sqs,
        ssm,
        stepfunctions,
    )
    from ministack.services.cloudformation import engine, handlers, provisioners

__all__ = ["BUCKET", "KINDS", "CloudFormation", "Stack", "enter", "eventbridge", "iam"]

BUCKET = f"assets-{ACCOUNT_ID}-{REGION}"


know_pseudo_parameters_in_conditions()


def _create_bus_policy(_: str, properties: Mapping[str, Any], *__: Any) -> tuple[str, Any]:
    """Store the policy of a bus, which ministack has, but not as a resource of a stack."""
    identified = {"Sid": properties["StatementId"], **properties["Statement"]}
    policy = {"Version": "2012-10-17", "Statement": [identified]}
    eventbridge._event_bus_policies["default"] = policy  # noqa: SLF001
    return properties["StatementId"], {}


provisioners._RESOURCE_HANDLERS["AWS::Events::EventBusPolicy"] = {  # noqa: SLF001
    "create": _create_bus_policy
}

KINDS = frozenset(provisioners._RESOURCE_HANDLERS)  # noqa: SLF001
"""The types of resources that the emulator has."""


class Stack:
    """A deployed stack."""

    def __init__(self, record: Mapping[str, Any]) -> None:
        self._record = record
        self._resources = record["_resources"]

    def value(self, value: Any) -> Any:
        """Return what a value in the stack's template is."""
        resolved = engine._resolve_refs(  # noqa: SLF001
            json.loads(json.dumps(value)),
            self._resources,
            self._record["_resolved_params"],
            self._record["_conditions"],
            self._record["_template"].get("Mappings", {}),
            self._record["StackName"],
            self._record["StackId"],
        )
        return engine._resolve_dynamic_references(resolved)[0]  # noqa: SLF001

    def names(self, *, only_generated: bool = False) -> dict[str, str]:
        """Return the names of the resources, or only those that no property says."""
        return {
            # That of a managed policy is its ARN.
            logical_id: resource["PhysicalResourceId"].rpartition("policy/")[2].rpartition("/")[2]
            for logical_id, resource in self._resources.items()
            if not (
                only_generated and any(name.endswith("Name") for name in resource["Properties"])
            )
        }

    def nested(self, logical_id: str) -> "Stack":
        """Return a stack that is nested in this one."""
        stack_id = self._resources[logical_id]["PhysicalResourceId"]
        stacks = cloudformation._stacks.values()  # noqa: SLF001
        return Stack(next(stack for stack in stacks if stack["StackId"] == stack_id))


def enter(account: str, region: str) -> None:
    """Make what follows happen in an account and a Region."""
    set_request_account_id(account)
    set_request_region(region)


class NotDeployedError(Exception):
    """CloudFormation does not create a stack; the message has the reasons of its resources."""


class CloudFormation:
    """Empty accounts."""

    def __init__(self, assets: Mapping[str, Mapping[str, Any]]) -> None:
        enter(ACCOUNT_ID, REGION)
        for service in (
            cloudformation,
            dynamodb,
            eventbridge,
            iam,
            s3,
            sns,
            sqs,
            ssm,
            stepfunctions,
        ):
            service.reset()
        s3._create_bucket(BUCKET, b"")  # noqa: SLF001
        for key, template in assets.items():
            s3._put_object(BUCKET, key, json.dumps(template).encode(), {})  # noqa: SLF001

    def deploy(
        self,
        name: str,
        template: Mapping[str, Any],
        arguments: Mapping[str, str],
        place: tuple[str, str] = (ACCOUNT_ID, REGION),
    ) -> Stack:
        """Create a stack in an account and a Region."""
        enter(*place)
        request = {
            "StackName": name,
            "TemplateBody": json.dumps(template),
            "Capabilities.member.1": "CAPABILITY_NAMED_IAM",
            # Whether services accept the properties does not matter.
            "DisableValidation": "true",
        }
        for index, (key, value) in enumerate(arguments.items(), 1):
            request[f"Parameters.member.{index}.ParameterKey"] = key
            request[f"Parameters.member.{index}.ParameterValue"] = value
        asyncio.run(_create(request))
        stack = cloudformation._stacks[name]  # noqa: SLF001
        if stack["StackStatus"] != "CREATE_COMPLETE":
            events = cloudformation._stack_events[stack["StackId"]]  # noqa: SLF001
            reasons = (event.get("ResourceStatusReason") for event in events)
            raise NotDeployedError("; ".join(filter(None, reasons)))
        return Stack(stack)


async def _create(request: Mapping[str, str]) -> None:
    handlers._create_stack(request)  # noqa: SLF001
    await asyncio.gather(*asyncio.all_tasks() - {asyncio.current_task()})
