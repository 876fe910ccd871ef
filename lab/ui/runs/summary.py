"""What a run's card shows of its result: the verdict or first finding, its curve as a small line, a few images.

Small strings, kept by what the run's manifest says; a list of runs reads no more of each than these need.
"""

from __future__ import annotations

import base64
import html
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import streamlit as st

from lab.charts.map_rows import data_url
from lab.charts.theme import MODEL_COLOURS
from lab.errors import LabError
from lab.experiments.result import Result
from lab.runs.folder import RunFolder
from lab.ui.run_cache import finished_result

THUMBNAILS = 3
CURVES = 4  # networks of one small chart
WIDTH, HEIGHT = 132, 44  # pixels
SHORT = 150  # characters of a finding


@dataclass(frozen=True)
class Summary:
    """HTML of a small line and of images ("" without any), the outcome of a verdict, and a finding in short."""

    line: str = ""
    images: str = ""
    outcome: str = ""
    sentence: str = ""


def summary(run: RunFolder) -> Summary:
    """Return the summary of a finished run, an empty one of any other."""
    if run.status != "finished":
        return Summary()
    return _summary(str(run.path), (run.path / "run.json").stat().st_mtime_ns)


@st.cache_data(show_spinner=False, max_entries=512)
def _summary(folder: str, version: int) -> Summary:
    try:
        result = finished_result(RunFolder(Path(folder)))
        outcome = next((found["outcome"] for found in result.manifest.get("verdicts", {}).values()), "")
        said = result.findings[0] if result.findings else ""
        return Summary(_line(result), _images(result), outcome, _in_short(said))
    except (LabError, KeyError, OSError, TypeError, ValueError):  # the run's own page tells what is wrong with it
        return Summary()


def _in_short(sentence: str) -> str:
    """Return the beginning of a finding, cut at the end of a clause or at a word, and before an open parenthesis."""
    first = sentence.partition(";")[0]
    if first.count("(") > first.count(")"):
        first = first.rpartition(" (")[0]
    return first if len(first) <= SHORT else f"{first[:SHORT].rpartition(' ')[0]} …"


def _line(result: Result) -> str:
    """Return the curves of accuracy by depth as a small picture, "" for a result that has none."""
    table = result.tables.get("summary", pd.DataFrame())
    if not {"control", "accuracy", "depth", "model"} <= set(table.columns):
        return ""
    probe = table[table["control"] == "probe"].dropna(subset=["accuracy"]).sort_values("depth", kind="stable")
    if probe.empty:
        return ""
    drawn = [
        _curve(curve["depth"].to_numpy(dtype=float), curve["accuracy"].to_numpy(dtype=float), colour)
        for (_, curve), colour in zip(probe.groupby("model", sort=False), MODEL_COLOURS[:CURVES], strict=False)
    ]
    first, last = probe["accuracy"].iloc[0], probe["accuracy"].iloc[-1]
    about = f"accuracy by depth, from {first:.2f} to {last:.2f}"
    size = f'width="{WIDTH}" height="{HEIGHT}"'
    picture = f'<svg xmlns="http://www.w3.org/2000/svg" {size}>{"".join(drawn)}</svg>'
    url = f"data:image/svg+xml;base64,{base64.b64encode(picture.encode()).decode()}"  # as HTML, svg is taken out
    return f'<img class="lab-line" alt="{about}" src="{url}" {size}>'


def _curve(depth: np.ndarray, share: np.ndarray, colour: str) -> str:
    x, y = 3 + (WIDTH - 6) * depth, 3 + (HEIGHT - 6) * (1 - np.clip(share, 0, 1))
    points = " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(x, y, strict=True))
    end = f'<circle cx="{x[-1]:.1f}" cy="{y[-1]:.1f}" r="3" fill="{colour}"/>'
    return f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"/>{end}'


def _images(result: Result) -> str:
    """Return a few images of a run, of each class in turn."""
    table = result.tables.get("images", pd.DataFrame())
    if "thumbnail" not in table:
        return ""
    named = table["class"] if "class" in table else pd.Series("", index=table.index)
    order = named.groupby(named, sort=False).cumcount().sort_values(kind="stable").index
    urls = (data_url(picture) for picture in table.loc[order, "thumbnail"].head(4 * THUMBNAILS))
    shown = [url for url in urls if url][:THUMBNAILS]
    return "".join(f'<img src="{html.escape(url)}" alt="">' for url in shown)
