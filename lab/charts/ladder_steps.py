"""The ladder while a network learns: rungs against checkpoints."""

from __future__ import annotations

import numpy as np

from lab.charts.heat_map import ACCURACIES, ACCURACY_COLOURS, ACCURACY_DARK, heat_map, rung_axis
from lab.charts.ladder import NOT_REACHED
from lab.charts.lazy_altair import alt
from lab.charts.theme import Tables, interval_text


def ladder_steps_map(tables: Tables, *, numbers: bool = True) -> alt.LayerChart:
    """Return how well each rung is read at its best layer, checkpoint by checkpoint, gray where it is not; reads
    `steps`. The number is the depth at which it emerges."""
    table = tables["steps"]
    where = interval_text(table["ci_low"], table["ci_high"], 2)
    cells = table.assign(
        place=[f"step {step:,}" for step in table["step"]],
        value=table["best"].where(table["reached"], 0.5),
        shown=["" if np.isnan(depth) or not numbers else f"{depth:.2f}" for depth in table["depth"]],
        interval=[text if there else NOT_REACHED for text, there in zip(where, table["reached"], strict=True)],
    )  # fmt: skip
    return heat_map(
        cells,
        rung_axis({"rungs": table.drop_duplicates("rung")}),
        (ACCURACIES, ACCURACY_COLOURS),
        alt.Title(
            "What is learnt when",
            subtitle=["Colour: accuracy at the best layer. Number: the depth from which the rung is read.",
                      "Gray: not read by any layer."],
        ),
        ["rung:N", alt.Tooltip("place:N", title="checkpoint"), alt.Tooltip("best:Q", format=".2f"), "best_layer:N",
         alt.Tooltip("depth:Q", format=".2f", title="emerges at"), alt.Tooltip("interval:N", title="95 %")],
        dark=ACCURACY_DARK,
        legend="best accuracy",
    )  # fmt: skip
