"""`make attributes`: update which names and attributes of resources AWS makes, from cfn-lint.

cfn-lint has AWS's resource schemas of every Region.
"""

import json
from collections.abc import Iterable, Mapping
from importlib.metadata import distribution, version
from pathlib import Path
from typing import Any, Final

from tools.sandbox.cdk import ROOT

# Without an import of cfn-lint, which takes half a second.
SCHEMAS: Final = Path(str(distribution("cfn-lint").locate_file("cfnlint/data/schemas")))
FILE: Final = ROOT / "pump_roles" / "templates" / "attributes.json"


def trimmed(folder: Path = SCHEMAS) -> dict[str, Any]:
    """Return, for each type, what ``Ref`` gives, what can name it, and what AWS makes."""
    digests: dict[str, str] = {}
    for provider in sorted((folder / "providers").glob("*.json")):
        digests = {**json.loads(provider.read_bytes()), **digests}
    return {
        "source": f"cfn-lint {version('cfn-lint')}",
        "types": {
            kind: _attributes(kind, json.loads((folder / "resources" / f"{sha}.json").read_bytes()))
            for kind, sha in sorted(digests.items())
            if kind.startswith("AWS::")
        },
    }


def _attributes(kind: str, schema: Mapping[str, Any]) -> list[str]:
    identifier = _paths(schema.get("primaryIdentifier", []))
    more = [path for group in schema.get("additionalIdentifiers", []) for path in _paths(group)]
    made = [path for path in _paths(schema.get("readOnlyProperties", [])) if "*" not in path]
    own = {"name", f"{kind.rpartition('::')[2]}name".lower()}
    echoed = [path for path in made if path.endswith("Name")]
    named = [
        name
        for name in schema["properties"]
        if name.lower() in own
        or (name.endswith("Name") and any(map(name.endswith, echoed)))
        or any(path.endswith(name) for path in echoed)
    ]
    names = dict.fromkeys(path for path in (*identifier, *more, *named) if path not in made)
    return [" ".join(paths) for paths in (identifier, names, sorted(made))]


def _paths(pointers: Iterable[str]) -> list[str]:
    return [pointer.removeprefix("/properties/").replace("/", ".") for pointer in pointers]


def as_text(data: Mapping[str, Any]) -> str:
    """Return the data as JSON, one type per line, so that a difference is readable."""
    lines = (f"  {json.dumps(kind)}: {json.dumps(each)}" for kind, each in data["types"].items())
    listed = ",\n".join(lines)
    return f'{{"source": {json.dumps(data["source"])}, "types": {{\n{listed}\n}}}}\n'


def main() -> None:
    data = trimmed()
    FILE.write_text(as_text(data), encoding="utf-8")
    print(f"{len(data['types'])} types, from {data['source']}")


if __name__ == "__main__":
    main()
