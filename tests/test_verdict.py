"""Verdicts on synthetic curves: for, against and undecided, with and without controls, in words that read well."""

from __future__ import annotations

import numpy as np
import pytest

from lab.stats.checks import Check, Evidence, check_evidence
from lab.stats.intervals import bootstrap
from lab.stats.verdict import FOR, Verdict, verdict

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
        scores={
            name: correct(values, seed)[0] if name == "pixels" else correct(values, seed)
            for seed, (name, values) in enumerate(readings.items())
        },
        trained=trained,
        chance=1 / len(classes),
    )
    checks = check_evidence(evidence, bootstrap(np.arange(COUNT), labels, balanced=True))
    return verdict(evidence, checks), {check.check: check for check in checks}


def test_a_rising_curve_with_all_controls_is_for() -> None:
    found, checks = judge(RISING)
    lead, twin = checks["late_minus_best_early"], checks["untrained_rise"]
    assert lead.compared is not None
    early = lead.compared[1]
    assert found.outcome == "for"
    assert all(checks[name].passed for name in FOR)
    assert twin.value < 0, "a rise is not spoken of where there is none"
    assert found.sentence == (
        "On 240 images, late layers of net separate cat from dog better than early ones: 0.93 in late "
        f"layers, {early:.2f} at the best early one, layer2 (late minus early "
        f"{lead.value:+.2f}, 95 % interval {lead.ci_low:+.2f} to {lead.ci_high:+.2f}). "
        "This holds at equal numbers of channels, is absent in the untrained twin ("
        f"{twin.value:+z.2f}, {twin.ci_low:+z.2f} to {twin.ci_high:+z.2f}) and goes beyond raw pixels. "
        "First layer not clearly worse than the best (0.98): layer7 (0.93)."
    )


def test_every_check_has_its_number_inside_its_interval() -> None:
    _, checks = judge(RISING)
    assert set(checks) == {
        "late_minus_early",
        "late_minus_best_early",
        "early_minus_best_late",
        "late_above_chance",
        "early_above_chance",
        "matched_late_minus_early",
        "matched_early_minus_late",
        "late_minus_untrained",
        "rise_minus_untrained",
        "untrained_rise",
        "late_minus_pixels",
        "early_selectivity",
        "late_selectivity",
        "trend",
        "first_behind_best",
        "last_minus_best",
    }
    for check in checks.values():
        assert check.ci_low <= check.value <= check.ci_high, check
        assert set(check.row()) == {"check", "statement", "value", "ci_low", "ci_high", "passed"}


def test_a_falling_curve_is_against_on_the_same_evidence() -> None:
    found, checks = judge(RISING[::-1], {"matched": RISING[::-1], "shuffled": FULL["shuffled"]})
    assert found.outcome == "against"
    lead, best_late = checks["early_minus_best_late"], checks["late_minus_early"]
    assert lead.passed
    assert lead.compared is not None
    early, late = lead.compared
    assert (
        f"early layers of net separate cat from dog better than late ones: {early:.2f} in early layers, "
        f"{late:.2f} at the best late one, layer6 (early minus late {lead.value:+.2f}, 95 % interval" in found.sentence
    )
    assert best_late.ci_high < 0
    assert "This holds at equal numbers of channels" in found.sentence
    for control, values in (("matched", FLAT), ("shuffled", np.full(LAYERS, 0.95))):
        against, _ = judge(RISING[::-1], {"matched": RISING[::-1], "shuffled": FULL["shuffled"], control: values})
        assert against.outcome == "undecided", control


def test_for_and_against_are_the_same_test_mirrored() -> None:
    """What a curve shows for one side, its mirror shows for the other; one good layer is not enough."""
    curve = np.array([0.6, 0.66, 0.62, 0.7, 0.75, 0.8, 0.86, 0.84, 0.9])
    rows = correct(curve, 3)
    labels, layers, depths = np.arange(COUNT) % 2, tuple(f"layer{k}" for k in range(LAYERS)), np.linspace(0, 1, LAYERS)
    boot = bootstrap(np.arange(COUNT), labels, balanced=True)
    both = []
    for scores in (rows, rows[::-1]):
        draws = np.stack([scores, np.roll(scores, 1, axis=1)])
        evidence = Evidence("net", ("a", "b"), layers, tuple(depths), labels, {"probe": scores, "matched": draws})
        both.append({check.check: check for check in check_evidence(evidence, boot)})
    rising, falling = both
    for late, early in (
        ("late_minus_best_early", "early_minus_best_late"),
        ("matched_late_minus_early", "matched_early_minus_late"),
    ):
        one, other = rising[late], falling[early]
        assert one.passed
        assert (one.value, one.ci_low, one.ci_high) == pytest.approx((other.value, other.ci_low, other.ci_high))
        assert rising[early].value == pytest.approx(falling[late].value)
    lone = np.array([0.98, 0.6, 0.6, 0.7, 0.7, 0.7, 0.8, 0.8, 0.8])
    found, checks = judge(lone, {})
    assert checks["late_minus_best_early"].ci_high < 0
    assert found.outcome == "undecided"


