"""Vectors of a set that lies in shards, shard by shard: each passed through a network by itself, then read as one set.

    pass_shard(...)   one shard: read once, passed, its vectors and what is told of its images left on disk
    joined(...)       what all shards left, as columns of a few bytes an image, and their vectors chunk by chunk

A shard's folder is named by its address, version, network and layers. Its files are written at once and come out alike
whoever writes them; `images.parquet`, the last, says that the shard is finished. So shards can be passed in any order,
by any process, more than once, and what is made of them is the same.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from lab.activations.extractor import Extractor
from lab.activations.pooling import dimension
from lab.embeddings.cached import extracted, place_of
from lab.embeddings.vectorstore import read_vectors, shard_content
from lab.errors import LabError
from lab.files import read_json, write_bytes, write_json
from lab.images.labelled_layout import class_order
from lab.images.layout import Unreadable
from lab.images.shard_files import Shard
from lab.images.shard_pieces import pieces_of
from lab.layers import Layer
from lab.malloc import tune_allocator
from lab.models import LoadedModel, ModelCard
from lab.progress import Progress, silent
from lab.settings import Compute, cache_dir

POOLING = "avg"
IMAGES, ASIDE = "images.parquet", "aside.json"
PIECE_BYTES = 32_000_000  # of vectors in a file


@dataclass(frozen=True)
class Passing:
    """What is done to every shard of a set: the network, its layers, and which columns tell of the images."""

    card: ModelCard
    layers: tuple[Layer, ...]
    options: Mapping[str, str]

    def folder(self, shard: Shard) -> Path:
        """Return where a shard's vectors lie."""
        key = json.dumps([[layer.name for layer in self.layers], sorted(self.options.items())])
        place = hashlib.sha256(f"{place_of(self.card, POOLING)}{key}".encode()).hexdigest()[:24]
        own = hashlib.sha256(f"{shard.address}\0{shard.stamp}".encode()).hexdigest()[:24]
        return cache_dir("embeddings") / f"shards-{place}" / own

    @property
    def sizes(self) -> dict[str, int]:
        """The dimension of each layer's vectors."""
        return {layer.name: dimension(layer, POOLING) for layer in self.layers}


@dataclass(frozen=True, eq=False)
class Joined:
    """Images of all finished shards, in order: labels and groups `(N,)`; equal files of one class share a group.

    `aside` are the shards without a result and why, by name; `set_aside` counts images that could not be used.
    """

    passing: Passing
    classes: tuple[str, ...]
    labels: np.ndarray
    groups: np.ndarray
    folders: tuple[Path, ...]
    used: tuple[np.ndarray, ...]  # which images of each folder's are there, bool
    fingerprint: str
    finished: int
    aside: Mapping[str, str]
    set_aside: int

    @property
    def sizes(self) -> dict[str, int]:
        """The dimension of each layer's vectors."""
        return self.passing.sizes

    def __len__(self) -> int:
        return len(self.labels)

    def chunks(self, name: str) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yield positions `(n,)` and their vectors of a layer, float32 `(n, D)`: every image once."""
        begun = 0
        for vectors in self.joint_chunks([name]):
            rows = vectors[name]
            yield np.arange(begun, begun + len(rows)), rows
            begun += len(rows)

    def joint_chunks(self, names: Sequence[str]) -> Iterator[dict[str, np.ndarray]]:
        """Yield the vectors of several layers of the same images, float32 `(n, D)` by layer: every image once."""
        for folder, used in zip(self.folders, self.used, strict=True):
            begun = 0
            for path in _parts(folder):
                found = {name: read_vectors(path, name, self.sizes[name])[1] for name in names}
                count = len(next(iter(found.values())))
                own = used[begun : begun + count]
                begun += count
                yield {name: rows[own] for name, rows in found.items()}
            if begun != len(used):
                raise LabError(f"vectors in {folder} are gone or damaged; delete that folder and ask again")


def is_passed(folder: Path) -> bool:
    """Tell whether a shard's folder is finished, all its files being there."""
    try:
        import pyarrow.parquet as pq

        about = pq.read_schema(folder / IMAGES).metadata
        return [path.name for path in _parts(folder)] == json.loads(about[b"parts"])
    except (OSError, ValueError, KeyError, TypeError):
        return False


