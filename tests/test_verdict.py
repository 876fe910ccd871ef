"""Verdicts on synthetic curves: for, against and undecided, with and without controls, in words that read well."""

from __future__ import annotations

import numpy as np
import pytest

from lab.stats.intervals import bootstrap
from lab.stats.verdict import Check, Evidence, Verdict, check_evidence, verdict

COUNT = 240
LAYERS = 9
RISING = np.linspace(0.6, 0.98, LAYERS)
FLAT = np.full(LAYERS, 0.55)
FULL = {"matched": RISING - 0.02, "untrained": FLAT, "shuffled": np.full(LAYERS, 0.5), "pixels": np.array([0.58])}


def correct(accuracies: np.ndarray, seed: int) -> np.ndarray:
    """Return correctness `(L, N)`: which images are hard is shared by layers in part, as in real readings."""
    rng = np.random.default_rng(seed)
    ease = 0.5 * rng.uniform(size=COUNT) + 0.5 * rng.uniform(size=(len(accuracies), COUNT))
    ranks = ease.argsort(axis=1).argsort(axis=1) / COUNT
    return (ranks < accuracies[:, None]).astype(float)


def judge(
    probe: np.ndarray,
    controls: dict[str, np.ndarray] | None = None,
    classes: tuple[str, ...] = ("cat", "dog"),
    trained: bool = True,
) -> tuple[Verdict, dict[str, Check]]:
    labels = np.arange(COUNT) % len(classes)
    readings = {"probe": probe, **(FULL if controls is None else controls)}
    evidence = Evidence(
        model="net",
        classes=classes,
        layers=tuple(f"layer{i}" for i in range(len(probe))),
        depths=tuple(np.linspace(0, 1, len(probe))),
        labels=labels,
        correct={
            name: correct(values, seed)[0] if name == "pixels" else correct(values, seed)
            for seed, (name, values) in enumerate(readings.items())
        },
        trained=trained,
    )
    checks = check_evidence(evidence, bootstrap(np.arange(COUNT), labels))
    return verdict(evidence, checks), {check.check: check for check in checks}


def test_a_rising_curve_with_all_controls_is_for() -> None:
    found, checks = judge(RISING)
    assert found.outcome == "for"
    assert all(check.passed for check in checks.values())
    assert found.sentence == (
        "On these 240 images, late layers of net separate cat from dog better than early ones: "
        f"0.93 against 0.65 (difference {checks['late_minus_early'].value:.2f}, 95 % interval "
        f"{checks['late_minus_early'].ci_low:.2f} to {checks['late_minus_early'].ci_high:.2f}); "
        "this holds at matched dimension, is not there in the untrained twin and goes beyond raw pixels."
    )


def test_every_check_has_its_number_inside_its_interval() -> None:
    _, checks = judge(RISING)
    assert set(checks) == {
        "late_minus_early",
        "late_above_chance",
        "early_above_chance",
        "matched_late_minus_early",
        "late_minus_untrained",
        "rise_minus_untrained",
        "late_minus_pixels",
        "late_selectivity",
        "trend",
        "last_minus_best",
    }
    for check in checks.values():
        assert check.ci_low <= check.value <= check.ci_high, check
        assert set(check.row()) == {"check", "statement", "value", "ci_low", "ci_high", "passed"}


def test_a_falling_curve_is_against() -> None:
    found, checks = judge(RISING[::-1], {})
    assert found.outcome == "against"
    assert checks["late_minus_early"].ci_high < 0
    assert "early layers of net separate cat from dog better than late ones: 0.93 against 0.65" in found.sentence


def test_a_flat_curve_is_undecided() -> None:
    found, _ = judge(np.linspace(0.79, 0.81, LAYERS))
    assert found.outcome == "undecided"
    assert found.sentence.startswith("Not shown on this data: ")
    assert "this difference may be chance" in found.sentence


