"""The results of ``probe`` for a terminal."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final

from pump_roles.review.account.probe import ProbeResult, Verdict
from pump_roles.review.output.terminal import Line, in_lines

_SHOWN: Final[dict[Verdict, tuple[str, str]]] = {
    "not-required": ("not required", "bold red"),
    "unknown": ("unknown", "yellow"),
    "required": ("required", "green"),
}
"""How each verdict is shown. What needs attention comes first."""


def as_table(results: Sequence[ProbeResult]) -> str:
    """Return the results, one line for each role: first what needs attention, last the counts."""
    return in_lines(_lines(results), styled=True)


def _lines(results: Sequence[ProbeResult]) -> Iterator[Line]:
    width = max(len(result.role_arn) for result in results)
    for verdict, (label, style) in _SHOWN.items():
        for result in results:
            if result.verdict == verdict:
                about = f" {result.role_arn:<{width}}  {result.reason}"
                yield Line(label=f"{label:<12}", style=style, text=about)
    found = Counter(result.verdict for result in results)
    counts = [
        f"{found[verdict]:,} {label}" for verdict, (label, _) in _SHOWN.items() if found[verdict]
    ]
    yield Line(text=f"external ID: {', '.join(counts)}")
