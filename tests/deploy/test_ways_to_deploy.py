"""Every way to deploy gives the same role, and an organization's rollout needs only the AWS CLI."""

import json
import subprocess
from pathlib import Path

import pytest

from tests import commands
from tests.docs.pages import TEMPLATE, sh_blocks
from tests.support import PRINCIPAL, SECRET, Assembly, synthesized
from tools.sandbox.aws import Caller, EmbeddedAws
from tools.sandbox.cdk import ROOT, tool_environment
from tools.sandbox.organization import Organization

pytestmark = pytest.mark.slow

FILE = "PumpReadOnly-recommended.template.json"
PARAMETERS = {"PumpIamRole": PRINCIPAL, "PumpExternalID": SECRET}
SETTINGS = {"principal": PRINCIPAL, "external-id": SECRET, "guardrails": ["recommended"]}
ACCOUNTS = 50


def shell(block: str, folder: Path, aws: EmbeddedAws, caller: Caller) -> str:
    """Run commands of a page, with values from Pump, and return what they print."""
    for name, value in (("PRINCIPAL", PRINCIPAL), ("EXTERNAL_ID", SECRET)):
        block = block.replace(f"={name}", f"={value}")
    ended = subprocess.run(
        ["sh", "-euc", block],
        cwd=folder,
        env={**tool_environment(), **aws.environment(caller)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


@pytest.mark.usefixtures("no_aws")
def test_same_role_from_the_app_a_ready_file_typescript_and_the_aws_cli(
    aws: EmbeddedAws, assembly: Assembly, typescript: Path, tmp_path: Path
) -> None:
    app, ready, in_typescript, cli = (Caller(str(number) * 12) for number in range(1, 5))
    expected = assembly(SETTINGS) / "PumpReadOnly.template.json"
    aws.deploy("PumpReadOnly", expected.read_text(), caller=app)

    file = ROOT / "cloudformation" / FILE
    aws.deploy("PumpReadOnly", file.read_text(), PARAMETERS, ready)

    assert synthesized("node", "bin/vendors.js", folder=typescript).returncode == 0
    aws.client("ssm", in_typescript).put_parameter(
        Name="/cdk-bootstrap/hnb659fds/version", Value="30", Type="String"
    )
    vendors = (typescript / "cdk.out" / "Vendors.template.json").read_text()
    aws.deploy("Vendors", vendors, PARAMETERS, in_typescript)

    create, *_ = (block for block in sh_blocks(TEMPLATE) if "aws cloudformation" in block)
    (tmp_path / FILE).write_bytes(file.read_bytes())
    shell(create, tmp_path, aws, cli)

    for account in (app, ready, in_typescript, cli):
        environment = aws.environment(account)
        ended = commands.run("verify", "--expect", expected, environment=environment)
        assert (ended.exit_code, ended.stderr) == (0, ""), ended.output


def test_rollout_to_an_organization_by_the_aws_cli_alone(aws: EmbeddedAws, tmp_path: Path) -> None:
    organization = Organization.create(aws.organizations, {"Workloads": ACCOUNTS, "Sandbox": 1})
    *_, block = (block for block in sh_blocks(TEMPLATE) if "--rollout" in block)
    units = "OrganizationalUnitIds=UNIT_ID,OTHER_UNIT_ID"
    assert units in block
    workloads = organization.units["Workloads"]
    chosen = block.replace(units, f"OrganizationalUnitIds={workloads}")
    owner = Caller(aws.organizations.describe_organization()["Organization"]["MasterAccountId"])
    shell(chosen, tmp_path, aws, owner)
    template = json.loads((tmp_path / "PumpReadOnlyRollout.template.json").read_text())
    assert "OrganizationalUnitIds" in template["Parameters"]
    pump = aws.caller_in(PRINCIPAL)
    assumed = {
        account.id
        for account in organization.accounts()
        if aws.can_assume(
            f"arn:aws:iam::{account.id}:role/PumpReadOnlyRole", pump, external_id=SECRET
        )
    }
    members = {each.id for each in organization.accounts() if workloads in each.units}
    assert len(members) == ACCOUNTS
    assert assumed == members
