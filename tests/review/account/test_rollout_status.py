"""`pump-roles rollout-status` on an emulated organization: it misses no account."""

import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest
from botocore.client import BaseClient
from botocore.exceptions import ClientError
from jsonschema import Draft202012Validator
from moto.organizations.models import organizations_backends

from tests.commands import the_error
from tests.management import Management
from tests.review.account.rollouts import (
    Run,
    forget,
    ids,
    of_state,
    recorded,
    roll_out,
    rollout,
    why_unknown,
    written,
)
from tests.review.account.statuses import SCHEMA
from tests.support import Synth, on_terminal, rolled_out
from tools.sandbox.aws import ACCOUNT_ID
from tools.sandbox.cdk import tool_environment
from tools.sandbox.organization import Organization


def test_misses_no_account_on_any_page(aws: Management, run: Run, synth: Synth) -> None:
    organization = Organization.create(
        aws.organizations, {"Unit": {"Deep": {"Deeper": 90}, "Wide": 40}, "S": 10}
    )
    deeper = ids(organization, "Deeper")
    failed, missing, suspended = deeper[:5], deeper[5:12], ids(organization, "S")[:4]
    for account in suspended:
        organization.client.close_account(AccountId=account)
    roll_out(organization, synth, failing=failed)
    for account in missing:
        forget(account)

    ended = run("PumpReadOnly", "--no-filter", "--format=json")
    assert ended.exit_code == 3, ended.output
    found = rollout(ended)
    assert found["state"] == "incomplete"
    counts = {state: count for state, count in found["counts"].items() if count}
    assert counts == {"not-current": 5, "missing": 7, "suspended": 4, "current": 124}
    assert of_state(found, "not-current") == failed
    assert of_state(found, "missing") == missing
    assert of_state(found, "suspended") == suspended
    for account in found["accounts"][:5]:
        assert (account["status"], account["detailed_status"]) == ("OUTDATED", "FAILED")
        assert "cannot be created" in account["reason"]
    path = [organization.root, *(organization.units[name] for name in ("Unit", "Deep", "Deeper"))]
    assert found["accounts"][0]["unit"] == "/".join(path)

    assert (
        "  targeted accounts without a stack instance: 7\n"
        "  stack instances that are not current: 5\n"
    ) in run("PumpReadOnly", "--no-filter").stdout


def test_checks_every_rollout_of_the_templates(
    aws: Management, run: Run, synth: Synth, tmp_path: Path
) -> None:
    organization = Organization.create(aws.organizations, {"Unit": 3, "Other": 2})
    excluded = ids(organization, "Unit")[0]
    templates = roll_out(
        organization,
        synth,
        settings={
            "read-only": {
                "organizational-units": [organization.root],
                "exclude-accounts": [excluded],
            },
            "auto-pilot": {"organizational-units": [organization.units["Other"]]},
        },
    )
    folder = written(templates, tmp_path / "cdk.out")
    ended = run("--expect", folder, "--format=json")
    assert ended.exit_code == 0, ended.output
    document = json.loads(ended.stdout)
    Draft202012Validator(SCHEMA).validate(document)
    reads, buys = document["rollouts"]
    assert [status["stack_set"] for status in (reads, buys)] == ["PumpReadOnly", "PumpAutoPilot"]
    assert (reads["filter"], reads["filtered"]) == ("exclude", [excluded])
    assert of_state(reads, "excluded") == [excluded]
    assert (buys["units"], buys["targeted"]) == ([organization.units["Other"]], 2)
    # One template is enough for one rollout.
    single = run("--expect", f"{folder}/PumpAutoPilotRollout.template.json", "--format=json")
    assert single.exit_code == 0
    assert rollout(single)["stack_set"] == "PumpAutoPilot"


def test_account_that_is_filtered_out_is_not_missing(
    aws: Management, run: Run, synth: Synth
) -> None:
    organization = Organization.create(aws.organizations, {"Unit": 4})
    one, two, three, four = ids(organization, "Unit")
    own = {"organizational-units": [organization.root], "only-accounts": [one, two]}
    roll_out(organization, synth, settings={"read-only": own})
    for filters in (
        ("--only-accounts", f"{one}, {two}"),
        ("--exclude-accounts", four, "--exclude-accounts", three),
    ):
        ended = run("PumpReadOnly", "--format", "json", *filters)
        assert ended.exit_code == 0, ended.output
        assert of_state(rollout(ended), "excluded") == [three, four]


def test_says_why_a_status_is_unknown(
    aws: Management, run: Run, synth: Synth, monkeypatch: pytest.MonkeyPatch
) -> None:
    roll_out(Organization.create(aws.organizations, {"Unit": 1}), synth)
    aws.cloudformation.create_stack_set(StackSetName="Other", TemplateBody="{}")
    assert why_unknown(run("Other", "--no-filter")) == ["the StackSet has no organizational units"]
    organizations_backends[ACCOUNT_ID]["aws"].reset()
    remedy = "; call with credentials of the management account or of a delegated administrator"
    # What could not be read before keeps its reason.
    first, second = why_unknown(run("PumpReadOnly", "PumpAutoPilot", "--no-filter"))
    assert first.startswith("the organization's accounts could not be read: ")
    assert first.endswith(remedy)
    assert second.startswith("this account has no StackSet PumpAutoPilot in us-east-1")
    assert second.endswith(" --delegated-admin in a delegated administrator's account")
    delegated = ("--region=eu-west-1", "--delegated-admin")
    (why,) = why_unknown(run("PumpReadOnly", "--no-filter", *delegated))
    assert why.startswith("this account has no StackSet PumpReadOnly in eu-west-1")
    assert why.endswith("--no-delegated-admin in the management account")
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
    (why,) = why_unknown(run("PumpReadOnly", "--no-filter"))
    assert "credentials" in why
    assert run("PumpReadOnly", "--no-filter", "--profile", "none").exit_code == 4


