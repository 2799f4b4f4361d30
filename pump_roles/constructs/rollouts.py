"""Deploys the ready template, or yours, to the accounts of an organization, with a StackSet."""

from __future__ import annotations

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, ClassVar, Final

from aws_cdk import (
    Annotations,
    App,
    Aws,
    CfnParameter,
    CfnStackSet,
    LegacyStackSynthesizer,
    Stack,
    Token,
)
from constructs import Construct

from pump_roles.constructs.gate import check_at_synth
from pump_roles.constructs.roles import (
    AutoPilotRole,
    PumpRole,
    ReadOnlyRole,
    RoleSource,
    in_place,
    property_of,
    reference,
    validated_trust,
    warn_if_expired,
)
from pump_roles.constructs.stacks import FlatStack, add_role, check_name, description_of
from pump_roles.guardrails.guardrail_documents import documents
from pump_roles.inputs import validators
from pump_roles.inputs.validators import ArgumentError, names_the_construct
from pump_roles.published import (
    EXTERNAL_ID_PARAMETER,
    NEXT_EXTERNAL_ID_PARAMETER,
    PRINCIPAL_PARAMETER,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

    from pump_roles.guardrails import Guardrail

_TEMPLATE_BODY: Final = 51_200
_PERCENTAGE: Final = 10
"""The default of both operation preferences."""

MANAGEMENT_ACCOUNT: Final = "pump-roles:management-account"
"""The ID of the info message that a rollout is not for the management account."""

_ALTERNATIVES: Final[Mapping[str, validators.ListOf | validators.Integer]] = {
    "exclude_accounts": validators.ACCOUNTS,
    "only_accounts": validators.ACCOUNTS,
    "max_concurrent_percentage": validators.MAX_CONCURRENT,
    "max_concurrent_count": validators.MAX_CONCURRENT_COUNT,
    "failure_tolerance_percentage": validators.FAILURE_TOLERANCE,
    "failure_tolerance_count": validators.FAILURE_TOLERANCE_COUNT,
}
"""What validates each argument that cannot be combined with another one."""

_PARAMETERS: Final = (PRINCIPAL_PARAMETER, EXTERNAL_ID_PARAMETER, NEXT_EXTERNAL_ID_PARAMETER)
_FILTERS: Final = {"exclude_accounts": "DIFFERENCE", "only_accounts": "INTERSECTION"}


class Rollout(Construct, RoleSource):
    """What the rollouts have in common. It is abstract; use one of its subclasses.

    A service-managed StackSet that deploys a stack with the role to the accounts of organizational
    units. Each account gets the stack in one Region, because IAM is global. An account that joins a
    unit gets the role, and an account that leaves loses it (not with ``only_accounts``). Deploy the
    rollout in the management account, or in a delegated administrator's account.

    The synth fails if anything in the app changes the StackSet's template or parameters.

    StackSets never deploy to the management account, so deploy :class:`pump_roles.ReadOnlyStack`
    there. ``docs/stacksets-reference.md`` lists the other limits of StackSets, with their sources.

    The resource's type is
    ["AWS::CloudFormation::StackSet"](https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-cloudformation-stackset.html).
    """

    role_class: ClassVar[type[PumpRole]]
    """The class of the role that each account gets."""

    @names_the_construct
    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        organizational_units: Sequence[str],
        pump_principal: str | CfnParameter,
        external_id: str | CfnParameter,
        next_external_id: str | CfnParameter | None = None,
        exclude_accounts: Sequence[str] | None = None,
        only_accounts: Sequence[str] | None = None,
        max_concurrent_percentage: int | None = None,
        max_concurrent_count: int | None = None,
        failure_tolerance_percentage: int | None = None,
        failure_tolerance_count: int | None = None,
        region: str | None = None,
        depends_on: Sequence[Rollout | str] = (),
        delegated_admin: bool = False,
        stack_set_name: str | None = None,
        configure_app: Callable[[App], object] | None = None,
        role_name: str | None = None,
        path: str | None = None,
        permissions_boundary: str | None = None,
        guardrails: Sequence[Guardrail] | None = (),
    ) -> None:
        """Create the rollout.

        :param scope: the construct that this one belongs to, in a stack of the management account
            or of the delegated administrator.
        :param id: the construct's ID in the scope.
        :param organizational_units: the IDs of 1 to 50 organizational units, or only of the root,
            each with everything below it. Literals, or references such as the ``attr_id`` of a
            ``CfnOrganizationalUnit``; or the ``value_as_list`` of a ``CfnParameter``. Do not list a
            unit and another one inside it: if you remove the inner one later, its accounts lose the
            role.
        :param pump_principal: Pump's 12-digit account ID, or the ARN of its IAM role or account
            root. A literal, or a ``CfnParameter`` of the same stack. It becomes a parameter of the
            StackSet.
        :param external_id: the ID that Pump created for this customer, 2 to 1,224 characters. A
            literal or a ``CfnParameter``, as above.
        :param next_external_id: a new external ID, also accepted during rotation. By default, only
            ``external_id`` is accepted.
        :param exclude_accounts: the 12-digit IDs of at most 1,000 accounts in the units that do not
            get the role. By default, all accounts get it. Cannot be combined with
            ``only_accounts``.
        :param only_accounts: the 12-digit IDs of at most 1,000 accounts in the units. No other
            account gets the role. This also turns off automatic deployment, so an account that
            leaves keeps the role. By default, all accounts get the role.
        :param max_concurrent_percentage: the percentage of the accounts that an operation works in
            at one time, 1 to 100, rounded down, but at least one account. By default, 10.
        :param max_concurrent_count: instead of the percentage, the number of accounts that an
            operation works in at one time, at least 1. By default, the percentage counts.
        :param failure_tolerance_percentage: the percentage of the accounts in which an operation
            may fail and still succeed, 0 to 100, rounded down. If it fails in more, it stops, and
            CloudFormation rolls back the deployment in every account. By default, 10, which rounds
            down to 0 for fewer than 10 accounts. The concurrency does not depend on it.
        :param failure_tolerance_count: instead of the percentage, the number of accounts in which
            an operation may fail and still succeed, at least 0. By default, the percentage counts.
        :param region: the Region of the stacks in the accounts, such as ``us-east-1``. If it
            changes later, each account loses the role, and then gets it again. By default, the
            Region that the rollout is deployed to.
        :param depends_on: at most 10 other rollouts, or ARNs of StackSets, without duplicates. In
            an account that joins a unit, StackSets deploys them before this one. Rollouts of this
            app are also deployed first. An ARN is a literal or a reference. For a delegated
            administrator, whose StackSets are in the management account, and for a rollout in
            another account or Region, only ARNs. By default, none. Neither this rollout nor one
            that it waits for can have ``only_accounts``.
        :param delegated_admin: whether a delegated administrator's account deploys it. By default,
            the management account does.
        :param stack_set_name: 1 to 128 characters, unique in the account and Region. It cannot
            change later. By default, ``PumpReadOnly`` or ``PumpAutoPilot``.
        :param configure_app: called with the app that synthesizes the StackSet's template,
            separate from yours, before the synth. By default, that app has only the role's own
            validations.
        :param role_name: the name of the role. By default, ``PumpReadOnlyRole`` or
            ``PumpAutoPilotRole``.
        :param path: the path of the role. By default, ``/``.
        :param permissions_boundary: the name of a policy that exists in every account, with its
            path if it has one, or the ARN of an AWS managed policy. Required if the app, its stage,
            or its stack has a boundary, which does not reach the accounts (one of
            ``iam.PermissionsBoundary.of(...).apply(...)`` is not seen). By default, none.
        :param guardrails: what to deny the role, each guardrail at most once. By default, nothing.
        :raises ArgumentError: a ``ValueError``, when AWS would not accept an argument, both account
            filters are used, or a percentage and a count of one kind, another StackSet of the app
            has that name in the account and Region, ``configure_app`` is not a function or fails,
            or the StackSet's template fails its validation or is larger than the 51,200 bytes of a
            template body.
        """
        if type(self) is Rollout:
            raise TypeError("Rollout is abstract; use ReadOnlyRollout or AutoPilotRollout")
        if configure_app is not None and not callable(configure_app):
            raise ArgumentError("configure_app", f"{configure_app!r} is not a function")
        super().__init__(scope, id)
        _check_boundary(self, permissions_boundary)
        published = self.role_class.published
        self._role_name = published.name if role_name is None else role_name
        validators.Boolean().check("delegated_admin", delegated_admin)
        self._principal, external_ids = validated_trust(
            self,
            pump_principal=pump_principal,
            external_id=external_id,
            next_external_id=next_external_id,
        )
        parameters = dict(zip(_PARAMETERS, (self._principal, *external_ids), strict=False))
        units = _checked_units(organizational_units)
        first = _checked_dependencies(self, depends_on, delegated_admin=delegated_admin)
        if first and only_accounts is not None:
            raise ArgumentError(
                "depends_on", "cannot be combined with {other}", other="only_accounts"
            )
        filtered = _one_of(exclude_accounts=exclude_accounts, only_accounts=only_accounts)
        preferences = _operation_preferences(
            max_concurrent_percentage=max_concurrent_percentage,
            max_concurrent_count=max_concurrent_count,
            failure_tolerance_percentage=failure_tolerance_percentage,
            failure_tolerance_count=failure_tolerance_count,
        )
        instances = _instances(units, filtered, region)
        self._automatic = only_accounts is None
        name = self._checked_name(stack_set_name)
        template, self._role_properties = _member_template(
            self.role_class,
            parameters,
            configure_app,
            role_name=self._role_name,
            path=path,
            permissions_boundary=permissions_boundary,
            guardrails=guardrails,
        )
        self.resource: Final = CfnStackSet(
            self,
            "Resource",
            stack_set_name=name,
            description=f"Pump's {published.kind} role in the accounts of this organization",
            permission_model="SERVICE_MANAGED",
            call_as="DELEGATED_ADMIN" if delegated_admin else "SELF",
            auto_deployment=_auto_deployment(first, enabled=self._automatic),
            managed_execution={"Active": True},
            capabilities=["CAPABILITY_NAMED_IAM"],
            operation_preferences=preferences,
            parameters=[
                CfnStackSet.ParameterProperty(parameter_key=parameter, parameter_value=value)
                for parameter, value in parameters.items()
            ],
            stack_instances_group=[instances],
            template_body=template,
        )
        """The underlying resource. The synth fails if the app changes its template."""
        check_at_synth(
            self.resource,
            scope,
            TemplateBody=template,
            Parameters=[
                {"ParameterKey": parameter, "ParameterValue": value}
                for parameter, value in parameters.items()
            ],
        )
        self.node.add_dependency(*(each for each in depends_on if isinstance(each, Rollout)))
        self._guardrails = tuple(documents(guardrails, published))
        warn_if_expired(self, self._guardrails)
        self._note_management_account(delegated_admin=delegated_admin)

    def _checked_name(self, stack_set_name: str | None) -> str:
        name = validators.STACK_SET_NAME.check(
            "stack_set_name",
            self.role_class.published.stack_name if stack_set_name is None else stack_set_name,
        )
        check_name(
            self,
            "stack_set_name",
            name,
            lambda other: other.stack_set_name if isinstance(other, CfnStackSet) else None,
        )
        return name

    def _note_management_account(self, *, delegated_admin: bool) -> None:
        account, there = ("it", " there") if delegated_admin else ("this account", "")
        Annotations.of(self).add_info_v2(
            MANAGEMENT_ACCOUNT,
            f"StackSets do not deploy to the management account: {account} has this role only if "
            f"a stack such as {self.role_class.published.stack_name} deploys it{there}",
        )

    @property
    def role_name(self) -> str:
        """The name of the role in the accounts."""
        return self._role_name

    @property
    def name_with_path(self) -> str:
        """The name of the role in the accounts, with its path if it has one."""
        return f"{self.role_properties.get('Path', '/')}{self.role_name}"[1:]

    @property
    def guardrails(self) -> Collection[Guardrail]:
        """What is denied to the role; a set of guardrails is its members."""
        return self._guardrails

    @property
    def role_properties(self) -> Mapping[str, Any]:
        """The properties of the role in the StackSet's template."""
        return self._role_properties

    @property
    def pump_principal(self) -> str:
        """Pump's account ID or ARN: a literal, or a reference to the parameter."""
        return self._principal

    @property
    def stack_set_name(self) -> str:
        """The StackSet's name."""
        return str(self.resource.stack_set_name)

    @property
    def stack_set_arn(self) -> str:
        """The StackSet's ARN, as a reference. Not for a delegated administrator.

        The synth fails if a stack in another account or Region uses it, because AWS generates the
        end of the ARN. Pass a literal there.

        :raises ValueError: for a delegated administrator, whose StackSets are in the management
            account, which the synth does not know.
        """
        if self.resource.call_as != "SELF":
            raise ValueError(f"{self.node.path}: the account of its StackSet is not known")
        arn = Stack.of(self).format_arn(
            service="cloudformation",
            resource="stackset",
            resource_name=self.resource.attr_stack_set_id,
        )
        return in_place(self, arn)


