"""Everything else in templates that gives access, or that reaches one of Pump's roles.

In a template that contains one of Pump's roles, nothing else may give access to anyone except AWS
services and its own account. In any other template, only what reaches Pump or Pump's roles is an
alarm. The rest is listed.
"""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from pump_roles.iam.trust import assumption, principals_of
from pump_roles.iam.values import as_list, as_mapping, as_text, ref, strings
from pump_roles.published import ROLES
from pump_roles.templates.attachments import ATTACHES, Attachments, may_be_one_account
from pump_roles.templates.evaluate import evaluate, texts_in
from pump_roles.templates.masking import Mask
from pump_roles.templates.model import Other
from pump_roles.templates.roles import PumpRole, resolved_trust_policy
from pump_roles.templates.template import Reference, Template, Text

__all__ = ["others", "roles_of_account"]

_LISTED: Final = 8

_PRINCIPALS: Final = {
    "AWS::IAM::Role": "role",
    "AWS::IAM::User": "user",
    "AWS::IAM::Group": "group",
}
_POLICIES: Final = {*ATTACHES, "AWS::IAM::UserPolicy", "AWS::IAM::GroupPolicy"} - {
    "AWS::IAM::InstanceProfile"
}
_OPENS: Final = {
    "AWS::IAM::AccessKey": "anyone with this access key can act as a user of the account",
    "AWS::IAM::OIDCProvider": "trusts an external identity provider",
    "AWS::IAM::SAMLProvider": "trusts an external identity provider",
    "AWS::RolesAnywhere::Profile": "lets anyone with a certificate assume roles",
    "AWS::RolesAnywhere::TrustAnchor": "lets anyone with a certificate assume roles",
    "AWS::SSO::Assignment": "gives users of IAM Identity Center access to an account",
    "AWS::SSO::PermissionSet": "gives users of IAM Identity Center permissions in an account",
}
"""Resources that give access in other ways. A template with one of Pump's roles must have none."""

_CONFINES: Final = {"aws:principalaccount", "aws:principalorgid", "aws:principalorgpaths"}
_MUST_BE: Final = (
    "StringEquals",
    "StringLike",
    "ForAnyValue:StringEquals",
    "ForAnyValue:StringLike",
)
"""Conditions that exclude everyone outside an account or organization: IAM User Guide, "AWS global
condition context keys"."""

_REPORTED_ELSEWHERE: Final = {"AWS::IAM::Role": "AssumeRolePolicyDocument"}


