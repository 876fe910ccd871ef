"""What a comparison found, in sentences that follow its tables and may say the opposite."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from lab.names import apart, listed

LISTED = 4
LEAST_ROUNDS = 7  # all of which go the same way by luck in 1 of 64 pairs
CLEARLY_FASTER = 1.05  # of what is measured in the same round

Tables = Mapping[str, pd.DataFrame]


def findings(tables: Tables, classes: Sequence[str], *, data: str) -> list[str]:
    """Return the findings, the recommendation first."""
    return [
        *recommendation(tables, classes),
        at_best(tables["best"], tables["models"]),
        *at_equal_depth(_of_leader(tables["matched"], tables["models"])),
        come_apart(tables["models"]),
        *alike(tables["similarity"]),
        *errors(_of_leader(tables["agreement"], tables["models"])),
        *fastest(tables["models"], tables["speeds"]),
    ]


def recommendation(tables: Tables, classes: Sequence[str]) -> list[str]:
    """Say which layer of which network to use: the cheapest cut that the best layer of all is not clearly above; then
    what speaks for it."""
    cuts = tables["cuts"]
    use, best = _top(cuts, "chosen"), _top(cuts, "accuracy")
    # Only when no layer that might be as good as the best is above everything, such a one is chosen all the same.
    obstacle = _not_above(best) if _not_above(use) else ""
    images = f"{len(tables['images'])} images"
    if obstacle:
        return [
            f"To tell {apart(classes)} use none of these networks: the best of {len(cuts)} layers, {best.layer} of "
            f"{best.model}, reads {_accuracy(best)} on {images}, not clearly above {obstacle}."
        ]
    whole = tables["models"].set_index("model").loc[use.model]
    share = use.gflops / whole.gflops if whole.gflops else 1.0
    what = (
        f"To tell {apart(classes)} use {use.model} up to {use.layer}: accuracy {_accuracy(use)} on {images}, for "
        f"{100 * share:.0f} % of its operations ({_gflops(use.gflops)})."
    )
    if use.name == best.name:
        return [what, f"No other of {len(cuts)} layers is better, and no cheaper one as good."]
    return [
        what,
        f"The best layer, {best.layer} of {best.model}, reads {best.accuracy:.3f} for {_gflops(best.gflops)}: not "
        f"clearly better (difference {use.behind:.3f}, {use.behind_low:.3f} to {use.behind_high:.3f}).",
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
        text = f"{other} ({sign * row.difference:+z.3f}, {low:+z.3f} to {high:+z.3f})"
        (clear if low > 0 else level).append(text)
    start = (
        f"At its best layer, {leader.best_layer}, {leader.model} leads with {leader.accuracy:.3f} "
        f"[{leader.ci_low:.2f}, {leader.ci_high:.2f}]"
    )
    sentences = []
    if clear:
        sentences.append(f"clearly above {listed(clear)}")
    if level:
        sentences.append(f"not clearly above {listed(level)}")
    return f"{start}: {' and '.join(sentences)}."


def at_equal_depth(matched: pd.DataFrame) -> list[str]:
    """Say per pair at how many depths one is ahead of the other."""
    found = []
    for (one, other), rows in list(matched.groupby(["model_a", "model_b"], sort=False))[:LISTED]:
        ahead, behind = int((rows["ci_low"] > 0).sum()), int((rows["ci_high"] < 0).sum())
        found.append(
            f"At equal relative depth {one} is clearly ahead of {other} at {ahead} of {len(rows)} depths, clearly "
            f"behind at {behind}."
        )
    return found


def come_apart(models: pd.DataFrame) -> str:
    """Say at which depth the classes come apart in each network."""
    sentences = []
    for row in _rows(models):
        if not row.pairs_apart:
            sentences.append(f"nowhere in {row.model}")
        elif np.isfinite(row.emergence_low):
            sentences.append(
                f"at depth {row.emergence:.2f} ({row.emergence_low:.2f} to {row.emergence_high:.2f}) in {row.model}"
            )
        else:
            sentences.append(f"at depth {row.emergence:.2f} in {row.model} ({row.pairs_apart} of {row.pairs} pairs)")
    return f"The classes come apart {listed(sentences)}."


def alike(similarity: pd.DataFrame) -> list[str]:
    """Say how alike the layers of different networks are, against shuffled images."""
    across = similarity[(similarity["model_a"] != similarity["model_b"]) & similarity["cka"].notna()]
    if across.empty:
        return []
    top = _top(across, "cka")
    beyond = int((across["ci_low"] > across["null_95"]).sum())
    return [
        f"Of {len(across)} pairs of layers from different networks {beyond} are more alike than with shuffled images, "
        f"most of all {top.layer_a} of {top.model_a} and {top.layer_b} of {top.model_b} (debiased CKA {top.cka:.2f}, "
        f"{top.ci_low:.2f} to {top.ci_high:.2f}; shuffled below {top.null_95:.2f})."
    ]


def errors(agreement: pd.DataFrame) -> list[str]:
    """Say whether the networks are wrong on the same images at their ends, beside what accuracy and folds bring."""
    found = []
    last = agreement[agreement["depth"] == agreement["depth"].max()]
    for row in _rows(last.head(LISTED)):
        total = row.both_right + row.only_a + row.only_b + row.both_wrong
        said = (
            f"At their last layers only one of {row.model_a} and {row.model_b} is right on {row.only_a + row.only_b} "
            f"of {total} images ({row.only_a} and {row.only_b}); unrelated errors would give {row.by_accuracy:.0f}"
        )
        if np.isfinite(row.by_folds):
            said += f", other folds of one network {row.by_folds:.0f}"
        if np.isfinite(row.kappa):
            kind = (
                "they share more errors than chance"
                if row.ci_low > 0
                else "they share fewer errors than chance"
                if row.ci_high < 0
                else "their errors may be unrelated"
            )
            said += f"; {kind} (error consistency {row.kappa:.2f}, {row.ci_low:.2f} to {row.ci_high:.2f})"
        found.append(f"{said}.")
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
    alike = f" (as {listed(same)}, of the same architecture)" if same else ""
    other = timed[timed["model"] == rival].iloc[0]
    return [
        f"{fast.model}{alike} is the fastest here in each of {len(rounds)} rounds: {_pace(fast)} against "
        f"{_pace(other)} of {rival}."
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
    return listed(failed) if failed else ""


def _accuracy(row: Any) -> str:
    return f"{row.accuracy:.3f} [{row.ci_low:.2f}, {row.ci_high:.2f}]"


def _pace(row: Any) -> str:
    low, high = row.images_per_second_low, row.images_per_second_high
    return f"{row.images_per_second:.3g} images/s (middle half {low:.3g} to {high:.3g})"


def _gflops(value: float) -> str:
    return f"{value:.2f} GFLOPs" if value >= 0.1 else f"{1000 * value:.1f} MFLOPs"
