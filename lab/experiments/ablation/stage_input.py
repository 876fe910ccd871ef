"""A stage of a network that is fed by hand: what it gets in the intact network, and what comes out for other input."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from lab.activations import pool, record
from lab.embeddings.streaming import pixel_batches
from lab.errors import LabError
from lab.experiments.ablation.adapters import CELL, Cells
from lab.experiments.ablation.probe_data import ProbeData, curve_layers
from lab.interventions import Part, anatomy
from lab.layers import Layer
from lab.models import LoadedModel
from lab.models.preprocess import normalised
from lab.progress import Progress
from lab.shortages import in_parts

if TYPE_CHECKING:
    from torch import Tensor

MOST_BYTES = 1_500_000_000  # of the real features at the stage's input, all images together


@dataclass(frozen=True, eq=False)
class StageInputs:
    """A stage and what it gets from the intact network: features `(N, L, C)`, the tokens before them `(P, C)` on
    average, and the vectors that come out at the end, `(N, D)`."""

    model: LoadedModel
    part: Part
    last: Layer
    features: np.ndarray
    prefix: np.ndarray
    intact: np.ndarray

    def after(self, features: np.ndarray, progress: Progress) -> np.ndarray:
        """Return the vectors of the network's end when the stage gets `features` `(N, L, C)`."""
        return _passed_through(self, features, progress)


def record_stage(model: LoadedModel, material: ProbeData, part: Part, progress: Progress) -> tuple[StageInputs, Cells]:
    """Run the intact network once over all images: the stage's input, the end, and the pixels of each position."""
    import torch

    count = len(material.images)
    if 4 * count * math.prod(part.entering) > MOST_BYTES:
        raise LabError(f"the features at {part.name} of {count} images take too much memory; ask for fewer images")
    last = curve_layers(model)[-1]
    entering: list[np.ndarray] = []
    ends: list[np.ndarray] = []
    cells: list[np.ndarray] = []
    grid = _grid(part)

    seen: list[np.ndarray] = []

    def keep(_module: object, inputs: tuple[Tensor, ...]) -> None:
        seen[:] = [inputs[0].cpu().numpy().copy()]

    def passed(images: Tensor) -> tuple[np.ndarray, np.ndarray]:
        model.module(images)
        return seen[0], taken[last.name].cpu().numpy()

    handle = model.module.get_submodule(part.name).register_forward_pre_hook(keep)
    try:
        with torch.inference_mode(), record(model.module, [last], lambda a, layer: pool(a, layer, "avg")) as taken:
            for indices, pixels in pixel_batches(material.images, range(count), model.preprocessing, 16):
                parts = in_parts(normalised(pixels, model.preprocessing), passed, str(model.ref))
                for kept, each in zip((entering, ends), zip(*parts, strict=True), strict=True):
                    kept.append(np.concatenate(each)[: len(indices)])
                cells.append(_cells(pixels[: len(indices)], grid))
                progress("Passing images through the intact network", indices[-1] + 1, count, "images")
    finally:
        handle.remove()
    features, prefix = _places(np.concatenate(entering), part)
    fed = StageInputs(model, part, last, features, prefix, np.concatenate(ends))
    return fed, Cells(np.concatenate(cells))


def _grid(part: Part) -> tuple[int, int]:
    """Return rows and columns of positions at the stage's input."""
    if part.layout == "NCHW":
        return part.entering[1], part.entering[2]
    if part.layout == "NHWC":
        return part.entering[0], part.entering[1]
    side = math.isqrt(part.entering[0] - part.prefix_tokens)
    if part.layout != "NLC" or side * side != part.entering[0] - part.prefix_tokens:
        raise LabError(f"the positions of {part.name} are not known, so no adapter can be made; choose another stage")
    return side, side


def _cells(pixels: Tensor, grid: tuple[int, int]) -> np.ndarray:
    """Return the pixels of every position's part of the image, `(N, L, 3·CELL²)` in 0..1, channel by channel."""
    from torch.nn.functional import interpolate

    rows, columns = grid
    small = interpolate(pixels.float() / 255, (rows * CELL, columns * CELL), mode="bilinear", antialias=True)
    cut = small.unflatten(3, (columns, CELL)).unflatten(2, (rows, CELL))  # (N, 3, rows, CELL, columns, CELL)
    return cut.permute(0, 2, 4, 1, 3, 5).flatten(3).flatten(1, 2).numpy()


def _places(values: np.ndarray, part: Part) -> tuple[np.ndarray, np.ndarray]:
    """Return an activation as `(N, L, C)` and the average of the tokens that stand for no place, `(P, C)`."""
    if part.layout == "NCHW":
        return values.reshape(*values.shape[:2], -1).transpose(0, 2, 1), np.empty((0, values.shape[1]))
    flat = values.reshape(len(values), -1, values.shape[-1])
    return flat[:, part.prefix_tokens :], flat[:, : part.prefix_tokens].mean(axis=0)


def _as_input(fed: StageInputs, features: np.ndarray) -> Tensor:
    """Return `(N, L, C)` in the layout of the stage's input, the average prefix tokens before it."""
    import torch

    part = fed.part
    if part.layout == "NCHW":
        values = features.transpose(0, 2, 1)
    else:
        prefix = np.broadcast_to(fed.prefix, (len(features), *fed.prefix.shape))
        values = np.concatenate([prefix, features], axis=1)
    return torch.from_numpy(np.ascontiguousarray(values, dtype=np.float32)).reshape(len(features), *part.entering)


def _passed_through(fed: StageInputs, features: np.ndarray, progress: Progress, batch: int = 32) -> np.ndarray:
    import torch

    from lab.interventions.swapping import ReplacedInput as FedModule
    from lab.interventions.swapping import ZeroOutput, replaced

    model, name = fed.model, fed.part.name
    front = [part for part in anatomy(model).trunk if part.depth < fed.part.depth]
    stage = FedModule(model.module.get_submodule(name))
    how = model.preprocessing
    found: list[np.ndarray] = []

    def passed(some: np.ndarray) -> np.ndarray:
        stage.source = _as_input(fed, some)
        model.module(torch.zeros((len(some), 3, how.height, how.width)))
        return taken[fed.last.name].cpu().numpy()

    with (
        torch.inference_mode(),
        replaced(model.module, {**{part.name: ZeroOutput(part) for part in front}, name: stage}),
        record(model.module, [fed.last], lambda a, layer: pool(a, layer, "avg")) as taken,
    ):
        for start in range(0, len(features), batch):
            found += in_parts(features[start : start + batch], passed, str(model.ref))
            progress("", min(start + batch, len(features)), len(features), "images")
    return np.concatenate(found)
