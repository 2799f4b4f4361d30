"""How long `pump-roles activity` takes for files of a trail, and how much memory."""

import gzip
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Final

from tools.bench.process import Used, run
from tools.sandbox.cdk import ROOT, tool_environment

_EVENTS_PER_FILE: Final = 5_000
_ROUNDS: Final = 3

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


def _written(folder: Path, size: int) -> Path:
    # Half of the events are of a role of Pump's.
    folder.mkdir()
    calls = [
        ("ec2", "DescribeInstances", "PumpAutoPilotRole"),
        ("ecs", "DescribeTasks", "PumpAutoPilotRole"),
        ("s3", "GetBucketLocation", "Application"),
        ("kms", "Decrypt", "Application"),
    ]
    events = [_event(*calls[index % len(calls)]) for index in range(_EVENTS_PER_FILE)]
    content = gzip.compress(json.dumps({"Records": events}).encode())
    for number in range(size // _EVENTS_PER_FILE):
        (folder / f"{number}.json.gz").write_bytes(content)
    return folder


def _event(source: str, name: str, role: str) -> dict[str, object]:
    account = "111122223333"
    return {
        "eventVersion": "1.11",
        "userIdentity": {
            "type": "AssumedRole",
            "principalId": "AROAEXAMPLE:session",
            "arn": f"arn:aws:sts::{account}:assumed-role/{role}/session",
            "accountId": account,
            "accessKeyId": "ASIAEXAMPLE",
            "sessionContext": {
                "attributes": {"creationDate": "2026-11-10T08:00:00Z", "mfaAuthenticated": "false"},
                "sessionIssuer": {
                    "type": "Role",
                    "principalId": "AROAEXAMPLE",
                    "arn": f"arn:aws:iam::{account}:role/{role}",
                    "accountId": account,
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
        "recipientAccountId": account,
        "eventCategory": "Management",
    }
