"""The atlas of a sweep: what its cells say, on the page and in the file that opens offline."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from pages_helpers import healthy, opened, said
from sweep_work import NETWORKS, light, plan

from lab.charts.atlas import atlas
from lab.cli import main
from lab.errors import LabError
from lab.export import atlas as atlas_file
from lab.export.atlas import atlas_html
from lab.runs.store import open_run
from lab.sweeps.folder import remember
from lab.sweeps.plan import Plan, read_plan
from lab.sweeps.setup import Setup
from lab.sweeps.tables import sweep_tables

CHOICE = {"layers": "stages", "probe": "probe"}


def two_sets(name: str = "drawn:faces") -> Plan:
    images = [{"data": "drawn:pets"}, {"data": "drawn:faces", "name": name}]
    return read_plan({"name": "two", "networks": list(NETWORKS[:3]), "images": images, "seeds": [0, 1]})


@pytest.fixture
def half(light_units: None) -> Plan:
    """Three networks on two sets: two cells whole, one by half, one failed, two not begun."""
    whole = two_sets()
    for unit in whole.units[:5]:
        light(*Setup().arguments(unit))
    open_run(whole.units[6].request).fail("a sentence", "input")
    remember(whole)
    return whole


def drawn(tables: dict[str, pd.DataFrame], **choices: Any) -> dict[str, list[dict[str, Any]]]:
    """The rows of the boxes, the curves and the dots."""
    spec = atlas(tables, **{**CHOICE, **choices}).to_dict()
    boxes, _, curves, dots, _ = (spec["datasets"][layer["data"]["name"]] for layer in spec["layer"])
    return {"boxes": list(boxes), "curves": list(curves), "dots": list(dots)}


def test_a_cell_has_its_best_layer_its_curve_and_how_much_is_there(half: Plan) -> None:
    tables = sweep_tables(half)
    found = drawn(tables)
    assert [(box["network"], box["images"]) for box in found["boxes"]] == [
        (network, images) for network in half.networks for images in half.images
    ]
    assert [box["units"] for box in found["boxes"]] == ["2/2", "2/2", "1/2", "0/2", "0/2", "0/2"]
    coverage = tables["coverage"].set_index(["network", "images"])
    for box in found["boxes"][:3]:
        row = coverage.loc[box["network"], box["images"]]
        assert box["layer"] == row["best_layer"]
        assert box["best"] == pytest.approx(row["best_accuracy"], abs=1e-4)
        assert box["shown"] == f"{row['best_accuracy']:.2f}"
    assert found["boxes"][3]["best"] is None
    assert found["boxes"][3]["shown"] == "0/2"
    curve = [point for point in found["curves"] if point["cell"] == found["boxes"][0]["cell"]]
    assert [point["depth"] for point in curve] == [0.0, 1.0]
    assert len(found["dots"]) == 3


def test_colour_is_the_share_of_what_is_above_chance(half: Plan) -> None:
    tables = sweep_tables(half)
    chance = tables["layers"].iloc[[0]].assign(control="chance", layer="", accuracy=0.25)
    box = drawn({**tables, "layers": pd.concat([tables["layers"], chance])})["boxes"][0]
    assert box["gain"] == pytest.approx((box["best"] - 0.25) / 0.75, abs=1e-3)


def test_the_file_opens_offline_and_every_cell_leads_to_its_layers(half: Plan) -> None:
    page = atlas_html(half, sweep_tables(half))
    assert "default-src &#x27;none&#x27;" in page
    assert "<script" not in page
    assert not re.search(r"""(src|href|url\()=?["']?(https?:)?//""", page.replace('xmlns="http://', "").replace(
        'xmlns:xlink="http://', ""))  # fmt: skip
    links = set(re.findall(r'href="#([^"]+)"', page))
    assert len(links) == 6
    assert links == set(re.findall(r'<section id="([^"]+)"', page))
    for unit in half.units:
        assert unit.request.run_id in page
    assert "1/2" in page


def test_a_hostile_name_is_only_text(light_units: None) -> None:
    whole = two_sets('<img src=x onerror="alert(1)">"]&')
    for unit in whole.units[:4]:
        light(*Setup().arguments(unit))
    page = atlas_html(whole, sweep_tables(whole))
    assert "<img" not in page
    assert "&lt;img src=x" in page


def test_a_file_that_would_be_too_large_is_refused(half: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(atlas_file, "MOST_BYTES", 1000)
    with pytest.raises(LabError, match="take fewer networks"):
        atlas_html(half, sweep_tables(half))


def test_a_sweep_of_fifty_networks_stays_below_two_megabytes(light_units: None) -> None:
    networks = [f"tf_efficientnet_lite0@untrained:{seed}" for seed in range(50)]
    images = [{"data": "drawn:pets", "per_class": 10 + k} for k in range(4)]
    many = read_plan({"name": "many", "networks": networks, "images": images})
    layers = pd.DataFrame(
        [
            {**{key: unit.place[key] for key in ("network", "images", "layers", "probe")}, "layer": f"blocks.{k}",
             "depth": k / 17, "dim": 8, "control": "probe", "accuracy": 0.5 + k / 40, "finished": 1, "planned": 1}
            for unit in many.units for k in range(18)
        ]
    )  # fmt: skip
    units = pd.DataFrame([{**u.place, "run": u.request.run_id, "status": "finished", "reason": ""} for u in many.units])
    page = atlas_html(many, {"units": units, "layers": layers})
    assert 100_000 < len(page.encode()) <= 1_000_000  # of two million for twice as many sets


def test_the_command_writes_the_file(half: Plan, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "atlas.html"
    assert main(["sweep", half.id, "--show", "--json", "--html", str(file)]) == 0
    shown = capsys.readouterr()
    assert json.loads(shown.out)["finished"] == 5
    assert str(file) in shown.err
    # Vega numbers the gradients of a process.
    written, again = (re.sub(r"gradient_\d+|view_\w+", "", page) for page in
                      (file.read_text(), atlas_html(half, sweep_tables(half))))  # fmt: skip
    assert written == again


def test_the_page_shows_the_atlas_first_and_the_tabs_of_the_sweep(half: Plan) -> None:
    app = healthy(opened("sweep", sweep=half.id))
    assert len(app.get("vega_lite_chart")) == 1
    assert "What can each network tell" in said(app)
    assert "A click on a box" in said(app)
    assert "5 of 12 units finished" in app.get("progress")[0].proto.text


def test_a_sweep_of_one_set_has_an_atlas_too(light_units: None) -> None:
    one = plan(seeds=1)
    light(*Setup().arguments(one.units[0]))
    assert len(drawn(sweep_tables(one))["boxes"]) == 4
