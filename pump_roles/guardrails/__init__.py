"""Guardrails: named sets of explicit denies that a customer adds to a role.

Each JSON file next to this module is one guardrail: what it removes, what Pump then cannot do, and
its statements or, for a set of guardrails, its members. A statement lists the actions that it
denies, with reasons, or names another guardrail that denies the same ones. With ``NotAction``, it
lists the actions that it does not deny. The customer provides the value of a guardrail with a
``value``. A guardrail becomes an inline policy of the role. The published policies stay unchanged.
"""

from pump_roles.guardrails.daily_end import (
    APPROVAL_END,
    DailyEnd,
    approval_end,
    closes,
)
from pump_roles.guardrails.guardrail import (
    SHIPPED,
    WITH_VALUE,
    Guardrail,
    by_policy,
    documents_on,
    is_set,
    kept_by,
    opening_value,
    parts_of,
)
from pump_roles.guardrails.on_role import (
    added_up,
    applying,
    as_policies,
    asked_tags,
    documents,
    made_redundant,
    only_takes_away,
    opening_tags,
    recognized,
)

__all__ = [
    "APPROVAL_END",
    "SHIPPED",
    "WITH_VALUE",
    "DailyEnd",
    "Guardrail",
    "added_up",
    "applying",
    "approval_end",
    "as_policies",
    "asked_tags",
    "by_policy",
    "closes",
    "documents",
    "documents_on",
    "is_set",
    "kept_by",
    "made_redundant",
    "only_takes_away",
    "opening_tags",
    "opening_value",
    "parts_of",
    "recognized",
]
