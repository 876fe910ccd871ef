"""How far each layer's map can be trusted: trustworthiness, and nearest neighbours before and after flattening."""

from __future__ import annotations

from lab.charts.lazy_altair import alt
from lab.charts.theme import INK, MODEL_COLOURS, Tables, depth_axis, of_model, only_model, rows

# column -> (what it is, its colour, its dash)
MEASURES = {
    "knn_embedding": ("nearest neighbours right, in the layer", MODEL_COLOURS[0], (1, 0)),
    "knn_projection": ("nearest neighbours right, on the map", MODEL_COLOURS[1], (6, 4)),
    "trustworthiness": ("trustworthiness of the map", INK, (2, 3)),
}


def map_quality(tables: Tables, model: str | None = None) -> alt.Chart:
    """Return lines over depth of what says how far the maps of one network can be trusted."""
    table = tables["projection_quality"]
    name = only_model(table, model)
    here = of_model(table, name)
    long = here.melt(["layer", "depth"], [column for column in MEASURES if column in here], var_name="measure")
    long["measure"] = long["measure"].map({column: told for column, (told, _, _) in MEASURES.items()})
    names, colours, dashes = zip(*MEASURES.values(), strict=True)
    legend = alt.Legend(
        orient="top", title=None, labelLimit=0, columns=1, labelFontSize=13, symbolType="stroke", symbolSize=400
    )
    line = alt.Chart(rows(long.dropna())).mark_line(point=alt.OverlayMarkDef(size=60, filled=True), strokeWidth=2.5)
    return line.encode(
        depth_axis("depth"),
        alt.Y("value:Q", title=None, scale=alt.Scale(zero=False), axis=alt.Axis(format=".2f", tickCount=6)),
        alt.Color("measure:N", scale=alt.Scale(domain=list(names), range=list(colours)), legend=legend),
        alt.StrokeDash("measure:N", scale=alt.Scale(domain=list(names), range=list(map(list, dashes))), legend=legend),
        tooltip=["layer:N", "measure:N", alt.Tooltip("value:Q", format=".3f")],
    ).properties(
        height=420,
        title=alt.Title("How far each map can be trusted", subtitle=name),
        description=f"Trustworthiness and nearest-neighbour accuracy of the maps of {name}, by depth.",
    )
