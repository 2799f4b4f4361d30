"""What a value in a template certainly is."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from pump_roles.iam.documents import as_list, as_mapping, as_text, is_function
from pump_roles.review.templates.template import Template

_PAIR: Final = 2

_DYNAMIC: Final = "{{resolve:"

_LONGEST: Final = 10_000
"""The maximum length of what is put together: nested stacks can double a string at each level."""

_FILLED_LATER: Final = re.compile(r"\$\{AWS::(?:AccountId|Partition)\}")
_LITERAL: Final = "literal"
"""The key of a string that looks like a placeholder, and is none. Nothing can read it."""

_NAME: Final = r"[\w+=,.@-]"

_CHARACTERS: Final[Mapping[str, str]] = {
    "AWS::AccountId": "[0-9]",
    "AWS::Partition": "[a-z-]",
    "AWS::Region": "[a-z0-9-]",
    "AWS::URLSuffix": "[a-z0-9.-]",
}
"""The pseudo parameters that are symbols, and the characters that their values can have."""

_POLICY: Final = "AWS::IAM::ManagedPolicy"

_IDENTITIES: Final[Mapping[Any, tuple[str, str]]] = {
    "AWS::IAM::Group": ("GroupName", "group"),
    "AWS::IAM::InstanceProfile": ("InstanceProfileName", "instance-profile"),
    _POLICY: ("ManagedPolicyName", "policy"),
    "AWS::IAM::Role": ("RoleName", "role"),
    "AWS::IAM::User": ("UserName", "user"),
}
"""The resource types whose name and ARN are certain: the property with the name, and the type in
the ARN."""


@dataclass(frozen=True)
class Symbol:
    """A part of a value that is one certain string, but known only at deployment."""

    name: str
    template: Template | None = None

    @property
    def logical_id(self) -> str:
        """The logical ID of the resource; the name of a pseudo parameter."""
        return self.name.removesuffix(".Path")

    @property
    def is_role(self) -> bool:
        """Whether it is the name of a role."""
        kind = None if self.template is None else self.template.type_of(self.name)
        return kind == "AWS::IAM::Role"

    @property
    def is_fixed(self) -> bool:
        """Whether it is a pseudo parameter or a generated name, and so nothing that is given."""
        if self.template is None or self.name in _CHARACTERS:
            return True
        name, _ = _IDENTITIES.get(self.template.type_of(self.name), ("", ""))
        given = name in self.template.properties(self.logical_id) or not name
        return not given and not self.template.is_open(self.logical_id)

    def excludes(self, separator: str) -> bool:
        """Whether the string contains no character of a separator."""
        characters = _CHARACTERS.get(self.name, "." if self.name.endswith(".Path") else _NAME)
        return re.search(characters, separator, re.DOTALL) is None


Certain = tuple[str | Symbol, ...]
"""A string, in parts: literals, none of them empty or next to another one, and symbols. The empty
string has no parts."""


def certain(value: Any, template: Template) -> Certain | None:
    """Return the string that a value certainly is; ``None`` if that is not certain.

    ``Ref`` and the ARN of an IAM role, user, group, instance profile, or managed policy are
    certain. A parameter is certain if a parent template passes a certain argument, and never
    because of its default. A dynamic reference is never certain, and neither is a list.
    """
    found = _certain(value, template)
    return found if isinstance(found, tuple) else None


def certain_list(value: Any, template: Template) -> tuple[Certain, ...] | None:
    """Return the strings of a list that a value certainly is; ``None`` if that is not certain.

    A list with an ``AWS::NoValue`` is not certain.
    """
    found = _certain(value, template)
    return tuple(found) if isinstance(found, list) else None


def _certain(value: Any, template: Template) -> Certain | list[Certain] | None:
    # A string, which is a tuple of its parts, or a list of strings.
    if isinstance(value, list):
        found = [certain(element, template) for element in value]
        known = [element for element in found if element is not None]
        return known if len(known) == len(found) else None
    if isinstance(value, str | int):
        text = as_text(value)
        return None if _DYNAMIC in text else (text,) if text else ()
    if not isinstance(value, dict) or len(value) != 1:
        return None
    ((function, argument),) = value.items()
    called = _FUNCTIONS.get(function)
    return None if called is None else called(argument, template)


def certain_text(value: Any, template: Template) -> str | None:
    """Return the text that a value certainly is, with placeholders for pseudo parameters.

    It is ``None`` if the value is not certain, or contains anything else that the templates do not
    have, such as a generated name, or the account of a StackSet instead of that of its stacks.
    """
    found = certain(value, template)
    if found is None or not all(
        isinstance(part, str) or (part.name in _CHARACTERS and part.template is template.member)
        for part in found
    ):
        return None
    return written(found)


def written(value: Certain) -> str:
    """Return a certain value as text; a symbol is a placeholder such as ``${AWS::Region}``."""
    return "".join(part if isinstance(part, str) else f"${{{part.name}}}" for part in value)


def filled(value: Any, template: Template) -> Any:
    """Return a value with every function replaced whose result is certain; any other stays.

    What depends on the account becomes a placeholder: ``${AWS::AccountId}``, ``${AWS::Partition}``.
    """
    if isinstance(value, list):
        return [filled(element, template) for element in value]
    if isinstance(value, str):
        return {_LITERAL: value} if _looks_like_placeholder(value) else value
    if not isinstance(value, dict):
        return value
    if len(value) == 1 and is_function(*value):
        text = filled_text(value, template)
        if text is None:
            return value
        literals = [part for part in certain(value, template) or () if isinstance(part, str)]
        return {_LITERAL: text} if any(map(_looks_like_placeholder, literals)) else text
    return {key: filled(member, template) for key, member in value.items()}


def tags_of(logical_id: str, template: Template) -> Iterator[tuple[str | None, str | None]]:
    """Yield the keys and values of a resource's tags; ``None`` for what is not certain.

    Those of the stacks and StackSets that deploy it, which CloudFormation adds, come first.
    """
    if template.parent is not None:
        yield from tags_of(template.deployed_by, template.parent)
    if logical_id in template.resources:
        for tag in map(as_mapping, as_list(template.properties(logical_id).get("Tags", []))):
            yield filled_text(tag.get("Key"), template), filled_text(tag.get("Value"), template)


def filled_text(value: Any, template: Template) -> str | None:
    """Return the text that a value certainly is; ``None`` if it is not certain."""
    text = certain_text(value, template)
    # Other pseudo parameters, such as the Region, are not known.
    return text if text is not None and "${AWS::" not in _FILLED_LATER.sub("", text) else None


def _looks_like_placeholder(text: str) -> bool:
    return _FILLED_LATER.search(text) is not None


def substitution(argument: Any) -> list[Any] | None:
    """Return the values that ``Fn::Sub`` concatenates; ``None`` if it cannot be read."""
    pattern, named = argument, None
    if isinstance(argument, list) and len(argument) == _PAIR:
        pattern, named = argument
    if not isinstance(pattern, str):
        return None

    def value(index: int, text: str) -> Any:
        if not index % 2:
            return text
        if text.startswith("!"):
            return f"${{{text[1:]}}}"
        name = text.strip()
        call = {"Fn::GetAtt" if "." in name else "Ref": name}
        return as_mapping(named).get(text, as_mapping(named).get(name, call))

    pieces = re.split(r"\$\{([^{}$]*)\}", pattern)
    return [value(index, text) for index, text in enumerate(pieces)]


def _concatenated(values: Iterable[Certain | None], separator: str = "") -> Certain | None:
    found: list[str | Symbol] = []
    length = 0
    for index, value in enumerate(values):
        if value is None:
            return None
        for part in (separator, *value) if index else value:
            if isinstance(part, str) and found and isinstance(found[-1], str):
                found[-1] += part
            elif part:
                found.append(part)
            length += len(part) if isinstance(part, str) else 1
        if length > _LONGEST:
            return None
    # A dynamic reference can be put together from parts.
    dynamic = any(isinstance(part, str) and _DYNAMIC in part for part in found)
    return None if dynamic else tuple(found)


def _ref(name: Any, template: Template) -> Certain | list[Certain] | None:
    if not isinstance(name, str):
        return None
    if name in _CHARACTERS:
        known = {"AWS::AccountId": template.account, "AWS::Region": template.region}.get(name)
        return (known or Symbol(name, template.member),)
    if name == "AWS::StackName":
        return (template.stack,) if template.stack else None
    if name in template.resources:
        return _identity(name, "", template)
    argument = _parameter(name, template)
    if argument is None or not template.is_list(name):
        return argument
    pieces = _pieces(argument, ",")
    return None if pieces is None else [*map(_stripped, pieces)]


def _parameter(name: str, template: Template) -> Certain | None:
    return _once(f"parameter {name}", template, lambda: _argument(name, template))


def _argument(name: str, template: Template) -> Certain | None:
    declared = as_mapping(template.declared.get(name))
    kind, allowed = declared.get("Type"), declared.get("AllowedValues")
    readable = isinstance(kind, str) and not kind.startswith(("AWS::SSM::", "Number"))
    if not readable or "Parameters" in template.changeable or template.has_changeable_arguments:
        return None
    # A list can contain the only allowed value more than once.
    if isinstance(allowed, list) and len(allowed) == 1 and not template.is_list(name):
        return certain(allowed[0], template)
    if template.parent is None:
        return None
    return certain(template.arguments.get(name), template.parent)


def _once(key: str, template: Template, compute: Callable[[], Certain | None]) -> Certain | None:
    # Definitions that depend on each other in a circle are not certain.
    if key not in template.certainties:
        template.certainties[key] = None
        template.certainties[key] = compute()
    found: Certain | None = template.certainties[key]
    return found


def _attribute(argument: Any, template: Template) -> Certain | None:
    parts = argument.split(".", 1) if isinstance(argument, str) else argument
    if not isinstance(parts, list) or [type(part) for part in parts] != [str, str]:
        return None
    name, attribute = parts
    if name not in template.nested or not attribute.startswith("Outputs."):
        return _identity(name, attribute, template)
    nested = template.nested[name]
    output = attribute.removeprefix("Outputs.")
    return _once(f"output {output}", nested, lambda: _output(output, nested))


def _output(name: str, template: Template) -> Certain | None:
    if "Outputs" in template.changeable:
        return None
    output = as_mapping(as_mapping(template.content.get("Outputs")).get(name))
    return certain(output.get("Value"), template)


def _identity(name: str, attribute: str, template: Template) -> Certain | None:
    # The attribute is empty for Ref.
    kind = template.type_of(name)
    if (kind, attribute) == ("AWS::SSM::Parameter", "Value"):
        return _property(attribute, name, template)
    if kind not in _IDENTITIES:
        return None
    name_property, arn_type = _IDENTITIES[kind]
    own_name = _property(name_property, name, template) or (Symbol(name, template),)
    if attribute not in (("", "PolicyArn") if kind == _POLICY else ("Arn",)):
        return None if attribute else own_name
    path: Certain | None = ("/",)
    if "Path" in template.properties(name) or template.is_open(name):
        path = _property("Path", name, template) or (Symbol(f"{name}.Path", template),)
    partition, account = (
        certain({"Ref": f"AWS::{part}"}, template) for part in ("Partition", "AccountId")
    )
    return _concatenated(
        [("arn:",), partition, (":iam::",), account, (f":{arn_type}",), path, own_name]
    )


def _property(name: str, logical_id: str, template: Template) -> Certain | None:
    if template.is_open(logical_id):
        return None
    value = template.properties(logical_id).get(name)
    return _once(f"resource {logical_id}.{name}", template, lambda: certain(value, template))


def _substituted(argument: Any, template: Template) -> Certain | None:
    values = substitution(argument)
    return None if values is None else _concatenated(certain(of, template) for of in values)


def _pair(argument: Any) -> tuple[Any, Any]:
    # Both are null, which is never certain, if there are not exactly two.
    is_pair = isinstance(argument, list) and len(argument) == _PAIR
    return (argument[0], argument[1]) if is_pair else (None, None)


def _joined(argument: Any, template: Template) -> Certain | None:
    separator, elements = _pair(argument)
    if isinstance(elements, list):
        # Join leaves out what is nothing.
        elements = [element for element in elements if element != {"Ref": "AWS::NoValue"}]
    found = certain_list(elements, template) if isinstance(separator, str) else None
    return None if found is None else _concatenated(found, separator)


def _selected(argument: Any, template: Template) -> Certain | None:
    number, elements = _pair(argument)
    index, found = certain(number, template), certain_list(elements, template)
    if index is None or found is None or not re.fullmatch("[0-9]{1,4}", written(index)):
        return None
    at = int(written(index))
    return found[at] if at < len(found) else None


def _split(argument: Any, template: Template) -> list[Certain] | None:
    separator, text = _pair(argument)
    source = certain(text, template)
    if source is None or not isinstance(separator, str) or not separator:
        return None
    return _pieces(source, separator)


def _pieces(source: Certain, separator: str) -> list[Certain] | None:
    pieces: list[list[str | Symbol]] = [[]]
    for part in source:
        if isinstance(part, Symbol):
            if not part.excludes(separator):
                return None
            pieces[-1].append(part)
            continue
        first, *others = part.split(separator)
        pieces[-1] += [first] if first else []
        pieces += [[piece] if piece else [] for piece in others]
    return [tuple(piece) for piece in pieces]


def _either(argument: Any, template: Template) -> Certain | list[Certain] | None:
    branches = [_certain(branch, template) for branch in as_list(argument)[1:]]
    return branches[0] if len(branches) == _PAIR and branches[0] == branches[1] else None


def _imported(argument: Any, template: Template) -> Certain | None:
    name = certain(argument, template)
    return None if name is None else _exported((written(name),), template)


def _stack_output(argument: Any, template: Template) -> Certain | None:
    named = as_mapping(argument)
    names = certain_list([named.get("StackName"), named.get("OutputName")], template)
    return None if names is None else _exported(tuple(map(written, names)), template)


def _exported(key: tuple[str, ...], template: Template) -> Certain | None:
    exports = template.exports.get(key, [])
    if len(exports) != 1:
        return None
    ((exporting, value),) = exports
    if "Outputs" in exporting.changeable or exporting.member is not template.member:
        return None
    # Exports of other accounts and Regions have the same names.
    if (exporting.account, exporting.region) != (template.account, template.region):
        return None
    return _once(f"export {' '.join(key)}", exporting, lambda: certain(value, exporting))


def _stripped(value: Certain) -> Certain:
    parts = list(value)
    if parts and isinstance(parts[0], str):
        parts[0] = parts[0].lstrip()
    if parts and isinstance(parts[-1], str):
        parts[-1] = parts[-1].rstrip()
    return tuple(part for part in parts if part)


def _mapped(argument: Any, template: Template) -> Certain | list[Certain] | None:
    if not isinstance(argument, list) or "Mappings" in template.changeable:
        return None
    found: Any = template.content.get("Mappings")
    for key in argument[:3]:
        name = certain(key, template)
        if name is None or not all(isinstance(part, str) for part in name):
            return None
        found = as_mapping(found).get(written(name))
    return _certain(found, template) if isinstance(found, str | int | list) else None


_Read = Callable[[Any, Template], Certain | list[Certain] | None]

_FUNCTIONS: Final[Mapping[Any, _Read]] = {
    "Ref": _ref,
    "Fn::FindInMap": _mapped,
    "Fn::GetAtt": _attribute,
    "Fn::GetStackOutput": _stack_output,
    "Fn::If": _either,
    "Fn::ImportValue": _imported,
    "Fn::Join": _joined,
    "Fn::Select": _selected,
    "Fn::Split": _split,
    "Fn::Sub": _substituted,
}
