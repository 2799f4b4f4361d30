"""JSON is read alike on every Python: what is nested too deeply is the same error everywhere."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pump_roles.inputs.text import InputError, decoded, parse_json, read_json
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
        ("activity", "--expect", "FILE"),
    ],
)
def test_command_says_that_its_input_is_nested_too_deeply(
    arguments: tuple[str, ...], tmp_path: Path
) -> None:
    file = tmp_path / "deep.json"
    file.write_text(nested(["{"] * 201))
    ended = run(*(file if argument == "FILE" else argument for argument in arguments))
    assert the_error(ended, 1) == f"pump-roles: {file}: is nested too deeply to read"


def why_not_settings(text: str) -> str:
    """Return why a text is not a settings file, which is a property of every text."""
    with TemporaryDirectory() as folder:
        file = Path(folder, "pump.json")
        file.write_bytes(text.encode("utf-8", "surrogatepass"))
        try:
            read_json(file, "a settings file")
        except InputError as error:
            return str(error).removeprefix(f"{file}: is not a settings file: it is not JSON: ")
    return ""


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (
            '{\n  // Pump\'s\n  "principal": "1"\n}',
            "JSON has no comments: there is one in line 2, ",
        ),
        (
            '{"principal": /* mine */ "1"}',
            "JSON has no comments: there is one in line 1, column 15",
        ),
        ('# mine\n{"principal": "1"}', "JSON has no comments: there is one in line 1, column 1"),
        ('{"principal": "1" // mine\n}', "JSON has no comments: there is one in line 1, column 19"),
        ('{"principal": "1"}\n// mine', "JSON has no comments: there is one in line 2, column 1"),
        ('{"principal": "1",\n}', "JSON has no comma before ] or }: there is one in line 1, colu"),
        ('{"a": [1, 2 , ]}', "JSON has no comma before ] or }: there is one in line 1, column 13"),
        ("principal: '1'\nexternal-id: x\n", "it is YAML"),
        ("# Pump's\n\nroles:\n  - read-only\n", "it is YAML"),
        ("---\nprincipal: 1\n", "it is YAML"),
        (
            '{\u201cprincipal": "1"}',
            'JSON has only the quotation mark ": there is \u201c in line 1, ',
        ),
        (
            '{"principal\u201d: "1"}',
            'JSON has only the quotation mark ": there is \u201d in line 1, ',
        ),
        (
            '{"principal": \u201c1\u201d}',
            'JSON has only the quotation mark ": there is \u201c in line ',
        ),
        (
            '{"principal": "1\u201d,\n "a": 1}',
            'JSON has only the quotation mark ": there is \u201d in ',
        ),
        (
            "{'principal': '1'}",
            "JSON has only the quotation mark \": there is ' in line 1, column 2",
        ),
        # Each of these has another cause.
        ('{"principal" "1"}', "the error is in line 1, column 14"),
        ("{,}", "the error is in line 1, column 2"),
        ("[1,,]", "the error is in line 1, column "),
        ('{"a": "//", "b": #', "JSON has no comments: there is one in line 1, column 18"),
        ('{"a": "// # \u201c", b}', "the error is in line 1, column "),
        ("null:", "the error is in line 1, column 5"),
        ("", "it is empty"),
    ],
)
def test_mistake_in_json_gets_its_own_cause(text: str, why: str) -> None:
    assert why_not_settings(text).startswith(why)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=5),
    lambda children: (
        st.lists(children, max_size=3) | st.dictionaries(st.text(max_size=5), children)
    ),
    max_leaves=8,
)


def tokens(value: object) -> list[str]:
    """Return the tokens of a value's JSON."""
    encoder = json.JSONEncoder(ensure_ascii=False)
    return [
        token
        for chunk in encoder.iterencode(value)
        for token in (re.findall(r'"(?:[^"\\]|\\.)*"|[^\s"\[\]{},:]+|[\[\]{},:]', chunk))
    ]


@given(
    value=VALUES,
    between=st.sampled_from(["", " ", "\n", "\t "]),
    comment=st.sampled_from(["// a", "/* a */", "# a"]),
    data=st.data(),
)
def test_comment_is_the_cause_wherever_it_is_and_nothing_else_is(
    value: object, between: str, comment: str, data: st.DataObject
) -> None:
    found = tokens(value)
    assert why_not_settings(between.join(found)) == ""
    place = data.draw(st.integers(0, len(found)))
    text = between.join([*found[:place], f"\n{comment}\n", *found[place:]])
    line = text[: text.index(f"\n{comment}\n") + 1].count("\n") + 1
    assert why_not_settings(text) == f"JSON has no comments: there is one in line {line}, column 1"


@given(value=VALUES, between=st.sampled_from(["", " ", "\n"]), data=st.data())
def test_comma_before_a_bracket_is_the_cause_wherever_it_is(
    value: object, between: str, data: st.DataObject
) -> None:
    found = tokens([value])
    ends = [
        place
        for place, token in enumerate(found)
        if token in {"]", "}"} and found[place - 1] not in {"[", "{"}
    ]
    place = data.draw(st.sampled_from(ends))
    text = between.join([*found[:place], ",", *found[place:]])
    assert why_not_settings(text).startswith("JSON has no comma before ] or }: there is one in lin")


@given(text=st.text() | st.text('{}[]",:/#*\u201c\u201d 1a\n'))
def test_every_text_is_read_or_is_one_error_whose_cause_is_in_it(text: str) -> None:
    why = why_not_settings(text)
    assert "no comments" not in why or {*"/#"} & {*text}
    assert "no comma" not in why or "," in text
    assert "quotation mark" not in why or {*text} - {'"'} - {*"{}[],:/#* 1a\n"}
    assert "\n" not in why
