"""Every block of commands of every page runs, as it stands, in the order of its page.

What cannot run here is in ``not_run.json``: a reason, and what its blocks have in common.
"""

import json
import re
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import pytest

from pump_roles import universal
from tests.docs.pages import PLACEHOLDERS, commands, filled_in
from tests.docs.pasted import PROGRAMS, Part, World, parts, shell, write_settings
from tests.docs.test_pasted_commands import PAGES
from tests.support import PRINCIPAL, SECRET, Assembly, role_in
from tools.sandbox.aws import ACCOUNT_ID, Caller, EmbeddedAws
from tools.sandbox.cdk import ROOT

NOT_RUN: Final[dict[str, list[str]]] = json.loads(
    (Path(__file__).parent / "not_run.json").read_text()
)
"""What a block contains that does not run, by the reason."""

PAGES_WITH_BLOCKS: Final = {
    str(page.relative_to(ROOT)): [*parts(page.read_text("utf-8"))]
    for page in sorted(PAGES)
    if "```sh\n" in page.read_text("utf-8")
}

PROFILES: Final = {"PROFILE": "production", "OTHER_PROFILE": "test"}
BOTH: Final = {"principal": PRINCIPAL, "external-id": SECRET, "auto-pilot": {}}
ENABLED: Final = [0, 255, 0]
"""The page says to leave out what enables a type of policy that is enabled."""

EXPECTED: Final[dict[tuple[str, str], list[int]]] = {
    # The emulator's history has no calls of Pump's.
    ("docs/activity.md", "--days 7"): [4, 4],
    # The loop ends at an account in which the auto-pilot role is missing.
    ("docs/organizations.md", "for profile in"): [0, 0, 0, 3],
    # PumpAutoPilot is destroyed with the credentials of its account.
    ("docs/organizations.md", "verify --removed"): [3],
    # It reports each guardrail.
    ("docs/manual.md", "pump-roles verify --principal"): [3],
    ("docs/protect.md", "enable-policy-type"): ENABLED,
    # During a stop, and without the boundary in the templates.
    ("docs/stop.md", "pump-roles verify"): [3],
    ("docs/stop.md", "enable-policy-type"): ENABLED,
    # The roles are not removed.
    ("docs/verify.md", "PUMP_EXTERNAL_ID=EXTERNAL_ID"): [0, 0, 0, 3],
    ("docs/verify.md", "--removed --expect"): [3, 3, 3],
    # The auto-pilot role is not in the files.
    ("docs/verify.md", "> role.json"): [0, 0, 4],
}
"""The exit statuses of a block's programs that are not all 0, by its page and what is in it."""

STOPPED: Final = r"iam::aws:policy/AWSDenyAll"
NOTHING: Final = r"\A\s*\Z"
PRINTED: Final[dict[tuple[str, str], str]] = {
    ("docs/alarm.md", "get-event-selectors"): r'"IncludeManagementEvents": true',
    ("docs/organizations.md", "list-stack-instances"): NOTHING,
    ("docs/organizations.md", "for profile in"): r"stopped at test",
    # The account has one that not only StackSets can assume.
    ("docs/protect.md", "list-roles --query 'Roles"): r":role/stacksets-exec-NAME",
    ("docs/release.md", "sha256sum --check"): r"\Afile: OK\n\Z",
    ("docs/stop.md", "--permissions-boundary arn:aws:iam::aws:policy/AWSDenyAll\naws"): NOTHING,
    ("docs/stop.md", "get-role --role-name PumpAutoPilotRole"): rf"(?s)({STOPPED}.*){{2}}",
    ("docs/stop.md", "get-role --profile"): rf"(?s)({STOPPED}.*){{4}}",
    ("docs/stop.md", "list-targets-for-policy"): r'"ROOT",\s+"r-',
}
"""What the page says that a block prints."""


def why_not(block: str) -> list[str]:
    """Return the reasons for which a block does not run."""
    return [why for why, texts in NOT_RUN.items() if any(text in block for text in texts)]


def blocks() -> list[str]:
    return [
        part.text for found in PAGES_WITH_BLOCKS.values() for part in found if part.language == "sh"
    ]


def test_few_blocks_are_not_run_each_for_one_reason() -> None:
    reasons = [why_not(block) for block in blocks()]
    assert all(len(found) <= 1 for found in reasons)
    assert len(reasons) <= 100
    assert sum(map(bool, reasons)) <= 18
    found = "".join(blocks())
    assert [text for texts in NOT_RUN.values() for text in texts if text not in found] == []


