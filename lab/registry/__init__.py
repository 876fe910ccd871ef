"""The registry of questions: one row each, and all by which it is known is in that row.

The command line, the pages, exports, reports and the documentation of tables are lists made from these rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from lab.errors import LabError, nearest
from lab.experiments.base import Request
from lab.experiments.columns import Table
from lab.experiments.result import Result
from lab.registry import ablation, building, channels, ladder, numbers, separability, training
from lab.registry.row import Charts, Experiment, no_charts

EXPERIMENTS: dict[str, Experiment] = {
    row.name: row
    for group in (separability, numbers, ladder, building, ablation, channels, training)
    for row in group.ROWS
}
ALIASES = {alias: row.name for row in EXPERIMENTS.values() for alias in row.aliases}


def experiment_named(name: str) -> Experiment:
    """Return the row of a question by its name or one of earlier versions; raises LabError when there is none."""
    known = ALIASES.get(name, name)
    if known not in EXPERIMENTS:
        raise LabError(f"there is no experiment {name!r}{nearest(name, EXPERIMENTS)}; known: {', '.join(EXPERIMENTS)}")
    return EXPERIMENTS[known]


def request_from(values: Mapping[str, Any]) -> Request:
    """Return the request that a run folder, a URL or another program describes by `values`.

    >>> request_from({"experiment": "slide", "size": 9}).command()
    'feature-lab ask slide --size=9'
    """
    return experiment_named(str(values.get("experiment", ""))).request_type.from_dict(values)


def charts_of(result: Result) -> Charts:
    """Return the charts of a result by file name; a question without charts has none."""
    return EXPERIMENTS[result.request.experiment].charts(result)


def has_charts(experiment: str) -> bool:
    """Return whether a question has charts at all."""
    return EXPERIMENTS[experiment].charts is not no_charts


def meaning(experiment: str, table: str, column: str) -> str:
    """Return what `column` of a table of `experiment` means, "" if it is not known."""
    row = EXPERIMENTS.get(experiment)
    known = row.tables.get(table) if row else None
    return known.columns.get(column, "") if known else ""


def as_markdown(experiment: str, columns: Mapping[str, Iterable[str]] | None = None, *, level: int = 2) -> str:
    """Return a section per table of an experiment with a line per column; `columns` picks some, in their order."""
    return tables_as_markdown(EXPERIMENTS[experiment].tables, columns, level=level)


def tables_as_markdown(
    known: Mapping[str, Table], columns: Mapping[str, Iterable[str]] | None = None, *, level: int = 2
) -> str:
    """Return the same for tables that are not those of a question."""
    chosen = columns if columns is not None else {name: table.columns for name, table in known.items()}
    parts = []
    for name, names in chosen.items():
        about = known[name].columns if name in known else {}
        lines = [f"- `{column}`: {about.get(column, '')}" for column in names]
        parts.append("\n".join([f"{'#' * level} {name}", "", known[name].row if name in known else "", "", *lines]))
    return "\n\n".join(parts) + "\n"
