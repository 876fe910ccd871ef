"""What a search does once: networks loaded, images decoded, passes that end early; the tables are the same without."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

import lab
from lab.activations import Extractor
from lab.embeddings import embed, streaming
from lab.images import open_image_set
from lab.models import load_model, loading
from lab.settings import cache_dir

NETS = ("test_resnet@untrained:0", "test_resnet@untrained:1")
ASKED: dict[str, Any] = {
    "per_class": 20, "layers": "layer1.0,layer4.0", "controls": "none", "repeats": 1, "sample": 16, "finalists": 3,
    "cheaper": 0, "speed": False,
}  # fmt: skip


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> dict[str, Counter[Any]]:
    """How often each network was loaded, and each image decoded."""
    found: dict[str, Counter[Any]] = {"loaded": Counter(), "decoded": Counter()}
    describe, decode = loading.card_of, streaming.input_for

    def card_of(ref: Any, built: Any) -> Any:
        found["loaded"][str(ref)] += 1
        return describe(ref, built)

    def input_for(images: Any, index: int, how: Any) -> torch.Tensor:
        found["decoded"][images.digests[index]] += 1
        return decode(images, index, how)

    monkeypatch.setattr(loading, "card_of", card_of)
    monkeypatch.setattr(streaming, "input_for", input_for)
    return found


def test_a_search_loads_each_network_and_decodes_each_image_once(
    counted: dict[str, Counter[Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    for net in NETS:
        loading.card(net)  # which an earlier question may have made
    tables, counts = [], []
    for room in (10**9, 0):
        monkeypatch.setattr(loading, "MOST_KEPT", room)
        monkeypatch.setattr(streaming, "MOST_PIXELS", room)
        for kind in counted.values():
            kind.clear()
        tables.append(lab.which(NETS, "drawn:orientation", **ASKED)["confirmed"])
        counts.append({name: dict(kind) for name, kind in counted.items()})
        for file in cache_dir("embeddings").rglob("*.safetensors"):
            file.unlink()
    once, anew = counts
    assert set(once["loaded"].values()) == {1}
    assert sum(anew["loaded"].values()) > 2
    assert set(once["decoded"].values()) == {1}
    assert (len(once["decoded"]), max(anew["decoded"].values())) == (40, 2)
    pd.testing.assert_frame_equal(*tables)
    load_model(NETS[0])
    load_model(NETS[0])
    assert counted["loaded"][NETS[0]] >= 2, "nothing is kept beyond the search"


def test_networks_that_want_images_otherwise_do_not_share_them() -> None:
    images = open_image_set("drawn:orientation", per_class=2)
    nets = [load_model(name) for name in ("test_resnet@untrained:0", "test_vit@untrained:0")]
    alone = [embed(net, images, net.layers[:1])[net.layers[0].name] for net in nets]
    for file in cache_dir("embeddings").rglob("*.safetensors"):
        file.unlink()
    with streaming.pixels_kept():
        together = [embed(net, images, net.layers[:1]) for net in nets]
    assert [found.computed for found in together] == [4, 4]
    assert all(
        np.array_equal(found[net.layers[0].name], wanted)
        for net, wanted, found in zip(nets, alone, together, strict=True)
    )


def test_a_pass_ends_with_the_last_layer_that_is_read() -> None:
    model, ran = load_model(NETS[0]), []
    extract = Extractor(model, [layer for layer in model.layers if layer.name == "layer2.0"])
    for name in ("layer2.0", "layer3"):
        extract.module.get_submodule(name).register_forward_hook(lambda *_, name=name: ran.append(name))
    pixels = torch.zeros((2, *model.preprocessing.input_size), dtype=torch.uint8)
    found = extract(pixels)["layer2.0"]
    assert ran == ["layer2.0"]
    np.testing.assert_allclose(found, Extractor(model, model.layers)(pixels)["layer2.0"], rtol=1e-4, atol=1e-5)
