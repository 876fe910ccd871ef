"""The charts of a report: specifications that share their data, so that nothing is in the file twice."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd

from lab.charts.accuracy import accuracy_by_depth
from lab.charts.checks import checks_forest
from lab.charts.decisions import confusion_matrix, depth_of_decision, emergence_by_pair
from lab.charts.hero import hero
from lab.charts.label_efficiency import accuracy_by_labels, code_length_by_depth
from lab.charts.lazy_altair import alt
from lab.charts.map_rows import MOST_THUMBNAILS, thumbnail_rows
from lab.charts.maps import depth_walk, embedding_maps
from lab.charts.theme import BACKGROUNDS, SCREENS, Tables, config, models_of, records

NARROW = "-narrow"  # ends the name of a chart that takes another's place where there is little room
THUMBNAILS = "thumbnails"  # the dataset of pictures, which the gallery uses as well


def figures(tables: Tables, pictured: Iterable[str]) -> dict[str, Any]:
    """Return what the page's script draws: charts by name, the datasets they share, and a look per colour scheme.

    `pictured` are the images that must have a thumbnail; others have one as far as `MOST_THUMBNAILS` allows.
    """
    # The tests check these charts against Vega-Lite's schema; checking again here would double the time.
    specs = {name: chart.to_dict(validate=False) for name, chart in _charts(tables).items()}
    datasets: dict[str, list[dict[str, Any]]] = {}
    wanted = list(pictured)
    for title, spec in specs.items():
        for name, rows in spec.pop("datasets", {}).items():
            if rows and set(rows[0]) == {"image", "thumbnail"}:
                _rename(spec, name, THUMBNAILS)
                wanted += [row["image"] for row in rows] if title.startswith("poster") else []
            else:
                datasets[name] = rows
    datasets[THUMBNAILS] = records(_thumbnails(tables, wanted))
    return {
        "charts": specs,
        "datasets": datasets,
        "looks": {scheme: {**config(scheme), "background": BACKGROUNDS[scheme]} for scheme in SCREENS},
    }


def _charts(tables: Tables) -> dict[str, alt.TopLevelMixin]:
    charts: dict[str, alt.TopLevelMixin] = {
        "poster": hero(tables, width=860),
        f"poster{NARROW}": hero(tables, width=280, places=3),
        "accuracy": accuracy_by_depth(tables),
        f"accuracy{NARROW}": accuracy_by_depth(tables, labels="legend"),
    }
    if len(tables.get("checks", ())):
        charts["checks"] = checks_forest(tables)
    if len(tables["emergence"][["class_a", "class_b"]].drop_duplicates()) > 1:
        charts["emergence"] = emergence_by_pair(tables)
    for number, model in enumerate(models_of(tables["layers"])):
        charts[f"confusion-{number}"] = confusion_matrix(tables, model)
        charts[f"decisions-{number}"] = depth_of_decision(tables, model)
        if len(tables.get("code_length", ())):
            charts[f"code-{number}"] = code_length_by_depth(tables, model)
            charts[f"labels-{number}"] = accuracy_by_labels(tables, model)
        if len(tables.get("projection", ())):
            charts[f"walk-{number}"] = depth_walk(tables, model)
            charts[f"maps-{number}"] = embedding_maps(tables, model)
    return charts


def _thumbnails(tables: Tables, pictured: Iterable[str]) -> pd.DataFrame:
    first = thumbnail_rows(tables, pictured)
    others = thumbnail_rows(tables, tables["images"]["image"])
    return pd.concat([first, others]).drop_duplicates("image").head(max(MOST_THUMBNAILS, len(first)))


def _rename(node: Any, old: str, new: str) -> None:
    """Change the name of a dataset wherever a specification refers to it."""
    if isinstance(node, Mapping):
        if node.get("name") == old and isinstance(node, dict):
            node["name"] = new
        for value in node.values():
            _rename(value, old, new)
    elif isinstance(node, list):
        for value in node:
            _rename(value, old, new)
