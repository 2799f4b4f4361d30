"""Loads an app's templates: its files, the manifest, nested stacks, and what StackSets deploy."""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from stat import S_ISDIR, S_ISREG
from typing import Any, Final

from pump_roles.inputs import as_list, as_mapping, as_text
from pump_roles.inputs.text import TEMPLATE, InputError, parse_json, read_json
from pump_roles.published import ROLES
from pump_roles.templates.resolve import Resolver
from pump_roles.templates.template import STACK, STACK_SET, StackTags, Template

_MANIFEST: Final = "manifest.json"
_TEMPLATES: Final = "*.template.json"
_ASSETS: Final = "*.assets.json"

_OF_SETTINGS: Final = frozenset({"principal", "external-id", "guardrails", *ROLES})
"""The keys of the app's settings that no template has."""

_MOST: Final = 1_000
"""The maximum number of templates nested in one. Each use of a nested stack counts."""

_LOOKS_LIKE_ONE: Final = (
    re.compile(r"""\bResources["']?\s*:"""),
    re.compile(r"""\bType["']?\s*:\s*["']?(?:AWS|Custom)::\w"""),
)

_BUCKET: Final = re.compile(
    r"https://s3\.(?:\$\{AWS::Region\}|[a-z0-9-]+)\."
    r"(?:\$\{AWS::URLSuffix\}|amazonaws\.com(?:\.cn)?)/(.*)"
)


@dataclass(frozen=True)
class File:
    """A template's file.

    :param readable: whether it is read.
    :param named: whether the caller, the manifest, or its name says that it is a template.
    """

    path: Path
    stack: str = ""
    account: str = ""
    region: str = ""
    tags: StackTags = field(default_factory=dict)
    readable: bool = True
    named: bool = True


def files_in(path: Path) -> list[File]:
    """Return a template's file, or the templates in a folder.

    In a folder with a ``manifest.json``, such as ``cdk.out``, these are exactly the templates that
    the manifest names. CDK does not delete those of earlier synths.
    """
    try:
        mode = path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        raise InputError(f"{path}: there is no such file or folder") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None
    if S_ISREG(mode):
        return [File(path)]
    if not S_ISDIR(mode):
        raise InputError(f"{path}: is neither a file nor a folder")
    if (path / _MANIFEST).is_file():
        files = sorted(_named(path), key=lambda file: file.path)
    else:
        templates = {*path.glob(f"**/{_TEMPLATES}")}
        files = [File(file) for file in sorted(templates)]
        if files:
            files += _not_read({path, *(file.parent for file in templates)}, templates)
    if not files:
        raise InputError(f"{path}: there is no template in this folder")
    return files


def _not_read(folders: Iterable[Path], templates: Collection[Path]) -> Iterator[File]:
    # What looks like a template in the folders, and has another name.
    files = (file for folder in folders for file in folder.iterdir())
    for file in sorted(files):
        if file.suffix in (".json", ".yaml", ".yml") and file not in templates and _is_file(file):
            text = file.read_bytes().decode(errors="replace")
            if all(part.search(text) for part in _LOOKS_LIKE_ONE):
                yield File(file, readable=False, named=False)


def rendered(paths: Iterable[Path]) -> list[File]:
    """Return the files of templates that an app has rendered, with their stacks and accounts."""
    named: dict[Path, Mapping[Path, File]] = {}
    files = []
    for path in paths:
        if path.parent not in named:
            named[path.parent] = {file.path: file for file in _named(path.parent, follow=False)}
        files.append(named[path.parent].get(path) or File(path))
    return files


def load(files: Iterable[File], *, empty: bool = True) -> list[Template]:
    """Return the templates of files, with everything nested in them.

    Only if ``empty`` is true, a template may lack resources.
    """
    found: list[Template] = []
    assets: dict[Path, Mapping[str, set[str]]] = {}
    for file in files:
        if not _is_file(file.path):
            raise InputError(f"{file.path}: there is no such file")
        content, read = read_json(file.path, TEMPLATE)
        resources = as_mapping(content).get("Resources", {} if empty else None)
        if not _OF_SETTINGS.isdisjoint(as_mapping(content)):
            raise InputError(
                f"{file.path}: is a settings file, not a template; run npx cdk synth, then pass "
                "cdk.out"
            )
        if not isinstance(content, dict) or not isinstance(resources, dict):
            raise InputError(f"{file.path}: is not a CloudFormation template: it has no Resources")
        root = Template(
            content=content,
            file=file.path,
            sha256=digest(read),
            account=file.account,
            region=file.region,
            stack=file.stack,
            tags=file.tags,
        )
        found += _Loader(root, assets).templates
    for index, template in enumerate(found):
        template.key = f"{index}"
    return found


