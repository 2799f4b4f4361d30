"""An AWS emulator that enforces IAM, for the duration of a ``with`` block: ministack, on loopback.

It checks trust policies, the caller's policies, permissions boundaries, and the allowed patterns
of parameters, and isolates accounts. Any 12-digit ID is an account.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final
from urllib.request import ProxyHandler, Request, build_opener

import boto3
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import ClientError
from botocore.session import Session as BotocoreSession

from tools.sandbox.cdk import ROOT, tool_environment

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_iam import IAMClient
    from mypy_boto3_iam.type_defs import RoleDetailTypeDef
    from mypy_boto3_organizations import OrganizationsClient
    from mypy_boto3_sts import STSClient

ACCOUNT_ID: Final = "123456789012"
"""The default account."""

REGION: Final = "us-east-1"

_ONCE: Final = Config(retries={"total_max_attempts": 1}, proxies={})

_SERVER_NEEDS: Final = {"HOME", "LANG", "LD_LIBRARY_PATH", "PATH", "PYTHONPATH"}
"""The environment variables that the emulator inherits. Others would configure it."""


@dataclass(frozen=True)
class Caller:
    """The credentials of a caller of AWS."""

    access_key_id: str
    secret_access_key: str = "unchecked"  # noqa: S105
    session_token: str | None = None


OWNER: Final = Caller(ACCOUNT_ID)
"""The root user of the default account."""


def _own_session() -> boto3.Session:
    # Ignores the machine's own AWS configuration, such as a profile that does not exist.
    unset = {"profile": None, "config_file": os.devnull, "credentials_file": os.devnull}
    variables = {name: (None, None, default, None) for name, default in unset.items()}
    return boto3.Session(botocore_session=BotocoreSession(variables), region_name=REGION)


def environment_at(endpoint: str, caller: Caller) -> Mapping[str, str]:
    """Return the environment variables that make an AWS tool act as a caller at an endpoint."""
    token = {} if caller.session_token is None else {"AWS_SESSION_TOKEN": caller.session_token}
    return {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": caller.access_key_id,
        "AWS_SECRET_ACCESS_KEY": caller.secret_access_key,
        **token,
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_EC2_METADATA_DISABLED": "true",
    }


class StackFailedError(Exception):
    """A stack could not be created. Its message says why."""


@dataclass(frozen=True)
class EmbeddedAws:
    """AWS accounts in another process."""

    endpoint: str
    _session: boto3.Session = field(default_factory=_own_session)
    _shared: dict[str, Any] = field(default_factory=dict)

    def environment(self, caller: Caller = OWNER) -> Mapping[str, str]:
        """Return the environment variables that make an AWS tool act as a caller."""
        return environment_at(self.endpoint, caller)

    def client(self, service: str, caller: Caller = OWNER, *, region: str = REGION) -> Any:
        """Return a boto3 client of any service; each request is sent once."""
        # boto3's type stubs require a literal name.
        create: Any = self._session.client
        return create(
            service,
            region_name=region,
            endpoint_url=self.endpoint,
            aws_access_key_id=caller.access_key_id,
            aws_secret_access_key=caller.secret_access_key,
            aws_session_token=caller.session_token,
            config=_ONCE,
        )

    def iam(self, caller: Caller = OWNER) -> "IAMClient":
        client: IAMClient = self.client("iam", caller)
        return client

    def cloudformation(self, caller: Caller = OWNER) -> "CloudFormationClient":
        client: CloudFormationClient = self.client("cloudformation", caller)
        return client

    def sts(self, caller: Caller = OWNER) -> "STSClient":
        client: STSClient = self.client("sts", caller)
        return client

    @cached_property
    def organizations(self) -> "OrganizationsClient":
        client: OrganizationsClient = self.client("organizations")
        return client

    def borrow(self, service: str, caller: Caller) -> Any:
        """Return a client that all callers share. Use it before the next call of this method.

        Creating 1,000 clients takes seconds.
        """
        if service not in self._shared:
            self._shared[service] = self.client(service, caller)
        client = self._shared[service]
        client._request_signer._credentials = Credentials(  # noqa: SLF001
            caller.access_key_id, caller.secret_access_key, caller.session_token
        )
        return client

    def assume(self, role_arn: str, caller: Caller, *, external_id: str | None = None) -> Caller:
        """Assume a role, and return the session."""
        passed: dict[str, Any] = {} if external_id is None else {"ExternalId": external_id}
        client: STSClient = self.borrow("sts", caller)
        assumed = client.assume_role(RoleArn=role_arn, RoleSessionName="pump", **passed)
        granted = assumed["Credentials"]
        return Caller(granted["AccessKeyId"], granted["SecretAccessKey"], granted["SessionToken"])

    def refusal(
        self, role_arn: str, caller: Caller, *, external_id: str | None = None
    ) -> str | None:
        """Return AWS's message if it refuses to let a caller assume a role, otherwise ``None``."""
        try:
            self.assume(role_arn, caller, external_id=external_id)
        except ClientError as error:
            if error.response["Error"]["Code"] != "AccessDenied":
                raise
            return error.response["Error"]["Message"]
        return None

    def can_assume(self, role_arn: str, caller: Caller, *, external_id: str | None = None) -> bool:
        return self.refusal(role_arn, caller, external_id=external_id) is None

    def create_role(
        self,
        name: str,
        trusted: str,
        statements: Sequence[Mapping[str, Any]] = (),
        caller: Caller = OWNER,
    ) -> None:
        """Create a role without a stack."""
        trust = {"Effect": "Allow", "Principal": {"AWS": trusted}, "Action": "sts:AssumeRole"}
        client: IAMClient = self.borrow("iam", caller)
        client.create_role(RoleName=name, AssumeRolePolicyDocument=_document(trust))
        if statements:
            client.put_role_policy(
                RoleName=name, PolicyName=name, PolicyDocument=_document(*statements)
            )

    def caller_in(self, role_arn: str) -> Caller:
        """Create a role that may assume every role that trusts it, and return its session."""
        owner = Caller(role_arn.split(":")[4])
        anything = {"Effect": "Allow", "Action": "sts:*", "Resource": "*"}
        self.create_role(role_arn.rpartition("/")[2], owner.access_key_id, [anything], owner)
        return self.assume(role_arn, owner)

    def deploy(
        self,
        stack: str,
        template: str,
        parameters: Mapping[str, str] | None = None,
        caller: Caller = OWNER,
        *,
        update: bool = False,
    ) -> None:
        """Create or update a stack without the CDK CLI, as the console and StackSets do."""
        client: CloudFormationClient = self.borrow("cloudformation", caller)
        try:
            (client.update_stack if update else client.create_stack)(
                StackName=stack,
                TemplateBody=template,
                Parameters=[
                    {"ParameterKey": key, "ParameterValue": value}
                    for key, value in (parameters or {}).items()
                ],
                Capabilities=["CAPABILITY_NAMED_IAM"],
            )
        except ClientError as error:
            if "No updates are to be performed" in str(error):
                return
            raise
        (described,) = client.describe_stacks(StackName=stack)["Stacks"]
        while described["StackStatus"].endswith("IN_PROGRESS"):
            time.sleep(0.01)
            (described,) = client.describe_stacks(StackName=stack)["Stacks"]
        if described["StackStatus"] not in {"CREATE_COMPLETE", "UPDATE_COMPLETE"}:
            events = client.describe_stack_events(StackName=stack)["StackEvents"]
            failed = [event for event in events if event["ResourceStatus"].endswith("_FAILED")]
            raise StackFailedError(failed[-1]["ResourceStatusReason"])

    def reset(self) -> None:
        """Empty every account."""
        request = Request(f"{self.endpoint}/_ministack/reset", method="POST")  # noqa: S310
        with build_opener(ProxyHandler({})).open(request):
            pass

    def delete(self, stack: str, caller: Caller = OWNER) -> None:
        client: CloudFormationClient = self.borrow("cloudformation", caller)
        client.delete_stack(StackName=stack)

    def roles(self, caller: Caller = OWNER) -> "list[RoleDetailTypeDef]":
        """Return the roles of the caller's account, with their policies."""
        client: IAMClient = self.borrow("iam", caller)
        return client.get_account_authorization_details(Filter=["Role"])["RoleDetailList"]


@contextmanager
def embedded_aws() -> Iterator[EmbeddedAws]:
    """Serve empty AWS accounts until the block ends, even if it fails or is interrupted."""
    inherited = tool_environment()
    with TemporaryDirectory() as folder:
        server = subprocess.Popen(
            [sys.executable, "-m", "tools.sandbox.server"],
            cwd=ROOT,
            # In a separate session: Ctrl+C must interrupt only this process.
            start_new_session=True,
            env={name: value for name, value in inherited.items() if name in _SERVER_NEEDS}
            | {"TMPDIR": folder},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        with server:
            try:
                assert server.stdout is not None
                port = server.stdout.readline().strip()
                if not port:
                    raise RuntimeError(
                        f"the AWS emulator exited immediately, with status {server.wait()}"
                    )
                yield EmbeddedAws(f"http://127.0.0.1:{port}")
            finally:
                assert server.stdin is not None
                server.stdin.close()
                try:
                    server.wait(timeout=5)
                except subprocess.TimeoutExpired:
                    server.kill()


def _document(*statements: Mapping[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": statements})
