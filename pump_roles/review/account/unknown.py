"""What is not known about an account."""

from dataclasses import dataclass
from typing import Literal

AccountPart = Literal["account", "membership", "other-roles"]
"""All of an account, the organization that it is in, or the roles in it other than Pump's."""

AccountWhy = Literal[
    "assume-denied",
    "not-assumed",
    "not-below",
    "not-read",
    "not-selected",
    "suspended",
    "too-deep",
]
"""Why something about an account is not known. The output has words for each."""


@dataclass(frozen=True, kw_only=True)
class AccountUnknown:
    """Something that is not known about an account.

    :param part: the part of the account.
    :param why: why it is not known.
    :param subject: what it is about, such as the role that could not be assumed; may be empty.
    :param detail: what is known about the reason, such as an error of AWS; may be empty.
    """

    part: AccountPart
    why: AccountWhy
    subject: str = ""
    detail: str = ""
