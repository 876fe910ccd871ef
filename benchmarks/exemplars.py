"""What exemplars cost: one pass that keeps the strongest and weakest places of every channel, against a plain pass.

    python benchmarks/exemplars.py [FOLDER] [--model ID[@WEIGHTS]] [--images N] [--rounds N] [--json]

Both pass the same batches through the same network; each round measures both, one after the other, so that whatever
else the machine does falls on both. The ratio is the median over rounds. "plain" is the network as it is loaded,
"folded" the copy that a scan uses. Without a folder, drawn pets are used. Target: all channels of all blocks <= 1.3
times a plain pass.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

from lab.malloc import tune_allocator

tune_allocator()  # before torch, as the lab's own processes do

import numpy as np  # noqa: E402
import torch  # noqa: E402

from lab.activations.folding import faster_copy  # noqa: E402
from lab.embeddings.streaming import pixel_batches  # noqa: E402
from lab.exemplars.scan import Watching  # noqa: E402
from lab.images import ImageSet, open_image_set  # noqa: E402
from lab.layers import select_layers  # noqa: E402
from lab.models import LoadedModel, load_model  # noqa: E402
from lab.models.preprocess import normalised  # noqa: E402


def main() -> int:
    """Measure, and print a table or JSON."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", nargs="?", default="drawn:pets", help="a folder of images per class (drawn pets)")
    parser.add_argument("--model", default="tf_efficientnet_lite0")
    parser.add_argument("--images", type=int, default=192)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    images = open_image_set(given.folder)
    result = measure(load_model(given.model), images, given.images, given.batch_size, given.rounds)
    print(json.dumps(result, indent=1) if given.json else table(result))
    return 0


def measure(model: LoadedModel, images: ImageSet, count: int, batch_size: int, rounds: int) -> dict[str, Any]:
    """Return images per second of the passes (medians) and the ratios of a scan to each."""
    indices = list(range(min(len(images), count)))
    how = model.preprocessing
    layers = select_layers(model.layers, "blocks")
    folded = faster_copy(model.module, layers, (3, how.height, how.width))
    batches = [
        (np.array(positions), normalised(pixels, how).contiguous(memory_format=torch.channels_last))
        for positions, pixels in pixel_batches(images, indices, how, batch_size)
    ]

    def scan_all() -> None:
        watching = Watching(layers)
        for positions, batch in batches:
            watching(folded, batch, positions)
        watching.arrays()

    variants: dict[str, Callable[[], None]] = {
        "plain": lambda: forward(model.module, batches),
        "folded": lambda: forward(folded, batches),
        "exemplars of all blocks": scan_all,
    }
    seconds: dict[str, list[float]] = {name: [] for name in variants}
    for turn in range(rounds + 1):
        for name, work in variants.items():
            began = time.perf_counter()
            work()
            if turn:  # the first round warms up
                seconds[name].append(time.perf_counter() - began)
    scans = seconds["exemplars of all blocks"]
    ratios = {
        f"exemplars / {name}": round(statistics.median(a / b for a, b in zip(scans, seconds[name], strict=True)), 3)
        for name in ("plain", "folded")
    }
    return {
        "model": str(model.ref),
        "images": len(indices),
        "layers": len(layers),
        "channels": sum(layer.channels for layer in layers),
        "threads": torch.get_num_threads(),
        "images_per_second": {name: round(len(indices) / statistics.median(s), 1) for name, s in seconds.items()},
        "ratios": ratios,
    }


def forward(module: torch.nn.Module, batches: list[tuple[np.ndarray, torch.Tensor]]) -> None:
    """Pass the batches, reading nothing."""
    with torch.inference_mode():
        for _, batch in batches:
            module(batch)


def table(result: dict[str, Any]) -> str:
    """Return the result as lines of text."""
    head = "{model}, {images} images, {layers} layers, {channels} channels, {threads} threads".format(**result)
    lines = [head, "", *(f"{name:30}{speed:8.1f} images/s" for name, speed in result["images_per_second"].items()), ""]
    return "\n".join([*lines, *(f"{name:30}{ratio:8.3f}" for name, ratio in result["ratios"].items())])


if __name__ == "__main__":
    sys.exit(main())
