"""Checkpoints as training scripts write them load equal to the network they came from, or the cause is named."""

from __future__ import annotations

import argparse
import copy
import importlib.util
import json
import sys
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from lab import shortages
from lab.errors import LabError
from lab.weights import SOURCES
from lab.weights.networks import Built, build_network

TINY = "test_resnet"
Tensors = dict[str, torch.Tensor]


@pytest.fixture(scope="module")
def network() -> nn.Module:
    return build_network(TINY, 5, num_classes=7)


@pytest.fixture(scope="module")
def weights(network: nn.Module) -> Tensors:
    return dict(network.state_dict())


def load(path: Path, id: str = TINY, part: str = "") -> Built:
    argument = f"{path}#{part}" if part else str(path)
    SOURCES["checkpoint"].check(id, argument)
    return SOURCES["checkpoint"].build(id, argument)


def refused(path: Path, id: str = TINY, part: str = "") -> str:
    with pytest.raises(LabError) as caught:
        load(path, id, part)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def assert_backbone(built: Built, wanted: Tensors) -> None:
    found = built.module.state_dict()
    assert {name for name in wanted if not name.startswith("fc.")} <= set(found)
    for name, value in found.items():
        assert torch.equal(value, wanted[name]), name


def behind(prefix: str, tensors: Tensors) -> Tensors:
    return {prefix + name: value for name, value in tensors.items()}


def backbone(tensors: Tensors) -> Tensors:
    return {name: value for name, value in tensors.items() if not name.startswith("fc.")}


def numbered(network: nn.Module, tensors: Tensors) -> Tensors:
    """The names of `nn.Sequential(*network.children())`, as tutorials of self-supervised learning build it."""
    numbers = {name: str(number) for number, (name, _) in enumerate(network.named_children())}
    return {".".join([numbers[name.split(".")[0]], *name.split(".")[1:]]): value for name, value in tensors.items()}


ASKED = argparse.Namespace(model=TINY, lr=0.1)
# name: what the script saves, what of it must be listed as left out
SCRIPTS: dict[str, tuple[Callable[[nn.Module, Tensors], Any], str]] = {
    "timm": (lambda _, w: {"state_dict": w, "args": ASKED, "epoch": 3, "metric": np.float64(0.8)}, ""),
    "lightning": (
        lambda _, w: {
            "state_dict": {**behind("model.", w), "loss_fn.weight": torch.ones(7)},
            "hyper_parameters": ASKED,
        },
        "loss_fn.weight",
    ),
    "averaged": (lambda n, _: torch.optim.swa_utils.AveragedModel(n).state_dict(), "n_averaged"),
    "compiled": (lambda _, w: {n.replace("layer1.0.", "layer1.0._orig_mod."): v for n, v in w.items()}, ""),
    "moco": (
        lambda _, w: {
            "state_dict": {
                **behind("module.encoder_k.", {n: v + 1 for n, v in w.items()}),
                **behind("module.encoder_q.", w),
                "module.queue": torch.zeros(4, 4),
            }
        },
        "module.queue",
    ),
    "mmpretrain": (
        lambda _, w: {
            "meta": {},
            "state_dict": {**behind("backbone.", backbone(w)), "head.fc.weight": torch.ones(9, 9)},
        },
        "head.fc.weight",
    ),
    "transformers": (lambda _, w: behind("timm_model.", w), ""),
    "fastai": (
        lambda _, w: {"model": {**behind("0.model.", backbone(w)), "1.8.weight": torch.ones(7, 9)}},
        "1.8.weight",
    ),
    "lightly": (
        lambda n, w: {"state_dict": {**behind("backbone.", numbered(n, backbone(w))), "head.0.weight": torch.ones(2)}},
        "head.0.weight",
    ),
    "profiled": (lambda _, w: {**w, "layer1.total_ops": torch.zeros(1)}, "layer1.total_ops"),
}


@pytest.mark.parametrize("script", SCRIPTS)
@pytest.mark.parametrize("how", ["weights.pth.tar", "OLD.PTH"])
def test_training_scripts(script: str, how: str, network: nn.Module, weights: Tensors, tmp_path: Path) -> None:
    make, left_out = SCRIPTS[script]
    path = tmp_path / how
    torch.save(make(network, weights), path, _use_new_zipfile_serialization=how != "OLD.PTH")
    built = load(path)
    assert_backbone(built, weights)
    assert left_out in " ".join(built.notes)


