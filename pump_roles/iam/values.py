"""A value is known, open until the deployment, hidden, or not read."""

from dataclasses import dataclass
from typing import Any, Final, Literal

from pump_roles.iam.documents import as_text


@dataclass(frozen=True)
class Value:
    """A text: known, open, hidden, or not read.

    :param state: ``known``; ``open`` if it is decided at deployment; ``hidden`` if it is known, and
        not shown; ``not-read`` if it cannot be read.
    :param text: the text if it is known; what decides it if it is open, such as the name of a
        parameter; what is there, or what AWS says, if it is not read; otherwise empty.
    :param why: if it is not read, why: ``unreadable`` for a function in a template, ``not-read``
        from an account, ``not-in-files``, or ``files-differ``; empty for a literal that has the
        wrong type.
    :param default: if it is open, what it is if nobody decides otherwise; may be empty.
    """

    state: Literal["known", "open", "hidden", "not-read"]
    text: str = ""
    why: Literal["", "unreadable", "not-read", "not-in-files", "files-differ"] = ""
    default: str = ""

    @property
    def is_known(self) -> bool:
        """Whether it is known."""
        return self.state == "known"


OPEN: Final = Value("open")


def unreadable(value: Any) -> Value:
    """Return what is in a template and cannot be read."""
    return Value("not-read", as_text(value), "unreadable")


def literal(value: Any) -> Value:
    """Return what a policy has: a text, or something of the wrong type."""
    return Value("known" if isinstance(value, str) else "not-read", as_text(value))


def known(text: str) -> Value:
    """Return a known value."""
    return Value("known", text)
