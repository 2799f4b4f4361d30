"""The rules for AWS CloudFormation Guard 3 that compare any template with what Pump publishes.

``make generate`` generates them from the published policies. The header of ``pump.guard`` says
which roles they check, and what they do not see.

Source: AWS CloudFormation Guard User Guide, "Writing AWS CloudFormation Guard rules".
"""

from typing import Final

from pump_roles.text import packaged

__all__ = ["FILE", "rules"]

FILE: Final = "pump.guard"
"""The name of the file with the rules."""


def rules() -> str:
    """Return the rules in the language of CloudFormation Guard."""
    return packaged(__name__, FILE)
