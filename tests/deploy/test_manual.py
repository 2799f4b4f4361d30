"""``docs/manual.md``: its commands, run on the AWS emulator.

The real AWS CLI runs those that create, check, and remove the roles.
"""

import json
import re
import shutil
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from click.testing import CliRunner
from hypothesis import example, given
from hypothesis import strategies as st

from pump_roles import universal
from pump_roles.published import ROLES
from pump_roles.review.account.account_details import policy_for_reading
from pump_roles.review.cli import app
from tests.customer import READ_ONLY, policy, statement
from tests.support import PRINCIPAL, PUMP_ACCOUNT, Synth, examples, role_in, some, trust
from tools.sandbox.aws import ACCOUNT_ID, OWNER, Caller, EmbeddedAws
from tools.sandbox.cdk import ROOT, tool_environment

pytestmark = pytest.mark.usefixtures("no_aws")

PAGE = (ROOT / "docs" / "manual.md").read_text()
FILES = ROOT / "docs" / "manual"
OTHER_ACCOUNT = "111122223333"
EXTERNAL_ID = "=a_b+c=d,e.f@g:h/i-J9"
NEXT_ID = "-/:@.,=+_"
SHELLS = ("sh", "bash", "zsh")


def sections() -> dict[str, list[str]]:
    """Return the blocks of the page by the heading that they are under."""
    found = {}
    for part in re.split(r"^## ", PAGE, flags=re.MULTILINE)[1:]:
        if blocks := re.findall(r"```sh\n(.*?)```", part, re.DOTALL):
            found[part.partition("\n")[0]] = blocks
    return found


BLOCKS = sections()
MORE = policy("PumpBillingReadOnly", statement(lambda only: only["Action"].append("s3:Get*")))
ARNS = {kind: role_in(int(ACCOUNT_ID), role.name) for kind, role in ROLES.items()}


def filled(block: str, **values: str) -> str:
    """Return a block with values between the quotation marks."""
    for name, value in values.items():
        assert block.count(f"{name}=''\n") == 1
        block = block.replace(f"{name}=''", f"{name}='{value}'")
    return block


def sh(
    *scripts: str, command: Sequence[str] = ("sh", "-eu"), folder: Path = FILES, **variables: str
) -> subprocess.CompletedProcess[str]:
    """Run scripts one after the other in one shell, which stops at the first error."""
    return subprocess.run(
        command,
        input="".join(scripts),
        cwd=folder,
        env={**tool_environment(), "PYTHONPATH": str(ROOT), **variables},
        capture_output=True,
        text=True,
        check=False,
    )


VALUES, FILL_IN = BLOCKS["Set the values"]
START = (filled(VALUES, PRINCIPAL=PRINCIPAL, EXTERNAL_ID=EXTERNAL_ID), FILL_IN)
BOTH_IDS, ONLY_NEW = BLOCKS["Rotate the external ID"]
NEW = BOTH_IDS.partition("\n")[0] + "\n"


@pytest.fixture
def unpacked(tmp_path: Path) -> Path:
    """The files of the release, in a folder of their own."""
    return shutil.copytree(FILES, tmp_path / "manual")


def permissions() -> list[str]:
    """Return the actions that the page says are needed."""
    (listed,) = re.findall(r"credentials with (.*?) on the two", PAGE, re.MULTILINE | re.DOTALL)
    return re.findall(r"`(iam:\w+)`", listed)


def verify(
    aws: EmbeddedAws, *arguments: object, external_id: str = EXTERNAL_ID
) -> tuple[int, list[tuple[str, str]]]:
    """Return the exit status of `pump-roles verify`, and the differences with their effects."""
    ended = CliRunner().invoke(
        app,
        ["verify", "--principal", PRINCIPAL, "--format", "json", *map(str, arguments)],
        env={**aws.environment(), "PUMP_EXTERNAL_ID": external_id},
    )
    assert ended.exit_code in {0, 3}, ended.stderr
    (account,) = json.loads(ended.stdout)["accounts"]
    return ended.exit_code, [
        (difference["rule"], difference["effect"])
        for role in account["roles"]
        for difference in role["differences"]
    ]


