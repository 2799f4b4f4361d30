"""Every text of every format is in texts.json, and nothing else is."""

import ast
import re
from collections.abc import Iterator, Sequence
from html.parser import HTMLParser
from importlib import resources
from string import Formatter
from typing import get_args, get_type_hints

import pytest
from jinja2 import Environment, nodes

from pump_roles import role
from pump_roles.assembly import AssemblyUnknown, OrganizationUnknown
from pump_roles.iam import CONDITIONALLY, PARTLY, PrincipalKind
from pump_roles.review.account.activity_result import ActivityWhy, Cost
from pump_roles.review.account.organization import AccountUnknown
from pump_roles.review.account.probe import AttemptReason, Verdict
from pump_roles.review.account.rollout_status import AccountState, RolloutUnknown
from pump_roles.review.output.report_actions import BANDS
from pump_roles.review.output.texts import TEXTS, say
from pump_roles.review.report import ALARMS, RISKS, AnswerKind
from pump_roles.role import RoleUnknown, Rule, Unknown

OUTPUT = "pump_roles.review.output"
MODULES = {file.name for file in resources.files(OUTPUT).iterdir() if file.name.endswith(".py")} - {
    "saved_report.py"
}
"""The modules whose words are those of a result. Errors about files have words of their own."""
OTHERS = ("page.html.j2", "page.js")
SHOWN = {"alt", "aria-label", "data-head", "placeholder", "title"}
"""The attributes that are shown or read aloud."""

LETTERS = re.compile(r"[^\W\d_]")
WORDS = re.compile("[a-z]{2}[,.:;]? [a-z]{2}", re.IGNORECASE)
"""In code, two words are a text. Single ones are names, such as those of elements."""


