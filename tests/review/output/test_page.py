"""The permission report's page in a real browser: what it shows, and that it loads nothing else."""

import re
from base64 import b64encode
from collections.abc import Callable, Collection, Iterator
from dataclasses import fields, is_dataclass, replace
from functools import cache
from hashlib import sha256
from itertools import chain
from pathlib import Path
from typing import Any, Literal
from urllib.parse import parse_qsl, urlencode

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Request, ViewportSize

from pump_roles import Guardrail
from pump_roles.iam.decisions import ALLOWED, CONDITIONALLY, DENIED, PARTLY
from pump_roles.iam.identity_policies import known
from pump_roles.iam.trust import Principal, parse_trust
from pump_roles.patterns import covers
from pump_roles.review.output import capital, counted, report_checks
from pump_roles.review.output import report_descriptions as wording
from pump_roles.review.output.descriptions import (
    RISKS_IN_WORDS,
    describe_access,
    describe_boundary,
    describe_grants,
    describe_principal,
    describe_principals,
)
from pump_roles.review.output.page import as_html
from pump_roles.review.output.report_actions import DASH, actions_of, by_service, in_no_role
from pump_roles.review.report import (
    FINDINGS,
    RISKS,
    ActionReport,
    Finding,
    Report,
    ReportChange,
    RoleReport,
    Uncounted,
)
from pump_roles.review.report.permission_report import of_published
from pump_roles.review.report.questions import left_by_sets
from pump_roles.role.access import Access
from pump_roles.role.assembly import Deployment, OtherResource
from pump_roles.role.iam_role import Boundary, TimedLimit
from pump_roles.role.unknowns import AssemblyUnknown
from tests.documents import written
from tests.support import earlier, plain, trust
from tools.sandbox.browser import MISSING, available
from tools.sandbox.browser import browser as chromium
from tools.sandbox.cdk import ROOT

if not available():
    pytest.skip(MISSING, allow_module_level=True)

AXE = ROOT / "node_modules" / "axe-core" / "axe.min.js"
STATES = {ALLOWED: "Allowed", CONDITIONALLY: "Limited", PARTLY: "Limited", DENIED: "Denied"}
ACTION = "ec2:DescribeReservedInstances"
UNFOLD = "for (const details of document.querySelectorAll('details')) details.open = true"
ROWS = "[...document.querySelectorAll('#rows li')]"
FOCUSED = "document.activeElement.id"
BOXES = "(ids) => ids.map((id) => document.getElementById(id).getBoundingClientRect().toJSON())"
ABOVE = """(selector) => [...document.querySelectorAll(selector)].filter((element) => {
    const box = element.getBoundingClientRect();
    return element.checkVisibility() && (box.top < 0 || box.left < 0 || !box.width
        || box.bottom > innerHeight || box.right > innerWidth);
}).map((element) => element.outerHTML)"""
"""The visible elements that are outside of the window."""

SHOWN = """(selectors) => selectors.map((selector) =>
    [...document.querySelectorAll(selector)].map((element) => element.textContent).join("")
    .replace(/\\s/g, ""))"""
"""The text of the elements of each selector, without white space."""

DESK: ViewportSize = {"width": 1280, "height": 800}
PHONE: ViewportSize = {"width": 390, "height": 844}

OTHER = OtherResource(
    name="Wide",
    type="AWS::IAM::Policy",
    source="Other.template.json",
    attached_to=("PumpAutoPilotRole", "another"),
    grants=(Access("allows", "s3:GetObject"),),
    access=(Access("attaches", "PumpAutoPilotRole"),),
)
"""Something else in the templates that gives access."""

Show = Callable[..., Page]
Reports = dict[str, Report]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


def guarded() -> Report:
    """Both roles with guardrails, a boundary, and places, compared with a report that differs."""
    guardrails = [
        Guardrail.RECOMMENDED,
        Guardrail.only_in_regions("us-east-1", "eu-west-1"),
        Guardrail.invitations_from("111122223333"),
        Guardrail.until("2027-01-31T18:00:00Z"),
    ]
    before = plain(of_published(guardrails=guardrails))
    role = before["read"]["roles"][1]
    # The pattern was there, and did not match it: AWS added it.
    role["effective"].remove(ACTION)
    denied = {"Effect": "Deny", "Action": "savingsplans:CreateSavingsPlan", "Resource": "*"}
    role["RolePolicyList"].append(
        {"PolicyName": "Denies", "PolicyDocument": {"Statement": [denied]}}
    )
    report = of_published(guardrails=guardrails, since=earlier(before))
    first, second = report.roles
    bounded = replace(
        first.role,
        boundary=Boundary(arn=known("arn:aws:iam::aws:policy/B")),
        trust=parse_trust(trust("999988887777", "Example-1234")),
    )
    files = (("A.template.json", "1" * 64), ("B.template.json", "2" * 64))
    place = Deployment(kind="read-only", source="A.template.json")
    return replace(
        report,
        roles=(replace(first, role=bounded, files=files), second),
        places=(place, replace(place, stack_set="Pump", units=("ou-abcd-11111111",))),
    )


