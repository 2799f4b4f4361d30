"""Resolves the values of templates: each is one of a few texts, which may have placeholders.

A value with open placeholders is unresolved, but keeps its texts: ``app-${?}-role`` cannot be the
name of one of Pump's roles.
"""

import json
import re
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from itertools import product
from math import prod
from typing import Any, ClassVar, Final

from pump_roles.inputs import as_list, as_mapping, as_text
from pump_roles.templates.placeholders import (
    CHARACTERS,
    DEEPEST,
    HOLE,
    LONGEST,
    MOST,
    NOTHING,
    OPEN,
    PLACEHOLDER,
    SHAPES,
    TOTAL_WORK,
    WORK,
    Choice,
    FilledText,
    FunctionCall,
    Reference,
    Resolved,
    Why,
    either,
    filled_text,
    flat,
    is_call,
    just,
    literal,
    of,
    plain,
    unresolved,
)
from pump_roles.templates.template import AWS_TYPES, ROLE, STACK, Template, attributes

_DYNAMIC: Final = "{{resolve:"
PARAMETER: Final = re.compile(r"\$\{\?([0-9]+)\.([^{}]+)\}")
"""The placeholder of a parameter: the key of its template, and its name."""
_VARIABLE: Final = re.compile(r"\$\{([^{}$]*)\}")
_REFERENCE: Final = re.compile(r"\{\{resolve:(ssm|ssm-secure|secretsmanager):([^{}]*)\}\}")
_PER_STACK: Final = ("AWS::StackName", "AWS::StackId")
_IAM: Final[Mapping[str, str]] = AWS_TYPES["iam"]
_STORES: Final[Mapping[str, str]] = AWS_TYPES["stores"]
EXPORT_READER: Final = "Custom::CrossRegionExportReader"
EXPORT_WRITER: Final = "Custom::CrossRegionExportWriter"
_PAIR: Final = 2
_NAMES: Final = 10
"""As many names that are looked for in a dynamic reference count as a text."""
_MAYBE: Final = "Fn::Maybe"
"""A function of the reader: what an output is that is there only under a condition."""


@dataclass(frozen=True, eq=False)
class Resource:
    """A resource of a template, with its values resolved."""

    template: Template
    logical_id: str
    resolver: "Resolver"
    _read: dict[str, Any] = field(default_factory=dict)

    @property
    def reference(self) -> Reference:
        """What stands for it in values."""
        return self.template.key, self.logical_id

    @cached_property
    def type(self) -> str:
        """Its type; empty if it has none."""
        return self.template.type_of(self.logical_id)

    @property
    def members(self) -> Mapping[str, Any]:
        """Its members, as they are written."""
        return self.template.resources[self.logical_id]

    @property
    def properties(self) -> Mapping[str, Any]:
        """Its properties, as they are written."""
        return self.template.properties(self.logical_id)

    @property
    def is_open(self) -> bool:
        """Whether a function can change its properties."""
        return self.template.is_open(self.logical_id)

    @property
    def is_of_aws(self) -> bool:
        """Whether it is no custom resource. Code of the app gets the properties of these."""
        return self.type.startswith("AWS::") and self.type != "AWS::CloudFormation::CustomResource"

    @cached_property
    def tree(self) -> Mapping[str, Any]:
        """Its properties: each function is a :class:`FunctionCall` or a :class:`Choice`."""
        return {name: self[name] for name in self.properties}

    def __getitem__(self, name: str) -> Any:
        """Return a property from its tree; ``None`` if there is none."""
        if name not in self._read:
            self._read[name] = self.resolver.tree(self.properties.get(name), self.template)
        return self._read[name]

    @cached_property
    def name(self) -> str:
        """What ``Ref`` of it certainly is; a placeholder if AWS generates that."""
        found = self.resolver.resolve({"Ref": self.logical_id}, self.template).certain
        return found or self.placeholder

    @property
    def tags(self) -> Iterator[tuple[str | None, str | None]]:
        """The keys and values of its tags; ``None`` for what is not certain.

        Those of the stacks and StackSets that deploy it, which CloudFormation adds, come first.
        """
        yield from self.template.tags.items()
        if self.template.parent is not None:
            deploying = (self.template.parent.key, self.template.deployed_by)
            yield from self.resolver.resources[deploying].tags
        for tag in map(as_mapping, as_list(self.tree.get("Tags", []))):
            yield filled_text(tag.get("Key")), filled_text(tag.get("Value"))

    @property
    def placeholder(self) -> str:
        """The placeholder for its name, if AWS generates it."""
        return generated(self.logical_id, "", self.template)