class ReadOnlyRollout(Rollout):
    """The read-only role in an organization's accounts, with one resource.

    Its type is
    ["AWS::CloudFormation::StackSet"](https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-cloudformation-stackset.html).

    Not run on AWS.
    """

    role_class = ReadOnlyRole


class AutoPilotRollout(Rollout):
    """The auto-pilot role in an organization's accounts, with one resource.

    Its type is
    ["AWS::CloudFormation::StackSet"](https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-cloudformation-stackset.html).

    Not run on AWS.
    """

    role_class = AutoPilotRole


def _check_boundary(scope: Construct, boundary: object) -> None:
    # Stages and stacks with a boundary set this key, too.
    setting = scope.node.try_get_context("@aws-cdk/core:permissionsBoundary")
    named = setting if isinstance(setting, dict) else {}
    app = named.get("name") or named.get("arn")
    if boundary is None and app:
        raise ArgumentError(
            "permissions_boundary",
            f"the app's boundary {app} does not reach the accounts of a rollout; pass the name of "
            "a policy that exists in each of them",
        )
    if property_of(boundary, "managed_policy_arn"):
        raise ArgumentError(
            "permissions_boundary",
            "an iam.IManagedPolicy can be a policy of one account; pass the name of a policy that "
            "exists in each account of the rollout, or the ARN of an AWS managed policy",
        )
    if boundary is not None:
        validators.PERMISSIONS_BOUNDARY.check("permissions_boundary", boundary)


