"""The other roles of an account that give Pump's principal, or everyone, access."""

from collections.abc import Iterator

from pump_roles.account.verify.details import AccountDetails
from pump_roles.account.verify.expected import Expectation
from pump_roles.account.verify.model import OtherRole
from pump_roles.templates.access import roles_of_account
from pump_roles.templates.masking import texts_under_the_key
from pump_roles.templates.trust import assumption

__all__ = ["others_in"]


def others_in(details: AccountDetails, expectation: Expectation) -> tuple[OtherRole, ...]:
    """Return the other roles that let Pump's principal or everyone in, by name.

    So does a role that requires the same external ID as one of Pump's roles.

    :param details: what the account has.
    :param expectation: what is expected of it.
    """
    own = {name.casefold() for name in expectation.names}
    trust_policies = {
        name: policy
        for name, policy in details.trust_policies.items()
        if name.casefold() not in own
    }
    alarms = {
        other.name: other.alarm
        for other in roles_of_account(
            trust_policies,
            account=details.account,
            names=expectation.names,
            principals=expectation.principals,
        )
    }
    for name in _with_same_external_id(details, expectation, own):
        same = "requires the external ID of one of Pump's roles"
        alarms[name] = "; ".join(filter(None, (alarms.get(name, ""), same)))
    return tuple(
        OtherRole(
            arn=details.arn(name),
            name=name,
            principals=assumption(trust_policies[name], {}).principals,
            alarm=alarm,
        )
        for name, alarm in sorted(alarms.items())
    )


def _with_same_external_id(
    details: AccountDetails, expectation: Expectation, own: set[str]
) -> Iterator[str]:
    accepted = {
        name: texts_under_the_key(policy) for name, policy in details.trust_policies.items()
    }
    of_pump = {
        one for name, ids in accepted.items() if name.casefold() in own for one in ids
    } | expectation.hidden
    for name, ids in accepted.items():
        if name.casefold() not in own and ids & of_pump:
            yield name
