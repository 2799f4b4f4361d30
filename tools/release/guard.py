"""Generates ``pump.guard``, the rules that compare any template with what is published."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from jinja2 import Environment, StrictUndefined

from pump_roles import __version__
from pump_roles.published import ROLES, PublishedRole
from pump_roles.universal import PRINCIPAL_PARAMETER
from pump_roles.validators import EXTERNAL_ID, PRINCIPAL

_TEMPLATE: Final = Path(__file__).with_name("pump.guard.j2")


def rules() -> bytes:
    """Return the rules, generated from the published policies.

    A role is taken for each published role that it may be: by its name, by its description, or
    because it has no policy that the published one lacks. It may allow only what that one allows.
    """
    roles = list(ROLES.values())
    names = list(dict.fromkeys(policy.name for role in roles for policy in role.policies))
    policies = _by_roles(names, roles)
    lacks = {role.kind: [kinds for kinds in policies if role.kind not in kinds] for role in roles}
    environment = Environment(
        autoescape=False,  # noqa: S701 - the output is not HTML
        keep_trailing_newline=True,
        lstrip_blocks=True,
        trim_blocks=True,
        undefined=StrictUndefined,
    )
    environment.filters["identifier"] = _identifier
    template = environment.from_string(_TEMPLATE.read_text(encoding="utf-8"))
    made = template.render(
        version=__version__,
        roles=roles,
        policy_names=names,
        policies=policies,
        lacks=lacks,
        limited=[role for role in roles if lacks[role.kind]],
        # Any role may be the one that lacks no policy.
        widest=next((role for role in roles if not lacks[role.kind]), None),
        marks=[
            *names,
            *(role.name for role in roles),
            *(role.description for role in roles),
            PRINCIPAL_PARAMETER,
        ],
        principal_parameter=PRINCIPAL_PARAMETER,
        external_id=EXTERNAL_ID.pattern,
        principal=PRINCIPAL.pattern,
    )
    return made.encode()


def _by_roles(
    names: Sequence[str], roles: Sequence[PublishedRole]
) -> dict[tuple[str, ...], list[str]]:
    # The names of the policies by the kinds of the roles that have them.
    found: dict[tuple[str, ...], list[str]] = {}
    for name in names:
        kinds = tuple(
            role.kind for role in roles if name in {policy.name for policy in role.policies}
        )
        found.setdefault(kinds, []).append(name)
    return found


def _identifier(kinds: str | tuple[str, ...]) -> str:
    joined = kinds if isinstance(kinds, str) else "_".join(kinds)
    return joined.replace("-", "_")