def _checked_dependencies(
    scope: Construct, depends_on: Sequence[Rollout | str], *, delegated_admin: bool
) -> list[str]:
    seen: set[str] = set()

    def arn(other: object) -> str:
        if not isinstance(other, Rollout):
            return reference(other)
        if other.node.path in seen:
            raise ArgumentError("depends_on", f"{other.node.path} is listed twice")
        seen.add(other.node.path)
        if not other._automatic:  # noqa: SLF001
            raise ArgumentError(
                "depends_on", f"{other.node.path} has only_accounts, so nothing can wait for it"
            )
        here, there = Stack.of(scope), Stack.of(other)
        why = ""
        if delegated_admin:
            why = "with delegated_admin, StackSets are in the management account"
        elif (here.account, here.region) != (there.account, there.region):
            # A reference would make CDK add resources to both stacks.
            why = "it is in another account or Region"
        if why:
            raise ArgumentError(
                "depends_on", f"{other.node.path} must be the ARN of its StackSet, because {why}"
            )
        return other.stack_set_arn

    if depends_on in ((), []):
        return []
    return validators.STACK_SET_ARNS.check("depends_on", depends_on, reference=arn)


def _checked_units(organizational_units: Sequence[str]) -> list[str]:
    if isinstance(organizational_units, list) and Token.is_unresolved(organizational_units):
        return organizational_units
    units = validators.ORGANIZATIONAL_UNITS.check(
        "organizational_units", organizational_units, reference=reference
    )
    if len(units) > 1 and (roots := [unit for unit in units if unit.startswith("r-")]):
        # CloudFormation would delete the instances of the others once they are no longer listed.
        raise ArgumentError(
            "organizational_units", f"{roots[0]} is the root, which includes the other units"
        )
    return units


