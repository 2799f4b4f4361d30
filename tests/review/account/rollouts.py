"""Rollouts in an emulated organization, for the tests."""

import base64
import json
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch
from urllib.parse import parse_qs

from click.testing import Result
from jsonschema import Draft202012Validator
from moto.cloudformation.models import cloudformation_backends
from moto.moto_api import recorder

from pump_roles.inputs import mapped
from pump_roles.templates.template import ref
from tests.review.account.statuses import SCHEMA
from tests.support import EXTERNAL_ID, PUMP_ACCOUNT, Synth, Template
from tools.sandbox.aws import ACCOUNT_ID, REGION, StackFailedError
from tools.sandbox.organization import Members, Organization, StackSets

Run = Callable[..., Result]


@dataclass(frozen=True)
class NoMembers:
    """Member accounts without resources, because only the StackSets API matters here."""

    failing: Collection[str] = ()
    reason: str = ""

    def deploy(self, stack: str, _: object, account: str, *, update: bool) -> None:
        if account in self.failing and not update:
            raise StackFailedError(self.reason or f"{stack} cannot be created")

    def delete(self, stack: str, account: str) -> None:
        pass


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
    return re.findall("^ +could not be determined: (.*)$", ended.stdout, re.MULTILINE)


def of_state(found: Mapping[str, Any], state: str) -> list[str]:
    """Return the accounts of a rollout that have a state."""
    return [account["account"] for account in found["accounts"] if account["state"] == state]


class Requests(list[dict[str, list[str]]]):
    """The parameters of the recorded requests, and the names of the services that received them."""

    services: set[str]


@contextmanager
def recorded(file: Path) -> Iterator[Requests]:
    """Record the requests to the management account; the list is filled when the block ends."""
    requests = Requests()
    with patch.object(recorder, "_location", str(file)):
        recorder.start_recording()
        try:
            yield requests
        finally:
            recorder.stop_recording()
    entries = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    requests.services = {entry["headers"]["Authorization"].split("/")[3] for entry in entries}
    requests.extend(
        parse_qs(base64.b64decode(entry["body"]).decode()) for entry in entries if entry["body"]
    )
