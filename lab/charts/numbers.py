"""Charts of a number or grade that is predicted: by depth with its controls, and predicted against true at a layer."""

from __future__ import annotations

import numpy as np
import pandas as pd

from lab.charts.accuracy import accuracy_by_depth
from lab.charts.decisions import confusion_matrix
from lab.charts.lazy_altair import alt
from lab.charts.theme import (
    HEIGHT,
    INK,
    MODEL_COLOURS,
    SMALL_FONT,
    Tables,
    check_layer,
    layered,
    of_model,
    only_model,
    rows,
)


def r2_by_depth(tables: Tables, *, metric: str = "r2", height: int = HEIGHT) -> alt.LayerChart:
    """Return R² (or the rank correlation: `metric` "spearman") by depth, with the controls as quieter dashed lines."""
    return accuracy_by_depth(tables, metric=metric, height=height)


def kappa_by_depth(tables: Tables, *, metric: str = "kappa", height: int = HEIGHT) -> alt.LayerChart:
    """Return the weighted kappa of grades (or `metric` "spearman") by depth, with the controls."""
    return accuracy_by_depth(tables, metric=metric, height=height)


def graded_confusion(tables: Tables, model: str | None = None, layer: str | None = None) -> alt.LayerChart:
    """Return how many images of each grade were given which, low to high; `layer` None takes the best one."""
    name = only_model(tables["layers"], model)
    return confusion_matrix(tables, name, layer or best_layer(tables, name, "kappa"))


def predicted_by_value(tables: Tables, model: str | None = None, layer: str | None = None) -> alt.LayerChart:
    """Return a point an image: what was predicted, held out, against its number; the line is a perfect prediction.

    `layer` None takes the one with the highest R². Raises LabError for an unknown model or layer.
    """
    name = only_model(tables["layers"], model)
    summary = of_model(tables["summary"], name).query("control == 'probe'")
    layer = layer or best_layer(tables, name, "r2")
    check_layer(summary, name, layer)
    here = of_model(tables["predictions"], name)
    table = here[here["layer"] == layer]
    row = summary[summary["layer"] == layer].iloc[0]
    both = np.concatenate([table["value"], table["predicted"]]).astype(float)
    ends = [float(both.min()), float(both.max())]
    axis = alt.Axis(labelFontSize=SMALL_FONT, tickCount=6)
    scale = alt.Scale(domain=ends, nice=True, zero=False)
    line = alt.Chart(rows(pd.DataFrame({"value": ends, "predicted": ends}))).mark_line(color=INK, strokeDash=[4, 4])
    points = alt.Chart(rows(table)).mark_point(filled=True, size=55, opacity=0.65, color=MODEL_COLOURS[0])
    encoded = (
        alt.X("value:Q", title="the image's number", scale=scale, axis=axis),
        alt.Y("predicted:Q", title="predicted, held out", scale=scale, axis=axis),
    )
    tooltip = [alt.Tooltip("image:N"), alt.Tooltip("value:Q"), alt.Tooltip("predicted:Q", format=".4g")]
    told = (
        f"R² {row['r2']:.2f} ({row['ci_low']:.2f} to {row['ci_high']:.2f}), Spearman's correlation "
        f"{row['spearman']:.2f}, {len(table)} images"
    )
    return layered(
        line.encode(*encoded),
        points.encode(*encoded, tooltip=tooltip),
        title=alt.Title(f"Predicted against true at {layer}", subtitle=[told, "Dashed: a perfect prediction."]),
        width="container",
        height=400,
        description=f"Predictions of the number from {layer} of {name} against the true ones. {told}.",
    )


def best_layer(tables: Tables, model: str, measure: str) -> str:
    """Return the layer of a model with the highest measure, a column of `summary`."""
    summary = of_model(tables["summary"], model).query("control == 'probe'")
    return str(summary["layer"].iloc[int(summary[measure].to_numpy().argmax())])
