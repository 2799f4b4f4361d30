"""Finds context keys that are meant for this app, but are misspelled or unknown."""

import re
import unicodedata
from collections.abc import Mapping
from functools import cache
from typing import Final

from pump_roles.validators import nearest

__all__ = ["PREFIX", "as_typed", "suggestion"]

PREFIX: Final = "pump:"
"""The prefix of each key."""

_OTHER_PREFIXES: Final = re.compile("@[^/:]+/|aws:|aws-cdk:")
"""The prefixes of the keys of the CDK and of npm packages."""

# A typo in the shortest key with its prefix, nine letters, leaves eight of them.
_NEAR: Final = 0.88
# Without the prefix, a short name is too close to common words, such as `principals`.
_NEAR_WITHOUT_PREFIX: Final = 0.91
_LONG: Final = 10
_NEAR_PREFIX: Final = 0.75


def suggestion(key: str, keys: tuple[str, ...]) -> str | None:
    """Return a hint for an unknown key that is meant for the app; ``None`` for any other key.

    A key is meant for the app if it is close to one of the app's keys, even without the prefix
    ``pump:``, or if it begins with that prefix, a role, or one of the names. Case and separators do
    not matter. Keys of the CDK and of packages, such as ``@aws-cdk/core:x``, are never meant for
    the app. Neither are keys with a prefix that is not close to ``pump`` or a role.

    :param key: the unknown key, as typed.
    :param keys: the app's keys.
    """
    if _OTHER_PREFIXES.match(key):
        return None
    found = _alike(key, keys) or _near(key, keys)
    if found:
        return f"did you mean {found}?{_letter(key)}"
    if _begins_like(key, keys):
        shared = [known for known in keys if known.count(":") == 1]
        # Without a colon, as in pump-station, the nearest key is not what was meant.
        hint = nearest(_spelled(key), keys) if ":" in key else ""
        return hint or f"the keys are {', '.join(shared)}"
    return None


def as_typed(key: str) -> str:
    """Return a key for an error message: as typed, or escaped if it is not printable."""
    return key if key.isprintable() else repr(key)


def _alike(key: str, keys: tuple[str, ...]) -> str:
    # Letters of other scripts can look the same, such as the Cyrillic er and the Latin p.
    typed = _spelled(unicodedata.normalize("NFKC", key))
    if typed.isascii() or sum(letter.isascii() for letter in typed) * 2 < len(typed):
        return ""
    pattern = "".join(re.escape(letter) if letter.isascii() else "." for letter in typed)
    alike = re.compile(f"({PREFIX})?{pattern}")
    return next((known for known in keys if alike.fullmatch(known)), "")


def _near(key: str, keys: tuple[str, ...]) -> str:
    # Only letters and digits count: permissions_boundary and permissionsBoundary are the same.
    from difflib import get_close_matches  # noqa: PLC0415

    full, bare = _letters_of(keys)
    for typed in dict.fromkeys((_letters(key), _letters(unicodedata.normalize("NFKD", key)))):
        if typed in full or typed in bare:
            return full.get(typed) or bare[typed]
        long = [letters for letters in bare if len(letters) >= _LONG]
        if found := get_close_matches(typed, full, n=1, cutoff=_NEAR):
            return full[found[0]]
        found = get_close_matches(typed, long, n=1, cutoff=_NEAR_WITHOUT_PREFIX)
        if found and _may_be_ours(key, keys):
            return bare[found[0]]
    return ""


def _may_be_ours(key: str, keys: tuple[str, ...]) -> bool:
    # A key such as acme:permissions-boundary has the prefix of someone else.
    from difflib import get_close_matches  # noqa: PLC0415

    prefix, colon, _ = key.partition(":")
    parts = {_letters(part) for known in keys for part in known.split(":")}
    return not colon or bool(get_close_matches(_letters(prefix), parts, n=1, cutoff=_NEAR_PREFIX))


def _begins_like(key: str, keys: tuple[str, ...]) -> bool:
    # Even without the prefix: an ignored permissions-boundary would leave the role without one.
    spelled = _spelled(key)
    first, *_ = re.split("[^a-z-]", spelled)
    parts = {part for known in keys for part in known.removeprefix(PREFIX).split(":")}
    roles = {_letters(role) for _, role, *rest in (known.split(":") for known in keys) if rest}
    of_role = ":" in key and _letters(first) in roles
    prefixed = any(re.match("pump([^a-z]|s:|$)", typed) for typed in (spelled, key.strip().lower()))
    return first in parts or of_role or prefixed


def _spelled(key: str) -> str:
    # In the spelling of the app's keys: permissionsBoundary becomes permissions-boundary.
    return re.sub("(?<=[a-z])(?=[A-Z])", "-", key.strip()).replace("_", "-").lower()


def _letters(key: str) -> str:
    return re.sub("[^a-z0-9]", "", key.casefold())


@cache
def _letters_of(keys: tuple[str, ...]) -> tuple[Mapping[str, str], Mapping[str, str]]:
    # The keys by their letters, with the prefix and without it.
    return (
        {_letters(key): key for key in keys},
        {_letters(key.removeprefix(PREFIX)): key for key in keys},
    )


def _letter(key: str) -> str:
    # Names the first letter that is not ASCII, since it may look like one that is.
    other = next((letter for letter in key if not letter.isascii()), "")
    name = unicodedata.name(other, "a character without a name") if other else ""
    return f" It contains {name} (U+{ord(other):04X})" if other else ""
