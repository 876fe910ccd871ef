"""How sure: the checks a verdict rests on, each with its interval, and the folds behind each accuracy."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from lab.charts.curves import METRICS, metric_named
from lab.charts.lazy_altair import alt
from lab.charts.theme import (  # fmt: skip
    INK,
    NOT_PASSED,
    PASSED,
    SMALL_FONT,
    Tables,
    interval_text,
    interval_tooltip,
    layer_axis,
    layered,
    layers_of,
    model_colour,
    models_of,
    names_axis,
    of_model,
    only_model,
    rows,
    side_by_side,
)
from lab.errors import LabError, nearest
from lab.probing.controls import CONTROLS

# How a check of `lab.stats.verdict` is named on the axis; one that is not listed goes by its own name.
CHECK_LABELS = {
    "late_minus_early": "late − early layers",
    "late_minus_best_early": "late − best early layer",
    "early_minus_best_late": "early − best late layer",
    "late_above_chance": "late layers − chance",
    "early_above_chance": "early layers − chance",
    "matched_late_minus_early": "late − best early, equal channels",
    "matched_early_minus_late": "early − best late, equal channels",
    "late_minus_untrained": "late − untrained twin",
    "rise_minus_untrained": "rise − rise of the twin",
    "untrained_rise": "rise of the untrained twin",
    "late_minus_pixels": "late layers − raw pixels",
    "early_selectivity": "early: true − shuffled labels",
    "late_selectivity": "late: true − shuffled labels",
    "trend": "trend with depth (slope)",
    "first_behind_best": "best − first layer",
    "last_minus_best": "last − best earlier layer",
}
OUTCOMES = ("passed", "not passed")


def checks_forest(tables: Tables, models: Sequence[str] | None = None) -> alt.LayerChart:
    """Return each check's value with its 95 % interval against 0; circle: passed, diamond: not passed.

    Raises LabError when the run has no checks or no such model.
    """
    table = check_rows(tables, models)
    names = models_of(table)
    several = len(names) > 1
    order = [f"From top to bottom: {', '.join(names)}."] if several else []
    scale = alt.Scale(domain=list(OUTCOMES), range=[PASSED, NOT_PASSED])
    tooltip = [
        alt.Tooltip("label:N", title="check"), alt.Tooltip("statement:N"), alt.Tooltip("model:N"),
        alt.Tooltip("value:Q", format=".3f"), interval_tooltip(), alt.Tooltip("outcome:N"),
    ]  # fmt: skip
    base = alt.Chart(rows(table)).encode(
        names_axis("label", list(dict.fromkeys(table["label"]))),
        alt.Color("outcome:N", scale=scale, legend=None),
        *side_by_side(names),
        tooltip=tooltip,
    )
    shape = alt.Scale(domain=list(OUTCOMES), range=["circle", "diamond"])
    zero = alt.Chart(rows(pd.DataFrame({"zero": [0.0]}))).mark_rule(color=INK, strokeWidth=1.5).encode(_value("zero"))
    spans = base.mark_rule(strokeWidth=5, opacity=0.45, strokeCap="round")
    points = base.mark_point(filled=True, size=150, opacity=1)
    return layered(
        zero,
        spans.encode(_value("ci_low"), alt.X2("ci_high:Q")),
        points.encode(_value("value"), alt.Shape("outcome:N", scale=shape, legend=None)),
        title=alt.Title("The checks the verdict rests on", subtitle=["Circle: passed. Diamond: not passed.", *order]),
        width="container",
        height=alt.Step(22 if several else 34),
        description=_checks_text(table),
    )


def check_rows(tables: Tables, models: Sequence[str] | None = None) -> pd.DataFrame:
    """Return the checks table with label (a short name), outcome ("passed", "not passed") and interval (text)."""
    table = tables.get("checks", pd.DataFrame())
    if table.empty:
        raise LabError("this run has no checks")
    table = table[table["model"].isin(models_of(table, models))]
    return table.assign(
        label=[CHECK_LABELS.get(name, name.replace("_", " ")) for name in table["check"]],
        outcome=[OUTCOMES[0] if passed else OUTCOMES[1] for passed in table["passed"]],
        interval=interval_text(table["ci_low"], table["ci_high"]),
    ).reset_index(drop=True)


def fold_strip(
    tables: Tables, model: str | None = None, *, control: str = "probe", metric: str = "accuracy"
) -> alt.LayerChart:
    """Return every fold of every repeat as a dot per layer, with the mean over them as a tick.

    Raises LabError for an unknown model or control, or a metric there is no fold of.
    """
    shown = metric_named(metric)
    name = only_model(tables["layers"], model)
    table = _folds(tables, name, control, metric)
    order = layers_of(tables["layers"], name)
    axis = alt.Axis(format=".2f", labelFontSize=SMALL_FONT)
    scale = alt.Scale(zero=False)
    tooltip = [
        alt.Tooltip("layer:N"), alt.Tooltip("repeat:O"), alt.Tooltip("fold:O"),
        alt.Tooltip("n_test:Q", title="images held out"), alt.Tooltip("value:Q", title=metric, format=".3f"),
    ]  # fmt: skip
    base = alt.Chart(rows(table))
    dots = base.mark_point(filled=True, size=45, opacity=0.45).encode(
        layer_axis(order),
        alt.Y("value:Q", title=shown.axis, scale=scale, axis=axis),
        alt.XOffset("repeat:N"),
        model_colour([name]),
        tooltip=tooltip,
    )
    middle = layer_axis(order)
    middle["bandPosition"] = 0.5
    means = base.mark_tick(thickness=3, width=22, color=INK)
    return layered(
        dots,
        means.encode(middle, alt.Y("mean(value):Q", title=shown.axis, scale=scale, axis=axis)),
        title=alt.Title("Fold by fold", subtitle=[shown.title, f"{CONTROLS[control].label}; tick: mean"]),
        width="container",
        height=380,
        description=f"Dots per layer of {name}: {shown.axis} in each of {len(table) // len(order)} folds.",
    )


def _folds(tables: Tables, model: str, control: str, metric: str) -> pd.DataFrame:
    folds = of_model(tables["folds"], model)
    if metric not in folds:
        inside = [name for name in METRICS if name in folds]
        raise LabError(f"there is no {metric} per fold; per fold there are: {', '.join(inside)}")
    here = folds[folds["control"] == control]
    if here.empty:
        present = sorted(set(folds["control"]))
        raise LabError(f"{model} has no folds of {control!r}{nearest(control, present)}; it has: {', '.join(present)}")
    return here[["layer", "repeat", "fold", "n_test", metric]].rename(columns={metric: "value"}).assign(model=model)


def _value(field: str) -> alt.X:
    axis = alt.Axis(labelFontSize=SMALL_FONT, tickCount=6, format=".1f", titleAnchor="end")
    return alt.X(f"{field}:Q", title="value (0: no effect), with its 95 % interval", axis=axis)


def _checks_text(table: pd.DataFrame) -> str:
    told = [f"{row['label']}, {row['model']}: {row['value']:.2f} ({row['outcome']})" for _, row in table.iterrows()]
    return "Checks with intervals. " + "; ".join(told) + "."
