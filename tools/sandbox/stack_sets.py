"""The StackSets of the AWS emulator's organization. It runs in the emulator's own process."""

from collections.abc import Callable, Mapping
from functools import cached_property
from threading import Lock
from typing import Any, Final
from uuid import uuid4

from tools.sandbox.aws import EmbeddedAws
from tools.sandbox.organization import (
    EmbeddedMembers,
    Organization,
    StackSets,
    forget_stack_sets,
)

CALLS: Final = {
    "CreateStackInstances",
    "DescribeStackSet",
    "DescribeStackSetOperation",
    "ListStackInstances",
    "ListStackSetOperations",
    "ListStackSets",
}
"""The calls that are answered."""

_Answer = tuple[int, dict[str, str], bytes]


class Rollouts:
    """The StackSets of the organization at an endpoint."""

    def __init__(self, endpoint: str) -> None:
        self.aws = EmbeddedAws(endpoint)
        self.used = False
        self._lock = Lock()

    def do(self, work: Callable[[StackSets], object]) -> None:
        """Do something with the StackSets, as they are in the organization as it is now."""
        client = self.aws.organizations
        with self._lock:
            self.used = True
            organization = Organization(client, client.list_roots()["Roots"][0]["Id"], {})
            work(StackSets(organization, EmbeddedMembers(self.aws)))

    def answer(self, headers: Mapping[str, str], body: bytes, account: str) -> _Answer:
        """Answer a call of an account."""
        passed = {name: headers[name] for name in ("authorization", "content-type")}
        answered = self._moto.post("/", data=body, headers={**passed, "x-moto-account-id": account})
        return answered.status_code, {"Content-Type": answered.content_type}, answered.data

    def forget(self) -> None:
        """Delete every StackSet."""
        if self.used:
            forget_stack_sets()
        self.used = False

    @cached_property
    def _moto(self) -> Any:
        # Importing moto takes a second, and most uses of the emulator don't need it.
        from moto.cloudformation.models import CloudFormationBackend  # noqa: PLC0415
        from moto.moto_server.werkzeug_app import create_backend_app  # noqa: PLC0415

        def create(
            backend: Any, name: str, *_: Any, deployment_targets: Mapping[str, Any], **__: Any
        ) -> str:
            self.do(lambda stack_sets: stack_sets.repeat(name, deployment_targets))
            operation = str(uuid4())
            backend.describe_stack_set(name)._create_operation(operation, "CREATE", "SUCCEEDED")  # noqa: SLF001
            return operation

        CloudFormationBackend.create_stack_instances = create  # type: ignore[method-assign,assignment]
        return create_backend_app("cloudformation").test_client()
