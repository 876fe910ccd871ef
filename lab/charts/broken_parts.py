"""The network as a row of boxes, the broken part marked: the changes that cost most, one row each."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd

from lab.charts.lazy_altair import alt
from lab.charts.theme import INK, NOT_PASSED, SMALL_FONT, Tables, layered, rows
from lab.experiments.ablation.intervention_outputs import INTACT

MOST = 3  # changes that are drawn
STEP, TEXT, GAP = 66, 27, 6  # pixels of a row, of its text, and of the space below
EVERYWHERE = "everywhere"
_NAME = re.compile(r"[A-Za-z_][\w.]*\d|[A-Za-z_]\w*\.[\w.]+")


def largest_effects(tables: Tables) -> alt.LayerChart:
    """Return the changes after which the frozen probe is right least often, each over the network's stages.

    Reads `changes` and `curve` of a run of `break`.
    """
    worst, boxes = effect_rows(tables), part_rows(tables)
    order, titles = list(boxes["part"].drop_duplicates()), list(worst["title"])
    tall = STEP * len(titles)
    row = boxes["title"].map(titles.index) * STEP
    axis = alt.Axis(labelAngle=-50, labelLimit=140, labelFontSize=SMALL_FONT, labelPadding=6, grid=False, ticks=False)
    scale = alt.Scale(domain=order, paddingInner=0.15)
    x = alt.X("part:N", scale=scale, title="layers, from input to output", axis=axis)
    down = alt.Y("top:Q", scale=alt.Scale(domain=[tall, 0], nice=False), axis=None)
    parts = alt.Chart(rows(boxes.assign(top=row + TEXT, bottom=row + STEP - GAP))).mark_rect(cornerRadius=3).encode(
        x, down, alt.Y2("bottom:Q"),
        fill=alt.condition("datum.broken", alt.value(NOT_PASSED), alt.value(INK)),
        opacity=alt.condition("datum.broken", alt.value(1), alt.value(0.35)),
        tooltip=["part:N", "title:N"],
    )  # fmt: skip
    placed = worst.assign(top=[STEP * number for number in range(len(titles))])
    text = alt.Chart(rows(placed)).mark_text(align="left", baseline="top", dy=6, fontSize=SMALL_FONT, fontWeight=600)
    said = text.encode(down, alt.Text("said:N"), x=alt.value(0))
    return layered(
        parts, said, width="container", height=tall,
        autosize=alt.AutoSizeParams(type="fit-x", contains="padding"),
        title=alt.Title("What costs most", subtitle="Orange: what was broken."),
        description="The network as a row of boxes for each of the largest effects: " + "; ".join(worst["said"]),
    )  # fmt: skip


def effect_rows(tables: Tables) -> pd.DataFrame:
    """Return the changes that cost the frozen probe most, the largest first: title, place, said."""
    changes = tables["changes"]
    intact = float(changes.loc[changes["intervention"] == INTACT, "carried"].iloc[0])
    broken = changes[(changes["intervention"] != INTACT) & (changes["problem"] == "")]
    worst = broken.sort_values("carried_gap", kind="stable").head(MOST)
    said = [f"{row.change}: {row.carried:.2f} instead of {intact:.2f}" for row in worst.itertuples()]
    return pd.DataFrame({"title": worst["change"], "place": worst["place"], "said": said}).reset_index(drop=True)


def part_rows(tables: Tables) -> pd.DataFrame:
    """Return one row for each part of the network in each drawn change: title, part, broken; parts by depth.

    Parts are the layers whose curve was measured, and whatever else the drawn changes name.
    """
    curve = tables["curve"]
    intact = curve[curve["intervention"] == INTACT].sort_values("depth", kind="stable")
    depths = dict(zip(intact["layer"], intact["depth"].astype(float), strict=True))
    worst = effect_rows(tables)
    for name in (name for place in worst["place"] for name in names_in(place)):
        depths.setdefault(name, _depth_between(name, depths))
    order = sorted(depths, key=lambda name: depths[name])
    return pd.DataFrame(
        [
            {"title": row.title, "part": part, "broken": row.place == EVERYWHERE or part in names_in(str(row.place))}
            for row in worst.itertuples(index=False)
            for part in order
        ]
    )


def names_in(place: str) -> list[str]:
    """Return the layers that a place names.

    >>> names_in("after blocks.0"), names_in("blocks.0 ↔ blocks.1")
    (['blocks.0'], ['blocks.0', 'blocks.1'])
    """
    return _NAME.findall(place)


def _depth_between(name: str, depths: dict[str, float]) -> float:
    """Return where a layer lies of which no depth is known: among those whose names count as its own does."""
    own = _counted(name)
    alike = {one: depth for one, depth in depths.items() if len(_counted(one)) > 1 and _counted(one)[0] == own[0]}
    before = [depth for one, depth in alike.items() if _counted(one) < own]
    after = [depth for one, depth in alike.items() if _counted(one) > own]
    ends = [max(before, default=min(after, default=0.5)), min(after, default=max(before, default=0.5))]
    return float(np.mean(ends)) + (1e-6 if not after else -1e-6 if not before else 0.0)


def _counted(name: str) -> tuple[str | int, ...]:
    """Return a layer's name as parts that are ordered as they are counted: blocks.10 follows blocks.9."""
    first, *others = re.findall(r"\d+|[^\d.]+", name)
    return (first, *(int(part) if part.isdigit() else -1 for part in others))
