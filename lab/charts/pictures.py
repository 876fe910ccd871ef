"""Charts as pictures, made in this process: no browser, no network."""

from __future__ import annotations

import json
from typing import Literal

from lab.charts.accuracy import accuracy_by_depth
from lab.charts.beside import beside_by_depth
from lab.charts.checks import checks_forest
from lab.charts.decisions import confusion_matrix, depth_of_decision, emergence_by_pair
from lab.charts.hero import hero
from lab.charts.label_efficiency import accuracy_by_labels, code_length_by_depth
from lab.charts.lazy_altair import alt
from lab.charts.maps import embedding_maps
from lab.charts.theme import PLAIN, Look, models_of, standalone
from lab.experiments.result import Result

PictureKind = Literal["png", "svg", "json"]
PICTURES: dict[str, PictureKind] = {"svg": "svg", "png": "png", "json": "json"}


def picture(chart: alt.TopLevelMixin, kind: PictureKind, *, look: Look = PLAIN) -> bytes:
    """Return `chart` as PNG, SVG or Vega-Lite JSON, made here without a browser or a network."""
    import vl_convert

    spec = standalone(chart, look)
    if kind == "json":
        return json.dumps(spec, indent=1, allow_nan=False).encode()
    if kind == "svg":
        return str(vl_convert.vegalite_to_svg(spec)).encode()
    return bytes(vl_convert.vegalite_to_png(spec, ppi=look.dpi))


def standard_charts(result: Result) -> dict[str, alt.TopLevelMixin]:
    """Return the charts of a run by file name, as far as its tables allow them."""
    tables = result.tables
    charts: dict[str, alt.TopLevelMixin] = {"poster": hero(tables), "accuracy": accuracy_by_depth(tables)}
    whole = {"checks": checks_forest, "emergence": emergence_by_pair}
    charts |= {name: draw(tables) for name, draw in whole.items() if len(tables.get(name, ()))}
    for number, model in enumerate(models_of(tables["layers"])):
        end = f"-{number + 1}" if number else ""
        charts[f"confusion{end}"] = confusion_matrix(tables, model)
        charts[f"decisions{end}"] = depth_of_decision(tables, model)
        if len(tables.get("beside", ())):
            charts[f"beside{end}"] = beside_by_depth(tables, model)
        if len(tables.get("code_length", ())):
            charts[f"code-length{end}"] = code_length_by_depth(tables, model)
            charts[f"label-efficiency{end}"] = accuracy_by_labels(tables, model)
        if len(tables.get("projection", ())):
            charts[f"maps{end}"] = embedding_maps(tables, model, thumbnails=False)
    return charts
