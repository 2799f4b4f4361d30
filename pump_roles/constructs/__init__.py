"""The CDK constructs, and how they acknowledge what cdk-nag finds in them."""

from collections.abc import Iterable, Mapping

from aws_cdk import CfnResource, Validations
from constructs import IConstruct

from pump_roles.published import FINDINGS


def acknowledge(resource: CfnResource, finding: str, more: Mapping[str, str] | None = None) -> None:
    """Acknowledge on a resource what cdk-nag finds in the constructs, and more of its findings."""
    _add(resource, {**FINDINGS[finding], **(more or {})})


def acknowledge_resources(construct: IConstruct, finding: str, resources: Iterable[str]) -> None:
    """Acknowledge in a construct what cdk-nag finds about some resources of a policy."""
    found = FINDINGS[finding].items()
    _add(construct, {f"{rule}[Resource::{arn}]": why for rule, why in found for arn in resources})


def _add(construct: IConstruct, reasons: Mapping[str, str]) -> None:
    # As one entry: ``Validations.acknowledge()`` adds one for each, with a stack trace, which takes
    # longer than creating the role.
    construct.node.add_metadata(Validations.ACKNOWLEDGED_RULES_METADATA_KEY, {**reasons})
