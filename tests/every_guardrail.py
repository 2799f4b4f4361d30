"""Every guardrail of the package, those that take a value with an example."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from pump_roles import Guardrail

FILLED: Final[Mapping[str, Guardrail]] = MappingProxyType(
    {
        "invitations-from": Guardrail.invitations_from("111122223333"),
        "only-in-regions": Guardrail.only_in_regions("us-east-1", "eu-west-1"),
        "until": Guardrail.until("2927-01-31T18:00:00Z"),
    }
)
"""Those that take a value, by name."""

EVERY: Final[Mapping[str, Guardrail]] = MappingProxyType(
    {**{name: Guardrail.named(name) for name in Guardrail.names()}, **FILLED}
)
"""All of them, by name."""
