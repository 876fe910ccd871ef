"""`ID+onnx`: ONNX Runtime puts out torch's layers to 1e-4, under a name, a digest and a place of its own."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import lab
from lab.activations import onnx_layers
from lab.activations.extractor import Extractor
from lab.embeddings.cached import place_of
from lab.errors import LabError
from lab.models import load_model

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")


@pytest.mark.parametrize(
    ("net", "pooling"), [("test_resnet", "avg"), ("test_convnext", "avg"), ("test_vit", "avg+max")]
)
@pytest.mark.parametrize("runtime", sorted(onnx_layers.BEGIN))
def test_every_layer_is_torchs(net: str, pooling: str, runtime: str) -> None:
    pytest.importorskip(onnx_layers.BEGIN[runtime][0])
    plain, other = load_model(f"{net}@untrained:0"), load_model(f"{net}@untrained:0+{runtime}")
    layers = plain.layers
    pixels = torch.randint(0, 256, (5, *plain.preprocessing.input_size), dtype=torch.uint8)
    wanted, found = (Extractor(model, layers, pooling)(pixels) for model in (plain, other))
    assert list(found) == list(wanted)
    again = Extractor(other, layers, pooling)
    kept = again(pixels)
    again(255 - pixels)
    assert all(np.array_equal(kept[name], found[name]) for name in found), "a batch does not change the one before"
    for name, rows in wanted.items():
        assert found[name].dtype == np.float32
        assert np.abs(found[name] - rows).max() <= 1e-4 * np.abs(rows).max(), name


def test_it_is_part_of_the_name_the_digest_and_the_place() -> None:
    plain, other = load_model("test_resnet@untrained:0"), load_model("test_resnet@untrained:0+onnx", device="auto")
    assert str(other.ref) == "test_resnet@untrained:0+onnx"
    assert other.device == "cpu"
    assert other.weights_digest != plain.weights_digest
    assert place_of(other.card, "avg") != place_of(plain.card, "avg")


def test_a_probe_of_it_is_recorded_as_such(monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[int] = []
    real = onnx_layers.OnnxLayers.__call__

    def counted(self: onnx_layers.OnnxLayers, batch: torch.Tensor) -> dict[str, torch.Tensor]:
        ran.append(len(batch))
        return real(self, batch)

    monkeypatch.setattr(onnx_layers.OnnxLayers, "__call__", counted)
    asked = {"per_class": 10, "folds": 2, "layers": "layer1.0,layer4.0"}
    found = lab.ask("many_images", model="test_resnet@untrained:0+onnx", data="drawn:orientation", **asked)
    assert len(ran) > 1
    assert "test_resnet@untrained:0+onnx" in found.manifest["hashes"]
    usual = lab.ask("many_images", model="test_resnet@untrained:0", data="drawn:orientation", **asked)
    assert np.allclose(found["similarity"]["cka"], usual["similarity"]["cka"], atol=1e-3)


def test_what_cannot_be_run_so_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    model = load_model("test_resnet@untrained:0+onnx")
    monkeypatch.setattr(onnx_layers, "same", lambda wanted, found: False)
    with pytest.raises(LabError, match="puts out other layers than torch"):
        Extractor(model, model.layers[-3:])
    monkeypatch.setattr(onnx_layers, "same", lambda wanted, found: True)
    monkeypatch.setattr(onnx_layers, "find_spec", lambda name: None)
    with pytest.raises(LabError, match="onnx is not installed; pip install"):
        Extractor(model, model.layers[-3:])
