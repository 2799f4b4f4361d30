"""The constructs for Pump's roles."""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timezone
from functools import cache
from typing import Any, ClassVar, Final

import jsii
from aws_cdk import (
    Annotations,
    CfnParameter,
    Fn,
    IResolveContext,
    IStringProducer,
    Lazy,
    Reference,
    Resource,
    SecretValue,
    Stack,
    Token,
    Tokenization,
)
from aws_cdk import aws_iam as iam
from aws_cdk.interfaces.aws_iam import RoleReference
from constructs import Construct, DependencyGroup

from pump_roles.constructs import acknowledge
from pump_roles.constructs.gate import check_at_synth, check_attachments
from pump_roles.guardrails import Guardrail
from pump_roles.guardrails.guardrail_documents import documents, made_redundant
from pump_roles.inputs import validators
from pump_roles.inputs.validators import (
    ArgumentError,
    Text,
    is_token,
    names_the_construct,
    policy_size,
    warning_if_short,
)
from pump_roles.published import (
    FINDINGS,
    REASONS,
    RESOURCE_REASONS,
    ROLES,
    PublishedPolicy,
    PublishedRole,
    trust_policy,
)

_INLINE_QUOTA: Final = 10_240
_TRUST_QUOTA: Final = 2_048

_ABSTRACT: Final = "PumpRole is abstract; use ReadOnlyRole or AutoPilotRole"

ROLE_CHANGES: Final = (
    "iam:AttachRolePolicy",
    "iam:CreateRole",
    "iam:DeleteRole*",
    "iam:DetachRolePolicy",
    "iam:PutRole*",
    "iam:UpdateAssumeRolePolicy",
    "iam:UpdateRole*",
)
"""What only StackSets may do with protected roles, and what the alarm looks for."""


class RoleSource:
    """What deploys one of Pump's roles: the role itself, or a rollout."""

    @property
    def name_with_path(self) -> str:
        """The role's literal name, with its path if it has one (``pump/PumpAutoPilotRole``)."""
        raise NotImplementedError


@jsii.implements(iam.IRole)
class _UnchangedRole(Resource):
    # What one of Pump's roles is for other constructs, whichever app deploys it.
    @property
    def role_arn(self) -> str:
        raise NotImplementedError

    @property
    def role_name(self) -> str:
        raise NotImplementedError

    def add_managed_policy(self, policy: iam.IManagedPolicy) -> None:
        raise NotImplementedError

    @property
    def role_ref(self) -> RoleReference:
        """The role, as the CDK's own constructs refer to one."""
        return RoleReference(role_arn=self.role_arn, role_name=self.role_name)

    @property
    def grant_principal(self) -> iam.IPrincipal:
        """The role itself, as the grantee of other constructs."""
        return self

    @property
    def assume_role_action(self) -> str:
        """The action with which a principal assumes the role."""
        return "sts:AssumeRole"

    @property
    def policy_fragment(self) -> iam.PrincipalPolicyFragment:
        """The role as a principal in the policy of another resource."""
        return iam.ArnPrincipal(self.role_arn).policy_fragment

    @property
    def principal_account(self) -> str | None:
        """The account of the role's stack."""
        return self.stack.account

    def add_to_principal_policy(
        self, statement: iam.PolicyStatement
    ) -> iam.AddToPrincipalPolicyResult:
        """Add no statement, and warn at synth."""
        dropped = ", ".join(statement.actions) or "a statement"
        if statement.effect == iam.Effect.DENY:
            Annotations.of(self).add_warning_v2(
                "pump-roles:deny-dropped",
                f"the deny is not in force, because the role's policies stay as published: "
                f"{dropped}; use a guardrail, or iam.Policy(..., roles=[role])",
            )
            return _added()
        Annotations.of(self).add_warning_v2(
            "pump-roles:grant-dropped",
            f"nothing was added to the role's policies, which stay as published: {dropped}; if the "
            "resource is in another account, or is a key that is in another Region or encrypts a "
            "secret, its policy can now allow this to the role: pump-roles report lists each "
            "policy that names the role",
        )
        return _added()

    def attach_inline_policy(self, policy: iam.Policy) -> None:
        """Attach an inline policy. The synth fails unless it certainly only denies."""
        # It calls this method in turn, unless it has the role already.
        policy.attach_to_role(self)

    def grant(self, grantee: iam.IPrincipal, *actions: str) -> iam.Grant:
        """Allow a principal actions on this role."""
        return iam.Grant.add_to_principal(
            grantee=grantee, actions=[*actions], resource_arns=[self.role_arn]
        )

    def grant_pass_role(self, grantee: iam.IPrincipal) -> iam.Grant:
        """Allow a principal to pass this role."""
        return self.grant(grantee, "iam:PassRole")

    def grant_assume_role(self, grantee: iam.IPrincipal) -> iam.Grant:
        """Allow a principal to assume this role.

        :raises ArgumentError: a ``ValueError``, if the principal is a service or an account, which
            has no policies.
        """
        if isinstance(grantee, (iam.ServicePrincipal, iam.AccountPrincipal)):
            raise ArgumentError(
                "grantee",
                "a service or account has no policy that could allow it, and the role's trust "
                "policy stays as published",
            )
        return self.grant(grantee, "sts:AssumeRole")


