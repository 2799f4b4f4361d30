"""What a value resolves to agrees with what the emulator's CloudFormation makes of it."""

import re
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest.mock import Mock

import pytest
from hypothesis import given

from pump_roles.inputs import as_list
from pump_roles.templates.placeholders import PLACEHOLDER, FilledText, Reference, plain
from pump_roles.templates.resolve import Resolver
from pump_roles.templates.template import Template, attributes
from tests.cloudformation import KINDS, CloudFormation, NotDeployedError
from tests.templates.expressions import App, apps
from tools.sandbox.aws import ACCOUNT_ID, REGION

PSEUDO_PARAMETERS = {
    "AWS::AccountId": ACCOUNT_ID,
    "AWS::Partition": "aws",
    "AWS::Region": REGION,
    "AWS::URLSuffix": "amazonaws.com",
}

MANY = 100
"""At least as many texts that contain the name of a resource."""

Names = Mapping[Reference, str]
"""The names that the emulator gave resources."""


@given(apps())
def test_value_is_one_of_the_texts_that_it_resolves_to(app: App) -> None:
    stacks = app.deployed()
    with TemporaryDirectory() as folder:
        templates = app.read(Path(folder))
    resolver = Resolver([*templates.values()])
    names = {
        (templates[path].key, logical_id): name
        for path, stack in stacks.items()
        for logical_id, name in stack.names(only_generated=True).items()
    }
    for path, values in app.values.items():
        for value in values:
            try:
                result = stacks[path].value(value)
            except ValueError:
                # There is no such element in a list, or no such key in a mapping.
                continue
            found = resolver.resolve(value, templates[path])
            texts = [str(text) for text in as_list(result)]
            assert any(
                is_text(text, texts, names, many=isinstance(result, list)) for text in found.texts
            ), (value, result, found)
            assert app.is_open or "parameter" not in found.why, value
            for reference, name in names.items():
                if any(name in text for text in texts) and not found.why:
                    placeholder = f"${{{reference[0]}.{reference[1]}"
                    assert any(placeholder in str(text) for text in found.texts), value


def test_name_of_a_resource_of_any_type_is_seen_in_whatever_the_emulator_makes_of_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # The emulator starts containers for some types if it can.
    monkeypatch.setattr("docker.APIClient.__init__", Mock(side_effect=OSError))
    tried = 0
    for kind, (_, named, made) in attributes().items():
        names = [name for name in named.split() if re.fullmatch(r"\w*Name", name)]
        if kind not in KINDS or len(names) != 1:
            continue
        # No two services accept the same one.
        own = f"Pump{kind.replace(':', '')}"
        content = {"Resources": {"R": {"Type": kind, "Properties": {names[0]: own}}}}
        try:
            stack = CloudFormation({}).deploy("Stack", content, {})
        except NotDeployedError:
            # It needs more than a name.
            continue
        template = Template(content=content, file=Path("t.json"), key="0")
        for value in ({"Ref": "R"}, *({"Fn::GetAtt": ["R", each]} for each in made.split())):
            try:
                is_in = own in str(stack.value(value))
            except ValueError:
                # The emulator has no such attribute.
                continue
            tried += is_in
            found = Resolver([template]).resolve(value, template)
            assert own.casefold() in found.all_readings or not is_in, (kind, value)
    assert tried > MANY


def is_text(text: FilledText, result: list[str], names: Names, *, many: bool) -> bool:
    """Whether a text, with whatever its placeholders stand for, is a value."""
    if text is None:
        return result in ([], [""], ["None"])
    if isinstance(text, str) and re.fullmatch(r"\$\{\?[^{}]*\}", text):
        return True
    texts = list(text) if isinstance(text, tuple) else [text]
    return (
        many == isinstance(text, tuple)
        and len(texts) == len(result)
        and all(
            re.fullmatch(pattern(one, names), other)
            for one, other in zip(texts, result, strict=True)
        )
    )


def pattern(text: str, names: Names) -> str:
    """A pattern of what a text is in the emulator."""
    found = ""
    for index, piece in enumerate(PLACEHOLDER.split(text)):
        if not index % 2:
            found += re.escape(plain(piece))
        elif piece in PSEUDO_PARAMETERS:
            found += re.escape(PSEUDO_PARAMETERS[piece])
        else:
            key, _, logical_id = piece.partition(".")
            name = names.get((key, logical_id))
            found += "(?s:.*)" if name is None else re.escape(name)
    return found