class _Loader:
    # Loads a stack's template with everything nested in it.
    def __init__(self, root: Template, assets: dict[Path, Mapping[str, set[str]]]) -> None:
        self._assets = assets
        self._resolver = Resolver([])
        self.templates: list[Template] = []
        self._add(root)

    def _add(self, template: Template) -> None:
        self.templates.append(template)
        template.key = f"{len(self.templates)}"
        for logical_id in template.resources:
            if template.type_of(logical_id) in (STACK, STACK_SET):
                nested = self._deployed_by(template, logical_id)
                if nested is not None:
                    template.nested[logical_id] = nested
                    self._add(nested)

    def _deployed_by(self, template: Template, logical_id: str) -> Template | None:
        properties = template.properties(logical_id)
        is_set = template.type_of(logical_id) == STACK_SET
        body, url = properties.get("TemplateBody"), properties.get("TemplateURL")
        template.unread[logical_id] = "" if body is None else as_text(body)
        if (body is None) == (url is None) or len(self.templates) > _MOST:
            return None
        try:
            if url is None:
                if not is_set or not isinstance(body, str):
                    return None
                file, content, sha = template.file, parse_json(body), template.sha256
            else:
                name = self._asset(template, url)
                if name is None:
                    return None
                file = template.file.parent / name
                template.unread[logical_id] = file.read_bytes().decode(errors="replace")
                content, read = read_json(file, TEMPLATE)
                sha = digest(read)
        except (ValueError, RecursionError, OSError):
            return None
        # A file that is nested in itself is not followed.
        if url is not None and file in (above.file for above in template.chain):
            return None
        del template.unread[logical_id]
        return Template(
            content=as_mapping(content),
            file=file,
            sha256=sha,
            # A StackSet deploys to other accounts.
            account="" if is_set else template.account,
            region="" if is_set else template.region,
            parent=template,
            deployed_by=logical_id,
            arguments=dict(_arguments(properties.get("Parameters"))),
        )

    def _asset(self, template: Template, url: Any) -> str | None:
        # Only the exact address to which CDK uploads one of the files.
        found = _BUCKET.fullmatch(self._resolver.resolve(url, template).certain or "")
        if found is None:
            return None
        folder = template.file.parent
        if folder not in self._assets:
            self._assets[folder] = _assets(folder)
        for destination, names in self._assets[folder].items():
            key = destination.rpartition("/")[2]
            if "${" not in key and not found[1].endswith(key):
                continue
            uploaded = self._resolver.resolve({"Fn::Sub": destination}, template)
            if uploaded.certain == found[1]:
                return _only(folder, names)
        return None


def _assets(folder: Path) -> Mapping[str, set[str]]:
    # The files that CDK uploads from a folder, by their destination. One that also receives
    # something else, such as the output of a command, has an empty name among its files.
    found: dict[str, set[str]] = {}
    for file in sorted(folder.glob(_ASSETS)):
        manifest, _ = read_json(file, "a list of assets")
        for asset in as_mapping(as_mapping(manifest).get("files")).values():
            source = as_mapping(as_mapping(asset).get("source"))
            path = source.get("path")
            readable = isinstance(path, str) and _is_asset(folder, folder / path)
            uploaded = path if readable and "executable" not in source else ""
            for destination in as_mapping(as_mapping(asset).get("destinations")).values():
                place = as_mapping(destination)
                key = f"{place.get('bucketName')}/{place.get('objectKey')}"
                found.setdefault(key, set()).add(as_text(uploaded))
    return found


def _is_asset(folder: Path, path: Path) -> bool:
    # The assets of a stage are in the folder of the app.
    outer = folder / ".."
    return _is_inside(folder, path) or (
        path.parent == outer and _is_file(outer / _MANIFEST) and _is_inside(outer, path)
    )


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


def digest(content: bytes) -> str:
    """Return the SHA-256 of a file's content."""
    return sha256(content).hexdigest()


def _named(folder: Path, *, follow: bool = True) -> Iterator[File]:
    manifest, _ = read_json(folder / _MANIFEST, "a manifest")
    for name, artifact in as_mapping(as_mapping(manifest).get("artifacts")).items():
        properties = as_mapping(as_mapping(artifact).get("properties"))
        template = properties.get("templateFile")
        if isinstance(template, str):
            path = folder / template
            yield File(
                path,
                as_text(properties.get("stackName", name)),
                *_environment(artifact),
                tags=_tags(properties.get("tags")),
                readable=_is_inside(folder, path),
            )
        nested = properties.get("directoryName")
        if follow and isinstance(nested, str):
            inner = folder / nested
            if _is_inside(folder, inner) and _is_file(inner / _MANIFEST):
                yield from _named(inner)
            else:
                yield File(inner, readable=False)


def _tags(value: Any) -> StackTags:
    if not isinstance(value, dict | None):
        return {None: None}
    return {key: text if isinstance(text, str) else None for key, text in (value or {}).items()}


def _is_inside(folder: Path, path: Path) -> bool:
    # A symbolic link that leads out of the folder is also outside.
    try:
        here = path.resolve().parent == folder.resolve()
    except (OSError, ValueError):
        return False
    return here and ".." not in path.parts[len(folder.parts) :]


def _is_file(path: Path) -> bool:
    # The path may not be a valid one.
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def _environment(artifact: Any) -> tuple[str, str]:
    environment = as_text(as_mapping(artifact).get("environment", ""))
    account = re.match("aws://([0-9]{12})/", environment)
    region = re.match("aws://[^/]*/([a-z-]+-[0-9]+)$", environment)
    return account[1] if account else "", region[1] if region else ""
