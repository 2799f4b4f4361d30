"""The permission report's page in a real browser: what it shows, and that it loads nothing else."""

import json
import re
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode

import pytest
from aws_cdk import App
from playwright.sync_api import (
    Browser,
    ConsoleMessage,
    Error,
    Page,
    Request,
    ViewportSize,
    sync_playwright,
)

from pump_roles import AutoPilotStack, Guardrail, ReadOnlyStack
from pump_roles.report import Report, earlier_report, of_published, of_templates
from pump_roles.report.decisions import ALLOWED, CONDITIONALLY, DENIED, PARTLY
from pump_roles.report.model import ActionReport, Change
from pump_roles.report.page import as_html
from pump_roles.templates import Other
from sandbox.cdk import ROOT
from sandbox.screenshot import BROWSERS
from sandbox.screenshot import browser as chromium
from tests.support import EXTERNAL_ID, PRINCIPAL

CHROMIUM = chromium()
if CHROMIUM is None:
    pytest.skip(
        f"the report page's tests did not run: there is no browser on the PATH, none of "
        f"{', '.join(BROWSERS)}; install one, for instance with: apt-get install chromium",
        allow_module_level=True,
    )

AXE = ROOT / "node_modules" / "axe-core" / "axe.min.js"
SYMBOLS = {
    ALLOWED: "✓",
    CONDITIONALLY: "◐",
    PARTLY: "◧",
    DENIED: "✕",
}
ACTION = "ec2:DescribeReservedInstances"
UNFOLD = "for (const details of document.querySelectorAll('details')) details.open = true"
SHOWN = "[...document.querySelectorAll('#table tbody tr')].filter((row) => row.checkVisibility())"
DESK: ViewportSize = {"width": 1280, "height": 800}
PHONE: ViewportSize = {"width": 390, "height": 844}

OTHER = Other(
    name="Wide",
    type="AWS::IAM::Policy",
    source="Other.template.json",
    principals=("PumpAutoPilotRole", "another"),
    grants="s3:GetObject",
    alarm="attaches to Pump's role",
)
"""Something else in the templates that gives access."""

Show = Callable[..., Page]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield started
        started.close()


@pytest.fixture(scope="module")
def published() -> Report:
    return of_published()


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Report:
    """Both roles with guardrails, compared with a report that differs for either cause."""
    folder = tmp_path_factory.mktemp("cdk.out")
    app = App(outdir=str(folder))
    for stack, name, guardrails in [
        (ReadOnlyStack, "PumpReadOnly", [Guardrail.RECOMMENDED]),
        (
            AutoPilotStack,
            "PumpAutoPilot",
            [Guardrail.RECOMMENDED, Guardrail.only_in_regions("us-east-1")],
        ),
    ]:
        stack(app, name, pump_principal=PRINCIPAL, external_id=EXTERNAL_ID, guardrails=guardrails)
    app.synth()
    earlier = json.loads(json.dumps(of_templates(folder).as_dict()))
    for role in earlier["roles"]:
        for policy in role["policies"]:
            for pattern in policy["patterns"]:
                pattern["actions"] = [name for name in pattern["actions"] if name != ACTION]
        role["policies"][0]["patterns"][1]["actions"].append("budgets:ViewGone")
        del role["policies"][-1]["patterns"][0], role["policies"][0]["patterns"][0]
    return of_templates(folder, since=earlier_report(earlier))


