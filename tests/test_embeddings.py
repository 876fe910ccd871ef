"""Embeddings: right, cached by content, resumed after a kill, read without torch; damage to the cache does no harm."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from image_sets import Pictures, image_set, scene, scenes
from no_fields import leave_out_fields

from lab.embeddings import Embeddings, embed, pixels_embedding
from lab.embeddings.streaming import in_order
from lab.embeddings.vectorstore import VectorStore
from lab.errors import LabError
from lab.images.types import ImageSet
from lab.layers import Layer, select_layers
from lab.models import LoadedModel, load_model
from lab.settings import Compute

MODEL = "test_resnet@untrained"
SMALL = Compute("cpu", 4)


@pytest.fixture(autouse=True)
def no_fields(monkeypatch: pytest.MonkeyPatch) -> None:
    leave_out_fields(monkeypatch)


@pytest.fixture
def model() -> LoadedModel:
    return load_model(MODEL)


@pytest.fixture
def layers(model: LoadedModel) -> tuple[Layer, ...]:
    return select_layers(model.layers, "blocks")


def source(images: ImageSet) -> Pictures:
    assert isinstance(images.source, Pictures)
    return images.source


def subset(images: ImageSet, positions: list[int]) -> ImageSet:
    chosen = source(images)
    other = Pictures([chosen.images[i] for i in positions], chosen.jpeg)
    return replace(images, records=tuple(images.records[i] for i in positions), source=other)


def assert_equal(found: Embeddings, wanted: dict[str, np.ndarray] | Embeddings, rows: list[int] | None = None) -> None:
    for name, vectors in found.items():
        assert np.array_equal(vectors, wanted[name] if rows is None else wanted[name][rows]), name


def test_vectors_are_what_plain_torch_gives(model: LoadedModel, layers: tuple[Layer, ...]) -> None:
    from PIL import Image
    from timm.data import create_transform, resolve_model_data_config

    images = scenes(6)
    found = embed(model, images, layers, compute=SMALL)
    transform = create_transform(**resolve_model_data_config(model.module), is_training=False)
    taken: dict[str, torch.Tensor] = {}
    for layer in layers:
        model.module.get_submodule(layer.name).register_forward_hook(
            lambda _m, _i, out, name=layer.name: taken.update({name: out.mean((2, 3))})
        )
    with torch.no_grad():
        model.module(torch.stack([transform(Image.fromarray(images.pixels(i))) for i in range(6)]))
    assert list(found) == [layer.name for layer in layers]
    for name, vectors in found.items():
        assert vectors.dtype == np.float32
        assert vectors.shape == tuple(taken[name].shape)
        # timm resizes with Pillow, which rounds elsewhere by up to 0.02 of a pixel unit
        assert np.abs(vectors - taken[name].numpy()).max() < 0.02 * taken[name].abs().max()


def test_a_second_time_nothing_is_decoded_or_passed(layers: tuple[Layer, ...]) -> None:
    images = scenes(7)
    first = embed(MODEL, images, layers, compute=SMALL)
    before = list(source(images).decoded)
    again = embed(MODEL, images, layers, compute=SMALL)
    assert (first.computed, again.computed) == (7, 0)
    assert source(images).decoded == before
    assert_equal(again, first)


def test_subsets_orders_and_layers_are_reused(layers: tuple[Layer, ...]) -> None:
    images = scenes(8)
    first = embed(MODEL, images, layers, compute=SMALL)
    turned = embed(MODEL, subset(images, [5, 0, 3]), layers[1:3], compute=SMALL)
    assert turned.computed == 0
    assert_equal(turned, first, [5, 0, 3])


def test_only_what_is_missing_is_computed(layers: tuple[Layer, ...]) -> None:
    images = scenes(9)
    embed(MODEL, subset(images, [0, 1, 2, 3, 4]), layers[:2], compute=SMALL)
    grown = embed(MODEL, images, layers[:2], compute=SMALL)
    assert grown.computed == 4
    assert embed(MODEL, images, layers, compute=SMALL).computed == 9  # for the layers that were not read yet
    assert embed(MODEL, images, layers, compute=SMALL).computed == 0


def test_pieces_are_what_the_whole_would_have_been(
    layers: tuple[Layer, ...], lab_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A resumed run and one in a single go have the same vectors, bit for bit."""
    images = scenes(9)
    embed(MODEL, subset(images, [7, 2, 5]), layers, compute=SMALL)
    resumed = embed(MODEL, images, layers, compute=SMALL)
    monkeypatch.setenv("FEATURE_LAB_HOME", str(lab_home / "other"))
    whole = embed(MODEL, images, layers, compute=SMALL)
    assert (resumed.computed, whole.computed) == (6, 9)
    assert_equal(resumed, whole)
    monkeypatch.setenv("FEATURE_LAB_HOME", str(lab_home / "third"))
    for name, vectors in embed(MODEL, images, layers, compute=Compute("cpu", 7)).items():
        assert np.abs(vectors - whole[name]).max() <= 1e-5 * max(1, np.abs(whole[name]).max())


