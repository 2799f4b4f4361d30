"""The reader: what synthesized templates contain. It only reads files.

Conditions, transforms, and imports are resolved at deployment, so they cannot be read. If one of
them could change one of Pump's roles, the result says so, and does not rely on it.
"""

from pump_roles.contents import (
    Access,
    Contents,
    FoundRole,
    OrganizationPolicy,
    Other,
    Place,
)

__all__ = ["Access", "Contents", "FoundRole", "OrganizationPolicy", "Other", "Place"]
