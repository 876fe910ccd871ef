"""Charts of one filter: where it responds, and how its input channels add up to one number."""

from __future__ import annotations

import numpy as np
import pandas as pd

from lab.charts.lazy_altair import alt
from lab.charts.theme import INK, SMALL_FONT, Tables, layered, legend_above, rows
from lab.experiments.building.filter_terms import FilterLayer
from lab.experiments.result import Result

MOST_CELLS = 56  # cells along a side: 3,136 rectangles draw at once, more do not
MOST_CHANNELS = 16
FOR, AGAINST, SUM = "#d9621f", "#2474cf", "#10829a"


def response_map(
    tables: Tables, *, layer: str, channel: int, row: int, column: int, size: int = 300, height: int = 300
) -> alt.LayerChart:
    """Return one output channel as a heat map, with the chosen position framed.

    Reads the table `response` (row, column, value, rows, columns: how many places a cell stands for; its value is the
    largest in size among them, at exactly that place).
    """
    table = tables["response"]
    most = float(table["value"].abs().max()) or 1.0
    base = alt.Chart(rows(table)).encode(
        alt.X("left:Q", title="column", scale=alt.Scale(nice=False), axis=_pixels()),
        alt.X2("right:Q"),
        alt.Y("top:Q", title="row", scale=alt.Scale(nice=False, reverse=True), axis=_pixels()),
        alt.Y2("bottom:Q"),
    )
    scale = alt.Scale(domain=[-most, 0, most], range=[AGAINST, "#c4c7ca", FOR])
    cells = base.mark_rect().encode(
        alt.Color("value:Q", scale=scale, legend=None),
        tooltip=["row:Q", "column:Q", alt.Tooltip("value:Q", format="+.4f")],
    )
    chosen = alt.Chart(rows(pd.DataFrame([{"row": row + 0.5, "column": column + 0.5}])))
    chosen = chosen.encode(alt.X("column:Q"), alt.Y("row:Q"))
    return layered(
        cells,
        chosen.mark_point(size=220, stroke="#ffffff", strokeWidth=5, filled=False),
        chosen.mark_point(size=220, stroke="#16191c", strokeWidth=2.5, filled=False),
        title="Where this filter responds",
        width=size,
        height=height,
        description=f"Response of output channel {channel} of {layer} at every position; chosen: row {row}, {column}.",
    )


def response_cells(response: np.ndarray) -> pd.DataFrame:
    """Return the table that `response_map` reads, for one output channel `(H, W)`."""
    step = max(1, -(-max(response.shape) // MOST_CELLS))
    cells = []
    for top in range(0, response.shape[0], step):
        for left in range(0, response.shape[1], step):
            block = response[top : top + step, left : left + step]
            y, x = np.unravel_index(int(np.abs(block).argmax()), block.shape)
            bottom, right = top + block.shape[0], left + block.shape[1]
            place = {"row": top + int(y), "column": left + int(x), "value": float(block[y, x])}
            cells.append({**place, "top": top, "bottom": bottom, "left": left, "right": right})
    return pd.DataFrame(cells)


def contribution_steps(tables: Tables, *, bias: float, total: float, height: int = 300) -> alt.LayerChart:
    """Return what each input channel adds, the largest first, as steps from nothing to the sum.

    Reads the table `contributions` of a filter run; beyond `MOST_CHANNELS` the rest is one step.
    """
    table = _steps(tables["contributions"], bias, total)
    order = list(table["name"])
    axis = alt.Axis(labelAngle=-45 if len(order) > 8 else 0, labelOverlap=False, labelFontSize=SMALL_FONT, grid=False)
    x = alt.X("name:N", sort=order, title="input channel, the largest contribution first", axis=axis)
    base = alt.Chart(rows(table)).encode(x)
    kinds = {"adds": FOR, "takes away": AGAINST, "sum": SUM}
    there = [kind for kind in kinds if kind in set(table["kind"])]
    colours = alt.Scale(domain=there, range=[kinds[kind] for kind in there])
    bars = base.mark_bar(size=22).encode(
        alt.Y("start:Q", title="sum so far"),
        alt.Y2("end:Q"),
        alt.Color("kind:N", scale=colours, legend=legend_above()),
        tooltip=[
            alt.Tooltip("name:N", title="channel"),
            alt.Tooltip("value:Q", title="contribution", format="+.4f"),
            alt.Tooltip("end:Q", title="sum so far", format="+.4f"),
        ],
    )
    labels = base.mark_text(dy=-8, fontSize=11).encode(alt.Y("high:Q"), alt.Text("value:Q", format="+.2f"))
    zero = alt.Chart(rows(pd.DataFrame([{"zero": 0.0}]))).mark_rule(color=INK).encode(alt.Y("zero:Q"))
    return layered(
        zero,
        bars,
        labels,
        title=alt.Title("From products to one number", subtitle="Each step is one input channel's sum of products."),
        width="container",
        height=height,
        description=f"Contributions of {len(tables['contributions'])} input channels that sum to {total:+z.4f}.",
    )


def filter_charts(result: Result) -> dict[str, alt.TopLevelMixin]:
    """Return the charts of the filter that a result is about, by file name."""
    layer = FilterLayer.from_tables(result.tables)
    channel, row, column = result.manifest["at"]
    found = layer.at(channel, row, column)
    response = {"response": response_cells(layer.outputs[channel])}
    return {
        "contributions": contribution_steps(result.tables, bias=found.bias, total=found.total),
        "response": response_map(response, layer=layer.name, channel=channel, row=row, column=column),
    }


def _steps(table: pd.DataFrame, bias: float, total: float) -> pd.DataFrame:
    shown = table.head(MOST_CHANNELS)
    steps = [(str(channel), value) for channel, value in zip(shown.input_channel, shown.contribution, strict=True)]
    rest = table.iloc[MOST_CHANNELS:]
    if len(rest):
        steps.append((f"{len(rest)} more", float(rest.contribution.sum())))
    if bias:
        steps.append(("bias", bias))
    found, so_far = [], 0.0
    for name, value in steps:
        found.append({"name": name, "value": value, "start": so_far, "end": so_far + value})
        so_far += value
    found.append({"name": "sum", "value": total, "start": 0.0, "end": total})
    steps_table = pd.DataFrame(found)
    steps_table["kind"] = np.where(steps_table["value"] < 0, "takes away", "adds")
    steps_table.loc[steps_table["name"] == "sum", "kind"] = "sum"
    steps_table["high"] = steps_table[["start", "end"]].max(axis=1)
    return steps_table


def _pixels() -> alt.Axis:
    return alt.Axis(grid=False, tickCount=5, labelFontSize=SMALL_FONT)
