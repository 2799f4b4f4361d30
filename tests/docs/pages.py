"""The documents, and what the tests of several of them read out of them."""

import json
import re
import shlex
import textwrap
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote

from pump_roles.app.config import KEYS, OBJECTS
from pump_roles.published import ROLES
from tests.support import EXTERNAL_ID, PUMP_ACCOUNT
from tools.sandbox import catalog
from tools.sandbox.cdk import ROOT
from tools.sandbox.simulator import Role

README = (ROOT / "README.md").read_text()
DEPLOY = (ROOT / "docs" / "deploy.md").read_text()
TEMPLATE = (ROOT / "docs" / "template.md").read_text()
OPERATIONS = (ROOT / "docs" / "operations.md").read_text()
ORGANIZATIONS = (ROOT / "docs" / "organizations.md").read_text()
STACKSETS = (ROOT / "docs" / "stacksets-reference.md").read_text()
GUARDRAILS = (ROOT / "docs" / "guardrails.md").read_text()
APPROVE = (ROOT / "docs" / "approve.md").read_text()
GUARDRAILS_REFERENCE = (ROOT / "docs" / "guardrails-reference.md").read_text()
PROTECT = (ROOT / "docs" / "protect.md").read_text()
PUMP_SIDE = (ROOT / "docs" / "pump-side.md").read_text()
SECURITY = (ROOT / "docs" / "security-model.md").read_text()
STOP = (ROOT / "docs" / "stop.md").read_text()
VERIFY = (ROOT / "docs" / "verify.md").read_text()
ACTIVITY = (ROOT / "docs" / "activity.md").read_text()

WITH_COMMANDS = {
    "README": README,
    "deploy": DEPLOY,
    "operations": OPERATIONS,
    "organizations": ORGANIZATIONS + STACKSETS,
    "guardrails": GUARDRAILS,
    "approve": APPROVE,
}
"""The pages with commands of the CDK CLI."""

BUY = "savingsplans:CreateSavingsPlan"
READ = "pricing:GetProducts"
"""What the auto-pilot role can do, for the policy simulator."""

SETTINGS = {*OBJECTS, *(key.name for key in KEYS)}
"""What can be at the top level of ``pump.json``."""

PLACEHOLDERS = {
    "PRINCIPAL": PUMP_ACCOUNT,
    "EXTERNAL_ID": EXTERNAL_ID,
    "OLD_EXTERNAL_ID": "Old-1234",
    "NEW_EXTERNAL_ID": "New-5678",
    "PUMP_ACCOUNT": PUMP_ACCOUNT,
    "ACCOUNT": "111122223333",
    "OTHER_ACCOUNT": "444455556666",
    "PIPELINE_ACCOUNT": "222233334444",
    "AUDITOR_PRINCIPAL": "111122223333",
    "ROOT_ID": "r-abcd",
    "UNIT_ID": "ou-abcd-12345678",
    "OTHER_UNIT_ID": "ou-abcd-87654321",
    "MANAGEMENT_ACCOUNT": "111122223333",
    "ORGANIZATION_ID": "o-abcd123456",
    "REGION": "us-east-1",
    "OTHER_REGION": "eu-central-1",
    "ROLE_ARN": "arn:aws:iam::111122223333:role/PumpReadOnlyRole",
}


def filled_in(text: str, values: Mapping[str, Any] = PLACEHOLDERS) -> str:
    """Return a block with the values of its placeholders."""
    return re.sub(
        rf"(?<![A-Za-z0-9_$])({'|'.join(sorted(values, key=len, reverse=True))})(?![A-Za-z0-9_])",
        lambda found: str(values[found[1]]),
        text,
    )


def block(marker: str, language: str, text: str) -> str:
    """Return the code block of a page that follows a marker."""
    found = re.search(rf"{re.escape(marker)}\n```{language}\n(.*?)```", text, re.DOTALL)
    assert found
    return found[1]


