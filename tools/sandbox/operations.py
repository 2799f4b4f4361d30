"""The StackSets operations that a deployment of a rollout triggers: a model of AWS's own handler.

CloudFormation creates, updates and deletes an ``AWS::CloudFormation::StackSet`` with a resource
handler whose source AWS publishes (GitHub, aws-cloudformation/
aws-cloudformation-resource-providers-cloudformation, ``aws-cloudformation-stackset``; the version
of March 2025; AWS may run a newer one). The model says which calls that handler makes for a
rollout's resource, in which order, and for which accounts. Each operation ends before the next one
starts (``BaseHandlerStd.isOperationStabilized``), and the first one that fails ends the update.

- ``CreateHandler``: CreateStackSet, then one CreateStackInstances for all units together.
- ``DeleteHandler``: one DeleteStackInstances for all units together, then DeleteStackSet.
- ``UpdateHandler``: DeleteStackInstances, UpdateStackSet, CreateStackInstances,
  UpdateStackInstances, in this order.
- UpdateStackSet is called if the tags, the description, the template, the parameters or automatic
  deployment differ (``Comparator.isStackSetConfigEquals``), not if the operation preferences do. It
  names no targets (``RequestTranslator.updateStackSetRequest``), so it works in every instance.
- Without an account filter, units are compared by their IDs only
  (``InstancesAnalyzer.analyzeForUpdate``): one operation deletes the instances of all units that
  are no longer listed, one creates those of all new units, and none updates the others.
- If the old or the new targets have an account filter
  (``Comparator.isAccountLevelTargetingEnabled``), an update has operations for each unit
  (``AltResourceModelAnalyzer``, ``AltStackInstancesCalculator``). A unit that stays listed always
  has an UpdateStackInstances for the accounts that stay targeted, whatever has changed.

The model omits what a rollout never has or never changes: several Regions or groups of targets,
parameter overrides, a template URL, inactive managed execution, and a change of the name, which
replaces the StackSet. It also omits a change of the Region: that deletes the instances in all units
(DeleteStackInstances), and then creates them in the new Region (CreateStackInstances).
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from pump_roles.account.organization import Account, AccountFilter, targeted

Call = Literal[
    "CreateStackSet",
    "UpdateStackSet",
    "DeleteStackSet",
    "CreateStackInstances",
    "UpdateStackInstances",
    "DeleteStackInstances",
]

OPERATION_HOURS: Final = 24
"""How long the handler waits for one operation: the timeout of ``BaseHandlerStd.MULTIPLE_OF``. It
limits the sum of the pauses between polls, which grow from 2 seconds to 14 minutes, so the handler
notices the end of a long operation late."""

RESOURCE_MINUTES: Final = 2_160
"""How long CloudFormation waits for the handler: ``timeoutInMinutes`` of the resource's schema."""


@dataclass(frozen=True)
class Operation:
    """A call of the StackSets API.

    :param call: the action. ``CreateStackSet`` and ``UpdateStackSet`` take the other properties of
        the new resource.
    :param units: the organizational units that it targets; empty for the three calls that act on
        the StackSet itself.
    :param account_filter: how the accounts narrow the units.
    :param accounts: the accounts that the filter names, sorted.
    """

    call: Call
    units: tuple[str, ...] = ()
    account_filter: AccountFilter = "NONE"
    accounts: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Selection:
    # The accounts of a unit that are targeted: the named ones, or all the others.
    others: bool
    accounts: frozenset[str]

    def __invert__(self) -> "_Selection":
        return _Selection(not self.others, self.accounts)

    def __and__(self, other: "_Selection") -> "_Selection":
        if self.others and other.others:
            return _Selection(True, self.accounts | other.accounts)  # noqa: FBT003
        if self.others:
            return other & self
        if other.others:
            return _Selection(False, self.accounts - other.accounts)  # noqa: FBT003
        return _Selection(False, self.accounts & other.accounts)  # noqa: FBT003

    def __bool__(self) -> bool:
        return self.others or bool(self.accounts)


@dataclass(frozen=True)
class _Targets:
    units: tuple[str, ...]
    account_filter: AccountFilter | None
    accounts: tuple[str, ...]

    @classmethod
    def of(cls, properties: Mapping[str, Any]) -> "_Targets":
        (group,) = properties["StackInstancesGroup"]
        targets = group["DeploymentTargets"]
        return cls(
            tuple(targets["OrganizationalUnitIds"]),
            targets.get("AccountFilterType"),
            tuple(sorted(targets.get("Accounts", ()))),
        )

    @property
    def selection(self) -> _Selection:
        return _Selection(self.account_filter != "INTERSECTION", frozenset(self.accounts))

    def operation(self, call: Call, units: Iterable[str]) -> Iterator[Operation]:
        if units := tuple(units):
            yield Operation(call, units, self.account_filter or "NONE", self.accounts)


