"""moto's server on a free loopback port, for as long as a block of code runs."""

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final
from urllib.request import Request, urlopen

import boto3
from moto.server import ThreadedMotoServer
from mypy_boto3_cloudformation import CloudFormationClient
from mypy_boto3_iam import IAMClient

ACCOUNT_ID: Final = "123456789012"
"""The account that moto's dummy keys belong to."""


@dataclass(frozen=True)
class EmbeddedAws:
    """An AWS account that lives in this process.

    :param endpoint: where its API is served.
    """

    endpoint: str

    @property
    def environment(self) -> Mapping[str, str]:
        """The environment variables that point an AWS tool at this account."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": "testing",
            "AWS_SECRET_ACCESS_KEY": "testing",
            "AWS_REGION": "us-east-1",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    @property
    def iam(self) -> IAMClient:
        return self._session().client("iam", endpoint_url=self.endpoint)

    @property
    def cloudformation(self) -> CloudFormationClient:
        return self._session().client("cloudformation", endpoint_url=self.endpoint)

    def _session(self) -> boto3.Session:
        return boto3.Session(
            aws_access_key_id="testing", aws_secret_access_key="testing", region_name="us-east-1"
        )


@contextmanager
def embedded_aws() -> Iterator[EmbeddedAws]:
    """Serve an empty AWS account on loopback; it ends with the block, also when that fails."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        endpoint = f"http://{host}:{port}"
        # moto keeps what it emulates for as long as the process runs, also from an earlier block.
        with urlopen(Request(f"{endpoint}/moto-api/reset", method="POST")):  # noqa: S310
            pass
        yield EmbeddedAws(endpoint)
    finally:
        server.stop()