def pass_shard(
    model: LoadedModel,
    passing: Passing,
    shard: Shard,
    *,
    compute: Compute = Compute(),  # noqa: B008 - frozen
    progress: Progress = silent,
) -> int:
    """Pass a shard's images through the network unless that was done; return how many were passed.

    A shard that ends before its end counts as far as it can be read. Raises LabError when nothing of it can be used.
    """
    folder = passing.folder(shard)
    if is_passed(folder):
        return 0
    for path in _parts(folder):
        path.unlink(missing_ok=True)
    tune_allocator()
    extract, width = Extractor(model, passing.layers, POOLING), sum(passing.sizes.values())
    rows: list[tuple[str, str, str, str]] = []
    problems: list[str] = []
    held: list[dict[str, np.ndarray]] = []
    parts, told = [], 0

    def flush() -> None:
        if held:
            count = sum(len(next(iter(one.values()))) for one in held)
            arrays = {name: np.concatenate([one[name] for one in held]) for name in held[0]}
            parts.append(f"{len(parts):06d}.safetensors")
            write_bytes(folder / parts[-1], shard_content([row[1] for row in rows[-count:]], arrays))
            held.clear()

    broken = ""
    try:
        for piece in pieces_of(shard, passing.options):
            progress(f"Passing {shard.name}", len(rows), 0, "images")
            problems += [f"{one.id}: {one.reason}" for one in piece.aside]
            told += len(piece.aside)
            every = list(range(len(piece.images)))
            found = [vectors for _, vectors in extracted(extract, piece.images, every, compute)]
            rows += zip(
                (r.id for r in piece.images.records), piece.images.digests, piece.labels, piece.groups, strict=True
            )
            held += found
            if sum(len(next(iter(one.values()))) for one in held) * width * 4 >= PIECE_BYTES:
                flush()
    except Unreadable as error:
        broken = f"{shard.name} {error}"
    if not rows:
        raise LabError(
            broken or f"{shard.name} holds no images that can be used{': ' + problems[0] if problems else ''}"
        )
    flush()
    finish(folder, rows, parts, told, broken)
    return len(rows)


def joined(passing: Passing, shards: Sequence[Shard], where: str) -> Joined:
    """Return what the finished ones of `shards` left; raises LabError when none is finished."""
    ended = [shard for shard in sorted(shards, key=lambda one: one.address) if is_passed(passing.folder(shard))]
    aside = {s.name: reason_of(passing.folder(s)) for s in shards if s not in ended}
    if not ended:
        raise LabError(f"no shard of {where} has a result; the first: {next(iter(aside.values()), 'there is none')}")
    folders = [passing.folder(shard) for shard in ended]
    found = [_images(folder) for folder in folders]
    about = [one.about for one in found]
    classes = class_order(sorted({name for one in found for name in one.labels.categories}), where)
    labels = np.concatenate([one.labels.set_categories(classes).codes for one in found]).astype(np.int64)
    contents = np.concatenate([one.contents for one in found])
    groups = np.concatenate([np.where(one.given, one.groups, one.contents) for one in found])
    _, first, content = np.unique(contents, return_index=True, return_inverse=True)
    torn = np.zeros(len(first), dtype=bool)  # equal files of two classes: their label is unknown
    torn[content[labels != labels[first][content]]] = True
    used = ~torn[content]
    ends = np.cumsum([len(one.contents) for one in found])[:-1]
    unused = sum(int(one["set_aside"]) for one in about) + int((~used).sum())
    whole = hashlib.sha256("".join(str(one["digest"]) for one in about).encode()).hexdigest()
    aside |= {shard.name: one["broken"] for shard, one in zip(ended, about, strict=True) if one["broken"]}
    return Joined(
        passing, classes, labels[used], _numbered(groups[used]), tuple(folders), tuple(np.split(used, ends)), whole,
        len(ended), aside, unused,
    )  # fmt: skip


def set_aside(folder: Path, reason: str) -> None:
    """Note why a shard has no result."""
    write_json(folder / ASIDE, {"reason": reason})


def reason_of(folder: Path) -> str:
    """Return why a shard has been set aside, "" when it has not."""
    found = read_json(folder / ASIDE)
    return str(found["reason"]) if found else ""


def finish(folder: Path, rows: list[tuple[str, str, str, str]], parts: list[str], told: int, broken: str) -> None:
    """Say that a shard is finished, and what is told of its images: name, digest, label and group each."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    ids, digests, labels, groups = zip(*rows, strict=True)
    digest = hashlib.sha256(json.dumps(rows).encode()).hexdigest()
    table = pa.table({
        "image": ids, "digest": [bytes.fromhex(one) for one in digests],
        "label": pa.array(labels).dictionary_encode(), "group": pa.array(groups).dictionary_encode(),
    })  # fmt: skip
    about = {"parts": json.dumps(parts), "set_aside": str(told), "broken": broken, "digest": digest}
    buffer = io.BytesIO()
    pq.write_table(table.replace_schema_metadata(about), buffer)
    write_bytes(folder / IMAGES, buffer.getvalue())
    (folder / ASIDE).unlink(missing_ok=True)


@dataclass(frozen=True)
class _Told:
    """What a finished shard tells of itself, and of each image: label, a number for its content and its group."""

    about: dict[str, str]
    labels: pd.Categorical
    contents: np.ndarray
    groups: np.ndarray
    given: np.ndarray


def _images(folder: Path) -> _Told:
    import pyarrow.parquet as pq

    table = pq.read_table(folder / IMAGES, columns=["digest", "label", "group"])
    about = {key.decode(): value.decode() for key, value in table.schema.metadata.items()}
    frame = table.to_pandas(strings_to_categorical=True)
    numbers = [pd.util.hash_array(np.asarray(frame[name], dtype=object)) for name in ("digest", "group")]
    return _Told(about, frame["label"].array, numbers[0], numbers[1], (frame["group"] != "").to_numpy())


def _numbered(keys: np.ndarray) -> np.ndarray:
    """Return a number from 0 for each key, in the order of their first places."""
    _, first, inverse = np.unique(keys, return_index=True, return_inverse=True)
    return np.asarray(np.argsort(np.argsort(first))[inverse], dtype=np.int64)


def _parts(folder: Path) -> list[Path]:
    return sorted(folder.glob("[0-9]*.safetensors"))
