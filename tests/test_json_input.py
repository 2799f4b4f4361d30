"""JSON is read alike on every Python: what is nested too deeply is the same error everywhere."""

from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pump_roles.inputs import InputError, decoded, parse_json, read_json
from tests.commands import run, the_error


def nested(opening: list[str]) -> str:
    """Return a JSON text: arrays and objects in each other, from the outermost to the innermost."""
    beginning = "".join("[0, " if bracket == "[" else '{"[{": ' for bracket in opening)
    end = "".join("]" if bracket == "[" else "}" for bracket in reversed(opening))
    return f"{beginning}0{end}"


BRACKETS = st.sampled_from("[{")


@pytest.mark.parametrize(
    "parse", [parse_json, lambda text: decoded(msgspec.json.decode, text)], ids=["json", "msgspec"]
)
@given(
    allowed=st.lists(BRACKETS, max_size=200), more=st.lists(BRACKETS, min_size=201, max_size=2_000)
)
def test_reads_what_is_nested_at_most_200_deep(
    parse: Callable[[str], object], allowed: list[str], more: list[str]
) -> None:
    parse(nested(allowed))
    with pytest.raises(RecursionError):
        parse(nested(more))


@pytest.mark.parametrize("depth", [201, 800, 5_000, 100_000])
def test_file_that_is_nested_too_deeply_is_one_error(depth: int, tmp_path: Path) -> None:
    file = tmp_path / "deep.json"
    file.write_text("[" * depth + "]" * depth)
    with pytest.raises(InputError, match=r"/deep\.json: is nested too deeply to read$"):
        read_json(file, "a settings file")


@pytest.mark.parametrize(
    "arguments",
    [
        ("report", "FILE"),
        ("report", "--since", "FILE"),
        ("verify", "--expect", "FILE", "--details", "FILE"),
        ("verify", "--principal", "999988887777", "--details", "FILE"),
        ("rollout-status", "--expect", "FILE"),
    ],
)
def test_command_says_that_its_input_is_nested_too_deeply(
    arguments: tuple[str, ...], tmp_path: Path
) -> None:
    file = tmp_path / "deep.json"
    file.write_text(nested(["{"] * 201))
    ended = run(*(file if argument == "FILE" else argument for argument in arguments))
    assert the_error(ended, 1) == f"pump-roles: {file}: is nested too deeply to read"