def _one_of(**alternatives: Any) -> dict[str, Any]:
    # The argument that is passed, if one is.
    passed = {name: value for name, value in alternatives.items() if value is not None}
    if len(passed) > 1:
        other, name = passed
        raise ArgumentError(name, "cannot be combined with {other}", other=other)
    return {name: _ALTERNATIVES[name].check(name, value) for name, value in passed.items()}


def _operation_preferences(**arguments: int | None) -> CfnStackSet.OperationPreferencesProperty:
    preferences: dict[str, Any] = {}
    for kind in ("max_concurrent", "failure_tolerance"):
        passed = {name: value for name, value in arguments.items() if name.startswith(kind)}
        preferences |= _one_of(**passed) or {f"{kind}_percentage": _PERCENTAGE}
    return CfnStackSet.OperationPreferencesProperty(
        concurrency_mode="SOFT_FAILURE_TOLERANCE", **preferences
    )


def _instances(
    units: list[str], filtered: Mapping[str, list[str]], region: str | None
) -> CfnStackSet.StackInstancesProperty:
    if region is not None:
        validators.check_region("region", validators.REGION.check("region", region))
    return CfnStackSet.StackInstancesProperty(
        deployment_targets=CfnStackSet.DeploymentTargetsProperty(
            organizational_unit_ids=units,
            account_filter_type=next((_FILTERS[name] for name in filtered), None),
            accounts=next(iter(filtered.values()), None),
        ),
        regions=[Aws.REGION if region is None else region],
    )


