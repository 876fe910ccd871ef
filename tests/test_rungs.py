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
# What the matrix at full size shows not to be matched: the statistics of the second solve the first in part.
KNOWN_LEAKS = {
    ("contour", "texture"),
    ("part", "frequency"), ("part", "contour"), ("part", "shape"), ("part", "texture"),
    ("arrangement", "shape"),
    ("object", "frequency"), ("object", "texture"), ("object", "contour"), ("object", "shape"),
}  # fmt: skip
LEAST = {"hue": 0.7, "brightness": 0.65, "orientation": 0.8, "frequency": 0.8, "contour": 0.7, "shape": 0.75}


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
        if (name, lower) not in KNOWN_LEAKS:
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
