"""The AWS CLI and the API accept the command that repeats an operation."""

from pathlib import Path

import pytest
from botocore.loaders import Loader
from botocore.model import ServiceModel
from botocore.validate import ParamValidator

from tests.account.rollout.rollouts import Run, forget, ids, roll_out, rollout
from tests.support import Synth
from tools.sandbox.management import Management
from tools.sandbox.organization import Organization, arguments_of


def test_retry_command_is_valid_and_targets_only_failed_accounts(
    aws: Management, run: Run, synth: Synth, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    organization = Organization.create(aws, {"Unit": 3})
    failed, missing, _ = ids(organization, "Unit")
    roll_out(organization, synth, failing=[failed])
    forget(missing)
    config = tmp_path / "config"
    config.write_text(
        '[profile "my profile"]\naws_access_key_id = testing\naws_secret_access_key = testing\n'
    )
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    arguments = ["PumpReadOnly", "--no-filter", "--profile=my profile", "--call-as=delegated-admin"]
    table = run(*arguments)
    (retry,) = rollout(run(*arguments, "--format=json"))["retry"]
    assert retry["command"] in table.stdout.splitlines()
    parameters = arguments_of(retry["command"])
    assert parameters.pop("Region") == "us-east-1"
    assert parameters.pop("Profile") == "my profile"
    model = ServiceModel(Loader().load_service_model("cloudformation", "service-2"))
    shape = model.operation_model("CreateStackInstances").input_shape
    assert shape is not None
    problems = ParamValidator().validate(parameters, shape)
    assert not problems.has_errors(), problems.generate_report()
    assert parameters == {
        "StackSetName": "PumpReadOnly",
        "Regions": ["us-east-1"],
        "DeploymentTargets": {
            "OrganizationalUnitIds": [organization.root],
            "Accounts": sorted([failed, missing]),
            "AccountFilterType": "INTERSECTION",
        },
        "OperationPreferences": {
            "FailureTolerancePercentage": 100,
            "MaxConcurrentPercentage": 25,
        },
        "CallAs": "DELEGATED_ADMIN",
    }
