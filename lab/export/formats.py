"""A run in the formats that other programs read: CSV, Parquet, JSON, an HTML report, charts, embeddings.

How tables become text is in `lab.encode`, how charts become pictures in `lab.charts.pictures`. Files appear whole
or not at all.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from lab.charts.pictures import PictureKind
from lab.charts.theme import PLAIN, Look
from lab.embeddings.vector_files import ABOUT
from lab.encode import NOT_TEXT, as_csv, as_parquet, records, strict, text_records
from lab.errors import LabError, nearest
from lab.experiments.result import Result
from lab.export.lesson import render_lesson
from lab.export.lesson.of_run import slides_of
from lab.export.lesson.plan import Plan
from lab.export.native import latex, pictures
from lab.export.report import render_report
from lab.export.report.answer import render_answer
from lab.files import replacing, write_bytes
from lab.registry import as_markdown

if TYPE_CHECKING:
    from lab.charts.pictures import PictureKind

ROW_COLUMNS: Final = ("image", "class", "group", "split")  # of every image, beside its vectors


@dataclass(frozen=True)
class Format:
    """A way to write a run: `files` gives names and contents; several files share a folder, or a zip."""

    name: str
    title: str
    media_type: str
    files: Callable[[Result], dict[str, bytes]]
    kind: PictureKind | None = None  # of charts


@dataclass(frozen=True)
class Download:
    """One file to hand out."""

    name: str
    media_type: str
    content: bytes


def export_run(
    result: Result,
    fmt: str,
    out_dir: Path | str,
    *,
    look: Look = PLAIN,
    chart: str = "",
    plan: Plan | None = None,
) -> list[Path]:
    """Write `result` as `fmt` into `out_dir` (made if needed) and return the paths.

    Formats of several files write a folder named by the run. Charts are drawn as `look` says; `chart` names one of
    them. A lesson follows `plan`. Raises LabError for an unknown format.
    """
    chosen = _format(fmt)
    if plan is not None and fmt != "lesson":
        raise LabError(f"a plan is for --format lesson, not for {fmt}")
    files = pictures(result, chosen.kind, look, chart) if chosen.kind else chosen.files(result)
    files = _lesson(result, plan) if plan is not None else files
    stem = result.request.run_id
    target = Path(out_dir) / f"{stem}-{fmt}" if len(files) > 1 else Path(out_dir)
    written = []
    try:
        for name, content in files.items():
            path = target / (name if len(files) > 1 else f"{stem}{_ending(fmt, name)}")
            write_bytes(path, content)
            written.append(path)
    except OSError as error:
        raise LabError(f"{target} cannot be written to ({error}); choose another folder") from error
    return written


def download(result: Result, fmt: str) -> Download:
    """Return `result` as `fmt` in one file; several files are zipped. Raises LabError for an unknown format."""
    chosen = _format(fmt)
    files = chosen.files(result)
    stem = result.request.run_id
    if len(files) == 1:
        (name,) = files
        return Download(f"{stem}{_ending(fmt, name)}", chosen.media_type, files[name])
    return Download(f"{stem}-{fmt}.zip", "application/zip", zipped(files))


def zipped(files: Mapping[str, bytes]) -> bytes:
    """Return a zip of `files`, the same bytes for the same files."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            entry = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, content)
    return buffer.getvalue()


def write_embeddings(
    path: Path | str, embeddings: Mapping[str, np.ndarray], images: pd.DataFrame, about: Mapping[str, Any] | None = None
) -> Path:
    """Write arrays `(N, D)` by name (layer, or model/layer) to a `.npz` or `.safetensors` file and return its path.

    `images` is the run's table of images: its columns image, class and what there is of `ROW_COLUMNS`, in the rows'
    order, travel along (arrays in `.npz`, JSON in the metadata of `.safetensors`), and so does `about` (JSON). Raises
    LabError for another suffix or rows that do not match.
    """
    path = Path(path)
    for name, array in embeddings.items():
        if len(array) != len(images):
            raise LabError(f"{name} has {len(array)} rows for {len(images)} images; give the images they are of")
    columns = {name: images[name].to_numpy() for name in ROW_COLUMNS if name in images}
    if path.suffix not in (".npz", ".safetensors"):
        raise LabError(f"embeddings are written as .npz or .safetensors, not {path.suffix or path.name!r}")
    told = {} if about is None else {ABOUT: json.dumps(about)}
    with replacing(path) as file:
        if path.suffix == ".npz":
            texts = {name: a if a.dtype.kind in "iu" else a.astype(np.str_) for name, a in columns.items()}
            np.savez(file, allow_pickle=False, **texts, **{n: np.array(t) for n, t in told.items()}, **dict(embeddings))
        else:
            from safetensors.numpy import save

            arrays = {name: np.ascontiguousarray(array) for name, array in embeddings.items()}
            file.write(save(arrays, metadata=told | {name: json.dumps(a.tolist()) for name, a in columns.items()}))
    return path


