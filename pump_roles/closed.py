"""A closed role: the synthesis fails when the app widens it."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any, Final

import jsii
from aws_cdk import Stack, Token, TreeInspector
from aws_cdk import aws_iam as iam
from constructs import Construct, IConstruct, IValidation

__all__ = ["close"]


def close(
    role: iam.CfnRole,
    *,
    trust_policy: Mapping[str, Any],
    policies: Sequence[iam.CfnRole.PolicyProperty],
) -> None:
    """Fail the synthesis of the role's app when something in it has widened the role.

    That is, when a policy attaches to it (``iam.Policy`` and ``iam.ManagedPolicy`` attach even to
    a role that was imported as immutable; only grants respect that), or when an aspect or an
    assignment has given its resource other policies, another trust policy or a longer session.

    :param role: the role's resource.
    :param trust_policy: the trust policy that it was built with.
    :param policies: the inline policies that it was built with.
    """
    _watch(role.node.root).roles.append(  # type: ignore[arg-type]
        _Closed(role, trust_policy, policies)
    )


@dataclass(frozen=True)
class _Closed:
    resource: iam.CfnRole
    trust_policy: Mapping[str, Any]
    policies: Sequence[iam.CfnRole.PolicyProperty]

    @cached_property
    def logical_id(self) -> str:
        return str(self.resource.stack.resolve(self.resource.logical_id))

    @cached_property
    def role_name(self) -> str | None:
        name: str | None = self.resource.role_name
        return name

    def changes(self) -> Iterator[str]:
        # All properties at once: one by one they are a dozen calls into CDK for each role.
        inspector = TreeInspector()
        self.resource.inspect(inspector)
        held = inspector.attributes["aws:cdk:cloudformation:props"]
        if held.get("assumeRolePolicyDocument") != self.trust_policy:
            yield "another trust policy"
        if _named_documents(held.get("policies")) != _named_documents(self.policies):
            yield "other inline policies"
        if "managedPolicyArns" in held:
            yield "a managed policy"
        if "maxSessionDuration" in held:
            yield "another session duration"


def _named_documents(policies: Any) -> Any:
    if not isinstance(policies, Sequence):
        return policies
    return [
        # A map; an object once something has read the property.
        (one.policy_name, one.policy_document)
        if isinstance(one, iam.CfnRole.PolicyProperty)
        else (one.get("policyName"), one.get("policyDocument"))
        if isinstance(one, Mapping)
        else one
        for one in policies
    ]


@jsii.implements(IValidation)
class _Watch(Construct):
    def __init__(self, root: Construct) -> None:
        super().__init__(root, "PumpRolesWatch")
        self.roles: list[_Closed] = []
        self.node.add_validation(self)

    def validate(self) -> list[str]:
        return [
            f"{_name(role)} has {change}; its permissions and trust are those that it was built "
            "with, and nothing can be added to them"
            for role in self.roles
            for change in role.changes()
        ] + [
            f"{policy} attaches to {_name(role)}, a role of Pump's: its permissions are the "
            "published ones, and nothing can be added to them"
            for policy, role in self._attachments()
        ]

    @cached_property
    def _by_stack(self) -> dict[Stack, list[_Closed]]:
        # Only where there are policies: each stack is a call into CDK.
        found: dict[Stack, list[_Closed]] = {}
        for role in self.roles:
            found.setdefault(role.resource.stack, []).append(role)
        return found

    def _attachments(self) -> Iterator[tuple[str, _Closed]]:
        found: dict[Stack, dict[IConstruct, object]] = {}
        for node in self.node.root.node.find_all():
            if isinstance(node, iam.CfnPolicy | iam.CfnManagedPolicy):
                found.setdefault(node.stack, {})[node] = node.roles
            elif isinstance(node, iam.CfnRolePolicy):
                found.setdefault(node.stack, {})[node] = node.role_name
        for there, attached_to in found.items():
            for node, policy in _attached(there, attached_to):
                for stack, roles in self._by_stack.items():
                    references = policy.seen_from(stack)
                    for role in roles:
                        if references.to(role):
                            yield node.node.path, role


@cache
def _watch(root: Construct) -> _Watch:
    # One for each app, so that its tree is walked once, not once a role.
    return _Watch(root)


def _name(role: _Closed) -> str:
    return str(role.resource.node.path).removesuffix("/Resource")


@dataclass(frozen=True)
class _Attached:
    # What a policy attaches to, as its own stack sees it.
    stack: Stack
    attached_to: object
    resolved: object
    crosses: bool

    def seen_from(self, stack: Stack) -> "_References":
        # A reference to a role is a plain one in the role's own stack. In another it reads as one
        # that crosses stacks; only then is it resolved again, since each time is a call into CDK.
        there, ids = self.resolved, set[str]()
        if stack is self.stack:
            ids = set(_logical_ids(there))
        elif self.crosses:
            there = stack.resolve(self.attached_to)
            ids = set(_logical_ids(there)) if there != self.resolved else ids
        names = frozenset((*_names(self.resolved), *_names(there)))
        return _References(names, frozenset(ids), self.stack)


def _attached(
    stack: Stack, attached_to: Mapping[IConstruct, object]
) -> Iterator[tuple[IConstruct, _Attached]]:
    # All of a stack's at once: each time is a call into CDK, which drops what is None.
    numbered = {str(index): value for index, value in enumerate(attached_to.values())}
    resolved, nested = stack.resolve(numbered), stack.nested
    for policy, (number, value) in zip(attached_to, numbered.items(), strict=True):
        one = resolved.get(number)
        yield policy, _Attached(stack, value, one, _crosses(one) or nested)


@dataclass(frozen=True)
class _References:
    # What a policy attaches to, as the stack of some roles sees it.
    names: frozenset[str]
    logical_ids: frozenset[str]
    stack: Stack

    def to(self, role: _Closed) -> bool:
        if role.role_name is not None and role.role_name.casefold() in self.names:
            return _may_be_one_account(self.stack, role.resource.stack)
        return role.logical_id in self.logical_ids


_WITHIN: Final = {
    *("Ref", "Fn::GetAtt", "Fn::Sub"),
    *("Fn::Join", "Fn::Select", "Fn::Split", "Fn::If"),
}


def _crosses(value: Any) -> bool:
    if isinstance(value, list):
        return any(map(_crosses, value))
    if isinstance(value, dict):
        return bool(value.keys() - _WITHIN) or any(map(_crosses, value.values()))
    # An output of a nested stack.
    return isinstance(value, str) and value.startswith("Outputs.")


def _may_be_one_account(one: Stack, other: Stack) -> bool:
    unknown = Token.is_unresolved(one.account) or Token.is_unresolved(other.account)
    return unknown or one.account == other.account


def _names(value: Any) -> Iterator[str]:
    if isinstance(value, list):
        for one in value:
            yield from _names(one)
    elif isinstance(value, dict):
        for key, one in value.items():
            if key not in ("Ref", "Fn::GetAtt"):
                yield from _names(one)
    elif isinstance(value, str):
        yield value.casefold()


def _logical_ids(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield from re.findall(r"\$\{([^}.]*)", value)
    elif isinstance(value, list):
        for one in value:
            yield from _logical_ids(one)
    elif isinstance(value, dict):
        if value.keys() == {"Ref"}:
            yield str(value["Ref"])
        elif value.keys() == {"Fn::GetAtt"} and value["Fn::GetAtt"][1:] == ["Arn"]:
            yield str(value["Fn::GetAtt"][0])
        else:
            for one in value.values():
                yield from _logical_ids(one)
