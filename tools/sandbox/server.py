"""The AWS emulator's own process: ministack on a loopback port, until its standard input closes.

It prints its port. Its standard input also closes when the process that started it is killed.

CloudTrail records each call. ``--stack-sets`` lets stacks contain StackSets.
"""

import asyncio
import json
import os
import signal
import socket
import sys
from collections.abc import Mapping
from functools import wraps
from http import HTTPStatus
from threading import Thread
from typing import Any
from urllib.parse import parse_qs

from hypercorn.asyncio import serve
from hypercorn.config import Config

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


def accept_stack_sets(*, accept: bool) -> None:
    """Decide whether a stack can contain a StackSet."""
    from ministack.services.cloudformation import provisioners  # noqa: PLC0415

    def create(_: str, properties: Mapping[str, Any], __: str) -> tuple[str, dict[str, Any]]:
        if not accept:
            raise ValueError("The AWS emulator has no StackSets. For a rollout, run make demo-org.")
        return f"{properties['StackSetName']}:embedded", {}

    def update(physical_id: str, *_: object) -> tuple[str, dict[str, Any]]:
        return physical_id, {}

    def delete(*_: object) -> None:
        pass

    handlers = {"create": create, "update": update, "delete": delete}
    provisioners._RESOURCE_HANDLERS["AWS::CloudFormation::StackSet"] = handlers  # noqa: SLF001


def say_what_is_missing() -> None:
    """Make the error of a call that ministack lacks say so, in a form that AWS tools can read."""
    from ministack import app as ministack  # noqa: PLC0415

    said = "The AWS emulator does not have this operation"
    original = ministack._dispatch_service_request  # noqa: SLF001

    @wraps(original)
    async def dispatch(
        method: str, path: str, headers: Mapping[str, str], body: bytes, *more: Any
    ) -> Any:
        status, answered, content = await original(method, path, headers, body, *more)
        if status == HTTPStatus.BAD_REQUEST and isinstance(content, bytes):
            if content.startswith(b'{"error": "Unsupported service: '):
                if headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
                    _, answered, content = ministack._unknown_query_error(body, "")  # noqa: SLF001
                else:
                    content = json.dumps({"__type": "InvalidAction", "message": said}).encode()
            if b"<Code>InvalidAction</Code>" in content:
                content = content.replace(b"<Message>", f"<Message>{said}: ".encode())
        return status, answered, content

    ministack._dispatch_service_request = dispatch  # noqa: SLF001


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
    accept_stack_sets(accept="--stack-sets" in sys.argv)
    say_what_is_missing()
    make_roles_as_cloudformation_does()
    know_deny_all()
    pass_external_id()
    print(port, flush=True)
    asyncio.run(run(listener.detach()))


if __name__ == "__main__":
    main()
