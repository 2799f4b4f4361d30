"""How long it takes to decide about, and to compare, roles with many statements."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from time import process_time
from typing import Any

from pump_roles.compare import compare
from pump_roles.contents import Assembly, FoundRole
from pump_roles.iam.documents import Policy
from pump_roles.review.output.json_documents import as_json
from pump_roles.review.report.build import of_contents
from pump_roles.role import Role, published_role
from pump_roles.validators import policy_size

_MANAGED_POLICIES = 10
_MANAGED_POLICY_SIZE = 6_144
"""IAM's quotas for a role."""


def measure(sizes: Sequence[int], rounds: int) -> dict[int, list[float]]:
    """Compare roles with so many statements that deny on one resource each, in rounds."""
    pairs = {size: (_role(range(size)), _role(range(1, size + 1))) for size in sizes}
    timed: dict[int, list[float]] = {size: [] for size in sizes}
    for _ in range(rounds):
        for size, (before, after) in pairs.items():
            start = process_time()
            compare(before, after, over_time=True)
            timed[size].append(process_time() - start)
    return timed


def measure_quota(rounds: int) -> list[float]:
    """Report, as JSON, on a role with as many managed denies as IAM accepts, in rounds."""
    role = published_role("auto-pilot")
    denies = [
        Policy(name=name, arn=f"arn:aws:iam::111122223333:policy/{name}", document=_filled(name))
        for name in (f"Deny{number}" for number in range(_MANAGED_POLICIES))
    ]
    found = FoundRole(role=replace(role, policies=(*role.policies, *denies)))
    timed = []
    for _ in range(rounds):
        start = process_time()
        as_json(of_contents(Assembly(roles=(found,))))
        timed.append(process_time() - start)
    return timed


def _filled(name: str) -> Mapping[str, Any]:
    # What takes the longest: each statement is about nearly everything, and covers no other one.
    document: dict[str, Any] = {"Version": "2012-10-17", "Statement": []}
    while policy_size(document) < _MANAGED_POLICY_SIZE:
        own = f"{name}{len(document['Statement'])}"
        document["Statement"].append(
            {"Effect": "Deny", "NotAction": f"ec2:{own}", "NotResource": f"arn:{own}"}
        )
    document["Statement"].pop()
    return document


def _role(numbers: range) -> Role:
    role = published_role("auto-pilot")
    statements = [
        {"Effect": "Deny", "Action": "*", "Resource": f"arn:aws:ec2:*:*:instance/i-{number:017x}"}
        for number in numbers
    ]
    document = {"Version": "2012-10-17", "Statement": statements}
    return replace(role, policies=(*role.policies, Policy(name="Denies", document=document)))
