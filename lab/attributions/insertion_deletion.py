"""Do the places that a map points at matter? They are taken from the picture first, or put back first.

Petsiuk, Das and Saenko, "RISE" (2018). Deletion: the most important places are blurred away step by step, and the
class's probability should fall fast. Insertion: they come back into a blurred picture, and it should rise fast. The
area under a curve is the mean probability along it; insertion less deletion is the map's gain. Both depend on the
picture, so they only mean something beside the same curves of other orders: random ones, edges first, middle first.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from lab.attributions.sanity_checks import resized

if TYPE_CHECKING:
    from torch import Tensor

STEPS = 10
RANDOM_GRID = 14  # random orders are of squares, as coarse as maps are
BLUR = 0.06  # standard deviation as a share of the picture's side

Predict = Callable[["Tensor"], "Tensor"]


@dataclass(frozen=True)
class ImportanceCurve:
    """Probability after each tenth of the picture, from none of it on: `(STEPS + 1,)` each."""

    deletion: np.ndarray
    insertion: np.ndarray

    @property
    def gain(self) -> float:
        """Area under insertion less area under deletion, -1 to 1."""
        return area(self.insertion) - area(self.deletion)


def area(curve: np.ndarray) -> float:
    """Return the area under a curve over 0 to 1 (trapezoids)."""
    return float((curve[1:] + curve[:-1]).mean() / 2)


def curve_of(
    predict: Predict, image: Tensor, blank: Tensor, values: np.ndarray, ends: tuple[float, float]
) -> ImportanceCurve:
    """Return the curves of a map: `predict` gives probabilities `(N,)` of images; `ends` are blank's and image's.

    `values` `(h, w)` says which places come first (by value: a signed map's negative places come last); places are
    pixels of `image` `(1, 3, H, W)`.
    """
    import torch

    height, width = image.shape[-2:]
    ranks = _ranks(resized(values, height, width))
    shown = torch.from_numpy(np.stack([ranks < share for share in np.arange(1, STEPS) / STEPS]))[:, None]
    with_them = torch.where(shown, image, blank)
    without = torch.where(shown, blank, image)
    found = predict(torch.cat([with_them, without])).double().cpu().numpy()
    insertion, deletion = found[: STEPS - 1], found[STEPS - 1 :]
    return ImportanceCurve(np.array([ends[1], *deletion, ends[0]]), np.array([ends[0], *insertion, ends[1]]))


def random_order(seed: int) -> np.ndarray:
    """Return a random map of squares."""
    return np.random.default_rng((seed, 0xDE1E7E)).random((RANDOM_GRID, RANDOM_GRID))


def blurred(image: Tensor) -> Tensor:
    """Return images `(N, 3, H, W)` blurred until little is left to recognise."""
    from torchvision.transforms.v2.functional import gaussian_blur

    sigma = BLUR * image.shape[-1]
    side = 2 * int(2 * sigma) + 1
    return gaussian_blur(image, [min(side, 2 * (image.shape[-1] // 2) - 1)] * 2, [sigma] * 2)


def _ranks(values: np.ndarray) -> np.ndarray:
    """Return each pixel's place in the order as a share, 0 for the first; ties keep the order of a fixed shuffle.

    Ties are common (Grad-CAM is zero over whole areas): in reading order they would sweep the picture from the top.
    """
    shuffled = np.random.default_rng(0).permutation(values.size)
    order = shuffled[np.argsort(-values.ravel()[shuffled], kind="stable")]
    ranks = np.empty(values.size)
    ranks[order] = np.arange(values.size) / values.size
    return ranks.reshape(values.shape)
