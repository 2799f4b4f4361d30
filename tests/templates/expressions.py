"""Random apps whose values are expressions, and the stacks that the emulator makes of them.

The emulator's engine is not CloudFormation. Where it accepts what CloudFormation rejects, or where
nobody says what CloudFormation does, nothing is generated:

- an argument of the wrong type: a string where ``Fn::Join`` or ``Fn::Select`` needs a list (the
  engine joins its characters, or splits it at commas), a list in ``Fn::Split`` or ``Fn::Sub``;
- a separator that is empty or not a literal; a condition that is not a name;
- a name of nothing, which the engine leaves as it is;
- ``true`` and ``false``, which the engine writes as Python does;
- a pseudo parameter in a condition, which the engine compares by its name;
- ``Ref`` of an instance profile, which is its ARN there, and its name in AWS;
- names of IAM resources that IAM rejects.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar

from hypothesis import assume
from hypothesis import strategies as st

from pump_roles.templates.template import Template
from pump_roles.templates.template_files import File, load
from tests.cloudformation import CloudFormation, NotDeployedError, Stack
from tests.support import NO_VALUE
from tools.sandbox.aws import ACCOUNT_ID, REGION

__all__ = ["App", "apps"]

_T = TypeVar("_T")

_LITERALS = [
    *("", "a", "Pump", "ReadOnlyRole", "PumpReadOnlyRole", "one", "a,b", "x/y:z", "PumpRole, a/"),
    *("-", "/", ",", ":", "aRoleb", "${AWS::Region}", "${Text}", "$", "us-east-1", 0, 12),
]
_NAMES = [
    *("PumpReadOnlyRole", {"Fn::If": ["No", "a", {"Fn::Sub": "${AWS::AccountId}@x"}]}),
    {"Fn::If": ["Yes", "Role", "Role"]},
    {"Fn::If": ["No", "Role", "User"]},
]
_IN_SUB = ["a", "-", "/", "Role", "$", ".", ",", "${!Text}"]
_SEPARATORS = [",", "/", ":", "-", ", ", "Role", "a"]
_PSEUDO = ["AWS::AccountId", "AWS::Partition", "AWS::Region", "AWS::URLSuffix"]
_CONDITIONS = {"Yes": {"Fn::Equals": ["a", "a"]}, "No": {"Fn::Equals": ["a", "b"]}}
_KEYS = ["k", "l"]
_ALLOWED = ["one", "two", "k"]
_PARAMETERS = {
    # It makes names unique: the same template is deployed twice.
    "Place": {"Type": "String"},
    "Text": {"Type": "String"},
    "Default": {"Type": "String", "Default": "a-b/default"},
    "Allowed": {"Type": "String", "Default": "one", "AllowedValues": _ALLOWED},
    "Number": {"Type": "Number", "Default": 1},
    "List": {"Type": "CommaDelimitedList", "Default": "d1, d2 ,d3"},
}
_DOCUMENT = {"Version": "2012-10-17", "Statement": []}
_REFERENCES = [
    *({"Ref": name} for name in ("Role", "User", "Policy", "Stored", "Table")),
    *({"Fn::GetAtt": name} for name in ("Role.Arn", "Stored.Value", ["User", "Arn"])),
    *({"Fn::GetAtt": name} for name in ("Machine.Name", "Queue.QueueName")),
    {"Fn::Sub": "{{resolve:ssm:${Stored}}}"},
]
_BUCKET = "assets-${AWS::AccountId}-${AWS::Region}"
_URL = f"https://s3.${{AWS::Region}}.${{AWS::URLSuffix}}/{_BUCKET}"
_STACKS = ["Exporter", "App"]

_integers = cache(st.integers)


@dataclass
class Scope:
    """What the expressions of a template can refer to."""

    texts: list[Any]
    lists: list[Any] = field(default_factory=list)
    keys: list[Any] = field(default_factory=lambda: [*_KEYS, {"Ref": "AWS::Region"}])
    last: int = 0


Written = tuple[dict[str, Any], Scope]
"""A template, and what its expressions can refer to."""


class _Writer:
    # Plain functions instead of strategies, which would take most of the time.
    def __init__(self, draw: st.DrawFn) -> None:
        self._draw = draw

    def number(self, last: int) -> int:
        return self._draw(_integers(0, last))

    def pick(self, options: Sequence[_T]) -> _T:
        return options[self.number(len(options) - 1)]

    def some(self, write: Callable[[], _T], most: int) -> list[_T]:
        return [write() for _ in range(self.number(most))]

    def text(self, scope: Scope, depth: int = 2) -> Any:
        """An expression whose value is a string."""
        writers: list[Callable[[], Any]] = [
            lambda: self.pick(_LITERALS),
            lambda: self.pick(scope.texts),
        ]
        if depth:
            writers += [
                lambda: self._substitution(scope, depth - 1),
                lambda: {"Fn::Join": [self.pick(["", *_SEPARATORS]), self.list_(scope, depth - 1)]},
                lambda: {"Fn::Select": [self._index(scope), self.list_(scope, depth - 1)]},
                lambda: self._choice(lambda: self.text(scope, depth - 1)),
                lambda: {"Fn::Base64": self.text(scope, depth - 1)},
                lambda: self._lookup(scope, "texts", lambda: self.text(scope, depth - 1)),
            ]
        return self.pick(writers)()

    def list_(self, scope: Scope, depth: int = 2) -> Any:
        """An expression whose value is a list."""

        def element() -> Any:
            return self.text(scope, max(depth - 1, 0))

        def literal() -> Any:
            return [element(), *self.some(lambda: element() if self.number(4) else NO_VALUE, 3)]

        writers: list[Callable[[], Any]] = [
            literal,
            lambda: self.pick(scope.lists) if scope.lists else literal(),
        ]
        if depth:
            writers += [
                lambda: {"Fn::Split": [self.pick(_SEPARATORS), element()]},
                lambda: self._choice(lambda: self.list_(scope, depth - 1)),
                lambda: self._lookup(scope, "lists", lambda: [element()]),
            ]
        return self.pick(writers)()

    def _choice(self, write: Callable[[], Any]) -> Any:
        return {"Fn::If": [self.pick(list(_CONDITIONS)), write(), write()]}

    def _substitution(self, scope: Scope, depth: int) -> Any:
        # Variables of its own can have the name of something else.
        own = {name: self.text(scope, depth) for name in self.some(lambda: self.pick(_OWN), 2)}
        others = (value.get("Ref") or value.get("Fn::GetAtt") for value in scope.texts)
        names = [*own, *(name for name in others if isinstance(name, str))]
        pieces = [*_IN_SUB, *(f"${{{name}}}" for name in names)]
        pattern = "".join(self.some(lambda: self.pick(pieces), 4))
        return {"Fn::Sub": [pattern, own] if own else pattern}

    def _index(self, scope: Scope) -> Any:
        number = self.number(scope.last)
        named = [{"Ref": "Number"}] if scope.last and {"Ref": "Number"} in scope.texts else []
        return self.pick([number, str(number), {"Fn::FindInMap": ["indexes", "k", "k"]}, *named])

    def _lookup(self, scope: Scope, mapping: str, default: Callable[[], Any]) -> Any:
        first = self.pick(scope.keys)
        options = [] if isinstance(first, str) else [{"DefaultValue": default()}]
        return {"Fn::FindInMap": [mapping, first, self.pick(_KEYS), *options]}

    def mapping(self, write: Callable[[], Any]) -> Any:
        names = [*_KEYS, *self.some(lambda: self.pick([REGION, "one"]), 1)]
        return {name: {key: write() for key in _KEYS} for name in names}

    def arguments(self, scope: Scope, place: Any) -> dict[str, Any]:
        """Arguments for the parameters of a nested stack."""
        written = {"Place": place, "Text": self.text(scope)}
        optional: dict[str, Callable[[], Any]] = {
            "Default": lambda: self.text(scope),
            "Allowed": lambda: self.pick(_ALLOWED),
            "Number": lambda: self.pick([0, 1, "1"]),
            "List": lambda: self.pick([self.text(scope), {"Fn::Join": [",", self.list_(scope)]}]),
        }
        return written | {name: write() for name, write in optional.items() if self.number(1)}

    def resources(self, scope: Scope, place: Any) -> dict[str, Any]:
        """Roles and others. Some of their names are generated."""
        resources: dict[str, Any] = {
            "Role": ("AWS::IAM::Role", "RoleName", {"AssumeRolePolicyDocument": _DOCUMENT}),
            "Policy": (
                "AWS::IAM::ManagedPolicy",
                "ManagedPolicyName",
                {"PolicyDocument": _DOCUMENT},
            ),
            "User": ("AWS::IAM::User", "UserName", {}),
            "Queue": ("AWS::SQS::Queue", "QueueName", {}),
            "Machine": (
                "AWS::StepFunctions::StateMachine",
                "StateMachineName",
                {"DefinitionString": "{}", "RoleArn": "arn:aws:iam::1:role/x"},
            ),
            "Table": (
                "AWS::DynamoDB::Table",
                "TableName",
                {
                    "AttributeDefinitions": [{"AttributeName": "k", "AttributeType": "S"}],
                    "KeySchema": [{"AttributeName": "k", "KeyType": "HASH"}],
                    "BillingMode": "PAY_PER_REQUEST",
                },
            ),
            "Stored": ("AWS::SSM::Parameter", "Name", {"Type": "String"}),
        }
        for logical_id, (kind, name, properties) in resources.items():
            written = dict(properties)
            if logical_id == "Stored" or self.number(1):
                unique = [logical_id, place, self.pick([*_NAMES, *scope.keys])]
                written[name] = {"Fn::Join": [self.pick(["", "-"]), unique]}
            if logical_id == "Stored":
                written["Value"] = str(self.pick(_LITERALS))
            elif self.number(1):
                written["Path"] = self.pick(["/x/", "/PumpReadOnlyRole/a/"])
            resources[logical_id] = {"Type": kind, "Properties": written}
        return resources

    def template(
        self,
        *,
        place: Any,
        parameters: bool,
        nested: Mapping[str, tuple[str, Written]] = MappingProxyType({}),
        imports: Sequence[Any] = (),
    ) -> Written:
        """A template. Its expressions refer to its parameters only if it has any."""
        scope = Scope([{"Ref": name} for name in _PSEUDO])
        if parameters:
            scope.texts += [{"Ref": name} for name in _PARAMETERS if name != "List"]
            scope.lists.append({"Ref": "List"})
            scope.keys.append({"Ref": "Allowed"})
        scope.texts += [{"Fn::ImportValue": name} for name in imports]
        resources = self.resources(scope, place)
        for logical_id, (file, (other, _)) in nested.items():
            here = {"Fn::Join": ["", [place, logical_id]]}
            resources[logical_id] = {
                "Type": "AWS::CloudFormation::Stack",
                "Properties": {
                    "TemplateURL": {"Fn::Sub": f"{_URL}/{file}"},
                    "Parameters": self.arguments(scope, here),
                },
            }
            for output in other["Outputs"]:
                scope.texts.append({"Fn::GetAtt": [logical_id, f"Outputs.{output}"]})
                scope.texts.append({"Fn::GetAtt": f"{logical_id}.Outputs.{output}"})
        scope.texts += _REFERENCES
        content = {
            "Parameters": _PARAMETERS if parameters else {},
            "Mappings": {
                "texts": self.mapping(lambda: self.pick(_LITERALS)),
                "lists": self.mapping(
                    lambda: [self.pick(_LITERALS), *self.some(lambda: self.pick(_LITERALS), 2)]
                ),
                "indexes": {"k": {"k": self.pick([0, "0"])}},
            },
            "Conditions": _CONDITIONS,
            "Resources": resources,
            "Outputs": {f"O{index}": {"Value": self.text(scope)} for index in range(3)},
        }
        return content, scope


_OWN = ["V", "Text", "Role"]


@dataclass(frozen=True)
class App:
    """Two stacks. One of them imports from the other, and has nested stacks."""

    is_open: bool
    templates: Mapping[str, Mapping[str, Any]]
    arguments: Mapping[str, str]
    values: Mapping[tuple[str, ...], Sequence[Any]]
    account: str
    region: str

    def deployed(self) -> dict[tuple[str, ...], Stack]:
        """Return the emulator's stacks by path."""
        engine = CloudFormation(self.templates)
        stacks: dict[tuple[str, ...], Stack] = {}
        for path in self.values:
            *outer, name = path
            if outer:
                stacks[path] = stacks[tuple(outer)].nested(name)
                continue
            try:
                stacks[path] = engine.deploy(name, self.templates[name], self.arguments)
            except NotDeployedError as error:
                # What is split and joined again can refer to a parameter that does not exist.
                assume("Dynamic reference" not in str(error))
                raise
        return stacks

    def read(self, folder: Path) -> dict[tuple[str, ...], Template]:
        """Return the reader's templates by path."""
        assets = {}
        for file, content in self.templates.items():
            name = f"{file}.template.json"
            (folder / name).write_text(json.dumps(content))
            destination = {"bucketName": _BUCKET, "objectKey": file}
            assets[file] = {"source": {"path": name}, "destinations": {"here": destination}}
        (folder / "App.assets.json").write_text(json.dumps({"files": assets}))
        templates = load(
            File(folder / f"{name}.template.json", name, self.account, self.region)
            for name in _STACKS
        )
        assert not any(template.unread for template in templates)
        # The names of stacks, the outermost first.
        return {
            (
                template.root.stack,
                *[above.deployed_by for above in template.chain][-2::-1],
            ): template
            for template in templates
        }


