"""Training here: bit-exact resumption, provenance, weights `lab:NAME`, watching, and texts that can say no."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from lab.errors import LabError
from lab.experiments.first_filters import filter_picture, first_filters
from lab.experiments.training.request import TrainRequest, WatchRequest
from lab.experiments.training.train import run as teach
from lab.experiments.training.watch import run as watch
from lab.models import ModelRef, load_model
from lab.registry import EXPERIMENTS
from lab.training.augment import augmented
from lab.training.loop import MOMENTS, Data, Plan, changes_at, evaluate, rate_at, train
from lab.training.muon import Muon, is_matrix, orthogonal
from lab.training.pixels import Parts, deal
from lab.training.recipes import RECIPES, Recipe, make_optimiser, recipe_for
from lab.training.state import Epoch
from lab.weights.networks import build_network
from lab.weights.trained import find_trained, forget, keep_about, list_trained, trained_folder

QUICK = TrainRequest("test_resnet", per_class=14, size=32, epochs=2, name="quick")


class Stop(BaseException):
    """Ends a training from within, as a kill would."""


def tiny_network() -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        return nn.Sequential(
            nn.Conv2d(3, 4, 3, stride=2), nn.BatchNorm2d(4), nn.ReLU(), nn.Dropout(0.2), nn.Flatten(), nn.Linear(196, 2)
        )


def easy_data(count: int = 60) -> Data:
    """Bright and dark images of 16 pixels: anything can learn them."""
    labels = torch.arange(count) % 2
    noise = torch.Generator().manual_seed(0)
    pixels = torch.randint(0, 90, (count, 3, 16, 16), generator=noise) + 120 * labels.view(-1, 1, 1, 1)
    at = np.arange(count)
    parts = Parts(at[: count - 20], at[count - 20 : count - 10], at[count - 10 :])
    return Data(pixels.to(torch.uint8), labels, parts, (0.5,) * 3, (0.5,) * 3)


def plan(**changes: Any) -> Plan:
    recipe = Recipe("batch norm", "", "adamw", 5e-3, 0.05, epochs=6, warm_up=1, batch=8)
    return Plan(replace(recipe, **{k: v for k, v in changes.items() if k != "enough"}), 1, changes.get("enough", 2.0))


def weights_of(network: nn.Module) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in network.state_dict().items()}


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize("optimiser", ["muon", "adamw", "sgd"])
@pytest.mark.parametrize("ended_at", [3, 11])
def test_a_training_that_was_ended_goes_on_as_if_it_was_not(
    optimiser: str, ended_at: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lab.training.loop.SAVE_SECONDS", 0.0)
    whole, parts = tiny_network(), tiny_network()
    kept: dict[int, Any] = {}
    asked = plan(optimiser=optimiser)
    told = train(whole, easy_data(), asked, keep=lambda *_: None, partial_results={}, progress=lambda *_: None)

    def stop(stage: str, done: int, total: int, unit: str) -> None:
        if done == ended_at:
            raise Stop

    partial_results: dict[str, Any] = {}
    with pytest.raises(Stop):
        train(parts, easy_data(), asked, keep=lambda *_: None, partial_results=partial_results, progress=stop)
    fresh = tiny_network()
    again = train(
        fresh, easy_data(), asked, keep=kept.__setitem__, partial_results=partial_results, progress=lambda *_: None
    )
    assert same(weights_of(whole), weights_of(fresh))
    assert [replace(e, seconds=0.0) for e in told.history] == [replace(e, seconds=0.0) for e in again.history]
    assert 0 not in kept  # the network before training was kept by the first attempt


def test_training_learns_keeps_moments_and_leaves_the_random_state() -> None:
    network, kept = tiny_network(), {}
    torch.manual_seed(5)
    before = torch.get_rng_state()
    first = weights_of(network)
    data = easy_data()
    outcome = train(
        network,
        data,
        plan(),
        keep=lambda step, tensors: kept.update({step: {k: v.clone() for k, v in tensors.items()}}),
        partial_results={},
        progress=lambda *_: None,
    )
    assert torch.equal(before, torch.get_rng_state())
    assert outcome.why == "epochs"
    assert outcome.history[-1].validation_accuracy == 1.0
    assert same(kept[0], first)
    assert same(kept[outcome.best.step], weights_of(network))
    assert set(kept) == set(outcome.kept) == {round(m * 5) for m in MOMENTS if m * 5 <= 30} | {outcome.best.step}
    loss, logits = evaluate(network, data, data.parts.validation)
    assert loss == pytest.approx(outcome.best.validation_loss)
    assert (logits.argmax(1) == data.labels.numpy()[data.parts.validation]).all()


def test_it_stops_when_it_is_enough_or_when_nothing_gets_better() -> None:
    def ended(data: Data, asked: Plan) -> tuple[str, int]:
        outcome = train(tiny_network(), data, asked, keep=lambda *_: None, partial_results={}, progress=lambda *_: None)
        return outcome.why, len(outcome.history)

    why, epochs = ended(easy_data(), plan(epochs=40, enough=0.99))
    assert why == "enough"
    assert epochs < 40
    data = easy_data()
    noise = replace(data, labels=data.labels[torch.randperm(60, generator=torch.Generator().manual_seed(0))])
    why, epochs = ended(noise, plan(epochs=60, patience=3, learning_rate=0.05))
    assert why == "patience"
    assert 4 <= epochs < 60


def test_the_rate_rises_and_falls_to_zero() -> None:
    asked = plan(epochs=10, warm_up=2)
    rates = [rate_at(step, asked, 5) for step in range(50)]
    assert np.argmax(rates) == 10
    assert rates[10] == pytest.approx(5e-3)
    assert all(a < b for a, b in itertools.pairwise(rates[:11]))
    assert all(a > b for a, b in itertools.pairwise(rates[10:]))
    assert rates[-1] < 1e-4


def test_eased_changes_follow_what_was_learnt() -> None:
    recipe = Recipe("layer norm", "", "muon", 1e-2, 0.0, 5, 1, changes=0.5, eased=True)
    data = easy_data()

    def strength(accuracy: float) -> float:
        return changes_at([Epoch(1, 5, 0.1, 0.7, accuracy, 0.7, 0.5, 1.0)], recipe, data)

    assert changes_at([], recipe, data) == 0
    assert [strength(accuracy) for accuracy in (0.5, 0.6, 0.75, 0.9, 1.0)] == pytest.approx([0, 0, 0.25, 0.5, 0.5])
    assert changes_at([], replace(recipe, eased=False), data) == 0.5


def test_recipes_are_told_by_the_modules() -> None:
    expected = {
        "test_resnet": "batch norm",
        "test_convnext": "layer norm",
        "test_vit": "attention",
        "test_nfnet": "plain",
        "test_coatnet": "hybrid",
    }
    assert {id: recipe_for(build_network(id)).name for id in expected} == expected
    assert len({recipe.name for recipe in RECIPES}) == len(RECIPES)
    groups = make_optimiser(tiny_network(), RECIPES[0]).param_groups
    assert all(p.ndim > 1 for p in groups[0]["params"])
    assert groups[1]["weight_decay"] == 0


def test_muon_steps_along_the_nearest_orthogonal_matrix() -> None:
    """Against the singular value decomposition, and against torch's own Muon (which rounds to bfloat16)."""
    noise = torch.Generator().manual_seed(0)
    for shape in ((16, 40), (40, 16), (12, 12)):
        matrix = torch.randn(shape, generator=noise)
        left, _, right = torch.linalg.svd(matrix, full_matrices=False)
        found = left.T @ orthogonal(matrix) @ right.T
        assert ((torch.diagonal(found) > 0.6) & (torch.diagonal(found) < 1.3)).all()
        assert (found - torch.diag(torch.diagonal(found))).abs().max() < 1e-4
    mine, theirs = (nn.Parameter(torch.randn(8, 20, generator=torch.Generator().manual_seed(1))) for _ in range(2))
    ours = Muon([{"params": [mine], "weight_decay": 0.1}], 0.01)
    torchs = torch.optim.Muon(
        [theirs], lr=0.01, weight_decay=0.1, momentum=0.95, nesterov=False, adjust_lr_fn="match_rms_adamw"
    )
    for step in range(3):
        gradient = torch.randn(8, 20, generator=torch.Generator().manual_seed(10 + step))
        mine.grad, theirs.grad = gradient.clone(), gradient.clone()
        ours.step()
        torchs.step()
    assert (mine - theirs).abs().max() < 0.03 * 3 * 0.01