def test_what_twin_and_pixels_reach_is_told_where_early_layers_are_better() -> None:
    controls = {"untrained": np.linspace(0.9, 0.6, LAYERS), "pixels": np.array([0.85])}
    found, _ = judge(RISING[::-1], controls)
    assert found.outcome == "against"
    assert "The untrained twin reads 0.86 in early layers and 0.64 in late ones and raw pixels 0.85." in found.sentence


def test_a_flat_curve_is_undecided_and_the_first_layer_suffices() -> None:
    found, checks = judge(np.linspace(0.79, 0.81, LAYERS))
    assert found.outcome == "undecided"
    assert found.sentence.startswith("Not shown on this data: ")
    assert "this may be chance" in found.sentence
    assert "The first layer, layer0, suffices: 0.79, no layer clearly more." in found.sentence
    assert not checks["first_behind_best"].passed


def test_one_good_early_layer_among_bad_ones_is_enough_against_for() -> None:
    """The mean of early layers is clearly worse than that of late ones, the best early layer is not."""
    found, checks = judge(np.array([0.97, 0.7, 0.7, 0.97, 0.97, 0.97, 0.97, 0.97, 0.98]))
    assert checks["late_minus_early"].passed
    assert found.outcome == "undecided"
    assert "The first layer, layer0, suffices" in found.sentence


def test_what_is_behind_the_best_is_told_with_both_numbers() -> None:
    _, checks = judge(np.array([0.6, 0.7, 0.71, 0.72, 0.73, 0.74, 0.97, 0.9, 0.8]))
    assert "worse than the best, layer6 (0.60 against 0.97); the first that is not: layer6 (0.97)" in (
        checks["first_behind_best"].statement
    )


def test_a_lead_over_the_average_early_layer_alone_is_told_as_that() -> None:
    found, checks = judge(np.array([0.6, 0.6, 0.91, 0.93, 0.93, 0.93, 0.93, 0.93, 0.93]))
    assert checks["late_minus_early"].passed
    assert not checks["late_minus_best_early"].passed
    late, early = checks["late_minus_early"].compared or (0, 0)
    assert f"may be chance; against early layers on average the lead is clear ({late:.2f} against {early:.2f})" in (
        found.sentence
    )


def test_nothing_suffices_where_nothing_is_read() -> None:
    found, _ = judge(np.full(LAYERS, 0.5), {})
    assert "suffices" not in found.sentence
    assert "not clearly worse" not in found.sentence


def test_equal_accuracies_are_not_called_a_difference() -> None:
    found, _ = judge(np.ones(LAYERS))
    assert "that is no difference" in found.sentence
    assert "may be chance" not in found.sentence


@pytest.mark.parametrize("twins", [1, 3])
def test_twins_that_differ_leave_the_interval_wider(twins: int) -> None:
    """One twin in three rises as the network does: that is told, with an interval over twins."""
    rows = [correct(FLAT, 20), correct(FLAT, 21), correct(np.linspace(0.55, 0.85, LAYERS), 22)][:twins]
    labels = np.arange(COUNT) % 2
    scores = {"probe": correct(RISING, 0), "untrained": np.stack(rows)}
    layers = tuple(f"layer{k}" for k in range(LAYERS))
    evidence = Evidence("net", ("cat", "dog"), layers, tuple(np.linspace(0, 1, LAYERS)), labels, scores)
    found = check_evidence(evidence, bootstrap(np.arange(COUNT), labels, balanced=True))
    checks = {check.check: check for check in found}
    rise = checks["untrained_rise"]
    assert (rise.ci_high - rise.ci_low > 0.4) == (twins == 3)
    said = verdict(evidence, found).sentence
    assert ("is absent in the untrained twin" in said) == (twins == 1)


def test_luck_in_the_choice_of_channels_is_no_depth() -> None:
    """Late layers whose draws of channels differ by more than they exceed early ones do not pass."""
    labels, layers = np.arange(COUNT) % 2, tuple(f"layer{k}" for k in range(LAYERS))
    early = [0.7] * 6
    steady = np.stack([correct(np.array([*early, 0.8, 0.8, 0.82]), k) for k in range(5)])
    lucky = np.stack(
        [correct(np.array([*early, *(0.8 + 0.1 * np.random.default_rng(k).standard_normal(3)).clip(0, 1)]), k)
         for k in range(5)]
    )  # fmt: skip
    passed = []
    for matched in (steady, lucky):
        scores = {"probe": correct(RISING, 0), "matched": matched}
        evidence = Evidence("net", ("a", "b"), layers, tuple(np.linspace(0, 1, LAYERS)), labels, scores)
        found = check_evidence(evidence, bootstrap(np.arange(COUNT), labels, balanced=True))
        passed.append({check.check: check for check in found}["matched_late_minus_early"])
    assert passed[1].ci_high - passed[1].ci_low > 1.5 * (passed[0].ci_high - passed[0].ci_low)


