"""How alike the layers are over more images than memory holds: debiased CKA out of sums over their stored vectors."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from lab.embeddings.sharded import Joined
from lab.embeddings.stored import StoredVectors
from lab.geometry.similarity_sums import PairSums, cka_of_pairs, pairs_in_parts
from lab.layers import Layer
from lab.progress import Progress, silent

SUMS_BYTES = 64_000_000  # of products of pairs of layers in memory; more pairs take more readings of the vectors


def layer_similarity(stored: StoredVectors | Joined, names: Sequence[str], progress: Progress = silent) -> np.ndarray:
    """Return the debiased CKA `(L, L)` of every pair of layers, over all images."""
    parts = pairs_in_parts([stored.sizes[name] for name in names], SUMS_BYTES)
    hsic: dict[tuple[int, int], float] = {}
    for number, pairs in enumerate(parts):
        progress("Comparing layers", number, len(parts), "readings")
        hsic |= {pair: sums.hsic() for pair, sums in _pair_sums(stored, names, pairs).items()}
    return cka_of_pairs(hsic, len(names))


def similarity_table(layers: Sequence[Layer], cka: np.ndarray, images: int) -> pd.DataFrame:
    """Return a row for every pair of layers."""
    pairs = [(a, b) for a in range(len(layers)) for b in range(a + 1, len(layers))]
    rows = [
        {
            "layer_a": layers[a].name, "depth_a": layers[a].depth, "layer_b": layers[b].name,
            "depth_b": layers[b].depth, "cka": float(cka[a, b]), "images": images,
        }
        for a, b in pairs
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=["layer_a", "depth_a", "layer_b", "depth_b", "cka", "images"])


def _pair_sums(
    stored: StoredVectors | Joined, names: Sequence[str], pairs: Sequence[tuple[int, int]]
) -> dict[tuple[int, int], PairSums]:
    found: dict[tuple[int, int], PairSums] = {}
    shifts: dict[str, np.ndarray] = {}
    for vectors in stored.joint_chunks([names[k] for k in sorted({k for pair in pairs for k in pair})]):
        shifts = shifts or {name: rows.mean(axis=0, dtype=np.float64) for name, rows in vectors.items()}
        for a, b in pairs:
            one, other = names[a], names[b]
            own = PairSums.of(vectors[one], vectors[other], shifts[one], shifts[other])
            found[a, b] = found[a, b] + own if (a, b) in found else own
    return found
