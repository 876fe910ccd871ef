"""Batches of pixels in, pooled vectors of every chosen layer out: one forward pass."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from lab.activations.folding import faster_copy
from lab.activations.pooling import check_pooling, pool
from lab.activations.recording import record
from lab.errors import LabError
from lab.layers import Layer
from lab.models import LoadedModel
from lab.models.preprocess import normalised

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn


class Extractor:
    """Pooled activations of some layers of a model, batch by batch. Use from one thread at a time."""

    def __init__(self, model: LoadedModel, layers: Sequence[Layer], pooling: str = "avg") -> None:
        check_pooling(pooling, layers)
        self.model, self.layers, self.pooling = model, tuple(layers), pooling
        how = model.preprocessing
        on_cpu = model.device == "cpu"
        self.module = faster_copy(model.module, layers, (3, how.height, how.width)) if on_cpu else model.module

    def __call__(self, pixels: Tensor) -> dict[str, np.ndarray]:
        """Return float32 vectors `(N, D)` by layer name, for uint8 pixels `(N, 3, H, W)` as `pixels_for` makes them.

        Raises LabError naming the first layer whose vectors hold NaN or infinity.
        """
        import torch

        batch = normalised(pixels.to(self.model.device), self.model.preprocessing)
        taken = self.read(self.module, batch.contiguous(memory_format=torch.channels_last))
        return {layer.name: self._checked(layer, taken[layer.name]) for layer in self.layers}

    def read(self, module: nn.Module, batch: Tensor) -> dict[str, Tensor]:
        """Return the pooled vectors of `module`, the model's own or its copy, for normalised images `(N, 3, H, W)`."""
        import torch

        with (
            torch.inference_mode(),
            torch.backends.cudnn.flags(enabled=True, allow_tf32=False),
            record(module, self.layers, self._pooled) as taken,
        ):
            module(batch)
        return taken

    def _pooled(self, activation: Tensor, layer: Layer) -> Tensor:
        return pool(activation, layer, self.pooling)

    def _checked(self, layer: Layer, vectors: torch.Tensor) -> np.ndarray:
        if not bool(vectors.isfinite().all()):
            raise LabError(
                f"{self.model.ref}: layer {layer.name} puts out NaN or infinite numbers; its weights do not suit this "
                "input, use another model or leave the layer out"
            )
        return vectors.cpu().numpy()
