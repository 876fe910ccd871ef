"""Tables for people: what a page or the report shows beside the charts, one row per layer or per image."""

from __future__ import annotations

import pandas as pd

from lab.charts.map_rows import data_url
from lab.charts.theme import Tables, check_layer, classes_of, layers_of, of_model, only_model
from lab.probing.controls import CONTROLS

NEVER = "never"  # an image that is not right in every repeat at the last layer
LUCK = "by luck"  # an image that is, among no more than luck gives


def layer_table(tables: Tables, model: str | None = None) -> pd.DataFrame:
    """Return one row per layer by depth: layer, kind, depth, dim, accuracy with its interval, the other metrics,
    the accuracy of each per-layer control there is, selectivity (accuracy less shuffled) and trustworthiness.

    Columns without any value are left out.
    """
    name = only_model(tables["layers"], model)
    summary = tables["summary"]
    here = summary[(summary["model"] == name) & (summary["layer"] != "")]
    probe = here[here["control"] == "probe"].set_index("layer")
    metrics = ["accuracy", "ci_low", "ci_high", "balanced_accuracy", "auc", "log_loss", "knn_accuracy", "silhouette"]
    described = of_model(tables["layers"], name).set_index("layer")[["kind", "depth", "dim"]]
    table = described.join(probe[metrics])
    for control, row in CONTROLS.items():
        values = here[here["control"] == control].set_index("layer")["accuracy"]
        if control != "probe" and not row.rule and not values.empty:
            table[control] = values
    if "shuffled" in table:
        table["selectivity"] = table["accuracy"] - table["shuffled"]
    quality = tables.get("projection_quality")
    if quality is not None and not quality.empty:
        table["trustworthiness"] = of_model(quality, name).set_index("layer")["trustworthiness"]
    return table.loc[layers_of(tables["layers"], name)].dropna(axis=1, how="all").reset_index()


def whole_controls(tables: Tables, measure: str = "accuracy") -> pd.DataFrame:
    """Return the controls with one value for all layers (pixels, chance): control, `measure`, ci_low, ci_high."""
    summary = tables["summary"]
    here = summary[summary["control"].map(lambda name: name in CONTROLS and CONTROLS[name].rule)]
    columns = ["control", measure, "ci_low", "ci_high"]
    return here[columns].drop_duplicates(["control", measure]).reset_index(drop=True)


def key_figures(tables: Tables, model: str, measure: str = "accuracy") -> list[tuple[str, float]]:
    """Return the few numbers that stand beside a verdict: what each is called, and the number.

    `measure` is the column of `summary` that the verdict is about.
    """
    summary = of_model(tables["summary"], model).sort_values("depth", kind="stable")
    probe, twin = (summary[summary["control"] == control][measure].tolist() for control in ("probe", "untrained"))
    found = [("first layer", probe[0]), ("last layer", probe[-1])] if probe else []
    if twin:
        found.append(("untrained, last layer", twin[-1]))
    found += [(CONTROLS[row["control"]].label, row[measure]) for _, row in whole_controls(tables, measure).iterrows()]
    pairs = of_model(tables["emergence"], model)
    if len(pairs) == 1 and pairs["reached"].iloc[0]:
        name = "come apart at depth" if measure == "accuracy" else "read from depth"
        found.append((name, pairs["depth"].iloc[0]))
    return [(name, float(value)) for name, value in found]


def gallery(tables: Tables, model: str | None = None) -> pd.DataFrame:
    """Return one row per image, the earliest decided first, then those right by luck, and the never decided last.

    Columns: image, class, predicted and p_true at the last layer, depth_of_decision, layer (`LUCK`, `NEVER` where
    there is none), thumbnail (data URL or None).
    """
    name = only_model(tables["decisions"], model)
    last = layers_of(tables["predictions"], name)[-1]
    final = of_model(tables["predictions"], name)
    final = final[final["layer"] == last]
    table = of_model(tables["decisions"], name).drop(columns="model")
    table = table.merge(final[["image", "predicted", "p_true"]], on="image", how="left")
    thumbnails = tables["images"].set_index("image")["thumbnail"].map(data_url)
    table["thumbnail"] = table["image"].map(thumbnails)
    table["layer"] = decided_at(table)
    table["never"] = table["layer"] == NEVER
    order = ["depth_of_decision", "never", "p_true", "image"]
    table = table.sort_values(order, ascending=[True, True, False, True], kind="stable")
    columns = ["image", "class", "predicted", "p_true", "depth_of_decision", "layer", "thumbnail"]
    return table[columns].reset_index(drop=True)


def decided_at(decisions: pd.DataFrame) -> pd.Series:
    """Return the layer at which each image is decided beyond luck, or `LUCK`, or `NEVER`."""
    undecided = decisions["depth_of_decision"].isna()
    return decisions["layer"].mask(undecided, LUCK).mask(decisions["right_from"] == "", NEVER)


def mistakes_by_guessing(tables: Tables, model: str, layer: str) -> float:
    """Return how many images a layer would mistake if it named the classes as often, but without looking."""
    counts = confusion(tables, model, layer)
    total = float(counts.to_numpy().sum())
    return total - float((counts.sum(axis=1) * counts.sum(axis=0)).sum()) / total


def changes_at(tables: Tables, model: str, layer: str) -> pd.DataFrame:
    """Return one row per image at a layer, the surest mistakes first: image, class, predicted, p_true and change.

    `change` is against the layer before: "newly right", "lost", "still right", "still wrong"; at the first layer
    what is right is newly so. Raises LabError for an unknown layer.
    """
    table = of_model(tables["predictions"], model)
    check_layer(table, model, layer)
    order = layers_of(table, model)
    right = table["predicted"] == table["class"]
    now = table[table["layer"] == layer].sort_values("p_true", kind="stable")
    at = order.index(layer)
    before = set(table.loc[right & (table["layer"] == order[at - 1]), "image"]) if at else set()
    names = {(True, False): "newly right", (True, True): "still right", (False, True): "lost"}
    change = [
        names.get((is_right, image in before), "still wrong")
        for is_right, image in zip(now["predicted"] == now["class"], now["image"], strict=True)
    ]
    return now[["image", "class", "predicted", "p_true"]].assign(change=change).reset_index(drop=True)


def confusion(tables: Tables, model: str | None = None, layer: str | None = None) -> pd.DataFrame:
    """Return counts of images, a row per true class and a column per predicted class; `layer` None is the last."""
    table = tables["predictions"]
    name = only_model(table, model)
    where = layer or layers_of(table, name)[-1]
    check_layer(table, name, where)
    here = table[(table["model"] == name) & (table["layer"] == where)]
    classes = classes_of(tables)
    counts = pd.crosstab(here["class"], here["predicted"])
    return counts.reindex(index=classes, columns=classes, fill_value=0).rename_axis(index="class", columns="predicted")
