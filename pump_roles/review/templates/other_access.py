"""Everything else in templates that gives access, or that reaches one of Pump's roles.

In a template that contains one of Pump's roles, nothing else may let anyone in except AWS services
and its own account: no role, no way to act as a user or role, and no resource that is itself a
permission for someone, such as an ``AWS::Lambda::Permission``. In any other template, only what
reaches Pump or Pump's roles is an alarm. The rest is listed.

The policies of buckets, keys, and other resources count only if they name Pump or Pump's roles:
anyone else whom they admit reaches only that resource.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

from pump_roles.iam.documents import (
    as_list,
    as_mapping,
    as_text,
    has_transform,
    is_function,
    ref,
    strings,
)
from pump_roles.iam.trust import Principal
from pump_roles.json_input import parse_json
from pump_roles.review.contents import Access, Other
from pump_roles.review.templates.attachments import ATTACHES, Attachments
from pump_roles.review.templates.evaluate import evaluate
from pump_roles.review.templates.pump_names import PumpNames, admitted
from pump_roles.review.templates.role_reader import PumpRole
from pump_roles.review.templates.symbols import Certain, Symbol, written
from pump_roles.review.templates.targets import Naming, Target, elements, target, targets
from pump_roles.review.templates.template import Reference, Template
from pump_roles.review.templates.trust_reader import principals_in, read_trust

_PRINCIPALS: Final = {"AWS::IAM::Role", "AWS::IAM::User", "AWS::IAM::Group"}
_POLICIES: Final = {*ATTACHES, "AWS::IAM::UserPolicy", "AWS::IAM::GroupPolicy"} - {
    "AWS::IAM::InstanceProfile"
}
_RUN_BY_HELPERS: Final = {"AWS::CloudFormation::Authentication", "AWS::CloudFormation::Init"}
"""The metadata that CloudFormation's helper scripts act on, on an instance."""

_OPENS: Final = {
    "AWS::IAM::AccessKey",
    "AWS::IAM::OIDCProvider",
    "AWS::IAM::SAMLProvider",
    "AWS::IdentityStore::GroupMembership",
    "AWS::RolesAnywhere::Profile",
    "AWS::RolesAnywhere::TrustAnchor",
    "AWS::SSO::Assignment",
    "AWS::SSO::PermissionSet",
}
"""Resources that give access in other ways. A template with one of Pump's roles must have none."""

_TRUST: Final = "AssumeRolePolicyDocument"
"""A trust policy, of a role or of what makes one, such as a function of SAM."""

_LETS_IN: Final = re.compile(
    r"(?:Allowed|DataLake)?Principals?(?:Id|Arn|ARN|OrgID)?|OrganizationId"
)
"""The properties that name whom a resource gives access. In AWS IoT, that is a device."""

_SERVICE: Final = re.compile(
    r"(?:[a-z0-9.-]|\$\{AWS::\w+\})+\.(?:amazon(?:aws)?\.com(?:\.cn)?|\$\{AWS::URLSuffix\})"
)

_TEXTS: Final = re.compile(r"\w*Description|Comment|DisplayName|Tags")
"""The properties of AWS's own resources that nothing acts on."""


_SECTIONS: Final = {
    *("AWSTemplateFormatVersion", "Conditions", "Description", "Mappings", "Metadata", "Outputs"),
    *("Parameters", "Resources", "Rules", "Transform"),
}
"""The sections of a template that give no access themselves. ``Globals``, of SAM, does."""

_WATCHES: Final[Mapping[str, tuple[str, ...]]] = {
    "AWS::AccessAnalyzer::Analyzer": ("ArchiveRules",),
    "AWS::CloudWatch::Dashboard": ("DashboardBody",),
    "AWS::Config::ConfigRule": ("InputParameters", "Scope"),
    "AWS::Events::Rule": ("EventPattern",),
    "AWS::Logs::MetricFilter": ("FilterPattern",),
    "AWS::Logs::QueryDefinition": ("QueryString",),
}
"""What a resource looks for or shows, by its type."""

_ATTACHED: Final[Mapping[Naming, str]] = {
    "certain": "attaches",
    "could-be": "could-attach",
    "deployment": "may-attach",
}
_NAMED_ALIKE: Final[Mapping[Naming, str]] = {
    "certain": "could-be-named-alike",
    "could-be": "could-be-named-alike",
    "deployment": "may-be-named-alike",
}


