"""A table says which image has which label, part, group and factor; what it says wrongly ends in one sentence."""

from __future__ import annotations

import csv
import json
import time
import zipfile
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from image_sets import scene
from PIL import Image

from lab.errors import LabError
from lab.images import class_names, layout, open_image_set, settled, short_name, stamp, table_columns, with_columns
from lab.images.folder import FileReader
from lab.images.labelled_layout import class_order

COUNT = 24
Rows = list[dict[str, Any]]


@pytest.fixture
def rows(tmp_path: Path) -> Rows:
    """Images in `tmp_path`/im, and what a table says of them."""
    (tmp_path / "im").mkdir()
    for k in range(COUNT):
        Image.fromarray(scene(k, 40, 50)).save(tmp_path / "im" / f"{k}.png")
    return [
        {
            "file_name": f"im/{k}.png", "label": ("cat", "dog")[k % 2], "site": "AB"[k // 12], "camera": f"c{k % 3}",
            "split": "train" if k % 4 < 2 else "test", "age": k * 1.5,
        }
        for k in range(COUNT)
    ]  # fmt: skip


def as_csv(path: Path, rows: Rows) -> None:
    with path.open("w", newline="") as file:
        out = csv.DictWriter(file, rows[0])
        out.writeheader()
        out.writerows(rows)


def as_json_lines(path: Path, rows: Rows) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def as_parquet(path: Path, rows: Rows) -> None:
    pd.DataFrame(rows).to_parquet(path)


WRITERS: dict[str, Callable[[Path, Rows], None]] = {".csv": as_csv, ".jsonl": as_json_lines, ".parquet": as_parquet}


@pytest.mark.parametrize("kind", WRITERS)
def test_every_kind_of_table_says_the_same(kind: str, tmp_path: Path, rows: Rows) -> None:
    WRITERS[kind](tmp_path / f"t{kind}", rows)
    images = open_image_set(f"{tmp_path}/t{kind}?group=site")
    assert images.classes == ("cat", "dog")
    assert [record.id for record in images.records] == [row["file_name"] for row in rows]
    assert [images.classes[label] for label in images.labels] == [row["label"] for row in rows]
    assert list(images.parts) == [row["split"] for row in rows]
    assert list(images.factor("site")) == [row["site"] for row in rows]
    assert images.factor_names == ("site", "camera")
    assert images.grouped
    assert len(set(zip(images.groups, images.factor("site"), strict=True))) == len(set(images.groups)) == 2
    assert np.array_equal(images.pixels(5), np.asarray(Image.open(tmp_path / "im" / "5.png")))


def test_numbers_are_values_rather_than_classes(tmp_path: Path, rows: Rows) -> None:
    as_csv(tmp_path / "t.csv", rows)
    images = open_image_set(tmp_path / "t.csv", target="class")
    assert np.isnan(images.values).all()
    images = open_image_set(f"{tmp_path}/t.csv?label=age", target="number")
    assert images.classes == ("age",)
    assert images.values.tolist() == [row["age"] for row in rows]
    assert images.fingerprint != open_image_set(f"{tmp_path}/t.csv?label=age&split=none", target="number").fingerprint
    with pytest.raises(LabError, match="'cat'"):
        open_image_set(tmp_path / "t.csv", target="number")
    for other in ("digits", str(tmp_path / "im")):
        with pytest.raises(LabError, match="classes, not numbers or several labels"):
            open_image_set(other, target="number")


@pytest.mark.parametrize("zipped", [False, True])
def test_metadata_in_a_folder_or_zip_is_read_as_imagefolder_has_it(
    zipped: bool, tmp_path: Path, rows: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each part in a folder of its own, file names from there, as in the documentation of `datasets`."""
    top = tmp_path / "pets"
    for part in ("train", "test"):
        (top / part).mkdir(parents=True)
        own = [row for row in rows if row["split"] == part]
        for row in own:
            (tmp_path / row["file_name"]).rename(top / part / Path(row["file_name"]).name)
        told = [{"file_name": Path(r["file_name"]).name, "label": r["label"], "site": r["site"]} for r in own]
        as_csv(top / part / "metadata.csv", told)
    spec = top
    if zipped:
        spec = tmp_path / "pets.zip"
        with zipfile.ZipFile(spec, "w") as archive:
            for path in sorted(top.rglob("*.*")):
                archive.write(path, path.relative_to(tmp_path))
    images = open_image_set(spec)
    by_name = {Path(row["file_name"]).name: row for row in rows}
    assert len(images) == COUNT
    for record, part, site in zip(images.records, images.parts, images.factor("site"), strict=True):
        row = by_name[Path(record.id).name]
        assert (images.classes[record.label], part, site) == (row["label"], row["split"], row["site"])
    assert class_names(spec) == ("cat", "dog")
    assert class_names(f"{spec}?label=site") == ("A", "B")
    assert table_columns(spec) == ("file_name", "label", "site")


def test_missing_files_are_listed_and_counted(tmp_path: Path, rows: Rows) -> None:
    gone = [{**rows[0], "file_name": f"im/gone{k}.png"} for k in range(5)]
    unlabelled = {**rows[1], "file_name": "im/1.png", "label": ""}
    as_csv(tmp_path / "t.csv", [*gone, *rows[2:], unlabelled])
    images = open_image_set(tmp_path / "t.csv")
    assert len(images) == COUNT - 2
    reasons = {found.id: found.reason for found in images.quarantined}
    assert reasons == {**{row["file_name"]: "no such file" for row in gone}, "im/1.png": "without a label"}
    assert any(note.startswith(f"5 of the {COUNT + 3} files") and "2 more" in note for note in images.notes)
    as_csv(tmp_path / "t.csv", [*rows[::2], {**gone[0], "label": "dog"}])
    with pytest.raises(LabError, match=r"class 'dog' .* has no file that can be used; 1 were set aside"):
        open_image_set(tmp_path / "t.csv")
    as_csv(tmp_path / "t.csv", gone)
    with pytest.raises(LabError, match="only the class 'cat'"):
        open_image_set(tmp_path / "t.csv")


def test_a_file_that_is_named_twice_counts_once_and_one_with_two_labels_not(tmp_path: Path, rows: Rows) -> None:
    as_csv(tmp_path / "t.csv", [*rows, rows[3], {**rows[5], "label": "cat"}])
    images = open_image_set(tmp_path / "t.csv")
    assert len(images) == COUNT - 1
    assert rows[5]["file_name"] not in {record.id for record in images.records}
    assert any("1 rows name a file once more" in note for note in images.notes)
    assert any("1 files have rows with different labels" in note for note in images.notes)


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        (["cat", "dog", "3"], r"mix text \('cat'\) and numbers \(3\)"),
        (["1.5", "2", "3"], "the label 1.5 is no class"),
    ],
)
def test_labels_that_are_no_classes(labels: Sequence[str], said: str) -> None:
    with pytest.raises(LabError, match=said):
        class_order(labels, "t.csv")


def test_classes_that_are_numbers_come_in_their_order() -> None:
    assert class_order(["10", "2", "1", "2"], "t.csv") == ("1", "2", "10")


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("?label=spcies", "no column 'spcies'"),
        ("?lable=label", "no option 'lable'; nearest: label"),
        ("?split=camera", "the split 'c0'; it must be train"),
        ("?images=nowhere", "there is no folder"),
        ("?factors=age,sight", "no column 'sight'; nearest: site"),
        ("?file_name=site", "none of the 24 files"),
    ],
)
def test_wrong_columns_end_in_a_sentence(query: str, said: str, tmp_path: Path, rows: Rows) -> None:
    as_csv(tmp_path / "t.csv", rows)
    with pytest.raises(LabError, match=said):
        open_image_set(f"{tmp_path}/t.csv{query}")


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("t.csv", b"", "holds no rows"),
        ("t.csv", b"file_name,label\n", "holds no rows"),
        ("t.csv", b"file_name,label\na.png,cat,x\n", "line 2 has 3 fields instead of 2"),
        ("t.csv", b"label,label\nx,y\n", "two columns called 'label'"),
        ("t.csv", b"\xff\xfe\x00bad", "no text in UTF-8"),
        ("t.jsonl", b'{"file_name": "a"}\nnope\n', "line 2 is no JSON"),
        ("t.jsonl", b"[1]\n", "line 1 is no object"),
        ("t.parquet", b"PAR1 not really", "cannot be read as a table"),
        ("t.csv", b"file,what\na.png,cat\n", "no column 'label' of the labels"),
    ],
)
def test_files_that_are_no_tables(name: str, content: bytes, said: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(LabError, match=said):
        open_image_set(tmp_path / name)


def test_paths_lead_nowhere_that_is_off_limits(tmp_path: Path, rows: Rows, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "inside").mkdir()
    as_csv(tmp_path / "inside" / "t.csv", [{**row, "file_name": f"../{row['file_name']}"} for row in rows])
    assert len(open_image_set(tmp_path / "inside" / "t.csv")) == COUNT
    monkeypatch.setenv("FEATURE_LAB_ROOTS", json.dumps([str(tmp_path / "inside")]))
    with pytest.raises(LabError, match="cannot be read from this dashboard"):
        open_image_set(tmp_path / "inside" / "t.csv")
    with pytest.raises(LabError, match="cannot be read from this dashboard"):
        open_image_set(f"{tmp_path}/inside/t.csv?images={tmp_path}/im")


def test_a_spec_of_a_table_survives_being_spelled_out(
    tmp_path: Path, rows: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    as_csv(tmp_path / "my table.csv", rows)
    monkeypatch.chdir(tmp_path)
    spec = settled("my table.csv?label=site&group=camera")
    assert spec == f"{tmp_path}/my table.csv?label=site&group=camera"
    assert settled(spec) == spec
    assert short_name(spec) == "my table.csv"
    assert with_columns(spec, group="", split="none") == f"{tmp_path}/my table.csv?label=site&split=none"
    before = stamp(spec)
    assert before == stamp(spec)
    Image.fromarray(scene(99, 40, 50)).resize((30, 30)).save(tmp_path / "im" / "3.png")
    assert stamp(spec) != before


def test_a_table_of_100_000_rows_opens_in_seconds(tmp_path: Path, rows: Rows) -> None:
    many = [{**rows[0], "file_name": f"im/{k}.png", "label": "ab"[k % 2]} for k in range(100_000)]
    as_csv(tmp_path / "t.csv", many)
    started = time.process_time()  # the machine may be busy with other tests
    assert class_names(tmp_path / "t.csv") == ("a", "b")
    images = open_image_set(tmp_path / "t.csv", per_class=10)
    assert time.process_time() - started < 5
    assert len(images) == 20
    assert len(images.quarantined) == 100_000 - COUNT


def test_of_a_set_larger_than_fits_a_part_is_used_and_nothing_else_is_read(
    tmp_path: Path, rows: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(layout, "MOST_UNASKED", 9)
    for row in rows:
        row["label"] = "rare" if row is rows[0] or row is rows[1] else "common"
    as_csv(tmp_path / "t.csv", rows)
    read: list[str] = []
    real = FileReader.__call__
    monkeypatch.setattr(FileReader, "__call__", lambda self: (read.append(str(self)), real(self))[1])
    images = open_image_set(tmp_path / "t.csv")
    assert sorted(Counter(images.classes[label] for label in images.labels).items()) == [("common", 7), ("rare", 2)]
    assert len(set(read)) <= 9
    assert f"9 of {COUNT} files are used, at most 7 a class, chosen by their names" in images.notes[-1]
    assert open_image_set(tmp_path / "t.csv").fingerprint == images.fingerprint
    assert len(open_image_set(tmp_path / "t.csv", per_class=COUNT)) == COUNT
