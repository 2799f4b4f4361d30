"""Pump's roles across an AWS organization: read-only in every account, auto-pilot in some.

An example to copy. Deploy it in the management account: ``VendorsReadOnly`` first, and
``VendorsAutoPilot`` when you want Pump to buy and sell for you. What Pump gives you, its principal
and your external ID, comes from ``pump.json``. What your team decides, such as the
organizational units and the guardrails, is in this file.
"""

import json
import sys
from pathlib import Path

from aws_cdk import App, CfnOutput, Stack, Validations
from cdk_nag import AwsSolutionsChecks
from constructs import Construct

from pump_roles import AutoPilotRollout, Guardrail, ReadOnlyRole, ReadOnlyRollout

READ_ONLY_UNITS = ["r-abcd"]
"""Where the read-only role is deployed: the root of the organization, so every account."""

AUTO_PILOT_UNITS = ["ou-abcd-12345678"]
"""Where the auto-pilot role is deployed: the organizational units that buy commitments."""

READ_ONLY_GUARDRAILS = [Guardrail.RECOMMENDED]

AUTO_PILOT_GUARDRAILS = [
    Guardrail.RECOMMENDED,
    Guardrail.only_in_regions("us-east-1", "eu-west-1"),
]


def add_cdk_nag(app: App) -> None:
    """Check this app, and those of the templates that StackSets deploy."""
    Validations.of(app).add_plugins(AwsSolutionsChecks(app))


class ReadOnlyInOrganization(Stack):
    """The read-only role in the member accounts, and in this one."""

    def __init__(self, scope: Construct, id: str, *, pump_principal: str, external_id: str) -> None:
        super().__init__(scope, id, description="Pump's read-only role in every account")
        ReadOnlyRollout(
            self,
            "MemberAccounts",
            organizational_units=READ_ONLY_UNITS,
            pump_principal=pump_principal,
            external_id=external_id,
            guardrails=READ_ONLY_GUARDRAILS,
            configure_app=add_cdk_nag,
        )
        # StackSets never deploy to the management account.
        role = ReadOnlyRole(
            self,
            "ManagementAccount",
            pump_principal=pump_principal,
            external_id=external_id,
            guardrails=READ_ONLY_GUARDRAILS,
        )
        # Without this call, cdk-nag reports each wildcard that Pump publishes.
        role.acknowledge_cdk_nag()
        CfnOutput(self, "RoleArn", description="Give this to Pump", value=role.role_arn)


class AutoPilotInOrganization(Stack):
    """The auto-pilot role in the member accounts that buy commitments."""

    def __init__(self, scope: Construct, id: str, *, pump_principal: str, external_id: str) -> None:
        super().__init__(scope, id, description="Pump's auto-pilot role in some accounts")
        AutoPilotRollout(
            self,
            "MemberAccounts",
            organizational_units=AUTO_PILOT_UNITS,
            pump_principal=pump_principal,
            external_id=external_id,
            guardrails=AUTO_PILOT_GUARDRAILS,
            configure_app=add_cdk_nag,
        )


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
pump_principal = from_pump(app, "principal")
external_id = from_pump(app, "external-id")
ReadOnlyInOrganization(
    app, "VendorsReadOnly", pump_principal=pump_principal, external_id=external_id
)
AutoPilotInOrganization(
    app, "VendorsAutoPilot", pump_principal=pump_principal, external_id=external_id
)
add_cdk_nag(app)
app.synth()
