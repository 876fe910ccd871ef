"""What are early and late channels tuned to? Every channel's answers to gratings and to outlines of shapes.

tables   tuning    one row per network, layer, property and control: the share of a channel's variance that the
                   property explains, on average over channels and in the best of equally many, with intervals over
                   draws of stimuli (and over untrained twins) that hold for all layers at once
         draws     the same for every draw and twin
         curves    answers of each layer's best channel to every orientation and shape, with intervals over stimuli
         examples  one stimulus of each level

The share is epsilon squared (Kelley 1935), whose mean is 0 where the property explains nothing. The best channel is
chosen on half of the draws and measured on the others, which are the independent units of the intervals. A wide layer
has more channels to choose from, so layers are compared by the best of as many channels as the narrowest of them has,
averaged over all random subsets. Controls: untrained twins from several random starts, shuffled levels.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from lab.activations.extractor import Extractor
from lab.encode import png
from lab.experiments.base import PartialResults, Request, model_option, option
from lab.experiments.building.tuning_findings import findings
from lab.experiments.building.tuning_stimuli import STIMULI, drawn
from lab.experiments.manifest import result_with_findings
from lab.experiments.result import Result
from lab.experiments.twins import TWINS, untrained_twins
from lab.layers import Layer, select_layers
from lab.models import LoadedModel, load_model
from lab.progress import Progress, silent
from lab.settings import Compute
from lab.stats.intervals import mean_interval
from lab.stats.simultaneous import crossed_mean, mean_of_many
from lab.stats.subsets import best_of_width

EACH = 2  # of each level in a draw: many small draws give narrower intervals than a few large ones
SHARES = ("mean", "best", "best_of_all")


@dataclass(frozen=True)
class TuningRequest(Request):
    """Which network and layers, and how many independent draws of stimuli are made."""

    experiment: ClassVar[str] = "tuning"

    model: str = model_option()
    layers: str = option("stages", "stages, blocks, or names with commas between them")
    draws: int = option(12, "independent draws of the stimuli; channels are chosen on half of them", least=4, most=400)
    twins: int = option(TWINS, "untrained twins, each from its own random start", least=2, most=20)

    def title(self) -> str:
        """Return what is looked at."""
        return f"Tuning of the channels of {self.model.split('@')[0]}"


def run(
    request: TuningRequest,
    *,
    progress: Progress = silent,
    compute: Compute = Compute(),  # noqa: B008 - frozen
    partial_results: PartialResults | None = None,
) -> Result:
    """Return how far every layer's channels follow orientation and shape."""
    kept = partial_results if partial_results is not None else {}
    progress("Opening the network", 0, 1, "networks")
    model = load_model(request.model, device=compute.device)
    layers = select_layers(model.layers, request.layers, exclusions=model.card.exclusions)
    width = min(layer.channels for layer in layers)
    rows: list[dict[str, Any]] = []
    curves: list[dict[str, Any]] = []
    hashes = {}
    for number, each in enumerate((model, *untrained_twins(model, request.twins))):
        hashes[str(each.ref)] = each.weights_digest
        for kind in STIMULI:
            answers, asked = _answers(each, layers, kind, request.draws, kept, progress, compute)
            for layer in layers:
                where = {"model": str(each.ref), "layer": layer.name, "depth": layer.depth, "kind": kind}
                taken = answers[layer.name]
                rows += [{**where, "twin": number - 1, **row} for row in _with_control(taken, asked, width, number > 0)]
                if number < 2:
                    curves += [{**where, **row} for row in curve(taken, asked, STIMULI[kind][0])]
    found = pd.DataFrame(rows)
    tuning = summarised(found)
    tables = {"tuning": tuning, "draws": found, "curves": pd.DataFrame(curves), "examples": _examples()}
    stimuli = {kind: EACH * len(levels) for kind, (levels, _) in STIMULI.items()}
    return result_with_findings(request, tables, findings(tuning, found), hashes=hashes, stimuli=stimuli)


def explained(answers: np.ndarray, asked: np.ndarray) -> np.ndarray:
    """Return per channel the share of its variance that the levels explain, epsilon squared, `(C,)`, from `(N, C)`.

    0 for a channel that never changes; the unbiased share may be negative.
    """
    whole = ((answers - answers.mean(axis=0)) ** 2).sum(axis=0)
    levels = np.unique(asked)
    within = sum(((part - part.mean(axis=0)) ** 2).sum(axis=0) for part in (answers[asked == one] for one in levels))
    error = within / (len(asked) - len(levels))
    silent_ones = whole <= 1e-12 * np.maximum((answers**2).sum(axis=0), 1e-300)
    return np.where(silent_ones, 0.0, (whole - within - (len(levels) - 1) * error) / np.where(silent_ones, 1, whole))


