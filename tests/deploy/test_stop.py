"""Pump stays stopped: after a deployment, and while another policy takes over."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from pump_roles.review.account.organization_policies import PUMP_POLICIES
from tests.commands import run
from tests.docs.pages import STOP, block, commands, policy, shown
from tests.support import EXTERNAL_ID, PRINCIPAL, SCENARIOS, STACKS, Assembly, app_files, role_in
from tools.sandbox.aws import ACCOUNT_ID, Caller, EmbeddedAws, StackFailedError
from tools.sandbox.cdk import tool_environment

pytestmark = pytest.mark.usefixtures("no_aws")

IN_SETTINGS = policy("stop-settings", STOP)
COMMANDS = [
    words for words in shown(STOP, "aws") if words[:2] == ["iam", "put-role-permissions-boundary"]
]
STOPPED = "Pump is stopped by this boundary; remove it only when Pump may continue."
ROLES = [role_in(int(ACCOUNT_ID), f"{stack}Role") for stack in STACKS]


def deploy(aws: EmbeddedAws, folder: Path, **more: Any) -> None:
    for stack in STACKS:
        aws.deploy(stack, (folder / f"{stack}.template.json").read_text(), **more)


def verify(aws: EmbeddedAws, folder: Path) -> tuple[int, str]:
    """Return the exit status of ``pump-roles verify``, and what it prints."""
    ended = run("verify", "--expect", folder, environment=aws.environment())
    return ended.exit_code, ended.stdout


def stop(aws: EmbeddedAws) -> None:
    """Run the commands of the guide, with the AWS CLI."""
    assert len(COMMANDS) == len(STACKS)
    for words in COMMANDS:
        command = [sys.executable, "-m", "awscli", *words]
        subprocess.run(command, env={**tool_environment(), **aws.environment()}, check=True)


def works(aws: EmbeddedAws, session: Caller) -> bool:
    """Return whether a session of Pump's can read, which both roles can."""
    try:
        aws.client("rds", session).describe_db_instances()
    except ClientError as error:
        assert "with an explicit deny" in str(error)
        return False
    return True


@pytest.mark.slow
def test_deployment_keeps_pump_stopped_only_if_the_boundary_is_in_the_settings(
    aws: EmbeddedAws, assembly: Assembly, provided: dict[str, str]
) -> None:
    running = assembly(provided)
    deploy(aws, running)
    pump = aws.caller_in(PRINCIPAL)
    sessions = [aws.assume(role, pump, external_id=EXTERNAL_ID) for role in ROLES]
    assert [works(aws, session) for session in sessions] == [True, True]
    status, said = verify(aws, running)
    assert (status, STOPPED in said) == (0, False)

    stop(aws)
    assert [works(aws, session) for session in sessions] == [False, False]
    status, said = verify(aws, running)
    assert (status, said.count(f"AWSDenyAll: {STOPPED}")) == (3, 2)
    assert f"\n  boundary-stops: {STOPPED}\n" in said
    assert "Remove the boundary" not in said

    for kept in (IN_SETTINGS, {}):
        changed = assembly({**provided, **kept, "guardrails": ["metadata-only"]})
        deploy(aws, changed, update=True)
        opened = [aws.assume(role, pump, external_id=EXTERNAL_ID) for role in ROLES]
        assert [works(aws, session) for session in (*sessions, *opened)] == [not kept] * 4
        status, said = verify(aws, changed)
        assert (status, f"AWSDenyAll: {STOPPED}" in said) == (0, bool(kept))


def arguments(marker: str) -> list[list[str]]:
    return [words[1:] for words in commands(block(f"<!-- {marker} -->", "sh", STOP))]