AUDITOR = (ROOT / "cloudformation" / "Auditor.template.json").read_text()


def deployed(world: World, profile: str = "") -> None:
    options = ["--profile", profile] if profile else []
    for command in ("synth", "deploy"):
        world.run("npx", "cdk", command, "PumpReadOnly", "PumpAutoPilot", *options)


def rolled_out(world: World) -> None:
    """Deploy both roles to every account."""
    units = {"organizational-units": [world.organization.root]}
    world.configure({**BOTH, "read-only": units, "auto-pilot": units})
    deployed(world)
    world.run("npx", "cdk", "deploy", "PumpReadOnlyRollout", "PumpAutoPilotRollout")


def with_auditor(world: World) -> None:
    """Create the role ``Auditor`` in every account."""
    for account in world.accounts:
        parameters = {"AuditorPrincipal": ACCOUNT_ID}
        world.aws.deploy("Auditor", AUDITOR, parameters, Caller(account))


def audited(world: World) -> None:
    rolled_out(world)
    with_auditor(world)
    (world.folder / "PumpReadOnly.template.json").write_bytes(universal.template("read-only"))
    saved = world.run("aws", "iam", "get-account-authorization-details").printed
    (world.folder / "details.json").write_text(saved)


def with_trail(world: World) -> None:
    deployed(world)
    (world.folder / "trail").mkdir()
    events = world.run("aws", "cloudtrail", "lookup-events").printed
    (world.folder / "trail" / "1.json").write_text(events)


def prepared(world: World) -> None:
    """Have the settings of a rollout and of one account that buys, and nothing deployed."""
    with_auditor(world)
    units = {"organizational-units": [world.organization.root]}
    world.configure({**BOTH, "read-only": units, "auto-pilot": {"account": ACCOUNT_ID}})


def protected(world: World) -> None:
    rolled_out(world)
    world.aws.create_role("stacksets-exec-NAME", ACCOUNT_ID)


def stoppable(world: World) -> dict[str, str]:
    rolled_out(world)
    for profile in PROFILES.values():
        deployed(world, profile)
    targets = {"targets": [world.organization.root]}
    world.configure({**world.settings, "protection": targets})
    world.run("npx", "cdk", "deploy", "PumpProtection")
    policies = world.aws.organizations.list_policies(Filter="SERVICE_CONTROL_POLICY")["Policies"]
    return {"POLICY_ID": next(each["Id"] for each in policies if each["Name"] == "StopPump")}


def released(world: World) -> None:
    """Have the files of a release."""
    (world.folder / "file").write_text("")
    (world.folder / "SHA256SUMS").write_text(f"{sha256(b'').hexdigest()}  file\n")


def onboarded(world: World) -> dict[str, str]:
    """Be Pump, to which a customer gave the role's ARN."""
    deployed(world)
    world.caller = world.aws.caller_in(PRINCIPAL)
    arn = role_in(int(ACCOUNT_ID), "PumpReadOnlyRole")
    (world.folder / "roles.txt").write_text(f"{arn} {SECRET}\n")
    return {"ROLE_ARN": arn}


def empty(world: World) -> None:
    """Have no settings yet."""
    world.configure({})


READY = ROOT / "cloudformation" / "PumpReadOnly-recommended.template.json"


def ready_file(world: World) -> None:
    (world.folder / READY.name).write_bytes(READY.read_bytes())


def ready_files_deployed(world: World) -> None:
    parameters = {"PumpIamRole": PRINCIPAL, "PumpExternalID": SECRET}
    for account in (ACCOUNT_ID, *world.accounts):
        world.aws.deploy("PumpReadOnly", READY.read_text(), parameters, Caller(account))
    with_auditor(world)


def heard(world: World) -> dict[str, str]:
    """Have a trail and a queue."""
    world.aws.client("s3").create_bucket(Bucket="trail")
    trail = world.aws.client("cloudtrail").create_trail(Name="trail", S3BucketName="trail")
    queue = world.aws.client("sqs").create_queue(QueueName="Undelivered")
    return {"ARN": trail["TrailARN"], "QUEUE_URL": queue["QueueUrl"]}


