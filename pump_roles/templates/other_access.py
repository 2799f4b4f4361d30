"""Everything else in templates that gives access, or that reaches one of Pump's roles.

In a template that contains one of Pump's roles, nothing else may let anyone in except AWS services
and its own account: no role, no way to act as a user or role, and no resource that is itself a
permission for someone, such as an ``AWS::Lambda::Permission``. In any other template, only what
reaches Pump or Pump's roles is a finding. The rest is listed.

The policies of buckets, keys, and other resources count only if they name Pump or Pump's roles:
anyone else whom they admit reaches only that resource.
"""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from pump_roles.iam.conditions import is_exclusion, parse_condition
from pump_roles.iam.external_ids import ExternalId, under_the_key
from pump_roles.iam.identity_policies import denies_all, parse_policy, statements_in
from pump_roles.inputs import as_list, as_mapping, as_text
from pump_roles.role.access import Access, AccessWhy, DailyEnd, approval_end, closes
from pump_roles.role.assembly import OPENS, OtherResource, admitted
from pump_roles.templates.placeholders import (
    HOLE,
    OPEN,
    Choice,
    FunctionCall,
    Reference,
    Resolved,
    certain_text,
    filled,
    fits,
    is_function,
    parts_of,
    plain,
    shown,
    values_of,
)
from pump_roles.templates.pump_names import NAMES, TRUSTS, Named, PumpNames
from pump_roles.templates.reach import (
    ATTACHED,
    ATTACHES,
    INSTANCE_PROFILE,
    Attachments,
    Naming,
    RoleNames,
    names_of,
    parsed,
    principals_in,
)
from pump_roles.templates.resolve import Resolver, Resource, generated
from pump_roles.templates.role_reader import TemplateRole, read_trust
from pump_roles.templates.template import (
    AWS_TYPES,
    ROLE,
    SCHEDULE,
    Template,
    has_transform,
    ref,
)

_PRINCIPALS: Final = {ROLE, "AWS::IAM::User", "AWS::IAM::Group"}
_POLICIES: Final = {*ATTACHES, "AWS::IAM::UserPolicy", "AWS::IAM::GroupPolicy"} - {INSTANCE_PROFILE}
_TRUST: Final = "AssumeRolePolicyDocument"
"""A trust policy, of a role or of what makes one, such as a function of SAM."""

_IDENTITY_POOLS: Final = "cognito-identity.amazonaws.com"
_POOL: Final = f"{_IDENTITY_POOLS}:aud"
_SIGNED_IN: Final = f"{_IDENTITY_POOLS}:amr"
_EXACTLY: Final = ("StringEquals", "StringLike")
_EXACTLY_ARN: Final = ("ArnEquals", "ArnLike", "StringEquals")
_POLICY: Final = "iam:PolicyARN"

_LETS_IN: Final = re.compile(
    r"(?:Allowed|DataLake)?Principals?(?:Id|Arn|ARN|OrgID)?|OrganizationId"
)
"""The properties that name whom a resource gives access. In AWS IoT, that is a device."""

_EVENT_SOURCE: Final = "events:source"

_SERVICE: Final = re.compile(
    r"(?:[a-z0-9.-]|\$\{AWS::\w+\})+\.(?:amazon(?:aws)?\.com(?:\.cn)?|\$\{AWS::URLSuffix\})"
)

_ACCOUNT_ROOT: Final = re.compile(
    r"arn:(?:[a-z-]+|\$\{AWS::Partition\}):iam::(?:[0-9]{12}|\$\{[^{}]*\}):root"
)
"""The principal that is an account, even if its ID is not resolved."""

_TEXTS: Final = re.compile(r"\w*Description|Comment|DisplayName|Tags")
"""The properties of AWS's own resources that nothing acts on."""

_ONLY_KEYS, _TAG_KEYS = "ForAllValues:StringEquals", "aws:TagKeys"

_ALIKE: Final[Mapping[Naming, AccessWhy]] = {
    "certain": "could-be-named-alike",
    "could-be": "could-be-named-alike",
    "deployment": "may-be-named-alike",
}


@dataclass(frozen=True)
class _Pump:
    # The names of Pump's roles and principals; the roles, and the placeholders of the parameters
    # with a principal, with their logical IDs; and the external IDs that the roles require.
    names: PumpNames
    definitions: Mapping[Reference | str, str]
    external_ids: Collection[ExternalId]

    def in_value(
        self, value: Resolved, account: str, *, roles: bool = True
    ) -> tuple[Named, str] | None:
        """Return what a value names, or may name; ``None`` if it is nothing of Pump."""
        texts = [*value.every]
        for definition, name in self.definitions.items():
            if definition in value.refers or any(definition == text for text in texts):
                return "definition", name
        for text in sorted({*map(plain, texts), *(value.words if value.why else ())}):
            if found := self.names.in_text(text, account, roles=roles):
                return found
        return None


