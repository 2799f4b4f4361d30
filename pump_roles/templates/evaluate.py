"""Evaluates the values in a template: what each can be at deployment, as far as is known."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import product
from math import prod
from typing import Any, Final

from pump_roles.iam.values import as_list, as_mapping, as_text
from pump_roles.templates.template import Alternatives, Reference, Template, Text

__all__ = ["evaluate", "only_text", "texts_in"]

_MOST: Final = 64
"""More alternatives than this become one that is not known."""

_LONGEST: Final = 4_096
"""A longer string is neither joined nor split."""

_PAIR: Final = 2

_PLACEHOLDER: Final = re.compile(r"(\$\{[^{}]*\})")

_IN_ARNS: Final = {"${AWS::Partition}", "${AWS::Region}", "${AWS::AccountId}"}
"""Placeholders in ARNs whose values contain neither of an ARN's separators."""

_IDENTIFIES: Final = {
    ("AWS::IAM::Role", ""),
    ("AWS::IAM::Role", "Arn"),
    ("AWS::IAM::User", "Arn"),
    ("AWS::IAM::ManagedPolicy", ""),
}
"""References that identify one role, user, or policy: the type and the attribute, empty for Ref."""

_VALUES: Final = {
    ("AWS::IAM::Group", ""): "GroupName",
    ("AWS::IAM::User", ""): "UserName",
    ("AWS::SSM::Parameter", ""): "Name",
    ("AWS::SSM::Parameter", "Value"): "Value",
}
"""References whose value is a property of the resource: the name of the property."""


def evaluate(value: Any, template: Template) -> tuple[Text, ...]:
    """Return every string that a value can be; none for ``AWS::NoValue`` or null.

    For a list, these are all strings that its elements can be.

    :param value: the value, as in a template.
    :param template: that template.
    """
    return _texts(_alternatives(value, template))


def only_text(value: Any, template: Template) -> Text | None:
    """Return the one string that a value is certain to be; ``None`` if it is not certain.

    :param value: the value, as in a template.
    :param template: that template.
    """
    found = _alternatives(value, template)
    only = found[0] if len(found) == 1 and not isinstance(value, list) else None
    return only if only is not None and only.known else None


def texts_in(value: Any, template: Template) -> Iterator[Text]:
    """Yield every string anywhere in a value."""
    if isinstance(value, list):
        for element in value:
            yield from texts_in(element, template)
    elif isinstance(value, dict):
        if len(value) == 1 and _is_function(next(iter(value))):
            yield from evaluate(value, template)
            return
        for key, element in value.items():
            yield Text(key)
            yield from texts_in(element, template)
    elif isinstance(value, str):
        yield Text(value, known="{{resolve:" not in value)


def _alternatives(value: Any, template: Template) -> Alternatives:
    # Never empty. A list has the alternatives of all its elements; an empty list is None.
    if value is None:
        return (None,)
    if isinstance(value, list):
        found = tuple(text for element in value for text in _alternatives(element, template))
        return found or (None,)
    if isinstance(value, str):
        return (Text(value, known="{{resolve:" not in value),)
    if not isinstance(value, dict) or len(value) != 1:
        return (_unknown(value, template),)
    ((function, argument),) = value.items()
    found = tuple(dict.fromkeys(_call(function, argument, template))) or (None,)
    return found if len(found) <= _MOST else (_merged(_texts(found), known=False),)


def _texts(alternatives: Iterable[Text | None]) -> tuple[Text, ...]:
    return tuple(text for text in alternatives if text is not None)


def _is_function(key: str) -> bool:
    return key == "Ref" or key.startswith("Fn::")


def _call(function: str, argument: Any, template: Template) -> Iterable[Text | None]:
    called = _FUNCTIONS.get(function)
    pair = isinstance(argument, list) and len(argument) == _PAIR
    if called is None or (function in ("Fn::Join", "Fn::Select") and not pair):
        return (_unknown({function: argument}, template),)
    return called(argument, template)


