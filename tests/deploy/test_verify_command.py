"""`pump-roles verify` as a command: its exit status, one clear error for bad input, saved files."""

import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from pump_roles.account.probe import probe
from pump_roles.account.verify.accounts import verify_files
from pump_roles.account.verify.details import read_files
from pump_roles.account.verify.from_aws import policy_for_reading
from pump_roles.cli import app
from tests.customer import (
    AUTO_PILOT,
    BOUNDARY,
    READ_ONLY,
    Customer,
    SavedCustomer,
    boundary_version,
    policy,
    statement,
    trust_policy,
)
from tests.support import OTHER_SECRET, PRINCIPAL, PUMP_ACCOUNT, SECRET, Synth, write_csv
from tools.sandbox.aws import ACCOUNT_ID, OWNER, Caller, EmbeddedAws
from tools.sandbox.cdk import tool_environment

pytestmark = pytest.mark.usefixtures("no_aws")


def run(*arguments: object, environment: Mapping[str, str] | None = None) -> Result:
    """Run `pump-roles verify`, and check that it shows no external ID."""
    ended = CliRunner().invoke(
        app, ["verify", *map(str, arguments)], env={"COLUMNS": "200", **(environment or {})}
    )
    assert ended.exception is None or isinstance(ended.exception, SystemExit), ended.exception
    for secret in (SECRET, OTHER_SECRET):
        assert secret not in ended.stdout + ended.stderr
    return ended


def the_error(ended: Result, status: int = 4) -> str:
    """Return the one line of an error."""
    assert ended.exit_code == status, ended.output
    assert ended.stdout == ""
    (line,) = ended.stderr.splitlines()
    assert line.startswith("pump-roles: ")
    return line


def the_usage_error(ended: Result) -> str:
    """Return what is wrong with the arguments, as one line."""
    assert ended.exit_code == 2, ended.output
    assert ended.stdout == ""
    assert "Traceback" not in ended.stderr
    return " ".join(ended.stderr.replace("│", "").split())


def states(ended: Result) -> tuple[int, str, list[str]]:
    """Return the exit status, and the states of the only account and its roles."""
    found = json.loads(ended.stdout)
    (account,) = found["accounts"]
    assert found["state"] == account["state"]
    return ended.exit_code, account["state"], [role["state"] for role in account["roles"]]


# Against an account.


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda _: None, (0, "match", ["match", "match"])),
        (
            lambda iam: iam.update_role(RoleName=READ_ONLY, MaxSessionDuration=7200),
            (3, "differs", ["differs", "match"]),
        ),
        (
            trust_policy(
                statement(
                    lambda only: only.update(
                        Condition={"StringEquals": {"sts:ExternalId": OTHER_SECRET}}
                    )
                )
            ),
            (3, "differs", ["differs", "match"]),
        ),
    ],
)
def test_exit_status_is_the_state(
    change: Callable[[Any], object],
    expected: tuple[int, str, list[str]],
    customer: Customer,
    tmp_path: Path,
) -> None:
    change(customer.iam)
    output = tmp_path / "verify.json"
    ended = run(
        *("--expect", customer.folder, "--format", "json", "--output", output),
        environment=customer.aws.environment(),
    )
    assert states(ended) == expected
    assert ended.stderr == ""
    assert output.read_text() == ended.stdout


def test_expects_a_renamed_role_under_its_name(
    aws: EmbeddedAws, synth: Synth, tmp_path: Path
) -> None:
    context = {
        "pump:principal": PRINCIPAL,
        "pump:external-id": SECRET,
        "pump:read-only:role-name": "Vendor.Reads",
        "pump:read-only:organizational-units": "r-abcd",
    }
    templates = synth(context)
    for stack in ("PumpReadOnly", "PumpReadOnlyRollout"):
        (tmp_path / f"{stack}.template.json").write_text(json.dumps(templates[stack]))
    command = ("--expect", tmp_path, "--format", "json")
    aws.deploy("PumpReadOnly", json.dumps(templates["PumpReadOnly"]))
    ended = run(*command, environment=aws.environment())
    assert states(ended) == (0, "match", ["match"])
    assert "role/Vendor.Reads" in ended.stdout
    arn = f"arn:aws:iam::{ACCOUNT_ID}:role/Vendor.Reads"
    assert probe(arn, SECRET, sts=aws.sts(aws.caller_in(PRINCIPAL))).verdict == "required"
    # A role of the published name is not the expected one.
    aws.reset()
    del context["pump:read-only:role-name"]
    aws.deploy("PumpReadOnly", json.dumps(synth(context)["PumpReadOnly"]))
    ended = run(*command, environment=aws.environment())
    assert ended.exit_code == 3
    assert "role-missing" in ended.stdout


