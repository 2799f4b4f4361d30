"""Lets the site render what docstrings write for Sphinx, such as ``:class:`RoleStack```."""

import re
from typing import Any

from griffe import Extension, Object


class SphinxRoles(Extension):
    """Shows the name that a role of Sphinx refers to as code."""

    def on_object(self, *, obj: Object, **_: Any) -> None:
        if obj.docstring:
            obj.docstring.value = re.sub(r":\w+:`~?([^`]+)`", r"`\1`", obj.docstring.value)
