"""Each picture has the order of the list that it illustrates, and so does the text in its place."""

import re
from html import unescape

import pytest

from tests.docs.pages import SECURITY, STOP
from tools.release.pictures import PURCHASE_TIMES
from tools.sandbox.cdk import ROOT

PICTURES = sorted(path.stem for path in (ROOT / "docs" / "pictures").glob("*.svg"))
DESCRIBED = {
    name: described
    for page in (ROOT / "docs").glob("*.md")
    for described, name in re.findall(r"!\[(.*?)\]\(pictures/(.*?)\.svg\)", page.read_text("utf-8"))
}

STEPS = re.findall(r"^(\d\. \w+ \w+ \w+)", SECURITY, re.MULTILINE)
STOPPED_BY = re.findall(r"Stopped by: `?([\w-]+ ?\w*)", SECURITY)
STOPS = re.findall(r"^(\d)\. \*\*\[?(.*?)(?:\]\(.*?\))?\*\*", STOP, re.MULTILINE)
LEAVES = re.findall(r"\d+", DESCRIBED["guardrails"])

ORDERS = {
    "attack": [STEPS, STOPPED_BY],
    "guardrails": [["publishes", "recommended", "needed-only"], LEAVES],
    "purchase": [[name for _, name, _ in PURCHASE_TIMES]],
    "stop": [[f"{number}. {name}" for number, name in STOPS]],
    "who-is-above": [["Before", "After"]],
}
"""What a page lists, from left to right in these two pictures, and from top to bottom elsewhere."""

ACROSS = {"purchase", "who-is-above"}


def svg(name: str) -> str:
    return (ROOT / "docs" / "pictures" / f"{name}.svg").read_text("utf-8")


def drawn(picture: str, texts: list[str], *, across: bool) -> list[str]:
    """Return texts in the order in which a picture has them; fails if one is missing."""
    found = [
        (float(x if across else y), unescape(text))
        for x, y, text in re.findall(r'<text x="([\d.]+)" y="([\d.]+)"[^>]*>(.*?)</text>', picture)
    ]
    places = {text: min(at for at, shown in found if text in shown) for text in texts}
    return sorted(texts, key=places.__getitem__)


def test_every_picture_is_compared_and_on_a_page() -> None:
    assert PICTURES == sorted(ORDERS) == sorted(DESCRIBED)


@pytest.mark.parametrize("name", PICTURES)
def test_picture_has_the_order_of_the_list(name: str) -> None:
    for texts in ORDERS[name]:
        assert len(texts) > 1
        assert drawn(svg(name), texts, across=name in ACROSS) == texts


@pytest.mark.parametrize("name", ["guardrails", "purchase", "who-is-above"])
def test_text_in_place_of_a_picture_has_its_order(name: str) -> None:
    """The other two illustrate a list above them."""
    *_, texts = ORDERS[name]
    places = [DESCRIBED[name].index(text) for text in texts]
    assert places == sorted(places)


def test_other_order_is_found() -> None:
    (texts,) = ORDERS["stop"]
    changed = svg("stop").replace("3. Check", "3. X").replace("4. Return", "3. Check")
    with pytest.raises(ValueError, match="empty"):
        drawn(changed, texts, across=False)
    first, second, *others = ORDERS["attack"][0]
    swapped = [second, first, *others]
    assert drawn(svg("attack"), swapped, across=False) != swapped


def test_arrows_of_the_picture_of_a_stop_lead_from_each_step_to_the_next() -> None:
    """The first one also leads to the check."""
    picture = svg("stop")
    tops = [int(y) for y in re.findall(r'<rect x="10" y="(\d+)"', picture)]
    arrows = [
        (int(x), int(end))
        for x, end in re.findall(r'<line x1="(\d+)" y1="\d+" x2="\1" y2="(\d+)"', picture)
    ]
    assert arrows == [*((60, top) for top in tops[1:]), (330, tops[2])]
    assert tops == sorted(tops)
    assert int(re.findall(r'width="(\d+)"', picture)[0]) <= 390
    assert "prefers-color-scheme:dark" in picture
