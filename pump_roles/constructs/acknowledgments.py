"""Acknowledges what cdk-nag finds."""

from collections.abc import Mapping

from aws_cdk import CfnResource, Validations

from pump_roles.published import FINDINGS


def acknowledge(resource: CfnResource, finding: str, more: Mapping[str, str] | None = None) -> None:
    """Acknowledge on a resource what cdk-nag finds in the constructs, and more of its findings."""
    # As one entry: ``Validations.acknowledge()`` adds one for each, with a stack trace, which takes
    # longer than creating the role.
    resource.node.add_metadata(
        Validations.ACKNOWLEDGED_RULES_METADATA_KEY, {**FINDINGS[finding], **(more or {})}
    )
