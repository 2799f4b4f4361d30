"""The model of the StackSets operations of a deployment, for StackSets that the app synthesizes.

The expected operations are from the source of AWS's resource handler, class by class: see
``tools.sandbox.operations``.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pump_roles.account.organization import Account, AccountFilter, targeted
from tests.support import EXTERNAL_ID, PRINCIPAL, Synth, stack_set
from tools.sandbox.operations import Call, Operation, operations, reached

Properties = dict[str, Any]

ONE, TWO, THREE = "ou-abcd-11111111", "ou-abcd-22222222", "ou-abcd-33333333"
A, B, C = "111111111111", "222222222222", "333333333333"
MANAGEMENT = "000000000000"
UPDATE = Operation("UpdateStackSet")
EXCLUDED = {"pump:exclude-accounts": [A]}
ONLY = {"pump:only-accounts": [A]}


def rollout(synth: Synth, units: Sequence[str] = (ONE, TWO), **context: Any) -> Properties:
    """Return the properties of the read-only role's StackSet."""
    provided = {
        "pump:principal": PRINCIPAL,
        "pump:external-id": EXTERNAL_ID,
        "pump:read-only:organizational-units": list(units),
    }
    return stack_set(synth(provided | context)["PumpReadOnlyRollout"])


FILTERS: dict[str, tuple[dict[str, Any], AccountFilter, tuple[str, ...]]] = {
    "no filter": ({}, "NONE", ()),
    "exclude-accounts": (EXCLUDED, "DIFFERENCE", (A,)),
    "only-accounts": (ONLY, "INTERSECTION", (A,)),
}


@pytest.mark.parametrize(("context", "account_filter", "accounts"), FILTERS.values(), ids=FILTERS)
def test_creates_and_deletes_all_units_in_one_operation(
    context: dict[str, Any], account_filter: AccountFilter, accounts: tuple[str, ...], synth: Synth
) -> None:
    properties = rollout(synth, **context)
    assert operations(None, properties) == [
        Operation("CreateStackSet"),
        Operation("CreateStackInstances", (ONE, TWO), account_filter, accounts),
    ]
    assert operations(properties, None) == [
        Operation("DeleteStackInstances", (ONE, TWO), account_filter, accounts),
        Operation("DeleteStackSet"),
    ]


CHANGES: dict[str, Any] = {
    "external ID": {"pump:external-id": "Another-5678"},
    "path": {"pump:role-path": "/pump/"},
    "description": lambda properties: {**properties, "Description": "Another"},
    "tag": lambda properties: {**properties, "Tags": [{"Key": "team", "Value": "platform"}]},
    "automatic deployment": lambda properties: {
        **properties,
        "AutoDeployment": {"Enabled": not properties["AutoDeployment"]["Enabled"]},
    },
}
"""What works in every account."""

QUIET: dict[str, Any] = {
    "tolerance": {"pump:failure-tolerance-percentage": 100},
    "who calls": {"pump:call-as": "delegated-admin"},
    "capabilities": lambda properties: {**properties, "Capabilities": ["CAPABILITY_IAM"]},
    "order of the units": lambda properties: in_units(properties, [TWO, ONE]),
}
"""What StackSets is not called for, without a filter."""


def in_units(properties: Properties, units: Sequence[str]) -> Properties:
    """Return the same rollout in other units."""
    (group,) = properties["StackInstancesGroup"]
    targets = {**group["DeploymentTargets"], "OrganizationalUnitIds": list(units)}
    return {**properties, "StackInstancesGroup": [{**group, "DeploymentTargets": targets}]}


def changed(synth: Synth, change: Any, **context: Any) -> Properties:
    if callable(change):
        properties: Properties = change(rollout(synth, **context))
        return properties
    return rollout(synth, **context, **change)


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_changed_configuration_is_one_operation_in_all_accounts(change: Any, synth: Synth) -> None:
    assert operations(rollout(synth), changed(synth, change)) == [UPDATE]


