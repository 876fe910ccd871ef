"""What a comparison found, in sentences that follow its tables and may say the opposite."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

LISTED = 4
LEAST_ROUNDS = 7  # all of which go the same way by luck in 1 of 64 pairs
CLEARLY_FASTER = 1.05  # of what is measured in the same round
NEAR = 0.1  # layers whose relative depths differ by less are at the same depth

Tables = Mapping[str, pd.DataFrame]


def findings(tables: Tables, classes: Sequence[str], *, data: str) -> list[str]:
    """Return the findings, the recommendation first."""
    return [
        *recommendation(tables, classes),
        at_best(tables["best"], tables["models"]),
        *at_equal_depth(_of_leader(tables["matched"], tables["models"])),
        apart(tables["models"]),
        *alike(tables["similarity"]),
        *errors(_of_leader(tables["agreement"], tables["models"])),
        *costs(tables["models"], tables["cuts"]),
        *fastest(tables["models"], tables["speeds"]),
    ]


def recommendation(tables: Tables, classes: Sequence[str]) -> list[str]:
    """Say which layer of which network to use: the cheapest cut that the best layer of all is not clearly above; then
    what speaks for it."""
    cuts = tables["cuts"]
    use, best = _top(cuts, "chosen"), _top(cuts, "accuracy")
    # Only when no layer that might be as good as the best is above everything, such a one is chosen all the same.
    obstacle = _not_above(best) if _not_above(use) else ""
    images = f"these {len(tables['images'])} images"
    if obstacle:
        return [
            f"To tell {_apart(classes)} I would use none of these networks as they are: the best of {len(cuts)} "
            f"layers, {best.layer} of {best.model}, reads {_accuracy(best)} on {images}, which is not "
            f"clearly above {obstacle}."
        ]
    whole = tables["models"].set_index("model").loc[use.model]
    share = use.gflops / whole.gflops if whole.gflops else 1.0
    what = (
        f"To tell {_apart(classes)} I would use {use.model} up to {use.layer}: accuracy {_accuracy(use)} on {images}, "
        f"for {100 * share:.0f} % of that network's operations ({_gflops(use.gflops)} an image, "
        f"{_count(use.parameters)} parameters)."
    )
    if use.name == best.name:
        return [what, f"The best of all {len(cuts)} layers is this one, and none that is cheaper will do."]
    return [
        what,
        f"The best of all {len(cuts)} layers, {best.layer} of {best.model}, reads {best.accuracy:.3f} for "
        f"{_gflops(best.gflops)}; it is not clearly better (difference {use.behind:.3f}, 95 % interval "
        f"{use.behind_low:.3f} to {use.behind_high:.3f}, allowing for the choice among all layers).",
    ]


def at_best(best: pd.DataFrame, models: pd.DataFrame) -> str:
    """Say which network reads the classes best, each at its best layer."""
    leader = _top(models, "accuracy")
    clear: list[str] = []
    level: list[str] = []
    for row in _rows(best):
        if leader.model not in (row.model_a, row.model_b):
            continue
        sign = 1 if row.model_a == leader.model else -1
        other = row.model_b if sign == 1 else row.model_a
        low, high = sorted((sign * row.ci_low, sign * row.ci_high))
        text = f"{other} (difference {sign * row.difference:+z.3f}, {low:+z.3f} to {high:+z.3f})"
        (clear if low > 0 else level).append(text)
    start = (
        f"Read at its best layer, chosen on other images than it is judged by, {leader.model} leads with "
        f"{leader.accuracy:.3f} [{leader.ci_low:.2f}, {leader.ci_high:.2f}] at {leader.best_layer}"
    )
    sentences = []
    if clear:
        sentences.append(f"clearly above {_listed(clear)}")
    if level:
        sentences.append(f"not clearly above {_listed(level)}")
    return f"{start}: {' and '.join(sentences)}."


def at_equal_depth(matched: pd.DataFrame) -> list[str]:
    """Say per pair at how many depths one is ahead of the other."""
    found = []
    for (one, other), rows in list(matched.groupby(["model_a", "model_b"], sort=False))[:LISTED]:
        ahead, behind = int((rows["ci_low"] > 0).sum()), int((rows["ci_high"] < 0).sum())
        widest = _top(rows.assign(gap=rows["difference"].abs()), "gap")
        if ahead or behind:
            said = f"{one} is clearly ahead of {other} at {ahead} of {len(rows)} depths and clearly behind at {behind}"
        else:
            said = f"neither {one} nor {other} is clearly ahead at any of {len(rows)} depths"
        found.append(
            f"At equal relative depth {said}; the widest gap is {widest.difference:+z.3f} at depth {widest.depth:.1f} "
            f"({widest.ci_low:+z.3f} to {widest.ci_high:+z.3f})."
        )
    return found


def apart(models: pd.DataFrame) -> str:
    """Say at which depth the classes come apart in each network."""
    sentences = []
    for row in _rows(models):
        if not row.pairs_apart:
            sentences.append(f"nowhere in {row.model}")
        elif np.isfinite(row.emergence_low):
            sentences.append(
                f"at {row.emergence:.2f} ({row.emergence_low:.2f} to {row.emergence_high:.2f}) in {row.model}"
            )
        else:
            sentences.append(
                f"at {row.emergence:.2f} in {row.model} ({row.pairs_apart} of {row.pairs} pairs, their mean)"
            )
    return f"The classes come apart at relative depth: {_listed(sentences)}."


def alike(similarity: pd.DataFrame) -> list[str]:
    """Say how alike the layers of different networks are, against shuffled images, and whether depth matters."""
    across = similarity[(similarity["model_a"] != similarity["model_b"]) & similarity["cka"].notna()]
    if across.empty:
        return []
    top = _top(across, "cka")
    beyond = int((across["ci_low"] > across["null_95"]).sum())
    found = [
        f"Of {len(across)} pairs of layers from different networks {beyond} are more alike than with shuffled images; "
        f"most alike are {top.layer_a} of {top.model_a} and {top.layer_b} of {top.model_b} (debiased CKA "
        f"{top.cka:.2f}, 95 % interval {top.ci_low:.2f} to {top.ci_high:.2f}; shuffled below {top.null_95:.2f})."
    ]
    same = (across["depth_a"] - across["depth_b"]).abs() < NEAR
    if same.any() and not same.all():
        near, far = across.loc[same, "cka"].mean(), across.loc[~same, "cka"].mean()
        more = "more" if near > far else "no more"
        found.append(
            f"Layers at the same relative depth are {more} alike than others: on average {near:.2f} against {far:.2f}."
        )
    return found


def errors(agreement: pd.DataFrame) -> list[str]:
    """Say whether the networks are wrong on the same images at their ends, beside what accuracy and folds bring."""
    found = []
    last = agreement[agreement["depth"] == agreement["depth"].max()]
    for row in _rows(last.head(LISTED)):
        total = row.both_right + row.only_a + row.only_b + row.both_wrong
        said = (
            f"At their ends only one of {row.model_a} and {row.model_b} is right on {row.only_a + row.only_b} of "
            f"{total} images (the first on {row.only_a}, the second on {row.only_b}; in every repeat on "
            f"{row.steady_a} and {row.steady_b}); unrelated errors of their accuracies would give {row.by_accuracy:.0f}"
        )
        if np.isfinite(row.by_folds):
            said += f", other folds of one and the same network {row.by_folds:.0f}"
        if np.isfinite(row.kappa):
            kind = (
                "they err on the same images more than chance would have it"
                if row.ci_low > 0
                else "they err on different images more than chance would have it"
                if row.ci_high < 0
                else "which images they err on may be unrelated"
            )
            said += f"; {kind} (error consistency {row.kappa:.2f}, {row.ci_low:.2f} to {row.ci_high:.2f})"
        found.append(f"{said}.")
    return found


def costs(models: pd.DataFrame, cuts: pd.DataFrame) -> list[str]:
    """Say which network gives most accuracy for its operations, of those that beat guessing."""
    best = cuts.set_index(["model", "layer"])["above_chance_low"]
    clear = [bool(best[row.model, row.best_layer] > 0) for row in _rows(models)]
    found = []
    if any(clear):
        lean = _top(models[clear], "accuracy_per_gflop")
        found.append(
            f"Of the networks that beat guessing, {lean.model} gives most accuracy for its operations: "
            f"{lean.accuracy_per_gflop:.2f} per GFLOP (a multiply-add counted as two) at its best layer."
        )
    return found


def fastest(models: pd.DataFrame, speeds: pd.DataFrame) -> list[str]:
    """Say which network runs fastest here, if it does so in every round by more than can be seen by eye.

    Nothing is said of networks that were measured as one, of few rounds, or when another was faster in any of them.
    """
    timed = models[models["images_per_second"].notna()]
    whole = speeds[speeds["part"] == "whole"]
    if whole["measured_as"].nunique() < 2 or whole["round"].nunique() < LEAST_ROUNDS:
        return []
    fast = _top(timed, "images_per_second")
    rounds = whole.pivot_table(index="round", columns="measured_as", values="images_per_second")
    own = whole.loc[whole["model"] == fast.model, "measured_as"].iloc[0]
    ahead = rounds[own] / rounds.drop(columns=own).max(axis=1)
    if not (ahead > CLEARLY_FASTER).all():
        return []
    rival = rounds.drop(columns=own).median().idxmax()
    same = sorted(set(whole.loc[whole["measured_as"] == own, "model"]) - {fast.model})
    alike = f" (as {_listed(same)}, of the same architecture)" if same else ""
    other = timed[timed["model"] == rival].iloc[0]
    return [
        f"{fast.model}{alike} is the fastest here, in each of {len(rounds)} rounds in which all ran in turn: "
        f"{_pace(fast)} against {_pace(other)} of {rival}."
    ]


def _of_leader(pairs: pd.DataFrame, models: pd.DataFrame) -> pd.DataFrame:
    """Return the pairs that hold the network with the best accuracy: with many networks all pairs would be too many."""
    leader = _top(models, "accuracy").model
    return pairs[(pairs["model_a"] == leader) | (pairs["model_b"] == leader)]


def _rows(table: pd.DataFrame) -> list[Any]:
    return list(table.itertuples())


def _top(table: pd.DataFrame, column: str) -> Any:
    """Return the row with the largest value, the first of equals."""
    return table.iloc[int(np.nanargmax(table[column].to_numpy(dtype=float)))]


def _not_above(best: Any) -> str:
    """Return what the best layer is not clearly above, "" when it is above all."""
    names = {"above_chance": "guessing", "above_pixels": "a probe on raw pixels", "above_twin": "its untrained twin"}
    failed = [name for column, name in names.items() if f"{column}_low" in best and best[f"{column}_low"] <= 0]
    return _listed(failed) if failed else ""


def _accuracy(row: Any) -> str:
    return f"{row.accuracy:.3f} [{row.ci_low:.2f}, {row.ci_high:.2f}]"


def _pace(row: Any) -> str:
    low, high = row.images_per_second_low, row.images_per_second_high
    return f"{row.images_per_second:.3g} images/s (middle half of the rounds {low:.3g} to {high:.3g})"


def _gflops(value: float) -> str:
    return f"{value:.2f} GFLOPs" if value >= 0.1 else f"{1000 * value:.1f} MFLOPs"


def _count(number: float) -> str:
    return f"{number / 1e6:.1f} million" if number >= 1e6 else f"{number / 1e3:.0f} thousand"


def _apart(classes: Sequence[str]) -> str:
    if len(classes) == 2:
        return f"{classes[0]} from {classes[1]}"
    return f"{_listed(list(classes)) if len(classes) <= LISTED else f'the {len(classes)} classes'} apart"


def _listed(parts: Sequence[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
