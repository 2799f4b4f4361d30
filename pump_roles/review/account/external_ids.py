"""New external IDs for customers."""

import secrets
from typing import Final

_RANDOM_BYTES: Final = 16


def new_external_id() -> str:
    """Return a new external ID for a customer: ``pump-`` and 32 hexadecimal digits.

    The digits are 128 bits from the operating system's source of randomness, so no two customers
    get the same ID, and nobody can guess another customer's. The prefix and the fixed length make
    it recognizable to people and to log filters.
    """
    return f"pump-{secrets.token_hex(_RANDOM_BYTES)}"
