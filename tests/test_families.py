"""A dozen families of timm, the smallest of each: every layer is read, to the number. All of them: docs/sweep.md."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from no_fields import leave_out_fields

from lab.activations import check_pooling, pool, record
from lab.activations.pooling import dimension, maps
from lab.embeddings import embed
from lab.errors import LabError
from lab.images import open_image_set
from lab.layers import select_layers
from lab.layers.table import layer_table
from lab.models import load_model
from lab.settings import Compute
from lab.weights.networks import build_network

# family: how many of timm's own intermediate maps there are, all of which must be among the layers
DOZEN = {
    "test_resnet": 5, "test_convnext": 4, "test_efficientnet": 5, "test_vit": 6, "test_nfnet": 5, "test_mambaout": 4,
    "test_byobnet": 5, "regnetx_002": 5, "repghostnet_050": 5, "mixer_s32_224": 8, "cait_xxs24_224": 24,
    "swin_tiny_patch4_window7_224": 4,
}  # fmt: skip
BATCH = 3


@pytest.fixture
def no_fields(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave receptive fields out, which take most of the time and have tests of their own."""
    leave_out_fields(monkeypatch)


@pytest.mark.parametrize("name", DOZEN)
def test_every_layer_of_a_family_is_read(name: str, no_fields: None) -> None:
    module = build_network(name).eval().requires_grad_(False)
    size = module.default_cfg["input_size"]
    layers, _ = layer_table(module, size)
    images = torch.randn((BATCH, *size), generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        with record(module, layers) as whole:
            module(images)
        with record(module, layers, lambda activation, layer: pool(activation, layer, "avg")) as alone:
            module(images[1:2])
    assert set(whole) == {layer.name for layer in layers}
    for layer in layers:
        vectors = pool(whole[layer.name], layer, "avg")
        assert vectors.shape == (BATCH, dimension(layer, "avg"))
        assert vectors.isfinite().all()
        near = 1e-5 * max(float(whole[layer.name].abs().max()), 1e-3)  # a mean may cancel
        assert float((vectors[1:2] - alone[layer.name]).abs().max()) <= near, layer.name
    assert any(layer.kind == "block" for layer in layers)
    found = module.forward_intermediates(images, intermediates_only=True, output_fmt="NCHW")
    assert len(found) == DOZEN[name]
    shaped = [maps(whole[layer.name], layer) for layer in layers if layer.layout == "NC" or layer.height]
    for wanted in found:
        near = 1e-5 * float(wanted.abs().max())
        alike = [known for known in shaped if known.shape == wanted.shape]
        assert any(float((known - wanted).abs().max()) <= near for known in alike), tuple(wanted.shape)
        assert not any(reordered(known, wanted, near) for known in alike)


def reordered(known: torch.Tensor, wanted: torch.Tensor, near: float) -> bool:
    """Whether a map holds the values of another at other places."""
    sizes = [torch.sort(one.norm(dim=1).flatten(1)).values for one in (known, wanted)]
    return float((sizes[0] - sizes[1]).abs().max()) <= near < float((known - wanted).abs().max())


def test_hieras_windows_within_windows_have_no_positions_until_they_are_in_order(no_fields: None) -> None:
    module = build_network("hiera_tiny_224").eval().requires_grad_(False)
    layers, _ = layer_table(module, (3, 224, 224))
    blocks = {layer.name: layer for layer in layers if layer.kind == "block"}
    assert [name for name, layer in blocks.items() if layer.height] == ["blocks.10", "blocks.11"]
    with pytest.raises(LabError, match="positions"):
        check_pooling("2x2", [blocks["blocks.4"]])
    images = torch.randn((1, 3, 224, 224), generator=torch.Generator().manual_seed(1))
    with torch.inference_mode(), record(module, tuple(blocks.values())) as taken:
        *_, wanted = module.forward_intermediates(images, intermediates_only=True, output_fmt="NCHW")
    torch.testing.assert_close(maps(taken["blocks.11"], blocks["blocks.11"]), wanted)
    with pytest.raises(LabError, match="positions"):
        maps(taken["blocks.4"], blocks["blocks.4"])


@pytest.mark.parametrize("name", ["test_vit", "test_resnet", "swin_tiny_patch4_window7_224", "cait_xxs24_224"])
def test_a_changed_patch_is_seen_where_it_is(name: str, no_fields: None) -> None:
    """Blocks keep their positions; tables of attention, as square as a map, have none."""
    module = build_network(name).eval()
    size = module.default_cfg["input_size"]
    layers, _ = layer_table(module, size)
    assert all(layer.height for layer in layers if layer.kind == "block" and not layer.name.startswith("blocks_token"))
    assert not any(layer.height > size[1] // 4 for layer in layers if "attn" in layer.name)


def test_the_class_token_is_kept_apart_and_can_be_the_pooling(no_fields: None) -> None:
    module = build_network("test_vit").eval()
    layers, _ = layer_table(module, (3, 160, 160))
    block = next(layer for layer in layers if layer.name == "blocks.2")
    assert (block.layout, block.prefix_tokens) == ("NLC", 1)
    images = torch.randn((2, 3, 160, 160))
    with torch.inference_mode(), record(module, [block]) as taken:
        module(images)
    activation = taken[block.name]
    assert torch.equal(pool(activation, block, "cls"), activation[:, 0])
    assert torch.allclose(pool(activation, block, "avg"), activation[:, 1:].mean(1), atol=1e-6)
    check_pooling("cls", [block])


@pytest.mark.parametrize("name", ["test_resnet", "test_vit", "test_convnext"])
def test_embeddings_do_not_depend_on_the_batch_size(name: str, monkeypatch: Any, tmp_path_factory: Any) -> None:
    images = open_image_set("drawn:pets", per_class=9)
    found = []
    for batch in (1, 5, 16):
        monkeypatch.setenv("FEATURE_LAB_HOME", str(tmp_path_factory.mktemp("home")))
        model = load_model(f"{name}@untrained")
        layers = select_layers(model.layers, "blocks")
        found.append(embed(model, images, layers, compute=Compute("cpu", batch)))
    assert found[0]
    for layer in found[0]:
        for other in found[1:]:
            assert np.abs(found[0][layer] - other[layer]).max() <= 1e-5
