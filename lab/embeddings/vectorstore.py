"""Vectors on disk by content: a folder of `.safetensors` shards, each written at once and never changed.

A shard holds, for some images, their digests and one array per layer, with a checksum of each. A shard that cannot
be read, or whose checksum is wrong, counts as absent, so its images are computed again. Several processes may read
and write one folder.
"""

from __future__ import annotations

import json
import secrets
import time
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from lab.files import write_bytes
from lab.settings import cache_dir

MOST_HELD = 32_000_000  # bytes of vectors in memory before a shard is written, however little time has passed
NOTHING: tuple[list[str], np.ndarray] = ([], np.empty((0, 0), np.float32))
DIGESTS = "digests"
LAYER = "layer:"

Keep = Callable[[Sequence[str], Mapping[str, np.ndarray]], None]


class VectorStore:
    """The vectors of one place (a network, a preprocessing, a pooling)."""

    def __init__(self, place: str) -> None:
        self.folder = cache_dir("embeddings") / place

    def fill(self, name: str, digests: Sequence[str], array: np.ndarray) -> np.ndarray:
        """Put the kept vectors of layer `name` into `array` (N, D); return which rows are there, bool `(N,)`."""
        rows: dict[str, list[int]] = {}
        for index, digest in enumerate(digests):
            rows.setdefault(digest, []).append(index)
        there = np.zeros(len(digests), dtype=bool)
        for path in sorted(self.folder.glob("*.safetensors")):
            if there.all():
                break
            names, vectors = read_vectors(path, name, array.shape[1])
            for digest, vector in zip(names, vectors, strict=True):
                for index in rows.get(digest, ()):
                    array[index], there[index] = vector, True
        return there

    def chunks(self, name: str, width: int) -> Iterator[tuple[list[str], np.ndarray]]:
        """Yield digests and vectors `(n, width)` of a layer, shard by shard; an image may come more than once."""
        for path in sorted(self.folder.glob("*.safetensors")):
            digests, vectors = read_vectors(path, name, width)
            if digests:
                yield digests, vectors

    def joint_chunks(self, sizes: Mapping[str, int]) -> Iterator[tuple[list[str], dict[str, np.ndarray]]]:
        """Yield digests and vectors of several layers of the same images, from the shards that hold all of them."""
        for path in sorted(self.folder.glob("*.safetensors")):
            found = {name: read_vectors(path, name, width) for name, width in sizes.items()}
            digests = next(iter(found.values()))[0]
            if digests and all(len(own) == len(digests) for own, _ in found.values()):
                yield digests, {name: vectors for name, (_, vectors) in found.items()}

    def complete(self, sizes: Mapping[str, int]) -> set[str]:
        """Return the digests of the images that have a vector of every layer, `sizes` being their dimensions."""
        found = [
            {digest for digests, _ in self.chunks(name, size) for digest in digests} for name, size in sizes.items()
        ]
        return set.intersection(*found) if found else set()

    def add(self, digests: Sequence[str], arrays: Mapping[str, np.ndarray]) -> None:
        """Write one shard: arrays `(N, D)` by layer name, for images with these digests."""
        name = f"{time.time_ns():020d}-{secrets.token_hex(4)}.safetensors"
        write_bytes(self.folder / name, shard_content(digests, arrays))

    @contextmanager
    def writer(self, seconds: float, share: float) -> Iterator[Keep]:
        """Yield a function that keeps vectors: in memory at first, on disk every `seconds`, or `share` of the time
        so far, or when they are many.

        What is in memory is written at the end, also when an error ends the block.
        """
        held: list[tuple[Sequence[str], Mapping[str, np.ndarray]]] = []
        began, size = time.monotonic(), 0
        written = began

        def flush() -> None:
            if held:
                names = held[0][1]
                arrays = {name: np.concatenate([part[name] for _, part in held]) for name in names}
                self.add([digest for part, _ in held for digest in part], arrays)
                held.clear()

        def keep(digests: Sequence[str], arrays: Mapping[str, np.ndarray]) -> None:
            nonlocal written, size
            held.append((digests, arrays))
            size += sum(array.nbytes for array in arrays.values())
            now = time.monotonic()
            if now - written >= max(seconds, share * (now - began)) or size > MOST_HELD:
                flush()
                written, size = now, 0

        try:
            yield keep
        finally:
            flush()


def shard_content(digests: Sequence[str], arrays: Mapping[str, np.ndarray]) -> bytes:
    """Return the bytes of a shard: arrays `(N, D)` by layer name, for images with these digests."""
    from safetensors.numpy import save

    content = {LAYER + name: np.ascontiguousarray(array) for name, array in arrays.items()}
    content[DIGESTS] = np.frombuffer("".join(digests).encode(), np.uint8).reshape(len(digests), -1).copy()
    sums = {name: zlib.crc32(array.data) for name, array in content.items()}
    return save(content, metadata={"crc32": json.dumps(sums)})


def read_vectors(path: Path, name: str, width: int) -> tuple[list[str], np.ndarray]:
    """Return the digests of the images in a shard and their vectors; none when it lacks the layer or is damaged."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as shard:
            if LAYER + name not in shard.keys():  # noqa: SIM118 - not a mapping
                return NOTHING
            sums = json.loads(shard.metadata()["crc32"])
            digests, vectors = shard.get_tensor(DIGESTS), shard.get_tensor(LAYER + name)
            sound = zlib.crc32(digests) == sums[DIGESTS] and zlib.crc32(vectors) == sums[LAYER + name]
    except (SafetensorError, OSError, ValueError, KeyError, TypeError):
        return NOTHING
    if not sound or vectors.shape != (len(digests), width):
        return NOTHING
    return [row.tobytes().decode() for row in digests], vectors
