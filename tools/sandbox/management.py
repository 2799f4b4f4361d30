"""The Organizations and StackSets APIs of a management account: moto, on loopback.

ministack, which emulates everything else, has no StackSets.
"""

import base64
import json
import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from threading import Thread
from unittest.mock import patch
from urllib.parse import parse_qs
from urllib.request import Request, urlopen

import boto3
from botocore.config import Config
from moto.moto_api import recorder
from moto.moto_server import werkzeug_app
from mypy_boto3_cloudformation import CloudFormationClient
from mypy_boto3_organizations import OrganizationsClient
from werkzeug.serving import make_server

from tools.sandbox.aws import REGION, Caller, environment_at


@dataclass(frozen=True)
class Management:
    """A management account in this process: moto's default, which :mod:`tools.sandbox.aws` has."""

    endpoint: str

    @property
    def environment(self) -> Mapping[str, str]:
        """The environment variables that make an AWS tool use this account."""
        return environment_at(self.endpoint, Caller("testing"))

    @cached_property
    def organizations(self) -> OrganizationsClient:
        return _session().client("organizations", endpoint_url=self.endpoint)

    @cached_property
    def cloudformation(self) -> CloudFormationClient:
        # The emulator takes more than boto3's default minute for a StackSet in 10,000 accounts.
        return _session().client(
            "cloudformation",
            endpoint_url=self.endpoint,
            config=Config(read_timeout=1_800, retries={"total_max_attempts": 1}),
        )


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
        yield Management(endpoint)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class Requests(list[dict[str, list[str]]]):
    """The parameters of the recorded requests, and the names of the services that received them."""

    services: set[str]


@contextmanager
def recorded(file: Path) -> Iterator[Requests]:
    """Record the requests to the management account; the list is filled when the block ends."""
    requests = Requests()
    with patch.object(recorder, "_location", str(file)):
        recorder.start_recording()
        try:
            yield requests
        finally:
            recorder.stop_recording()
    entries = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    requests.services = {entry["headers"]["Authorization"].split("/")[3] for entry in entries}
    requests.extend(
        parse_qs(base64.b64decode(entry["body"]).decode()) for entry in entries if entry["body"]
    )
