"""A role with which a service of AWS acts for this package's constructs."""

from collections.abc import Mapping
from typing import Any

from aws_cdk import aws_iam as iam
from constructs import Construct

from pump_roles.published import policy_document


def add_service_role(
    scope: Construct,
    service: str,
    *,
    description: str,
    only_from: Mapping[str, str],
    allowed: Mapping[str, Mapping[str, Any]],
    role_name: str | None = None,
) -> iam.CfnRole:
    """Add a role of a service, with what it is allowed by the name of each inline policy."""
    trust = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
    condition = {"StringEquals": only_from}
    return iam.CfnRole(
        scope,
        "Role",
        role_name=role_name,
        description=description,
        assume_role_policy_document=policy_document({**trust, "Condition": condition}),
        policies=[
            iam.CfnRole.PolicyProperty(
                policy_name=name, policy_document=policy_document({"Effect": "Allow", **statement})
            )
            for name, statement in allowed.items()
        ],
    )
