"""The layer that one looks at, in a chart over depth: a click on a point picks it, a ring marks it.

A page reads the picks in the selection `LAYER_PICK`, and says what is chosen in the named data `CHOSEN`: other data,
the same chart, so that a browser moves the ring and draws nothing else anew.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from lab.charts.curves import curve_rows
from lab.charts.lazy_altair import alt
from lab.charts.theme import INK, Tables

LAYER_PICK, CHOSEN = "layer_pick", "chosen"
Marks = list[dict[str, Any]]


def pickable(points: alt.Chart, *fields: str) -> alt.Chart:
    """Return points of which a click picks one, told by its `fields`.

    Clicks toggle points, so that one that is chosen by other means in between can be clicked again (`newly_picked`).
    """
    click: dict[str, Any] = {"toggle": "true", "clear": False, "empty": False}
    return points.add_params(alt.selection_point(name=LAYER_PICK, fields=list(fields), **click))


def newly_picked(before: Marks, now: Marks) -> dict[str, Any] | None:
    """Return what a click has toggled between two states of the selection, None where nothing was."""
    added, removed = [one for one in now if one not in before], [one for one in before if one not in now]
    return next(reversed(added or removed or now), None)  # a chart that was drawn anew has forgotten what was before


def ring(x: alt.X, y: alt.Y) -> alt.Chart:
    """Return the mark of what is chosen."""
    point = alt.Chart(alt.NamedData(CHOSEN)).mark_point(size=420, strokeWidth=3, color=INK, opacity=1)
    return point.encode(x, y)


def chosen_on_curves(tables: Tables, layers: Mapping[str, str], metric: str = "accuracy") -> Marks:
    """Return where the chosen layer of each network lies on `accuracy_by_depth`: model, layer, depth, value."""
    table = curve_rows(tables, metric=metric, controls=())
    here = table[(table["control"] == "probe") & (table["model"].map(layers) == table["layer"])]
    return _marks(here, ("model", "layer", "depth", "value"))


def chosen_of(table: pd.DataFrame, layer: str, fields: Sequence[str]) -> Marks:
    """Return where a layer lies on a chart of `table`, by the `fields` it is drawn by."""
    return _marks(table[table["layer"] == layer], fields)


def _marks(table: pd.DataFrame, fields: Sequence[str]) -> Marks:
    return [{str(name): value for name, value in row.items()} for row in table[list(fields)].to_dict("records")]