class PumpRole(_UnchangedRole, RoleSource):
    """What the roles have in common. It is abstract; use one of its subclasses.

    The role has the published policies. Only Pump's principal can assume it, and only with the
    customer's external ID. A session lasts at most 1 hour, the default and lowest maximum in IAM.

    The synth fails if anything in the app changes the role's trust policy, policies, session
    duration, name, or path, removes its boundary, or attaches a policy to it that does not
    certainly only deny.

    Other constructs can use it as any role. Its permissions cannot be widened, so a grant such as
    ``bucket.grant_read(pump)`` adds no permission to the role, and the synth warns
    (``pump-roles:grant-dropped``). But if the resource is in another account, or is a key that is
    in another Region or encrypts a secret, the CDK can write the grant into the resource's policy.
    As with an immutable role of the CDK, ``assert_success()`` passes.

    Sources: Pump's document "Cross Account Role"; IAM User Guide, ["Access to AWS accounts owned by
    third parties"](https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_common-scenarios_third-party.html).
    """

    published: ClassVar[PublishedRole]
    """The role as Pump publishes it."""

    @names_the_construct
    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        pump_principal: str | CfnParameter,
        external_id: str | CfnParameter,
        next_external_id: str | CfnParameter | None = None,
        role_name: str | None = None,
        path: str | None = None,
        permissions_boundary: str | iam.IManagedPolicy | None = None,
        guardrails: Sequence[Guardrail] | None = (),
    ) -> None:
        """Create the role.

        :param scope: the construct that this one belongs to.
        :param id: the construct's ID in the scope.
        :param pump_principal: Pump's 12-digit account ID, or the ARN of its IAM role or account
            root, which Pump gives you. A literal, or a ``CfnParameter`` of the same stack, or its
            ``value_as_string``. A parameter without an allowed pattern gets the one that its value
            must match.
        :param external_id: the ID that Pump created for this customer, 2 to 1,224 characters. A
            literal or a ``CfnParameter``, as above. The synth warns about a literal of fewer than
            16.
        :param next_external_id: a new external ID, also accepted during rotation. By default, only
            ``external_id`` is accepted.
        :param role_name: 1 to 64 characters, unique in the account, ignoring case. By default,
            ``PumpReadOnlyRole`` or ``PumpAutoPilotRole``.
        :param path: ``/`` or ``/.../``, 1 to 512 characters. By default, ``/``. To change the path
            of a deployed role, change ``role_name`` too: CloudFormation cannot replace a role with
            one of the same name.
        :param permissions_boundary: the name of a managed policy of the account that the role is
            deployed to, with its path if it has one (``platform/Boundary``), the ARN of an AWS
            managed policy, or an ``iam.IManagedPolicy``, which is created before the role if it is
            in the same stack. If the app gives its roles a boundary too, it must be the same
            policy. By default, the role has no boundary, except that of the app.
        :param guardrails: what to deny the role, each :class:`Guardrail` at most once. By default,
            the role has none.
        :raises ArgumentError: a ``ValueError``, when AWS would not accept an argument, the
            principal cannot exist, a literal is a placeholder of the documentation, another of
            Pump's roles in the stack has that name, a guardrail would have no effect on this role,
            or the guardrails make the inline policies longer than IAM's 10,240 characters (not
            counting white space).
        """
        if type(self) is PumpRole:
            raise TypeError(_ABSTRACT)
        if role_name is None:
            role_name = self.published.name
        super().__init__(scope, id)
        self._arn = ""
        self._name = validators.ROLE_NAME.check("role_name", role_name)
        self._path = None if path is None else validators.ROLE_PATH.check("path", path)
        boundary = _boundary_arn(permissions_boundary, scope)
        named = isinstance(permissions_boundary, str)
        principal, external_ids = validated_trust(
            self,
            pump_principal=pump_principal,
            external_id=external_id,
            next_external_id=next_external_id,
        )
        self._principal = principal
        trusting = trust_policy(principal, external_ids)
        published = {policy.name: policy.document for policy in self.published.policies}
        denies = documents(guardrails, self.published)
        self._guardrails = tuple(denies)
        warn_if_expired(self, denies)
        denied = _within_quota(denies, self.published, guardrails)
        # The L1 with the raw documents, because what is deployed must be what is published. The L2
        # merges and reorders statements under @aws-cdk/aws-iam:minimizePolicies.
        self.resource: Final = iam.CfnRole(
            self,
            "Resource",
            role_name=role_name,
            description=self.published.description,
            path=self._path,
            permissions_boundary=Fn.sub(boundary) if boundary and named else boundary,
            assume_role_policy_document=trusting,
            policies=[
                *_published(self.published.policies),
                *(
                    iam.CfnRole.PolicyProperty(policy_name=name, policy_document=document)
                    for name, document in denied.items()
                ),
            ],
        )
        """The underlying resource. The synth fails if the app widens it."""
        check_at_synth(
            self.resource,
            scope,
            RoleName=role_name,
            Path=self._path,
            PermissionsBoundary={"Fn::Sub": boundary} if named else boundary,
            AssumeRolePolicyDocument=trusting,
            Policies=[
                {"PolicyName": name, "PolicyDocument": document}
                for name, document in {**published, **denied}.items()
            ],
        )

    @classmethod
    def from_role_name(cls, scope: Construct, id: str, name: str | None = None) -> iam.IRole:
        """Return the role that another app deploys to the account of this stack.

        Other constructs can use it as any role. As with a role of this app, a grant adds no
        permission to it, and the synth warns; and the synth fails if the app attaches a policy to
        it that does not certainly only deny. ``iam.Role.from_role_name`` does neither.

        :param scope: the construct that this one belongs to.
        :param id: the construct's ID in the scope.
        :param name: the role's name, with its path if it has one (``pump/PumpAutoPilotRole``). By
            default, ``PumpReadOnlyRole`` or ``PumpAutoPilotRole``.
        :raises ArgumentError: a ``ValueError``, if the name is not such a literal.
        """
        if cls is PumpRole:
            raise TypeError(_ABSTRACT)
        return _RoleOfAnotherApp(scope, id, cls.published.name if name is None else name)

    # The same text each time: CDK compares the ARNs of roles to attach a policy once. It would not
    # see a ``cached_property``, because jsii only registers data descriptors.
    @property
    def role_arn(self) -> str:
        """The role's ARN: a reference, or in another account or Region, a literal.

        If the role's stack does not say its account, only another such stack can use the ARN: the
        literal has the account that this one is deployed to.
        """
        if not self._arn:
            literal = self.stack.format_arn(
                service="iam",
                region="",
                resource="role",
                resource_name=self.name_with_path,
            )
            self._arn = in_place(self, self.resource.attr_arn, literal, has_account=True)
        return self._arn

    @property
    def role_name(self) -> str:
        """The role's name: a reference, or in another account or Region, a literal."""
        return in_place(self, self.resource.ref, self._name)

    @property
    def name_with_path(self) -> str:
        """The role's literal name, with its path if it has one (``pump/PumpAutoPilotRole``)."""
        return f"{(self._path or '/')[1:]}{self._name}"

    @property
    def guardrails(self) -> Collection[Guardrail]:
        """What is denied to the role; a set of guardrails is its members."""
        return self._guardrails

    @property
    def pump_principal(self) -> str:
        """Pump's account ID or ARN: a literal, or a reference to the parameter."""
        return self._principal

    def add_managed_policy(self, policy: iam.IManagedPolicy) -> None:
        """Attach a managed policy. The synth fails unless it certainly only denies."""
        listed = self.resource.managed_policy_arns or []
        if policy.managed_policy_arn not in listed:
            self.resource.managed_policy_arns = [*listed, policy.managed_policy_arn]

    def acknowledge_cdk_nag(self) -> None:
        """Acknowledge cdk-nag's findings about the published policies, with the reasons.

        AwsSolutions reports a finding, AwsSolutions-IAM5, for each wildcard in the policies. The
        packs for HIPAA, NIST 800-53, and PCI DSS report that the policies are inline
        (``IAMNoInlinePolicy``), and those that allow all actions of a service
        (``IAMPolicyNoStatementsWithFullAccess``). This acknowledges exactly those, one by one, on
        the role's resource. Without this call they remain findings, because the owner of the app
        decides whether they are acceptable.

        Requires cdk-nag 3 or later, because earlier versions do not read acknowledgments.
        """
        acknowledge(self.resource, "inline-policies", _wildcards(self.published.policies))


