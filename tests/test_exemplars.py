"""Exemplars: the streaming extremes equal a sort of everything, and a patch holds exactly what its value depends on."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
import torch
from image_sets import scenes
from torch import nn

from lab.activations.partial_forward import forward_through
from lab.activations.pooling import maps
from lab.activations.recording import record
from lab.errors import LabError
from lab.exemplars import reach, scan
from lab.exemplars.crops import measured
from lab.exemplars.topk import Watcher
from lab.experiments.channels import channel_ablation
from lab.experiments.channels.probe_direction import ProbeDirection
from lab.experiments.channels.selectivity import areas, most_selective, selectivity
from lab.layers import Layer, select_layers
from lab.models import LoadedModel, load_model
from lab.models.preprocess import normalised, pixels_for
from lab.settings import Compute

MODEL = "test_resnet@untrained:3"
SCANNING = import_module("lab.exemplars.scan")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> LoadedModel:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FEATURE_LAB_HOME", str(tmp_path_factory.mktemp("models")))
        return load_model(MODEL)


@pytest.fixture(scope="module")
def layers(model: LoadedModel) -> tuple[Layer, ...]:
    return select_layers(model.layers, "stages")


def activations(model: LoadedModel, layer: Layer, batch: torch.Tensor) -> np.ndarray:
    with torch.inference_mode(), record(model.module, [layer], lambda one, row: maps(one, row).clone()) as taken:
        model.module(batch)
    return taken[layer.name].numpy()


@pytest.mark.parametrize("batch", [1, 3, 8])
def test_streaming_extremes_equal_a_sort_of_everything(batch: int) -> None:
    values = torch.randn(23, 5, 4, 6, generator=torch.Generator().manual_seed(1)).round(decimals=1)  # with ties
    watcher = Watcher(5, 4)
    for start in range(0, 23, batch):
        part = values[start : start + batch]
        watcher.take_in(part, np.arange(start, start + len(part)))
    flat = values.flatten(2).numpy()
    for extremes, sign in ((watcher.high, 1), (watcher.low, -1)):
        peaks = (sign * flat).max(axis=2)  # (N, C)
        order = np.argsort(-peaks, axis=0, kind="stable")[:4].T
        assert (extremes.image == order).all()
        assert np.allclose(extremes.value, np.take_along_axis(peaks.T, order, axis=1))
        for channel in range(5):
            for rank in range(4):
                place = extremes.place[channel, rank]
                assert sign * flat[order[channel, rank], channel, place] == extremes.value[channel, rank]


def test_a_scan_is_what_the_network_puts_out(model: LoadedModel, layers: tuple[Layer, ...]) -> None:
    images = scenes(7)
    found = scan(model, images, layers, compute=Compute("cpu", 3), kept=2)
    batch = normalised(torch.stack([pixels_for(images, i, model.preprocessing) for i in range(7)]), model.preprocessing)
    assert layers
    for layer in layers:
        everything = activations(model, layer, batch)
        peaks = everything.max(axis=(2, 3))
        scale = np.abs(everything).max()
        assert np.allclose(found[layer.name].peaks, peaks, atol=1e-5 * scale)
        assert np.allclose(found[layer.name].means, everything.mean(axis=(2, 3)), atol=1e-5 * scale)
        assert np.allclose(found[layer.name].high.value, np.sort(peaks, axis=0)[::-1][:2].T, atol=1e-5 * scale)
        lows = np.sort(everything.min(axis=(2, 3)), axis=0)[:2].T
        assert np.allclose(found[layer.name].low.value, lows, atol=1e-5 * scale)
        image, row, column = found[layer.name].place(found[layer.name].high, 1, 0)
        value = everything[image, 1, row, column]
        assert value == pytest.approx(found[layer.name].high.value[1, 0], abs=float(1e-5 * scale))


def test_a_second_scan_passes_no_image(
    model: LoadedModel, layers: tuple[Layer, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    images = scenes(4)
    before = scan(model, images, layers[:2], compute=Compute("cpu", 2))
    monkeypatch.setattr(SCANNING, "one_pass", lambda *_: pytest.fail("images were passed through the network again"))
    again = scan(model, images, layers[:1], compute=Compute("cpu", 2))
    assert (again[layers[0].name].peaks == before[layers[0].name].peaks).all()


def test_shards_join_to_the_same_extremes(
    model: LoadedModel, layers: tuple[Layer, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    images = scenes(6)
    whole = scan(model, images, layers[:1], compute=Compute("cpu", 2), kept=4)[layers[0].name]
    monkeypatch.setattr(SCANNING, "SHARD", 4)
    parts = scan(model, images, layers[:1], compute=Compute("cpu", 2), kept=4)[layers[0].name]
    for name in ("value", "image", "place"):
        assert (getattr(whole.high, name) == getattr(parts.high, name)).all()
        assert (getattr(whole.low, name) == getattr(parts.low, name)).all()


def test_a_patch_is_exactly_what_the_value_depends_on(model: LoadedModel, layers: tuple[Layer, ...]) -> None:
    rng = torch.Generator().manual_seed(0)
    how = model.preprocessing
    image = torch.randn((1, 3, how.height, how.width), generator=rng)
    noise = torch.randn(image.shape, generator=rng)
    reaches = reach(model, layers)
    strict = 0
    for layer in layers:
        for row, column in ((0, 0), (layer.height // 2, layer.width // 2), (layer.height - 1, 0)):
            crop = reaches[layer.name].crop(row, column)
            outside = noise.clone()
            outside[:, :, crop.top : crop.bottom, crop.left : crop.right] = image[
                :, :, crop.top : crop.bottom, crop.left : crop.right
            ]
            kept, changed = (activations(model, layer, one)[0, :, row, column] for one in (image, outside))
            assert np.abs(kept - changed).max() <= 1e-5 * max(1.0, float(np.abs(kept).max()))
            if crop.status in ("exact", "cut by the border") and crop.bottom - crop.top > 2:
                smaller = outside.clone()
                smaller[:, :, crop.top, :] = 100.0  # its first row does have an influence
                moved = activations(model, layer, smaller)[0, :, row, column]
                strict += int(np.abs(moved - kept).max() > 1e-6)
    assert strict >= len(layers)


def test_the_reach_of_one_convolution_is_its_window_on_images_that_are_not_square() -> None:
    module = nn.Sequential(nn.Conv2d(3, 2, 3, stride=2, padding=1)).eval()
    size = (20, 34)
    layer = Layer(
        "0", "module", 1.0, "NCHW", 2, 10, 17, 2, 3, "exact", receptive_field_height=3, receptive_field_width=3
    )
    ((_, rows, columns),) = measured(module, [layer], size)
    for found, side in ((rows, size[0]), (columns, size[1])):
        places = np.arange(len(found))
        assert (found == np.stack([np.maximum(2 * places - 1, 0), np.minimum(2 * places + 2, side)], axis=1)).all()


def test_a_pass_ends_with_the_last_layer_that_is_wanted(model: LoadedModel, layers: tuple[Layer, ...]) -> None:
    image = torch.randn(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    wanted = [layer.name for layer in layers[1::-1]]
    after = model.module.get_submodule(layers[2].name)
    handle = after.register_forward_hook(lambda *_: pytest.fail("the pass went on"))
    with torch.no_grad():
        found = forward_through(model.module, wanted, image)
    handle.remove()
    assert set(found) == set(wanted)
    assert not any(child._forward_hooks for child in model.module.modules())


def test_status_tells_fields_that_are_cut(model: LoadedModel, layers: tuple[Layer, ...]) -> None:
    local = [layer for layer in layers if layer.receptive_field_status == "exact"]
    assert local
    reaches = reach(model, local)
    for layer in local:
        crops = reaches[layer.name]
        assert crops.crop(0, 0).status == "cut by the border"
        middle = crops.crop(layer.height // 2, layer.width // 2)
        side = middle.bottom - middle.top
        assert (middle.status == "exact") == (side >= layer.receptive_field)


def test_areas_equal_counting_pairs() -> None:
    rng = np.random.default_rng(0)
    values, labels = rng.integers(0, 6, (30, 3)).astype(float), rng.integers(0, 2, 30)
    found = areas(values, labels, 2)
    for channel in range(3):
        high, low = values[labels == 1, channel], values[labels == 0, channel]
        pairs = (high[:, None] > low).mean() + 0.5 * (high[:, None] == low).mean()
        assert found[1, channel] == pytest.approx(pairs)
        assert found[0, channel] == pytest.approx(1 - pairs)


def test_the_best_of_many_noisy_channels_is_chance_where_it_was_not_chosen() -> None:
    rng = np.random.default_rng(1)
    labels, groups = np.repeat([0, 1], 40), np.arange(80)
    noise = rng.normal(size=(80, 600))
    table = selectivity(noise, labels, groups, ("cat", "dog"))
    best = table.sort_values("rank").head(20)
    assert best["choosing"].min() > 0.65  # on the half it was chosen on it looks good
    assert 0.4 < best["auc"].mean() < 0.6
    noise[:, 7] += 3 * labels
    found = selectivity(noise, labels, groups, ("cat", "dog"))
    assert most_selective(found, 2)[0] == 7
    assert found.loc[7, "class"] == "dog"
    assert found.loc[7, "ci_low"] > 0.8


def test_copies_do_not_make_an_area_surer() -> None:
    rng = np.random.default_rng(2)
    labels, groups = np.repeat([0, 1], 20), np.arange(40)
    means = rng.normal(size=(40, 5)) + labels[:, None]
    once = selectivity(means, labels, groups, ("cat", "dog"))
    copied = selectivity(*(np.repeat(values, 4, axis=0) for values in (means, labels, groups)), ("cat", "dog"))
    width = [table["ci_high"] - table["ci_low"] for table in (once, copied)]
    assert (width[1] > 0.8 * width[0]).all()


def test_copies_do_not_make_a_change_surer() -> None:
    rng = np.random.default_rng(3)
    before, change = rng.normal(size=(12, 4)), rng.random((12, 1))
    probe = ProbeDirection("cat", np.ones(4), 0.0, 0.9)

    def row(copies: int) -> dict[str, object]:
        images = np.repeat(np.arange(12), copies)
        intact, off = ((vectors[images], np.zeros((len(images), 1))) for vectors in (before, before - change))
        return channel_ablation._row(0, True, probe, intact, off, images < 8, images, 1)

    once, copied = row(1), row(4)
    for name in ("change", "ci_low", "ci_high"):
        assert copied[name] == pytest.approx(once[name])


def test_selectivity_needs_classes() -> None:
    with pytest.raises(LabError, match="two classes"):
        selectivity(np.zeros((4, 2)), np.zeros(4, int), np.arange(4), ("one",))


def test_damaged_cache_is_computed_anew(model: LoadedModel, layers: tuple[Layer, ...], lab_home: Path) -> None:
    images = scenes(3)
    before = scan(model, images, layers[:1], compute=Compute("cpu", 2))[layers[0].name]
    for file in (lab_home / "cache" / "exemplars").glob("*.npz"):
        file.write_bytes(b"half")
    after = scan(model, images, layers[:1], compute=Compute("cpu", 2))[layers[0].name]
    assert (before.high.value == after.high.value).all()