START: Final[dict[str, Callable[[World], dict[str, str] | None]]] = {
    "README.md": empty,
    "docs/activity.md": with_trail,
    "docs/alarm.md": heard,
    "docs/approve.md": deployed,
    "docs/audit.md": deployed,
    "docs/deploy.md": empty,
    "docs/operations.md": rolled_out,
    "docs/organizations.md": prepared,
    "docs/protect.md": protected,
    "docs/pump-side.md": onboarded,
    "docs/release.md": released,
    "docs/report.md": deployed,
    "docs/stacksets-reference.md": rolled_out,
    "docs/stop.md": stoppable,
    "docs/template.md": ready_file,
    "docs/terraform.md": ready_files_deployed,
    "docs/verify.md": audited,
}
"""What a page begins with, unless it is a clone with the settings of both roles.

It returns the values of the page's own placeholders.
"""


def keep_other_keys(world: World, part: Part, values: dict[str, Any]) -> None:
    """Write the settings of a page, which keep what they do not name."""
    before = {**world.settings}
    write_settings(world, part, values)
    if world.settings != before:
        new = {**world.settings}
        before.pop("next-external-id", None)
        for key in ("read-only", "auto-pilot"):
            if key in before and key in new:
                new[key] = {**before[key], **new[key]}
        world.configure({**before, **new})


def values_of(world: World) -> dict[str, Any]:
    first, second = world.accounts[:2]
    units = [*world.organization.units.values()]
    return {
        **PLACEHOLDERS,
        "PRINCIPAL": PRINCIPAL,
        "EXTERNAL_ID": SECRET,
        "OLD_EXTERNAL_ID": SECRET,
        "NEW_EXTERNAL_ID": f"{SECRET}-new",
        "ACCOUNT": first,
        "OTHER_ACCOUNT": second,
        "MANAGEMENT_ACCOUNT": ACCOUNT_ID,
        "AUDITOR_PRINCIPAL": ACCOUNT_ID,
        "ROOT_ID": world.organization.root,
        "UNIT_ID": units[0],
        "OTHER_UNIT_ID": units[1],
        "r-abcd": world.organization.root,
        "ou-abcd-12345678": units[0],
        "111122223333": first,
        "444455556666": second,
        **PROFILES,
    }


def typed(page: str, text: str, values: dict[str, Any]) -> str:
    """Return a block as the reader pastes it."""
    if page == "docs/manual.md":
        # The reader writes between the quotation marks.
        return re.sub(
            r"^([A-Z_]+)=''$",
            lambda found: f"{found[1]}='{values.get(found[1], '')}'",
            text,
            flags=re.MULTILINE,
        )
    return filled_in(text, values)


def learn(values: dict[str, Any], printed: str) -> None:
    """Take the IDs that a block prints, for the blocks after it."""
    for policy in re.findall(r"\bp-[0-9a-z]{8,}\b", printed):
        values["POLICY_ID"] = policy


@pytest.mark.slow
@pytest.mark.parametrize("name", ["bash", "zsh"])
@pytest.mark.parametrize("page", PAGES_WITH_BLOCKS)
def test_blocks_of_a_page_run_one_after_the_other(
    page: str, name: str, aws: EmbeddedAws, tmp_path: Path, assembly: Assembly
) -> None:
    world = World.create(aws, tmp_path, assembly)
    world.profiles(**dict(zip(PROFILES.values(), world.accounts, strict=False)))
    world.configure(BOTH)
    values = values_of(world)
    if start := START.get(page):
        values |= start(world) or {}
    failed = []
    with shell(world, name) as opened:
        for part in PAGES_WITH_BLOCKS[page]:
            if part.language == "json":
                keep_other_keys(world, part, values)
            if part.language != "sh" or why_not(part.text):
                continue
            ran, printed = opened.paste(typed(page, part.text, values))
            learn(values, printed)
            written = [words for words in commands(part.text) if words[0] in PROGRAMS]
            (expected,) = [
                statuses
                for (where, text), statuses in EXPECTED.items()
                if where == page and text in part.text
            ] or [[0] * len(ran)]
            prints = [
                said
                for (where, text), said in PRINTED.items()
                if where == page and text in part.text
            ]
            if (
                [each.status for each in ran] != expected
                or len(ran) < len(written)
                or not all(re.search(said, printed) for said in prints)
            ):
                failed.append(
                    (part.text, printed, [(each.status, each.printed[-900:]) for each in ran])
                )
    assert not failed, "\n".join(f"{text}{printed}{ran}" for text, printed, ran in failed)
