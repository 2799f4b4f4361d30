"""The results of ``probe`` for a terminal."""

from collections.abc import Sequence
from io import StringIO

from pump_roles.account.probe import ProbeResult, Verdict
from pump_roles.output.pieces import console_for


def as_table(results: Sequence[ProbeResult]) -> str:
    """Return the results, one line for each role: first what needs attention, last the counts."""
    written = StringIO()
    console = console_for(written, styled=True)
    # In this order, what needs attention comes first.
    shown: dict[Verdict, tuple[str, str]] = {
        "not-required": ("not required", "bold red"),
        "unknown": ("unknown", "yellow"),
        "required": ("required", "green"),
    }
    # On a terminal, the reason is on its own line, so that neither text is broken in the middle.
    width = max(len(result.role_arn) for result in results)
    between = "\n              " if console.is_terminal else "  "
    for verdict, (label, style) in shown.items():
        for result in results:
            if result.verdict == verdict:
                console.print(f"{label:<12}", style=style, end="")
                name = result.role_arn if console.is_terminal else f"{result.role_arn:<{width}}"
                console.print(f"  {name}{between}{result.reason}")
    counts = [
        f"{count:,} {name}"
        for verdict, (name, _) in shown.items()
        if (count := sum(result.verdict == verdict for result in results))
    ]
    console.print(f"external ID: {', '.join(counts)}")
    return written.getvalue()
