"""The search for a layer: planted networks, rounds that halve, agreement with the probe run that it spares."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import planted_layers
import pytest
import torch
from torch import nn

import lab
from lab.cli import main
from lab.experiments.result import Result
from lab.experiments.separability.fits import fit_layer
from lab.experiments.separability.measure import prepare
from lab.experiments.which import confirm
from lab.experiments.which.confirm import confirmed
from lab.experiments.which.findings import findings
from lab.experiments.which.halving import image_order, schedule
from lab.experiments.which.request import WhichRequest
from lab.experiments.which.run import on_frontier
from lab.images import images_of_arrays
from lab.progress import silent
from lab.settings import Compute
from lab.stats.intervals import Interval

NET = "test_resnet@untrained:0"
QUICK: dict[str, Any] = {"layers": "all", "controls": "none", "repeats": 1, "groups": "none"}


class Planted(nn.Module):
    """Channel 0 of the input tells the classes; a layer that is `blind` takes it away, and so all after it."""

    def __init__(self, blind: int, depth: int = 4) -> None:
        super().__init__()
        torch.manual_seed(blind)
        self.blocks = nn.ModuleList(nn.Conv2d(3, 3, 1, bias=False) for _ in range(depth))
        for number, block in enumerate(self.blocks):
            mix = torch.eye(3) + 0.2 * torch.rand(3, 3)
            mix[:, 0] = torch.tensor([float(number < blind), 0.0, 0.0])
            block.weight.data = mix[:, :, None, None]

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        for block in self.blocks:
            images = block(images)
        return images.mean((2, 3))


def planted_images(effect: float = 1.6, count: int = 160, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    labels = np.arange(count) % 2
    pixels = rng.normal(size=(count, 3, 4, 4)).astype(np.float32)
    pixels[:, 0] += np.float32(effect / 4) * (2 * labels - 1)[:, None, None]
    return pixels, labels


def networks() -> dict[str, nn.Module]:
    return {"blind": Planted(0), "sighted at first": Planted(2, depth=8), "blind too": Planted(0, depth=9)}


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory) -> Result:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FEATURE_LAB_HOME", str(tmp_path_factory.mktemp("home")))
        return lab.which(
            list(networks().values()), planted_images(), sample=32, finalists=2, cheaper=2, speed=True,
            **{**QUICK, "controls": "all"},
        )  # fmt: skip


def test_the_layer_that_knows_the_classes_is_found_and_stands_above_its_controls(searched: Result) -> None:
    best = searched["confirmed"].query("best").iloc[0]
    assert best["model"] == searched.request.models[1]
    assert best["layer"] in ("blocks.0", "blocks.1")
    assert best["accuracy"] > 0.85
    above = searched["controls"].set_index("control")["above_low"]
    assert (above[["chance", "shuffled"]] > 0).all()
    # Its classes are in the input as they are, so there is nothing that a network adds.
    assert "use none of these layers" in searched.findings[0]
    assert searched.findings[0].endswith("raw pixels.")


def test_rounds_grow_in_images_and_shrink_in_layers_and_only_the_best_go_on(searched: Result) -> None:
    rounds = searched["rounds"]
    by_round = [own for _, own in rounds.groupby("round")]
    assert [own["images"].iloc[0] for own in by_round] == [32, 128, 160]
    for own, after in pairwise(by_round):
        kept = own[own["kept"]]
        assert {*zip(kept["model"], kept["layer"], strict=True)} == {*zip(after["model"], after["layer"], strict=True)}
    assert [int(own["kept"].sum()) for own in by_round[:-1]] == [5, 4]
    assert by_round[1].loc[by_round[1]["kept"], "margin"].min() >= by_round[1].loc[~by_round[1]["kept"], "margin"].max()
    last = by_round[-1]
    finalists = searched["confirmed"].query("why == 'finalist'")
    assert set(last.loc[last["kept"], "layer"]) == set(finalists["layer"])
    assert len(finalists) == 2


def test_what_is_confirmed_is_what_a_probe_run_reads(searched: Result) -> None:
    whole = lab.probe(list(networks().values()), planted_images(), **QUICK)["summary"].query("control == 'probe'")
    known = whole.set_index(["model", "layer"])
    rows = searched["confirmed"]
    assert len(rows) >= 2
    for row in rows.itertuples():
        probe = known.loc[row.model, row.layer]
        assert row.accuracy == pytest.approx(probe["accuracy"], abs=1e-12)
        assert (row.ci_low, row.ci_high) == pytest.approx((probe["ci_low"], probe["ci_high"]), abs=1e-12)
    assert rows["accuracy"].max() >= whole["accuracy"].max() - 0.02


def test_the_tie_set_is_what_the_best_is_not_clearly_above(searched: Result) -> None:
    rows = searched["confirmed"]
    assert (rows["as_good"] == (rows["behind_low"] <= 0)).all()
    assert rows.query("best")["behind"].item() == 0
    assert np.allclose(rows["behind"], rows["accuracy"].max() - rows["accuracy"])
    assert (rows["ms"] > 0).all()
    clear = rows[rows["ci_low"] > 0.5]
    assert list(clear["frontier"]) == on_frontier(clear["ms"], clear["accuracy"])
    assert rows.query("best")["frontier"].item()
    assert not rows.loc[rows["ci_low"] <= 0.5, "frontier"].any()


def test_a_place_that_is_clearly_worse_in_the_first_repeat_is_not_read_in_the_others() -> None:
    with planted_layers.planted(planted_layers.TRUTHS["strong"], 200, repeats=3) as (question, _, places):
        three = [places[0], places[9], places[20]]  # the second can reach 0.95, the others 0.75
        found = confirmed(question, three, silent, Compute(), {})
        whole = fit_layer(question.design, "", confirm_vectors(question, places[9]), ("probe",), 1)
    assert found.repeats.tolist() == [1, 3, 1]
    right = whole["probe.probabilities"].argmax(axis=2) == question.labels
    assert np.array_equal(found.right[:, 1], right)
    assert found.best == 1
    assert [gap.low > 0 for gap in found.behind()] == [True, False, True]
    assert np.isfinite(found.correct).all()
    assert found.chosen.value == pytest.approx(found.accuracy[1])


def confirm_vectors(question: Any, place: Any) -> np.ndarray:
    (source,), _ = confirm.open_sources(
        replace(question, request=replace(question.request, models=(place.model,), layers=place.layer.name)), silent,
        Compute(),
    )  # fmt: skip
    return np.asarray(source.embeddings[place.layer.name])


# docs/which.md has the same of more searches.
@pytest.mark.parametrize(("name", "near", "tied"), [("strong", 15, 15), ("rising", 11, 13), ("reversed", 11, 13)])
def test_planted_layers_are_found(name: str, near: int, tied: int) -> None:
    found = [planted_layers.outcome(planted_layers.TRUTHS[name], 200, seed=k, repeats=1) for k in range(15)]
    assert sum(one.behind <= 2 for one in found) >= near
    assert sum(one.tied for one in found) >= tied
    assert sum(one.false_best for one in found) <= 1
    assert all(one.above_guessing for one in found)


@pytest.mark.parametrize(("name", "guessing"), [("none", range(2)), ("all equal", range(15, 16))])
def test_nothing_is_told_to_be_best_where_all_are_equal(name: str, guessing: range) -> None:
    found = [planted_layers.outcome(planted_layers.TRUTHS[name], 200, seed=k, repeats=1) for k in range(15)]
    assert sum(one.false_best for one in found) <= 1
    assert sum(one.above_guessing for one in found) in guessing


def test_an_image_passes_once_through_a_network_and_not_through_one_that_was_dropped(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    passed: dict[int, int] = {}
    forward = Planted.forward

    def counting(self: Planted, images: torch.Tensor) -> torch.Tensor:
        if len(images) > 1:  # one at a time is how layers are looked up
            known = int(self.blocks[0].weight.abs().sum() * 1e4)
            passed[known] = passed.get(known, 0) + len(images)
        return forward(self, images)

    monkeypatch.setattr(Planted, "forward", counting)
    pool = [Planted(0), Planted(3), *(Planted(0, depth=5 + k) for k in range(3))]
    result = lab.which(pool, planted_images(count=320), sample=32, finalists=1, cheaper=0, speed=False, **QUICK)
    table = result["networks"]
    assert table["passed"].min() == 32
    assert table["passed"].max() == 320
    assert sum(passed.values()) <= table["passed"].sum() + 40 * len(pool)  # batches are filled up


def test_shuffled_classes_are_not_recommended() -> None:
    pixels, labels = planted_images(effect=0.0)
    result = lab.which([Planted(3)], (pixels, labels), sample=32, finalists=2, speed=False, **QUICK)
    assert "use none of these layers" in result.findings[0]
    assert "not clearly above guessing" in result.findings[0]


def test_more_networks_never_make_the_search_blind_to_the_one_that_was_found() -> None:
    one = lab.which([Planted(3)], planted_images(), sample=32, finalists=2, speed=False, **QUICK)
    blind = [Planted(0), Planted(0, depth=6), Planted(0, depth=7)]
    all_ = lab.which([*blind, Planted(3)], planted_images(), sample=32, finalists=2, speed=False, **QUICK)
    best = [result["confirmed"].query("best").iloc[0] for result in (one, all_)]
    assert best[0]["model"] == best[1]["model"]
    assert best[1]["accuracy"] == pytest.approx(best[0]["accuracy"], abs=0.02)


@pytest.mark.parametrize(("places", "images", "classes"), [(180, 400, 2), (6, 400, 2), (500, 60, 2), (90, 5000, 50)])
def test_a_schedule_grows_shrinks_and_ends_with_the_finalists(places: int, images: int, classes: int) -> None:
    steps = schedule(places, images, classes, WhichRequest())
    sizes, counts = zip(*steps, strict=True)
    assert sizes[0] >= min(images, 4 * classes)
    assert list(sizes) == sorted(set(sizes))
    assert max(sizes) <= max(256, images / 4, 4 * classes)
    assert all(count >= min(places, 2 * WhichRequest().finalists) for count in counts[:-1])
    assert list(counts) == sorted(counts, reverse=True)
    assert counts[-1] == min(places, WhichRequest().finalists)


def test_a_sample_has_one_image_of_each_group_and_each_class_by_its_share() -> None:
    labels = np.repeat([0, 1, 2], (90, 45, 6))
    groups = np.arange(141) // 3
    images = images_of_arrays(np.zeros((141, 3, 4, 4), np.float32), labels, groups=groups)
    question = prepare(WhichRequest(data="", models=(NET,)).as_probe(), silent, images)
    order = image_order(question)
    assert len(order) == len(set(question.images.groups[order])) == 47
    assert np.bincount(labels[order[:6]]).tolist() == [2, 2, 2]
    assert np.abs(np.bincount(labels[order[:24]], minlength=3) - [15.3, 7.7, 1.0]).max() <= 1.5


def test_labels_of_a_given_test_part_are_not_looked_at_by_the_search() -> None:
    rng = np.random.default_rng(0)
    labels = rng.permutation(np.arange(60) % 2)
    images = images_of_arrays(rng.normal(size=(60, 3, 4, 4)), labels, groups=np.arange(60))
    parts = np.array(["train"] * 40 + ["test"] * 20)
    records = [
        type(record)(**{**record.__dict__, "part": str(part)})
        for record, part in zip(images.records, parts, strict=True)
    ]
    given = type(images)(**{**images.__dict__, "records": tuple(records)})
    question = prepare(WhichRequest(data="", models=(NET,)).as_probe(), silent, given)
    assert question.split_given
    assert set(image_order(question)) == set(np.flatnonzero(parts == "train"))


def test_the_frontier_is_what_nothing_cheaper_reads_as_well() -> None:
    rng = np.random.default_rng(0)
    for _ in range(20):
        cost, accuracy = pd.Series(rng.integers(1, 6, 9)), pd.Series(rng.integers(1, 6, 9) / 5)
        found = on_frontier(cost, accuracy)
        front = sorted(zip(cost[found], accuracy[found], strict=True))
        assert len(set(front)) == len(front)
        assert [a for _, a in front] == sorted({a for _, a in front})
        covered = [any(c <= cost[k] and a >= accuracy[k] for c, a in front) for k in range(9)]
        assert all(covered)


def tables(low: float, tied: int, ms: bool = True) -> dict[str, pd.DataFrame]:
    """Made-up tables: the best of three layers is `low` above pixels at least, `tied` others are as good as it."""
    confirmed = pd.DataFrame(
        {"model": "net@untrained:0", "layer": ["a", "b", "c"], "accuracy": [0.8, 0.9, 0.95], "ci_low": 0.7,
         "ci_high": 0.99, "behind": [0.15, 0.05, 0.0],
         "behind_low": [0.1 if tied < 2 else -0.1, 0.01 if tied < 1 else -0.1, 0.0],
         "behind_high": 0.2, "best": [False, False, True], "ms": [1.0, 2.0, 4.0] if ms else np.nan,
         "gflops": [0.1, 0.2, 0.4], "frontier": True}
    )  # fmt: skip
    confirmed["as_good"] = confirmed["behind_low"] <= 0
    controls = pd.DataFrame(
        {"control": ["probe", "pixels", "chance"], "accuracy": [0.95, 0.6, 0.5], "above_low": [np.nan, low, 0.3]}
    )
    rounds = pd.DataFrame({"round": [1, 1, 2], "images": [64, 64, 200], "kept": [True, False, True], "behind_low": 0.0})
    return {"confirmed": confirmed, "controls": controls, "rounds": rounds}


def test_sentences_follow_the_tables() -> None:
    chosen = Interval(0.94, 0.9, 0.97)
    use, tie, how = findings(tables(0.2, 1), ("cat", "dog"), chosen)
    assert "use c of net@untrained:0: it reads 0.950 (0.70 to 0.99)" in use
    assert "clearly above raw pixels (0.600) and guessing (0.500)" in use
    assert use.endswith("picked on other images 0.940.")
    assert "1 is not clearly worse; the cheapest, b of net@untrained:0, reads 0.900 for 2.0 ms" in tie
    assert "2 layers on 64 images, then 1 layer on 200 images" in how
    alone = {**tables(0.2, 0), "confirmed": tables(0.2, 0)["confirmed"].tail(1)}
    assert findings(alone, ("cat", "dog"), chosen)[1].startswith("The search dropped all other layers")
    assert findings(tables(0.2, 0), ("cat", "dog"), chosen)[1].startswith("It is clearly better than each of 2")
    assert "the cheapest, a of" in findings(tables(0.2, 2), ("cat", "dog"), chosen)[1]
    assert "GFLOPs" in findings(tables(0.2, 1, ms=False), ("cat", "dog"), chosen)[1]
    none = findings(tables(-0.1, 1), ("cat", "dog"), chosen)[0]
    assert "use none of these layers" in none
    assert none.endswith("not clearly above raw pixels.")


def test_the_command_takes_a_plans_networks(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "plan.toml").write_text(f"networks = ['{NET}']\nimages = ['drawn:pets']\nlayers = ['stages']\n")
    plan, images = str(tmp_path / "plan.toml"), ["--data", "drawn:shapes", "--per-class", "12"]
    quick = ["--repeats", "1", "--controls", "none", "--no-speed", "--finalists", "2"]
    assert main(["which", plan, *images, *quick, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["request"]["models"] == [NET]
    assert told["request"]["layers"] == "stages"
    assert {row["why"] for row in told["tables"]["confirmed"]} <= {"finalist", "cheaper"}
    assert main(["which", plan, *images, *quick]) == 0
    shown = capsys.readouterr()
    assert "Already computed" in shown.err
    assert "Searched:" in shown.out
    assert main(["which", plan, "--model", NET, *images]) == 2
    assert "a plan brings its own networks" in capsys.readouterr().err
