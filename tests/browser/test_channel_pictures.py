"""The pictures of *Channels* in a real browser: large, both ends side by side, enlarged by a click, a wall of pages."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from test_channels_page import finished, tables
from test_journey import settled

from lab.experiments.channels.exemplars import ExemplarsRequest
from lab.experiments.channels.visualize import VisualizeRequest

pytestmark = pytest.mark.timeout(420)
LAYER, MANY, LEAST_SIDE = "blocks.3.2", 70, 204
# Which pictures have come, and how wide they are drawn
SIZES = "images => images.map(one => one.complete && one.naturalWidth > 0 ? one.getBoundingClientRect().width : 0)"


def of_layer() -> dict[str, pd.DataFrame]:
    """The made-up tables of one layer, with pictures of 224 pixels."""
    buffer = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (224, 224, 3), dtype=np.uint8)).save(buffer, "PNG")
    found = {name: table[table["layer"] == LAYER] for name, table in tables().items() if name != "strip"}
    return {**found, "visualizations": found["visualizations"].assign(thumbnail=buffer.getvalue())}


def test_a_sheet_shows_both_ends_large_and_a_click_enlarges_them(dashboard: Any, page: Any) -> None:
    run = finished(VisualizeRequest(layers=LAYER, channels="top:6", negative=True), of_layer())
    page.set_viewport_size({"width": 1440, "height": 1000})
    page.goto(dashboard.at(f"channels?run={run.id}&question=Layer+sheet"))
    cell = page.locator(".grid button").first
    cell.locator(".pair").wait_for()
    settled(page)
    ends = cell.locator(".pair > span")
    assert ends.count() == 2
    assert [ends.nth(k).inner_text().split("\n")[0] for k in (0, 1)] == [
        "What excites it most",
        "What suppresses it most",
    ]
    sizes = cell.locator(".pair > span > img.image").evaluate_all(SIZES)
    assert len(sizes) == 2
    assert min(sizes) >= LEAST_SIDE
    places = [ends.nth(k).bounding_box() for k in (0, 1)]
    assert places[0]["x"] + places[0]["width"] <= places[1]["x"] + 1, "side by side"
    assert places[0]["y"] == places[1]["y"]
    cell.click()
    dialog = page.get_by_role("dialog")
    dialog.locator(".lab-large img").first.wait_for()
    assert min(dialog.locator(".lab-large img").evaluate_all(SIZES)) > max(sizes)
    dialog.get_by_role("button", name="Open its card").wait_for()


def test_a_wall_goes_on_by_pages_and_fits_a_phone(dashboard: Any, page: Any) -> None:
    found = of_layer()
    one = found["exemplars"].query("channel == 3 and end == 'most'")
    exemplars = pd.concat([one.assign(channel=n, target=str(n)) for n in range(MANY)], ignore_index=True)
    channels = pd.DataFrame(
        {"layer": LAYER, "channel": range(MANY), "class": "cat", "auc": 0.6, "rank": range(MANY, 0, -1)}
    )
    run = finished(
        ExemplarsRequest(layers=LAYER, channels="all", count=4, ends="most"),
        {"exemplars": exemplars, "channels": channels},
    )
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(dashboard.at(f"channels?run={run.id}&question=All+channels"))
    cells = page.locator(".grid button")
    cells.first.wait_for()
    settled(page)
    assert cells.count() == 60
    assert cells.first.inner_text().startswith(f"{MANY - 1} of {LAYER}"), "the most selective first"
    page.get_by_role("button", name="Show more").click()
    cells.nth(MANY - 1).wait_for()
    assert cells.count() == MANY
    assert (
        page.evaluate("document.querySelector('.stMain').scrollWidth - document.querySelector('.stMain').clientWidth")
        <= 0
    )
