"""Flattens templates: lists them with all nested stacks, and with what StackSets deploy."""

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from pump_roles.iam.documents import as_list, as_mapping, as_text
from pump_roles.json_input import TEMPLATE, InputError, parse_json, read_json
from pump_roles.review.templates import template_files as disk
from pump_roles.review.templates.evaluate import certain, resource_definition
from pump_roles.review.templates.made_of import STORED, Definition
from pump_roles.review.templates.symbols import written
from pump_roles.review.templates.template import Exports, Template

_MOST: Final = 1_000
"""The maximum number of templates nested in one. Each use of a nested stack counts."""

_BUCKET: Final = re.compile(
    r"https://s3\.(?:\$\{AWS::Region\}|[a-z0-9-]+)\."
    r"(?:\$\{AWS::URLSuffix\}|amazonaws\.com(?:\.cn)?)/(.*)"
)

_STACK: Final = "AWS::CloudFormation::Stack"
_STACK_SET: Final = "AWS::CloudFormation::StackSet"

NESTED: Final = (_STACK, _STACK_SET)
"""The types of resources whose templates are also read."""


def flatten(files: Iterable[disk.File], *, empty: bool = True) -> tuple[list[Template], list[str]]:
    """Return the templates of some files with everything nested in them.

    Only if ``empty`` is true, a template may lack resources. Also returns the files that a manifest
    names, but that are not in its folder.
    """
    templates: list[Template] = []
    outside: list[str] = []
    exports: Exports = {}
    stored: list[Definition] = []
    assets: dict[Path, Mapping[str, set[str]]] = {}
    for file in files:
        if not file.readable:
            outside.append(file.path.name)
            continue
        if not disk.is_file(file.path):
            raise InputError(f"{file.path}: there is no such file")
        content, read = read_json(file.path, TEMPLATE)
        resources = as_mapping(content).get("Resources", {} if empty else None)
        if not isinstance(content, dict) or not isinstance(resources, dict):
            raise InputError(f"{file.path}: is not a CloudFormation template: it has no Resources")
        root = Template(
            content=content,
            file=file.path,
            sha256=disk.digest(read),
            account=file.account,
            region=file.region,
            stack=file.stack,
            tags=file.tags,
            exports=exports,
            stored=stored,
        )
        templates += _Flattened(root, assets).templates
    for template in templates:
        names = (name for name in template.resources if template.type_of(name) in STORED)
        stored += [resource_definition(template, name) for name in names]
        for key, value in _exported(template):
            exports.setdefault(key, []).append((template, value))
    for template in templates:
        # What was certain so far did not have all the exports.
        template.certainties.clear()
    return templates, outside


def _exported(template: Template) -> Iterator[tuple[tuple[str, ...], Any]]:
    for name, declared in as_mapping(template.content.get("Outputs")).items():
        output = as_mapping(declared)
        value = output.get("Value")
        if "Condition" in output:
            value = {"Fn::If": [output["Condition"], value, {"Ref": "AWS::NoValue"}]}
        if "Export" in output:
            key = certain(as_mapping(output["Export"]).get("Name"), template)
            yield ("${}" if key is None else written(key),), value
        if template.parent is None:
            # CDK names the file after the stack.
            yield (template.stack or template.file.name.removesuffix(".template.json"), name), value
    for logical_id in template.resources:
        # CDK's own way to refer to a stack in another region.
        if template.type_of(logical_id) == "Custom::CrossRegionExportWriter":
            written_exports = as_mapping(template.properties(logical_id).get("WriterProps"))
            for name, value in as_mapping(written_exports.get("exports")).items():
                yield (name,), value


class _Flattened:
    # A stack's template with everything nested in it.
    def __init__(self, root: Template, assets: dict[Path, Mapping[str, set[str]]]) -> None:
        self._assets = assets
        self.templates: list[Template] = []
        self._add(root)

    def _add(self, template: Template) -> None:
        self.templates.append(template)
        for logical_id, resource in template.resources.items():
            if resource.get("Type") not in NESTED:
                continue
            nested = self._deployed_by(template, logical_id)
            if nested is not None:
                template.nested[logical_id] = nested
                self._add(nested)

    def _deployed_by(self, template: Template, logical_id: str) -> Template | None:
        properties = template.properties(logical_id)
        is_set = template.type_of(logical_id) == _STACK_SET
        body, url = properties.get("TemplateBody"), properties.get("TemplateURL")
        template.unread[logical_id] = "" if body is None else as_text(body)
        if (body is None) == (url is None) or len(self.templates) > _MOST:
            return None
        try:
            if url is None:
                if not is_set or not isinstance(body, str):
                    return None
                file, content, sha256 = template.file, parse_json(body), template.sha256
            else:
                name = self._asset(template, url)
                if name is None:
                    return None
                file = template.file.parent / name
                template.unread[logical_id] = file.read_bytes().decode(errors="replace")
                content, read = read_json(file, TEMPLATE)
                sha256 = disk.digest(read)
        except (ValueError, RecursionError, OSError):
            return None
        # A file that is nested in itself is not followed.
        if url is not None and file in (above.file for above in template.chain):
            return None
        del template.unread[logical_id]
        return Template(
            content=as_mapping(content),
            file=file,
            sha256=sha256,
            # A StackSet deploys to other accounts.
            account="" if is_set else template.account,
            region="" if is_set else template.region,
            parent=template,
            deployed_by=logical_id,
            arguments=dict(_arguments(properties.get("Parameters"))),
            exports=template.exports,
            stored=template.stored,
        )

    def _asset(self, template: Template, url: Any) -> str | None:
        # Only the exact address to which CDK uploads one of the files.
        place = certain(url, template)
        found = None if place is None else _BUCKET.fullmatch(written(place))
        if found is None:
            return None
        folder = template.file.parent
        if folder not in self._assets:
            self._assets[folder] = disk.assets(folder)
        for destination, names in self._assets[folder].items():
            key = destination.rpartition("/")[2]
            if "${" not in key and not found[1].endswith(key):
                continue
            uploaded = certain({"Fn::Sub": destination}, template)
            if uploaded is not None and written(uploaded) == found[1]:
                return _only(folder, names)
        return None


def _only(folder: Path, names: set[str]) -> str | None:
    # Stacks with equal nested stacks upload equal files to one destination. If the files differ,
    # it is not certain which one is deployed.
    try:
        contents = {(folder / name).read_bytes() for name in names}
    except OSError:
        return None
    return min(names) if len(contents) == 1 else None


def _arguments(parameters: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(parameters, dict):
        yield from parameters.items()
        return
    for parameter in map(as_mapping, as_list(parameters)):
        if isinstance(parameter.get("ParameterKey"), str):
            yield parameter["ParameterKey"], parameter.get("ParameterValue")
