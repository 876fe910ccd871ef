"""The filters of a network's first convolution that sees red, green and blue, as weights and as pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lab.encode import png

if TYPE_CHECKING:
    from torch import nn


def first_filters(module: nn.Module) -> tuple[str, np.ndarray] | None:
    """Return the convolution's name and its weights, float64 `(filters, 3, h, w)`; None when there is none.

    A convolution of single pixels counts as none: its filters have no picture.
    """
    from torch import nn

    for name, child in module.named_modules():
        if isinstance(child, nn.Conv2d) and child.weight.shape[1] == 3 and child.weight[0, 0].numel() > 1:
            return name, child.weight.detach().cpu().double().numpy()
    return None


def filter_picture(weights: np.ndarray, side: int = 0) -> bytes:
    """Return one filter `(3, h, w)` as a PNG: gray is zero, its largest weight is full colour.

    Every weight is a square of pixels, as large as the longer side needs to be at least `side`.
    """
    scaled = 0.5 + 0.5 * weights / max(float(np.abs(weights).max()), 1e-12)
    pixels = (scaled * 255).round().astype(np.uint8).transpose(1, 2, 0)
    times = max(1, -(-side // max(pixels.shape[:2])))
    return png(np.ascontiguousarray(pixels.repeat(times, axis=0).repeat(times, axis=1)))
