"""The atlas of a sweep: networks × image sets, each cell accuracy by depth in small, coloured by its best layer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from lab.charts.lazy_altair import alt
from lab.charts.theme import SMALL_FONT, Tables, in_order, layered, rows
from lab.models import ModelRef

ATLAS_PICK = "atlas_cell"  # network and images of the cell that was clicked
ROW = 66  # pixels a network
_COLOURS = ["#efece5", "#8fbcec"]  # on both, black text and curves stand out on a light and on a dark page
_ABOUT = [
    "A box: a network on an image set; its curve:", "accuracy of a linear probe from the first",
    "layer (left) to the last (right). Dot and", "number: the best layer. Dotted: chance.",
]  # fmt: skip
_PEN, _QUIET, _MISSING = "#14202b", "#5a646d", "#c9c9c4"
_UPWARDS: Any = [{"expr": "bandwidth('y')"}, {"expr": "0"}]
_AROUND = 190  # pixels of title, names of sets and legend, within the height that a page gives a chart
_FIELDS = ["cell", "network", "name", "images", "best", "layer", "depth", "gain", "shown", "units", "href"]


def atlas(
    tables: Tables, *, layers: str, probe: str, link: Callable[[str, str], str] | None = None, short: bool = False
) -> alt.LayerChart:
    """Return a grid of small curves: rows networks, columns image sets, from input (left) to output (right).

    Reads `units` and `layers` of a sweep. Curves share one scale; the dot and the number are the best layer, the dotted
    line is chance, the colour how far the best layer is from chance to perfect. `link` gives what a click on a cell
    opens, by network and images.
    """
    units, found = _here(tables["units"], layers, probe), _here(tables["layers"], layers, probe)
    cells, curves = _cells(units, found, link), _curves(found)
    names = list(dict.fromkeys(cells["name"]))
    sets = list(dict.fromkeys(cells["images"]))
    labels = alt.Axis(labelLimit=110 if short else 230, domain=False, ticks=False, labelFontSize=SMALL_FONT)
    above = alt.Axis(
        orient="top", labelAngle=-35 if short else 0, labelLimit=110 if short else 170, domain=False, ticks=False,
        labelFontSize=SMALL_FONT,
    )  # fmt: skip
    y = alt.Y("name:N", title=None, scale=in_order(names, paddingInner=0.12, paddingOuter=0.06), axis=labels)
    x = alt.X("images:N", title=None, scale=in_order(sets, paddingInner=0.06, paddingOuter=0.03), axis=above)
    along = alt.XOffset("depth:Q", scale=alt.Scale(domain=[-0.08, 1.08], nice=False))
    low = float(min(curves["accuracy"].min(), 0.9)) if len(curves) else 0.0
    # Above 1 there is room for the number. Which way offsets go differs between versions of Vega-Lite.
    scale = alt.Scale(domain=[low - 0.2 * (1 - low), 1 + 0.8 * (1 - low)], nice=False, range=_UPWARDS)
    up = alt.YOffset("accuracy:Q", scale=scale)
    shade = alt.Scale(domain=[0, 1], range=_COLOURS, interpolate="rgb", clamp=True)
    legend = alt.Legend(title="best layer, from chance to perfect", orient="bottom", direction="horizontal",
                        titleOrient="top", gradientLength=100 if short else 150, values=[0, 1], titleLimit=300,
                        labelExpr="datum.value < 0.5 ? 'chance' : 'perfect'")  # fmt: skip
    tooltip = [
        alt.Tooltip("network:N"), alt.Tooltip("images:N"), alt.Tooltip("best:Q", title="best accuracy", format=".3f"),
        alt.Tooltip("layer:N", title="at"), alt.Tooltip("depth:Q", title="relative depth", format=".2f"),
        alt.Tooltip("units:N", title="units finished"),
    ]  # fmt: skip
    pick = alt.selection_point(name=ATLAS_PICK, fields=["network", "images"], empty=False)
    opens = [alt.Href("href:N")] if link else []
    base = alt.Chart(rows(cells)).encode(x, y, *opens, tooltip=tooltip)
    colour = alt.condition("isValid(datum.gain)", alt.Color("gain:Q", scale=shade, legend=legend), alt.value(_MISSING))
    boxes = base.mark_rect(cornerRadius=4, cursor="pointer").encode(color=colour).add_params(pick)
    lines = alt.Chart(rows(curves)).encode(x, y, along, up, alt.Detail("cell:N"))
    best = alt.Chart(rows(_best(cells))).encode(x, y, along, up)
    chart = layered(
        boxes,
        lines.transform_filter("datum.control == 'chance'").mark_line(strokeDash=[2, 3], color=_QUIET, strokeWidth=1),
        lines.transform_filter("datum.control == 'probe'").mark_line(color=_PEN, strokeWidth=2),
        best.mark_point(filled=True, size=70, color=_PEN, opacity=1),
        base.mark_text(dy=-ROW * 0.26, fontSize=SMALL_FONT if short else 16, fontWeight=700, color=_PEN).encode(
            alt.Text("shown:N")
        ),
        title=alt.Title(
            "Accuracy by depth, in small",
            subtitle=_ABOUT if short else [" ".join(_ABOUT[:2]), " ".join(_ABOUT[2:])],
        ),
        width="container",
        height=ROW * max(len(names), 1) + (_AROUND if link is None else 0),
        description=_told(cells),
    )
    # With a common scale the boxes would be offsets too, and as small as a step of the curves within them.
    return chart.resolve_scale(xOffset="independent", yOffset="independent")


def _here(table: pd.DataFrame, layers: str, probe: str) -> pd.DataFrame:
    return table[(table["layers"] == layers) & (table["probe"] == probe)]


def _chance(found: pd.DataFrame) -> dict[tuple[str, str], float]:
    own = found[found["control"] == "chance"]
    return dict(zip(zip(own["network"], own["images"], strict=True), own["accuracy"], strict=True))


def _cells(units: pd.DataFrame, found: pd.DataFrame, link: Callable[[str, str], str] | None) -> pd.DataFrame:
    """Return a row a cell: its best layer, how far that is from chance to perfect, and how much of it is finished."""
    chance, parts = _chance(found), []
    probes = found[found["control"] == "probe"]
    for (network, images), own in units.groupby(["network", "images"], sort=False):
        here = probes[(probes["network"] == network) & (probes["images"] == images)]
        best = here.iloc[int(here["accuracy"].to_numpy().argmax())] if len(here) else None
        guess = chance.get((str(network), str(images)), 0.0)
        value = np.nan if best is None else float(best["accuracy"])
        done = f"{int((own['status'] == 'finished').sum())}/{len(own)}"
        parts.append(
            {
                "cell": f"{network} {images}", "network": network, "name": ModelRef.parse(str(network)).short,
                "images": images, "best": value, "layer": "" if best is None else best["layer"],
                "depth": np.nan if best is None else float(best["depth"]),
                "gain": (value - guess) / max(1 - guess, 1e-9),
                "shown": done if best is None else f"{value:.2f}", "units": done,
                "href": link(str(network), str(images)) if link else "",
            }
        )  # fmt: skip
    return pd.DataFrame(parts, columns=_FIELDS)


def _curves(found: pd.DataFrame) -> pd.DataFrame:
    """Return the points of each cell's curve and of its line of chance, which goes from edge to edge."""
    parts = [found[found["control"] == "probe"].sort_values("depth", kind="stable")]
    chance = found[found["control"] == "chance"]
    parts += [chance.assign(depth=0.0), chance.assign(depth=1.0)]
    table = pd.concat(parts)
    table["cell"] = table["network"] + " " + table["images"]
    table["name"] = [ModelRef.parse(network).short for network in table["network"]]
    return table[["cell", "name", "images", "control", "depth", "accuracy"]]


def _best(cells: pd.DataFrame) -> pd.DataFrame:
    return cells.loc[cells["best"].notna(), ["name", "images", "depth", "best"]].rename(columns={"best": "accuracy"})


def _told(cells: pd.DataFrame) -> str:
    told = [
        f"{row.name} on {row.images} {row.best:.2f} at depth {row.depth:.2f}"
        for row in cells[cells["best"].notna()][["name", "images", "best", "depth"]].itertuples(index=False)
    ]
    return f"Best accuracy of {len(cells)} pairs of a network and an image set: {'; '.join(told) or 'none yet'}."
