"""Parquet shards of encoded images, as the Hugging Face hub has them: a column of `{"bytes", "path"}`, or of bytes.

Other columns (`label`, a split, a group, factors) are told of the images; numbers of a class are read as its name
where the file says so (`ClassLabel`). Images are read row group by row group, of which one is in memory at a time.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from lab.errors import LabError, nearest
from lab.images.layout import Entry, Unreadable
from lab.images.limits import MAX_BYTES
from lab.images.shard_files import Sample, Shard, shard_file
from lab.images.table_file import text_of
from lab.shortages import need_memory

IMAGES: Final = ("image", "img", "jpg", "jpeg", "png", "webp", "bytes", "content", "pixels")
COLUMN: Final = "file_name"  # the option that names the column of images
BYTES: Final = "bytes"


@dataclass(frozen=True)
class ParquetReader:
    """Reads the image of a row: `group` is its row group, `row` its place there."""

    shard: Shard
    column: str
    group: int
    row: int

    def __call__(self) -> bytes:
        value = _GROUPS.column(self.shard, self.column, self.group)[self.row].as_py()
        data = value.get(BYTES) if isinstance(value, dict) else value
        if not data:
            raise Unreadable("no image in this row")
        if len(data) > MAX_BYTES:
            raise Unreadable(f"too large: {len(data) / 1e6:.0f} MB, at most {MAX_BYTES / 1e6:.0f} MB are read")
        return bytes(data)


def parquet_samples(shard: Shard, options: Mapping[str, str]) -> Iterator[Sample]:
    """Yield the rows of a shard.

    Raises Unreadable where it cannot be read, LabError where it has no column of images.
    """
    with _opened(shard) as file:
        column = _image_column(file.schema_arrow, shard, options.get(COLUMN))
        names = _class_names(file.schema_arrow)
        told = [field.name for field in file.schema_arrow if _is_plain(field.type)]
        number = 0
        for group in range(file.num_row_groups):
            rows = file.read_row_group(group, columns=told).to_pydict()
            for row in range(file.metadata.row_group(group).num_rows):
                own = f"{shard.name}/{number:06d}"
                entry = Entry((own,), ParquetReader(shard, column, group, row), shard.own_version(number))
                yield Sample(own, entry, {name: _text(rows[name][row], names.get(name, ())) for name in told})
                number += 1


def holds_images(shard: Shard) -> bool:
    """Tell whether a Parquet file has a column of images; False for what is no Parquet file."""
    try:
        with _opened(shard) as file:
            return any(_is_image(field.type) for field in file.schema_arrow)
    except Unreadable:
        return False


class _RowGroup:
    """The images of the row group that was read last."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._key: tuple[Shard, str, int] | None = None
        self._held: Any = None

    def column(self, shard: Shard, column: str, group: int) -> Any:
        """Return the column of a row group; the one before is let go first."""
        key = (shard, column, group)
        with self._lock:
            if key != self._key:
                self._key = self._held = None
                self._held, self._key = _read_group(shard, column, group), key
            return self._held


_GROUPS: Final = _RowGroup()


def _read_group(shard: Shard, column: str, group: int) -> Any:
    with _opened(shard) as file:
        about = file.metadata.row_group(group)
        parts = [about.column(k) for k in range(about.num_columns)]
        size = sum(part.total_uncompressed_size for part in parts if part.path_in_schema.partition(".")[0] == column)
        need_memory(size, f"a row group of {shard.name}", "write row groups of 1,000 images or fewer")
        kind = file.schema_arrow.field(column).type
        leaf = f"{column}.{BYTES}" if _is_struct(kind) else column
        return file.read_row_group(group, columns=[leaf]).column(0)


@contextmanager
def _opened(shard: Shard) -> Iterator[Any]:
    """Yield the Parquet file; raises Unreadable for whatever is wrong with it."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    with shard_file(shard) as file:
        try:
            yield pq.ParquetFile(file, page_checksum_verification=True)
        except (pa.ArrowException, OSError, ValueError, KeyError) as error:
            reason = " ".join(str(error).split())[:120] or type(error).__name__
            raise Unreadable(f"is no readable Parquet file ({reason})") from error


def _image_column(schema: Any, shard: Shard, wanted: str | None) -> str:
    found = [field.name for field in schema if _is_image(field.type)]
    if wanted is not None:
        if wanted not in found:
            there = f"; it has {', '.join(found)}" if found else ""
            raise LabError(f"{shard.address} has no column {wanted!r} of image bytes{nearest(wanted, found)}{there}")
        return wanted
    if not found:
        raise LabError(
            f"{shard.address} has no column of image bytes, plain or as {{bytes, path}}; its columns are "
            f"{', '.join(schema.names)}"
        )
    return next((name for name in IMAGES if name in found), found[0])


def _is_image(kind: Any) -> bool:
    import pyarrow as pa

    if _is_struct(kind):
        return any(part.name == BYTES and _is_image(part.type) for part in kind)
    return pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_binary_view(kind)


def _is_struct(kind: Any) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_struct(kind))


def _is_plain(kind: Any) -> bool:
    import pyarrow as pa

    return not (pa.types.is_nested(kind) or _is_image(kind))


def _class_names(schema: Any) -> dict[str, Sequence[str]]:
    """Return the names of classes by column, as the `datasets` library writes them beside the schema."""
    try:
        features = json.loads((schema.metadata or {})[b"huggingface"])["info"]["features"]
        return {name: [str(n) for n in of["names"]] for name, of in features.items() if of.get("_type") == "ClassLabel"}
    except (KeyError, ValueError, TypeError, AttributeError):
        return {}


def _text(value: Any, names: Sequence[str]) -> str:
    """Return a value as text, a class by its name; -1 is no class there."""
    if names and isinstance(value, int):
        return names[value] if 0 <= value < len(names) else ""
    return text_of(value)
