"""An emulated organization: moto's AWS Organizations and StackSets, corrected where they differ.

moto resolves a StackSet's targets one level of organizational units deep, without filters, and with
suspended accounts; a stack that fails ends the whole call. Here the targets are those that AWS
documents (:func:`pump_roles.account.organization.targeted`), and a stack that fails is an instance
with its reason. Automatic deployment is not emulated.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final
from unittest.mock import patch

import boto3
from moto.cloudformation import models as cloudformation
from moto.core.exceptions import ServiceException
from moto.iam.models import iam_backends
from moto.organizations.models import organizations_backends
from mypy_boto3_cloudformation import CloudFormationClient
from mypy_boto3_organizations import OrganizationsClient

from pump_roles.account.organization import Account, accounts_below, targeted
from sandbox.aws import ACCOUNT_ID, EmbeddedAws
from sandbox.simulator import Role

REGION: Final = "us-east-1"

Tree = Mapping[str, "Tree | int"]
"""Organizational units by name: each with further ones, or with its number of accounts."""


@dataclass(frozen=True)
class Organization:
    """An organization whose management account is the embedded AWS's.

    :param organizations: a client of the management account.
    :param cloudformation: a client of the management account.
        :param root: the root's ID.
    :param units: the IDs of the organizational units by name.
    """

    organizations: OrganizationsClient
    cloudformation: CloudFormationClient
    root: str
    units: dict[str, str]

    @classmethod
    def create(cls, aws: EmbeddedAws, tree: Tree) -> "Organization":
        """Create the organization, its units and their accounts."""
        session = boto3.Session("testing", "testing", region_name=REGION)
        organizations = session.client("organizations", endpoint_url=aws.endpoint)
        organizations.create_organization(FeatureSet="ALL")
        organization = cls(
            organizations,
            aws.cloudformation,
            organizations.list_roots()["Roots"][0]["Id"],
            {},
        )
        organization._grow(organization.root, tree)
        return organization

    def _grow(self, parent: str, tree: Tree) -> None:
        for name, below in tree.items():
            unit = self.organizations.create_organizational_unit(ParentId=parent, Name=name)
            self.units[name] = unit["OrganizationalUnit"]["Id"]
            if isinstance(below, int):
                for index in range(below):
                    self.join(name, f"{name.lower()}-{index + 1}")
            else:
                self._grow(self.units[name], below)

    def join(self, unit: str, name: str) -> str:
        """Let an account join a unit, and return its ID."""
        # Without the API, which takes several seconds for 1,000 accounts.
        backend = organizations_backends[ACCOUNT_ID]["aws"]
        created = backend.create_account(AccountName=name, Email=f"{name}@example.com")
        account: str = created["CreateAccountStatus"]["AccountId"]
        backend.move_account(
            AccountId=account, SourceParentId=self.root, DestinationParentId=self.units[unit]
        )
        return account

    def accounts(self) -> list[Account]:
        """Return every account, the management account too."""
        return accounts_below(self.organizations, [self.root])


class StackSets:
    """The StackSets of an organization's management account, as the handler of the resource
    ``AWS::CloudFormation::StackSet`` uses them.

    :param organization: the organization.
    :param deployed: called with each account that an instance was made for.
    """

    def __init__(
        self, organization: Organization, deployed: Callable[[str], object] | None = None
    ) -> None:
        self.organization = organization
        self.deployed = deployed

    def create(self, template: Mapping[str, Any], parameters: Mapping[str, str]) -> None:
        """Create the StackSet of a rollout's template, and its instances.

        :param template: the rollout's template.
        :param parameters: values for the template's parameters.
        """
        properties = self._properties(template, parameters)
        instances = properties.pop("StackInstancesGroup")
        preferences = properties.pop("OperationPreferences")
        self.organization.cloudformation.create_stack_set(**properties)
        self._create_instances(properties["StackSetName"], instances, preferences)

    def update(self, template: Mapping[str, Any], parameters: Mapping[str, str]) -> None:
        """Create the instances that the template's targets do not have yet."""
        properties = self._properties(template, parameters)
        self._create_instances(
            properties["StackSetName"],
            properties["StackInstancesGroup"],
            properties["OperationPreferences"],
        )

    def delete(self, name: str) -> None:
        """Delete the StackSet, its instances first."""
        client = self.organization.cloudformation
        pages = client.get_paginator("list_stack_instances").paginate(StackSetName=name)
        accounts = [summary["Account"] for page in pages for summary in page["Summaries"]]
        # moto takes no deployment targets here.
        client.delete_stack_instances(
            StackSetName=name, Accounts=accounts, Regions=[REGION], RetainStacks=False
        )
        client.delete_stack_set(StackSetName=name)

    def _create_instances(self, name: str, groups: Any, preferences: Any) -> None:
        with _targets_as_documented(self.organization, self.deployed):
            for group in groups:
                self.organization.cloudformation.create_stack_instances(
                    StackSetName=name, OperationPreferences=preferences, **group
                )

    @staticmethod
    def name(template: Mapping[str, Any]) -> str:
        """Return the name of the StackSet in a rollout's template."""
        return str(StackSets._resource(template)["StackSetName"])

    @staticmethod
    def _resource(template: Mapping[str, Any]) -> dict[str, Any]:
        (resource,) = template["Resources"].values()
        assert resource["Type"] == "AWS::CloudFormation::StackSet"
        properties: dict[str, Any] = resource["Properties"]
        return properties

    @staticmethod
    def _properties(template: Mapping[str, Any], parameters: Mapping[str, str]) -> dict[str, Any]:
        values = {"AWS::Region": REGION, **parameters}

        def resolved(value: Any) -> Any:
            if isinstance(value, list):
                return [resolved(element) for element in value]
            if isinstance(value, dict):
                if value.keys() == {"Ref"}:
                    return values[value["Ref"]]
                return {key: resolved(element) for key, element in value.items()}
            return value

        properties: dict[str, Any] = resolved(StackSets._resource(template))
        return properties