@pytest.fixture(scope="module")
def files(
    published: Report, guarded: Report, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("pages")
    one_role = replace(guarded, roles=guarded.roles[1:])
    found = {}
    for name, report in [("published", published), ("guarded", guarded), ("one role", one_role)]:
        found[name] = folder / f"{name}.html"
        found[name].write_text(as_html(report), encoding="utf-8")
    return found


@contextmanager
def showing(browser: Browser, **options: Any) -> Iterator[tuple[Page, list[str]]]:
    context = browser.new_context(**{"viewport": DESK} | options)
    context.set_offline(True)
    context.set_default_timeout(5_000)
    page = context.new_page()
    wrong: list[str] = []

    def requested(request: Request) -> None:
        if not request.is_navigation_request() or not request.url.startswith("file:"):
            wrong.append(request.url)

    def said(message: ConsoleMessage) -> None:
        wrong.append(message.text)

    def failed(error: Error) -> None:
        wrong.append(str(error))

    page.on("request", requested)
    page.on("console", said)
    page.on("pageerror", failed)
    try:
        yield page, wrong
    finally:
        context.close()


@pytest.fixture
def show(browser: Browser, files: dict[str, Path]) -> Iterator[Show]:
    """Open a page by its file, offline. Nothing is requested, and no error is reported."""
    wrongs: list[list[str]] = []
    with ExitStack() as opened:

        def open_page(name: str, fragment: str = "", **options: Any) -> Page:
            page, wrong = opened.enter_context(showing(browser, **options))
            wrongs.append(wrong)
            page.goto(files[name].as_uri() + fragment)
            return page

        yield open_page
    assert [wrong for wrong in wrongs if wrong] == []


def words(text: str) -> str:
    return " ".join(text.split())


def count(page: Page) -> str:
    """Return what the page says about how many actions it shows."""
    return page.locator("#count").inner_text()


def counted(report: Report, number: int | None = None) -> str:
    """Return what the page should say; by default that it shows every action."""
    every = len(report.actions)
    return f"{every if number is None else number} of {every} actions"


def shown(page: Page) -> list[str]:
    found: list[str] = page.evaluate(f"{SHOWN}.map((row) => row.id)")
    return found


@pytest.mark.parametrize("name", ["published", "guarded", "one role"])
def test_answer_is_above_the_fold(
    name: str, show: Show, published: Report, guarded: Report
) -> None:
    page = show(name)
    report = published if name == "published" else guarded
    roles = report.roles[1:] if name == "one role" else report.roles
    cards = page.locator(".role")
    assert cards.count() == len(roles)
    tops = cards.evaluate_all("(all) => all.map((card) => card.getBoundingClientRect().top)")
    assert len(set(tops)) == 1, "side by side"
    below = page.evaluate(
        """[...document.querySelectorAll("header *, .role, .role *, .findings, .findings > *")]
        .filter((element) => {
            const box = element.getBoundingClientRect();
            return box.top < 0 || box.left < 0 || box.bottom > 800 || box.right > 1280
                || !box.width || !element.checkVisibility();
        }).map((element) => element.outerHTML)"""
    )
    assert below == []
    for card, role in zip(cards.all(), roles, strict=True):
        said = words(card.inner_text())
        assert role.name in said
        assert all(principal in said for principal in role.principals)
        assert "External ID required" in said
        assert (role.sha256 or "as published by Pump") in said
        assert f"{role.patterns} patterns {role.actions} actions {role.denied} taken away" in said
        assert f"{role.effective} effective {role.limited} limited" in said
        for level, (granted, effective) in role.levels.items():
            assert level in said
            assert f"{granted} → {effective}" in said
        spending = [
            action for action in report.actions if action.spends and role.kind in action.roles
        ]
        assert sorted(card.locator(".spending a").all_inner_texts()) == [
            action.name for action in spending
        ]
        for action in spending:
            paragraph = words(card.locator(".spending p", has_text=action.name).inner_text())
            grant = action.roles[role.kind]
            assert paragraph.startswith(grant.decision)
            assert all(policy in paragraph for policy in grant.denied_by)
    assert [words(text) for text in page.locator(".finding > summary").all_inner_texts()] == [
        f"{finding.title}. {finding.text}" for finding in report.findings
    ]
    assert report.date in page.locator("header").inner_text()
    assert page.title() == "What Pump's roles may do"


def test_role_is_never_called_read_only_without_its_writes(show: Show) -> None:
    text = words(show("guarded").locator("body").evaluate("(body) => body.textContent"))
    called = re.findall(r"(?:Read-only|Auto-pilot) role.{0,12}", text)
    assert len(called) >= 6
    assert all(re.match(r"[\w-]+ role \((no writes|writes: \d)", text) for text in called)


def test_role_that_differs_or_requires_no_external_id_comes_first(
    browser: Browser, published: Report, tmp_path: Path
) -> None:
    first, second = published.roles
    finding = replace(published.findings[0], kind="difference", title="It differs", actions=())
    report = replace(
        published,
        roles=(replace(first, external_id=False, writes=3), second),
        findings=(finding, *published.findings),
    )
    (tmp_path / "page.html").write_text(as_html(report), encoding="utf-8")
    with showing(browser) as (page, _):
        page.goto((tmp_path / "page.html").as_uri())
        assert words(page.locator(".finding").first.inner_text()).startswith("It differs.")
        card = words(page.locator(".role").first.inner_text())
    assert card.startswith("Read-only role (writes: 3)")
    assert "External ID not required" in card


def test_numbers_that_are_not_exact_say_so(
    browser: Browser, published: Report, tmp_path: Path
) -> None:
    first, second = published.roles
    report = replace(published, roles=(replace(first, exact=False), second))
    (tmp_path / "page.html").write_text(as_html(report), encoding="utf-8")
    with showing(browser) as (page, wrong):
        page.goto((tmp_path / "page.html").as_uri())
        inexact, exact = (words(card.inner_text()) for card in page.locator(".role").all())
        for noun, number in [
            ("patterns", first.patterns),
            ("actions", first.actions),
            ("taken away", first.denied),
            ("effective", first.effective),
            ("limited", first.limited),
        ]:
            assert f"at least {number} {noun}" in inexact
        for level, (granted, effective) in first.levels.items():
            assert level in inexact
            assert f"at least {granted} → at least {effective}" in inexact
        assert inexact.startswith(f"Read-only role (writes: at least {first.writes})")
        assert "at least" not in exact
        for heading in ("Services", "Actions"):
            section = page.locator("section", has=page.get_by_role("heading", name=heading))
            assert "not exact" in section.locator("p").first.inner_text()
        (cell, *_) = page.locator("#table tbody tr:not(:has(td:nth-of-type(3) b))").all()
        assert "unknown" in cell.inner_text()
        assert "not granted" not in page.locator("#table").inner_text()
        assert wrong == []


def test_other_access_is_listed_and_not_counted(
    browser: Browser, guarded: Report, show: Show, tmp_path: Path
) -> None:
    assert show("guarded").locator(".others").count() == 0
    quiet = Other(name="Quiet", type="AWS::IAM::Group", source="Other.template.json")
    report = replace(guarded, others=(OTHER, quiet))
    (tmp_path / "page.html").write_text(as_html(report), encoding="utf-8")
    with showing(browser) as (page, wrong):
        page.goto((tmp_path / "page.html").as_uri())
        page.locator("nav a[href='#others']").click()
        section = page.locator("section", has=page.locator("#others"))
        assert "Not counted" in section.locator("p").first.inner_text()
        assert section.locator("tbody tr").evaluate_all(
            "(rows) => rows.map((row) => [...row.cells].map((cell) => cell.textContent))"
        ) == [
            [
                OTHER.name,
                OTHER.type,
                OTHER.source,
                ", ".join(OTHER.principals),
                OTHER.grants,
                OTHER.alarm,
            ],
            [quiet.name, quiet.type, quiet.source, "nobody named", "nothing by itself", "none"],
        ]
        assert count(page) == counted(report)
        assert wrong == []


@pytest.mark.parametrize("name", ["published", "guarded"])
def test_row_of_an_action_shows_everything_about_it(
    name: str, show: Show, published: Report, guarded: Report
) -> None:
    report = published if name == "published" else guarded
    page = show(name)
    rows = page.evaluate(
        f"{SHOWN}.map((row) => [row.id, ...[...row.cells].map((cell) => cell.textContent)])"
    )
    assert [row[0] for row in rows] == [action.name for action in report.actions]
    assert rows
    for action, (_, about, levels, works_on, *roles) in zip(report.actions, rows, strict=True):
        assert about.startswith(action.name + action.description)
        for mark, reason in [("Can spend", action.spends), ("Not only metadata", action.data)]:
            assert (f"{mark}: {reason}" in about) if reason else (mark not in about)
        assert (f"Legacy: {action.legacy}" in about) == bool(action.legacy)
        assert (f"New since {report.since}" in about) == action.new
        assert levels == ", ".join(action.levels)
        assert ", ".join(action.resources) in works_on
        assert action.resources or works_on.startswith("*")
        assert f"{len(action.conditions)} condition key" in works_on
        for role, said in zip(report.roles, roles, strict=True):
            grant = action.roles.get(role.kind)
            if grant is None:
                assert said == "not granted"
                continue
            by = f" by {', '.join(grant.denied_by)}" if grant.denied_by else ""
            granted_by = "".join(f"granted by {' '.join(pair)}" for pair in grant.granted_by)
            assert said == f"{grant.decision}{by}{granted_by}"


def test_each_decision_has_its_own_word_and_symbol(show: Show) -> None:
    page = show("guarded")
    for decision, symbol in SYMBOLS.items():
        word = page.locator(f"#table td.{decision.replace(' ', '-')} > b").first
        assert word.inner_text() == decision
        content = word.evaluate("(word) => getComputedStyle(word, '::before').content")
        assert content.strip('"').strip() == symbol


def test_policies_lead_to_each_pattern_and_each_action(show: Show, guarded: Report) -> None:
    page = show("guarded")
    assert page.locator("details[open]:not(section[aria-labelledby=changes] *)").count() == 0
    trees = page.locator(".tree").evaluate_all(
        """(trees) => trees.map((tree) => [...tree.querySelectorAll(".policy")].map((policy) => [
            policy.firstElementChild.textContent,
            [...policy.querySelectorAll("li")].map((pattern) => [
                pattern.textContent,
                [...pattern.querySelectorAll("details a")].map((link) => link.getAttribute("href")),
            ])]))"""
    )
    for role, tree in zip(guarded.roles, trees, strict=True):
        for policy, (summary, patterns) in zip(role.policies, tree, strict=True):
            kind = "as published by Pump" if policy.kind == "published" else "guardrail"
            assert summary.startswith(f"{policy.name} {kind} {len(policy.patterns)} pattern")
            for pattern, (text, links) in zip(policy.patterns, patterns, strict=True):
                assert text.startswith(
                    f"{pattern.effect} {pattern.pattern} {pattern.scope}{pattern.reason}"
                )
                assert links == [f"#{name}" for name in pattern.actions]


def test_action_of_a_pattern_leads_to_its_row(show: Show) -> None:
    page = show("published", java_script_enabled=False)
    link = page.locator(f".tree a[href='#{ACTION}']").first
    for details in (".policy", ".policy li > details"):
        folded = page.locator(details, has=page.locator(f"a[href='#{ACTION}']")).first
        folded.locator("summary").first.click()
    link.click()
    assert page.url.endswith(f"#{ACTION}")
    box = page.locator(f"tr[id='{ACTION}']").bounding_box()
    assert box is not None
    assert 0 <= box["y"] <= 800


def test_address_opens_a_row(show: Show, published: Report) -> None:
    page = show("published", f"#{ACTION}")

    def assert_open(action: str) -> None:
        row = page.locator(f"tr[id='{action}']")
        page.wait_for_function("(id) => document.activeElement.id === id", arg=action)
        box = row.bounding_box()
        assert box is not None
        assert box["y"] >= 0
        assert box["y"] + box["height"] <= 800
        assert row.evaluate("(row) => getComputedStyle(row).outlineStyle") == "solid"
        assert row.locator("details:not([open])").count() == 0

    assert_open(ACTION)
    page.evaluate("location.hash = 'ce:TagResource'")
    assert_open("ce:TagResource")
    page.locator("[name=text]").fill("createSavingsPlan")
    assert page.url.endswith("#?text=createSavingsPlan")
    page.evaluate("location.hash = 'savingsplans:CreateSavingsPlan'")
    assert_open("savingsplans:CreateSavingsPlan")
    assert page.url.endswith("#savingsplans:CreateSavingsPlan?text=createSavingsPlan")
    page.evaluate(f"location.hash = '{ACTION}'")
    assert_open(ACTION)
    assert count(page) == counted(published)
    assert page.url.endswith(f"#{ACTION}")


def test_unknown_address_shows_every_action(show: Show, published: Report) -> None:
    page = show("published", "#%E0%A4%A")
    assert count(page) == counted(published)
    page.evaluate("addEventListener('hashchange', () => { window.heard = location.hash; })")
    for fragment in ("#?role=none&decision=x&other=1", "#nothing", "#table"):
        page.evaluate("(hash) => { window.heard = null; location.hash = hash; }", fragment)
        page.wait_for_function("window.heard !== null")
        assert count(page) == counted(published)


def test_changes_keep_their_causes_apart(show: Show, guarded: Report) -> None:
    page = show("guarded")
    assert {(change.cause, change.effect) for change in guarded.changes} == {
        (cause, effect) for cause in ("role", "AWS") for effect in ("broadened", "narrowed")
    }
    for cause in ("role", "AWS"):
        said = page.locator(f".changes[data-cause={cause}] > li").evaluate_all(
            "(all) => all.map((item) => item.textContent)"
        )
        expected = [change for change in guarded.changes if change.cause == cause]
        for change, text in zip(expected, said, strict=True):
            assert text.startswith(change.effect)
            assert text.endswith(f": {change.what}")
        effects = [change.effect for change in expected]
        tally = f"{effects.count('broadened')} broadened, {effects.count('narrowed')} narrowed"
        assert page.get_by_text(tally, exact=True).first.is_visible()
    section = words(page.locator("section[aria-labelledby=changes]").inner_text())
    assert f"Changes since the catalog of {guarded.since} The role changed" in section
    assert "AWS changed what a wildcard matches" in section


def test_says_since_when_there_are_no_changes(show: Show, published: Report) -> None:
    page = show("published")
    section = page.locator("section[aria-labelledby=changes]")
    assert section.locator("p").all_inner_texts() == [
        f"No changes since the catalog of {published.since}."
    ]


def has(decision: str) -> Callable[[ActionReport], bool]:
    return lambda action: any(grant.decision == decision for grant in action.roles.values())


FILTERS: list[tuple[dict[str, str], Callable[[ActionReport], object]]] = [
    ({"text": "PurchaseHost  buys"}, lambda action: action.name == "ec2:PurchaseHostReservation"),
    ({"role": "read-only"}, lambda action: "read-only" in action.roles),
    ({"service": "es"}, lambda action: action.service == "es"),
    ({"level": "Write"}, lambda action: "Write" in action.levels),
    ({"decision": DENIED}, has(DENIED)),
    ({"decision": CONDITIONALLY}, has(CONDITIONALLY)),
    ({"decision": PARTLY}, has(PARTLY)),
    ({"new": "1"}, lambda action: action.new),
    ({"legacy": "1"}, lambda action: action.legacy),
    ({"data": "1", "service": "ecs"}, lambda action: action.data and action.service == "ecs"),
    ({"spends": "1"}, lambda action: action.spends),
    (
        {"role": "read-only", "decision": DENIED},
        lambda action: "read-only" in action.roles and action.roles["read-only"].decision == DENIED,
    ),
]


def test_filter_shows_exactly_the_actions_that_it_is_for(show: Show, guarded: Report) -> None:
    page = show("guarded")
    for filters, expected in FILTERS:
        names = [action.name for action in guarded.actions if expected(action)]
        assert 0 < len(names) < len(guarded.actions)
        for name, value in filters.items():
            field = page.locator(f"#filters [name={name}]")
            kind = field.evaluate("(field) => field.type")
            if kind == "checkbox":
                field.check()
            elif kind == "search":
                field.fill(value)
            else:
                field.select_option(value)
        assert shown(page) == names, filters
        assert count(page) == counted(guarded, len(names))
        query = page.url.partition("#?")[2]
        assert dict(parse_qsl(query)) == filters
        page.locator("#clear").click()
        assert count(page) == counted(guarded)
        assert "#" not in page.url
    assert page.locator("#count").get_attribute("aria-live") == "polite"


def test_address_restores_the_filters(show: Show, guarded: Report) -> None:
    filters = {"text": "table", "role": "read-only", "decision": DENIED, "data": "1"}
    names = ["redshift:DescribeTable"]
    page = show("guarded", f"#?{urlencode(filters)}")
    assert shown(page) == names
    page.reload()
    assert shown(page) == names
    for name, value in filters.items():
        field = page.locator(f"#filters [name={name}]")
        assert field.is_checked() if value == "1" else field.input_value() == value
    page.evaluate("location.hash = '?service=tag'")
    expected = [action.name for action in guarded.actions if action.service == "tag"]
    page.wait_for_function(
        "(text) => document.getElementById('count').textContent === text",
        arg=counted(guarded, len(expected)),
    )
    assert shown(page) == expected


def test_slash_searches_and_escape_clears(show: Show, published: Report) -> None:
    page = show("published")
    page.keyboard.press("/")
    page.keyboard.type("tag/")
    text = page.locator("[name=text]")
    assert text.input_value() == "tag/"
    page.locator("[name=spends]").check()
    page.locator("[name=role]").select_option("read-only")
    assert count(page) == counted(published, 0)
    page.keyboard.press("Escape")
    assert count(page) == counted(published)
    assert text.input_value() == page.locator("[name=role]").input_value() == ""
    assert not page.locator("[name=spends]").is_checked()
    assert "#" not in page.url


def test_each_keystroke_shows_its_rows(show: Show, published: Report) -> None:
    page = show("published")
    page.locator("[name=text]").focus()
    typed = ""
    for key in ["d", "e", "s", *["Backspace"] * 3, "w", "Backspace", "z"]:
        page.keyboard.press(key)
        typed = typed[:-1] if key == "Backspace" else typed + key
        matching = page.evaluate(
            """(text) => [...document.querySelectorAll("#table tbody tr")]
            .filter((row) => row.textContent.toLowerCase().includes(text)).map((row) => row.id)""",
            typed,
        )
        assert shown(page) == matching
        assert count(page) == counted(published, len(matching))
    assert count(page) != counted(published)


def test_chart_says_in_words_what_it_shows(show: Show, published: Report) -> None:
    page = show("published")
    chart = page.get_by_role("img", name="Granted actions by service and access level")
    text = chart.locator("desc").text_content() or ""
    labels = chart.locator("text").all_text_contents()
    for service, counts in published.services.items():
        said = ", ".join(f"{number} {level}" for level, number in counts.items())
        assert f"{service}: {said}." in text
        assert service in labels
        assert said in labels
    # Not only by color.
    fills = set(
        chart.locator("> rect").evaluate_all("(all) => all.map((bar) => bar.getAttribute('fill'))")
    )
    levels = {level for counts in published.services.values() for level in counts}
    assert len(fills) == len(levels) > 1
    drawn = chart.locator("pattern path").evaluate_all("(all) => all.map((path) => path.outerHTML)")
    assert len(set(drawn)) == len(drawn) >= len(fills)


@pytest.mark.parametrize("name", ["published", "guarded"])
def test_content_security_policy_allows_only_its_own_style_and_script(
    name: str, browser: Browser, files: dict[str, Path]
) -> None:
    text = files[name].read_text(encoding="utf-8")
    hashes = {}
    for tag in ("style", "script"):
        (block,) = re.findall(f"<{tag}>(.*?)</{tag}>", text, re.DOTALL)
        hashes[tag] = b64encode(sha256(block.encode()).digest()).decode()
    assert (
        f"default-src 'none'; style-src 'sha256-{hashes['style']}'; "
        f"script-src 'sha256-{hashes['script']}'; base-uri 'none'; form-action 'none'"
    ) in text
    assert not re.search(r"<[^>]+ (style|on\w+)=", text)
    assert not re.search(r"(src|action)=[\"']?\w|https?://(?!www\.w3\.org)|@import", text)
    with showing(browser) as (page, wrong):
        page.goto(files[name].as_uri())
        assert wrong == []
        page.evaluate("""() => {
            const script = document.createElement("script");
            script.textContent = "window.ran = true";
            document.body.append(script);
        }""")
        assert page.evaluate("window.ran") is None
        assert any("Content Security Policy" in message for message in wrong)


def test_every_row_is_visible_without_javascript(show: Show, published: Report) -> None:
    page = show("published", java_script_enabled=False)
    visible = page.locator("#table tbody tr:visible")
    assert visible.count() == len(published.actions)
    assert not page.locator("#filters").is_visible()


def test_page_is_smaller_than_a_megabyte(files: dict[str, Path]) -> None:
    assert files["published"].stat().st_size < 1_000_000


def test_page_marks_when_it_is_ready(show: Show) -> None:
    """What `make bench` measures."""
    ready = show("published").evaluate("performance.getEntriesByName('ready').length")
    assert ready == 1


def test_same_report_is_the_same_page(published: Report, files: dict[str, Path]) -> None:
    assert (
        as_html(of_published())
        == as_html(published)
        == files["published"].read_text(encoding="utf-8")
    )


def test_phone_scrolls_only_down(show: Show) -> None:
    page = show("guarded", viewport=PHONE, is_mobile=True, has_touch=True)
    page.evaluate(
        "document.querySelectorAll('details').forEach((details) => { details.open = true; })"
    )
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    assert page.evaluate("visualViewport.scale") == 1
    wide = page.evaluate(
        """[...document.querySelectorAll("body *:not(.scroll *)")]
        .filter((element) => element.checkVisibility() && !element.closest("thead"))
        .filter((element) => element.getBoundingClientRect().right > 390.5)
        .map((element) => element.outerHTML)"""
    )
    assert wide == []
    assert page.locator("#table tbody tr").first.evaluate(
        "(row) => getComputedStyle(row).display"
    ) == ("block")


def test_print_shows_what_is_folded(show: Show) -> None:
    page = show("guarded", java_script_enabled=False, color_scheme="dark")
    link = page.locator(".policy li details a").first
    assert not link.is_visible()
    page.emulate_media(media="print")
    assert link.is_visible()
    assert not page.locator("#filters, nav").first.is_visible()
    thead = page.locator("#table thead")
    display = thead.evaluate("(thead) => getComputedStyle(thead).display")
    assert display == "table-header-group"
    paper = page.locator("body").evaluate("(body) => getComputedStyle(body).backgroundColor")
    assert paper == "rgb(255, 255, 255)"
    page.emulate_media(media="screen")
    assert not link.is_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_violation(
    scheme: str, browser: Browser, guarded: Report, tmp_path: Path
) -> None:
    # It takes long for a thousand rows that are all alike. Some of each kind are enough.
    marked = [
        action
        for action in guarded.actions
        if action.data or action.spends or action.legacy or action.new
    ]
    few = [
        action for decision in SYMBOLS for action in [*filter(has(decision), guarded.actions)][:2]
    ]
    roles = [
        replace(
            role,
            policies=tuple(
                replace(policy, patterns=policy.patterns[1:3]) for policy in role.policies[-3:]
            ),
        )
        for role in guarded.roles
    ]
    report = replace(
        guarded,
        roles=tuple(roles),
        actions=tuple({action.name: action for action in [*marked[::12], *few]}.values()),
        findings=tuple(
            replace(finding, actions=finding.actions[:3]) for finding in guarded.findings
        ),
        changes=guarded.changes[:3],
        others=(OTHER,),
    )
    (tmp_path / "page.html").write_text(as_html(report), encoding="utf-8")
    with showing(browser, color_scheme=scheme, bypass_csp=True) as (page, _):
        page.goto((tmp_path / "page.html").as_uri())
        paper = page.locator("body").evaluate("(body) => getComputedStyle(body).backgroundColor")
        assert (paper == "rgb(255, 255, 255)") == (scheme == "light")
        page.evaluate(
            "document.querySelectorAll('details').forEach((details) => { details.open = true; })"
        )
        page.evaluate(AXE.read_text(encoding="utf-8"))
        for viewport in (DESK, PHONE):
            page.set_viewport_size(viewport)
            found = page.evaluate("axe.run()")
            assert len(found["passes"]) > 20
            assert [
                (violation["id"], [node["html"] for node in violation["nodes"]][:3])
                for violation in found["violations"]
            ] == []


def test_shows_whatever_a_template_contains_as_text(
    browser: Browser, guarded: Report, tmp_path: Path
) -> None:
    evil = (
        "\"'><script>window.ran=1</script></style><img src=x onerror=window.ran=1>"
        "{{ 7*7 }}\u202eé中"
    )
    role = guarded.roles[1]
    policy = replace(
        role.policies[0],
        name=f"policy{evil}",
        kind="other",
        unmodified=False,
        patterns=(
            replace(
                role.policies[0].patterns[0],
                pattern=f"pattern{evil}",
                reason=f"reason{evil}",
                scope=f"scope{evil}",
            ),
        ),
    )
    action = guarded.actions[0]
    grant = replace(
        action.roles["auto-pilot"],
        decision=DENIED,
        granted_by=((f"by{evil}", f"pattern{evil}"),),
        denied_by=(f"against{evil}",),
    )
    finding = replace(guarded.findings[0], title=f"title{evil}", text=f"text{evil}", actions=())
    report = replace(
        guarded,
        roles=(
            replace(
                role,
                name=f"name{evil}",
                title=f"title{evil}",
                source=f"source{evil}",
                principals=(f"principal{evil}",),
                boundary=f"boundary{evil}",
                policies=(policy,),
            ),
        ),
        others=(
            Other(
                name=f"logical-id{evil}",
                type=f"type{evil}",
                source=f"file{evil}",
                principals=(f"user{evil}",),
                grants=f"grants{evil}",
                alarm=f"alarm{evil}",
            ),
        ),
        findings=(finding,),
        changes=(Change("role", "broadened", "auto-pilot", f"what{evil}"),),
        actions=(replace(action, description=f"description{evil}", roles={"auto-pilot": grant}),),
    )
    (tmp_path / "page.html").write_text(as_html(report), encoding="utf-8")
    # The policy must not be what saves it.
    for bypass in (False, True):
        with showing(browser, bypass_csp=bypass) as (page, wrong):
            page.goto((tmp_path / "page.html").as_uri())
            text = page.locator("body").evaluate("(body) => body.textContent")
            for word in (
                *("policy", "pattern", "reason", "scope", "by", "against", "title", "text"),
                *("name", "source", "principal", "boundary", "what", "description"),
                *("logical-id", "type", "file", "user", "grants", "alarm"),
            ):
                assert f"{word}{evil}" in text, word
            assert page.evaluate("window.ran") is None
            assert page.locator("script").count() == 1
            assert page.locator("img").count() == 0
            page.locator("[name=text]").fill("<script>")
            assert count(page) == "1 of 1 actions"
            assert wrong == []
