"""Tar and Parquet shards, on disk and at addresses, give the images that a folder of the same files gives."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fsspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

import lab
from lab.errors import LabError
from lab.images import open_image_set, settled, short_name
from lab.images.catalogue import class_names, stamp, table_columns
from lab.images.parquet_shards import _GROUPS
from lab.images.shard_files import _OPEN
from lab.sweeps.attempt import FINISHED, attempt
from lab.sweeps.plan import read_plan
from lab.sweeps.tables import sweep_tables

NAMES = ("cat", "dog")
COUNT = 12  # images of a shard


def encoded(number: int) -> bytes:
    stream = io.BytesIO()
    pixels = np.random.default_rng(number).integers(0, 256, (24, 24, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(stream, "PNG")
    return stream.getvalue()


def label(number: int) -> int:
    return number * 7 % 2


def table(numbers: range, struct: bool = True, **more: list[Any]) -> pa.Table:
    images = [{"bytes": encoded(k), "path": None} if struct else encoded(k) for k in numbers]
    about = {"info": {"features": {"image": {"_type": "Image"}, "label": {"_type": "ClassLabel", "names": NAMES}}}}
    columns = {"image": images, "label": [label(k) for k in numbers], "site": [f"s{k % 3}" for k in numbers], **more}
    return pa.table(columns).replace_schema_metadata({"huggingface": json.dumps(about)})


def tar(numbers: range) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        for k in numbers:
            told = {"label": NAMES[label(k)], "site": f"s{k % 3}"}
            for ending, data in (("png", encoded(k)), ("json", json.dumps(told).encode())):
                info = tarfile.TarInfo(f"{k:04d}.{ending}")
                info.size = len(data)
                archive.addfile(info, io.BytesIO(data))
    return stream.getvalue()


def parquet(numbers: range, rows: int = 5, **more: Any) -> bytes:
    stream = io.BytesIO()
    pq.write_table(table(numbers, **more), stream, row_group_size=rows)
    return stream.getvalue()


SHARDS = {"tar": tar, "parquet": parquet}
PARTS = [range(COUNT), range(COUNT, 2 * COUNT)]


@pytest.fixture
def memory() -> Iterator[Any]:
    """A file system in memory, empty before and after."""
    system = fsspec.filesystem("memory")
    system.store.clear()
    yield system
    system.store.clear()


@pytest.fixture(params=["folder", "memory://", "file://"])
def place(request: pytest.FixtureRequest, tmp_path: Path, memory: Any) -> tuple[str, Any]:
    """Where shards may lie, and what writes a file there."""
    if request.param == "memory://":
        return "memory://bucket", lambda name, data: memory.pipe_file(f"/bucket/{name}", data)
    folder = str(tmp_path) if request.param == "folder" else f"file://{tmp_path}"
    return folder, lambda name, data: (tmp_path / name).write_bytes(data)


def folder_of(folder: Path, numbers: range) -> str:
    for k in numbers:
        path = folder / NAMES[label(k)] / f"{k:04d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encoded(k))
    return str(folder)


def content(images: Any) -> set[tuple[str, str]]:
    return {(record.digest, images.classes[record.label]) for record in images.records}


@pytest.mark.parametrize("kind", SHARDS)
@pytest.mark.parametrize("name", ["part-{{00000..00001}}.{}", "part-*.{}", ""])
def test_shards_are_a_folder_of_their_images(
    place: Any, kind: str, name: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    where, write = place
    for number, part in enumerate(PARTS):
        write(f"part-{number:05d}.{kind}", SHARDS[kind](part))
    spec = f"{where}/{name.format(kind)}".rstrip("/")
    images = open_image_set(spec)
    assert images.classes == NAMES
    assert images.factor_names == ("site",)
    assert [f"part-{k // COUNT:05d}.{kind}" for k in range(2 * COUNT)] == [
        record.id.partition("/")[0] for record in images.records
    ]
    assert content(images) == content(open_image_set(folder_of(tmp_path_factory.mktemp("as"), range(2 * COUNT))))
    for index, record in enumerate(images.records):
        with Image.open(io.BytesIO(encoded(index))) as whole:
            assert np.array_equal(images.pixels(index), np.asarray(whole)), record.id
    assert class_names(spec) == NAMES
    assert set(table_columns(spec)) == {"label", "site"}
    assert settled(settled(spec)) == settled(spec)
    assert short_name(spec)


@pytest.mark.parametrize("kind", SHARDS)
def test_a_stamp_and_a_digest_follow_what_is_at_an_address(memory: Any, kind: str) -> None:
    memory.pipe_file(f"/a.{kind}", SHARDS[kind](PARTS[0]))
    spec = f"memory://a.{kind}"
    before, images = stamp(spec), open_image_set(spec)
    assert stamp(spec) == before
    memory.pipe_file(f"/a.{kind}", SHARDS[kind](PARTS[1]))
    assert stamp(spec) != before
    _OPEN._files.clear()
    _GROUPS._key = None
    with pytest.raises(LabError, match=r"was changed while it was in use|in its shard"):
        images.pixels(3)
    assert open_image_set(spec).fingerprint != images.fingerprint


def test_plain_bytes_a_named_column_and_rows_without_an_image(tmp_path: Path) -> None:
    rows = table(range(10), struct=False).append_column("thumb", pa.array([encoded(50 + k) for k in range(10)]))
    broken = rows.set_column(0, "image", pa.array([None, b"no image", *(encoded(k) for k in range(2, 10))]))
    pq.write_table(broken, tmp_path / "train-00000-of-00001.parquet")
    images = open_image_set(tmp_path / "train-00000-of-00001.parquet")
    assert len(images) == 8
    assert set(images.parts) == {"train"}
    assert {q.id[-6:]: q.reason for q in images.quarantined} == {
        "000000": "no image in this row",
        "000001": "not a JPEG, PNG, GIF, BMP, WebP, TIFF, PNM, JPEG 2000 or AVIF image",
    }
    other = open_image_set(f"{tmp_path}/train-00000-of-00001.parquet?file_name=thumb")
    assert len(other) == 10
    assert not content(other) & content(images)
    with pytest.raises(LabError, match="no column 'thum' of image bytes"):
        open_image_set(f"{tmp_path}/train-00000-of-00001.parquet?file_name=thum")


@pytest.mark.parametrize("kind", SHARDS)
def test_a_broken_shard_is_counted_and_named(place: Any, kind: str) -> None:
    where, write = place
    whole = SHARDS[kind](PARTS[1])
    write(f"a.{kind}", SHARDS[kind](PARTS[0]))
    write(f"b.{kind}", whole[: len(whole) // 3])
    write(f"c.{kind}", b"nothing of the kind" * 100)
    images = open_image_set(f"{where}/*.{kind}")
    assert {q.id for q in images.quarantined if "/" not in q.id} == {f"b.{kind}", f"c.{kind}"}
    assert any(note.startswith("2 of the 3 shards cannot be read whole: ") for note in images.notes)
    assert COUNT <= len(images) < 2 * COUNT
    with pytest.raises(LabError, match="cannot be read: c"):
        open_image_set(f"{where}/c*.{kind}")


def test_a_damaged_row_group_costs_its_own_images_only(tmp_path: Path) -> None:
    data = bytearray(parquet(PARTS[0], rows=4))
    group = pq.ParquetFile(io.BytesIO(bytes(data))).metadata.row_group(1)
    column = next(c for c in (group.column(k) for k in range(group.num_columns)) if c.path_in_schema == "image.bytes")
    place = column.dictionary_page_offset or column.data_page_offset
    data[place : place + column.total_compressed_size] = bytes(column.total_compressed_size)
    (tmp_path / "a.parquet").write_bytes(data)
    images = open_image_set(tmp_path / "a.parquet")
    assert [q.id for q in images.quarantined] == [f"a.parquet/{k:06d}" for k in range(4, 8)]
    assert len(images) == 8


def test_one_row_group_is_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number, part in enumerate(PARTS):
        (tmp_path / f"{number}.parquet").write_bytes(parquet(part, rows=4))
    read: list[Any] = []
    real = lab.images.parquet_shards._read_group

    def spied(shard: Any, column: str, group: int) -> Any:
        assert _GROUPS._held is None
        read.append((shard.name, group))
        return real(shard, column, group)

    monkeypatch.setattr("lab.images.parquet_shards._read_group", spied)
    images = open_image_set(tmp_path)
    read.clear()
    for index in range(len(images)):
        images.pixels(index)
    assert read == [(f"{number}.parquet", group) for number in range(2) for group in range(3)]


def test_few_blocks_of_an_address_are_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lab.images.shard_files.BLOCK_BYTES", 1000)
    asked: list[int] = []

    class Remote(fsspec.spec.AbstractFileSystem):
        """A store of one shard that gives ranges, as object stores do."""

        protocol = "ranges"
        data = tar(range(40))

        def info(self, path: str, **_: Any) -> dict[str, Any]:
            return {"name": path, "size": len(self.data), "type": "file"}

        def _open(self, path: str, mode: str = "rb", **options: Any) -> Any:
            return fsspec.spec.AbstractBufferedFile(self, path, mode, size=len(self.data), **options)

        def cat_file(self, path: str, start: int | None = None, end: int | None = None, **_: Any) -> bytes:
            return self.data[start:end]

    def fetched(self: Any, start: int, end: int) -> bytes:
        asked.append(end - start)
        return Remote.data[start:end]

    monkeypatch.setattr(fsspec.spec.AbstractBufferedFile, "_fetch_range", fetched, raising=False)
    fsspec.register_implementation("ranges", Remote, clobber=True)
    images = open_image_set("ranges://a.tar")
    assert len(images) == 40
    assert images.classes == NAMES
    assert max(asked) <= 4000 < len(Remote.data)


def test_addresses_that_cannot_be_read(memory: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for spec, told in (
        ("nosuch://a/b.tar", "Protocol not known: nosuch"),
        ("smb://host/a.tar", "needs a package that is not installed: SMB requires"),
        ("memory://nothing/*.tar", "holds no shards"),
        ("memory://nothing/a.tar", "1 of 1 shards are not there"),
    ):
        with pytest.raises(LabError, match=told):
            open_image_set(spec)
    monkeypatch.setenv("FEATURE_LAB_ROOTS", "[]")
    with pytest.raises(LabError, match="cannot be read from this dashboard"):
        open_image_set("memory://a.tar")


NET = "test_resnet@untrained:0"


@pytest.mark.parametrize("kind", SHARDS)
def test_many_images_reads_an_address_as_it_does_a_folder(kind: str, memory: Any, tmp_path: Path) -> None:
    for number, part in enumerate(PARTS):
        memory.pipe_file(f"/bucket/{number}.{kind}", SHARDS[kind](part))
    asked = {"model": NET, "layers": "layer1.0", "folds": 3}
    found = lab.ask("many_images", data=f"memory://bucket/*.{kind}", **asked)
    assert found.manifest["images"] == 2 * COUNT
    folder_of(tmp_path, range(2 * COUNT))
    other = lab.ask("many_images", data=str(tmp_path), **asked)
    assert found["controls"].equals(other["controls"])
    assert found["accuracies"]["numbers"].equals(other["accuracies"]["numbers"])


def test_a_sweep_reads_shards_at_an_address(memory: Any, tmp_path: Path) -> None:
    for number, part in enumerate([range(30), range(30, 60)]):
        (tmp_path / f"{number}.parquet").write_bytes(parquet(part))
        memory.pipe_file(f"/bucket/{number}.parquet", parquet(part))
    images = [{"data": "memory://bucket/{0..1}.parquet", "name": "address"}, {"data": str(tmp_path), "name": "folder"}]
    probes = [{"name": "quick", "controls": ["shuffled"], "repeats": 1, "folds": 3}]
    plan = read_plan({"networks": [NET], "images": images, "probes": probes, "layers": ["layer1.0"]})
    assert [attempt(unit.request.as_dict(), "cpu", 8) for unit in plan.units] == [FINISHED] * 2
    scores = sweep_tables(plan)["scores"]
    one, other = (scores[scores["images"] == name].drop(columns="images") for name in ("address", "folder"))
    assert len(one)
    assert one.reset_index(drop=True).equals(other.reset_index(drop=True))


def test_many_images_uses_a_set_of_any_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lab.images.layout.MOST_UNASKED", 10)
    folder_of(tmp_path, range(2 * COUNT))
    assert len(open_image_set(tmp_path)) == 10
    found = lab.ask("many_images", data=str(tmp_path), model=NET, layers="layer1.0", folds=3)
    assert found.manifest["images"] == 2 * COUNT
