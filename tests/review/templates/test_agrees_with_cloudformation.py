"""What the reader says of a value agrees with what the emulator's CloudFormation makes of it."""

from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import given

from pump_roles.iam.documents import as_list
from pump_roles.review.templates.evaluate import evaluate
from pump_roles.review.templates.possible import Possible
from pump_roles.review.templates.symbols import Certain
from pump_roles.review.templates.template import Reference, Template
from tests.review.templates.expressions import App, apps
from tools.sandbox.aws import ACCOUNT_ID, REGION

PSEUDO_PARAMETERS = {
    "AWS::AccountId": ACCOUNT_ID,
    "AWS::Partition": "aws",
    "AWS::Region": REGION,
    "AWS::URLSuffix": "amazonaws.com",
}

Names = Mapping[Reference, str]
"""The names that the emulator gave resources."""


@given(apps())
def test_value_is_what_is_certain_and_one_that_could_be(app: App) -> None:
    stacks = app.deployed()
    with TemporaryDirectory() as folder:
        templates = app.read(Path(folder))
    names, generated = (
        {
            (templates[path], logical_id): name
            for path, stack in stacks.items()
            for logical_id, name in stack.names(only_generated=only_generated).items()
        }
        for only_generated in (False, True)
    )
    for path, values in app.values.items():
        for value in values:
            try:
                result = stacks[path].value(value)
            except ValueError:
                # There is no such element in a list, or no such key in a mapping.
                continue
            texts = [str(text) for text in as_list(result)]
            known = is_certainly(value, templates[path], names, many=isinstance(result, list))
            assert known is None or known == texts, value
            possible = evaluate(value, templates[path]).could_be()
            is_known = not app.is_open and not possible.references & generated.keys()
            is_open = possible.deployment and known is None
            is_open &= not is_known or is_cut(possible)
            for text in texts:
                named = {reference for reference, name in generated.items() if name in text}
                assert named <= possible.references, (value, text)
                # No generated name is that of one of Pump's roles.
                assert named or is_open or possible.spells(text), (value, text)


def is_certainly(value: Any, template: Template, names: Names, *, many: bool) -> list[str] | None:
    """What the reader is certain that a value is, with the emulator's names."""

    def filled(found: Certain) -> str:
        return "".join(
            part
            if isinstance(part, str)
            else PSEUDO_PARAMETERS[part.name]
            if part.template is None
            else names[part.template, part.name]
            for part in found
        )

    known = evaluate(value, template)
    if many:
        return None if known.certain_list is None else [*map(filled, known.certain_list)]
    return None if known.certain is None else [filled(known.certain)]


def is_cut(possible: Possible) -> bool:
    """Whether letters cut it, or something cuts a Region or partition in it: that is not read."""
    letters = any(map(str.isalnum, "".join(possible.separators)))
    return letters or bool(possible.shapes and possible.separators & {"-", "."})
