"""An emulated organization whose accounts are in the AWS emulator.

moto emulates AWS Organizations and the StackSets API. moto resolves a StackSet's targets one level
of organizational units deep, without filters, and deploys into its own accounts. Here, a StackSet
deploys into accounts that enforce IAM, in those that it targets according to AWS's documentation
(:func:`pump_roles.account.organization.targeted`). The order of operations, concurrency, and
failure tolerance are not emulated.
"""

import shlex
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import botocore.session
from awscli.shorthand import BackCompatVisitor, ShorthandParser
from moto.cloudformation.models import cloudformation_backends
from moto.organizations.models import organizations_backends

from pump_roles.account.organization import Account, accounts_below, targeted
from pump_roles.iam.documents import mapped, ref
from tools.sandbox.aws import ACCOUNT_ID, REGION, Caller, EmbeddedAws, StackFailedError
from tools.sandbox.management import Management

Tree = Mapping[str, "Tree | int"]
"""Organizational units by name: each has child units, or a number of accounts."""


@dataclass(frozen=True)
class Organization:
    management: Management
    root: str
    units: dict[str, str]

    @classmethod
    def create(cls, management: Management, tree: Tree) -> "Organization":
        """Create the organization, its units and their accounts."""
        client = management.organizations
        client.create_organization(FeatureSet="ALL")
        organization = cls(management, client.list_roots()["Roots"][0]["Id"], {})
        organization._grow(organization.root, tree)
        return organization

    def _grow(self, parent: str, tree: Tree) -> None:
        client = self.management.organizations
        for name, below in tree.items():
            unit = client.create_organizational_unit(ParentId=parent, Name=name)
            self.units[name] = unit["OrganizationalUnit"]["Id"]
            if isinstance(below, int):
                for index in range(below):
                    self.join(name, f"{name.lower()}-{index + 1}")
            else:
                self._grow(self.units[name], below)

    def join(self, unit: str, name: str) -> str:
        """Add a new account to a unit, and return its ID."""
        # Without the API, which takes several seconds for 1,000 accounts.
        backend = organizations_backends[ACCOUNT_ID]["aws"]
        created = backend.create_account(AccountName=name, Email=f"{name}@example.com")
        account: str = created["CreateAccountStatus"]["AccountId"]
        backend.move_account(
            AccountId=account, SourceParentId=self.root, DestinationParentId=self.units[unit]
        )
        return account

    def accounts(self) -> list[Account]:
        """Return every account, including the management account."""
        return accounts_below(self.management.organizations, [self.root])


class Members(Protocol):
    """What StackSets do in the member accounts. Each method may raise :class:`StackFailedError`."""

    def deploy(self, stack: str, state: Any, account: str, *, update: bool) -> None: ...

    def delete(self, stack: str, account: str) -> None: ...


@dataclass(frozen=True)
class EmbeddedMembers:
    """Member accounts in the AWS emulator."""

    aws: EmbeddedAws

    def deploy(self, stack: str, state: Any, account: str, *, update: bool) -> None:
        owner = Caller(account)
        try:
            self.aws.deploy(stack, state.template, state.parameters, owner, update=update)
        except StackFailedError:
            if not update:
                self.delete(stack, account)
            raise

    def delete(self, stack: str, account: str) -> None:
        self.aws.delete(stack, Caller(account))


@dataclass(frozen=True)
class NoMembers:
    """Member accounts without resources, for tests in which only the StackSets API matters."""

    failing: Collection[str] = ()
    reason: str = ""

    def deploy(self, stack: str, _: object, account: str, *, update: bool) -> None:
        if account in self.failing and not update:
            raise StackFailedError(self.reason or f"{stack} cannot be created")

    def delete(self, stack: str, account: str) -> None:
        pass


@dataclass
class _Instance:
    """A stack instance, with the methods that moto calls."""

    account_id: str
    stackset_id: str
    reason: str = ""
    exists: bool = False
    region_name: str = REGION

    def to_dict(self) -> dict[str, Any]:
        return {
            "StackSetId": self.stackset_id,
            "Region": self.region_name,
            "Account": self.account_id,
            "Status": "OUTDATED" if self.reason else "CURRENT",
            "StatusReason": self.reason,
            "StackInstanceStatus": {"DetailedStatus": "FAILED" if self.reason else "SUCCEEDED"},
        }