def read(aws: EmbeddedAws, caller: Caller = OWNER) -> dict[str, Any]:
    """Return the roles of Pump in an account, without what differs from account to account."""
    iam = aws.iam(caller)
    found = {}
    for detail in aws.roles(caller):
        name = detail["RoleName"]
        if name.startswith("Pump"):
            role = iam.get_role(RoleName=name)["Role"]
            found[name] = {
                "trust": role["AssumeRolePolicyDocument"],
                "policies": detail["RolePolicyList"],
                "managed": detail["AttachedManagedPolicies"],
                "path": role["Path"],
                "description": role["Description"],
                "session": role["MaxSessionDuration"],
                "boundary": role.get("PermissionsBoundary"),
            }
    return found


def from_stacks(aws: EmbeddedAws) -> dict[str, Any]:
    """Return the roles that the ready templates make, in another account."""
    parameters = {"PumpIamRole": PRINCIPAL, "PumpExternalID": EXTERNAL_ID}
    other = Caller(OTHER_ACCOUNT)
    for kind, role in ROLES.items():
        aws.deploy(role.stack_name, universal.template(kind).decode(), parameters, other)
    return read(aws, other)


def reads(aws: EmbeddedAws, session: Caller) -> bool:
    try:
        aws.client("rds", session).describe_db_instances()
    except ClientError as error:
        assert error.response["Error"]["Code"] == "AccessDenied", error
        return False
    return True


Shell = Callable[..., tuple[int, str]]
"""Runs a block after the values are set; returns the exit status, and what the block prints."""


@pytest.fixture
def shell(aws: EmbeddedAws, unpacked: Path) -> Shell:
    """A shell whose credentials have the permissions that the page lists, and names."""
    statements: list[dict[str, Any]] = [
        {"Effect": "Allow", "Action": permissions(), "Resource": [*ARNS.values()]},
        *policy_for_reading([role.name for role in ROLES.values()])["Statement"],
    ]
    aws.create_role("Operator", ACCOUNT_ID, statements)
    operator = aws.environment(aws.assume(role_in(int(ACCOUNT_ID), "Operator"), OWNER))

    def run(block: str, *start: str, interactive: bool = False) -> tuple[int, str]:
        # An interactive shell goes on after an error.
        command = ("bash", "--norc", "--noprofile", "-i") if interactive else ("sh", "-eu")
        scripts = (*(start or START), "exec 2>&1; printf '\\0'\n", block)
        ended = sh(*scripts, command=command, folder=unpacked, **operator)
        return ended.returncode, ended.stdout.partition("\0")[2]

    return run


@pytest.fixture
def templates(synth: Synth, tmp_path: Path) -> dict[str, Path]:
    """The folders of the templates, without guardrails and with the recommended ones."""
    folders = {}
    guarded = {"guardrails": ["recommended"], "auto-pilot": {}}
    for name, settings in (("plain", {}), ("guarded", guarded)):
        folders[name] = tmp_path / name
        folders[name].mkdir()
        for stack, template in synth(settings).items():
            (folders[name] / f"{stack}.template.json").write_text(json.dumps(template))
    return folders


@pytest.fixture
def pump(aws: EmbeddedAws) -> Caller:
    """Pump's principal."""
    return aws.caller_in(PRINCIPAL)


@pytest.mark.slow
def test_page_creates_both_roles_even_if_followed_twice(
    aws: EmbeddedAws, pump: Caller, shell: Shell, templates: dict[str, Path]
) -> None:
    plain = templates["plain"]
    # It gives nothing before it has its policy.
    make, add = BLOCKS["Create the read-only role"]
    without_id = filled(VALUES, PRINCIPAL=PRINCIPAL)
    assert "invalid" in shell(make, without_id, FILL_IN, interactive=True)[1].lower()
    assert read(aws) == {}
    assert shell(make) == (0, f"{ARNS['read-only']}\n")
    session = aws.assume(ARNS["read-only"], pump, external_id=EXTERNAL_ID)
    assert not reads(aws, session)
    assert shell(add)[0] == 0
    assert reads(aws, session)
    (verify_with,) = BLOCKS["Verify"]
    status, shown = shell(f"{verify_with.rstrip()} --expect {plain / universal.FILES['read-only']}")
    assert (status, "match" in shown) == (0, True), shown
    assert verify(aws, "--expect", plain / universal.FILES["read-only"]) == (0, [])
    assert verify(aws, "--expect", plain) == (3, [("role-missing", "narrower")])

    # To follow the page twice changes nothing, and repairs what somebody changed.
    before = read(aws)
    status, shown = shell(make)
    assert (status, "EntityAlreadyExists" in shown) == (255, True)
    MORE(aws.iam())
    assert verify(aws, "--expect", plain / universal.FILES["read-only"])[0] == 3
    another = json.dumps(trust(PRINCIPAL, NEXT_ID))
    aws.iam().update_assume_role_policy(RoleName=READ_ONLY, PolicyDocument=another)
    assert shell(add)[0] == 0
    assert read(aws) == before

    assert shell("".join(BLOCKS["Create the auto-pilot role"]))[0] == 0
    assert verify(aws, "--expect", plain) == (0, [])
    status, shown = shell(verify_with)
    assert (status, "match" in shown) == (0, True)
    assert read(aws) == from_stacks(aws)