@pytest.mark.parametrize("change", QUIET.values(), ids=QUIET)
def test_changed_preferences_make_no_call(change: Any, synth: Synth) -> None:
    before, after = rollout(synth), changed(synth, change)
    assert before != after
    assert operations(before, after) == []


@pytest.mark.parametrize(
    ("context", "account_filter", "accounts"),
    [case for name, case in FILTERS.items() if name != "no filter"],
)
@pytest.mark.parametrize("name", ["path", "tag", "tolerance", "capabilities"])
def test_with_a_filter_every_change_is_an_operation_for_each_unit(
    name: str,
    context: dict[str, Any],
    account_filter: AccountFilter,
    accounts: tuple[str, ...],
    synth: Synth,
) -> None:
    """Even one that StackSets would not have to be called for."""
    after = changed(synth, {**CHANGES, **QUIET}[name], **context)
    planned = operations(rollout(synth, **context), after)
    if name in CHANGES:
        assert planned.pop(0) == UPDATE
    assert sorted(planned, key=lambda operation: operation.units) == [
        Operation("UpdateStackInstances", (unit,), account_filter, accounts) for unit in (ONE, TWO)
    ]


@pytest.mark.parametrize("context", [context for context, *_ in FILTERS.values()], ids=FILTERS)
def test_deployment_without_a_change_makes_no_call(context: dict[str, Any], synth: Synth) -> None:
    assert operations(rollout(synth, **context), rollout(synth, **context)) == []


def test_order_of_parameters_and_tags_does_not_matter(synth: Synth) -> None:
    tags = [{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}]
    before = {**rollout(synth), "Tags": tags}
    after = {**before, "Tags": tags[::-1], "Parameters": before["Parameters"][::-1]}
    assert before != after
    assert operations(before, after) == []


def test_units_are_removed_before_the_update_and_added_after_it(synth: Synth) -> None:
    before = rollout(synth, [ONE, TWO])
    assert operations(before, rollout(synth, [TWO, THREE])) == [
        Operation("DeleteStackInstances", (ONE,)),
        Operation("CreateStackInstances", (THREE,)),
    ]
    assert operations(before, rollout(synth, [THREE], **{"pump:role-path": "/pump/"})) == [
        Operation("DeleteStackInstances", (ONE, TWO)),
        UPDATE,
        Operation("CreateStackInstances", (THREE,)),
    ]


def test_with_a_filter_each_unit_has_its_own_operations(synth: Synth) -> None:
    before = rollout(synth, [ONE, TWO, THREE], **{"pump:exclude-accounts": [A, B]})
    after = rollout(synth, [TWO], **{"pump:exclude-accounts": [B, C]})
    assert operations(before, after) == [
        Operation("DeleteStackInstances", (ONE,), "DIFFERENCE", (A, B)),
        Operation("DeleteStackInstances", (THREE,), "DIFFERENCE", (A, B)),
        Operation("DeleteStackInstances", (TWO,), "INTERSECTION", (C,)),
        Operation("CreateStackInstances", (TWO,), "INTERSECTION", (A,)),
        Operation("UpdateStackInstances", (TWO,), "DIFFERENCE", (A, B, C)),
    ]
    # The way back.
    assert operations(after, before) == [
        Operation("DeleteStackInstances", (TWO,), "INTERSECTION", (A,)),
        Operation("CreateStackInstances", (ONE,), "DIFFERENCE", (A, B)),
        Operation("CreateStackInstances", (THREE,), "DIFFERENCE", (A, B)),
        Operation("CreateStackInstances", (TWO,), "INTERSECTION", (C,)),
        Operation("UpdateStackInstances", (TWO,), "DIFFERENCE", (A, B, C)),
    ]


Part = tuple[AccountFilter, tuple[str, ...]] | None
ALL: Part = ("NONE", ())


def only(*accounts: str) -> Part:
    return ("INTERSECTION", accounts)


def but(*accounts: str) -> Part:
    return ("DIFFERENCE", accounts)