def test_denied_rollout_does_not_hide_the_others(
    aws: Management, run: Run, synth: Synth, monkeypatch: pytest.MonkeyPatch
) -> None:
    organization = Organization.create(aws.organizations, {"Unit": 1})
    roll_out(organization, synth)
    forget(*ids(organization, "Unit"))
    real: Any = vars(BaseClient)["_make_api_call"]

    def call(self: Any, operation: str, arguments: Any) -> Any:
        if arguments.get("StackSetName") == "PumpAutoPilot":
            denied = {"Error": {"Code": "AccessDenied", "Message": "not authorized"}}
            raise ClientError(denied, operation)  # type: ignore[arg-type]
        return real(self, operation, arguments)

    monkeypatch.setattr(BaseClient, "_make_api_call", call)
    ended = run("PumpReadOnly", "PumpAutoPilot", "--no-filter", "--format=json")
    assert ended.exit_code == 3, ended.output
    first, second = json.loads(ended.stdout)["rollouts"]
    assert (first["state"], second["state"]) == ("incomplete", "unknown")
    (unknown,) = second["unknown"]
    assert unknown["detail"].startswith("denied: cloudformation:")


def test_rejects_templates_without_a_rollout_or_its_targets(
    run: Run, synth: Synth, tmp_path: Path
) -> None:
    folder = written(synth({}), tmp_path / "cdk.out")
    assert the_error(run("--expect", folder), 1) == (
        "pump-roles: cdk.out: contains no rollout (no StackSet that deploys one of Pump's roles)"
    )
    file = rolled_out(tmp_path, lambda members: members.update(CallAs={"Ref": "Caller"}))
    assert the_error(run("--expect", file)).startswith(
        "pump-roles: R.template.json: the targets of the StackSet PumpAutoPilot cannot be read: "
    )


def test_calls_stack_sets_as_the_chosen_caller(
    aws: Management, run: Run, synth: Synth, tmp_path: Path
) -> None:
    organization = Organization.create(aws.organizations, {"Unit": 1})
    templates = roll_out(organization, synth, settings={"delegated-admin": True})
    folder = written(templates, tmp_path / "cdk.out")
    for number, (arguments, sent) in enumerate(
        [
            (["PumpReadOnly", "--no-filter"], "SELF"),
            (["PumpReadOnly", "--no-filter", "--delegated-admin"], "DELEGATED_ADMIN"),
            (["--expect", folder], "DELEGATED_ADMIN"),
            (["--expect", folder, "--no-delegated-admin"], "SELF"),
        ]
    ):
        with recorded(tmp_path / str(number)) as requests:
            assert run(*arguments).exit_code == 0
        asked = [request for request in requests if "StackSetName" in request]
        actions = {request["Action"][0] for request in asked}
        assert actions == {"DescribeStackSet", "ListStackInstances"}
        assert [request["CallAs"] for request in asked] == [[sent]] * 2


def test_region_is_that_of_the_templates_unless_it_is_passed(
    aws: Management, run: Run, synth: Synth, tmp_path: Path
) -> None:
    templates = roll_out(Organization.create(aws.organizations, {"Unit": 1}), synth)
    folder = Path(written(templates, tmp_path / "cdk.out"))

    def manifest(**regions: str) -> None:
        artifacts = {
            stack: {
                "type": "aws:cloudformation:stack",
                "environment": f"aws://unknown-account/{region}",
                "properties": {"templateFile": f"{stack}.template.json"},
            }
            for stack, region in regions.items()
        }
        (folder / "manifest.json").write_text(json.dumps({"artifacts": artifacts}))

    manifest(PumpReadOnlyRollout="eu-west-1")
    assert (
        "this account has no StackSet PumpReadOnly in eu-west-1;"
        in run("--expect", str(folder)).stdout
    )
    ended = run("--expect", str(folder), "--region=us-east-1")
    assert ended.exit_code == 0, ended.output
    assert "in us-east-1" in ended.stdout
    more = synth({"auto-pilot": {"organizational-units": ["r-abcd"]}})
    written({"PumpAutoPilotRollout": more["PumpAutoPilotRollout"]}, folder)
    manifest(PumpReadOnlyRollout="eu-west-1", PumpAutoPilotRollout="us-east-1")
    assert the_error(run("--expect", folder), 1) == (
        "pump-roles: the rollouts are in several Regions: eu-west-1, us-east-1; pass --region"
    )


def test_shows_a_progress_bar_on_a_terminal(aws: Management, synth: Synth) -> None:
    organization = Organization.create(aws.organizations, {"Unit": 30})
    roll_out(organization, synth)
    ended, shown = on_terminal(
        [
            *(sys.executable, "-m", "pump_roles", "rollout-status", "PumpReadOnly"),
            *("--no-filter", "--format=json"),
        ],
        environment=tool_environment() | dict(aws.environment),
        only_errors=True,
    )
    assert ended.returncode == 0, shown
    assert "instances and accounts read" in shown
    assert json.loads(ended.stdout)["state"] == "complete"
