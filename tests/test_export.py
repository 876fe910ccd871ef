"""Exports carry the same numbers, run nothing in a spreadsheet, and appear whole or not at all."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tables import LAYERS, synthetic_result

from lab.charts.accuracy import accuracy_by_depth
from lab.charts.pictures import picture, standard_charts
from lab.charts.theme import Look
from lab.encode import FORMULA_STARTS, MISSING_NAMES, as_csv, as_parquet, from_csv, neutral, strict
from lab.errors import LabError
from lab.experiments.result import Result
from lab.export import formats
from lab.export.formats import as_json


@pytest.fixture(scope="module")
def result() -> Result:
    return synthetic_result(layers=LAYERS[:3], images=20)


def read_strict(text: str | bytes) -> Any:
    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is not JSON")

    return json.loads(text, parse_constant=refuse)


# CSV


@pytest.mark.parametrize("start", FORMULA_STARTS)
def test_no_cell_and_no_heading_starts_a_formula(start: str) -> None:
    evil = f'{start}HYPERLINK("x")'
    table = pd.DataFrame({evil: [evil, "plain"], "class": ["a", evil]})
    rows = list(csv.reader(io.StringIO(as_csv(table).decode("utf-8-sig"), newline="")))
    assert [cell.startswith(FORMULA_STARTS) for row in rows for cell in row] == [False] * 6
    assert rows[1][0][1:] == evil


@given(st.text())
def test_only_the_apostrophe_is_added(text: str) -> None:
    assert neutral(text) in (text, f"'{text}")
    assert not neutral(text).startswith(FORMULA_STARTS)


@pytest.mark.parametrize("name", [*sorted(MISSING_NAMES), "007", "1.0", "1e5", "inf", "TRUE", "1_000", " 5"])
def test_text_that_is_taken_for_something_else_survives_any_reader(name: str) -> None:
    """Read by pandas as everybody does, nothing is missing or changed but for an apostrophe; by the lab, nothing."""
    table = pd.DataFrame({"class": ["cat", name, f"'{name}"], "value": [1.5, np.nan, 2.0]})
    data = as_csv(table)
    alone = pd.read_csv(io.BytesIO(as_csv(pd.DataFrame({"class": [name] * 2}))))
    assert alone["class"].tolist() == [f"'{name}"] * 2
    assert pd.read_csv(io.BytesIO(data))["class"].tolist() == ["cat", f"'{name}", f"''{name}"]
    pd.testing.assert_frame_equal(from_csv(data), table)


def test_missing_names_are_those_of_pandas() -> None:
    from pandas._libs.parsers import STR_NA_VALUES

    assert STR_NA_VALUES - {""} <= MISSING_NAMES


@settings(deadline=None)
@example([" "])
@given(st.lists(st.text(), min_size=1))
def test_any_text_comes_back_from_csv(cells: list[str]) -> None:
    table = pd.DataFrame({"class": ["a word", *(cell.replace("\r", " ") for cell in cells)]})
    assert from_csv(as_csv(table))["class"].tolist() == table["class"].tolist()


def test_numbers_are_not_text(result: Result) -> None:
    assert neutral(-0.5) == -0.5
    table = pd.DataFrame({"value": [-0.5, -1e-9, np.nan]})
    assert as_csv(table).decode("utf-8-sig").splitlines() == ["value", "-0.5", "-1e-09", '""']


def test_csv_gives_back_every_number(result: Result) -> None:
    assert result.tables
    for name, table in result.tables.items():
        rows = list(csv.DictReader(io.StringIO(as_csv(table).decode("utf-8-sig"), newline="")))
        assert len(rows) == len(table)
        assert set(rows[0]) == {column for column in table.columns if column != "thumbnail"}
        for column in table.select_dtypes("number"):
            read = [float(row[column] or "nan") for row in rows]
            np.testing.assert_array_equal(read, table[column].to_numpy(float), err_msg=f"{name} {column}")


# JSON and Parquet


def test_json_is_strict_and_complete(result: Result) -> None:
    document = read_strict(as_json(result))
    assert document["request"] == result.request.as_dict()
    assert set(document["tables"]) == set(result.tables)
    for name, table in result.tables.items():
        assert len(document["tables"][name]) == len(table)
    chance = next(row for row in document["tables"]["summary"] if row["control"] == "chance")
    assert chance["silhouette"] is None
    accuracy = result["summary"]["accuracy"]
    assert [row["accuracy"] for row in document["tables"]["summary"]] == accuracy.tolist()


def test_strict_values() -> None:
    messy = {"a": np.float32("nan"), "b": (np.int64(3), float("inf")), 4: Path("x"), "c": np.array([1.5]), "d": True}
    assert strict(messy) == {"a": None, "b": [3, None], "4": "x", "c": [1.5], "d": True}


def test_parquet_gives_back_the_tables(result: Result) -> None:
    for table in result.tables.values():
        pd.testing.assert_frame_equal(pd.read_parquet(io.BytesIO(as_parquet(table))), table, check_dtype=False)


# Files


@pytest.mark.parametrize("fmt", ["csv", "parquet", "json", "html", "svg", "spec"])
def test_formats_write_files_of_that_run(fmt: str, result: Result, tmp_path: Path) -> None:
    paths = formats.export_run(result, fmt, tmp_path / "new")
    assert paths
    assert all(path.is_file() and path.stat().st_size for path in paths)
    assert {path.parent for path in paths} in (
        {tmp_path / "new"},
        {tmp_path / "new" / f"{result.request.run_id}-{fmt}"},
    )
    assert result.request.run_id in str(paths[0])
    assert not [path for path in tmp_path.rglob("*") if path.name.startswith(".")]


def test_writing_again_replaces(result: Result, tmp_path: Path) -> None:
    paths = formats.export_run(result, "json", tmp_path)
    paths[0].write_text("older")
    assert formats.export_run(result, "json", tmp_path) == paths
    read_strict(paths[0].read_text())


def test_downloads_are_one_file_and_repeat_byte_for_byte(result: Result) -> None:
    one = formats.download(result, "json")
    assert (one.name, one.media_type) == (f"{result.request.run_id}.json", "application/json")
    many = formats.download(result, "csv")
    assert many == formats.download(result, "csv")
    with zipfile.ZipFile(io.BytesIO(many.content)) as archive:
        assert archive.testzip() is None
        assert set(archive.namelist()) == {f"{name}.csv" for name in result.tables} | {"README.md"}
        readme = archive.read("README.md").decode()
    assert result.request.command() in readme
    assert "apostrophe" in readme


def test_unknown_formats_and_bad_folders_are_told(result: Result, tmp_path: Path) -> None:
    with pytest.raises(LabError, match="nearest: parquet"):
        formats.export_run(result, "parket", tmp_path)
    (tmp_path / "file").write_text("here already")
    with pytest.raises(LabError, match="choose another folder"):
        formats.export_run(result, "json", tmp_path / "file")


# Pictures


def test_pictures_are_made_without_a_browser(result: Result) -> None:
    chart = accuracy_by_depth(result.tables)
    assert picture(chart, "png").startswith(b"\x89PNG\r\n")
    svg = picture(chart, "svg", look=Look(theme="dark")).decode()
    assert svg.startswith("<svg")
    assert "href" not in svg
    assert "#15191c" in svg
    spec = read_strict(picture(chart, "json"))
    assert spec["width"] == 960
    assert spec["datasets"]


def test_a_run_has_a_picture_per_question(result: Result) -> None:
    names = set(standard_charts(result))
    assert {"accuracy", "checks", "emergence", "confusion", "confusion-2", "decisions", "maps"} <= names
    bare = {**result.tables, "projection": result["projection"].iloc[:0], "checks": result["checks"].iloc[:0]}
    assert not {"maps", "checks"} & set(standard_charts(Result(result.request, bare, result.manifest)))


# Embeddings


@pytest.fixture
def embeddings() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    return {f"m@packaged/{layer}": rng.normal(size=(20, 8)).astype(np.float32) for layer in LAYERS[:2]}


def test_embeddings_come_back_from_npz(result: Result, embeddings: dict[str, np.ndarray], tmp_path: Path) -> None:
    path = formats.write_embeddings(tmp_path / "e.npz", embeddings, result["images"])
    with np.load(path, allow_pickle=False) as read:
        assert read["image"].tolist() == result["images"]["image"].tolist()
        assert read["class"].tolist() == result["images"]["class"].tolist()
        for name, array in embeddings.items():
            np.testing.assert_array_equal(read[name], array)


def test_embeddings_come_back_from_safetensors(
    result: Result, embeddings: dict[str, np.ndarray], tmp_path: Path
) -> None:
    from safetensors import safe_open

    turned = {name: np.asfortranarray(array) for name, array in embeddings.items()}
    path = formats.write_embeddings(tmp_path / "deep" / "e.safetensors", turned, result["images"])
    with safe_open(path, framework="numpy") as read:
        assert json.loads(read.metadata()["image"]) == result["images"]["image"].tolist()
        for name, array in embeddings.items():
            np.testing.assert_array_equal(read.get_tensor(name), array)


def test_embeddings_that_do_not_fit_leave_nothing(
    result: Result, embeddings: dict[str, np.ndarray], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(LabError, match="20 rows for 19 images"):
        formats.write_embeddings(tmp_path / "e.npz", embeddings, result["images"].iloc[:19])
    with pytest.raises(LabError, match=r"as \.npz or \.safetensors"):
        formats.write_embeddings(tmp_path / "e.pkl", embeddings, result["images"])

    def torn(file: Any, **arrays: Any) -> None:
        file.write(b"half")
        raise OSError("disk full")

    monkeypatch.setattr(np, "savez", torn)
    with pytest.raises(OSError, match="disk full"):
        formats.write_embeddings(tmp_path / "e.npz", embeddings, result["images"])
    assert list(tmp_path.iterdir()) == []
