"""The page *Channels* in every state, from runs with made-up tables: no network is loaded."""

from __future__ import annotations

import io
import json
import os
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from fake_runs import running_run
from pages_helpers import healthy, opened, said
from PIL import Image

from lab.charts.depth_gif import walk
from lab.charts.map_rows import light
from lab.errors import LabError
from lab.experiments.channels.channel import ChannelRequest
from lab.experiments.channels.channel_names import check_channels
from lab.experiments.channels.depth_strip import DepthStripRequest
from lab.experiments.channels.exemplars import ExemplarsRequest
from lab.experiments.channels.kernels import KernelsRequest
from lab.experiments.channels.optimised import WantedImage, keep_unfinished
from lab.experiments.channels.scan_context import ScanRequest
from lab.experiments.channels.visualize import VisualizeRequest
from lab.experiments.result import Result
from lab.layers import Layer
from lab.registry import charts_of
from lab.runs import jobs
from lab.runs.store import RunFolder, open_run
from lab.ui.channels import wall
from lab.ui.channels.tiles import patches, strip

LAYERS = ("bn1", "blocks.3.2", "bn2")
EVIL = "<b>:red[dog]</b>"
TABS = ("Depth strip", "Layer sheet", "All channels", "Channel card", "First filters")


def picture() -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (8, 8), (200, 80, 40)).save(buffer, "PNG")
    return buffer.getvalue()


def tables() -> dict[str, pd.DataFrame]:
    png, rows = picture(), [(layer, number / 2) for number, layer in enumerate(LAYERS)]
    images, exemplars, references, shown = [], [], [], []
    for layer, depth in rows:
        for channel, name in ((3, "cat"), (7, EVIL)):
            at = {"layer": layer, "depth": depth, "target": str(channel)}
            images += [
                {**at, "end": end, "copy": 0, "alike": float("nan"), "kind": "channel", "channel": channel,
                 "class": name, "auc": 0.7, "ci_low": 0.6,
                 "ci_high": 0.8, "accuracy": float("nan"), "value": 5.0, "random_p95": 1.0, "photographs_p95": 1.2,
                 "images_p95": 1.1, "natural_best": 2.0, "best_image": "cat/1", "above_random": True,
                 "above_natural": True, "own_rank": 1, "side": 32, "thumbnail": png}
                for end in ("most", "least")
            ]  # fmt: skip
            shown.append(
                {**at, "class": name, "auc": 0.7, "ci_low": 0.6, "ci_high": 0.8, "channel": channel, "peak": 1.0,
                 "average": 0.1, "strong": 2.0, "thumbnail": png}
            )  # fmt: skip
            exemplars += [
                {**at, "channel": channel, "end": end, "rank": rank, "image": f"{name}/{rank}", "class": name,
                 "value": 2.0, "row": 1, "column": 2, "top": 0, "left": 0, "bottom": 8, "right": 8, "status": "exact",
                 "thumbnail": png}
                for end in ("most", "least") for rank in (1, 2)
            ]  # fmt: skip
            references += [
                {**at, "kind": kind, "value": value / 10}
                for kind in ("random", "photographs", "images")
                for value in range(20)
            ]
    return {
        "visualizations": pd.DataFrame(images),
        "exemplars": pd.DataFrame(exemplars),
        "references": pd.DataFrame(references),
        "strip": pd.DataFrame(shown),
    }


def card_tables() -> dict[str, pd.DataFrame]:
    one = {name: table[table["layer"] == "blocks.3.2"].iloc[:4] for name, table in tables().items() if name != "strip"}
    contribution = {"contribution": 2.0, "ci_low": 1.0, "ci_high": 3.0, "usual": 0.1}
    effect = {"class": "cat", "change": -0.2, "ci_low": -0.3, "ci_high": -0.1, "agreement": 1.0}
    return {
        **one,
        "visualizations": one["visualizations"].iloc[:2],
        "activations": pd.DataFrame({"image": list("abcd"), "class": ["cat", EVIL] * 2, "peak": [1.0, 2, 3, 4]}),
        "contributions": pd.DataFrame(
            [
                {"source": "blocks.3.2.bn2", "through": "blocks.3.2.conv_pwl", "channel": 41, **contribution},
                {"source": "blocks.3.1", "through": "blocks.3.2", "channel": 3, **contribution},
            ]
        ),
        "effects": pd.DataFrame([{"channel": 3, "asked": True, **effect}, {"channel": 9, "asked": False, **effect}]),
        "classes": pd.DataFrame([{"name": "tabby", "change": -1.0, "ci_low": -2.0, "ci_high": 0.0}]),
    }


def finished(request: Any, found: dict[str, pd.DataFrame], **more: Any) -> RunFolder:
    request = request.canonical()
    run = open_run(request)
    manifest = {"request": request.as_dict(), "findings": ["This *was* measured."], "problems": [], **more}
    run.finish(Result(request, found, {**manifest, "sources": request.sources()}))
    return run


