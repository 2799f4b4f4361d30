"""`pump-roles verify` as a command: its exit status, one clear error for bad input, saved files."""

import json
import shutil
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path

import pytest
from click.testing import Result

from tests import commands
from tests.commands import the_error, the_usage_error
from tests.customer import AUTO_PILOT, BOUNDARY, UNTIL, Customer, allow, boundary_version, document
from tests.support import OTHER_SECRET, PRINCIPAL, PUMP_ACCOUNT, SECRET, STACKS, Synth
from tools.sandbox.aws import ACCOUNT_ID, EmbeddedAws

pytestmark = pytest.mark.usefixtures("no_aws")


def run(*arguments: object, environment: Mapping[str, str] | None = None) -> Result:
    return commands.run("verify", *arguments, environment=environment)


def states(ended: Result) -> tuple[int, str, list[str]]:
    """Return the exit status, and the states of the only account and its roles."""
    found = json.loads(ended.stdout)
    (account,) = found["accounts"]
    assert found["state"] == account["state"]
    return ended.exit_code, account["state"], [role["state"] for role in account["roles"]]


# Against an account.


def test_options_decide_what_is_compared(customer: Customer, tmp_path: Path) -> None:
    # IAM needs no Region.
    environment = {**customer.aws.environment(), "AWS_REGION": "", "AWS_DEFAULT_REGION": ""}
    output = tmp_path / "verify.json"
    command = ("--expect", customer.folder, "--format", "json")
    ended = run(*command, "--output", output, environment=environment)
    assert states(ended) == (0, "match", ["match", "match"])
    assert ended.stderr == ""
    assert output.read_text() == ended.stdout
    # In the emulator, every account is the management account of its own organization.
    described = customer.aws.client("organizations").describe_organization()["Organization"]
    organization = {"id": described["Id"], "management_account": ACCOUNT_ID}
    assert json.loads(ended.stdout)["accounts"][0]["organization"] == organization
    customer.iam.tag_role(RoleName=AUTO_PILOT, Tags=[{"Key": "stage", "Value": "test"}])

    def verified(*arguments: object) -> tuple[int, str, list[str]]:
        return states(run(*command, *arguments, environment=environment))

    assert verified("--management-account", "444455556666") == (3, "differs", ["match", "match"])
    # A tag gives nobody access, and the templates do not have the text of the boundary.
    wider = {**BOUNDARY, "Statement": BOUNDARY["Statement"][:1]}
    boundary_version(wider, default=True)(customer.iam)
    assert verified() == (0, "match", ["match", "match"])
    # The role that is not expected then also trusts Pump.
    one = customer.folder / "PumpReadOnly.template.json"
    ended = run("--expect", one, "--format", "json", environment=environment)
    assert states(ended) == (3, "differs", ["match"])
    customer.iam.update_role(RoleName=AUTO_PILOT, MaxSessionDuration=7200)
    assert verified() == (3, "differs", ["match", "differs"])


def test_published_roles_are_expected_by_default(aws: EmbeddedAws, synth: Synth) -> None:
    parameters = {"PumpIamRole": PRINCIPAL, "PumpExternalID": SECRET}
    for stack, template in synth({}).items():
        aws.deploy(stack, json.dumps(template), parameters)
    command = ("--principal", PRINCIPAL, "--format", "json")
    environment = dict(aws.environment())
    both_match = (0, "match", ["match", "match"])
    both_differ = (3, "differs", ["differs", "differs"])
    # A role with a wrong external ID must not pass.
    ended = run(*command, environment=environment)
    assert states(ended) == (4, "unknown", ["unknown", "unknown"])
    ended = run(*command[:2], environment=environment)
    assert ended.stdout.count(
        "not checked: an external ID was not compared: the expected value is not known; set "
        "PUMP_EXTERNAL_ID to it\n"
    ) == len(STACKS)
    other_id = environment | {"PUMP_EXTERNAL_ID": SECRET.upper()}
    assert states(run(*command, environment=other_id)) == both_differ
    same_id = environment | {"PUMP_EXTERNAL_ID": SECRET}
    assert states(run(*command, environment=same_id)) == both_match
    # Not what else is trusted.
    other = ("--principal", PUMP_ACCOUNT, *command[2:])
    assert states(run(*other, environment=same_id)) == both_differ


# What cannot be called.