def _ref(name: Any, template: Template) -> Alternatives:
    if not isinstance(name, str):
        return (_unknown(name, template),)
    if name == "AWS::NoValue":
        return (None,)
    placeholder = f"${{{name}}}"
    if name.startswith("AWS::"):
        where = {
            "AWS::AccountId": template.account,
            "AWS::Region": template.region,
            "AWS::StackName": template.stack,
        }
        return (Text(where.get(name) or placeholder, known=name != "AWS::StackName"),)
    reference = frozenset({(template, name)})
    if name in template.resources:
        return _resource(name, "", template)
    if name not in template.evaluated:
        template.evaluated[name] = _parameter(name, placeholder, reference, template)
    return template.evaluated[name]


def _parameter(
    name: str, placeholder: str, reference: frozenset[Reference], template: Template
) -> Alternatives:
    declared = _declared(name, placeholder, reference, template)
    if "Parameters" in template.changeable or template.has_changeable_arguments:
        declared = (*declared, Text(placeholder, reference, known=False))
    if name not in template.arguments or template.parent is None:
        return declared
    # A parameter whose argument is AWS::NoValue has its default.
    passed = _alternatives(template.arguments[name], template.parent)
    if template.has_changeable_arguments:
        passed = (*passed, None)
    return tuple(
        found
        for text in passed
        for found in (
            declared if text is None else (replace(text, references=text.references | reference),)
        )
    )


def _declared(
    name: str, placeholder: str, reference: frozenset[Reference], template: Template
) -> tuple[Text, ...]:
    declared = as_mapping(template.declared.get(name))
    unknown = Text(placeholder, reference, known=False)
    default = declared.get("Default")
    if declared.get("Type") in ("CommaDelimitedList", "List<String>") and isinstance(default, str):
        return (*(Text(part.strip(), reference) for part in default.split(",")), unknown)
    if declared.get("Type") != "String":
        return (unknown,)
    allowed = declared.get("AllowedValues")
    if isinstance(allowed, list) and allowed:
        return tuple(Text(as_text(value), reference) for value in allowed)
    return (Text(default, reference), unknown) if isinstance(default, str) else (unknown,)


def _attribute(argument: Any, template: Template) -> Alternatives:
    parts = argument.split(".", 1) if isinstance(argument, str) else argument
    if not isinstance(parts, list) or len(parts) != _PAIR or not isinstance(parts[0], str):
        return (_unknown(argument, template),)
    name, attribute = parts
    if not isinstance(attribute, str):
        return (_unknown(argument, template),)
    if name in template.nested and attribute.startswith("Outputs."):
        return _output(attribute.removeprefix("Outputs."), template.nested[name])
    return _resource(name, attribute, template)


def _resource(name: str, attribute: str, template: Template) -> Alternatives:
    # The attribute is empty for Ref. Without its value, a reference is known only if it identifies
    # a role, a user, or a policy.
    kind = as_text(template.type_of(name))
    key = f"{name}.{attribute}" if attribute else name
    if kind == "Custom::CrossRegionExportReader":
        return tuple(_exported((attribute,), template))
    known = (kind, attribute) in _IDENTIFIES
    placeholder = Text(f"${{{key}}}", frozenset({(template, name)}), known)
    if (kind, attribute) not in _VALUES:
        return (placeholder,)
    if key not in template.evaluated:
        properties = template.properties(name)
        found = _filled(properties.get(_VALUES[kind, attribute]), placeholder, template)
        if any(member.startswith("Fn::") for member in properties):
            found = (*found, Text(placeholder.text, placeholder.references, known=False))
        template.evaluated[key] = found
    return template.evaluated[key]


def _output(name: str, template: Template) -> Alternatives:
    key = f"Outputs.{name}"
    if key not in template.evaluated:
        output = as_mapping(as_mapping(template.content.get("Outputs")).get(name))
        placeholder = Text(f"${{{key}}}", known=False)
        found = _filled(output.get("Value"), placeholder, template)
        if "Outputs" in template.changeable:
            found = (*found, placeholder)
        template.evaluated[key] = found
    return template.evaluated[key]


