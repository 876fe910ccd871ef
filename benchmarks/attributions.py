"""Maps of every block: this lab's shared passes against Captum, one layer at a time, and against the passes alone.

    python benchmarks/attributions.py [--model tf_efficientnet_lite0] [--rounds 5] [--steps 24]

Grad-CAM, and integrated gradients at layers with as many midpoints. Both explain the network's own answer for one
photograph, on the same module, on one thread. Prints processor seconds of interleaved rounds, their ratios ("limit":
one forward and backward pass of the network, nothing else), and the largest difference of any map relative to the map's
largest value (Captum reads `(N, C, H, W)` only, so use a network whose layers are laid out like that).
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import Any

from lab.malloc import tune_allocator

tune_allocator()  # before torch, as the lab's own processes do

import numpy as np  # noqa: E402
import torch  # noqa: E402
from captum.attr import LayerGradCam, LayerIntegratedGradients  # noqa: E402

from lab.attributions.methods import METHODS  # noqa: E402
from lab.attributions.targets import TargetChoice, class_target  # noqa: E402
from lab.attributions.task import AttributionTask  # noqa: E402
from lab.experiments.model_and_picture import load_model_and_picture  # noqa: E402
from lab.layers import select_layers  # noqa: E402
from lab.progress import silent  # noqa: E402

Maps = dict[str, torch.Tensor]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--model", default="tf_efficientnet_lite0")
    parser.add_argument("--picture", default="photo:flower")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=24)
    options = parser.parse_args()
    torch.set_num_threads(1)
    subject = load_model_and_picture(options.model, options.picture, silent)
    layers = select_layers(subject.model.layers, "blocks")
    module, image = subject.model.module, subject.image
    target = class_target(module, image, TargetChoice("auto"))

    def task() -> AttributionTask:
        return AttributionTask(module, image, layers, target, torch.zeros(1, 3, 1, 1), steps=options.steps)

    def by_captum(made: type, **how: Any) -> Maps:
        found = {}
        for layer in layers:
            explained = made(module, module.get_submodule(layer.name))
            found[layer.name] = explained.attribute(image.clone().requires_grad_(), target=int(target.index[0]), **how)
        return {name: found[name].sum(dim=1).detach() for name in found}

    def limit() -> Maps:
        pixels = image.clone().requires_grad_(True)
        torch.autograd.grad(module(pixels)[0, int(target.index[0])], pixels)
        return {}

    compare(
        "Grad-CAM", options.rounds,
        lab=lambda: METHODS["gradcam"].explain(task()).maps,
        Captum=lambda: by_captum(LayerGradCam, relu_attributions=True),
        limit=limit,
    )  # fmt: skip
    zero = torch.zeros_like(image)
    compare(
        "Integrated gradients at layers", max(options.rounds // 3, 1),
        lab=lambda: METHODS["layer_ig"].explain(task()).maps,
        Captum=lambda: by_captum(
            LayerIntegratedGradients, baselines=zero, n_steps=options.steps, method="riemann_middle"
        ),
    )  # fmt: skip


def compare(what: str, rounds: int, **makers: Callable[[], Maps]) -> None:
    """Print the medians of interleaved rounds and the largest difference of the first two."""
    spent: dict[str, list[float]] = {name: [] for name in makers}
    maps: dict[str, Maps] = {}
    for turn in range(rounds + 1):
        for name, work in makers.items():
            began = time.process_time()
            maps[name] = work()
            if turn:  # the first round warms up
                spent[name].append(time.process_time() - began)
    ours, theirs = maps["lab"], maps["Captum"]
    gap = max(float((ours[k] - theirs[k]).abs().max() / theirs[k].abs().max()) for k in ours)
    lab = float(np.median(spent["lab"]))
    ratios = ", ".join(
        f"{name} {1000 * np.median(own):.0f} ms ({np.median(np.array(own) / spent['lab']):.2f}x)"
        for name, own in spent.items() if name != "lab"
    )  # fmt: skip
    print(f"{what}, {len(ours)} layers: lab {1000 * lab:.0f} ms, {ratios}; largest relative difference {gap:.1e}")


if __name__ == "__main__":
    main()
