"""An event of CloudTrail is mapped to the action that the call needs."""

import json

import pytest
from botocore.session import get_session

from pump_roles.event_sources import needs_permission, services_of, sources_of
from pump_roles.iam.catalog import action_of, newer, shipped
from pump_roles.published import ROLES
from tools.sandbox import make_catalog
from tools.sandbox.cdk import ROOT

SERVICES = {pattern.split(":")[0] for role in ROLES.values() for pattern in role.patterns}

NEWER_THAN_THE_CATALOG = {
    f"{service}:{name}"
    for service, names in {
        "cloudwatch": "AssociateDatasetKmsKey CreateResourceMetricsConfiguration "
        "DeleteResourceMetricsConfiguration DescribeAlarmContributors DisassociateDatasetKmsKey "
        "GetResourceMetricsConfiguration UpdateOTelEnrichment UpdateResourceMetricsConfiguration",
        "ec2": "CreateCapacityReservationDateChangeQuote "
        "DescribeCapacityReservationDateChangeQuotes DeleteClientVpnEndpointAuthorizationPolicy "
        "GetClientVpnEndpointAuthorizationPolicy ModifyClientVpnEndpointAuthorizationPolicy",
        "iam": "AcquireRole UpdateDelegationRequest",
        "rds": "DescribeServerlessV2PlatformVersions",
        "redshift": "ModifyLakehouseConfiguration",
        "support": "CompleteAttachmentUpload DescribeAttachmentUploadStatus "
        "GetAttachmentDownloadLink GetAttachmentUploadLinks",
    }.items()
    for name in names.split()
}

WITHOUT_AN_API = {"aws-portal", "consolidatedbilling"}
"""Services of the billing console, which botocore cannot call."""


@pytest.mark.slow
def test_every_call_that_botocore_can_make_maps_to_an_action() -> None:
    session = get_session()
    unmapped, called = set(), set()
    for name in session.get_available_services():
        model = session.get_service_model(name)
        source = f"{model.endpoint_prefix}.amazonaws.com"
        for service in SERVICES.intersection(services_of(source)):
            called.add(service)
            for operation in model.operation_names:
                action = action_of(source, operation)
                if action is None:
                    unmapped.add(f"{service}:{operation}")
                else:
                    assert action.service in services_of(source)
    assert called == SERVICES - WITHOUT_AN_API
    # Both services of the source lack it.
    assert unmapped == NEWER_THAN_THE_CATALOG
    assert {*make_catalog.uncataloged()} == unmapped


def test_newer_actions_are_those_of_the_pinned_sdk_that_the_wildcards_match() -> None:
    """When this fails, run `make catalog`."""
    made = make_catalog.newer(sorted(NEWER_THAN_THE_CATALOG))
    assert newer() == (made["source"], tuple(made["actions"]))
    assert "support:GetAttachmentDownloadLink" in made["actions"]
    assert "redshift:ModifyLakehouseConfiguration" not in made["actions"]


def test_every_exception_is_needed_and_leads_to_the_catalog() -> None:
    data = json.loads((ROOT / "pump_roles" / "events.json").read_text())
    actions = shipped().actions
    for called, action in data["actions"].items():
        assert called.lower() not in actions
        assert action.lower() in actions
    for source, services in data["services"].items():
        assert [source] != services
        assert SERVICES.issuperset(services)
    assert {each for services in data["consoles"].values() for each in services} == WITHOUT_AN_API
    for source, by_parameter in data["parameters"].items():
        assert set(data["services"][source]).issuperset(by_parameter.values())


@pytest.mark.parametrize(
    ("source", "name", "action"),
    [
        ("ec2", "DescribeInstances", "ec2:DescribeInstances"),
        ("ec2", "describeinstances", "ec2:DescribeInstances"),
        ("rds", "DescribeDBInstances20141031", "rds:DescribeDBInstances"),
        ("rds", "DescribeDBInstances2014_10_31", "rds:DescribeDBInstances"),
        ("monitoring", "GetMetricData", "cloudwatch:GetMetricData"),
        ("tagging", "GetResources", "tag:GetResources"),
        ("api.pricing", "GetProducts", "pricing:GetProducts"),
        ("pricing", "GetProducts", "pricing:GetProducts"),
        ("budgets", "CreateBudget", "budgets:ModifyBudget"),
        ("budgets", "DescribeBudgetAction", "budgets:DescribeBudgetAction"),
        ("autoscaling", "DescribePolicies", "autoscaling:DescribePolicies"),
        ("autoscaling", "RegisterScalableTarget", "application-autoscaling:RegisterScalableTarget"),
    ],
)
def test_event_maps_to_its_action(source: str, name: str, action: str) -> None:
    found = action_of(f"{source}.amazonaws.com", name)
    assert found is not None
    assert found.name == action
    assert f"{source}.amazonaws.com" in sources_of(found.service)


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("ec2.amazonaws.com", "DescribeInstance"),
        ("ec2.amazonaws.com", "Describe*"),
        ("ec2.amazonaws.com", ""),
        ("ec2.example.com", "DescribeInstances"),
        ("s3.amazonaws.com", "ListBuckets"),
        ("cloudwatch", "x:GetMetricData"),
        ("", "ec2:DescribeInstances"),
    ],
)
def test_other_events_are_not_known(source: str, name: str) -> None:
    assert action_of(source, name) is None
    assert needs_permission(source, name)


def test_identity_of_the_caller_needs_no_permission() -> None:
    """IAM allows ``sts:GetCallerIdentity`` even if a policy denies it (STS API Reference)."""
    assert not needs_permission("sts.amazonaws.com", "GetCallerIdentity")
    assert needs_permission("sts.amazonaws.com", "AssumeRole")
