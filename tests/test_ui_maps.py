"""What is selected in the linked maps, and how a link carries it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.charts.maps import IMAGE_BRUSH, IMAGE_PICK
from lab.ui.embedding_maps.linked import from_ranges, selected_images, to_ranges


@pytest.fixture
def points() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    columns = {f"{axis}{layer}": rng.uniform(-1, 1, 50) for layer in range(3) for axis in "xy"}
    return pd.DataFrame({"image": [f"cat/{i}.jpg" for i in range(50)], **columns})


def test_a_box_selects_the_images_within_it(points: pd.DataFrame) -> None:
    chosen = selected_images({IMAGE_BRUSH: {"x1": [-0.5, 0.5], "y1": [0.4, -0.2]}}, points)
    expected = [row.image for row in points.itertuples() if -0.5 <= row.x1 <= 0.5 and -0.2 <= row.y1 <= 0.4]
    assert chosen == expected
    assert 0 < len(expected) < 50


def test_a_click_selects_images_by_name(points: pd.DataFrame) -> None:
    event = {IMAGE_PICK: [{"image": "cat/3.jpg"}, {"image": "cat/7.jpg"}], IMAGE_BRUSH: {}}
    assert selected_images(event, points) == ["cat/3.jpg", "cat/7.jpg"]


@pytest.mark.parametrize("event", [{}, {IMAGE_BRUSH: {}}, {IMAGE_PICK: []}, {IMAGE_BRUSH: {"unknown": [0, 1]}}])
def test_nothing_selected_is_not_an_empty_selection(event: dict[str, object], points: pd.DataFrame) -> None:
    assert selected_images(event, points) is None


@given(st.lists(st.integers(0, 999)))
def test_positions_survive_a_url(positions: list[int]) -> None:
    text = to_ranges(positions)
    assert from_ranges(text, 1000) == sorted(set(positions))
    assert set(text) <= set("0123456789-.")


@given(st.text(alphabet="0123456789-.x²", max_size=20), st.integers(0, 30))
def test_any_text_in_a_url_names_only_positions_there_are(text: str, count: int) -> None:
    assert all(0 <= position < count for position in from_ranges(text, count))


def test_neighbours_are_told_as_ranges() -> None:
    assert to_ranges([0, 1, 2, 7, 9, 8]) == "0-2.7-9"
    assert from_ranges("0-99999999999", 4) == [0, 1, 2, 3]
