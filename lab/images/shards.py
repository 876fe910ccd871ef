"""WebDataset shards: tar files whose entries with one name are a sample (`0001.jpg`, `0001.cls`, `0001.json`).

`pets-000.tar`, or several at once as `pets-{000..011}.tar`, or a folder of them. The label is the text of the `.cls`
(or `.txt`) entry, or a value of the `.json` one (`?label=species`); other values of the JSON can be the group, the
split and factors, as columns of a table are. A shard named after a part (`train-000.tar`) tells of that part. Nothing
is unpacked: images are read in place, entry by entry.
"""

from __future__ import annotations

import json
import os
import re
import tarfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from lab.errors import LabError
from lab.images.endings import is_image_name
from lab.images.folder import file_version
from lab.images.labelled import LABELS, LabelledRows, rows_of
from lab.images.layout import MAX_FILES, Entry, Unreadable, is_junk
from lab.images.limits import MAX_BYTES
from lab.images.structure import part_of
from lab.images.table_file import Columns, text_of
from lab.roots import permitted

SUFFIX: Final = ".tar"
MOST_SHARDS: Final = 10_000
FILE, LABEL, PART = "file_name", "label", "split"
_BRACES: Final = re.compile(r"\{(\d+)\.\.(\d+)\}")
_TEXTS: Final = ("cls", "txt")  # entries whose whole text is the label, in this order
_TEXT_BYTES: Final = 1_000_000


@dataclass(frozen=True)
class ShardReader:
    """Reads an entry's bytes where they lie in its shard."""

    path: str
    offset: int
    size: int

    def __call__(self) -> bytes:
        try:
            with open(self.path, "rb") as file:
                file.seek(self.offset)
                data = file.read(self.size)
        except OSError as error:
            raise Unreadable("gone with its shard") from error
        if len(data) != self.size:
            raise Unreadable("cut off in its shard")
        return data


def is_shards(name: str) -> bool:
    """Tell whether a name is that of a shard, of several, or of a folder that holds nothing else."""
    if name.lower().endswith(SUFFIX):
        return True
    found = False
    try:
        with os.scandir(permitted(name)) as items:
            for item in items:
                if not is_junk(item.name) and not item.name.lower().endswith(SUFFIX):
                    return False
                found = found or item.name.lower().endswith(SUFFIX)
    except (OSError, ValueError, LabError):
        return False
    return found


def shard_paths(name: str) -> tuple[Path, ...]:
    """Return the shards that a name stands for: itself, with `{000..011}` those of these numbers, all of a folder.

    Raises LabError for one that is not there.
    """
    if not name.lower().endswith(SUFFIX):
        return tuple(sorted(path for path in permitted(name).iterdir() if path.name.lower().endswith(SUFFIX)))
    match = _BRACES.search(name)
    names = [name]
    if match:
        first, last, width = int(match[1]), int(match[2]), len(match[1])
        if not first <= last < first + MOST_SHARDS:
            raise LabError(f"{name}: {match[0]} is no range of at most {MOST_SHARDS:,} shards; write {{000..011}}")
        names = [name[: match.start()] + f"{k:0{width}d}" + name[match.end() :] for k in range(first, last + 1)]
    paths = tuple(permitted(one) for one in names)
    missing = [one for one, path in zip(names, paths, strict=True) if not path.is_file()]
    if missing:
        raise LabError(f"{len(missing):,} of {len(names):,} shards are not there, such as {missing[0]!r}")
    return paths


def shards_stamp(name: str) -> str:
    """Return a text that changes when one of the shards does."""
    return ";".join(f"{path.stat().st_size}:{path.stat().st_mtime_ns}" for path in shard_paths(name))