def occupy(account: str, name: str, trust: Mapping[str, Any]) -> None:
    """Create a role in any account, as if someone had created it by hand."""
    iam_backends[account]["global"].create_role(
        name,
        json.dumps(trust),
        path="/",
        permissions_boundary=None,
        description="",
        tags=[],
        max_session_duration="3600",
    )


def roles(account: str) -> dict[str, Role]:
    """Return the roles of any account that are named like Pump's, from the emulator's state."""
    backend = iam_backends[account]["global"]
    found = {}
    for role in backend.roles.values():
        if role.name.startswith("Pump"):
            found[role.name] = Role.of_emulator(role)
    return found


@contextmanager
def _targets_as_documented(
    organization: Organization, deployed: Callable[[str], object] | None
) -> Iterator[None]:
    def create_instances(  # noqa: PLR0917
        self: Any,
        accounts: list[str],
        regions: list[str],
        parameters: Any,
        deployment_targets: dict[str, Any],
        permission_model: str,
    ) -> None:
        assert not accounts
        assert permission_model == "SERVICE_MANAGED"
        units = deployment_targets["OrganizationalUnitIds"]
        stack_set: Any = cloudformation.cloudformation_backends[ACCOUNT_ID][REGION].stacksets[
            self.stackset_id
        ]
        stack_set.organizational_unit_ids = units
        for account in targeted(
            organization.accounts(),
            units=units,
            management_account=ACCOUNT_ID,
            account_filter=deployment_targets.get("AccountFilterType", "NONE"),
            filtered=deployment_targets.get("Accounts", []),
        ):
            for region in regions:
                if self.get_instance(account.id, region) is None:
                    self.stack_instances.append(_instance(self, account.id, region, parameters))
                    if deployed is not None:
                        deployed(account.id)

    with patch.object(cloudformation.StackInstances, "create_instances", create_instances):
        yield


def _instance(instances: Any, account: str, region: str, parameters: Any) -> Any:
    arguments = {
        "account_id": account,
        "region_name": region,
        "stackset_id": instances.stackset_id,
        "stack_name": instances.stack_name,
        "name": instances.stackset_name,
        "template": instances.template,
        "parameters": parameters,
        "permission_model": "SERVICE_MANAGED",
    }
    try:
        return cloudformation.StackInstance(**arguments)
    except ServiceException as error:
        return _Failed(account, region, instances.stackset_id, str(error))


@dataclass(frozen=True)
class _Failed:
    account_id: str
    region_name: str
    stackset_id: str
    reason: str

    def delete(self) -> None:
        pass

    def to_dict(self) -> dict[str, Any]:
        return {
            "StackSetId": self.stackset_id,
            "Region": self.region_name,
            "Account": self.account_id,
            "Status": "OUTDATED",
            "StatusReason": self.reason,
            "StackInstanceStatus": {"DetailedStatus": "FAILED"},
        }
