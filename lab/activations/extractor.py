"""Batches of pixels in, pooled vectors of every chosen layer out: one forward pass."""

from __future__ import annotations

import logging
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
from lab.shortages import MemoryShort, is_memory_short

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn


class Extractor:
    """Pooled activations of some layers of a model, batch by batch. Use from one thread at a time."""

    def __init__(self, model: LoadedModel, layers: Sequence[Layer], pooling: str = "avg") -> None:
        check_pooling(pooling, layers)
        self.model, self.layers, self.pooling = model, tuple(layers), pooling
        self.halved = False
        # A network of the user's own is run as it is, so that his own hooks see the same numbers
        faster = model.device == "cpu" and not model.ref.own_code
        how = model.preprocessing
        self.module = faster_copy(model.module, layers, how.input_size) if faster else model.module

    def __call__(self, pixels: Tensor) -> dict[str, np.ndarray]:
        """Return float32 vectors `(N, D)` by layer name, for uint8 pixels `(N, 3, H, W)` as `pixels_for` makes them.

        When memory runs out, this batch and those that follow are passed through in halves, and the log says so.
        Raises MemoryShort when halves are too large as well, and LabError naming the first layer whose vectors hold
        NaN or infinity.
        """
        if not self.halved:
            try:
                return self._passed(pixels)
            except Exception as error:
                if not is_memory_short(error) or len(pixels) < 2:
                    raise
            # Out of the handler, so that what the failed pass held is free again.
            self.halved = True
            logging.getLogger(__name__).warning(
                "%s: memory ran out; batches of %d images go on in halves", self.model.ref, len(pixels)
            )
        return self._in_halves(pixels)

    def _in_halves(self, pixels: Tensor) -> dict[str, np.ndarray]:
        half = -(-len(pixels) // 2)
        try:
            parts = [self._passed(part) for part in (pixels[:half], pixels[half:]) if len(part)]
        except Exception as error:
            if not is_memory_short(error):
                raise
            raise MemoryShort(
                f"{self.model.ref}: a forward pass of {half} images needs more memory than there is; ask with a "
                f"smaller --batch-size than {half}, close other programs, or use a smaller network"
            ) from error
        return {layer.name: np.concatenate([part[layer.name] for part in parts]) for layer in self.layers}

    def _passed(self, pixels: Tensor) -> dict[str, np.ndarray]:
        import torch

        batch = normalised(pixels.to(self.model.device), self.model.preprocessing)
        form = torch.contiguous_format if self.model.ref.own_code else torch.channels_last
        taken = self.read(self.module, batch.contiguous(memory_format=form))
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
