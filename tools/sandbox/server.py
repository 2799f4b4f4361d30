"""The AWS emulator's own process: ministack on a loopback port, until its standard input closes.

It prints its port. Its standard input also closes when the process that started it is killed.

CloudTrail records each call.
"""

import asyncio
import json
import os
import signal
import socket
from collections.abc import Mapping
from http import HTTPStatus
from threading import Thread
from typing import Any
from urllib.parse import parse_qs

from hypercorn.asyncio import serve
from hypercorn.config import Config

from tools.sandbox import cloudtrail_tables
from tools.sandbox.aws import ACCOUNT_ID
from tools.sandbox.stack_sets import CALLS, Rollouts

SETTINGS = {
    "AUTH": "true",
    "BIND_HOST": "127.0.0.1",
    "CLOUDTRAIL_RECORDING": "1",
    "LOG_LEVEL": "CRITICAL",
    # Would open two more listeners, on every interface.
    "IOT_MTLS_ENABLED": "0",
    "SFTP_ENABLED": "0",
}


def pass_external_id() -> None:
    """Make the external ID of an ``sts:AssumeRole`` call available to the caller's own policies.

    ``sts:ExternalId`` is a condition key of the action, for the caller's policies too (Service
    Authorization Reference, "Actions, resources, and condition keys for AWS Security Token
    Service"). ministack makes it available only to the role's trust policy.
    """
    from ministack.core import iam_actions  # noqa: PLC0415

    original = iam_actions.request_tag_context

    def with_external_id(
        service: str, iam_action: str, body: bytes, params: Mapping[str, Any]
    ) -> dict[str, Any]:
        context: dict[str, Any] = original(service, iam_action, body, params)
        if iam_action == "sts:AssumeRole":
            passed = parse_qs(body.decode(), keep_blank_values=True).get("ExternalId")
            context["sts:ExternalId"] = passed[0] if passed else None
        return context

    iam_actions.request_tag_context = with_external_id


