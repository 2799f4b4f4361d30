"""An emulated organization, and its StackSets.

moto emulates the StackSets API. moto resolves a StackSet's targets one level of organizational
units deep, without filters, and deploys into its own accounts. Here, a StackSet deploys into
accounts of the AWS emulator, in those that it targets according to AWS's documentation
(:func:`pump_roles.review.account.organization.targeted`). The order of operations, concurrency, and
failure tolerance are not emulated.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from pump_roles.review.account.organization import Account, accounts_below, targeted
from pump_roles.templates.deployments import ACCOUNT_FILTERS
from tools.sandbox.aws import ACCOUNT_ID, REGION, Caller, EmbeddedAws, StackFailedError

if TYPE_CHECKING:
    from mypy_boto3_organizations import OrganizationsClient

Tree = Mapping[str, "Tree | int"]
"""Organizational units by name: each has child units, or a number of accounts."""


@dataclass(frozen=True)
class Organization:
    client: "OrganizationsClient"
    root: str
    units: dict[str, str]

    @classmethod
    def create(cls, client: "OrganizationsClient", tree: Tree) -> "Organization":
        """Create units and their accounts in the organization of the caller."""
        organization = cls(client, client.list_roots()["Roots"][0]["Id"], {})
        organization._grow(organization.root, tree)
        return organization

    def _grow(self, parent: str, tree: Tree) -> None:
        for name, below in tree.items():
            unit = self.client.create_organizational_unit(ParentId=parent, Name=name)
            self.units[name] = unit["OrganizationalUnit"]["Id"]
            if isinstance(below, int):
                for index in range(below):
                    self.join(name, f"{name.lower()}-{index + 1}")
            else:
                self._grow(self.units[name], below)

    def join(self, unit: str, name: str) -> str:
        """Add a new account to a unit, and return its ID."""
        created = self.client.create_account(AccountName=name, Email=f"{name}@example.com")
        account = created["CreateAccountStatus"]["AccountId"]
        self.client.move_account(
            AccountId=account, SourceParentId=self.root, DestinationParentId=self.units[unit]
        )
        return account

    def accounts(self) -> list[Account]:
        """Return every account, including the management account."""
        return accounts_below(self.client, [self.root])


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

    def deploy(self, rollout: Mapping[str, Any]) -> None:
        """Create or update a StackSet, and its instances in the targeted accounts.

        Accounts that are no longer targeted lose theirs.
        """
        name = rollout["StackSetName"]
        if name not in {state.name for state in _states()}:
            _backend().create_stack_set(
                name=name,
                template="",
                parameters={},
                tags={},
                permission_model=rollout["PermissionModel"],
                admin_role=None,
                exec_role=None,
                description=rollout.get("Description"),
            )
        state = _backend().describe_stack_set(name)
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
        wanted = self._targeted(_targets(rollout))
        state = _backend().describe_stack_set(rollout["StackSetName"])
        for instance in [*state.instances.stack_instances]:
            if instance.account_id in wanted:
                self._delete(state, instance)
        _backend().delete_stack_set(state.name)

    def join(self, account: str) -> None:
        """Deploy automatically to an account that has joined.

        It ignores account filters: CloudFormation User Guide, "Automatic deployments" and
        "Account-level targets".
        """
        (joined,) = (found for found in self.organization.accounts() if found.id == account)
        for state in _states():
            if state.automatic and set(joined.units) & set(state.organizational_unit_ids):
                self._deploy(state, account, again=False)

    def repeat(self, name: str, targets: Mapping[str, Any]) -> None:
        """Create stack instances where they are missing or outdated."""
        for account in self._targeted(targets):
            self._deploy(_backend().describe_stack_set(name), account, again=False)

    def _targeted(self, targets: Mapping[str, Any]) -> dict[str, None]:
        found = targeted(
            self.organization.accounts(),
            units=targets["OrganizationalUnitIds"],
            management_account=ACCOUNT_ID,
            account_filter=ACCOUNT_FILTERS.get(targets.get("AccountFilterType", ""), ""),
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

    def _delete(self, state: Any, instance: _Instance) -> None:
        self.members.delete(_stack(state, instance.account_id), instance.account_id)
        state.instances.stack_instances.remove(instance)


def _targets(rollout: Mapping[str, Any]) -> Mapping[str, Any]:
    (group,) = rollout["StackInstancesGroup"]
    targets: Mapping[str, Any] = group["DeploymentTargets"]
    return targets


def _stack(state: Any, account: str) -> str:
    return f"StackSet-{state.name}-{account}"


def _backend() -> Any:
    # Importing moto takes a second, and nothing but StackSets needs it here.
    from moto.cloudformation.models import cloudformation_backends  # noqa: PLC0415

    return cloudformation_backends[ACCOUNT_ID][REGION]


def _states() -> list[Any]:
    # moto keeps deleted StackSets.
    return [state for state in _backend().stacksets.values() if state.status == "ACTIVE"]


def forget_stack_sets() -> None:
    """Forget every StackSet, but not what they deployed."""
    _backend().stacksets.clear()
