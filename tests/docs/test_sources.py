"""Each title of a page of AWS's, Pump's, or another source is a link."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import pytest

import pump_roles
from pump_roles import pump_side
from tools.sandbox.cdk import ROOT

PAGES: Final = [
    *(ROOT / name for name in ("README.md", "SECURITY.md", "PERMISSIONS.md", "examples/README.md")),
    *sorted(ROOT.glob("docs/*.md")),
]

DIRECTLY: Final = (
    "The account doesn't need to leave its current organization or operate as a standalone "
    "account first"
)

NO_TITLES: Final[Mapping[str, set[str]]] = {
    # What a result, an error, or a console says.
    "activity": {"At most until", "not known", "would have denied none"},
    "before-you-start": {
        "can't be shared outside the purchasing organization",
        "this step will fail",
        "all customers in our organization",
    },
    "deploy": {"Parameters: [PumpExternalID] do not exist in the template"},
    "leave": {DIRECTLY},
    "operations": {"already exists"},
    "organizations": {"Activate trusted access"},
    # The title of a page of this project.
    "permissions": {"Stop Pump now"},
    "protect": {"everyone else"},
    "release": {"Re-run all jobs", "Re-run failed jobs"},
    "report": {"may also be denied by"},
    "stacksets-reference": {"already exists"},
    "verify": {"Revoke active sessions"},
}
"""What is in quotation marks on a page, and is not a title."""


def unlinked(text: str) -> Iterator[str]:
    """Yield what is in quotation marks in a page's prose, and no link."""
    prose = re.sub(r"^ *```.*?^ *```$|`[^`]*`|<!--.*?-->", "", text, flags=re.DOTALL | re.MULTILINE)
    linked = re.sub(r"\[[^\]]*\]\(https://[^)\s]+\)", "", prose)
    yield from (" ".join(title.split()) for title in re.findall(r'"([^"]+)"', linked))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_cited_title_is_a_link(page: Path) -> None:
    found = set(unlinked(page.read_text("utf-8")))
    assert found - NO_TITLES.get(page.stem, set()) == set()


def test_title_without_a_link_is_found() -> None:
    text = """\
So does AWS (IAM User Guide, ["Troubleshoot
IAM"](https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot.html), and "Methods to assume
a role"), and `"quoted code"`, [as here "Elsewhere"](elsewhere.md).

```json
{"Principal": "a title in code"}
```
"""
    assert [*unlinked(text)] == ["Methods to assume a role", "Elsewhere"]


PUBLIC: Final = [
    found
    for module in (pump_roles, pump_side)
    for found in (getattr(module, name) for name in module.__all__)
    if callable(found)
]


def titles(text: str) -> Iterator[tuple[str, str]]:
    """Yield each title that is a link, and its address."""
    for title, address in re.findall(r'\["([^"]+)"\]\((https://[^)\s]+)\)', text):
        yield " ".join(title.split()), address


@pytest.mark.parametrize("public", PUBLIC, ids=lambda public: public.__name__)
def test_what_is_public_links_to_the_page_of_aws_that_it_is_about(public: object) -> None:
    addresses = [address for _, address in titles(public.__doc__ or "")]
    assert [one for one in addresses if one.startswith("https://docs.aws.amazon.com/")]


def test_each_address_is_written_for_one_title() -> None:
    """So that a wrong address is noticed where the title is cited a second time."""
    addresses: dict[str, set[str]] = {}
    texts = [page.read_text("utf-8") for page in PAGES]
    for text in [*texts, *(public.__doc__ or "" for public in PUBLIC)]:
        for title, address in titles(text):
            addresses.setdefault(title, set()).add(address)
    assert len(addresses) > 30
    several = {title: found for title, found in addresses.items() if len(found) > 1}
    # Two guides have a page of this name.
    assert several.keys() <= {"Quotas and restrictions"}
