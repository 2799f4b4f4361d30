"""Everything else in templates that gives access, or that reaches one of Pump's roles.

In a template that contains one of Pump's roles, nothing else may let anyone in except AWS services
and its own account: no role, no way to act as a user or role, and no resource that is itself a
permission for someone, such as an ``AWS::Lambda::Permission``. In any other template, only what
reaches Pump or Pump's roles is an alarm. The rest is listed.

The policies of buckets, keys, and other resources count only if they name Pump or Pump's roles:
anyone else whom they admit reaches only that resource.
"""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from pump_roles.contents import OPENS, Access, Other
from pump_roles.iam.clauses import clauses
from pump_roles.iam.conditions import without_exclusions
from pump_roles.iam.documents import (
    as_list,
    as_mapping,
    as_text,
    has_transform,
    is_call,
    is_function,
    ref,
    statements,
)
from pump_roles.masking import under_the_key
from pump_roles.review.templates.attachments import ATTACHES, Attachments
from pump_roles.review.templates.evaluate import evaluate
from pump_roles.review.templates.filled import certain_text
from pump_roles.review.templates.pump_names import PumpNames, admitted
from pump_roles.review.templates.role_reader import PumpRole
from pump_roles.review.templates.symbols import DYNAMIC, Certain, Symbol, written
from pump_roles.review.templates.taking_away import taken_away
from pump_roles.review.templates.targets import Naming, Target, Targets, elements, target, targets
from pump_roles.review.templates.template import Reference, Template
from pump_roles.review.templates.trust_reader import parsed, passed, principals_in, read_trust
from pump_roles.role import denies_all

_PRINCIPALS: Final = {"AWS::IAM::Role", "AWS::IAM::User", "AWS::IAM::Group"}
_POLICIES: Final = {*ATTACHES, "AWS::IAM::UserPolicy", "AWS::IAM::GroupPolicy"} - {
    "AWS::IAM::InstanceProfile"
}
_RUN_BY_HELPERS: Final = {"AWS::CloudFormation::Authentication", "AWS::CloudFormation::Init"}
"""The metadata that CloudFormation's helper scripts act on, on an instance."""

_TRUST: Final = "AssumeRolePolicyDocument"
"""A trust policy, of a role or of what makes one, such as a function of SAM."""

_IDENTITY_POOLS: Final = "cognito-identity.amazonaws.com"
_POOL: Final = f"{_IDENTITY_POOLS}:aud"
_SIGNED_IN: Final = f"{_IDENTITY_POOLS}:amr"
_OTHER_SIGN_IN: Final = {
    *("DeveloperProviderName", "OpenIdConnectProviderARNs", "SamlProviderARNs"),
    "SupportedLoginProviders",
}
_EXACTLY: Final = ("StringEquals", "StringLike")
_EXACTLY_ARN: Final = ("ArnEquals", "ArnLike", "StringEquals")
_POLICY: Final = "iam:PolicyARN"

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
    "AWS::Athena::NamedQuery": ("QueryString",),
    "AWS::CloudTrail::Trail": ("AdvancedEventSelectors", "EventSelectors"),
    "AWS::CloudWatch::Alarm": ("Dimensions", "MetricName", "Metrics", "Namespace"),
    "AWS::CloudWatch::CompositeAlarm": ("AlarmRule",),
    "AWS::CloudWatch::Dashboard": ("DashboardBody",),
    "AWS::Config::ConfigRule": ("InputParameters", "Scope"),
    "AWS::Events::Rule": ("EventPattern",),
    "AWS::Logs::MetricFilter": ("FilterPattern", "MetricTransformations"),
    "AWS::Logs::QueryDefinition": ("QueryString",),
    "AWS::Logs::SubscriptionFilter": ("FilterPattern",),
    "AWS::Notifications::EventRule": ("EventPattern",),
    "AWS::SecurityHub::Insight": ("Filters",),
}
"""What a resource looks for or shows, by its type."""

