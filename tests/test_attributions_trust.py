"""Checks of maps, against cases whose answer is known; words that follow the numbers; whole runs."""

from __future__ import annotations

import shlex
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import timm
import torch
from scipy.stats import spearmanr

from lab.attributions.insertion_deletion import area, blurred, curve_of, random_order
from lab.attributions.methods import METHODS
from lab.attributions.part_overlap import differing, ideal, share_on
from lab.attributions.sanity_checks import edge_map, incompleteness, resized, similarity, trouble
from lab.attributions.weight_randomisation import cascade, groups
from lab.cli.main import parser
from lab.errors import LabError
from lab.experiments.attribution import attribute, score
from lab.experiments.attribution.map_findings import missing_text
from lab.experiments.attribution.request import AttributeRequest, ScoreRequest
from lab.experiments.attribution.score_findings import findings as told_scores
from lab.experiments.attribution.score_findings import finds
from lab.experiments.attribution.score_tables import summary
from lab.experiments.model_and_picture import random_weights
from lab.images.synthetic import draw_set
from lab.models import load_model
from lab.models.preprocess import Preprocessing
from lab.registry import request_from
from lab.stats.simultaneous import mean_of_many
from lab.weights.trained import build_for_input, keep_about, keep_checkpoint

AS_IT_IS = Preprocessing(224, 224, "bicubic", 1.0, "center", (0.5,) * 3, (0.5,) * 3)


