"""The axes in which probes see an embedding: standardised, then principal, both learned from the training part."""

from __future__ import annotations

import numpy as np

RANK_CUT = 1e-12  # share of the largest eigenvalue below which a direction is rounding noise
RANK_CUT_SINGLE = 1e-6  # the same in single precision
ALL_AXES = 512  # dimensions up to which all axes are found from the Gram matrix,
FEW_AXES = 256  # and those up to which that costs nothing worth sparing
AXES_WORTH = 35  # times images and logits: beyond the square of the dimensions they spare more time than they take
LARGEST = 64  # axes of wider embeddings: with 128 descents are as long, and these cost more
ROWS = 512  # converted at once


def standardise(train: np.ndarray, test: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Scale both parts by the training part's mean and deviation; features constant in training become 0."""
    train, test = train.astype(np.float64), test.astype(np.float64)
    mean = train.mean(axis=0)
    train -= mean
    test -= mean
    scale = _scale(np.einsum("nd,nd->d", train, train) / len(train), mean, len(train))
    train *= scale
    test *= scale
    return train, test


def standardise_single(embedding: np.ndarray, train: np.ndarray, test: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return `standardise` of two parts, positions in an embedding, as float32, without copies in double precision."""
    mean = embedding[train].mean(axis=0, dtype=np.float64)
    variance = np.zeros_like(mean)
    for begin in range(0, len(train), ROWS):
        away = embedding[train[begin : begin + ROWS]] - mean
        variance += np.einsum("nd,nd->d", away, away)
    scale = _scale(variance / len(train), mean, len(train))
    known, unseen = (np.empty((len(part), embedding.shape[1]), np.float32) for part in (train, test))
    for rows, part in ((train, known), (test, unseen)):
        for begin in range(0, len(rows), ROWS):
            part[begin : begin + ROWS] = (embedding[rows[begin : begin + ROWS]] - mean) * scale
    return known, unseen


def _scale(variance: np.ndarray, mean: np.ndarray, count: int) -> np.ndarray:
    epsilon = count * np.finfo(np.float64).eps  # as scikit-learn: variance within rounding of 0
    constant = variance <= epsilon * variance + (epsilon * mean) ** 2
    return np.where(constant, 0.0, 1.0 / np.sqrt(np.where(constant, 1.0, variance)))


def largest_axes(features: np.ndarray, logits: int) -> tuple[np.ndarray, np.ndarray, float]:
    """Return the largest principal axes of float32 features `(n, p)`, `(p, r)`, the sums of squares along them `(r,)`,
    and that along any direction across them, on average.

    All of up to 256 dimensions, or of 512 where many images or `logits` are fitted; else 64, out of random products
    (Halko, Martinsson & Tropp, SIAM Review 2011, 53:217), near enough to precondition. The random numbers are always
    the same.
    """
    count, size = features.shape
    if size <= FEW_AXES or (size <= ALL_AXES and size**2 < AXES_WORTH * count * logits):
        values, vectors = np.linalg.eigh((features.T @ features).astype(np.float64))
        return vectors.astype(np.float32), np.maximum(values, 0.0), 0.0
    drawn = np.random.default_rng(0).standard_normal((size, LARGEST), dtype=np.float32)
    basis = np.linalg.qr(features @ drawn)[0]
    basis = np.linalg.qr(features @ (features.T @ basis))[0]
    inside = basis.T @ features
    values, vectors = np.linalg.eigh((inside @ inside.T).astype(np.float64))
    kept = values > RANK_CUT_SINGLE * max(values[-1], 1e-30)
    axes = inside.T @ (vectors[:, kept] / np.sqrt(values[kept])).astype(np.float32)
    left = float(np.einsum("np,np->", features, features, dtype=np.float64)) - values.sum()
    return axes, values[kept], max(left, 0.0) / max(min(count, size) - len(values), 1)


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
