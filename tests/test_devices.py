"""Every question on another device than the CPU, without one: a fake device refuses whatever mixes with the CPU."""

from __future__ import annotations

import copy
from typing import Any

import fake_device
import numpy as np
import pandas as pd
import pytest
import torch

import lab
from lab.activations import Extractor
from lab.embeddings import embed
from lab.errors import LabError
from lab.images import open_image_set
from lab.models import load_model, ref_of
from lab.models.devices import device_of, pick_device, placed, shared_out
from lab.models.reference import ModelRef
from lab.registry import EXPERIMENTS
from lab.settings import Compute
from lab.shortages import MemoryShort, in_parts

NET = "test_resnet@untrained:0"
THERE = fake_device.NAME
IMAGES = {"model": NET, "data": "drawn:pets", "per_class": 4}
SCAN = {"model": NET, "per_class": 4, "layers": "layer4"}
# Questions as small as they go, one for each way in which a network is run.
SMALL: dict[str, dict[str, Any]] = {
    "probe": {"models": [NET], "per_class": 6, "folds": 2, "repeats": 1, "layers": "layer4", "controls": []},
    "tuning": {"model": NET, "draws": 4, "twins": 2},
    "field": {"model": NET, "pictures": 2, "draws": 1, "twins": 2, "layers": "layer4"},
    "inversion": {"model": NET, "most_layers": 2, "starts": 2, "steps": 5},
    "break": {**IMAGES, "only": "drop"},
    "late_layers_only": IMAGES,
    "width_vs_depth": {"tasks": "orientation", "parameters": 4000, "size": 32, "per_class": 10, "test_per_class": 10,
                       "seen": 100, "seeds": 2},
    "other_probes": {**IMAGES, "layers": "layer4", "attentive": False},
    "attribute": {"model": NET, "method": "all", "steps": 2, "layers": "layer4", "target": "0", "checks": False},
    "attribution_score": {**IMAGES, "method": "gradcam,layer_ig", "steps": 2, "images": 2, "layers": "layer4"},
    "depth_strip": {**SCAN, "size": 32, "steps": 8, "count": 1},
    "visualize": {**SCAN, "channels": "top:1", "size": 32, "steps": 8, "count": 1},
    "channel": {"model": NET, "per_class": 4, "size": 32, "steps": 8, "count": 2, "layer": "layer4"},
    "train": {"model": "test_resnet", "per_class": 10, "size": 32, "epochs": 1, "name": "small"},
}  # fmt: skip
# These run the lab's own arithmetic, or in double precision, which not every device has.
ON_THE_CPU = {"filter", "collapse", "face", "edges", "sizes", "slide", "stack", "kernels"}
# These run a network as one of `SMALL` does, and through the same functions.
AS_ANOTHER = {"compare", "check", "regress", "multilabel", "ladder", "thumbnail", "factors", "concatenation",
              "exemplars", "watch", "without_activations", "many_images", "grades", "which",
              "explanations", "concepts", "ladder_steps"}  # fmt: skip


@pytest.fixture(autouse=True)
def there(monkeypatch: pytest.MonkeyPatch) -> None:
    fake_device.offer(monkeypatch)


def ask(name: str, device: str, **fields: Any) -> dict[str, pd.DataFrame]:
    row = EXPERIMENTS[name]
    asked = row.request_type.from_dict(fields or SMALL[name])
    return dict(row.run(asked, compute=Compute(device), partial_results={}, progress=lambda *_: None).tables)


def test_every_question_is_tried_or_said_not_to_need_it() -> None:
    assert {*SMALL, *ON_THE_CPU, *AS_ANOTHER} == set(EXPERIMENTS)


@pytest.mark.parametrize("name", SMALL)
def test_a_question_runs_on_another_device(name: str) -> None:
    fake_device.CALLS.clear()
    there = ask(name, THERE)
    assert fake_device.CALLS["convolution.default"] > 0, "its network did not run there"
    for table, expected in ask(name, "cpu").items() if name == "field" else ():
        numbers = expected.select_dtypes("number")
        assert np.allclose(numbers, there[table][list(numbers)], rtol=0.01, atol=5e-3, equal_nan=True), table


def test_checkpoints_are_read_there() -> None:
    ask("train", THERE)
    fake_device.CALLS.clear()
    assert ask("watch", THERE, model="test_resnet@lab:small", layers="layer4")
    assert fake_device.CALLS["convolution.default"] > 0