def others(
    resolver: Resolver, roles: Sequence[TemplateRole], attachments: Attachments
) -> Iterator[tuple[Reference, OtherResource]]:
    """Yield every other role, user, group, and policy, and everything that reaches Pump's roles.

    Each comes with the reference of its resource, or of the section of the template.
    """
    found = [names_of(role.resource) for role in roles]
    pump = _names(roles, found)
    named = (*found, *(RoleNames((name,)) for name in pump.names.roles))
    roots = {role.resource.template.root for role in roles}
    accounted = {reference for role in roles for reference in role.references}
    inline = {each.name for found in roles for each in found.role.policies if not each.arn}
    reaching: dict[Reference, list[tuple[Naming, str]]] = {}
    for role in named:
        for attachment, naming in attachments.naming(role).items():
            if attachments.taken_away(attachment, inline) is None:
                ways = reaching.setdefault(attachment.resource.reference, [])
                ways.append((naming, shown(role.names[0])))
    for template in resolver.templates:
        reader = _AccessReader(resolver, template, pump, named, reaching, template.root in roots)
        for name in template.resources:
            resource = resolver.resources[template.key, name]
            if resource.reference not in accounted and (other := reader.resource(resource)):
                yield resource.reference, other
        for name in sorted(template.content.keys() - {*AWS_TYPES["sections"]}):
            if other := reader.section(name):
                yield (template.key, name), other


def _names(roles: Sequence[TemplateRole], named: Iterable[RoleNames]) -> _Pump:
    definitions: dict[Reference | str, str] = {}
    principals: set[str] = set()
    ids: set[ExternalId] = set()
    for role in roles:
        resource, document = role.resource, role.resource[_TRUST]
        definitions[resource.reference] = resource.logical_id
        ids |= _external_ids(document)
        for value in principals_in(document, "Allow", "Deny"):
            parameter = resource.resolver.declared(value)
            if parameter is not None:
                placeholder = next(text for text in value.every if OPEN in text)
                definitions[placeholder] = parameter[0]
            principals |= value.words
    names = PumpNames({name for role in named for name in role.names}, principals)
    return _Pump(names, definitions, ids)


def _external_ids(document: Any) -> set[ExternalId]:
    # Those in a trust policy: texts, and placeholders of what has one, such as a parameter.
    under = under_the_key(_opened([*_admitting(document)]))
    texts = (text for value in under for each in values_of(value) for text in each.every)
    return {ExternalId.of(text) for text in texts if HOLE not in text}


def _opened(tree: Any) -> Any:
    # With the branches of a choice as a list.
    if isinstance(tree, dict):
        return {key: _opened(member) for key, member in tree.items()}
    return [*map(_opened, parts_of(tree))] if isinstance(tree, list | Choice) else tree


