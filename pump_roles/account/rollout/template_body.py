"""Reads the body of a deployed template: JSON, or the YAML that the CDK CLI sends."""

import json
from pathlib import Path
from typing import Any, Final

from pump_roles.json_input import InputError
from pump_roles.templates import Contents
from pump_roles.templates.files import File
from pump_roles.templates.flatten import flatten
from pump_roles.templates.reading import contents_of

__all__ = ["deployed_by_stack_set", "deployed_by_template", "parse_body"]

_TRUE: Final = {"on", "true", "yes"}


def deployed_by_template(body: object, name: str) -> Contents:
    """Return what a template deploys.

    :param body: the template's body, as CloudFormation returns it: an object, or JSON or YAML text.
    :param name: the name of its stack or StackSet.
    :raises InputError: if it cannot be read.
    """
    content = parse_body(body) if isinstance(body, str) else body
    called = f"the template of {name}"
    try:
        # It is read from here, not from a file with that name.
        file = File(Path(called.replace("/", "_")), "", content=content)
        return contents_of(flatten([file], empty=False), called)
    except InputError:
        raise
    except (OSError, RecursionError, TypeError, ValueError) as error:
        raise InputError(f"{called} cannot be read ({type(error).__name__})") from None


def deployed_by_stack_set(body: object, parameters: object, name: str) -> Contents:
    """Return what a StackSet deploys.

    :param body: the body of its template, as for :func:`deployed_by_template`.
    :param parameters: its parameters, as CloudFormation returns them. A role's name can be one.
    :param name: its name.
    :raises InputError: if it cannot be read.
    """
    content = parse_body(body) if isinstance(body, str) else body
    properties = {"TemplateBody": json.dumps(content), "Parameters": parameters}
    resource = {"Type": "AWS::CloudFormation::StackSet", "Properties": properties}
    return deployed_by_template({"Resources": {"StackSet": resource}}, name)


def parse_body(text: str) -> Any:
    """Parse a template as CloudFormation does.

    Numbers stay text: an unquoted number may be an account ID; no other number matters here.

    :param text: the template.
    :raises InputError: if it is neither JSON nor YAML without aliases, or lists a key twice.
    """
    try:
        return json.loads(text)
    except (RecursionError, ValueError):
        pass
    import yaml  # noqa: PLC0415

    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        return None if node is None else _value(node, set())
    except (yaml.YAMLError, RecursionError):
        raise InputError("the template is neither JSON nor YAML") from None


def _value(node: Any, seen: set[int]) -> Any:
    # CloudFormation does not support aliases: CloudFormation User Guide, "CloudFormation template
    # formats".
    if id(node) in seen:
        raise InputError("the template contains YAML aliases")
    seen.add(id(node))
    found: Any = None
    if isinstance(node.value, str):
        found = _scalar(node.tag, node.value)
    elif node.id == "sequence":
        found = [_value(element, seen) for element in node.value]
    else:
        members = [(_value(key, seen), _value(value, seen)) for key, value in node.value]
        if not all(isinstance(key, str) for key, _ in members):
            raise InputError("the template contains a key that is not a string")
        found = dict(members)
        if len(found) < len(members):
            raise InputError("the template lists a key twice")
    return _function(node.tag, found)


def _scalar(tag: str, text: str) -> Any:
    kind = tag.rpartition(":")[2]
    if kind == "null":
        return None
    return text.lower() in _TRUE if kind == "bool" else text


def _function(tag: str, value: Any) -> Any:
    # The short form of an intrinsic function: !Ref, !Sub.
    if not tag.startswith("!"):
        return value
    name = tag[1:]
    if name in {"Ref", "Condition"}:
        return {name: value}
    if name == "GetAtt" and isinstance(value, str):
        value = value.split(".", 1)
    return {f"Fn::{name}": value}
