"""Feature visualization: parametrisations, transforms, the search, what it is held against; cards, strips, the page."""

from __future__ import annotations

import io
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from no_fields import MODEL, SMALL, leave_out_fields, loaded_without_fields
from PIL import Image
from torch import nn

from lab.activations.pooling import maps
from lab.activations.recording import record
from lab.attributions.linear_probe import fitted_probe
from lab.attributions.targets import Target
from lab.cli import main
from lab.errors import LabError
from lab.experiments.channels import channel as card
from lab.experiments.channels import depth_strip, kernels, visualize
from lab.experiments.channels.channel_ablation import IMAGES, spread_over
from lab.experiments.channels.channel_contributions import held, sums
from lab.experiments.channels.probe_direction import probe_direction
from lab.layers import Layer, select_layers
from lab.models import LoadedModel, load_model
from lab.visualization import (
    Fourier,
    Motion,
    Phases,
    Settings,
    TruncatedNetwork,
    channel,
    direction,
    natural_spectrum,
    neuron,
    render,
)
from lab.visualization.objectives import likeness, values
from lab.visualization.parametrisation import COLOURS
from lab.visualization.render import generator_of, seed_of
from lab.visualization.transforms import moved
from lab.visualization.truncation import normal, pooled


@pytest.fixture(autouse=True)
def no_fields(monkeypatch: pytest.MonkeyPatch) -> None:
    leave_out_fields(monkeypatch)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> LoadedModel:
    return loaded_without_fields(tmp_path_factory)


def layer_of(model: LoadedModel, name: str) -> Layer:
    return select_layers(model.layers, name)[0]


class Edges:
    """A stand-in for a cut network: one channel per direction of change."""

    side = 32

    class model:
        device = "cpu"

    def __call__(self, images: torch.Tensor, *, lenient: bool = False) -> torch.Tensor:
        gray = images.mean(dim=1, keepdim=True)
        across, down = torch.tensor([[[[-1.0, 0, 1]]]]), torch.tensor([[[[-1.0], [0], [1]]]])
        found = [nn.functional.conv2d(gray, kernel)[..., :28, :28] ** 2 for kernel in (across, down)]
        return torch.cat(found, dim=1)


def edges_layer() -> Layer:
    return Layer("edges", "module", 0.5, "NCHW", 2, 28, 28, 1, 3, "exact")


def test_no_motion_is_the_image_and_a_shift_is_a_shift() -> None:
    images = torch.rand(2, 3, 32, 32)
    still = Motion(0, 0, 0).draw(generator_of(0), 2)
    assert torch.allclose(moved(images, still, 32), images, atol=1e-5)
    shift = still.clone()
    shift[:, 0, 2] = 2 * 5 / 32  # five pixels
    assert torch.allclose(moved(images, shift, 32)[..., :27], images[..., 5:], atol=1e-4)


def test_motion_stays_within_its_limits() -> None:
    drawn = Motion(0.1, 0.2, 10).draw(generator_of(1), 500)
    zoom = 1 / drawn[:, :, :2].det().sqrt()
    turn = torch.rad2deg(torch.atan2(drawn[:, 1, 0], drawn[:, 0, 0]))
    assert 0.8 <= zoom.min() <= 0.85 < 1.15 <= zoom.max() <= 1.2
    assert 9 < turn.abs().max() <= 10
    assert 0.18 < drawn[:, :, 2].abs().max() <= 0.2


def test_a_spectrum_becomes_an_image_whose_power_falls_with_frequency() -> None:
    image = Fourier.begin([generator_of(number) for number in range(8)], 64)
    pixels = image.images().detach()
    assert pixels.shape == (8, 3, 64, 64)
    assert 0 < float(pixels.min()) < float(pixels.max()) < 1
    power = np.abs(np.fft.rfft2(pixels.numpy().mean(axis=1) - 0.5)).mean(axis=0)
    assert power[1, 1] > 4 * power[16, 16]


def test_phases_keep_the_natural_spectrum() -> None:
    rng = np.random.default_rng(0)
    photograph = rng.integers(60, 200, (48, 64, 3), dtype=np.uint8)
    spectrum = natural_spectrum([photograph], 48)
    image = Phases.begin([generator_of(0)], 48, spectrum)
    pixels = image.images().detach().double().numpy()[0]
    logits = np.log(pixels / (1 - pixels)).transpose(1, 2, 0) @ np.linalg.inv(COLOURS).T
    found = np.abs(np.fft.rfft2(logits.transpose(2, 0, 1)))
    inside = (slice(None), slice(1, 23), slice(1, 23))  # at other frequencies a real image binds the phase
    assert np.allclose(found[inside], spectrum[inside], rtol=1e-3, atol=1e-3 * spectrum.max())


