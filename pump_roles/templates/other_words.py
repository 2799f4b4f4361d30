"""The words for what can change a template, and for what reaches Pump's roles."""

from collections.abc import Iterable, Mapping
from typing import Final

from pump_roles.templates.deployment import Change
from pump_roles.templates.masking import Mask
from pump_roles.templates.pump_names import Access

__all__ = ["access_words", "change_words"]

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
    "password": "anyone with the password can act as this user",
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
}

_CHANGES: Final[Mapping[str, str]] = {
    "condition": "{detail} is created only under the condition {subject}",
    "deploys-more": "{subject}, of type {detail}, can contain any resource",
    "function": "{subject} can change the template when it is deployed",
    "macro": "a macro in {subject}, Fn::Transform, can change it when it is deployed",
    "macro-in-resource": "a macro, Fn::Transform, can change {subject} when it is deployed",
    "macro-in-section": "a macro, Fn::Transform, can change its {subject} when it is deployed",
    "parameter-overrides": "{subject} gives some of its stack instances other parameters",
    "property": "the property {subject} of {detail} cannot be read",
    "resource-from-function": "{subject} can become any resource when the template is deployed",
    "resources-from-function": "{subject} creates resources when the template is deployed",
    "transform": "the transform {subject} can change the template when it is deployed",
}


def change_words(change: Change, mask: Mask) -> str:
    """Return what can change a template, in words.

    :param change: what can change it.
    :param mask: masks what must not be shown.
    """
    return _CHANGES[change.why].format(subject=mask.short(change.subject), detail=change.detail)


def access_words(ways: Iterable[Access], mask: Mask) -> str:
    """Return the ways in which a resource reaches Pump's roles, in words; empty if there are none.

    :param ways: the ways.
    :param mask: masks what must not be shown.
    """
    return "; ".join(
        _OPENS[way.subject]
        if way.why == "opens"
        else _ACCESS[way.why].format(mask.short(way.subject))
        for way in dict.fromkeys(ways)
    )
