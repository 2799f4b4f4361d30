"""Deploys the universal template to the accounts of an organization, with a StackSet."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, ClassVar, Final

from aws_cdk import Annotations, App, Aws, CfnParameter, CfnStackSet, LegacyStackSynthesizer, Stack
from constructs import Construct

from pump_roles import validators
from pump_roles.constructs.gate import protect
from pump_roles.constructs.roles import annotate_guardrails
from pump_roles.constructs.stacks import (
    AutoPilotStack,
    FlatStack,
    ReadOnlyStack,
    RoleStack,
    provided_or_parameters,
)
from pump_roles.constructs.trust_policy import validated_trust
from pump_roles.guardrails import documents
from pump_roles.universal import (
    EXTERNAL_ID_PARAMETER,
    NEXT_EXTERNAL_ID_PARAMETER,
    PRINCIPAL_PARAMETER,
)
from pump_roles.validators import ArgumentError, CallAs

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from aws_cdk import Environment, IPropertyInjector, IStackSynthesizer
    from aws_cdk import aws_iam as iam

    from pump_roles.guardrails import Guardrail

ConfigureApp = Callable[[App], object]
"""Configures an app before it is synthesized, for example adds cdk-nag to it."""

_TEMPLATE_BODY: Final = 51_200
_PERCENTAGE: Final = 10
"""The default of both operation preferences."""

MANAGEMENT_ACCOUNT: Final = "pump-roles:management-account"
"""The ID of the info message that a rollout is not for the management account."""

OPTIONS: Final[Mapping[str, validators.Text | validators.ListOf | validators.Integer]] = {
    "organizational_units": validators.ORGANIZATIONAL_UNITS,
    "exclude_accounts": validators.ACCOUNTS,
    "only_accounts": validators.ACCOUNTS,
    "max_concurrent_percentage": validators.MAX_CONCURRENT,
    "max_concurrent_count": validators.MAX_CONCURRENT_COUNT,
    "failure_tolerance_percentage": validators.FAILURE_TOLERANCE,
    "failure_tolerance_count": validators.FAILURE_TOLERANCE_COUNT,
    "region": validators.REGION,
    "call_as": validators.CALL_AS,
}
"""What validates each argument that only a rollout has."""

_FILTERS: Final = {"exclude_accounts": "DIFFERENCE", "only_accounts": "INTERSECTION"}


class Rollout(Construct):
    """What the rollouts have in common. It is abstract; use one of its subclasses.

    A service-managed StackSet that deploys a stack with the role to the accounts of organizational
    units. Each account gets the stack in one Region, because IAM is global. An account that joins a
    unit gets the role, and an account that leaves loses it (not with ``only_accounts``). Deploy the
    rollout in the management account, or in a delegated administrator's account.

    The synth fails if anything in the app changes the StackSet's template or parameters.

    StackSets never deploy to the management account, so deploy :class:`pump_roles.ReadOnlyStack`
    there. ``docs/organizations.md`` lists the other limits of StackSets, with their sources.
    """

    stack_class: ClassVar[type[RoleStack]]
    """The class of the stack that each account gets."""

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
        call_as: CallAs = "management",
        stack_set_name: str | None = None,
        configure_app: ConfigureApp | None = None,
        role_name: str | None = None,
        path: str | None = None,
        permissions_boundary: str | iam.IManagedPolicy | None = None,
        guardrails: Sequence[Guardrail] = (),
    ) -> None:
        """Create the rollout.

        :param scope: the construct that this one belongs to, in a stack of the management account
            or of the delegated administrator.
        :param id: the construct's ID in the scope.
        :param organizational_units: the IDs of 1 to 50 organizational units, or only of the root,
            each with everything below it. Do not list a unit and another one inside it: if you
            remove the inner one later, its accounts lose the role.
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
        :param call_as: ``management``, or ``delegated-admin`` if a delegated administrator's
            account deploys it. By default, ``management``.
        :param stack_set_name: 1 to 128 characters, unique in the account and Region. It cannot
            change later. By default, ``PumpReadOnly`` or ``PumpAutoPilot``.
        :param configure_app: called with the app that synthesizes the member template, separate
            from yours, before the synth. By default, that app has only the role's own validations.
        :param role_name: the name of the role. By default, ``PumpReadOnlyRole`` or
            ``PumpAutoPilotRole``.
        :param path: the path of the role. By default, ``/``.
        :param permissions_boundary: the name of a policy that exists in every account, with its
            path if it has one, or the ARN of an AWS managed policy. Required if the app, its stage,
            or its stack has a boundary, which does not reach the accounts (one of
            ``iam.PermissionsBoundary.of(...).apply(...)`` is not seen). By default, none.
        :param guardrails: what to deny the role, each guardrail at most once. By default, nothing.
        :raises ArgumentError: a ``ValueError``, when AWS would not accept an argument, both account
            filters are used, or a percentage and a count of one kind, another StackSet in the stack
            has that name, ``configure_app`` is not a function, or the member template is larger
            than the 51,200 bytes of a template body.
        """
        if type(self) is Rollout:
            raise TypeError("Rollout is abstract; use ReadOnlyRollout or AutoPilotRollout")
        if configure_app is not None and not callable(configure_app):
            raise ArgumentError("configure_app", f"{configure_app!r} is not a function")
        super().__init__(scope, id)
        _check_boundary(self, permissions_boundary)
        published = self.stack_class.role_class.published
        principal, external_ids = validated_trust(
            self,
            pump_principal=pump_principal,
            external_id=external_id,
            next_external_id=next_external_id,
        )
        names = (PRINCIPAL_PARAMETER, EXTERNAL_ID_PARAMETER, NEXT_EXTERNAL_ID_PARAMETER)
        parameters = dict(zip(names, (principal, *external_ids), strict=False))
        units = _checked_units(organizational_units)
        filtered = _one_of(exclude_accounts=exclude_accounts, only_accounts=only_accounts)
        concurrent = _one_of(
            max_concurrent_percentage=max_concurrent_percentage,
            max_concurrent_count=max_concurrent_count,
        )
        tolerance = _one_of(
            failure_tolerance_percentage=failure_tolerance_percentage,
            failure_tolerance_count=failure_tolerance_count,
        )
        if region is not None:
            validators.check_region("region", validators.REGION.check("region", region))
        automatic = only_accounts is None
        name = validators.STACK_SET_NAME.check(
            "stack_set_name", published.stack_name if stack_set_name is None else stack_set_name
        )
        for other in Stack.of(self).node.find_all():
            if isinstance(other, CfnStackSet) and other.stack_set_name == name:
                raise ArgumentError(
                    "stack_set_name", f"{name} is already the name of {other.node.path}"
                )
        template = _member_template(
            self.stack_class,
            configure_app,
            rotating=next_external_id is not None,
            role_name=role_name,
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
            call_as=validators.STACK_SETS_CALL_AS[validators.CALL_AS.check("call_as", call_as)],
            auto_deployment=CfnStackSet.AutoDeploymentProperty(
                enabled=automatic,
                # CloudFormation accepts it only with automatic deployment.
                retain_stacks_on_account_removal=False if automatic else None,
            ),
            managed_execution={"Active": True},
            capabilities=["CAPABILITY_NAMED_IAM"],
            operation_preferences=CfnStackSet.OperationPreferencesProperty(
                concurrency_mode="SOFT_FAILURE_TOLERANCE",
                **(concurrent or {"max_concurrent_percentage": _PERCENTAGE}),
                **(tolerance or {"failure_tolerance_percentage": _PERCENTAGE}),
            ),
            parameters=[
                CfnStackSet.ParameterProperty(parameter_key=parameter, parameter_value=value)
                for parameter, value in parameters.items()
            ],
            stack_instances_group=[
                CfnStackSet.StackInstancesProperty(
                    deployment_targets=CfnStackSet.DeploymentTargetsProperty(
                        organizational_unit_ids=units,
                        account_filter_type=next((_FILTERS[name] for name in filtered), None),
                        accounts=next(iter(filtered.values()), None),
                    ),
                    regions=[Aws.REGION if region is None else region],
                )
            ],
            template_body=template,
        )
        protect(
            self.resource,
            TemplateBody=template,
            Parameters=[
                {"ParameterKey": parameter, "ParameterValue": value}
                for parameter, value in parameters.items()
            ],
        )
        annotate_guardrails(self, guardrails, documents(guardrails, published))
        account, there = ("this account", "") if call_as == "management" else ("it", " there")
        Annotations.of(self).add_info_v2(
            MANAGEMENT_ACCOUNT,
            f"StackSets do not deploy to the management account: {account} has this role only if "
            f"a stack such as {published.stack_name} deploys it{there}",
        )


class ReadOnlyRollout(Rollout):
    """The read-only role in an organization's accounts."""

    stack_class = ReadOnlyStack


