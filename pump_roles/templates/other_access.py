"""Everything else in templates that gives access, or that reaches one of Pump's roles.

In a template that contains one of Pump's roles, nothing else may give access to anyone except AWS
services and its own account. In any other template, only what reaches Pump or Pump's roles is an
alarm. The rest is listed.
"""

import json
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any, Final

from pump_roles.iam.trust import assumption, principals_of
from pump_roles.iam.values import (
    as_list,
    as_mapping,
    as_text,
    has_transform,
    is_function,
    ref,
    strings,
)
from pump_roles.templates.attachments import ATTACHES, Attachments
from pump_roles.templates.certain import certain, written
from pump_roles.templates.could_be import could_be
from pump_roles.templates.masking import Mask
from pump_roles.templates.model import Other
from pump_roles.templates.other_words import access_words
from pump_roles.templates.pump_names import Access, PumpNames
from pump_roles.templates.roles import PumpRole, resolved_trust_policy
from pump_roles.templates.targets import Naming, Target, elements, target, targets
from pump_roles.templates.template import Reference, Template
from pump_roles.templates.trusted import admitted

__all__ = ["others", "roles_of_account"]

_LISTED: Final = 8

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
    "AWS::RolesAnywhere::Profile",
    "AWS::RolesAnywhere::TrustAnchor",
    "AWS::SSO::Assignment",
    "AWS::SSO::PermissionSet",
}
"""Resources that give access in other ways. A template with one of Pump's roles must have none."""

_SECTIONS: Final = {
    *("AWSTemplateFormatVersion", "Conditions", "Description", "Mappings", "Metadata", "Outputs"),
    *("Parameters", "Resources", "Rules", "Transform"),
}
"""The sections of a template that give no access themselves. ``Globals``, of SAM, does."""

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
    templates: Iterable[Template],
    roles: Sequence[PumpRole],
    attachments: Attachments,
    mask: Mask,
) -> Iterator[tuple[Reference, Other]]:
    """Yield every other role, user, group, and policy, and everything that reaches Pump's roles.

    Each comes with a reference to its resource, or to the section of the template.

    :param templates: the templates.
    :param roles: Pump's roles in them.
    :param attachments: what attaches to roles in them.
    :param mask: masks what must not be shown.
    """
    found = [target(role.template, role.logical_id) for role in roles]
    pump, roots = _names(roles), {role.template.root for role in roles}
    counted = {(role.template, role.logical_id) for role in roles}
    counted |= {
        (attachment.template, attachment.logical_id)
        for role in roles
        for attachment in role.attachments
    }
    for template in templates:
        for logical_id in template.resources:
            if (template, logical_id) not in counted:
                near = template.root in roots
                reader = _Reader(template, logical_id, pump, found, mask, near=near)
                for other in reader.read(attachments):
                    yield (template, logical_id), other
        for name in template.content.keys() - _SECTIONS:
            ways = _named_in(template.content[name], template, pump)
            if alarm := access_words(ways, mask):
                file = template.file.name
                yield (template, name), Other(name=name, type="section", source=file, alarm=alarm)


def roles_of_account(
    trust_policies: Mapping[str, Any],
    *,
    account: str,
    names: Collection[str],
    principals: Collection[str],
) -> Iterator[Other]:
    """Yield the roles of an account whose trust policies admit Pump, or everyone.

    :param trust_policies: the trust policies by role name, except those of Pump's roles.
    :param account: the account's ID.
    :param names: the names of Pump's roles there.
    :param principals: Pump's principals.
    """
    pump, mask = PumpNames(names, principals), Mask(frozenset())

    def judge(named: Any) -> Iterator[Access]:
        for text in strings(named):
            kind, name = pump.in_text(text, account)
            if text == "*":
                yield Access("trusts-everyone")
            elif kind:
                yield Access(f"trusts-{kind}", name)

    for name, document in trust_policies.items():
        if alarm := access_words(admitted(document, judge, providers=False), mask):
            yield Other(
                name=name,
                type="AWS::IAM::Role",
                source=account,
                principals=assumption(document, {}).principals,
                alarm=alarm,
            )


def _names(roles: Sequence[PumpRole]) -> PumpNames:
    given = {name for role in roles for name in role.names}
    references = {(role.template, role.logical_id) for role in roles}
    principals: set[str] = set()
    for role in roles:
        trust_policy = role.template.properties(role.logical_id).get("AssumeRolePolicyDocument")
        for element, found in elements(principals_of(as_mapping(trust_policy)), role.template):
            possible = could_be(element, role.template)
            references |= possible.references
            principals |= possible.fragments if found is None else {written(found)}
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
            text = certain(element, template)
            possible = could_be(element, template, into_resources=False)
            if text is None:
                kind, name = pump.in_possible(possible, template.account, roles=roles)
            elif defined := pump.defined_in(possible):
                kind, name = "definition", defined
            else:
                kind, name = pump.in_text(written(text), template.account, roles=roles)
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


