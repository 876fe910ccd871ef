"""One HTML file that opens offline: its policy allows the lab's own scripts by their hashes, and no connection."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from lab.export.report.markup import Html, data_script, tag, trusted


def document(
    title: str, body: Html, data: Mapping[str, Any], *, style: str, scripts: Sequence[str], **attributes: object
) -> str:
    """Return an HTML page of `body`; `data` are JSON elements by id, `scripts` run in their order, all inline.

    `style` and `scripts` are the lab's own and stand as they are; `attributes` are those of the page's root.
    """
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=policy(scripts)),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("title", title),
        tag("style", trusted(style)),
    )
    told = [data_script(name, value) for name, value in data.items()]
    whole = tag("body", body, *told, *(tag("script", trusted(script)) for script in scripts))
    return f"<!doctype html>\n{tag('html', head, whole, lang='en', **attributes)}\n"


def policy(scripts: Sequence[str]) -> str:
    """Return the Content-Security-Policy of a page with these scripts."""
    return (
        "default-src 'none'; img-src data: blob:; style-src 'unsafe-inline'; "
        f"script-src {' '.join(_hash(script) for script in scripts)}; base-uri 'none'; form-action 'none'"
    )


@cache
def vega_script() -> str:
    """Return Vega, Vega-Lite and Vega-Embed as one script, from the package that also draws pictures."""
    import altair
    import vl_convert

    version = altair.SCHEMA_VERSION.removeprefix("v").rsplit(".", 1)[0]
    script: str = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;", vl_version=version)
    return script.replace("</script", r"<\/script")


def _hash(script: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"
