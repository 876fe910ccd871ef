"""The rows behind the accuracy chart: which metric, which curves, where their labels go. No drawing here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from lab.charts.theme import Tables, interval_text, models_of
from lab.errors import LabError, nearest
from lab.probing.controls import CONTROLS


@dataclass(frozen=True)
class Metric:
    """A column of the summary table as an axis; `low` and `high` are the columns of its interval, if it has one.

    `curve` is what a layer's own values are called beside the controls.
    """

    column: str
    title: str
    axis: str
    low: str = ""
    high: str = ""
    curve: str = CONTROLS["probe"].label


METRICS: dict[str, Metric] = {
    m.column: m
    for m in (
        Metric("accuracy", "Accuracy of a linear probe", "held-out accuracy (share of images)", "ci_low", "ci_high"),
        Metric("balanced_accuracy", "Balanced accuracy of a linear probe", "held-out accuracy (mean over classes)"),
        Metric("auc", "AUC of a linear probe", "area under the ROC curve, held out", "auc_ci_low", "auc_ci_high"),
        Metric("knn_accuracy", "Accuracy of nearest neighbours", "k-NN accuracy (share of images)", curve="k-NN"),
        Metric("silhouette", "Silhouette of the classes", "silhouette (0 mixed, 1 apart)", curve="silhouette"),
    )
}


# Of numbers and grades that are predicted rather than classes.
NUMBER_METRICS: dict[str, Metric] = {
    m.column: m
    for m in (
        Metric("r2", "R² of a ridge regression", "held-out R² (0: the mean, 1: perfect)", "ci_low", "ci_high"),
        Metric(
            "spearman", "Rank correlation of a ridge regression", "Spearman's correlation, held out",
            "spearman_ci_low", "spearman_ci_high",
        ),
        Metric("kappa", "Weighted kappa of grades", "held-out kappa (0: chance, 1: agrees)", "ci_low", "ci_high"),
    )
}  # fmt: skip


# Of several labels an image.
LABEL_METRICS: dict[str, Metric] = {
    m.column: m
    for m in (
        Metric("mean_auc", "Mean AUC of a probe a label", "area under the ROC curve, held out", "ci_low", "ci_high"),
        Metric(
            "mean_average_precision", "Mean average precision of a probe a label", "average precision, held out",
            "ap_ci_low", "ap_ci_high",
        ),
    )
}  # fmt: skip


def metric_named(name: str) -> Metric:
    """Return the metric `name`; raises LabError when there is none."""
    known = {**METRICS, **NUMBER_METRICS, **LABEL_METRICS}
    if name not in known:
        raise LabError(f"there is no metric {name!r}{nearest(name, known)}; known: {', '.join(known)}")
    return known[name]


def curve_rows(
    tables: Tables,
    *,
    metric: str = "accuracy",
    models: Sequence[str] | None = None,
    controls: Sequence[str] | None = None,
) -> pd.DataFrame:
    """Return what the accuracy chart draws: model, layer, depth, dim, control, value, low, high, interval.

    `controls` None keeps all the run has; the probe itself is always there. Rows without a value are left out.
    """
    shown = metric_named(metric)
    known = [name for name in CONTROLS if name != "probe"]
    for control in controls or ():
        if control not in known:
            raise LabError(f"there is no control {control!r}{nearest(control, known)}; known: {', '.join(known)}")
    wanted = {"probe", *(known if controls is None else controls)}
    summary = tables["summary"]
    names = models_of(tables["layers"], models)
    table = summary[summary["model"].isin([*names, ""]) & summary["control"].isin(wanted)].copy()
    table["value"] = table[shown.column].astype(float)
    table["low"] = table[shown.low].astype(float) if shown.low else np.nan
    table["high"] = table[shown.high].astype(float) if shown.high else np.nan
    table["interval"] = interval_text(table["low"], table["high"])
    columns = ["model", "layer", "depth", "dim", "control", "value", "low", "high", "interval"]
    return table.dropna(subset=["value"]).sort_values(["model", "control", "depth"])[columns].reset_index(drop=True)


def of_kind(table: pd.DataFrame, *, rule: bool) -> pd.DataFrame:
    """Return the controls of `curve_rows` that are curves or, with `rule`, one value; `control` becomes its label."""
    here = table[(table["control"] != "probe") & table["control"].map(lambda name: CONTROLS[name].rule == rule)]
    told = here.assign(control=here["control"].map(lambda name: CONTROLS[name].label))
    return told.drop_duplicates(["control", "value"]) if rule else told


def emergence_rows(tables: Tables, models: Sequence[str], pair: tuple[str, str] | None = None) -> pd.DataFrame:
    """Return the reached emergence depths to mark: of `pair`, or of the only pair of a run with two classes."""
    table = tables.get("emergence", pd.DataFrame(columns=["model", "class_a", "class_b", "reached"]))
    if "label" in table:  # several labels have a chart of their own
        table = table.iloc[:0].assign(class_a="", class_b="")
    if "class_a" not in table:  # a number has no pairs of classes
        table = table.assign(class_a="the number", class_b="chance")
    pairs = table[["class_a", "class_b"]].drop_duplicates()
    if pair is None and len(pairs) != 1:
        return table.iloc[:0].assign(pair="", interval="")
    if pair is not None:
        table = table[[{a, b} == set(pair) for a, b in zip(table["class_a"], table["class_b"], strict=True)]]
    table = table[table["reached"].astype(bool) & table["model"].isin(models)]
    return table.assign(
        pair=table["class_a"] + " against " + table["class_b"],
        interval=interval_text(table["ci_low"], table["ci_high"]),
    )


def end_labels(
    table: pd.DataFrame, domain: tuple[float, float], height: float, probe: str = CONTROLS["probe"].label
) -> pd.DataFrame:
    """Return model, text, value, place: each curve's name at its right end, `place` moved so that none overlap.

    `height` is the height of the plot in pixels, `probe` what a layer's own curve is called.
    """
    curves = table[~table["control"].map(lambda name: CONTROLS[name].rule)]
    last = curves.loc[curves.groupby(["model", "control"], sort=False)["depth"].idxmax()]
    named = last.assign(control=last["control"].map(lambda name: probe if name == "probe" else CONTROLS[name].label))
    both = pd.concat([named, of_kind(table, rule=True).assign(model="")], ignore_index=True)
    step = (domain[1] - domain[0]) / height
    return pd.DataFrame(
        {
            "model": both["model"],
            "text": both["control"],
            "value": both["value"],
            "place": spread(both["value"].tolist(), 17 * step, domain[0] + 4 * step, domain[1] - 4 * step),
        }
    )


def value_domain(table: pd.DataFrame, *, lane: float) -> tuple[float, float]:
    """Return the ends of the value axis: round numbers around all values and the band.

    `lane` is the share of the height that is left at the bottom, below every curve, for markers.
    """
    band = table.loc[table["control"] == "probe", ["low", "high"]]
    values = np.concatenate([table["value"].to_numpy(dtype=float), band.to_numpy(dtype=float).ravel()])
    low, high = float(np.nanmin(values)), float(np.nanmax(values))
    low -= lane / (1 - lane) * max(high - low, 0.1)
    return np.floor(low * 20 + 1e-9) / 20, max(np.ceil(high * 20 - 1e-9) / 20, np.floor(low * 20) / 20 + 0.1)


def spread(positions: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """Return `positions` moved to lie `gap` apart or more, in the same order, in `low`..`high` where there is room.

    Overlapping labels form a block around their mean, as in isotonic regression (pool adjacent violators).
    """
    order = np.argsort(positions, kind="stable")
    blocks: list[list[float]] = []  # each the wanted starts of its labels, so that a block's start is their mean
    for rank, position in enumerate(np.asarray(positions, dtype=float)[order]):
        blocks.append([position - rank * gap])
        while len(blocks) > 1 and np.mean(blocks[-2]) >= np.mean(blocks[-1]):
            last = blocks.pop()
            blocks[-1] += last
    starts = np.array([np.mean(block) for block in blocks for _ in block])
    room = max(low, high - (len(starts) - 1) * gap)
    placed = np.empty(len(starts))
    placed[order] = np.clip(starts, low, room) + np.arange(len(starts)) * gap
    return [float(value) for value in placed]
