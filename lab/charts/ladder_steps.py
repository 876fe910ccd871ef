"""The ladder while a network learns: rungs against checkpoints."""

from __future__ import annotations

import numpy as np

from lab.charts.ladder import ACCURACY_COLOURS, NOT_REACHED, rung_axis
from lab.charts.lazy_altair import alt
from lab.charts.theme import SMALL_FONT, Tables, in_order, interval_text, layered, rows


def ladder_steps_map(tables: Tables, *, height: int = 30, numbers: bool = True) -> alt.LayerChart:
    """Return how well each rung is read at its best layer, checkpoint by checkpoint, gray where it is not; reads
    `steps`. The number is the depth at which it emerges."""
    table = tables["steps"]
    where = interval_text(table["ci_low"], table["ci_high"], 2)
    cells = table.assign(
        moment=[f"step {step:,}" for step in table["step"]],
        colour=table["best"].where(table["reached"], 0.5),
        shown=["" if np.isnan(depth) or not numbers else f"{depth:.2f}" for depth in table["depth"]],
        interval=[text if there else NOT_REACHED for text, there in zip(where, table["reached"], strict=True)],
    )  # fmt: skip
    above = alt.Axis(labelAngle=-35, labelFontSize=SMALL_FONT, labelOverlap=False, grid=False, orient="top")
    moments = list(dict.fromkeys(cells["moment"]))
    base = alt.Chart(rows(cells)).encode(
        alt.X("moment:N", title=None, scale=in_order(moments), axis=above),
        rung_axis({"rungs": table.drop_duplicates("rung")}),
        tooltip=["rung:N", "moment:N", alt.Tooltip("best:Q", format=".2f"), "best_layer:N",
                 alt.Tooltip("depth:Q", format=".2f", title="emerges at"), alt.Tooltip("interval:N", title="95 %")],
    )  # fmt: skip
    scale = alt.Scale(domain=[0.5, 0.75, 1], range=ACCURACY_COLOURS, interpolate="rgb", clamp=True)
    legend = alt.Legend(
        title="best accuracy", orient="bottom", direction="horizontal", gradientLength=150, titleOrient="left"
    )
    ink = alt.condition("datum.colour > 0.68", alt.value("#ffffff"), alt.value("#23272b"))
    return layered(
        base.mark_rect(stroke="#ffffff", strokeWidth=1).encode(alt.Color("colour:Q", scale=scale, legend=legend)),
        base.mark_text(fontSize=12).encode(alt.Text("shown:N"), color=ink),
        title=alt.Title(
            "What is learnt when",
            subtitle=["Colour: accuracy at the best layer. Number: the depth from which the rung is read.",
                      "Gray: not read by any layer."],
        ),
        width="container",
        height=height * table["rung"].nunique() + 190,
        description=f"Best accuracy on {table['rung'].nunique()} rungs at {len(moments)} checkpoints.",
    )  # fmt: skip
