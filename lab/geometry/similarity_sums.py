"""Debiased CKA of two layers out of sums over images, so that it is of all images however many there are.

    PairSums.of(x, y, shifts)   sums of a chunk
    one + other                 of both: in any order, of any chunks
    cka_of_pairs(sums)          the matrix that `similarity.cka_matrix` gives of all rows

With linear kernels the unbiased HSIC_1 (Song et al., JMLR 2012) of centred embeddings needs no Gram matrix: of rows
that sum to zero, the row sums of a Gram matrix without its diagonal are minus that diagonal, so products of features
and of squared lengths are enough. Nguyen, Raghu and Kornblith (ICLR 2021) average HSIC_1 over minibatches instead,
which must be drawn at random: images on disk lie class by class, and batches of one class know nothing of the classes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields

import numpy as np

from lab.errors import LabError
from lab.geometry.similarity import LEAST_IMAGES, normalised

LEAST_SPREAD = 1e-12  # of an embedding, as a part of its largest square: below, it is constant


@dataclass(frozen=True, eq=False)
class PairSums:
    """Sums over images of two embeddings less a shift, `x` `(D,)` and `y` `(E,)`, in double precision.

    `x_sum` and `y_sum`; of squared lengths `x_square`, `y_square` and of their products `squares`; of products of
    features, `(D, E)`; and of features times the other's squared length, `x_weighted` `(D,)`, `y_weighted` `(E,)`.
    """

    count: float
    x_sum: np.ndarray
    y_sum: np.ndarray
    x_square: float
    y_square: float
    squares: float
    products: np.ndarray
    x_weighted: np.ndarray
    y_weighted: np.ndarray

    @classmethod
    def of(cls, x: np.ndarray, y: np.ndarray, x_shift: np.ndarray, y_shift: np.ndarray) -> PairSums:
        """Return the sums of rows `x` `(n, D)` and `y` `(n, E)` of the same images; one shift for all of a layer."""
        x, y = x.astype(np.float64) - x_shift, y.astype(np.float64) - y_shift
        x_square, y_square = np.einsum("nd,nd->n", x, x), np.einsum("nd,nd->n", y, y)
        return cls(
            float(len(x)), x.sum(axis=0), y.sum(axis=0), float(x_square.sum()), float(y_square.sum()),
            float(x_square @ y_square), x.T @ y, y_square @ x, x_square @ y,
        )  # fmt: skip

    def __add__(self, other: PairSums) -> PairSums:
        return PairSums(*(getattr(self, field.name) + getattr(other, field.name) for field in fields(self)))

    def hsic(self) -> float:
        """Return HSIC_1 of the two embeddings, each of unit size; 0 where one is constant.

        Raises LabError for fewer than 4 images.
        """
        n = self.count
        if n < LEAST_IMAGES:
            raise LabError(f"similarity needs {LEAST_IMAGES} images or more, not {n:.0f}; use a larger set")
        x, y = self.x_sum / n, self.y_sum / n  # what the means are off the shifts
        far_x, far_y = x @ x, y @ y
        x_own, y_own = self.x_square - n * far_x, self.y_square - n * far_y  # sums of squared lengths about the means
        if min(x_own - LEAST_SPREAD * self.x_square, y_own - LEAST_SPREAD * self.y_square) <= 0:
            return 0.0
        both = (
            self.squares - 2 * (self.x_weighted @ x + self.y_weighted @ y) + far_y * self.x_square
            + far_x * self.y_square + 4 * (x @ self.products @ y) - 3 * n * far_x * far_y
        )  # fmt: skip
        aligned = ((self.products - n * np.outer(x, y)) ** 2).sum()
        found = aligned - both + x_own * y_own / ((n - 1) * (n - 2)) - 2 / (n - 2) * both
        return float(found / (n * (n - 3)) / (x_own * y_own / n**2))


def cka_of_pairs(hsic: Mapping[tuple[int, int], float], layers: int) -> np.ndarray:
    """Return the debiased CKA of every pair of layers `(L, L)` from HSIC_1 by pair `(a, b)`, a <= b, own pairs too."""
    matrix = np.zeros((layers, layers))
    for (a, b), value in hsic.items():
        matrix[a, b] = matrix[b, a] = value
    return normalised(matrix)


def pairs_in_parts(sizes: Sequence[int], most: int) -> list[list[tuple[int, int]]]:
    """Return every pair of layers, their dimensions being `sizes`, in parts whose products take `most` bytes at most
    (a pair that takes more is a part of its own)."""
    parts: list[list[tuple[int, int]]] = []
    left = 0
    for a in range(len(sizes)):
        for b in range(a, len(sizes)):
            need = 8 * sizes[a] * sizes[b]
            if not parts or need > left:
                parts.append([])
                left = most
            parts[-1].append((a, b))
            left -= need
    return parts