def test_process_shows_no_external_id_and_no_traceback(customer: Customer) -> None:
    """In its own process, as a user runs it."""
    environment = {**tool_environment(), **customer.aws.environment()}
    command = [sys.executable, "-m", "pump_roles", "verify", "--format", "json"]
    results = []
    for arguments, more in (
        (["--expect", str(customer.folder)], {}),
        (["--expect", str(customer.folder)], {"AWS_ENDPOINT_URL": "nowhere"}),
    ):
        results.append(
            subprocess.run(
                [*command, *arguments],
                env=environment | more,
                capture_output=True,
                text=True,
                check=False,
            )
        )
    matched, failed = results
    assert (matched.returncode, matched.stderr) == (0, "")
    assert json.loads(matched.stdout)["state"] == "match"
    assert (failed.returncode, failed.stdout) == (4, "")
    assert failed.stderr.startswith("pump-roles: the result is unknown: ")
    assert len(failed.stderr.splitlines()) == 1
    assert not [one for ended in results if SECRET in (one := ended.stdout + ended.stderr)]


def test_options_decide_what_is_compared(customer: Customer, tmp_path: Path) -> None:
    environment = customer.aws.environment()
    customer.iam.tag_role(RoleName=AUTO_PILOT, Tags=[{"Key": "stage", "Value": "test"}])
    command = ("--expect", customer.folder, "--format", "json")

    def verified(*arguments: object) -> tuple[int, str, list[str]]:
        return states(run(*command, *arguments, environment=environment))

    assert verified() == (3, "differs", ["match", "differs"])
    # The role that is not expected then also trusts Pump.
    assert verified("--role", "read-only") == (3, "differs", ["match"])
    assert verified("--role", "auto-pilot") == (3, "differs", ["differs"])
    assert verified("--allow-tag", "stage") == (0, "match", ["match", "match"])
    assert verified("--allow-tag", "other") == (3, "differs", ["match", "differs"])

    text = tmp_path / "boundary.json"
    text.write_text(json.dumps(BOUNDARY))
    same = ("--allow-tag", "stage", "--boundary-policy", text)
    assert verified(*same) == (0, "match", ["match", "match"])
    wider = {**BOUNDARY, "Statement": BOUNDARY["Statement"][:1]}
    boundary_version(wider, default=True)(customer.iam)
    assert verified(*same) == (3, "differs", ["differs", "differs"])
    assert verified("--allow-tag", "stage") == (0, "match", ["match", "match"])


def test_organization_is_named_and_compared_with_the_expected_one(customer: Customer) -> None:
    aws = customer.aws
    described = aws.client("organizations").describe_organization()["Organization"]
    command = ("--expect", customer.folder)
    # In the emulator, every account is the management account of its own organization.
    shown = f"organization: {described['Id']}, management account {ACCOUNT_ID}"
    ended = run(*command, environment=aws.environment())
    assert ended.exit_code == 0
    assert shown in ended.stdout.splitlines()

    def verified(expected: str, environment: Mapping[str, str]) -> tuple[int, Any]:
        options = ("--management-account", expected, "--format", "json")
        ended = run(*command, *options, environment=environment)
        (account,) = json.loads(ended.stdout)["accounts"]
        assert [role["state"] for role in account["roles"]] == ["match", "match"]
        return ended.exit_code, account

    status, same = verified(ACCOUNT_ID, aws.environment())
    assert (status, same["state"], same["differences"]) == (0, "match", [])
    status, other = verified("444455556666", aws.environment())
    assert (status, other["state"]) == (3, "differs")
    (difference,) = other["differences"]
    assert (difference["rule"], difference["effect"]) == ("organization", "broader")
    assert other["organization"] == {"id": described["Id"], "management_account": ACCOUNT_ID}


def test_organization_that_may_not_be_read_is_unknown_only_if_it_is_expected(
    customer: Customer,
) -> None:
    names = (READ_ONLY, AUTO_PILOT)
    customer.aws.create_role("Reader", ACCOUNT_ID, policy_for_reading(names)["Statement"])
    caller = customer.aws.assume(f"arn:aws:iam::{ACCOUNT_ID}:role/Reader", OWNER)
    command = ("--expect", customer.folder, "--format", "json")
    environment = customer.aws.environment(caller)
    ended = run(*command, environment=environment)
    assert states(ended) == (0, "match", ["match", "match"])
    assert json.loads(ended.stdout)["accounts"][0]["organization"] is None
    ended = run(*command, "--management-account", ACCOUNT_ID, environment=environment)
    assert states(ended) == (4, "unknown", ["match", "match"])
    (unknown,) = json.loads(ended.stdout)["accounts"][0]["unknown"]
    assert (unknown["part"], unknown["detail"]) == (
        "membership",
        "denied: organizations:DescribeOrganization",
    )


