"""`make demo`: what it shows, as a whole command, and that any wrong role fails it."""

import json
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from tests.docs.pages import README, block
from tests.support import on_terminal
from tools.sandbox import show
from tools.sandbox.aws import ACCOUNT_ID, OWNER, Caller, EmbeddedAws
from tools.sandbox.cdk import ROOT, tool_environment
from tools.sandbox.demo import QUESTIONS, Demo
from tools.sandbox.show import (
    PUMP,
    PUMP_ACCOUNT,
    READ_ONLY_ROLE,
    ROLES,
    Show,
    trust,
)
from tools.sandbox.simulator import IMPLICITLY_DENIED

DEMO = [sys.executable, "-m", "tools.sandbox.demo"]


@pytest.mark.slow
def test_demo_fits_a_terminal_of_80_columns() -> None:
    ended, shown = on_terminal(DEMO, folder=ROOT, environment=tool_environment())
    assert ended.returncode == 0, shown
    assert "\x1b[" in shown
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown).replace("\r\n", "\n")
    lines = [line.rsplit("\r", 1)[-1] for line in plain.split("\n")]
    assert max(len(line) for line in lines) <= 80
    text = "\n".join(lines)
    assert "WRONG" not in text
    assert "Every check passed." in text
    # Its plan and its last table have the headings.
    for number in range(1, 10):
        heading, shown_in = rf"^ *{number}  [A-Z].*$", re.MULTILINE
        planned, title, summed = (found.strip() for found in re.findall(heading, text, shown_in))
        assert planned == title
        assert summed.startswith(title)
    after = text.partition("The AWS emulator has stopped.")[2]
    assert len(after.strip().splitlines()) <= 12
    for row in (
        r"read an instance's +○ no +○ denied",
        r"attach AdministratorAccess +✘ differs +policy-added, broader",
        r"undo both +✔ match +none",
        r"closes, with untag-role +✘ refused",
        r"the new ID +auto-pilot +✘ refused +✔ allowed",
        r"new session, after +✘ refused",
        r"stacks +✔ none",
    ):
        assert re.search(f"^{row}", text, re.MULTILINE), row


def create(aws: EmbeddedAws, name: str) -> None:
    """Create a role as published."""
    iam = aws.iam()
    iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trust()))
    for policy in ROLES[name].policies:
        iam.put_role_policy(
            RoleName=name, PolicyName=policy.name, PolicyDocument=json.dumps(policy.document)
        )


def test_readme_has_the_table_of_who_can_assume_the_roles(
    aws: EmbeddedAws, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ROLES:
        create(aws, name)
    demo = Demo(aws)
    demo.show_callers()
    assert demo.passed
    printed = "".join(f"{line.rstrip()}\n" for line in capsys.readouterr().out.splitlines())
    assert block("From `make demo`:\n", "text", README) in printed


def test_role_without_its_external_id_or_its_guardrail_fails_the_check(
    aws: EmbeddedAws, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ROLES:
        create(aws, name)
    policy = trust()
    del policy["Statement"][0]["Condition"]
    aws.iam().update_assume_role_policy(RoleName=READ_ONLY_ROLE, PolicyDocument=json.dumps(policy))
    demo = Demo(aws)
    demo.show_callers()
    assert not demo.passed
    assert re.search(r"Pump +none +✔ allowed  WRONG +✘ refused", capsys.readouterr().out)
    # Nor does it have the guardrail.
    demo = Demo(aws)
    demo.show_approval(aws.assume(PUMP, Caller(PUMP_ACCOUNT)))
    assert not demo.passed


def test_every_call_of_the_demo_is_denied_to_a_role_without_policies(aws: EmbeddedAws) -> None:
    """Proves that what the demo shows as allowed was really authorized."""
    aws.create_role("Bare", ACCOUNT_ID)
    demo = Demo(aws)
    demo.add_data()
    session = aws.assume(f"arn:aws:iam::{ACCOUNT_ID}:role/Bare", OWNER)
    called = [question for question in QUESTIONS if not question.simulated]
    assert len(called) == 14
    for question in called:
        decision, message = demo.call(session, question.action)
        assert decision == IMPLICITLY_DENIED, question
        assert question.action in message


def check_twice(demo: Show) -> None:
    demo.expect(holds=False)
    demo.part("two")
    pytest.fail("a part after a failed check does not start")


def interrupt(_: Show) -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize(
    ("work", "status", "said"),
    [
        (lambda demo: demo.part("one"), 0, "Every check passed."),
        (check_twice, 1, "A check failed"),
        (interrupt, 130, "Interrupted."),
    ],
)
def test_exit_status_says_how_the_demo_ended(
    work: Callable[[Show], None],
    status: int,
    said: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ignored: list[Any] = []
    monkeypatch.setattr(signal, "signal", lambda *asked: ignored.append(asked))
    demo = Show({})
    assert demo.run(lambda: work(demo), "next") == status
    assert said in capsys.readouterr().out
    # A second interrupt must not prevent the emulator from being stopped.
    assert ignored == ([(signal.SIGINT, signal.SIG_IGN)] if status == 130 else [])


def test_failed_deployment_ends_the_demo_with_its_status(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    failed = subprocess.CompletedProcess[str]([], 3, "", "no such stack")
    monkeypatch.setattr(show, "cdk", lambda *_, **__: failed)
    demo = Show({})
    with pytest.raises(SystemExit, match="3"):
        demo.run(lambda: demo.deploy("NoSuchStack"), "next")
    assert "no such stack" in capsys.readouterr().out
