"""What was read, in IAM's own JSON: all that a report keeps, and what it is derived from again.

Every later version reads format 1. So what is here changes only together with what reads the files
of earlier versions.
"""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from hashlib import sha256
from typing import Any, Final, Literal

from pump_roles._version import __version__
from pump_roles.iam.conditions import Condition
from pump_roles.iam.external_ids import EXTERNAL_ID_KEY, ExternalId, is_external_id_key
from pump_roles.iam.identity_policies import (
    VERSIONS,
    Policy,
    Statement,
    Value,
    known,
    literal,
    parse_policy,
    unreadable,
)
from pump_roles.iam.trust import Trust, TrustStatement, parse_trust
from pump_roles.inputs import as_list, as_mapping, mapped, members
from pump_roles.inputs.validators import EXTERNAL_ID, Text
from pump_roles.review.report.masking import Mask
from pump_roles.role.assembly import Assembly, DeployedRole, Deployment, OtherResource
from pump_roles.role.iam_role import Boundary, Role
from pump_roles.role.unknowns import AssemblyUnknown, RoleUnknown

FORMAT: Final = 1
"""The version of what is kept. It has nothing to do with the version of a report's schema."""

_EXTERNAL_ID: Final = "sts:ExternalId"
_SHA256: Final = "sha256-"
_TYPES: Final[Mapping[str, str]] = {"service": "Service", "identity-provider": "Federated"}
"""The type of a principal in a policy, by its kind; of any other kind, it is ``AWS``."""

_STATES: Final = {"state", "text", "why", "default"}
"""The members of a :class:`Value`, which is in the place of what is open or was not read."""


@dataclass(frozen=True, kw_only=True)
class InlinePolicy:
    """An inline policy of a role.

    :param PolicyName: its name.
    :param PolicyDocument: its document; null if that is not known.
    """

    PolicyName: str
    PolicyDocument: Any


@dataclass(frozen=True, kw_only=True)
class ManagedPolicy:
    """A managed policy of a role, or its permissions boundary.

    :param PolicyName: its name.
    :param PolicyArn: its ARN.
    :param PolicyDocument: its document; null if that is not known.
    """

    PolicyName: str
    PolicyArn: str | Value
    PolicyDocument: Any

    @property
    def policy(self) -> Policy:
        """It as a policy."""
        arn = _value(self.PolicyArn).text
        return parse_policy(self.PolicyDocument, name=self.PolicyName, arn=arn)

    @property
    def boundary(self) -> Boundary:
        """It as a permissions boundary."""
        is_known = self.PolicyDocument is not None
        return Boundary(arn=_value(self.PolicyArn), policy=self.policy if is_known else None)


@dataclass(frozen=True, kw_only=True)
class RoleTag:
    """A tag of a role.

    :param Key: its key.
    :param Value: its value.
    """

    Key: str
    Value: str | Value


@dataclass(frozen=True, kw_only=True)
class RoleDetail:
    """A role, with the members of ``aws iam get-account-authorization-details``, and others.

    What depends on the account is a placeholder, such as ``${AWS::AccountId}``. What is open, or
    was not read, is an object that says so. An external ID in the trust policy is ``sha256-`` and
    its SHA-256; anywhere else, it is masked.

    :param kind: the kind of Pump's role that it is, such as ``read-only``.
    :param RoleName: its name.
    :param Path: its path.
    :param MaxSessionDuration: its maximum session duration, in seconds.
    :param AssumeRolePolicyDocument: its trust policy.
    :param RolePolicyList: its inline policies.
    :param AttachedManagedPolicies: its managed policies.
    :param PermissionsBoundary: its permissions boundary; null if it has none.
    :param Tags: those of its tags on which its policies depend.
    :param may_deny: policies with nothing but denies that may be attached to it.
    :param unknown: what else is not known about it.
    :param files: every file that it was read from, with its SHA-256; none for a published role, and
        for one of an account.
    :param account: the ID of the account that it was read from, or that its template is for; empty
        if there is none.
    :param filled_sha256: the SHA-256 of everything that is filled in when it is deployed; empty if
        there is nothing.
    :param external_id_sha256: the SHA-256 of each external ID in its trust policy.
    :param effective: the names of the actions that it had, and was not denied, in the catalog of
        that time.
    """

    kind: str
    RoleName: str | Value
    Path: str | Value
    MaxSessionDuration: int | Value
    AssumeRolePolicyDocument: Any
    RolePolicyList: tuple[InlinePolicy, ...]
    AttachedManagedPolicies: tuple[ManagedPolicy, ...]
    PermissionsBoundary: ManagedPolicy | None
    Tags: tuple[RoleTag, ...]
    may_deny: tuple[ManagedPolicy, ...]
    unknown: tuple[RoleUnknown, ...]
    files: tuple[tuple[str, str], ...]
    account: str
    filled_sha256: str
    external_id_sha256: tuple[str, ...]
    effective: tuple[str, ...] = ()

    @property
    def deployed(self) -> DeployedRole:
        """It as a role."""
        boundary = self.PermissionsBoundary
        inline = (
            parse_policy(policy.PolicyDocument, name=policy.PolicyName)
            for policy in self.RolePolicyList
        )
        role = Role(
            kind=self.kind,
            name=_value(self.RoleName),
            path=_value(self.Path),
            trust=_trust(self.AssumeRolePolicyDocument),
            policies=(*inline, *(managed.policy for managed in self.AttachedManagedPolicies)),
            may_deny=tuple(managed.policy for managed in self.may_deny),
            boundary=boundary.boundary if boundary else None,
            session=self.MaxSessionDuration,
            tags={tag.Key: _value(tag.Value) for tag in self.Tags},
            unknown=self.unknown,
        ).without_other_tags()
        return DeployedRole(
            role=role,
            files=self.files,
            account=self.account,
            filled_sha256=self.filled_sha256,
            external_id_sha256=self.external_id_sha256,
        )