def test_published_roles_are_expected_by_default(
    customer: Customer, synth: Synth, tmp_path: Path
) -> None:
    aws = customer.aws
    aws.reset()
    parameters = {"PumpIamRole": PRINCIPAL, "PumpExternalID": SECRET}
    aws.deploy("PumpReadOnly", json.dumps(synth({})["PumpReadOnly"]), parameters)
    command = ("--principal", PRINCIPAL, "--format", "json", "--role", "read-only")
    environment = dict(aws.environment())
    arn = f"arn:aws:iam::{ACCOUNT_ID}:role/{READ_ONLY}"

    def with_ids(**ids: str) -> Path:
        rows = [(f"{arn}{path}".removesuffix("own"), id_) for path, id_ in ids.items()]
        return write_csv(tmp_path / "ids.csv", *rows)

    assert states(run(*command, environment=environment)) == (0, "match", ["match"])
    for id_, expected in (
        (SECRET, (0, "match", ["match"])),
        (SECRET.upper(), (3, "differs", ["differs"])),
    ):
        variable = environment | {"PUMP_EXTERNAL_ID": id_}
        assert states(run(*command, environment=variable)) == expected
        ended = run(*command, "--external-ids", with_ids(own=id_), environment=environment)
        assert states(ended) == expected
    # The file is about other roles only.
    ended = run(*command, "--external-ids", with_ids(Other=SECRET), environment=environment)
    assert states(ended) == (4, "unknown", ["unknown"])
    # Not what else is trusted.
    other = ("--principal", PUMP_ACCOUNT, *command[2:])
    assert states(run(*other, environment=environment)) == (3, "differs", ["differs"])


# What cannot be called.


@pytest.mark.parametrize(
    ("environment", "named"),
    [
        ({}, "Unable to locate credentials"),
        ({"AWS_ACCESS_KEY_ID": ACCOUNT_ID}, "Partial credentials"),
        ({"AWS_PROFILE": "nobody"}, "nobody"),
        ({"AWS_PROFILE": SECRET}, "(external ID)"),
    ],
)
def test_missing_credentials_cause_one_error(
    environment: dict[str, str], named: str, reviewed: Path
) -> None:
    line = the_error(
        run("--expect", reviewed, environment={"AWS_REGION": "us-east-1", **environment})
    )
    assert line.startswith("pump-roles: the result is unknown: ")
    assert named in line


@pytest.mark.parametrize("endpoint", ["http://127.0.0.1:1", "nowhere", "http://127.0.0.1:99999"])
def test_unreachable_endpoint_causes_one_error(endpoint: str, reviewed: Path) -> None:
    environment = {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": ACCOUNT_ID,
        "AWS_SECRET_ACCESS_KEY": "unchecked",
        "AWS_REGION": "us-east-1",
    }
    line = the_error(run("--expect", reviewed, environment=environment))
    assert line.startswith("pump-roles: the result is unknown: ")


def test_expired_credentials_cause_one_error(
    customer: Customer, monkeypatch: pytest.MonkeyPatch
) -> None:
    from botocore.client import BaseClient  # noqa: PLC0415
    from botocore.exceptions import ClientError  # noqa: PLC0415

    def expired(_: BaseClient, operation: str, __: object) -> None:
        message = f"The security token included in the request is expired: {SECRET}"
        error: Any = {"Error": {"Code": "ExpiredToken", "Message": message}}
        raise ClientError(error, operation)

    monkeypatch.setattr(BaseClient, "_make_api_call", expired)
    ended = run("--expect", customer.folder, environment=customer.aws.environment())
    line = the_error(ended)
    assert "ExpiredToken" in line
    assert line.endswith("; sign in again, or pass another --profile")


def test_account_that_cannot_be_read_is_unknown(customer: Customer) -> None:
    customer.aws.create_role("Nobody", ACCOUNT_ID)
    nobody = customer.aws.assume(f"arn:aws:iam::{ACCOUNT_ID}:role/Nobody", Caller(ACCOUNT_ID))
    ended = run(
        *("--expect", customer.folder, "--format", "json"),
        environment=customer.aws.environment(nobody),
    )
    assert states(ended) == (4, "unknown", ["unknown", "unknown"])
    assert "denied: iam:ListRoles" in ended.stdout


# Input that cannot be used.

TEMPLATE = "PumpReadOnly.template.json"


