"""A text names one of Pump's roles, or its account, as a whole word."""

import json
from base64 import b64encode

import pytest

from pump_roles.templates.pump_names import PumpNames
from tests.support import PUMP_ACCOUNT

ESCAPED = "".join(f"\\u{ord(letter):04X}" for letter in "PumpAutoPilotRole")
ROLE, ACCOUNT = ("role", "PumpAutoPilotRole"), ("account", PUMP_ACCOUNT)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("RoleName=PumpAutoPilotRole,PolicyArn=x", ROLE),
        ("roles: Mine,PumpAutoPilotRole.", ROLE),
        (f'{{"role": "{ESCAPED}"}}', ROLE),
        (json.dumps(f'{{"role": "{ESCAPED}"}}'), ROLE),
        (json.dumps("first\nPumpAutoPilotRole"), ROLE),
        (b64encode(b"#!/bin/sh\nrun PumpAutoPilotRole").decode(), ROLE),
        ("RoleName='MyPumpAutoPilotRole'", None),
        ("RoleName='PumpAutoPilotRole2'", None),
        ("arn:aws:iam::*:role/PumpAuto*", ROLE),
        ("arn:aws:iam::111122223333:role/path/pumpauto?ilot*", ROLE),
        ("*role/P*Role", ROLE),
        ("arn:aws:sts::*:assumed-role/PumpAutoPilot*/session", ROLE),
        ("arn:aws:iam::*:role/*", None),
        ("arn:aws:iam::*:role/*PilotRole", None),
        ("arn:aws:iam::*:role/PumpAutoPilot", None),
        ("arn:aws:iam::*:role/Pumpkin*", None),
        ("arn:aws:s3:::bucket/Pump*", None),
        (f"arn:aws:s3:::{PUMP_ACCOUNT}", ACCOUNT),
        (f"arn:aws:s3:::{PUMP_ACCOUNT}1", None),
    ],
)
def test_text_names_the_role_or_pumps_account(text: str, named: tuple[str, str] | None) -> None:
    root = f"arn:aws:iam::{PUMP_ACCOUNT}:root"
    names = PumpNames([], [root])
    assert names.in_text(text, "") == named
    # In Pump's own account, only a principal is Pump.
    assert names.in_text(text, PUMP_ACCOUNT) == (None if named == ACCOUNT else named)
    assert names.in_text(root, PUMP_ACCOUNT) == ACCOUNT
