"""An external ID prints itself masked; its text comes out only where it is asked for."""

import ast
import json
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pump_roles import ArgumentError
from pump_roles.iam.external_ids import MASK, OPEN_ID, ExternalId, TextMask, external_ids_in
from pump_roles.iam.trust import parse_trust
from pump_roles.inputs.text import visible
from pump_roles.inputs.validators import EXTERNAL_ID
from pump_roles.review.output.messages import to_json
from tests.support import OTHER_SECRET, SECRET
from tools.sandbox.cdk import ROOT

IDS = st.from_regex(EXTERNAL_ID.pattern, fullmatch=True).filter(lambda text: len(text) < 200)
LONG_IDS = IDS.filter(lambda text: len(text) >= 6)


def printed(value: object) -> Iterator[str]:
    """Everything that prints a value, or writes its fields."""
    yield from (str(value), repr(value), f"{value}", f"{value!r:>40}", format(value), "%s" % value)  # noqa: UP031
    yield from (repr([value]), repr({value: value}), str(ValueError(value)))
    yield repr(asdict(value))  # type: ignore[call-overload]
    yield to_json(value)


@given(IDS | st.text(st.characters()))
@example("Describe")
@example("\ud800")
def test_external_id_prints_itself_masked(text: str) -> None:
    external_id = ExternalId.of(text)
    # As if it had no text.
    without = ExternalId(**asdict(external_id))
    assert [*printed(external_id)] == [*printed(without)]
    assert str(external_id) == MASK


@given(IDS, IDS)
@example("Acme-1234", "ACME-1234")
def test_equal_are_those_with_the_same_text(text: str, other: str) -> None:
    one, two = ExternalId.of(text), ExternalId.of(other)
    assert (one == two) == (text == other)
    assert (one == ExternalId.from_sha256(two.sha256)) == (text == other)
    assert one.differs_in_case_from(two) == (text != other and text.casefold() == other.casefold())
    assert len({one, ExternalId.of(text)}) == 1


def test_text_comes_out_only_if_it_is_asked_for() -> None:
    external_id = ExternalId.of(SECRET)
    assert external_id.reveal() == SECRET
    # What is made from the fields, such as by a reader of JSON, does not have the text.
    for without in (replace(external_id), ExternalId(**asdict(external_id)), OPEN_ID):
        with pytest.raises(ValueError, match="is not known"):
            without.reveal()
    assert ExternalId(**asdict(external_id)) == external_id


@pytest.mark.parametrize(
    "text", ["a", "a b", "EXTERNAL_ID", "x" * 1_225, f"{SECRET}\n", "", "${A}"]
)
def test_text_that_aws_does_not_accept_is_no_known_external_id(text: str) -> None:
    assert ExternalId.of(text).state == "not-read"
    with pytest.raises(ArgumentError) as raised:
        ExternalId.provided("external_id", text)
    assert len(text) < 2 or text not in str(raised.value) or text == "EXTERNAL_ID"


@given(st.lists(LONG_IDS, min_size=1, max_size=3), st.text(), st.data())
def test_text_shows_no_external_id_in_it(ids: list[str], around: str, data: st.DataObject) -> None:
    pieces = data.draw(st.lists(st.sampled_from([*ids, around, "x", "-", '"']), max_size=8))
    shown = TextMask(map(ExternalId.of, ids)).masked("".join(pieces))
    left = shown.split(MASK)
    assert not [text for text in ids for piece in left if text in piece]


@given(st.text(max_size=5), st.text())
def test_short_external_id_is_masked_only_if_it_is_the_whole_text(short: str, text: str) -> None:
    mask = TextMask([ExternalId.of(short)])
    assert mask.masked(short) == MASK
    assert mask.masked(text) == (MASK if text == short else visible(text))


@given(IDS, st.lists(st.text(), max_size=2))
def test_text_that_shows_an_external_id_is_known(text: str, around: list[str]) -> None:
    external_id, within = ExternalId.of(text), text.join(around)
    assert external_id.is_in(within) == (TextMask([external_id]).replaced(within) != within)


def test_trust_policy_prints_none_of_its_external_ids() -> None:
    condition = {"StringEquals": {"sts:ExternalId": [SECRET, OTHER_SECRET]}}
    statement = {
        "Effect": "Allow",
        "Principal": {"AWS": "999988887777"},
        "Action": "sts:AssumeRole",
        "Condition": condition,
    }
    trust = parse_trust({"Version": "2012-10-17", "Statement": [statement]})
    shown = f"{trust!r} {trust} {asdict(trust)} {to_json(trust)}"
    assert (SECRET in shown, OTHER_SECRET in shown) == (False, False)
    assert trust.named_ids == {*map(ExternalId.of, (SECRET, OTHER_SECRET))}


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ({"StringLike": {"STS:externalid": "Acme-*"}}, {"Acme-*"}),
        ([json.dumps({"sts:ExternalId": [SECRET, 98765432]})], {SECRET, "98765432"}),
        ({"Null": {"sts:ExternalId": "false", "k": {"sts:ExternalId": SECRET}}}, {SECRET}),
        ({"Null": {"sts:ExternalId": SECRET}}, {SECRET}),
        ({"sts:ExternalId": {"Fn::If": ["C", SECRET, "*"]}}, {"C", SECRET}),
        ({"StringEquals": {"aws:PrincipalArn": SECRET}}, set()),
    ],
)
def test_external_ids_of_a_policy_are_what_stands_under_the_key(
    value: Any, found: set[str]
) -> None:
    assert external_ids_in(value) == {*map(ExternalId.of, found)}


REVEALING = {
    "iam/external_ids.py": "masks, and compares the case",
    "iam/trust.py": "compares conditions",
    "app/__init__.py": "writes a template",
    "review/account/probe.py": "calls AWS STS",
}
"""Who asks for the text of an external ID, and what for."""


def names_in(file: Path) -> set[str]:
    nodes = ast.walk(ast.parse(file.read_text()))
    return {node.attr for node in nodes if isinstance(node, ast.Attribute)}


def test_only_writers_and_the_probe_ask_for_the_text_and_comparisons_do() -> None:
    package = ROOT / "pump_roles"
    by_name: dict[str, set[str]] = {"reveal": set(), "compared_ids": set(), "_secret": set()}
    for file in package.rglob("*.py"):
        for name in by_name.keys() & names_in(file):
            by_name[name].add(str(file.relative_to(package)))
    assert by_name["reveal"] == {*REVEALING}
    assert by_name["compared_ids"] == {"compare/trust_policies.py"}
    assert by_name["_secret"] == {"iam/external_ids.py"}