def test_the_teacher_by_default_and_the_student_on_request(weights: Tensors, tmp_path: Path) -> None:
    student = {name: value + 1 for name, value in backbone(weights).items()}
    content = {
        "student": {**behind("module.backbone.", student), "module.head.mlp.0.weight": torch.zeros(4, 4)},
        "teacher": {**behind("backbone.", backbone(weights)), "head.mlp.0.weight": torch.zeros(4, 4)},
    }
    torch.save(content, tmp_path / "dino.pth")
    built = load(tmp_path / "dino.pth")
    assert_backbone(built, weights)
    assert built.module.num_classes == 0
    assert "without a classifier" in built.notes[0]
    assert "#student" in " ".join(built.notes)
    assert_backbone(load(tmp_path / "dino.pth", part="student"), student)
    assert "student.module.backbone" in refused(tmp_path / "dino.pth", part="pupil")


def test_settings_of_libraries_are_neither_imported_nor_run(
    weights: Tensors, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    proof = tmp_path / "executed"

    class DictConfig(dict[str, Any]):
        def __reduce__(self) -> tuple[Any, ...]:
            return DictConfig, (), {"_content": 1}

        def __setstate__(self, state: Any) -> None:
            proof.touch()

    class Writes:
        def __reduce__(self) -> tuple[Any, ...]:
            return np.savetxt, (str(proof), [1])

    DictConfig.__module__, DictConfig.__qualname__ = "omegaconf.dictconfig", "DictConfig"
    module = types.ModuleType("omegaconf.dictconfig")
    module.DictConfig = DictConfig  # type: ignore[attr-defined]
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "omegaconf", types.ModuleType("omegaconf"))
        patch.setitem(sys.modules, "omegaconf.dictconfig", module)
        torch.save({"cfg": DictConfig(), "hook": Writes(), "state_dict": weights}, tmp_path / "hydra.ckpt")
    assert_backbone(load(tmp_path / "hydra.ckpt"), weights)
    assert "omegaconf" not in sys.modules
    assert not proof.exists()


def test_another_class_is_named(network: nn.Module, tmp_path: Path) -> None:
    torch.save(network, tmp_path / "whole.pth")
    text = refused(tmp_path / "whole.pth")
    assert "timm.models.resnet.ResNet" in text
    assert "not executed" in text


def test_a_larger_network_is_not_cut_down(weights: Tensors, tmp_path: Path) -> None:
    deeper = {n.replace("layer1.0.", "layer1.1."): v for n, v in weights.items() if n.startswith("layer1.0.")}
    save_file({**weights, **{name: value.clone() for name, value in deeper.items()}}, tmp_path / "deep.safetensors")
    text = refused(tmp_path / "deep.safetensors")
    assert "layer1.1." in text
    assert "larger network" in text


def test_a_head_of_another_kind_is_left_out(weights: Tensors, tmp_path: Path) -> None:
    content = {**backbone(weights), "fc.1.weight": torch.ones(3, 512), "fc.1.bias": torch.ones(3)}
    torch.save(content, tmp_path / "head.pth")
    built = load(tmp_path / "head.pth")
    assert_backbone(built, weights)
    assert built.module.num_classes == 0
    assert "fc.1.weight" in " ".join(built.notes)


def test_gray_weights_name_the_cause(tmp_path: Path) -> None:
    torch.save(build_network(TINY, in_chans=1).state_dict(), tmp_path / "gray.pth")
    assert "takes 1 channel, the lab's images have 3" in refused(tmp_path / "gray.pth")


def test_timm_converts_other_sizes_and_official_names(tmp_path: Path) -> None:
    from timm.models.vision_transformer import checkpoint_filter_fn

    large = build_network("test_vit", img_size=240, num_classes=7).state_dict()
    torch.save(large, tmp_path / "size.pth")
    built = load(tmp_path / "size.pth", "test_vit")
    wanted = checkpoint_filter_fn(dict(large), build_network("test_vit", num_classes=7))  # type: ignore[arg-type]
    assert all(torch.equal(value, wanted[name]) for name, value in built.module.state_dict().items())
    assert "pos_embed" in " ".join(built.notes)
    own = build_network("test_convnext", 3, num_classes=7).state_dict()
    official = {_official(name): value.reshape(-1) if "grn" in name else value for name, value in own.items()}
    torch.save({"model": official}, tmp_path / "official.pth")
    built = load(tmp_path / "official.pth", "test_convnext")
    assert all(torch.equal(value, own[name]) for name, value in built.module.state_dict().items())


def _official(name: str) -> str:
    """A name as facebookresearch/ConvNeXt has it."""
    parts = name.split(".")
    if parts[0] == "stem":
        return ".".join(["downsample_layers", "0", *parts[1:]])
    if parts[0] == "stages" and parts[2] == "downsample":
        return ".".join(["downsample_layers", parts[1], *parts[3:]])
    name = name.replace(".blocks.", ".").replace("conv_dw", "dwconv").replace("head.norm", "norm")
    return name.replace("mlp.fc1", "pwconv1").replace("mlp.fc2", "pwconv2").replace("head.fc", "head")


