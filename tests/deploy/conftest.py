"""A customer's account with both roles, as reviewed."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from pump_roles.account.verify.expectation import from_templates
from tests.customer import BOUNDARY, CONTEXT, Customer, reviewed_templates
from tests.support import Synth
from tools.sandbox.aws import EmbeddedAws


@pytest.fixture(scope="session")
def reviewed(synth: Synth, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the reviewed templates."""
    folder = tmp_path_factory.mktemp("reviewed")
    for stack, text in reviewed_templates(synth(CONTEXT)).items():
        (folder / f"{stack}.template.json").write_text(text)
    return folder


@pytest.fixture
def customer(aws: EmbeddedAws, reviewed: Path) -> Customer:
    """An account in which the reviewed templates have just been deployed."""
    aws.iam().create_policy(PolicyName="Boundary", PolicyDocument=json.dumps(BOUNDARY))
    for file in reviewed.glob("*.template.json"):
        aws.deploy(file.name.partition(".")[0], file.read_text())
    expectation = replace(from_templates(reviewed), boundary_document=BOUNDARY)
    return Customer(aws, reviewed, expectation)
