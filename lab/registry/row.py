"""A row of the registry: all by which a question is known, and how it says which charts it has."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from lab.experiments.base import Request
from lab.experiments.columns import Table
from lab.experiments.result import Result, Run

if TYPE_CHECKING:
    import altair as alt

Charts: TypeAlias = "dict[str, alt.TopLevelMixin]"  # by file name


def no_charts(result: Result) -> Charts:
    """Return the charts of a question that has none."""
    return {}


@dataclass(frozen=True)
class Experiment:
    """A question as people read it, what asks it, what answers it, and where it is shown.

    `tables` says what every table of a result means; `charts` draws those of a result, by file name; `page` is a file
    in `pages/`, `tab` one of its tabs (the first row of a tab gives it its heading); `aliases` are names of earlier
    versions, under which it is still found; `often` puts it among the questions of the overview.
    """

    name: str
    question: str
    request_type: type[Request]
    run: Run
    tables: Mapping[str, Table]
    page: str
    tab: str = ""
    charts: Callable[[Result], Charts] = no_charts
    aliases: tuple[str, ...] = ()
    often: bool = False


def charts_of_tables(*rows: tuple[str, str, Callable[..., Any]]) -> Callable[[Result], Charts]:
    """Return what draws charts that need a result's tables only.

    Each row is a file name, the table that must hold something, and the function that draws the chart.
    """

    def draw_all(result: Result) -> Charts:
        tables = result.tables
        return {file: draw(tables) for file, table, draw in rows if len(tables.get(table, ()))}

    return draw_all
