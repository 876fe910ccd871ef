"""Charts of broken networks: what each change leaves, curves after a change, activations taken out, layers together."""

from __future__ import annotations

import numpy as np
import pandas as pd

from lab.charts.broken_parts import effect_rows, largest_effects
from lab.charts.forest import chance_and, curves, floor, forest, long_rows, with_intervals
from lab.charts.lazy_altair import alt
from lab.charts.theme import Tables
from lab.errors import LabError, nearest
from lab.experiments.ablation.intervention_outputs import INTACT
from lab.experiments.result import Result

OLD, NEW, BEFORE = "the frozen probe", "a refit probe", "a refit probe of what enters the stage"
PROBES = (("carried", OLD), ("refitted", NEW))
# What the marks stand for; a page says more of it, an exported picture has only this.
WHO = ("Frozen probe: fitted to the intact network.", "Refit probe: fitted to the changed one.")
MOST_CURVES = 5


def intervention_forest(tables: Tables, *, intervention: str | None = None) -> alt.LayerChart:
    """Return accuracy after every change (of one `intervention`) for the frozen probe and a refit one, with intervals.

    Reads `changes` and `controls` of a run of `break`. Raises LabError for an intervention that is not in the run.
    """
    table = tables["changes"]
    kept = _of(table[table["problem"] == ""], intervention)
    found = long_rows(_titled(kept), "label", PROBES, "title")
    intact = float(table.loc[table["intervention"] == INTACT, "carried"].iloc[0])
    lines = [*WHO, "Bars: 95 % intervals. Dashed: chance, intact network."]
    marks = chance_and(tables, "the intact network", intact)
    return forest(found, [OLD, NEW], marks, alt.Title("What each change leaves", subtitle=lines))


def agreement_bars(tables: Tables) -> alt.LayerChart:
    """Return the share of images that the network's own classifier names as before, after every change.

    Raises LabError when the network has no classifier that was trained.
    """
    table = tables["changes"]
    if "top1" not in table or table["top1"].isna().all():
        raise LabError("this network has no trained classifier of its own")
    same = "same class as the intact network"
    kept = table[table["top1"].notna() & (table["intervention"] != INTACT)]
    found = long_rows(_titled(kept), "label", (("top1", same),), "title")
    lines = ["Images that get the same top class as before.", "Bars: 95 % intervals."]
    title = alt.Title("What the classifier still says", subtitle=lines)
    return forest(found, [same], pd.DataFrame(), title, "share of images")


def intervention_curves(tables: Tables, *, intervention: str, height: int = 360) -> alt.LayerChart:
    """Return accuracy by depth of the intact network and after one `intervention` at each of (at most 5 of) its places.

    Raises LabError for an intervention that is not in the run.
    """
    table = _of(tables["curve"], intervention)
    places = list(dict.fromkeys(table.loc[table["intervention"] == intervention, "place"]))
    shown = [places[i] for i in np.unique(np.linspace(0, len(places) - 1, MOST_CURVES).round().astype(int))]
    names = dict.fromkeys(places, "") | {"": "the intact network"} | {name: name for name in shown}
    title = str(table.loc[table["intervention"] == intervention, "change"].iloc[0]).split(": ")[0]
    some = f" {len(shown)} of {len(places)} places." if len(shown) < len(places) else ""
    lines = [f"A probe refit at every layer.{some}", "Thick: the intact network. Bands: 95 % intervals."]
    return curves(
        table.assign(change=table["place"].map(names)), ["the intact network", *shown], floor(tables),
        alt.Title(f"{title}: where it shows", subtitle=lines), height,
    )  # fmt: skip


def linear_curves(tables: Tables, *, height: int = 360) -> alt.LayerChart:
    """Return accuracy by depth of the intact network and with activations taken out up to each depth."""
    table = tables["curve"].assign(change=tables["curve"]["up_to"].map(cut_name))
    names = [str(name) for name in table["change"].unique()]
    lines = [
        "A probe refit at every layer. Thick: nothing taken out;",
        "band: its 95 % interval. Dashed: the controls.",
    ]
    title = alt.Title("Activations taken out from the front", subtitle=lines)
    return curves(table, names, floor(tables), title, height, ramp=True)