def test_muon_is_adamw_for_what_is_no_matrix() -> None:
    mine, theirs = (nn.Parameter(torch.linspace(-1, 1, 7)) for _ in range(2))
    ours = Muon([{"params": [mine], "weight_decay": 0.1}], 0.01)
    torchs = torch.optim.AdamW([theirs], lr=0.01, weight_decay=0.1, betas=(0.9, 0.95))
    for step in range(4):
        for parameter in (mine, theirs):
            parameter.grad = torch.randn(7, generator=torch.Generator().manual_seed(step))
        ours.step()
        torchs.step()
    assert torch.allclose(mine, theirs, rtol=0, atol=1e-6)
    assert [is_matrix(torch.zeros(shape)) for shape in ((8, 3, 3, 3), (8, 1, 3, 3), (1, 9, 8), (2, 64), (64, 64))] == [
        True, False, False, False, True,
    ]  # fmt: skip


def test_changes_of_images_are_images_and_follow_the_random_state() -> None:
    images = torch.rand(12, 3, 20, 20, generator=torch.Generator().manual_seed(0))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        one = augmented(images)
        torch.manual_seed(1)
        again = augmented(images)
    assert torch.equal(one, again)
    assert one.shape == images.shape
    assert one.min() >= 0
    assert one.max() <= 1
    assert (one - images).abs().mean() > 0.01
    mirrored = augmented(images, 0.0)
    as_it_was = [torch.equal(new, old) for new, old in zip(mirrored, images, strict=True)]
    turned = [torch.equal(new, old.flip(2)) for new, old in zip(mirrored, images, strict=True)]
    assert all(a != b for a, b in zip(as_it_was, turned, strict=True))
    assert 0 < sum(turned) < len(turned)


