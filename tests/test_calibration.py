"""The certificate in small, with fixed seeds: arrays with a known truth through folds, probes, controls and verdict.

The large one is `benchmarks/calibration.py`; here every bound leaves room for luck and still fails when an interval
loses a quarter of its width or a control stops to count.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import pytest

from lab.experiments.separability.judgement import Judgement, judge_arrays
from lab.experiments.separability.split_notes import calibration_note
from lab.stats.calibration import SimulatedKind, calibration_sentence, nearest_kind, simulated_kinds

BENCHMARK = Path(__file__).parents[1] / "benchmarks" / "calibration.py"
DOCUMENT = Path(__file__).parents[1] / "docs" / "calibration.md"
SIMULATIONS = 60
PROBES = ("logistic", "ridge", "logistic")


@pytest.fixture(scope="module")
def calibration() -> Iterator[ModuleType]:
    spec = importlib.util.spec_from_file_location("calibration", BENCHMARK)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules["calibration"] = module  # its dataclasses look themselves up there
    spec.loader.exec_module(module)
    yield module
    del sys.modules["calibration"]


def test_intervals_hold_and_nothing_is_announced_where_there_is_nothing(calibration: ModuleType) -> None:
    cells = [calibration.Cell(60, 2, "equal", "one", "none", probe) for probe in ("logistic", "ridge")]
    found = [
        calibration.record(calibration.simulate(cells[seed % 2], seed, controls=False)) for seed in range(SIMULATIONS)
    ]
    gaps, accuracy = (np.array([one[name] for one in found]) for name in ("gap", "accuracy"))
    held = [calibration.coverage(gaps, 0.0), calibration.coverage(accuracy[:, 0], 0.5)]
    assert min(held) >= 0.88, held  # 95 % are promised
    assert sum(one["announced"] for one in found) <= 7  # 5 % are promised
    lead = np.array([one["lead"] for one in found])
    assert np.sum(lead[:, 1] > 0) <= 4  # 2.5 % each are promised
    assert np.sum(lead[:, 2] < 0) <= 4


def test_groups_of_uneven_size_do_not_make_intervals_narrow(calibration: ModuleType) -> None:
    cell = calibration.Cell(60, 2, "equal", "uneven", "flat")
    found = [calibration.record(calibration.simulate(cell, seed, controls=False)) for seed in range(40)]
    gaps, accuracy = (np.array([one[name] for one in found]) for name in ("gap", "accuracy"))
    assert calibration.coverage(gaps) >= 0.87
    assert calibration.coverage(accuracy[:, 0]) >= 0.85


@pytest.mark.parametrize(("effect", "outcome"), [("strong", "for"), ("falling", "against"), ("none", "undecided")])
def test_the_verdict_finds_what_was_planted(calibration: ModuleType, effect: str, outcome: str) -> None:
    cell = calibration.Cell(200, 2, "equal", "one", effect)
    found = [calibration.simulate(replace(cell, probe=probe), seed, controls=True) for seed, probe in enumerate(PROBES)]
    assert [one.verdict.outcome for one in found].count(outcome) >= 2
    assert [", as ridge probes read them," in one.verdict.sentence for one in found] == [False, True, False]


def test_a_class_that_cannot_be_learned_has_no_simulation(calibration: ModuleType) -> None:
    assert calibration.simulate(calibration.Cell(40, 2, "19:1", "uneven", "none"), 0, controls=False) is None


def judged(layers: dict[str, np.ndarray], labels: np.ndarray) -> Judgement:
    return judge_arrays(layers, labels, repeats=2)


def test_one_layer_cut_into_widths_is_no_depth() -> None:
    """Five "layers" that are 16 to 112 random channels of one: wider ones read more, and that is not depth."""
    rng = np.random.default_rng(0)
    labels = np.arange(160) % 2
    matrix = rng.standard_normal((160, 160)) + 0.22 * labels[:, None] * rng.choice([-1, 1], 160)
    outcomes, wider = [], 0
    for draw in range(10):
        order = np.random.default_rng(draw)
        layers = {str(d): matrix[:, order.permutation(160)[:d]] for d in (16, 24, 40, 80, 112)}
        found = judged(layers, labels)
        outcomes.append(found.verdict.outcome)
        wider += {check.check: check.passed for check in found.checks}["late_minus_best_early"]
    assert wider >= 3  # without the control it would often be "for"
    assert outcomes.count("for") == 0


def test_very_unequal_classes_are_judged_by_auc() -> None:
    """Nine in ten images are of one class: naming it always is no achievement, and a late layer that ranks is one."""
    rng = np.random.default_rng(1)
    labels = (np.arange(200) % 10 == 0).astype(int)
    nothing = [rng.standard_normal((200, 20)) for _ in range(3)]
    good = [rng.standard_normal((200, 20)) + 1.2 * labels[:, None] for _ in range(2)]
    found = judged({str(k): layer for k, layer in enumerate([*nothing, *good])}, labels)
    checks = {check.check: check for check in found.checks}
    assert found.evidence.measure == "AUC"
    assert found.verdict.outcome == "for"
    assert "AUC 1.00 in late layers" in found.verdict.sentence
    assert checks["early_above_chance"].compared == pytest.approx((0.5, 0.5), abs=0.1)


@pytest.mark.parametrize("classes", [10, 40])
def test_many_classes_are_judged_against_their_own_chance(classes: int) -> None:
    rng = np.random.default_rng(2)
    labels, centres = np.arange(classes * 6) % classes, rng.standard_normal((classes, 24))
    layers = {
        str(k): rng.standard_normal((len(labels), 24)) + strength * centres[labels]
        for k, strength in enumerate((0.0, 0.0, 0.0, 1.5, 1.5))
    }
    found = judge_arrays(layers, labels, folds=3, repeats=1, controls=("shuffled",))
    checks = {check.check: check for check in found.checks}
    assert found.evidence.chance == pytest.approx(1 / classes)
    assert found.verdict.outcome == "for"
    assert not checks["early_above_chance"].passed
    assert checks["late_selectivity"].passed


def test_the_nearest_kind_is_of_the_same_make_before_the_same_size() -> None:
    few = nearest_kind(np.arange(44) % 2, np.arange(44))
    assert (few.images, few.classes, few.balance, few.groups) == (40, 2, "equal", "one")
    unequal = nearest_kind(np.repeat([0, 1], [38, 2]), np.arange(40))
    assert unequal.balance == "19:1"
    assert nearest_kind(np.arange(40) % 2, np.arange(40) // 4).groups == "uneven"
    assert nearest_kind(np.arange(40) % 2, np.arange(40), "ridge").described.endswith("ridge probes")


def test_the_sentence_warns_of_what_did_not_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    held = SimulatedKind("logistic", 40, 2, "equal", "one", 100, 0.94, 0.96, 0.93, 0.97, 0, 20, 0.05, 100)
    labels, groups = np.arange(40) % 2, np.arange(40)
    found = {
        name: _sentence(monkeypatch, kind, labels, groups)
        for name, kind in {
            "held": held,
            "narrow": replace(held, accuracy_low=0.9),
            "wide": replace(held, gap_high=0.99),
            "false": replace(held, announced=0.06),
            "few": replace(held, accuracy_low=0.9, announced=0.06, nothing=25),
        }.items()
    }
    assert "100 simulations" in found["held"]
    assert "40 images, 2 equal classes" in found["held"]
    assert "in 94–96%" in found["held"]
    assert "0 of 20 verdicts" in found["held"]
    warned = [any(word in sentence for word in ("narrow", "no evidence")) for sentence in found.values()]
    assert warned == [False, True, True, True, False]
    assert "25 simulations of an effect or fewer: too few to tell 90 from 95 %" in found["few"]
    assert "too narrow." in found["narrow"]
    assert "too wide" in found["wide"]
    assert "emergence depth alone" in found["false"]


def _sentence(patch: pytest.MonkeyPatch, kind: SimulatedKind, labels: np.ndarray, groups: np.ndarray) -> str:
    patch.setattr("lab.stats.calibration.simulated_kinds", lambda: (kind,))
    return calibration_sentence(labels, groups)


def test_what_is_shown_is_what_the_benchmark_wrote(calibration: ModuleType) -> None:
    """Every kind in the table of the docs, and no other, is in the table that the program reads."""
    lines = [line.split(" | ") for line in DOCUMENT.read_text(encoding="utf-8").splitlines() if line.startswith("| ")]
    cells = [line for line in lines if line[0] in ("| logistic", "| ridge") and len(line) == len(calibration.HEADER)]
    nothing = {tuple(cell[:5]): cell for cell in cells if cell[5] == "none" and cell[6].isdigit()}
    kinds = simulated_kinds()
    assert len(kinds) == len(nothing) >= 4
    for kind in kinds:
        row = nothing[(f"| {kind.probe}", str(kind.images), str(kind.classes), kind.balance, kind.groups)]
        assert (int(row[6]), row[11]) == (kind.nothing, f"{100 * kind.announced:.1f} %")


def test_a_given_split_is_said_not_to_be_simulated() -> None:
    images = pd.DataFrame({"image": ["a", "b"], "class": ["x", "y"]})
    splits = pd.DataFrame({"image": ["a", "b"], "group": [0, 1], "repeat": [0, 0], "fold": [0, -1]})
    assert "not simulated" in calibration_note(images, splits)
    assert "nearest kind" in calibration_note(images, splits.assign(fold=0))