def read_shards(name: str, options: Mapping[str, str]) -> LabelledRows:
    """Return the samples of one or several shards with what is told of them; raises LabError for what is no tar."""
    samples = [sample for path in shard_paths(name) for sample in _samples(path)]
    if not samples:
        raise LabError(f"{name} holds no images; a sample is 0001.jpg beside 0001.cls or 0001.json in the tar")
    named = dict.fromkeys(field for sample in samples for field in sample.told)
    columns: Columns = {FILE: [sample.id for sample in samples]}
    columns |= {field: [sample.told.get(field, "") for sample in samples] for field in named}
    entries = {sample.id: sample.image for sample in samples}
    return rows_of(columns, name, options, entries.__getitem__)


def shard_columns(name: str) -> tuple[str, ...]:
    """Return the names of what is told of the samples."""
    return tuple(
        dict.fromkeys(field for path in shard_paths(name) for sample in _samples(path) for field in sample.told)
    )


@dataclass(frozen=True)
class _Sample:
    """An image of a shard and what its other entries tell of it."""

    id: str
    image: Entry
    told: Mapping[str, str]


def _samples(path: Path) -> Iterator[_Sample]:
    """Yield the samples of a shard: entries in a row whose names are alike up to the first dot."""
    part = part_of(re.split(r"[\W_]*\d+$", path.stem)[0])
    for key, members in _by_key(path):
        image = next((found for ending, found in members.items() if is_image_name(f"x.{ending}")), None)
        if image is None:
            continue
        told = _told(path, members)
        if part and PART not in told:
            told[PART] = part
        own = f"{path.name}/{key}"
        reader = ShardReader(str(path), image.offset_data, image.size)
        version = file_version(str(path), path.stat())
        large = f"too large: {image.size / 1e6:.0f} MB, at most {MAX_BYTES / 1e6:.0f} MB are read"
        problem = "empty file" if not image.size else large if image.size > MAX_BYTES else ""
        yield _Sample(own, Entry((own,), reader, version and f"{version}\0{image.offset_data}", problem), told)


def _by_key(path: Path) -> Iterator[tuple[str, dict[str, tarfile.TarInfo]]]:
    key, members, count = "", dict[str, tarfile.TarInfo](), 0
    try:
        with tarfile.open(path, "r:") as archive:
            for info in archive:
                count += 1
                if count > 4 * MAX_FILES:
                    raise LabError(f"{path} holds more than {4 * MAX_FILES:,} entries; make smaller shards")
                if not info.isreg():
                    continue
                folder, base = os.path.split(info.name)
                stem, _, ending = base.partition(".")
                own = f"{folder}/{stem}".lstrip("/")
                if own != key and members:
                    yield key, members
                    members = {}
                key = own
                members[ending.lower()] = info
    except tarfile.TarError as error:
        raise LabError(f"{path} is no readable tar file ({error}); shards are plain, not compressed, tars") from error
    except OSError as error:
        raise LabError(f"{path} cannot be read ({error.strerror or error})") from error
    if members:
        yield key, members


def _told(path: Path, members: Mapping[str, tarfile.TarInfo]) -> dict[str, str]:
    found: dict[str, str] = {}
    if (info := members.get("json")) is not None:
        try:
            values = json.loads(_text(path, info))
        except ValueError as error:
            raise LabError(f"{path}: {info.name} is no JSON; write one object, {{...}}, a sample") from error
        if isinstance(values, dict):
            found = {str(name): text_of(value) for name, value in values.items()}
    for ending in _TEXTS:
        if ending in members and not any(name in found for name in LABELS):
            found[LABEL] = _text(path, members[ending]).strip()
    return found


def _text(path: Path, info: tarfile.TarInfo) -> str:
    if info.size > _TEXT_BYTES:
        raise LabError(f"{path}: {info.name} has {info.size / 1e6:.0f} MB; what is told of a sample may have 1 MB")
    try:
        return ShardReader(str(path), info.offset_data, info.size)().decode("utf-8")
    except (Unreadable, UnicodeDecodeError) as error:
        raise LabError(f"{path}: {info.name} is no text in UTF-8") from error