@pytest.fixture
def files(synth: Synth, reviewed: Path, tmp_path: Path) -> dict[str, Path]:
    """Files of every kind, by name."""
    contents: dict[str, Any] = {
        "open.template.json": synth({})["PumpReadOnly"],
        "bucket.template.json": {"Resources": {"Bucket": {"Type": "AWS::S3::Bucket"}}},
        "list.template.json": [],
        "read-only.template.json": json.loads((reviewed / TEMPLATE).read_text()),
        "no-statement.json": {"Version": "2012-10-17"},
        "list.json": [],
        "boundary.json": BOUNDARY,
    }
    found = {}
    for name, content in contents.items():
        found[name] = tmp_path / name
        found[name].write_text(json.dumps(content))
    for name, text in {
        "text.template.json": "Resources:",
        "secret.template.json": f'{{"{SECRET}": {SECRET}}}',
        "ids.csv": "role_arn,external_id\n",
        "bad.csv": f"role_arn,external_id\n{SECRET},{OTHER_SECRET}\n",
        "bad-id.csv": f"role_arn,external_id\narn:aws:iam::{ACCOUNT_ID}:role/A,{SECRET}!\n",
    }.items():
        found[name] = tmp_path / name
        found[name].write_text(text)
    found["empty"] = tmp_path / "empty"
    found["empty"].mkdir()
    found["missing"] = tmp_path / "missing"
    found["reviewed"] = reviewed
    return found


INPUTS: dict[str, tuple[list[str], str]] = {
    "a template without the roles": (["--expect", "bucket.template.json"], "bucket.template.json"),
    "a template that is a list": (["--expect", "list.template.json"], "list.template.json"),
    "a template in YAML": (["--expect", "text.template.json"], "is YAML"),
    "a template with an external ID that is not JSON": (
        ["--expect", "secret.template.json"],
        "is not JSON",
    ),
    "an empty folder": (["--expect", "empty"], "there is no template in this folder"),
    "a file that does not exist": (["--expect", "missing"], "there is no such file or folder"),
    "an open principal": (["--expect", "open.template.json"], "pass --principal"),
    "another principal": (
        ["--expect", "reviewed", "--principal", "111122223333"],
        f"trusts {PRINCIPAL}; omit --principal, or pass that principal",
    ),
    "a role that is not expected": (
        ["--expect", "read-only.template.json", "--role", "auto-pilot"],
        "does not contain the auto-pilot role",
    ),
    "one of the roles that is not expected": (
        ["--expect", "read-only.template.json", "--role", "auto-pilot", "--role", "read-only"],
        "does not contain the auto-pilot role",
    ),
    "a boundary without statements": (
        ["--expect", "reviewed", "--boundary-policy", "no-statement.json"],
        "is not a policy document",
    ),
    "a boundary that is a list": (
        ["--expect", "reviewed", "--boundary-policy", "list.json"],
        "is not a policy document",
    ),
    "a boundary that does not exist": (
        ["--expect", "reviewed", "--boundary-policy", "missing"],
        "missing: there is no such file",
    ),
    "no external IDs": (["--expect", "reviewed", "--external-ids", "ids.csv"], "ids.csv"),
    "a bad ARN with an external ID": (
        ["--expect", "reviewed", "--external-ids", "bad.csv"],
        "bad.csv: line 2: ",
    ),
    "a bad external ID": (
        ["--expect", "reviewed", "--external-ids", "bad-id.csv"],
        "bad-id.csv: line 2: ",
    ),
    "details that do not exist": (["--expect", "reviewed", "--details", "missing"], "missing"),
    "details that are something else": (
        ["--expect", "reviewed", "--details", "boundary.json"],
        "is not the output of aws iam get-account-authorization-details: it has no",
    ),
    "details that are a list": (
        ["--expect", "reviewed", "--details", "list.json"],
        "is not the output of aws iam get-account-authorization-details: it has no",
    ),
    "details that are not JSON": (
        ["--expect", "reviewed", "--details", "secret.template.json"],
        "is not JSON",
    ),
}
"""Arguments, with names of files, and what the error says."""


@pytest.mark.parametrize("name", INPUTS)
def test_input_that_cannot_be_used_causes_one_error(name: str, files: dict[str, Path]) -> None:
    arguments, problem = INPUTS[name]
    line = the_error(run(*(files.get(argument, argument) for argument in arguments)))
    assert problem in line


