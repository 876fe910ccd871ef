"""A probe as a direction in a layer's channels: the probe whose decision attributions explain, for one class."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lab.attributions.linear_probe import fitted_probe
from lab.errors import LabError, nearest
from lab.images.types import ImageSet
from lab.layers import Layer


@dataclass(frozen=True, eq=False)
class ProbeDirection:
    """`weights` `(C,)` and `bias` of the score for `name`, in the layer's own units; the probe's held-out accuracy."""

    name: str
    weights: np.ndarray
    bias: float
    accuracy: float


def probe_direction(vectors: np.ndarray, images: ImageSet, layer: Layer, name: str) -> ProbeDirection:
    """Return the direction in which a probe on averages `(N, C)` of a layer says class `name`.

    It is fitted on all images, since what is wanted is the direction; its accuracy comes from folds it has not seen.
    The score is the logit less the mean of the other classes', as in attributions. Raises LabError for an unknown
    class.
    """
    if name not in images.classes:
        raise LabError(
            f"there is no class {name!r} in {images.spec}{nearest(name, images.classes)}; "
            f"it has {', '.join(images.classes)}"
        )
    probe = fitted_probe(vectors, images, layer)
    own = images.classes.index(name)
    shares = np.full(len(images.classes), -1.0 / (len(images.classes) - 1))
    shares[own] = 1.0
    weights = shares @ probe.weight / probe.scale
    return ProbeDirection(name, weights, float(shares @ probe.bias - probe.mean @ weights), probe.accuracy)
