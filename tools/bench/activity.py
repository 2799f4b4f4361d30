"""How long `pump-roles activity` takes for a trail, in files or by a query, and how much memory."""

import gzip
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Final

from tools.bench.process import Used, run
from tools.sandbox.aws import embedded_aws
from tools.sandbox.cdk import ROOT, tool_environment
from tools.sandbox.documented_tables import DATABASE, create_table, have_a_trail, upload

_EVENTS_PER_FILE: Final = 4_000
_ROUNDS: Final = 3

_ACCOUNT: Final = "111122223333"
_OF_PUMP: Final = (
    ("ec2", "DescribeInstances", "PumpAutoPilotRole"),
    ("ecs", "DescribeTasks", "PumpAutoPilotRole"),
)
_OF_OTHERS: Final = (("s3", "GetBucketLocation", "Application"), ("kms", "Decrypt", "Application"))

_READ: Final = """
import gzip, json, pathlib, sys
for file in pathlib.Path(sys.argv[1]).iterdir():
    json.loads(gzip.decompress(file.read_bytes()))
"""
"""Decompresses and parses the files, and nothing else."""


def measure(sizes: Sequence[int], folder: Path) -> tuple[list[Used], float]:
    """Read trails of several sizes."""
    environment = {**tool_environment(), "PYTHONPATH": str(ROOT)}
    used, ratios = [], []
    for size in sizes:
        print(f"activity: {size:,} events", file=sys.stderr, flush=True)
        trail = _written(folder / f"trail-{size}", size)
        command = ["-m", "pump_roles", "activity", str(trail), "--format", "json"]
        used.append(run(command, environment))
    for _ in range(_ROUNDS):
        read = run(["-c", _READ, str(trail)], environment)
        ratios.append(run(command, environment).seconds / read.seconds)
    return used, median(ratios)


def measure_query(size: int, folder: Path) -> tuple[float, float]:
    """Return how long a query of a trail on the AWS emulator takes, and reading its files.

    In each 2,000 events, one is of a role of Pump's.
    """
    print(f"activity --athena: {size:,} events", file=sys.stderr, flush=True)
    place = folder / "query" / _ACCOUNT / "CloudTrail" / "us-east-1" / "2026" / "11" / "10"
    trail = _written(place, size, others=1_999)
    with embedded_aws() as aws:
        have_a_trail(aws)
        upload(aws, folder / "query")
        create_table(aws, "logs", "all")
        environment = {**tool_environment(), **aws.environment(), "PYTHONPATH": str(ROOT)}
        activity = ["-m", "pump_roles", "activity", "--format", "json"]
        query = [*activity, "--athena", f"{DATABASE}.logs", "--workgroup", DATABASE]
        by_query = [run(query, environment).seconds for _ in range(_ROUNDS)]
    by_file = [run([*activity, str(trail)], environment).seconds for _ in range(_ROUNDS)]
    return median(by_query), median(by_file)


def _written(folder: Path, size: int, *, others: int = 1) -> Path:
    # One event is of a role of Pump's, then come some of others.
    folder.mkdir(parents=True)
    events = [
        _event(*(_OF_OTHERS if index % (1 + others) else _OF_PUMP)[index // (1 + others) % 2])
        for index in range(_EVENTS_PER_FILE)
    ]
    content = gzip.compress(json.dumps({"Records": events}).encode())
    for number in range(size // _EVENTS_PER_FILE):
        (folder / f"{number}.json.gz").write_bytes(content)
    return folder


def _event(source: str, name: str, role: str) -> dict[str, object]:
    return {
        "eventVersion": "1.11",
        "userIdentity": {
            "type": "AssumedRole",
            "principalId": "AROAEXAMPLE:session",
            "arn": f"arn:aws:sts::{_ACCOUNT}:assumed-role/{role}/session",
            "accountId": _ACCOUNT,
            "accessKeyId": "ASIAEXAMPLE",
            "sessionContext": {
                "attributes": {"creationDate": "2026-11-10T08:00:00Z", "mfaAuthenticated": "false"},
                "sessionIssuer": {
                    "type": "Role",
                    "principalId": "AROAEXAMPLE",
                    "arn": f"arn:aws:iam::{_ACCOUNT}:role/{role}",
                    "accountId": _ACCOUNT,
                    "userName": role,
                },
            },
        },
        "eventTime": "2026-11-10T08:15:00Z",
        "eventSource": f"{source}.amazonaws.com",
        "eventName": name,
        "awsRegion": "us-east-1",
        "sourceIPAddress": "203.0.113.7",
        "userAgent": "Boto3/1.43.106 md/Botocore#1.43.106 ua/2.1 os/linux md/arch#x86_64",
        "requestParameters": {"maxResults": 100, "filterSet": {}},
        "responseElements": None,
        "requestID": "8d1b5d2e-0000-0000-0000-000000000000",
        "eventID": "00000000-0000-0000-0000-000000000000",
        "readOnly": True,
        "eventType": "AwsApiCall",
        "managementEvent": True,
        "recipientAccountId": _ACCOUNT,
        "eventCategory": "Management",
    }
