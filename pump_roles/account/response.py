"""Members of AWS's responses, checked: an endpoint that is not AWS can return anything."""

from typing import Any

from pump_roles.validators import Text

__all__ = ["checked_id", "id_in", "list_in", "text_in"]


def list_in(response: Any, name: str) -> list[Any]:
    """Return a list in a response. Never take anything else for an empty list.

    :param response: the response.
    :param name: the list's name.
    :raises KeyError: if it is missing.
    :raises TypeError: if it is not a list.
    """
    found = response[name]
    if not isinstance(found, list):
        raise TypeError(name)
    return found


def text_in(response: Any, name: str) -> str:
    """Return a nonempty string in a response.

    :param response: the response.
    :param name: the string's name.
    :raises KeyError: if it is missing.
    :raises TypeError: if it is not a string, or is empty.
    """
    found = response[name]
    if not isinstance(found, str) or not found:
        raise TypeError(name)
    return found


def id_in(response: Any, name: str, validator: Text) -> str:
    """Return an ID in a response.

    :param response: the response.
    :param name: the ID's name.
    :param validator: the validator of such IDs.
    :raises KeyError: if it is missing.
    :raises TypeError: if it is not such an ID.
    """
    return checked_id(response[name], validator)


def checked_id(value: object, validator: Text) -> str:
    """Return a value if it is an ID.

    :param value: the value.
    :param validator: the validator of such IDs.
    :raises TypeError: if it is not such an ID.
    """
    if not validator.accepts(value):
        raise TypeError("not an ID")
    return value