@dataclass(frozen=True)
class _AccessReader:
    # Reads a template. One with one of Pump's roles is in Pump's stack.
    resolver: Resolver
    template: Template
    pump: _Pump
    roles: Sequence[RoleNames]
    reaching: Mapping[Reference, Sequence[tuple[Naming, str]]]
    in_pump_stack: bool

    def resource(self, resource: Resource) -> OtherResource | None:
        kind, properties = resource.type, resource.properties
        access = tuple(dict.fromkeys(self._ways(resource)))
        is_attached = kind in ATTACHES or kind in _POLICIES
        is_listed = kind in _PRINCIPALS or kind in _POLICIES
        if not (access or is_listed or any(self._mentions(resource, information=True))):
            return None
        has_trust = _has_trust_policy(resource)
        trust = read_trust(resource[_TRUST], self.resolver, self.template) if has_trust else None
        return OtherResource(
            name=resource.logical_id,
            type=kind,
            source=self.template.file.name,
            principals=trust.principals if trust else (),
            attached_to=tuple(_attached_to(properties)) if is_attached else (),
            grants=tuple(dict.fromkeys([*_grants(properties), *self._ends_approval(resource)])),
            access=access,
        )

    def _ends_approval(self, resource: Resource) -> Iterator[Access]:
        end = _ending(resource)
        if end is not None and self.pump.names.in_text(end.role_name, self.template.account):
            yield Access("ends-approval", end.time) if end.time else Access("may-end-approval")

    def section(self, name: str) -> OtherResource | None:
        section = self.resolver.tree(self.template.content[name], self.template)
        ways = [*self._named_in(section)]
        for defaults in map(as_mapping, as_mapping(section).values()):
            ways += self._let_in_by(defaults[_TRUST]) if _TRUST in defaults else ()
            if self.in_pump_stack and _is_public(defaults):
                ways.append(Access("lets-in", "*"))
        file = self.template.file.name
        access = tuple(dict.fromkeys(ways))
        return (
            OtherResource(name=name, type="section", source=file, access=access) if access else None
        )

    def _ways(self, resource: Resource) -> Iterator[Access]:
        if _has_trust_policy(resource):
            yield from self._let_in_by(resource[_TRUST])
        if resource.type == ROLE:
            values = [*values_of(resource["RoleName"])]
            named = [(role.naming(values), shown(role.names[0])) for role in self.roles]
            yield from _by_naming(named, _ALIKE)
        for way in _by_naming(self.reaching.get(resource.reference, ()), ATTACHED):
            if way.why != "may-attach" or resource.type != INSTANCE_PROFILE:
                yield way
        gives_access = resource.type.startswith(("AWS::IAM::", "AWS::Serverless::"))
        if gives_access and resource.is_open:
            yield Access("unreadable-properties")
        if self.in_pump_stack:
            yield from self._opens(resource)
        yield from self._mentions(resource, information=False)

    def _let_in_by(self, document: Any) -> Iterator[Access]:
        yield from admitted(read_trust(document, self.resolver, self.template))
        if self.in_pump_stack and not all(map(self._has_own_provider, _admitting(document))):
            yield Access("trusts-identity-provider")
        for value in principals_in(document, "Allow"):
            texts = [*value.every]
            named = self.pump.in_value(value, self.template.account)
            if any("*" in text and fits(text, "*") for text in texts):
                yield Access("trusts-everyone")
            elif named:
                yield Access(TRUSTS[named[0]], named[1])
            elif value.why:
                is_account = all(map(_ACCOUNT_ROOT.fullmatch, texts))
                yield Access("trusts-unreadable-account" if is_account else "trusts-unreadable")
            elif self.in_pump_stack:
                foreign = (text for text in texts if not self._is_own_account(text))
                yield from (Access("trusts-other-account", shown(text)) for text in foreign)
        if _external_ids(document).intersection(self.pump.external_ids):
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
        pools = required.get(("StringEquals", _POOL), [])
        signed_in = (required.get((operator, _SIGNED_IN)) for operator in _EXACTLY)
        return (
            as_list(principal["Federated"]) == [_IDENTITY_POOLS]
            and bool(pools)
            and all(map(self._is_own_pool, pools))
            and ["authenticated"] in signed_in
        )

    def _is_own_pool(self, pool: Any) -> bool:
        # A pool in which only user pools of the same templates sign users in.
        found = self._made_here(pool, "AWS::Cognito::IdentityPool", "")
        if found is None or not found.tree.keys().isdisjoint(AWS_TYPES["sign_in"]):
            return False
        providers = map(as_mapping, as_list(found.tree.get("CognitoIdentityProviders", [])))
        names = [provider.get("ProviderName") for provider in providers]
        kind = "AWS::Cognito::UserPool"
        return all(self._made_here(name, kind, "ProviderName") is not None for name in names)

    def _made_here(self, leaf: Any, kind: str, attribute: str) -> Resource | None:
        # The resource of a type, of which a value is an attribute that AWS generates.
        value = leaf.value if isinstance(leaf, FunctionCall) else None
        for reference in () if value is None else value.refers:
            found = self.resolver.resources.get(reference)
            if found is not None and value is not None and found.type == kind:
                made = generated(found.logical_id, attribute, found.template)
                return found if value.certain == made else None
        return None

    def _is_own_account(self, text: str) -> bool:
        # The account of the administrator of a StackSet is another one than that of its stacks.
        own = self.template.account or "own"
        filled_in = text.replace("${AWS::AccountId}", own).replace("${AWS::Partition}", "aws")
        account = re.fullmatch(r"(?:arn:[a-z-]+:(?:iam|sts)::)?([^:]+)(?::.*)?", filled_in)
        return account is not None and account[1] == own

    def _opens(self, resource: Resource) -> Iterator[Access]:
        if "LoginProfile" in resource.properties:
            yield Access("password")
        if resource.type in OPENS:
            yield Access("opens", resource.type)
        elif _is_public(resource.tree):
            yield Access("lets-in", "*")
        elif resource.is_of_aws and not resource.type.startswith("AWS::IoT::"):
            for member, value in _granting(resource.tree):
                yield from self._lets_in(value) if _LETS_IN.fullmatch(member) else ()
                if member == "NotPrincipal":
                    yield Access("lets-in", "*")

    def _lets_in(self, tree: Any) -> Iterator[Access]:
        members = as_mapping(tree)
        named = tree if any(map(is_function, members)) else [*members.values()] or tree
        for value in values_of(named):
            if value.why:
                yield Access("lets-in-unreadable")
                continue
            for text in value.every:
                if not _SERVICE.fullmatch(plain(text)) and not self._is_own_account(text):
                    yield Access("lets-in", shown(text))

    def _mentions(self, resource: Resource, *, information: bool) -> Iterator[Access]:
        # What attaches to Pump's roles is reported already, and nested templates are read.
        if resource.logical_id in self.template.nested:
            return
        metadata = as_mapping(resource.members.get("Metadata"))
        helpers = {key: metadata[key] for key in metadata.keys() & {*AWS_TYPES["metadata"]}}
        values = {**resource.tree, "Metadata": self.resolver.tree(helpers, self.template)}
        for member in (name for name in values if name != ATTACHES.get(resource.type)):
            parts = _parts(resource, member, values[member])
            if information:
                yield from self._named_in(parts.information)
            else:
                yield from self._named_in({member: parts.named})
                yield from self._named_in(parts.definitions, roles=False)

    def _named_in(self, tree: Any, *, roles: bool = True) -> Iterator[Access]:
        # What any text, key, or number in a part of a property names.
        account, pending = self.template.account, [tree]
        while pending:
            part = pending.pop()
            if isinstance(part, FunctionCall):
                named = self.pump.in_value(part.value, account, roles=roles)
            elif isinstance(part, dict | list | Choice):
                pending += reversed([*parts_of(part)])
                pending += reversed([*part]) if isinstance(part, dict) else ()
                continue
            else:
                text = "" if part is None else as_text(part)
                named = self.pump.names.in_text(text, account, roles=roles)
            if named:
                yield Access(NAMES[named[0]], named[1])


