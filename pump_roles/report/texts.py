"""The files of this part that are not code."""

from importlib import resources

__all__ = ["read_text"]


def read_text(name: str) -> str:
    """Return the text of a file next to this module.

    :param name: the file's name.
    """
    return resources.files(__package__).joinpath(name).read_text(encoding="utf-8")