@dataclass(frozen=True)
class StackSets:
    """The StackSets of an organization's management account."""

    organization: Organization
    members: Members
    worked: Callable[[str], object] = lambda _: None

    def deploy(self, rollout: Mapping[str, Any]) -> None:
        """Create or update a StackSet, and its instances in the targeted accounts.

        Accounts that are no longer targeted lose theirs.
        """
        client = self.organization.management.cloudformation
        name = rollout["StackSetName"]
        existing = client.list_stack_sets()["Summaries"]
        if name not in {summary["StackSetName"] for summary in existing}:
            accepted = {*rollout} - {"StackInstancesGroup", "OperationPreferences"}
            client.create_stack_set(**{key: rollout[key] for key in accepted})
        state = _state(name)
        state.automatic = rollout["AutoDeployment"]["Enabled"]
        state.template = rollout["TemplateBody"]
        state.parameters = {
            parameter["ParameterKey"]: parameter["ParameterValue"]
            for parameter in rollout.get("Parameters", ())
        }
        # moto's DescribeStackSet returns this, but moto never sets it.
        state.organizational_unit_ids = _targets(rollout)["OrganizationalUnitIds"]
        wanted = self._targeted(_targets(rollout))
        for instance in [*state.instances.stack_instances]:
            if instance.account_id not in wanted:
                self._delete(state, instance)
        for account in wanted:
            self._deploy(state, account)

    def delete(self, rollout: Mapping[str, Any]) -> None:
        """Delete a StackSet, and its instances in the targeted accounts."""
        name = rollout["StackSetName"]
        wanted = self._targeted(_targets(rollout))
        state = _state(name)
        for instance in [*state.instances.stack_instances]:
            if instance.account_id in wanted:
                self._delete(state, instance)
        self.organization.management.cloudformation.delete_stack_set(StackSetName=name)

    def join(self, account: str) -> None:
        """Deploy automatically to an account that has joined.

        It ignores account filters: CloudFormation User Guide, "Automatic deployments" and
        "Account-level targets".
        """
        (joined,) = (found for found in self.organization.accounts() if found.id == account)
        states: list[Any] = [*cloudformation_backends[ACCOUNT_ID][REGION].stacksets.values()]
        for state in states:
            if state.automatic and set(joined.units) & set(state.organizational_unit_ids):
                self._deploy(state, account, again=False)

    def repeat(self, command: str) -> None:
        """Do what a command of ``pump-roles rollout-status`` does that repeats an operation."""
        passed = arguments_of(command)
        for account in self._targeted(passed["DeploymentTargets"]):
            self._deploy(_state(passed["StackSetName"]), account, again=False)

    def _targeted(self, targets: Mapping[str, Any]) -> dict[str, None]:
        found = targeted(
            self.organization.accounts(),
            units=targets["OrganizationalUnitIds"],
            management_account=ACCOUNT_ID,
            account_filter=targets.get("AccountFilterType", "NONE"),
            filtered=targets.get("Accounts", ()),
        )
        return {account.id: None for account in found}

    def _deploy(self, state: Any, account: str, *, again: bool = True) -> None:
        instances: list[_Instance] = state.instances.stack_instances
        instance = next((found for found in instances if found.account_id == account), None)
        if instance is None:
            instance = _Instance(account, state.id)
            instances.append(instance)
        elif not (again or instance.reason):
            return
        try:
            self.members.deploy(_stack(state, account), state, account, update=instance.exists)
        except StackFailedError as error:
            instance.reason = str(error)
        else:
            instance.reason, instance.exists = "", True
        self.worked(account)

    def _delete(self, state: Any, instance: _Instance) -> None:
        self.members.delete(_stack(state, instance.account_id), instance.account_id)
        state.instances.stack_instances.remove(instance)
        self.worked(instance.account_id)


def properties(
    template: Mapping[str, Any], parameters: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """Return the properties of the StackSet, which is the only resource of a rollout's template."""
    (resource,) = template["Resources"].values()
    assert resource["Type"] == "AWS::CloudFormation::StackSet"
    values = {"AWS::Region": REGION, **(parameters or {})}

    found: dict[str, Any] = mapped(
        resource["Properties"], lambda part: values[ref(part)] if ref(part) else part
    )
    return found


def arguments_of(command: str) -> dict[str, Any]:
    """Return the parameters that the AWS CLI sends for a command, with its shorthand syntax."""
    program, service, operation, *options = shlex.split(command)
    assert (program, service, operation) == ("aws", "cloudformation", "create-stack-instances")
    model = botocore.session.get_session().get_service_model("cloudformation")
    found: dict[str, Any] = {}
    for option, value in zip(options[::2], options[1::2], strict=True):
        name = option.title().replace("-", "")
        found[name] = ShorthandParser().parse(value) if "=" in value else value
    BackCompatVisitor().visit(found, model.operation_model("CreateStackInstances").input_shape)
    return found


def _targets(rollout: Mapping[str, Any]) -> Mapping[str, Any]:
    (group,) = rollout["StackInstancesGroup"]
    targets: Mapping[str, Any] = group["DeploymentTargets"]
    return targets


def _stack(state: Any, account: str) -> str:
    return f"StackSet-{state.name}-{account}"


def _state(name: str) -> Any:
    # moto's StackSet. Its methods for stack instances are not used.
    return cloudformation_backends[ACCOUNT_ID][REGION].describe_stack_set(name)
