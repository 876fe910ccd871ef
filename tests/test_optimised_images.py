"""Optimised images of a channel: several that are unlike, negatives, unfinished ones; what is refused beforehand."""

from __future__ import annotations

import io
from itertools import combinations
from typing import Any

import numpy as np
import pytest
import torch
from no_fields import MODEL, SMALL, leave_out_fields, loaded_without_fields
from PIL import Image

from lab.charts.channels import MADE, NEGATIVE, reach_rows
from lab.cli import main
from lab.cli.visualize import file_name
from lab.errors import LabError
from lab.experiments.channels import channel as card
from lab.experiments.channels import visualize
from lab.experiments.channels.depth_strip import DepthStripRequest
from lab.experiments.channels.exemplars import ExemplarsRequest
from lab.experiments.channels.optimised import unfinished_images
from lab.experiments.channels.scan_context import ScanRequest
from lab.experiments.channels.visualize import VisualizeRequest
from lab.layers import select_layers
from lab.models import LoadedModel, load_model
from lab.models.preprocess import Preprocessing
from lab.partial_results import PartialResultsFolder
from lab.runs import jobs
from lab.runs.ask import ask
from lab.visualization import Settings, TruncatedNetwork, channel, render
from lab.visualization.objectives import likeness
from lab.visualization.render import FIRST_GLIMPSE