def _auto_deployment(first: list[str], *, enabled: bool) -> CfnStackSet.AutoDeploymentProperty:
    return CfnStackSet.AutoDeploymentProperty(
        enabled=enabled,
        # CloudFormation accepts it only with automatic deployment.
        retain_stacks_on_account_removal=False if enabled else None,
        depends_on=first or None,
    )


def _member_template(
    role_class: type[PumpRole],
    parameters: Iterable[str],
    configure_app: Callable[[App], object] | None,
    **arguments: Any,
) -> tuple[str, Mapping[str, Any]]:
    # Also returns the properties of its role. In a separate app, so that no tag, aspect, or token
    # of the outer app reaches it, and it is not a stack of the outer app.
    name = role_class.published.stack_name
    with TemporaryDirectory() as folder:
        # Synthesized only here, and without files that nothing reads.
        app = App(outdir=folder, analytics_reporting=False, auto_synth=False, tree_metadata=False)
        # The CDK CLI passes its context to every app in the process. One of its keys replaces the
        # boundary of every role.
        for key in app.node.get_all_context():
            app.node.set_context(key, None)
        # So that a failed validation always raises, with what it found.
        app.node.set_context("@aws-cdk/core:appMode", "inmemory")
        stack = FlatStack(
            app,
            name,
            description=description_of(role_class),
            # The accounts need not be bootstrapped.
            synthesizer=LegacyStackSynthesizer(),
        )
        role = add_role(stack, role_class, dict.fromkeys(parameters), **arguments)
        try:
            if configure_app is not None:
                configure_app(app)
            app.synth()
        except Exception as error:  # noqa: BLE001 - whatever the user's function raises
            # The CDK says where its report is, but that folder is gone.
            found, reported, _ = str(error).partition("A copy of this report can be found in")
            raise ArgumentError(
                "configure_app",
                f"the synth of the StackSet's template failed: {type(error).__name__}: "
                f"{found.strip()}",
            ) from (None if reported else error)
        template = (Path(folder) / f"{name}.template.json").read_text(encoding="utf-8")
    if (size := len(template.encode())) > _TEMPLATE_BODY:
        raise ArgumentError(
            "template",
            f"the StackSet's template would have {size:,} bytes, at most {_TEMPLATE_BODY:,} "
            "allowed",
        )
    resources = json.loads(template)["Resources"]
    return template, resources[stack.resolve(role.resource.logical_id)]["Properties"]
