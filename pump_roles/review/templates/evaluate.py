"""Evaluates a value in a template: what it certainly is, and everything that it could be made of.

Each function of CloudFormation has one handler, which says both. What goes into a value is only
followed through the templates if someone asks what the value could be.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

from pump_roles.iam.documents import as_list, as_mapping, as_text, is_function, ref
from pump_roles.review.templates.made_of import STORED, Definition, Evaluated, Ingredients
from pump_roles.review.templates.possible import Possible, readings
from pump_roles.review.templates.symbols import (
    DYNAMIC,
    IDENTITIES,
    POLICY,
    SHAPES,
    Certain,
    Symbol,
    concatenated,
    pieces,
    written,
)
from pump_roles.review.templates.template import Template
from pump_roles.text import unescaped

_PAIR: Final = 2
_WORD: Final = re.compile(r"[\w+=,.@-]+")
_REFERENCE: Final = re.compile(r"\{\{resolve:[^{}]*\}\}")
_OTHER: Final = "?"
"""Stands for any attribute whose value is not certain."""


def evaluate(value: Any, template: Template) -> Evaluated:
    """Return what is known about a value in a template."""
    if isinstance(value, list):
        elements = [evaluate(element, template) for element in value]
        known = [element.certain for element in elements if element.certain is not None]
        return Evaluated(template, known if len(known) == len(elements) else None, elements)
    if isinstance(value, dict):
        if len(value) == 1:
            ((function, argument),) = value.items()
            if function in _FUNCTIONS:
                return _FUNCTIONS[function](argument, template)
        parts = [evaluate(part, template) for part in (*value, *value.values())]
        adds = Ingredients.open if any(map(is_function, value)) else None
        return Evaluated(template, None, parts, adds)
    if value is None:
        return Evaluated(template)
    text = as_text(value)
    is_certain = isinstance(value, str | int) and DYNAMIC not in text
    known_text = () if not text else (text,) if is_certain else None
    return Evaluated(template, known_text, adds=lambda found: _add_text(text, template, found))


def certain(value: Any, template: Template) -> Certain | None:
    """Return the string that a value certainly is; ``None`` if that is not certain."""
    return evaluate(value, template).certain


def resource_definition(template: Template, name: str) -> Definition:
    """Return the definition of a resource, which is part of a value such as an attribute of it."""
    properties, members = template.properties(name), template.resources[name]

    def add(found: Ingredients) -> None:
        found.deployment = True
        found.add(evaluate([properties, {"Condition": members.get("Condition")}], template))
        # An attribute or a dynamic reference can be a part of a text, such as a value in JSON.
        found.fragments |= {*_WORD.findall(unescaped(as_text(properties)))}

    return Definition(template, "resource", name, members, add)


def _section(template: Template, section: str, name: str) -> Definition:
    # Without a name, all of the section.
    members = as_mapping(template.content.get(section))
    value = members.get(name) if name else members
    if section == "Outputs" and name:
        value = as_mapping(value).get("Value")
    return _definition(template, section, name, value)


def _definition(template: Template, section: str, name: str, value: Any) -> Definition:
    changeable = ("Outputs" if section == "export" else section) in template.changeable

    def add(found: Ingredients) -> None:
        found.deployment = changeable or value in (None, {})
        found.add(evaluate(value, template))

    return Definition(template, section, name, value, add)


def _parameter(template: Template, name: str) -> Definition:
    declared = as_mapping(template.declared.get(name))
    default, allowed = declared.get("Default"), declared.get("AllowedValues")
    passed = template.arguments.get(name)

    def add(found: Ingredients) -> None:
        is_name = as_text(declared.get("Type")).startswith("AWS::SSM::")
        changeable = "Parameters" in template.changeable or template.has_changeable_arguments
        found.deployment = is_name or changeable or (passed is None and not allowed)
        if template.is_list(name):
            found.separators |= {",", " "}
        found.add(evaluate([default, allowed], template))
        if template.parent is not None:
            found.add(evaluate(passed, template.parent))
        if template.parent is not None and changeable:
            deploying = template.parent.properties(template.deployed_by)
            # Not the targets: each of their units would count as a value of the parameter.
            overrides = [*_overrides(deploying.get("StackInstancesGroup"))]
            found.add(evaluate([deploying.get("Parameters"), overrides], template.parent))
        for stored in (default, passed, *as_list(allowed or [])) if is_name else ():
            if stored is not None:
                _add_stored(stored, template, found)

    return Definition(template, "parameter", name, declared, add)


def _overrides(value: Any) -> Iterator[Any]:
    if isinstance(value, list | dict):
        if "ParameterOverrides" in value and isinstance(value, dict):
            yield value["ParameterOverrides"]
        for element in value.values() if isinstance(value, dict) else value:
            yield from _overrides(element)


def _add_text(text: str, template: Template, found: Ingredients) -> None:
    rest = _REFERENCE.sub("", text)
    found.fragments |= {*readings(rest)}
    found.deployment |= DYNAMIC in text
    for reference in _REFERENCE.findall(text):
        _add_stored(reference, template, found)
    # One that is put together from parts can be any of its service.
    found.uses |= {stored for stored in template.stored if STORED[stored.type] in rest}


def _add_stored(text: Any, template: Template, found: Ingredients) -> None:
    # The parameters and secrets of the app that a text may name; all if it is no text.
    for stored in template.stored:
        properties = stored.template.properties(stored.name)
        name = certain(properties.get("Name"), stored.template)
        if isinstance(text, str):
            if _REFERENCE.match(text) and not text.startswith(STORED[stored.type]):
                continue
            if written(name) not in text if name else properties and "Name" not in properties:
                continue
        found.uses.add(stored)


def _add_certain(value: Certain, found: Ingredients) -> None:
    for part in value:
        if isinstance(part, str):
            found.fragments.add(part)
        elif part.name in SHAPES:
            found.shapes.add(part.name)
        elif part.template is not None:
            _add_resource(part.name, part.template, found, is_open=not part.is_fixed)


def _add_resource(name: str, template: Template, found: Ingredients, *, is_open: bool) -> None:
    # Its name or ARN, or something else of it if it is open.
    found.refers.add(resource_definition(template, name))
    if is_open:
        found.deployment = True
        found.uses.add(resource_definition(template, name))


def _once(key: str, template: Template, compute: Callable[[], Evaluated]) -> Certain | None:
    # Definitions that depend on each other in a circle are not certain.
    if key not in template.certainties:
        template.certainties[key] = None
        template.certainties[key] = compute().certain
    found: Certain | None = template.certainties[key]
    return found


def _open(template: Template, *inputs: Evaluated) -> Evaluated:
    return Evaluated(template, None, inputs, Ingredients.open)


def _ref(name: Any, template: Template) -> Evaluated:
    if not isinstance(name, str):
        return _open(template, evaluate(name, template))
    if name == "AWS::NoValue":
        return Evaluated(template)
    if name.startswith("AWS::"):
        return _pseudo_parameter(name, template)
    if name in template.resources or name not in template.declared:
        return _resource(name, "", template)
    known = _once(f"parameter {name}", template, lambda: _argument(name, template))
    return Evaluated(template, known, adds=lambda found: found.uses.add(_parameter(template, name)))


def _pseudo_parameter(name: str, template: Template) -> Evaluated:
    literal = {
        "AWS::AccountId": template.account,
        "AWS::Region": template.region,
        "AWS::StackName": template.stack,
    }.get(name)
    known = (literal,) if literal else (Symbol(name, template.member),) if name in SHAPES else None

    def add(found: Ingredients) -> None:
        _add_certain(known or (), found)
        if known is None:
            found.deployment = True
            # The name and the ID of the stack contain its place.
            found.fragments |= {*template.place} if name.startswith("AWS::Stack") else set()

    return Evaluated(template, known, adds=add)


def _argument(name: str, template: Template) -> Evaluated:
    declared = as_mapping(template.declared.get(name))
    kind, allowed = declared.get("Type"), declared.get("AllowedValues")
    readable = isinstance(kind, str) and not kind.startswith(("AWS::SSM::", "Number"))
    # The elements of a list are not told apart.
    readable &= not template.is_list(name)
    if not readable or "Parameters" in template.changeable or template.has_changeable_arguments:
        return Evaluated(template)
    if isinstance(allowed, list) and len(allowed) == 1:
        return evaluate(allowed[0], template)
    if template.parent is None:
        return Evaluated(template)
    return evaluate(template.arguments.get(name), template.parent)


def _attribute(argument: Any, template: Template) -> Evaluated:
    name, *rest = argument.split(".") if isinstance(argument, str) else as_list(argument) or [None]
    if not isinstance(name, str):
        return _open(template, evaluate(argument, template))
    # A function may say which attribute it is.
    readable = all(isinstance(part, str) for part in rest)
    attribute = ".".join(rest) if readable else ""
    if template.type_of(name) == "Custom::CrossRegionExportReader":
        exported = _exported([attribute if readable else rest], template)
        # Any provider may use the type of CDK's own.
        return _open(template, exported, _resource(name, attribute or _OTHER, template))
    if name not in template.nested:
        return _resource(name, attribute or _OTHER, template)
    nested = template.nested[name]
    output = _section(nested, "Outputs", attribute.removeprefix("Outputs."))
    known = None
    if attribute.startswith("Outputs.") and "Outputs" not in nested.changeable:
        known = _once(attribute, nested, lambda: evaluate(output.value, nested))
    return Evaluated(template, known, adds=lambda found: found.uses.add(output))


def _resource(name: str, attribute: str, template: Template) -> Evaluated:
    # The attribute is empty for Ref.
    if name not in template.resources:
        return _open(template)
    known = _identity(name, attribute, template)

    def add(found: Ingredients) -> None:
        _add_certain(known or (), found)
        _add_resource(name, template, found, is_open=known is None)

    return Evaluated(template, known, adds=add)


def _identity(name: str, attribute: str, template: Template) -> Certain | None:
    kind = template.type_of(name)
    if (kind, attribute) == ("AWS::SSM::Parameter", "Value"):
        return _property(attribute, name, template)
    if kind not in IDENTITIES:
        return None
    name_property, arn_type = IDENTITIES[kind]
    own_name = _property(name_property, name, template) or (Symbol(name, template),)
    if attribute not in (("", "PolicyArn") if kind == POLICY else ("Arn",)):
        return None if attribute else own_name
    path: Certain | None = ("/",)
    if "Path" in template.properties(name) or template.is_open(name):
        path = _property("Path", name, template)
    partition = _ref("AWS::Partition", template).certain
    account = _ref("AWS::AccountId", template).certain
    return concatenated(
        [("arn:",), partition, (":iam::",), account, (f":{arn_type}",), path, own_name]
    )


def _property(name: str, logical_id: str, template: Template) -> Certain | None:
    if template.is_open(logical_id):
        return None
    value = template.properties(logical_id).get(name)
    return _once(f"resource {logical_id}.{name}", template, lambda: evaluate(value, template))


def _sub(argument: Any, template: Template) -> Evaluated:
    is_pair = isinstance(argument, list) and len(argument) == _PAIR
    pattern, variables = argument if is_pair else (argument, {})
    if not isinstance(pattern, str):
        return _open(template, evaluate(argument, template))
    named = as_mapping(variables)

    def value(index: int, text: str) -> Any:
        if not index % 2:
            return text
        if text.startswith("!"):
            return f"${{{text[1:]}}}"
        name = text.strip()
        call = {"Fn::GetAtt" if "." in name else "Ref": name}
        return named.get(text, named.get(name, call))

    texts = enumerate(re.split(r"\$\{([^{}$]*)\}", pattern))
    parts = [evaluate(value(index, text), template) for index, text in texts]
    return Evaluated(template, concatenated(part.certain for part in parts), parts, parts=parts)


def _join(argument: Any, template: Template) -> Evaluated:
    separator, *values = as_list(argument) or [None]
    between = evaluate(separator, template)
    if len(values) != 1 or not isinstance(separator, str):
        return Evaluated(
            template, None, [between, *(evaluate(value, template) for value in values)]
        )
    (elements,) = values
    if isinstance(elements, list):
        # Join leaves out what is nothing.
        elements = [element for element in elements if ref(element) != "AWS::NoValue"]
    found = evaluate(elements, template)
    parts: list[Evaluated] = []
    for part in found.inputs if isinstance(elements, list) else ():
        # Next to what may be nothing, there may be no separator.
        both = parts and None not in (parts[-1].certain, part.certain)
        parts += [between if both else Evaluated(template), part]
    texts = found.certain_list
    joined = [part for text in texts or () for part in (between.certain, text)]
    known = None if texts is None else concatenated(joined[1:])
    return Evaluated(template, known, [between, found], parts=parts[1:])


def _select(argument: Any, template: Template) -> Evaluated:
    if not isinstance(argument, list) or not argument:
        return _open(template, evaluate(argument, template))
    # The index is no part of the value.
    number, *values = (evaluate(part, template) for part in argument)
    index = "" if number.certain is None else written(number.certain)
    elements = values[0].certain_list if len(values) == 1 else None
    known = None
    if elements and re.fullmatch("[0-9]{1,4}", index) and int(index) < len(elements):
        known = elements[int(index)]
    return Evaluated(template, known, values)


def _split(argument: Any, template: Template) -> Evaluated:
    separator, *values = as_list(argument) or [None]
    sources = [evaluate(value, template) for value in values]
    if not isinstance(separator, str) or not separator:
        return _open(template, evaluate(separator, template), *sources)
    source = sources[0].certain if len(sources) == 1 else None
    known = None if source is None else pieces(source, separator)

    def add(found: Ingredients) -> None:
        # What letters leave of a text that is put together is not read.
        letters = any(map(str.isalnum, separator))
        found.deployment |= letters
        found.separators |= {separator} if letters else {*separator}

    return Evaluated(template, known, sources, add)


def _if(argument: Any, template: Template) -> Evaluated:
    condition, *rest = as_list(argument) or [None]
    branches = [evaluate(branch, template) for branch in rest]
    same = len(branches) == _PAIR and branches[0].known == branches[1].known
    known = branches[0].known if same else None
    return Evaluated(template, known, branches, _condition(condition, template).adds)


def _condition(name: Any, template: Template) -> Evaluated:
    def add(found: Ingredients) -> None:
        if isinstance(name, str):
            found.refers.add(_section(template, "Conditions", name))

    return Evaluated(template, None, [evaluate(name, template)], add)


def _find_in_map(argument: Any, template: Template) -> Evaluated:
    keys = as_list(argument)
    mappings = as_mapping(template.content.get("Mappings"))
    found: Any = None if "Mappings" in template.changeable else mappings
    for key in keys[:3]:
        text = certain(key, template)
        found = None if text is None else as_mapping(found).get(written(text))
    known = evaluate(found, template).known if isinstance(found, str | int | list) else None
    name = keys[0] if keys and isinstance(keys[0], str) and keys[0] in mappings else ""
    mapping = _section(template, "Mappings", name)
    defaults = [evaluate(default, template) for default in keys[3:]]
    return Evaluated(template, known, defaults, lambda contents: contents.uses.add(mapping))


def _stack_output(argument: Any, template: Template) -> Evaluated:
    named = as_mapping(argument)
    return _exported([named.get("StackName"), named.get("OutputName")], template)


def _exported(arguments: Sequence[Any], template: Template) -> Evaluated:
    # What other stacks make available under names.
    names = [evaluate(argument, template) for argument in arguments]
    texts = [written(name.certain) for name in names if name.certain is not None]
    key = tuple(texts) if len(texts) == len(names) else ()
    exports = template.exports.get(key, [])
    known = None
    if len(exports) == 1:
        ((of, value),) = exports
        # Exports of other accounts and Regions have the same names.
        where = (of.account, of.region, of.member)
        same = where == (template.account, template.region, template.member)
        if same and "Outputs" not in of.changeable:
            known = _once(f"export {key}", of, lambda: evaluate(value, of))

    def add(found: Ingredients) -> None:
        matching = [key]
        if len(exports) != 1:
            possible = [name.could_be() for name in names]
            matching = [key for key in template.exports if _spell(possible, key)]
        found.deployment |= known is None
        for match in matching:
            for of in {of for of, _ in template.exports[match]}:
                values = [value for other, value in template.exports[match] if other is of]
                found.uses.add(_definition(of, "export", "\0".join(match), values))

    return Evaluated(template, known, adds=add)


def _spell(possible: Sequence[Possible], key: Sequence[str]) -> bool:
    # The name of an export may not be known either.
    return len(key) == len(possible) and all(
        "${" in name or text.spells(name) for name, text in zip(key, possible, strict=True)
    )


_FUNCTIONS: Final[Mapping[Any, Callable[[Any, Template], Evaluated]]] = {
    "Ref": _ref,
    "Fn::FindInMap": _find_in_map,
    "Fn::GetAtt": _attribute,
    "Fn::GetStackOutput": _stack_output,
    "Condition": _condition,
    "Fn::If": _if,
    "Fn::ImportValue": lambda name, template: _exported([name], template),
    "Fn::Join": _join,
    "Fn::Select": _select,
    "Fn::Split": _split,
    "Fn::Sub": _sub,
}
