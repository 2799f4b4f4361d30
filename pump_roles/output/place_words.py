"""Where the roles are deployed, in words."""

from collections.abc import Iterator

from pump_roles.output.words import unknown_in_words
from pump_roles.templates import Place

__all__ = ["place_in_words"]


def place_in_words(place: Place) -> str:
    """Return where a template deploys a role, in words.

    :param place: the place.
    """
    sentences = [*_stack_set(place)] if place.stack_set else [_stack(place)]
    sentences += [f"Not certain: {unknown_in_words(unknown)}." for unknown in place.unreadable]
    return " ".join(sentences)


def _stack(place: Place) -> str:
    account = f"account {place.account}" if place.account else "the account where you deploy it"
    region = f", {place.region}" if place.region else ""
    return f"One stack, in {account}{region}."


def _stack_set(place: Place) -> Iterator[str]:
    account = f" of account {place.account}" if place.account else ""
    region = f" in {place.region}" if place.region else ""
    yield f"The StackSet {place.stack_set}{account}{region} deploys it to {_targets(place)}."
    if place.units and place.automatic:
        ignored = ", even if the account filter excludes it today" if place.filter else ""
        yield f"An account that is added to these units later gets it automatically{ignored}."
    elif place.units:
        yield "An account that is added to these units later does not get it."
    if place.call_as == "delegated-admin":
        yield "A delegated administrator deploys the StackSet."
    elif place.call_as not in ("", "management"):
        yield f"The StackSet is called as {place.call_as}."


def _targets(place: Place) -> str:
    accounts = _listed(place.accounts) or "accounts that cannot be read"
    if not place.units and place.accounts:
        return f"the accounts {accounts}"
    if not place.units:
        return accounts if place.unreadable else "no account that the template names"
    units = _listed(place.units)
    if place.filter == "exclude":
        return f"the accounts of {units}, except {accounts}"
    if place.filter == "only":
        return f"{accounts}, if in {units}"
    if place.filter:
        return f"the accounts of {units}, filtered by {place.filter} with {accounts}"
    return f"every account of {units}"


def _listed(names: tuple[str, ...]) -> str:
    *others, last = names or ("",)
    return f"{', '.join(others)} and {last}" if others else last