def test_twins_poolings_and_preprocessing_do_not_mix(model: LoadedModel, layers: tuple[Layer, ...]) -> None:
    images = scenes(3)
    first = embed(model, images, layers, compute=SMALL)
    assert embed("test_resnet@untrained:1", images, layers, compute=SMALL).computed == 3
    assert embed(model, images, layers, pooling="max", compute=SMALL).computed == 3
    other = replace(model, card=replace(model.card, preprocessing=replace(model.preprocessing, crop_pct=0.5)))
    assert embed(other, images, layers, compute=SMALL).computed == 3
    assert_equal(embed(model, images, layers, compute=SMALL), first)


def test_identical_images_are_passed_once(layers: tuple[Layer, ...]) -> None:
    images = image_set([scene(0), scene(1), scene(0), scene(0)])
    found = embed(MODEL, images, layers, compute=SMALL)
    assert found.computed == 2
    for vectors in found.values():
        assert np.array_equal(vectors[0], vectors[2])
        assert np.array_equal(vectors[0], vectors[3])
        assert not np.array_equal(vectors[0], vectors[1])


def shards(home: Path) -> list[Path]:
    return sorted((home / "cache" / "embeddings").rglob("*.safetensors"))


@pytest.mark.parametrize("harm", ["cut", "empty", "flipped bit", "not a shard"])
def test_a_damaged_shard_is_computed_again(harm: str, layers: tuple[Layer, ...], lab_home: Path) -> None:
    images = scenes(4)
    first = embed(MODEL, images, layers, compute=SMALL)
    (path,) = shards(lab_home)
    content = bytearray(path.read_bytes())
    content[-5] ^= 1
    path.write_bytes(
        {"cut": content[:-50], "empty": b"", "flipped bit": bytes(content), "not a shard": b"{}" * 20}[harm]
    )
    again = embed(MODEL, images, layers, compute=SMALL)
    assert again.computed == 4
    assert_equal(again, first)
    assert embed(MODEL, images, layers, compute=SMALL).computed == 0


def test_shards_are_no_pickles(layers: tuple[Layer, ...], lab_home: Path) -> None:
    from safetensors import safe_open

    embed(MODEL, scenes(2), layers, compute=SMALL)
    for path in shards(lab_home):
        with safe_open(path, "numpy") as shard:
            assert set(json.loads(shard.metadata()["crc32"])) == set(shard.keys())
    assert [path for path in (lab_home / "cache" / "embeddings").rglob("*") if path.is_file()] == shards(lab_home)


def test_writers_at_the_same_time(lab_home: Path) -> None:
    stores = [VectorStore("place"), VectorStore("place")]
    values = {digest: np.full((1, 3), i, np.float32) for i, digest in enumerate(["a" * 64, "b" * 64])}
    for store, (digest, vector) in zip(stores, values.items(), strict=True):
        store.add([digest], {"x": vector})
    array = np.zeros((3, 3), np.float32)
    assert stores[0].fill("x", ["b" * 64, "c" * 64, "a" * 64], array).tolist() == [True, False, True]
    assert array[:, 0].tolist() == [1, 0, 0]


