"""Statuses of rollouts for the tests, and the schema of the JSON."""

import json
from collections.abc import Mapping
from importlib import resources
from typing import Any

from pump_roles.review.account.rollout_status import (
    AccountStatus,
    RolloutStatus,
    RolloutUnknown,
    Statuses,
)

SCHEMA: Mapping[str, Any] = json.loads(
    resources.files("pump_roles.review.output").joinpath("rollout.schema.json").read_text("utf-8")
)


def with_everything(text: str = "text") -> Statuses:
    """Return a status with something in every member."""
    account = AccountStatus(
        account="111122223333",
        name=text,
        unit="r-abcd/ou-abcd-12345678",
        state="not-current",
        reason=text,
        region="us-east-1",
        status=text,
        detailed_status=text,
    )
    not_known = RolloutUnknown(why="not-read", subject=text, detail=text)
    return Statuses(
        rollouts=(
            RolloutStatus(
                stack_set="PumpReadOnly",
                state="incomplete",
                unknown=(not_known,),
                region="us-east-1",
                units=("r-abcd",),
                deployed_units=("r-abcd", "ou-abcd-12345678"),
                filter="exclude",
                filtered=("444455556666",),
                management_account="123456789012",
                targeted=1,
                accounts=(account,),
            ),
        )
    )
