"""How fast activations are read: against a plain forward pass, and from image files against the network alone.

    python benchmarks/extraction.py [FOLDER] [--model ID[@WEIGHTS]] [--rounds N] [--json]

Each round measures every variant once, one after the other, so that whatever else the machine does falls on all of
them; the ratios are medians over rounds. "plain" is the network as it is loaded, "folded" the copy that extraction uses
(convolutions with their normalisation, channels last). FOLDER holds a folder of images per class; without one, drawn
pets are saved as JPEG files first. The limit of reading from files is decoding and the network alone, one after the
other on the same cores: it is told in processor seconds, which other processes do not lengthen; "prepared" is decoded,
resized and cropped. Targets: all layers <= 1.10 times a plain pass; from JPEG files >= 0.95 of the limit.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from lab.malloc import tune_allocator

tune_allocator()  # before torch, as the lab's own processes do

import torch  # noqa: E402

from lab.activations import Extractor  # noqa: E402
from lab.embeddings.streaming import in_order, pixel_batches  # noqa: E402
from lab.images import ImageSet, open_image_set  # noqa: E402
from lab.layers import select_layers  # noqa: E402
from lab.models import LoadedModel, load_model  # noqa: E402
from lab.models.preprocess import decoded, normalised, pixels_for  # noqa: E402

DRAWN_PER_CLASS = 60
MOST_IMAGES = 128


def main() -> int:
    """Measure, and print a table or JSON."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", nargs="?", help="a folder of images per class (default: drawn pets, saved as JPEG)")
    parser.add_argument("--model", default="tf_efficientnet_lite0")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = given.folder or save_drawn(Path(scratch))
        result = measure(load_model(given.model), open_image_set(str(folder)), given.batch_size, given.rounds)
    print(json.dumps(result, indent=1) if given.json else table(result))
    return 0


def measure(model: LoadedModel, images: ImageSet, batch_size: int, rounds: int) -> dict[str, Any]:
    """Return images per second of every variant (medians) and the two ratios with their spread."""
    indices = list(range(min(len(images), MOST_IMAGES) // batch_size * batch_size))
    how = model.preprocessing
    extract = Extractor(model, select_layers(model.layers, "blocks"))
    pixels = torch.stack([pixels_for(images, index, how) for index in indices]).split(batch_size)
    batches = [normalised(batch, how).contiguous(memory_format=torch.channels_last) for batch in pixels]
    variants: dict[str, Callable[[], None]] = {
        "plain": lambda: forward(model.module, batches),
        "folded": lambda: forward(extract.module, batches),
        "all layers, plain": lambda: read_all(extract, model.module, batches),
        "all layers, folded": lambda: read_all(extract, extract.module, batches),
        "decoded": lambda: consume(in_order(lambda index: decoded(images, index), indices, limit=3 * batch_size)),
        "prepared": lambda: consume(pixel_batches(images, indices, how, batch_size)),
        "from files": lambda: from_files(extract, images, indices, batch_size),
    }
    seconds: dict[str, list[float]] = {name: [] for name in variants}
    spent: dict[str, list[float]] = {name: [] for name in variants}
    for turn in range(rounds + 1):
        for name, work in variants.items():
            began, used = time.perf_counter(), time.process_time()
            work()
            if turn:  # the first round warms up
                seconds[name].append(time.perf_counter() - began)
                spent[name].append(time.process_time() - used)
    ratio = {
        "all layers / forward (plain)": compare(seconds["all layers, plain"], seconds["plain"]),
        "all layers / forward (folded)": compare(seconds["all layers, folded"], seconds["folded"]),
        "speed from files / network alone": compare(seconds["folded"], seconds["from files"]),
        "speed from files / plain network": compare(seconds["plain"], seconds["from files"]),
        **{
            f"speed from files / limit ({first})": compare(
                [a + b for a, b in zip(spent[first], spent["folded"], strict=True)], spent["from files"]
            )
            for first in ("decoded", "prepared")
        },
    }
    return {
        "model": str(model.ref),
        "images": len(indices),
        "threads": torch.get_num_threads(),
        "images_per_second": {name: round(len(indices) / statistics.median(s), 1) for name, s in seconds.items()},
        "images_per_processor_second": {
            name: round(len(indices) / statistics.median(s), 1) for name, s in spent.items()
        },
        "ratios": ratio,
    }


def compare(above: list[float], below: list[float]) -> dict[str, float]:
    """Return the median, least and greatest ratio of two variants' times within a round."""
    ratios = [a / b for a, b in zip(above, below, strict=True)]
    found = {"median": statistics.median(ratios), "least": min(ratios), "greatest": max(ratios)}
    return {name: round(value, 3) for name, value in found.items()}


def forward(module: torch.nn.Module, batches: list[torch.Tensor]) -> None:
    """Pass the batches, reading nothing."""
    with torch.inference_mode():
        for batch in batches:
            module(batch)


def read_all(extract: Extractor, module: torch.nn.Module, batches: list[torch.Tensor]) -> None:
    """Pass the same batches, reading and pooling every block."""
    for batch in batches:
        extract.read(module, batch)


def from_files(extract: Extractor, images: ImageSet, indices: list[int], batch_size: int) -> None:
    """Read, decode, resize and pass the images, as embedding does, reading and pooling every block."""
    for _, pixels in pixel_batches(images, indices, extract.model.preprocessing, batch_size):
        extract(pixels)


def consume(found: Iterable[object]) -> None:
    """Wait for all of it."""
    for _ in found:
        pass


def save_drawn(folder: Path) -> Path:
    """Save drawn pets as JPEG files of the size of small photographs; return the folder."""
    from PIL import Image

    images = open_image_set("drawn:pets?size=384", per_class=DRAWN_PER_CLASS)
    for index, record in enumerate(images.records):
        path = folder / images.classes[record.label] / f"{index}.jpg"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(images.pixels(index)).save(path, quality=90)
    return folder


def table(result: dict[str, Any]) -> str:
    """Return the result as lines of text."""
    lines = [f"{result['model']}, {result['images']} images, {result['threads']} threads", ""]
    lines += [
        f"{name:34}{speed:8.1f} images/s {result['images_per_processor_second'][name]:8.1f} images a processor second"
        for name, speed in result["images_per_second"].items()
    ]
    lines += [""]
    lines += [
        f"{name:38}{r['median']:8.3f}   ({r['least']:.3f} to {r['greatest']:.3f})"
        for name, r in result["ratios"].items()
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