def _is_information(kind: str, name: str, value: Any) -> bool:
    # What names Pump's roles, but neither gives access nor runs code.
    if kind == "AWS::Organizations::Policy" and name == "Content":
        return _only_denies(value)
    return kind == "AWS::SSM::Parameter" or (kind, name) == ("AWS::Events::Rule", "EventPattern")


def _only_denies(document: Any) -> bool:
    read = document
    if isinstance(document, str):
        with suppress(ValueError):
            read = json.loads(document)
    found = as_mapping(read)
    statements = as_list(found.get("Statement", [None]))
    denies = all(as_mapping(statement).get("Effect") == "Deny" for statement in statements)
    return denies and not has_transform(found)


class _Reader:
    # Reads one resource.
    def __init__(
        self,
        template: Template,
        logical_id: str,
        pump: PumpNames,
        roles: Sequence[Target],
        mask: Mask,
        *,
        near: bool,
    ) -> None:
        self._template = template
        self._logical_id = logical_id
        self._pump = pump
        self._roles = [*roles, *(Target(((name,),)) for name in pump.roles)]
        self._mask = mask
        self._near = near
        self._properties = template.properties(logical_id)
        self._type = as_text(template.type_of(logical_id))

    def read(self, attachments: Attachments) -> Iterator[Other]:
        alarm = access_words([*self._ways(attachments)], self._mask)
        listed = {*_PRINCIPALS, *_POLICIES}
        if alarm or self._type in listed or any(self._mentions(information=True)):
            yield Other(
                name=self._logical_id,
                type=self._type,
                source=self._template.file.name,
                principals=tuple(self._principals()),
                grants=self._grants(),
                alarm=alarm,
            )

    def _ways(self, attachments: Attachments) -> Iterator[Access]:
        if self._type == "AWS::IAM::Role":
            document = self._properties.get("AssumeRolePolicyDocument")
            yield from admitted(document, self._trusts, providers=self._near)
            names = targets(self._properties.get("RoleName"), self._template)
            yield from self._naming(names.naming, _NAMED_ALIKE)
        attachment = attachments.at(self._template, self._logical_id)
        if attachment is not None:
            for way in self._naming(attachment.targets.naming, _ATTACHED):
                if way.why != "may-attach" or not attachment.is_instance_profile:
                    yield way
        if self._type.startswith("AWS::IAM::") and self._template.is_open(self._logical_id):
            yield Access("unreadable-properties")
        if self._near:
            yield from self._opens()
        yield from self._mentions(information=False)

    def _opens(self) -> Iterator[Access]:
        if self._type in _OPENS:
            yield Access("opens", self._type)
        if "LoginProfile" in self._properties:
            yield Access("password")
        if self._type == "AWS::EKS::AccessEntry":
            arn = elements(self._properties.get("PrincipalArn"), self._template)
            if any(found is None for _, found in arn):
                yield Access("unreadable-cluster-role")

    def _naming(
        self, naming: Callable[[Target], Naming | None], whys: Mapping[Naming, str]
    ) -> Iterator[Access]:
        for role in self._roles:
            found = naming(role)
            if found is not None:
                subject = "" if found == "deployment" else written(role.names[0])
                yield Access(whys[found], subject)

    def _mentions(self, *, information: bool) -> Iterator[Access]:
        # What trusts or attaches to Pump's roles is reported already, and nested templates are
        # read.
        reported = {"AWS::IAM::Role": "AssumeRolePolicyDocument"}.get(self._type)
        if self._type in _POLICIES or self._type == "AWS::IAM::InstanceProfile":
            reported = ATTACHES.get(self._type, ("",))[0]
        metadata = as_mapping(self._template.resources[self._logical_id].get("Metadata"))
        helpers = {key: metadata[key] for key in metadata.keys() & _RUN_BY_HELPERS}
        for name, value in (*self._properties.items(), ("Metadata", helpers)):
            if name == reported or self._logical_id in self._template.nested:
                continue
            if _is_information(self._type, name, value) != information:
                continue
            # Permission to assume the roles with an external ID, as Pump's own services have it, is
            # no alarm just because it names them: the roles' trust policies decide.
            read: Any = value
            only_names: list[Any] = []
            if self._type in _PRINCIPALS or self._type in _POLICIES:
                read, only_names = _without_assumptions(name, value)
            yield from _named_in({name: read}, self._template, self._pump)
            yield from _named_in(only_names, self._template, self._pump, roles=False)

    def _trusts(self, named: Any) -> Iterator[Access]:
        account = self._template.account
        for element, found in elements(named, self._template):
            possible = could_be(element, self._template)
            text = "" if found is None else written(found)
            kind, name = (
                self._pump.in_possible(possible, account)
                if found is None
                else ("definition", defined)
                if (defined := self._pump.defined_in(possible))
                else self._pump.in_text(text, account)
            )
            if text == "*" or (found is None and possible.spells("*")):
                yield Access("trusts-everyone")
            elif kind:
                yield Access(f"trusts-{kind}", name)
            elif found is None:
                if possible.deployment or self._near:
                    yield Access("trusts-unreadable")
            elif self._near and not self._is_own_account(text):
                yield Access("trusts-other-account", text)

    def _is_own_account(self, text: str) -> bool:
        own = self._template.account or "own"
        literal = text.replace("${AWS::AccountId}", own).replace("${AWS::Partition}", "aws")
        account = re.fullmatch(r"(?:arn:[a-z-]+:(?:iam|sts)::)?([^:]+)(?::.*)?", literal)
        return account is not None and account[1] == own

    def _principals(self) -> Iterator[str]:
        if self._type == "AWS::IAM::Role":
            trust_policy, parameters = resolved_trust_policy(self._template, self._logical_id)
            yield from assumption(trust_policy, parameters).principals
        elif self._type in ATTACHES or self._type in _POLICIES:
            for kind in ("Roles", "RoleName", "Users", "UserName", "Groups", "GroupName"):
                for name in as_list(self._properties.get(kind, [])):
                    yield ref(name) or self._mask.short(name)

    def _grants(self) -> str:
        documents = [
            as_mapping(policy).get("PolicyDocument")
            for policy in as_list(self._properties.get("Policies", []))
        ]
        if "PolicyDocument" in self._properties:
            documents.append(self._properties["PolicyDocument"])
        found = [pattern for document in documents for pattern in _allowed(document)]
        found += [
            f"the managed policy {self._mask.short(managed)}"
            for managed in as_list(self._properties.get("ManagedPolicyArns", []))
        ]
        found = list(dict.fromkeys(found))
        more = len(found) - _LISTED
        return ", ".join(found[:_LISTED]) + (f" and {more} more" if more > 0 else "")


