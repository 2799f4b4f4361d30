"""The ready templates without guardrails: what a synth without values writes, for every customer.

The package contains them so that customers can deploy them without the CDK. ``make generate``
writes them, and a test compares them with the templates of the synth and of a rollout's members.
"""

from pathlib import Path
from typing import Final

from pump_roles.published import ROLES

FILES: Final = {kind: f"{role.stack_name}.template.json" for kind, role in ROLES.items()}
"""The file name of each role's template, as in the synth, by the role's kind."""


def template(kind: str) -> bytes:
    """Return a role's ready template without guardrails, byte for byte."""
    return Path(__file__).with_name(FILES[kind]).read_bytes()
