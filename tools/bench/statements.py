"""How long it takes to decide about, and to compare, roles with many statements."""

from collections.abc import Sequence
from dataclasses import replace
from time import process_time

from pump_roles.iam.documents import Policy
from pump_roles.review.compare import compare
from pump_roles.review.role import Role, published_role


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


def _role(numbers: range) -> Role:
    role = published_role("auto-pilot")
    statements = [
        {"Effect": "Deny", "Action": "*", "Resource": f"arn:aws:ec2:*:*:instance/i-{number:017x}"}
        for number in numbers
    ]
    document = {"Version": "2012-10-17", "Statement": statements}
    return replace(role, policies=(*role.policies, Policy(name="Denies", document=document)))
