"""What the browser gets of the maps, and how a link carries a selection."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tables import synthetic_result

from lab.charts.map_rows import wide_rows
from lab.charts.theme import layers_of
from lab.ui.embedding_maps.linked import from_ranges, to_ranges
from lab.ui.embedding_maps.packed import NOWHERE, UNKNOWN, pictures, places


@pytest.fixture(scope="module")
def tables() -> dict[str, pd.DataFrame]:
    return synthetic_result(images=40).tables


def read(data: bytes) -> tuple[dict[str, Any], np.ndarray, np.ndarray]:
    """Return header, places (layers, 2, images) and what is taken for what, as the script reads them."""
    length = int.from_bytes(data[:4], "little")
    header = json.loads(data[4 : 4 + length])
    layers, images = len(header["layers"]), len(header["images"])
    assert (4 + length) % 4 == 0, "the browser reads only what is aligned"
    end = 4 + length + 4 * layers * images
    found = np.frombuffer(data[4 + length : end], "<i2").reshape(layers, 2, images)
    return header, found, np.frombuffer(data[end:], "u1").reshape(layers, images)


def test_the_browser_gets_every_place_and_every_prediction(tables: dict[str, pd.DataFrame]) -> None:
    model = tables["layers"]["model"].iloc[0]
    header, found, taken = read(places(tables, model))
    assert header["layers"] == layers_of(tables["projection"], model)
    wide = wide_rows(tables, model).set_index("image")
    for number in range(len(header["layers"])):
        for axis, name in enumerate("xy"):
            expected = wide.loc[header["images"], f"{name}{number}"].to_numpy(dtype=float)
            np.testing.assert_allclose(found[number, axis] / header["scale"], expected, atol=1 / header["scale"])
    known = tables["predictions"].query("model == @model").set_index(["layer", "image"])["predicted"]
    for number, layer in enumerate(header["layers"]):
        named = [header["classes"][one] for one in taken[number]]
        assert named == [known[layer, image] for image in header["images"]]
    assert [tables["images"]["image"][row] for row in header["at"]] == header["images"]
    assert [header["classes"][one] for one in header["labels"]] == wide.loc[header["images"], "class"].tolist()


def test_an_image_without_a_place_or_a_prediction_is_told_as_such(tables: dict[str, pd.DataFrame]) -> None:
    model, layer = tables["layers"][["model", "layer"]].iloc[0]
    image = tables["images"]["image"][3]
    known = {name: tables[name] for name in ("projection", "predictions")}
    gone = {name: table[(table["layer"] != layer) | (table["image"] != image)] for name, table in known.items()}
    header, found, taken = read(places({**tables, **gone}, model))
    at = header["images"].index(image)
    assert found[0, :, at].tolist() == [NOWHERE, NOWHERE]
    assert (found == NOWHERE).sum() == 2
    assert taken[0, at] == UNKNOWN


def test_pictures_are_in_the_order_of_the_places(tables: dict[str, pd.DataFrame]) -> None:
    model = tables["layers"]["model"].iloc[0]
    header, _, _ = read(places(tables, model))
    data, count = pictures(tables, model), len(header["images"])
    ends = np.frombuffer(data[: 4 * (count + 1)], "<u4") + 4 * (count + 1)
    files = [data[start:end] for start, end in pairwise(ends)]
    assert files == tables["images"].set_index("image").loc[header["images"], "thumbnail"].tolist()


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