def operations(
    before: Mapping[str, Any] | None, after: Mapping[str, Any] | None
) -> list[Operation]:
    """Return the operations that a deployment triggers, in order.

    Afterward, each targeted account has an instance, with one exception: an account in a unit that
    is no longer listed loses its instance even if it is also in a unit that stays listed.

    The handler keeps units in hash sets, so the order of operations on several units is undefined.
    Here, it is the order of the lists.

    :param before: the properties of the rollout's StackSet as deployed last, without intrinsic
        functions; ``None`` if there is none. Tags of the CloudFormation stack count as tags of the
        resource.
    :param after: the properties to deploy; ``None`` if the StackSet is deleted.
    :raises ValueError: when the name changes, which replaces the StackSet.
    """
    if before == after:
        return []  # CloudFormation does not call the handler.
    if before is None:
        assert after is not None
        targets = _Targets.of(after)
        return [
            Operation("CreateStackSet"),
            *targets.operation("CreateStackInstances", targets.units),
        ]
    if after is None:
        targets = _Targets.of(before)
        return [
            *targets.operation("DeleteStackInstances", targets.units),
            Operation("DeleteStackSet"),
        ]
    if before["StackSetName"] != after["StackSetName"]:
        raise ValueError("a changed StackSetName replaces the StackSet")
    deletes, creates, updates = _instances(_Targets.of(before), _Targets.of(after))
    changed = _configuration(before) != _configuration(after)
    return [*deletes, *[Operation("UpdateStackSet")] * changed, *creates, *updates]


def reached(
    operation: Operation,
    *,
    instances: Collection[str],
    accounts: Iterable[Account],
    management_account: str,
) -> list[str]:
    """Return the IDs of the accounts that an operation works in, in the order of the accounts.

    UpdateStackSet works in every account that has an instance, even one that is not targeted, such
    as an excluded account that got an instance through automatic deployment. The calls for
    instances work in the targeted accounts; those that update or delete work only where an instance
    exists. No call works in suspended accounts.

    :param operation: the operation.
    :param instances: the IDs of the accounts that have an instance when it starts.
    :param accounts: the organization's accounts.
    :param management_account: the ID of the management account.
    """
    if operation.call == "UpdateStackSet":
        return [
            account.id for account in accounts if account.id in instances and not account.suspended
        ]
    found = [
        account.id
        for account in targeted(
            accounts,
            units=operation.units,
            management_account=management_account,
            account_filter=operation.account_filter,
            filtered=operation.accounts,
        )
    ]
    if operation.call == "CreateStackInstances":
        return found
    return [account for account in found if account in instances]


def _instances(
    before: _Targets, after: _Targets
) -> tuple[list[Operation], list[Operation], list[Operation]]:
    # The operations that delete, create, and update instances.
    dropped = [unit for unit in before.units if unit not in after.units]
    new = [unit for unit in after.units if unit not in before.units]
    if before.account_filter is None and after.account_filter is None:
        return (
            [*before.operation("DeleteStackInstances", dropped)],
            [*after.operation("CreateStackInstances", new)],
            [],
        )
    kept = [unit for unit in after.units if unit in before.units]
    old, wanted = before.selection, after.selection
    return (
        [
            *_unit_by_unit("DeleteStackInstances", dropped, old),
            *_unit_by_unit("DeleteStackInstances", kept, old & ~wanted),
        ],
        [
            *_unit_by_unit("CreateStackInstances", new, wanted),
            *_unit_by_unit("CreateStackInstances", kept, wanted & ~old),
        ],
        [*_unit_by_unit("UpdateStackInstances", kept, old & wanted)],
    )


def _unit_by_unit(call: Call, units: Iterable[str], selection: _Selection) -> Iterator[Operation]:
    if not selection:
        return
    accounts = tuple(sorted(selection.accounts))
    account_filter: AccountFilter = "INTERSECTION"
    if selection.others:
        account_filter = "DIFFERENCE" if accounts else "NONE"
    for unit in units:
        yield Operation(call, (unit,), account_filter, accounts)


def _configuration(properties: Mapping[str, Any]) -> list[Any]:
    # UpdateStackSet is called if any of this changes. The order of tags and parameters does not
    # matter.
    return [
        {tag["Key"]: tag["Value"] for tag in properties.get("Tags", ())},
        properties.get("Description"),
        properties.get("TemplateBody"),
        {
            parameter["ParameterKey"]: parameter["ParameterValue"]
            for parameter in properties.get("Parameters", ())
        },
        properties.get("AutoDeployment"),
    ]