def test_an_error_keeps_what_was_done_and_names_the_image(layers: tuple[Layer, ...]) -> None:
    images = scenes(12)
    source(images).broken.add(9)
    with pytest.raises(LabError, match="image 'b/9' of pictures"):
        embed(MODEL, images, layers, compute=SMALL)
    source(images).broken.clear()
    assert embed(MODEL, images, layers, compute=SMALL).computed == 4  # the first two batches of four were kept


def test_progress_counts_images(layers: tuple[Layer, ...]) -> None:
    calls: list[tuple[str, int, int, str]] = []
    embed(MODEL, scenes(6), layers, compute=SMALL, progress=lambda *call: calls.append(call))
    loading, *passes = calls
    assert loading == ("test_resnet (untrained): loading it", 0, 1, "networks")
    assert [call[1:] for call in passes] == [(4, 6, "images"), (6, 6, "images")]
    assert {call[0] for call in passes} == {"test_resnet (untrained): passing images"}


def test_a_pooling_the_layers_cannot_have(layers: tuple[Layer, ...]) -> None:
    with pytest.raises(LabError, match="class token"):
        embed(MODEL, scenes(1), layers, pooling="cls")


def test_no_images_and_no_layers(layers: tuple[Layer, ...]) -> None:
    assert embed(MODEL, image_set([]), layers)[layers[0].name].shape == (0, layers[0].channels)
    assert dict(embed(MODEL, scenes(2), ())) == {}


def test_pixels() -> None:
    images = image_set([scene(i) for i in range(5)] + [np.full((7, 9, 3), (0, 128, 255), np.uint8)])
    found = pixels_embedding(images, side=8)
    assert (found.shape, found.dtype) == ((6, 192), np.float32)
    assert found.min() >= 0
    assert found.max() <= 1
    np.testing.assert_allclose(found[5].reshape(3, 64), np.repeat([[0.0], [128 / 255], [1.0]], 64, axis=1), atol=1e-6)
    before = list(source(images).decoded)
    assert np.array_equal(pixels_embedding(images, side=8), found)
    assert source(images).decoded == before
    means = np.array([images.pixels(i).mean((0, 1)) / 255 for i in range(5)])
    np.testing.assert_allclose(found[:5].reshape(5, 3, 64).mean(2), means, atol=0.03)


def test_decoding_stays_a_bounded_way_ahead() -> None:
    started: list[int] = []

    def work(index: int) -> int:
        started.append(index)
        return index

    stream: Iterator[int] = in_order(work, range(200), limit=6)
    for wanted in range(50):
        assert next(stream) == wanted
        assert len(started) <= wanted + 7
    time.sleep(0.05)
    assert len(started) <= 57
    stream.close()  # type: ignore[attr-defined]
    assert len(started) <= 57


SCRIPT = """
    import sys
    sys.path.insert(0, {tests!r})
    from image_sets import scenes
    import lab.embeddings.cached as e
    from lab.layers import select_layers
    from lab.models import card
    from lab.settings import Compute
    e.FLUSH_SECONDS = e.FLUSH_SHARE = 0.0
    layers = select_layers(card({model!r}).layers, "blocks")
    show = lambda stage, done, total, unit: print(done, flush=True)
    found = e.embed({model!r}, scenes({count}), layers, compute=Compute("cpu", 4), progress=show)
    print("computed", found.computed, "torch" in sys.modules, flush=True)
"""


def script(count: int) -> list[str]:
    text = SCRIPT.format(tests=str(Path(__file__).parent), model=MODEL, count=count)
    return [sys.executable, "-c", textwrap.dedent(text)]


def test_killed_and_resumed_and_then_read_without_torch(layers: tuple[Layer, ...]) -> None:
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    worker = subprocess.Popen(script(600), stdout=subprocess.PIPE, text=True, env=environment)
    assert worker.stdout is not None
    for line in worker.stdout:
        if int(line) >= 20:
            break
    worker.send_signal(signal.SIGKILL)
    worker.wait()
    worker.stdout.close()
    resumed = embed(MODEL, scenes(40), layers, compute=SMALL)
    assert 0 <= resumed.computed <= 20
    out = subprocess.run(script(40), capture_output=True, text=True, check=True, env=environment)
    assert out.stdout.split() == ["computed", "0", "False"]
