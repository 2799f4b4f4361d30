"""What a customer can take away: named sets of explicit denies, each deny with a reason.

Each JSON file next to this module is one guardrail: what it removes, what that costs Pump's
service, and its statements or, for a set of others, its members. A statement names the actions that
it denies, or, with ``NotAction``, the only ones that it does not deny. One with a ``value`` is
filled in by the customer. A guardrail becomes an inline policy of the role, next to the published
ones, which stay as they are.
"""

from pump_roles.guardrails.guardrail import Guardrail, Need, by_policy, load
from pump_roles.guardrails.on_role import documents, made_redundant
from pump_roles.guardrails.recognition import recognized

__all__ = [
    "Guardrail",
    "Need",
    "by_policy",
    "documents",
    "load",
    "made_redundant",
    "recognized",
]
