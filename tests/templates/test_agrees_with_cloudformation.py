"""What the reader says of a value agrees with what the emulator's CloudFormation makes of it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import given

from pump_roles.iam.documents import as_list
from pump_roles.templates.certain import Certain, Symbol, certain, certain_list
from pump_roles.templates.could_be import Possible, could_be
from pump_roles.templates.template import Reference, Template
from tests.cloudformation import Stack
from tests.templates.expressions import App, apps
from tools.sandbox.aws import ACCOUNT_ID, REGION

PSEUDO_PARAMETERS = {
    "AWS::AccountId": ACCOUNT_ID,
    "AWS::Partition": "aws",
    "AWS::Region": REGION,
    "AWS::URLSuffix": "amazonaws.com",
}


@dataclass(frozen=True)
class Case:
    """An expression, and what the emulator makes of it."""

    value: Any
    template: Template
    result: Any
    stacks: Mapping[Template, Stack]
    generated: Mapping[Reference, str]

    @property
    def certain(self) -> list[str] | None:
        """What the reader is certain that it is, with the emulator's names."""
        if isinstance(self.result, list):
            elements = certain_list(self.value, self.template)
        else:
            element = certain(self.value, self.template)
            elements = None if element is None else (element,)
        return None if elements is None else [self._filled(element) for element in elements]

    @property
    def texts(self) -> list[str]:
        """What the emulator makes of it."""
        return [str(text) for text in as_list(self.result)]

    def _filled(self, found: Certain) -> str:
        return "".join(part if isinstance(part, str) else self._named(part) for part in found)

    def _named(self, symbol: Symbol) -> str:
        if symbol.template is None:
            return PSEUDO_PARAMETERS[symbol.name]
        return self.stacks[symbol.template].name(symbol.name)


def cases(app: App) -> Iterator[Case]:
    stacks = app.deployed()
    with TemporaryDirectory() as folder:
        templates = app.read(Path(folder))
    by_template = {templates[path]: stack for path, stack in stacks.items()}
    generated = {
        (template, logical_id): name
        for template, stack in by_template.items()
        for logical_id, name in stack.generated_names().items()
    }
    for path, values in app.values.items():
        for value in values:
            try:
                result = stacks[path].value(value)
            except ValueError:
                # There is no such element in a list, or no such key in a mapping.
                continue
            yield Case(value, templates[path], result, by_template, generated)


@given(apps())
def test_value_is_what_is_certain_and_one_that_could_be(app: App) -> None:
    for case in cases(app):
        known = case.certain
        assert known is None or known == case.texts, case.value
        possible = could_be(case.value, case.template)
        for text in case.texts:
            named = {reference for reference, name in case.generated.items() if name in text}
            assert named <= possible.references, (case.value, text)
            if named:
                # No generated name is that of one of Pump's roles.
                continue
            is_known = not app.is_open and not possible.references & case.generated.keys()
            is_known &= not is_cut(possible)
            is_open = possible.deployment and not is_known and known is None
            assert is_open or possible.spells(text), (case.value, text)


def is_cut(possible: Possible) -> bool:
    """Whether letters cut it, or something cuts a Region or partition in it: that is not read."""
    letters = any(map(str.isalnum, "".join(possible.separators)))
    return letters or bool(possible.shapes and possible.separators & {"-", "."})
