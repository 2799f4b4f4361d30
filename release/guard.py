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
    """Return the rules, generated from the published policies.

    :raises ValueError: when another role is published than the two that the rules tell apart.
    """
    if set(ROLES) != {"read-only", "auto-pilot"}:
        raise ValueError(
            f"{_TEMPLATE.name}: tells only read-only and auto-pilot apart, and published are "
            f"{', '.join(ROLES)}"
        )
    read_only, auto_pilot = ROLES["read-only"], ROLES["auto-pilot"]
    roles = list(ROLES.values())
    policy_names = list(dict.fromkeys(policy.name for role in roles for policy in role.policies))
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
        roles=roles,
        read_only=read_only,
        auto_pilot=auto_pilot,
        auto_pilot_patterns=list(dict.fromkeys(auto_pilot.patterns)),
        policy_names=policy_names,
        auto_pilot_policy_names=more,
        marks=[
            *policy_names,
            *(role.name for role in roles),
            *(role.description for role in roles),
            PRINCIPAL_PARAMETER,
        ],
        principal_parameter=PRINCIPAL_PARAMETER,
        external_id=EXTERNAL_ID.pattern,
        principal=PRINCIPAL.pattern,
    )
    return made.encode()