def test_equal_accuracies_are_not_called_a_difference() -> None:
    found, _ = judge(np.ones(LAYERS))
    assert "that is no difference" in found.sentence
    assert "may be chance" not in found.sentence


@pytest.mark.parametrize(
    ("control", "values", "check", "words"),
    [
        ("matched", FLAT, "matched_late_minus_early", "at matched dimension it is 0.55 against 0.55"),
        ("untrained", RISING, "late_minus_untrained", "the untrained twin does about as well (0.93)"),
        ("untrained", RISING - 0.1, "rise_minus_untrained", "the untrained twin rises about as much (+0.29)"),
        ("pixels", np.array([0.95]), "late_minus_pixels", "raw pixels do about as well (0.95)"),
        ("shuffled", np.full(LAYERS, 0.93), "late_selectivity", "the probe reads shuffled labels about as well (0.93)"),
    ],
)
def test_one_control_that_disagrees_is_enough(control: str, values: np.ndarray, check: str, words: str) -> None:
    found, checks = judge(RISING, {**FULL, control: values})
    assert found.outcome == "undecided"
    assert not checks[check].passed
    assert words in found.sentence


def test_width_that_passes_for_depth_is_not_against_either() -> None:
    found, _ = judge(RISING[::-1], {"matched": RISING})
    assert found.outcome == "undecided"


def test_below_chance_is_not_against() -> None:
    found, checks = judge(np.linspace(0.5, 0.3, LAYERS), {})
    assert checks["late_minus_early"].ci_high < 0
    assert found.outcome == "undecided"
    assert "it is the early layers that are better" in found.sentence


def test_a_control_that_does_better_is_told_as_such() -> None:
    found, _ = judge(np.linspace(0.6, 0.8, LAYERS), {**FULL, "pixels": np.array([0.99])})
    assert "raw pixels do better (0.99)" in found.sentence


def test_controls_that_were_not_run_are_named() -> None:
    found, checks = judge(RISING, {"untrained": FLAT})
    assert found.outcome == "for"
    assert "late_minus_pixels" not in checks
    assert "this is not there in the untrained twin." in found.sentence
    assert found.sentence.endswith("Not controlled for: dimension, probe capacity (shuffled labels), raw pixels.")
    bare, _ = judge(RISING, {})
    assert bare.outcome == "for"
    assert "; this" not in bare.sentence
    own_twin, _ = judge(RISING, {}, trained=False)
    assert "untrained twin" in bare.sentence
    assert "untrained twin" not in own_twin.sentence


def test_a_peak_before_the_last_layer_is_told() -> None:
    curve = np.array([0.55, 0.6, 0.65, 0.7, 0.8, 0.9, 0.97, 0.97, 0.8])
    found, checks = judge(curve)
    assert found.outcome == "for"
    assert not checks["last_minus_best"].passed
    assert "(0.97), clearly before the last (0.80)." in found.sentence


def test_many_classes_are_counted_and_few_are_listed() -> None:
    few, _ = judge(RISING, classes=("cat", "dog", "fox"))
    assert "separate cat, dog and fox better" in few.sentence
    many, _ = judge(RISING, classes=tuple(f"breed {i}" for i in range(12)))
    assert "separate the 12 classes better" in many.sentence


def test_chance_counts_the_commonest_class() -> None:
    labels = np.array([0] * 180 + [1] * 60)
    evidence = Evidence(
        "net", ("a", "b"), ("x", "y"), (0.0, 1.0), labels, {"probe": np.stack([labels == 5, labels == 0]).astype(float)}
    )
    checks = {c.check: c for c in check_evidence(evidence, bootstrap(np.arange(COUNT), labels))}
    assert checks["late_minus_early"].passed
    assert not checks["late_above_chance"].passed


def test_a_single_layer_decides_nothing() -> None:
    found, checks = judge(np.array([0.9]), {})
    assert found.outcome == "undecided"
    assert "single layer" in found.sentence
    assert "trend" not in checks