def have_stack_sets(endpoint: str) -> None:
    """Let the management account's stacks contain StackSets, and answer the calls about them.

    The account :data:`tools.sandbox.aws.ACCOUNT_ID` is the management account.
    """
    from ministack.core.concurrency import run_reentrant  # noqa: PLC0415
    from ministack.core.responses import get_account_id  # noqa: PLC0415
    from ministack.services import cloudformation, organizations  # noqa: PLC0415
    from ministack.services.cloudformation import provisioners, stacks  # noqa: PLC0415

    kind = "AWS::CloudFormation::StackSet"
    emulated = Rollouts(endpoint)

    def deployed(properties: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
        if get_account_id() != ACCOUNT_ID:
            raise ValueError("You must be the management account or delegated admin account")
        emulated.do(lambda stack_sets: stack_sets.deploy(properties))
        return f"{properties['StackSetName']}:embedded", {}

    provisioners._RESOURCE_HANDLERS[kind] = {  # noqa: SLF001
        "create": lambda _, properties, *__: deployed(properties),
        "update": lambda _, __, properties, *___: deployed(properties),
        "delete": lambda _, properties: emulated.do(
            lambda stack_sets: stack_sets.delete(properties)
        ),
    }
    in_thread = stacks._runs_on_worker_thread  # noqa: SLF001
    stacks._runs_on_worker_thread = lambda type_: type_ == kind or in_thread(type_)  # noqa: SLF001

    answer, organize, reset = (
        cloudformation.handle_request,
        organizations.handle_request,
        organizations.reset,
    )

    async def answer_about_stack_sets(
        method: str, path: str, headers: Mapping[str, str], body: bytes, query: Any
    ) -> Any:
        if parse_qs(body.decode(errors="replace")).get("Action", [""])[0] in CALLS:
            return await run_reentrant(emulated.answer, headers, body, get_account_id())
        return await answer(method, path, headers, body, query)

    async def deploy_automatically(
        method: str, path: str, headers: Mapping[str, str], body: bytes, query: Any
    ) -> Any:
        answered = await organize(method, path, headers, body, query)
        moved = headers.get("x-amz-target", "").endswith(".MoveAccount")
        if moved and answered[0] == HTTPStatus.OK and emulated.used:
            account = json.loads(body)["AccountId"]
            await run_reentrant(emulated.do, lambda stack_sets: stack_sets.join(account))
        return answered

    def forget() -> None:
        reset()
        emulated.forget()

    cloudformation.handle_request = answer_about_stack_sets
    organizations.handle_request = deploy_automatically
    organizations.reset = forget


def have_organization_policies() -> None:
    """Let stacks contain policies of AWS Organizations.

    As AWS's own handler, an update changes only the targets that the template names, so a policy
    stays attached to others (aws-cloudformation-resource-providers-organizations,
    ``UpdateHandler``). ministack itself stores the policies, and does not enforce them.
    """
    from ministack.services import organizations  # noqa: PLC0415
    from ministack.services.cloudformation import provisioners  # noqa: PLC0415

    def call(action: str, **payload: Any) -> Any:
        status, _, body = organizations._DISPATCH[action](payload)  # noqa: SLF001
        answer = json.loads(body)
        if status != HTTPStatus.OK:
            raise ValueError(answer["message"])
        return answer

    def described(properties: Mapping[str, Any]) -> dict[str, str]:
        return {
            "Name": properties["Name"],
            "Description": properties.get("Description", ""),
            "Content": json.dumps(properties["Content"]),
        }

    def move(policy: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> None:
        old, new = ({*properties.get("TargetIds", ())} for properties in (before, after))
        for action, targets in (("AttachPolicy", new - old), ("DetachPolicy", old - new)):
            for target in targets:
                call(action, PolicyId=policy, TargetId=target)

    def create(_: str, properties: Mapping[str, Any], *__: Any) -> tuple[str, dict[str, str]]:
        created = call("CreatePolicy", Type=properties["Type"], **described(properties))
        policy = created["Policy"]["PolicySummary"]["Id"]
        move(policy, {}, properties)
        return policy, {"Id": policy}

    def update(policy: str, old: Mapping[str, Any], new: Mapping[str, Any], *_: Any) -> Any:
        call("UpdatePolicy", PolicyId=policy, **described(new))
        move(policy, old, new)
        return policy, {"Id": policy}

    def delete(policy: str, properties: Mapping[str, Any]) -> None:
        move(policy, properties, {})
        call("DeletePolicy", PolicyId=policy)

    provisioners._RESOURCE_HANDLERS["AWS::Organizations::Policy"] = {  # noqa: SLF001
        "create": create,
        "update": update,
        "delete": delete,
    }


def make_roles_as_cloudformation_does() -> None:
    """Give a stack's role its permissions boundary, and fail if a role of that name exists.

    Role names are compared ignoring case. Without this, ministack ignores the boundary and
    replaces the role.
    """
    from ministack.services import iam  # noqa: PLC0415
    from ministack.services.cloudformation import provisioners  # noqa: PLC0415

    handlers = provisioners._RESOURCE_HANDLERS["AWS::IAM::Role"]  # noqa: SLF001
    create, update = handlers["create"], handlers["update"]

    def check(properties: Mapping[str, Any]) -> None:
        boundary = properties.get("PermissionsBoundary")
        if boundary is not None and not iam.policy_known(boundary):
            raise ValueError(f"Scope ARN: {boundary} does not exist or is not attachable.")

    def bound(made: tuple[str, Any], properties: Mapping[str, Any]) -> tuple[str, Any]:
        iam._roles[made[0]]["PermissionsBoundary"] = properties.get(  # noqa: SLF001
            "PermissionsBoundary"
        )
        return made

    def create_role(logical_id: str, properties: Mapping[str, Any], stack: str) -> Any:
        check(properties)
        name = properties.get("RoleName", "")
        if name.lower() in {existing.lower() for existing in iam._roles}:  # noqa: SLF001
            raise ValueError(
                f"Resource of type 'AWS::IAM::Role' with identifier '{name}' already exists."
            )
        return bound(create(logical_id, properties, stack), properties)

    def update_role(role: str, old: Any, new: Mapping[str, Any], *more: Any) -> Any:
        check(new)
        return bound(update(role, old, new, *more), new)

    handlers |= {"create": create_role, "update": update_role}


def know_pseudo_parameters_in_conditions() -> None:
    """Let conditions of templates refer to the account, the partition, and the Region.

    CloudFormation Template Reference, "Pseudo parameters". ministack resolves them only elsewhere.
    """
    from ministack.core.responses import get_account_id, get_region  # noqa: PLC0415
    from ministack.services.cloudformation import changesets, engine, handlers, stacks  # noqa: PLC0415

    evaluate = engine._evaluate_conditions  # noqa: SLF001

    def evaluate_here(template: Any, parameters: Mapping[str, Any]) -> Any:
        here = {"AccountId": get_account_id(), "Partition": "aws", "Region": get_region()}
        pseudo = {f"AWS::{name}": {"Value": value} for name, value in here.items()}
        return evaluate(template, {**parameters, **pseudo})

    for module in (changesets, engine, handlers, stacks):
        if hasattr(module, "_evaluate_conditions"):
            module._evaluate_conditions = evaluate_here  # noqa: SLF001


def find_stacks_by_their_resources() -> None:
    """Let ``DescribeStackResources`` take a resource's physical ID instead of a stack's name.

    CloudFormation API Reference, "DescribeStackResources". ministack needs the name.
    """
    from ministack.services import cloudformation  # noqa: PLC0415

    handlers = cloudformation._ACTION_HANDLERS  # noqa: SLF001
    describe = handlers["DescribeStackResources"]

    def describe_stack_of(request: Mapping[str, Any]) -> Any:
        wanted = request.get("PhysicalResourceId")
        named = [
            {"StackName": [stack["StackName"]]}
            for stack in cloudformation._stacks.values()  # noqa: SLF001
            if wanted is not None and stack["StackStatus"] != "DELETE_COMPLETE"
            for resource in stack.get("_resources", {}).values()
            if resource.get("PhysicalResourceId") in wanted
        ]
        return describe({**request, **(named[0] if named else {})})

    handlers["DescribeStackResources"] = describe_stack_of


def count_as_encrypted() -> None:
    """Count each call as made with TLS, which the bucket of ``cdk bootstrap`` demands."""
    from ministack import app as ministack  # noqa: PLC0415

    pin = ministack.pin_request_origin
    ministack.pin_request_origin = lambda address, _: pin(address, secure_transport=True)


def know_deny_all() -> None:
    """Add the AWS managed policy AWSDenyAll, as the AWS Managed Policy Reference shows it."""
    from ministack.services import iam  # noqa: PLC0415

    document = {
        "Version": "2012-10-17",
        "Statement": [{"Sid": "DenyAll", "Effect": "Deny", "Action": ["*"], "Resource": "*"}],
    }
    seed = iam._seed_aws_managed_policies  # noqa: SLF001

    def with_deny_all() -> None:
        seed()
        iam._aws_managed_policies["arn:aws:iam::aws:policy/AWSDenyAll"] = (  # noqa: SLF001
            iam._make_aws_managed_record("AWSDenyAll", json.dumps(document))  # noqa: SLF001
        )

    # A reset of the accounts seeds the policies again.
    iam._seed_aws_managed_policies = with_deny_all  # noqa: SLF001
    with_deny_all()


async def run(listener: int) -> None:
    from ministack.app import app  # noqa: PLC0415

    config = Config()
    config.bind = [f"fd://{listener}"]
    config.loglevel = SETTINGS["LOG_LEVEL"]

    ended = asyncio.Event()
    loop = asyncio.get_running_loop()

    def wait_for_the_end_of_input() -> None:
        # Not sys.stdin, whose lock Python would wait for at exit.
        while os.read(0, 4_096):
            pass
        loop.call_soon_threadsafe(ended.set)

    # A daemon, so that an interrupt does not wait for it.
    Thread(target=wait_for_the_end_of_input, daemon=True).start()
    for name in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(name, ended.set)

    await serve(app, config, shutdown_trigger=ended.wait)


def main() -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    os.environ.update(SETTINGS, GATEWAY_PORT=str(port))
    have_stack_sets(f"http://127.0.0.1:{port}")
    have_organization_policies()
    count_as_encrypted()
    know_pseudo_parameters_in_conditions()
    make_roles_as_cloudformation_does()
    find_stacks_by_their_resources()
    know_deny_all()
    pass_external_id()
    cloudtrail_tables.read_cloudtrail_tables()
    cloudtrail_tables.act_as_the_caller()
    print(port, flush=True)
    asyncio.run(run(listener.detach()))


if __name__ == "__main__":
    main()