def linear_depths(tables: Tables) -> alt.LayerChart:
    """Return what probes of the last layer find by the depth up to which activations were taken out."""
    table = tables["depths"].assign(label=tables["depths"]["up_to"].map(cut_name))
    lines = [*WHO, "Bars: 95 % intervals. Dashed: chance, intact network."]
    marks = chance_and(tables, "the intact network", float(table["carried"].iloc[0]))
    title = alt.Title("Read off the last layer", subtitle=lines)
    return forest(long_rows(table, "label", PROBES), [OLD, NEW], marks, title)


def adapter_forest(tables: Tables) -> alt.LayerChart:
    """Return what remains when a stage is fed the image through each adapter, before and behind the stage."""
    readers = (*PROBES, ("before", BEFORE))
    found = long_rows(tables["adapters"], "adapter", readers)
    lines = ["Frozen probe: fitted behind the intact network.", "Bars: 95 % intervals. Dashed: chance, raw pixels."]
    title = alt.Title("What the stage gets, and what remains", subtitle=lines)
    return forest(found, [name for _, name in readers], floor(tables), title)


MATCHED = {"matched": "at equal dimensions", "all": "with all dimensions"}


def concatenation_forest(tables: Tables) -> alt.LayerChart:
    """Return the last layer, the best, early and late, and all of them, with every dimension and with as many."""
    names = {"ci_low": "low", "ci_high": "high", "accuracy": "value", "reader": "label"}
    table = tables["readers"].rename(columns=names).assign(group="")
    found = with_intervals(table.assign(name=table["kind"].map(MATCHED)))
    lines = ["Bars: 95 % intervals.", "Dashed: chance, raw pixels, untrained network."]
    return forest(found, list(MATCHED.values()), floor(tables), alt.Title("One layer, two, or all", subtitle=lines))


def single_layers(tables: Tables, *, height: int = 320) -> alt.LayerChart:
    """Return accuracy of every single layer by depth, with all its dimensions and with as many as the others."""
    table = tables["layers"].assign(change=tables["layers"]["kind"].map(MATCHED), layer=tables["layers"]["reader"])
    lines = ["Bands: 95 % intervals. Dashed: the controls."]
    title = alt.Title("Every layer on its own", subtitle=lines)
    return curves(table, list(MATCHED.values())[::-1], floor(tables), title, height)


def cut_name(up_to: str) -> str:
    """Return how a depth up to which activations were taken out is called."""
    return "all in place" if up_to == "none" else f"out up to {up_to}"


def intervention_charts(result: Result) -> dict[str, alt.TopLevelMixin]:
    """Return the charts of a result by file name."""
    charts: dict[str, alt.TopLevelMixin] = {}
    if len(effect_rows(result.tables)):
        charts["largest"] = largest_effects(result.tables)
    charts["changes"] = intervention_forest(result.tables)
    for name in result["curve"]["intervention"].unique()[1:]:
        charts[f"curves-{name}"] = intervention_curves(result.tables, intervention=str(name))
    if "top1" in result["changes"] and result["changes"]["top1"].notna().any():
        charts["agreement"] = agreement_bars(result.tables)
    return charts


def _of(table: pd.DataFrame, intervention: str | None) -> pd.DataFrame:
    """Return the rows of the intact network and of one intervention; of all, if it is None."""
    if intervention is None:
        return table
    known = [str(name) for name in table["intervention"].unique() if name != INTACT]
    if intervention not in known:
        raise LabError(f"this run has no {intervention!r}{nearest(intervention, known)}; it has: {', '.join(known)}")
    return table[table["intervention"].isin([INTACT, intervention])]


def _titled(changes: pd.DataFrame) -> pd.DataFrame:
    """Return changes with the intervention's title as their group and the place as their label."""
    intact = changes["intervention"] == INTACT
    title = changes["change"].str.split(": ").str[0]
    return changes.assign(title=title.where(~intact, ""), label=changes["place"].where(~intact, "intact network"))
