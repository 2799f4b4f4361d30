"""Findings about public templates that are next to Pump's role, none of which is about the role.

    python -m tools.sandbox.real_templates FOLDER [--write]

FOLDER contains clones of the repositories, as ``OWNER/NAME``. Only their addresses and digests are
kept here. With ``--write``, these become those of each clone's newest commit.
"""

import argparse
import json
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from pump_roles import templates, universal
from pump_roles.review.report.permission_report import of_contents
from tools.sandbox.cdk import ROOT

ADDRESSES: Final = ROOT / "tests" / "templates" / "innocent" / "addresses.json"

REPOSITORIES: Final = {
    "aws-cloudformation/cfn-lint": r"test/fixtures/templates/(good|quickstart)/.*\.(ya?ml|json)",
    "aws-samples/aws-security-reference-architecture-examples": r"aws_sra_examples/.*\.ya?ml",
    "aws/serverless-application-model": r"tests/translator/input/(?!error_)[^/]*\.yaml",
    "awslabs/aws-solutions-constructs": r".*\.snapshot/(?!.*DefaultTest).*\.template\.json",
}
"""The repositories, and patterns of the paths of their templates."""


def git(clone: Path, *arguments: str) -> bytes:
    return subprocess.run(
        ["git", "-C", str(clone), *arguments], check=True, capture_output=True
    ).stdout


def addresses(folder: Path) -> dict[str, Any]:
    """Return the commit of each clone, and the digests of its templates by their paths."""
    found = {}
    for repository, pattern in REPOSITORIES.items():
        clone = folder / repository
        paths = git(clone, "ls-tree", "-r", "--name-only", "HEAD").decode().splitlines()
        chosen = filter(re.compile(pattern).fullmatch, paths)
        files = {path: sha256(git(clone, "show", f"HEAD:{path}")).hexdigest() for path in chosen}
        commit = git(clone, "rev-parse", "HEAD").decode().strip()
        found[repository] = {"commit": commit, "files": files}
    return found


def contents(folder: Path, listed: Mapping[str, Any]) -> Iterator[tuple[str, str, bytes]]:
    """Yield the repository, the path, and the content of each template with its digest."""
    for repository, at in listed.items():
        for path, digest in at["files"].items():
            content = git(folder / repository, "show", f"{at['commit']}:{path}")
            if sha256(content).hexdigest() != digest:
                raise ValueError(f"{repository}/{path} has another digest")
            yield repository, path, content


def findings(path: str, content: bytes) -> int | None:
    """Return how many findings a template adds; ``None`` if it is no template with resources."""
    from cfnlint.decode import decode  # noqa: PLC0415 - takes half a second

    with TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "Pump.template.json").write_bytes(universal.template("read-only"))
        expected = len(of_contents(templates.read(folder)).findings)
        source = folder / f"source{Path(path).suffix}"
        source.write_bytes(content)
        read, _ = decode(str(source))
        source.unlink()
        if not isinstance(read, dict) or not isinstance(read.get("Resources"), dict):
            return None
        (folder / "Other.template.json").write_text(json.dumps(read, default=str), "utf-8")
        return len(of_contents(templates.read(folder)).findings) - expected


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    if options.write:
        text = json.dumps(addresses(options.folder), indent=1, sort_keys=True)
        ADDRESSES.write_text(f"{text}\n", encoding="utf-8")
    counts: dict[str, Counter[str]] = {}
    for repository, path, content in contents(options.folder, json.loads(ADDRESSES.read_text())):
        found = findings(path, content)
        counts.setdefault(repository, Counter())["not read" if found is None else "read"] += 1
        if found:
            counts[repository]["with findings"] += 1
            print(f"{repository}/{path}: {found}")
    for repository, count in counts.items():
        print(f"{repository}: {dict(count)}", file=sys.stderr)


if __name__ == "__main__":
    main()