@pytest.mark.parametrize("tab", TABS)
def test_an_empty_tab_says_what_it_would_bring(tab: str, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[Any] = []
    monkeypatch.setattr(jobs, "start", started.append)
    app = healthy(opened("channels", question=tab))
    app.button(key="run_offered").click().run()
    assert len(started) == 1


def test_a_strip_is_shown_and_text_is_never_markup() -> None:
    run = finished(DepthStripRequest(), tables())
    app = healthy(opened("channels", run=run.id, question="Depth strip"))
    assert r"This \*was\* measured" in said(app)
    assert app.get("vega_lite_chart")
    found = tables()
    page = strip(found["strip"], found["exemplars"], found["visualizations"])
    page += patches(found["exemplars"])
    assert "<b>:red" not in page
    assert page.count("<img") == page.count('alt="')


def test_the_picture_and_the_two_classes_of_a_strip_are_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[Any] = []
    monkeypatch.setattr(jobs, "start", started.append)
    app = healthy(opened("channels", question="Depth strip", data="digits"))
    app.selectbox(key="strip_classes").set_value("3,8").run()
    app.selectbox(key="strip_picture").set_value("photo:flower").run()
    assert "3,8" in app.query_params["depth_strip.classes"]
    app.button(key="run_offered").click().run()
    assert [(request.classes, request.picture) for request in started] == [("3,8", "photo:flower")]
    pets = healthy(opened("channels", question="Depth strip"))
    assert not [box for box in pets.selectbox if box.key == "strip_classes"]  # two classes leave no choice


def test_the_wall_shows_every_channel_with_its_patches_and_the_images_there_are() -> None:
    found = tables()
    raised = found["visualizations"].query("end == 'most'")
    channels = raised[["layer", "channel", "class"]].assign(auc=[0.5, 0.9, 0.2, 0.6, 0.7, 0.5], rank=[4, 1, 2, 6, 3, 5])
    run = finished(ExemplarsRequest(), {"exemplars": found["exemplars"], "channels": channels})
    finished(VisualizeRequest(layers="bn1", channels="all"), {"visualizations": raised.iloc[:2]})
    app = healthy(opened("channels", run=run.id, question="All channels"))
    assert r"This \*was\* measured" in said(app)
    cells = json.loads(app.get("bidi_component")[0].proto.json)["pictures"]
    assert [cell["id"] for cell in cells[:3]] == ["bn1 7", "blocks.3.2 3", "bn2 3"]
    assert [len(cell["row"]) for cell in cells] == [2] * 6
    assert [cell["id"] for cell in cells if "url" in cell] == ["bn1 7", "bn1 3"], "only these have an image"
    assert cells[0]["caption"] == f"7 of bn1 · AUC 0.90 for {EVIL}"


def test_images_for_all_channels_are_made_in_the_background(monkeypatch: pytest.MonkeyPatch) -> None:
    exemplars = tables()["exemplars"].query("layer == 'blocks.3.2'")
    run = finished(ExemplarsRequest(layers="blocks.3.2", channels="all", count=4), {"exemplars": exemplars})
    started: list[Any] = []
    monkeypatch.setattr(jobs, "start", started.append)
    app = healthy(opened("channels", run=run.id, question="All channels"))
    app.button(key="wall_images").click().run()
    assert [(request.layers, request.channels) for request in started] == [("blocks.3.2", "all")]
    assert app.query_params["experiment"] in ("exemplars", ["exemplars"]), "the page stays where it is"


def test_only_choosing_another_layer_starts_its_wall(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[Any] = []
    monkeypatch.setattr(jobs, "start", started.append)
    app = healthy(opened("channels", question="All channels", **{"exemplars.layers": "blocks.1.1"}))
    assert started == [], "a link computes nothing"
    app.query_params["exemplars.layers"] = "blocks.2.1"  # what the box for the layer writes
    assert not app.run().exception
    assert [(request.layers, request.channels) for request in started] == [("blocks.2.1", "all")]
    app.query_params.update({"model": "resnet18@untrained", "exemplars.layers": "layer1"})
    assert not app.run().exception
    assert len(started) == 1, "another network computes nothing unasked"


def under_way(request: Any) -> RunFolder:
    """A run that this process is at, two of whose images can be seen already."""
    run = running_run(os.getpid(), request)
    layer = SimpleNamespace(name="blocks.3.2")
    wanted: list[Any] = [WantedImage(SimpleNamespace(layer=layer, name=name)) for name in ("3", "7")]  # type: ignore[arg-type]
    keep_unfinished(run.partial_results, 0, wanted, np.zeros((2, 16, 16, 3), dtype=np.uint8))
    return run


def test_images_that_are_being_made_are_seen() -> None:
    request = VisualizeRequest(layers="blocks.3.2", channels="top:6", negative=True)
    under_way(request)
    app = opened("channels", question="Layer sheet", **{"visualize.layers": "blocks.3.2"})
    assert not app.exception
    shown = "".join(block.proto.body for block in app.get("html"))
    assert shown.count('alt="the image for ') == 2


def test_the_wall_shows_images_that_are_being_made() -> None:
    exemplars = tables()["exemplars"].query("layer == 'blocks.3.2'")
    run = finished(
        ExemplarsRequest(layers="blocks.3.2", channels="all", count=4, ends="most"), {"exemplars": exemplars}
    )
    under_way(VisualizeRequest(layers="blocks.3.2", channels="all"))
    app = opened("channels", run=run.id, question="All channels")
    assert not app.exception
    assert "2 so far" in said(app)
    assert not [button for button in app.button if button.key == "wall_images"], "they are being made"
    cells = json.loads(app.get("bidi_component")[0].proto.json)["pictures"]
    assert ["url" in cell for cell in cells] == [True, True]


def test_a_channel_is_enlarged_with_both_ends_and_leads_to_its_card(monkeypatch: pytest.MonkeyPatch) -> None:
    found = {name: table for name, table in tables().items() if name != "strip"}
    run = finished(VisualizeRequest(layers="blocks.3.2", channels="top:6", negative=True), found)
    monkeypatch.setattr(wall, "mount", lambda *_, **__: SimpleNamespace(picked="bn1 3"))
    app = healthy(opened("channels", run=run.id, question="Layer sheet"))
    for words in ("What excites it most", "What suppresses it most", "AUC 0.70 for cat"):
        assert words in said(app).replace("\\", "")
    started: list[Any] = []
    monkeypatch.setattr(jobs, "start", started.append)
    app.button(key="wall_open").click().run()
    assert not app.exception
    assert [(request.layer, request.channel) for request in started] == [("bn1", 3)]


def test_what_is_folded_away_on_a_sheet_is_not_sent() -> None:
    found = {name: table for name, table in tables().items() if name != "strip"}
    found["visualizations"] = found["visualizations"].query("end == 'most'")
    run = finished(VisualizeRequest(layers="blocks.3.2", channels="top:6"), found)
    app = healthy(opened("channels", run=run.id, question="Layer sheet"))
    assert not app.get("vega_lite_chart")
    assert [fold.label for fold in app.expander] == [
        "What the images reach",
        "The patches that excite each channel least",
    ]
    assert len(light(picture())) < 2000


def test_a_card_leads_to_the_channels_below(monkeypatch: pytest.MonkeyPatch) -> None:
    request = ChannelRequest(layer="blocks.3.2", channel=3)
    run = finished(request, card_tables(), at=["blocks.3.2", 3])
    app = healthy(opened("channels", run=run.id, question="Channel card"))
    assert "Channel 3 of blocks" in said(app)
    assert len(app.get("vega_lite_chart")) == 4
    started: list[Any] = []
    monkeypatch.setattr(jobs, "start", started.append)
    app.button(key="below_blocks.3.2.bn2_41").click().run()
    assert not app.exception
    assert [(one.layer, one.channel) for one in started] == [("blocks.3.2.bn2", 41)]
    assert "blocks.3.2.bn2" in app.query_params["channel.layer"]


def test_first_filters_are_shown() -> None:
    rows = [
        {"model": model, "layer": "conv", "channel": i, "height": 3, "width": 3, "colour": 0.4, "roughness": 1.0,
         "thumbnail": picture()}
        for model in ("one", "two") for i in range(2)
    ]  # fmt: skip
    run = finished(KernelsRequest(), {"kernels": pd.DataFrame(rows)})
    assert "With random weights" in said(healthy(opened("channels", run=run.id, question="First filters")))


def test_a_card_without_sums_or_classes_is_shown() -> None:
    found = card_tables()
    empty = {name: found[name].iloc[:0] for name in ("contributions", "effects", "classes")}
    run = finished(ChannelRequest(layer="x", channel=3), {**found, **empty}, at=["x", 3])
    assert "not a plain sum" in said(healthy(opened("channels", run=run.id, question="Channel card")))


def test_a_broken_link_is_told() -> None:
    app = opened("channels", run="channel-000000000000", model="tf_efficientnet_lite0@packaged")
    assert not app.exception
    assert "there is no run" in app.error[0].value


def test_every_run_has_charts_for_exports() -> None:
    request: ScanRequest = ChannelRequest()
    charts = charts_of(Result(request, card_tables(), {}))
    assert set(charts) == {"images", "reached", "classes", "sources", "switched_off"}
    assert all(chart.to_dict() for chart in charts.values())
    assert set(charts_of(Result(DepthStripRequest(), tables(), {}))) == {"images", "reached", "selectivity"}


def test_a_walk_has_a_frame_for_every_layer() -> None:
    assert Image.open(io.BytesIO(walk(tables()["visualizations"]))).n_frames == len(LAYERS)


@pytest.mark.parametrize(
    ("spec", "count"),
    [("all", 600), ("top:700", 600), ("0-511,520", 513), ("0-511,3,7", 0), ("top:512,0-511", 0), ("1@0x0,0-511", 513)],
)
def test_more_channels_than_are_looked_at_at_once_are_told_before_the_work(spec: str, count: int) -> None:
    layer = Layer("wide", "block", 0.5, "NCHW", 600, 7, 7, 32, 99, "exact")
    if not count:
        check_channels([layer], spec, (), "drawn:pets")
        return
    with pytest.raises(LabError, match=f"names {count} channels of wide; at most 512"):
        check_channels([layer], spec, (), "drawn:pets")
