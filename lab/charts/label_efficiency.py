"""How many labels each layer needs: the online code length by depth, and accuracy by number of labels per class."""

from __future__ import annotations

import pandas as pd

from lab.charts.lazy_altair import alt
from lab.charts.theme import (
    INK,
    PASSED,
    SMALL_FONT,
    Tables,
    classes_of,
    depth_axis,
    interval_text,
    interval_tooltip,
    layered,
    layers_of,
    legend_above,
    of_model,
    only_model,
    rows,
)

TRUE, SHUFFLED = "true labels", "shuffled labels"
EARLY_COLOUR, LATE_COLOUR = "#d9621f", "#2474cf"  # both stand out from either background


def code_length_by_depth(tables: Tables, model: str | None = None) -> alt.LayerChart:
    """Return, by depth, the bits that all labels cost knowing a layer: true labels and shuffled ones.

    Raises LabError for an unknown model.
    """
    name = only_model(tables["code_length"], model)
    table = code_rows(tables, name)
    dashes = alt.Scale(domain=[TRUE, SHUFFLED], range=[[1, 0], [2, 3]])
    colours = alt.Scale(domain=[TRUE, SHUFFLED], range=[PASSED, INK])
    tooltip = [
        alt.Tooltip("layer:N"), alt.Tooltip("labels:N"), alt.Tooltip("bits:Q", format=".1f"),
        alt.Tooltip("saved:Q", title="bits saved", format=".1f"), interval_tooltip(),
        alt.Tooltip("labels_saved:Q", title="labels saved", format=".1f"),
    ]  # fmt: skip
    base = alt.Chart(rows(table)).encode(
        depth_axis("depth"),
        alt.Y("bits:Q", title="bits for all labels", axis=alt.Axis(labelFontSize=SMALL_FONT)),
        alt.Color("labels:N", scale=colours, legend=legend_above()),
        tooltip=tooltip,
    )
    best = table[table["labels"] == TRUE].sort_values("bits", kind="stable").iloc[0]
    told = [
        f"{best['images']} images; fewest bits at {best['layer']}:",
        f"{best['bits']:.0f}, shuffled {best['control']:.0f}",
    ]
    return layered(
        base.mark_line(strokeWidth=2).encode(alt.StrokeDash("labels:N", scale=dashes, legend=None)),
        base.mark_point(filled=True, size=70, opacity=1),
        title=alt.Title("What the labels cost, given a layer", subtitle=told),
        width="container",
        height=320,
        description=f"Online code length of the labels by layer of {name}. {' '.join(told)}.",
    )


def accuracy_by_labels(tables: Tables, model: str | None = None) -> alt.LayerChart:
    """Return balanced accuracy by number of labels per class, a line per layer coloured by depth; rule: guessing."""
    name = only_model(tables["label_efficiency"], model)
    table = of_model(tables["label_efficiency"], name)
    table = table.assign(draws_text=interval_text(table["least"], table["most"]))
    depth = alt.Scale(domain=[0, 1], range=[EARLY_COLOUR, LATE_COLOUR])
    tooltip = [
        alt.Tooltip("layer:N"), alt.Tooltip("per_class:Q", title="labels per class"),
        alt.Tooltip("balanced_accuracy:Q", title="balanced accuracy", format=".3f"),
        alt.Tooltip("draws_text:N", title="least and most of the draws"),
    ]  # fmt: skip
    values = sorted({int(count) for count in table["per_class"]})
    axis = alt.Axis(values=values, labelFontSize=SMALL_FONT, grid=False)
    base = alt.Chart(rows(table)).encode(
        alt.X("per_class:Q", title="labels per class (log scale)", scale=alt.Scale(type="log", nice=False), axis=axis),
        alt.Y("balanced_accuracy:Q", title="balanced accuracy, held out", scale=alt.Scale(zero=False)),
        alt.Color("depth:Q", scale=depth, title="relative depth", legend=alt.Legend(orient="right")),
        alt.Detail("layer:N"),
        tooltip=tooltip,
    )
    chance = 1 / len(classes_of(tables))
    rule = alt.Chart(rows(pd.DataFrame({"chance": [chance]}))).mark_rule(strokeDash=[1, 3], color=INK)
    last = layers_of(table, name)[-1]
    end = table[table["layer"] == last].iloc[0]
    told = f"With {end['per_class']} per class {last} reads {end['balanced_accuracy']:.2f}; dotted: guessing"
    return layered(
        rule.encode(alt.Y("chance:Q")),
        base.mark_line(strokeWidth=2, opacity=0.9),
        base.mark_point(filled=True, size=45, opacity=1),
        title=alt.Title("How few labels suffice", subtitle=told),
        width="container",
        height=380,
        description=f"Balanced accuracy by number of labels per class, a line per layer of {name}. {told}.",
    )


def code_rows(tables: Tables, model: str) -> pd.DataFrame:
    """Return two rows per layer, for true and for shuffled labels: layer, depth, labels, bits, and what is saved."""
    table = of_model(tables["code_length"], model)
    table = table.assign(interval=interval_text(table["saved_low"], table["saved_high"], 1))
    kept = ["layer", "depth", "images", "saved", "labels_saved", "interval"]
    true = table[kept].assign(labels=TRUE, bits=table["bits"], control=table["control_bits"])
    shuffled = table[kept].assign(labels=SHUFFLED, bits=table["control_bits"], control=table["control_bits"])
    return pd.concat([true, shuffled], ignore_index=True)