USAGE: dict[str, tuple[list[str], str]] = {
    "nothing": ([], "pass --expect, or --principal to compare with the published roles"),
    "a bad principal": (["--principal", "arn:aws:iam::12:role/Pump"], "--principal"),
    "everyone as principal": (["--principal", "*"], "--principal"),
    "a unit without the organization": (
        ["--expect", "reviewed", "--unit", "ou-abcd-12345678"],
        "--unit: requires --organization",
    ),
    "an account without the organization": (
        ["--expect", "reviewed", "--account", ACCOUNT_ID],
        "--account: requires --organization",
    ),
    "an excluded account without the organization": (
        ["--expect", "reviewed", "--exclude-account", ACCOUNT_ID],
        "--exclude-account: requires --organization",
    ),
    "a role to assume without the organization": (
        ["--expect", "reviewed", "--assume-role", "Audit"],
        "--assume-role: requires --organization",
    ),
    "the organization without a role to assume": (
        ["--expect", "reviewed", "--organization"],
        "--organization: requires --assume-role",
    ),
    "the organization from files": (
        [
            *("--expect", "reviewed", "--details", "list.json"),
            *("--organization", "--assume-role", "Audit"),
        ],
        "--details: cannot be combined with --organization",
    ),
    "a profile for files": (
        ["--expect", "reviewed", "--details", "list.json", "--profile", "p"],
        "--details: cannot be combined with --profile",
    ),
    **{
        f"a removal with {option}": (
            ["--expect", "reviewed", "--removed", option, value],
            f"--removed: cannot be combined with {option}",
        )
        for option, value in [
            ("--role", "read-only"),
            ("--allow-tag", "team"),
            ("--boundary-policy", "boundary.json"),
        ]
    },
    **{
        f"a removal with {option}": (
            [
                *("--expect", "reviewed", "--removed", option, value),
                *("--organization", "--assume-role", "Audit"),
            ],
            f"--removed: cannot be combined with {option}",
        )
        for option, value in [
            ("--unit", "ou-abcd-12345678"),
            ("--account", ACCOUNT_ID),
            ("--exclude-account", ACCOUNT_ID),
        ]
    },
    "a removal of nothing": (["--removed"], "pass --expect, or --principal"),
    "an ARN as role to assume": (
        [
            *("--expect", "reviewed", "--organization"),
            *("--assume-role", "arn:aws:iam::123456789012:role/Audit"),
        ],
        "--assume-role",
    ),
    "a bad unit": (
        ["--expect", "reviewed", "--organization", "--assume-role", "Audit", "--unit", "ou-1"],
        "--unit",
    ),
    "a bad account": (
        ["--expect", "reviewed", "--organization", "--assume-role", "Audit", "--account", "12"],
        "--account",
    ),
    **{
        f"a management account {name}": (
            ["--expect", "reviewed", "--management-account", value],
            "--management-account",
        )
        for name, value in [
            ("that is too short", "1234"),
            ("that is an organization", "o-abcd123456"),
            ("with another number", "444455556666\n1"),
            ("that is empty", ""),
        ]
    },
    "a kind that does not exist": (["--expect", "reviewed", "--role", "admin"], "admin"),
    "an unknown extension of the output": (
        ["--expect", "reviewed", "--output", "result.xml"],
        "result.xml: unknown extension; must be one of .txt, .json, .sarif, .md",
    ),
    "an unknown extension of the external IDs": (
        ["--expect", "reviewed", "--external-ids", "missing"],
        "Invalid value for '--external-ids': must be a .csv file",
    ),
    "an output over the boundary": (
        ["--expect", "reviewed", "--boundary-policy", "boundary.json", "--output", "boundary.json"],
        "would overwrite an input",
    ),
    "an output over the details": (
        ["--expect", "reviewed", "--details", "list.json", "--output", "list.json"],
        "would overwrite an input",
    ),
    "an output over a template": (
        ["--expect", "read-only.template.json", "--output", "read-only.template.json"],
        "would overwrite an input",
    ),
    "an output over a template of the folder": (
        ["--expect", "reviewed", "--output", f"reviewed/{TEMPLATE}"],
        "would overwrite an input",
    ),
    "an empty path": (["--expect", ""], "must not be empty"),
    "an unknown option": (["--expect", "reviewed", "--fix"], "--fix"),
}
"""Arguments that do not go together, or are not valid."""


@pytest.mark.parametrize("name", USAGE)
def test_usage_error_comes_first(name: str, files: dict[str, Path]) -> None:
    arguments, problem = USAGE[name]
    before = {file: file.read_bytes() for file in files.values() if file.is_file()}
    found: list[object] = []
    for argument in arguments:
        first, _, rest = argument.partition("/")
        path = files.get(first)
        found.append(path / rest if path is not None and rest else path or argument)
    assert problem in the_usage_error(run(*found))
    assert before == {file: file.read_bytes() for file in before}


def test_external_id_of_the_environment_must_be_valid(reviewed: Path) -> None:
    ended = run("--expect", reviewed, environment={"PUMP_EXTERNAL_ID": f"{SECRET}!"})
    assert "PUMP_EXTERNAL_ID: the value is not an external ID" in the_usage_error(ended)


# Output.


def test_output_that_cannot_be_written_causes_one_error(customer: Customer, tmp_path: Path) -> None:
    environment = customer.aws.environment()
    command = ("--expect", customer.folder, "--output")
    (tmp_path / "folder.json").mkdir()
    for output in (tmp_path / "missing" / "r.json", tmp_path / "folder.json"):
        line = the_error(run(*command, output, environment=environment), 1)
        assert line.startswith(f"pump-roles: {output}: cannot be written: ")


