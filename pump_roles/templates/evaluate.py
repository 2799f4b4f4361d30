"""What a value in a template can be when it is deployed, as far as the templates say."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import product
from typing import Any, Final

from pump_roles.templates.template import Reference, Template, Text
from pump_roles.templates.values import as_list, as_mapping, as_text

__all__ = ["evaluate", "texts_in"]

_MOST: Final = 64
"""More alternatives than these are not told apart."""

_LONGEST: Final = 4_096
"""A longer text is not put together, or taken apart."""

_PAIR: Final = 2

_IDENTIFIES: Final = {
    ("AWS::IAM::Role", ""),
    ("AWS::IAM::Role", "Arn"),
    ("AWS::IAM::User", "Arn"),
    ("AWS::IAM::ManagedPolicy", ""),
}
"""References that identify one role, user or policy: the type, and the attribute or nothing."""

_VALUES: Final = {
    ("AWS::IAM::Group", ""): "GroupName",
    ("AWS::IAM::User", ""): "UserName",
    ("AWS::SSM::Parameter", ""): "Name",
    ("AWS::SSM::Parameter", "Value"): "Value",
}
"""References whose value is a property of the resource."""


def evaluate(value: Any, template: Template) -> tuple[Text, ...]:
    """Return every text that a value can be; none for ``AWS::NoValue`` or null.

    If it is a list, that is every text that one of its elements can be.

    :param value: the value, as in a template.
    :param template: that template.
    """
    if value is None:
        return ()
    if isinstance(value, list):
        return tuple(text for element in value for text in evaluate(element, template))
    if isinstance(value, str):
        return (Text(value, known="{{resolve:" not in value),)
    if not isinstance(value, dict) or len(value) != 1:
        return (_unknown(value, template),)
    ((function, argument),) = value.items()
    found = tuple(dict.fromkeys(_call(function, argument, template)))
    return found if len(found) <= _MOST else (_merged(found, known=False),)


def texts_in(value: Any, template: Template) -> Iterator[Text]:
    """Yield every text that stands anywhere in a value."""
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


def _is_function(key: str) -> bool:
    return key == "Ref" or key.startswith("Fn::")


def _call(function: str, argument: Any, template: Template) -> Iterable[Text]:
    called = _FUNCTIONS.get(function)
    pair = isinstance(argument, list) and len(argument) == _PAIR
    if called is None or (function in ("Fn::Join", "Fn::Select") and not pair):
        return (_unknown({function: argument}, template),)
    return called(argument, template)


def _ref(name: Any, template: Template) -> tuple[Text, ...]:
    if not isinstance(name, str):
        return (_unknown(name, template),)
    if name == "AWS::NoValue":
        return ()
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
) -> tuple[Text, ...]:
    if name in template.arguments and template.parent is not None:
        return tuple(
            Text(text.text, text.references | reference, text.known)
            for text in evaluate(template.arguments[name], template.parent)
        )
    declared = as_mapping(template.declared.get(name))
    unknown = Text(placeholder, reference, known=False)
    default = declared.get("Default")
    if declared.get("Type") in ("CommaDelimitedList", "List<String>") and isinstance(default, str):
        return (*(Text(part.strip(), reference) for part in default.split(",")), unknown)
    if declared.get("Type") != "String":
        return (unknown,)
    allowed = declared.get("AllowedValues")
    if isinstance(allowed, list):
        return tuple(Text(as_text(value), reference) for value in allowed)
    return (Text(default, reference), unknown) if isinstance(default, str) else (unknown,)


def _attribute(argument: Any, template: Template) -> tuple[Text, ...]:
    parts = argument.split(".", 1) if isinstance(argument, str) else argument
    if not isinstance(parts, list) or len(parts) != _PAIR or not isinstance(parts[0], str):
        return (_unknown(argument, template),)
    name, attribute = parts
    if not isinstance(attribute, str):
        return (_unknown(argument, template),)
    if name in template.nested and attribute.startswith("Outputs."):
        return _output(attribute.removeprefix("Outputs."), template.nested[name])
    return _resource(name, attribute, template)


def _resource(name: str, attribute: str, template: Template) -> tuple[Text, ...]:
    # What a resource is called; the attribute is empty for a Ref. Only what identifies a role, a
    # user or a policy is known without its value.
    kind = as_text(template.type_of(name))
    key = f"{name}.{attribute}" if attribute else name
    if (kind, attribute) in _VALUES and key not in template.evaluated:
        value = template.properties(name).get(_VALUES[kind, attribute])
        template.evaluated[key] = evaluate(value, template)
    if template.evaluated.get(key):
        return template.evaluated[key]
    if kind == "Custom::CrossRegionExportReader":
        return tuple(_exported((attribute,), template))
    known = (kind, attribute) in _IDENTIFIES
    return (Text(f"${{{key}}}", frozenset({(template, name)}), known),)


def _output(name: str, template: Template) -> tuple[Text, ...]:
    key = f"Outputs.{name}"
    if key not in template.evaluated:
        output = as_mapping(as_mapping(template.content.get("Outputs")).get(name))
        value = evaluate(output.get("Value"), template)
        template.evaluated[key] = value or (Text(f"${{{key}}}", known=False),)
    return template.evaluated[key]


def _substituted(argument: Any, template: Template) -> Iterator[Text]:
    pattern: Any = argument
    values: Mapping[str, Any] = {}
    if isinstance(argument, list) and len(argument) == _PAIR:
        pattern, values = argument[0], as_mapping(argument[1])
    if not isinstance(pattern, str):
        yield _unknown(argument, template)
        return
    parts: list[tuple[Text, ...]] = []
    for index, piece in enumerate(re.split(r"\$\{([^{}$]*)\}", pattern)):
        name = piece if index % 2 else ""
        if not index % 2:
            parts.append((Text(piece),))
        elif name.startswith("!"):
            parts.append((Text(f"${{{name[1:]}}}"),))
        elif name in values:
            parts.append(evaluate(values[name], template))
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
        return _concatenated([evaluate(element, template) for element in elements], separator)
    lists = list(_lists(elements, template))
    if not lists:
        return (_unknown(elements, template),)
    return (text for found in lists for text in _concatenated([(one,) for one in found], separator))


def _concatenated(parts: list[tuple[Text, ...]], separator: str) -> Iterator[Text]:
    size = 1
    for part in parts:
        size *= max(len(part), 1)
        if size > _MOST:
            yield _merged([text for texts in parts for text in texts], known=False)
            return
    # What is nothing, AWS::NoValue, is left out.
    for combination in product(*(part for part in parts if part)):
        text = separator.join(text.text for text in combination)
        if len(text) > _LONGEST:
            yield _merged(combination, known=False)
            return
        yield Text(
            text,
            frozenset().union(*(text.references for text in combination)),
            # A dynamic reference can be put together from parts.
            all(text.known for text in combination) and "{{resolve:" not in text,
        )


def _selected(argument: Any, template: Template) -> Iterator[Text]:
    index, elements = argument
    number = int(index) if re.fullmatch("[0-9]{1,4}", str(index)) else -1
    lists = list(_lists(elements, template))
    if number < 0 or not lists:
        yield _unknown([index, elements], template)
        return
    for found in lists:
        # A placeholder that would have been split, such as an ARN, stays whole.
        yield found[number] if number < len(found) else _merged(found)


def _lists(value: Any, template: Template) -> Iterator[list[Text]]:
    # Every list that a value can be; nothing where that cannot be told.
    if isinstance(value, list):
        elements = [texts for texts in (evaluate(part, template) for part in value) if texts]
        size = 1
        for texts in elements:
            size *= len(texts)
        if size <= _MOST:
            yield from map(list, product(*elements))
        return
    chosen = as_mapping(value).get("Fn::If")
    for branch in as_list(chosen)[1:]:
        yield from _lists(branch, template)
    split = as_mapping(value).get("Fn::Split")
    if isinstance(split, list) and len(split) == _PAIR and isinstance(split[0], str) and split[0]:
        for text in evaluate(split[1], template):
            if len(text.text) <= _LONGEST:
                # A placeholder can be split, too.
                pieces = text.text.split(split[0])
                yield [Text(piece, text.references, text.known) for piece in pieces]


def _either(argument: Any, template: Template) -> Iterable[Text]:
    if not isinstance(argument, list):
        return (_unknown(argument, template),)
    return (text for branch in argument[1:] for text in evaluate(branch, template))


def _mapped(argument: Any, template: Template) -> Iterator[Text]:
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
    if not found and not default:
        yield _unknown(argument, template)
    for value in default:
        yield from evaluate(value, template)
    for value in found:
        yield from evaluate(value, template)


def _imported(argument: Any, template: Template) -> Iterator[Text]:
    for name in evaluate(argument, template):
        yield from _exported((name.text,), template)


def _stack_output(argument: Any, template: Template) -> Iterator[Text]:
    named = as_mapping(argument)
    for stack in evaluate(named.get("StackName"), template):
        for output in evaluate(named.get("OutputName"), template):
            yield from _exported((stack.text, output.text), template)


def _exported(key: tuple[str, ...], template: Template) -> Iterator[Text]:
    for exporting, value in template.exports.get(key, ()):
        cached = " ".join(("export", *key))
        if cached not in exporting.evaluated:
            exporting.evaluated[cached] = evaluate(value, exporting)
        yield from exporting.evaluated[cached]
    if key not in template.exports:
        yield Text(f"${{{' '.join(key)}}}", known=False)


def _split(argument: Any, template: Template) -> Iterator[Text]:
    lists = list(_lists({"Fn::Split": argument}, template))
    if not lists:
        yield _unknown(argument, template)
    for found in lists:
        yield from found


_FUNCTIONS: Final[Mapping[str, Callable[[Any, Template], Iterable[Text]]]] = {
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
    # One text for many, with everything that they refer to.
    found = list(texts)
    references = frozenset().union(*(text.references for text in found))
    return Text(
        found[0].text if found else "",
        references,
        known and all(text.known for text in found),
    )