def _filled(value: Any, placeholder: Text, template: Template) -> Alternatives:
    # What has no value gets one at deployment, such as a generated name.
    return tuple(placeholder if text is None else text for text in _alternatives(value, template))


def _substituted(argument: Any, template: Template) -> Iterator[Text | None]:
    pattern: Any = argument
    values: Mapping[str, Any] = {}
    if isinstance(argument, list) and len(argument) == _PAIR:
        pattern, values = argument[0], as_mapping(argument[1])
    if not isinstance(pattern, str):
        yield _unknown(argument, template)
        return
    parts: list[Alternatives] = []
    for index, piece in enumerate(re.split(r"\$\{([^{}$]*)\}", pattern)):
        name = piece if index % 2 else ""
        if not index % 2:
            parts.append((Text(piece),))
        elif name.startswith("!"):
            parts.append((Text(f"${{{name[1:]}}}"),))
        elif name in values:
            parts.append(_alternatives(values[name], template))
        elif "." in name:
            parts.append(_attribute(name, template))
        elif name:
            parts.append(_ref(name, template))
    yield from _concatenated(parts, "")


def _joined(argument: Any, template: Template) -> Iterable[Text]:
    separator, elements = argument
    if not isinstance(separator, str):
        return (_unknown(elements, template),)
    if isinstance(elements, list):
        return _concatenated([_alternatives(element, template) for element in elements], separator)
    return (
        text
        for found in _lists(elements, template)
        for text in _concatenated([(element,) for element in found], separator)
    )


def _concatenated(parts: list[Alternatives], separator: str) -> Iterator[Text]:
    size = 1
    for part in parts:
        size *= len(part)
        if size > _MOST:
            yield _merged(_texts(text for texts in parts for text in texts), known=False)
            return
    # What is nothing, AWS::NoValue, is left out.
    for combination in map(_texts, product(*parts)):
        text = separator.join(text.text for text in combination)
        if len(text) > _LONGEST:
            yield _merged(combination, known=False)
            return
        yield Text(
            text,
            frozenset().union(*(text.references for text in combination)),
            # A dynamic reference can be put together from parts.
            all(text.known for text in combination) and "{{resolve:" not in text,
            any(text.merged for text in combination),
        )


def _selected(argument: Any, template: Template) -> Iterator[Text | None]:
    index, elements = argument
    if not re.fullmatch("[0-9]{1,4}", str(index)):
        yield _unknown([index, elements], template)
        return
    number = int(index)
    for found in _lists(elements, template):
        # CloudFormation does not say whether it counts elements that are nothing: both ways.
        texts = _texts(found)
        yield from (counted[number] for counted in (found, texts) if number < len(counted))
        if number >= len(found):
            # A placeholder that would have been split, such as an ARN, stays whole.
            yield _merged(texts, known=len(texts) == 1)


def _lists(value: Any, template: Template) -> Iterator[Alternatives]:
    # Every list that a value can be. One that cannot be known is a list of one unknown text.
    if isinstance(value, list):
        elements = [_alternatives(element, template) for element in value]
        fits = prod(map(len, elements)) <= _MOST
        yield from product(*elements) if fits else [(_unknown(value, template),)]
        return
    call = value if isinstance(value, dict) and len(value) == 1 else {}
    split = call.get("Fn::Split")
    separator, source = split if isinstance(split, list) and len(split) == _PAIR else ("", None)
    if branches := as_list(call.get("Fn::If"))[1:]:
        for branch in branches:
            yield from _lists(branch, template)
    elif isinstance(separator, str) and separator:
        for text in _alternatives(source, template):
            yield _pieces(text, separator)
    else:
        yield (_unknown(value, template),)


