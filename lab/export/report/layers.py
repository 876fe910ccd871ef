"""Every layer in numbers: one table per model, the accuracy as a bar as well."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from lab.charts.tables import layer_table, whole_controls
from lab.charts.theme import Tables, models_of
from lab.experiments.result import Result
from lab.export.report.markup import Html, join, tag
from lab.export.report.sections import model_heading, number, section
from lab.probing.controls import CONTROLS

# column of the layer table -> (heading, what it says in full, decimals)
LAYER_COLUMNS: dict[str, tuple[str, str, int]] = {
    "depth": ("depth", "relative depth, 0 input to 1 output", 2),
    "dim": ("dim.", "dimensions of the embedding", 0),
    "accuracy": ("accuracy", "held-out accuracy of the probe", 3),
    "matched": ("matched", "accuracy at matched dimension", 3),
    "untrained": ("untrained", "accuracy of the untrained twin", 3),
    "shuffled": ("shuffled", "accuracy on shuffled labels", 3),
    "selectivity": ("selectivity", "accuracy less accuracy on shuffled labels", 3),
    "auc": ("AUC", "area under the ROC curve", 3),
    "knn_accuracy": ("k-NN", "accuracy of nearest neighbours", 3),
    "silhouette": ("silhouette", "silhouette of the classes", 3),
    "trustworthiness": ("trust", "trustworthiness of the map", 3),
    "balanced_accuracy": ("balanced", "accuracy, mean over classes", 3),
    "log_loss": ("log loss", "mean negative log probability of the true class", 3),
}


def layers(result: Result) -> Html:
    """Return the table of layers of each model."""
    return section(
        "Every layer in numbers",
        *(_layers_of(result.tables, model) for model in models_of(result.tables["layers"])),
        _whole(result.tables),
        id_="layers",
    )


def _layers_of(tables: Tables, model: str) -> Html:
    table = layer_table(tables, model)
    columns = [name for name in LAYER_COLUMNS if name in table]
    top = [tag("th", "layer", scope="col")]
    top += [tag("th", LAYER_COLUMNS[n][0], scope="col", title=LAYER_COLUMNS[n][1], class_="number") for n in columns]
    rows = [tag("tr", tag("th", row["layer"], scope="row"), *_cells(row, columns)) for _, row in table.iterrows()]
    return join(
        (
            model_heading(models_of(tables["layers"]), model),
            tag(
                "div",
                tag("table", tag("thead", tag("tr", *top)), tag("tbody", *rows)),
                class_="scroll wide",
                tabindex="0",
            ),
        )
    )


def _cells(row: pd.Series, columns: Sequence[str]) -> list[Html]:
    cells = []
    for name in columns:
        text = number(row[name], LAYER_COLUMNS[name][2])
        if name != "accuracy":
            cells.append(tag("td", text, class_="number"))
            continue
        interval = f"{number(row['ci_low'], 2)} to {number(row['ci_high'], 2)}"
        bar = tag("span", class_="bar", style=f"--share:{float(row[name]):.3f}", aria_hidden="true")
        cells.append(tag("td", bar, tag("b", text), " ", tag("small", interval), class_="number accuracy"))
    return cells


def _whole(tables: Tables) -> Html:
    told = [
        f"{CONTROLS[row['control']].label.capitalize()}: {number(row['accuracy'], 3)}."
        for _, row in whole_controls(tables).iterrows()
    ]
    return tag("p", " ".join(told), class_="quiet")
