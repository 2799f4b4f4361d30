"""Rollouts in an organization with nested units, each account of which enforces IAM.

The template, the parameters, and the targets are those of the synthesized StackSet. Concurrency and
failure tolerance are not emulated.
"""

import json
import re
from collections.abc import Collection
from typing import Any

import pytest

from pump_roles.review.account.organization import Account
from tests.docs.pages import OPERATIONS, cdk_commands, shown
from tests.support import (
    DOCUMENTED,
    EXTERNAL_ID,
    PRINCIPAL,
    ROLLOUTS,
    STACKS,
    Synth,
    Template,
    published_policies,
    trust,
)
from tools.sandbox.aws import ACCOUNT_ID, Caller, EmbeddedAws
from tools.sandbox.organization import Organization, Tree
from tools.sandbox.simulator import Role

pytestmark = pytest.mark.slow

TREE: Tree = {"Workloads": {"America": {"North": 2, "South": 1}}, "Sandbox": 3, "Suspended": 1}
SMALL: Tree = {"Prod": {"Europe": 1}, "Test": 2}

READ_ONLY_ROLE, AUTO_PILOT_ROLE = "PumpReadOnlyRole", "PumpAutoPilotRole"
KINDS = {name: kind for kind, (name, _) in DOCUMENTED.items()}
NEXT = "Next-5678"


@pytest.fixture
def pump(aws: EmbeddedAws) -> Caller:
    """The session of Pump's role, which may assume any role that lets it."""
    return aws.caller_in(PRINCIPAL)


@pytest.fixture
def organization(request: pytest.FixtureRequest, aws: EmbeddedAws) -> Organization:
    return Organization.create(aws.organizations, getattr(request, "param", SMALL))


def rollouts(synth: Synth, **settings: Any) -> dict[str, Template]:
    templates = synth({"principal": PRINCIPAL, "external-id": EXTERNAL_ID, **settings})
    return {name: template for name, template in templates.items() if name.endswith("Rollout")}


def under(organization: Organization, *names: str) -> set[str]:
    units = {organization.units[name] for name in names}
    return {account.id for account in organization.accounts() if units & set(account.units)}


def roles(aws: EmbeddedAws, account: str) -> dict[str, Role]:
    """Return the roles of an account."""
    return Role.all_of_account(aws, account)


def entered(
    aws: EmbeddedAws,
    pump: Caller,
    accounts: Collection[Account],
    name: str = READ_ONLY_ROLE,
    external_id: str | None = EXTERNAL_ID,
) -> set[str]:
    """Return the accounts whose role Pump can assume."""
    return {
        account.id
        for account in accounts
        if aws.can_assume(f"arn:aws:iam::{account.id}:role/{name}", pump, external_id=external_id)
    }


@pytest.mark.parametrize("organization", [TREE], indirect=True)
def test_pump_can_assume_the_role_in_targeted_accounts_only(
    organization: Organization,
    aws: EmbeddedAws,
    pump: Caller,
    synth: Synth,
    published: list[list[dict[str, Any]]],
) -> None:
    accounts = organization.accounts()
    excluded = sorted(under(organization, "Sandbox"))[:2]
    suspended = under(organization, "Suspended")
    for closed in suspended:
        organization.client.close_account(AccountId=closed)
    templates = rollouts(
        synth,
        **{
            "read-only": {
                "organizational-units": [organization.root],
                "exclude-accounts": excluded,
            },
            "auto-pilot": {"organizational-units": [organization.units["America"]]},
        },
    )
    for stack, template in templates.items():
        aws.deploy(stack, json.dumps(template))
    everyone = {account.id for account in accounts} - {ACCOUNT_ID}
    should = {
        READ_ONLY_ROLE: everyone - set(excluded) - suspended,
        AUTO_PILOT_ROLE: under(organization, "America"),
    }
    assert all(should.values())
    for name, ids in should.items():
        assert entered(aws, pump, accounts, name) == ids
        assert entered(aws, pump, accounts, name, external_id=None) == set()
    right = {
        name: (trust(PRINCIPAL, EXTERNAL_ID), published_policies(published, kind))
        for name, kind in KINDS.items()
    }
    for account in accounts:
        found = {name: (role.trust, role.policies) for name, role in roles(aws, account.id).items()}
        assert found == {name: right[name] for name, ids in should.items() if account.id in ids}