def draws(answers: np.ndarray, asked: np.ndarray, control: str, width: int) -> list[dict[str, Any]]:
    """Return one row for every second draw from answers `(D, N, C)` and levels `(D, N)`.

    A row has the mean share of all channels, that of the best one, and that of the best of `width` channels, the mean
    over all subsets of so many. The best are chosen on the draws between, so that the rows are independent of the
    choice and of each other.
    """
    shares = np.stack([explained(one, levels) for one, levels in zip(answers, asked, strict=True)])
    chosen_by = shares[::2].mean(axis=0)
    chosen = int(chosen_by.argmax())
    return [
        {
            "control": control,
            "draw": draw,
            "channel": chosen,
            "width": min(width, len(chosen_by)),
            "mean": float(shares[draw].mean()),
            "best": best_of_width(chosen_by, shares[draw], width),
            "best_of_all": float(shares[draw][chosen]),
        }
        for draw in range(1, len(shares), 2)
    ]


def curve(answers: np.ndarray, asked: np.ndarray, levels: tuple[str, ...]) -> list[dict[str, Any]]:
    """Return the answers of the best channel to each level, in its own standard deviations, with intervals.

    The channel is chosen on every second draw and measured on the others.
    """
    shares = np.mean([explained(one, at) for one, at in zip(answers[::2], asked[::2], strict=True)], axis=0)
    best = int(shares.argmax())
    values, at = answers[1::2, :, best].ravel(), asked[1::2].ravel()
    values = (values - values.mean()) / (values.std() or 1.0)
    rows = []
    for index, level in enumerate(levels):
        found = mean_interval(values[at == index])
        rows.append({"channel": best, "level": level, **found.columns("response", "ci")})
    return rows


def summarised(found: pd.DataFrame) -> pd.DataFrame:
    """Return one row per layer, property and control, with intervals over draws that hold for all layers at once.

    Untrained twins are one row, named by the first of them; its interval is over draws and twins.
    """
    tests = found["layer"].nunique()
    rows = []
    for where, part in found.groupby(["layer", "depth", "kind", "control"], sort=False):
        row = {"model": part["model"].iloc[0], **dict(zip(("layer", "depth", "kind", "control"), where, strict=True))}
        row["width"] = int(part["width"].iloc[0])
        for name in SHARES:
            values = part.pivot(index="draw", columns="twin", values=name).to_numpy()
            interval = (
                crossed_mean(values, tests) if row["control"] == "untrained" else mean_of_many(values[:, 0], tests)
            )
            row |= interval.columns(name)
        rows.append(row)
    return pd.DataFrame(rows)


def _with_control(answers: np.ndarray, asked: np.ndarray, width: int, twin: bool) -> list[dict[str, Any]]:
    """Return the draws of a network, and with shuffled levels; its untrained twin is a control itself."""
    if twin:
        return draws(answers, asked, "untrained", width)
    shuffled = np.stack([np.random.default_rng(draw).permutation(levels) for draw, levels in enumerate(asked)])
    return [*draws(answers, asked, "real", width), *draws(answers, shuffled, "shuffled", width)]


def _answers(
    model: LoadedModel, layers: tuple[Layer, ...], kind: str, count: int, partial_results: PartialResults,
    progress: Progress, compute: Compute,
) -> tuple[dict[str, np.ndarray], np.ndarray]:  # fmt: skip
    """Return the pooled answers of every layer `(D, N, C)` by its name, and the levels `(D, N)`."""
    extract: Extractor | None = None
    found: list[dict[str, np.ndarray]] = []
    asked = []
    how = model.preprocessing
    for draw in range(count):
        key = f"{model.ref}/{kind}/{draw}"
        stage = f"Showing {kind} stimuli to {model.ref.short}"
        kept = partial_results.get(key)
        if kept is None:
            images, levels = drawn(kind, draw, EACH, min(how.height, how.width))
            extract = extract or Extractor(model, layers)
            kept = _extracted(extract, images, lambda done, of: progress(stage, draw * of + done, count * of, "images"))  # noqa: B023
            partial_results[key] = kept = {**kept, "levels": levels}
        found.append({layer.name: kept[layer.name] for layer in layers})
        asked.append(kept["levels"])
    return {layer.name: np.stack([one[layer.name] for one in found]).astype(float) for layer in layers}, np.stack(asked)


def _extracted(extract: Extractor, images: np.ndarray, step: Callable[[int, int], None]) -> dict[str, np.ndarray]:
    import torch

    parts = []
    for start in range(0, len(images), 16):
        batch = torch.from_numpy(images[start : start + 16]).permute(0, 3, 1, 2).contiguous()
        parts.append(extract(batch))
        step(start + len(batch), len(images))
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _examples() -> pd.DataFrame:
    rows = []
    for kind, (levels, _) in STIMULI.items():
        images, asked = drawn(kind, 0, 1, 96)
        rows += [
            {"kind": kind, "level": levels[level], "thumbnail": png(image)}
            for image, level in zip(images, asked, strict=True)
        ]
    return pd.DataFrame(rows)
