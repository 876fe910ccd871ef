"""Linear probes whose decisions can be explained: fitted on all images, their accuracy measured out of fold."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lab.attributions.targets import LinearProbe
from lab.embeddings import embed
from lab.images import ImageSet
from lab.layers import Layer
from lab.models import LoadedModel
from lab.probing.probes import fit_probes, make_splits
from lab.progress import Progress, silent
from lab.settings import Compute
from lab.stats.intervals import correctness, wilson

MOST_STEPS = 4000


def fit_linear_probes(
    model: LoadedModel,
    images: ImageSet,
    layers: Sequence[Layer],
    *,
    seed: int = 0,
    compute: Compute = Compute(),  # noqa: B008 - frozen
    progress: Progress = silent,
) -> dict[str, LinearProbe]:
    """Return a probe per layer on average-pooled activations of an image set.

    Its C is the middle one of those that five-fold cross-validation chose; its accuracy is from those folds.
    """
    embeddings = embed(model, images, layers, compute=compute, progress=progress)
    found = {}
    for number, layer in enumerate(layers):
        progress("Fitting probes", number, len(layers), "layers")
        found[layer.name] = fitted_probe(embeddings[layer.name], images, layer, seed=seed)
    return found


def fitted_probe(vectors: np.ndarray, images: ImageSet, layer: Layer, *, seed: int = 0) -> LinearProbe:
    """Return the probe of one layer, for the average-pooled activations `(N, C)` of an image set.

    Raises LabError when a class has too few images to be learned and tested.
    """
    from sklearn.linear_model import LogisticRegression

    labels, groups = images.labels, images.groups
    splits = make_splits(labels, groups, repeats=1, seed=seed, classes=images.classes)
    fit = fit_probes(vectors, labels[None], splits, groups, dimensions=(None,), seed=seed)[None, 0]
    accuracy = float(correctness(fit.probabilities, labels).mean())
    low, high = wilson(accuracy, len(np.unique(groups)))
    vectors = vectors.astype(np.float64)
    mean, scale = vectors.mean(axis=0), vectors.std(axis=0)
    scale[scale <= 1e-9 * np.abs(mean) + 1e-300] = np.inf  # a constant feature says nothing
    middle = float(np.sort(fit.regularisation.ravel())[fit.regularisation.size // 2])
    chosen = LogisticRegression(C=middle, max_iter=MOST_STEPS).fit((vectors - mean) / scale, labels)
    weight, bias = chosen.coef_, chosen.intercept_
    if len(weight) == 1:  # scikit-learn keeps one logit for two classes
        weight, bias = np.concatenate([-weight, weight]) / 2, np.concatenate([-bias, bias]) / 2
    means = np.stack([vectors[labels == label].mean(axis=0) for label in range(len(images.classes))])
    return LinearProbe(layer, images.classes, weight, bias, mean, scale, accuracy, low, high, means=means)
