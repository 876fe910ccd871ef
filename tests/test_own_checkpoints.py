"""Layers watched at somebody's own checkpoints: what is read is what the checkpoint's weights give."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import lab
from lab.errors import LabError
from lab.experiments.result import Result

COUNT = 60
LABELS = np.arange(COUNT) % 2


def network(seed: int = 0) -> nn.Sequential:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2))


def pictures() -> np.ndarray:
    """Bright pictures of class 1, dark ones of class 0, in noise."""
    noise = np.random.default_rng(0).normal(size=(COUNT, 1, 8, 8))
    return (noise + 0.6 * LABELS[:, None, None, None]).astype(np.float32)


def stages() -> list[nn.Module]:
    """A network whose first layer sees nothing, and the same where it sees brightness."""
    blind, sighted = network(), network()
    with torch.no_grad():
        blind[0].weight.zero_()
        sighted[0].weight.fill_(0.1)
    return [blind, sighted]


@pytest.fixture(scope="module")
def watched() -> object:
    return lab.watch(dict(zip((0, 50), stages(), strict=True)), (pictures(), LABELS), layers=["0", "4"])


def test_what_training_added_is_found(watched: Result) -> None:
    probe = watched.tables["probes"].query("control == 'probe'").set_index(["step", "layer"])["accuracy"]
    assert probe[0].to_dict() == pytest.approx({"0": 0.5, "4": 0.5}, abs=0.15)
    assert probe[50].min() > 0.9
    assert (watched.tables["gains"]["gain_low"] > 0).all()
    assert watched.findings
    assert lab.checkpoint_probes(watched.tables).to_dict()


def test_files_of_weights_and_functions_say_the_same(watched: Result, tmp_path: Path) -> None:
    blind, sighted = stages()
    torch.save(blind.state_dict(), tmp_path / "a.pt")
    torch.save({"model": {f"module.{name}": t for name, t in sighted.state_dict().items()}}, tmp_path / "b.pt")
    own, given = network(7), (pictures(), LABELS)
    before = {name: tensor.clone() for name, tensor in own.state_dict().items()}
    found = lab.watch({0: tmp_path / "a.pt", 50: str(tmp_path / "b.pt")}, given, network=own, layers=["0", "4"])
    assert found.tables["probes"].equals(watched.tables["probes"])
    assert all(torch.equal(tensor, before[name]) for name, tensor in own.state_dict().items())
    called = lab.watch([lambda: blind], given, layers="0,4")
    assert list(called.tables) == ["probes"]
    assert called.findings == []


def test_wrong_use_is_a_sentence(tmp_path: Path) -> None:
    given = (pictures(), LABELS)
    torch.save(nn.Linear(2, 2).state_dict(), tmp_path / "other.pt")
    with pytest.raises(LabError, match="no checkpoint was given"):
        lab.watch([], given)
    with pytest.raises(LabError, match="say for which network with network="):
        lab.watch([tmp_path / "other.pt"], given)
    with pytest.raises(LabError, match=r"other\.pt does not fit Sequential"):
        lab.watch([tmp_path / "other.pt"], given, network=network())
    with pytest.raises(LabError, match="has other layers than the one before"):
        lab.watch([network(), nn.Sequential(network(), nn.Identity())], given, layers="blocks")
