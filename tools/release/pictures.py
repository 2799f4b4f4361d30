"""The pictures of the pages, in ``docs/pictures/``: SVG, with the numbers of the action catalog."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from html import escape
from typing import Final, Literal

from pump_roles.guardrails import Guardrail
from pump_roles.review.report.permission_report import of_published

Kind = Literal["plain", "good", "bad", "note"]

_COLORS: Final[Mapping[Kind, tuple[str, str]]] = {
    "plain": ("#f1f5f9", "#475569"),
    "good": ("#dcfce7", "#15803d"),
    "bad": ("#fee2e2", "#b91c1c"),
    "note": ("#ffffff", "#94a3b8"),
}
"""The color of a box, and of its border."""

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
    fill, border = _COLORS[kind]
    height = _height(text)
    return (
        f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" rx="8" fill="{fill}" '
        f'stroke="{border}"/>' + _text(x + width / 2, y + 25, lines, bold=bold)
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
        f'<line x1="{x:g}" y1="{y:g}" x2="{to_x:g}" y2="{to_y:g}" stroke="#475569" '
        f'stroke-width="1.5" marker-end="url(#arrow)"/>{said}'
    )


_HEAD: Final = (
    '<defs><marker id="arrow" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="8" '
    'markerHeight="8" orient="auto"><path d="M0 0L10 5L0 10z" fill="#475569"/></marker></defs>'
)


def _drawn(width: int, height: int, title: str, parts: Iterable[str]) -> bytes:
    size = f'width="{width}" height="{height}"'
    font = 'font-family="Helvetica, Arial, sans-serif" font-size="14" fill="#0f172a"'
    lines = (
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" {size} viewBox="0 0 {width} {height}" '
            f'role="img" {font}>'
        ),
        f"<title>{escape(title)}</title>",
        _HEAD,
        f'<rect {size} fill="#ffffff"/>',
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


def _attack() -> bytes:
    steps: Sequence[tuple[str, Kind, str]] = (
        (
            "1. Somebody steals Pump's credentials\nand your external ID, which Pump stores",
            "bad",
            "",
        ),
        (
            "2. They assume the auto-pilot role\nin your account",
            "bad",
            "stopped by: no role, or the stop\n(AWSDenyAll, or StopPump)",
        ),
        (
            "3. They invite your account to their own\norganization, and accept with the role",
            "bad",
            "stopped by: no-invitations, or a service\ncontrol policy of your organization",
        ),
        (
            "4. Their management account creates\nan administrator in your account",
            "bad",
            "stopped by: nothing of yours.\nGuardrails do not limit it",
        ),
    )
    parts, y = [], 15
    for number, (step, kind, guard) in enumerate(steps):
        parts.append(_box(15, y, 320, step, kind))
        if guard:
            good: Kind = "bad" if "nothing" in guard else "good"
            parts.append(_box(420, y, 325, guard, good))
            parts.append(_arrow(420, y + 30, 335, y + 30))
        if number < len(steps) - 1:
            parts.append(_arrow(175, y + 60, 175, y + 95))
        y += 95
    parts.append(_box(15, y + 5, 320, "In step 2, they can also buy, and sell", "bad"))
    parts.append(_box(420, y + 5, 325, "stopped by: only-when-approved", "good"))
    parts.append(_arrow(420, y + 25, 335, y + 25))
    return _drawn(760, y + 65, "The chain of an attack, and where each guardrail cuts it", parts)


def _purchase() -> bytes:
    times = (
        (70, "queued"),
        (250, "bought"),
        (450, "7 days later, or the\nend of the month"),
        (690, "1 or 3 years\nafter the purchase"),
    )
    parts = [_arrow(30, 70, 735, 70)]
    for x, label in times:
        parts.append(f'<circle cx="{x}" cy="70" r="6" fill="#475569"/>')
        parts.append(_text(x, 30 if "\n" in label else 48, label.split("\n")))
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
        parts.append(
            f'<rect x="185" y="{y}" width="{width:.0f}" height="30" rx="4" fill="#64748b"/>'
        )
        parts.append(_text(195 + width, y + 20, [f"{count:,} actions"], anchor="start"))
    return _drawn(800, 165, "What guardrails leave of the auto-pilot role", parts)


def _counts(guardrails: Sequence[Guardrail]) -> Iterable[int]:
    report = of_published(guardrails=guardrails)
    return (
        action.roles["auto-pilot"].decision != "denied"
        for action in report.actions
        if "auto-pilot" in action.roles
    )


def _stop() -> bytes:
    parts = [
        _box(225, 15, 310, "Who has the management account?", bold=1),
        _arrow(290, 56, 150, 95, "you"),
        _arrow(470, 56, 610, 95, "Pump"),
        _box(15, 95, 330, "Give both roles the boundary AWSDenyAll\nin one account: step 1"),
        _arrow(180, 155, 180, 195, "AccessDenied, or many accounts"),
        _box(
            15,
            195,
            330,
            "Attach the policy StopPump to the root:\nstep 2. Management account: step 1",
        ),
        _box(
            415,
            95,
            330,
            "Give both roles the boundary AWSDenyAll\nin each account, with the loop",
        ),
        _arrow(580, 155, 580, 195),
        _box(
            415,
            195,
            330,
            "Leave Pump's organization:\nits management account is not stopped",
            "bad",
        ),
        _arrow(180, 255, 330, 300),
        _arrow(580, 255, 430, 300),
        _box(
            205,
            300,
            350,
            "Check, return Savings Plans, and end\nwhat continues: steps 3 to 5",
            "good",
        ),
    ]
    return _drawn(760, 375, "The decision tree of a stop", parts)


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