def test_parts_are_disjoint_stratified_and_keep_copies_together() -> None:
    from lab.images import open_image_set
    from lab.images.types import ImageSet

    images = open_image_set("drawn:shapes", per_class=21)
    records = tuple(replace(record, group=index // 3) for index, record in enumerate(images.records))
    grouped: ImageSet = replace(images, records=records)
    parts = deal(grouped, 0)
    every = np.concatenate([parts.train, parts.validation, parts.test])
    assert sorted(every) == list(range(42))
    groups = [set(grouped.groups[part]) for part in (parts.train, parts.validation, parts.test)]
    assert not groups[0] & groups[1]
    assert not groups[0] & groups[2]
    assert not groups[1] & groups[2]
    assert np.array_equal(np.sort(parts.held_out), np.sort(np.concatenate([parts.validation, parts.test])))
    with pytest.raises(LabError, match="needs 3 or more"):
        deal(open_image_set("drawn:shapes", per_class=2), 0)


@pytest.fixture(scope="module")
def taught(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A quick training and the home it lies in."""
    home = tmp_path_factory.mktemp("trained")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FEATURE_LAB_HOME", str(home))
        return home, teach(QUICK)


@pytest.fixture
def at_home(taught: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("FEATURE_LAB_HOME", str(taught[0]))
    return taught[1]


def test_what_was_trained_is_a_model_like_any_other(at_home: Any) -> None:
    (trained,) = list_trained()
    assert trained.ref() == "test_resnet@lab:quick"
    model = load_model(trained.ref())
    assert trained.about["flops"] == pytest.approx(model.card.flops, rel=0.01)  # the classifier's are among them
    assert (model.preprocessing.height, model.preprocessing.width) == (32, 32)
    assert model.card.classifier_classes == 2
    start = load_model(model.ref.twin())
    assert start.ref.untrained
    assert not model.ref.untrained
    assert start.weights_digest != model.weights_digest
    assert same(start.module.state_dict(), build_network("test_resnet", 0, num_classes=2).state_dict())
    for step in trained.steps:
        assert load_model(trained.ref(step)).ref.short == f"test_resnet (lab:quick/{step})"
    assert at_home["checkpoints"]["model"].tolist() == [trained.ref(step) for step in trained.steps]
    assert not list(trained.folder.glob("*.pt*"))


def test_its_untrained_twin_is_what_training_began_with(at_home: Any) -> None:
    import lab

    result = lab.probe("test_resnet@lab:quick", "drawn:shapes", per_class=6, layers="stages", repeats=1)
    summary = result["summary"]
    twin = lab.probe("test_resnet@lab:quick/0", "drawn:shapes", per_class=6, layers="stages", repeats=1)["summary"]
    assert "untrained" not in set(twin["control"])
    control = summary[summary["control"] == "untrained"]["accuracy"].to_numpy()
    assert np.array_equal(control, twin[twin["control"] == "probe"]["accuracy"].to_numpy())


def test_the_reported_accuracy_is_the_loaded_networks(at_home: Any) -> None:
    """An independent count over images drawn anew, one by one, on the part that training never saw."""
    from lab.experiments.training.train import held_out_of
    from lab.models.preprocess import normalised, pixels_for

    trained, _ = find_trained("test_resnet", "quick")
    images, parts = held_out_of(trained.about)
    model = load_model(trained.ref())
    right = []
    with torch.inference_mode():
        for index in parts.test:
            pixels = pixels_for(images, int(index), model.preprocessing)[None]
            right.append(int(model.module(normalised(pixels, model.preprocessing)).argmax()) == images.labels[index])
    assert at_home["test"].iloc[0].accuracy == pytest.approx(np.mean(right))
    assert at_home["test"].iloc[0].images == len(parts.test)


def test_names_that_cannot_be_are_told(at_home: Any) -> None:
    with pytest.raises(LabError, match=r"nothing named .quik.*nearest: test_resnet@lab:quick"):
        load_model("test_resnet@lab:quik")
    with pytest.raises(LabError, match="no checkpoint at step '99'"):
        load_model("test_resnet@lab:quick/99")
    with pytest.raises(LabError, match="cannot be the name"):
        load_model("test_resnet@lab:../../etc")
    with pytest.raises(LabError, match="other settings"):
        teach(replace(QUICK, seed=1))
    with pytest.raises(LabError, match="starts from random weights"):
        TrainRequest("test_resnet@pretrained")
    with pytest.raises(LabError, match="was not trained here"):
        WatchRequest("test_resnet@untrained:0")
    with pytest.raises(LabError, match="no model 'test_resnext'"):
        teach(TrainRequest("test_resnext", per_class=14))
    with pytest.raises(LabError, match="cannot take images of 40"):
        teach(TrainRequest("test_maxvit", per_class=14, size=40, name="odd"))


def test_names_follow_the_settings() -> None:
    assert TrainRequest().canonical().name == "pets"
    assert TrainRequest(data="drawn:faces").canonical().weights == "test_resnet@lab:faces"
    changed = TrainRequest(seed=2).canonical().name
    assert changed.startswith("pets-")
    assert changed != TrainRequest(seed=3).canonical().name
    assert TrainRequest(data="/tmp/My Photos!").canonical().name.startswith("my-photos-")
    again = TrainRequest.from_dict(TrainRequest(rate=0.25).as_dict())
    assert again == TrainRequest(rate=0.25)
    assert "--rate=0.25" in again.command()


def test_lost_weights_make_a_finished_run_stale(lab_home: Path) -> None:
    from lab.runs.jobs import compute
    from lab.runs.store import open_run
    from lab.settings import Compute

    request = replace(QUICK, epochs=1, name="lost").canonical()
    run = open_run(request)
    compute(run, Compute(), lambda *_: None)
    assert open_run(request).status == "finished"
    forget("test_resnet", "lost")
    assert open_run(request).status != "finished"


def test_a_damaged_or_half_written_training_does_not_count(lab_home: Path) -> None:
    folder = trained_folder("test_resnet", "half")
    folder.mkdir(parents=True)
    (folder / "step-000000.safetensors").write_bytes(b"x")
    assert list_trained() == []
    keep_about("test_resnet", "half", {"steps": [0], "final": 0, "classes": ["a", "b"], "input": {}})
    (folder / "step-000000.safetensors").unlink()
    with pytest.raises(LabError, match="is missing"):
        ModelRef.parse("test_resnet@lab:half").check()


def test_watching_reads_every_checkpoint(at_home: Any) -> None:
    partial_results: dict[str, Any] = {}
    request = WatchRequest("test_resnet@lab:quick", layers="stages")
    result = watch(request, partial_results=partial_results)
    trained, final = find_trained("test_resnet", "quick")
    steps = [step for step in trained.steps if step <= final]
    probes = result["probes"]
    assert sorted(probes.query("control == 'probe'")["step"].unique()) == steps
    assert set(probes["control"]) == {"probe", "shuffled", "pixels"}
    assert len(result["maps"]) == len(steps) * 8
    assert (result["filters"].query("step == 0")["cosine"] > 0.999999).all()
    assert len(partial_results) == len(steps)
    again = watch(request, partial_results=partial_results)
    pd.testing.assert_frame_equal(again["probes"], probes)
    assert np.allclose(
        result["gains"]["lead"].iloc[0], result["gains"]["gain"].iloc[-1] - result["gains"]["gain"].iloc[0]
    )


def test_filters_are_the_networks_weights() -> None:
    network = nn.Sequential(nn.Conv2d(3, 2, 3, bias=False))
    name, weights = first_filters(network) or ("", np.zeros(0))
    assert name == "0"
    assert np.array_equal(weights, network[0].weight.detach().numpy())
    assert first_filters(nn.Sequential(nn.Conv2d(1, 2, 3))) is None
    assert filter_picture(weights[0]).startswith(b"\x89PNG")


def test_the_charts_draw_what_was_found(at_home: Any) -> None:
    from lab.charts.pictures import picture
    from lab.registry import charts_of

    seen = watch(WatchRequest("test_resnet@lab:quick", layers="stages"))
    charts = charts_of(at_home) | charts_of(seen)
    assert set(charts) == {"learning", "probes", "layers", "maps"}
    for chart in charts.values():
        assert picture(chart, "svg").startswith(b"<svg")
    assert {"train", "watch"} <= set(EXPERIMENTS)


def test_the_command_line_trains_lists_and_deletes(at_home: Any, capsys: pytest.CaptureFixture[str]) -> None:
    from lab.cli import main

    flags = ["--model", "test_resnet", "--per-class", "14", "--size", "32", "--epochs", "1", "--name", "cli"]
    assert main(["train", *flags]) == 0
    said = capsys.readouterr()
    assert "test images right" in said.out
    assert "test_resnet@lab:cli" in said.err
    assert main(["train", "--list", "--json"]) == 0
    assert "test_resnet@lab:cli" in capsys.readouterr().out
    assert main(["train", "--forget", "test_resnet@lab:cli"]) == 0
    assert main(["train", "--forget", "test_resnet@lab:cli"]) == 2
    assert "nothing named 'cli'" in capsys.readouterr().err
    assert [trained.name for trained in list_trained()] == ["quick"]