def _by_naming(
    named: Iterable[tuple[Naming | None, str]], whys: Mapping[Naming, AccessWhy]
) -> Iterator[Access]:
    found = [(naming, name) for naming, name in named if naming is not None]
    known = [Access(whys[naming], name) for naming, name in found if naming != "deployment"]
    yield from known or ([Access(whys["deployment"])] if found else [])


def _has_trust_policy(resource: Resource) -> bool:
    return resource.type == ROLE or (_TRUST in resource.properties and resource.is_of_aws)


@dataclass
class _Parts:
    # The parts of a property: where any name counts, where only a reference to one of Pump's roles
    # does, and what is only information: it neither gives access nor runs code.
    named: Any = None
    definitions: list[Any] = field(default_factory=list)
    information: list[Any] = field(default_factory=list)

    def split(self, document: Any, *, in_iam: bool) -> Any:
        """Return a policy document without what does not count in it, and note that."""
        read = as_mapping(parsed(document))
        if "Statement" not in read:
            return document
        remaining = []
        for statement in as_list(read["Statement"]):
            effect = as_mapping(statement).get("Effect")
            if effect == "Deny" or (in_iam and _only_stops(statement)):
                self.information.append(statement)
            elif in_iam and _only_assumes(statement):
                # Permission to assume the roles with an external ID, as Pump's own services have
                # it, is no finding just because it names them: the roles' trust policies decide.
                self.definitions.append(statement["Resource"])
                remaining.append({key: statement[key] for key in statement.keys() - {"Resource"}})
            else:
                remaining.append(statement)
        return {**read, "Statement": remaining}