def test_the_search_finds_what_the_channel_is_known_to_want() -> None:
    layer = edges_layer()
    found = render(Edges(), [channel(layer, 0), channel(layer, 1)], Settings(32, 40), seeds=[1, 2])  # type: ignore[arg-type]
    responses = Edges()(found.images).mean(dim=(2, 3))
    assert responses[0, 0] > responses[0, 1]
    assert responses[1, 1] > responses[1, 0]
    assert (found.course[:, -1] > 3 * found.course[:, 0]).all()


@pytest.mark.parametrize("made_of", ["fourier", "phases"])
def test_images_end_above_noise_and_leave_the_network_as_it_was(model: LoadedModel, made_of: str) -> None:
    layer = layer_of(model, "layer2.0")
    before = {name: value.clone() for name, value in model.module.state_dict().items()}
    cut = TruncatedNetwork(model, layer, 48)
    objectives = [channel(layer, index) for index in (0, 3, 5)]
    rng = np.random.default_rng(0)
    spectrum = natural_spectrum([rng.integers(0, 255, (48, 48, 3), dtype=np.uint8)], 48)
    found = render(cut, objectives, Settings(48, 40, parametrisation=made_of), seeds=[0, 1, 2], spectrum=spectrum)
    reached = cut.measured(found.images, objectives)[0].numpy()
    noise = pooled(model, [layer], torch.rand(32, 3, 48, 48), 48)[layer.name]["means"]
    assert all(value > np.percentile(noise[:, index], 95) for value, index in zip(reached, (0, 3, 5), strict=True))
    after = model.module.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert not any(child._forward_hooks or child._forward_pre_hooks for child in model.module.modules())
    assert not any(child.training for child in model.module.modules())
    tiny = torch.full((4,), 1e-39)
    assert float((tiny * 0.5).sum()) > 0  # denormal numbers count again


def test_the_same_seed_gives_the_same_image_bit_for_bit(model: LoadedModel) -> None:
    layer = layer_of(model, "layer1.0")
    objectives = [channel(layer, 0), channel(layer, 1)]
    pictures = [
        render(TruncatedNetwork(model, layer, 32), objectives, Settings(32, 10), seeds=seeds).images
        for seeds in ([4, 5], [4, 5], [6, 5])
    ]
    assert torch.equal(pictures[0], pictures[1])
    assert not torch.equal(pictures[0][0], pictures[2][0])
    assert torch.allclose(pictures[0][1], pictures[2][1], atol=2 / 255)  # whoever is beside it
    assert seed_of(0, "a", 1) == seed_of(0, "a", 1) != seed_of(0, "a", 2)


@pytest.mark.parametrize("name", ["test_resnet@untrained:1", "test_vit@untrained:1", "test_convnext@untrained:1"])
def test_the_cut_is_the_networks_own_layer(name: str) -> None:
    model = load_model(name)
    layer = select_layers(model.layers, "stages")[-2]
    cut = TruncatedNetwork(model, layer, model.preprocessing.height)
    images = torch.rand(2, 3, cut.side, cut.side)
    with torch.no_grad(), record(model.module, [layer], lambda one, row: maps(one, row).clone()) as taken:
        model.module(normal(images, model.preprocessing))
    own = taken[layer.name]
    assert torch.allclose(cut(images), own, atol=1e-4 * float(own.abs().max()))
    objective = channel(layer, 1)
    reached, means = cut.measured(images, [objective] * 2)
    assert torch.allclose(reached, own[:, 1].mean(dim=(1, 2)), rtol=1e-4, atol=1e-5)
    assert torch.allclose(means, own.mean(dim=(2, 3)), rtol=1e-4, atol=1e-5)
    found = pooled(model, [layer], images, cut.side)[layer.name]
    assert np.allclose(found["peaks"], own.amax(dim=(2, 3)).numpy(), rtol=1e-4, atol=1e-5)


def test_a_network_that_takes_one_size_only_gets_it() -> None:
    model = load_model("test_vit3@untrained:1")
    layer = select_layers(model.layers, "stages")[-2]
    assert TruncatedNetwork(model, layer, 96).side == model.preprocessing.height