def test_omitted_values_reach_the_members_as_stack_parameters(
    organization: Organization, aws: EmbeddedAws, pump: Caller, synth: Synth
) -> None:
    template = synth(
        {
            "next-external-id": NEXT,
            "read-only": {"organizational-units": [organization.units["Test"]]},
        }
    )["PumpReadOnlyRollout"]
    values = {"PumpIamRole": PRINCIPAL, "PumpExternalID": EXTERNAL_ID}
    aws.deploy("PumpReadOnlyRollout", json.dumps(template), values)
    accounts = organization.accounts()
    for external_id in (EXTERNAL_ID, NEXT):
        assert entered(aws, pump, accounts, external_id=external_id) == under(organization, "Test")
    assert entered(aws, pump, accounts, external_id="Other-0000") == set()


def rotation() -> list[tuple[dict[str, str], list[str]]]:
    """Return the settings and the stacks of both deployments in the guide's rotation."""
    section = OPERATIONS.partition("\n## Rotate the external ID\n")[2].partition("\n## ")[0]
    # A misspelled stack is no error of the CDK.
    assert shown(section, "pump-roles") == [["verify", "--expect", "cdk.out"]] * 2
    ids = {"OLD_EXTERNAL_ID": EXTERNAL_ID, "NEW_EXTERNAL_ID": NEXT}
    settings = [
        {key: ids[value] for key, value in json.loads(block).items() if "external-id" in key}
        for block in re.findall(r"```json\n(.*?)```", section, re.DOTALL)
    ]
    return list(zip(settings, [words[3:] for words in cdk_commands(section)], strict=True))


def test_pump_can_assume_every_role_at_every_moment_of_a_rotation(
    organization: Organization,
    aws: EmbeddedAws,
    pump: Caller,
    synth: Synth,
) -> None:
    """The rotation in docs/operations.md, of all roles of a customer, stack by stack."""
    excluded = sorted(under(organization, "Test"))[:1]
    targets = {
        "read-only": {
            "organizational-units": [organization.root],
            "exclude-accounts": excluded,
        },
        "auto-pilot": {
            "organizational-units": [organization.units["Prod"]],
            "exclude-accounts": excluded,
        },
    }
    accounts = organization.accounts()
    should = {
        READ_ONLY_ROLE: {account.id for account in accounts} - {*excluded},
        AUTO_PILOT_ROLE: under(organization, "Prod") | {ACCOUNT_ID},
    }
    deployed: set[str] = set()

    def deploy(stack: str, settings: dict[str, str]) -> None:
        template = synth({"principal": PRINCIPAL, **targets, **settings})[stack]
        aws.deploy(stack, json.dumps(template), update=stack in deployed)
        deployed.add(stack)

    def accepted(external_id: str) -> dict[str, set[str]]:
        return {
            name: entered(aws, pump, accounts, name, external_id=external_id) for name in should
        }

    for stack in (*STACKS, *ROLLOUTS):
        deploy(stack, {"external-id": EXTERNAL_ID})
    (both, first), (only_new, second) = rotation()
    assert accepted(EXTERNAL_ID) == should
    for stack in first:
        deploy(stack, both)
        assert accepted(EXTERNAL_ID) == should
    # Here, Pump switches.
    assert accepted(NEXT) == should
    for stack in second:
        deploy(stack, only_new)
        assert accepted(NEXT) == should
    assert accepted(EXTERNAL_ID) == {name: set() for name in should}
