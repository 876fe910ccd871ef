"""What the two-layer networks show, in sentences that follow the numbers. The units are networks, each trained from a
random start of its own on drawings of its own."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from lab.experiments.number_text import with_ends
from lab.stats.claims import ACCURACY_MARGIN, outcome
from lab.stats.intervals import Interval, mean_interval
from lab.stats.simultaneous import mean_of_many

CHANCE = 1 / 3
RANDOM_SHARE = 0.05  # of random filters, that are more selective than 95 % of them
SELECTIVITY_MARGIN = 0.05
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
    by_seed = accuracy.pivot(index="seed", columns="condition", values="accuracy")
    two, one, shuffled = (
        mean_interval(by_seed[name].to_numpy()) for name in ("two layers", "one layer", "shuffled labels")
    )
    gain = mean_interval((by_seed["two layers"] - by_seed["one layer"]).to_numpy())
    better = {
        "more": "more",
        "less": "less",
        "same": f"alike to within {ACCURACY_MARGIN:.2f}",
        "open": "not shown to differ",
    }[outcome(gain, ACCURACY_MARGIN)]
    control = (
        f"shuffled labels {shuffled.value:.2f}, chance {CHANCE:.2f}"
        if shuffled.low <= CHANCE
        else f"but shuffled labels give {said(shuffled)}, above chance, {CHANCE:.2f}: something leaks"
    )
    return (
        f"Two layers tell rectangles, diamonds and neither apart with accuracy {two.value:.2f}, one layer "
        f"{one.value:.2f}: {better} (difference {with_ends(gain)}, {len(by_seed)} networks); {control}."
    )


def _orientation(filters: pd.DataFrame) -> str:
    each = filters.groupby(["when", "seed"])[["selectivity", "beyond_random"]].mean()
    after, before = (each.loc[when] for when in ("after training", "before training"))
    change = mean_interval((after["selectivity"] - before["selectivity"]).to_numpy())
    share = mean_interval(after["beyond_random"].to_numpy(dtype=float))
    means = {
        "more": "Training makes first-layer filters more oriented",
        "less": "Training makes first-layer filters less oriented",
        "same": "Training leaves first-layer filters as oriented as they were",
        "open": "Training is not shown to change how oriented first-layer filters are",
    }[outcome(change, SELECTIVITY_MARGIN)]
    if share.low > 0.5:
        edges = "most are oriented edges"
    elif share.low > RANDOM_SHARE:
        edges = "some, not clearly most, are oriented edges"
    else:
        edges = "none is shown to be an oriented edge"
    return (
        f"{means}: selectivity {after['selectivity'].mean():.2f}, before {before['selectivity'].mean():.2f} "
        f"(difference {said(change)}). {said(share)} of them exceed 95 % of random filters: {edges}."
    )


def _combination(combinations: pd.DataFrame, shape: str, expected: tuple[str, ...]) -> str:
    """Return what the filters of each orientation add to the channel of a shape, against the ones `expected` to."""
    if combinations.empty or shape not in set(combinations["class"]):
        return f"No second-layer channel speaks for a {shape}: they tell one by what is missing."
    sums = group_sums(combinations)
    here = sums[sums["class"] == shape]
    found = {str(group): mean_interval(rows["on_own"].to_numpy()) for group, rows in here.groupby("group")}
    parts = ", ".join(f"{group} {found[group].value:.1f}" for group in GROUPS)
    return f"Edges give the {shape} channel: {parts}; {_who(here, expected)}."


def _who(here: pd.DataFrame, expected: tuple[str, ...]) -> str:
    """Return what the sums of one shape, a row per seed and group, say about the groups it is made of."""
    sums = here.pivot(index="seed", columns="group", values="on_own")
    # Each group that is named is a test, and so is the comparison, for each of two shapes.
    tests = 2 * (len(expected) + 1)
    lacking = [group for group in expected if not mean_of_many(sums[group].to_numpy(), tests).low > 0]
    if lacking:
        return f"not shown for {' and '.join(lacking)}"
    others = [group for group in GROUPS if group not in expected]
    more = mean_of_many((sums[list(expected)].sum(axis=1) - sums[others].sum(axis=1)).to_numpy(), tests)
    if more.high < 0:
        less = Interval(-more.value, -more.high, -more.low)
        return f"{' and '.join(others)} add more, by {said(less, 1)}"
    edges = " and ".join(expected)
    if more.low > 0:
        return f"{edges} add more than the others, by {said(more, 1)}"
    return f"{edges} not clearly more than the others (difference {said(more, 1)})"


def _parts(responses: pd.DataFrame) -> str:
    two = responses[responses["condition"] == "two layers"] if len(responses) else responses
    if not len(two):
        return "There is no channel for rectangles to show parts to."
    parts = ("horizontal sides only", "vertical sides only", "its sides apart")
    shares = {
        name: mean_of_many(rows["share"].to_numpy(), len(parts))
        for name, rows in two.groupby("stimulus")
        if name in parts
    }
    needs = all(shares[name].high < 1 for name in parts)
    as_well = [name for name in parts if shares[name].low > 1]
    unsure = [name for name in parts if shares[name].low <= 1 <= shares[name].high]
    ending = "it answers the whole more than any part"
    if as_well:
        ending = f"it answers {' and '.join(as_well)} more than the whole"
    elif unsure:
        ending = f"that it answers the whole more than {' or '.join(unsure)} is not shown"
    listed = ", ".join(f"{said(shares[name])} to {_short(name)}" for name in parts)
    one = responses[(responses["condition"] == "one layer") & responses["stimulus"].isin(parts[:2])]
    control = ""
    if len(one):
        either = mean_interval(one.groupby("seed")["share"].mean().to_numpy())
        control = f" A single layer gives one pair of sides {said(either)}."
    alone = all(shares[name].high < 0.5 for name in parts[:2])
    half = ", less than half for one pair of sides" if needs and alone else ""
    return f"Of its answer to a rectangle the rectangle channel gives {listed}: {ending}{half}.{control}"


def _short(stimulus: str) -> str:
    return {"its sides apart": "the four sides apart"}.get(stimulus, stimulus)
