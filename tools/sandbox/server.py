"""The AWS emulator's own process: ministack on a loopback port, until its standard input closes.

It prints its port. Its standard input also closes when the process that started it is killed.

``--record`` records each call in CloudTrail. ``--stack-sets`` lets stacks contain StackSets.
``--as-is`` omits :func:`pass_external_id`.
"""

import asyncio
import json
import os
import re
import signal
import socket
import sys
import time
from collections import deque
from collections.abc import Mapping
from datetime import datetime, timezone
from functools import wraps
from http import HTTPStatus
from threading import Thread
from typing import Any
from urllib.parse import parse_qs
from uuid import uuid4

from hypercorn.asyncio import serve
from hypercorn.config import Config

SETTINGS = {
    "AUTH": "true",
    "BIND_HOST": "127.0.0.1",
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


def record_as_cloudtrail() -> None:
    """Record calls as CloudTrail does, and return the events in pages.

    ministack names every caller an IAM user, and does not record what it denies. It keeps an
    assumption only in the account of the caller; CloudTrail also has it in that of the role. It
    writes the parameters as they were sent, and returns no more than one page (CloudTrail User
    Guide, "CloudTrail record contents" and "CloudTrail userIdentity element"). Of the parameters,
    only the names are changed, and nothing of the response is recorded.
    """
    from ministack import app as ministack  # noqa: PLC0415
    from ministack.core.iam_actions import extract_iam_action  # noqa: PLC0415
    from ministack.core.responses import get_account_id, get_region  # noqa: PLC0415
    from ministack.services import cloudtrail  # noqa: PLC0415

    original, lookup = ministack._dispatch_service_request, cloudtrail._lookup_events  # noqa: SLF001

    @wraps(original)
    async def dispatch(
        method: str,
        path: str,
        headers: Mapping[str, str],
        body: bytes,
        query: Mapping[str, Any],
        *more: Any,
    ) -> Any:
        status, answered, content = await original(method, path, headers, body, query, *more)
        routing = ministack._routing_params(method, path, headers, body, query)  # noqa: SLF001
        service = ministack.detect_service(method, path, headers, routing)
        if service != "cloudtrail" and not path.startswith("/_"):
            action = extract_iam_action(service, method, path, headers, body, routing)
            fallback = ministack._ct_event_name(service, method, path, headers, routing)  # noqa: SLF001
            name = fallback if action is None else action.partition(":")[2]
            sent = ministack._ct_request_params(headers, body, query)  # noqa: SLF001
            event = {
                "eventVersion": "1.11",
                "userIdentity": _identity(ministack.extract_access_key_id(headers, query)),
                "eventTime": datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"),
                "eventSource": f"{service}.amazonaws.com",
                "eventName": name,
                "awsRegion": get_region(),
                "sourceIPAddress": "127.0.0.1",
                "userAgent": headers.get("user-agent", ""),
                "requestParameters": {
                    f"{key[:1].lower()}{key[1:]}": value
                    for key, value in sent.items()
                    if key not in ("Action", "Version")
                },
                "responseElements": None,
                **_error(service, status, answered, content),
                "eventID": str(uuid4()),
                "eventType": "AwsApiCall",
                "recipientAccountId": get_account_id(),
            }
            _keep(event)
            role = event["requestParameters"].get("roleArn", "")
            if name == "AssumeRole" and status == HTTPStatus.OK and role.count(":") >= 5:  # noqa: PLR2004
                caller = {"type": "AWSAccount", "accountId": get_account_id()}
                account = role.split(":")[4]
                if account != get_account_id():
                    _keep({**event, "userIdentity": caller, "recipientAccountId": account})
        return status, answered, content

    def lookup_events(asked: Mapping[str, Any]) -> Any:
        if asked.get("LookupAttributes"):
            return lookup(asked)
        first, most = int(asked.get("NextToken") or 0), int(asked.get("MaxResults") or 50)
        since, until = asked.get("StartTime", 0), asked.get("EndTime", float("inf"))
        found = [
            event
            for event in reversed(cloudtrail._get_event_queue())  # noqa: SLF001
            if since <= event["EventTime"] <= until
        ]
        left = {"NextToken": str(first + most)} if len(found) > first + most else {}
        return cloudtrail._ok({"Events": found[first : first + most], **left})  # noqa: SLF001

    ministack._dispatch_service_request = dispatch  # noqa: SLF001
    ministack._maybe_record_cloudtrail = lambda *_, **__: None  # noqa: SLF001
    cloudtrail._DISPATCH["LookupEvents"] = lookup_events  # noqa: SLF001


def _identity(access_key: str) -> dict[str, Any]:
    from ministack.core.responses import get_account_id  # noqa: PLC0415
    from ministack.services import iam, sts  # noqa: PLC0415

    account = get_account_id()
    session = sts._sessions.get(access_key, {})  # noqa: SLF001
    if session.get("PrincipalType") != "AssumedRole":
        root = f"arn:aws:iam::{account}:root"
        return {"type": "Root", "principalId": account, "arn": root, "accountId": account}
    name = session["Arn"].split("/")[-2]
    role = iam._roles.get_scoped(session["AccountId"], None, name) or {}  # noqa: SLF001
    issuer = {
        "type": "Role",
        "principalId": session["UserId"].partition(":")[0],
        "arn": role.get("Arn", ""),
        "accountId": session["AccountId"],
        "userName": name,
    }
    return {
        "type": "AssumedRole",
        "principalId": session["UserId"],
        "arn": session["Arn"],
        "accountId": session["AccountId"],
        "accessKeyId": access_key,
        "sessionContext": {"sessionIssuer": issuer},
    }


def _error(service: str, status: int, headers: Mapping[str, str], content: bytes) -> dict[str, str]:
    if status < HTTPStatus.BAD_REQUEST:
        return {}
    written = content.decode(errors="replace")
    found = re.search(r"<Code>([^<]*)</Code>|\"__type\": ?\"([^\"]*)\"", written)
    code = (found[1] or found[2]) if found else headers.get("x-amzn-errortype", "InternalFailure")
    # Amazon EC2's codes have a prefix in CloudTrail.
    return {"errorCode": f"Client.{code}" if service == "ec2" else code.rpartition("#")[2]}


def _keep(event: Mapping[str, Any]) -> None:
    from ministack.services import cloudtrail  # noqa: PLC0415

    place = event["recipientAccountId"], event["awsRegion"], "events"
    queue = cloudtrail._events.get_scoped(*place)  # noqa: SLF001
    if queue is None:
        queue = deque()
        cloudtrail._events.set_scoped(*place, queue)  # noqa: SLF001
    queue.append(
        {
            "EventId": event["eventID"],
            "EventName": event["eventName"],
            "EventSource": event["eventSource"],
            "EventTime": time.time(),
            "Username": event["userIdentity"].get("arn", "").rpartition("/")[2],
            "Resources": [],
            "CloudTrailEvent": json.dumps(event),
        }
    )


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
    if "--record" in sys.argv:
        record_as_cloudtrail()
    make_roles_as_cloudformation_does()
    know_deny_all()
    if "--as-is" not in sys.argv:
        pass_external_id()
    print(port, flush=True)
    asyncio.run(run(listener.detach()))


if __name__ == "__main__":
    main()
