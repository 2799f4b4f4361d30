"""Events as CloudTrail writes them, and the files that have them.

The shape is that of the Savings Plans User Guide, "Understanding Savings Plans Log File Entries",
and of the CloudTrail User Guide, "CloudTrail record contents". The names of the parameters are
those of each service's API, which begin with a lower-case letter in an event.
"""

import gzip
import json
from collections.abc import Sequence
from itertools import count
from pathlib import Path
from typing import Any

ACCOUNT = "111122223333"
PUMP = "999988887777"
AUTO_PILOT = f"arn:aws:iam::{ACCOUNT}:role/PumpAutoPilotRole"
READ_ONLY = f"arn:aws:iam::{ACCOUNT}:role/PumpReadOnlyRole"
TIME = "2026-11-10T08:15:00Z"

_ids = count()


def call(
    action: str,
    request: Any = None,
    response: Any = None,
    *,
    role: str = AUTO_PILOT,
    session: str = "recommendations",
    error: str | None = None,
    **members: Any,
) -> dict[str, Any]:
    """Return the event of a call that a session of a role made, without what nothing reads."""
    source, name = action.split(":")
    account, named = role.split(":")[4], role.rpartition("/")[2]
    event = {
        "userIdentity": {
            "type": "AssumedRole",
            "arn": f"arn:aws:sts::{account}:assumed-role/{named}/{session}",
            "accountId": account,
            "sessionContext": {
                "sessionIssuer": {"arn": role, "accountId": account, "userName": named}
            },
        },
        "eventTime": TIME,
        "eventSource": f"{source}.amazonaws.com",
        "eventName": name,
        "awsRegion": "us-east-1",
        "sourceIPAddress": "203.0.113.7",
        "requestParameters": request,
        "responseElements": response,
        "eventID": f"00000000-0000-0000-0000-{next(_ids):012}",
        "recipientAccountId": account,
    }
    if error is not None:
        event |= {"errorCode": error, "errorMessage": "You are not authorized."}
    return event | members


def by_role(event: dict[str, Any], role: str) -> dict[str, Any]:
    """Return an event as another role's."""
    of_role = call("ec2:DescribeInstances", role=role)
    return event | {name: of_role[name] for name in ("userIdentity", "recipientAccountId")}


def assumption(role: str, external_id: str, session: str = "recommendations") -> dict[str, Any]:
    """Return the event of a session of Pump's account that assumes a role."""
    asked = {"roleArn": role, "roleSessionName": session, "externalId": external_id}
    return call("sts:AssumeRole", asked, role=role) | {
        "userIdentity": {"type": "AWSAccount", "principalId": "AROAPUMP:worker", "accountId": PUMP}
    }


