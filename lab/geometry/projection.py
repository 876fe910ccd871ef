"""t-SNE maps of every layer's embedding that morph from layer to layer, each with figures that say how far to trust it.

A map is never evidence alone: distances and cluster sizes in it mean little, so each comes with its trustworthiness
and with the nearest-neighbour accuracy of the embedding beside that of the map.

Each layer starts from the map of the layer before. Measured on 18 layers of EfficientNet-Lite0 and 240 photographs
(mean Kullback-Leibler divergence, Procrustes disparity of neighbouring layers, seconds on one thread): cold starts
0.88, 0.63, 12.9 s; warm without exaggeration 0.92, 0.29, 4.4 s; warm with exaggeration 1.5 as used here 0.84, 0.37,
4.5 s; with 4: 0.87, 0.46. So a weak exaggeration is both the better map and still aligned.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields

import numpy as np

from lab.errors import LabError
from lab.geometry.neighbours import NEIGHBOURS, standardised, votes_right
from lab.geometry.tsne import exact_tsne
from lab.progress import Progress, silent
from lab.threads import one_blas_thread

PRINCIPAL_COMPONENTS = 50  # kept before t-SNE (van der Maaten & Hinton 2008, section 4.2)
PERPLEXITY = 30.0
COLD_SPREAD = 1e-4  # deviation of the first axis at a cold start, as scikit-learn scales its own
WARM_EXAGGERATION = 1.5
WARM_ITERATIONS = 300  # 250 of them exaggerated; a cold start takes scikit-learn's 1,000
COLD_EXAGGERATION, COLD_ITERATIONS = 12.0, 1000  # as scikit-learn's
FEWEST_IMAGES = 5
# Images up to which all pairs are quicker than a tree: 4 times at 240, 3 at 500, 2.1 at 800, 1.8 at 1,200.
EXACT_IMAGES = 1500
BLOCK = 512  # images placed at once
MOST_MAPPED = 5000  # more images are placed between those of a sample of so many
RANK_CUT = 1e-6  # share of the largest deviation below which an axis is rounding noise of float32


@dataclass(frozen=True)
class Projection:
    """The map of one layer: `points` `(N, 2)` (nan where there is none), quality figures (nan where undefined), and
    in `note` why a map is missing or is not a t-SNE ("" otherwise)."""

    layer: str
    points: np.ndarray
    trustworthiness: float
    knn_embedding: float
    knn_projection: float
    divergence: float
    note: str = ""

    @property
    def usable(self) -> bool:
        """Whether there is a map: blank ones are all nan or all 0."""
        return bool(np.isfinite(self.points).all() and self.points.any())

    def as_arrays(self) -> dict[str, np.ndarray]:
        """Return the map without its layer's name, for keeping."""
        return {f.name: np.asarray(getattr(self, f.name)) for f in fields(self) if f.name != "layer"}

    @classmethod
    def from_arrays(cls, layer: str, arrays: Mapping[str, np.ndarray]) -> Projection:
        """Return the map that `as_arrays` described."""
        figures = {name: value.item() for name, value in arrays.items() if name != "points"}
        return cls(layer=layer, points=arrays["points"], **figures)


def project_layers(
    embeddings: Mapping[str, np.ndarray],
    labels: np.ndarray,
    groups: np.ndarray | None = None,
    *,
    seed: int = 0,
    perplexity: float = PERPLEXITY,
    previous: np.ndarray | None = None,
    progress: Progress = silent,
) -> Iterator[Projection]:
    """Yield a map per layer, in the order of `embeddings`, each as soon as it is made.

    `previous` `(N, 2)` continues a chain that was interrupted (`last_points` of the maps already made).
    Images of one group do not vote for each other in the nearest-neighbour figures.
    """
    group = np.arange(len(labels)) if groups is None else np.asarray(groups)
    for done, (layer, embedding) in enumerate(embeddings.items()):
        if embedding.ndim != 2 or len(embedding) != len(labels):
            raise LabError(
                f"The embedding of layer {layer!r} has shape {embedding.shape}; "
                f"expected one row for each of the {len(labels)} images"
            )
        progress("maps", done, len(embeddings), "layers")
        made = _project(layer, embedding, np.asarray(labels), group, seed, perplexity, previous)
        previous = made.points if made.usable else previous
        yield made
    progress("maps", len(embeddings), len(embeddings), "layers")


def last_points(made: Iterable[Projection]) -> np.ndarray | None:
    """Return the points that the next layer starts from: those of the last map that is not blank."""
    usable = [projection.points for projection in made if projection.usable]
    return usable[-1] if usable else None


