"""Pump's read-only role in your own stack.

An example to copy. What Pump gives you, its principal and your external ID, comes from
``pump.json``. What your team decides, such as the permissions boundary, is in this file.
"""

import json
import sys
from pathlib import Path

from aws_cdk import App, CfnOutput, Stack, Validations
from cdk_nag import AwsSolutionsChecks
from constructs import Construct

from pump_roles import ReadOnlyRole

BOUNDARY = "platform/Boundary"
"""The permissions boundary: a managed policy of the account, by its name with its path."""


class VendorsStack(Stack):
    """The roles that vendors assume."""

    def __init__(self, scope: Construct, id: str, *, pump_principal: str, external_id: str) -> None:
        super().__init__(scope, id, description="The roles that vendors assume")
        pump = ReadOnlyRole(
            self,
            "Pump",
            pump_principal=pump_principal,
            external_id=external_id,
            permissions_boundary=BOUNDARY,
        )
        # Without this call, cdk-nag reports each wildcard that Pump publishes.
        pump.acknowledge_cdk_nag()
        CfnOutput(self, "RoleArn", description="Give this to Pump", value=pump.role_arn)


def from_pump(app: App, key: str) -> str:
    """Return a value that Pump gives you, from ``pump.json`` or ``-c pump:settings=FILE``."""
    file = Path(app.node.try_get_context("pump:settings") or "pump.json")
    settings = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    if more := settings.keys() - {"principal", "external-id"}:
        sys.exit(f"{file}: this app does not read {', '.join(sorted(more))}; set it in app.py")
    value: str | None = settings.get(key)
    if not value:
        sys.exit(f"{key} is missing; set it in {file}")
    return value


app = App()
VendorsStack(
    app,
    "Vendors",
    pump_principal=from_pump(app, "principal"),
    external_id=from_pump(app, "external-id"),
)
Validations.of(app).add_plugins(AwsSolutionsChecks(app))
app.synth()
