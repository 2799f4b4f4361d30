"""Generates ``pump.guard``, the rules that compare any template with what is published."""

from pathlib import Path
from typing import Final

from jinja2 import Environment, StrictUndefined

from pump_roles import __version__
from pump_roles.published import ROLES
from pump_roles.universal import PRINCIPAL_PARAMETER
from pump_roles.validators import EXTERNAL_ID, PRINCIPAL

__all__ = ["rules"]

_TEMPLATE: Final = Path(__file__).with_name("pump.guard.j2")


def rules() -> bytes:
    """Return the rules, generated from the published policies."""
    read_only, auto_pilot = ROLES["read-only"], ROLES["auto-pilot"]
    policy_names = [policy.name for policy in auto_pilot.policies]
    more = [policy.name for policy in auto_pilot.policies if policy not in read_only.policies]
    environment = Environment(
        autoescape=False,  # noqa: S701 - the output is not HTML
        keep_trailing_newline=True,
        lstrip_blocks=True,
        trim_blocks=True,
        undefined=StrictUndefined,
    )
    template = environment.from_string(_TEMPLATE.read_text(encoding="utf-8"))
    made = template.render(
        version=__version__,
        roles=list(ROLES.values()),
        read_only=read_only,
        auto_pilot=auto_pilot,
        auto_pilot_patterns=list(dict.fromkeys(auto_pilot.patterns)),
        policy_names=policy_names,
        auto_pilot_policy_names=more,
        marks=[*policy_names, *(role.name for role in ROLES.values()), PRINCIPAL_PARAMETER],
        principal_parameter=PRINCIPAL_PARAMETER,
        external_id=EXTERNAL_ID.pattern,
        principal=PRINCIPAL.pattern,
    )
    return made.encode()