@pytest.mark.parametrize("kind", ["int8", "bool", "int64", "complex64", "float8_e4m3fn", "quantised", "sparse"])
@pytest.mark.filterwarnings("ignore")
def test_numbers_that_would_become_others_are_refused(kind: str, weights: Tensors, tmp_path: Path) -> None:
    odd = copy.deepcopy(weights)
    first = odd["conv1.0.weight"]
    if kind == "quantised":
        odd["conv1.0.weight"] = torch.quantize_per_tensor(first, 0.01, 0, torch.qint8)
    elif kind == "sparse":
        odd["conv1.0.weight"] = first.to_sparse()
    else:
        odd["conv1.0.weight"] = first.to(getattr(torch, kind))
    torch.save(odd, tmp_path / "odd.pth")
    text = refused(tmp_path / "odd.pth")
    assert {"quantised": "qint8"}.get(kind, kind) in text
    assert "nothing was loaded" in text


@pytest.mark.parametrize("kind", ["float16", "bfloat16", "float64"])
def test_other_floats_are_the_same_numbers(kind: str, weights: Tensors, tmp_path: Path) -> None:
    rounded = {n: v.to(getattr(torch, kind)) if v.is_floating_point() else v for n, v in weights.items()}
    torch.save(rounded, tmp_path / "half.pth")
    assert_backbone(load(tmp_path / "half.pth"), {n: v.to(weights[n].dtype) for n, v in rounded.items()})


def test_a_flipped_bit_is_noticed(weights: Tensors, tmp_path: Path) -> None:
    path = tmp_path / "weights.pth"
    torch.save(weights, path)
    content = bytearray(path.read_bytes())
    at = content.find(weights["layer4.0.conv1.weight"].numpy().tobytes()[:64])
    content[at + 5] ^= 0x10
    path.write_bytes(content)
    assert "checksum" in refused(path)
    torch.serialization.set_crc32_options(False)
    try:
        torch.save(weights, path)
    finally:
        torch.serialization.set_crc32_options(True)
    assert_backbone(load(path), weights)


@pytest.mark.parametrize(
    ("config", "word"),
    [
        ('{"architectures": ["ResNetForImageClassification"], "model_type": "resnet"}', "transformers"),
        ('{"architecture": "test_resnet", "num_cla', "JSON"),
        ("[1, 2]", "architecture"),
        ('{"architecture": "resnt18"}', "nearest: resnet18"),
        ('{"architecture": "test_resnet", "pretrained_cfg": 3}', "pretrained_cfg"),
    ],
)
def test_configurations_that_are_not_timms(config: str, word: str, weights: Tensors, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(config)
    save_file(weights, tmp_path / "model.safetensors")
    with pytest.raises(LabError, match=word):
        SOURCES["pretrained"].check(f"local-dir:{tmp_path}", "")


def test_memory_is_foreseen(weights: Tensors, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wide = {**backbone(weights), "fc.bias": torch.zeros(1).expand(10**10)}
    wide["fc.weight"] = torch.zeros(1, 1).expand(10**10, weights["fc.weight"].shape[1])
    torch.save(wide, tmp_path / "wide.pth")  # 1.5 MB
    assert "of memory and" in refused(tmp_path / "wide.pth")
    monkeypatch.setattr(shortages, "available_memory", lambda: 3_000_000)
    with pytest.raises(LabError, match=r"vit_giant_patch14_224 \(1\.0 billion parameters\) needs 6\.1 GB of memory"):
        build_network("vit_giant_patch14_224")
    torch.save(weights, tmp_path / "weights.pth")
    monkeypatch.setattr(shortages, "available_memory", lambda: 1000)
    assert "reading" in refused(tmp_path / "weights.pth")


def test_a_dictionary_that_holds_itself(weights: Tensors, tmp_path: Path) -> None:
    content: dict[str, Any] = {"deep": {"deeper": {"state": weights}}}
    content["self"] = content
    torch.save(content, tmp_path / "loop.pth")
    assert_backbone(load(tmp_path / "loop.pth"), weights)
    (tmp_path / "note.json").write_text(json.dumps({}))
    assert "not a checkpoint" in refused(tmp_path / "note.json")


def test_attacks_end_in_one_sentence_or_the_right_numbers() -> None:
    """The small version of benchmarks/attack_checkpoints.py."""
    path = Path(__file__).parent.parent / "benchmarks" / "attack_checkpoints.py"
    spec = importlib.util.spec_from_file_location("attack_checkpoints", path)
    assert spec is not None
    assert spec.loader is not None
    attacks = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = attacks  # dataclasses look their module up
    spec.loader.exec_module(attacks)
    found = attacks.attacked(3 * len(attacks.ATTACKS), seed=1)
    assert not attacks.faults(found), attacks.table(found)
    assert found["wrapped by a training script"].outcomes == {"equal": 3}
    assert found["code to run"].outcomes["ran code"] == 0
