"""What the ladder reads: each rung drawn once, seen once by every network, and probed at every layer.

A rung that a network has been asked is left in `partial_results`, so a run that was ended goes on from there.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, partial

import numpy as np

from lab.activations import Extractor
from lab.embeddings import embed, pixels_embedding
from lab.experiments.ladder.changes import halves, values_of
from lab.experiments.ladder.request import LadderRequest
from lab.images import ImageSet
from lab.images.arrays import ArraySource
from lab.images.synthetic import RUNGS, DrawnSet, draw_set
from lab.layers import Layer, select_layers
from lab.malloc import tune_allocator
from lab.models import ModelRef, card, load_model
from lab.partial_results import Arrays, PartialResults
from lab.probing.code_length import online_code
from lab.probing.probes import MATCHED_DIMENSION, fit_probes, make_splits
from lab.progress import Progress
from lab.settings import Compute
from lab.stats.intervals import Interval, accuracy_interval, correctness
from lab.threads import in_threads

THUMBNAIL_SIDE = 8
REPEATS = 2
CHANNEL_DRAWS = 3  # random subsets of channels that the control "matched" averages over
PIXELS = ""
CELLS = "the cells so far"  # among the partial results: rung, layer, accuracy of the first network, rung by rung
_MOVED = "moved "  # before the name of a change, in what a run keeps


@dataclass(frozen=True)
class LadderNetwork:
    """A network that climbs the ladder, or an untrained twin of one: `twin` is its seed, -1 for the network itself."""

    model: str
    twin: int
    ref: ModelRef
    digest: str
    view: str
    layers: tuple[Layer, ...]

    @property
    def depths(self) -> list[float]:
        """Relative depth of each layer."""
        return [layer.depth for layer in self.layers]


@dataclass(frozen=True)
class RungReading:
    """What one network (None: thumbnails of the pixels) knows of one rung.

    `probe` are out-of-fold probabilities `(L, R, N, 2)`, `matched` those of a few channels, the draws along the axis of
    repeats; `dims` `(L,)`. `images` are the rung's, without their pixels. Of a network, not of a twin or of pixels:
    `moved`, correctness `(L, N)` by change when trained on its other side, `mixed` the same when trained on random
    halves, `bits` and `control` the online code length of the labels and of shuffled ones, `(L, orders)`.
    """

    rung: str
    network: LadderNetwork | None
    images: ImageSet
    probe: np.ndarray
    matched: np.ndarray
    dims: np.ndarray
    moved: Mapping[str, np.ndarray] = field(default_factory=dict)
    mixed: np.ndarray | None = None
    bits: np.ndarray | None = None
    control: np.ndarray | None = None

    def accuracy(self, probabilities: np.ndarray) -> Interval:
        """Return the accuracy of out-of-fold probabilities `(R, N, 2)`; every drawing is a group of its own."""
        value = float(correctness(probabilities, self.images.labels).mean())
        return Interval(value, *accuracy_interval(value, len(self.images)))


def networks_of(request: LadderRequest, progress: Progress) -> list[LadderNetwork]:
    """Return the networks, each followed by its untrained twins; one that is untrained itself has none."""
    found = []
    for text in request.models:
        ref = ModelRef.parse(text)
        for twin in (-1, *(range(0) if ref.untrained else range(request.untrained))):
            own = ref if twin < 0 else ref.twin(twin)
            progress(f"{own}: looking at its layers", 0, 1, "models")
            known = card(own)
            layers = select_layers(known.layers, request.layers, exclusions=known.exclusions)
            found.append(LadderNetwork(str(ref), twin, own, known.weights_digest, known.view, layers))
    return found


def read_rungs(
    request: LadderRequest,
    networks: list[LadderNetwork],
    progress: Progress,
    compute: Compute,
    kept: PartialResults,
    *,
    beside: bool = True,
) -> Iterator[RungReading]:
    """Yield what every network knows of every rung, rung by rung; the pixels come first.

    `beside` is whether networks that are no twins are also read on the other side of changes, and their code lengths.
    """
    tune_allocator()
    extractor = cache(
        lambda network: Extractor(load_model(network.ref, device=compute.device), network.layers, request.pooling)
    )
    subjects = [None, *networks]
    for number, name in enumerate(request.rungs):
        progress("Climbing the ladder", number, len(request.rungs), "rungs")
        rung = RUNGS[name]
        images = draw_set(rung.family.name, request.per_class, seed=request.seed, difficulty=rung.difficulty)
        drawn = cache(partial(_drawn_once, images, f"Drawing {name}", progress))
        for network in subjects:
            view, version = network.view if network else PIXELS, 2 if beside else 1
            key = f"{view}/{images.fingerprint}/{request.layers}/{request.pooling}/{version}"
            piece = kept.get(key)
            if piece is None:
                piece = kept[key] = _read(request, network, *drawn(), extractor, progress, compute, beside)
            rest = {key: value for key, value in piece.items() if not key.startswith(_MOVED)}
            moved = {key.removeprefix(_MOVED): value for key, value in piece.items() if key not in rest}
            reading = RungReading(name, network, images, moved=moved, **rest)
            if beside and network is networks[0]:
                kept[CELLS] = _with_cells(kept.get(CELLS) or {}, reading)
            yield reading
    progress("Climbing the ladder", len(request.rungs), len(request.rungs), "rungs")


def _with_cells(before: Arrays, reading: RungReading) -> Arrays:
    """Return the cells so far with those of a rung, which a run that goes on from its parts meets again."""
    assert reading.network is not None
    layers = [layer.name for layer in reading.network.layers]
    new: dict[str, Sequence[object]] = {
        "rung": [reading.rung] * len(layers),
        "layer": layers,
        "accuracy": [reading.accuracy(one).value for one in reading.probe],
    }
    if not before:
        return {name: np.array(values) for name, values in new.items()}
    other = before["rung"] != reading.rung
    return {name: np.concatenate([before[name][other], values]) for name, values in new.items()}


def _drawn_once(images: DrawnSet, stage: str, progress: Progress) -> tuple[ImageSet, np.ndarray]:
    """Return images with their pixels in memory, and where each lies on `CHANGES`.

    Every network looks at them, and drawing takes as long as seeing.
    """
    stack, values = [], []
    for index in range(len(images)):
        progress(stage, index, len(images), "images")
        drawing = images.drawing(index)
        stack.append(drawing.pixels)
        values.append(values_of(drawing))
    return ImageSet(images.spec, images.classes, images.records, ArraySource(np.stack(stack))), np.array(values)


def _read(
    request: LadderRequest,
    network: LadderNetwork | None,
    images: ImageSet,
    values: np.ndarray,
    extractor: Callable[[LadderNetwork], Extractor],
    progress: Progress,
    compute: Compute,
    beside: bool,
) -> Arrays:
    if network is None:
        vectors = {PIXELS: pixels_embedding(images, THUMBNAIL_SIDE, progress=progress)}
    else:
        vectors = dict(
            embed(
                network.ref, images, network.layers, pooling=request.pooling, compute=compute, progress=progress,
                extractor=partial(extractor, network),
            )
        )  # fmt: skip
    splits = make_splits(images.labels, images.groups, repeats=REPEATS, seed=request.seed, classes=images.classes)
    sides, mixed = halves(values, images.labels, request.seed)
    moved = sides if beside and network is not None and network.twin < 0 else None

    def read(item: tuple[str, np.ndarray]) -> Arrays:
        probed = _probe(images, splits, request.seed, *item)
        return probed if moved is None else {**probed, **_beside(images, moved, mixed, request.seed, item[1])}

    found = list(in_threads(read, list(vectors.items())))
    return {name: np.stack([layer[name] for layer in found]) for name in found[0]}


def _probe(images: ImageSet, splits: np.ndarray, seed: int, name: str, vectors: np.ndarray) -> Arrays:
    """Return probabilities of a probe on all channels `(R, N, 2)`, and on few random ones with a block of R a draw."""
    probe, width = _fitted(images, splits, seed, vectors), vectors.shape[1]
    if width > MATCHED_DIMENSION:
        rng = np.random.default_rng((seed, zlib.crc32(name.encode()), 0x1ADD))
        subsets = [np.sort(rng.permutation(width)[:MATCHED_DIMENSION]) for _ in range(CHANNEL_DRAWS)]
        drawn = [_fitted(images, splits, seed, vectors[:, chosen]) for chosen in subsets]
    else:
        drawn = [probe] * CHANNEL_DRAWS
    return {"probe": probe, "matched": np.concatenate(drawn), "dims": np.array(width)}


def _beside(
    images: ImageSet, sides: Mapping[str, np.ndarray], mixed: np.ndarray, seed: int, vectors: np.ndarray
) -> Arrays:
    """Return what one layer reads on the other side of a change and on random halves `(N,)`, and its code length."""
    probabilities = _fitted(images, np.stack([*sides.values(), *mixed]), seed, vectors)
    right = (probabilities.argmax(axis=2) == images.labels).astype(float)
    code = online_code(vectors, images.labels, seed=seed)
    moved = {f"{_MOVED}{name}": row for name, row in zip(sides, right, strict=False)}
    return {**moved, "mixed": right[len(sides) :].mean(axis=0), "bits": code.bits, "control": code.control}


def _fitted(images: ImageSet, splits: np.ndarray, seed: int, vectors: np.ndarray) -> np.ndarray:
    """Return out-of-fold probabilities `(R, N, 2)` for test folds `(R, N)`."""
    labels = images.labels[None]
    probes = fit_probes(vectors, labels, splits, images.groups, dimensions=(None,), seed=seed, threads=1)
    return probes[None, 0].probabilities
