"""Stacks as customers have them, in which there is no finding.

CDK rendered them with the recommended feature flags; a reference to another stack also without.
``roles-named-by-parameters`` is as in AWS's security reference architecture.
Those in ``innocent/anywhere`` are harmless in any stack, also in the one of Pump's role. Those in
``innocent/elsewhere`` are harmless in another stack: they let somebody else into the account, make
credentials, or are what the others refer to.

Only CDK's own handlers have the same logical ID in several, so that one stack can take them all.
"""

import json
from pathlib import Path
from typing import Any

from pump_roles import universal

__all__ = ["customers_app"]


def _recorded(folder: str) -> dict[str, dict[str, Any]]:
    files = (Path(__file__).parent / "innocent" / folder).glob("*.json")
    return {file.name: json.loads(file.read_text()) for file in sorted(files)}


_ANYWHERE = _recorded("anywhere")
_ELSEWHERE = _recorded("elsewhere")


def customers_app(folder: Path, *, same: bool = False) -> list[Path]:
    """Write what CDK renders for an app with the read-only role and everything that is innocent."""
    pump = json.loads(universal.template("read-only"))
    files = {"Pump.template.json": pump, **_ANYWHERE, **_ELSEWHERE}
    stacks = [name for name in files if name.split(".", 1)[1] == "template.json"]
    if same:
        for name in [name for name in stacks if name in _ANYWHERE]:
            for section, members in files[name].items():
                pump.setdefault(section, {}).update(members)
            stacks.remove(name)
    artifacts = {name.split(".")[0]: {"properties": {"templateFile": name}} for name in stacks}
    files["manifest.json"] = {"artifacts": artifacts}
    for name, content in files.items():
        (folder / name).write_text(json.dumps(content))
    return [folder / name for name in stacks]
