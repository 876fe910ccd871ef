"""The registry of experiments: one row per question. A new experiment is one file and one row here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lab.errors import LabError, nearest
from lab.experiments.base import Experiment, Request, Result, Run
from lab.experiments.separability import ProbeRequest


def _separability() -> Run:
    from lab.experiments.separability import run

    return run


EXPERIMENTS: dict[str, Experiment] = {
    row.name: row
    for row in (Experiment("probe", "At which layer do the classes come apart?", ProbeRequest, _separability),)
}


def request_from(values: Mapping[str, Any]) -> Request:
    """Return the request that a run folder, a URL or another program describes by `values`."""
    name = str(values.get("experiment", ""))
    if name not in EXPERIMENTS:
        raise LabError(f"there is no experiment {name!r}{nearest(name, EXPERIMENTS)}; known: {', '.join(EXPERIMENTS)}")
    return EXPERIMENTS[name].request_type.from_dict(values)


__all__ = ["EXPERIMENTS", "Experiment", "ProbeRequest", "Request", "Result", "request_from"]
