"""Optimised images as an explanation: planted directions are told, reversed and random ones are not."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.stats import binomtest

from lab.errors import LabError
from lab.experiments.attribution import optimised
from lab.experiments.attribution.explanations import findings, together, with_optimised
from lab.experiments.attribution.optimised import METHOD, Direction, Optimiser, drawings, read_log_odds, share
from lab.experiments.attribution.request import ExplanationsRequest
from lab.images.types import ImageSet
from lab.layers import Layer, select_layers
from lab.models import load_model
from lab.progress import silent
from lab.settings import Compute

TINY, READER, LAYER = "test_resnet@untrained:1", "test_resnet@untrained:2", "layer4"
HUE = ExplanationsRequest(TINY, ("hue",), LAYER, per_class=30, pairs=8, reader=READER)


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    monkeypatch.setenv("FEATURE_LAB_HOME", str(tmp_path_factory.getbasetemp() / "optimised"))
    for name, value in (("SIZE", 64), ("STEPS", 32), ("PER_CLASS", 40)):
        monkeypatch.setattr(optimised, name, value)


def taken(request: ExplanationsRequest, pieces: dict[str, Any] | None = None) -> Optimiser:
    found = Optimiser(request, Compute(), silent, {} if pieces is None else pieces)
    found.take("hue", [LAYER])
    return found


def test_a_class_that_both_networks_read_is_told_and_random_directions_are_not() -> None:
    pieces: dict[str, Any] = {}
    (row,) = taken(HUE, pieces).rows()
    assert row["told"] > 0.8
    assert row["told_low"] > 0.5
    assert row["random_low"] < 0.5 < row["random_high"]
    assert row["reader"] == READER
    assert row["pairs"] == 8
    assert "untrained" not in row  # a network that is untrained itself has no twins
    (piece,) = pieces.values()
    assert piece["pixels"].shape == (2, 64, 64, 3)
    red_less_blue = piece["pixels"][..., 0].mean(axis=(1, 2)) - piece["pixels"][..., 2].mean(axis=(1, 2))
    assert red_less_blue[0] > red_less_blue[1]  # of the classes warm and cold the first is warm


def test_directions_the_other_way_round_are_told_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    straight = Direction.of

    def turned(vectors: np.ndarray, images: ImageSet, layer: Layer) -> Direction:
        found = straight(vectors, images, layer)
        return replace(found, weights=-found.weights)

    monkeypatch.setattr(Direction, "of", turned)
    (row,) = taken(HUE).rows()
    assert row["told_high"] < 0.5


def test_untrained_twins_make_pairs_of_their_own_probes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each pair is made once, by one of three twins, which read hue as the network itself does."""
    twins = [load_model(f"test_resnet@untrained:{seed}") for seed in (3, 4, 5)]
    monkeypatch.setattr(optimised, "untrained_twins", lambda _model: iter(twins))
    plain, made = Optimiser._told, []

    def told(self: Optimiser, model: Any, layer: Layer, directions: dict[int, np.ndarray], able: Any) -> Any:
        if model in twins:
            made.append((twins.index(model), list(directions)))
        return plain(self, model, layer, directions, able)

    monkeypatch.setattr(Optimiser, "_told", told)
    pieces: dict[str, Any] = {}
    (row,) = taken(replace(HUE, pairs=5), pieces).rows()
    assert made == [(0, [0, 3]), (1, [1, 4]), (2, [2])]
    (piece,) = pieces.values()
    assert 0.6 < row["untrained"] == pytest.approx(piece["untrained"].mean())
    assert row["untrained_low"] < row["untrained"] < row["untrained_high"]


def test_what_is_finished_is_not_made_again(monkeypatch: pytest.MonkeyPatch) -> None:
    request = replace(HUE, pairs=2)
    pieces: dict[str, Any] = {}
    first = list(taken(request, pieces).rows())
    monkeypatch.setattr(Optimiser, "_pairs", lambda *_: pytest.fail("made again"))
    assert list(taken(request, pieces).rows()) == first


