"""The one kind of error a user is meant to read.

A `LabError` is a single sentence that says what is wrong, where, and how to mend it. The command line prints it
and exits with 2, the pages show it in a box, a run stores it; anything else that is raised is a defect of the lab.
"""

from __future__ import annotations

import difflib
import reprlib
from collections.abc import Iterable


class LabError(Exception):
    """A problem its reader can mend, told in one sentence."""


class HubUnreachable(LabError):
    """Weights or images that load by name from a hub could not be fetched."""


class BeingComputed(LabError):
    """Another process computes the run that this one was to compute."""


def briefly(value: object) -> str:
    """Return a value of a wrong kind and its type, as an error has room for: an array by its shape, no long text.

    >>> briefly("5"), briefly(3)
    ("'5', a str", '3, an int')
    """
    shape = getattr(value, "shape", None)
    shown = f"of shape {tuple(shape)}" if shape else " ".join(reprlib.repr(value).split())
    return f"{shown}, {kind_of(value)}"


def check_type(name: str, value: object, kinds: type | tuple[type, ...], told: str) -> None:
    """Raise LabError for a value that is none of `kinds`, which a sentence calls `told`; True is no number."""
    if not isinstance(value, kinds) or isinstance(value, bool):
        raise LabError(f"{name} is {briefly(value)}; it must be {told}")


def kind_of(value: object) -> str:
    """Return the type of a value with its article: "a str", "an int"."""
    name = type(value).__name__
    return f"{'an' if name[0].lower() in 'aeiou' else 'a'} {name}"


def nearest(name: str, allowed: Iterable[str], *, count: int = 3) -> str:
    """Return "; nearest: a, b" for an error about an unknown `name`, or "" when nothing is near."""
    matches = difflib.get_close_matches(str(name), list(allowed), n=count, cutoff=0.5)
    return f"; nearest: {', '.join(matches)}" if matches else ""
