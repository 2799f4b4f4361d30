"""The universal templates: what a synth without values writes, the same for every customer.

The package contains them so that a customer without the CDK can deploy them. ``make generate``
writes them, and a test compares them with those of the synth and of a rollout's members.
"""

from importlib import resources
from typing import Final

from pump_roles.published import ROLES

__all__ = [
    "EXTERNAL_ID_PARAMETER",
    "FILES",
    "NEXT_EXTERNAL_ID_PARAMETER",
    "PRINCIPAL_PARAMETER",
    "template",
]

PRINCIPAL_PARAMETER: Final = "PumpIamRole"
"""The name of the template parameter with Pump's principal."""

EXTERNAL_ID_PARAMETER: Final = "PumpExternalID"
"""The name of the template parameter with the external ID."""

NEXT_EXTERNAL_ID_PARAMETER: Final = "PumpNextExternalID"
"""The name of the template parameter with a new external ID, which only a rollout's member template
has, during rotation."""

FILES: Final = {kind: f"{role.stack_name}.template.json" for kind, role in ROLES.items()}
"""The name of each role's template by the role's kind, as the synth names it."""


def template(kind: str) -> bytes:
    """Return a role's universal template, byte for byte.

    :param kind: ``read-only`` or ``auto-pilot``.
    :raises KeyError: when there is no such role.
    """
    return resources.files(__name__).joinpath(FILES[kind]).read_bytes()
