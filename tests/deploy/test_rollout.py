"""Rollouts in an emulated organization of 1,000 accounts in nested units.

The StackSet is made from the synthesized resource's own properties. What the emulator does not do:
automatic deployment, concurrency and failure tolerance, which are AWS's own. An account that joins
gets the role here at the next create operation.
"""

from collections.abc import Iterator
from typing import Any

import pytest

from pump_roles.account.organization import Account
from pump_roles.account.rollout_status import read
from sandbox.aws import ACCOUNT_ID, embedded_aws
from sandbox.organization import Organization, StackSets, Tree, occupy, roles
from tests.support import (
    EXTERNAL_ID,
    PRINCIPAL,
    Synth,
    Template,
    published_policies,
    stack_set,
    trust,
)

TREE: Tree = {
    "Security": 50,
    "Workloads": {"Prod": {"Europe": 300, "America": {"North": 150, "South": 50}}, "Test": 200},
    "Sandbox": 240,
    "Suspended": 10,
}


KINDS = {"PumpReadOnlyRole": "read-only", "PumpAutoPilotRole": "auto-pilot"}


@pytest.fixture
def organization() -> Iterator[Organization]:
    with embedded_aws() as aws:
        yield Organization.create(aws, TREE)


def rollouts(synth: Synth, **context: Any) -> dict[str, Template]:
    given = {"pump:principal": PRINCIPAL, "pump:external-id": EXTERNAL_ID}
    templates = synth(given | context)
    return {name: template for name, template in templates.items() if name.endswith("Rollout")}


def under(accounts: list[Account], organization: Organization, *names: str) -> set[str]:
    units = {organization.units[name] for name in names}
    return {account.id for account in accounts if units & set(account.units)}


def test_every_targeted_account_has_the_role_and_no_other_account_has_it(
    organization: Organization, synth: Synth, published: list[list[dict[str, Any]]]
) -> None:
    accounts = organization.accounts()
    assert len(accounts) == 1_001
    excluded = sorted(under(accounts, organization, "Sandbox"))[:7]
    suspended = under(accounts, organization, "Suspended")
    for account in suspended:
        organization.organizations.close_account(AccountId=account)
    templates = rollouts(
        synth,
        **{
            "pump:read-only:organizational-units": [organization.root],
            "pump:read-only:exclude-accounts": excluded,
            "pump:auto-pilot:organizational-units": [organization.units["Prod"]],
        },
    )
    for template in templates.values():
        StackSets(organization).create(template, {})
    everyone = {account.id for account in accounts} - {ACCOUNT_ID}
    should = {
        "PumpReadOnlyRole": everyone - set(excluded) - suspended,
        "PumpAutoPilotRole": under(accounts, organization, "Prod"),
    }
    assert [len(ids) for ids in should.values()] == [983, 500]
    found = {account.id: roles(account.id) for account in accounts}
    for name, ids in should.items():
        assert {account for account, has in found.items() if name in has} == ids
        right = (trust(PRINCIPAL, EXTERNAL_ID), published_policies(published, KINDS[name]))
        assert all(
            (found[account][name].trust, found[account][name].policies) == right for account in ids
        )
    assert all(has.keys() <= should.keys() for has in found.values())

    late = organization.join("North", "late")
    assert roles(late) == {}
    for template in templates.values():
        StackSets(organization).update(template, {})
    assert set(roles(late)) == set(should)

    for template in templates.values():
        StackSets(organization).delete(StackSets.name(template))
    assert not [account.id for account in organization.accounts() if roles(account.id)]


def test_only_accounts_gives_the_role_only_to_those_within_the_units(
    organization: Organization, synth: Synth
) -> None:
    accounts = organization.accounts()
    within = sorted(under(accounts, organization, "Europe"))[:3]
    outside = sorted(under(accounts, organization, "Test"))[:3]
    (template,) = rollouts(
        synth,
        **{
            "pump:auto-pilot:organizational-units": [organization.units["Prod"]],
            "pump:auto-pilot:only-accounts": [*within, *outside, ACCOUNT_ID],
        },
    ).values()
    StackSets(organization).create(template, {})
    assert {account.id for account in accounts if roles(account.id)} == set(within)


def test_what_you_omit_reaches_the_members_as_parameters_of_the_stack(
    organization: Organization, synth: Synth
) -> None:
    template = synth(
        {
            "pump:next-external-id": "Next-5678",
            "pump:read-only:organizational-units": organization.units["Security"],
        }
    )["PumpReadOnlyRollout"]
    StackSets(organization).create(
        template, {"PumpIamRole": PRINCIPAL, "PumpExternalID": EXTERNAL_ID}
    )
    accounts = under(organization.accounts(), organization, "Security")
    accepted = [
        roles(account)["PumpReadOnlyRole"].trust["Statement"][0]["Condition"]
        for account in accounts
    ]
    assert accepted == [{"StringEquals": {"sts:ExternalId": [EXTERNAL_ID, "Next-5678"]}}] * 50


def test_account_that_has_a_role_of_that_name_keeps_it_and_its_instance_says_why(
    organization: Organization, synth: Synth
) -> None:
    by_hand = {"Version": "2012-10-17", "Statement": []}
    taken, *_ = sorted(under(organization.accounts(), organization, "Security"))
    occupy(taken, "PumpReadOnlyRole", by_hand)
    (template,) = rollouts(
        synth, **{"pump:read-only:organizational-units": organization.units["Security"]}
    ).values()
    StackSets(organization).create(template, {})
    assert roles(taken)["PumpReadOnlyRole"].trust == by_hand
    status = read(organization.cloudformation, organization.organizations, "PumpReadOnly")
    (failed,) = status.not_current
    assert (failed.account, failed.status, failed.detail) == (taken, "OUTDATED", "FAILED")
    assert "PumpReadOnlyRole already exists" in failed.reason


def test_emulator_would_show_a_role_that_is_wrong(synth: Synth) -> None:
    """The positive control: what an account gets is what the template body contains."""
    with embedded_aws() as aws:
        small = Organization.create(aws, {"Only": 1})
        (template,) = rollouts(
            synth, **{"pump:read-only:organizational-units": small.root}
        ).values()
        properties = stack_set(template)
        properties["TemplateBody"] = properties["TemplateBody"].replace('"ce:Get*"', '"ce:*"')
        StackSets(small).create(template, {})
        (account,) = under(small.accounts(), small, "Only")
        document = roles(account)["PumpReadOnlyRole"].policies["PumpBillingReadOnly"]
        assert "ce:*" in document["Statement"][0]["Action"]
