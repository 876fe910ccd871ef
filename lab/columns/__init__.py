"""What the tables of a run mean: a row of each, and every column. Exports and docs/tables.md say it too."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from lab.columns import ablation, attribution, building, channels, probing, training, windows
from lab.columns.table import Table

__all__ = ["TABLES", "Table", "as_markdown", "meaning"]

# experiment -> table -> what it means
TABLES: dict[str, Mapping[str, Table]] = {
    name: tables
    for room in (probing, windows, building, ablation, channels, attribution, training)
    for name, tables in room.TABLES.items()
}


def meaning(experiment: str, table: str, column: str) -> str:
    """Return what `column` of a table of `experiment` means, "" if it is not known."""
    known = TABLES.get(experiment, {}).get(table)
    return known.columns.get(column, "") if known else ""


def as_markdown(experiment: str, columns: Mapping[str, Iterable[str]] | None = None, *, level: int = 2) -> str:
    """Return a section per table of an experiment with a line per column; `columns` picks some, in their order."""
    known = TABLES.get(experiment, {})
    asked = columns if columns is not None else {name: table.columns for name, table in known.items()}
    parts = []
    for name, names in asked.items():
        lines = [f"- `{column}`: {meaning(experiment, name, column)}" for column in names]
        parts.append("\n".join([f"{'#' * level} {name}", "", known[name].row if name in known else "", "", *lines]))
    return "\n\n".join(parts) + "\n"