def in_place(
    construct: Construct, reference: str, literal: str = "", *, has_account: bool = False
) -> str:
    """Return a reference to a construct that is the literal in another account or Region.

    The synth fails there if there is no literal, or if it has an account that is not known.
    """
    return Lazy.uncached_string(_InPlace(construct, reference, literal, has_account))


@jsii.implements(IStringProducer)
class _InPlace:
    # A reference would make CDK add custom resources, roles, and outputs to both stacks: which
    # ones depends on its feature flags, and on what is known about the stacks.
    def __init__(self, of: Construct, reference: str, literal: str, has_account: bool) -> None:  # noqa: FBT001
        self._of, self._reference, self._literal = of, reference, literal
        self._has_account = has_account

    def produce(self, context: IResolveContext) -> str:
        here, there = Stack.of(context.scope), Stack.of(self._of)
        # Each attribute is a call into the CDK.
        if here is there or (here.account, here.region) == (there.account, there.region):
            return self._reference
        problem = "" if self._literal else "AWS generates a part of it; pass a literal"
        if (
            self._has_account
            and Token.is_unresolved(there.account)
            and here.account != there.account
        ):
            problem = f"the stack {there.node.path} has no account; set its env"
        if problem:
            raise ValueError(
                f"the ARN of {self._of.node.path} is not known in the stack {here.node.path}, "
                f"which is in another account or Region: {problem}"
            )
        return self._literal


