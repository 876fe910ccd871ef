"""A sweep as one HTML file that opens offline: its atlas, and behind every cell the layers and the run.

The picture is the chart of the page *Sweep*, drawn here as SVG; a click on a cell goes to its layers below. There is no
script in the file, and its policy forbids every connection.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import pandas as pd

from lab.charts.atlas import atlas
from lab.charts.pictures import picture
from lab.charts.theme import Look
from lab.errors import LabError
from lab.export.report.document import document
from lab.export.report.markup import Html, tag, trusted
from lab.sweeps.plan import Plan

MOST_BYTES = 2_000_000
WIDEST = 1400  # pixels of the picture
CELL_WIDTH, NAMES_WIDTH = 150, 300
STYLE = """
body { font: 16px/1.5 system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif; margin: 0 auto; padding: 1rem;
  max-width: 90rem; color: #23272b; background: #fcfbf8; }
.picture { overflow-x: auto; } .picture svg { max-width: none; }
section { scroll-margin-top: 1rem; border-top: 1px solid #e4e0d7; padding: .5rem 0; }
section:target { background: #eef4fb; }
table { border-collapse: collapse; } th, td { padding: .1rem .8rem .1rem 0; text-align: left; }
td.number { text-align: right; font-variant-numeric: tabular-nums; } code { overflow-wrap: anywhere; }
"""
COLUMNS = {"layer": "layer", "depth": "depth", "accuracy": "accuracy", "finished": "units finished"}


def atlas_html(plan: Plan, tables: Mapping[str, pd.DataFrame]) -> str:
    """Return the atlas of a sweep for each choice of layers and probe in its plan, with the layers of every cell.

    Raises LabError where it would be larger than `MOST_BYTES`.
    """
    parts = [
        part
        for number, (layers, probe) in enumerate((a, b) for a in plan.layers for b in plan.probes)
        for part in _atlas(plan, tables, layers, probe, number)
    ]
    done, planned = int((tables["units"]["status"] == "finished").sum()), len(tables["units"])
    head = [tag("h1", plan.name), tag("p", f"{done} of {planned} units of {plan.id} are finished.")]
    page = document(plan.name, tag("main", *head, *parts), {}, style=STYLE, scripts=[])
    if len(page.encode()) > MOST_BYTES:
        raise LabError(
            f"the atlas of {plan.name} would be larger than {MOST_BYTES // 10**6} MB; take fewer networks, image sets, "
            "layers or probes into one plan"
        )
    return page


def _atlas(plan: Plan, tables: Mapping[str, pd.DataFrame], layers: str, probe: str, number: int) -> list[Html]:
    link = partial(_anchor, plan, number)
    chart = atlas(tables, layers=layers, probe=probe, link=lambda network, images: f"#{link(network, images)}")
    width = min(WIDEST, NAMES_WIDTH + CELL_WIDTH * len(plan.images))
    # The SVG is made here of the lab's own chart, in which every text is escaped.
    drawn = trusted(picture(chart, "svg", look=Look(width=width)).decode())
    several = len(plan.layers) * len(plan.probes) > 1
    cells = [
        _cell(tables, network, images, layers, probe, link(network, images))
        for network in plan.networks
        for images in plan.images
    ]
    return [tag("h2", f"Layers {layers}, probe {probe}") if several else Html(""), tag("div", drawn, class_="picture"),
            *cells]  # fmt: skip


def _anchor(plan: Plan, number: int, network: str, images: str) -> str:
    return f"cell-{number}-{plan.networks.index(network)}-{list(plan.images).index(images)}"


def _cell(tables: Mapping[str, pd.DataFrame], network: str, images: str, layers: str, probe: str, anchor: str) -> Html:
    place = {"network": network, "images": images, "layers": layers, "probe": probe}
    units, found = (_at(tables[name], place) for name in ("units", "layers"))
    probes = found[found["control"] == "probe"].sort_values("depth", kind="stable")
    rows = [
        tag(
            "tr",
            tag("td", row.layer),
            tag("td", f"{row.depth:.2f}", class_="number"),
            tag("td", f"{row.accuracy:.3f}", class_="number"),
            tag("td", f"{row.finished}/{row.planned}", class_="number"),
        )
        for row in probes.itertuples()
    ]
    told = [tag("p", f"Seed {row.seed}: {row.status}. {row.reason} ", tag("code", _command(row.run)))
            for row in units.itertuples()]  # fmt: skip
    head = tag("tr", *(tag("th", title, scope="col") for title in COLUMNS.values()))
    table = tag("table", tag("thead", head), tag("tbody", *rows)) if rows else None
    return tag("section", tag("h3", f"{network} on {images}"), *told, table, id=anchor)


def _at(table: pd.DataFrame, place: Mapping[str, str]) -> pd.DataFrame:
    for name, value in place.items():
        table = table[table[name] == value]
    return table


def _command(run: str) -> str:
    return f"feature-lab export {run}"