def few(report: Report) -> Report:
    """A report of few actions, which is drawn soon: some of those that each filter is for."""
    named = {ACTION, "ce:TagResource", "savingsplans:CreateSavingsPlan", "redshift:DescribeTable"}
    for _, expected in FILTERS:
        named |= {action.name for action in [*filter(expected, report.actions)][:3]}
    return replace(
        report,
        actions=tuple(
            action
            for index, action in enumerate(report.actions)
            if index % 60 == 0 or action.name in named or action.service == "tag"
        ),
    )


def odd(report: Report) -> Report:
    """Every kind of finding, inexact numbers, an answer that is unknown, other access."""
    first, *others = report.roles
    statement = report.statements[0]
    unknown = replace(statement.roles[first.kind], answer="unknown")
    findings = tuple(Finding(kind=kind, role=first.kind) for kind in FINDINGS)
    role = replace(first.role, trust=parse_trust(trust("999988887777", "")))
    suspect = replace(first, role=role, as_published=False, exact=False, readable=False)
    until = "2026-01-01T00:00:00Z"
    ended = TimedLimit(policy="StopPump", start="", until=until, ended=True, partly=False)
    suspect = replace(
        suspect, timed=(ended,), uncounted=(Uncounted(policy="P"),), allows_only_published=False
    )
    return replace(
        report,
        as_published=False,
        exact=False,
        roles=(replace(suspect, writes=3), *others),
        statements=(
            replace(statement, roles={**statement.roles, first.kind: unknown}),
            *report.statements[1:],
        ),
        others=(
            OTHER,
            OtherResource(name="Quiet", type="AWS::IAM::Group", source="Other.template.json"),
        ),
        findings=findings,
    )


@pytest.fixture(scope="module")
def reports() -> Reports:
    published, with_guardrails = of_published(), guarded()
    return {
        "published": few(published),
        "guarded": with_guardrails,
        "few": few(with_guardrails),
        "odd": odd(few(with_guardrails)),
        # Its numbers have three digits.
        "alone": replace(published, roles=published.roles[1:]),
        # The read-only role can neither buy nor join anything.
        "one role": replace(published, roles=published.roles[:1], actions=()),
    }


