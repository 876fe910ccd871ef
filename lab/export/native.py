"""What a result shows of itself in Python and in a notebook: a chart, a table, LaTeX, HTML.

`Result.chart`, `.to_pandas`, `.to_latex`, `.save_chart` and `._repr_html_` are these functions.
"""

from __future__ import annotations

import html
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pandas as pd

from lab.charts.accuracy import accuracy_by_depth
from lab.charts.lazy_altair import alt
from lab.charts.pictures import PICTURES, PictureKind, picture
from lab.charts.theme import PLAIN, Look, fitted, is_single
from lab.encode import NOT_TEXT
from lab.errors import LabError, nearest
from lab.experiments.nicknames import renamed
from lab.experiments.result import Result
from lab.files import write_bytes
from lab.registry import charts_of

MAIN_TABLES = ("summary", "accuracy", "models")  # what a reader wants first, of questions that have one
CURVES = "accuracy"  # the chart that is shown where none is named, of questions that have it
SHOWN_ROWS = 40
CURVE = Look(760, 320, "paper")  # of a notebook's cell, in a font that is as wide in every browser
OUTCOMES = {"for": "Shown", "against": "Refuted", "undecided": "Not shown"}


def chart(
    result: Result, name: str = "", look: Look = PLAIN, nicknames: Mapping[str, str] | None = None
) -> alt.TopLevelMixin:
    """Return a chart by its name (none: that of accuracies, else the first), in the size and colours of `look`.

    Raises LabError for a chart that the result has not.
    """
    shown = renamed(result, nicknames or {})
    charts = charts_of(shown)
    if not charts:
        raise LabError(f"run {result.request.run_id} has no charts; its tables are {', '.join(result.tables)}")
    name = name or (CURVES if CURVES in charts else next(iter(charts)))
    if name not in charts:
        raise LabError(f"there is no chart {name!r}{nearest(name, charts)}; this result has {', '.join(charts)}")
    return fitted(_of_height(shown, name, charts[name], look), look)


def pictures(result: Result, kind: PictureKind, look: Look = PLAIN, only: str = "") -> dict[str, bytes]:
    """Return every chart of a result as a picture, by file name; those made of several keep their own size."""
    charts = {only: chart(result, only)} if only else charts_of(result)
    if not charts:
        raise LabError(f"run {result.request.run_id} has no charts; export it as html, csv, parquet or json")
    found = {}
    for name, drawn in charts.items():
        own = look if only or is_single(drawn) else replace(look, width=None, height=None)
        found[f"{name}.{kind}"] = picture(_of_height(result, name, drawn, own), kind, look=own)
    return found


def _of_height(result: Result, name: str, drawn: alt.TopLevelMixin, look: Look) -> alt.TopLevelMixin:
    """Return the chart drawn for the height that is wanted, where labels at the ends of its curves need to know it."""
    if name == CURVES and look.height and result.request.experiment == "probe":
        return accuracy_by_depth(result.tables, height=look.height)
    return drawn


def save_chart(
    result: Result, path: str | Path, name: str = "", look: Look = PLAIN, nicknames: Mapping[str, str] | None = None
) -> Path:
    """Write a chart as .svg, .png (with its dots per inch) or .json (Vega-Lite) and return the path."""
    target = Path(path).expanduser()
    kind = PICTURES.get(target.suffix.lower().removeprefix("."))
    if kind is None:
        raise LabError(f"{target.name} is no picture that can be written; end it with .{', .'.join(PICTURES)}")
    write_bytes(target, picture(chart(result, name, look, nicknames), kind, look=look))
    return target


def table(result: Result, name: str = "") -> pd.DataFrame:
    """Return a copy of one of a result's tables, the one that answers the question when none is named."""
    if not name:
        name = next((main for main in MAIN_TABLES if main in result.tables), next(iter(result.tables), ""))
    if name not in result.tables:
        raise LabError(f"there is no table {name!r}{nearest(name, result.tables)}; it has {', '.join(result.tables)}")
    return result.tables[name].copy()


def latex(result: Result, name: str = "", nicknames: Mapping[str, str] | None = None) -> str:
    """Return a table in LaTeX, for the package booktabs; of a probe without a name, a row a layer with its controls."""
    shown = renamed(result, nicknames or {})
    rows = table(shown, name) if name or shown.request.experiment != "probe" else every_layer(shown)
    rows = rows.drop(columns=[column for column in NOT_TEXT if column in rows])
    return str(rows.to_latex(index=False, escape=True, float_format="%.3f", na_rep="--"))


def every_layer(result: Result) -> pd.DataFrame:
    """Return one row a network and layer of a probe: accuracy with its interval, each control beside it."""
    summary = result.tables["summary"]
    layers = summary[summary["layer"] != ""]
    parts = [
        layer_rows(rows, summary).assign(network=str(model)) for model, rows in layers.groupby("model", sort=False)
    ]
    joined = pd.concat(parts, ignore_index=True)
    names = ["network", *(column for column in joined if column != "network")]
    return joined[names if len(parts) > 1 else names[1:]]


def layer_rows(layers: pd.DataFrame, summary: pd.DataFrame) -> pd.DataFrame:
    """Return one row a layer of one network, as text: depth, size, accuracy with its interval, and the controls."""
    probe = layers[layers.control == "probe"].set_index("layer")
    shown = pd.DataFrame(
        {
            "layer": probe.index,
            "depth": probe.depth.map("{:.2f}".format).to_list(),
            "dim": probe.dim.to_list(),
        }
    )
    shown["accuracy"] = [f"{r.accuracy:.3f} [{r.ci_low:.2f}, {r.ci_high:.2f}]" for r in probe.itertuples()]
    for control in ("matched", "untrained", "shuffled"):
        rows = layers[layers.control == control].set_index("layer")
        if len(rows):
            shown[control] = rows.accuracy.reindex(probe.index).map("{:.3f}".format).to_list()
    for baseline in summary[summary.layer == ""].itertuples():
        shown[baseline.control] = f"{baseline.accuracy:.3f}"
    return shown


def as_html(result: Result) -> str:
    """Return what a notebook shows: the verdict or the findings, the first chart as SVG, the table, what to mind."""
    verdicts = result.manifest.get("verdicts", {})
    said = [_verdict(found) for found in verdicts.values()] or [f"<p>{html.escape(f)}</p>" for f in result.findings]
    problems = [f"<p><em>Mind: {html.escape(p)}</em></p>" for p in result.manifest.get("problems", ())]
    drawn = _curve(result).decode()
    rows = every_layer(result) if result.request.experiment == "probe" else table(result).head(SHOWN_ROWS)
    rows = rows.drop(columns=[column for column in NOT_TEXT if column in rows])
    body = rows.to_html(index=False, border=0, float_format="{:.3f}".format, na_rep="")
    title = html.escape(result.request.title())
    return f"<div><h4>{title}</h4>{''.join(said)}{drawn}{body}{''.join(problems)}</div>"


def _curve(result: Result) -> bytes:
    """Return the chart that answers the question as SVG, nothing of a question without charts."""
    if not charts_of(result):
        return b""
    shown = chart(result)
    look = CURVE if is_single(shown) else PLAIN
    return picture(chart(result, look=look), "svg", look=look)


def _verdict(found: Mapping[str, str]) -> str:
    outcome, _, rest = found["sentence"].partition(":")
    if not rest:
        outcome, rest = OUTCOMES.get(found["outcome"], ""), found["sentence"]
    return f"<p><strong>{html.escape(outcome)}:</strong>{html.escape(rest)}</p>"
