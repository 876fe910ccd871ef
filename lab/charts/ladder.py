"""Charts of the ladder: what is read where, where it emerges, and both small enough to set networks side by side."""

from __future__ import annotations

import numpy as np
import pandas as pd

from lab.charts.heat_map import ACCURACIES, ACCURACY_COLOURS, ACCURACY_DARK, heat_map, rung_axis
from lab.charts.lazy_altair import alt
from lab.charts.theme import (
    MODEL_COLOURS,
    SMALL_FONT,
    Tables,
    depth_axis,
    in_order,
    interval_text,
    layered,
    legend_above,
    models_of,
    only_model,
    rows,
)

CELL_PICK = "cell_pick"  # the selection a page reads: fields rung and layer
PIXELS = "8 × 8 pixels"
NOT_REACHED = "not reached"
CROSS = "M-0.7,-0.7L0.7,0.7M-0.7,0.7L0.7,-0.7"


def ladder_map(
    tables: Tables,
    *,
    model: str | None = None,
    twin: int = -1,
    control: str = "probe",
    numbers: bool = True,
) -> alt.LayerChart:
    """Return the heat map of accuracy, rungs from the bottom up against layers; reads `accuracy` and `rungs`.

    `twin` is -1 for the network itself or the seed of an untrained twin. A cell whose interval does not lie above
    chance is gray and without a number.
    """
    name = only_model(tables["accuracy"], model)
    table = tables["accuracy"]
    own = table[(table["model"] == name) & (table["twin"] == twin) & (table["control"] == control)]
    own = own.sort_values("depth", kind="stable")
    here = pd.concat([table[table["control"] == "pixels"], own])
    tooltip = ["rung:N", alt.Tooltip("place:N", title="layer"), alt.Tooltip("accuracy:Q", format=".2f"),
               "interval:N", "dim:Q"]  # fmt: skip
    return heat_map(
        _cells(here, numbers),
        rung_axis(tables),
        (ACCURACIES, ACCURACY_COLOURS),
        alt.Title("What is read where", subtitle=["Accuracy of a linear probe.", "Gray: not shown to be above 0.5."]),
        tooltip,
        dark=ACCURACY_DARK,
        legend="accuracy",
        angle=-35 if numbers else -90,
        pick=alt.selection_point(name=CELL_PICK, fields=["rung", "layer"], empty=False),
    )


def emergence_by_rung(tables: Tables, *, height: int = 34) -> alt.LayerChart:
    """Return at which depth each rung emerges, networks beside their untrained twins; reads `emergence`, `rungs`.

    The interval of the twins as of the network is over images; a rung that is not reached stands at the right edge.
    """
    table = tables["emergence"].copy()
    table["who"] = [_who(model, twin) for model, twin in zip(table["model"], table["twin"], strict=True)]
    table["interval"] = interval_text(table["ci_low"], table["ci_high"], 2)
    table.loc[~table["reached"], "interval"] = NOT_REACHED
    whos = list(dict.fromkeys(table["who"]))
    colours = alt.Scale(domain=whos, range=[MODEL_COLOURS[i % len(MODEL_COLOURS)] for i in range(len(whos))])
    colour = alt.Color("who:N", scale=colours, legend=legend_above(labelLimit=320, columns=2))
    y = rung_axis(tables, grid=True)
    offset = alt.YOffset("twin_name:N", scale=in_order(_offsets(table)))
    base = alt.Chart(rows(table[table["reached"]])).encode(
        depth_axis("depth", titleAnchor="end"), y, colour, offset,
        tooltip=["who:N", "twin:Q", "rung:N", "layer:N", alt.Tooltip("depth:Q", format=".2f"), "interval:N",
                 alt.Tooltip("best:Q", format=".2f"), "best_layer:N"],
    )  # fmt: skip
    lost = alt.Chart(rows(table[~table["reached"]].assign(depth=1.0))).encode(
        alt.X("depth:Q"), y, colour, offset, tooltip=["who:N", "twin:Q", "rung:N", "interval:N"]
    )
    return layered(
        base.mark_rule(strokeWidth=2, opacity=0.6).encode(alt.X("ci_low:Q"), alt.X2("ci_high:Q")),
        base.mark_point(filled=True, size=60, opacity=1),
        lost.mark_point(shape=CROSS, size=50, strokeWidth=1.5),
        title=alt.Title(
            "Where each rung becomes readable",
            subtitle=["From here on half of the best accuracy", "above chance is kept. ×: not at any layer."],
        ),
        width="container",
        height=height * len(tables["rungs"]) + 150,
        description=f"Emergence depth of {len(tables['rungs'])} rungs in {len(whos)} kinds of networks.",
    )  # fmt: skip


def fingerprint(tables: Tables, *, size: int = 190, columns: int = 4) -> alt.ConcatChart:
    """Return each network and twin as a small map, rungs against equal steps of depth; reads `accuracy`, `rungs`."""
    table = tables["accuracy"]
    panels: list[alt.Chart] = []
    names = models_of(table)
    twins = sorted({int(twin) for twin in table["twin"]})
    scale = alt.Scale(domain=list(ACCURACIES), range=ACCURACY_COLOURS, interpolate="rgb", clamp=True)
    for model in names:
        for twin in twins:
            own = table[(table["model"] == model) & (table["twin"] == twin) & (table["control"] == "probe")]
            if own.empty:
                continue
            base = alt.Chart(rows(_steps(own)), width=size, height=size).encode(
                alt.X("step:O", title=None, axis=None),
                rung_axis(tables, small=bool(panels)),
                alt.Color("accuracy:Q", scale=scale, legend=None),
                tooltip=["rung:N", alt.Tooltip("depth:Q", format=".2f"), alt.Tooltip("accuracy:Q", format=".2f")],
            )
            panels.append(base.mark_rect().properties(title=alt.Title(_title(model, twin), fontSize=SMALL_FONT)))
    return alt.concat(*panels, columns=columns).properties(
        title=alt.Title("Fingerprints", subtitle="Rungs upwards, depth to the right; dark: read well."),
        description=f"Small maps of accuracy of {len(panels)} networks.",
    )


def _cells(table: pd.DataFrame, numbers: bool) -> pd.DataFrame:
    sure = table["ci_low"] > 0.5
    return table.assign(
        place=np.where(table["control"] == "pixels", PIXELS, table["layer"]),
        interval=interval_text(table["ci_low"], table["ci_high"], 2),
        shown=[f"{a:.2f}" if numbers and there else "" for a, there in zip(table["accuracy"], sure, strict=True)],
        value=table["accuracy"].where(sure, 0.5),
    )


def _steps(table: pd.DataFrame, count: int = 12) -> pd.DataFrame:
    """Return accuracy at equal steps of depth, linearly between layers, so that networks compare column by column."""
    found = []
    for rung, part in table.groupby("rung", sort=False):
        part = part.sort_values("depth", kind="stable")
        for step, depth in enumerate(np.linspace(0, 1, count)):
            found.append((rung, step, depth, float(np.interp(depth, part["depth"], part["accuracy"]))))
    return pd.DataFrame(found, columns=["rung", "step", "depth", "accuracy"])


def _offsets(table: pd.DataFrame) -> list[str]:
    table["twin_name"] = table["model"].astype(str) + "/" + table["twin"].astype(str)
    return list(dict.fromkeys(table["twin_name"]))


def _who(model: str, twin: int) -> str:
    return model if twin < 0 else f"{model.partition('@')[0]}, untrained twins"


def _title(model: str, twin: int) -> str:
    return model if twin < 0 else f"untrained {twin}"
