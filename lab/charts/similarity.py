"""What two networks share: how alike their layers are, and whether they are wrong on the same images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

from lab.charts.lazy_altair import alt
from lab.charts.theme import (  # fmt: skip
    HEIGHT,
    INK,
    MODEL_COLOURS,
    SMALL_FONT,
    Tables,
    depth_axis,
    in_order,
    interval_text,
    interval_tooltip,
    layered,
    legend_above,
    models_of,
    of_model,
    rows,
)

VOTES = {
    "both_right": ("both right", "#b9b4a6"),
    "only_a": ("only the first right", ""),
    "only_b": ("only the second right", ""),
    "both_wrong": ("both wrong", INK),
}
WIDTH, NAME = 620, 12  # pixels of a map at most, and of a line with a layer's name
ALIKE = ("#f2efe6", "#8fb8c9", "#2474cf", "#0d2c54")


def similarity_map(
    tables: Tables, *, first: str | None = None, second: str | None = None, most: int = WIDTH
) -> alt.LayerChart:
    """Return the debiased CKA of every layer of `first` (across) with every layer of `second` (up).

    Cells whose interval does not clear shuffled images are crossed out. `most` are the pixels of the longer side.
    """
    names = models_of(tables["models"])
    across, up = first or names[0], second or names[-1]
    table = similarity_rows(tables["similarity"], across, up)
    columns, lines = (
        list(of_model(tables["cuts"], name).sort_values("depth", kind="stable")["layer"]) for name in (across, up)
    )
    side = max(7, min(26, most // max(len(columns), len(lines))))
    across_axis, up_axis = _layer_axes(side)
    x = alt.X("layer_x:N", title=across, scale=in_order(columns), axis=across_axis)
    y = alt.Y("layer_y:N", title=up, scale=in_order(list(reversed(lines))), axis=up_axis)
    tooltip = [
        alt.Tooltip("layer_x:N", title=across[:40]), alt.Tooltip("layer_y:N", title=up[:40]),
        alt.Tooltip("cka:Q", title="CKA", format=".3f"), interval_tooltip(),
        alt.Tooltip("null_95:Q", title="shuffled images stay below", format=".3f"), alt.Tooltip("p:Q", format=".3f"),
    ]  # fmt: skip
    base = alt.Chart(rows(table)).encode(x, y, tooltip=tooltip)
    unclear = alt.Chart(rows(table[~table["clear"]])).encode(x, y)
    return layered(
        base.mark_rect().encode(_alike_colour()),
        unclear.mark_text(text="×", color="#8a8378", fontSize=min(14, side)),
        title=alt.Title(
            "How alike the layers are", subtitle="1: the same up to rotation and scale. ×: as if shuffled."
        ),
        width=side * len(columns),
        height=side * len(lines),
        autosize=alt.AutoSizeParams(type="pad"),  # labels go around the cells, not in their place
        description=_similarity_text(table, across, up),
    )


def layers_alike(tables: Tables) -> alt.Chart:
    """Return the debiased CKA of every layer of one network with every other."""
    table = tables["similarity"]
    turned = {"layer_a": "layer_b", "layer_b": "layer_a"}
    both = pd.concat([table, table.rename(columns=turned)])[["layer_a", "layer_b", "cka", "images"]]
    names = list(tables["accuracies"].sort_values("depth", kind="stable")["layer"])
    side = max(7, min(26, WIDTH // len(names)))
    across, up = _layer_axes(side)
    return (
        alt.Chart(rows(both))
        .mark_rect()
        .encode(
            alt.X("layer_a:N", title=None, scale=in_order(names), axis=across),
            alt.Y("layer_b:N", title=None, scale=in_order(names[::-1]), axis=up),
            _alike_colour(),
            tooltip=["layer_a:N", "layer_b:N", alt.Tooltip("cka:Q", title="CKA", format=".3f"), "images:Q"],
        )
        .properties(
            title=alt.Title("How alike the layers are", subtitle="1: the same up to rotation and scale."),
            width=side * len(names), height=side * len(names), autosize=alt.AutoSizeParams(type="pad"),
            description=f"Debiased CKA of every pair of {len(names)} layers, {table['cka'].min():.2f} to "
            f"{table['cka'].max():.2f}",
        )
    )  # fmt: skip


def _layer_axes(side: int) -> tuple[alt.Axis, alt.Axis]:
    """Return the axes of layers across and up; where cells are lower than a name, some names are left out."""
    look: dict[str, Any] = {"labelFontSize": 11, "labelLimit": 150, "domain": False, "ticks": False}
    look["labelOverlap"] = side < NAME
    return alt.Axis(labelAngle=-60, **look), alt.Axis(**look)


def _alike_colour() -> alt.Color:
    scale = alt.Scale(domain=[0, 1], range=list(ALIKE), clamp=True)
    return alt.Color("cka:Q", scale=scale, legend=alt.Legend(title="debiased CKA", orient="bottom", format=".1f"))


def shared_errors(tables: Tables, *, first: str | None = None, second: str | None = None) -> alt.Chart:
    """Return by relative depth on how many images both networks of a pair are right, one of them, or none."""
    table, one, other = vote_rows(tables, first, second)
    named = {"only_a": f"only {one} right", "only_b": f"only {other} right"}
    labels = {name: named.get(name, text) for name, (text, _) in VOTES.items()}
    table["who"] = table["who"].map(labels)
    order = list(labels.values())
    names = models_of(tables["models"])
    own = {"only_a": _colour(names, one), "only_b": _colour(names, other)}
    scale = alt.Scale(domain=order, range=[own.get(name, colour) for name, (_, colour) in VOTES.items()])
    legend = legend_above(direction="vertical", labelLimit=420)
    return (
        alt.Chart(rows(table))
        .mark_bar()
        .encode(
            alt.X("depth:O", title="relative depth (0 input, 1 output)",
                  axis=alt.Axis(labelAngle=0, format=".1f", labelFontSize=SMALL_FONT)),
            alt.Y("images:Q", title="images", axis=alt.Axis(tickMinStep=1, labelFontSize=SMALL_FONT)),
            alt.Color("who:N", scale=scale, legend=legend),
            alt.Order("rank:Q"),
            tooltip=["depth:O", "who:N", "images:Q", alt.Tooltip("layer_a:N", title=one[:40]),
                     alt.Tooltip("layer_b:N", title=other[:40])],
        )
        .properties(
            title=alt.Title("Who is right on how many images"), width="container", height=HEIGHT,
            description=f"Images on which {one} and {other} are right, by depth.",
        )
    )  # fmt: skip


def error_consistency(tables: Tables, *, first: str | None = None, second: str | None = None) -> alt.LayerChart:
    """Return by depth how far two networks are wrong on the same images, beyond chance (kappa), with its interval."""
    agreement = tables["agreement"]
    table = _of_pair(agreement, first or agreement["model_a"].iloc[0], second or agreement["model_b"].iloc[0])
    table = table.dropna(subset=["kappa"]).assign(interval=interval_text(table["ci_low"], table["ci_high"]))
    scale = alt.Scale(domain=[min(-0.2, float(table["ci_low"].min()) if len(table) else -0.2), 1], nice=False)
    axis = alt.Axis(labelFontSize=SMALL_FONT, tickCount=6)
    title = "error consistency (kappa)"
    y = alt.Y("kappa:Q", title=title, scale=scale, axis=axis)
    tooltip = [alt.Tooltip("depth:Q", format=".1f"), alt.Tooltip("kappa:Q", format=".2f"), interval_tooltip()]
    base = alt.Chart(rows(table)).encode(depth_axis("depth"), y, tooltip=tooltip)
    zero = alt.Chart(rows(pd.DataFrame([{"kappa": 0.0}]))).mark_rule(color=INK, strokeDash=[4, 4]).encode(y)
    return layered(
        zero,
        base.mark_area(opacity=0.18, color=MODEL_COLOURS[0]).encode(
            alt.Y("ci_low:Q", title=title, scale=scale, axis=axis), alt.Y2("ci_high:Q")
        ),
        base.mark_line(strokeWidth=3, color=MODEL_COLOURS[0]),
        base.mark_point(filled=True, size=70, opacity=1, color=MODEL_COLOURS[0]),
        title=alt.Title("Wrong on the same images?", subtitle="1: always. 0: as by chance. Band: 95 % interval."),
        width="container",
        height=HEIGHT,
        description=f"Error consistency by depth, {len(table)} depths.",
    )


def similarity_rows(similarity: pd.DataFrame, across: str, up: str) -> pd.DataFrame:
    """Return layer_x, layer_y, cka, null_95, p, interval, clear: a row per cell of a map of two networks."""
    sides = {"a": ("layer_a", "layer_b"), "b": ("layer_b", "layer_a")}
    parts = []
    for side, (x, y) in sides.items():
        other = "b" if side == "a" else "a"
        here = similarity[(similarity[f"model_{side}"] == across) & (similarity[f"model_{other}"] == up)]
        parts.append(here.rename(columns={x: "layer_x", y: "layer_y"}))
    table = pd.concat(parts, ignore_index=True).drop_duplicates(["layer_x", "layer_y"])
    table["interval"] = interval_text(table["ci_low"], table["ci_high"])
    table["clear"] = table["ci_low"] > table["null_95"]
    return table[["layer_x", "layer_y", "cka", "null_95", "p", "interval", "clear"]].reset_index(drop=True)


def vote_rows(tables: Tables, first: str | None, second: str | None) -> tuple[pd.DataFrame, str, str]:
    """Return depth, who, images, rank, layer_a, layer_b of a pair, and its two networks in the table's order."""
    agreement = tables["agreement"]
    here = _of_pair(agreement, first or agreement["model_a"].iloc[0], second or agreement["model_b"].iloc[0])
    long = here.melt(["depth", "layer_a", "layer_b"], list(VOTES), "who", "images")
    ranks: dict[Any, int] = {name: rank for rank, name in enumerate(VOTES)}
    return long.assign(rank=long["who"].map(ranks)), str(here["model_a"].iloc[0]), str(here["model_b"].iloc[0])


def _colour(names: Sequence[str], model: str) -> str:
    return MODEL_COLOURS[names.index(model) % len(MODEL_COLOURS)]


def _of_pair(table: pd.DataFrame, one: str, other: str) -> pd.DataFrame:
    return table[table["model_a"].isin([one, other]) & table["model_b"].isin([one, other])]


def _similarity_text(table: pd.DataFrame, across: str, up: str) -> str:
    clear = int(table["clear"].sum())
    return f"CKA of layers of {across} and {up}: {clear} of {len(table)} pairs beyond shuffled images."
