"""How far each layer's map can be trusted, as a chart beside the maps."""

from __future__ import annotations

import altair as alt
import pandas as pd

from lab.charts.theme import INK, MODEL_COLOURS, depth_axis, rows
from lab.experiments.base import Result
from lab.ui.showing import show_spec

# column -> (what it is, its colour, its dash)
MEASURES = {
    "knn_embedding": ("nearest neighbours right, in the layer", MODEL_COLOURS[0], (1, 0)),
    "knn_projection": ("nearest neighbours right, on the map", MODEL_COLOURS[1], (6, 4)),
    "trustworthiness": ("trustworthiness of the map", INK, (2, 3)),
}


def quality(result: Result, model: str) -> None:
    """Show, per layer, how far its map can be trusted."""
    table = result["projection_quality"]
    spec = quality_chart(table[table["model"] == model]).properties(
        description=f"Trustworthiness and nearest-neighbour accuracy of the maps of {model}, by depth."
    )
    show_spec(spec.to_dict(validate=False), key="quality_chart")


def quality_chart(table: pd.DataFrame) -> alt.Chart:
    """Return lines over depth of the measures in a table of one model's maps."""
    long = table.melt(["layer", "depth"], [name for name in MEASURES if name in table], var_name="measure")
    long["measure"] = long["measure"].map({name: told for name, (told, _, _) in MEASURES.items()})
    names, colours, dashes = zip(*MEASURES.values(), strict=True)
    legend = alt.Legend(orient="top", title=None, labelLimit=0, columns=1, labelFontSize=13)
    line = alt.Chart(rows(long.dropna())).mark_line(point=alt.OverlayMarkDef(size=60, filled=True), strokeWidth=2.5)
    return line.encode(
        depth_axis("depth"),
        alt.Y("value:Q", title=None, scale=alt.Scale(zero=False), axis=alt.Axis(format=".2f", tickCount=6)),
        alt.Color("measure:N", scale=alt.Scale(domain=list(names), range=list(colours)), legend=legend),
        alt.StrokeDash("measure:N", scale=alt.Scale(domain=list(names), range=list(map(list, dashes))), legend=legend),
        tooltip=["layer:N", "measure:N", alt.Tooltip("value:Q", format=".3f")],
    ).properties(height=330)
