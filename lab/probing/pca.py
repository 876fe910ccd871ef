"""The axes in which probes see an embedding: standardised, then principal, both learned from the training part."""

from __future__ import annotations

import numpy as np

RANK_CUT = 1e-12  # share of the largest eigenvalue below which a direction is rounding noise


def standardise(train: np.ndarray, test: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Scale both parts by the training part's mean and deviation; features constant in training become 0."""
    train, test = train.astype(np.float64), test.astype(np.float64)
    mean = train.mean(axis=0)
    train -= mean
    test -= mean
    variance = np.einsum("nd,nd->d", train, train) / len(train)
    epsilon = len(train) * np.finfo(np.float64).eps  # as scikit-learn: variance within rounding of 0
    constant = variance <= epsilon * variance + (epsilon * mean) ** 2
    scale = np.where(constant, 0.0, 1.0 / np.sqrt(np.where(constant, 1.0, variance)))
    train *= scale
    test *= scale
    return train, test


def principal_axes(train: np.ndarray, test: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rotate both parts to the training part's principal axes, largest first: a ridge penalty does not notice.

    With more features than images the smaller Gram matrix of the images gives the same axes.
    """
    count, features = train.shape
    dual = features > count
    values, vectors = np.linalg.eigh(train @ train.T if dual else train.T @ train)
    keep = np.flatnonzero(values > RANK_CUT * max(values[-1], 1e-300))[::-1]
    values, vectors = values[keep], vectors[:, keep]
    if dual:
        root = np.sqrt(values)
        return vectors * root, (test @ train.T) @ (vectors / root)
    return train @ vectors, test @ vectors
