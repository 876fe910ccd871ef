"""What every experiment is made of: a frozen `Request`, a pure `run`, a `Result` of tidy tables.

    run(request, *, progress, compute, pieces) -> Result

A request is the cache key, the name of the run folder, the page's URL and the command line that reproduces it; so it
holds what is asked, never how it is computed (device, batch size: `lab.settings.Compute`). `pieces` is where a run
leaves finished parts, so that a run that was ended at any instant goes on from there.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol, Self

import pandas as pd

from lab.errors import LabError, nearest
from lab.partial_results import Arrays, PartialResults
from lab.progress import Progress
from lab.settings import Compute

# Raise when the numbers an experiment computes from a request change: older runs are then computed anew.
RESULTS_VERSION = 2


@dataclass(frozen=True)
class Request:
    """What is asked. Subclasses add the fields; all are JSON scalars or tuples of strings."""

    experiment: ClassVar[str]

    def as_dict(self) -> dict[str, Any]:
        """Return the request as JSON-able values, the experiment's name included."""
        values = {
            f.name: list(value) if isinstance(value := getattr(self, f.name), tuple) else value
            for f in dataclasses.fields(self)
        }
        return {"experiment": self.experiment, **values}

    @property
    def digest(self) -> str:
        """Hex SHA-256 of what is asked and of the version of the code's numbers."""
        text = json.dumps([RESULTS_VERSION, self.as_dict()], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()

    @property
    def run_id(self) -> str:
        """The name of the run folder that holds this request's result."""
        return f"{self.experiment}-{self.digest[:12]}"

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Return the request that `as_dict` described; fields that are not there keep their defaults.

        Where several texts can be given, one alone stands for a list of it.
        """
        names = {f.name: f for f in dataclasses.fields(cls)}
        unknown = [name for name in values if name not in {*names, "experiment"}]
        if unknown:
            raise LabError(f"a {cls.experiment} request has no field {unknown[0]!r}{nearest(unknown[0], names)}")
        return cls(**{name: _given(names[name], value) for name, value in values.items() if name in names})

    def command(self) -> str:
        """Return the command line that asks the same."""
        raise NotImplementedError

    def python(self) -> str:
        """Return the call that asks the same from Python."""
        given = [(field, getattr(self, field.name)) for field in dataclasses.fields(self)]
        words = [f"{field.name}={value!r}" for field, value in given if value != field.default]
        return f"lab.ask({', '.join([repr(self.experiment), *words])})"

    def title(self) -> str:
        """Return a short text for people, used as the run's first name."""
        raise NotImplementedError

    def canonical(self) -> Self:
        """Return the request with everything spelled out, so that equal questions have equal names."""
        return self

    def sources(self) -> dict[str, str]:
        """Return what the answer depends on beyond the request (files, folders), each with a cheap stamp."""
        return {}


def _given(field: dataclasses.Field[Any], value: Any) -> Any:
    if isinstance(value, str) and isinstance(field.default, tuple):
        return (value,)  # not its letters
    return tuple(value) if isinstance(value, list) else value


@dataclass(frozen=True)
class Result:
    """What was found: tables of one row per observation, and a manifest of how they were made."""

    request: Request
    tables: Mapping[str, pd.DataFrame]
    manifest: dict[str, Any] = field(default_factory=dict)

    def __getitem__(self, name: str) -> pd.DataFrame:
        return self.tables[name]


class Run(Protocol):
    """The function of an experiment."""

    def __call__(
        self, request: Any, *, progress: Progress, compute: Compute, partial_results: PartialResults
    ) -> Result: ...


__all__ = ["RESULTS_VERSION", "Arrays", "PartialResults", "Request", "Result", "Run"]