def generated(name: str, attribute: str, template: Template) -> str:
    """Return the placeholder for what AWS generates for a resource."""
    return f"${{{template.key}.{name}{attribute and '.'}{attribute}}}"


@dataclass(eq=False)
class Resolver:
    """Resolves the values of all templates of an app, each definition once."""

    templates: Sequence[Template]
    work: int = WORK
    total: int = TOTAL_WORK
    _left: int = 0
    _granted: int = 0
    _depth: int = 0
    _once: dict[tuple[str, str, str], Resolved] = field(default_factory=dict)
    _exports: dict[str, list[tuple[Template, Any]]] = field(default_factory=dict)
    _stored: list[tuple[str, tuple[str, ...], Resolved]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._begin()
        for template in self.templates:
            for key, value in self._exported(template):
                self._exports.setdefault(key, []).append((template, value))
        # What was resolved so far did not have all the exports.
        self._once.clear()
        for resource in self.resources.values():
            if (kind := resource.type) in _STORES:
                kept = (resource.properties.get(key) for key in ("Name", _STORES[kind]))
                name, value = (self.resolve(each, resource.template) for each in kept)
                known = tuple(plain(text) for text in name.every if OPEN not in text)
                self._stored.append((kind, known, value))

    def _begin(self) -> None:
        # All properties together have a bound, too.
        self.total -= self._granted - self._left
        self._granted = self._left = min(self.work, self.total)
        self._depth = 0

    def _count(self, found: Resolved) -> Resolved:
        texts = (*found.every, *found.literals)
        self._left -= len(texts) + sum(map(len, texts)) // CHARACTERS
        return found

    @cached_property
    def by_key(self) -> Mapping[str, Template]:
        """The templates by their keys."""
        return {template.key: template for template in self.templates}

    @cached_property
    def resources(self) -> Mapping[Reference, Resource]:
        """All resources."""
        return {
            (template.key, name): Resource(template, name, self)
            for template in self.templates
            for name in template.resources
        }

    def declared(self, value: Resolved) -> tuple[str, Mapping[str, Any]] | None:
        """Return the parameter that a value is, and its declaration; ``None`` if it is not one.

        It may also be the parameter's default.
        """
        texts = [text for text in value.every if OPEN in text]
        found = PARAMETER.fullmatch(texts[0]) if len(texts) == 1 else None
        if found is None or value.why not in ("parameter", "overridden"):
            return None
        declared = dict(as_mapping(self.by_key[found[1]].declared[found[2]]))
        default = declared.get("Default")
        if {*value.every} - {*texts, literal(as_text(default))}:
            return None
        return found[2], declared

    def _exported(self, template: Template) -> Iterator[tuple[str, Any]]:
        # CDK names the file after the stack.
        stack = template.stack or template.file.name.removesuffix(".template.json")
        for name, declared in as_mapping(template.content.get("Outputs")).items():
            output = as_mapping(declared)
            value = output.get("Value")
            if "Condition" in output:
                # Without it, another stack can export the name.
                value = {_MAYBE: {"Fn::If": [output["Condition"], value, {"Ref": "AWS::NoValue"}]}}
            if "Export" in output:
                found = self.resolve(as_mapping(output["Export"]).get("Name"), template)
                yield from ((key, value) for key in ([HOLE] if found.why else found.every))
            if template.parent is None:
                yield f"{stack}\0{name}", value
        for name in template.resources:
            # CDK's own way to refer to a stack in another Region.
            if template.type_of(name) == EXPORT_WRITER:
                properties = as_mapping(template.properties(name).get("WriterProps"))
                for key, value in as_mapping(properties.get("exports")).items():
                    yield f"\1{key}", value

    def tree(self, value: Any, template: Template) -> Any:
        """Return a value with each function in it resolved; what is no function stays as it is.

        Of what takes too much work, nothing more is resolved.
        """
        self._begin()
        return self._tree(value, template)

    def _tree(self, value: Any, template: Template) -> Any:
        if isinstance(value, list):
            return [self._tree(element, template) for element in value]
        if isinstance(value, dict) and not is_call(value):
            return {key: self._tree(member, template) for key, member in value.items()}
        if isinstance(value, dict) and "Fn::If" in value:
            condition, *branches = as_list(value["Fn::If"]) or [None]
            if any(map(_is_structure, branches)):
                options = tuple(self._tree(branch, template) for branch in branches)
                return Choice(value, options, (template.key, f"?{as_text(condition)}"))
        if isinstance(value, dict) or (isinstance(value, str) and _DYNAMIC in value):
            return FunctionCall(value, self._with_dynamic(value, template))
        return value

    def resolve(self, value: Any, template: Template) -> Resolved:
        """Return what a value is."""
        self._begin()
        return self._with_dynamic(value, template)

    def _with_dynamic(self, value: Any, template: Template) -> Resolved:
        # Dynamic references come after all functions.
        found = self._resolve(value, template)
        dynamic = [text for text in found.every if _DYNAMIC in text]
        if not dynamic:
            return found
        self._left -= len(self._stored) // _NAMES
        if self._left < 0:
            return unresolved("too-much-work")
        contents = [
            content
            for text in dynamic
            for service, what in _REFERENCE.findall(PLACEHOLDER.sub("\0", text))
            for content in self._contents(service, what)
        ]
        return self._count(unresolved("dynamic-reference", found, *contents))

    def _contents(self, service: str, what: str) -> Iterator[Resolved]:
        # What the app itself keeps under a name.
        secret = service == "secretsmanager"
        wanted = "AWS::SecretsManager::Secret" if secret else "AWS::SSM::Parameter"
        for kind, known, content in self._stored:
            if kind == wanted and ("\0" in what or any(text in what for text in known)):
                yield content

    def _resolve(self, value: Any, template: Template) -> Resolved:
        self._left -= 1
        if value is None:
            return NOTHING
        if isinstance(value, bool | str | int):
            return just(literal(as_text(value)))
        if isinstance(value, list):
            elements = [self._resolve(element, template) for element in value]
            return _product(elements, _listed)
        if self._left < 0:
            return unresolved("too-much-work")
        if is_call(value):
            ((function, argument),) = value.items()
            resolve = self._functions.get(function, Resolver._unknown)
            found = resolve(self, argument, template)
        else:
            found = self._unknown(value, template)
        return self._count(found)

    def _unknown(self, value: Any, template: Template, why: Why = "function") -> Resolved:
        return unresolved(why, *self._inside(value, template))

    def inside(self, value: Any, template: Template) -> Iterator[Resolved]:
        """Yield every value in an object or a list."""
        self._begin()
        return self._inside(value, template)

    def _inside(self, value: Any, template: Template) -> Iterator[Resolved]:
        if isinstance(value, dict) and not is_call(value):
            for key, member in value.items():
                yield just(literal(key))
                yield from self._inside(member, template)
        elif isinstance(value, list):
            for element in value:
                yield from self._inside(element, template)
        else:
            number = isinstance(value, float)
            yield just(as_text(value)) if number else self._resolve(value, template)

    def _first(
        self, template: Template, kind: str, name: str, compute: Callable[[], Resolved]
    ) -> Resolved:
        key = (template.key, kind, name)
        if key not in self._once:
            self._once[key] = unresolved("circle")
            self._once[key] = compute()
        return self._once[key]

    def _ref(self, name: Any, template: Template) -> Resolved:
        if not isinstance(name, str):
            return self._unknown(name, template)
        if name in template.resources:
            return self._resource(name, "", template)
        if name in template.declared:
            return self._first(template, "parameter", name, lambda: self._parameter(name, template))
        known = {
            "AWS::AccountId": template.account,
            "AWS::Region": template.region,
            "AWS::StackName": template.stack,
        }
        text = literal(known.get(name, ""))
        if not text and name == "AWS::StackName" and template.parent is None:
            # Whoever deploys it chooses.
            return of([f"{OPEN}{name}}}"], "undeclared")
        if not text and (name in _PER_STACK or template.is_made_by_sam(name)):
            text = generated(name, "", template)
        elif not text and name in SHAPES:
            text = f"${{{name}}}"
        if text:
            return just(text)
        return NOTHING if name == "AWS::NoValue" else unresolved("undeclared")

    def _base64(self, value: Any, template: Template) -> Resolved:
        found = self._resolve(value, template)
        text = found.certain
        if text is None or PLACEHOLDER.search(text):
            return of([HOLE, *found.texts], found.why or "function", found)
        return replace(found, texts=frozenset({b64encode(plain(text).encode()).decode()}))

    def _parameter(self, name: str, template: Template) -> Resolved:
        declared, parent = as_mapping(template.declared.get(name)), template.parent
        default, options = (
            self._resolve(declared.get(key), template) for key in ("Default", "AllowedValues")
        )
        passed = self._passed(name, template)
        is_list = template.is_list(name)
        if as_text(declared.get("Type")).startswith("AWS::SSM::"):
            names = [plain(text) for part in (default, options, passed) for text in part.every]
            contents = [each for key in names for each in self._contents("ssm", key)]
            return unresolved("ssm-parameter", default, passed, *contents)
        hole = f"${{?{template.key}.{name}}}"
        if "Parameters" in template.changeable or template.has_changeable_arguments:
            deploying = parent.properties(template.deployed_by) if parent else {}
            groups = [*_overrides(deploying.get("StackInstancesGroup"))]
            more = self._inside([deploying.get("Parameters"), groups], parent or template)
            return of([hole], "overridden", default, options, passed, *more)
        if parent is not None:
            # Only the parent passes arguments: what it does not pass is the default.
            texts = [*(passed.texts - {None}), *(default.texts if None in passed.texts else ())]
            if None in texts:
                return unresolved("undeclared", passed)
            found = of(texts, "", passed, default)
            return _split(found, ",", strip=True) if is_list else found
        if options is not NOTHING and not is_list:
            return of(options.every, "", options)
        # Whoever deploys the stack decides. What it is without a decision is one of the texts.
        found = _split(default, ",", strip=True) if is_list else default
        return of([hole, *(found.texts - {None})], "parameter", found, options)

    def _passed(self, name: str, template: Template) -> Resolved:
        if template.parent is None or name not in template.arguments:
            return NOTHING
        found = self._resolve(template.arguments[name], template.parent)
        if not template.is_member:
            return found
        # The account of a StackSet is another one than that of its stacks.
        texts = (text and str(text).replace("${AWS::", "${outer.AWS::") for text in found.texts)
        return of(texts, found.why, found)

    def _resource(self, name: str, attribute: str, template: Template) -> Resolved:
        def compute() -> Resolved:
            # Python itself cannot follow a much longer chain of resources.
            if self._depth == DEEPEST:
                return unresolved("too-much-work")
            self._depth += 1
            found = self._identity(name, attribute, template)
            self._depth -= 1
            return replace(found, refers=found.refers | {(template.key, name)})

        # Whatever is asked of a custom resource, it is the same.
        kind = template.type_of(name)
        asked = attribute if kind.startswith("AWS::") or kind == EXPORT_READER else ""
        return self._first(template, "resource", f"{name}.{asked}", compute)

    def _identity(self, name: str, attribute: str, template: Template) -> Resolved:
        kind, properties = template.type_of(name), template.properties(name)
        if kind in _IAM:
            (name_property,) = attributes()[kind][1].split()
            own_name = self._property(name_property, name, template)
            made = generated(name, "", template)
            own = _or_generated(own_name, made)
            if kind == ROLE and own_name.certain is None:
                # Whatever its name is, it is this role.
                own = just(made)
            is_policy = kind == "AWS::IAM::ManagedPolicy"
            if attribute not in (("", "PolicyArn") if is_policy else ("Arn",)):
                return self._of_aws(name, attribute, template) if attribute else own
            path = self._property("Path", name, template) if "Path" in properties else just("/")
            return self._arn(_IAM[kind], path, own, template)
        if not kind.startswith("AWS::") or kind == "AWS::CloudFormation::CustomResource":
            # Any provider may use the type of CDK's own.
            read = self._exports.get(f"\1{attribute}", []) if kind == EXPORT_READER else []
            values = [self._resolve(value, of_) for of_, value in read]
            found = unresolved("custom-resource", *values, *self._inside(properties, template))
            return replace(found, refers=frozenset())
        return self._of_aws(name, attribute, template)

    def _of_aws(self, name: str, attribute: str, template: Template) -> Resolved:
        # A value that the template sets, or that AWS makes, perhaps of one.
        kind, properties = template.type_of(name), template.properties(name)
        identifiers, names, made = map(str.split, attributes().get(kind, ("", "", "")))
        asked = attribute or (identifiers[0] if len(identifiers) == 1 else "")
        placeholder = generated(name, attribute, template)
        if template.is_open(name):
            return self._unknown(properties, template, "macro")
        if asked in properties:
            return _or_generated(self._property(asked, name, template), placeholder)
        named = {
            path: value
            for path in names
            if (value := self._resolve(_member(properties, path), template)) != NOTHING
        }
        is_name = asked in names or asked.endswith("Name")
        same = [path for path in named if is_name and path.endswith(asked)] or [
            path for path in named if is_name and asked.endswith(path)
        ]
        if len(same) == 1:
            return _or_generated(named[same[0]], placeholder)
        nested = {} if named or not is_name else _names_in(properties)
        chosen = [*named.values(), *(self._resolve(each, template) for each in nested.values())]
        # An ARN, a URL, or one of several identifiers can be, or contain, a name; an ID does not.
        is_chosen = nested or not (attribute or asked.endswith("Id"))
        if chosen and is_chosen:
            return unresolved("property", *chosen)
        if asked in made or asked in names or (identifiers and not attribute):
            words = frozenset(word for value in chosen for word in value.words)
            return replace(just(placeholder), literals=words)
        everything = unresolved("property", *self._inside(properties, template))
        return replace(everything, refers=frozenset())

    def _arn(self, kind: str, path: Resolved, name: Resolved, template: Template) -> Resolved:
        before, account = just("arn:${AWS::Partition}:iam::"), self._ref("AWS::AccountId", template)
        return _product([before, account, just(f":{kind}"), path, name], partial(_joined, ""))

    def _property(self, name: str, logical_id: str, template: Template) -> Resolved:
        properties = template.properties(logical_id)
        if template.is_open(logical_id):
            return self._unknown(properties, template, "macro")
        return self._resolve(properties.get(name), template)

    def _attribute(self, argument: Any, template: Template) -> Resolved:
        is_text = isinstance(argument, str)
        name, *rest = argument.split(".") if is_text else as_list(argument) or [None]
        if rest == ["Arn"] and isinstance(name, str) and template.is_made_by_sam(name):
            role = just(generated(name, "", template))
            return self._arn(_IAM[ROLE], just("/"), role, template)
        if not isinstance(name, str) or name not in template.resources:
            return self._unknown(argument, template)
        if not all(isinstance(part, str) for part in rest):
            return self._unknown([rest, template.properties(name)], template)
        attribute, nested = ".".join(rest), template.nested.get(name)
        if template.type_of(name) != STACK:
            return self._resource(name, attribute, template)
        output = attribute.removeprefix("Outputs.")
        if nested is None or output == attribute:
            arguments = template.properties(name).get("Parameters")
            return self._unknown(arguments, template, "nested-output")
        declared = as_mapping(as_mapping(nested.content.get("Outputs")).get(output))
        found = self._first(
            nested, "output", output, lambda: self._resolve(declared.get("Value"), nested)
        )
        return (
            unresolved("macro", found) if "Outputs" in nested.changeable or not declared else found
        )

    def _import(self, names: Resolved, template: Template) -> Resolved:
        unnamed = self._exported_as(HOLE)
        if names.why:
            return unresolved("import", names, *unnamed)
        found = []
        for text in names.every:
            exports, values = self._exports.get(text, []), self._exported_as(text)
            # Exports of other accounts and Regions have the same names.
            places = {(of_.account, of_.region, of_.member) for of_, _ in exports}
            here = places == {(template.account, template.region, template.member)}
            changeable = any("Outputs" in of_.changeable for of_, _ in exports)
            found += (
                values if here and not changeable else [unresolved("import", *values, *unnamed)]
            )
        return either(found)

    def _exported_as(self, key: str) -> list[Resolved]:
        # Another stack's export can be what this one imports.
        return [
            self._first(of_, f"export {key}", f"{at}", partial(self._resolve, value, of_))
            for at, (of_, value) in enumerate(self._exports.get(key, []))
        ]

    def _import_value(self, name: Any, template: Template) -> Resolved:
        return self._import(self._resolve(name, template), template)

    def _stack_output(self, argument: Any, template: Template) -> Resolved:
        named = as_mapping(argument)
        parts = [self._resolve(named.get(key), template) for key in ("StackName", "OutputName")]
        found = self._import(_product(parts, partial(_joined, "\0")), template)
        region = self._ref("AWS::Region", template)
        is_here = self._resolve(named.get("Region", {"Ref": "AWS::Region"}), template) == region
        return found if is_here and "RoleArn" not in named else unresolved("import", found)

    def _maybe(self, value: Any, template: Template) -> Resolved:
        return unresolved("import", self._resolve(value, template))

    def _sub(self, argument: Any, template: Template) -> Resolved:
        is_pair = isinstance(argument, list) and len(argument) == _PAIR
        text, variables = argument if is_pair else (argument, {})
        if not isinstance(text, str):
            return self._unknown(argument, template)
        own, parts, pieces = as_mapping(variables), [], _VARIABLE.split(text)
        for index, piece in enumerate(pieces):
            name = piece.strip()
            if not index % 2 or piece.startswith("!"):
                parts.append(just(literal(f"${{{piece[1:]}}}" if index % 2 else piece)))
            elif piece in own or name in own:
                parts.append(self._resolve(own.get(piece, own.get(name)), template))
            else:
                parts.append((self._attribute if "." in name else self._ref)(name, template))
        names = [f"{index % 2}{piece}" for index, piece in enumerate(pieces)]
        return _product(parts, partial(_joined, ""), names)

    def _join(self, argument: Any, template: Template) -> Resolved:
        separator, *rest = as_list(argument) or [None]
        if not isinstance(separator, str) or len(rest) != 1:
            return self._unknown(argument, template)
        joined = partial(_joined, literal(separator))
        if isinstance(rest[0], list):
            elements = [self._resolve(each, template) for each in rest[0]]
            # A text can be the JSON of a function.
            return _product(elements, joined, [*map(json.dumps, rest[0])])
        found = self._resolve(rest[0], template)
        return of((joined(t) if isinstance(t, tuple) else HOLE for t in found.texts), "", found)

    def _select(self, argument: Any, template: Template) -> Resolved:
        index, *rest = as_list(argument) or [None]
        number, listed = self._resolve(index, template), rest[0] if rest else None
        may_lack = isinstance(listed, list) and "AWS::NoValue" in as_text(listed)
        if len(rest) != 1 or number.why or may_lack:
            return self._unknown(rest, template)
        places = [
            int(text) if re.fullmatch("[0-9]{1,4}", text) else LONGEST for text in number.every
        ]
        if isinstance(listed, list):
            # Only the elements that it selects have to be resolved.
            found = [self._resolve(each, template) for at in places for each in listed[at : at + 1]]
            missing = len(found) < len(places)
            return either([*found, *([self._unknown(rest, template)] if missing else [])])
        whole = self._resolve(listed, template)
        picked = ((text, at) for text in whole.texts for at in places)
        texts = (t[at] if isinstance(t, tuple) and at < len(t) else HOLE for t, at in picked)
        return of(texts, "", whole)

    def _split(self, argument: Any, template: Template) -> Resolved:
        separator, *rest = as_list(argument) or [None]
        if not isinstance(separator, str) or not separator or len(rest) != 1:
            return self._unknown(argument, template)
        return _split(self._resolve(rest[0], template), separator)

    def _if(self, argument: Any, template: Template) -> Resolved:
        condition, *branches = as_list(argument) or [None]
        parts = [self._resolve(branch, template) for branch in branches]
        found = either(parts) if parts else unresolved("function")
        return replace(found, refers=found.refers | {(template.key, f"?{as_text(condition)}")})

    def _find_in_map(self, argument: Any, template: Template) -> Resolved:
        keys = as_list(argument)
        level, exact = [as_mapping(template.content.get("Mappings"))], len(keys) > _PAIR
        for key in keys[:3]:
            name = self._resolve(key, template)
            known = not name.why and not any(map(PLACEHOLDER.search, name.every))
            wanted = {plain(text) for text in name.every}
            exact &= known and all(text in members for text in wanted for members in level)
            pairs = (pair for members in map(as_mapping, level) for pair in members.items())
            level = [value for option, value in pairs if not known or option in wanted]
        parts = [self._resolve(value, template) for value in level if not isinstance(value, dict)]
        if not exact:
            defaults = (as_mapping(each).get("DefaultValue") for each in keys[3:])
            parts += [self._resolve(default, template) for default in defaults]
        if "Mappings" in template.changeable or not parts:
            return unresolved("macro" if parts else "nothing", *parts)
        return either(parts)

    _functions: ClassVar[Mapping[str, Callable[["Resolver", Any, Template], Resolved]]] = {
        "Ref": _ref,
        "Fn::Base64": _base64,
        "Fn::FindInMap": _find_in_map,
        "Fn::GetAtt": _attribute,
        "Fn::GetStackOutput": _stack_output,
        "Fn::If": _if,
        "Fn::ImportValue": _import_value,
        "Fn::Join": _join,
        "Fn::Select": _select,
        "Fn::Split": _split,
        "Fn::Sub": _sub,
        _MAYBE: _maybe,
    }
    """The functions of CloudFormation, and what resolves each."""


def _product(
    parts: Sequence[Resolved],
    make: Callable[[Sequence[FilledText]], FilledText],
    names: Sequence[str] = (),
) -> Resolved:
    # Two parts of one name are the same value, and so the same text.
    keys = names or [*map(str, range(len(parts)))]
    unique = dict(zip(keys, parts, strict=True))
    if prod(len(part.texts) for part in unique.values()) > MOST:
        return unresolved("too-many", *parts)
    picked = (
        dict(zip(unique, texts, strict=True))
        for texts in product(*(p.texts for p in unique.values()))
    )
    return of((make([texts[key] for key in keys]) for texts in picked), "", *parts)


def _or_generated(value: Resolved, made: str) -> Resolved:
    # What a property says, or what AWS makes without it.
    return of((made if text is None else text for text in value.texts), value.why, value)


def _member(properties: Any, path: str) -> Any:
    for name in path.split("."):
        properties = as_mapping(properties).get(name)
    return properties


def _names_in(properties: Mapping[str, Any]) -> Mapping[str, Any]:
    # The names in the members of objects, such as the input of which a service makes the resource.
    members = (member for value in properties.values() for member in as_mapping(value).items())
    return {name: value for name, value in members if name.endswith("Name")}


def _is_structure(value: Any) -> bool:
    if isinstance(value, list):
        return any(map(_is_structure, value))
    if is_call(value):
        return "Fn::If" in value and any(map(_is_structure, as_list(value["Fn::If"])[1:]))
    return isinstance(value, dict)


def _overrides(value: Any) -> Iterator[Any]:
    # Not the targets: each of their units would count as a value of the parameter.
    if isinstance(value, dict) and "ParameterOverrides" in value:
        yield value["ParameterOverrides"]
    elif isinstance(value, list | dict):
        for element in value.values() if isinstance(value, dict) else value:
            yield from _overrides(element)


def _listed(texts: Sequence[FilledText]) -> tuple[str, ...]:
    return tuple(flat(texts))


def _joined(separator: str, texts: Sequence[FilledText]) -> str:
    # Join leaves out what is nothing.
    present = [text for text in texts if text is not None]
    whole = all(isinstance(text, str) for text in present)
    return separator.join(map(str, present)) if whole else HOLE


def _split(source: Resolved, separator: str, *, strip: bool = False) -> Resolved:
    found: list[FilledText] = []
    for text in source.texts:
        if (
            not isinstance(text, str)
            or "\0" in text
            or any(_has(name, separator) for name in PLACEHOLDER.findall(text))
        ):
            found.append(text if strip and not isinstance(text, str) else HOLE)
            continue
        # Placeholders are kept whole: the separator may be in how one is written.
        spelled = iter([match[0] for match in PLACEHOLDER.finditer(text)])
        pieces = PLACEHOLDER.sub("\0", text).split(literal(separator))
        texts = ("".join(next(spelled) if c == "\0" else c for c in piece) for piece in pieces)
        found.append(tuple(piece.strip() if strip else piece for piece in texts))
    parted = of(found, "", source)
    # A piece of an ARN, such as the account, does not name the resource.
    kept = source.refers if strip else {of for of in source.refers if of[1].startswith("?")}
    return replace(parted, refers=frozenset(kept))


def _has(name: str, separator: str) -> bool:
    # Whether the value of a placeholder may contain a separator.
    if name.endswith("AWS::AccountId"):
        return separator.isdigit()
    # Only names have no other characters: an attribute, or the ID of a stack, can be an ARN.
    is_name = name.count(".") <= 1 and not name.endswith("AWS::StackId")
    may_be_in_names = not is_name or bool(re.search(r"[\w+=.@-]", separator))
    return name.startswith("?") or (separator != "," and may_be_in_names)
