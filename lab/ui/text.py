"""User-given text (class names, file names, run names) made safe for markdown, and numbers made readable."""

from __future__ import annotations

import math
import re
import string

_PUNCTUATION = re.compile(f"([{re.escape(string.punctuation)}])")
# Streamlit looks for icons, emoji codes, colours, links and arrows after markdown's escapes are resolved, so a
# backslash does not stop them; an invisible word joiner after the character that starts them does.
_JOINER = "\u2060"
_DIRECTIVES = re.compile(r"(\\:(?=\S)|\\@|www(?=\\\.)|\\-(?=\\[->])|\\<(?=\\-))")


def escaped(text: object) -> str:
    """Return text that streamlit's markdown shows letter for letter, on one line."""
    quoted = _PUNCTUATION.sub(r"\\\1", " ".join(str(text).split()))
    return _DIRECTIVES.sub(rf"\1{_JOINER}", quoted)


def percent(value: float) -> str:
    """Return 0.974 as "97.4 %", and a dash for what is not a number."""
    return "–" if value is None or math.isnan(value) else f"{100 * value:.1f} %"


def duration(seconds: float | None) -> str:
    """Return a length of time in words, "" when it is not known."""
    if seconds is None:
        return ""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    if seconds < 5400:
        return f"{round(seconds / 60)} min"
    return f"{seconds / 3600:.1f} h"


def count(number: int, noun: str) -> str:
    """Return "1 image" or "3 images"."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
