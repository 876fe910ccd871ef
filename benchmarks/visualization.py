"""Feature visualization: does the image that is made for a channel raise it beyond noise and photographs, and how soon?

    python benchmarks/visualization.py [--model tf_efficientnet_lite0] [--layers bn1,blocks.1.1,blocks.3.1,bn2]

Ten channels a layer, evenly spread, as `feature-lab visualize` makes them. Counts those whose image ends above the
95th percentile of noise, and of photographs and drawn pets (target: 8 of 10 above all of them at every layer). Then the
seconds that nine channels at 128 pixels and 256 steps take at the middle one of the layers (target: 60 on two cores).
"""

from __future__ import annotations

import argparse
import time

from lab.malloc import tune_allocator

tune_allocator()  # before torch, as the lab's own processes do

import numpy as np  # noqa: E402
import torch  # noqa: E402

from lab.experiments.channels import visualize  # noqa: E402
from lab.layers import Layer, select_layers  # noqa: E402
from lab.models import LoadedModel, load_model  # noqa: E402
from lab.visualization import Settings, TruncatedNetwork, channel, render  # noqa: E402

CHANNELS, TIMED = 10, 9
IMAGES = 20  # drawn pets of each class


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--model", default="tf_efficientnet_lite0")
    parser.add_argument("--layers", default="bn1,blocks.1.1,blocks.3.1,bn2")
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--steps", type=int, default=256)
    options = parser.parse_args()
    model = load_model(options.model)
    layers = select_layers(model.layers, options.layers)
    print(f"{model.ref}, {options.size} pixels, {options.steps} steps, {torch.get_num_threads()} threads\n")
    print(f"{'layer':14} {'noise':>9} {'natural':>9} {'both':>9} {'seconds':>9}")
    for layer in layers:
        print(row(options.model, layer, options.size, options.steps), flush=True)
    middle = layers[len(layers) // 2]
    print(f"\n{TIMED} channels of {middle.name}: {seconds(model, middle, options.size, options.steps):.1f} s")


def row(model: str, layer: Layer, size: int, steps: int) -> str:
    """Return how many of a layer's images end above noise, above natural images, and above both."""
    chosen = ",".join(map(str, spread(layer, CHANNELS)))
    request = visualize.VisualizeRequest(
        model, per_class=IMAGES, layers=layer.name, channels=chosen, size=size, steps=steps, count=1
    )
    began = time.perf_counter()
    images = visualize.run(request)["visualizations"]
    taken = time.perf_counter() - began
    noise, natural = images["above_random"], images["above_natural"]
    counts = (f"{int(passed.sum())}/{len(images)}" for passed in (noise, natural, noise & natural))
    return f"{layer.name:14} " + " ".join(f"{count:>9}" for count in counts) + f" {taken:9.1f}"


def seconds(model: LoadedModel, layer: Layer, size: int, steps: int) -> float:
    """Return what making the images of nine channels takes, the cut included."""
    began = time.perf_counter()
    objectives = [channel(layer, index) for index in spread(layer, TIMED)]
    render(TruncatedNetwork(model, layer, size), objectives, Settings(size, steps), seeds=range(TIMED))
    return time.perf_counter() - began


def spread(layer: Layer, count: int) -> list[int]:
    return sorted({int(index) for index in np.linspace(0, layer.channels - 1, count)})


if __name__ == "__main__":
    main()