class _RoleOfAnotherApp(_UnchangedRole):
    # One that another app deploys. The synth checks what this app attaches to its name.
    @names_the_construct
    def __init__(self, scope: Construct, id: str, name: str) -> None:
        super().__init__(scope, id)
        name = validators.ROLE_TO_ASSUME.check("name", name)
        self._name = name.rpartition("/")[2]
        arn = self.stack.format_arn(service="iam", region="", resource="role", resource_name=name)
        self._arn = in_place(self, arn, arn, has_account=True)
        check_attachments(self, self._name)

    @property
    def role_arn(self) -> str:
        return self._arn

    @property
    def role_name(self) -> str:
        return self._name

    def add_managed_policy(self, policy: iam.IManagedPolicy) -> None:  # noqa: ARG002
        Annotations.of(self).add_warning_v2(
            "pump-roles:policy-dropped",
            f"nothing is attached to {self._name}, which another app deploys; a policy of this app "
            "that only denies can be attached with iam.ManagedPolicy(..., roles=[role])",
        )


class ReadOnlyRole(PumpRole):
    """The role through which Pump reads billing history and infrastructure metadata.

    It has the published policy ``PumpBillingReadOnly``. How a vendor assumes such a role: IAM User
    Guide, ["Access to AWS accounts owned by third
    parties"](https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_common-scenarios_third-party.html).

    Not run on AWS.
    """

    published = ROLES["read-only"]


