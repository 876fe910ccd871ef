"""Which layer of which network to use for new images: found with cheap scores, confirmed by the real probe.

    tables   rounds      one row per layer and round of the search: its cheap scores, and whether it went on
             confirmed   one row per layer that the real probe read: accuracy, how far behind the best, time an image
             controls    the best layer against its controls
             networks    one row per network: how far it came, and the images that were passed through it

Every layer of every network is scored on a sample, ever fewer on more images (`halving`); the last few are read by
the probe of a probe run on all images, with folds and intervals as there, and so are some that take fewer operations.
A network whose layers have all been dropped is not run again.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from lab.embeddings.streaming import pixels_kept
from lab.experiments.base import DEFAULT_DATA, PartialResults
from lab.experiments.comparison.costs import measure_places
from lab.experiments.comparison.request import DEFAULT_MODELS
from lab.experiments.manifest import Clock, result_with_findings
from lab.experiments.result import Result
from lab.experiments.separability.measure import ProbeSetup, prepare
from lab.experiments.separability.split_notes import notes_of
from lab.experiments.which.confirm import Confirmed, cheaper_places, confirmed, control_rows
from lab.experiments.which.findings import findings
from lab.experiments.which.halving import Round, halved, places_of
from lab.experiments.which.request import WhichRequest
from lab.images import ImageSet, images_in_request
from lab.layers import Layer
from lab.models import Model, card, names_of
from lab.models.loading import networks_kept
from lab.probing.controls import OPTIONAL
from lab.probing.task import LOGISTIC
from lab.progress import Progress, silent
from lab.progress_bars import shown as bars_for
from lab.settings import Compute
from lab.stats.intervals import accuracy_interval
from lab.threads import cores

FINALIST, CHEAPER = "finalist", "cheaper"


class CpuClock(Clock):
    """Seconds of the processor beside those of the wall, so that a search is compared on a busy machine too."""

    def __init__(self) -> None:
        super().__init__()
        self.processor: dict[str, float] = {}
        self._before = time.process_time()

    def mark(self, part: str) -> None:
        """End a part here."""
        super().mark(part)
        now = time.process_time()
        self.processor[part], self._before = round(now - self._before, 3), now


def run(
    request: WhichRequest,
    *,
    progress: Progress = silent,
    compute: Compute = Compute(),  # noqa: B008 - frozen
    partial_results: PartialResults | None = None,
) -> Result:
    """Return the best layer among those of `request`'s networks, what is as good, and what each costs.

    A network that cannot be computed is reported in the manifest's `problems`; LabError when none can.
    """
    return _searched(request, progress, compute, partial_results if partial_results is not None else {})


def which(
    models: Iterable[Model] = DEFAULT_MODELS,
    images: str | os.PathLike[str] | ImageSet | tuple[Any, Any] = DEFAULT_DATA,
    *,
    preprocess: Any = None,
    layers: str | Sequence[str | Layer] = "blocks",
    pooling: str = "avg",
    controls: str | Sequence[str] = tuple(OPTIONAL),
    classes: Sequence[str] = (),
    per_class: int | None = None,
    folds: int = 5,
    repeats: int = 3,
    seed: int = 0,
    groups: str | Sequence[Any] = "auto",
    split: str = "auto",
    probe: str = LOGISTIC,
    sample: int = 32,
    finalists: int = 4,
    cheaper: int = 3,
    speed: bool = True,
    progress: Progress | None = None,
    compute: Compute = Compute(),  # noqa: B008 - frozen
) -> Result:
    """Search the layers of one or more networks for the best one for `images`.

    `sample` images are looked at in the first round; `finalists` layers are read by the real probe on all of them, and
    so are at most `cheaper` that take fewer operations; `speed` measures how long an image takes up to each. The other
    arguments are those of `lab.probe`. Raises LabError, in one sentence, for what cannot be used. The result is kept by
    the caller only.
    """
    given, data, classes, per_class, groups = images_in_request(images, classes, per_class, groups)
    request = WhichRequest.from_dict(
        {
            "models": names_of(models, preprocess, given), "data": data, "layers": layers, "pooling": pooling,
            "controls": controls, "classes": classes, "per_class": per_class, "folds": folds, "repeats": repeats,
            "seed": seed, "groups": groups, "split": split, "probe": probe, "sample": sample, "finalists": finalists,
            "cheaper": cheaper, "speed": speed,
        }
    )  # fmt: skip
    with bars_for(progress) as told:
        return _searched(request.canonical(), told, compute, {}, given)


@networks_kept()
@pixels_kept()
def _searched(
    request: WhichRequest,
    progress: Progress,
    compute: Compute,
    partial_results: PartialResults,
    images: ImageSet | None = None,
) -> Result:
    clock = CpuClock()
    question = prepare(request.as_probe(), progress, images)
    places, problems = places_of(request, progress)
    clock.mark("images and layers")
    rounds = list(halved(question, request, places, progress, compute))
    clock.mark("rounds")
    finalists = [one.place for one in rounds[-1].scored if one.kept]
    further = cheaper_places(rounds[0], finalists, request.cheaper)
    found = confirmed(question, [*finalists, *further], progress, compute, partial_results)
    clock.mark("probes")
    controls, lacking = control_rows(found, question, request.controls, len(places), progress, compute, partial_results)
    clock.mark("controls")
    asked = [(place.model, place.layer) for place in found.places]
    took = measure_places(asked, partial_results, compute, progress) if request.speed else None
    clock.mark("speed")
    why = [FINALIST] * len(finalists) + [CHEAPER] * len(further)
    tables = {
        "rounds": _rounds_table(rounds),
        "confirmed": _confirmed_table(found, why, took),
        "controls": pd.DataFrame(controls),
        "networks": _networks_table(rounds, found, question),
    }
    hashes = {"images": question.images.fingerprint}
    hashes |= {model: card(model).weights_digest for model in dict.fromkeys(place.model for place in places)}
    chosen = found.chosen
    return result_with_findings(
        request, tables, findings(tables, question.images.classes, chosen), hashes=hashes,
        problems=[*problems, *lacking], timings=clock.seconds, processor_seconds=clock.processor, threads=cores(),
        notes=notes_of(question), classes=list(question.images.classes), images=len(question.images),
        chosen=chosen.columns("accuracy"),
    )  # fmt: skip


def _rounds_table(rounds: Sequence[Round]) -> pd.DataFrame:
    rows = [
        {
            "round": number, "images": found.images, "model": one.place.model, "layer": one.place.layer.name,
            "depth": one.place.layer.depth, "evidence": one.evidence, "margin": one.margin, "accuracy": one.accuracy,
            **one.behind.columns("behind"), "kept": one.kept,
        }
        for number, found in enumerate(rounds, start=1)
        for one in found.scored
    ]  # fmt: skip
    return pd.DataFrame(rows)


def _confirmed_table(found: Confirmed, why: Sequence[str], took: Sequence[np.ndarray] | None) -> pd.DataFrame:
    rows = []
    for k, (place, gap) in enumerate(zip(found.places, found.behind(), strict=True)):
        accuracy, layer = float(found.accuracy[k]), place.layer
        low, high = accuracy_interval(accuracy, found.boot.groups)
        ends = (np.nan, np.nan, np.nan) if took is None else np.quantile(took[k], (0.25, 0.5, 0.75))
        rows.append(
            {
                "model": place.model, "layer": layer.name, "depth": layer.depth, "why": why[k], "accuracy": accuracy,
                "ci_low": low, "ci_high": high, "repeats": int(found.repeats[k]), **gap.columns("behind"),
                "as_good": bool(gap.low <= 0),
                "best": k == found.best, "ms": float(ends[1]), "ms_low": float(ends[0]), "ms_high": float(ends[2]),
                "gflops": layer.flops / 1e9, "parameters": layer.parameters,
            }
        )  # fmt: skip
    table = pd.DataFrame(rows)
    cost, clear = table["gflops" if took is None else "ms"], table["ci_low"] > found.guessing
    # A layer at chance is cheap, but no choice; where all are the best is all there is.
    worth = table["accuracy"].where(clear | table["best"], -np.inf)
    return table.assign(frontier=np.array(on_frontier(cost, worth)) & (worth >= 0))


def on_frontier(cost: pd.Series, accuracy: pd.Series) -> list[bool]:
    """Return which rows nothing cheaper, or equally cheap, reads as well."""
    costs, values = cost.to_numpy(), accuracy.to_numpy()
    return [
        not any(
            (costs[o] <= costs[k] and values[o] >= values[k]) and (costs[o], -values[o], o) < (costs[k], -values[k], k)
            for o in range(len(costs))
            if o != k
        )
        for k in range(len(costs))
    ]


def _networks_table(rounds: Sequence[Round], found: Confirmed, question: ProbeSetup) -> pd.DataFrame:
    rows = []
    for model in dict.fromkeys(one.place.model for one in rounds[0].scored):
        inside = [r for r in rounds if any(one.place.model == model for one in r.scored)]
        own = [one for one in rounds[0].scored if one.place.model == model]
        confirmed_here = sum(place.model == model for place in found.places)
        rows.append(
            {
                "model": model, "layers": len(own), "rounds": len(inside), "confirmed": confirmed_here,
                "best_evidence": max(one.evidence for one in own),
                "passed": len(question.images) if confirmed_here else inside[-1].images,
            }
        )  # fmt: skip
    return pd.DataFrame(rows)
