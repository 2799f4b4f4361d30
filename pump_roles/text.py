"""Text from elsewhere, such as a template or AWS, in a form that is safe to show."""

__all__ = ["cut", "one_line", "visible"]


def visible(text: str) -> str:
    """Return a text with control characters and directional marks escaped."""
    return "".join(
        character
        if character.isprintable() or character in "\n\t"
        else character.encode("unicode_escape").decode()
        for character in text
    )


def one_line(text: str) -> str:
    """Return a text as one visible line, with line breaks and tabs escaped."""
    return visible(text).replace("\n", "\\n").replace("\t", "\\t")


def cut(value: str, longest: int | None) -> str:
    """Return a text, cut and marked as cut if it is too long.

    :param value: the text.
    :param longest: how many characters to keep; ``None`` to keep it whole.
    """
    return value if longest is None or len(value) <= longest else f"{value[:longest]} (cut)"
