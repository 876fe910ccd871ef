"""A run as one HTML file: opens offline, fetches nothing, and says how to make it again.

The page's policy (Content-Security-Policy) forbids every connection and every script but the two in the file, named by
their hashes; so neither a file name nor a class name can make it do anything. Charts are interactive (Vega, inlined).
"""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from importlib.resources import files
from typing import Any

from lab.experiments.base import Result
from lab.export.report.markup import Html, data_script, tag, trusted


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
    return _page(result.request.title(), body, drawn)


def _page(title: str, body: Html, drawn: dict[str, Any]) -> str:
    scripts = [_vega(), _resource("page.js")]
    policy = (
        "default-src 'none'; img-src data: blob:; style-src 'unsafe-inline'; "
        f"script-src {' '.join(_hash(script) for script in scripts)}; base-uri 'none'; form-action 'none'"
    )
    page = tag(
        "html",
        tag(
            "head",
            tag("meta", charset="utf-8"),
            tag("meta", http_equiv="Content-Security-Policy", content=policy),
            tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
            tag("meta", name="color-scheme", content="light dark"),
            tag("title", title),
            tag("style", trusted(_resource("page.css"))),
        ),
        tag("body", body, data_script("figures", drawn), *(tag("script", trusted(script)) for script in scripts)),
        lang="en",
    )
    return f"<!doctype html>\n{page}\n"


@cache
def _vega() -> str:
    """Return Vega, Vega-Lite and Vega-Embed as one script, from the package that also draws pictures."""
    import altair
    import vl_convert

    version = altair.SCHEMA_VERSION.removeprefix("v").rsplit(".", 1)[0]
    script: str = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;", vl_version=version)
    return script.replace("</script", r"<\/script")


@cache
def _resource(name: str) -> str:
    return files(__package__).joinpath(name).read_text(encoding="utf-8")


def _hash(script: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"
