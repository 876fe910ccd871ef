"""The report of a question that is asked by fields: what was found in words, its charts, its tables, how to redo it.

Opens offline and runs no script; charts are pictures inside the file.
"""

from __future__ import annotations

import base64
from importlib.resources import files

import pandas as pd

from lab.charts.lazy_altair import alt
from lab.charts.pictures import picture
from lab.charts.theme import Look
from lab.encode import NOT_TEXT
from lab.experiments.number_text import about_ranges
from lab.experiments.result import Result
from lab.export.report.markup import Html, tag, trusted
from lab.export.report.reproduce import again
from lab.export.report.sections import wide_table
from lab.registry import EXPERIMENTS, charts_of

MOST_ROWS = 100
POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"


def render_answer(result: Result) -> str:
    """Return `result` as a self-contained HTML page."""
    title = result.request.title()
    body = tag(
        "main",
        tag("p", EXPERIMENTS[result.request.experiment].question, class_="eyebrow"),
        tag("h1", title),
        *(tag("p", sentence, class_="lead") for sentence in result.findings),
        tag("p", about_ranges(result.findings)),
        *(_figure(chart) for chart in charts_of(result).values()),
        *(_table(name, table) for name, table in result.tables.items()),
        again(result),
    )
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=POLICY),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("title", title),
        tag("style", trusted(files("lab.export.report").joinpath("page.css").read_text(encoding="utf-8"))),
    )
    return f"<!doctype html>\n{tag('html', head, tag('body', body), lang='en')}\n"


def _figure(chart: alt.TopLevelMixin) -> Html:
    about = str(chart.to_dict(validate=False).get("description", "chart"))
    dark = tag("source", srcset=_url(chart, "dark"), media="(prefers-color-scheme: dark)")
    shown = tag("picture", dark, tag("img", src=_url(chart, "light"), alt=about, style="max-width:100%"))
    return tag("section", shown)


def _url(chart: alt.TopLevelMixin, scheme: str) -> str:
    svg = picture(chart, "svg", look=Look(theme="dark" if scheme == "dark" else "light"))
    return "data:image/svg+xml;base64," + base64.b64encode(svg).decode()


def _table(name: str, table: pd.DataFrame) -> Html:
    shown = table.drop(columns=[column for column in NOT_TEXT if column in table])
    rows = [[_cell(value) for value in row] for row in shown.head(MOST_ROWS).itertuples(index=False)]
    more = tag("p", f"The first {MOST_ROWS} of {len(table):,} rows; all are in the other exports.", class_="quiet")
    inner = [wide_table([str(column) for column in shown.columns], rows), more if len(table) > MOST_ROWS else None]
    summary = tag("summary", f"Table {name}: {len(table):,} {'row' if len(table) == 1 else 'rows'}")
    return tag("details", summary, *inner)


def _cell(value: object) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)
