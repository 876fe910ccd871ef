"""A shard read once, from its beginning to its end: a few hundred images at a time, with what is told of them.

What opening a set finds out by reading it again (digests, whether an image can be decoded) is found out on the way, so
memory is that of a piece. What needs the whole set is left to whoever has read all shards: which classes there are, and
equal files. Images with more than 8 bits a channel, whose scale is that of a whole set, are set aside.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from typing import Final

import numpy as np

from lab.images.decode import decode, thumbnail
from lab.images.endings import printable
from lab.images.facts import ImageFacts, examine
from lab.images.labelled import GROUPS, LABELS, column_of
from lab.images.layout import Unreadable
from lab.images.scan import digest_of
from lab.images.shard_files import Sample, Shard
from lab.images.shards import samples_of
from lab.images.types import ImageRecord, ImageSet, Quarantined
from lab.threads import cores

PIECE: Final = 256  # images
DEEP: Final = "more than 8 bits a channel, whose scale is that of a whole set; read shard by shard it must be 8 bits"


@dataclass(frozen=True)
class Piece:
    """Images of a shard that follow each other, the label and the group of each as text ("" for no group)."""

    images: ImageSet
    labels: tuple[str, ...]
    groups: tuple[str, ...]
    aside: tuple[Quarantined, ...]


class _Bytes:
    """Gives the pixels of encoded images that are in memory."""

    def __init__(self, encoded: list[bytes], plain: list[bool]) -> None:
        self._encoded, self._plain = encoded, plain

    def pixels(self, index: int) -> np.ndarray:
        return decode(self._encoded[index])

    def plain_jpeg(self, index: int) -> bytes | None:
        return self._encoded[index] if self._plain[index] else None

    def thumbnail(self, index: int) -> bytes:
        return thumbnail(self.pixels(index))


def pieces_of(shard: Shard, options: Mapping[str, str]) -> Iterator[Piece]:
    """Yield the images of a shard in order.

    Raises Unreadable where the shard ends before its end, LabError where nothing tells the labels.
    """
    samples = samples_of(shard, options)
    broken: Unreadable | None = None
    with ThreadPoolExecutor(cores()) as pool:
        while broken is None:
            part: list[Sample] = []
            try:
                for sample in islice(samples, PIECE):
                    part.append(sample)
            except Unreadable as error:  # what came before it is used
                broken = error
            if not part:
                break
            yield _piece(shard, options, part, pool)
    if broken:
        raise broken


def _piece(shard: Shard, options: Mapping[str, str], part: list[Sample], pool: ThreadPoolExecutor) -> Piece:
    named = {field: [""] for sample in part for field in sample.told}
    label = column_of(named, shard.address, options, "label", LABELS)
    group = column_of(named, shard.address, options, "group", GROUPS, needed=False)
    records: list[ImageRecord] = []
    aside: list[Quarantined] = []
    encoded: list[bytes] = []
    plain: list[bool] = []
    labels: list[str] = []
    groups: list[str] = []
    for sample, (data, digest, facts) in zip(part, pool.map(_examined, part), strict=True):
        text = sample.told.get(label, "")
        if why := facts.reason or (DEEP if facts.values else "") or ("" if text else "without a label"):
            aside.append(Quarantined(printable(sample.id), why))
            continue
        records.append(ImageRecord(printable(sample.id), 0, digest, len(records), facts.width, facts.height))
        encoded.append(data)
        plain.append(facts.plain_jpeg)
        labels.append(text)
        groups.append(sample.told.get(group, ""))
    images = ImageSet(shard.name, ("",), tuple(records), _Bytes(encoded, plain))
    return Piece(images, tuple(labels), tuple(groups), tuple(aside))


def _examined(sample: Sample) -> tuple[bytes, str, ImageFacts]:
    """Return an image's bytes, the digest of its content, and what is to be known of it."""
    if sample.image.problem:
        return b"", "", ImageFacts(sample.image.problem)
    try:
        data = sample.image.read()
    except Unreadable as error:
        return b"", "", ImageFacts(str(error))
    try:
        return data, digest_of(data), examine(data)[0]
    except MemoryError:
        return b"", "", ImageFacts("too large for this machine's memory")
