"""Writes the files that are generated from the published roles: ``make generate``.

A test compares each file with what would be generated now.
"""

import re
from collections.abc import Callable, Mapping
from functools import cache, partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from pump_roles import __version__, universal
from pump_roles.review.output.report_sections import presentation_of
from pump_roles.review.output.writers import to_markdown
from pump_roles.review.report.permission_report import of_published
from tools.release import auditor, manual, pictures, ready_templates, schemas, tables
from tools.release.sources import linked
from tools.sandbox.cdk import ROOT, cdk


@cache
def _synthesized() -> Mapping[str, bytes]:
    with TemporaryDirectory() as folder:
        ended = cdk("synth", "--quiet", "--output", folder)
        if ended.returncode:
            raise SystemExit(ended.stderr)
        return {name: (Path(folder) / name).read_bytes() for name in universal.FILES.values()}


def _template(name: str) -> bytes:
    return _synthesized()[name]


def _filled(path: str, fill: Callable[[str], str]) -> bytes:
    # Only parts of the file are generated.
    return fill((ROOT / path).read_text(encoding="utf-8")).encode()


def versioned(text: str) -> str:
    """Return a text with the version in the names of released files."""
    named = r"((?:pump[_-]roles|PumpReadOnly|PumpAutoPilot)-)[0-9]+\.[0-9]+\.[0-9]+"
    return re.sub(named, rf"\g<1>{__version__}", text)


NAMING: Final = (
    "docs/deploy.md",
    "examples/README.md",
    *(
        f"examples/{app}/requirements.txt"
        for app in ("budget", "organization", "pipeline", "pump_side", "read_only")
    ),
)
"""The files with names of released files, which contain the version."""

FILES: Final[Mapping[str, Callable[[], bytes]]] = {
    **{
        f"pump_roles/universal/{name}": partial(_template, name)
        for name in universal.FILES.values()
    },
    **ready_templates.READY,
    "cloudformation/Auditor.template.json": auditor.template,
    **pictures.FILES,
    "docs/permissions.md": lambda: linked(
        to_markdown(presentation_of(of_published(), every_action=True), None)
    ).encode(),
    **{f"docs/manual/{name}": make for name, make in manual.FILES.items()},
    **{path: partial(_filled, path, tables.filled) for path in tables.PAGES},
    **{path: partial(_filled, path, versioned) for path in NAMING},
    **{path: partial(schemas.schema, *about) for path, about in schemas.SCHEMAS.items()},
}
"""The function that makes each file, by path. A later one can use the files of earlier ones."""


def main(root: Path = ROOT) -> None:
    """Write the files that differ from what is generated now, and print their paths."""
    for path, make in FILES.items():
        file, content = root / path, make()
        if not file.is_file() or file.read_bytes() != content:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)
            print(path)


if __name__ == "__main__":
    main()
