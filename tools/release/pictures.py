"""The pictures of the pages, in ``docs/pictures/``: SVG, with the numbers of the action catalog."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from html import escape
from textwrap import wrap
from typing import Final, Literal

from pump_roles import Guardrail
from pump_roles.review.report.permission_report import of_published
from tools.sandbox.cdk import ROOT

Kind = Literal["plain", "good", "bad", "note"]

_COLORS: Final[Mapping[str, tuple[str, str]]] = {
    "plain": ("fill:#f1f5f9;stroke:#475569", "fill:#1e293b;stroke:#94a3b8"),
    "good": ("fill:#dcfce7;stroke:#15803d", "fill:#14532d;stroke:#4ade80"),
    "bad": ("fill:#fee2e2;stroke:#b91c1c", "fill:#7f1d1d;stroke:#f87171"),
    "note": ("fill:#ffffff;stroke:#94a3b8", "fill:#0d1117;stroke:#64748b"),
    "paper": ("fill:#ffffff", "fill:#0d1117"),
    "line": ("stroke:#475569", "stroke:#94a3b8"),
    "head": ("fill:#475569", "fill:#94a3b8"),
    "bar": ("fill:#64748b", "fill:#64748b"),
}
"""The style of each class, in light and in dark mode: of the kinds of boxes first."""

_TEXT: Final = ("#0f172a", "#e2e8f0")

_BOLD: Final = ' font-weight="bold"'
_LINE: Final = 19
_CHARACTER: Final = 7.4
_BOLD_CHARACTER: Final = 9.2
"""The most that a character of a 14 pixel font is wide, on average."""


def _text(
    x: float, y: float, lines: Sequence[str], *, anchor: str = "middle", bold: int = 0
) -> str:
    return "".join(
        f'<text x="{x:g}" y="{y + number * _LINE:g}" text-anchor="{anchor}"'
        f"{_BOLD if number < bold else ''}>{escape(line)}</text>"
        for number, line in enumerate(lines)
    )


def _box(
    x: float, y: float, width: float, text: str, kind: Kind = "plain", *, bold: int = 0
) -> str:
    """Return a box with lines of text, which must fit."""
    lines = text.split("\n")
    widths = (
        len(line) * (_BOLD_CHARACTER if number < bold else _CHARACTER)
        for number, line in enumerate(lines)
    )
    widest = max(widths)
    if widest > width - 12:
        raise ValueError(f"{widest} is wider than the box: {text}")
    height = _height(text)
    return (
        f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" rx="8" '
        f'class="{kind}"/>' + _text(x + width / 2, y + 25, lines, bold=bold)
    )


def _height(text: str) -> int:
    return _LINE * len(text.split("\n")) + 22


def _arrow(x: float, y: float, to_x: float, to_y: float, label: str = "") -> str:
    middle_x, middle_y = (x + to_x) / 2, (y + to_y) / 2
    said = ""
    if label and x == to_x:
        said = _text(middle_x + 8, middle_y + 5, [label], anchor="start")
    elif label:
        said = _text(middle_x, middle_y - 8, [label])
    return (
        f'<line x1="{x:g}" y1="{y:g}" x2="{to_x:g}" y2="{to_y:g}" class="line" '
        f'stroke-width="1.5" marker-end="url(#arrow)"/>{said}'
    )


_HEAD: Final = (
    '<defs><marker id="arrow" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="8" '
    'markerHeight="8" orient="auto"><path d="M0 0L10 5L0 10z" class="head"/></marker></defs>'
)


def _style(dark: int) -> str:
    """Return the rules for light mode, 0, or for dark mode, 1."""
    classes = (f".{name}{{{styles[dark]}}}" for name, styles in _COLORS.items())
    return f"text{{fill:{_TEXT[dark]}}}" + "".join(classes)


def _drawn(width: int, height: int, title: str, parts: Iterable[str]) -> bytes:
    size = f'width="{width}" height="{height}"'
    font = 'font-family="Helvetica, Arial, sans-serif" font-size="14"'
    lines = (
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" {size} viewBox="0 0 {width} {height}" '
            f'role="img" {font}>'
        ),
        f"<title>{escape(title)}</title>",
        f"<style>{_style(0)}@media(prefers-color-scheme:dark){{{_style(1)}}}</style>",
        _HEAD,
        f'<rect {size} class="paper"/>',
        *parts,
        "</svg>",
    )
    return ("\n".join(lines) + "\n").encode()


def _who_is_above() -> bytes:
    def side(x: int, title: str, above: str, kind: Kind, label: str) -> Iterable[str]:
        yield _text(x + 170, 28, [title], bold=1)
        yield _box(x + 40, 45, 260, above, kind, bold=1)
        yield _arrow(x + 170, 108, x + 170, 165, label)
        yield _box(x + 50, 165, 240, "Your account", bold=1)
        yield _box(x + 50, 285, 240, "Pump's roles in it", "note")
        yield _arrow(x + 170, 285, x + 170, 208, "guardrails limit them")

    yours = "Your management account\nyour policies, your StackSets"
    pumps = "Pump's management account\nits policies, its StackSets"
    return _drawn(
        760,
        345,
        "Who is above your account before and after it joins Pump's organization",
        [
            *side(10, "Before", yours, "good", "you decide"),
            *side(400, "After joining Pump's organization", pumps, "bad", "no guardrail limits it"),
        ],
    )


def listed(page: str, heading: str) -> Sequence[str]:
    """Return the first paragraph of each numbered step below a heading, without links."""
    text = (ROOT / "docs" / page).read_text("utf-8").partition(f"# {heading}\n")[2]
    section = text.partition("\n## ")[0]
    steps = re.findall(r"^\d\. (.*(?:\n {3}\S.*)*)", section, re.MULTILINE)
    linked = (re.sub(r"\[(.*?)\]\(.*?\)", r"\1", step, flags=re.DOTALL) for step in steps)
    return [" ".join(step.replace("`", "").split()) for step in linked]


def _wrapped(text: str, width: int) -> str:
    return "\n".join(wrap(text, int((width - 12) / _CHARACTER)))


def _attack() -> bytes:
    steps = listed("security-model.md", "If Pump is compromised")
    chain = [f"{number}. {step}" for number, step in enumerate(steps, 1)]
    parts, y = [], 15
    for step in [
        *chain,
        "After step 2, they can also buy and sell. Stopped by: only-when-approved.",
    ]:
        done, _, guard = step.rstrip(".").partition(". Stopped by: ")
        box = _wrapped(done, 320)
        parts.append(_box(15, y, 320, box, "bad"))
        if guard:
            kind: Kind = "bad" if guard.startswith("nothing") else "good"
            parts.append(_box(420, y, 325, _wrapped(f"stopped by: {guard}", 325), kind))
            parts.append(_arrow(420, y + 20, 335, y + 20))
        bottom = y + _height(box)
        y = bottom + 35
        if step in chain[:-1]:
            parts.append(_arrow(175, bottom, 175, y))
    return _drawn(760, bottom + 15, "The chain of an attack, and what stops each step", parts)


PURCHASE_TIMES: Final[Sequence[tuple[int, str, str]]] = (
    (70, "queued", ""),
    (250, "bought", ""),
    (450, "seven days", " later, or the\nend of the month"),
    (690, "one or three years", "\nafter the purchase"),
)
"""Where each time of a purchase is, what ``docs/costs.md`` calls it, and what the picture adds."""


def _purchase() -> bytes:
    parts = [_arrow(30, 70, 735, 70)]
    for x, name, more in PURCHASE_TIMES:
        parts.append(f'<circle cx="{x}" cy="70" r="6" class="head"/>')
        parts.append(_text(x, 30 if "\n" in more else 48, f"{name}{more}".split("\n")))
    parts += [
        _box(15, 95, 225, "up to three years:\nyou can delete it", "good"),
        _box(255, 95, 190, "a Savings Plan of at\nmost $100 an hour:\nyou can return it", "good"),
        _box(460, 95, 230, "you pay, whether\nyou use it or not", "bad"),
        _box(255, 190, 435, "a reservation: you pay from the purchase on", "bad"),
    ]
    return _drawn(760, 250, "The time line of a purchase", parts)


def _guardrails() -> bytes:
    left = [
        (name, sum(_counts(guardrails)))
        for name, guardrails in (
            ("as Pump publishes it", ()),
            ("recommended", [Guardrail.RECOMMENDED]),
            ("needed-only", [Guardrail.NEEDED_ONLY]),
        )
    ]
    most = left[0][1]
    parts = []
    for number, (name, count) in enumerate(left):
        y = 20 + 45 * number
        parts.append(_text(170, y + 20, [name], anchor="end"))
        width = 480 * count / most
        parts.append(f'<rect x="185" y="{y}" width="{width:.0f}" height="30" rx="4" class="bar"/>')
        parts.append(_text(195 + width, y + 20, [f"{count:,} actions"], anchor="start"))
    return _drawn(800, 165, "What guardrails leave of the auto-pilot role", parts)


def _counts(guardrails: Sequence[Guardrail]) -> Iterable[int]:
    report = of_published(guardrails=guardrails)
    return (
        action.roles["auto-pilot"].decision != "denied"
        for action in report.actions
        if "auto-pilot" in action.roles
    )


_STOP: Final[Mapping[str, tuple[str, Kind]]] = {
    "In one account": (": give both roles\nthe boundary AWSDenyAll", "plain"),
    "In all member accounts": (
        ": attach\nStopPump, in the management account.\nIf Pump has it: step 1 in each account",
        "plain",
    ),
    "Check": (" that it is stopped", "good"),
    "Return Savings Plans": (", today", "good"),
    "End what continues": ("", "good"),
    "Leave": (" Pump's organization, if you joined:\nafterward, AWS accepts no return", "bad"),
    "Remove the roles": ("", "plain"),
}
"""What the picture adds to the steps of a stop, by what ``docs/stop.md`` calls each."""


def _stop() -> bytes:
    """Return the steps below each other; the first one leads to the check, past the second."""
    names = [step.split("**")[1] for step in listed("stop.md", "Stop Pump now")]
    kinds = [_STOP[name][1] for name in names]
    texts = [f"{number}. {name}{_STOP[name][0]}" for number, name in enumerate(names, 1)]
    gaps = [50, *[28] * (len(texts) - 2)]
    tops = [15]
    for text, gap in zip(texts, gaps, strict=False):
        tops.append(tops[-1] + _height(text) + gap)
    ends = [top + _height(text) for top, text in zip(tops, texts, strict=True)]
    parts = [
        _box(10, top, 300 if number == 1 else 340, text, kind)
        for number, (top, text, kind) in enumerate(zip(tops, texts, kinds, strict=True))
    ]
    parts += [_arrow(60, end, 60, top) for end, top in zip(ends, tops[1:], strict=False)]
    parts += [
        _text(70, ends[0] + 21, ["AccessDenied, or", "many accounts"], anchor="start"),
        _arrow(330, ends[0], 330, tops[2]),
        _text(322, ends[0] + 30, ["stopped"], anchor="end"),
    ]
    return _drawn(360, ends[-1] + 15, "The steps of a stop, in order", parts)


_PICTURES: Final[Mapping[str, Callable[[], bytes]]] = {
    "attack": _attack,
    "guardrails": _guardrails,
    "purchase": _purchase,
    "stop": _stop,
    "who-is-above": _who_is_above,
}

FILES: Final[Mapping[str, Callable[[], bytes]]] = {
    f"docs/pictures/{name}.svg": draw for name, draw in _PICTURES.items()
}
"""The function that draws each picture, by path."""