def others(
    templates: Iterable[Template], roles: Sequence[PumpRole], attachments: Attachments
) -> Iterator[tuple[Reference, Other]]:
    """Yield every other role, user, group, and policy, and everything that reaches Pump's roles.

    Each comes with a reference to its resource, or to the section of the template.
    """
    found = [target(role.template, role.logical_id) for role in roles]
    pump = _names(roles, found)
    named = [*found, *(Target((name,)) for name in pump.roles)]
    roots = {role.template.root for role in roles}
    counted = {reference for role in roles for reference in role.resources}
    for template in templates:
        for logical_id in template.resources:
            if (template, logical_id) not in counted:
                near = template.root in roots
                reader = _Reader(template, logical_id, pump, named, near)
                for other in reader.read(attachments):
                    yield (template, logical_id), other
        for name in template.content.keys() - _SECTIONS:
            section, near = template.content[name], template.root in roots
            ways = [*_named_in(section, template, pump)]
            for defaults in map(as_mapping, as_mapping(section).values()):
                if _TRUST in defaults:
                    ways += _let_in_by(defaults[_TRUST], template, pump, near=near)
            if alarms := _each_once(ways):
                file = template.file.name
                yield (template, name), Other(name=name, type="section", source=file, alarms=alarms)


def _each_once(ways: Iterable[Access]) -> tuple[Access, ...]:
    return tuple(dict.fromkeys(ways))


def _names(roles: Sequence[PumpRole], named: Iterable[Target]) -> PumpNames:
    given = {name for role in named for name in role.names}
    references = {(role.template, role.logical_id) for role in roles}
    principals: set[str] = set()
    for role in roles:
        document = role.template.properties(role.logical_id).get(_TRUST)
        for found in elements(principals_in(document, "Allow", "Deny"), role.template):
            possible, name = found.could_be(), found.certain
            references |= possible.references
            principals |= possible.fragments if name is None else {written(name)}
    return PumpNames(given, principals, frozenset(references))


def _named_in(
    value: Any, template: Template, pump: PumpNames, *, roles: bool = True
) -> Iterator[Access]:
    # What any string, key, or number in a value names.
    pending = [value]
    while pending:
        element = pending.pop()
        kind, name = "", ""
        if isinstance(element, list):
            pending += reversed(element)
        elif _is_computed(element):
            found = evaluate(element, template)
            possible = found.could_be(into_resources=False)
            kind, name = pump.in_value(found.certain, possible, template.account, roles=roles)
        elif isinstance(element, dict):
            pending += [part for pair in reversed(element.items()) for part in reversed(pair)]
        elif element is not None:
            kind, name = pump.in_text(as_text(element), template.account, roles=roles)
        if kind:
            yield Access(f"names-{kind}", name)


def _is_computed(value: Any) -> bool:
    if isinstance(value, str):
        return "{{resolve:" in value
    return isinstance(value, dict) and len(value) == 1 and is_function(*value)


def _let_in_by(
    document: Any, template: Template, pump: PumpNames, *, near: bool
) -> Iterator[Access]:
    yield from admitted(read_trust(document, template), providers=near)
    for value in elements(principals_in(document, "Allow"), template):
        possible, found = value.could_be(), value.certain
        text = "" if found is None else written(found)
        kind, name = pump.in_value(found, possible, template.account)
        if text == "*" or (found is None and possible.spells("*")):
            yield Access("trusts-everyone")
        elif kind:
            yield Access(f"trusts-{kind}", name)
        elif found is None:
            if possible.deployment or near:
                yield Access("trusts-unreadable")
        elif near and not _is_own_account(found, template):
            yield Access("trusts-other-account", text)


def _is_own_account(value: Certain, template: Template) -> bool:
    # The account of the administrator of a StackSet is another one than that of its stacks.
    own = template.account or "own"
    known = {Symbol("AWS::AccountId", template.member): own}
    text = "".join(
        part if isinstance(part, str) else known.get(part, f"${{{part.name}}}") for part in value
    ).replace("${AWS::Partition}", "aws")
    account = re.fullmatch(r"(?:arn:[a-z-]+:(?:iam|sts)::)?([^:]+)(?::.*)?", text)
    return account is not None and account[1] == own


