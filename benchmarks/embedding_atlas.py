"""Does Embedding Atlas open what `feature-lab export RUN --to atlas` writes? Its own command line, offline.

The package brings sentence-transformers and more, so it is no part of the tests. In an environment of its own:

    python -m venv atlas && atlas/bin/pip install embedding-atlas
    python benchmarks/embedding_atlas.py --command atlas/bin/embedding-atlas

A small run is exported, Embedding Atlas reads the file and writes its application; what lies in that is compared with
the run: the same rows, the same places on the map, a picture each.
"""

from __future__ import annotations

import argparse
import io
import subprocess
import tempfile
import zipfile
from pathlib import Path

import pandas as pd

import lab


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--command", default="embedding-atlas", help="Embedding Atlas' own command")
    parser.add_argument("--per-class", type=int, default=10)
    arguments = parser.parse_args()
    images = lab.open_image_set("drawn:pets", per_class=arguments.per_class)
    result = lab.probe("test_resnet@untrained", images, layers="stages", controls="none", repeats=1)
    with tempfile.TemporaryDirectory() as folder:
        (path,) = lab.log(result, "atlas", Path(folder))
        out = Path(folder) / "application.zip"
        columns = ["--x", "x", "--y", "y", "--image", "image", "--disable-projection"]
        subprocess.run([arguments.command, path, *columns, "--export-application", str(out)], check=True)
        with zipfile.ZipFile(out) as archive:
            name = next(entry for entry in archive.namelist() if entry.endswith(".parquet"))
            theirs = pd.read_parquet(io.BytesIO(archive.read(name)))
        ours = pd.read_parquet(path)
    assert theirs["name"].tolist() == result["images"]["image"].tolist()
    pd.testing.assert_frame_equal(theirs[["x", "y"]], ours[["x", "y"]], check_dtype=False)
    assert all(one["bytes"][:2] == b"\xff\xd8" for one in theirs["image"])
    print(f"Embedding Atlas opened {len(theirs)} rows with {theirs.shape[1]} columns, equal to the run's")


if __name__ == "__main__":
    main()
