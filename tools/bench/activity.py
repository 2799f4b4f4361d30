"""How much longer `pump-roles activity` takes for a trail than reading its files."""

import gzip
import json
import sys
from pathlib import Path
from statistics import median
from typing import Final

from tools.bench.process import run
from tools.sandbox.cdk import ROOT, tool_environment

_EVENTS_PER_FILE: Final = 4_000
_ROUNDS: Final = 3

_ACCOUNT: Final = "111122223333"
_CALLS: Final = (
    ("ec2", "DescribeInstances", "PumpAutoPilotRole"),
    ("s3", "GetBucketLocation", "Application"),
    ("ecs", "DescribeTasks", "PumpAutoPilotRole"),
    ("kms", "Decrypt", "Application"),
)
"""Every second call is of a role of Pump's."""

_READ: Final = """
import gzip, json, pathlib, sys
for file in pathlib.Path(sys.argv[1]).iterdir():
    json.loads(gzip.decompress(file.read_bytes()))
"""
"""Decompresses and parses the files, and nothing else."""


def measure(size: int, folder: Path) -> float:
    """Return the median of the ratios in each round."""
    environment = {**tool_environment(), "PYTHONPATH": str(ROOT)}
    trail = _written(folder / "trail", size)
    ratios = []
    for index in range(_ROUNDS):
        print(f"round {index + 1} of {_ROUNDS}: activity", file=sys.stderr, flush=True)
        read = run(["-c", _READ, str(trail)], environment)
        command = ["-m", "pump_roles", "activity", str(trail), "--format", "json"]
        ratios.append(run(command, environment).seconds / read.seconds)
    return median(ratios)


def _written(folder: Path, size: int) -> Path:
    folder.mkdir(parents=True)
    events = [_event(*_CALLS[index % len(_CALLS)]) for index in range(_EVENTS_PER_FILE)]
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