class AutoPilotRole(PumpRole):
    """The role through which Pump also reads usage metadata, and buys and sells commitments.

    It has the published policies ``PumpBillingReadOnly``, ``PumpOrgInvite``, ``PumpReadOnly``,
    and ``PumpAutoPilot``. IAM cannot limit what its purchases cost: Service Authorization
    Reference, ["Actions, resources, and condition keys for AWS Savings
    Plans"](https://docs.aws.amazon.com/service-authorization/latest/reference/list_awssavingsplans.html).

    Not run on AWS.
    """

    published = ROLES["auto-pilot"]


def _added() -> iam.AddToPrincipalPolicyResult:
    # Otherwise, the CDK would write every grant into the policy of the resource, and Pump could do
    # more than is published.
    return iam.AddToPrincipalPolicyResult(statement_added=True, policy_dependable=DependencyGroup())


def name_of(role: object) -> str:
    """Return the name of a role or a rollout's, with its path; empty for anything else."""
    return role.name_with_path if isinstance(role, RoleSource) else ""


def property_of(value: object, name: str) -> Any:
    """Return a property of a CDK object, or ``None`` if the object does not have that property.

    Which properties an object has says what it is: an imported object has no Python class of its
    own, ``isinstance`` accepts no CDK interface, and ``Construct.is_construct`` raises an error for
    anything that is not a construct.
    """
    return getattr(value, name, None)


def reference(value: object) -> str:
    """Return a value that is known only at deployment; otherwise empty."""
    return value if isinstance(value, str) and Token.is_unresolved(value) else ""


def literal_or_parameter(
    validator: Text, argument: str, value: str | CfnParameter, *, scope: Construct
) -> str:
    """Return what represents the value in a template: the literal, or a reference.

    A ``CfnParameter`` without an allowed pattern gets the validator's pattern, and nothing else, so
    that CloudFormation checks the value at deployment. The validation of the synthesized template
    checks that the parameter still has that pattern.
    """
    value = _parameter_of(value)
    if isinstance(value, SecretValue):
        raise ArgumentError(
            argument,
            f"a SecretValue is not {validator.description}; pass it as a string, or a CfnParameter "
            "with no_echo: whoever can read the role can read it",
        )
    if not isinstance(value, CfnParameter):
        return validator.check(argument, value)
    # Each attribute is a call into the CDK.
    if Stack.of(value) is not Stack.of(scope):
        raise ArgumentError(argument, f"{value.node.path} is a parameter of another stack")
    if (type_ := value.type) != "String":
        of_ssm = type_.startswith("AWS::SSM::")
        cure = "; pass what value_from_lookup() returns, or a CfnParameter" if of_ssm else ""
        raise ArgumentError(
            argument,
            f"{value.node.path} is a parameter of type {type_}, must be String{cure}",
        )
    if (default := value.default) is not None:
        validator.check(f"{argument} (default of {value.node.path})", default)
    if (pattern := value.allowed_pattern) is None:
        value.allowed_pattern = validator.pattern
    elif pattern != validator.pattern:
        raise ArgumentError(
            argument,
            f"{value.node.path} has a different allowed pattern than {validator.description}; omit "
            "it (pump-roles sets it), or use a separate parameter",
        )
    return value.value_as_string


def _parameter_of(value: str | CfnParameter) -> str | CfnParameter:
    # ``parameter.value_as_string`` leads back to the parameter.
    if not isinstance(value, str) or not is_token(value):
        return value
    found = Tokenization.reverse_string(value)
    token = found.first_token if found.length == 1 else None
    target = token.target if isinstance(token, Reference) else None
    return target if isinstance(target, CfnParameter) else value


