"""An organization's policies around the roles: whom they leave them to, and how to stop them.

They are L1 resources in the management account. What can be derived comes from the rollouts.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Final

from aws_cdk import Fn, Stack
from aws_cdk.aws_organizations import CfnPolicy
from constructs import Construct

from pump_roles.constructs.roles import ROLE_CHANGES, name_of, reference
from pump_roles.constructs.stacks import check_name
from pump_roles.guardrails import APPROVAL_END
from pump_roles.inputs import validators
from pump_roles.inputs.validators import (
    ArgumentError,
    ListOf,
    is_token,
    names_the_construct,
    policy_size,
)
from pump_roles.published import ROLES, policy_document

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from pump_roles.constructs.roles import PumpRole
    from pump_roles.constructs.rollouts import Rollout

_EXECUTION_ROLE: Final = "stacksets-exec-"
_EXECUTION_ROLES: Final = f"arn:*:iam::*:role/{_EXECUTION_ROLE}*"
"""What StackSets with service-managed permissions create, and act with, in each account."""

_TAGGING: Final = ("iam:TagRole", "iam:UntagRole")
_POLICY_CHANGES: Final = (
    "iam:CreatePolicy",
    "iam:CreatePolicyVersion",
    "iam:DeletePolicy*",
    "iam:SetDefaultPolicyVersion",
    "iam:TagPolicy",
    "iam:UntagPolicy",
)
_STACK_CHANGES: Final = tuple(
    f"cloudformation:{name}"
    for name in (
        "CancelUpdateStack",
        "ContinueUpdateRollback",
        "CreateChangeSet",
        "CreateStack",
        "CreateStackRefactor",
        "DeleteChangeSet",
        "DeleteStack",
        "ExecuteChangeSet",
        "ExecuteStackRefactor",
        "RollbackStack",
        "SetStackPolicy",
        "SignalResource",
        "TagResource",
        "UntagResource",
        "UpdateStack",
        "UpdateTerminationProtection",
    )
)


class _ControlPolicy(Construct):
    _type: ClassVar[str] = "SERVICE_CONTROL_POLICY"
    _description: ClassVar[str]
    _quota: ClassVar[int] = 10_240
    """That of a service control policy since May 15, 2026, without a request, according to three
    articles from outside AWS. The copies of the AWS Organizations User Guide, "Quotas and service
    limits", that were read still say 5,120."""

    _protects: ClassVar[bool] = False
    """Whether it is about nothing but rollouts."""

    resource: CfnPolicy
    """The underlying resource."""

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        rollouts: Sequence[Rollout],
        roles: Sequence[PumpRole | Rollout | str],
        policy_name: str,
    ) -> None:
        _check_rollouts(rollouts, Stack.of(scope).account)
        if not rollouts and (self._protects or roles in ((), [])):
            if self._protects:
                raise ArgumentError("rollouts", "at least one rollout is required")
            problem = "at least one rollout, or one of {other}, is required"
            raise ArgumentError("rollouts", problem, other="roles")
        others = _optional(validators.ROLES_TO_ASSUME, "roles", roles, reference=name_of)
        # The published names come first, and always, because a role that the app no longer has
        # stays in the accounts.
        self._role_names = dict.fromkeys(
            [
                *(published.name for published in ROLES.values()),
                *(rollout.role_name for rollout in rollouts),
                *(other.rpartition("/")[2] for other in others),
            ]
        )
        self._name = validators.ORGANIZATION_POLICY_NAME.check("policy_name", policy_name)
        super().__init__(scope, id)

    @property
    def policy_name(self) -> str:
        """The policy's name."""
        return self._name

    @property
    def policy_id(self) -> str:
        """The policy's ID, as a reference."""
        return str(self.resource.attr_id)

    def _create(
        self,
        rollouts: Sequence[Rollout],
        statements: Iterable[Mapping[str, Any]],
        targets: Iterable[str],
    ) -> None:
        others = [other for other in Stack.of(self).node.find_all() if isinstance(other, CfnPolicy)]
        check_name(
            self,
            "policy_name",
            self._name,
            lambda other: other.name if isinstance(other, CfnPolicy) else None,
            in_region=False,
        )
        content = policy_document(*statements)
        # CloudFormation sends it to AWS Organizations without white space.
        size = policy_size(content)
        if size > self._quota:
            raise ArgumentError(
                "rollouts",
                f"the policy {self._name} would have {size:,} characters without white space, at "
                f"most {self._quota:,} allowed",
            )
        self.resource = CfnPolicy(
            self,
            "Resource",
            name=self._name,
            type=self._type,
            description=self._description,
            content=content,
            # Without targets, not an empty list: that would make of what is attached later a drift.
            target_ids=[*targets] or None,
        )
        # AWS Organizations rejects changes that are made at the same time.
        earlier = (other for other in others if isinstance(other.node.scope, _ControlPolicy))
        self.node.add_dependency(*rollouts, *earlier)


