"""Pump's side: permission to assume customers' roles, only with an external ID."""

from bisect import bisect
from collections.abc import Sequence
from typing import Any, Final

from aws_cdk import Annotations, Aws, Stack, Token
from aws_cdk import aws_iam as iam
from constructs import Construct, Dependable

from pump_roles.constructs import acknowledge_resources
from pump_roles.constructs.roles import property_of
from pump_roles.inputs import validators
from pump_roles.inputs.validators import ArgumentError, names_the_construct
from pump_roles.published import ROLES, policy_document

_ACCOUNTS: Final = validators.ListOf(validators.ACCOUNT)
_NAMES: Final = validators.ListOf(validators.ROLE_NAME)
_KINDS: Final = validators.ListOf(validators.choice(ROLES, "a kind of role: "))

_QUOTAS: Final = {
    "user_name": (2_048, "a user's inline policies"),
    "group_name": (5_120, "a group's inline policies"),
}
"""The quota of each kind of principal, by an attribute that only this kind has."""

# Not the 10,240 of a role's inline policies: CDK moves the large statements of a role into managed
# policies, and cannot divide a statement.
_QUOTA: Final = (6_144, "a managed policy")

_LONGEST_PARTITION: Final = max(validators.PARTITIONS, key=len)


class CustomerRoles(Construct):
    """Lets principals in Pump's own account assume customers' roles, only with an external ID.

    A grantee may call ``sts:AssumeRole`` on the customers' roles in its own partition if the
    request has an external ID. A deny rejects a request without one, so that no other policy of the
    grantee can allow it. Nothing else is granted, not even session tags or a source identity,
    because the roles' trust policies do not accept them.

    Sources: IAM User Guide, ["Access to AWS accounts owned by third
    parties"](https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_common-scenarios_third-party.html);
    Service Authorization Reference, "Actions, resources, and condition keys for AWS Security Token
    Service".

    Not run on AWS.
    """

    @names_the_construct
    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        kinds: Sequence[str] = ("read-only",),
        accounts: Sequence[str] | None = None,
        names: Sequence[str] | None = None,
        path: str = "/",
    ) -> None:
        """Create the construct, which grants nothing yet.

        :param scope: the construct that this one belongs to.
        :param id: the construct's ID in the scope.
        :param kinds: the kinds of roles that a grantee may assume, ``read-only`` or ``auto-pilot``,
            without duplicates. By default, only ``read-only``.
        :param accounts: the 12-digit IDs of the accounts whose roles a grantee may assume, at least
            1, without duplicates. :meth:`grant_assume_role` checks how many fit into a policy. By
            default, a grantee may assume the roles of every account.
        :param names: the names of the roles, at least 1, without duplicates, 1 to 64 characters
            each. They replace the published names of ``kinds``. By default, ``PumpReadOnlyRole`` or
            ``PumpAutoPilotRole``.
        :param path: the path of the roles, ``/`` or ``/.../``, 1 to 512 characters, without ``*``,
            ``?``, and ``$``. By default, ``/``.
        :raises ArgumentError: a ``ValueError``, if an argument is not a literal that AWS accepts, a
            kind is unknown, or something is listed twice.
        """
        super().__init__(scope, id)
        published = [ROLES[kind].name for kind in _KINDS.check("kinds", kinds)]
        self._names = published if names is None else _NAMES.check("names", names)
        self._path = _checked_path(path)
        self._accounts = ["*"] if accounts is None else _ACCOUNTS.check("accounts", accounts)
        self._holders: list[Any] = []

    def grant_assume_role(self, grantee: iam.IGrantable) -> iam.Grant:
        """Allow a grantee to assume the roles with an external ID, and deny it without one.

        The deny covers the roles of these names and of both published names, in every account and
        under every path. It does not cover other roles.

        As with the CDK's own grants, it is not an error if this app cannot change the grantee's
        policies. That is the case for a service, an account, a role imported with
        ``mutable=False``, and a role imported by its ARN that is, or could be, in another account
        than its stack. Then nothing is allowed, the synth warns, ``success`` is false, and
        ``assert_success()`` raises an error. The synth also warns about a role that
        ``Role.customize_roles()`` does not create: the deny is only in the CDK's report.

        For more accounts than fit, create several of these constructs, and call this method of each
        with the same role. The CDK moves statements that are too long into managed policies; a role
        can have 10 of them by default.

        :param grantee: a role, user, group, or policy of Pump's account, or a resource with a role.
        :returns: the grant of the allow statement. It does not cover the deny, which was added
            before: ``success`` is true only if both were added, but ``principal_statements``,
            ``apply_before()``, and a dependency on the grant concern only the allow.
        :raises ArgumentError: if a policy of the two statements is longer than IAM allows, not
            counting white space: 2,048 characters for a user, 5,120 for a group, otherwise 6,144.
            The message says how many accounts fit. Other statements of the grantee do not count.

        Source: IAM User Guide, "IAM and AWS STS quotas".
        """
        principal = grantee.grant_principal
        self._check_size(principal)
        deny, allow = self._statements(Aws.PARTITION, self._accounts)
        # The deny comes first: if it cannot be added, nothing is allowed. The allow has its own
        # condition, since CDK may put the two into policies that are deployed one after the other.
        if not (
            _may_be_in_this_account(principal)
            and _is_added(
                principal, principal.add_to_principal_policy(iam.PolicyStatement.from_json(deny))
            )
        ):
            Annotations.of(self).add_warning_v2(
                "pump-roles:not-granted",
                f"nothing is granted to {_name(grantee)}: this app cannot change its policies",
            )
            return iam.Grant.drop(grantee, "to assume customers' roles")
        if isinstance(principal, iam.Role) and not principal.node.try_find_child("DefaultPolicy"):
            Annotations.of(self).add_warning_v2(
                "pump-roles:not-synthesized",
                f"{_name(grantee)} is created outside this app: attach both statements that "
                "iam-policy-report.json lists, the allow and the deny",
            )
        self._holders += [each for each in (principal, grantee) if property_of(each, "node")][:1]
        return iam.Grant.add_to_principal(
            grantee=grantee,
            actions=[allow["Action"]],
            resource_arns=allow["Resource"],
            conditions=allow["Condition"],
        )

    def acknowledge_cdk_nag(self) -> None:
        """Acknowledge cdk-nag's finding that a grantee may assume the roles of every account.

        The pack AwsSolutions reports it (AwsSolutions-IAM5) for each of the roles' ARNs, unless
        ``accounts`` is passed. This acknowledges exactly those, in the grantees of the calls of
        :meth:`grant_assume_role` before this one. Other findings about a grantee, such as that its
        policies are inline, are its owner's.

        Requires cdk-nag 3 or later, because earlier versions do not read acknowledgments.
        """
        if self._accounts == ["*"]:
            _, allow = self._statements("<AWS::Partition>", self._accounts)
            for holder in self._holders:
                acknowledge_resources(holder, "any-account", allow["Resource"])

    def _check_size(self, principal: iam.IPrincipal) -> None:
        quota, where = next(
            (found for name, found in _QUOTAS.items() if property_of(principal, name)), _QUOTA
        )

        def size(count: int) -> int:
            # CDK renders a list of one as its element, but such a policy is far below the quotas.
            statements = self._statements(_LONGEST_PARTITION, self._accounts[:count])
            return validators.policy_size(policy_document(*statements))

        count = len(self._accounts)
        if size(count) <= quota:
            return
        if fitting := bisect(range(1, count + 1), quota, key=size):
            raise ArgumentError(
                "accounts",
                f"{count:,} given, at most {fitting:,} fit into the {quota:,} characters that IAM "
                f"allows for {where}",
            )
        raise ArgumentError(
            "names",
            f"the policy would have {size(1):,} characters, at most {quota:,} allowed for {where}",
        )

    def _statements(
        self, partition: str, accounts: Sequence[str]
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        # Includes published names that are not granted: a call to any customer's role without an
        # external ID is a mistake, even if another policy allows it.
        names = dict.fromkeys([*(role.name for role in ROLES.values()), *self._names])
        denied = [f"{path}{name}" for name in names for path in ("/", "/*/")]
        granted = [f"{self._path}{name}" for name in self._names]
        return (
            _statement("Deny", _arns(partition, ["*"], denied), without_id="true"),
            _statement("Allow", _arns(partition, accounts, granted), without_id="false"),
        )


def _statement(effect: str, arns: list[str], *, without_id: str) -> dict[str, Any]:
    return {
        "Action": "sts:AssumeRole",
        "Condition": {"Null": {"sts:ExternalId": without_id}},
        "Effect": effect,
        "Resource": arns,
    }


def _arns(partition: str, accounts: Sequence[str], roles: Sequence[str]) -> list[str]:
    return [f"arn:{partition}:iam::{account}:role{role}" for account in accounts for role in roles]


def _checked_path(path: str) -> str:
    path = validators.ROLE_PATH.check("path", path)
    if not {*"*?$"}.isdisjoint(path):
        raise ArgumentError(
            "path",
            f"{path!r} contains *, ? or $, which a policy treats as a wildcard or a variable",
        )
    return path


def _may_be_in_this_account(principal: Any) -> bool:
    # Without this check, a stack without an account would attach the policy of a role imported from
    # another account to any role of that name in the account where it is deployed.
    account = property_of(principal, "principal_account")
    if account is None or not property_of(principal, "node"):
        return True
    return account == Stack.of(principal).account or Token.is_unresolved(account)


def _is_added(principal: iam.IPrincipal, added: iam.AddToPrincipalPolicyResult) -> bool:
    if not added.statement_added or added.policy_dependable is None:
        return False
    # An immutable role, and a resource imported without its role, report that the statement was
    # added, but no policy that contains it. A role of this app knows its policies only at synth.
    return isinstance(principal, iam.Role) or bool(
        Dependable.of(added.policy_dependable).dependency_roots
    )


def _name(grantee: iam.IGrantable) -> str:
    node = property_of(grantee, "node")
    return node.path if node else type(grantee).__name__
