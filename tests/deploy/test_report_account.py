"""`pump-roles report --account`: the roles that an account has, with the same reader."""

import json
from collections.abc import Iterator, Mapping
from operator import itemgetter
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from pump_roles.review.output.messages import to_json
from tests.commands import run, the_error, the_usage_error
from tests.support import (
    EXTERNAL_ID,
    PRINCIPAL,
    PUBLISHED_NAMES,
    STACKS,
    Assembly,
    of_templates,
    short_reports,
)
from tools.sandbox.aws import ACCOUNT_ID as ACCOUNT
from tools.sandbox.aws import EmbeddedAws

GUARDED = {
    "principal": PRINCIPAL,
    "external-id": EXTERNAL_ID,
    "guardrails": ["recommended"],
    "auto-pilot": {"only-in-regions": ["us-east-1", "eu-west-1"]},
    "invitations-from": "111122223333",
    "until": "2927-01-31T18:00:00Z",
    "permissions-boundary": "platform/Boundary",
    "role-path": "/pump/",
}
ALLOW_ALL = {"Effect": "Allow", "Action": "*", "Resource": "*"}


def document(*statements: Mapping[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


@pytest.fixture(autouse=True)
def short() -> Iterator[None]:
    with short_reports():
        yield


@pytest.fixture
def deployed(aws: EmbeddedAws, assembly: Assembly, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Deploy both roles, and return the folder of their templates."""
    aws.caller_in(PRINCIPAL)
    aws.iam().create_policy(
        PolicyName="Boundary", Path="/platform/", PolicyDocument=document(ALLOW_ALL)
    )
    for stack in STACKS:
        aws.deploy(stack, (assembly(GUARDED) / f"{stack}.template.json").read_text())
    for name, value in aws.environment().items():
        monkeypatch.setenv(name, value)
    return assembly(GUARDED)


def report(*options: str | Path) -> Result:
    return run("report", *options)


def of_account(*options: str) -> dict[str, Any]:
    ended = report("--account", "--format", "json", *options)
    assert ended.exit_code == 0, ended.stderr
    found: dict[str, Any] = json.loads(ended.stdout)
    return found


def test_deployed_roles_are_what_the_templates_say(deployed: Path, tmp_path: Path) -> None:
    written = to_json(of_templates(deployed))
    in_account = written.replace("${AWS::Partition}", "aws").replace("${AWS::AccountId}", ACCOUNT)
    of_files = json.loads(in_account)
    found = of_account()
    for name in ("statements", "actions", "findings", "as_published"):
        assert found[name] == of_files[name], name
    aside = {"account", "files", "filled_sha256", "role"}
    for here, there in zip(found["roles"], of_files["roles"], strict=True):
        assert {key: value for key, value in here.items() if key not in aside} == {
            key: value for key, value in there.items() if key not in aside
        }
        assert (here["files"], here["account"]) == ([], ACCOUNT)
        policies = [
            sorted(side["role"]["policies"], key=itemgetter("name")) for side in (here, there)
        ]
        assert policies[0] == policies[1]

    earlier = tmp_path / "earlier.json"
    earlier.write_text(written)
    compared = of_account(
        *("--since", str(earlier), "--fail-on", "finding", "--fail-on", "broadened")
    )
    assert compared["changes"] == []


def test_changes_in_the_account_are_findings_and_changes(
    deployed: Path, aws: EmbeddedAws, tmp_path: Path
) -> None:
    earlier = tmp_path / "earlier.json"
    earlier.write_text(to_json(of_templates(deployed)))
    iam = aws.iam()
    iam.attach_role_policy(
        RoleName="PumpReadOnlyRole", PolicyArn="arn:aws:iam::aws:policy/AdministratorAccess"
    )
    iam.delete_role_permissions_boundary(RoleName="PumpAutoPilotRole")
    aws.create_role("Other", PRINCIPAL)
    aws.create_role("Innocent", "arn:aws:iam::123456789012:root")
    ended = report("--account", "--since", earlier, "--fail-on", "broadened", "--format", "json")
    assert ended.exit_code == 3
    found = json.loads(ended.stdout)
    ((attached,), _) = (role["differences"] for role in found["roles"])
    assert (attached["rule"], attached["subject"]) == ("policy-added", "AdministratorAccess")
    (other,) = found["others"]
    assert (other["name"], other["access"]) == (
        "Other",
        [{"why": "trusts-account", "subject": "999988887777"}],
    )
    changes = [change["difference"] for change in found["changes"] if change["difference"]]
    assert "boundary-removed" in {change["rule"] for change in changes}
    assert not found["exact"]


def test_reports_a_role_with_another_name(deployed: Path, aws: EmbeddedAws) -> None:
    text = (deployed / "PumpReadOnly.template.json").read_text()
    aws.deploy("Other", text.replace('"PumpReadOnlyRole"', '"AcmePump"'))
    found = of_account("--role-name", "AcmePump")
    assert [role["role"]["name"]["text"] for role in found["roles"]] == ["AcmePump"]
    # The others also trust Pump.
    assert sum(bool(other["access"]) for other in found["others"]) == len(STACKS)

    ended = report("--account", "--role-name", "AcmePump", "--role-name", "PumpReadOnlyRole")
    assert "has two read-only roles, AcmePump and PumpReadOnlyRole" in the_error(ended)


def test_rejects_an_account_without_the_roles(
    aws: EmbeddedAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in aws.environment().items():
        monkeypatch.setenv(name, value)
    assert the_error(report("--account")) == (
        f"pump-roles: the account 123456789012 has no role named {PUBLISHED_NAMES}"
    )
    aws.create_role("NotPumps", "arn:aws:iam::123456789012:root")
    ended = report("--account", "--role-name", "NotPumps")
    assert "is not one of Pump's" in the_error(ended)


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (["--account", "."], "PATH: cannot be combined with --account"),
        (["--role-name", "Acme"], "--role-name: requires --account"),
        (["--profile", "p"], "--profile: requires --account"),
        (["--account", "--role-name", "a b"], "is not a role name"),
    ],
)
def test_conflicting_options_are_a_usage_error(options: list[str], problem: str) -> None:
    assert problem in the_usage_error(report(*options))
