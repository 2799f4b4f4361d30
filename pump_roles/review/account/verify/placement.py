"""Into which accounts templates put a role."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from pump_roles.review.account.organization import Account, targeted
from pump_roles.review.templates import Place
from pump_roles.validators import is_account_filter


@dataclass(frozen=True, kw_only=True)
class Location:
    """Where an account is in its organization; what is not known is ``None`` or empty."""

    account: str
    units: Collection[str] | None = None
    management_account: str = ""


def belongs(places: Iterable[Place], location: Location) -> bool | None:
    """Return whether one of the places is an account; ``None`` if that is not known."""
    known = [*places]
    # Who deploys a rollout also deploys the app's own stack: the management account.
    rolled_out = any(place.call_as == "management" for place in known)
    deployer = location.management_account if rolled_out else ""
    found = {
        None
        if place.unreadable
        else _targets(place, location)
        if place.stack_set
        else _is_in(place.account or deployer, location)
        for place in known
    }
    return True if True in found else None if None in found else False


def _is_in(account: str, location: Location) -> bool | None:
    if account:
        return location.account == account
    # It can be any account. If only one is verified, that is the one that it was deployed to.
    return True if location.units is None else None


def _targets(stack_set: Place, location: Location) -> bool | None:
    if not stack_set.call_as:
        # It is self-managed.
        return location.account in stack_set.accounts
    if not is_account_filter(stack_set.filter):
        return None
    # If its units are not known, the account may be in the targeted ones.
    units = stack_set.units if location.units is None else tuple(location.units)
    found = targeted(
        [Account(location.account, "", suspended=False, units=units)],
        units=stack_set.units,
        management_account=location.management_account,
        account_filter=stack_set.filter,
        filtered=stack_set.accounts,
    )
    return None if found and location.units is None else bool(found)