@pytest.mark.slow
def test_page_guards_rotates_and_removes_both_roles(
    aws: EmbeddedAws, pump: Caller, shell: Shell, templates: dict[str, Path]
) -> None:
    plain, guarded = templates.values()
    make, add = BLOCKS["Create the read-only role"]
    assert shell("".join([make, add, *BLOCKS["Create the auto-pilot role"]]))[0] == 0

    assert shell("".join(BLOCKS["Add guardrails"]))[0] == 0
    assert verify(aws, "--expect", plain) == (3, [("policy-added", "narrower")] * 6)
    assert verify(aws, "--expect", guarded) == (0, [])

    # The rotation has no gap. Its last step needs the new ID: else, the roles keep theirs.
    def accepted() -> list[list[str | None]]:
        ids = (EXTERNAL_ID, NEXT_ID, "Wrong-1234", None)
        return [
            [tried for tried in ids if aws.can_assume(arn, pump, external_id=tried)]
            for arn in ARNS.values()
        ]

    assert "NEW_EXTERNAL_ID: parameter" in shell(ONLY_NEW, interactive=True)[1]
    assert accepted() == [[EXTERNAL_ID]] * 2
    new = filled(NEW, NEW_EXTERNAL_ID=NEXT_ID)
    assert shell(filled(BOTH_IDS, NEW_EXTERNAL_ID=NEXT_ID))[0] == 0
    assert accepted() == [[EXTERNAL_ID, NEXT_ID]] * 2
    assert verify(aws, "--expect", guarded) == (3, [("external-id", "broader")] * 2)
    assert shell(new + ONLY_NEW)[0] == 0
    assert accepted() == [[NEXT_ID]] * 2
    assert verify(aws, "--expect", guarded, external_id=NEXT_ID) == (0, [])

    remove, verify_removed = BLOCKS["Update and remove"]
    assert shell(remove.replace("PumpReadOnlyRole PumpAutoPilotRole", "PumpReadOnlyRole"))[0] == 0
    assert verify(aws, "--removed", "--expect", plain)[0] == 3
    # A role that is not there does not keep the other one.
    assert "NoSuchEntity" in shell(remove, interactive=True)[1]
    assert read(aws) == {}
    assert verify(aws, "--removed", "--expect", plain) == (0, [])
    assert shell(verify_removed)[0] == 0


def test_every_section_with_commands_is_run_by_the_tests_above() -> None:
    """Each of them takes all blocks of the sections that it names."""
    assert list(BLOCKS) == [
        *("Set the values", "Create the read-only role", "Create the auto-pilot role"),
        *("Add guardrails", "Verify", "Rotate the external ID", "Update and remove"),
    ]


# The trust policy.

WORDS = "abcXYZ019_+=,.@-"
NAMES = st.text(WORDS, min_size=1, max_size=20)
PRINCIPALS = st.one_of(
    st.just(PUMP_ACCOUNT),
    st.just(f"arn:aws-us-gov:iam::{PUMP_ACCOUNT}:root"),
    st.lists(NAMES, min_size=1, max_size=3).map(
        lambda path: f"arn:aws:iam::{PUMP_ACCOUNT}:role/{'/'.join(path)}"
    ),
)
IDS = st.text(WORDS + ":/", min_size=2, max_size=40)


