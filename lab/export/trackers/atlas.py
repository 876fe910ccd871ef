"""Parquet that Embedding Atlas opens: an image a row, its thumbnail, what was read, its place on the map of a layer.

embedding-atlas RUN-atlas.parquet --x x --y y --image image
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from lab.errors import LabError
from lab.experiments.result import Result
from lab.export.trackers.rows import pictures
from lab.files import write_bytes


def write(result: Result, folder: Path, embeddings: Mapping[str, np.ndarray]) -> list[str]:
    """Write `RUN-atlas.parquet`: columns x and y are the map of the best layer, `x MODEL LAYER` those of every layer.

    Raises LabError for a run without maps.
    """
    if not len(result.tables.get("projection", ())):
        raise LabError(f"run {result.request.run_id} has no maps; Embedding Atlas takes a probe run")
    images = result["images"]
    table = images.drop(columns="thumbnail").set_index("image", drop=False)
    chosen = _best(result)
    for (model, layer), rows in result["projection"].groupby(["model", "layer"], sort=False):
        own = rows.set_index("image")
        names = {"x": f"x {model} {layer}", "y": f"y {model} {layer}"}
        found = own[["x", "y"]].reindex(table.index)
        if (model, layer) == chosen:
            told = result["predictions"].query("model == @model and layer == @layer").set_index("image")
            table = table.join(found).join(told[["predicted", "p_true", "correct"]].reindex(table.index))
        table = table.join(found.rename(columns=names))
    shown = pictures(result, list(table["image"]))
    table = table.rename(columns={"image": "name"}).assign(layer=chosen[1])
    # What the Hugging Face libraries and Embedding Atlas take for a picture.
    table["image"] = pd.Series(
        [{"bytes": data, "path": name} for data, name in zip(shown, table["name"], strict=True)], index=table.index
    )
    path = folder / f"{result.request.run_id}-atlas.parquet"
    buffer = io.BytesIO()
    table.reset_index(drop=True).to_parquet(buffer, index=False)
    write_bytes(path, buffer.getvalue())
    return [str(path)]


def _best(result: Result) -> tuple[str, str]:
    probes: pd.DataFrame = result["summary"].query("control == 'probe'")
    row = probes.iloc[int(probes["accuracy"].to_numpy().argmax())]
    return str(row["model"]), str(row["layer"])