def _pieces(text: Text | None, separator: str) -> Alternatives:
    if text is None:
        return ()
    if len(text.text) > _LONGEST:
        return (_merged([text], known=False),)
    placeholders = _PLACEHOLDER.findall(text.text)
    pieces = [""]
    for index, part in enumerate(_PLACEHOLDER.split(text.text)):
        first, *others = [part] if index % 2 else part.split(separator)
        pieces[-1] += first
        pieces += others
    # The value of a placeholder can contain the separator. A single placeholder stays whole.
    known = text.known and (
        [text.text] == placeholders
        or not placeholders
        or (separator in (":", "/") and _IN_ARNS.issuperset(placeholders))
    )
    return tuple(replace(text, text=piece, known=known) for piece in pieces)


def _either(argument: Any, template: Template) -> Iterable[Text | None]:
    if not isinstance(argument, list):
        return (_unknown(argument, template),)
    return (text for branch in argument[1:] for text in _alternatives(branch, template))


def _mapped(argument: Any, template: Template) -> Iterator[Text | None]:
    mappings = as_mapping(template.content.get("Mappings"))
    found: list[Any] = [mappings]
    for key in as_list(argument)[:3]:
        texts = evaluate(key, template)
        names = {text.text for text in texts}
        literal = all(text.known and "${" not in text.text for text in texts)
        found = [
            value
            for mapping in found
            for name, value in as_mapping(mapping).items()
            if not literal or name in names
        ]
    default = [
        as_mapping(option).get("DefaultValue")
        for option in as_list(argument)[3:]
        if "DefaultValue" in as_mapping(option)
    ]
    if (not found and not default) or "Mappings" in template.changeable:
        yield _unknown(argument, template)
    for value in [*default, *found]:
        yield from _alternatives(value, template)


def _imported(argument: Any, template: Template) -> Iterator[Text | None]:
    for name in evaluate(argument, template):
        yield from _exported((name.text,), template)


def _stack_output(argument: Any, template: Template) -> Iterator[Text | None]:
    named = as_mapping(argument)
    for stack in evaluate(named.get("StackName"), template):
        for output in evaluate(named.get("OutputName"), template):
            yield from _exported((stack.text, output.text), template)


def _exported(key: tuple[str, ...], template: Template) -> Iterator[Text | None]:
    for exporting, value in template.exports.get(key, ()):
        cached = " ".join(("export", *key))
        if cached not in exporting.evaluated:
            exporting.evaluated[cached] = _alternatives(value, exporting)
        yield from exporting.evaluated[cached]
    exporting_templates = [exporting for exporting, _ in template.exports.get(key, ())]
    if not exporting_templates or any(
        "Outputs" in exporting.changeable for exporting in exporting_templates
    ):
        yield Text(f"${{{' '.join(key)}}}", known=False)


def _split(argument: Any, template: Template) -> Iterator[Text | None]:
    for found in _lists({"Fn::Split": argument}, template):
        yield from found or (None,)


_FUNCTIONS: Final[Mapping[str, Callable[[Any, Template], Iterable[Text | None]]]] = {
    "Ref": _ref,
    "Fn::GetAtt": _attribute,
    "Fn::Sub": _substituted,
    "Fn::Join": _joined,
    "Fn::Select": _selected,
    "Fn::If": _either,
    "Fn::FindInMap": _mapped,
    "Fn::ImportValue": _imported,
    "Fn::GetStackOutput": _stack_output,
    "Fn::Split": _split,
}


def _unknown(value: Any, template: Template) -> Text:
    return _merged([Text(as_text(value)), *_within(value, template)], known=False)


def _within(value: Any, template: Template) -> Iterator[Text]:
    if isinstance(value, list):
        for element in value:
            yield from _within(element, template)
    elif isinstance(value, dict):
        if len(value) == 1 and next(iter(value)) in ("Ref", "Fn::GetAtt", "Fn::Sub"):
            yield from evaluate(value, template)
            return
        for element in value.values():
            yield from _within(element, template)


def _merged(texts: Iterable[Text], *, known: bool = True) -> Text:
    # One string for several, with everything that they refer to.
    found = list(texts)
    references = frozenset().union(*(text.references for text in found))
    return Text(
        found[0].text if found else "",
        references,
        known and all(text.known for text in found),
        len(found) > 1 or any(text.merged for text in found),
    )
