"""The maps of a run as bytes for the browser: where every image lies in every layer, and the images' thumbnails.

`places`    uint32 length of a header (little-endian, as all), the header (JSON, filled up to a multiple of 4), int16
            places (layers, 2, images) in units of 1 / `SCALE` of the map's half, `NOWHERE` for none, then uint8 what
            the probe takes each image for (layers, images): the number of a class, `UNKNOWN` for none
`pictures`  uint32 offsets (images + 1) from the end of the offsets, then JPEG or PNG files one after the other
"""

from __future__ import annotations

import json

import numpy as np
import pandas as pd

from lab.charts.map_rows import trust_by_layer, wide_rows
from lab.charts.theme import CLASS_COLOURS, CLASS_SHAPES, Tables, classes_of, layers_of, of_model

MOST_PLACES, MOST_PICTURES = 50_000, 5_000  # images: more would not be usable in a browser, or take too long to send
SCALE, NOWHERE, UNKNOWN = 32_000, -32_768, 255


def places(tables: Tables, model: str) -> bytes:
    """Return where the images lie in each layer of `model`, and what its probes take them for."""
    wide, order = wide_rows(tables, model, most=MOST_PLACES), layers_of(tables["projection"], model)
    classes = classes_of(tables)
    columns = [f"{axis}{number}" for number in range(len(order)) for axis in "xy"]
    points = np.nan_to_num(wide[columns].to_numpy(dtype=float).T * SCALE, nan=NOWHERE).round().astype("<i2")
    at = {image: number for number, image in enumerate(tables["images"]["image"])}
    header = {
        "images": wide["image"].tolist(),
        "at": [at[image] for image in wide["image"]],  # which row of the run's images
        "labels": [classes.index(name) for name in wide["class"]],
        "classes": classes,
        "colours": [CLASS_COLOURS[number % len(CLASS_COLOURS)] for number in range(len(classes))],
        "shapes": [CLASS_SHAPES[number % len(CLASS_SHAPES)] for number in range(len(classes))],
        "layers": order,
        "trust": list(trust_by_layer(tables, model).values()),
        "scale": SCALE,
    }
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 4)
    return b"".join(
        [np.uint32(len(text)).tobytes(), text, points.tobytes(), _taken_for(tables, model, order, wide, classes)]
    )


def pictures(tables: Tables, model: str) -> bytes:
    """Return the thumbnails of the images that `places` has, in its order; of too many, every so many of them."""
    images = wide_rows(tables, model, most=MOST_PLACES)["image"]
    every = -(-len(images) // MOST_PICTURES)
    found = tables["images"].set_index("image")["thumbnail"].reindex(images)
    files = [one if isinstance(one, bytes) and k % every == 0 else b"" for k, one in enumerate(found)]
    return np.cumsum([0, *map(len, files)], dtype="<u4").tobytes() + b"".join(files)


def _taken_for(tables: Tables, model: str, order: list[str], wide: pd.DataFrame, classes: list[str]) -> bytes:
    number = {name: k for k, name in enumerate(classes[:UNKNOWN])}
    known = of_model(tables["predictions"], model)
    known = known.assign(number=known["predicted"].map(number))
    table = known.pivot(index="layer", columns="image", values="number").reindex(index=order, columns=wide["image"])
    return table.fillna(UNKNOWN).to_numpy().astype("u1").tobytes()
