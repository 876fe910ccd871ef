"""Shards: files that hold many images each, WebDataset tars or Parquet, on this computer or at an address.

`pets-000.tar`, or several at once as `pets-{000..011}.tar` or `pets-*.parquet`, or a folder of them; the same at any
address that fsspec reads (`s3://bucket/pets-*.tar`). What a shard tells of an image can be its label
(`?label=species`), group, split and factors, as columns of a table are. A shard named after a part (`train-000.tar`,
`test-00000-of-00002.parquet`) tells of that part. Shards are read one after the other; one that cannot be read is
counted and named, and the others are used.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Final

from lab.errors import LabError
from lab.images.labelled import LabelledRows, rows_of
from lab.images.layout import Unreadable
from lab.images.parquet_shards import holds_images, parquet_samples
from lab.images.shard_files import Sample, Shard, files_in, is_address, is_there, version_of
from lab.images.structure import part_of
from lab.images.table_file import Columns
from lab.images.tar_shards import tar_samples
from lab.images.types import Quarantined
from lab.roots import permitted

MOST_SHARDS: Final = 100_000
FILE, PART = "file_name", "split"
_BRACES: Final = re.compile(r"\{(\d+)\.\.(\d+)\}")
_NUMBER: Final = re.compile(r"[\W_]*\d+([\W_]*of[\W_]*\d+)?$")
_SHOWN: Final = 3

# What yields the samples of a shard, by its ending.
KINDS: Final[Mapping[str, Callable[[Shard, Mapping[str, str]], Iterator[Sample]]]] = {
    ".tar": tar_samples,
    ".parquet": parquet_samples,
}


def is_shards(name: str) -> bool:
    """Tell whether a name is that of a shard, of several, or of a folder that holds nothing else.

    A Parquet file without images is a table of labels.
    """
    if is_address(name):
        return True
    ending = _ending(name)
    try:
        if ending:
            return ending != ".parquet" or _is_several(name) or holds_images(Shard(str(permitted(name)), name, ""))
        files = files_in(name) if os.path.isdir(permitted(name)) else []
    except (OSError, ValueError, LabError):
        return False
    return bool(files) and all(map(_ending, files)) and not any(map(os.path.isdir, files)) and is_shards(files[0])


def shards_of(name: str) -> tuple[Shard, ...]:
    """Return the shards that a name stands for: itself, those that `{000..011}` or `*` stand for, all of a folder.

    Raises LabError for one that is not there.
    """
    addresses = _numbered(name)
    if "*" in name or not _ending(name):
        addresses = [address for address in files_in(name) if _ending(address)]
        if not addresses:
            raise LabError(f"{name} holds no shards; they end in {' or '.join(KINDS)}")
    else:
        missing = [address for address in addresses if not is_there(address)]
        if missing:
            raise LabError(f"{len(missing):,} of {len(addresses):,} shards are not there, such as {missing[0]!r}")
    bases = [PurePosixPath(address).name for address in addresses]
    names = bases if len(set(bases)) == len(bases) else addresses
    paths = [one if is_address(one) else str(permitted(one)) for one in addresses]
    return tuple(Shard(path, own, version_of(path)) for path, own in zip(paths, names, strict=True))


def shards_are_there(name: str) -> bool:
    """Tell whether a path with braces or stars, or of one shard, leads to a folder that is there."""
    return bool(_ending(name)) and not is_address(name) and Path(permitted(name)).parent.is_dir()


def shards_stamp(name: str) -> str:
    """Return a text that changes when one of the shards does."""
    return ";".join(shard.stamp for shard in shards_of(name))


def read_shards(name: str, options: Mapping[str, str]) -> LabelledRows:
    """Return the samples of one or several shards with what is told of them; raises LabError where there are none."""
    samples: list[Sample] = []
    broken: list[Quarantined] = []
    shards = shards_of(name)
    for shard in shards:
        before = len(samples)
        try:
            for sample in samples_of(shard, options):
                samples.append(sample)
        except Unreadable as error:
            after = f" after {len(samples) - before:,} images" if len(samples) > before else ""
            broken.append(Quarantined(shard.name, f"{error}{after}"))
    if not samples:
        if broken:
            raise LabError(f"{name} cannot be read: {broken[0].id} {broken[0].reason}")
        raise LabError(f"{name} holds no images; a sample is 0001.jpg beside 0001.cls or 0001.json in the tar")
    named = dict.fromkeys(field for sample in samples for field in sample.told)
    columns: Columns = {FILE: [sample.id for sample in samples]}
    columns |= {field: [sample.told.get(field, "") for sample in samples] for field in named if field != FILE}
    entries = {sample.id: sample.image for sample in samples}
    rows = rows_of(columns, name, {**options, FILE: FILE}, entries.__getitem__)
    return replace(rows, aside=tuple(broken), notes=(*rows.notes, *_broken_note(broken, len(shards))))


def shard_columns(name: str) -> tuple[str, ...]:
    """Return the names of what is told of the samples."""
    return _names(sample for shard in shards_of(name) for sample in _readable(shard))


def _names(samples: Iterable[Sample]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(field for sample in samples for field in sample.told))


def _readable(shard: Shard) -> Iterator[Sample]:
    try:
        yield from samples_of(shard, {})
    except Unreadable:
        return


def samples_of(shard: Shard, options: Mapping[str, str]) -> Iterator[Sample]:
    """Yield the images of a shard in order, with what is told of them; raises Unreadable where it cannot be read."""
    part = part_of(_NUMBER.sub("", PurePosixPath(shard.address).stem))
    for sample in KINDS[_ending(shard.address)](shard, options):
        yield replace(sample, told={**sample.told, PART: part}) if part and PART not in sample.told else sample


def _broken_note(broken: list[Quarantined], count: int) -> list[str]:
    if not broken:
        return []
    shown = ", ".join(f"{one.id!r} ({one.reason})" for one in broken[:_SHOWN])
    more = f", {len(broken) - _SHOWN:,} more" if len(broken) > _SHOWN else ""
    return [f"{len(broken):,} of the {count:,} shards cannot be read whole: {shown}{more}"]


def _ending(name: str) -> str:
    """Return the ending of a shard's name, "" for another file's."""
    return next((ending for ending in KINDS if name.lower().endswith(ending)), "")


def _is_several(name: str) -> bool:
    return bool(_BRACES.search(name)) or "*" in name


def _numbered(name: str) -> list[str]:
    """Return the names that `{000..011}` stands for, or the name itself."""
    match = _BRACES.search(name)
    if not match:
        return [name]
    first, last, width = int(match[1]), int(match[2]), len(match[1])
    if not first <= last < first + MOST_SHARDS:
        raise LabError(f"{name}: {match[0]} is no range of at most {MOST_SHARDS:,} shards; write {{000..011}}")
    return [name[: match.start()] + f"{k:0{width}d}" + name[match.end() :] for k in range(first, last + 1)]
