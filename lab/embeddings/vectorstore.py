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
            for digest, vector in _read(path, name, array.shape[1]):
                for index in rows.get(digest, ()):
                    array[index], there[index] = vector, True
        return there

    def add(self, digests: Sequence[str], arrays: Mapping[str, np.ndarray]) -> None:
        """Write one shard: arrays `(N, D)` by layer name, for images with these digests."""
        from safetensors.numpy import save

        content = {LAYER + name: np.ascontiguousarray(array) for name, array in arrays.items()}
        content[DIGESTS] = np.frombuffer("".join(digests).encode(), np.uint8).reshape(len(digests), -1).copy()
        sums = {name: zlib.crc32(array.data) for name, array in content.items()}
        name = f"{time.time_ns():020d}-{secrets.token_hex(4)}.safetensors"
        write_bytes(self.folder / name, save(content, metadata={"crc32": json.dumps(sums)}))

    @contextmanager
    def writer(self, seconds: float, share: float) -> Iterator[Keep]:
        """Yield a function that keeps vectors: in memory at first, on disk every `seconds`, or `share` of the time
        so far.

        What is in memory is written at the end, also when an error ends the block.
        """
        held: list[tuple[Sequence[str], Mapping[str, np.ndarray]]] = []
        began = written = time.monotonic()

        def flush() -> None:
            if held:
                names = held[0][1]
                arrays = {name: np.concatenate([part[name] for _, part in held]) for name in names}
                self.add([digest for part, _ in held for digest in part], arrays)
                held.clear()

        def keep(digests: Sequence[str], arrays: Mapping[str, np.ndarray]) -> None:
            nonlocal written
            held.append((digests, arrays))
            now = time.monotonic()
            if now - written >= max(seconds, share * (now - began)):
                flush()
                written = now

        try:
            yield keep
        finally:
            flush()


def _read(path: Path, name: str, width: int) -> Iterator[tuple[str, np.ndarray]]:
    """Yield digest and vector of each image in a shard; nothing when it lacks the layer or is damaged."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as shard:
            if LAYER + name not in shard.keys():  # noqa: SIM118 - not a mapping
                return
            sums = json.loads(shard.metadata()["crc32"])
            digests, vectors = shard.get_tensor(DIGESTS), shard.get_tensor(LAYER + name)
            sound = zlib.crc32(digests) == sums[DIGESTS] and zlib.crc32(vectors) == sums[LAYER + name]
    except (SafetensorError, OSError, ValueError, KeyError, TypeError):
        return
    if sound and vectors.shape == (len(digests), width):
        yield from ((row.tobytes().decode(), vector) for row, vector in zip(digests, vectors, strict=True))