# Saved files.


def test_folder_that_does_not_exist_is_noticed_before_anything_is_read(
    reviewed: Path, tmp_path: Path
) -> None:
    """Without credentials: nothing was called."""
    for output, problem in (
        (tmp_path / "missing" / "result.json", "No such file or directory"),
        (tmp_path / "folder.json", "Is a directory"),
    ):
        (tmp_path / "folder.json").mkdir(exist_ok=True)
        line = the_error(run("--expect", reviewed, "--output", output), 1)
        assert line == f"pump-roles: {output}: cannot be written: {problem}"


def test_names_an_output_that_cannot_be_written_and_writes_the_others(
    customer: Customer, tmp_path: Path
) -> None:
    full, other = tmp_path / "full.json", tmp_path / "other.md"
    full.symlink_to("/dev/full")
    ended = run(
        *("--expect", customer.folder, "--output", full, "--output", other),
        environment=customer.aws.environment(),
    )
    assert ended.exit_code == 1
    assert ended.stderr == f"pump-roles: {full}: cannot be written: No space left on device\n"
    assert ended.stdout.endswith("accounts: 1 match\n")
    assert "1 match" in other.read_text()


def test_region_is_not_needed(customer: Customer) -> None:
    environment = {**customer.aws.environment(), "AWS_REGION": "", "AWS_DEFAULT_REGION": ""}
    ended = run("--expect", customer.folder, environment=environment)
    assert (ended.exit_code, ended.stderr) == (0, "")


def test_external_id_that_contradicts_the_templates_is_not_ignored(
    customer: Customer, tmp_path: Path
) -> None:
    command = ("--expect", customer.folder, "--format", "json")
    environment = customer.aws.environment()
    for external_id, expected in (
        (SECRET, (0, "match", ["match", "match"])),
        ("", (0, "match", ["match", "match"])),
        (OTHER_SECRET, (4, "unknown", ["unknown", "unknown"])),
    ):
        ended = run(*command, environment={**environment, "PUMP_EXTERNAL_ID": external_id})
        assert states(ended) == expected
    assert '"why": "external-id-differs"' in ended.stdout
    row = (f"arn:aws:iam::{ACCOUNT_ID}:role/{READ_ONLY}", SECRET)
    ids = write_csv(tmp_path / "ids.csv", row)
    ended = run(
        *command, "--external-ids", ids, environment={**environment, "PUMP_EXTERNAL_ID": SECRET}
    )
    assert "cannot be combined with PUMP_EXTERNAL_ID" in the_usage_error(ended)
    write_csv(ids, row, (f"arn:aws:iam::{ACCOUNT_ID}:role/x/{READ_ONLY}", SECRET))
    line = the_error(run(*command, "--external-ids", ids, environment=environment))
    assert line == f"pump-roles: the role {READ_ONLY} of account {ACCOUNT_ID} is listed twice"


def test_boundary_policy_needs_an_expected_boundary(tmp_path: Path) -> None:
    file = tmp_path / "boundary.json"
    file.write_text(json.dumps(BOUNDARY))
    line = the_error(run("--principal", PUMP_ACCOUNT, "--boundary-policy", file))
    assert line == "pump-roles: --boundary-policy: no expected role has a permissions boundary"


def edited(file: Path, edit: Callable[[Any], object]) -> None:
    content = json.loads(file.read_text())
    edit(content)
    file.write_text(json.dumps(content))


def of_files(customer: Customer | SavedCustomer, *files: Path) -> Result:
    """Verify saved files, without credentials."""
    details = [word for file in files for word in ("--details", file)]
    return run("--expect", customer.folder, "--format", "json", *details)


def test_saved_files_match_without_credentials(saved: SavedCustomer) -> None:
    files = saved.files
    assert len(files) == 3
    assert states(of_files(saved, *files)) == (0, "match", ["match", "match"])
    assert states(of_files(saved, *files[::-1])) == (0, "match", ["match", "match"])


def saved_organization(folder: Path, **changes: Any) -> Path:
    """Save an organization as the AWS CLI writes it."""
    described = {
        "Id": "o-abcd123456",
        "Arn": "arn:aws:organizations::444455556666:organization/o-abcd123456",
        "FeatureSet": "ALL",
        "MasterAccountId": "444455556666",
        "MasterAccountEmail": "owner@example.com",
        **changes,
    }
    file = folder / f"organization{len([*folder.iterdir()])}.json"
    file.write_text(json.dumps({"Organization": described}, indent=4))
    return file