def align(points: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Return points turned (and mirrored if need be) and centred to lie as near the reference as they can.

    Distances are kept: orthogonal Procrustes without scaling (Schönemann 1966).
    """
    centred = points - points.mean(axis=0)
    left, _, right = np.linalg.svd(centred.T @ (reference - reference.mean(axis=0)))
    return np.asarray(centred @ (left @ right))


def _project(
    layer: str,
    embedding: np.ndarray,
    labels: np.ndarray,
    groups: np.ndarray,
    seed: int,
    perplexity: float,
    previous: np.ndarray | None,
) -> Projection:
    nothing = float("nan")
    count = len(embedding)
    if not np.isfinite(embedding).all():
        blank = np.full((count, 2), np.nan)
        return Projection(layer, blank, nothing, nothing, nothing, nothing, "values that are not finite")
    scaled = standardised(embedding)
    # Identical embeddings get one point: started from different places, they would keep the map of the layer before.
    _, first, copy_of = np.unique(embedding, axis=0, return_index=True, return_inverse=True)
    axes = _principal_axes(scaled)[first]
    if not axes.shape[1]:
        blank = np.zeros((count, 2))
        return Projection(layer, blank, nothing, nothing, nothing, nothing, "all images have the same embedding")
    divergence, note = nothing, ""
    if len(axes) < FEWEST_IMAGES:
        points, note = _first_two(axes), "too few different images for t-SNE: two principal components"
    else:
        start = None if previous is None else previous[first]
        points, divergence, note = _mapped(axes, start, seed, perplexity)
    points = points[copy_of]
    if previous is not None:
        points = align(points, previous)
    knn_embedding = votes_right(scaled, labels, groups, NEIGHBOURS)
    knn_projection = votes_right(points, labels, groups, NEIGHBOURS)
    trust = _trustworthiness(scaled, points)
    return Projection(layer, points, trust, knn_embedding, knn_projection, divergence, note)


def _mapped(axes: np.ndarray, start: np.ndarray | None, seed: int, perplexity: float) -> tuple[np.ndarray, float, str]:
    """Return the map, its divergence, and a note where only a sample was mapped and the others placed in it."""
    if len(axes) <= MOST_MAPPED:
        return *_tsne(axes, start, seed, perplexity), ""
    sample = np.sort(np.random.default_rng((seed, 0x5A3)).permutation(len(axes))[:MOST_MAPPED])
    found, divergence = _tsne(axes[sample], None if start is None else start[sample], seed, perplexity)
    points = placed(axes, axes[sample], found)
    points[sample] = found
    return points, divergence, f"t-SNE of {len(sample):,} images; the others lie between the nearest of them"


def placed(axes: np.ndarray, known: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Return where rows of `axes` `(N, D)` lie in a map `points` `(M, 2)` of `known` `(M, D)`: between the places of
    the nearest ones, each weighted by the inverse of its distance."""
    found = np.empty((len(axes), 2))
    lengths = np.vecdot(known, known)
    for begin in range(0, len(axes), BLOCK):
        rows = axes[begin : begin + BLOCK]
        squares = np.maximum(np.vecdot(rows, rows)[:, None] + lengths - 2 * (rows @ known.T), 0.0)
        nearest = np.argpartition(squares, NEIGHBOURS, axis=1)[:, :NEIGHBOURS]
        weights = 1.0 / (np.sqrt(np.take_along_axis(squares, nearest, axis=1)) + 1e-9)
        found[begin : begin + BLOCK] = np.einsum("nk,nkc->nc", weights, points[nearest]) / weights.sum(1)[:, None]
    return found


def _principal_axes(points: np.ndarray) -> np.ndarray:
    """Return the first principal components `(N, k)`, k <= 50 and none for constant input, signs fixed."""
    left, values, right = np.linalg.svd(points, full_matrices=False)
    rank = int((values > RANK_CUT * max(values[0], 1e-300)).sum()) if values.any() else 0
    kept = min(rank, PRINCIPAL_COMPONENTS)
    signs = np.sign(right[np.arange(kept), np.abs(right[:kept]).argmax(axis=1)])
    return np.asarray(left[:, :kept] * values[:kept] * signs)


def _first_two(axes: np.ndarray) -> np.ndarray:
    return np.pad(axes[:, :2], ((0, 0), (0, max(0, 2 - axes.shape[1]))))


def _tsne(axes: np.ndarray, previous: np.ndarray | None, seed: int, perplexity: float) -> tuple[np.ndarray, float]:
    """Return the map `(N, 2)` and its divergence, from finite start points."""
    start, exaggeration, iterations = previous, WARM_EXAGGERATION, WARM_ITERATIONS
    if start is None:
        start, exaggeration, iterations = _first_two(axes), COLD_EXAGGERATION, COLD_ITERATIONS
        start = start / start[:, 0].std() * COLD_SPREAD
    jitter = np.random.default_rng((seed, 0x75E)).normal(scale=0.01 * COLD_SPREAD, size=start.shape)
    start = start + jitter  # parts images that the layer before could not
    perplexity = max(1.0, min(perplexity, (len(axes) - 1) / 3))
    # One thread is repeatable on any machine, and OpenMP's spinning costs 10 times as much when cores are shared.
    with one_blas_thread():
        if len(axes) <= EXACT_IMAGES:
            return exact_tsne(axes, start, perplexity=perplexity, exaggeration=exaggeration, iterations=iterations)
        return _tree_tsne(axes, start, seed, perplexity, exaggeration, iterations)


def _tree_tsne(
    axes: np.ndarray, start: np.ndarray, seed: int, perplexity: float, exaggeration: float, iterations: int
) -> tuple[np.ndarray, float]:
    """Run scikit-learn's t-SNE."""
    from sklearn.manifold import TSNE
    from threadpoolctl import threadpool_limits

    model = TSNE(
        init=start.astype(np.float32),  # its own init="pca" crashes on constant input
        perplexity=perplexity,
        early_exaggeration=exaggeration,
        max_iter=iterations,
        random_state=seed,
        n_jobs=1,
    )
    with threadpool_limits(1), np.errstate(all="ignore"):
        points = model.fit_transform(axes.astype(np.float32))
    return points.astype(np.float64), float(model.kl_divergence_)


def _trustworthiness(embedding: np.ndarray, points: np.ndarray) -> float:
    """Return the share of map neighbours that are true ones (Venna & Kaski 2001), of at most `MOST_MAPPED` images; nan
    below 4."""
    from sklearn.manifold import trustworthiness

    if len(points) > MOST_MAPPED:
        some = np.linspace(0, len(points) - 1, MOST_MAPPED).astype(int)
        embedding, points = embedding[some], points[some]
    neighbours = min(NEIGHBOURS, (len(points) - 1) // 2)
    return float(trustworthiness(embedding, points, n_neighbors=neighbours)) if neighbours else float("nan")
