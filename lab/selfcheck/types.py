"""What a check against a known answer is, and what it gives."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class Found:
    """What was found, in words, and whether it is as expected."""

    text: str
    passed: bool


@dataclass(frozen=True)
class KnownAnswer:
    """A row of the table of checks: what is put in, what must come out, and what finds out.

    `source` says where the expected value comes from.
    """

    name: str
    system: str
    expected: str
    source: str
    check: Callable[[], Found]


@dataclass(frozen=True)
class CheckedRow:
    """A check that was carried out."""

    name: str
    system: str
    expected: str
    found: str
    passed: bool
    source: str
    seconds: float

    def as_dict(self) -> dict[str, str | bool | float]:
        """Return the row as JSON-able values."""
        return asdict(self)
