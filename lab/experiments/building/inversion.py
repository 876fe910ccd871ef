"""Which pictures look the same to a layer? The picture is rebuilt from each layer's activations, by optimisation.

tables   inversions  one row per network, layer and start: how near the layer's activations came to those of the
                     picture, how like the picture the result is, and the result
         summary     the same over starts, with intervals for all layers at once
         picture     what the network saw

An image that starts as noise is changed until the layer's activations are those of the picture (Mahendran & Vedaldi,
"Understanding deep image representations by inverting them", 2015), here as a spectrum with all frequencies equally
easy to change (Olah et al., "Feature visualization", 2017) and with their penalty on total variation. What comes back
is in the layer; what differs between starts is not. Likeness is the correlation of both thumbnails' pixels, each
colour's mean taken off. The control is the same network with random weights, other ones for every start.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pandas as pd

from lab.activations.partial_forward import forward_to
from lab.encode import jpeg
from lab.errors import LabError
from lab.experiments.base import PartialResults, Request, model_option, option
from lab.experiments.building.inversion_findings import findings
from lab.experiments.model_and_picture import ModelAndPicture, load_model_and_picture
from lab.experiments.picture import DEFAULT_PICTURE, PICTURE_HELP
from lab.experiments.result import Result
from lab.experiments.twins import untrained_twins
from lab.layers import Layer, select_layers
from lab.layers.tracing import in_eval_mode
from lab.progress import Progress, silent
from lab.settings import Compute
from lab.shortages import in_parts
from lab.stats.simultaneous import mean_of_many

if TYPE_CHECKING:
    from torch import Tensor, nn

RATE = 0.05
VARIATION = 0.3  # weight of the mean squared difference of neighbouring pixels, 0..1
SIDE = 16


@dataclass(frozen=True)
class InversionRequest(Request):
    """Which network, picture and layers; how many starts, and steps from each."""

    experiment: ClassVar[str] = "inversion"

    model: str = model_option()
    picture: str = option(DEFAULT_PICTURE, PICTURE_HELP)
    layers: str = option("stages", "stages, blocks, or names with commas between them")
    most_layers: int = option(4, "of these layers so many, from the first to the last", least=2, most=100)
    starts: int = option(3, "random starts from each layer", least=2, most=10)
    steps: int = option(45, "steps of optimisation from each start", least=5, most=5000)

    def title(self) -> str:
        """Return what is looked at."""
        return f"The picture rebuilt from layers of {self.model.split('@')[0]}"


def run(
    request: InversionRequest,
    *,
    progress: Progress = silent,
    compute: Compute = Compute(),  # noqa: B008 - frozen
    partial_results: PartialResults | None = None,
) -> Result:
    """Return the picture rebuilt from every chosen layer of the network and of its untrained twin."""
    kept = partial_results if partial_results is not None else {}
    subject = load_model_and_picture(request.model, request.picture, progress, compute)
    if subject.image.shape[-1] != subject.image.shape[-2]:
        raise LabError(f"{request.model} takes pictures that are not square; rebuilding needs a square input")
    layers = select_layers(subject.model.layers, request.layers, exclusions=subject.model.card.exclusions)
    layers = spread(layers, request.most_layers)
    rows: list[dict[str, Any]] = []
    # Of the untrained twins each start has its own, so that its starts are random in their weights too.
    twins = list(untrained_twins(subject.model, request.starts))
    networks = [(subject.model, tuple(range(request.starts)))] + [(twin, (k,)) for k, twin in enumerate(twins)]
    for number, (network, starts) in enumerate(networks):
        for index, layer in enumerate(layers):
            key = f"{network.ref}/{layer.name}"
            if key not in kept:
                stage = f"Rebuilding from {layer.name} of {network.ref} ({number * len(layers) + index + 1} of "
                stage += f"{len(networks) * len(layers)})"
                kept[key] = rebuilt(network.module, subject, layer, starts, request.steps, progress, stage)
            name = str(twins[0].ref if number else network.ref)
            rows += _rows(name, number > 0, layer, subject, starts, kept[key])
    inversions = pd.DataFrame(rows)
    summary = summarised(inversions)
    tables = {"inversions": inversions, "summary": summary, "picture": subject.picture_table()}
    return subject.result(request, tables, findings(summary, request.starts))


def spread(layers: tuple[Layer, ...], most: int) -> tuple[Layer, ...]:
    """Return at most `most` layers, evenly over all of them, the first and the last among them."""
    if len(layers) <= most:
        return layers
    return tuple(layers[index] for index in np.linspace(0, len(layers) - 1, most).round().astype(int))


def rebuilt(
    module: nn.Module,
    subject: ModelAndPicture,
    layer: Layer,
    starts: Sequence[int],
    steps: int,
    progress: Progress,
    stage: str,
) -> dict[str, np.ndarray]:
    """Return images `(starts, 3, H, W)` in 0..1 and the errors of their activations, before and after, `(starts,)`.

    `starts` are the seeds of the noise that each begins with.
    An error is the squared distance to the picture's activations over their own squared length. When memory runs out,
    fewer are searched at once.
    """

    def some(own: Sequence[int]) -> dict[str, np.ndarray]:
        return _rebuilt(module, subject, layer, own, steps, progress, stage)

    parts = in_parts(starts, some, stage)
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _rebuilt(
    module: nn.Module,
    subject: ModelAndPicture,
    layer: Layer,
    starts: Sequence[int],
    steps: int,
    progress: Progress,
    stage: str,
) -> dict[str, np.ndarray]:
    import torch

    from lab.visualization.parametrisation import Fourier

    generators = [torch.Generator().manual_seed(start) for start in starts]
    search = Fourier.begin(generators, int(subject.image.shape[-1]))
    normalise = _normalisation(subject)
    first = np.zeros(len(starts))
    with in_eval_mode(module), torch.enable_grad():
        with torch.no_grad():
            wanted = forward_to(module, layer.name, subject.image).float()
        optimizer = torch.optim.Adam([search.parameters], lr=RATE)
        for step in range(steps + 1):
            progress(stage, step, steps, "steps")
            images = search.images()
            error = _error(forward_to(module, layer.name, normalise(images)), wanted)
            if step == 0:
                first = error.detach().cpu().double().numpy()
            if step == steps:
                break
            optimizer.zero_grad()
            (error.sum() + VARIATION * _variation(images).sum()).backward()
            optimizer.step()
    return {"images": images.detach().numpy(), "before": first, "after": error.detach().cpu().double().numpy()}


def alike(one: np.ndarray, other: np.ndarray) -> float:
    """Return the correlation of two images `(3, H, W)`, each colour's mean taken off; 0 where one is plain."""
    one, other = (image - image.mean(axis=(1, 2), keepdims=True) for image in (one, other))
    size = float(np.linalg.norm(one) * np.linalg.norm(other))
    return float((one * other).sum() / size) if size > 0 else 0.0


