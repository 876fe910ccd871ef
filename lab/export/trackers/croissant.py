"""Croissant (mlcommons.org/croissant): the run's images as a table with their labels, described for machines."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from lab.experiments.result import Result
from lab.files import write_bytes
from lab.registry import meaning

TABLE, ABOUT = "images.csv", "croissant.json"
COLUMNS = ("image", "class", "group", "width", "height", "digest")


def write(result: Result, folder: Path, embeddings: Mapping[str, np.ndarray]) -> list[str]:
    """Write `images.csv` (a row an image: its path in the set, class, group of copies, size, SHA-256) and
    `croissant.json`, which `mlcroissant.Dataset` reads, into `folder/RUN-croissant`."""
    import mlcroissant as mlc

    images = result["images"]
    columns = [name for name in COLUMNS if name in images]
    # As it is, not as a spreadsheet would need it: it is read by its description.
    content = images[columns].to_csv(index=False).encode()
    place = folder / f"{result.request.run_id}-croissant"
    kinds = {name: mlc.DataType.INTEGER if images[name].dtype.kind in "iu" else mlc.DataType.TEXT for name in columns}
    fields = [
        mlc.Field(
            id=f"images/{name}", name=name, description=meaning(result.request.experiment, "images", name),
            data_types=[kinds[name]], source=mlc.Source(file_object=TABLE, extract=mlc.Extract(column=name)),
        )
        for name in columns
    ]  # fmt: skip
    about = mlc.Metadata(
        name=result.request.run_id,
        description=f"{len(images)} images of {result.request.as_dict().get('data') or result.request.title()}, as "
        f"they were measured by `{result.request.command()}`. Near-copies share a group.",
        distribution=[mlc.FileObject(id=TABLE, name=TABLE, content_url=TABLE, encoding_formats=["text/csv"],
                                     sha256=hashlib.sha256(content).hexdigest())],
        record_sets=[mlc.RecordSet(id="images", name="images", fields=fields)],
    )  # fmt: skip
    write_bytes(place / TABLE, content)
    write_bytes(place / ABOUT, json.dumps(about.to_json(), indent=1, default=str).encode())
    return [str(place / ABOUT), str(place / TABLE)]
