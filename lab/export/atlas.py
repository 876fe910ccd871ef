"""A sweep as one HTML file that opens offline: its atlas, and behind every cell the layers and the run.

The picture is the chart of the page *Sweep*, drawn here as SVG; a click on a cell goes to its layers below. There is no
script in the file, and its policy forbids every connection.
"""

from __future__ import annotations

import re
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
LINK = re.compile(r'xlink:href="[^"#]*(#cell-[0-9-]+)"')
CELL_WIDTH, NAMES_WIDTH = 150, 300
STYLE = """
body { font: 16px/1.5 system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif; margin: 0 auto; padding: 1rem;
  max-width: 90rem; color: #23272b; background: #fcfbf8; }
.picture { overflow-x: auto; padding-left: 3rem; } .picture svg { max-width: none; overflow: visible; }
section { scroll-margin-top: 1rem; border-top: 1px solid #e4e0d7; padding: .5rem 0; }
section:target { background: #eef4fb; }
pre { overflow-x: auto; font-size: 14px; } code { overflow-wrap: anywhere; }
"""


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
    # The SVG is made here of the lab's own chart, in which every text is escaped; Vega puts an address before links.
    drawn = trusted(LINK.sub(r'xlink:href="\1"', picture(chart, "svg", look=Look(width=width)).decode()))
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
    width = max((len(name) for name in probes["layer"]), default=0)
    lines = [
        f"{row.layer:{width}}  {row.depth:5.2f}  {row.accuracy:8.3f}  {row.finished}/{row.planned}"
        for row in probes.itertuples()
    ]
    told = [
        tag("p", f"Seed {row.seed}: {row.status}. {row.reason} ", tag("code", f"feature-lab export {row.run}"))
        for row in units.itertuples()
    ]
    # Plain text: as rows of a table a sweep of many networks would be a file of several megabytes.
    head = f"{'layer':{width}}  depth  accuracy  units finished"
    listed = tag("pre", "\n".join([head, *lines])) if lines else None
    return tag("section", tag("h3", f"{network} on {images}"), *told, listed, id=anchor)


def _at(table: pd.DataFrame, place: Mapping[str, str]) -> pd.DataFrame:
    for name, value in place.items():
        table = table[table[name] == value]
    return table