@pytest.fixture(scope="module")
def files(reports: Reports, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("pages")
    for name, report in reports.items():
        (folder / f"{name}.html").write_text(as_html(report), encoding="utf-8")
    return {name: folder / f"{name}.html" for name in reports}


def offline(browser: Browser, **options: Any) -> BrowserContext:
    context = browser.new_context(**options)
    context.set_offline(True)
    context.set_default_timeout(5_000)
    return context


@cache
def desk(browser: Browser) -> BrowserContext:
    """The one that all pages share that need no options: each takes long to start."""
    return offline(browser)


def opened(
    browser: Browser, file: Path, fragment: str = "", viewport: ViewportSize = DESK, **options: Any
) -> tuple[Page, list[str]]:
    """Open a page. Returns what it requested, and its errors, too."""
    context = offline(browser, viewport=viewport, **options) if options else desk(browser)
    page = context.new_page()
    page.set_viewport_size(viewport)
    wrong: list[str] = []

    def requested(request: Request) -> None:
        if not request.is_navigation_request() or not request.url.startswith("file:"):
            wrong.append(request.url)

    page.on("request", requested)
    page.on("console", lambda message: wrong.append(message.text))
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.goto(file.as_uri() + fragment)
    return page, wrong


opened_once = cache(opened)


RESET = """() => {
    const form = document.getElementById("filters");
    form.reset();
    form.dispatchEvent(new Event("input"));
    for (const details of document.querySelectorAll("details[open]")) details.open = false;
    document.body.tabIndex = -1;
    document.body.focus();
    document.body.removeAttribute("tabindex");
    scrollTo(0, 0);
}"""
"""Brings a page back to how it was opened, except for the row that Tab leads to."""


@pytest.fixture
def show(browser: Browser, files: dict[str, Path]) -> Iterator[Show]:
    """Show a page, offline. Nothing is requested, and no error is reported.

    With a fragment or with options it is opened anew, which takes long.
    """
    wrongs: list[list[str]] = []

    def show_page(
        name: str, fragment: str = "", viewport: ViewportSize = DESK, **options: Any
    ) -> Page:
        if fragment or options:
            page, wrong = opened(browser, files[name], fragment, viewport, **options)
        else:
            page, wrong = opened_once(browser, files[name])
            page.bring_to_front()
            page.set_viewport_size(viewport)
            page.evaluate(RESET)
        wrongs.append(wrong)
        return page

    yield show_page
    assert [wrong for wrong in wrongs if wrong] == []


def count(page: Page) -> str:
    """Return the page's count of shown actions."""
    return page.locator("output").inner_text()


def shown_count(report: Report, number: int | None = None) -> str:
    """Return the expected count; by default, that of every action."""
    every = len(report.actions)
    return f"{every if number is None else number:,} of {every:,}"


def wait_for_count(page: Page, text: str) -> None:
    page.wait_for_function("(text) => document.querySelector('output').value === text", arg=text)


def shown(page: Page) -> list[str]:
    found: list[str] = page.evaluate(
        f"{ROWS}.filter((row) => row.checkVisibility()).map((row) => row.id)"
    )
    return found


def search(page: Page, text: str) -> list[str]:
    """Search, and return the answers."""
    page.locator("[name=text]").fill(text)
    return page.locator("#said p").all_inner_texts()


FIXED = {
    *("about", "answer", "answers", "call_as", "cause", "decision", "effect", "filter", "id"),
    *("kind", "levels", "limits", "part", "policies_published", "read", "risk", "role", "rule"),
    *("severity", "topic", "values", "why"),
}
"""The members of a report with a fixed set of values, or that are in words in another one."""

NOT_SHOWN = FIXED | {*("conditions", "denied_by", "patterns", "policy", "read_sha256", "resources")}
"""The members that the page does not show, or in other words: JSON and CSV have them."""


def edited(
    value: Any, edit: Callable[[str], str], fixed: Collection[str] = FIXED, name: str = ""
) -> Any:
    """Return a part of a report with every text of its own edited."""
    if name in fixed:
        return value
    if isinstance(value, str):
        return edit(value)
    if isinstance(value, tuple):
        return tuple(edited(element, edit, fixed, name) for element in value)
    if isinstance(value, dict) and name == "roles":
        return {key: edited(member, edit, fixed, name) for key, member in value.items()}
    if is_dataclass(value) and not isinstance(value, type):
        members = {field.name: getattr(value, field.name) for field in fields(value)}
        changed = {key: edited(each, edit, fixed, key) for key, each in members.items()}
        return replace(value, **changed)
    return value


def not_shown(page: Page, report: Report) -> list[str]:
    """Return the texts of a report that are not on its page, except those that it has in words."""
    of_roles = tuple(
        (role.name, role.guardrails, *(each for each in role.policies if each.kind != "guardrail"))
        for role in report.roles
    )
    found: set[str] = set()

    def collect(text: str) -> str:
        found.add(text)
        return text

    edited((replace(report, roles=()), of_roles), collect, NOT_SHOWN)
    (shown,) = page.evaluate(SHOWN, ["main > :not([aria-labelledby=ticket]), .rail"])
    # A published pattern is the name of an action in another case.
    return [text for text in found if squeezed(text).lower() not in shown.lower()]


def squeezed(text: str) -> str:
    return "".join(text.split())


Told = Iterator[tuple[str, str]]
"""What the page says in words of its own, by the selector of where, in order."""


def told_of_roles(report: Report) -> Told:
    for check in chain(*report_checks.checks_around(report)):
        yield ".checks", check.title + check.text.replace("`", "")
    for role in report.roles:
        trusted = capital(wording.trusted(role))
        own = [policy for policy in role.policies if policy.kind != "guardrail"]
        for said in (
            wording.heading(role) + role.name,
            wording.verdict(role, report),
            *(f"{wording.number_of(role, risk)}{RISKS_IN_WORDS[risk]}" for risk in RISKS),
            *map(used_by, role.trust.principals),
            *(trusted, wording.describe_published(role)),
            *(policy.name for policy in own),
            *(guardrail.name for guardrail in role.guardrails),
            f"Permissions only {role.ends}" if role.ends else "Never expires",
            describe_boundary(role.boundary) if role.boundary else "no permissions boundary",
            *(f"{file} SHA-256 {digest[:12]}" for file, digest in role.files),
        ):
            yield ".role", said


def used_by(principal: Principal) -> str:
    who = wording.who(principal)
    if principal.kind == "provided":
        return capital(who)
    return f"{describe_principal(principal)}, {who}"


def told_of_answers(report: Report) -> Told:
    for statement in report.statements:
        for role in report.roles:
            answer = statement.roles[role.kind]
            severity = wording.severities(report)[statement.id, role.kind]
            means = wording.SEVERITIES[severity] if severity else ""
            answered = wording.answered(answer, role).replace(", ", "", len(answer.left) and 1)
            said = wording.describe_answer(answer) + means + answered
            yield f"[id='{statement.id}'] summary", said
        for name, states in actions_of(statement, report).items():
            yield f"[id='{statement.id}'] .parts", name
            for role, (word, by, _) in zip(report.roles, states, strict=True):
                said = f"{wording.heading(role)}: {word} {', '.join(by)}"
                yield f"[id='{statement.id}'] .parts", said
        for name in in_no_role(statement, report):
            yield f"[id='{statement.id}'] .parts", name
    for action in report.actions:
        yield f"[id='{action.name}']", action.name
        for role in report.roles:
            grant = action.roles.get(role.kind)
            decided = STATES[grant.decision] if grant else missing(role)
            yield f"[id='{action.name}']", f"{wording.heading(role)}: {decided}"


def missing(role: RoleReport) -> str:
    return DASH if role.readable else "Unknown"


def told_first(report: Report) -> Told:
    for finding in report.findings:
        yield ".findings", report_checks.finding_title(finding, report)
        yield ".findings", report_checks.finding_text(finding, report)
        yield ".findings", report_checks.what_to_do(finding)
    for change in report.changes:
        role = change.role or "all roles"
        effect, whose = map(capital, (change.effect, role))
        said = capital(report_checks.describe_change(change))
        yield ".changes", f"{effect}{whose}{said}"


def told_of_the_worst(report: Report) -> Told:
    for worst in wording.at_worst(report):
        for said in (worst.title, worst.who, *worst.texts):
            yield "[aria-labelledby=worst]", said
        for guardrail, in_place in worst.limits:
            yield "[aria-labelledby=worst]", guardrail.name + capital(in_place)
            yield "[aria-labelledby=worst]", guardrail.costs
    for found in (each for by_role in wording.ledger(report).values() for each in by_role.values()):
        yield ".ledger", "every action denied from then on" if found.ends else ""
        for how, names in {"denied": found.denied, "limited": found.limited}.items():
            yield ".ledger", f"{counted(len(names), 'action')} {how}" if names else ""
    for command in wording.stop(report):
        yield "[aria-labelledby=worst]", command


def told_of_the_rest(report: Report) -> Told:
    for other in report.others:
        yield ".others", describe_principals(other) or "nobody named"
        yield ".others", describe_grants(other) or "nothing by itself"
        yield ".others", describe_access(other.access) or DASH
    for title, services in by_service(report):
        yield "#rows h3", title
        for service in services:
            yield (
                "#rows",
                service.name
                + "".join(
                    f"{number}{RISKS_IN_WORDS[risk]}" for risk, number in service.counts.items()
                ),
            )
            for group in service.groups:
                yield "#rows", group.reason


@pytest.mark.parametrize(
    # The second is the third with every action.
    "name",
    ["published", pytest.param("guarded", marks=pytest.mark.slow), "few", "odd"],
)
def test_shows_what_the_report_says(name: str, show: Show, reports: Reports) -> None:
    page, report = show(name), reports[name]
    assert not_shown(page, report) == []
    parts: dict[str, list[str]] = {}
    for told in (
        told_first,
        told_of_roles,
        told_of_answers,
        told_of_the_worst,
        told_of_the_rest,
    ):
        for selector, text in told(report):
            parts.setdefault(selector, []).append(squeezed(text))
    for shown, texts in zip(page.evaluate(SHOWN, [*parts]), parts.values(), strict=True):
        rest = shown
        for text in texts:
            assert text in rest, shown
            rest = rest[rest.index(text) + len(text) :]
    assert page.get_by_text(
        "The list is not complete: the numbers of these roles are not exact."
    ).count() == (not report.exact)


def test_report_has_what_the_page_shows(reports: Reports) -> None:
    """The positive control of the test above."""
    assert {change.cause for change in reports["guarded"].changes} == {"role", "AWS"}
    assert {finding.kind for finding in reports["odd"].findings} == {*FINDINGS}


def test_verdicts_and_counts_are_above_the_fold(show: Show, reports: Reports) -> None:
    page = show("published")
    assert page.evaluate(ABOVE, "h1, .role > header *, .verdict, .counts *") == []
    assert reports["published"].date in page.locator("main > header").inner_text()
    assert page.title() == "What Pump can do in your AWS account"
    recommended, _ = left_by_sets(reports["published"])
    for card, role in zip(page.locator(".role").all(), reports["published"].roles, strict=True):
        left = card.locator(".counts a .soft").all_inner_texts()
        counts = recommended.counts[role.kind]
        assert left == [f"→ {counts[risk]:,}" for risk in RISKS if getattr(role, risk)]
    assert show("guarded").locator(".counts .soft").count() == 0


def test_unknown_answer_is_not_a_no(show: Show) -> None:
    assert search(show("odd"), "s3:GetObject")[1:] == [
        "read-only: unknown, something cannot be read, or may give more access.",
        "auto-pilot: not granted by any pattern.",
    ]


def test_roles_come_before_what_was_checked_unless_something_was_found(show: Show) -> None:
    """Two ticks first would read as safe, also for the role that spends."""
    order = """() => [...document.querySelectorAll(".checks b, .role h2")]
        .map((element) => element.textContent)"""
    assert show("published").evaluate(order) == [
        *("Read-only", "Auto-pilot"),
        *("No findings", "No new actions in the catalog", "Not compared"),
    ]
    assert show("odd").evaluate(order) == [
        *("6 findings", "3 changes"),
        *("Read-only", "Auto-pilot"),
        "No new actions in the catalog",
    ]


def test_explains_the_words_of_its_sentences_as_the_glossary_does(show: Show) -> None:
    page = show("published")
    assert {*page.locator(".verdict a").all_inner_texts()} == {"commitments"}
    glossary = (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8")
    for word, meaning in wording.GLOSSARY.items():
        assert page.locator(f"dt[id='{word}'] + dd").inner_text() == meaning
        assert page.locator(f".worst a[href='#{word}']").count() > 0
        assert f"| {word} | {meaning} |" in glossary


def test_findings_come_first_then_changes(show: Show) -> None:
    page = show("odd")
    first, second = page.locator("main h2").all()[:2]
    assert first.get_attribute("id") == "findings"
    assert second.get_attribute("id") == "changes"
    assert page.locator(".finding").count() == len(FINDINGS)
    links = page.locator(".rail nav a").evaluate_all("(all) => all.map((link) => link.hash)")
    assert links[:3] == ["#findings", "#changes", "#roles"]
    assert len(links) == 8


@pytest.mark.parametrize("name", ["published", "few", "odd", "one role"])
def test_no_link_is_dead(name: str, show: Show) -> None:
    """Each leads to an element of the page, or to the search."""
    dead = show(name).evaluate(
        """[...document.querySelectorAll("a")].map((link) => link.getAttribute("href"))
        .filter((href) => !document.getElementById(href.slice(1).split("?")[0]))"""
    )
    assert dead == []


def assert_open(page: Page, action: str) -> None:
    page.wait_for_function(f"{FOCUSED} === '{action}'")
    (box,) = page.evaluate(BOXES, [action])
    assert box["top"] >= 0
    assert box["bottom"] <= DESK["height"]


def test_address_opens_a_row(show: Show, reports: Reports) -> None:
    page = show("few", f"#{ACTION}")
    assert_open(page, ACTION)
    page.locator("[name=text]").fill("createSavingsPlan")
    page.wait_for_function("location.hash === '#actions?text=createSavingsPlan'")
    page.evaluate("location.hash = 'savingsplans:CreateSavingsPlan'")
    assert_open(page, "savingsplans:CreateSavingsPlan")
    page.wait_for_function("location.hash.endsWith('CreateSavingsPlan?text=createSavingsPlan')")
    page.evaluate(f"location.hash = '{ACTION}'")
    assert_open(page, ACTION)
    assert count(page) == shown_count(reports["few"])
    # In any case, or without a row.
    page.evaluate("location.hash = 'SAVINGSPLANS:createsavingsplan'")
    page.wait_for_function(f"{FOCUSED} === 'savingsplans:CreateSavingsPlan'")
    page.evaluate("location.hash = 's3:GetObject'")
    page.locator("#said p").nth(2).wait_for()
    assert page.locator("#said p").count() == 3


def test_unknown_address_shows_every_action(show: Show, reports: Reports) -> None:
    page = show("few")
    page.evaluate("addEventListener('hashchange', () => { window.heard = location.hash; })")
    for fragment in ("#%E0%A4%A", "#actions?role=none&count=x&other=1", "#nothing", "#rows"):
        page.evaluate("(hash) => { window.heard = null; location.hash = hash; }", fragment)
        page.wait_for_function("window.heard !== null")
        assert count(page) == shown_count(reports["few"])


def test_markdown_is_there_to_copy(show: Show, reports: Reports) -> None:
    page = show("few")
    shown = page.locator("#markdown")
    assert not shown.is_visible()
    # The page is not allowed to read the clipboard: what it writes is caught.
    clipboard = """Object.defineProperty(navigator, "clipboard", {{
        configurable: true, value: {{ writeText: {} }} }})"""
    top, ticket = page.locator(".copy").all()
    markdown = written(reports["few"], "markdown")
    page.evaluate(clipboard.format("async (text) => { window.copied = text; }"))
    top.click()
    page.locator("#copied", has_text="Copied").wait_for()
    assert page.evaluate("window.copied") == markdown
    page.evaluate(clipboard.format('() => Promise.reject(new Error("no"))'))
    ticket.click()
    page.locator("#copied", has_text="Selected: press Ctrl+C or Command+C to copy it.").wait_for()
    assert shown.is_visible()
    assert page.evaluate("getSelection().toString()").strip() == markdown.strip()


def has(decision: str) -> Callable[[ActionReport], bool]:
    return lambda action: any(grant.decision == decision for grant in action.roles.values())


FILTERS: list[tuple[dict[str, str], Callable[[ActionReport], object]]] = [
    ({"text": "PurchaseHost  buys"}, lambda action: action.name == "ec2:PurchaseHostReservation"),
    ({"text": "EC2:*instances"}, lambda action: re.match("ec2:.*Instances$", action.name)),
    ({"text": "*purchase*"}, lambda action: "Purchase" in action.name),
    ({"text": "Purchase*"}, lambda action: ":Purchase" in action.name),
    ({"text": "auto-pilot: denied by"}, has(DENIED)),
    ({"text": "legacy"}, lambda action: action.legacy),
    ({"role": "read-only"}, lambda action: action.is_effective("read-only")),
    (
        {"role": "only"},
        lambda action: action.is_effective("auto-pilot") and not action.is_effective("read-only"),
    ),
    ({"kind": "data", "text": "ecs:*"}, lambda action: action.data and action.service == "ecs"),
    ({"kind": "money"}, lambda action: action.spends),
    # As the links from the counts.
    (
        {"role": "auto-pilot", "kind": "writes"},
        lambda action: action.risk == "writes" and action.is_effective("auto-pilot"),
    ),
]


@pytest.mark.slow
def test_filter_shows_exactly_the_actions_that_it_is_for(show: Show, reports: Reports) -> None:
    page, report = show("few"), reports["few"]
    order = [
        action.name
        for _, services in by_service(report)
        for service in services
        for group in service.groups
        for action in group.actions
    ]
    for filters, expected in FILTERS:
        names = {action.name for action in report.actions if expected(action)}
        assert 0 < len(names) < len(report.actions)
        for name, value in filters.items():
            field = page.locator(f"#filters [name={name}]")
            if name == "text":
                field.fill(value)
            else:
                field.select_option(value)
        assert shown(page) == [name for name in order if name in names], filters
        assert count(page) == shown_count(report, len(names))
        assert dict(parse_qsl(page.url.partition("#actions?")[2])) == filters
        page.keyboard.press("Escape")
        assert count(page) == shown_count(report)
        # Without a search, the services are folded.
        assert shown(page) == []
        assert "#" not in page.url


def test_link_of_a_count_shows_what_it_counts(show: Show, reports: Reports) -> None:
    page, report = show("few"), reports["few"]
    kinds = [action for action in report.actions if action.risk == "writes"]
    number = sum(action.is_effective("auto-pilot") for action in kinds)
    page.locator(".role").last.locator(".counts .writes a").click()
    wait_for_count(page, shown_count(report, number))
    assert len(shown(page)) == number > 0


def test_address_restores_the_filters(show: Show, reports: Reports) -> None:
    filters = {"text": "create", "role": "auto-pilot", "kind": "money"}
    names = ["savingsplans:CreateSavingsPlan"]
    page = show("few", f"#actions?{urlencode(filters)}")
    assert shown(page) == names
    page.reload()
    assert shown(page) == names
    for name, value in filters.items():
        assert page.locator(f"#filters [name={name}]").input_value() == value
    page.evaluate("location.hash = '?text=tag:*'")
    expected = [each.name for each in reports["few"].actions if each.service == "tag"]
    wait_for_count(page, shown_count(reports["few"], len(expected)))
    assert shown(page) == expected


def test_slash_searches_and_escape_clears(show: Show, reports: Reports) -> None:
    page = show("few")
    page.keyboard.press("/")
    page.keyboard.type("tag/")
    text = page.locator("[name=text]")
    assert text.input_value() == "tag/"
    page.locator("[name=role]").select_option("read-only")
    assert count(page) == shown_count(reports["few"], 0)
    page.keyboard.press("Escape")
    assert count(page) == shown_count(reports["few"])
    assert text.input_value() == page.locator("[name=role]").input_value() == ""
    assert "#" not in page.url


NO = "not granted by any pattern"
NOT_LISTED = {
    "s3:GetObject": (NO, NO),
    "ec2:DescribeTomorrow": (NO, "allowed by PumpReadOnly ec2:Describe*"),
    "CE:CreateTomorrow": (NO, "denied by no-billing-preferences, granted by PumpReadOnly ce:*"),
    "cloudwatch:GetOmniTomorrow": (
        NO,
        "denied by metadata-only, granted by PumpReadOnly cloudwatch:Get*",
    ),
}
"""Actions that are not in the list, and how each role's policies decide about them."""

NO_PATTERN = {
    "s3:*": (NO, NO),
    "ec2:*Tomorrow": (NO, "may have matching actions, by PumpReadOnly ec2:Describe*"),
}


def test_search_answers_for_what_has_no_row(show: Show, reports: Reports) -> None:
    page, date = show("few"), reports["few"].date

    def assert_answered(asked: str, first: str, by_role: tuple[str, str]) -> None:
        kinds = zip(("read-only", "auto-pilot"), by_role, strict=True)
        said = [first, *(f"{kind}: {decided}." for kind, decided in kinds)]
        assert search(page, asked) == said
        assert shown(page) == []

    for asked, by_role in NOT_LISTED.items():
        assert_answered(
            asked,
            f"{asked} is not in the list of {date}. If AWS has this action, each role's policies "
            "decide:",
            by_role,
        )
    for asked, by_role in NO_PATTERN.items():
        assert_answered(
            asked, f"No listed action matches {asked}. Each role's policies decide:", by_role
        )
    assert_answered(
        "s3",
        "No listed action matches “s3”. If it is a service, each role's policies decide:",
        (NO, NO),
    )
    unmatched = "No listed action matches “nothing at all”."
    assert search(page, "nothing at all") == [
        unmatched,
        "To ask about any action, search for its service and name, such as s3:GetObject.",
    ]


@pytest.mark.parametrize(
    "pattern",
    [
        "EC2:*Reserved*Offering",
        "*ed*ed*",
        "??:*",
        "*?*?*s",
        "e?*e?*e",
        "*",
        "ce:*[s]",
        ACTION + "*",
    ],
)
def test_search_shows_what_a_pattern_matches(show: Show, reports: Reports, pattern: str) -> None:
    page = show("few")
    search(page, pattern)
    assert sorted(shown(page)) == [
        action.name
        for action in reports["few"].actions
        if covers(pattern, action.name) or covers(pattern, action.name.partition(":")[2])
    ]


def test_search_for_many_wildcards_does_not_take_exponential_time(show: Show) -> None:
    hostile = "*?*?*?*?*?*?*?*?*?*?*?*qz"
    assert search(show("few"), hostile)[0] == f"No listed action matches “{hostile}”."


def test_search_may_be_as_long_as_a_browser_allows(show: Show, reports: Reports) -> None:
    page = show("few")
    for hostile in ("*" * 3_000, "*?" * 3_000, "ec2:" + "*" * 3_000, "a*" * 3_000, "*:" * 3_000):
        search(page, hostile)
    assert search(page, "*" * 3_000) == []
    assert count(page) == shown_count(reports["few"])


def test_long_search_is_cut_before_it_takes_time(show: Show) -> None:
    page = show("few")
    search(page, "*a" * 10_000)
    assert page.locator("[name=text]").input_value() == "*a" * 128
    # A paste of a line is searched as it is.
    search(page, "a" * 256)
    assert page.locator("[name=text]").input_value() == "a" * 256
    page.goto(f"{page.url.partition('#')[0]}#actions?text={'b' * 20_000}")
    assert page.locator("[name=text]").input_value() == "b" * 256


def test_search_says_nothing_about_what_has_rows(show: Show, reports: Reports) -> None:
    page = show("few")
    # The second is pasted from a policy. The third is the beginning of listed actions.
    for asked, number in ((ACTION, 1), (f'  "{ACTION}",', 1), ("ec2:Purchase", 2)):
        assert search(page, asked) == []
        assert len(shown(page)) >= number
        assert (ACTION in shown(page)) == (ACTION in asked)
    assert len(shown(page)) == 2
    assert search(page, "ec2:*") == []
    assert {*shown(page)} == {each.name for each in reports["few"].actions if each.service == "ec2"}
    search(page, "")
    page.locator("[name=role]").select_option("read-only")
    page.locator("[name=kind]").select_option("money")
    assert page.locator("#said p").all_inner_texts() == ["No listed action matches these filters."]


@pytest.mark.parametrize("viewport", [DESK, PHONE])
def test_results_are_visible_below_the_search(viewport: ViewportSize, show: Show) -> None:
    page = show("few", viewport=viewport)
    page.keyboard.press("/")
    for text in ("s3:GetObject", "createsavingsplan", "no such thing"):
        search(page, text)
        bar, said = page.evaluate(BOXES, ["filters", "said"])
        assert bar["top"] >= 0
        assert bar["bottom"] <= said["top"] <= said["bottom"] <= viewport["height"], text


def test_focus_is_never_hidden_behind_what_sticks(show: Show) -> None:
    page = show("published")
    page.locator(".service > summary").last.focus()
    hidden = """() => {
        const { top } = document.activeElement.getBoundingClientRect();
        return [...document.querySelectorAll(".heads, .filters, .columns")].some((bar) => {
            const box = bar.getBoundingClientRect();
            return !bar.contains(document.activeElement) && box.top <= top && top < box.bottom;
        });
    }"""
    for _ in range(40):
        page.keyboard.press("Shift+Tab")
        assert not page.evaluate(hidden), page.evaluate("document.activeElement.outerHTML")


def test_back_leads_from_the_results_to_where_the_search_began(show: Show) -> None:
    page = show("few")
    page.evaluate("document.querySelector('.counts .money a, .counts a').click()")
    page.wait_for_function("() => scrollY > 0")
    assert page.locator("[name=kind]").input_value() == "money"
    page.go_back()
    page.wait_for_function("() => scrollY === 0")
    assert page.locator("[name=kind]").input_value() == ""


def test_enter_leads_from_the_search_to_the_first_result_or_the_answer(show: Show) -> None:
    page = show("few")
    text = page.locator("[name=text]")
    text.fill("PurchaseHost")
    text.press("Enter")
    assert page.evaluate(FOCUSED) == "ec2:PurchaseHostReservation"
    text.fill("s3:GetObject")
    text.press("ArrowDown")
    assert page.evaluate(FOCUSED) == "said"


def test_keyboard_skips_to_the_answers_and_reaches_rows_with_one_stop(show: Show) -> None:
    page = show("published")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.matches('.skip')")
    assert page.locator(".skip").evaluate("(link) => link.getBoundingClientRect().top >= 0")
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.matches('.q > summary')")
    page.locator(".service > summary", has_text="ec2").focus()
    page.keyboard.press("Enter")
    page.locator("#rows li[tabindex='0']:visible").wait_for()
    page.keyboard.press("Tab")
    first, second = shown(page)[:2]
    assert page.evaluate(FOCUSED) == first
    page.keyboard.press("ArrowDown")
    assert page.evaluate(FOCUSED) == second
    page.keyboard.press("End")
    assert page.evaluate(FOCUSED) == shown(page)[-1]
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.matches('.service > summary')")


def test_content_security_policy_allows_only_its_own_style_and_script(
    browser: Browser, files: dict[str, Path]
) -> None:
    text = files["few"].read_text(encoding="utf-8")
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
    page, wrong = opened(browser, files["few"])
    assert wrong == []
    page.evaluate("""() => {
        const script = document.createElement("script");
        script.textContent = "window.ran = true";
        document.body.append(script);
    }""")
    assert page.evaluate("window.ran") is None
    assert any("Content Security Policy" in message for message in wrong)


def test_every_row_is_there_without_javascript(show: Show, reports: Reports) -> None:
    page = show("few", java_script_enabled=False)
    assert not page.locator("#filters").is_visible()
    assert page.get_by_role("button").count() == 0
    assert page.locator("#rows li").count() == len(reports["few"].actions)
    page.locator(".service > summary", has_text="ec2").click()
    assert page.locator("#rows li").get_by_text("DescribeReservedInstances").first.is_visible()
    page.locator("#read-objects summary").click()
    assert "s3:GetObject" in page.locator("#read-objects").inner_text()


def test_page_is_small() -> None:
    assert len(as_html(of_published()).encode()) <= 650_000


@pytest.mark.slow
def test_page_is_short_until_someone_searches(show: Show) -> None:
    page = show("guarded")
    assert 3 < page.evaluate("document.documentElement.scrollHeight / innerHeight") < 15


@pytest.mark.slow
@pytest.mark.parametrize("width", [390, 320, 280])
@pytest.mark.parametrize("name", ["few", "alone", "odd"])
def test_phone_scrolls_only_down(name: str, width: int, show: Show) -> None:
    page = show(name, viewport={**PHONE, "width": width}, is_mobile=True, has_touch=True)
    page.evaluate(UNFOLD)
    assert page.evaluate("document.documentElement.scrollWidth") == width
    assert page.evaluate("visualViewport.scale") == 1
    wide = """(width) => [...document.querySelectorAll("body *")].filter((element) =>
        element.checkVisibility() && element.getBoundingClientRect().right > width + 0.5)
        .map((element) => element.outerHTML)"""
    assert page.evaluate(wide, width) == []


@pytest.mark.slow
def test_print_is_short_and_has_every_action(show: Show, reports: Reports) -> None:
    page = show("guarded", java_script_enabled=False, color_scheme="dark")
    page.emulate_media(media="print")
    for hidden in (".rail nav", "#filters", ".copy", "#markdown", ".parts", ".acts p"):
        assert not page.locator(hidden).first.is_visible(), hidden
    assert page.locator("#rows li:visible").count() == len(reports["guarded"].actions)
    denied = page.locator("#rows li[data-roles='']").first
    assert "line-through" in denied.evaluate("(row) => getComputedStyle(row).textDecoration")
    paper = page.locator("body").evaluate("(body) => getComputedStyle(body).backgroundColor")
    assert paper == "rgb(255, 255, 255)"


@pytest.mark.slow
def test_published_roles_fit_on_six_pages_and_print_says_what_is_filtered(
    browser: Browser, tmp_path: Path
) -> None:
    (tmp_path / "page.html").write_text(as_html(of_published()), encoding="utf-8")
    page, _ = opened(browser, tmp_path / "page.html")
    # A4, by the page's own style.
    pages = len(re.findall(rb"/Type\s*/Page\b", page.pdf(prefer_css_page_size=True)))
    assert 4 <= pages <= 6
    page.emulate_media(media="print")
    assert not page.locator("#filters").is_visible()
    page.evaluate("location.hash = 'actions?kind=money'")
    page.locator("#filters").wait_for()


@pytest.mark.slow
def test_axe_finds_no_violation(browser: Browser, files: dict[str, Path]) -> None:
    page, _ = opened(browser, files["odd"], bypass_csp=True)
    # It takes long for hundreds of rows that are all alike. The first of each kind are enough.
    page.evaluate(
        """for (const service of document.querySelectorAll(".service")) service.open = true;
        for (const details of document.querySelectorAll(".role details, .changes details, .fold"))
            details.open = true;
        for (const details of [...document.querySelectorAll(".q")].slice(0, 3)) details.open = true;
        """
    )
    for state in STATES.values():
        assert page.locator("#rows li").get_by_text(state).first.is_visible()
    page.evaluate(AXE.read_text(encoding="utf-8"))
    # Contrast takes most of the time. Only it depends on the colors, and not on the width.
    runs: tuple[tuple[Literal["light", "dark"], ViewportSize, str, int], ...] = (
        ("light", DESK, "", 20),
        ("light", PHONE, "rules: {'color-contrast': {enabled: false}}", 20),
        ("dark", DESK, "runOnly: ['color-contrast']", 0),
    )
    for scheme, viewport, options, passes in runs:
        page.emulate_media(color_scheme=scheme)
        page.set_viewport_size(viewport)
        paper = page.locator("body").evaluate("(body) => getComputedStyle(body).backgroundColor")
        assert (paper == "rgb(255, 255, 255)") == (scheme == "light")
        found = page.evaluate(f"axe.run({{resultTypes: ['violations'], {options}}})")
        assert len(found["passes"]) > passes
        assert found["violations"] == []


EVIL = "\"'><script>window.ran=1</script></style><img src=x onerror=window.ran=1>{{ 7*7 }}\u202eé中"


@pytest.mark.slow
# The policy must not be what saves it.
@pytest.mark.parametrize("bypass", [False, True])
def test_shows_whatever_a_template_contains_as_text(
    bypass: bool,  # noqa: FBT001
    browser: Browser,
    reports: Reports,
    tmp_path: Path,
) -> None:
    report = replace(reports["odd"], actions=reports["odd"].actions[:9])
    unknown = AssemblyUnknown(part="template", why="macro", subject="what")
    change = ReportChange(effect="broader", about="suspect", unknown=unknown)
    report = replace(report, unreadable=(unknown,), changes=(change, *report.changes))
    report = edited(report, lambda text: text + EVIL)
    (tmp_path / "page.html").write_text(as_html(report), encoding="utf-8")
    page, wrong = opened(browser, tmp_path / "page.html", bypass_csp=bypass)
    assert not_shown(page, report) == []
    assert page.evaluate("window.ran") is None
    assert page.locator("script").count() == 2
    assert page.locator("img").count() == 0
    assert "<script>x" in search(page, "<script>x")[0]
    assert count(page) == "0 of 9"
    assert wrong == []