@dataclass(frozen=True, kw_only=True)
class Inventory:
    """What was read: the roles, where they are deployed, and what else reaches them.

    :param format: the version of this object, which every later version of this package reads.
    :param version: the version of this package that wrote it.
    :param catalog: the action catalog's package and version.
    :param date: the catalog's date.
    :param roles: the roles.
    :param places: where the templates deploy them.
    :param others: everything else that gives access.
    :param unreadable: what could not be read and may give more access than the roles.
    :param approval_end_roles: the roles with which schedules end approvals.
    :param suspects_sha256: the SHA-256 of what may give more access, as in the templates; empty if
        there is nothing.
    :param resources: how many other resources the templates have, by type.
    """

    format: Literal[1]
    version: str
    catalog: str
    date: str
    roles: tuple[RoleDetail, ...]
    places: tuple[Deployment, ...] = ()
    others: tuple[OtherResource, ...] = ()
    unreadable: tuple[AssemblyUnknown, ...] = ()
    approval_end_roles: tuple[RoleDetail, ...] = ()
    suspects_sha256: str = ""
    resources: Mapping[str, int]

    @property
    def assembly(self) -> Assembly:
        """It as what templates contain."""
        return Assembly(
            roles=tuple(detail.deployed for detail in self.roles),
            others=self.others,
            unreadable=self.unreadable,
            resources=tuple(Counter(self.resources).elements()),
            places=self.places,
            suspects_sha256=self.suspects_sha256,
            approval_end_roles=tuple(ending.deployed.role for ending in self.approval_end_roles),
        )

    def with_effective(self, effective: Mapping[str, tuple[str, ...]]) -> "Inventory":
        """Return it with the names of each role's actions that are not denied, by its kind."""
        roles = (replace(role, effective=effective[role.kind]) for role in self.roles)
        return replace(self, roles=tuple(roles))


def kept_text(read: Inventory) -> str:
    """Return what was read as the file that is kept: for the same, the same text every time."""
    return json.dumps({"read": read}, default=members, ensure_ascii=False, indent=1) + "\n"


def read_sha256(read: Inventory) -> str:
    """Return the SHA-256 of the file in which it is kept, as ``sha256sum`` prints it."""
    return sha256(kept_text(read).encode("utf-8", "backslashreplace")).hexdigest()


def inventory_of(read: Assembly, *, catalog: str, date: str) -> Inventory:
    """Return what was read, as it is kept."""
    return Inventory(
        format=FORMAT,
        version=__version__,
        catalog=catalog,
        date=date,
        roles=tuple(map(_detail, read.roles)),
        places=read.places,
        others=read.others,
        unreadable=read.unreadable,
        approval_end_roles=tuple(
            _detail(DeployedRole(role=role)) for role in read.approval_end_roles
        ),
        suspects_sha256=read.suspects_sha256,
        resources=Counter(read.resources),
    )


def _detail(deployed: DeployedRole) -> RoleDetail:
    role, boundary = deployed.role, deployed.role.boundary
    return RoleDetail(
        kind=role.kind,
        RoleName=_written(role.name),
        Path=_written(role.path),
        MaxSessionDuration=role.session,
        AssumeRolePolicyDocument=_trust_document(role.trust),
        RolePolicyList=tuple(
            InlinePolicy(PolicyName=policy.name, PolicyDocument=_document(policy))
            for policy in role.policies
            if not policy.arn
        ),
        AttachedManagedPolicies=tuple(
            _managed(policy, policy.arn) for policy in role.policies if policy.arn
        ),
        PermissionsBoundary=_managed(boundary.policy, _written(boundary.arn)) if boundary else None,
        Tags=tuple(RoleTag(Key=key, Value=_written(value)) for key, value in role.tags.items()),
        may_deny=tuple(_managed(policy, policy.arn) for policy in role.may_deny),
        unknown=role.unknown,
        files=deployed.files,
        account=deployed.account,
        filled_sha256=deployed.filled_sha256,
        external_id_sha256=deployed.external_id_sha256,
    )