class RoleProtection(_ControlPolicy):
    """A service control policy: in the member accounts, only StackSets change the roles.

    Nobody else creates, changes, or deletes the roles of the rollouts, their permissions boundary,
    StackSets' execution roles, or the stacks of the StackSets. Only the approvers also tag the
    roles, which can open a guardrail. Nobody takes an account out of the organization.

    It does not affect the management account or service-linked roles. Deploy it in the management
    account. Service control policies must be enabled in the organization.

    Source: AWS Organizations User Guide, ["Service control policies
    (SCPs)"](https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_policies_scps.html).

    Not run on AWS.
    """

    _description = "Only StackSets change Pump's roles"
    _protects = True

    @names_the_construct
    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        rollouts: Sequence[Rollout],
        targets: Sequence[str],
        approvers: Sequence[str] = (),
        boundary_managers: Sequence[str] = (),
        stack_sets: Sequence[str] = (),
        keep_in_organization: bool = True,
        roles: Sequence[PumpRole | Rollout | str] = (),
        policy_name: str = "ProtectPumpRoles",
    ) -> None:
        """Create the policy, after the rollouts and the other policies of the stack.

        :param scope: the construct that this one belongs to, in a stack of the management account.
        :param id: the construct's ID in the scope.
        :param rollouts: at least one rollout of the management account. Names, StackSets, and
            boundaries are theirs.
        :param targets: what the policy is attached to: the IDs of the root, of organizational
            units, or 12-digit account IDs, at least one. Literals, or references such as the
            ``attr_id`` of a ``CfnOrganizationalUnit``.
        :param approvers: the roles of the member accounts that may tag the rollouts' roles: names,
            with their paths (``platform/PumpApprover``). :attr:`pump_roles.ApprovalEnd.approver`
            may only remove tags. Only StackSets change these roles, too. By default, only StackSets
            tag the roles.
        :param boundary_managers: the roles of the member accounts that may change the boundary:
            names, with their paths. By default, only StackSets do.
        :param stack_sets: the names of further StackSets whose stacks are protected, such as those
            that create the boundary and the approvers. By default, only the rollouts' are.
        :param keep_in_organization: whether to deny leaving the organization and accepting
            handshakes, with which an account moves to another one. By default, both are denied.
        :param roles: as for :class:`pump_roles.EmergencyStop`. They are not protected.
        :param policy_name: 1 to 128 characters, unique in the organization. By default,
            ``ProtectPumpRoles``.
        :raises ArgumentError: a ``ValueError``, when an argument is not what it must be, a
            delegated administrator deploys a rollout, a rollout is in another account, the boundary
            of a rollout cannot be read, a role of Pump has the name of an execution role
            (``stacksets-exec-...``), an approver or a boundary manager has that or one of Pump's
            names, boundary managers have no boundary, a policy of the app has that name in the
            account, or the policy would have more than 10,240 characters, without white space.
        """
        super().__init__(scope, id, rollouts=rollouts, roles=roles, policy_name=policy_name)
        checked = validators.POLICY_TARGETS.check("targets", targets, reference=reference)
        validators.Boolean().check("keep_in_organization", keep_in_organization)
        for argument, found in (("rollouts", rollouts), ("roles", roles)):
            for role in found:
                _check_not_exempt(argument, name_of(role) or str(role))
        protected = _anywhere(rollout.role_name for rollout in rollouts)
        approving = self._customers_roles("approvers", approvers)
        managing = self._customers_roles("boundary_managers", boundary_managers)
        boundaries = _boundaries(rollouts)
        if managing and not boundaries:
            raise ArgumentError(
                "boundary_managers", "no rollout has a permissions boundary that they could manage"
            )
        further = _optional(validators.STACK_SET_NAMES, "stack_sets", stack_sets)
        stacks = dict.fromkeys([*(rollout.stack_set_name for rollout in rollouts), *further])
        statements = [
            *_on_roles(protected, approving),
            *_ON_EXECUTION_ROLES,
            _on_stacks(stacks),
            *([_on_boundaries(boundaries, managing)] if boundaries else []),
            *([_ON_MEMBERSHIP] if keep_in_organization else []),
        ]
        self._create(rollouts, statements, checked)

    def _customers_roles(self, argument: str, roles: Sequence[str]) -> list[str]:
        names = _optional(validators.ROLES_TO_ASSUME, argument, roles)
        pumps = {name.lower() for name in self._role_names}
        for name in names:
            _check_not_exempt(argument, name)
            if name.rpartition("/")[2].lower() in pumps:
                raise ArgumentError(argument, f"{name} is a role of Pump; name roles of your own")
        return [_role_arn(name) for name in names]


