"""WebDataset shards: tar files whose entries with one name are a sample (`0001.jpg`, `0001.cls`, `0001.json`).

The label is the text of the `.cls` (or `.txt`) entry, or a value of the `.json` one; other values of the JSON are told
of the image too. Nothing is unpacked: images are read in place, entry by entry.
"""

from __future__ import annotations

import json
import os
import tarfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import IO, Final

from lab.errors import LabError
from lab.images.endings import is_image_name
from lab.images.labelled import LABELS
from lab.images.layout import Entry, Unreadable
from lab.images.limits import MAX_BYTES
from lab.images.shard_files import Sample, Shard, read_at, shard_file
from lab.images.table_file import text_of

LABEL: Final = "label"
MAX_ENTRIES: Final = 800_000  # of one shard
_TEXTS: Final = ("cls", "txt")  # entries whose whole text is the label, in this order
_TEXT_BYTES: Final = 1_000_000


@dataclass(frozen=True)
class TarReader:
    """Reads an entry's bytes where they lie in its shard."""

    shard: Shard
    offset: int
    size: int

    def __call__(self) -> bytes:
        with shard_file(self.shard) as file:
            data = read_at(file, self.offset, self.size)
        if len(data) != self.size:
            raise Unreadable("cut off in its shard")
        return data


def tar_samples(shard: Shard, _: Mapping[str, str]) -> Iterator[Sample]:
    """Yield the samples of a shard: entries in a row whose names are alike up to the first dot.

    Raises Unreadable where the shard cannot be read (further), LabError for what is told in another way than agreed.
    """
    with shard_file(shard) as file:
        for key, members in _by_key(shard, file):
            image = next((found for ending, found in members.items() if is_image_name(f"x.{ending}")), None)
            if image is None:
                continue
            own = f"{shard.name}/{key}"
            reader = TarReader(shard, image.offset_data, image.size)
            large = f"too large: {image.size / 1e6:.0f} MB, at most {MAX_BYTES / 1e6:.0f} MB are read"
            problem = "empty file" if not image.size else large if image.size > MAX_BYTES else ""
            entry = Entry((own,), reader, shard.own_version(image.offset_data), problem)
            yield Sample(own, entry, _told(shard, file, members))


def _by_key(shard: Shard, file: IO[bytes]) -> Iterator[tuple[str, dict[str, tarfile.TarInfo]]]:
    key, members = "", dict[str, tarfile.TarInfo]()
    for count, info in enumerate(_entries(file), 1):
        if count > MAX_ENTRIES:
            raise LabError(f"{shard.address} holds more than {MAX_ENTRIES:,} entries; make smaller shards")
        folder, base = os.path.split(info.name)
        stem, _, ending = base.partition(".")
        own = f"{folder}/{stem}".lstrip("/")
        if own != key and members:
            yield key, members
            members = {}
        key = own
        members[ending.lower()] = info
    if members:
        yield key, members


def _entries(file: IO[bytes]) -> Iterator[tarfile.TarInfo]:
    try:
        file.seek(0)
        with tarfile.open(fileobj=file, mode="r:") as archive:
            seen: list[tarfile.TarInfo] = vars(archive)["members"]
            while (info := archive.next()) is not None:
                seen.clear()  # else every entry stays in memory
                if info.isreg():
                    yield info
            end = read_at(file, archive.offset, tarfile.BLOCKSIZE)
        if len(end) < tarfile.BLOCKSIZE or any(end):  # tarfile takes a broken header for the end
            raise Unreadable("has no end, so it is cut off or damaged")
    except tarfile.TarError as error:
        reason = " ".join(str(error).split())
        raise Unreadable(f"is no readable tar file ({reason}); shards are plain, not compressed, tars") from error


def _told(shard: Shard, file: IO[bytes], members: Mapping[str, tarfile.TarInfo]) -> dict[str, str]:
    found: dict[str, str] = {}
    if (info := members.get("json")) is not None:
        try:
            values = json.loads(_text(shard, file, info))
        except ValueError as error:
            raise LabError(f"{shard.address}: {info.name} is no JSON; write one object, {{...}}, a sample") from error
        if isinstance(values, dict):
            found = {str(name): text_of(value) for name, value in values.items()}
    for ending in _TEXTS:
        if ending in members and not any(name in found for name in LABELS):
            found[LABEL] = _text(shard, file, members[ending]).strip()
    return found


def _text(shard: Shard, file: IO[bytes], info: tarfile.TarInfo) -> str:
    if info.size > _TEXT_BYTES:
        raise LabError(
            f"{shard.address}: {info.name} has {info.size / 1e6:.0f} MB; what is told of a sample may have 1 MB"
        )
    data = read_at(file, info.offset_data, info.size)
    if len(data) != info.size:
        raise Unreadable("is cut off")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise LabError(f"{shard.address}: {info.name} is no text in UTF-8") from error
