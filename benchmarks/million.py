"""Peak memory of `many_images` over a million images that were passed before: docs/scale.md.

    python benchmarks/million.py [--images 1000000]

Shards of 5,000 images are put on disk as `feature-lab shards` leaves them, with noise for vectors of 8 and 16
dimensions and a name, digest and label each; then a process of its own answers the question from them. Passing a shard
takes the memory of that shard, whatever the others are (`benchmarks/scale.py shards` passes real images).
"""

from __future__ import annotations

import argparse
import hashlib
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from scale import SHARD, network, tell

import lab
from lab.embeddings import sharded
from lab.embeddings.vectorstore import shard_content
from lab.experiments.other_probes.many_images import ManyImagesRequest, layers_read
from lab.files import write_bytes
from lab.images.shards import shards_of
from lab.models import card
from lab.weights.own_code import code_allowed

LAYERS = "0,2"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--images", type=int, default=1_000_000)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.folder:
        answer(given.folder, given.images)
        return
    for count in (500, given.images):
        with tempfile.TemporaryDirectory() as folder:
            words = [sys.executable, __file__, "--folder", folder, "--images"]
            for step in (str(count), "0"):
                subprocess.run([*words, step], env={**os.environ, "FEATURE_LAB_HOME": f"{folder}/home"}, check=True)


def answer(folder: Path, images: int) -> None:
    """Put so many images there, or with none answer the question about those that are there."""
    file = folder / "network.py"
    file.write_text(network(8, 16))
    asked = ManyImagesRequest(model=f"module:{file}:small@code", data=f"{folder}/*.tar", layers=LAYERS)
    with code_allowed([str(file)]):
        if images:
            put(asked, folder, images)
            return
        began = time.monotonic()
        found = lab.ask("many_images", model=asked.model, data=asked.data, layers=LAYERS)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000
    tell(
        images=found.manifest["images"], seconds=time.monotonic() - began, cpu=time.process_time(), peak_mb=peak,
        findings=found.findings,
    )  # fmt: skip


def put(asked: ManyImagesRequest, folder: Path, images: int) -> None:
    """Leave finished shards."""
    rng, known = np.random.default_rng(0), card(asked.model)
    for first in range(0, images, SHARD):
        (folder / f"{first:09d}.tar").write_bytes(b"of which nothing is read")
    passing = sharded.Passing(known, layers_read(known, LAYERS), {})
    for number, shard in enumerate(shards_of(asked.data)):
        count, place = min(SHARD, images - number * SHARD), passing.folder(shard)
        digests = [hashlib.sha256(f"{number}/{k}".encode()).hexdigest() for k in range(count)]
        vectors = {name: rng.normal(size=(count, size)).astype(np.float32) for name, size in passing.sizes.items()}
        write_bytes(place / "000000.safetensors", shard_content(digests, vectors))
        rows = [(f"{shard.name}/{k:06d}", digest, str(k % 2), "") for k, digest in enumerate(digests)]
        sharded.finish(place, rows, ["000000.safetensors"], 0, "")


if __name__ == "__main__":
    main()
