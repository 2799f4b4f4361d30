"""Generates the lists of the roles' kinds in the JSON schemas of the package."""

import re
from typing import Final

from pump_roles.published import ROLES

__all__ = ["SCHEMAS", "filled"]

SCHEMAS: Final = (
    "pump_roles/output/rollout.schema.json",
    "pump_roles/output/verify.schema.json",
    "pump_roles/output/report.schema.json",
)
"""The schemas that list the kinds, by path."""


def filled(schema: str) -> str:
    """Return a schema in which each list of kinds has those of the published roles.

    A list of kinds is an ``enum`` that begins with the kind of the first role. Other values can
    follow the kinds, if they are not names. An array with a role of each kind has at most as many.

    :param schema: the schema's text.
    """
    first, *_ = ROLES
    kinds = ", ".join(f'"{kind}"' for kind in ROLES)
    schema = re.sub(
        r'("items": \{"\$ref": "#/\$defs/role"\},\s+"minItems": 1,\s+"maxItems": )[0-9]+',
        rf"\g<1>{len(ROLES)}",
        schema,
    )
    return re.sub(rf'"enum": \["{first}"(, "[a-z-]+")*', f'"enum": [{kinds}', schema)
