"""What templates deploy, or an account has: roles, where they are, and what else reaches them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Literal

from pump_roles.iam.external_ids import ExternalId
from pump_roles.iam.identity_policies import Policy
from pump_roles.iam.trust import Principal, Trust
from pump_roles.role.access import Access, AccessWhy
from pump_roles.role.iam_role import Role
from pump_roles.role.unknowns import AssemblyUnknown, OrganizationUnknown

_INFORMS: Final = frozenset({"may-be-named-alike"})
"""The reasons that only inform: IAM refuses a second role of one name."""

OPENS: Final = frozenset(
    {
        "AWS::IAM::AccessKey",
        "AWS::IAM::OIDCProvider",
        "AWS::IAM::SAMLProvider",
        "AWS::IdentityStore::GroupMembership",
        "AWS::RolesAnywhere::Profile",
        "AWS::RolesAnywhere::TrustAnchor",
        "AWS::SSO::Assignment",
        "AWS::SSO::PermissionSet",
    }
)
"""Resource types that let someone act in the account. A template with one of Pump's roles must have
none."""


@dataclass(frozen=True, kw_only=True)
class DeployedRole:
    """One of Pump's roles, and what it was read from.

    :param role: the role itself.
    :param files: every file that it was read from, with its SHA-256; none for a published role, and
        for one of an account.
    :param account: the ID of the account that it was read from, or that its template is for; empty
        if there is none.
    :param filled_sha256: the SHA-256 of everything that is filled in when it is deployed, such as a
        parameter with its default, and of its parts that are not read; empty if there is nothing.
    :param external_id_sha256: the SHA-256 of each external ID in its trust policy.
    """

    role: Role
    files: tuple[tuple[str, str], ...] = ()
    account: str = ""
    filled_sha256: str = ""
    external_id_sha256: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class OtherResource:
    """Another resource that gives access, or that reaches one of Pump's roles.

    :param name: its logical ID.
    :param type: its CloudFormation type.
    :param source: the file.
    :param principals: whom its trust policy lets in; empty if it has none.
    :param attached_to: the roles, users, and groups that it is attached to, as in the template.
    :param grants: what it allows; empty if it allows nothing itself.
    :param access: how it could give Pump, or others through Pump's roles, more access than these
        roles, or only have the name of one; empty if it could not.
    """

    name: str
    type: str
    source: str
    principals: tuple[Principal, ...] = ()
    attached_to: tuple[str, ...] = ()
    grants: tuple[Access, ...] = ()
    access: tuple[Access, ...] = ()

    @property
    def suspect_access(self) -> tuple[Access, ...]:
        """What of ``access`` the report has a finding about."""
        return tuple(way for way in self.access if way.why not in _INFORMS)


CallAs = Literal["management", "delegated-admin"]
"""Who calls StackSets: the management account, or a delegated administrator."""

AccountFilter = Literal["", "exclude", "only"]
"""What an account filter does; empty for none."""


@dataclass(frozen=True, kw_only=True)
class Deployment:
    """Where templates deploy one of Pump's roles: one stack, or the stack instances of a StackSet.

    A string that is known only at deployment has a placeholder, such as ``${AWS::Region}``.

    :param kind: the role's kind, such as ``read-only``.
    :param source: the file of the stack's template. For a nested stack, that of the root stack.
    :param account: the 12-digit ID of the account that the stack is for; empty if it is for any.
        For a StackSet, the account that the StackSet itself is deployed to.
    :param region: the Region that the stack is for; empty if it is for any.
    :param stack_set: the StackSet's name; empty for one stack. Then, of the following, only
        ``unreadable`` can be set.
    :param units: the IDs of the organizational units, or of the root, that the StackSet targets; or
        the placeholder of the parameter with all of them.
    :param filter: the account filter: ``exclude``, ``only``, or ``UNION``. It is empty if the
        StackSet has no filter, or if its filter cannot be read.
    :param accounts: the 12-digit IDs of the accounts that the filter names. If the StackSet is
        self-managed, they are the accounts that it targets, and there are no units.
    :param automatic: whether an account that joins one of the units gets the role.
    :param call_as: who deploys the StackSet: ``management`` or ``delegated-admin``. It is empty if
        the StackSet is self-managed, or if its caller cannot be read.
    :param regions: the Regions of the stack instances.
    :param unreadable: what cannot be read, or could change the place. If it is not empty, do not
        rely on the rest.
    """

    kind: str
    source: str
    account: str = ""
    region: str = ""
    stack_set: str = ""
    units: tuple[str, ...] = ()
    filter: Literal[AccountFilter, "UNION"] = ""
    accounts: tuple[str, ...] = ()
    automatic: bool = False
    call_as: Literal[CallAs, ""] = ""
    regions: tuple[str, ...] = ()
    unreadable: tuple[AssemblyUnknown, ...] = ()

    @property
    def known_units(self) -> tuple[str, ...]:
        """The IDs of the units, without the placeholder of a parameter."""
        return tuple(unit for unit in self.units if not unit.startswith("${"))

    @property
    def has_open_units(self) -> bool:
        """Whether a parameter has the units."""
        return not self.unreadable and self.known_units != self.units


ControlType = Literal["SERVICE_CONTROL_POLICY", "RESOURCE_CONTROL_POLICY"]
"""The type of a policy that limits roles, or who assumes them."""


@dataclass(frozen=True, kw_only=True)
class OrganizationPolicy:
    """A service or resource control policy, in a template or in AWS.

    Its content, or what it is attached to, is ``None`` if that is not known; ``unknown`` says why.
    """

    name: str
    type: str
    content: Policy | None = None
    attached_to: tuple[str, ...] | None = None
    unknown: tuple[OrganizationUnknown, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Assembly:
    """What templates contain."""

    roles: tuple[DeployedRole, ...]
    others: tuple[OtherResource, ...] = ()
    unreadable: tuple[AssemblyUnknown, ...] = ()
    resources: tuple[str, ...] = ()
    places: tuple[Deployment, ...] = ()
    suspects_sha256: str = ""
    variants: tuple[tuple[DeployedRole, ...], ...] = ()
    external_ids: frozenset[ExternalId] = frozenset()
    policies: tuple[OrganizationPolicy, ...] = ()
    approval_end_roles: tuple[Role, ...] = ()


def admitted(trust: Trust) -> Iterator[Access]:
    """Yield whom a trust policy admits, other than single principals.

    Its conditions do not matter: of a template, neither the account nor the organization is known.
    """
    if trust.not_read or not trust.statements:
        yield Access("unreadable-trust-policy")
    if any(statement.effect not in ("Allow", "Deny") for statement in trust.statements):
        yield Access("unreadable-statement")
    whys: Mapping[str, AccessWhy] = {
        "all-but": "trusts-everyone-but",
        "everyone": "trusts-everyone",
        "unreadable": "trusts-unreadable",
    }
    for statement in trust.allows:
        kinds = (principal.kind for principal in statement.principals)
        yield from (Access(whys[kind]) for kind in kinds if kind in whys)