def validated_trust(
    scope: Construct,
    *,
    pump_principal: str | CfnParameter,
    external_id: str | CfnParameter,
    next_external_id: str | CfnParameter | None = None,
) -> tuple[str, list[str]]:
    """Return a principal, and the external IDs with which it can assume a role, as in a template.

    The synth warns about a literal external ID of fewer than 16 characters.
    """
    principal = literal_or_parameter(
        validators.PROVIDED_PRINCIPAL, "pump_principal", pump_principal, scope=scope
    )
    ids = {"external_id": external_id}
    if next_external_id is not None:
        ids["next_external_id"] = next_external_id
    accepted = [
        literal_or_parameter(validators.PROVIDED_EXTERNAL_ID, argument, value, scope=scope)
        for argument, value in ids.items()
    ]
    *_, last = ids
    if len(set(accepted)) < len(accepted):
        raise ArgumentError(last, "it must differ from the external ID that is already accepted")
    if (size := policy_size(trust_policy(principal, accepted))) > _TRUST_QUOTA:
        raise ArgumentError(
            last,
            f"the trust policy would have {size:,} characters, at most {_TRUST_QUOTA:,} allowed",
        )
    for argument, value in ids.items():
        if isinstance(value, str) and (warning := warning_if_short(value)):
            Annotations.of(scope).add_warning_v2(f"pump-roles:{argument}", warning)
    return principal, accepted


def warn_if_expired(scope: Construct, guardrails: Iterable[Guardrail]) -> None:
    """Warn at synth if a guardrail has expired."""
    for guardrail in guardrails:
        if guardrail.ends is not None and guardrail.ends <= datetime.now(timezone.utc):
            Annotations.of(scope).add_warning_v2(
                "pump-roles:until",
                f"until {guardrail.ends.isoformat()} has passed; the role has no permissions",
            )


def _within_quota(
    denies: Mapping[Guardrail, dict[str, Any]],
    role: PublishedRole,
    guardrails: Sequence[Guardrail] | None,
) -> Mapping[str, dict[str, Any]]:
    if not denies:
        return {}
    sizes = {guardrail.name: policy_size(document) for guardrail, document in denies.items()}
    published = sum(policy_size(policy.document) for policy in role.policies)
    if (size := published + sum(sizes.values())) > _INLINE_QUOTA:
        listed = ", ".join(f"{name} {size:,}" for name, size in sizes.items())
        omit = "".join(
            f"; omit {', '.join(others)}, which {name} makes redundant"
            for name, others in made_redundant(guardrails, denies).items()
        )
        raise ArgumentError(
            "guardrails",
            f"the inline policies would have {size:,} characters, at most {_INLINE_QUOTA:,} "
            f"allowed: the published policies {published:,}, {listed}{omit}",
        )
    return {guardrail.policy_name: document for guardrail, document in denies.items()}


@cache
def _published(policies: tuple[PublishedPolicy, ...]) -> tuple[iam.CfnRole.PolicyProperty, ...]:
    # With tokens, so that the documents are in the CDK's process once, not once for each role.
    return tuple(
        iam.CfnRole.PolicyProperty(
            policy_name=policy.name, policy_document=Token.as_any(policy.document)
        )
        for policy in policies
    )


@cache
def _wildcards(policies: tuple[PublishedPolicy, ...]) -> dict[str, str]:
    patterns = [pattern for policy in policies for pattern in policy.patterns]
    findings = {f"Action::{name}": REASONS[name] for name in patterns if "*" in name}
    findings |= {f"Resource::{resource}": reason for resource, reason in RESOURCE_REASONS.items()}
    whole = " ".join(REASONS[name] for name in patterns if name.endswith(":*"))
    return {
        f"AwsSolutions::AwsSolutions-IAM5[{finding}]": reason
        for finding, reason in findings.items()
    } | dict.fromkeys(FINDINGS["whole-services"] if whole else (), whole)


def _boundary_arn(boundary: str | iam.IManagedPolicy | None, scope: Construct) -> str | None:
    if boundary is None:
        return None
    if arn := property_of(boundary, "managed_policy_arn"):
        found = re.match("arn:[^:]*:iam::([0-9]{12}):", arn)
        account = Stack.of(scope).account
        if found and not Token.is_unresolved(account) and found[1] != account:
            raise ArgumentError(
                "permissions_boundary",
                f"{arn} is a policy of another account than {account}, the role's",
            )
        return str(arn)
    # CloudFormation fills in the partition and the account, so that one template works everywhere.
    text = validators.PERMISSIONS_BOUNDARY.check("permissions_boundary", boundary)
    _, managed, name = text.rpartition(":aws:policy/")
    owner = "aws" if managed else "${AWS::AccountId}"
    return f"arn:${{AWS::Partition}}:iam::{owner}:policy/{name}"