def attached(aws: EmbeddedAws, root: str) -> dict[str, bool]:
    """Return, by name, whether each policy that stops Pump is attached to the root."""
    client = aws.organizations
    return {
        found["Name"]: any(
            target["TargetId"] == root
            for target in client.list_targets_for_policy(PolicyId=found["Id"])["Targets"]
        )
        for found in client.list_policies(Filter="SERVICE_CONTROL_POLICY")["Policies"]
        if found["Name"].startswith("StopPump")
    }


@pytest.mark.slow
def test_stop_of_an_organization_moves_to_the_stack_and_back_and_ends_as_the_guide_says(
    aws: EmbeddedAws, tmp_path: Path
) -> None:
    (root,) = (found["Id"] for found in aws.organizations.list_roots()["Roots"])
    aws.organizations.disable_policy_type(RootId=root, PolicyType="SERVICE_CONTROL_POLICY")
    (tmp_path / "stop-pump.json").write_text(json.dumps(policy("stop-organization", STOP)))
    template = json.loads(app_files(SCENARIOS["protected"])["PumpProtection"])
    for resource in template["Resources"].values():
        resource["Properties"].pop("TargetIds", None)
    ids = {"ROOT_ID": root}

    def run(words: list[str]) -> Any:
        if words[0] == "cdk":
            _, action, stack = words
            if action == "destroy":
                return aws.cloudformation().delete_stack(StackName=stack)
            aws.deploy(stack, json.dumps(template))
            (output,) = aws.cloudformation().describe_stacks(StackName=stack)["Stacks"][0][
                "Outputs"
            ]
            ids["NEW_POLICY_ID"] = output["OutputValue"].split()[4]
            return None
        ended = subprocess.run(
            [sys.executable, "-m", "awscli", *(ids.get(word, word) for word in words)],
            cwd=tmp_path,
            env={**tool_environment(), **aws.environment()},
            stdout=subprocess.PIPE,
            check=True,
        )
        printed = json.loads(ended.stdout or "null")
        if words[1] == "create-policy":
            created = "NEW_POLICY_ID" if "POLICY_ID" in ids else "POLICY_ID"
            ids[created] = printed["Policy"]["PolicySummary"]["Id"]
        return printed

    for words in arguments("create-stop"):
        run(words)
    (attach,) = (
        words
        for words in shown(STOP.partition("\n3. ")[0], "aws")
        if words[:2] == ["organizations", "attach-policy"]
    )
    run(attach)
    assert attached(aws, root) == {"StopPump": True}
    with pytest.raises(StackFailedError, match="A policy with the name StopPump already exists"):
        aws.deploy("PumpProtection", json.dumps(template))
    aws.cloudformation().delete_stack(StackName="PumpProtection")

    by_hand = ids["POLICY_ID"]
    rename, deploy_again = arguments("to-protection")
    create = arguments("create-stop")[-1]
    for first, last in (
        ([rename, deploy_again], arguments("delete-stop")),
        # Back, as the page says in words.
        (
            [[name.replace("StopPump", "StopPumpByHand") for name in create]],
            [
                ["cdk", "destroy", "PumpProtection"],
                [
                    {"POLICY_ID": "NEW_POLICY_ID", "StopPumpByHand": "StopPump"}.get(word, word)
                    for word in rename
                ],
            ],
        ),
    ):
        moving = [words for step in ("attach-new", "detach-stop") for words in arguments(step)]
        for words in [*first, *moving, *last]:
            run(words)
            assert any(attached(aws, root).values())
            # verify looks for these names.
            assert attached(aws, root).keys() <= {*PUMP_POLICIES}
        assert attached(aws, root) == {"StopPump": True}
        ids["POLICY_ID"] = ids.pop("NEW_POLICY_ID")
        assert ids["POLICY_ID"] != by_hand
        by_hand = ids["POLICY_ID"]

    listed, (found,) = (run(words) for words in arguments("end-stop"))
    assert (listed, found) == ([root], ["StopPump", by_hand])
    for words in [*arguments("detach-stop"), *arguments("delete-stop")]:
        run(words)
    assert not attached(aws, root)