class EmergencyStop(_ControlPolicy):
    """A service control policy that denies Pump's roles everything, attached to nothing.

    In an incident, :attr:`command` attaches it, and Pump is stopped in all member accounts, with
    its open sessions. To have the command at hand, make it an output of the stack. Later
    deployments leave the policy attached. It does not affect the management account.

    Source: AWS Organizations User Guide, ["Service control policies
    (SCPs)"](https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_policies_scps.html).

    Not run on AWS.
    """

    _description = "Stops Pump's roles while it is attached"

    @names_the_construct
    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        rollouts: Sequence[Rollout] = (),
        roles: Sequence[PumpRole | Rollout | str] = (),
        targets: Sequence[str] = (),
        policy_name: str = "StopPump",
    ) -> None:
        """Create the policy, after the rollouts and the other policies of the stack.

        :param scope: as for :class:`pump_roles.RoleProtection`.
        :param id: the construct's ID in the scope.
        :param rollouts: as for :class:`pump_roles.RoleProtection`, but none if there are ``roles``.
        :param roles: Pump's roles in member accounts that no rollout deploys: the roles, or their
            names, with their paths. By default, only the roles of the rollouts, and those with a
            published name, ``PumpReadOnlyRole`` or ``PumpAutoPilotRole``. Each is stopped in
            whatever path.
        :param targets: what the policy is attached to, as for :class:`pump_roles.RoleProtection`.
            By default, nothing.
        :param policy_name: 1 to 128 characters, unique in the organization. By default,
            ``StopPump``.
        :raises ArgumentError: as for :class:`pump_roles.RoleProtection`.
        """
        super().__init__(scope, id, rollouts=rollouts, roles=roles, policy_name=policy_name)
        checked = _optional(validators.POLICY_TARGETS, "targets", targets)
        stop = {
            "Effect": "Deny",
            "Action": "*",
            "Resource": "*",
            "Condition": {"ArnLike": {"aws:PrincipalArn": _anywhere(self._role_names)}},
        }
        self._create(rollouts, [stop], checked)
        self.command: Final[str] = Fn.sub(stop_command("${PolicyId}"), {"PolicyId": self.policy_id})
        """The command of the AWS CLI that stops Pump in all member accounts: it attaches the policy
        to the root. It has a reference to the policy's ID."""


