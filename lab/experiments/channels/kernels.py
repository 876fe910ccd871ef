"""What do the first filters look like? The kernels of the first convolution that sees red, green and blue, as they are.

tables   kernels   one row per network (trained, and untrained twins) and filter: its picture, and which share of its
                   weights is colour rather than brightness
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pandas as pd

from lab.errors import LabError
from lab.experiments.base import PartialResults, Request, model_option
from lab.experiments.first_filters import filter_picture, first_filters
from lab.experiments.manifest import result_with_findings
from lab.experiments.number_text import with_ends
from lab.experiments.result import Result
from lab.experiments.twins import untrained_twins
from lab.models import load_model
from lab.progress import Progress, silent
from lab.settings import Compute
from lab.stats.claims import outcome
from lab.stats.intervals import Interval, widened

if TYPE_CHECKING:
    from torch import nn

SIDE = 96  # of a picture, at least


@dataclass(frozen=True)
class KernelsRequest(Request):
    """Which network."""

    experiment: ClassVar[str] = "kernels"

    model: str = model_option()

    def title(self) -> str:
        """Return what is looked at."""
        return f"First filters of {self.model.split('@')[0]}"


def run(
    request: KernelsRequest,
    *,
    progress: Progress = silent,
    compute: Compute = Compute(),  # noqa: B008 - frozen
    partial_results: PartialResults | None = None,
) -> Result:
    """Return the kernels; raises LabError for a network without a convolution of red, green and blue."""
    progress("Opening the network", 0, 1, "steps")
    model = load_model(request.model)
    networks = (model, *untrained_twins(model))
    rows = [row for network in networks for row in _rows(str(network.ref), network.module)]
    if not rows:
        raise LabError(f"{request.model} has no convolution that sees red, green and blue; choose another network")
    table = pd.DataFrame(rows)
    return result_with_findings(
        request, {"kernels": table}, findings(table), hashes={str(one.ref): one.weights_digest for one in networks}
    )


def findings(kernels: pd.DataFrame) -> list[str]:
    """Return what the kernels show, a sentence each; they follow the numbers."""
    names = list(kernels["model"].unique())
    own = kernels[kernels["model"] == names[0]]
    colour = int((own["colour"] > 0.5).sum())
    sentences = [
        f"{colour} of {len(own)} filters of {own.layer.iloc[0]} ({own.height.iloc[0]} × {own.width.iloc[0]} pixels) "
        "are mostly colour, the rest brightness."
    ]
    if len(names) > 1:
        twins = kernels[kernels["model"] != names[0]]
        random = int((twins["colour"] > 0.5).sum())
        starts = twins.groupby("model", sort=False)["roughness"].mean()
        gap = _difference(own["roughness"].to_numpy(), twins["roughness"].to_numpy())
        if len(starts) > 1:  # filters are units, and so are the random starts that they were drawn in
            gap = widened(gap, float(starts.var(ddof=1)) / len(starts), len(starts) - 1)
        change = {
            "less": "trained filters are smoother",
            "more": "trained filters are rougher",
        }.get(outcome(gap, 0.0), "that trained filters are smoother is not shown")
        sentences.append(
            f"With random weights {random} of {len(twins)}; {change} (difference of neighbouring weights "
            f"{with_ends(gap)} of their spread)."
        )
    return sentences


def _difference(one: np.ndarray, other: np.ndarray) -> Interval:
    """Return the difference of two means over filters with Welch's interval; without ends for fewer than two."""
    from scipy.stats import t

    value = float(one.mean() - other.mean())
    if min(len(one), len(other)) < 2:
        return Interval(value, float("-inf"), float("inf"))
    parts = np.array([part.var(ddof=1) / len(part) for part in (one, other)])
    freedom = parts.sum() ** 2 / max(float((parts**2 / (np.array([len(one), len(other)]) - 1)).sum()), 1e-300)
    reach = float(np.sqrt(parts.sum()) * t.ppf(0.975, max(freedom, 1.0)))
    return Interval(value, value - reach, value + reach)


def _rows(name: str, module: nn.Module) -> list[dict[str, Any]]:
    found = first_filters(module)
    if found is None:
        return []
    layer, kernels = found
    return [
        {
            "model": name,
            "layer": layer,
            "channel": number,
            "height": kernel.shape[1],
            "width": kernel.shape[2],
            "colour": _colour(kernel),
            "roughness": _roughness(kernel),
            "thumbnail": filter_picture(kernel, SIDE),
        }
        for number, kernel in enumerate(kernels)
    ]


def _colour(kernel: np.ndarray) -> float:
    """Return the share of a kernel's squared weights that is not the same for red, green and blue."""
    total = float((kernel**2).sum())
    gray = float((kernel.mean(axis=0) ** 2).sum() * 3)
    return (total - gray) / total if total else 0.0


def _roughness(kernel: np.ndarray) -> float:
    """Return how far neighbouring weights differ (root mean square), in spreads of all weights."""
    steps = np.concatenate([np.diff(kernel, axis=1).ravel(), np.diff(kernel, axis=2).ravel()])
    return float(np.sqrt((steps**2).mean()) / max(float(kernel.std()), 1e-12))