_ATTACHED: Final[Mapping[Naming, str]] = {
    "certain": "attaches",
    "could-be": "could-attach",
    "deployment": "may-attach",
}
_ALIKE: Final[Mapping[Naming, str]] = {
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
    named = (*found, *(Target((name,)) for name in pump.roles))
    roots = {role.template.root for role in roles}
    accounted = {reference for role in roles for reference in role.resources}
    inline = {each.name for found in roles for each in found.role.policies if not each.arn}
    for template in templates:
        reader = _Reader(template, pump, named, attachments, inline, template.root in roots)
        for name in template.resources:
            if (template, name) not in accounted and (other := reader.resource(name)):
                yield (template, name), other
        for name in sorted(template.content.keys() - _SECTIONS):
            if other := reader.section(name):
                yield (template, name), other


def _each_once(ways: Iterable[Access]) -> tuple[Access, ...]:
    return tuple(dict.fromkeys(ways))


def _names(roles: Sequence[PumpRole], named: Iterable[Target]) -> PumpNames:
    references = {(role.template, role.logical_id) for role in roles}
    principals: set[str] = set()
    ids: set[str | Reference] = set()
    for role in roles:
        document = role.template.properties(role.logical_id).get(_TRUST)
        ids |= _external_ids(document, role.template)
        for found in elements(principals_in(document, "Allow", "Deny"), role.template):
            possible, name = found.could_be(), found.certain
            references |= possible.references
            principals |= possible.fragments if name is None else {written(name)}
    names = {name for role in named for name in role.names}
    return PumpNames(names, principals, references, ids)


def _external_ids(document: Any, template: Template) -> set[str | Reference]:
    # Those in a trust policy: texts, and what has one, such as a parameter.
    found: set[str | Reference] = set()
    for value in elements([*under_the_key([*_admitting(document)])], template):
        references = value.could_be(into_resources=False).references
        found |= references if value.certain is None else {written(value.certain)}
    return found


def _is_computed(value: Any) -> bool:
    if isinstance(value, str):
        return DYNAMIC in value
    return is_call(value)


@dataclass(frozen=True)
class _Reader:
    # Reads a template. One with one of Pump's roles is in Pump's stack.
    template: Template
    pump: PumpNames
    roles: Sequence[Target]
    attachments: Attachments
    inline: Collection[str]
    in_pump_stack: bool

    def resource(self, name: str) -> Other | None:
        kind, properties = self._type(name), self.template.properties(name)
        has_trust = self._has_trust_policy(name)
        alarms = _each_once(self._ways(name))
        is_attached = kind in ATTACHES or kind in _POLICIES
        is_listed = kind in _PRINCIPALS or kind in _POLICIES
        if not (alarms or is_listed or any(self._mentions(name, information=True))):
            return None
        trust = read_trust(properties.get(_TRUST), self.template) if has_trust else None
        return Other(
            name=name,
            type=kind,
            source=self.template.file.name,
            principals=trust.principals if trust else (),
            attached_to=tuple(_attached_to(properties)) if is_attached else (),
            grants=_each_once(_grants(properties)),
            alarms=alarms,
        )

    def section(self, name: str) -> Other | None:
        section = self.template.content[name]
        ways = [*self._named_in(section)]
        for defaults in map(as_mapping, as_mapping(section).values()):
            ways += self._let_in_by(defaults[_TRUST]) if _TRUST in defaults else ()
            if self.in_pump_stack and _is_public(defaults):
                ways.append(Access("lets-in", "*"))
        file = self.template.file.name
        alarms = _each_once(ways)
        return Other(name=name, type="section", source=file, alarms=alarms) if alarms else None

    def _type(self, name: str) -> str:
        return as_text(self.template.type_of(name))

    def _is_of_aws(self, name: str) -> bool:
        # Code of the app gets the properties of a custom resource.
        kind = self._type(name)
        return kind.startswith("AWS::") and kind != "AWS::CloudFormation::CustomResource"

    def _has_trust_policy(self, name: str) -> bool:
        has_one = _TRUST in self.template.properties(name)
        return self._type(name) == "AWS::IAM::Role" or (has_one and self._is_of_aws(name))

    def _ways(self, name: str) -> Iterator[Access]:
        kind, properties = self._type(name), self.template.properties(name)
        if self._has_trust_policy(name):
            yield from self._let_in_by(properties.get(_TRUST))
        if kind == "AWS::IAM::Role":
            yield from self._naming(targets(properties.get("RoleName"), self.template), _ALIKE)
        attachment = self.attachments.at(self.template, name)
        if attachment and taken_away(attachment, self.attachments, self.inline) is None:
            for way in self._naming(attachment.targets, _ATTACHED):
                if way.why != "may-attach" or not attachment.is_instance_profile:
                    yield way
        gives_access = kind.startswith(("AWS::IAM::", "AWS::Serverless::"))
        if gives_access and self.template.is_open(name):
            yield Access("unreadable-properties")
        if self.in_pump_stack:
            yield from self._opens(name)
        yield from self._mentions(name, information=False)

    def _naming(self, named: Targets, whys: Mapping[Naming, str]) -> Iterator[Access]:
        found = [(named.naming(role), written(role.names[0])) for role in self.roles]
        certain = [Access(whys[how], name) for how, name in found if how and how != "deployment"]
        unknown = any(how == "deployment" for how, _ in found)
        yield from certain or ([Access(whys["deployment"])] if unknown else [])

    def _let_in_by(self, document: Any) -> Iterator[Access]:
        yield from admitted(read_trust(document, self.template))
        if self.in_pump_stack and not all(map(self._has_own_provider, _admitting(document))):
            yield Access("trusts-identity-provider")
        for value in elements(principals_in(document, "Allow"), self.template):
            possible, found = value.could_be(), value.certain
            text = "" if found is None else written(found)
            kind, name = self.pump.in_value(found, possible, self.template.account)
            if text == "*" or (found is None and possible.spells("*")):
                yield Access("trusts-everyone")
            elif kind:
                yield Access(f"trusts-{kind}", name)
            elif found is None:
                if possible.deployment or self.in_pump_stack:
                    yield Access("trusts-unreadable")
            elif self.in_pump_stack and not self._is_own_account(found):
                yield Access("trusts-other-account", text)
        if _external_ids(document, self.template).intersection(self.pump.external_ids):
            yield Access("requires-same-external-id")

    def _has_own_provider(self, statement: Mapping[str, Any]) -> bool:
        # An identity pool of the templates that signs its users in cannot be Pump's. Of any other
        # identity provider, it is not known whose it is.
        principal = as_mapping(statement["Principal"])
        if "Federated" not in principal:
            return True
        required = {
            (operator.removeprefix("ForAnyValue:"), key): as_list(values)
            for operator, keys in as_mapping(statement["Condition"]).items()
            for key, values in as_mapping(keys).items()
        }
        pools = [passed(id_, self.template) for id_ in required.get(("StringEquals", _POOL), [])]
        signed_in = (required.get((operator, _SIGNED_IN)) for operator in _EXACTLY)
        return (
            as_list(principal["Federated"]) == [_IDENTITY_POOLS]
            and bool(pools)
            and all(_is_own_pool(ref(id_), of) for id_, of in pools)
            and ["authenticated"] in signed_in
        )

    def _is_own_account(self, value: Certain) -> bool:
        # The account of the administrator of a StackSet is another one than that of its stacks.
        own = self.template.account or "own"
        known = {Symbol("AWS::AccountId", self.template.member): own}
        text = "".join(
            part if isinstance(part, str) else known.get(part, f"${{{part.name}}}")
            for part in value
        ).replace("${AWS::Partition}", "aws")
        account = re.fullmatch(r"(?:arn:[a-z-]+:(?:iam|sts)::)?([^:]+)(?::.*)?", text)
        return account is not None and account[1] == own

    def _opens(self, name: str) -> Iterator[Access]:
        kind, properties = self._type(name), self.template.properties(name)
        if "LoginProfile" in properties:
            yield Access("password")
        if kind in OPENS:
            yield Access("opens", kind)
        elif _is_public(properties):
            yield Access("lets-in", "*")
        elif self._is_of_aws(name) and not kind.startswith("AWS::IoT::"):
            for member, value in properties.items():
                yield from self._lets_in(value) if _LETS_IN.fullmatch(member) else ()

    def _lets_in(self, value: Any) -> Iterator[Access]:
        members = as_mapping(value)
        named = value if any(map(is_function, members)) else [*members.values()] or value
        for element in elements(named, self.template):
            possible, found = element.could_be(), element.certain
            if found is None:
                if possible.deployment or not all(map(_SERVICE.fullmatch, possible.fragments)):
                    yield Access("lets-in-unreadable")
            elif not _SERVICE.fullmatch(written(found)) and not self._is_own_account(found):
                yield Access("lets-in", written(found))

    def _mentions(self, name: str, *, information: bool) -> Iterator[Access]:
        # What attaches to Pump's roles is reported already, and nested templates are read.
        if name in self.template.nested:
            return
        kind = self._type(name)
        metadata = as_mapping(self.template.resources[name].get("Metadata"))
        values = {
            **self.template.properties(name),
            "Metadata": {key: metadata[key] for key in metadata.keys() & _RUN_BY_HELPERS},
        }
        for member in (member for member in values if member != ATTACHES.get(kind)):
            parts = self._parts(name, member, values[member])
            if information:
                yield from self._named_in(parts.information)
            else:
                yield from self._named_in({member: parts.named})
                yield from self._named_in(parts.definitions, roles=False)

    def _named_in(self, value: Any, *, roles: bool = True) -> Iterator[Access]:
        # What any string, key, or number in a value names.
        account, pending = self.template.account, [value]
        while pending:
            element = pending.pop()
            kind, named = "", ""
            if isinstance(element, list):
                pending += reversed(element)
            elif _is_computed(element):
                found = evaluate(element, self.template)
                possible = found.could_be(into_resources=False)
                kind, named = self.pump.in_value(found.certain, possible, account, roles=roles)
            elif isinstance(element, dict):
                pending += [part for pair in reversed(element.items()) for part in reversed(pair)]
            elif element is not None:
                kind, named = self.pump.in_text(as_text(element), account, roles=roles)
            if kind:
                yield Access(f"names-{kind}", named)

    def _parts(self, name: str, member: str, value: Any) -> "_Parts":
        if member == _TRUST and self._has_trust_policy(name):
            return _Parts([*_admitting(value)])
        if not self._is_of_aws(name) or has_transform(value):
            return _Parts(value)
        kind = self._type(name)
        watches = member in _WATCHES.get(kind, ())
        if watches and member == "InputParameters":
            # A custom rule passes them to its own code.
            source = as_mapping(self.template.properties(name).get("Source"))
            watches = source.get("Owner") == "AWS"
        is_name = member.endswith("Name") and kind.endswith(member.removesuffix("Name"))
        if kind == "AWS::SSM::Parameter" or watches or is_name or _TEXTS.fullmatch(member):
            return _Parts(information=[value])
        parts = _Parts()
        in_iam = kind in _PRINCIPALS or kind in _POLICIES
        if in_iam and member == "Policies" and isinstance(value, list):
            parts.named = [
                {
                    **policy,
                    "PolicyDocument": parts.split(
                        policy["PolicyDocument"], self.template, in_iam=True
                    ),
                }
                if "PolicyDocument" in as_mapping(policy)
                else policy
                for policy in value
            ]
        else:
            parts.named = parts.split(value, self.template, in_iam=in_iam)
        return parts


@dataclass
class _Parts:
    # The parts of a property: where any name counts, where only a reference to one of Pump's roles
    # does, and what is only information: it neither gives access nor runs code.
    named: Any = None
    definitions: list[Any] = field(default_factory=list)
    information: list[Any] = field(default_factory=list)

    def split(self, document: Any, template: Template, *, in_iam: bool) -> Any:
        """Return a policy document without what does not count in it, and note that."""
        read = as_mapping(parsed(document))
        if "Statement" not in read:
            return document
        remaining = []
        for statement in as_list(read["Statement"]):
            effect = as_mapping(statement).get("Effect")
            if effect == "Deny" or (in_iam and _only_stops(statement, template)):
                self.information.append(statement)
            elif in_iam and _only_assumes(statement):
                # Permission to assume the roles with an external ID, as Pump's own services have
                # it, is no alarm just because it names them: the roles' trust policies decide.
                self.definitions.append(statement["Resource"])
                remaining.append({key: statement[key] for key in statement.keys() - {"Resource"}})
            else:
                remaining.append(statement)
        return {**read, "Statement": remaining}


def _admitting(document: Any) -> Iterator[Mapping[str, Any]]:
    # What lets someone in, without principals of AWS, which are read by themselves.
    for statement in statements(parsed(document)):
        if statement.get("Effect") != "Deny":
            principal = statement.get("Principal")
            if isinstance(principal, dict):
                principal = {kind: principal[kind] for kind in principal.keys() - {"AWS"}}
            condition = without_exclusions(statement.get("Condition"))
            yield {"Principal": principal, "Condition": condition}


def _is_own_pool(logical_id: str, template: Template) -> bool:
    # A pool in which only user pools of the same template sign users in.
    if template.type_of(logical_id) != "AWS::Cognito::IdentityPool":
        return False
    properties = template.properties(logical_id)
    signing_in = as_list(properties.get("CognitoIdentityProviders", []))
    names = (as_mapping(as_mapping(each).get("ProviderName")) for each in signing_in)
    user_pools = (as_list(name.get("Fn::GetAtt") or "")[0] for name in names)
    return properties.keys().isdisjoint(_OTHER_SIGN_IN) and all(
        template.type_of(as_text(name)) == "AWS::Cognito::UserPool" for name in user_pools
    )


def _is_public(properties: Mapping[str, Any]) -> bool:
    # SAM lets everyone call the function at its URL.
    url = properties.get("FunctionUrlConfig")
    return url is not None and as_mapping(url).get("AuthType") != "AWS_IAM"


def _attached_to(properties: Mapping[str, Any]) -> Iterator[str]:
    for kind in ("Roles", "RoleName", "Users", "UserName", "Groups", "GroupName"):
        yield from (ref(name) or as_text(name) for name in as_list(properties.get(kind, [])))


def _grants(properties: Mapping[str, Any]) -> Iterator[Access]:
    documents = [
        as_mapping(policy).get("PolicyDocument")
        for policy in as_list(properties.get("Policies", []))
    ]
    if "PolicyDocument" in properties:
        documents.append(properties["PolicyDocument"])
    for document in map(parsed, documents):
        for clause in clauses(document):
            if clause.effect == "Allow":
                yield Access("allows", clause.named)
        listed = as_list(as_mapping(document).get("Statement", [document]))
        if any(as_mapping(part).get("Effect") not in ("Allow", "Deny") for part in listed):
            yield Access("allows-unreadable-statement")
    for managed in as_list(properties.get("ManagedPolicyArns", [])):
        yield Access("allows-managed-policy", as_text(managed))


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


def _only_stops(statement: Any, template: Template) -> bool:
    # Permission to attach what denies everything, as AWS Budgets needs it.
    known = as_mapping(statement)
    required = [as_mapping(as_mapping(known.get("Condition")).get(how)) for how in _EXACTLY_ARN]
    return (
        known.keys() - {"Sid"} == {"Effect", "Action", "Resource", "Condition"}
        and known["Effect"] == "Allow"
        and [as_text(name).lower() for name in as_list(known["Action"])] == ["iam:attachrolepolicy"]
        and any(denies_all(certain_text(of.get(_POLICY), template) or "") for of in required)
    )
