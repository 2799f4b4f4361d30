"""Which guardrails that several roles share apply to one of them, next to its own."""

from collections.abc import Collection, Iterable, Sequence

from pump_roles.guardrails import WITH_VALUE, Guardrail, parts_of
from pump_roles.guardrails.guardrail_documents import documents_on
from pump_roles.inputs.validators import ArgumentError, ListOf
from pump_roles.published import ROLES


def applying(
    guardrails: Iterable[Guardrail], kind: str, sharing: Collection[str]
) -> list[Guardrail]:
    """Return which guardrails that several roles share apply to one of them.

    A guardrail applies to the roles that have permissions that it denies. If none has, it applies
    to all, and :func:`guardrail_documents.documents` rejects it.
    """

    def applies(guardrail: Guardrail) -> bool:
        having = [other for other in sharing if documents_on(guardrail, ROLES[other].patterns)]
        return kind in having or not having

    return [guardrail for guardrail in guardrails if applies(guardrail)]


def added_up(shared: Sequence[Guardrail], own: Sequence[Guardrail]) -> list[Guardrail]:
    """Return the guardrails of several roles and one role's own, without those that both have.

    Of a guardrail with two values, the one remains that leaves only what both leave.
    """
    values = {guardrail.name: guardrail for guardrail in shared if guardrail.values}
    stricter = [
        _stricter(values.pop(guardrail.name), guardrail) if guardrail.name in values else guardrail
        for guardrail in own
    ]
    rest = [guardrail for guardrail in shared if not guardrail.values or guardrail.name in values]
    more = _beyond(stricter, rest)
    return [*_beyond(rest, more), *more]


def _beyond(guardrails: Iterable[Guardrail], others: Iterable[Guardrail]) -> list[Guardrail]:
    included = {part for other in others for part in parts_of(other)}
    return [guardrail for guardrail in guardrails if not included.issuperset(parts_of(guardrail))]


def _stricter(shared: Guardrail, own: Guardrail) -> Guardrail:
    if shared.ends is not None and own.ends is not None:
        return own if own.ends < shared.ends else shared
    common = [value for value in own.values if value in shared.values]
    if not common:
        raise ArgumentError(
            "guardrails",
            f"{', '.join(own.values)} has no value in common with {{other}}, which also applies: "
            f"{', '.join(shared.values)}",
            other=own.name,
        )
    validator, with_value = WITH_VALUE[own.name]
    return with_value(common if isinstance(validator, ListOf) else common[0])
