"""Layers probed from within somebody's own training: what is read is right, and training goes on as without."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import lab
from lab.errors import LabError
from lab.experiments.training.during import vectors_of

IMAGES = 60
LABELS = np.arange(IMAGES) % 2


def network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Dropout(0.3), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
        nn.Linear(4, 2),
    )  # fmt: skip


def pictures(seed: int = 0) -> torch.Tensor:
    """Bright pictures of class 1, dark ones of class 0, in noise."""
    noise = torch.from_numpy(np.random.default_rng(seed).normal(size=(IMAGES, 1, 8, 8)).astype(np.float32))
    return noise + torch.from_numpy(LABELS)[:, None, None, None].float()


def trained(model: nn.Module, probes: Any = None) -> dict[str, torch.Tensor]:
    torch.manual_seed(1)
    optimiser = torch.optim.SGD(model.parameters(), lr=0.5)
    for step in range(4):
        if probes is not None:
            probes(step)
        optimiser.zero_grad()
        nn.functional.cross_entropy(model(pictures(7)), torch.from_numpy(LABELS)).backward()
        optimiser.step()
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}


def test_training_goes_on_as_it_would_without() -> None:
    plain = trained(network())
    model = network()
    model[2].eval()  # somebody keeps a part in eval mode
    probes = lab.TrainingProbes(model, pictures(), LABELS, ["0", "6"])
    watched = trained(model, probes)
    assert all(torch.equal(plain[name], watched[name]) for name in plain)
    assert [module.training for module in model] == [True, True, False, True, True, True, True]
    assert not any(module._forward_hooks for module in model.modules())
    assert list(probes.tables["probes"]["step"].unique()) == [0, 1, 2, 3, -1]


def test_what_is_read_is_what_a_hook_reads() -> None:
    model = network().eval()
    seen: list[torch.Tensor] = []
    handle = model[1].register_forward_hook(lambda module, inputs, output: seen.append(output))
    with torch.no_grad():
        model(pictures())
    handle.remove()
    probes = lab.TrainingProbes(model, pictures(), LABELS, ["1"])
    assert probes._pass()["1"] == pytest.approx(seen[0].mean((2, 3)).numpy(), abs=1e-6)


def test_accuracies_are_those_of_the_lab_on_the_same_vectors() -> None:
    model = network()
    probes = lab.TrainingProbes(model, pictures(), LABELS, ["0"])
    assert probes(0)
    assert not probes(0)  # once
    vectors = probes._pass()["0"]
    again = lab.probe_arrays({"0": vectors}, LABELS, controls=(), repeats=2)
    wanted = float(again["summary"].query("control == 'probe'")["accuracy"].item())
    found = probes.tables["probes"].set_index("control")["accuracy"]
    assert found["probe"] == pytest.approx(wanted)
    assert found["pixels"] > 0.9  # brightness is in the pixels
    assert probes.findings == []


def test_gains_and_charts_follow() -> None:
    model = network()
    with torch.no_grad():
        model[6].weight.zero_()
        model[6].bias.zero_()
    probes = lab.TrainingProbes(model, pictures(), LABELS, ["0", "6"], every=10, steps_per_epoch=10)
    probes(0)
    assert not probes(5)
    with torch.no_grad():
        for parameter in model[6].parameters():
            parameter.normal_()
    probes(10)
    gains = probes.tables["gains"].set_index("layer")
    assert gains.loc["6", "gain_low"] > 0  # it was constant, and now it says something
    assert gains.loc["0", "gain"] == 0
    assert "Training has brought the classes apart" in probes.findings[0]
    assert probes.tables["probes"].query("step == 10")["epoch"].eq(1).all()
    drawn = lab.checkpoint_probes(probes.tables).to_dict(validate=False)
    assert "1 epoch" in str(drawn)
    by_step = lab.TrainingProbes(model, pictures(), LABELS, ["0"], every=10)
    by_step(10)
    assert "step 10" in str(lab.checkpoint_layers(by_step.tables).to_dict(validate=False))


def test_outputs_become_vectors() -> None:
    assert vectors_of(torch.ones(2, 3, 4, 4)).shape == (2, 3)
    assert vectors_of((torch.ones(2, 5, 3), None)).shape == (2, 3)
    assert vectors_of(torch.ones(2, 3)).shape == (2, 3)
    with pytest.raises(LabError, match="no map, no tokens and no vector"):
        vectors_of({"logits": 1})


@pytest.mark.parametrize(
    ("changes", "said"),
    [({"layers": ["conv"]}, "no module 'conv'"), ({"layers": []}, "name one or more"), ({"every": 0}, "every is 0"),
     ({"labels": [0, 1]}, "give a tensor"), ({"images": torch.ones(IMAGES, 3)}, "give a tensor")],
)  # fmt: skip
def test_wrong_use_is_told(changes: dict[str, Any], said: str) -> None:
    given: dict[str, Any] = {"images": pictures(), "labels": LABELS, "layers": ["0"], **changes}
    with pytest.raises(LabError, match=said):
        lab.TrainingProbes(network(), **given)


def test_before_the_first_step_there_is_nothing() -> None:
    with pytest.raises(LabError, match="nothing was probed yet"):
        _ = lab.TrainingProbes(network(), pictures(), LABELS, ["0"]).tables


@pytest.mark.filterwarnings("ignore")  # Lightning's own hints on workers and loggers
def test_lightning_calls_it(tmp_path: Any) -> None:
    pl = pytest.importorskip("lightning.pytorch")

    class Task(pl.LightningModule):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.network = network()

        def training_step(self, batch: Any, index: int) -> Any:
            return nn.functional.cross_entropy(self.network(batch[0]), batch[1])

        def configure_optimizers(self) -> Any:
            return torch.optim.SGD(self.parameters(), lr=0.1)

    task = Task()
    probes = lab.TrainingProbes(task.network, pictures(), LABELS, ["0", "6"], every=2)
    data = torch.utils.data.TensorDataset(pictures(3), torch.from_numpy(LABELS))
    trainer = pl.Trainer(
        max_epochs=2, logger=False, enable_checkpointing=False, enable_progress_bar=False, enable_model_summary=False,
        callbacks=[probes.lightning()], accelerator="cpu", default_root_dir=str(tmp_path),
    )  # fmt: skip
    trainer.fit(task, torch.utils.data.DataLoader(data, batch_size=30))
    assert list(probes.tables["probes"]["step"].unique()) == [0, 2, 4, -1]