class AutoPilotRollout(Rollout):
    """The auto-pilot role in an organization's accounts."""

    stack_class = AutoPilotStack


class RolloutStack(FlatStack):
    """What the stacks with a rollout have in common. It is abstract; use one of its subclasses.

    The stack contains only the rollout. The principal and the external IDs are literals. If you
    omit the principal or the external ID, it becomes a template parameter, ``PumpIamRole`` or
    ``PumpExternalID``, whose value the stack passes to the StackSet.
    """

    rollout_class: ClassVar[type[Rollout]]
    """The class of the rollout that the stack contains."""

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        organizational_units: Sequence[str],
        pump_principal: str | None = None,
        external_id: str | None = None,
        next_external_id: str | None = None,
        exclude_accounts: Sequence[str] | None = None,
        only_accounts: Sequence[str] | None = None,
        max_concurrent_percentage: int | None = None,
        max_concurrent_count: int | None = None,
        failure_tolerance_percentage: int | None = None,
        failure_tolerance_count: int | None = None,
        region: str | None = None,
        call_as: CallAs = "management",
        stack_set_name: str | None = None,
        configure_app: ConfigureApp | None = None,
        role_name: str | None = None,
        path: str | None = None,
        permissions_boundary: str | iam.IManagedPolicy | None = None,
        guardrails: Sequence[Guardrail] = (),
        synthesizer: IStackSynthesizer | None = None,
        stack_name: str | None = None,
        description: str | None = None,
        env: Environment | None = None,
        tags: Mapping[str, str] | None = None,
        termination_protection: bool | None = None,
        notification_arns: Sequence[str] | None = None,
        cross_region_references: bool | None = None,
        property_injectors: Sequence[IPropertyInjector] | None = None,
        suppress_template_indentation: bool | None = None,
    ) -> None:
        """Create the stack.

        :param scope: the app, or a stage.
        :param id: the construct's ID.
        :param organizational_units: as for :class:`pump_roles.Rollout`.
        :param pump_principal: Pump's 12-digit account ID, or the ARN of its IAM role or account
            root. By default, the template has the parameter ``PumpIamRole``.
        :param external_id: the ID that Pump created for this customer, 2 to 1,224 characters. By
            default, the template has the parameter ``PumpExternalID``.
        :param next_external_id: as for :class:`pump_roles.Rollout`.
        :param exclude_accounts: as for :class:`pump_roles.Rollout`.
        :param only_accounts: as for :class:`pump_roles.Rollout`.
        :param max_concurrent_percentage: as for :class:`pump_roles.Rollout`.
        :param max_concurrent_count: as for :class:`pump_roles.Rollout`.
        :param failure_tolerance_percentage: as for :class:`pump_roles.Rollout`.
        :param failure_tolerance_count: as for :class:`pump_roles.Rollout`.
        :param region: as for :class:`pump_roles.Rollout`.
        :param call_as: as for :class:`pump_roles.Rollout`.
        :param stack_set_name: as for :class:`pump_roles.Rollout`.
        :param configure_app: as for :class:`pump_roles.Rollout`.
        :param role_name: as for :class:`pump_roles.Rollout`.
        :param path: as for :class:`pump_roles.Rollout`.
        :param permissions_boundary: as for :class:`pump_roles.Rollout`.
        :param guardrails: as for :class:`pump_roles.Rollout`.
        :param synthesizer: as for :class:`pump_roles.RoleStack`.
        :param stack_name: as for :class:`pump_roles.RoleStack`.
        :param description: the stack's description. By default, it says what the stack deploys.
        :param env: as for :class:`pump_roles.RoleStack`.
        :param tags: tags of the stack, which CloudFormation passes to its StackSet.
        :param termination_protection: as for :class:`pump_roles.RoleStack`.
        :param notification_arns: as for :class:`pump_roles.RoleStack`.
        :param cross_region_references: as for :class:`pump_roles.RoleStack`.
        :param property_injectors: as for :class:`pump_roles.RoleStack`.
        :param suppress_template_indentation: as for :class:`pump_roles.RoleStack`.
        :raises ArgumentError: a ``ValueError``, as the rollout's, and when AWS would not accept the
            tags.
        """
        if type(self) is RolloutStack:
            raise TypeError(
                "RolloutStack is abstract; use ReadOnlyRolloutStack or AutoPilotRolloutStack"
            )
        kind = self.rollout_class.stack_class.role_class.published.kind
        if description is None:
            description = f"Deploys Pump's {kind} role to the accounts of this organization"
        super().__init__(
            scope,
            id,
            synthesizer=synthesizer,
            stack_name=stack_name,
            description=description,
            env=env,
            tags=tags,
            termination_protection=termination_protection,
            notification_arns=notification_arns,
            cross_region_references=cross_region_references,
            property_injectors=property_injectors,
            suppress_template_indentation=suppress_template_indentation,
        )
        principal, required = provided_or_parameters(
            self, {PRINCIPAL_PARAMETER: pump_principal, EXTERNAL_ID_PARAMETER: external_id}
        )
        self.rollout = self.rollout_class(
            self,
            "Rollout",
            organizational_units=organizational_units,
            pump_principal=principal,
            external_id=required,
            next_external_id=next_external_id,
            exclude_accounts=exclude_accounts,
            only_accounts=only_accounts,
            max_concurrent_percentage=max_concurrent_percentage,
            max_concurrent_count=max_concurrent_count,
            failure_tolerance_percentage=failure_tolerance_percentage,
            failure_tolerance_count=failure_tolerance_count,
            region=region,
            call_as=call_as,
            stack_set_name=stack_set_name,
            configure_app=configure_app,
            role_name=role_name,
            path=path,
            permissions_boundary=permissions_boundary,
            guardrails=guardrails,
        )
        self.rollout.resource.override_logical_id("StackSet")