def test_gradients_of_the_cut_are_those_of_the_network(model: LoadedModel) -> None:
    layer = layer_of(model, "layer2.0")
    cut = TruncatedNetwork(model, layer, 48)
    one, two = (torch.rand(1, 3, 48, 48, generator=generator_of(3)).requires_grad_(True) for _ in range(2))
    (mine,) = torch.autograd.grad(values(cut(one), [channel(layer, 2)]).sum(), one)
    with record(model.module, [layer]) as taken:
        model.module(normal(two, model.preprocessing))
        (own,) = torch.autograd.grad(taken[layer.name][:, 2].mean(), two)
    assert torch.allclose(mine, own, atol=1e-4 * float(own.abs().max()))


def test_a_silent_channel_is_woken(model: LoadedModel) -> None:
    layer = layer_of(model, "layer1.0")
    assert isinstance(model.module.get_submodule("layer1.0.act2"), nn.ReLU)
    cut = TruncatedNetwork(model, layer, 32)
    images = torch.rand(1, 3, 32, 32, requires_grad=True)
    dead = [int(i) for i in torch.nonzero(cut(images).amax(dim=(0, 2, 3)) == 0).flatten()]
    index = dead[0] if dead else 0
    (shut,) = torch.autograd.grad(cut(images)[:, index].clamp(max=0).sum(), images)
    (lenient,) = torch.autograd.grad(-cut(images, lenient=True)[:, index].sum(), images)
    assert not dead or not shut.any()
    assert lenient.any()
    assert torch.equal(cut(images, lenient=True), cut(images))


def test_objectives_are_linear_in_the_layer() -> None:
    layer = edges_layer()
    maps_of = torch.rand(3, 2, 28, 28)
    both = direction(layer, "both", np.array([2.0, -1.0]), bias=0.5)
    wanted = 2 * maps_of[:, 0].mean(dim=(1, 2)) - maps_of[:, 1].mean(dim=(1, 2)) + 0.5
    assert torch.allclose(values(maps_of, [both] * 3), wanted)
    assert np.allclose(both.of_vectors(maps_of.mean(dim=(2, 3)).numpy()), wanted.numpy())
    assert torch.equal(values(maps_of, [neuron(layer, 1, 4, 9)] * 3), maps_of[:, 1, 4, 9])
    for wrong in (lambda: channel(layer, 2), lambda: neuron(layer, 0, 28), lambda: direction(layer, "x", np.ones(3))):
        with pytest.raises(LabError):
            wrong()


def test_a_probes_direction_scores_as_attributions_do() -> None:
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1, 2], 20)
    vectors = (rng.normal(size=(60, 5)) * [1, 5, 1, 9, 1] + labels[:, None]).astype(np.float32)
    images: Any = SimpleNamespace(classes=("cat", "dog", "owl"), labels=labels, groups=np.arange(60), spec="three")
    layer = Layer("pooled", "module", 0.9, "NC", 5, 0, 0, 0, 0, "unknown")
    found = probe_direction(vectors, images, layer, "dog")
    score = Target(torch.tensor([1]), fitted_probe(vectors, images, layer)).score(torch.from_numpy(vectors).double())
    assert np.allclose(vectors @ found.weights + found.bias, score.numpy(), rtol=1e-6, atol=1e-6)
    assert 0.5 < found.accuracy <= 1


def test_images_that_stand_for_many_are_spread_over_them() -> None:
    few, many = np.array([3, 5, 8]), np.arange(7, 1000)
    assert (spread_over(few) == few).all()
    chosen = spread_over(many)
    assert len(set(chosen.tolist())) == IMAGES
    assert (chosen[0], chosen[-1]) == (7, 999)


def test_diversity_makes_copies_unlike(model: LoadedModel) -> None:
    layer = layer_of(model, "layer2.0")
    cut, objectives = TruncatedNetwork(model, layer, 32), [channel(layer_of(model, "layer2.0"), 0)] * 3
    alike = []
    for weight in (0.0, 20.0):
        found = render(cut, objectives, Settings(32, 30, diversity=weight), seeds=[1, 2, 3])
        alike.append(float(likeness(cut(found.images)).mean()))
    assert alike[1] < alike[0]


