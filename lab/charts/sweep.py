"""The chart of a sweep: how well each network's layers tell the classes apart, by depth, with what is missing."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from lab.charts.lazy_altair import alt
from lab.charts.theme import INK, MODEL_COLOURS, SMALL_FONT, Tables, in_order, layered, rows
from lab.models import ModelRef

STEPS = 20  # cells from input to output
_COLOURS = ["#e9e6df", MODEL_COLOURS[0], "#0b2f5c"]


def sweep_map(
    tables: Tables, *, images: str, layers: str, probe: str, height: int = 30, short: bool = False
) -> alt.LayerChart:
    """Return a heat map of the probe's accuracy, networks against depth, each beside its finished and planned units.

    Reads `units` and `layers`. A cell has the accuracy of the layer nearest to its depth; colours begin at chance.
    """
    place = {"images": images, "layers": layers, "probe": probe}
    planned, found = _here(tables["units"], place), _here(tables["layers"], place)
    names = {network: ModelRef.parse(network).short for network in planned["network"].unique()}
    chance = float(found.loc[found["control"] == "chance", "accuracy"].min()) if len(found) else 0.5
    chance = chance if np.isfinite(chance) else 0.5
    order = list(names.values())
    axis = alt.Axis(labelLimit=130 if short else 260, labelOverlap=False, domain=False, ticks=False)
    y = alt.Y("name:N", title=None, scale=in_order(order), axis=axis)
    depths = alt.Axis(values=[0, 0.5, 1], format=".1f", grid=False, labelFontSize=SMALL_FONT)
    room = alt.Scale(domain=[0, 1.35 if short else 1.16], nice=False)  # beyond 1: what stands at the right
    x = alt.X("from:Q", title="relative depth (0 input, 1 output)", scale=room, axis=depths)
    scale = alt.Scale(domain=[chance, (chance + 1) / 2, 1], range=_COLOURS, interpolate="rgb", clamp=True)
    legend = alt.Legend(
        title="accuracy", orient="bottom", direction="horizontal", gradientLength=150, titleOrient="left"
    )
    tooltip = [
        alt.Tooltip("network:N"), "layer:N", alt.Tooltip("depth:Q", format=".2f"),
        alt.Tooltip("accuracy:Q", format=".3f"), alt.Tooltip("spread:Q", title="spread over seeds", format=".3f"),
        alt.Tooltip("units:N", title="units finished"),
    ]  # fmt: skip
    cells = alt.Chart(rows(_cells(found, names))).mark_rect().encode(
        x, alt.X2("to:Q"), y, alt.Color("accuracy:Q", scale=scale, legend=legend), tooltip=tooltip
    )  # fmt: skip
    coverage = alt.Chart(rows(_coverage(planned, found, names))).mark_text(align="left", fontSize=13, color=INK).encode(
        alt.X("from:Q"), y, alt.Text("shown:N"), tooltip=["network:N", alt.Tooltip("units:N", title="units finished")]
    )  # fmt: skip
    return layered(
        cells,
        coverage,
        title=alt.Title(
            "Networks by depth",
            subtitle=["Accuracy of a linear probe, mean over seeds.", "Right: at the best layer; units finished."],
        ),
        width="container",
        height=height * max(len(order), 1) + 190,
        description=f"Accuracy of {len(order)} networks on {images} by depth, {len(found)} layers and controls.",
    )


def _here(table: pd.DataFrame, place: dict[str, str]) -> pd.DataFrame:
    inside = np.logical_and.reduce([table[name] == value for name, value in place.items()])
    return table[inside]


def _cells(found: pd.DataFrame, names: dict[str, str]) -> pd.DataFrame:
    """Return each network's layers at equal steps of depth: name, network, from, to, and what the tooltip says."""
    edges = np.linspace(0, 1, STEPS + 1)
    parts = []
    for network, own in found[found["control"] == "probe"].groupby("network", sort=False):
        nearest = [_nearest(own["depth"].to_list(), middle) for middle in (edges[:-1] + edges[1:]) / 2]
        cells = own.iloc[nearest].assign(name=names[str(network)], to=edges[1:])
        cells["from"] = edges[:-1]
        cells["units"] = [f"{done} of {all_}" for done, all_ in zip(cells["finished"], cells["planned"], strict=True)]
        parts.append(cells)
    columns = ["name", "network", "layer", "depth", "accuracy", "spread", "units", "from", "to"]
    return pd.concat(parts)[columns] if parts else pd.DataFrame(columns=columns)


def _nearest(depths: Sequence[float], middle: float) -> int:
    return int(np.argmin([abs(depth - middle) for depth in depths]))


def _coverage(planned: pd.DataFrame, found: pd.DataFrame, names: dict[str, str]) -> pd.DataFrame:
    best = found[found["control"] == "probe"].groupby("network")["accuracy"].max()
    parts = []
    for network, own in planned.groupby("network", sort=False):
        units = f"{int((own['status'] == 'finished').sum())}/{len(own)}"
        shown = f"{best[network]:.2f}  {units}" if network in best else units
        parts.append({"network": network, "name": names[str(network)], "from": 1.02, "units": units, "shown": shown})
    return pd.DataFrame(parts)
