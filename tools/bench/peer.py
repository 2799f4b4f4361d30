"""The peer: both roles in a plain CDK app, as a customer would write it without pump-roles.

Two stacks with an ``iam.Role`` each, and cdk-nag with an acknowledgment for each finding.
"""

import json
from pathlib import Path
from typing import Any, Final

from aws_cdk import Acknowledgment, App, Stack, Validations
from aws_cdk import aws_iam as iam
from cdk_nag import AwsSolutionsChecks

PUBLISHED: Final = Path(__file__).parents[2] / "pump_roles" / "published"
"""The customer would have copied these files."""


def read(name: str) -> Any:
    return json.loads((PUBLISHED / name).read_text(encoding="utf-8"))


def add_role(app: App, stack_name: str, policies: list[dict[str, Any]]) -> None:
    role = iam.Role(
        Stack(app, stack_name),
        "Role",
        role_name=f"{stack_name}Role",
        assumed_by=iam.PrincipalWithConditions(
            iam.AccountPrincipal("999988887777"),
            {"StringEquals": {"sts:ExternalId": "Example-1234-5678"}},
        ),
        inline_policies={
            policy["PolicyName"]: iam.PolicyDocument.from_json(policy["PolicyDocument"])
            for policy in policies
        },
    )
    patterns = [
        pattern
        for policy in policies
        for statement in policy["PolicyDocument"]["Statement"]
        for pattern in statement["Action"]
    ]
    findings = {f"Action::{pattern}": reasons["actions"][pattern] for pattern in patterns}
    findings["Resource::*"] = reasons["resources"]["*"]
    Validations.of(role).acknowledge(
        *(
            Acknowledgment(id=f"AwsSolutions::AwsSolutions-IAM5[{finding}]", reason=reason)
            for finding, reason in findings.items()
            if "*" in finding
        )
    )


reasons = read("reasons.json")
read_only = read("read-only.json")
app = App()
add_role(app, "PumpReadOnly", read_only)
add_role(app, "PumpAutoPilot", [*read_only, *read("auto-pilot.json")])
Validations.of(app).add_plugins(AwsSolutionsChecks(app))
app.synth()