def test_vectors_are_those_of_the_cpu_to_1e_4(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    images, model = open_image_set("drawn:pets", per_class=3), load_model(NET)
    here = embed(model, images, model.layers[:4], compute=Compute("cpu"))
    monkeypatch.setenv("FEATURE_LAB_HOME", str(tmp_path))
    there = embed(NET, images, model.layers[:4], compute=Compute(THERE))
    assert there.computed == 6
    for name, rows in here.items():
        assert np.abs(rows - there[name]).max() <= 1e-4 * np.abs(rows).max()


def test_the_fake_device_refuses_what_real_ones_refuse() -> None:
    there, here = torch.ones(2, device=THERE), torch.ones(2)
    with pytest.raises(RuntimeError, match="same device"):
        there + here
    with pytest.raises(RuntimeError, match="numpy"):
        there.numpy()
    with pytest.raises(TypeError, match="float64"):
        there.double()


def test_a_network_brings_its_output_back_and_its_copy_follows_its_weights() -> None:
    network, images = load_model(NET).module, torch.rand(2, 3, 160, 160)
    expected = network(images)
    there = placed(copy.deepcopy(network), THERE)
    assert device_of(there).type == THERE
    images.requires_grad_(True)
    found = there(images)
    assert found.device.type == "cpu"
    assert torch.allclose(found, expected, atol=1e-5)
    (gradient,) = torch.autograd.grad(found.sum(), images)
    assert gradient.device.type == "cpu"
    assert bool(gradient.any())
    assert torch.equal(copy.deepcopy(there).cpu()(images), expected)
    assert placed(there, THERE) is there
    assert len(there._forward_hooks) == len(there._forward_pre_hooks) == 1


def test_devices_that_are_not_there_are_refused() -> None:
    for name in ("cuda", "mps", "fake:1", "fake:x"):
        with pytest.raises(LabError, match=f"no device '{name}' here; use auto, cpu, fake"):
            pick_device(name)
    assert pick_device("auto") == "cpu"


def test_a_sweep_shares_its_units_out_among_several_cuda_devices(monkeypatch: pytest.MonkeyPatch) -> None:
    assert [shared_out("cuda", key) for key in "0123"] == ["cuda"] * 4
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert [shared_out("cuda", key) for key in "0123"] == ["cuda:0", "cuda:1"] * 2
    assert shared_out("cuda:1", "0") == "cuda:1"
    assert shared_out("cpu", "1") == "cpu"


# --- memory ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "fewer"), [("probe", {}), ("attribute", {"method": "layer_ig,ig"}), ("visualize", {})]
)
def test_a_device_whose_memory_is_small_is_asked_for_less_at_once(
    name: str, fewer: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fake_device, "memory", [2])
    assert ask(name, THERE, **{**SMALL[name], **fewer})


@pytest.mark.parametrize("name", ["inversion", "channel", "late_layers_only", "field"])
def test_what_is_asked_in_smaller_parts_is_the_same(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = ask(name, THERE, **SMALL[name])
    monkeypatch.setattr(fake_device, "memory", [1])
    parts = ask(name, THERE, **SMALL[name])
    assert set(parts) == set(whole)
    for table, rows in parts.items():
        numbers = rows.select_dtypes("number").drop(columns="seconds", errors="ignore")
        assert np.allclose(numbers, whole[table][numbers.columns], rtol=0.01, atol=5e-3, equal_nan=True), table


def test_parts_are_in_order_and_a_row_too_large_is_named() -> None:
    sizes = list[int]()

    def work(part: np.ndarray) -> np.ndarray:
        sizes.append(len(part))
        if len(part) > room:
            raise torch.OutOfMemoryError("out of memory")
        return 2 * part

    for room in (100, 11, 3, 1):  # noqa: B007 - `work` reads it
        assert np.array_equal(np.concatenate(in_parts(np.arange(11), work, "it")), 2 * np.arange(11))
    assert max(sizes[-11:]) == 1
    room = 0
    with pytest.raises(MemoryShort, match="it: a pass of a single image"):
        in_parts(np.arange(11), work, "it")


def test_batches_grow_while_that_is_quicker_and_fits(monkeypatch: pytest.MonkeyPatch) -> None:
    model = load_model(NET, device=THERE)
    extract, seconds = Extractor(model, model.layers[:1]), {16: 1.0, 32: 1.0, 64: 1.9, 128: 1.0}
    clock, sizes = [0.0], list[int]()

    def read(_module: Any, images: Any) -> None:
        sizes.append(len(images))
        clock[0] += seconds[len(images)]
        if len(images) > room:
            raise torch.OutOfMemoryError("out of memory")

    monkeypatch.setattr(extract, "read", read)
    monkeypatch.setattr("time.perf_counter", lambda: clock[0])
    room = 1000
    assert extract.batch_for(0) == 32  # 64 would gain 5 %
    seconds[64] = 1.0
    room = 64
    assert extract.batch_for(0) == 64  # 128 do not fit
    assert extract.batch_for(7) == 7
    assert 7 not in sizes
    assert Extractor(load_model(NET), model.layers[:1]).batch_for(0) == 16


# --- mixed precision ------------------------------------------------------------------------------------------------


def test_mixed_precision_is_part_of_a_networks_name_and_its_numbers() -> None:
    plain, mixed = load_model(NET), load_model(f"{NET}+bfloat16")
    images = torch.rand(2, 3, 160, 160)
    assert str(mixed.ref) == f"{NET}+bfloat16"
    assert str(ModelRef.parse(str(mixed.ref)).twin(3)).endswith(":3+bfloat16")
    assert mixed.weights_digest != plain.weights_digest
    assert ref_of(mixed) == mixed.ref
    with torch.autocast("cpu", dtype=torch.bfloat16):
        expected = plain.module(images)
    found = mixed.module(images)
    assert found.dtype == torch.float32
    assert torch.equal(found, expected.float())
    assert not torch.equal(found, plain.module(images))
    assert next(mixed.module.parameters()).dtype == torch.float32
    vectors = Extractor(mixed, mixed.layers[-3:])(torch.zeros(2, 3, 160, 160, dtype=torch.uint8))
    assert {rows.dtype for rows in vectors.values()} == {np.dtype("float32")}


def test_check_measures_what_a_precision_changes_at_every_layer() -> None:
    few = {"per_class": 8, "folds": 2, "repeats": 1}
    found = lab.ask("check", base=NET, new=f"{NET}+bfloat16", **few)
    assert set(found["differences"]["layer"]) == set(found["layers"]["layer"])


def test_maps_are_made_in_mixed_precision() -> None:
    asked = {**SMALL["attribute"], "model": f"{NET}+bfloat16", "method": "gradcam,layer_ig,ig"}
    maps = lab.ask("attribute", **asked)["maps"]
    assert len(maps) == 3
    assert (maps["incompleteness"].dropna() < 0.05).all()