@st.composite
def apps(draw: st.DrawFn) -> App:
    """A random app."""
    writer = _Writer(draw)
    is_open = bool(writer.number(1))
    place = {"Ref": "Place"}
    inner = writer.template(place=place, parameters=True)
    child = writer.template(place=place, parameters=True, nested={"Inner": ("Inner", inner)})
    exporter = writer.template(place="E", parameters=is_open)
    exported = exporter[0]["Outputs"]
    names = [{"Fn::Sub": f"${{AWS::Region}}:{output}"} for output in exported]
    for name, output in zip(names, exported.values(), strict=True):
        output["Export"] = {"Name": name}
    nested = {"One": ("Child", child), "Two": ("Child", child)}
    app = writer.template(place="A", parameters=is_open, nested=nested, imports=names)
    values = {}
    for path, (content, scope) in {
        ("Exporter",): exporter,
        ("App",): app,
        ("App", "One"): child,
        ("App", "Two"): child,
        ("App", "One", "Inner"): inner,
        ("App", "Two", "Inner"): inner,
    }.items():
        stack = [{"Ref": "AWS::StackName"}, {"Ref": "AWS::StackId"}]
        texts = [*scope.texts, *(stack if is_open and not path[1:] else [])]
        seen = replace(scope, last=2, texts=texts)
        outputs = [output["Value"] for output in content["Outputs"].values()]
        values[path] = [writer.text(seen, 3), writer.text(seen), writer.list_(seen, 3), *outputs]
    arguments = {"Place": "P", "Text": str(writer.pick(_LITERALS))} if is_open else {}
    if is_open and writer.number(1):
        more = ["Default", "List"]
        arguments |= {name: str(writer.pick(_LITERALS)) for name in more} | {"Allowed": "two"}
    templates = {"Inner": inner, "Child": child, "Exporter": exporter, "App": app}
    account, region = writer.pick([("", ""), (ACCOUNT_ID, ""), (ACCOUNT_ID, REGION)])
    return App(
        is_open=is_open,
        templates={file: content for file, (content, _) in templates.items()},
        arguments=arguments,
        values=values,
        account=account,
        region=region,
    )