def test_saved_organization_is_that_of_the_account(saved: SavedCustomer, tmp_path: Path) -> None:
    def verified(*files: Path, expected: str = "444455556666") -> tuple[Any, ...]:
        words = [word for file in files for word in ("--details", file)]
        command = ("--expect", saved.folder, "--management-account", expected, *words)
        ended = run(*command, "--format", "json")
        (account,) = json.loads(ended.stdout)["accounts"]
        shown = [found["rule"] for found in account["differences"]]
        shown += [found["why"] for found in account["unknown"]]
        return ended.exit_code, account["organization"], *shown

    file = saved_organization(tmp_path)
    found = {"id": "o-abcd123456", "management_account": "444455556666"}
    assert verified(*saved.files, file) == (0, found)
    assert verified(file, *saved.files, expected="777788889999") == (3, found, "organization")
    assert verified(*saved.files) == (4, None, "not-in-files")
    # No output has the email address.
    ended = run(
        "--expect", saved.folder, *(w for f in (*saved.files, file) for w in ("--details", f))
    )
    assert "organization: o-abcd123456, management account 444455556666\n" in ended.stdout
    assert "example.com" not in ended.stdout


@pytest.mark.parametrize(
    "changes", [{"Id": "o-1"}, {"Id": None}, {"MasterAccountId": 444455556666}]
)
def test_organization_that_cannot_be_used_causes_one_error(
    changes: dict[str, Any], saved: SavedCustomer, tmp_path: Path
) -> None:
    file = saved_organization(tmp_path, **changes)
    line = the_error(of_files(saved, *saved.files, file))
    assert f"{file}: is not the output of aws organizations describe-organization: it needs" in line


def test_organization_is_saved_once_and_for_a_single_account(
    saved: SavedCustomer, tmp_path: Path
) -> None:
    file, again = (saved_organization(tmp_path) for _ in range(2))
    line = the_error(of_files(saved, *saved.files, file, again))
    assert "pass one such file with the files of one account, not 2 with those of 1" in line
    other = tmp_path / "other.json"
    other.write_text(saved.files[0].read_text().replace(ACCOUNT_ID, "777788889999"))
    line = the_error(of_files(saved, *saved.files, other, file))
    assert "pass one such file with the files of one account, not 1 with those of 2" in line
    line = the_error(of_files(saved, file))
    assert "pass one such file with the files of one account, not 1 with those of 0" in line


def test_saved_files_without_the_session_duration_are_unknown(saved: SavedCustomer) -> None:
    details, *roles = saved.files
    ended = of_files(saved, details)
    assert states(ended) == (4, "unknown", ["unknown", "unknown"])
    for role in json.loads(ended.stdout)["accounts"][0]["roles"]:
        name = role["arn"].rpartition("/")[2]
        (unknown,) = role["unknown"]
        assert unknown == {
            "part": "session",
            "why": "not-in-files",
            "subject": "",
            "detail": name,
            "source": "",
        }
    (read_only,) = (file for file in roles if file.stem == READ_ONLY)
    ended = of_files(saved, details, read_only)
    assert states(ended) == (4, "unknown", ["match", "unknown"])


def test_difference_in_saved_files_takes_precedence_over_missing_parts(
    customer: Customer, tmp_path: Path
) -> None:
    policy("PumpBillingReadOnly", statement(lambda only: only["Action"].append("s3:*")))(
        customer.iam
    )
    details, *_ = customer.saved(tmp_path)
    assert states(of_files(customer, details)) == (3, "differs", ["differs", "unknown"])


def truncated(found: Any) -> None:
    found.update(IsTruncated=True, Marker="more")


def without_roles(found: Any) -> None:
    found.update(RoleDetailList=[])


def without_inline_policies(found: Any) -> None:
    found["RoleDetailList"][0].pop("RolePolicyList")


def of_two_accounts(found: Any) -> None:
    role = found["RoleDetailList"][0]
    role["Arn"] = role["Arn"].replace(ACCOUNT_ID, "111122223333")


def without_arn(found: Any) -> None:
    found["RoleDetailList"][0]["Arn"] = SECRET