def _without_assumptions(name: str, value: Any) -> tuple[Any, list[Any]]:
    # Returns the property without the resources of such statements, and these resources.
    resources: list[Any] = []

    def without(document: Any) -> Any:
        if not isinstance(document, dict) or "Statement" not in document:
            return document
        return {**document, "Statement": list(map(kept, as_list(document["Statement"])))}

    def kept(statement: Any) -> Any:
        if not _only_assumes(statement):
            return statement
        resources.append(statement["Resource"])
        return {key: member for key, member in statement.items() if key != "Resource"}

    if name == "PolicyDocument":
        return without(value), resources
    if name == "Policies" and isinstance(value, list):
        policies = [
            {**policy, "PolicyDocument": without(policy["PolicyDocument"])}
            if isinstance(policy, dict) and "PolicyDocument" in policy
            else policy
            for policy in value
        ]
        return policies, resources
    return value, []


def _only_assumes(statement: Any) -> bool:
    if not isinstance(statement, dict) or "Resource" not in statement:
        return False
    if statement.keys() - {"Sid", "Effect", "Action", "Resource", "Condition"}:
        return False
    actions = as_list(statement.get("Action", []))
    if [action.lower() for action in actions if isinstance(action, str)] != ["sts:assumerole"]:
        return False
    with_external_id = statement.get("Condition") == {"Null": {"sts:ExternalId": "false"}}
    return len(actions) == 1 and (
        statement.get("Effect") == "Deny"
        or (statement.get("Effect") == "Allow" and with_external_id)
    )


def _allowed(document: Any) -> Iterator[str]:
    if not isinstance(document, dict):
        yield "a policy that cannot be read"
        return
    for statement in as_list(document.get("Statement", [])):
        known = as_mapping(statement)
        if known.get("Effect") not in ("Allow", "Deny"):
            yield "a statement that cannot be read"
        elif known["Effect"] == "Allow":
            yield from strings(known.get("Action", []))
            if "NotAction" in known:
                yield f"all but {', '.join(strings(known['NotAction']))}"