def trust_policies(principal: str, external_id: str, next_id: str) -> Sequence[Any]:
    """Return the trust policies of the page: at first, with both IDs, and after the rotation."""
    script = [
        "aws() { :; }",
        filled(VALUES, PRINCIPAL=principal, EXTERNAL_ID=external_id) + FILL_IN,
        filled(BOTH_IDS, NEW_EXTERNAL_ID=next_id) + 'printf "%s\\n" "$BOTH"',
        ONLY_NEW + 'printf "%s\\n" "$TRUST"',
    ]
    ended = sh("\nprintf '\\0'\n".join(script))
    assert ended.returncode == 0, ended.stderr
    _, *policies = ended.stdout.split("\0")
    return [json.loads(policy) for policy in policies]


@example(
    principal=f"arn:aws:iam::{PUMP_ACCOUNT}:role/EXTERNAL_ID",
    external_id="PRINCIPAL",
    next_id="EXTERNAL_ID",
)
@example(principal=PUMP_ACCOUNT, external_id="E" * 1224, next_id="==")
@examples(thorough=100, quick=4)
@given(principal=PRINCIPALS, external_id=IDS, next_id=IDS)
def test_every_allowed_value_is_filled_in_unchanged(
    principal: str, external_id: str, next_id: str
) -> None:
    first, both, last = trust_policies(principal, external_id, next_id)
    assert first == trust(principal, external_id)
    expected: Any = trust(principal, external_id)
    condition = expected["Statement"][0]["Condition"]["StringEquals"]
    condition["sts:ExternalId"] = [external_id, next_id]
    assert both == expected
    assert last == trust(principal, next_id)


REJECTED = [
    # GNU sed would run the second command of this.
    'x"|;e touch owned;#',
    'x"]}},{"Effect":"Allow","Principal":"*","Action":"sts:AssumeRole"}],"a":["',
    "two words",
    "a\nb",
    "ends with a line break\n",
    "\n",
    "a&b",
    "a\\b",
    "$(touch owned)",
    "`touch owned`",
    "\u00e4",
    "\u0430",
]


@pytest.mark.parametrize("shell", [name for name in SHELLS if shutil.which(name)])
@pytest.mark.parametrize("variable", ["PRINCIPAL", "EXTERNAL_ID", "NEW_EXTERNAL_ID"])
def test_rejected_value_is_not_filled_in_and_runs_nothing(
    variable: str, shell: str, unpacked: Path
) -> None:
    allowed = {"PRINCIPAL": PUMP_ACCOUNT, "EXTERNAL_ID": EXTERNAL_ID, "NEW_EXTERNAL_ID": NEXT_ID}
    script = ["aws() { :; }\n"]
    # Each for every variable, and in one of the shells.
    rejected = [*some(REJECTED, len(SHELLS), list(SHELLS).index(shell))]
    for value in rejected:
        given_values = allowed | {variable: value}
        new_id = given_values.pop("NEW_EXTERNAL_ID")
        script += [
            # Each value in a shell of its own.
            "(\n",
            filled(VALUES, **given_values),
            *(FILL_IN, filled(BOTH_IDS, NEW_EXTERNAL_ID=new_id)),
            'printf "\\0%s\\0%s" "$TRUST" "$BOTH"\n',
            ONLY_NEW + 'printf "\\0%s\\0" "$TRUST"\n',
            ")\n",
        ]
    ended = sh(*script, command=[shell, "-u"], folder=unpacked)
    assert ended.returncode == 0
    printed = ended.stdout.split("\0")
    # The first trust policy, the one with both IDs, and the last one, after what the page prints.
    in_use = [{"PRINCIPAL", "EXTERNAL_ID"}, allowed.keys(), {"PRINCIPAL", "NEW_EXTERNAL_ID"}]
    for number, value in enumerate(rejected):
        made = printed[4 * number + 1 : 4 * number + 4]
        assert [policy == "" for policy in made] == [variable in names for names in in_use], value
        assert f"not valid: {value}" in ended.stderr
    assert not (unpacked / "owned").exists()


# What the page says.


def test_listed_permissions_are_those_that_the_commands_need() -> None:
    blocks = "".join(block for blocks in BLOCKS.values() for block in blocks)
    called = set(re.findall(r"\baws iam ([a-z-]+)", blocks))
    assert permissions() == sorted(f"iam:{name.title().replace('-', '')}" for name in called)