def test_random_networks_are_of_the_networks_make_and_differ_from_each_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also those of weights trained here, and of a checkpoint with a classifier of its own."""
    three = build_for_input("test_vit", {"size": 96, "mean": [0.5] * 3, "std": [0.5] * 3}, num_classes=3)
    keep_checkpoint("test_vit", "three", 0, three.state_dict())
    about = {
        "input": {"size": 96, "mean": [0.5] * 3, "std": [0.5] * 3},
        "classes": list("abc"),
        "steps": [0],
        "final": 0,
    }
    keep_about("test_vit", "three", about)
    path = tmp_path / "three.pth"
    torch.save(timm.create_model("test_vit", num_classes=3).state_dict(), path)
    for weights in ("lab:three", f"checkpoint:{path}"):
        model = load_model(f"test_vit@{weights}")
        one, again, other = (random_weights(model, seed).state_dict() for seed in (1, 1, 2))
        assert {k: v.shape for k, v in one.items()} == {k: v.shape for k, v in model.module.state_dict().items()}
        assert all(torch.equal(one[key], again[key]) for key in one)
        assert not torch.equal(one["blocks.0.attn.qkv.weight"], other["blocks.0.attn.qkv.weight"])


# One map


def test_similarity_is_spearmans_of_sizes() -> None:
    rng = np.random.default_rng(0)
    one, other = rng.normal(size=(9, 7)), rng.normal(size=(9, 7)).round(1)
    wanted = spearmanr(np.abs(one).ravel(), np.abs(other).ravel()).statistic
    assert similarity(one, other) == pytest.approx(wanted)
    assert similarity(one, -3 * one) == pytest.approx(1)
    assert similarity(one, np.ones((9, 7))) == 0


def test_edges_are_where_brightness_changes() -> None:
    pixels = np.zeros((3, 20, 20), np.uint8)
    pixels[:, :, 12:] = 200
    edges = edge_map(pixels)
    assert set(np.flatnonzero(edges.sum(axis=0))) == {11, 12}
    assert not edge_map(np.full((3, 20, 20), 77, np.uint8)).any()


def test_resizing_keeps_the_mean_and_the_places() -> None:
    values = np.zeros((8, 8))
    values[2, 5] = 16.0
    assert resized(values, 4, 4)[1, 2] == 4.0
    assert resized(values, 4, 4).sum() == 4.0
    grown = resized(values[:4, 4:], 40, 40)
    assert np.unravel_index(grown.argmax(), grown.shape)[0] in range(20, 30)


def test_trouble_is_named() -> None:
    assert "NaN" in trouble(np.array([[1.0, np.nan]]))
    assert "zero everywhere" in trouble(np.zeros((2, 2)))
    assert "same everywhere" in trouble(np.ones((2, 2)))
    assert trouble(np.eye(2)) == ""
    assert incompleteness(0.9, 1.0) == pytest.approx(0.1)
    assert np.isnan(incompleteness(0.0, 0.0))


# Random weights


@pytest.mark.parametrize("name", ["test_resnet", "test_vit"])
def test_the_cascade_ends_in_the_other_network_and_leaves_the_first(name: str) -> None:
    module, twin = (timm.create_model(name, num_classes=5).eval() for _ in range(2))
    before = {key: values.clone() for key, values in module.state_dict().items()}
    keys = [key for _, part in groups(module) for key in part]
    assert sorted(keys) == sorted(before)
    shares, changed = [], []
    for step in cascade(module, twin):
        state = step.module.state_dict()
        same = [key for key in keys if torch.equal(state[key], before[key])]
        changed.append(len(keys) - len(same))
        shares.append(step.share)
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    assert changed == sorted(changed)
    assert all(torch.equal(values, twin.state_dict()[key]) for key, values in state.items())
    assert all(torch.equal(values, before[key]) for key, values in module.state_dict().items())
    assert [step.number for step in cascade(module, twin, only=(1, 2))] == [1, 2]
    first = next(iter(cascade(module, twin)))
    assert torch.equal(next(first.module.parameters()), next(module.parameters()))  # from the output down


# Insertion and deletion


def test_places_that_matter_gain_and_others_do_not() -> None:
    """A network that looks at one square and nothing else."""
    image = torch.rand(1, 3, 56, 56, generator=torch.Generator().manual_seed(0)) * 0.2
    image[..., 8:24, 28:44] = 1.0
    blank = torch.zeros_like(image)

    def predict(images: torch.Tensor) -> torch.Tensor:
        return images[..., 8:24, 28:44].mean(dim=(1, 2, 3))

    ends = (float(predict(blank)[0]), float(predict(image)[0]))
    right = np.zeros((7, 7))
    right[1:3, 3:6] = 1.0
    gain = curve_of(predict, image, blank, right, ends).gain
    wrong = curve_of(predict, image, blank, -right, ends).gain
    random = [curve_of(predict, image, blank, random_order(k), ends).gain for k in range(5)]
    assert gain > 0.6 > max(random)
    assert wrong < min(random)
    # a map without any order is no better than chance: ties do not sweep the picture from the top
    assert abs(curve_of(predict, image, blank, np.ones((7, 7)), ends).gain) < 0.1


def test_areas_and_blur() -> None:
    assert area(np.array([0.0, 1.0])) == 0.5
    assert area(np.array([0.0, 1.0, 1.0])) == 0.75
    image = torch.rand(1, 3, 64, 64)
    assert float(blurred(image).std()) < 0.3 * float(image.std())


# Parts that differ


def test_nothing_differs_outside_the_parts() -> None:
    drawn = draw_set("pets", 2, seed=3)
    assert len(drawn) == 4
    for index in range(len(drawn)):
        label = drawn.records[index].label
        mask = differing(drawn, index, AS_IT_IS)
        other = drawn.drawn.counterpart(index, 1 - label).pixels
        change = np.abs(drawn.pixels(index).astype(float) - other).sum(axis=2)
        grown = np.array(mask)
        for axis in (0, 1):
            grown |= np.roll(grown, 1, axis) | np.roll(grown, -1, axis)
        # outlines are drawn smooth, so a few pixels of a part beside them change as well
        assert change[~grown].sum() < 0.005 * change.sum()
        assert change[mask].sum() > 0.95 * change.sum()
        assert 0.02 < mask.mean() < 0.3


def test_shares_of_maps_that_are_known() -> None:
    mask = np.zeros((40, 40), bool)
    mask[10:20, 20:30] = True
    even = share_on(np.full((4, 4), -2.0), mask)
    assert even.share == pytest.approx(even.area) == pytest.approx(100 / 1600)
    assert share_on(mask.astype(float), mask).share == 1.0
    assert ideal(mask, 40, 40) == 1.0
    peak = np.zeros((4, 4))
    peak[1, 2] = 1.0
    assert share_on(peak, mask).share == pytest.approx(ideal(mask, 4, 4))
    assert share_on(peak.T, mask).share < 0.2
    assert np.isnan(share_on(np.zeros((4, 4)), mask).share)


# Whole runs


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FEATURE_LAB_HOME", str(tmp_path_factory.mktemp("attributions")))
        yield


@pytest.fixture(scope="module")
def mapped(home: Any) -> Any:
    return attribute.run(AttributeRequest("test_resnet@untrained:1", "drawn:pets#1", layers="layer2,layer4"))


def test_a_run_has_every_map_with_its_checks(mapped: Any) -> None:
    maps = mapped["maps"]
    assert set(maps["method"]) == {"gradcam", "gradxact", "activation", "saliency", "inputxgrad"}
    assert set(maps["layer"]) == {"", "layer2", "layer4"}
    for row in maps.to_dict("records"):
        values = np.frombuffer(row["array"], np.float32).reshape(row["height"], row["width"])
        assert np.isfinite(values).all()
        assert 0 <= row["share"] <= row["ideal"] + 1e-9 or row["signed"] or row["layer"] == ""
    checks = ["edges", "random", "random_low", "random_high", "random_pair", "gain", "share", "area"]
    assert np.isfinite(maps[checks].to_numpy(float)).all()
    assert maps["random"].between(-1, 1).all()
    assert mapped["randomised"]["share"].max() == 1.0
    assert set(mapped["orders"]["order"]) == {"random squares", "edges first", "middle first"}
    valid = mapped["capability"].set_index(["method", "layer"])
    assert valid.loc[("ig", ""), "valid"]
    assert not valid.loc[("ig", ""), "asked"]


def test_runs_are_the_same_every_time(mapped: Any, home: Any) -> None:
    again = attribute.run(mapped.request)
    for name, table in mapped.tables.items():
        pd.testing.assert_frame_equal(table, again[name])


def test_slow_maps_are_kept_and_complete(home: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    request = AttributeRequest(
        "test_resnet@untrained:1", layers="layer3,layer4", method="ig,layer_ig,conductance", steps=16, checks=False
    )
    partial_results: dict[str, Any] = {}
    result = attribute.run(request, partial_results=partial_results)
    assert len(partial_results) == 3
    due = result["maps"].set_index("method")["incompleteness"]
    assert np.isfinite(due).all()
    assert "randomised" not in result.tables
    assert any("miss the sum" in text and "at worst" in text for text in result.manifest["findings"])
    assert missing_text(0.034) == "3.4%"
    assert missing_text(2.4e7) == "over 1000%"
    for name in ("ig", "layer_ig", "conductance"):
        refusing = replace(METHODS[name], explain=lambda *_: pytest.fail("computed again"))
        monkeypatch.setitem(METHODS, name, refusing)
    again = attribute.run(request, partial_results=partial_results)
    pd.testing.assert_frame_equal(again["maps"], result["maps"])


def test_each_layers_own_probe_is_explained(home: Any) -> None:
    request = AttributeRequest(
        "test_resnet@untrained:1", "drawn:pets#0", "probe", layers="layer1,layer3", method="gradcam,saliency",
        per_class=8, checks=False,
    )  # fmt: skip
    result = attribute.run(request)
    assert list(result["targets"]["score_at"]) == ["layer1", "layer3"]
    assert set(result["targets"]["name"]) <= {"cat", "dog"}
    keys = set(zip(result["maps"]["method"], result["maps"]["layer"], result["maps"]["score_at"], strict=True))
    assert keys == {
        ("gradcam", "layer1", "layer1"), ("gradcam", "layer3", "layer3"),
        ("saliency", "", "layer1"), ("saliency", "", "layer3"),
    }  # fmt: skip
    assert "Each layer's own probe" in result.manifest["findings"][0]


def test_a_probe_at_one_layer_ends_the_network_there(home: Any) -> None:
    request = AttributeRequest(
        "test_resnet@untrained:1", "drawn:pets#0", "probe@layer2:dog", method="gradcam", per_class=8, checks=False
    )
    result = attribute.run(request)
    table = result["capability"].set_index(["method", "layer"])
    assert "comes after layer2" in table.loc[("gradcam", "layer4"), "reason"]
    assert list(result["maps"]["layer"])[-1] == "layer2"
    with pytest.raises(LabError, match="no class 'dgo'; nearest: dog"):
        attribute.run(replace(request, target="probe@layer2:dgo"))


def test_what_gives_no_map_is_told(home: Any) -> None:
    with pytest.raises(LabError, match=r"guided_backprop gives no map of test_vit.*GELU, not ReLU"):
        attribute.run(AttributeRequest("test_vit@untrained", method="guided_backprop", checks=False))


# Words follow numbers


def planted(share: float, untrained: float, edges: float = 0.1, apart: float = 0.0) -> pd.DataFrame:
    """Maps of a network and three untrained twins, whose means lie `apart` from each other."""
    rng = np.random.default_rng(0)
    rows = []
    for twin, mean in enumerate((share, untrained - apart, untrained, untrained + apart), -1):
        for k in range(24):
            row = {
                "role": "trained" if twin < 0 else "untrained",
                "twin": twin,
                "method": "gradcam",
                "layer": "a",
                "depth": 0.5,
                "image": f"{k}",
            }
            own = {"class": "cat" if k < 12 else "dog", "share": mean + 0.02 * rng.normal()}
            rows.append({**row, **own, "area": 0.1, "ideal": 0.9, "edges": edges, "middle": 0.1})
    return pd.DataFrame(rows)


def test_only_maps_above_everything_find_what_differs() -> None:
    probes = pd.DataFrame(
        [{"role": "trained", "layer": "a", "depth": 0.5, "accuracy": 0.9, "ci_low": 0.8, "ci_high": 0.95}]
    )
    for shares, good in ((planted(0.6, 0.1), True), (planted(0.1, 0.1), False), (planted(0.6, 0.6), False),
                         (planted(0.6, 0.1, edges=0.6), False)):  # fmt: skip
        table = summary(shares)
        row = table[table["role"] == "trained"].iloc[0].to_dict()
        assert finds(row) == good
        said = " ".join(told_scores({"summary": table, "probes": probes}))
        assert f"{int(good)} of 1 pairs" in said
        assert ("Clearly above all three" in said) == good


def test_twins_that_differ_among_themselves_make_the_comparison_with_them_wider() -> None:
    """As `mean_of_many` over the twins alone where the pictures hardly differ: the start is the random effect."""
    alike, apart = (summary(planted(0.4, 0.1, apart=gap)).iloc[0].to_dict() for gap in (0.0, 0.15))
    for row in (alike, apart):
        assert row["over_untrained"] == pytest.approx(0.3, abs=0.02)
    assert finds(alike)
    assert not finds(apart)
    expected = mean_of_many(np.array([0.15, 0.3, 0.45]))
    assert apart["over_untrained_low"] == pytest.approx(expected.low, abs=0.02)


def test_a_score_run_measures_trained_and_untrained(home: Any) -> None:
    request = ScoreRequest("test_resnet@untrained:1", layers="layer2,layer4", images=3, per_class=8)
    result = score.run(request)
    table = result["shares"]
    assert len(table) == 6 * 2 * 5
    assert set(table["image"]) == {f"{kind}/{kind}-000{k}" for kind in ("cat", "dog") for k in range(3)}
    assert table["area"].between(0.01, 0.4).all()
    assert set(result["summary"]["role"]) == {"trained"}  # an untrained network has no trained one beside it
    with pytest.raises(LabError, match="only known of drawn images"):
        ScoreRequest(data="digits")


# The command line


@pytest.mark.parametrize(
    "request_",
    [
        AttributeRequest(),
        AttributeRequest("test_vit@untrained", "drawn:pets#2", "probe@blocks.1:cat", method="ig", checks=False),
        ScoreRequest(data="drawn:faces", images=3),
    ],
    ids=["default", "probe", "score"],
)
def test_the_command_asks_the_same(request_: Any) -> None:
    given = parser().parse_args(shlex.split(request_.command())[1:])
    asked = {name: getattr(given, name) for name in request_.as_dict() if name != "experiment"}
    assert type(request_)(**asked) == request_
    assert request_from(request_.as_dict()) == request_


def test_an_image_or_a_set_can_be_named(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Any] = []
    monkeypatch.setattr("lab.cli.question.act", seen.append)
    for line in ("--image photo:china", "--data drawn:faces --target probe"):
        given = parser().parse_args(["attribute", *line.split()])
        given.act(given)
    assert seen[0].picture == "photo:china"
    assert (seen[1].picture, seen[1].probe_data) == ("drawn:faces#0", "drawn:faces")


@pytest.mark.parametrize("values", [{"method": "gradcan"}, {"target": "probe:"}, {"baseline": "gray"}, {"steps": 1}])
def test_bad_values_are_refused(values: dict[str, Any]) -> None:
    with pytest.raises(LabError):
        AttributeRequest(**values)