CASES: dict[str, tuple[dict[str, Any], dict[str, Any], tuple[Part, Part, Part]]] = {
    # What is deleted, created and updated in a unit that stays listed:
    # AltStackInstancesCalculator.constructTargetSetForSharedOu.
    "none to only": ({}, {"only": [A, B]}, (but(A, B), None, only(A, B))),
    "none to exclude": ({}, {"exclude": [A, B]}, (only(A, B), None, but(A, B))),
    "only to none": ({"only": [A, B]}, {}, (None, but(A, B), only(A, B))),
    "only to only": ({"only": [A, B]}, {"only": [B, C]}, (only(A), only(C), only(B))),
    "only to others": ({"only": [A]}, {"only": [B]}, (only(A), only(B), None)),
    "only to exclude": ({"only": [A, B]}, {"exclude": [B, C]}, (only(B), but(A, B, C), only(A))),
    "exclude to none": ({"exclude": [A, B]}, {}, (None, only(A, B), but(A, B))),
    "exclude to only": ({"exclude": [A, B]}, {"only": [B, C]}, (but(A, B, C), only(B), only(C))),
    "exclude to exclude": (
        {"exclude": [A, B]},
        {"exclude": [B, C]},
        (only(C), only(A), but(A, B, C)),
    ),
}


@pytest.mark.parametrize(("before", "after", "parts"), CASES.values(), ids=CASES)
def test_changed_filter_adds_and_removes_accounts_of_a_kept_unit(
    before: dict[str, Any], after: dict[str, Any], parts: tuple[Part, Part, Part], synth: Synth
) -> None:
    old, new = (
        rollout(synth, [ONE], **{f"pump:{key}-accounts": value for key, value in context.items()})
        for context in (before, after)
    )
    calls: list[Call] = ["DeleteStackInstances", "CreateStackInstances", "UpdateStackInstances"]
    wanted = [
        Operation(call, (ONE,), *part)
        for call, part in zip(calls, parts, strict=True)
        if part is not None
    ]
    # only-accounts also turns automatic deployment off.
    if ("only" in before) != ("only" in after):
        wanted.insert(parts[0] is not None, UPDATE)
    assert operations(old, new) == wanted


def test_changed_stack_set_name_is_rejected(synth: Synth) -> None:
    properties = rollout(synth)
    with pytest.raises(ValueError, match="replaces the StackSet"):
        operations(properties, {**properties, "StackSetName": "Another"})


def account(number: int, *units: str, suspended: bool = False) -> Account:
    return Account(f"{number:012}", f"account-{number}", suspended, ("r-abcd", *units))


def works_in(operation: Operation, instances: Iterable[int], accounts: list[Account]) -> list[int]:
    found = reached(
        operation,
        instances=[f"{number:012}" for number in instances],
        accounts=accounts,
        management_account=MANAGEMENT,
    )
    return [int(number) for number in found]


def test_update_stack_set_reaches_every_instance_and_other_calls_only_their_targets() -> None:
    accounts = [
        account(0),
        account(1, ONE),
        account(2, ONE),
        account(3, TWO),
        account(4, TWO, suspended=True),
    ]
    # Account 1 is excluded and has an instance all the same; account 2 should have one.
    instances = [1, 3, 4]
    part: tuple[AccountFilter, tuple[str, ...]] = ("DIFFERENCE", (f"{1:012}",))
    assert works_in(UPDATE, instances, accounts) == [1, 3]
    for operation, found in [
        (Operation("CreateStackInstances", (ONE, TWO), *part), [2, 3]),
        (Operation("UpdateStackInstances", (ONE,), *part), []),
        (Operation("UpdateStackInstances", (TWO,), *part), [3]),
        (Operation("DeleteStackInstances", (ONE, TWO), *part), [3]),
        (Operation("CreateStackSet"), []),
        (Operation("DeleteStackSet"), []),
    ]:
        assert works_in(operation, instances, accounts) == found


