"""Finds other roles in an account that give access to Pump's principal or to everyone."""

from collections.abc import Iterator

from pump_roles.account.verify.details import AccountDetails
from pump_roles.account.verify.expectation import Expectation
from pump_roles.account.verify.result import OtherRole
from pump_roles.iam.trust import assumption
from pump_roles.templates import Access
from pump_roles.templates.masking import texts_under_the_key
from pump_roles.templates.other_access import roles_of_account

__all__ = ["other_roles_in"]


def other_roles_in(details: AccountDetails, expectation: Expectation) -> tuple[OtherRole, ...]:
    """Return the other roles that Pump's principal or everyone can assume, sorted by name.

    A role that requires the same external ID as one of Pump's roles is among them.

    :param details: what the account has.
    :param expectation: what is expected of it.
    """
    pump_names = {name.casefold() for name in expectation.names}
    trust_policies = {
        name: policy
        for name, policy in details.trust_policies.items()
        if name.casefold() not in pump_names
    }
    alarms = {
        other.name: [*other.alarms]
        for other in roles_of_account(
            trust_policies,
            account=details.account,
            names=expectation.names,
            principals=expectation.principals,
        )
    }
    for name in _with_same_external_id(details, expectation, pump_names):
        alarms.setdefault(name, []).append(Access("requires-same-external-id"))
    omitted = {name.casefold(): kind for name, kind in expectation.omitted.items()}
    for name, ways in alarms.items():
        if kind := omitted.get(name.casefold()):
            ways.append(Access("named-like-omitted-role", kind))
    return tuple(
        OtherRole(
            arn=details.arn(name),
            name=name,
            principals=assumption(trust_policies[name]).principals,
            alarms=tuple(found),
        )
        for name, found in sorted(alarms.items())
    )


def _with_same_external_id(
    details: AccountDetails, expectation: Expectation, pump_names: set[str]
) -> Iterator[str]:
    accepted = {
        name: texts_under_the_key(policy) for name, policy in details.trust_policies.items()
    }
    pump_ids = {
        id_ for name, ids in accepted.items() if name.casefold() in pump_names for id_ in ids
    } | expectation.hidden
    for name, ids in accepted.items():
        if name.casefold() not in pump_names and ids & pump_ids:
            yield name