def test_a_reader_gives_the_log_odds_of_its_probes() -> None:
    model = load_model(READER)
    probes = optimised.fit_linear_probes(model, drawings("hue", 15, 1), select_layers(model.layers, "stages"))
    how, images = model.preprocessing, torch.rand(3, 3, 1, 1, generator=torch.Generator().manual_seed(0))
    images = images.expand(3, 3, how.height // 2, how.width // 2)  # even, so that any way of resizing is the same
    seen: dict[str, torch.Tensor] = {}
    handles = [
        model.module.get_submodule(name).register_forward_hook(lambda _m, _i, out, name=name: seen.update({name: out}))
        for name in probes
    ]
    with torch.no_grad():
        mean, std = (torch.tensor(value)[:, None, None] for value in (how.mean, how.std))
        model.module((torch.nn.functional.interpolate(images, scale_factor=2, mode="nearest") - mean) / std)
    for handle in handles:
        handle.remove()
    found = read_log_odds(model, probes, images)
    assert len(found) == len(probes) > 2
    for row, (name, probe) in zip(found, probes.items(), strict=True):
        logits = probe.logits(seen[name])
        assert np.allclose(row, (logits[:, 1] - logits[:, 0]).numpy(), rtol=1e-3, atol=1e-4)


def test_the_interval_is_that_of_so_many_shares_at_once() -> None:
    for right, tests in ((8, 1), (8, 7), (5, 3)):
        told = np.array([1.0] * right + [0.0] * (8 - right))
        expected = binomtest(right, 8).proportion_ci(1 - 0.05 / tests, method="wilson")
        found = share(told, tests)
        assert (found.value, found.low, found.high) == pytest.approx((right / 8, expected.low, expected.high))


def test_a_network_reads_its_own_images_at_other_layers_only_if_there_are_some() -> None:
    own = Optimiser(replace(HUE, reader="", layers=LAYER, pairs=1).canonical(), Compute(), silent, {})
    own.take("hue", [LAYER])
    assert [(row["method"], row["valid"]) for row in own.capable] == [(METHOD, False)]
    assert "no other layer" in own.capable[0]["reason"]
    assert not list(own.rows())
    for nothing in (replace(HUE, pairs=0), HUE):
        asked = Optimiser(nothing, Compute(), silent, {})
        asked.take("hue", [LAYER] if nothing.pairs == 0 else [])
        assert not asked.capable


@pytest.mark.parametrize(
    ("told", "right", "words"), [(1.0, True, "apart at layer4 (1.00 ("), (0.5, False, "not shown to tell")]
)
def test_tables_and_sentences_hold_optimised_images_among_the_others(told: float, right: bool, words: str) -> None:
    optimiser = Optimiser(HUE, Compute(), silent, {})
    about = {"rung": "hue", "layer": LAYER, "depth": 1.0, "reader": READER, "reader_layers": "layer1",
             "reader_accuracy": 0.9}  # fmt: skip
    values = np.array([told] * 8)
    pixels = np.zeros((2, 32, 32, 3), np.uint8)
    optimiser._rows.append(
        (about, {"told": values, "random": np.full(8, 0.5), "untrained": np.full(8, 0.25), "pixels": pixels})
    )
    optimiser.capable.append({"rung": "hue", "method": METHOD, "layer": LAYER, "valid": True, "reason": ""})
    map_row = {"rung": "hue", "method": "gradcam", "layer": LAYER, "depth": 1.0, "images": 4, "share": 0.5, "area": 0.4,
               "over_area": 0.1, "accuracy": 0.9, "ci_low": 0.8, "ci_high": 1.0, "right": False}  # fmt: skip
    probe = {"rung": "hue", "twin": -1, "layer": LAYER, "accuracy": 0.9, "ci_low": 0.8, "ci_high": 1.0}
    known = {"rung": "hue", "method": "gradcam", "layer": LAYER, "valid": True, "reason": ""}
    plain = {name: pd.DataFrame([row]) for name, row in
             (("explanations", map_row), ("probes", probe), ("capability", known))}  # fmt: skip
    tables = with_optimised(plain, optimiser)
    own = tables["explanations"].set_index("method").loc[METHOD]
    assert own["right"] == right
    assert own["images"] == 16
    assert own["accuracy"] == 0.9
    assert np.isnan(own["share"])
    assert tables["explanations"]["right"].dtype == bool
    assert list(tables["optimised_images"]["class"]) == ["warm", "cold"]
    said = findings(tables)
    assert ("Optimised image 1 of 1" in said[0]) == right
    assert words in said[-1]
    assert said[-1].endswith("; random directions 50%, untrained twins 25%.") == right
    (whole,) = together(optimiser)
    assert whole.endswith("; random directions 0.50 (0.50 to 0.50), untrained twins 0.25 (0.25 to 0.25).")


def test_a_reader_is_spelled_out_and_one_there_is_not_is_told() -> None:
    assert ExplanationsRequest(TINY, reader="tf_efficientnet_lite0").canonical().reader.endswith("@packaged")
    assert ExplanationsRequest(TINY, reader=TINY).canonical().reader == ""
    assert HUE.sources()["reader"]
    with pytest.raises(LabError):
        replace(HUE, reader="no_such_network").check()
