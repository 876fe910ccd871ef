"""What users call runs, made fit to be shown on one line."""

from __future__ import annotations

from collections.abc import Iterable

MOST_TAGS, LONGEST_TAG, LONGEST_NAME = 12, 30, 120


def one_line(text: str) -> str:
    """Return text on one line, at most `LONGEST_NAME` characters, without what cannot be shown."""
    return "".join(letter for letter in " ".join(text.split()) if letter.isprintable())[:LONGEST_NAME]


def clean_tags(given: Iterable[str]) -> tuple[str, ...]:
    """Return tags in small letters, each once, at most `MOST_TAGS`.

    >>> clean_tags(["Talk ", "talk", ""])
    ('talk',)
    """
    cleaned = (one_line(tag)[:LONGEST_TAG].strip().lower() for tag in given)
    return tuple(dict.fromkeys(tag for tag in cleaned if tag))[:MOST_TAGS]
