"""What a training and its checkpoints show, in sentences that follow the numbers and may say the opposite."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from lab.names import apart

ENDED = {
    "enough": "it was good enough twice in a row",
    "patience": "the validation loss had not improved for {patience} epochs",
    "epochs": "no more were planned",
}
MEMORISED = 0.1  # more training than test accuracy by so much is told
KEPT, TURNED = 0.9, 0.5  # cosine of a filter with its start above which it has hardly moved, below which it is new


def training_findings(model: str, about: Mapping[str, Any], tables: Mapping[str, pd.DataFrame]) -> list[str]:
    """Return what a training's tables show, a sentence each."""
    history, test = tables["history"], tables["test"].iloc[0]
    learnt = test.ci_low > test.chance
    did = "has learnt to tell" if learnt else "is not shown to have learnt to tell"
    last = history.iloc[-1]
    why = ENDED[about["ended"]].format(patience=about["recipe"]["patience"])
    said = [
        f"{model} {did} {apart(about['classes'])}: {test.accuracy:.3f} of {test.images:.0f} unseen test images right "
        f"({test.ci_low:.2f} to {test.ci_high:.2f}, chance {test.chance:.2f}).",
        f"It ended after {last.epoch:.0f} epochs ({last.step:.0f} steps, {about['seconds']:.0f} s): {why}. Kept is "
        f"epoch {_best(history):.0f}, of lowest validation loss.",
    ]
    gap = float(last.training_accuracy) - float(test.accuracy)
    if gap > MEMORISED:
        said.append(f"On its training images it gets {last.training_accuracy:.2f}: {gap:.2f} are memory, not skill.")
    elif not learnt:
        said.append(
            f"On its training images it gets only {last.training_accuracy:.2f}: try another learning rate or more "
            "epochs."
        )
    return said


def _best(history: pd.DataFrame) -> float:
    return float(history["epoch"].iloc[int(history["validation_loss"].argmin())])


def checkpoint_findings(tables: Mapping[str, pd.DataFrame]) -> list[str]:
    """Return what the checkpoints' tables show, a sentence each."""
    return [*probe_findings(tables), *_filters(tables["filters"])]


def probe_findings(tables: Mapping[str, pd.DataFrame]) -> list[str]:
    """Return what the probes at every checkpoint show, a sentence each."""
    probes, gains = tables["probes"], tables["gains"]
    return [_end(probes, gains), _early_and_late(gains), _order(gains)]


def _end(probes: pd.DataFrame, gains: pd.DataFrame) -> str:
    last = gains.iloc[-1]
    rows = probes[(probes["layer"] == last.layer) & (probes["control"] == "probe")]
    first, final = rows.iloc[0], rows.iloc[-1]
    if last.gain_low > 0:
        did = "Training has brought the classes apart"
    elif last.gain_high < 0:
        did = "Training has made it worse"
    else:
        did = "No effect of training is shown"
    start = "before the first step" if first.step == 0 else f"after step {first.step:.0f}"
    controls = [
        f"{name} {float(found.iloc[-1].accuracy):.2f}"
        for name, found in (
            ("shuffled labels", probes[(probes["layer"] == last.layer) & (probes["control"] == "shuffled")]),
            ("raw pixels", probes[probes["control"] == "pixels"]),
        )
        if len(found)
    ]
    beside = f" ({', '.join(controls)})" if controls else ""
    return (
        f"{did} at {last.layer}: on held-out images a probe reads {first.accuracy:.2f} ({first.ci_low:.2f} to "
        f"{first.ci_high:.2f}) {start}, {final.accuracy:.2f} ({final.ci_low:.2f} to {final.ci_high:.2f}) after step "
        f"{final.step:.0f}{beside}."
    )


def _early_and_late(gains: pd.DataFrame) -> str:
    first, last = gains.iloc[0], gains.iloc[-1]
    if len(gains) < 2:
        return f"Only one layer was watched, {last.layer}."
    if last.lead_low > 0:
        claim = "The last layer gains more than the first"
    elif last.lead_high < 0:
        claim = "The first layer gains more than the last"
    else:
        claim = "No difference in gain is shown between the first and the last layer"
    return (
        f"{claim}: {first.gain:+z.2f} at {first.layer}, {last.gain:+z.2f} at {last.layer} (difference "
        f"{last.lead:+z.2f}, {last.lead_low:+z.2f} to {last.lead_high:+z.2f})."
    )


def _order(gains: pd.DataFrame) -> str:
    woken = gains[gains["onset"] >= 0].sort_values(["onset", "depth"])
    if woken.empty:
        return "No layer is shown to read the classes better than before training."
    many = f"{len(woken)} of {len(gains)} layers come to read the classes better"
    first, last = int(woken["onset"].min()), int(woken["onset"].max())
    if first == last:
        return f"{many}, all at step {first}."
    early, late = (", ".join(woken[woken["onset"] == step]["layer"]) for step in (first, last))
    return f"{many}: {early} first (step {first}), {late} last (step {last})."


def _filters(filters: pd.DataFrame) -> list[str]:
    if filters.empty:
        return ["This network has no first layer of filters to show."]
    last = filters[filters["step"] == filters["step"].max()]
    cosine = float(last["cosine"].mean())
    if cosine >= KEPT:
        did = "have hardly moved"
    elif cosine >= TURNED:
        did = "still resemble their random start"
    else:
        did = "have become others"
    return [f"The {len(last)} filters of {last.iloc[0].layer} {did} (mean cosine {cosine:.2f})."]