def test_settings_that_cannot_be_used_cause_one_error(reviewed: Path) -> None:
    environment = {"AWS_REGION": "us-east-1", "AWS_PROFILE": SECRET}
    line = the_error(run("--expect", reviewed, environment=environment))
    assert line.startswith("pump-roles: the result is unknown: ")
    assert "(external ID)" in line


# Input that cannot be used.


@pytest.fixture
def files(synth: Synth, reviewed: Path, tmp_path: Path) -> dict[str, Path]:
    """Files of every kind, by name."""
    texts = {
        "open.template.json": json.dumps(synth({})["PumpReadOnly"]),
        "bucket.template.json": '{"Resources": {"Bucket": {"Type": "AWS::S3::Bucket"}}}',
        "b.json": json.dumps(BOUNDARY),
    }
    for name, text in texts.items():
        (tmp_path / name).write_text(text)
    return {name: tmp_path / name for name in (*texts, "missing")} | {"reviewed": reviewed}


def with_files(words: str, files: Mapping[str, Path]) -> list[object]:
    """Return arguments, with the paths of the files that they name."""
    return [files.get(word, word) for word in words.split()]


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ("--expect bucket.template.json", "bucket.template.json"),
        ("--expect b.json", "b.json: is not a CloudFormation template: it has no Resources"),
        ("--expect open.template.json", "pass --principal"),
        ("--expect reviewed --details b.json", "pass the output of aws iam get-account-author"),
    ],
)
def test_input_that_cannot_be_used_causes_one_error(
    arguments: str, problem: str, files: dict[str, Path]
) -> None:
    assert problem in the_error(run(*with_files(arguments, files)), 1)


REVIEWED = "--expect reviewed"
OF_ORGANIZATION = f"{REVIEWED} --assume-role"
AUDITED = f"{OF_ORGANIZATION} Audit"


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ("", "pass --expect, or --principal to compare with the published roles"),
        ("--principal *", "--principal"),
        *(
            (f"{REVIEWED} {option} {ACCOUNT_ID}", f"{option}: requires --assume-role")
            for option in ("--target", "--exclude-account")
        ),
        *(
            (f"{AUDITED} --removed {option} {ACCOUNT_ID}", f"{option}: cannot be combined with")
            for option in ("--target", "--exclude-account")
        ),
        (f"{AUDITED} --details b.json", "--assume-role: cannot be combined with --details"),
        *(
            (f"{REVIEWED} --details b.json {option}", "cannot be combined with --details")
            for option in ("--profile p", f"--management-account {ACCOUNT_ID}")
        ),
        (f"{OF_ORGANIZATION} arn:aws:iam::123456789012:role/Audit", "'--assume-role': 'arn:"),
        (f"{AUDITED} --target ou-1", "'--target': 'ou-1' is not the ID of an"),
        (f"{AUDITED} --target r-abcd --target {ACCOUNT_ID}", "either organizational units or"),
        (f"{AUDITED} --exclude-account 12", "'--exclude-account': '12' is not a 12-digit"),
        (f"{REVIEWED} --management-account o-abcd123456", "--management-account"),
        (
            f"{REVIEWED} --output result.xml",
            "result.xml: unknown extension; must be one of .txt, .md, .json",
        ),
        (f"{REVIEWED} --details b.json --output b.json", "would overwrite an input"),
        ("--expect open.template.json --output open.template.json", "would overwrite an input"),
    ],
)
def test_usage_error_comes_first(arguments: str, problem: str, files: dict[str, Path]) -> None:
    before = {file: file.read_bytes() for file in files.values() if file.is_file()}
    assert problem in the_usage_error(run(*with_files(arguments, files)))
    assert before == {file: file.read_bytes() for file in before}


# Output.


def test_external_id_that_contradicts_the_templates_is_not_ignored(customer: Customer) -> None:
    command = ("--expect", customer.folder, "--format", "json")
    environment = customer.aws.environment()
    ended = run(*command, environment={"PUMP_EXTERNAL_ID": f"{SECRET}!"})
    assert "PUMP_EXTERNAL_ID: the value is not an external ID" in the_usage_error(ended)
    for external_id, expected in (
        (SECRET, (0, "match", ["match", "match"])),
        (OTHER_SECRET, (4, "unknown", ["unknown", "unknown"])),
    ):
        ended = run(*command, environment={**environment, "PUMP_EXTERNAL_ID": external_id})
        assert states(ended) == expected
    assert '"why": "external-id-differs"' in ended.stdout


