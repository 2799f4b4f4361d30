"""Rollouts in an emulated organization, for the tests."""

import json
import re
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

from click.testing import Result
from jsonschema import Draft202012Validator
from moto.cloudformation.models import cloudformation_backends

from tests.account.rollout.statuses import SCHEMA
from tests.support import EXTERNAL_ID, PUMP_ACCOUNT, Synth, Template
from tools.sandbox.aws import ACCOUNT_ID
from tools.sandbox.organization import Members, NoMembers, Organization, StackSets, properties

Run = Callable[..., Result]


def roll_out(
    organization: Organization,
    synth: Synth,
    *,
    failing: Collection[str] = (),
    members: Members | None = None,
    settings: Mapping[str, Any] | None = None,
) -> dict[str, Template]:
    """Deploy the StackSets that the app synthesizes."""
    inputs = {"principal": PUMP_ACCOUNT, "external-id": EXTERNAL_ID}
    units = {"read-only": {"organizational-units": [organization.root]}}
    templates = {
        name: template
        for name, template in synth({**inputs, **units, **(settings or {})}).items()
        if name.endswith("Rollout")
    }
    for template in templates.values():
        members = members or NoMembers(failing)
        StackSets(organization, members).deploy(properties(template))
    return templates


def written(templates: Mapping[str, Template], folder: Path) -> str:
    """Write templates to a folder, as for ``--expect``, and return that."""
    folder.mkdir(exist_ok=True)
    for name, template in templates.items():
        (folder / f"{name}.template.json").write_text(json.dumps(template))
    return str(folder)


def ids(organization: Organization, unit: str) -> list[str]:
    return sorted(
        account.id
        for account in organization.accounts()
        if organization.units[unit] in account.units
    )


def state() -> Any:
    """Return moto's only StackSet."""
    (stack_set,) = cloudformation_backends[ACCOUNT_ID]["us-east-1"].stacksets.values()
    return stack_set


def forget(account: str) -> None:
    """Drop an account's instance, as if it joined and nothing was deployed to it since."""
    state().stack_instances[:] = [
        instance for instance in state().stack_instances if instance.account_id != account
    ]


def rollout(ended: Result) -> dict[str, Any]:
    """Return the only rollout of a JSON result, which must be valid."""
    document = json.loads(ended.stdout)
    Draft202012Validator(SCHEMA).validate(document)
    (found,) = document["rollouts"]
    return dict(found)


def why_unknown(ended: Result) -> list[str]:
    """Return why the status of each rollout of a table could not be determined."""
    assert (ended.exit_code, ended.stderr) == (4, ""), ended.output
    return re.findall("^could not be determined: (.*)$", ended.stdout, re.MULTILINE)


def of_state(found: Mapping[str, Any], state: str) -> list[str]:
    """Return the accounts of a rollout that have a state."""
    return [account["account"] for account in found["accounts"] if account["state"] == state]


def running(*statuses: str) -> None:
    """Add operations to moto's only StackSet."""
    for number, status in enumerate(statuses):
        state()._create_operation(str(number), "UPDATE", status)  # noqa: SLF001
