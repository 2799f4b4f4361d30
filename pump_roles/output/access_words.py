"""Words for what reaches Pump's roles, lets others in, or is allowed by a policy."""

from collections.abc import Iterable, Mapping
from typing import Final

from pump_roles.output.short import SHOWN, listed
from pump_roles.templates import Access, Other
from pump_roles.text import cut

__all__ = ["access_in_words", "alarm_in_words", "grants_in_words"]

_GRANTS: Final = 8
"""How many of the patterns that a policy allows are listed."""

_OPENS: Final[Mapping[str, str]] = {
    "AWS::IAM::AccessKey": "anyone with this access key can act as a user of the account",
    "AWS::IAM::OIDCProvider": "trusts an external identity provider",
    "AWS::IAM::SAMLProvider": "trusts an external identity provider",
    "AWS::IdentityStore::GroupMembership": "adds a user to a group of IAM Identity Center",
    "AWS::RolesAnywhere::Profile": "lets anyone with a certificate assume roles",
    "AWS::RolesAnywhere::TrustAnchor": "lets anyone with a certificate assume roles",
    "AWS::SSO::Assignment": "gives users of IAM Identity Center access to an account",
    "AWS::SSO::PermissionSet": "gives users of IAM Identity Center permissions in an account",
}
_ACCESS: Final[Mapping[str, str]] = {
    "attaches": "attaches to the role {}",
    "could-attach": "may attach to the role {}",
    "could-be-named-alike": "may have the name of the role {}",
    "lets-in": "gives access to another principal: {}",
    "lets-in-unreadable": "gives access to a principal that cannot be read",
    "may-attach": "may attach to one of the roles; what it attaches to cannot be read",
    "may-be-named-alike": "may have the name of one of the roles; its name cannot be read",
    "names-account": "names Pump's account {}",
    "names-definition": "names {}",
    "names-role": "names the role {}",
    "named-like-omitted-role": "has the name of the {} role in what is expected",
    "password": "anyone with the password can act as this user",
    "requires-same-external-id": "requires the external ID of one of Pump's roles",
    "trusts-account": "trusts Pump's account {}",
    "trusts-definition": "trusts {}",
    "trusts-everyone": "trusts everyone",
    "trusts-everyone-but": "trusts everyone except those in NotPrincipal",
    "trusts-identity-provider": "trusts an identity provider",
    "trusts-other-account": "trusts another account: {}",
    "trusts-role": "trusts the role {}",
    "trusts-unreadable": "trusts a principal that cannot be read",
    "unreadable-principal": "its trust policy names a principal that cannot be read: {}",
    "unreadable-properties": "has properties that cannot be read",
    "unreadable-statement": "its trust policy has a statement that cannot be read",
    "unreadable-trust-policy": "its trust policy cannot be read",
    "allows": "{}",
    "allows-all-but": "all but {}",
    "allows-managed-policy": "the managed policy {}",
    "allows-unreadable-policy": "a policy that cannot be read",
    "allows-unreadable-statement": "a statement that cannot be read",
}


def access_in_words(ways: Iterable[Access]) -> str:
    """Return in which ways a resource reaches Pump's roles; empty if there are none.

    :param ways: the ways.
    """
    return "; ".join(map(_way, ways))


def alarm_in_words(other: Other) -> str:
    """Return which resource reaches Pump's roles, and how.

    :param other: the resource.
    """
    return f"{other.name} ({other.type}): {access_in_words(other.alarms)}"


def grants_in_words(other: Other) -> str:
    """Return what a resource allows; empty if it allows nothing itself.

    :param other: the resource.
    """
    return ", ".join(listed(map(_way, other.grants), _GRANTS))


def _way(way: Access) -> str:
    if way.why == "opens":
        return _OPENS.get(way.subject, f"gives access as a resource of the type {way.subject}")
    return _ACCESS[way.why].format(cut(way.subject, SHOWN))