@pytest.mark.parametrize(("time", "status"), [("2020-01-01T00:00:00Z", 3), (UNTIL, 0)])
def test_limit_that_was_reviewed_and_has_ended_is_a_difference_in_a_line_of_its_own(
    time: str, status: int, customer: Customer, tmp_path: Path
) -> None:
    condition = {"DateLessThan": {"aws:CurrentTime": time}}
    statement = {"Effect": "Deny", "Action": "ce:*", "Resource": "*", "Condition": condition}
    document = {"Version": "2012-10-17", "Statement": [statement]}
    folder = shutil.copytree(customer.folder, tmp_path / "reviewed")
    file = folder / "PumpAutoPilot.template.json"
    template = json.loads(file.read_text())
    (role,) = template["Resources"].values()
    stop = {"PolicyName": "StopPump", "PolicyDocument": document}
    role["Properties"]["Policies"].append(stop)
    file.write_text(json.dumps(template))
    customer.iam.put_role_policy(
        RoleName=AUTO_PILOT, PolicyName="StopPump", PolicyDocument=json.dumps(document)
    )
    details = [word for found in customer.saved(tmp_path) for word in ("--details", found)]
    kept = tmp_path / "reviewed.json"
    assert commands.run("report", folder, "--keep", kept).exit_code == 0
    for expected in (folder, kept):
        ended = run("--expect", expected, *details)
        assert ended.exit_code == status, ended.output
        _, second, *_ = ended.stdout.splitlines()
        said = "A limit of the reviewed auto-pilot role has ended: StopPump on 2020-01-01. Review "
        said += "the role again."
        assert (second == said) == (status == 3)
        found = json.loads(run("--expect", expected, *details, "--format", "json").stdout)
        assert found["state"] == ("differs" if status else "match")
        assert [account["state"] for account in found["accounts"]] == ["match"]


def test_saved_files_match_without_credentials(customer: Customer, tmp_path: Path) -> None:
    details = [word for found in customer.saved(tmp_path) for word in ("--details", found)]
    assert run("--expect", customer.folder, *details).exit_code == 0
    kept = tmp_path / "reviewed.json"
    assert commands.run("report", customer.folder, "--keep", kept).exit_code == 0
    ended = run("--expect", kept, *details)
    assert ended.exit_code == 0
    digest = sha256(kept.read_bytes()).hexdigest()
    assert f"Compared with: reviewed.json, SHA-256 {digest[:12]}…\n" in ended.stdout
    assert "Management account not known: the account's organization is not in the" in ended.stdout


def expected_line(path: Path, details: Path) -> str:
    ended = run("--expect", path, "--details", details)
    (line,) = (line for line in ended.stdout.splitlines() if line.startswith("Expected "))
    return line


@pytest.mark.parametrize("findings", [0, 2])
def test_says_what_the_template_or_its_report_has(
    findings: int, synth: Synth, tmp_path: Path
) -> None:
    """An expectation with findings is compared, too: the line about it says how many."""
    settings = {"principal": PRINCIPAL, "external-id": SECRET, "guardrails": ["metadata-only"]}
    template = json.loads(json.dumps(synth(settings)["PumpReadOnly"]))
    for number in range(findings):
        template["Resources"][f"More{number}"] = {
            "Type": "AWS::IAM::RolePolicy",
            "Properties": {
                "RoleName": "PumpReadOnlyRole",
                "PolicyName": f"More{number}",
                "PolicyDocument": json.loads(document(allow("s3:GetObject"))),
            },
        }
    file, reported = tmp_path / "PumpReadOnly.template.json", tmp_path / "reviewed.json"
    file.write_text(json.dumps(template))
    assert commands.run("report", file, "--output", reported).exit_code == 0
    details = tmp_path / "details.json"
    other = {
        "RoleName": "Other",
        "Path": "/",
        "Arn": f"arn:aws:iam::{ACCOUNT_ID}:role/Other",
        "AssumeRolePolicyDocument": json.loads(document()),
        "RolePolicyList": [],
        "AttachedManagedPolicies": [],
    }
    details.write_text(json.dumps({"RoleDetailList": [other], "Policies": []}))
    for path in (file, reported):
        # Of each, the file that was read first.
        digest = sha256(file.read_bytes()).hexdigest()
        assert expected_line(path, details) == (
            f"Expected read-only role PumpReadOnlyRole: {'not ' if findings else ''}as published; "
            f"principal: {PRINCIPAL}; guardrails: metadata-only; "
            f"{findings or 'no'} findings; {file.name} SHA-256 {digest}."
        )