@pytest.mark.parametrize(
    ("control", "values", "check", "words"),
    [
        ("matched", FLAT, "matched_late_minus_early", "at equal numbers of channels it is 0.55 against 0.55"),
        ("untrained", RISING, "late_minus_untrained", "the untrained twin does about as well (0.93)"),
        ("untrained", RISING - 0.1, "rise_minus_untrained", "is not clearly more than the untrained twin's (+0.29)"),
        ("pixels", np.array([0.95]), "late_minus_pixels", "raw pixels do about as well (0.95)"),
        ("shuffled", np.full(LAYERS, 0.93), "late_selectivity", "the probe reads shuffled labels about as well (0.93)"),
    ],
)
def test_one_control_that_disagrees_is_enough(control: str, values: np.ndarray, check: str, words: str) -> None:
    found, checks = judge(RISING, {**FULL, control: values})
    assert found.outcome == "undecided"
    assert not checks[check].passed
    assert words in found.sentence


def test_below_chance_is_not_against() -> None:
    found, checks = judge(np.linspace(0.5, 0.3, LAYERS), {})
    assert checks["late_minus_best_early"].ci_high < 0
    assert found.outcome == "undecided"
    assert "this early layer is the better one" in found.sentence


def test_a_control_that_does_better_is_told_as_such() -> None:
    found, _ = judge(np.linspace(0.6, 0.8, LAYERS), {**FULL, "pixels": np.array([0.99])})
    assert "raw pixels do better (0.99)" in found.sentence


def test_controls_that_were_not_run_are_named() -> None:
    found, checks = judge(RISING, {"untrained": FLAT})
    assert found.outcome == "for"
    assert "late_minus_pixels" not in checks
    assert "This is absent in the untrained twin (" in found.sentence
    assert found.sentence.endswith(
        "Not controlled for: number of channels, probe capacity (shuffled labels), raw pixels."
    )
    bare, _ = judge(RISING, {})
    assert bare.outcome == "for"
    assert " This " not in bare.sentence
    own_twin, _ = judge(RISING, {}, trained=False)
    assert "untrained twin" in bare.sentence
    assert "untrained twin" not in own_twin.sentence


def test_a_peak_before_the_last_layer_is_told() -> None:
    curve = np.array([0.55, 0.6, 0.65, 0.7, 0.8, 0.9, 0.97, 0.97, 0.8])
    found, checks = judge(curve)
    assert found.outcome == "for"
    assert checks["last_minus_best"].ci_high < 0
    assert "The best, layer6, is clearly above the last layer (0.80)." in found.sentence


def test_many_classes_are_counted_and_few_are_listed() -> None:
    few, _ = judge(RISING, classes=("cat", "dog", "fox"))
    assert "separate cat, dog and fox better" in few.sentence
    more, _ = judge(RISING, classes=tuple("abcde"))
    assert "separate the 5 classes better" in more.sentence
    many, _ = judge(RISING, classes=tuple(f"breed {i}" for i in range(12)))
    assert "separate the 12 classes better" in many.sentence


def test_naming_the_large_class_is_not_above_chance() -> None:
    labels = np.array([0] * 180 + [1] * 60)
    scores = {"probe": np.stack([labels == 5, labels == 0]).astype(float)}
    evidence = Evidence("net", ("a", "b"), ("x", "y"), (0.0, 1.0), labels, scores, measure="balanced accuracy")
    checks = {c.check: c for c in check_evidence(evidence, bootstrap(np.arange(COUNT), labels, balanced=True))}
    assert checks["late_minus_early"].passed
    assert checks["late_above_chance"].value == pytest.approx(0.0)
    assert not checks["late_above_chance"].passed


def test_a_single_layer_decides_nothing() -> None:
    found, checks = judge(np.array([0.9]), {})
    assert found.outcome == "undecided"
    assert "single layer" in found.sentence
    assert "trend" not in checks


def test_labels_are_listed_as_classes_are() -> None:
    labels = np.arange(COUNT) % 2
    probe, layers = correct(RISING, 0), tuple(f"layer{k}" for k in range(LAYERS))
    boot = bootstrap(np.arange(COUNT), labels, balanced=True)
    for names, listed in ((tuple("abcd"), "a, b, c and d"), (tuple("abcde"), "the 5 labels")):
        evidence = Evidence(
            "net", names, layers, tuple(np.linspace(0, 1, LAYERS)), labels, {"probe": probe}, measure="mean AUC"
        )
        assert f"late layers of net read {listed} better" in verdict(evidence, check_evidence(evidence, boot)).sentence


def test_a_change_is_called_a_rise_only_where_it_is_one() -> None:
    rises, _ = judge(RISING, {**FULL, "untrained": RISING - 0.1})
    assert "the rise (+0.2" in rises.sentence
    falls, _ = judge(np.linspace(0.97, 0.93, LAYERS), {**FULL, "untrained": np.linspace(0.95, 0.94, LAYERS)})
    assert "the change from early to late (-0.0" in falls.sentence