def summarised(inversions: pd.DataFrame) -> pd.DataFrame:
    """Return one row per network and layer, with intervals over starts that hold for all layers at once."""
    rows = []
    tests = inversions["layer"].nunique()
    for where, part in inversions.groupby(["model", "twin", "layer", "depth"], sort=False):
        row = dict(zip(("model", "twin", "layer", "depth"), where, strict=True))
        for name in ("error", "likeness"):
            row |= mean_of_many(part[name].to_numpy(), tests).columns(name)
        rows.append(row)
    return pd.DataFrame(rows)


def _normalisation(subject: ModelAndPicture) -> Callable[[Tensor], Tensor]:
    import torch

    how = subject.model.preprocessing
    mean, std = (torch.tensor(values).view(1, -1, 1, 1) for values in (how.mean, how.std))
    return lambda images: (images - mean) / std


def _error(found: Tensor, wanted: Tensor) -> Tensor:
    apart = (found.float() - wanted).flatten(1).square().sum(1)
    return apart / wanted.square().sum().clamp_min(1e-12)


def _variation(images: Tensor) -> Tensor:
    down = (images[:, :, 1:] - images[:, :, :-1]).square().mean((1, 2, 3))
    across = (images[:, :, :, 1:] - images[:, :, :, :-1]).square().mean((1, 2, 3))
    return down + across


def _rows(
    name: str,
    twin: bool,
    layer: Layer,
    subject: ModelAndPicture,
    starts: Sequence[int],
    found: dict[str, np.ndarray] | Any,
) -> list[dict[str, Any]]:
    original = _thumbnail(subject.pixels.numpy() / 255)
    rows = []
    for index, (start, image) in enumerate(zip(starts, found["images"], strict=True)):
        likeness = alike(_thumbnail(image), original)
        shown = (np.clip(image, 0, 1).transpose(1, 2, 0) * 255).round().astype(np.uint8)
        rows.append(
            {
                "model": name, "twin": twin, "layer": layer.name, "depth": layer.depth, "start": start,
                "error_before": float(found["before"][index]), "error": float(found["after"][index]),
                "likeness": likeness, "thumbnail": jpeg(shown),
            }
        )  # fmt: skip
    return rows


def _thumbnail(image: np.ndarray) -> np.ndarray:
    """Return an image `(3, H, W)` averaged to `(3, 16, 16)`."""
    import torch

    small = torch.nn.functional.adaptive_avg_pool2d(torch.tensor(np.asarray(image, dtype=np.float64))[None], SIDE)
    return np.asarray(small[0].numpy())
