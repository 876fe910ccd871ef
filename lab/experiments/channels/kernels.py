"""What do the first filters look like? The kernels of the first convolution that sees red, green and blue, as they are.

tables   kernels   one row per network (trained, untrained) and filter: its picture, and which share of its weights is
                   colour rather than brightness
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pandas as pd

from lab.errors import LabError
from lab.experiments.base import PartialResults, Request, Result, model_option
from lab.experiments.first_filters import filter_picture, first_filters
from lab.experiments.manifest import result_with_findings
from lab.experiments.model_and_picture import with_twin
from lab.models import load_model
from lab.progress import Progress, silent
from lab.settings import Compute

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
    rows = [row for name, module in with_twin(model) for row in _rows(name, module)]
    if not rows:
        raise LabError(f"{request.model} has no convolution that sees red, green and blue; choose another network")
    table = pd.DataFrame(rows)
    return result_with_findings(
        request, {"kernels": table}, findings(table), hashes={str(model.ref): model.weights_digest}
    )


def findings(kernels: pd.DataFrame) -> list[str]:
    """Return what the kernels show, a sentence each; they follow the numbers."""
    names = list(kernels["model"].unique())
    own = kernels[kernels["model"] == names[0]]
    colour = int((own["colour"] > 0.5).sum())
    sentences = [
        f"{own.layer.iloc[0]} has {len(own)} filters of {own.height.iloc[0]} × {own.width.iloc[0]} pixels; in {colour} "
        "of them more than half of the weight is colour (differences between red, green and blue), in the rest "
        "brightness."
    ]
    if len(names) > 1:
        twin = kernels[kernels["model"] == names[1]]
        random = int((twin["colour"] > 0.5).sum())
        rough, plain = (float(part["roughness"].median()) for part in (twin, own))
        change = "smoother" if plain < rough else "no smoother"
        sentences.append(
            f"With random weights it is {random} of {len(twin)}; the trained filters are {change} than random ones "
            f"(neighbouring weights differ by {plain:.2f} of their spread, against {rough:.2f})."
        )
    return sentences


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