class TrustProtection(_ControlPolicy):
    """A resource control policy: only Pump assumes these roles, and Pump assumes only these.

    Pump's account assumes no other role of the member accounts, whatever their trust policies say,
    and the sessions of Pump's roles assume none at all. Nobody else assumes Pump's roles, and
    nobody does without an external ID.

    It does not affect roles of the management account. Resource control policies must be enabled in
    the organization.

    Source: AWS Organizations User Guide, ["Resource control policies
    (RCPs)"](https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_policies_rcps.html).

    Not run on AWS.
    """

    _type = "RESOURCE_CONTROL_POLICY"
    _description = "Only Pump assumes Pump's roles, and only these"
    _quota = 5_120

    @names_the_construct
    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        rollouts: Sequence[Rollout] = (),
        pump_account: str,
        targets: Sequence[str],
        roles: Sequence[PumpRole | Rollout | str] = (),
        policy_name: str = "PumpTrust",
    ) -> None:
        """Create the policy, after the rollouts and the other policies of the stack.

        :param scope: as for :class:`pump_roles.RoleProtection`.
        :param id: the construct's ID in the scope.
        :param rollouts: as for :class:`pump_roles.EmergencyStop`. If the principal of each, and of
            each of ``roles``, is the literal ARN of a role, only these roles of Pump's account
            assume Pump's roles; otherwise any principal of the account.
        :param pump_account: Pump's 12-digit account ID.
        :param targets: as for :class:`pump_roles.RoleProtection`.
        :param roles: as for :class:`pump_roles.EmergencyStop`. Pass the role itself if it has a
            principal of its own: a name has none. By default, Pump assumes only the roles of the
            rollouts, and those with a published name.
        :param policy_name: 1 to 128 characters, unique in the organization. By default,
            ``PumpTrust``.
        :raises ArgumentError: as for :class:`pump_roles.EmergencyStop`, but above 5,120 characters,
            or when the principal of a rollout or a role is in another account.
        """
        super().__init__(scope, id, rollouts=rollouts, roles=roles, policy_name=policy_name)
        checked = validators.POLICY_TARGETS.check("targets", targets, reference=reference)
        account = validators.ACCOUNT.check("pump_account", pump_account)
        of_pump = {"aws:PrincipalAccount": account}
        outsiders: dict[str, Any] = {"StringNotEquals": of_pump}
        if principals := _principals([*rollouts, *roles], account):
            outsiders = {"ArnNotEquals": {"aws:PrincipalArn": principals}}
        these = _anywhere(self._role_names)
        # In a session of one of these roles, the account is the customer's. Pump's own principal
        # may have the same name.
        sessions = {"ArnLike": {"aws:PrincipalArn": these}, "StringNotEquals": of_pump}
        denied = {"Effect": "Deny", "Principal": "*", "Action": "sts:AssumeRole*"}
        statements = [
            {"Sid": sid, **denied, **resources, "Condition": condition}
            for sid, resources, condition in (
                (
                    "PumpAssumesOnlyTheseRoles",
                    {"NotResource": these},
                    {"StringEquals": of_pump},
                ),
                ("TheirSessionsAssumeNoRole", {"Resource": "*"}, sessions),
                ("OnlyPumpAssumesThem", {"Resource": these}, outsiders),
                (
                    "OnlyWithAnExternalID",
                    {"Resource": these},
                    {"Null": {"sts:ExternalId": "true"}},
                ),
            )
        ]
        self._create(rollouts, statements, checked)


def stop_command(policy_id: str) -> str:
    """Return the command that attaches an emergency stop to the root."""
    return (
        f"aws organizations attach-policy --policy-id {policy_id} --target-id "
        "$(aws organizations list-roots --query 'Roots[0].Id' --output text)"
    )


def _check_rollouts(rollouts: object, account: str) -> None:
    if not isinstance(rollouts, Sequence):
        raise ArgumentError("rollouts", f"{rollouts!r} is not a list")
    # Whoever has a rollout has loaded its module.
    from pump_roles.constructs.rollouts import Rollout  # noqa: PLC0415

    for rollout in rollouts:
        if not isinstance(rollout, Rollout):
            raise ArgumentError("rollouts", f"{rollout!r} is not a rollout")
        if rollout.resource.call_as != "SELF":
            raise ArgumentError(
                "rollouts",
                f"{rollout.node.path} is for a delegated administrator; the policies must be in "
                "the management account, with its rollouts",
            )
        its = Stack.of(rollout).account
        if not is_token(its) and not is_token(account) and its != account:
            raise ArgumentError(
                "rollouts",
                f"{rollout.node.path} is in the account {its}, not in {account}; the policies must "
                "be in the management account, with its rollouts",
            )


def _check_not_exempt(argument: str, role: str) -> None:
    if role.startswith(_EXECUTION_ROLE):
        raise ArgumentError(
            argument,
            f"{role} is named as the execution roles of StackSets, which may change everything; "
            f"it must not begin with {_EXECUTION_ROLE}",
        )


def _optional(
    validator: ListOf,
    argument: str,
    values: Sequence[object],
    *,
    reference: Callable[[object], str] = reference,
) -> list[str]:
    if values in ((), []):
        return []
    return validator.check(argument, values, reference=reference)


def _role_arn(name: str) -> str:
    return f"arn:*:iam::*:role/{name}"


