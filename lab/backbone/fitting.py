"""The probe that goes along: fitted on all images, judged on held-out ones."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lab.errors import LabError
from lab.probing.pca import standardise
from lab.probing.probes import fit_probes, make_splits
from lab.stats.intervals import Scores, scores


@dataclass(frozen=True)
class Fitted:
    """A linear classifier on raw embeddings: weight `(K, D)` and bias `(K,)`, float64, and what it is worth."""

    weight: np.ndarray
    bias: np.ndarray
    regularisation: float
    held_out: Scores


def fit(embedding: np.ndarray, labels: np.ndarray, groups: np.ndarray, classes: tuple[str, ...], seed: int) -> Fitted:
    """Return the probe of an embedding `(N, D)`, fitted on every image; scores are those of 5-fold cross-validation.

    C is the median of what the folds chose inside their training parts. Standardisation is folded into the weights.
    """
    from sklearn.linear_model import LogisticRegression

    splits = make_splits(labels, groups, folds=5, repeats=3, seed=seed, classes=classes)
    found = fit_probes(embedding, labels[None], splits, groups, dimensions=(None,), seed=seed)[None, 0]
    chosen = float(np.nanmedian(found.regularisation))
    known, _ = standardise(embedding, embedding[:1])
    model = LogisticRegression(C=chosen, tol=1e-8, max_iter=10_000).fit(known, labels)
    if int(model.n_iter_[0]) >= 10_000:
        raise LabError("the probe did not settle on these images; cut at another layer")
    weight, bias = model.coef_, model.intercept_
    if len(weight) == 1:  # two classes are told apart by one row: the first class is 0
        weight, bias = np.vstack([np.zeros_like(weight), weight]), np.array([0.0, bias[0]])
    mean = embedding.astype(np.float64).mean(axis=0)
    spread = embedding.astype(np.float64).std(axis=0)
    scale = np.where(np.abs(known).max(axis=0) > 0, 1 / np.where(spread > 0, spread, 1.0), 0.0)
    folded = weight * scale
    return Fitted(folded, bias - folded @ mean, chosen, scores(found.probabilities, labels, groups))
