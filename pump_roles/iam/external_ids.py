"""External IDs, which nothing shows, and where they are in a policy."""

import json
import re
import secrets
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final, Literal

from pump_roles.iam.conditions import Condition, ConditionTest
from pump_roles.inputs import as_list, as_text
from pump_roles.inputs.text import decoded, visible
from pump_roles.inputs.validators import EXTERNAL_ID, PROVIDED_EXTERNAL_ID

EXTERNAL_ID_KEY: Final = "sts:externalid"
"""The condition key, in lower case. IAM reads a condition's key in any case."""

MASK: Final = "(external ID)"
"""What is shown in the place of an external ID."""

_PART_FROM: Final = 6
"""The minimum length of an external ID that is masked within other text. A shorter one could be a
part of any word."""

_RANDOM_BYTES: Final = 16


class _Secret:
    # Not a field, so that nothing that writes fields has it.
    _secret: str | None = None


@dataclass(frozen=True, repr=False)
class ExternalId(_Secret):
    """An external ID: known, open until the deployment, or not read. It prints itself masked.

    :param state: ``known``; ``open`` if it is decided at deployment; ``not-read`` if it cannot be
        read, or is none that AWS accepts.
    :param sha256: the SHA-256 of its text, or of what cannot be read; empty if it is open.
    :param parameter: if it is open, the name of the template parameter that decides it.
    :param why: if it is not read, why: ``unreadable`` for a function in a template; empty for a
        literal that AWS does not accept.
    """

    state: Literal["known", "open", "not-read"]
    sha256: str = ""
    parameter: str = ""
    why: Literal["", "unreadable"] = ""

    @classmethod
    def of(cls, text: str) -> "ExternalId":
        """Return the external ID that a text is."""
        is_accepted = re.fullmatch(EXTERNAL_ID.pattern, text)
        found = cls("known" if is_accepted else "not-read", _digest(text))
        object.__setattr__(found, "_secret", text)
        return found

    @classmethod
    def provided(cls, argument: str, value: object) -> "ExternalId":
        """Return an external ID that a user provides.

        :raises ArgumentError: if it is none that AWS accepts. The message does not show it.
        """
        return cls.of(PROVIDED_EXTERNAL_ID.check(argument, value))

    @classmethod
    def from_sha256(cls, digest: str) -> "ExternalId":
        """Return the external ID of which only the SHA-256 is known."""
        return cls("known", digest)

    @classmethod
    def not_read(cls, what: Any, why: Literal["", "unreadable"]) -> "ExternalId":
        """Return what stands in the place of an external ID, and cannot be read."""
        return cls("not-read", _digest(as_text(what)), why=why)

    def __repr__(self) -> str:
        return MASK

    def __format__(self, spec: str) -> str:
        return format(MASK, spec)

    def reveal(self) -> str:
        """Return its text, which a template or a call of AWS STS needs.

        :raises ValueError: if its text is not known.
        """
        if self._secret is None:
            raise ValueError("the text of this external ID is not known")
        return self._secret

    @property
    def has_text(self) -> bool:
        """Whether its text is known, not only its SHA-256."""
        return self._secret is not None

    def filled(self, fill: Callable[[str], str]) -> "ExternalId":
        """Return it with the placeholders in its text filled in."""
        return self if self._secret is None else ExternalId.of(fill(self._secret))

    def differs_in_case_from(self, other: "ExternalId") -> bool:
        """Return whether it is the other one but for the case of its letters."""
        if self == other or not (self.has_text and other.has_text):
            return False
        return self.reveal().casefold() == other.reveal().casefold()

    def is_in(self, text: str) -> bool:
        """Return whether a text is this external ID, or contains it."""
        own = self._secret if self.state == "known" else None
        return own is not None and (own == text or (len(own) >= _PART_FROM and own in text))


OPEN_ID: Final = ExternalId("open")


class TextMask:
    """Replaces external IDs in texts: one that is short, only if it is the whole text."""

    def __init__(self, ids: Iterable[ExternalId]) -> None:
        self._texts = {id_.reveal() for id_ in ids if id_.has_text}
        long = [text for text in self._texts if len(text) >= _PART_FROM]
        longest_first = sorted(long, key=lambda text: (-len(text), text))
        self._parts = re.compile("|".join(map(re.escape, longest_first))) if long else None

    def masked(self, text: str) -> str:
        """Return a text without external IDs, and with every character visible."""
        return visible(self.replaced(text))

    def replaced(self, text: str) -> str:
        """Return a text without external IDs."""
        if text in self._texts:
            return MASK
        return self._parts.sub(MASK, text) if self._parts else text


def _digest(text: str) -> str:
    # A policy in JSON can have half of a surrogate pair.
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def new_external_id() -> str:
    """Return a new external ID for a customer: ``pump-`` and 32 hexadecimal digits.

    The digits are 128 bits from the operating system's source of randomness, so no two customers
    get the same ID, and nobody can guess another customer's. The prefix and the fixed length make
    it recognizable to people and to log filters.

    Source: IAM User Guide, ["Access to AWS accounts owned by third
    parties"](https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_common-scenarios_third-party.html).
    """
    return f"pump-{secrets.token_hex(_RANDOM_BYTES)}"


# Where they are in a JSON value


def external_ids_in(value: Any) -> frozenset[ExternalId]:
    """Return the texts, and the numbers as text, that are values of the condition key."""
    return frozenset(map(ExternalId.of, texts_under_the_key(value)))


def texts_under_the_key(value: Any) -> frozenset[str]:
    """Return the texts, and the numbers as text, that are values of the condition key."""
    return frozenset({*_texts([*under_the_key(value)])} - {"", "*"})


def under_the_key(value: Any) -> Iterator[Any]:
    """Yield everything that is the value of the condition key, anywhere in a JSON value."""
    if isinstance(value, list):
        for element in value:
            yield from under_the_key(element)
    elif isinstance(value, dict):
        for key, element in value.items():
            if is_external_id_key(key):
                yield element
            elif present := presence(key, element):
                others = {other: element[other] for other in element.keys() - present.keys()}
                yield from under_the_key(others)
            else:
                yield from under_the_key(element)
    elif isinstance(value, str) and EXTERNAL_ID_KEY in value.lower():
        # A document may be a JSON string.
        with suppress(ValueError):
            yield from under_the_key(decoded(json.loads, value))


def ids_required_by(condition: Condition) -> frozenset[ExternalId]:
    """Return the external IDs, and the patterns of some, that a condition names."""
    texts = {text for test in condition.tests if names_ids(test) for text in test.values}
    return external_ids_in(condition.not_read) | {*map(ExternalId.of, texts - {"", "*"})}


def names_ids(test: ConditionTest) -> bool:
    """Return whether a test of a condition names external IDs, not only whether there is one."""
    return test.key == EXTERNAL_ID_KEY and not (
        test.operator == "Null" and {*test.values} <= {"true", "false"}
    )


def is_external_id_key(key: str) -> bool:
    """Return whether a condition key is that of the external ID."""
    return key.strip().lower() == EXTERNAL_ID_KEY


def presence(operator: str, tests: Any) -> dict[str, Any]:
    """Return an operator's tests for whether there is an external ID, which name none."""
    if operator != "Null" or not isinstance(tests, dict):
        return {}
    return {
        key: value
        for key, value in tests.items()
        if is_external_id_key(key) and {*map(as_text, as_list(value))} <= {"true", "false"}
    }


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, list | dict):
        for element in value.values() if isinstance(value, dict) else value:
            yield from _texts(element)
    elif isinstance(value, str):
        yield value
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield json.dumps(value)