PURCHASES = {
    "ec2": call(
        "ec2:PurchaseReservedInstancesOffering",
        {"reservedInstancesOfferingId": "4b2293b4-5813", "instanceCount": 3},
        {"requestId": "r", "reservedInstancesId": "af9f760e-6f91"},
    ),
    "host": call(
        "ec2:PurchaseHostReservation",
        {
            "PurchaseHostReservationRequest": {
                "OfferingId": "hro-03f707bf363b6b324",
                "HostIdSet": {"tag": 1, "content": "h-013abcd2a00cbd123"},
            }
        },
        {
            "PurchaseHostReservationResponse": {
                "purchase": {
                    "duration": 94_608_000,
                    "hostReservationId": "hr-0d418a3a4ffc669ae",
                    "instanceFamily": "m4",
                    "paymentOption": "NoUpfront",
                }
            }
        },
    ),
    "modify": call(
        "ec2:ModifyReservedInstances",
        {
            "reservedInstancesIdSet": {"items": [{"reservedInstancesId": "af9f760e-6f91"}]},
            "targetConfigurationSet": {
                "items": [
                    {"instanceCount": 1, "instanceType": "m5.large"},
                    {"instanceCount": 2, "instanceType": "m5.xlarge"},
                ]
            },
        },
        {"reservedInstancesModificationId": "rimod-3aae219d"},
    ),
    "exchange": call(
        "ec2:AcceptReservedInstancesExchangeQuote",
        {
            "AcceptReservedInstancesExchangeQuoteRequest": {
                "ReservedInstanceId": {"tag": 1, "content": "af9f760e-6f91"},
                "TargetConfiguration": {"OfferingId": "b747b472-423c", "InstanceCount": 4},
            }
        },
        {"AcceptReservedInstancesExchangeQuoteResponse": {"exchangeId": "riex-e13c4bf6"}},
    ),
    "sell": call(
        "ec2:CreateReservedInstancesListing",
        {"reservedInstancesId": "af9f760e-6f91", "instanceCount": 2, "clientToken": "c"},
        {"reservedInstancesListingsSet": {"items": [{"reservedInstancesListingId": "5ec28771"}]}},
    ),
    "rds": call(
        "rds:PurchaseReservedDBInstancesOffering",
        {"reservedDBInstancesOfferingId": "8ba30be1", "dBInstanceCount": 2},
        {
            "reservedDBInstanceId": "ri-2026-11-10",
            "reservedDBInstancesOfferingId": "8ba30be1",
            "dBInstanceClass": "db.r6g.large",
            "duration": 31_536_000,
            "dBInstanceCount": 2,
            "offeringType": "Partial Upfront",
        },
    ),
    "elasticache": call(
        "elasticache:PurchaseReservedCacheNodesOffering",
        {"reservedCacheNodesOfferingId": "1ef01f5b", "cacheNodeCount": 5},
        {
            "reservedCacheNodeId": "ri-cache",
            "cacheNodeType": "cache.r6g.large",
            "duration": 94_608_000,
            "offeringType": "All Upfront",
        },
    ),
    "redshift": call(
        "redshift:PurchaseReservedNodeOffering",
        {"reservedNodeOfferingId": "3a98bf7d", "nodeCount": 4},
        {
            "reservedNodeId": "1ba8e2e3",
            "nodeType": "ra3.4xlarge",
            "duration": 31_536_000,
            "offeringType": "No Upfront",
        },
    ),
    "opensearch": call(
        "es:PurchaseReservedInstanceOffering",
        {"reservedInstanceOfferingId": "1a2a3a4a", "reservationName": "search", "instanceCount": 6},
        {"reservedInstanceId": "9a8a7a6a", "reservationName": "search"},
    ),
    "Savings Plan": call(
        "savingsplans:CreateSavingsPlan",
        {
            "commitment": "2.50",
            "savingsPlanOfferingId": "77b2e4a0-offering",
            "clientToken": "c",
            "tags": {"tag-key": "tag-value"},
        },
        {"savingsPlanId": "sp-1"},
    ),
}
"""A purchase, a sale, an exchange, or a modification of each kind."""


def handshake(kind: str = "INVITE", **members: Any) -> dict[str, Any]:
    """Return the event of a call that accepts a handshake."""
    answered = {
        "id": "h-examplehandshakeid111",
        "action": kind,
        "parties": [
            {"id": PUMP, "type": "ACCOUNT"},
            {"id": "o-abcdefghij", "type": "ORGANIZATION"},
        ],
        "resources": [{"type": "ORGANIZATION", "value": "o-abcdefghij"}],
        "state": "ACCEPTED",
    }
    asked = {"handshakeId": answered["id"]}
    return call("organizations:AcceptHandshake", asked, {"handshake": answered}) | members


def write(folder: Path, *events: Any, name: str = "trail.json.gz") -> Path:
    """Write a file of a trail."""
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps({"Records": events}).encode()
    file.write_bytes(gzip.compress(text) if name.endswith(".gz") else text)
    return file


def write_lookup(folder: Path, events: Sequence[Any], name: str = "lookup.json") -> Path:
    """Write the output of ``aws cloudtrail lookup-events``."""
    listed = [
        {"EventId": event["eventID"], "CloudTrailEvent": json.dumps(event)} for event in events
    ]
    file = folder / name
    file.write_text(json.dumps({"Events": listed}))
    return file
