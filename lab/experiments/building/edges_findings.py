"""What the two-layer networks show, in sentences that follow the numbers."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from lab.stats.intervals import Interval, mean_interval

CHANCE = 1 / 3
GROUPS = ("horizontal", "vertical", "diagonal")


def findings(tables: Mapping[str, pd.DataFrame]) -> list[str]:
    """Return what the tables of `edges_to_shapes` show, a sentence each."""
    return [
        _accuracy(tables["accuracy"]),
        _orientation(tables["filters"]),
        _combination(tables["combinations"], "rectangle", GROUPS[:2]),
        _combination(tables["combinations"], "diamond", GROUPS[2:]),
        _parts(tables["responses"]),
    ]


def group_sums(combinations: pd.DataFrame) -> pd.DataFrame:
    """Return what the filters of each orientation add together: seed, class, group, on_own, on_others.

    A group without a filter in some network adds 0 there.
    """
    sums = combinations.groupby(["seed", "class", "group"])[["on_own", "on_others"]].sum()
    seeds, classes = combinations["seed"].unique(), combinations["class"].unique()
    every = pd.MultiIndex.from_product([seeds, classes, GROUPS], names=["seed", "class", "group"])
    there = combinations[["seed", "class"]].drop_duplicates()
    return sums.reindex(every, fill_value=0.0).reset_index().merge(there, on=["seed", "class"])


def said(interval: Interval, digits: int = 2) -> str:
    """Return "0.81 (0.77 to 0.85)"."""
    return f"{interval.value:.{digits}f} ({interval.low:.{digits}f} to {interval.high:.{digits}f})"


def _accuracy(accuracy: pd.DataFrame) -> str:
    two, one, shuffled = (
        mean_interval(accuracy.loc[accuracy["condition"] == name, "accuracy"].to_numpy())
        for name in ("two layers", "one layer", "shuffled labels")
    )
    many = int(accuracy["seed"].nunique())
    if two.low > one.high:
        better = "more than"
    elif two.high < one.low:
        better = "less than"
    else:
        better = "not distinguishable from"
    control = (
        f"trained on shuffled labels they reach {said(shuffled)}, where chance is {CHANCE:.2f}"
        if shuffled.low <= CHANCE
        else f"but shuffled labels give {said(shuffled)}, more than the {CHANCE:.2f} of chance, so something leaks"
    )
    return (
        f"Two layers tell new rectangles, diamonds and neither apart with accuracy {said(two)}, the mean and 95 % "
        f"interval over {many} networks; that is {better} the {said(one)} of a single layer; {control}."
    )


def _orientation(filters: pd.DataFrame) -> str:
    each = filters.groupby(["when", "seed"])["selectivity"].mean()
    after, before = (each[when].to_numpy() for when in ("after training", "before training"))
    change = mean_interval(after - before)
    if change.low > 0:
        means = "training has made them oriented edges"
    elif change.high < 0:
        means = "training has made them less oriented"
    else:
        means = "training has not made them more oriented than chance did"
    return (
        f"First-layer filters have an orientation selectivity of {after.mean():.2f} against {before.mean():.2f} before "
        f"training (difference {said(change)}): {means}."
    )


def _combination(combinations: pd.DataFrame, shape: str, expected: tuple[str, ...]) -> str:
    """Return what the filters of each orientation add to the channel of a shape, against the ones `expected` to."""
    if combinations.empty or shape not in set(combinations["class"]):
        return f"No second-layer channel speaks for a {shape}: these networks tell one by what is missing."
    sums = group_sums(combinations)
    here = sums[sums["class"] == shape]
    found = {str(group): mean_interval(rows["on_own"].to_numpy()) for group, rows in here.groupby("group")}
    parts = ", ".join(f"{said(found[group], 1)} from {group} ones" for group in GROUPS)
    return (
        f"In the channel that speaks most for a {shape}, the filters below add {parts} at its largest response: "
        f"{_who(here, expected)}."
    )


def _who(here: pd.DataFrame, expected: tuple[str, ...]) -> str:
    """Return what the sums of one shape, a row per seed and group, say about the groups it is made of."""
    sums = here.pivot(index="seed", columns="group", values="on_own")
    lacking = [group for group in expected if mean_interval(sums[group].to_numpy()).low <= 0]
    if lacking:
        return f"that {' and '.join(lacking)} edges add to it is not shown by these intervals"
    others = [group for group in GROUPS if group not in expected]
    more = mean_interval((sums[list(expected)].sum(axis=1) - sums[others].sum(axis=1)).to_numpy())
    makes = "together make" if len(expected) > 1 else "make"
    edges = f"{' and '.join(expected)} edges"
    if more.low > 0:
        return f"{edges} {makes} it, by {said(more, 1)} more than the others"
    return f"{edges} add to it, but not clearly more than the others do (difference {said(more, 1)})"


def _parts(responses: pd.DataFrame) -> str:
    two = responses[responses["condition"] == "two layers"] if len(responses) else responses
    if not len(two):
        return "With no channel for rectangles there is nothing to show parts of one to."
    shares = {name: mean_interval(rows["share"].to_numpy()) for name, rows in two.groupby("stimulus")}
    parts = ("horizontal sides only", "vertical sides only", "its sides apart")
    needs = all(shares[name].high < 1 for name in parts)
    ending = (
        "it answers the whole more than any of its parts"
        if needs
        else f"so {' or '.join(name for name in parts if shares[name].high >= 1)} would do as well"
    )
    listed = ", ".join(f"{said(shares[name])} to {_short(name)}" for name in parts)
    one = responses[(responses["condition"] == "one layer") & responses["stimulus"].isin(parts[:2])]
    control = ""
    if len(one):
        best = mean_interval(one.groupby("seed")["share"].max().to_numpy())
        control = f" In a single layer one pair of sides gives {said(best)} of the answer."
    alone = np.all([shares[name].value <= 0.5 for name in parts[:2]])
    half = ", less than half each for one pair of sides" if needs and alone else ""
    return f"Of its answer to a whole rectangle the rectangle channel gives {listed}: {ending}{half}.{control}"


def _short(stimulus: str) -> str:
    return {"its sides apart": "the same four sides apart"}.get(stimulus, stimulus)
