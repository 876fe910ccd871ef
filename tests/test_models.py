"""References, loading, cards and the search: one line of text each way, seeds that disturb nobody."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from no_fields import leave_out_fields

from lab.errors import LabError
from lab.models import ModelCard, ModelRef, card, load_model, ref_of, search_models, structure
from lab.models.devices import pick_device
from lab.weights import SOURCES, hub

TINY = "test_resnet@untrained"


@pytest.fixture(autouse=True)
def no_fields(monkeypatch: pytest.MonkeyPatch) -> None:
    leave_out_fields(monkeypatch)


@pytest.mark.parametrize(
    ("text", "written", "short"),
    [
        ("tf_efficientnet_lite0", "tf_efficientnet_lite0@packaged", "tf_efficientnet_lite0"),
        ("tf_efficientnet_lite0.in1k", "tf_efficientnet_lite0.in1k@packaged", "tf_efficientnet_lite0.in1k"),
        ("resnet50.a1_in1k", "resnet50.a1_in1k@pretrained", "resnet50.a1_in1k"),
        ("tf_efficientnet_lite0@pretrained", "tf_efficientnet_lite0@pretrained", "tf_efficientnet_lite0 (pretrained)"),
        (" resnet18@untrained ", "resnet18@untrained:0", "resnet18 (untrained)"),
        ("resnet18@untrained:7", "resnet18@untrained:7", "resnet18 (untrained 7)"),
        ("resnet18@checkpoint:/a/b@c.pth", "resnet18@checkpoint:/a/b@c.pth", "resnet18 (b@c.pth)"),
        ("hf-hub:timm/x@main", "hf-hub:timm/x@main@pretrained", "hf-hub:timm/x@main"),
        ("hf-hub:timm/x@untrained:1", "hf-hub:timm/x@untrained:1", "hf-hub:timm/x (untrained 1)"),
        ("local-dir:/a/my@net", "local-dir:/a/my@net@pretrained", "my@net"),
    ],
)
def test_references(text: str, written: str, short: str) -> None:
    ref = ModelRef.parse(text)
    assert (str(ref), ref.short) == (written, short)
    assert ModelRef.parse(written) == ref
    assert ref.twin(4) == ModelRef(ref.id, "untrained:4")


def test_paths_become_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert ModelRef.parse("resnet18@checkpoint:w.pth").argument == str(tmp_path / "w.pth")
    assert ModelRef.parse("local-dir:net").id == f"local-dir:{tmp_path / 'net'}"


@pytest.mark.parametrize(
    ("text", "words"), [("", "no model"), ("@packaged", "no model"), ("resnet18@pretrain", "nearest: pretrained")]
)
def test_references_that_are_none(text: str, words: str) -> None:
    with pytest.raises(LabError, match=words):
        ModelRef.parse(text)


@given(st.from_regex(r"[a-z][a-z0-9_.]{0,20}", fullmatch=True), st.integers(0, 2**31), st.sampled_from(list(SOURCES)))
def test_references_round_trip(id: str, seed: int, source: str) -> None:
    argument = {"untrained": f":{seed}", "checkpoint": f":/tmp/{seed}.pth"}.get(source, "")
    ref = ModelRef.parse(f"{id}@{source}{argument}")
    assert str(ref) == f"{id}@{source}{argument}"
    assert ModelRef.parse(str(ref)) == ref


def test_seeds() -> None:
    first, again, other = (load_model(f"test_resnet@untrained:{seed}") for seed in (1, 1, 2))
    assert first.weights_digest == again.weights_digest != other.weights_digest
    assert all(
        torch.equal(a, b)
        for a, b in zip(first.module.parameters(), again.module.parameters(), strict=True)
    )  # fmt: skip


def test_a_seed_gives_what_timm_gives() -> None:
    import timm

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(11)
        wanted = timm.create_model("test_resnet").state_dict()
    found = load_model("test_resnet@untrained:11").module.state_dict()
    assert all(torch.equal(found[name], value) for name, value in wanted.items())


def test_the_global_random_states_are_untouched() -> None:
    torch.manual_seed(3)
    random.seed(3)
    np.random.seed(3)  # noqa: NPY002 - the global state is what is looked at
    before = torch.random.get_rng_state(), random.getstate(), np.random.get_state()[1].copy()  # noqa: NPY002
    load_model(TINY)
    load_model("tf_efficientnet_lite0")
    assert torch.equal(before[0], torch.random.get_rng_state())
    assert before[1] == random.getstate()
    assert (before[2] == np.random.get_state()[1]).all()  # noqa: NPY002


def test_a_loaded_model_is_frozen() -> None:
    model = load_model(TINY)
    assert not model.module.training
    assert not any(parameter.requires_grad for parameter in model.module.parameters())
    assert not any(child._forward_hooks for child in model.module.modules())


def test_preprocessing_is_the_networks_own() -> None:
    how = load_model("tf_efficientnet_lite0").preprocessing
    assert (how.mean, how.std) == (
        (0.5, 0.5, 0.5),
        (0.5, 0.5, 0.5),
    )  # not ImageNet's: these weights came from TensorFlow
    assert (how.height, how.crop_pct, how.interpolation) == (224, 0.875, "bicubic")
    assert load_model("resnet10t@untrained").preprocessing.mean == (0.485, 0.456, 0.406)


def test_cards_are_json_and_kept(lab_home: Path) -> None:
    first = card(TINY)
    assert ModelCard.from_dict(json.loads(json.dumps(first.as_dict()))) == first
    code = "import sys, lab.models as m; print(m.card('test_resnet@untrained').weights_digest, 'torch' in sys.modules)"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.split() == [first.weights_digest, "False"]


def test_a_card_does_not_outlive_its_file(tmp_path: Path) -> None:
    from safetensors.torch import save_file

    path = tmp_path / "w.safetensors"
    digests, stamps = [], []
    for seed in (1, 2):
        save_file(load_model(f"test_resnet@untrained:{seed}").module.state_dict(), path)
        digests.append(card(f"test_resnet@checkpoint:{path}").weights_digest)
        stamps.append(ModelRef.parse(f"test_resnet@checkpoint:{path}").stamp())
    assert digests == [card(f"test_resnet@untrained:{seed}").weights_digest for seed in (1, 2)]
    assert len(set(digests)) == len(set(stamps)) == 2


def test_a_damaged_card_is_made_again(lab_home: Path) -> None:
    first = card(TINY)
    for path in (lab_home / "cache" / "models").glob("card-*.json"):
        path.write_text("{")
    assert card(TINY) == first


def test_the_digest_tells_weights_and_architectures_apart() -> None:
    digests = {load_model(f"{id}@untrained:0").weights_digest for id in ("test_resnet", "test_vit", "test_vit2")}
    assert len(digests) == 3


def test_search() -> None:
    rows = search_models("lite")
    assert json.loads(json.dumps(rows)) == rows
    assert rows[0]["name"] == "tf_efficientnet_lite0"
    assert rows[0] == {
        "name": "tf_efficientnet_lite0", "weights": "packaged", "offline": True, "input_size": "3×224×224",
        "family": "efficientnet", "parameters": 4_652_008, "flops": 770_375_104, "licence": "apache-2.0",
    }  # fmt: skip
    card("tf_efficientnet_lite0")
    assert search_models("tf_efficientnet_lite0")[0]["parameters"] == 4_652_008
    assert [row["name"] for row in search_models("resnet1?.a1_in1k")] == ["resnet18.a1_in1k"]
    assert search_models("no such thing") == []


def test_devices() -> None:
    assert pick_device("cpu") == "cpu"
    assert pick_device("auto") == ("cuda" if torch.cuda.is_available() else "cpu")
    for name in ("gpu", "cuda:99", "cpu:1", ""):
        with pytest.raises(LabError, match="no device"):
            pick_device(name)


def test_the_same_weights_behind_another_preprocessing_are_another_view() -> None:
    known = card(TINY)
    assert replace(known).view == known.view
    assert replace(known, preprocessing=replace(known.preprocessing, crop_pct=0.5)).view != known.view
    assert replace(known, weights_digest="0" * 64).view != known.view


def test_a_network_in_memory_is_measured_as_it_is() -> None:
    import lab

    model = load_model(TINY)
    assert ref_of(model) == model.ref == ref_of(str(model.ref))
    with torch.no_grad():
        model.module.get_submodule("layer4.0.conv1").weight.mul_(1.5)
    ref = ref_of(model)
    assert ref.weights.startswith("memory:")
    again = load_model(ref)
    assert again.weights_digest != model.weights_digest
    assert again.weights_digest.startswith(ref.argument)
    assert all(torch.equal(value, model.module.state_dict()[name]) for name, value in again.module.state_dict().items())
    result = lab.probe(model, lab.open_image_set("drawn:pets", per_class=6), layers="stages", controls=(), repeats=1)
    assert result.manifest["hashes"][str(ref)] == again.weights_digest
    assert set(result["layers"]["model"]) == {str(ref)}
    with torch.no_grad():
        model.module.get_submodule("layer4.0.conv1").weight.mul_(2)
    assert ref_of(model) != ref
    assert load_model(ref).weights_digest == again.weights_digest  # a copy as it was then


def test_networks_that_no_name_stands_for_are_refused() -> None:
    import lab

    model = load_model(TINY)
    with pytest.raises(LabError, match="is no model of the lab"):
        lab.probe(3)  # type: ignore[arg-type]
    model.module.get_submodule("layer4.0").act1 = torch.nn.GELU()  # type: ignore[assignment]
    with pytest.raises(LabError, match="were replaced"):
        lab.probe(model)
    with pytest.raises(LabError, match="memory of another process"):
        ModelRef.parse("test_resnet@memory:0123456789abcdef").check()


def test_layers_need_neither_weights_nor_hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(hub, "reachable", lambda address: False)
    found = structure("test_resnet.r160_in1k@pretrained")
    own = card("test_resnet.r160_in1k@untrained")
    assert (found.layers, found.preprocessing) == (own.layers, own.preprocessing)


def test_gray_networks_name_the_cause(monkeypatch: pytest.MonkeyPatch) -> None:
    from lab.models.preprocess import preprocessing_of
    from lab.weights.networks import build_network

    with pytest.raises(LabError, match="takes 1 channel, the lab's images have 3"):
        preprocessing_of(build_network("test_resnet", in_chans=1))