def export_embeddings(result: Result, path: Path | str, embeddings: Mapping[str, np.ndarray]) -> Path:
    """Write what `embeddings_of` returns, with all that the same verdict needs when it is read back by `feature-lab
    probe --embeddings`: groups, order of classes, depths, and the split if it was given."""
    images: pd.DataFrame = result["images"]
    splits = result["splits"]
    if (splits["fold"] < 0).any():
        images = images.assign(split=np.where(splits["fold"] < 0, "train", "test"))
    layers = [
        {"array": f"{row['model']}/{row['layer']}", **row}
        for row in records(result["layers"][["model", "layer", "depth"]])
    ]
    about = {"classes": result.manifest.get("classes", []), "layers": layers}
    return write_embeddings(path, embeddings, images, about)


def as_json(result: Result) -> str:
    """Return the whole run as one strict JSON document: run, request, manifest, tables (lists of rows)."""
    tables = {name: text_records(table) for name, table in result.tables.items()}
    document = {
        "run": result.request.run_id,
        "request": result.request.as_dict(),
        "manifest": strict(result.manifest),
        "tables": tables,
    }
    return json.dumps(document, allow_nan=False, ensure_ascii=False)


def _format(name: str) -> Format:
    if name not in FORMATS:
        raise LabError(f"there is no export format {name!r}{nearest(name, FORMATS)}; known: {', '.join(FORMATS)}")
    return FORMATS[name]


def _ending(fmt: str, name: str) -> str:
    """Return what follows a run's id in the name of its only file: the report and the lesson are both HTML."""
    return f"-{name}" if fmt.startswith("lesson") else Path(name).suffix


def _csv_files(result: Result) -> dict[str, bytes]:
    files = {f"{name}.csv": as_csv(table) for name, table in result.tables.items()}
    return {**files, "README.md": _readme(result, CSV_NOTE).encode()}


def _parquet_files(result: Result) -> dict[str, bytes]:
    files = {f"{name}.parquet": as_parquet(table) for name, table in result.tables.items()}
    manifest = {"run": result.request.run_id, "request": result.request.as_dict(), **strict(result.manifest)}
    return {**files, "run.json": json.dumps(manifest, indent=1, allow_nan=False).encode()}


def _report(result: Result) -> dict[str, bytes]:
    render = render_report if "decisions" in result.tables else render_answer
    return {"report.html": render(result).encode()}


def _lesson(result: Result, plan: Plan | None = None) -> dict[str, bytes]:
    return {"lesson.html": render_lesson(result, plan).encode(errors="replace")}


def _lesson_plan(result: Result) -> dict[str, bytes]:
    return {"plan.toml": slides_of(result).plan.as_toml().encode(errors="replace")}


def _readme(result: Result, note: str) -> str:
    columns = {name: [c for c in table.columns if c not in NOT_TEXT] for name, table in result.tables.items()}
    told = as_markdown(result.request.experiment, columns)
    return f"# {result.request.title()}\n\n    {result.request.command()}\n\n{note}\n\n{told}"


CSV_NOTE = (
    "Text that starts with =, +, -, @, a tab or a line break has an apostrophe in front, so that no spreadsheet runs "
    "it as a formula, and so has text that a reader takes for a missing value (NA, None, nan, null) or for a number "
    "(007, 1.0); remove that one character to get the text back, or read the files with `lab.encode.from_csv`. Empty "
    "cells are values that do not exist. Files are UTF-8 with a byte order mark."
)
FORMATS: dict[str, Format] = {
    row.name: row
    for row in (
        Format("csv", "Tables as CSV (spreadsheets)", "text/csv", _csv_files),
        Format("parquet", "Tables as Parquet (pandas, R, DuckDB)", "application/vnd.apache.parquet", _parquet_files),
        Format("json", "Everything as JSON", "application/json", lambda r: {"run.json": as_json(r).encode()}),
        Format("html", "Report as one HTML file", "text/html", _report),
        Format("lesson", "Lesson: predict first, then see", "text/html", _lesson),
        Format("lesson-plan", "Plan of the lesson, to edit", "application/toml", _lesson_plan),
        Format("png", "Charts as PNG", "image/png", lambda r: pictures(r, "png"), "png"),
        Format("svg", "Charts as SVG", "image/svg+xml", lambda r: pictures(r, "svg"), "svg"),
        Format("spec", "Charts as Vega-Lite", "application/json", lambda r: pictures(r, "json"), "json"),
        Format("latex", "A table for LaTeX", "application/x-tex", lambda r: {"table.tex": latex(r).encode()}),
    )
}