class Shown(HTMLParser):
    """Collects what a page shows: text, and some attributes."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.feed(html)

    def handle_data(self, data: str) -> None:
        self.found.append(data)

    def handle_starttag(self, _: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [value or "" for name, value in attrs if name in SHOWN]


NOT_SHOWN: dict[type[nodes.Node], tuple[str, ...]] = {
    nodes.CondExpr: ("test",),
    nodes.If: ("test",),
    nodes.For: ("iter", "test"),
    nodes.Getitem: ("arg",),
    nodes.Filter: ("args",),
}
"""The parts of a template that decide what is shown."""


def texts_in(template: str) -> list[str]:
    """Return what a template shows that has letters, apart from what it is given."""
    html = "".join(pieces_of(Environment(autoescape=True).parse(template)))
    return [found for found in Shown(html).found if LETTERS.search(found)]


def pieces_of(node: nodes.Node) -> Iterator[str]:
    if isinstance(node, nodes.TemplateData):
        yield node.data
    elif isinstance(node, nodes.Const) and isinstance(node.value, str):
        yield node.value
    # The first argument is the key of a text.
    keys: list[nodes.Expr] = []
    if isinstance(node, nodes.Call) and getattr(node.node, "name", "") == "say":
        keys = node.args[:1]
    for child in node.iter_child_nodes(exclude=NOT_SHOWN.get(type(node), ())):
        if child not in keys:
            yield from pieces_of(child)


def strings_of(module: str) -> Iterator[str]:
    """The strings of a module's code, without docstrings."""
    tree = ast.parse(resources.files(OUTPUT).joinpath(module).read_text(encoding="utf-8"))
    docs = {node.value for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in docs:
            yield node.value


def test_template_has_no_text_of_its_own() -> None:
    assert (
        texts_in(resources.files(OUTPUT).joinpath("page.html.j2").read_text(encoding="utf-8")) == []
    )


@pytest.mark.parametrize(
    "template",
    [
        "<p>a text</p>",
        "<p>{{ 'a text' }}</p>",
        "<p>{{ report.name or 'none' }}</p>",
        "<p>{{ number(1, 'action') }}</p>",
        "<p>{% if x %}{{ y }}{% else %}a text{% endif %}</p>",
        "<p>{% set text = 'a text' %}{{ text }}</p>",
        "{% macro show(x) %}<td data-head='Costs'>{{ x }}</td>{% endmacro %}",
        '<input placeholder="{{ "a text" if x }}">',
    ],
)
def test_text_in_a_template_is_found(template: str) -> None:
    assert texts_in(template)


def test_code_has_no_text_of_its_own() -> None:
    found = [text for module in MODULES for text in strings_of(module)]
    script = re.sub(
        r"//.*|querySelector(All)?\(.*?\)|matches\(.*?\)|\$\{.*?\}",
        "",
        resources.files(OUTPUT).joinpath("page.js").read_text(encoding="utf-8"),
    )
    found += [text for _, text in re.findall(r"""(["`])(.*?)\1""", script)]
    assert {text for text in found if WORDS.search(text)} == {
        *(CONDITIONALLY, PARTLY, "use strict", "bold red")
    }


def test_every_text_is_used_and_every_used_text_is_there() -> None:
    code = "".join(
        resources.files(OUTPUT).joinpath(file).read_text(encoding="utf-8")
        for file in (*MODULES, *OTHERS)
    )
    keys = {f"{section}.{name}" for section, texts in TEXTS.items() for name in texts}
    found = re.findall(r"[\"'](\w+)(\.[\w-]+)[\"']", code)
    named = {section + name for section, name in found if section in TEXTS}
    assert named <= keys
    # Some are for each kind of something, with its name in the key.
    patterns = [
        re.sub(r"\$?\{[^}]*\}|$", ".*", key)
        for key in re.findall(r"[\"`](\w+\.(?:[\w-]*\$?\{[^\"`]*)?)[\"`]", code)
    ]
    whole = r"(?:texts\.|(?:TEXTS\[|text_of\(|table_of\(\s*)[\"'])(\w+)"
    patterns += [rf"{name}\..*" for name in re.findall(whole, code)]
    unused = {key for key in keys - named if not any(re.fullmatch(like, key) for like in patterns)}
    assert unused == set()


UNKNOWN = (RoleUnknown, AssemblyUnknown, OrganizationUnknown, AccountUnknown, RolloutUnknown)
WHYS, PARTS = (
    {kind for type_ in UNKNOWN for kind in get_args(get_type_hints(type_)[member])}
    for member in ("why", "part")
)


def test_every_type_of_what_is_not_known_is_closed() -> None:
    assert {*Unknown.__subclasses__()} == {*UNKNOWN}
    assert all(name.__name__ in (role.__doc__ or "") for name in UNKNOWN)


@pytest.mark.parametrize(
    ("section", "kinds", "elsewhere"),
    [
        ("unknown", WHYS, {"open"}),
        ("parts", PARTS, set()),
        (
            "rules",
            get_args(Rule),
            {"boundary-stops", "external-id", "trust-policy", "other-access"},
        ),
        ("finding_titles", ALARMS, set()),
        ("todo", ALARMS, set()),
        ("severities", (*RISKS, ""), set()),
        ("risks", RISKS, set()),
        ("bands", BANDS, set()),
        ("short_kinds", RISKS, set()),
        ("remedies", get_args(Rule), set()),
        ("answers", get_args(AnswerKind), set()),
        ("verdict_on_changes", get_args(AnswerKind), set()),
        ("verdicts", get_args(Verdict), set()),
        ("who", get_args(PrincipalKind), set()),
        ("probe_policies", set(get_args(AttemptReason)) - {"", "no-credentials", "failed"}, set()),
        ("costs", get_args(Cost), set()),
        ("activity_unknown", get_args(ActivityWhy), {"too-deep"}),
        ("account_states", get_args(AccountState), {"not-current", "not-targeted"}),
    ],
)
def test_each_kind_has_a_text(section: str, kinds: Sequence[str], elsewhere: set[str]) -> None:
    assert {*kinds} - TEXTS[section].keys() == elsewhere


def test_pair_names_the_same_values() -> None:
    pairs = [text for texts in TEXTS.values() for text in texts.values() if isinstance(text, list)]
    assert pairs
    for one, several in pairs:
        names = [{name for _, name, _, _ in Formatter().parse(text)} for text in (one, several)]
        # For one thing, the number can be left out.
        assert names[0] | {"number"} == names[1] | {"number"}


def test_number_decides_which_of_a_pair_is_said() -> None:
    assert [say("units.actions", number) for number in (0, 1, 2, 1_000)] == [
        "0 actions",
        "1 action",
        "2 actions",
        "1,000 actions",
    ]
