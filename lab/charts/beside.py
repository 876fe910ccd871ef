"""Is it the site rather than the class? The class and other factors of the images, read off the same layers."""

from __future__ import annotations

import numpy as np
import pandas as pd

from lab.charts.lazy_altair import alt
from lab.charts.theme import (
    CLASS_COLOURS,
    CLASS_SHAPES,
    HEIGHT,
    SMALL_FONT,
    Tables,
    depth_axis,
    in_order,
    interval_text,
    interval_tooltip,
    layered,
    legend_above,
    of_model,
    only_model,
    rows,
)

CLASS = "the class"


def beside_by_depth(tables: Tables, model: str | None = None) -> alt.LayerChart:
    """Return, by depth, how well a probe reads the class and each factor that was probed beside it.

    Factors differ in how well guessing does, so what is drawn is the share of the way from guessing to perfect.
    Raises LabError for an unknown model.
    """
    name = only_model(tables["beside"], model)
    table = beside_rows(tables, name)
    order = list(table["target"].unique())
    colours = in_order(order, range=[CLASS_COLOURS[k % len(CLASS_COLOURS)] for k in range(len(order))])
    shapes = in_order(order, range=[CLASS_SHAPES[k % len(CLASS_SHAPES)] for k in range(len(order))])
    tooltip = [
        alt.Tooltip("layer:N"), alt.Tooltip("target:N", title="probed"), alt.Tooltip("accuracy:Q", format=".3f"),
        alt.Tooltip("chance:Q", title="guessing", format=".3f"), interval_tooltip(),
        alt.Tooltip("share:Q", title="of the way to perfect", format=".3f"),
    ]  # fmt: skip
    axis = alt.Axis(format=".1f", labelFontSize=SMALL_FONT)
    base = alt.Chart(rows(table)).encode(
        depth_axis("depth"),
        alt.Y("share:Q", title="from guessing (0) to perfect (1), held out", axis=axis),
        alt.Color("target:N", scale=colours, legend=legend_above()),
        tooltip=tooltip,
    )
    band = base.mark_area(opacity=0.15).encode(alt.Y("low:Q"), alt.Y2("high:Q"))
    best = [_best(own) for _, own in table.groupby("target", sort=False)]
    told = "; ".join(best)
    return layered(
        band,
        base.mark_line(strokeWidth=2.5),
        base.mark_point(filled=True, size=75, opacity=1).encode(
            alt.Shape("target:N", scale=shapes, legend=legend_above())
        ),
        title=alt.Title("What each layer reads beside the class", subtitle="Band: 95 % interval."),
        width="container",
        height=HEIGHT,
        description=f"What a probe reads of the class and of other factors, by layer of {name}. {told}.",
    )


def beside_rows(tables: Tables, model: str) -> pd.DataFrame:
    """Return what is drawn: target, layer, depth, accuracy, chance, share of the way to perfect with its interval."""
    columns = ["layer", "depth", "accuracy", "ci_low", "ci_high"]
    summary = tables["summary"]
    probe = of_model(summary[summary["control"] == "probe"], model)
    guess = float(summary.loc[summary["control"] == "chance", "accuracy"].iloc[0])
    beside = of_model(tables["beside"], model)
    table = pd.concat(
        [probe[columns].assign(target=CLASS, chance=guess), beside[columns].assign(target=beside["factor"],
         chance=beside["chance"])], ignore_index=True,
    )  # fmt: skip
    room = 1 - table["chance"].clip(upper=1 - 1e-9)
    ends = {name: (table[column] - table["chance"]) / room for name, column in _SHARES}
    return table.assign(**ends, interval=interval_text(table["ci_low"], table["ci_high"])).replace(
        [np.inf, -np.inf], np.nan
    )


_SHARES = (("share", "accuracy"), ("low", "ci_low"), ("high", "ci_high"))


def _best(own: pd.DataFrame) -> str:
    top = own.iloc[int(own["share"].to_numpy().argmax())]
    return f"{top['target']} best at {top['layer']} ({top['accuracy']:.2f}, guessing {top['chance']:.2f})"
