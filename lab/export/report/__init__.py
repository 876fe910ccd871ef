"""A run as one HTML file: opens offline, fetches nothing, and says how to make it again.

The page's policy (Content-Security-Policy) forbids every connection and every script but the two in the file, named by
their hashes; so neither a file name nor a class name can make it do anything. Charts are interactive (Vega, inlined).
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files

from lab.experiments.result import Result
from lab.export.report.document import document, vega_script
from lab.export.report.markup import tag


def render_report(result: Result) -> str:
    """Return `result` as a self-contained HTML page."""
    from lab.export.report import sections
    from lab.export.report.figures import figures
    from lab.export.report.gallery import galleries, pictured
    from lab.export.report.layers import layers
    from lab.export.report.reproduce import reproduce

    tables = result.tables
    drawn = figures(tables, pictured(tables))
    charts = drawn["charts"]
    descriptions = {name: spec["description"] for name, spec in charts.items()}
    body = tag(
        "main",
        sections.head(result),
        sections.poster(charts),
        sections.accuracy(result, charts),
        sections.checks(result, charts),
        sections.labels(result, charts),
        sections.maps(result, charts),
        galleries(tables, descriptions),
        layers(result),
        sections.aside(result),
        *reproduce(result),
    )
    return document(
        result.request.title(),
        body,
        {"figures": drawn},
        style=_resource("page.css"),
        scripts=[vega_script(), _resource("page.js")],
    )


@cache
def _resource(name: str) -> str:
    return files(__package__).joinpath(name).read_text(encoding="utf-8")
