"""Shared by the tests of JSON schemas: every wrong document is invalid."""

from collections.abc import Iterator, Mapping
from copy import deepcopy
from typing import Any

from jsonschema import Draft202012Validator

Json = Any

Steps = tuple[str | int, ...]
"""The keys and indexes that lead from a document to a part of it."""

_WRONG: dict[type, list[Json]] = {
    bool: ["true", 0, 1, None],
    int: ["1", -1, 1.5, True, None],
    str: [0, None, [], {}],
    list: [{}, "", None],
    dict: [[], "", 0, None],
}
"""Values of other types."""


class Schema:
    """A schema, and a document that has every member that the schema knows.

    :param schema: the schema.
    :param full: the document.
    """

    def __init__(self, schema: Mapping[str, Json], full: Json) -> None:
        self._schema = schema
        self._full = full
        self._validator = Draft202012Validator(schema)
        self.places = dict(self._nodes(full, schema))
        """Everything in the document, with its schema; of a list, the first."""
        self.objects = [path for path in self.places if isinstance(_at(full, path), dict)]
        """The objects in it."""

    def check(self, version: int) -> None:
        """Check that it is a schema, of a version."""
        Draft202012Validator.check_schema(self._schema)
        assert self._schema["properties"]["schema"]["const"] == version

    def accept(self, document: Json) -> None:
        """Check that a document is valid."""
        self._validator.validate(document)

    def reject(self, path: Steps, value: Json) -> None:
        """Check that the document with another value at a path is invalid."""
        broken = deepcopy(self._full)
        if path:
            _at(broken, path[:-1])[path[-1]] = value
        else:
            broken = value
        assert not self._validator.is_valid(broken), value

    def reject_other_types(self, path: Steps) -> None:
        """Check that values of other types at a path are invalid."""
        for wrong in _WRONG[type(_at(self._full, path))]:
            self.reject(path, wrong)

    def reject_other_members(self, path: Steps) -> None:
        """Check that an object with a missing or an unknown member is invalid."""
        schema, here = self.places[path], _at(self._full, path)
        assert schema["additionalProperties"] is False
        assert schema["required"] == list(schema["properties"]) == list(here)
        for member in schema["required"]:
            self.reject(path, {name: here[name] for name in here if name != member})
        self.reject(path, {**here, "more": 1})

    def _nodes(
        self, value: Json, schema: Mapping[str, Json], path: Steps = ()
    ) -> Iterator[tuple[Steps, Mapping[str, Json]]]:
        reference = schema.get("$ref", "")
        known = self._schema["$defs"][reference[8:]] if reference else schema
        yield path, known
        if isinstance(value, dict):
            for key, member in value.items():
                yield from self._nodes(member, known["properties"][key], (*path, key))
        elif isinstance(value, list):
            yield from self._nodes(value[0], known["items"], (*path, 0))


def _at(document: Json, path: Steps) -> Json:
    for step in path:
        document = document[step]
    return document