@pytest.mark.parametrize(
    ("edit", "problem"),
    [
        (truncated, "it is truncated; save the whole output"),
        (without_roles, "it has no roles"),
        (without_inline_policies, "it has no 'RolePolicyList'"),
        (of_two_accounts, "its roles are in 2 accounts; all must be in one"),
        (without_arn, "a role has no valid ARN"),
        (lambda found: found.pop("RoleDetailList"), "it has no 'RoleDetailList'"),
        (lambda found: found.update(RoleDetailList={}), "RoleDetailList is not a list of roles"),
        (lambda found: found.update(RoleDetailList=[[]]), "RoleDetailList is not a list of roles"),
        (lambda found: found.update(Policies=[1]), ""),
        (lambda found: found["RoleDetailList"][0].update(Tags=[1]), ""),
        (lambda found: found["RoleDetailList"][0].update(AttachedManagedPolicies=1), ""),
        (lambda found: found["RoleDetailList"][0].update(RoleName=1), "is not a string"),
        (lambda found: found["RoleDetailList"][0].update(Tags=[{"Key": 1, "Value": 2}]), ""),
        (lambda found: found["RoleDetailList"][0]["RolePolicyList"][0].update(PolicyName=1), ""),
        (lambda found: found["RoleDetailList"][0].update(RolePolicyList=None), ""),
    ],
)
def test_details_that_are_not_complete_cause_one_error(
    edit: Callable[[Any], object], problem: str, saved: SavedCustomer
) -> None:
    details, *roles = saved.files
    edited(details, edit)
    line = the_error(of_files(saved, details, *roles))
    assert line.startswith(
        f"pump-roles: {details}: is not the output of aws iam get-account-authorization-details: "
    )
    assert problem in line


def test_details_without_policies_are_unknown(customer: Customer, tmp_path: Path) -> None:
    """As with --filter Role. The boundary's text, too, is known only if its policy is there."""
    details, *roles = customer.saved(tmp_path)
    edited(details, lambda found: found.update(Policies=[]))
    # Nothing but the boundary's text needs a policy, and the templates do not have it.
    assert states(of_files(customer, details, *roles)) == (0, "match", ["match", "match"])
    text = tmp_path / "boundary.json"
    text.write_text(json.dumps(BOUNDARY))
    words = [word for file in (details, *roles) for word in ("--details", file)]
    command = ("--expect", customer.folder, "--format", "json", *words)
    ended = run(*command, "--boundary-policy", text)
    assert states(ended) == (4, "unknown", ["unknown", "unknown"])
    (unknown,) = json.loads(ended.stdout)["accounts"][0]["roles"][0]["unknown"]
    assert (unknown["part"], unknown["why"]) == ("boundary", "not-in-files")

    administrator = "arn:aws:iam::aws:policy/AdministratorAccess"
    customer.iam.attach_role_policy(RoleName=READ_ONLY, PolicyArn=administrator)
    details, *roles = customer.saved(tmp_path)
    edited(details, lambda found: found.update(Policies=[]))
    ended = of_files(customer, details, *roles)
    assert states(ended) == (3, "differs", ["differs", "match"])
    role, _ = json.loads(ended.stdout)["accounts"][0]["roles"]
    missing = {
        "part": "managed-policies",
        "why": "not-in-files",
        "subject": administrator,
        "detail": "",
        "source": "",
    }
    assert missing in role["unknown"]
    assert [difference["rule"] for difference in role["differences"]] == ["policy-added"]


@pytest.mark.parametrize(
    "edit",
    [
        lambda policy: policy.update(DefaultVersionId="v2"),
        lambda policy: policy["PolicyVersionList"][0].update(IsDefaultVersion=False),
        lambda policy: policy["PolicyVersionList"].append(policy["PolicyVersionList"][0]),
        lambda policy: policy.update(PolicyVersionList=[]),
    ],
)
def test_policy_whose_default_version_is_not_certain_is_unknown(
    edit: Callable[[Any], object], saved: SavedCustomer
) -> None:
    details, *roles = saved.files
    edited(details, lambda found: edit(found["Policies"][0]))
    found = verify_files(read_files([details, *roles]), saved.expectation)
    assert found.state == "unknown"
    for role in found.accounts[0].roles:
        assert [(unknown.part, unknown.why) for unknown in role.unknown] == [
            ("boundary", "not-in-files")
        ]


@pytest.mark.parametrize(
    ("edit", "problem"),
    [
        (lambda found: found["Role"].pop("MaxSessionDuration"), "is not the output"),
        (lambda found: found["Role"].update(MaxSessionDuration=True), "is not the output"),
        (lambda found: found["Role"].update(MaxSessionDuration="3600"), "is not the output"),
        (lambda found: found["Role"].update(Arn=SECRET), "is not the output of aws iam get-role"),
        (
            lambda found: found["Role"].update(Arn="arn:aws:iam::111122223333:role/Example"),
            "the role is in none of the files",
        ),
    ],
)
def test_role_that_cannot_be_used_causes_one_error(
    edit: Callable[[Any], object], problem: str, saved: SavedCustomer
) -> None:
    details, role, other = saved.files
    edited(role, edit)
    assert problem in the_error(of_files(saved, details, role, other))


def test_account_must_be_saved_once_and_completely(saved: SavedCustomer) -> None:
    details, *roles = saved.files
    line = the_error(of_files(saved, details, details, *roles))
    assert f"the account {ACCOUNT_ID} is also in another file" in line
    line = the_error(of_files(saved, *roles))
    assert "the role is in none of the files" in line