def _managed(policy: Policy | None, arn: str | Value) -> ManagedPolicy:
    return ManagedPolicy(
        PolicyName=policy.name if policy else "",
        PolicyArn=arn,
        PolicyDocument=_document(policy) if policy else None,
    )


# Values


def _written(value: Value) -> str | Value:
    return value.text if value.is_known else value


def _value(written: str | Value) -> Value:
    return known(written) if isinstance(written, str) else written


def _in_document(value: str | Value) -> Any:
    return asdict(value) if isinstance(value, Value) else value


def _is_state(part: Any) -> bool:
    return (
        isinstance(part, dict)
        and part.keys() == _STATES
        and part["state"] in ("open", "not-read")
        and all(isinstance(text, str) for text in part.values())
    )


def _as_in_template(document: Any) -> Any:
    # What a template has must not pass for what this package says of a value.
    def changed(part: Any) -> Any:
        return _in_document(unreadable(part)) if _is_state(part) else part

    return mapped(document, changed)


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


# Policies


def _document(policy: Policy) -> Any:
    if not policy.is_known:
        return None
    written = [*map(_statement, policy.statements)]
    document: dict[str, Any] = {"Version": VERSIONS[-1], "Statement": written}
    for part in map(_json, policy.not_read):
        members = part if isinstance(part, dict) else {}
        if members.keys() == {"Version"}:
            document |= members
        elif members.keys() == {"Statement"} and not isinstance(members["Statement"], dict):
            written.append(members["Statement"])
        else:
            return part
    return document


def _statement(statement: Statement) -> Any:
    if statement.not_read:
        return _json(statement.not_read)
    scope, not_actions = statement.scope, statement.not_actions
    return {
        "Effect": statement.effect,
        "Action" if not_actions is None else "NotAction": [
            *(statement.actions if not_actions is None else not_actions)
        ],
        "NotResource" if scope.excluded else "Resource": [
            *scope.resources,
            *map(_json, scope.unresolved),
        ],
        **({"Condition": _condition(scope.condition)} if scope.condition else {}),
    }


def _condition(condition: Condition) -> Any:
    return _json(str(condition))


def _trust_document(trust: Trust) -> Any:
    not_read = [*map(_json, trust.not_read)]
    whole = [part for part in not_read if isinstance(part, dict)]
    if whole:
        return _as_in_template(whole[0])
    statements = [*map(_trust_statement, trust.statements), *not_read]
    return {"Version": trust.version, "Statement": statements}


def _trust_statement(statement: TrustStatement) -> Any:
    if statement.not_read:
        return _with_ids(_as_in_template(_json(statement.not_read)), statement.external_ids)
    principals: dict[str, list[Any]] = {}
    for who in statement.principals:
        named = principals.setdefault(_TYPES.get(who.kind, "AWS"), [])
        named.append(_in_document(_written(who.value)))
    condition = _condition(statement.condition) if statement.condition else {}
    equals = condition.get("StringEquals", {})
    if statement.external_ids and EXTERNAL_ID_KEY not in equals:
        ids = [*map(_id, statement.external_ids)]
        condition = {**condition, "StringEquals": {**equals, _EXTERNAL_ID: ids}}
    return {
        "Effect": statement.effect,
        "Principal": principals,
        "Action": [*statement.actions],
        **({"Condition": condition} if condition else {}),
    }


def _with_ids(statement: Any, ids: Sequence[ExternalId]) -> Any:
    # In what is not read, external IDs are masked, in the order in which they were parsed.
    condition = as_mapping(as_mapping(statement).get("Condition"))
    equals, left = as_mapping(condition.get("StringEquals")), [*ids]
    changed = {
        key: [_id(left.pop(0)) if left else value for value in as_list(values)]
        if is_external_id_key(key)
        else values
        for key, values in equals.items()
    }
    return {**statement, "Condition": {**condition, "StringEquals": changed}} if ids else statement


def _id(id_: ExternalId) -> Any:
    digest = f"{_SHA256}{id_.sha256}"
    if id_.state == "known":
        return digest
    text = id_.parameter if id_.state == "open" else digest
    return _in_document(Value(id_.state, text, id_.why))


def _trust(document: Any) -> Trust:
    digests: dict[str, str] = {}

    def read(value: Any, validator: Text) -> Value:
        found = Value(**value) if _is_state(value) else literal(value)
        if validator is EXTERNAL_ID and found.text.startswith(_SHA256):
            digests[sha256(found.text.encode()).hexdigest()] = found.text.removeprefix(_SHA256)
        return found

    def restored(id_: ExternalId) -> ExternalId:
        return replace(id_, sha256=digests[id_.sha256]) if id_.sha256 in digests else id_

    trust = parse_trust(document, read).with_external_ids(restored)
    return Mask(frozenset()).masked(trust)
