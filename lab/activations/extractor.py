"""Batches of pixels in, pooled vectors of every chosen layer out: one forward pass."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from lab.activations.folding import faster_copy
from lab.activations.onnx_layers import OnnxLayers
from lab.activations.partial_forward import end_after
from lab.activations.pooling import check_pooling, pool
from lab.activations.recording import record
from lab.errors import LabError
from lab.layers import Layer
from lab.models import LoadedModel
from lab.models.preprocess import normalised
from lab.models.reference import RUNTIMES
from lab.settings import USUAL_BATCH
from lab.shortages import in_smaller_batches, is_memory_short

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

GAIN = 1.1  # a larger batch must be so much quicker


class Extractor:
    """Pooled activations of some layers of a model, batch by batch. Use from one thread at a time."""

    def __init__(self, model: LoadedModel, layers: Sequence[Layer], pooling: str = "avg") -> None:
        check_pooling(pooling, layers)
        self.model, self.layers, self.pooling = model, tuple(layers), pooling
        self.most = sys.maxsize  # images at once, as memory showed
        # A network of the user's own is run as it is, so that his own hooks see the same numbers
        faster = model.device == "cpu" and not model.ref.own_code and not model.ref.precision
        how = model.preprocessing
        self.module = faster_copy(model.module, layers, how.input_size) if faster else model.module
        runtime = model.ref.precision if model.ref.precision in RUNTIMES else None
        self.onnx = OnnxLayers(model.module, layers, self._pooled, how.input_size, runtime) if runtime else None

    def __call__(self, pixels: Tensor) -> dict[str, np.ndarray]:
        """Return float32 vectors `(N, D)` by layer name, for uint8 pixels `(N, 3, H, W)` as `pixels_for` makes them.

        When memory runs out, this batch and those that follow are passed through in smaller parts, and the log says so.
        Raises MemoryShort when a single image is too large, and LabError naming the first layer whose vectors hold NaN
        or infinity.
        """

        def passed(rows: int) -> list[dict[str, np.ndarray]]:
            if rows < len(pixels):
                self.most = rows
            return [self._passed(part) for part in pixels.split(rows)]

        parts = in_smaller_batches(min(self.most, len(pixels)), passed, str(self.model.ref))
        return {layer.name: np.concatenate([part[layer.name] for part in parts]) for layer in self.layers}

    def batch_for(self, asked: int) -> int:
        """Return `asked`; where that is 0, 16 on a CPU and elsewhere what is quickest.

        It is doubled from 16 while that gains a tenth. A size that memory has no room for ends the search.
        """
        import torch

        best, rate = USUAL_BATCH, 0.0
        if asked or self.model.device == "cpu":
            return asked or best
        for size in (USUAL_BATCH << power for power in range(6)):
            images = torch.zeros((size, *self.model.preprocessing.input_size))
            try:
                self.read(self.module, images)  # once to find its kernels; what is put out comes back, so it is done
                began = time.perf_counter()
                self.read(self.module, images)
            except Exception as error:
                if is_memory_short(error):
                    break
                raise
            now = size / (time.perf_counter() - began)
            if now < GAIN * rate:
                break
            best, rate = size, now
        return best

    def _passed(self, pixels: Tensor) -> dict[str, np.ndarray]:
        import torch

        batch = normalised(pixels.to(self.model.device), self.model.preprocessing)
        form = torch.contiguous_format if self.model.ref.own_code else torch.channels_last
        taken = self.onnx(batch) if self.onnx else self.read(self.module, batch.contiguous(memory_format=form))
        return {layer.name: self._checked(layer, taken[layer.name]) for layer in self.layers}

    def read(self, module: nn.Module, batch: Tensor) -> dict[str, Tensor]:
        """Return the pooled vectors of `module`, the model's own or its copy, for normalised images `(N, 3, H, W)`.

        The pass ends with the last of the layers.
        """
        import torch

        with torch.inference_mode(), record(module, self.layers, self._pooled) as taken:
            end_after(module, [layer.name for layer in self.layers], batch)
        return taken

    def _pooled(self, activation: Tensor, layer: Layer) -> Tensor:
        return pool(activation, layer, self.pooling)

    def _checked(self, layer: Layer, vectors: torch.Tensor) -> np.ndarray:
        vectors = vectors.cpu()
        if not bool(vectors.isfinite().all()):
            raise LabError(
                f"{self.model.ref}: layer {layer.name} puts out NaN or infinite numbers; its weights do not suit this "
                "input, use another model or leave the layer out"
            )
        return vectors.numpy()