def others(
    templates: Iterable[Template],
    roles: Sequence[PumpRole],
    attachments: Attachments,
    mask: Mask,
) -> Iterator[tuple[Reference, Other]]:
    """Yield every other role, user, group, and policy, and everything that reaches Pump's roles.

    Each comes with a reference to its resource.

    :param templates: the templates.
    :param roles: Pump's roles in them.
    :param attachments: what attaches to roles in them.
    :param mask: masks what must not be shown.
    """
    pump = _Pump.of(roles)
    counted = {(role.template, role.logical_id) for role in roles}
    counted |= {
        (attachment.template, attachment.logical_id)
        for role in roles
        for attachment in role.attachments
    }
    for template in templates:
        for logical_id in template.resources:
            if (template, logical_id) not in counted:
                for other in _Reader(template, logical_id, pump, attachments, mask).read():
                    yield (template, logical_id), other


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
    resources = {
        name: {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": document}}
        for name, document in trust_policies.items()
    }
    content = {"Resources": resources}
    template = Template(content=content, file=Path(account), sha256="", account=account)
    pump, attachments, mask = _Pump.named(names, principals), Attachments([]), Mask(frozenset())
    for name in resources:
        for other in _Reader(template, name, pump, attachments, mask).read():
            if other.alarm:
                yield other


@dataclass(frozen=True)
class _Pump:
    # Pump's roles and principals, which nothing else may reach.
    roots: frozenset[Template]
    references: frozenset[Reference]
    names: re.Pattern[str]
    principals: frozenset[str]
    accounts: frozenset[str]

    @classmethod
    def of(cls, roles: Sequence[PumpRole]) -> "_Pump":
        principals = [text for role in roles for text in _principals_of(role)]
        return replace(
            cls.named(
                {name for role in roles for name in role.names},
                {text.text for text in principals},
            ),
            roots=frozenset(role.template.root for role in roles),
            references=frozenset((role.template, role.logical_id) for role in roles)
            | {reference for text in principals for reference in text.references},
        )

    @classmethod
    def named(cls, names: Collection[str], principals: Collection[str]) -> "_Pump":
        every = sorted({*names, *(role.name for role in ROLES.values())})
        return cls(
            roots=frozenset(),
            references=frozenset(),
            names=re.compile(
                rf"(?<![\w+=,.@-])({'|'.join(map(re.escape, every))})(?![\w+=,.@-])",
                re.IGNORECASE,
            ),
            principals=frozenset(principals),
            accounts=frozenset(
                account for text in principals for account in re.findall("[0-9]{12}", text)
            ),
        )

    def named_by(self, text: Text, template: Template, *, names: bool = True) -> str:
        """Return which of Pump's roles, principals, or accounts a text names; empty if none.

        :param names: whether the names of Pump's roles count.
        """
        named = sorted(logical_id for _, logical_id in text.references & self.references)
        if named:
            return named[0]
        if names and (found := self.names.search(text.text)):
            return f"the role {found[1]}"
        for account in sorted(self.accounts):
            # In Pump's own account, all ARNs contain the account.
            own = account == template.account and text.text not in self.principals
            if not own and re.search(rf"(?<![0-9]){account}(?![0-9])", text.text):
                return f"Pump's account {account}"
        return ""


def _principals_of(role: PumpRole) -> Iterator[Text]:
    trust_policy = role.template.properties(role.logical_id).get("AssumeRolePolicyDocument")
    yield from evaluate(principals_of(as_mapping(trust_policy)), role.template)


class _Reader:
    # Reads one resource.
    def __init__(
        self,
        template: Template,
        logical_id: str,
        pump: _Pump,
        attachments: Attachments,
        mask: Mask,
    ) -> None:
        self._template = template
        self._logical_id = logical_id
        self._pump = pump
        self._attachments = attachments
        self._mask = mask
        self._properties = template.properties(logical_id)
        self._type = as_text(template.type_of(logical_id))
        self._with_pump = template.root in pump.roots

    def read(self) -> Iterator[Other]:
        alarms = tuple(dict.fromkeys(self._alarms()))
        if alarms or self._type in _PRINCIPALS or self._type in _POLICIES:
            yield Other(
                name=self._logical_id,
                type=self._type,
                source=self._template.file.name,
                principals=tuple(self._principals()),
                grants=self._grants(),
                alarm="; ".join(alarms),
            )

    def _alarms(self) -> Iterator[str]:
        if self._type == "AWS::IAM::Role":
            yield from self._trusts()
        elif self._type in ATTACHES:
            yield from self._attaches()
        if self._with_pump and self._type in _OPENS:
            yield _OPENS[self._type]
        if self._with_pump and "LoginProfile" in self._properties:
            yield "anyone with the password can act as this user"
        if self._type.startswith("AWS::IAM::") and self._is_filled_in():
            yield "has properties that cannot be read"
        if self._type == "AWS::EKS::AccessEntry":
            yield from self._enters_a_cluster()
        yield from self._mentions()

    def _is_filled_in(self) -> bool:
        members = (*self._template.resources[self._logical_id], *self._properties)
        return any(name.startswith("Fn::") for name in members)

    def _mentions(self) -> Iterator[str]:
        # What trusts or attaches to Pump's roles is reported already.
        reported = _REPORTED_ELSEWHERE.get(self._type, ATTACHES.get(self._type))
        for name, value in self._properties.items():
            if name == reported or self._logical_id in self._template.nested:
                continue
            # Permission to assume the roles with an external ID, as Pump's own services have it, is
            # no alarm just because it names them: the roles' trust policies decide.
            read: Any = value
            only_names: list[Any] = []
            if self._type in _PRINCIPALS or self._type in _POLICIES:
                read, only_names = _without_assumptions(name, value)
            for text in texts_in({name: read}, self._template):
                if named := self._pump.named_by(text, self._template):
                    yield f"names {named}"
            for text in texts_in({name: only_names}, self._template):
                if named := self._pump.named_by(text, self._template, names=False):
                    yield f"names {named}"

    def _attaches(self) -> Iterator[str]:
        attachment = self._attachments.at(self._template, self._logical_id)
        if attachment is None:
            return
        for text in attachment.targets:
            if named := self._pump.named_by(text, self._template):
                yield f"attaches to {named}"
        if attachment.is_unknown:
            yield "may attach to one of the roles; what it attaches to cannot be read"

    def _enters_a_cluster(self) -> Iterator[str]:
        texts = evaluate(self._properties.get("PrincipalArn"), self._template)
        if self._with_pump and not all(text.known for text in texts):
            yield "gives a role access to a cluster; which role cannot be read"

    def _trusts(self) -> Iterator[str]:
        document = self._properties.get("AssumeRolePolicyDocument")
        if not isinstance(document, dict) or document.keys() - {"Version", "Id", "Statement"}:
            yield "its trust policy cannot be read"
            return
        for statement in as_list(document.get("Statement")):
            if not isinstance(statement, dict) or statement.get("Effect") not in ("Allow", "Deny"):
                yield "its trust policy has a statement that cannot be read"
            elif statement["Effect"] == "Allow":
                yield from self._admits(statement)

    def _admits(self, statement: Mapping[str, Any]) -> Iterator[str]:
        principal = statement.get("Principal")
        if "NotPrincipal" in statement:
            yield "trusts everyone except those in NotPrincipal"
        # A condition on the organization or the account excludes everyone else.
        confined = self._is_confined(as_mapping(statement.get("Condition")))
        if principal == "*":
            if not confined:
                yield "trusts everyone"
        elif isinstance(principal, dict):
            for kind, named in principal.items():
                if not (confined and as_list(named) == ["*"]):
                    yield from self._named(kind, named)
        elif "NotPrincipal" not in statement:
            yield "its trust policy names a principal that cannot be read"

    def _is_confined(self, condition: Mapping[str, Any]) -> bool:
        return any(
            key.lower() in _CONFINES
            and all(
                isinstance(value, str)
                and re.fullmatch("[a-z0-9-]+(/[a-z0-9*-]*)*", value) is not None
                and not self._pump.named_by(Text(value), self._template)
                for value in as_list(values)
            )
            for operator in _MUST_BE
            for key, values in as_mapping(condition.get(operator)).items()
        )

    def _named(self, kind: str, named: Any) -> Iterator[str]:
        if kind == "Service":
            return
        if kind in ("Federated", "CanonicalUser"):
            if self._with_pump:
                yield "trusts an identity provider"
            return
        if kind != "AWS":
            yield f"its trust policy has a principal that cannot be read: {kind}"
            return
        for text in evaluate(named, self._template):
            if text.text == "*":
                yield "trusts everyone"
            elif named := self._pump.named_by(text, self._template):
                yield f"trusts {named}"
            elif not text.known:
                yield "trusts a principal that cannot be read"
            elif self._with_pump and not self._is_own_account(text):
                yield f"trusts another account: {self._mask.short(text.text)}"

    def _is_own_account(self, text: Text) -> bool:
        if text.text.startswith("${") and text.references:
            # A role or user of these templates.
            return all(may_be_one_account(one, self._template) for one, _ in text.references)
        own = self._template.account or "own"
        literal = text.text.replace("${AWS::AccountId}", own).replace("${AWS::Partition}", "aws")
        account = re.fullmatch(r"(?:arn:[a-z-]+:(?:iam|sts)::)?([^:]+)(?::.*)?", literal)
        return account is not None and account[1] == own

    def _principals(self) -> Iterator[str]:
        if self._type == "AWS::IAM::Role":
            trust_policy, parameters = resolved_trust_policy(self._template, self._logical_id)
            yield from assumption(trust_policy, parameters).principals
        elif self._type in ATTACHES or self._type in _POLICIES:
            for name in ("Roles", "RoleName", "Users", "UserName", "Groups", "GroupName"):
                for target in as_list(self._properties.get(name, [])):
                    yield ref(target) or self._mask.short(target)

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
