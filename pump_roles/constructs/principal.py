"""Pump's role as other constructs see it: a principal whose own policies never change."""

from __future__ import annotations

from typing import TYPE_CHECKING

import jsii
from aws_cdk import Annotations, Resource
from aws_cdk import aws_iam as iam
from constructs import DependencyGroup

if TYPE_CHECKING:
    from aws_cdk.interfaces.aws_iam import RoleReference
    from constructs import Construct


@jsii.implements(iam.IRole)
class PublishedPrincipal(Resource):
    """A role that other constructs can name as the grantee, but to which nothing is added.

    Like an immutable role of the CDK, it reports a grant that it ignores as added: otherwise, the
    CDK would write the grant into the policy of the other resource, such as a bucket, and Pump
    could do more than is published. Unlike that one, it warns at synth.
    """

    def __init__(self, scope: Construct, id: str, *, role_arn: str) -> None:
        super().__init__(scope, id, environment_from_arn=role_arn)
        self._role = iam.Role.from_role_arn(self, "Role", role_arn, mutable=False)
        self._annotations = Annotations.of(scope)

    @property
    def role_arn(self) -> str:
        return self._role.role_arn

    @property
    def role_name(self) -> str:
        return self._role.role_name

    @property
    def role_ref(self) -> RoleReference:
        return self._role.role_ref

    @property
    def grant_principal(self) -> iam.IPrincipal:
        return self

    @property
    def assume_role_action(self) -> str:
        return self._role.assume_role_action

    @property
    def policy_fragment(self) -> iam.PrincipalPolicyFragment:
        """The role as a principal in the policy of another resource."""
        return self._role.policy_fragment

    @property
    def principal_account(self) -> str | None:
        return self._role.principal_account

    def add_to_principal_policy(
        self, statement: iam.PolicyStatement
    ) -> iam.AddToPrincipalPolicyResult:
        self._warn(", ".join(statement.actions) or "a statement")
        return iam.AddToPrincipalPolicyResult(
            statement_added=True, policy_dependable=DependencyGroup()
        )

    def add_managed_policy(self, policy: iam.IManagedPolicy) -> None:  # noqa: ARG002
        self._warn("a managed policy")

    def attach_inline_policy(self, policy: iam.Policy) -> None:  # noqa: ARG002
        self._warn("an inline policy")

    def grant(self, grantee: iam.IPrincipal, *actions: str) -> iam.Grant:
        """Allow a principal actions on this role."""
        return self._role.grant(grantee, *actions)

    def grant_pass_role(self, grantee: iam.IPrincipal) -> iam.Grant:
        """Allow a principal to pass this role."""
        return self._role.grant_pass_role(grantee)

    def grant_assume_role(self, grantee: iam.IPrincipal) -> iam.Grant:
        """Allow a principal to assume this role."""
        return self._role.grant_assume_role(grantee)

    def _warn(self, dropped: str) -> None:
        self._annotations.add_warning_v2(
            "pump-roles:grant-dropped",
            f"not added to the role, whose policies stay as published: {dropped}",
        )
