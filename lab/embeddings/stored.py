"""Vectors of more images than memory holds: computed once, left on disk, read chunk by chunk.

They are those of `embed`, in the same place: whoever has one finds the other's. Memory is that of a chunk, of what
names the images, and of a list of their places.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from lab.activations.pooling import check_pooling, dimension
from lab.embeddings.cached import FLUSH_SECONDS, FLUSH_SHARE, forward_batches, place_of
from lab.embeddings.vectorstore import VectorStore
from lab.errors import LabError
from lab.images.types import ImageSet
from lab.layers import Layer
from lab.models import LoadedModel
from lab.progress import Progress, silent
from lab.settings import Compute, cache_dir
from lab.shortages import need_disk

APART_AT_ONCE = 4096  # images whose layers lie in different shards: all shards are read for so many


@dataclass(frozen=True, eq=False)
class StoredVectors:
    """The vectors of some layers for every image of a set; `computed` of them were passed through the network now."""

    store: VectorStore
    digests: Sequence[str]
    sizes: dict[str, int]
    computed: int

    def chunks(self, name: str) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yield positions `(n,)` and their vectors of a layer, float32 `(n, D)`: every image once, in any order."""
        places = _places(self.digests)
        for digests, vectors in self.store.chunks(name, self.sizes[name]):
            found = [(place, row) for row, digest in enumerate(digests) for place in places.pop(digest, ())]
            if found:
                positions, rows = np.array(found).T
                yield positions, vectors[rows]
        if places:
            raise self._gone(len(places), name)

    def joint_chunks(self, names: Sequence[str]) -> Iterator[dict[str, np.ndarray]]:
        """Yield the vectors of several layers of the same images, float32 `(n, D)` by layer: every image once.

        Layers that were computed in one pass lie side by side; others are looked for, some thousand images at a time.
        """
        sizes, places = {name: self.sizes[name] for name in names}, _places(self.digests)
        for digests, vectors in self.store.joint_chunks(sizes):
            rows = [row for row, digest in enumerate(digests) for _ in places.pop(digest, ())]
            if rows:
                yield {name: own[rows] for name, own in vectors.items()}
        left = [digest for digest, own in places.items() for _ in own]
        for start in range(0, len(left), APART_AT_ONCE):
            part = left[start : start + APART_AT_ONCE]
            found = {name: np.empty((len(part), size), np.float32) for name, size in sizes.items()}
            for name, array in found.items():
                if not (there := self.store.fill(name, part, array)).all():
                    raise self._gone(int((~there).sum()), name)
            yield found

    def _gone(self, count: int, name: str) -> LabError:
        return LabError(
            f"vectors of {count} images at {name} are gone from {self.store.folder} (`feature-lab clean`, or a damaged "
            "file); ask again, and they are computed anew"
        )


def store_vectors(
    model: LoadedModel,
    image_set: ImageSet,
    layers: Sequence[Layer],
    *,
    pooling: str = "avg",
    compute: Compute = Compute(),  # noqa: B008 - frozen
    progress: Progress = silent,
) -> StoredVectors:
    """Compute what is missing of the vectors of `layers` and leave all of them on disk.

    Raises LabError as `embed` does, and DiskFull before the work when the disk has no room for what is missing.
    """
    check_pooling(pooling, layers)
    store, digests = VectorStore(place_of(model.card, pooling)), image_set.digests
    sizes = {layer.name: dimension(layer, pooling) for layer in layers}
    there = store.complete(sizes)
    missing = [places[0] for digest, places in _places(digests).items() if digest not in there]
    need_disk(len(missing) * sum(sizes.values()) * 4, cache_dir("embeddings"), "what is kept of the images")
    stage = f"{model.ref.short}: passing images"
    done = 0
    with store.writer(FLUSH_SECONDS, FLUSH_SHARE) as keep:
        for indices, found in forward_batches(model, image_set, layers, missing, pooling, compute):
            keep([digests[index] for index in indices], found)
            done += len(indices)
            progress(stage, done, len(missing), "images")
    return StoredVectors(store, digests, sizes, len(missing))


def _places(digests: Sequence[str]) -> dict[str, list[int]]:
    """Return where each content is, in order of its first place."""
    found: dict[str, list[int]] = {}
    for place, digest in enumerate(digests):
        found.setdefault(digest, []).append(place)
    return found
