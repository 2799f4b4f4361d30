"""Into which accounts templates put a role."""

from collections.abc import Collection
from typing import Literal

from pump_roles.contents import Place
from pump_roles.review.account.organization import Account, targeted
from pump_roles.review.account.verify.details import AccountDetails
from pump_roles.validators import is_account_filter

Answer = Literal["yes", "no", "not known"]


def belongs(places: Collection[Place], details: AccountDetails) -> Answer:
    """Return whether one of the places is an account. Without places, it can be any account."""
    # Who deploys a rollout also deploys the app's own stack: the management account.
    rolled_out = any(place.call_as == "management" for place in places)
    deployer = details.management_account if rolled_out else ""
    answers = {_is_place(place, details, deployer) for place in places}
    if "yes" in answers or not places:
        return "yes"
    return "not known" if "not known" in answers else "no"


def _is_place(place: Place, details: AccountDetails, deployer: str) -> Answer:
    if place.unreadable:
        return "not known"
    if place.call_as:
        return _is_targeted(place, details)
    accounts = place.accounts if place.stack_set else [place.account or deployer]
    if "" not in accounts:
        return "yes" if details.account in accounts else "no"
    # It can be any account. If only one is verified, that is the one that it was deployed to.
    return "yes" if details.units is None else "not known"


def _is_targeted(rollout: Place, details: AccountDetails) -> Answer:
    if not is_account_filter(rollout.filter):
        return "not known"
    # If its units are not known, the account may be in the targeted ones.
    units = rollout.units if details.units is None else details.units
    found = targeted(
        [Account(details.account, "", suspended=False, units=units)],
        units=rollout.units,
        management_account=details.management_account,
        account_filter=rollout.filter,
        filtered=rollout.accounts,
    )
    if not found:
        return "no"
    return "not known" if details.units is None else "yes"