def _on_roles(protected: list[str], approving: list[str]) -> Iterator[dict[str, Any]]:
    both = [*protected, *approving]
    yield _deny("OnlyStackSetsChangePumpRoles", ROLE_CHANGES, both, but=[_EXECUTION_ROLES])
    for sid, actions, exempt in _tagging(approving):
        yield _deny(sid, actions, protected, but=[_EXECUTION_ROLES, *exempt])


def _tagging(approving: list[str]) -> Iterator[tuple[str, Sequence[str], list[str]]]:
    # What ends an approval must not be able to open one.
    opening = [arn for arn in approving if arn != _role_arn(APPROVAL_END)]
    if opening == approving:
        yield "OnlyApproversTagPumpRoles", _TAGGING, approving
    else:
        yield "OnlyApproversTagPumpRoles", ["iam:TagRole"], opening
        yield "OnlyApproversUntagPumpRoles", ["iam:UntagRole"], approving


def _on_stacks(stack_sets: Iterable[str]) -> dict[str, Any]:
    stacks = [f"arn:*:cloudformation:*:*:stack/StackSet-{name}-*/*" for name in stack_sets]
    sid = "OnlyStackSetsChangeTheirStacks"
    return _deny(sid, _STACK_CHANGES, stacks, but=[_EXECUTION_ROLES])


def _on_boundaries(boundaries: list[str], managing: list[str]) -> dict[str, Any]:
    exempt = [_EXECUTION_ROLES, *managing]
    return _deny("OnlyStackSetsChangeTheBoundary", _POLICY_CHANGES, boundaries, but=exempt)


def _anywhere(names: Iterable[str]) -> list[str]:
    # A name is unique in an account, whatever the path.
    return [_role_arn(f"{path}{name}") for name in names for path in ("", "*/")]


def _boundaries(rollouts: Iterable[Rollout]) -> list[str]:
    found: dict[str, None] = {}
    for rollout in rollouts:
        boundary = rollout.role_properties.get("PermissionsBoundary")
        if boundary is None:
            continue
        arn = boundary.get("Fn::Sub") if isinstance(boundary, dict) else None
        if not isinstance(arn, str):
            # One that configure_app adds can be anything.
            raise ArgumentError(
                "rollouts",
                f"the boundary of {rollout.node.path} cannot be read; pass it as "
                "permissions_boundary",
            )
        owner, _, name = arn.partition(":policy/")
        if not owner.endswith(":aws"):
            found[f"arn:*:iam::*:policy/{name}"] = None
    return [*found]


def _principals(roles: Iterable[Rollout | PumpRole | str], account: str) -> list[str]:
    """Return the roles that Pump's roles trust, all of the account; none if one is not known."""
    trusting = (role for role in roles if not isinstance(role, str))
    principals = list(dict.fromkeys(role.pump_principal for role in trusting))
    for principal in principals:
        if not is_token(principal) and validators.account_of(principal) != account:
            raise ArgumentError(
                "pump_account",
                f"{principal}, the principal of a role, is in another account than {account}; all "
                "must be in one",
            )
    return principals if all(":role/" in principal for principal in principals) else []


def _deny(
    sid: str,
    actions: str | Sequence[str],
    resources: str | Sequence[str],
    *,
    but: Sequence[str] = (),
) -> dict[str, Any]:
    lists = {
        key: value if isinstance(value, str) else [*value]
        for key, value in (("Action", actions), ("Resource", resources))
    }
    condition = {"Condition": {"ArnNotLike": {"aws:PrincipalArn": [*but]}}} if but else {}
    return {"Sid": sid, "Effect": "Deny", **lists, **condition}


_ON_EXECUTION_ROLES: Final = (
    _deny(
        "NobodyMakesOrChangesStackSetsExecutionRoles",
        sorted([*ROLE_CHANGES, *_TAGGING]),
        _EXECUTION_ROLES,
    ),
    _deny(
        "NobodyElseUsesTheExecutionRoles",
        ["iam:PassRole", "sts:AssumeRole"],
        _EXECUTION_ROLES,
        but=[_EXECUTION_ROLES],
    ),
)

_ON_MEMBERSHIP: Final = _deny(
    "NobodyLeavesTheOrganization",
    ["organizations:AcceptHandshake", "organizations:LeaveOrganization"],
    "*",
)