def _parts(resource: Resource, member: str, tree: Any) -> _Parts:
    kind = resource.type
    if member == _TRUST and _has_trust_policy(resource):
        return _Parts([*_admitting(tree)])
    if not resource.is_of_aws or has_transform(resource.properties.get(member)):
        return _Parts(tree)
    watches = member in AWS_TYPES["watches"].get(kind, ())
    if watches and member == "InputParameters":
        # A custom rule passes them to its own code.
        watches = as_mapping(resource["Source"]).get("Owner") == "AWS"
    is_name = member.endswith("Name") and kind.endswith(member.removesuffix("Name"))
    if kind == "AWS::SSM::Parameter" or watches or is_name or _TEXTS.fullmatch(member):
        return _Parts(information=[tree])
    if member == "Target" and _ending(resource):
        return _Parts({**tree, "Input": None}, information=[tree["Input"]])
    parts = _Parts()
    in_iam = kind in _PRINCIPALS or kind in _POLICIES
    if in_iam and member == "Policies" and isinstance(tree, list):
        parts.named = [
            {**policy, "PolicyDocument": parts.split(policy["PolicyDocument"], in_iam=True)}
            if "PolicyDocument" in as_mapping(policy)
            else policy
            for policy in tree
        ]
    else:
        parts.named = parts.split(tree, in_iam=in_iam)
    return parts


def _admitting(document: Any) -> Iterator[Mapping[str, Any]]:
    # What lets someone in, without principals of AWS, which are read by themselves.
    for statement in statements_in(parsed(document)):
        if statement.get("Effect") != "Deny":
            principal = statement.get("Principal")
            if isinstance(principal, dict):
                principal = {kind: principal[kind] for kind in principal.keys() - {"AWS"}}
            condition = statement.get("Condition")
            if isinstance(condition, dict):
                names = (operator for operator in condition if not is_exclusion(operator))
                condition = {operator: condition[operator] for operator in names}
            yield {"Principal": principal, "Condition": condition}


def _granting(tree: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    # The members of a resource, and of its statement, such as that of an event bus.
    yield from tree.items()
    for statement in as_list(parsed(tree.get("Statement", []))):
        if not isinstance(statement, dict):
            yield "Principal", statement
        elif statement.get("Effect") != "Deny" and not _takes_only_events_of_aws(statement):
            yield from statement.items()


def _takes_only_events_of_aws(statement: Mapping[str, Any]) -> bool:
    # Nobody else can send an event with such a source: EventBridge API Reference, "PutEvents".
    condition = parse_condition(filled(statement.get("Condition", {})))
    tests = {(test.operator, test.key): test.values for test in condition.tests}
    sources = tests.get(("ForAllValues:StringLike", _EVENT_SOURCE), ())
    return (
        statement.get("Action") == "events:PutEvents"
        and tests.get(("Null", _EVENT_SOURCE)) == ("false",)
        and bool(sources)
        and all(source.startswith("aws.") for source in sources)
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
    for policy in (parse_policy(parsed(document), name="") for document in documents):
        for pattern in policy.patterns:
            if pattern.effect == "Allow":
                yield Access("allows", pattern.named)
        effects = {statement.effect for statement in policy.statements}
        if policy.not_read or not effects <= {"Allow", "Deny"}:
            yield Access("allows-unreadable-statement")
    for managed in as_list(properties.get("ManagedPolicyArns", [])):
        yield Access("allows-managed-policy", as_text(managed))


def _condition(statement: Any, action: str) -> Mapping[str, Any]:
    # The condition under which a statement allows an action, and nothing else.
    known = as_mapping(statement)
    only = known.keys() - {"Sid"} == {"Effect", "Action", "Resource", "Condition"}
    actions = [(certain_text(name) or "").lower() for name in as_list(known.get("Action"))]
    allows = only and known["Effect"] == "Allow" and actions == [action]
    return as_mapping(known["Condition"]) if allows else {}


def _only_assumes(statement: Any) -> bool:
    return _condition(statement, "sts:assumerole") == {"Null": {"sts:ExternalId": "false"}}


def _only_stops(statement: Any) -> bool:
    # Permission to attach what denies everything, as AWS Budgets needs it, or to end an approval.
    attaching = _condition(statement, "iam:attachrolepolicy")
    untagging = _condition(statement, "iam:untagrole")
    required = (as_mapping(attaching.get(how)) for how in _EXACTLY_ARN)
    keys = as_mapping(untagging.get(_ONLY_KEYS)).get(_TAG_KEYS)
    ends = {_ONLY_KEYS: {_TAG_KEYS: keys}, "Null": {_TAG_KEYS: "false"}}
    return any(denies_all(certain_text(of.get(_POLICY)) or "") for of in required) or (
        untagging == ends and closes([*map(certain_text, as_list(keys))])
    )


def _ending(schedule: Resource) -> DailyEnd | None:
    # What it does if it only ends approvals.
    found = approval_end(filled(schedule.tree)) if schedule.type == SCHEDULE else None
    certain = not schedule.is_open and "Condition" not in schedule.members
    return found if found is None or certain else replace(found, time="")
