"""One vector per image and layer, computed once: `embed` streams images through a network and keeps what it finds
on disk.

Kept by content: the weights' digest, the preprocessing, the pooling and the versions below name a place, and within
it each image's digest names its vectors. So other layers, subsets, orders or splits reuse what is there, and
nothing heavy is imported when all of it is. How vectors lie on disk is the business of `vectorstore`.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from lab.activations.extractor import Extractor
from lab.activations.pooling import check_pooling, dimension
from lab.embeddings.streaming import pixel_batches, shrunken
from lab.embeddings.vectorstore import VectorStore
from lab.errors import check_type
from lab.images.types import ImageSet
from lab.layers import Layer
from lab.malloc import tune_allocator
from lab.models import LoadedModel, ModelCard, ModelRef, card, load_model
from lab.models.preprocess import PREPROCESSING_VERSION
from lab.progress import Progress, silent
from lab.settings import Compute, cache_dir
from lab.shortages import need_disk, need_memory

# Raise when the same weights, pixels and pooling give other vectors.
EMBEDDINGS_VERSION = 1
PIXELS = "pixels"
# Vectors are written this often at first, then ever more rarely, so that long work leaves few files.
FLUSH_SECONDS = 3.0
FLUSH_SHARE = 0.05

Batches = Iterator[tuple[list[int], dict[str, np.ndarray]]]


@dataclass(frozen=True, eq=False)
class Embeddings(Mapping[str, np.ndarray]):
    """Vectors by layer name, float32 `(N, D)`; `computed` is how many images had to be passed through the network."""

    vectors: dict[str, np.ndarray]
    computed: int
    seconds: float = 0.0

    def __getitem__(self, name: str) -> np.ndarray:
        return self.vectors[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.vectors)

    def __len__(self) -> int:
        return len(self.vectors)


def embed(
    model: str | ModelRef | LoadedModel,
    image_set: ImageSet,
    layers: Sequence[Layer],
    *,
    pooling: str = "avg",
    compute: Compute = Compute(),  # noqa: B008 - frozen
    progress: Progress = silent,
    extractor: Callable[[], Extractor] | None = None,
) -> Embeddings:
    """Return the pooled vectors of `layers` for every image, from the cache as far as they are in it.

    Who embeds many sets with one network gives what makes its `extractor` for these layers, so that it is made once.
    Raises LabError for a pooling the layers cannot have, an image that cannot be decoded any more, and NaN in a
    layer.
    """
    check_type("compute", compute, Compute, 'lab.Compute(device="cuda") or the like')
    check_pooling(pooling, layers)
    known = model.card if isinstance(model, LoadedModel) else card(model)
    store = VectorStore(place_of(known, pooling))
    sizes = {layer.name: dimension(layer, pooling) for layer in layers}

    def batches(missing: list[int], names: list[str]) -> Batches:
        chosen = [layer for layer in layers if layer.name in names]
        progress(f"{known.ref.short}: loading it", 0, 1, "networks")
        if extractor is not None:
            return extracted(extractor(), image_set, missing, compute)
        return forward_batches(model, image_set, chosen, missing, pooling, compute)

    stage = f"{known.ref.short}: passing images"
    return _completed(store, image_set, sizes, batches, lambda done, total: progress(stage, done, total, "images"))


def pixels_embedding(image_set: ImageSet, side: int = 32, *, progress: Progress = silent) -> np.ndarray:
    """Return each image as `side`×`side` RGB pixels in 0..1, float32 `(N, 3·side·side)`, channel by channel.

    The whole image is shrunk (not cropped), so no network's preprocessing is in it. Cached as embeddings are.
    """
    store = VectorStore(f"pixels-{side}-{EMBEDDINGS_VERSION}")

    def batches(missing: list[int], names: list[str]) -> Batches:
        for index, vector in shrunken(image_set, missing, side):
            yield [index], {PIXELS: vector[None]}

    sizes = {PIXELS: 3 * side * side}
    found = _completed(
        store, image_set, sizes, batches, lambda done, total: progress("Reading pixels", done, total, "images")
    )
    return found[PIXELS]


def _completed(
    store: VectorStore,
    image_set: ImageSet,
    sizes: Mapping[str, int],
    batches: Callable[[list[int], list[str]], Batches],
    progress: Callable[[int, int], None],
) -> Embeddings:
    """Return every image's vectors, computing and keeping those that are missing."""
    began = time.monotonic()
    digests = image_set.digests
    _foresee(len(digests) * sum(sizes.values()) * np.dtype(np.float32).itemsize)
    vectors = {name: np.empty((len(digests), size), np.float32) for name, size in sizes.items()}
    have = {name: store.fill(name, digests, array) for name, array in vectors.items()}
    missing_names = [name for name, there in have.items() if not there.all()]
    missing = _first_of_each(digests, ~np.all(list(have.values()), axis=0)) if have else []
    if missing:
        done = 0
        with store.writer(FLUSH_SECONDS, FLUSH_SHARE) as keep:
            for indices, found in batches(missing, missing_names):
                keep([digests[index] for index in indices], found)
                for name, rows in found.items():
                    vectors[name][indices] = rows
                done += len(indices)
                progress(done, len(missing))
        _copy_to_duplicates(digests, missing, missing_names, vectors)
    return Embeddings(vectors, len(missing), time.monotonic() - began)


def _foresee(size: int) -> None:
    """Raise LabError when vectors of `size` bytes would not fit into memory or on the disk."""
    way_out = "use fewer images (--per-class), fewer layers, or the pooling avg"
    need_memory(size, "what is kept of the images", way_out)
    need_disk(size, cache_dir("embeddings"), "what is kept of the images")


def forward_batches(
    model: str | ModelRef | LoadedModel,
    image_set: ImageSet,
    layers: Sequence[Layer],
    missing: Sequence[int],
    pooling: str,
    compute: Compute,
) -> Batches:
    """Yield positions and their vectors by layer, for those images that are `missing`."""
    tune_allocator()
    loaded = model if isinstance(model, LoadedModel) else load_model(model, device=compute.device)
    yield from extracted(Extractor(loaded, layers, pooling), image_set, missing, compute)


def extracted(extract: Extractor, image_set: ImageSet, missing: Sequence[int], compute: Compute) -> Batches:
    """Yield positions and their vectors by layer, for those images that are `missing`."""
    batch = extract.batch_for(compute.batch_size)
    for indices, pixels in pixel_batches(image_set, missing, extract.model.preprocessing, batch):
        found = extract(pixels)
        yield indices, {name: rows[: len(indices)] for name, rows in found.items()}


def place_of(known: ModelCard, pooling: str) -> str:
    """Return the name of the place where a network's vectors lie."""
    key = json.dumps([known.view, pooling, EMBEDDINGS_VERSION, PREPROCESSING_VERSION])
    return hashlib.sha256(key.encode()).hexdigest()[:32]


def _first_of_each(digests: Sequence[str], wanted: np.ndarray) -> list[int]:
    """Return the positions that are wanted, one for each content."""
    first: dict[str, int] = {}
    for index in np.flatnonzero(wanted).tolist():
        first.setdefault(digests[index], index)
    return sorted(first.values())


def _copy_to_duplicates(
    digests: Sequence[str], computed: Sequence[int], names: Sequence[str], vectors: Mapping[str, np.ndarray]
) -> None:
    source = {digests[index]: index for index in computed}
    copies = [index for index, digest in enumerate(digests) if digest in source and source[digest] != index]
    for name in names if copies else ():
        vectors[name][copies] = vectors[name][[source[digests[index]] for index in copies]]
