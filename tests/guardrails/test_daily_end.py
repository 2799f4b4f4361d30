"""What a schedule does, as it is in a template or in AWS."""

from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from pump_roles.role.access import approval_end

PASSED = '{"RoleName":"PumpAutoPilotRole","TagKeys":["pump-commitments"]}'
JSON = st.recursive(
    st.none() | st.booleans() | st.text(max_size=20),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=10), inner),
)


def schedule(expression: Any = "cron(0 20 * * ? *)", passed: Any = PASSED) -> dict[str, Any]:
    return {
        "FlexibleTimeWindow": {"Mode": "OFF"},
        "ScheduleExpression": expression,
        "Target": {"Arn": "arn:aws:scheduler:::aws-sdk:iam:untagRole", "Input": passed},
    }


@given(st.integers(0, 23), st.integers(0, 59))
def test_time_of_every_day_is_read(hour: int, minute: int) -> None:
    for expression in (f"cron({minute} {hour} * * ? *)", f"cron({minute:02} {hour:02} * * ? *)"):
        end = approval_end(schedule(expression))
        assert end is not None
        assert end.time == f"{hour:02}:{minute:02}"


@given(JSON)
@example("cron(60 20 * * ? *)")
@example("cron(0 24 * * ? *)")
@example("cron(0 20 * * ? 2027)")
@example("cron(0 20 1 * ? *)")
def test_any_other_time_is_not_known(expression: Any) -> None:
    end = approval_end(schedule(expression))
    assert end is not None
    assert end.time == ""


@given(JSON)
@example("[" * 200_000)
@example('{"RoleName":5,"TagKeys":["pump-commitments"]}')
@example('{"RoleName":"PumpAutoPilotRole","TagKeys":[["pump-commitments"]]}')
def test_whatever_else_it_passes_is_something_else(passed: Any) -> None:
    assert approval_end(schedule(passed=passed)) is None
    assert approval_end({**schedule(), "Target": passed}) is None
