"""The rules that hold any template to what Pump publishes, for AWS CloudFormation Guard 3.

They come with the package so that an app of a customer's can add them to its own validation.
``make generate`` writes them from the published policies. Which roles they check, and what they
cannot see, is in the header of ``pump.guard``.

Source: AWS CloudFormation Guard User Guide, "Writing AWS CloudFormation Guard rules".
"""

from importlib import resources
from typing import Final

__all__ = ["FILE", "rules"]

FILE: Final = "pump.guard"
"""The name of the file with the rules."""


def rules() -> str:
    """Return the rules, as CloudFormation Guard reads them."""
    return resources.files(__name__).joinpath(FILE).read_text(encoding="utf-8")
