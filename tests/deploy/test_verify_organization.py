"""`pump-roles verify --assume-role`, on an emulated organization that enforces IAM."""

import json
import shlex
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import App, Environment, LegacyStackSynthesizer, Stack
from click.testing import Result

from pump_roles import AutoPilotStack, ReadOnlyRollout, ReadOnlyStack
from pump_roles.review.account import verify_accounts
from pump_roles.review.account.account_details import AccountDetails, read_account
from tests.commands import run, the_error
from tests.customer import READ_ONLY, allow, delete, document
from tests.docs.pages import STOP, VERIFY, policy
from tests.support import EXTERNAL_ID, PRINCIPAL, Assembly
from tools.sandbox.audit import AUDITOR, Audited, audited_organization
from tools.sandbox.aws import ACCOUNT_ID, OWNER, Caller, EmbeddedAws
from tools.sandbox.cdk import ROOT, tool_environment

pytestmark = pytest.mark.usefixtures("no_aws")

GIVEN = {"principal": PRINCIPAL, "external-id": EXTERNAL_ID, "auto-pilot": {}}
DENY = {"Effect": "Deny", "Action": "*", "Resource": "*"}
NO_ACCOUNT = "111111111111"

COUNT = 3


@pytest.fixture(scope="module")
def template(assembly: Assembly) -> Path:
    return assembly(GIVEN) / "PumpReadOnly.template.json"


@pytest.fixture(scope="module")
def aws(emulator: EmbeddedAws) -> EmbeddedAws:
    """Accounts whose organization is changed test by test, and kept."""
    emulator.reset()
    emulator.caller_in(PRINCIPAL)
    return emulator


@pytest.fixture(scope="module")
def organization(aws: EmbeddedAws, template: Path) -> Audited:
    return audited_organization(aws, COUNT, template.read_text())


def verify(aws: EmbeddedAws, template: Path, *options: str, caller: Caller = OWNER) -> Result:
    return run(
        *("verify", "--expect", template, "--assume-role", AUDITOR),
        *("--format", "json", *options),
        environment=aws.environment(caller),
    )


def accounts_of(ended: Result) -> Mapping[str, Any]:
    return {found["account"]: found for found in json.loads(ended.stdout)["accounts"]}