@dataclass(frozen=True)
class _Reader:
    # Reads one resource.
    template: Template
    logical_id: str
    pump: PumpNames
    roles: Sequence[Target]
    near: bool

    @cached_property
    def _properties(self) -> Mapping[str, Any]:
        return self.template.properties(self.logical_id)

    @cached_property
    def _type(self) -> str:
        return as_text(self.template.type_of(self.logical_id))

    def read(self, attachments: Attachments) -> Iterator[Other]:
        alarms = _each_once(self._ways(attachments))
        listed = {*_PRINCIPALS, *_POLICIES}
        if alarms or self._type in listed or any(self._mentions(information=True)):
            yield Other(
                name=self.logical_id,
                type=self._type,
                source=self.template.file.name,
                principals=self._let_in(),
                attached_to=tuple(self._attached_to()),
                grants=_each_once(self._grants()),
                alarms=alarms,
            )

    def _ways(self, attachments: Attachments) -> Iterator[Access]:
        if self._has_trust_policy:
            document = self._properties.get(_TRUST)
            yield from _let_in_by(document, self.template, self.pump, near=self.near)
        if self._type == "AWS::IAM::Role":
            names = targets(self._properties.get("RoleName"), self.template)
            yield from self._naming(names.naming, _NAMED_ALIKE)
        attachment = attachments.at(self.template, self.logical_id)
        if attachment is not None:
            for way in self._naming(attachment.targets.naming, _ATTACHED):
                if way.why != "may-attach" or not attachment.is_instance_profile:
                    yield way
        gives_access = self._type.startswith(("AWS::IAM::", "AWS::Serverless::"))
        if gives_access and self.template.is_open(self.logical_id):
            yield Access("unreadable-properties")
        if self.near:
            yield from self._opens()
        yield from self._mentions(information=False)

    @property
    def _is_of_aws(self) -> bool:
        # Code of the app gets the properties of a custom resource.
        return (
            self._type.startswith("AWS::") and self._type != "AWS::CloudFormation::CustomResource"
        )

    @property
    def _has_trust_policy(self) -> bool:
        return self._type == "AWS::IAM::Role" or (self._is_of_aws and _TRUST in self._properties)

    def _opens(self) -> Iterator[Access]:
        if "LoginProfile" in self._properties:
            yield Access("password")
        if self._type in _OPENS:
            yield Access("opens", self._type)
        elif self._is_of_aws and not self._type.startswith("AWS::IoT::"):
            for name, value in self._properties.items():
                yield from self._lets_in(value) if _LETS_IN.fullmatch(name) else ()

    def _lets_in(self, value: Any) -> Iterator[Access]:
        members = as_mapping(value)
        named = value if any(map(is_function, members)) else [*members.values()] or value
        for element in elements(named, self.template):
            possible, found = element.could_be(), element.certain
            if found is None:
                if possible.deployment or not all(map(_SERVICE.fullmatch, possible.fragments)):
                    yield Access("lets-in-unreadable")
            elif not _SERVICE.fullmatch(written(found)) and not _is_own_account(
                found, self.template
            ):
                yield Access("lets-in", written(found))

    def _naming(
        self, naming: Callable[[Target], Naming | None], whys: Mapping[Naming, str]
    ) -> Iterator[Access]:
        found = [(naming(role), written(role.names[0])) for role in self.roles]
        named = [Access(whys[how], name) for how, name in found if how and how != "deployment"]
        unknown = any(how == "deployment" for how, _ in found)
        yield from named or ([Access(whys["deployment"])] if unknown else [])

    def _mentions(self, *, information: bool) -> Iterator[Access]:
        # What trusts or attaches to Pump's roles is reported already, and nested templates are
        # read.
        reported = {_TRUST} if self._has_trust_policy else set()
        if self._type in _POLICIES or self._type == "AWS::IAM::InstanceProfile":
            reported.add(ATTACHES.get(self._type, ("",))[0])
        metadata = as_mapping(self.template.resources[self.logical_id].get("Metadata"))
        values = {
            **self._properties,
            "Metadata": {key: metadata[key] for key in metadata.keys() & _RUN_BY_HELPERS},
        }
        if "DefinitionSubstitutions" in values:
            # Step Functions substitutes them in the definition.
            definition = as_text(values.get("Definition", values.get("DefinitionString")))
            substituted = {"Fn::Sub": [definition, values["DefinitionSubstitutions"]]}
            values["DefinitionSubstitutions"] = [values["DefinitionSubstitutions"], substituted]
        for name, value in values.items():
            if name in reported or self.logical_id in self.template.nested:
                continue
            counted, definitions, information_only = self._parts(name, value)
            if information:
                yield from _named_in(information_only, self.template, self.pump)
            else:
                yield from _named_in({name: counted}, self.template, self.pump)
                yield from _named_in(definitions, self.template, self.pump, roles=False)

    def _parts(self, name: str, value: Any) -> tuple[Any, list[Any], list[Any]]:
        # What counts in a property, where only definitions count, and what is only information: it
        # neither gives access nor runs code.
        if not self._is_of_aws or has_transform(value):
            return value, [], []
        watches = name in _WATCHES.get(self._type, ())
        if watches and name == "InputParameters":
            # A custom rule passes them to its own code.
            watches = as_mapping(self._properties.get("Source")).get("Owner") == "AWS"
        if self._type == "AWS::SSM::Parameter" or watches or _TEXTS.fullmatch(name):
            return None, [], [value]
        assumed: list[Any] = []
        denies: list[Any] = []
        in_iam = self._type in _PRINCIPALS or self._type in _POLICIES

        def without(document: Any) -> Any:
            read = as_mapping(_parsed(document))
            if "Statement" not in read:
                return document
            found = [part for statement in as_list(read["Statement"]) for part in kept(statement)]
            return {**read, "Statement": found}

        def kept(statement: Any) -> list[Any]:
            if as_mapping(statement).get("Effect") == "Deny":
                denies.append(statement)
                return []
            # Permission to assume the roles with an external ID, as Pump's own services have it, is
            # no alarm just because it names them: the roles' trust policies decide.
            if in_iam and _only_assumes(statement):
                assumed.append(statement["Resource"])
                return [{key: statement[key] for key in statement.keys() - {"Resource"}}]
            return [statement]

        if in_iam and name == "Policies" and isinstance(value, list):
            inline = [
                {**policy, "PolicyDocument": without(policy["PolicyDocument"])}
                if "PolicyDocument" in as_mapping(policy)
                else policy
                for policy in value
            ]
            return inline, assumed, denies
        return without(value), assumed, denies

    def _let_in(self) -> tuple[Principal, ...]:
        document = self._properties.get(_TRUST)
        return read_trust(document, self.template).principals if self._has_trust_policy else ()

    def _attached_to(self) -> Iterator[str]:
        if self._type in ATTACHES or self._type in _POLICIES:
            for kind in ("Roles", "RoleName", "Users", "UserName", "Groups", "GroupName"):
                for name in as_list(self._properties.get(kind, [])):
                    yield ref(name) or as_text(name)

    def _grants(self) -> Iterator[Access]:
        documents = [
            as_mapping(policy).get("PolicyDocument")
            for policy in as_list(self._properties.get("Policies", []))
        ]
        if "PolicyDocument" in self._properties:
            documents.append(self._properties["PolicyDocument"])
        for document in documents:
            yield from _allowed(document)
        for managed in as_list(self._properties.get("ManagedPolicyArns", [])):
            yield Access("allows-managed-policy", as_text(managed))


def _parsed(document: Any) -> Any:
    if isinstance(document, str) and '"Statement"' in document:
        with suppress(ValueError, RecursionError):
            return parse_json(document)
    return document


def _only_assumes(statement: Any) -> bool:
    known = as_mapping(statement)
    actions = as_list(known.get("Action"))
    return (
        known.keys() - {"Sid"} == {"Effect", "Action", "Resource", "Condition"}
        and known["Effect"] == "Allow"
        and known["Condition"] == {"Null": {"sts:ExternalId": "false"}}
        and len(actions) == 1
        and isinstance(actions[0], str)
        and actions[0].lower() == "sts:assumerole"
    )


def _allowed(document: Any) -> Iterator[Access]:
    if not isinstance(document, dict):
        yield Access("allows-unreadable-policy")
        return
    for statement in as_list(document.get("Statement", [])):
        known = as_mapping(statement)
        if known.get("Effect") not in ("Allow", "Deny"):
            yield Access("allows-unreadable-statement")
        elif known["Effect"] == "Allow":
            yield from (Access("allows", action) for action in strings(known.get("Action", [])))
            if "NotAction" in known:
                yield Access("allows-all-but", ", ".join(strings(known["NotAction"])))