def carried_out(
    planned: Iterable[Operation], instances: Iterable[str], accounts: Sequence[Account]
) -> list[set[str]]:
    """Return which accounts have an instance, at first and after each operation."""
    states = [set(instances)]
    for operation in planned:
        where = set(
            reached(
                operation,
                instances=states[-1],
                accounts=accounts,
                management_account=MANAGEMENT,
            )
        )
        if operation.call == "CreateStackInstances":
            states.append(states[-1] | where)
        elif operation.call == "DeleteStackInstances":
            states.append(states[-1] - where)
        else:
            states.append(states[-1])
    return states


# A tree: the index of the unit above each unit, and the unit of each account with whether it is
# suspended. Unit 0 is the root, account 0 the management account.
TREES = st.integers(1, 7).flatmap(
    lambda size: st.tuples(
        st.tuples(*(st.integers(0, max(0, unit - 1)) for unit in range(size))),
        st.lists(st.tuples(st.integers(0, size - 1), st.booleans()), max_size=12),
        *[
            st.tuples(
                st.lists(st.integers(0, size - 1), min_size=1, unique=True),
                st.sampled_from(["NONE", "DIFFERENCE", "INTERSECTION"]),
                st.sets(st.integers(0, 11), min_size=1),
            )
        ]
        * 2,
    )
)


@given(tree=TREES, reconfigured=st.booleans())
def test_targeted_accounts_have_an_instance_unless_an_overlapping_unit_was_removed(
    tree: Any,
    reconfigured: bool,  # noqa: FBT001
    synth: Synth,
) -> None:
    above, placed, *sides = tree

    def chain(unit: int) -> list[int]:
        return [0] if unit == 0 else [*chain(above[unit]), unit]

    accounts = [
        Account(f"{number:012}", "", suspended, tuple(f"u{above}" for above in chain(unit)))
        for number, (unit, suspended) in enumerate(placed)
    ]

    def targets(side: int, units: Iterable[int]) -> set[str]:
        found = targeted(
            accounts,
            units={f"u{unit}" for unit in units},
            management_account=MANAGEMENT,
            account_filter=sides[side][1],
            filtered={f"{number:012}" for number in sides[side][2]},
        )
        return {target.id for target in found}

    base = rollout(synth)

    def properties(side: int) -> Properties:
        units, account_filter, filtered = sides[side]
        targets: dict[str, Any] = {"OrganizationalUnitIds": [f"u{unit}" for unit in units]}
        if account_filter != "NONE":
            targets |= {
                "AccountFilterType": account_filter,
                "Accounts": [f"{number:012}" for number in filtered],
            }
        group = {"DeploymentTargets": targets, "Regions": ["us-east-1"]}
        return {
            **base,
            "StackInstancesGroup": [group],
            "Description": "Another" if side and reconfigured else base["Description"],
        }

    old, new = (set(units) for units, _, _ in sides)
    planned = operations(properties(0), properties(1))
    states = carried_out(planned, targets(0, old), accounts)

    # An account of a unit that is dropped, which is also in one that stays, is not created again,
    # unless it is also in a unit that is new.
    lost = targets(0, old - new) & targets(0, old & new) & targets(1, old & new)
    lost -= targets(1, new - old)
    assert states[-1] == targets(1, new) - lost
    overlap = any(
        dropped in chain(kept) or kept in chain(dropped)
        for dropped in old - new
        for kept in old & new
    )
    assert overlap or not lost

    # What is deleted on the way belongs to a unit that is dropped, or is no longer targeted.
    gone = {account for state in states for account in states[0] - state}
    assert gone <= targets(0, old - new) | (states[0] - targets(1, new))

    # The first deployment and the last need no exceptions.
    first = carried_out(operations(None, properties(0)), [], accounts)
    assert first[-1] == targets(0, old)
    assert carried_out(operations(properties(0), None), first[-1], accounts)[-1] == set()

    order = ["DeleteStackInstances", "UpdateStackSet", "CreateStackInstances"]
    calls = [[*order, "UpdateStackInstances"].index(step.call) for step in planned]
    assert calls == sorted(calls)
    assert all(len(step.units) == 1 for step in planned if step.account_filter != "NONE")
