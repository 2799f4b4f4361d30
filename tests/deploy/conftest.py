"""A customer's account with both roles, as reviewed."""

import json
from pathlib import Path

import pytest

from pump_roles.review.account.expectation import Expectation
from tests.customer import BOUNDARY, SETTINGS, Customer, reviewed_templates, with_boundary
from tests.review.account.results import expected_in
from tests.support import Synth
from tools.sandbox.aws import EmbeddedAws


@pytest.fixture(scope="session")
def reviewed(synth: Synth, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the reviewed templates."""
    folder = tmp_path_factory.mktemp("reviewed")
    for stack, text in reviewed_templates(synth(SETTINGS)).items():
        (folder / f"{stack}.template.json").write_text(text)
    return folder


@pytest.fixture(scope="session")
def expectation(reviewed: Path) -> Expectation:
    """What the reviewed templates expect of an account, and the boundary's text."""
    return with_boundary(expected_in(reviewed))


def deployed(aws: EmbeddedAws, reviewed: Path, expectation: Expectation) -> Customer:
    aws.reset()
    aws.iam().create_policy(PolicyName="Boundary", PolicyDocument=json.dumps(BOUNDARY))
    for file in reviewed.glob("*.template.json"):
        aws.deploy(file.name.partition(".")[0], file.read_text())
    return Customer(aws, reviewed, expectation)


@pytest.fixture
def customer(emulator: EmbeddedAws, reviewed: Path, expectation: Expectation) -> Customer:
    """An account in which the reviewed templates have just been deployed."""
    return deployed(emulator, reviewed, expectation)