class ReadOnlyRolloutStack(RolloutStack):
    """The read-only role's rollout, in its own stack."""

    rollout_class = ReadOnlyRollout


class AutoPilotRolloutStack(RolloutStack):
    """The auto-pilot role's rollout, in its own stack."""

    rollout_class = AutoPilotRollout


ROLLOUT_STACKS: Final[Mapping[str, type[RolloutStack]]] = {
    stack.rollout_class.stack_class.role_class.published.kind: stack
    for stack in (ReadOnlyRolloutStack, AutoPilotRolloutStack)
}
"""The stack with each role's rollout by the role's kind. Its rollout has the stack of the role."""


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
    if boundary is not None:
        # A policy of this app does not exist in the accounts.
        validators.PERMISSIONS_BOUNDARY.check("permissions_boundary", boundary)


def _checked_units(organizational_units: Sequence[str]) -> list[str]:
    units = validators.ORGANIZATIONAL_UNITS.check("organizational_units", organizational_units)
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
    return {name: OPTIONS[name].check(name, value) for name, value in passed.items()}


def _member_template(
    stack_class: type[RoleStack], configure_app: ConfigureApp | None, **arguments: Any
) -> str:
    # In a separate app, so that no tag, aspect, or token of the outer app reaches it, and it is not
    # a stack of the outer app.
    name = stack_class.role_class.published.stack_name
    with TemporaryDirectory() as folder:
        # Synthesized only here, and without files that nothing reads.
        app = App(outdir=folder, analytics_reporting=False, auto_synth=False, tree_metadata=False)
        # The CDK CLI passes its context to every app in the process. One of its keys replaces the
        # boundary of every role.
        for key in app.node.get_all_context():
            app.node.set_context(key, None)
        # The accounts need not be bootstrapped.
        stack_class(app, name, synthesizer=LegacyStackSynthesizer(), **arguments)
        if configure_app is not None:
            configure_app(app)
        app.synth()
        template = (Path(folder) / f"{name}.template.json").read_text(encoding="utf-8")
    if (size := len(template.encode())) > _TEMPLATE_BODY:
        raise ArgumentError(
            "template",
            f"the member template would have {size:,} bytes, at most {_TEMPLATE_BODY:,} allowed",
        )
    return template