def policy(marker: str, text: str, **values: str) -> dict[str, Any]:
    """Return the policy of a page that follows a marker, with placeholders replaced."""
    written = block(f"<!-- {marker} -->", "json", text)
    found: dict[str, Any] = json.loads(filled_in(written, PLACEHOLDERS | values))
    return found


def settings_in(text: str) -> list[dict[str, Any]]:
    """Return each example of ``pump.json`` on a page, with placeholders replaced."""
    return [json.loads(filled_in(block)) for block in settings_blocks(text)]


def settings_blocks(text: str) -> list[str]:
    """Return each example of ``pump.json`` on a page, as it is written."""
    blocks = re.findall(r"^( *)```json\n(.*?)^\1```", text, re.MULTILINE | re.DOTALL)
    return [block for _, block in blocks if json.loads(block).keys() <= SETTINGS]


def kept_in_pump_json(text: str) -> dict[str, Any]:
    """Return the first example of ``pump.json`` on a page."""
    first, *_ = settings_in(text)
    return first


def sh_blocks(text: str) -> list[str]:
    """Return the blocks of a page that are pasted into a shell."""
    found = re.findall(r"^( *)```sh\n(.*?)^\1```$", text, re.MULTILINE | re.DOTALL)
    return [textwrap.dedent(block) for _, block in found]


def commands(block: str) -> list[list[str]]:
    """Return the words of each command of a block that has no variable, as they are written."""
    found: list[list[str]] = []
    for line in block.replace("\\\n", " ").splitlines():
        lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
        lexer.commenters, lexer.whitespace_split = "", True
        command: list[str] = []
        found.append(command)
        redirected = False
        for word in lexer:
            if set(word) <= set("();<>|&"):
                redirected = not {"<", ">"}.isdisjoint(word)
                command = command if redirected else []
                found += [] if redirected else [command]
            elif redirected:
                redirected = False
            elif command or not re.match(r"[A-Z_]+=|do$", word):
                command.append(word)
    return [command for command in found if command and "$" not in "".join(command)]


def quick_create_link(values: Mapping[str, str]) -> str:
    """Return the link of the guide, with the values of its placeholders."""
    link: str
    (link,) = re.findall(r"^https://\S+#/stacks/create/review\S+$", TEMPLATE, re.MULTILINE)
    for placeholder, value in values.items():
        assert link.count(f"={placeholder}") == 1
        link = link.replace(f"={placeholder}", f"={quote(value, safe='')}")
    return link


def shown(text: str, program: str) -> list[list[str]]:
    """Return the arguments of each command of a program in the blocks, and emails, of a page."""
    # In an email, in quotation marks.
    emails = re.findall(rf'^".*: ({program} .*)"$', text, re.MULTILINE)
    written = [*map(commands, sh_blocks(text)), map(shlex.split, emails)]
    return [words[1:] for found in written for words in found if words[0] == program]


def cdk_commands(text: str) -> list[list[str]]:
    """Return the CDK commands of a page that name stacks, in blocks and within sentences."""
    within = re.findall(r"`(npx cdk [^`]*)`", text)
    return [
        words
        for words in [*(["npx", *words] for words in shown(text, "npx")), *map(shlex.split, within)]
        if words[1] == "cdk" and words[2] != "import" and any("Pump" in word for word in words[3:])
    ]


def role(name: str = "PumpAutoPilotRole", **more: Any) -> Role:
    """Return the auto-pilot role, for the policy simulator, with more policies by name."""
    policies = {policy.name: policy.document for policy in ROLES["auto-pilot"].policies}
    return Role(name, {}, policies | more)


def counts(patterns: Iterable[str]) -> list[int]:
    """Return the number of patterns, of the actions that they match, and of those that write."""
    patterns = list(patterns)
    actions = catalog.matching(patterns)
    return [len(patterns), len(actions), sum(not action.only_reads for action in actions)]
