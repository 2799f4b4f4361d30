"""The Organizations and StackSets APIs of a management account: moto, in this process."""

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, cached_property
from threading import Thread
from typing import TYPE_CHECKING
from urllib.request import Request, urlopen

import boto3
from moto.moto_server import werkzeug_app
from werkzeug.serving import make_server

from tools.sandbox.aws import REGION, Caller, environment_at

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_organizations import OrganizationsClient


@dataclass(frozen=True)
class Management:
    """A management account in this process: moto's default, which :mod:`tools.sandbox.aws` has."""

    endpoint: str

    @property
    def environment(self) -> Mapping[str, str]:
        """The environment variables that make an AWS tool use this account."""
        return environment_at(self.endpoint, Caller("testing"))

    @cached_property
    def organizations(self) -> "OrganizationsClient":
        return _session().client("organizations", endpoint_url=self.endpoint)

    @cached_property
    def cloudformation(self) -> "CloudFormationClient":
        return _session().client("cloudformation", endpoint_url=self.endpoint)


@cache
def _session() -> boto3.Session:
    # Reading the descriptions of AWS's services takes a session a quarter of a second.
    return boto3.Session(
        aws_access_key_id="testing", aws_secret_access_key="testing", region_name=REGION
    )


@contextmanager
def management() -> Iterator[Management]:
    """Serve an empty management account until the block ends, even if it fails."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    # Not moto's own ThreadedMotoServer, which takes half a second to stop.
    server = make_server(
        "127.0.0.1",
        0,
        werkzeug_app.DomainDispatcherApplication(werkzeug_app.create_backend_app),
        threaded=True,
        request_handler=werkzeug_app.MotoRequestHandler,
    )
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        endpoint = f"http://127.0.0.1:{server.port}"
        # moto keeps its state as long as the process runs, even that of an earlier block.
        with urlopen(Request(f"{endpoint}/moto-api/reset", method="POST")):  # noqa: S310
            pass
        account = Management(endpoint)
        account.organizations.create_organization(FeatureSet="ALL")
        yield account
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
