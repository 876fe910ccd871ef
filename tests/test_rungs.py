"""The rungs of the ladder: what is lower than a rung does not tell its classes apart, and its own level does.

Statistics of images are in `readouts`; `benchmarks/ladder_leaks.py` prints the whole matrix at full size.
"""

from __future__ import annotations

import numpy as np
import pytest
from readouts import READOUTS, SIDE, read, statistics

from lab.images import catalogue, open_image_set
from lab.images.synthetic import DRAWN_SETS, RUNGS, draw_set
from lab.images.synthetic.rungs import texture
from lab.ui.choices import image_sets, known_sets

PER_CLASS = 100
NAMES = list(RUNGS)
LEAST = {"hue": 0.7, "brightness": 0.65, "orientation": 0.8, "frequency": 0.8, "shape": 0.75}


def found(name: str) -> tuple[dict[str, np.ndarray], np.ndarray]:
    rung = RUNGS[name]
    images = draw_set(rung.family.name, PER_CLASS, seed=1, size=SIDE, difficulty=rung.difficulty)
    return statistics(images), images.labels


@pytest.mark.parametrize("name", NAMES)
def test_lower_levels_are_at_chance_and_its_own_is_not(name: str) -> None:
    values, labels = found(name)
    assert set(values) == set(READOUTS)
    # One in a thousand: twelve rungs have sixty-odd lower levels between them.
    for lower in [lower for lower in READOUTS if lower in NAMES[: NAMES.index(name)]]:
        accuracy, low, high = read(values[lower], labels, confidence=0.999)
        assert low <= 0.5 <= high, f"{lower} reads {name} with {accuracy:.2f}"
    if name in LEAST:
        assert read(values[name], labels)[0] >= LEAST[name]


def test_a_leak_would_be_found() -> None:
    """The check above can fail: one class a little lighter is found by the statistics of brightness."""
    images = draw_set("relation", PER_CLASS, seed=1, size=SIDE)
    lighter = [READOUTS["brightness"](images.pixels(i) + 12.0 * images.labels[i]) for i in range(len(images))]
    assert read(np.array(lighter), images.labels, confidence=0.999)[1] > 0.5


def test_noise_has_the_levels_and_the_spectrum_of_the_leaves() -> None:
    leaves, noise = texture._pair(0)
    assert np.array_equal(np.sort(leaves, axis=None), np.sort(noise, axis=None))
    powers = [np.abs(np.fft.rfft2(tile)) for tile in (leaves, noise)]
    assert np.corrcoef(powers[0].ravel(), powers[1].ravel())[0, 1] > 0.98
    # What is left is of higher order: leaves are flat inside, so differences between neighbours are mostly none.
    steps = [np.abs(np.diff(tile, axis=1)) for tile in (leaves, noise)]
    assert np.median(steps[0]) < 0.3 * np.median(steps[1])


def inked(name: str, count: int) -> np.ndarray:
    """The share of each drawing that is no ground `(N, 2)`, as it is and in its counterpart of the other class."""
    images = draw_set(name, count, seed=3, size=96, difficulty=0.0)
    pairs = [(images.drawing(index), images.drawn.counterpart(index, 1)) for index in range(count)]
    return np.array([[(one.owner > 0).mean() for one in pair] for pair in pairs])


@pytest.mark.parametrize("name", ["contour", "part", "count"])
def test_counterparts_are_made_of_the_same_pieces(name: str) -> None:
    """The same arcs, flaps and worms in both classes: what is inked differs by what lies over what, and no more."""
    own, other = inked(name, 24).T
    assert abs((own - other).mean()) < 0.04 * own.mean()


def test_worms_are_equally_light_and_as_much_of_either_hue() -> None:
    images = draw_set("count", 24, seed=2, size=96)
    for index in range(24):
        own, other = images.drawing(index).pixels.astype(float), images.drawn.counterpart(index, 1).pixels.astype(float)
        assert abs((own - other).mean(axis=(0, 1)) @ (0.299, 0.587, 0.114)) < 1.5
        assert abs((own - other)[..., 0].mean() - (own - other)[..., 2].mean()) < 2.0


def test_hue_keeps_lightness_and_brightness_keeps_hue() -> None:
    luma = np.array([0.299, 0.587, 0.114])
    for index in range(6):
        hue = draw_set("hue", 6, size=64).drawn
        first, second = (hue.counterpart(index, label).pixels.astype(float) for label in (0, 1))
        assert np.abs((first - second) @ luma).max() < 1.5  # rounding of three channels
        light = draw_set("brightness", 6, size=64).drawn
        first, second = (light.counterpart(index, label).pixels.astype(float) for label in (0, 1))
        assert (second - first).std(axis=2).max() < 1.5


def test_rungs_are_in_the_catalogue_and_lists_stay_short() -> None:
    names = {row.name for row in catalogue()}
    for rung in RUNGS.values():
        assert f"drawn:{rung.family.name}" in names
        assert open_image_set(rung.spec, per_class=2).classes == rung.family.classes
    assert "drawn:texture" in known_sets()
    assert "drawn:texture" not in image_sets()
    assert list(DRAWN_SETS) == ["drawn:pets", "drawn:shapes", "drawn:faces"]