@pytest.fixture(autouse=True)
def no_fields(monkeypatch: pytest.MonkeyPatch) -> None:
    leave_out_fields(monkeypatch)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> LoadedModel:
    return loaded_without_fields(tmp_path_factory)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Any]:
    """Images of two channels, two of each end, and the folder of partial results that the run left."""
    request = VisualizeRequest(
        **SMALL, layers="layer2.0", channels="0,5", size=32, steps=24, count=1, copies=2, negative=True
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FEATURE_LAB_HOME", str(tmp_path_factory.mktemp("made")))
        leave_out_fields(patch)
        pieces = PartialResultsFolder(tmp_path_factory.mktemp("pieces"))
        return visualize.run(request, partial_results=pieces), pieces


def grams(cut: TruncatedNetwork, images: torch.Tensor) -> np.ndarray:
    """Gram matrices of the layer's maps as unit vectors, float64, without the lab's own function for it."""
    with torch.no_grad():
        maps = cut(images).double().numpy()
    flat = maps.reshape(*maps.shape[:2], -1)
    gram = (flat @ flat.transpose(0, 2, 1)).reshape(len(maps), -1)
    return np.asarray(gram / np.linalg.norm(gram, axis=1, keepdims=True))


def test_copies_are_farther_apart_than_seeds_alone_and_still_excite_the_channel(model: LoadedModel) -> None:
    layer = select_layers(model.layers, "layer2.0")[0]
    cut = TruncatedNetwork(model, layer, 48)
    targets = [channel(layer, index) for index in (3, 7) for _ in range(3)]
    groups, distance, reached = [0, 0, 0, 1, 1, 1], {}, {}
    for weight in (0.0, 2.0):
        found = render(
            cut, targets, Settings(48, 60, diversity=weight), seeds=range(6), groups=groups,
            scales=[0.02] * 6,
        ).images  # fmt: skip
        unit = grams(cut, found)
        pairs = [pair for pair in combinations(range(6), 2) if groups[pair[0]] == groups[pair[1]]]
        distance[weight] = np.mean([1 - unit[i] @ unit[j] for i, j in pairs])
        reached[weight] = cut.measured(found, targets)[0].numpy()
        alike = likeness(cut(found).detach(), groups).numpy()
        assert alike.mean() == pytest.approx(1 - distance[weight], abs=1e-4)
    assert distance[2.0] > 1.5 * distance[0.0]
    assert (reached[2.0] > 0.6 * reached[0.0]).all(), "within a stated share of what the channel reaches without it"


def test_diversity_is_among_images_of_one_channel_only() -> None:
    maps = torch.rand(4, 3, 5, 5)
    apart = torch.cat([likeness(maps[:2]), likeness(maps[2:])])
    assert torch.allclose(likeness(maps, [0, 0, 1, 1]), apart)
    assert torch.equal(likeness(maps, [0, 1, 2, 3]), torch.zeros(4))
    assert torch.allclose(likeness(maps[:1].repeat(2, 1, 1, 1)), torch.ones(2))


def test_a_negative_lowers_the_channel_below_random_images(model: LoadedModel) -> None:
    layer = select_layers(model.layers, "layer2.0.conv2")[0]  # before a rectifier, so that it can fall below 0
    cut = TruncatedNetwork(model, layer, 48)
    objectives = [channel(layer, 2), channel(layer, 2).negated()]
    raised, lowered = (one.of_vectors(np.eye(layer.channels)) for one in objectives)
    assert np.array_equal(lowered, -raised)
    found = render(cut, objectives, Settings(48, 40), seeds=[0, 0])
    high, low = cut.measured(found.images, [objectives[0]] * 2)[0].tolist()
    noise = cut.measured(torch.rand(32, 3, 48, 48), [objectives[0]] * 32)[0].numpy()
    assert low < noise.min() < noise.max() < high


def test_both_ends_are_told_apart_in_tables_sentences_charts_and_files(made: Any) -> None:
    result, _ = made
    images = result["visualizations"]
    assert list(images["end"]) == ["most", "most", "least", "least"] * 2
    assert list(images["copy"]) == [0, 1] * 4
    for _, rows in images.groupby("channel"):
        most, least = (rows[rows["end"] == end] for end in ("most", "least"))
        natural = result["references"].query("kind != 'random' and target == @rows.target.iloc[0]")["value"]
        assert most["natural_best"].iloc[0] == pytest.approx(natural.max())
        assert least["natural_best"].iloc[0] == pytest.approx(-natural.min())
        assert -least["value"].max() < most["value"].min()
    assert len({row["thumbnail"] for row in images.to_dict("records")}) == len(images)
    assert len({file_name(row) for row in images.to_dict("records")}) == len(images)
    assert images["alike"].between(0, 1).all()
    said = " ".join(result.manifest["findings"])
    assert "of 4 negatives end below 95 %" in said
    assert f"alike to {images['alike'].mean():.2f}" in said
    points, _ = reach_rows(result.tables)
    assert list(points["what"]) == [MADE, NEGATIVE] * 2
    assert (points.loc[points["what"] == MADE, "x"].to_numpy() > points.loc[points["what"] == NEGATIVE, "x"]).all()


def test_unfinished_images_become_the_finished_ones(made: Any) -> None:
    result, pieces = made
    images, seen = result["visualizations"], unfinished_images(pieces)
    at = ["layer", "target", "end", "copy"]
    assert seen[at].astype(str).equals(images[at].astype(str))
    for shown, kept in zip(seen["thumbnail"], images["thumbnail"], strict=True):
        one, two = (np.asarray(Image.open(io.BytesIO(data)).convert("RGB"), dtype=float) for data in (shown, kept))
        assert np.abs(one - two).mean() < 12  # a JPEG of the same picture
    assert unfinished_images({}).empty


def test_images_are_handed_out_early_and_on_the_way(model: LoadedModel) -> None:
    layer = select_layers(model.layers, "layer1.0")[0]
    seen: list[np.ndarray] = []
    steps: list[int] = []
    found = render(
        TruncatedNetwork(model, layer, 32), [channel(layer, 1)], Settings(32, 32), seeds=[0], glimpse=seen.append,
        progress=lambda stage, done, total, unit: steps.append(len(seen)),
    )  # fmt: skip
    assert steps[FIRST_GLIMPSE] == 1
    assert len(seen) >= 8
    apart = [np.abs(one.astype(float) - found.pixels()).mean() for one in seen]
    assert apart[0] > 2 * apart[-2]
    assert apart[-1] == 0


def test_images_are_of_the_networks_own_size_unless_another_is_asked_for(model: LoadedModel) -> None:
    request = VisualizeRequest(**SMALL, layers="layer1.0", channels="1", steps=8, count=1)
    assert request.size is None
    image = visualize.run(request)["visualizations"].iloc[0]
    assert image["side"] == model.preprocessing.height
    assert Image.open(io.BytesIO(image["thumbnail"])).size == (image["side"], image["side"])


def test_a_card_has_both_ends_and_says_how_low() -> None:
    found = card.run(card.ChannelRequest(**SMALL, layer="layer2.0", channel=3, size=32, steps=8, count=2))
    assert list(found["visualizations"]["end"]) == ["most", "least"]
    assert "Its negative lowers the mean to" in " ".join(found.manifest["findings"])


WRONG: list[tuple[ScanRequest, str]] = [
    (VisualizeRequest(**SMALL, layers="layer9"), "there is no layer 'layer9'"),
    (VisualizeRequest(**SMALL, layers="stages", channels="40"), "channels, so it must be"),
    (VisualizeRequest(**SMALL, layers="layer1.0", channels="2@3x4", negative=True), "no negative image"),
    (VisualizeRequest(**SMALL, layers="layer1.0", channels="class:dgo"), "has no class 'dgo'"),
    (VisualizeRequest(**{**SMALL, "per_class": 1}, layers="layer1.0", channels="top:2"), "two images a class"),
    (ExemplarsRequest(**{**SMALL, "per_class": 1}, layers="layer1.0", channels="class:diamond"), "two images a class"),
    (ExemplarsRequest(**SMALL, layers="layer1.0", channels="0-99999"), "no range of channels"),
    (ExemplarsRequest(**SMALL, layers="layer1.0", channels="500"), "channels, so it must be"),
    (card.ChannelRequest(**SMALL, layer="layer1.0", channel=500), "channels, so it must be"),
    (card.ChannelRequest(**SMALL, layer="layer9"), "there is no layer"),
    (DepthStripRequest(**SMALL, classes="rectangle"), "compares two classes"),
    (DepthStripRequest(**{**SMALL, "per_class": 1}), "two images a class"),
    (DepthStripRequest(**SMALL, picture="photo:nobody"), "nobody"),
]  # fmt: skip


@pytest.mark.parametrize(("request_", "words"), WRONG, ids=lambda value: getattr(value, "experiment", value))
def test_what_is_not_there_is_refused_before_any_work(
    request_: ScanRequest, words: str, model: LoadedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    load_model(MODEL)  # its card is at hand, as after anything else that was asked about it
    for place in ("visualize", "exemplars", "channel", "depth_strip"):
        monkeypatch.setattr(f"lab.experiments.channels.{place}.open_scan", lambda *_: pytest.fail("work had begun"))
    monkeypatch.setattr(jobs.subprocess, "Popen", lambda *_, **__: pytest.fail("a worker was started"))
    with pytest.raises(LabError, match=words):
        jobs.start(request_.canonical())  # the app
    with pytest.raises(LabError, match=words):
        ask(request_.experiment, **{k: v for k, v in request_.as_dict().items() if k != "experiment"})
    assert main(request_.command().split()[1:]) == 2


@pytest.mark.parametrize("sizes", [{"size": 31}, {"size": 513}, {"copies": 9}, {"count": 13}, {"steps": 7}])
def test_sizes_out_of_bounds_are_no_request(sizes: dict[str, int]) -> None:
    with pytest.raises(LabError, match="must be"):
        VisualizeRequest(**SMALL, **sizes)


def test_a_network_whose_input_is_not_square_is_refused_with_its_card() -> None:
    wide = Preprocessing(64, 96, "bilinear", 1.0, "center", (0.5,) * 3, (0.5,) * 3)
    with pytest.raises(LabError, match="takes 64 × 96"):
        wide.side()
    own = Preprocessing(64, 64, "bilinear", 1.0, "center", (0.5,) * 3, (0.5,) * 3, function="mine")
    with pytest.raises(LabError, match="made by a function"):
        own.check_pixels()
