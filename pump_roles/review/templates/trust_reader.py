"""Reads the trust policies in templates."""

import re
from contextlib import suppress
from typing import Any

from pump_roles.iam.documents import as_list, as_mapping, ref, statements
from pump_roles.iam.trust import Trust, parse_trust
from pump_roles.iam.values import Value, known, literal, unreadable
from pump_roles.json_input import parse_json
from pump_roles.review.templates.filled import filled
from pump_roles.review.templates.template import Template
from pump_roles.validators import PRINCIPAL, Text


def read_trust(document: Any, template: Template) -> Trust:
    """Return a trust policy, with what is certain, and what is provided at deployment."""

    def value_of(value: Any, validator: Text) -> Value:
        if isinstance(value, str):
            return known(value)
        reference, where = passed(value, template)
        if not accepts_only(validator, reference, where):
            return unreadable(value) if isinstance(value, dict) else literal(value)
        declared = as_mapping(where.declared.get(ref(reference)))
        default = "" if where.has_changeable_arguments else declared.get("Default", "")
        return Value("open", ref(reference), default=default if validator is PRINCIPAL else "")

    return parse_trust(filled(parsed(document), template), value_of)


def parsed(document: Any) -> Any:
    """Return a policy document, which may be the text of one; any other value as it is."""
    if isinstance(document, str) and '"Statement"' in document:
        with suppress(ValueError, RecursionError):
            return parse_json(document)
    return document


def accepts_only(validator: Text, value: Any, template: Template) -> bool:
    """Return whether a value can only be what a validator accepts."""
    if isinstance(value, str):
        return bool(re.fullmatch(validator.pattern, value))
    declared = as_mapping(template.declared.get(ref(value)))
    return (
        declared.get("Type") == "String"
        and declared.get("AllowedPattern") == validator.pattern
        and ("Default" not in declared or accepts_only(validator, declared["Default"], template))
    )


def passed(value: Any, template: Template) -> tuple[Any, Template]:
    """Return what parents certainly pass for a parameter, and which does; else the value itself."""
    name, parent = ref(value), template.parent
    if parent is None or name not in template.arguments or template.has_changeable_arguments:
        return value, template
    return passed(template.arguments[name], parent)


def principals_in(document: Any, *effects: str) -> list[Any]:
    """Return the values that stand for principals of AWS in a trust policy, as in a template."""
    return [
        name
        for statement in statements(parsed(document))
        if statement.get("Effect") in effects
        for name in as_list(as_mapping(statement.get("Principal")).get("AWS", []))
    ]