@pytest.mark.parametrize(
    ("name", "layers"),
    [("test_resnet", "stages"), ("test_convnext", "stages"), ("test_vit", "blocks")],
)
def test_contributions_sum_to_the_pre_activation(name: str, layers: str) -> None:
    model = load_model(f"{name}@untrained:2")
    chosen = [layer for layer in select_layers(model.layers, layers) if layer.height > 1][1:3]
    size = model.preprocessing.height
    images = torch.randn(2, 3, size, size, generator=generator_of(0))
    for layer in chosen:
        if layer.kind == "head":
            continue
        found = sums(model, layer, images, 1, [(0, 0), (layer.height // 2, 1)])
        assert found.parts
        assert found.difference.max() < 1e-9
    assert not any(child._forward_hooks for child in model.module.modules())


def test_contributions_equal_the_products_of_a_convolution(model: LoadedModel) -> None:
    images = torch.randn(1, 3, 48, 48, generator=generator_of(0))
    found = sums(model, layer_of(model, "layer1.0.conv2"), images, 2, [(3, 4)])
    with torch.no_grad(), record(model.module, [layer_of(model, "layer1.0.act1")]) as taken:
        model.module(images)
    kernel = model.module.get_submodule("layer1.0.conv2").weight.double()[2]
    window = nn.functional.pad(taken["layer1.0.act1"].double(), (1, 1, 1, 1))[0, :, 3:6, 4:7]
    wanted = (window * kernel).sum(dim=(1, 2)).detach().numpy()
    assert list(found.through.values()) == ["layer1.0.conv2"]
    (part,) = found.parts.values()
    assert np.allclose(part[0], wanted, atol=1e-4 * float(np.abs(wanted).max()))
    assert found.bias[0] == pytest.approx(0)


def test_a_sum_that_is_none_is_told() -> None:
    tables = {
        "sums": pd.DataFrame({"difference": [0.2, 0.0], "at": "exemplar", "value": 1.0}),
        "contributions": pd.DataFrame({"contribution": [1.0], "usual": [0.0], "source": "x", "channel": 1}),
    }
    assert "not a plain sum" in card._about_sources(tables)[0]


def test_a_channel_is_held_and_given_back(model: LoadedModel) -> None:
    layer, image = layer_of(model, "layer1.0"), torch.randn(1, 3, 48, 48)
    with torch.no_grad():
        before = model.module(image)
        with held(model.module, layer, 2, 0.25):
            changed = model.module(image)
        assert not torch.equal(changed, before)
        with pytest.raises(ZeroDivisionError), held(model.module, layer, 2, 0.25):
            raise ZeroDivisionError
        assert torch.equal(model.module(image), before)
    assert not any(child._forward_hooks for child in model.module.modules())


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Any:
    request = visualize.VisualizeRequest(
        **SMALL, layers="layer1.0,layer2.0", channels="top:1,2@3x4,class:diamond", size=32, steps=8, count=2
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FEATURE_LAB_HOME", str(tmp_path_factory.mktemp("made")))
        leave_out_fields(patch)
        partial_results: dict[str, Any] = {}
        result = visualize.run(request, partial_results=partial_results)
        patch.setattr("lab.experiments.channels.visualizer.render", lambda *_, **__: pytest.fail("optimised again"))
        again = visualize.run(request, partial_results=partial_results)
    assert again["visualizations"].equals(result["visualizations"])
    return result


def test_a_visualization_says_what_it_is_held_against(made: Any) -> None:
    images = made["visualizations"]
    assert list(images["kind"].iloc[:3]) == ["channel", "position", "direction"]
    assert set(made["references"]["kind"]) == {"random", "photographs", "images"}
    for row in images.itertuples():
        held_by = made["references"][
            (made["references"].layer == row.layer) & (made["references"].target == row.target)
        ]
        shares = held_by.groupby("kind")["value"].quantile(0.95)
        assert row.random_p95 == pytest.approx(shares["random"])
        assert row.above_natural == (row.value > max(shares["photographs"], shares["images"]))
        assert Image.open(io.BytesIO(row.thumbnail)).size == (32, 32)
    assert f"of {len(images)} images end above" in made.manifest["findings"][0]


def test_the_text_follows_numbers_that_say_otherwise(made: Any) -> None:
    images = made["visualizations"]
    none = images.assign(above_random=False, natural_best=np.inf, own_rank=5)
    said = visualize.findings(none)
    assert said[0].startswith(f"0 of {len(images)} images end above")
    assert "not so" in said[0]
    assert "; 0 exceed" in said[0]
    assert f"0 of {len(images)} excite their own channel" in said[1]
    every = visualize.findings(images.assign(above_random=True, above_natural=True, natural_best=-np.inf))
    assert every[0].startswith(f"{len(images)} of {len(images)} images")
    assert "not so" not in every[0]
    dead = visualize.findings(none.assign(value=0.0, natural_best=0.0, random_p95=0.0))
    assert "not so" not in dead[0]
    assert dead[1] == f"{len(images)} of {len(images)} belong to channels that no image raises above 0."


@pytest.mark.parametrize(
    ("channels", "words"),
    [("9999", "channels, so it must be"), ("5-2", "lower number first"), ("top", "names no channel"),
     ("class:dgo", "there is no class"), ("1@99x0", "row is 99"), ("", "no channel is named")],
)  # fmt: skip
def test_channels_that_are_not_there_are_told(channels: str, words: str) -> None:
    with pytest.raises(LabError, match=words):
        visualize.run(visualize.VisualizeRequest(**SMALL, layers="layer1.0", channels=channels, size=32, steps=8))


def test_a_card_holds_together() -> None:
    found = card.run(card.ChannelRequest(**SMALL, layer="layer2.0", channel=3, size=32, steps=8, count=3))
    assert found["sums"]["difference"].max() < 1e-9
    assert set(found["exemplars"]["end"]) == {"most", "least"}
    assert len(found["activations"]) == 12
    assert found["effects"]["asked"].sum() == 1
    assert len(found["effects"]) == 6
    best = found["exemplars"].iloc[0]
    assert best["value"] == pytest.approx(found["activations"]["peak"].max())
    said = " ".join(found.manifest["findings"])
    assert "exactly the sum of" in said
    calm = found["effects"].assign(ci_low=-1.0, ci_high=1.0)
    assert "no change is shown" in card._about_effect(calm)[0]
    strong = calm.assign(ci_low=1.0, change=np.where(calm["asked"], 2.0, 0.1))
    assert "more than any of the others" in card._about_effect(strong)[0]


def test_a_card_of_a_set_without_enough_classes_says_so() -> None:
    few: dict[str, Any] = {**SMALL, "per_class": 1}
    found = card.run(card.ChannelRequest(**few, layer="layer1.0", channel=0, size=32, steps=8, count=2))
    assert found["effects"].empty
    assert "Its effect is not measured" in found.manifest["findings"][-1]


def test_a_strip_goes_from_first_to_last() -> None:
    found = depth_strip.run(depth_strip.DepthStripRequest(**SMALL, size=32, steps=8, count=2))
    strip = found["strip"]
    assert strip["depth"].is_monotonic_increasing
    assert (strip.groupby("layer").size() == 2).all()
    chance = strip.assign(ci_low=0.2, ci_high=0.8, auc=0.5)
    assert "No single channel is shown" in depth_strip.findings(chance, found["visualizations"])[0]
    with pytest.raises(LabError, match="two classes"):
        depth_strip.run(depth_strip.DepthStripRequest(**SMALL, classes="rectangle"))


def test_first_filters_are_drawn_as_they_are(model: LoadedModel) -> None:
    found = kernels.run(kernels.KernelsRequest(MODEL))["kernels"]
    weights = (
        model.module.conv1[0].weight if isinstance(model.module.conv1, nn.Sequential) else model.module.conv1.weight
    )
    kernel = weights[0].detach().numpy()
    pixels = np.asarray(Image.open(io.BytesIO(found["thumbnail"].iloc[0])))
    times = pixels.shape[0] // kernel.shape[1]
    shown = pixels[::times, ::times].astype(float) / 255
    assert np.allclose((shown - 0.5) * 2 * np.abs(kernel).max(), kernel.transpose(1, 2, 0), atol=0.01)
    assert "mostly colour, the rest brightness" in kernels.findings(found)[0]
    assert kernels._colour(np.ones((3, 3, 3))) == pytest.approx(0)
    assert kernels._colour(np.stack([np.ones((3, 3)), -np.ones((3, 3)), np.zeros((3, 3))])) == pytest.approx(1)


def test_the_command_writes_images_a_walk_and_a_manifest(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    words = ["visualize", "--model", MODEL, "--layer", "layer1.0,layer2.0", "--channel", "1,class:diamond", "--data"]
    done = main([*words, "drawn:shapes", "--per-class", "4", "--size", "32", "--steps", "8", "--out", str(out)])
    assert done == 0
    assert "images end above" in capsys.readouterr().out
    names = {path.name for path in out.iterdir()}
    assert names == {
        "layer1.0-1.png", "layer1.0-class_diamond.png", "layer2.0-1.png", "layer2.0-class_diamond.png", "walk.gif",
        "manifest.json",
    }  # fmt: skip
    with Image.open(out / "walk.gif") as film:
        assert film.n_frames == 2
    manifest = json.loads((out / "manifest.json").read_text())
    assert {row["file"] for row in manifest["visualizations"]} == {name for name in names if name.endswith(".png")}
    assert (
        main(["visualize", "--channel", "top:x", "--model", MODEL, "--data", "drawn:shapes", "--per-class", "2"]) == 2
    )
    assert "names no channel" in capsys.readouterr().err