def reasons(account: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """Return what could not be checked: the part, why, the subject, and the detail."""
    parts = ("part", "why", "subject", "detail")
    return [tuple(unknown[part] for part in parts) for unknown in account["unknown"]]


def test_every_account_of_a_unit_matches(
    aws: EmbeddedAws, organization: Audited, template: Path
) -> None:
    ended = verify(aws, template, "--target", organization.unit)
    assert ended.exit_code == 0, ended.stderr
    found = accounts_of(ended)
    assert sorted(found) == sorted(organization.accounts)
    assert {account["state"] for account in found.values()} == {"match"}
    id_ = aws.client("organizations").describe_organization()["Organization"]["Id"]
    for account in found.values():
        assert account["organization"] == {"id": id_, "management_account": ACCOUNT_ID}
        # The role that this command assumes is one of the management account, too.
        auditor = f"arn:aws:iam::{account['account']}:role/{AUDITOR}"
        assert [other["arn"] for other in account["for_management"]] == [auditor]
    # One line for each account in a pipe, and nothing else.
    lines = [line.split(" ", 1) for line in ended.stderr.splitlines()]
    assert [count for count, _ in lines] == [f"{n}/{COUNT}" for n in range(1, COUNT + 1)]
    assert sorted(told for _, told in lines) == [
        f"{account} match" for account in sorted(organization.accounts)
    ]


def test_closed_standard_error_costs_no_result(
    aws: EmbeddedAws, organization: Audited, template: Path
) -> None:
    command = (
        f"{shlex.quote(sys.executable)} -m pump_roles verify --expect {template} --format json "
        f"--assume-role {AUDITOR} --target {organization.accounts[0]} 2>&-"
    )
    ended = subprocess.run(
        ["bash", "-c", command],
        cwd=ROOT,
        env={**tool_environment(), **aws.environment()},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0
    assert json.loads(ended.stdout)["state"] == "match"


def test_failure_of_one_account_does_not_hide_others(aws: EmbeddedAws, template: Path) -> None:
    organization = audited_organization(aws, 6, template.read_text())
    denied, gone, broader, deleted, *others = organization.accounts
    iam = aws.iam
    iam(Caller(denied)).delete_role_policy(RoleName=AUDITOR, PolicyName=AUDITOR)
    delete(iam(Caller(gone)), AUDITOR)
    iam(Caller(broader)).put_role_policy(
        RoleName=READ_ONLY, PolicyName="More", PolicyDocument=document(allow("s3:GetObject"))
    )
    delete(iam(Caller(deleted)))
    ended = verify(aws, template, "--target", organization.unit)
    assert ended.exit_code == 3
    found = accounts_of(ended)
    assert [found[account]["state"] for account in (denied, gone, broader, deleted)] == [
        *("unknown", "unknown", "differs", "differs")
    ]
    assert [found[account]["state"] for account in others] == ["match", "match"]
    assert reasons(found[denied]) == [("other-roles", "not-read", "", "denied: iam:ListRoles")]
    ((_, why, role, _),) = reasons(found[gone])
    assert (why, role) == ("assume-denied", AUDITOR)
    (difference,) = found[broader]["roles"][0]["differences"]
    assert (difference["rule"], difference["effect"]) == ("policy-added", "broader")
    assert "s3:GetObject" in difference["actions"]
    (difference,) = found[deleted]["roles"][0]["differences"]
    assert (difference["rule"], difference["effect"]) == ("role-missing", "narrower")

    # Without the two that differ, what is unknown decides.
    excluded = [f"--exclude-account={account}" for account in (broader, deleted)]
    ended = verify(aws, template, "--target", organization.unit, *excluded)
    assert ended.exit_code == 4
    assert sorted(accounts_of(ended)) == sorted([denied, gone, *others])


def test_account_that_is_not_in_the_organization_is_unknown(
    aws: EmbeddedAws, organization: Audited, template: Path
) -> None:
    organizations = aws.client("organizations")
    created = organizations.create_organizational_unit(ParentId=organization.root, Name="Empty")
    empty = created["OrganizationalUnit"]["Id"]
    here = organization.accounts[0]
    ended = verify(aws, template, "--target", here, "--target", NO_ACCOUNT)
    assert ended.exit_code == 4
    found = accounts_of(ended)
    assert found[here]["state"] == "match"
    assert reasons(found[NO_ACCOUNT]) == [("account", "not-below", "the organization", "")]

    # Verifying no account is not a pass, and a misspelled exclusion must not narrow the scope.
    for options, problem in [
        (["--target", empty], f"there are no accounts to verify below {empty}"),
        (
            ["--target", organization.unit, "--exclude-account", NO_ACCOUNT],
            f"--exclude-account: not below {organization.unit}: {NO_ACCOUNT}",
        ),
    ]:
        assert the_error(verify(aws, template, *options)) == f"pump-roles: {problem}"


def test_role_is_verified_where_the_templates_put_it(
    aws: EmbeddedAws, template: Path, tmp_path: Path
) -> None:
    """One account buys: as the guide has it, in an organization of three more."""
    organization = audited_organization(aws, 3, template.read_text())
    buyer, other, late = organization.accounts
    app = App(outdir=str(tmp_path), default_stack_synthesizer=LegacyStackSynthesizer())
    inputs: dict[str, Any] = {"pump_principal": PRINCIPAL, "external_id": EXTERNAL_ID}
    ReadOnlyStack(app, "PumpReadOnly", **inputs)
    ReadOnlyRollout(
        Stack(app, "PumpReadOnlyRollout"),
        "R",
        organizational_units=[organization.unit],
        **inputs,
    )
    AutoPilotStack(app, "PumpAutoPilot", env=Environment(account=buyer), **inputs)
    app.synth()
    aws.deploy("PumpReadOnly", template.read_text())
    auto_pilot = (tmp_path / "PumpAutoPilot.template.json").read_text()
    aws.deploy("PumpAutoPilot", auto_pilot, caller=Caller(buyer))
    everyone = [f"--target={account}" for account in (*organization.accounts, ACCOUNT_ID)]
    ended = verify(aws, tmp_path, *everyone)
    assert ended.exit_code == 0, ended.stdout
    found = accounts_of(ended)
    assert found[ACCOUNT_ID]["name"] == "Master Account"

    aws.deploy("PumpAutoPilot", auto_pilot, caller=Caller(other))
    delete(aws.iam(Caller(late)))
    ended = verify(aws, tmp_path, *everyone)
    assert ended.exit_code == 3
    assert {
        (account, difference["rule"], difference["effect"])
        for account, found in accounts_of(ended).items()
        for role in found["roles"]
        for difference in role["differences"]
    } == {(other, "role-misplaced", "broader"), (late, "role-missing", "narrower")}

    # Advice for an account that is verified alone would be to do what was done.
    with stopped_at(aws, organization.unit):
        for options in ([], everyone, everyone[:1], everyone[-1:], ["--target", organization.unit]):
            said = run(
                *("verify", "--expect", tmp_path, "--assume-role", AUDITOR, *options),
                environment=aws.environment(),
            ).stdout
            assert "topped" in said
            assert "--assume-role" not in said
    aws.delete("PumpReadOnly")


@contextmanager
def stopped_at(aws: EmbeddedAws, target: str) -> Iterator[None]:
    """Attach the policy of the page on stopping to a root or a unit."""
    organizations = aws.client("organizations")
    stop = organizations.create_policy(
        Name="StopPump",
        Description="Stop",
        Type="SERVICE_CONTROL_POLICY",
        Content=json.dumps(policy("stop-organization", STOP)),
    )["Policy"]["PolicySummary"]["Id"]
    organizations.attach_policy(PolicyId=stop, TargetId=target)
    yield
    organizations.detach_policy(PolicyId=stop, TargetId=target)
    organizations.delete_policy(PolicyId=stop)


def test_stop_made_by_hand_is_said_first_and_what_it_does_not_stop(
    aws: EmbeddedAws, organization: Audited, template: Path
) -> None:
    """As the page on stopping has it: the templates do not have the policy."""
    aws.deploy("PumpReadOnly", template.read_text())
    members = [f"--target={account}" for account in organization.accounts]
    here = f"--target={ACCOUNT_ID}"
    own = f"arn:aws:iam::{ACCOUNT_ID}:role/{READ_ONLY}"
    stopped = (
        f"Pump is stopped in all {COUNT} accounts: {READ_ONLY} in {COUNT} accounts, by the service "
        "control policy StopPump."
    )
    not_stopped = (
        "Pump is not stopped in these roles of the management account, which no service control "
        f"policy affects: {own}"
    )
    working = f"Pump is not stopped: {READ_ONLY} in 1 account."
    others = stopped.replace(f"Pump is stopped in all {COUNT} accounts", "Stopped")
    of_members = [AUDITOR, *members]
    for options, status, lines in (
        (["--assume-role", *of_members], 0, [stopped]),
        (["--assume-role", *of_members, here], 3, [f"{working} {others}", not_stopped]),
        # In the management account itself.
        ([], 3, [working, not_stopped]),
    ):
        with stopped_at(aws, organization.root):
            ended = run("verify", "--expect", template, *options, environment=aws.environment())
        assert ended.exit_code == status, ended.stdout
        assert ended.stdout.splitlines()[: len(lines) + 1] == [
            *lines,
            "Pump's roles in AWS accounts",
        ]
    aws.delete("PumpReadOnly")


def test_caller_needs_exactly_the_policy_of_the_guide(
    aws: EmbeddedAws, organization: Audited, template: Path
) -> None:
    statements = policy("organization-policy", VERIFY)["Statement"]
    aws.create_role("Limited", f"arn:aws:iam::{ACCOUNT_ID}:root", statements)
    organizations = aws.client("organizations")
    stop = organizations.create_policy(
        Name="StopPump", Description="Stop", Type="SERVICE_CONTROL_POLICY", Content=document(DENY)
    )["Policy"]["PolicySummary"]["Id"]
    organizations.attach_policy(PolicyId=stop, TargetId=organization.unit)
    caller = aws.assume(f"arn:aws:iam::{ACCOUNT_ID}:role/Limited", OWNER)
    options = ["--target", organization.accounts[0]]
    ended = verify(aws, template, *options, caller=caller)
    assert ended.exit_code == 0, ended.stderr + ended.stdout
    (policy_found,) = json.loads(ended.stdout)["policies"]
    assert (policy_found["attached_to"], policy_found["stops"]) == ([organization.unit], True)
    aws.iam().delete_role_policy(RoleName="Limited", PolicyName="Limited")
    ended = verify(aws, template, *options, caller=caller)
    # AWS answers a member account in the same way.
    line = the_error(ended)
    assert line.startswith("pump-roles: the accounts of the organization cannot be listed: denied")
    assert line.endswith("of the management account or of a delegated administrator")


def test_session_in_an_account_is_limited_to_the_reads_and_a_failure_hides_no_other(
    aws: EmbeddedAws, organization: Audited, template: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even if the role that is assumed can do everything, and the response is not from AWS."""
    first, second, third = sorted(organization.accounts)[:3]
    iam = aws.iam(Caller(first))
    iam.put_role_policy(RoleName=AUDITOR, PolicyName="Admin", PolicyDocument=document(allow("*")))

    def read(client: Any, names: Any, **more: Any) -> AccountDetails:
        if more["account"] == first:
            assert client.get_role(RoleName=READ_ONLY)
            client.delete_role(RoleName=READ_ONLY)
        if more["account"] == second:
            raise KeyError("Path")
        return read_account(client, names, **more)

    monkeypatch.setattr(verify_accounts, "read_account", read)
    ended = verify(aws, template, *(f"--target={id_}" for id_ in (first, second, third)))
    iam.delete_role_policy(RoleName=AUDITOR, PolicyName="Admin")
    found = accounts_of(ended)
    assert [found[account]["state"] for account in (first, second, third)] == [
        *("unknown", "unknown", "match")
    ]
    assert reasons(found[first])[0][-1] == "denied: iam:DeleteRole"
    assert reasons(found[second])[0][-1] == "the response cannot be parsed (KeyError)"
