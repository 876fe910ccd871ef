"""Grad-CAM of every block: this lab's one shared pass against Captum, one layer at a time.

    python benchmarks/attributions.py [--model tf_efficientnet_lite0] [--rounds 5]

Both explain the network's own answer for one photograph, on the same module. Prints seconds of interleaved rounds,
their ratio, and the largest difference of any map relative to the map's largest value (Captum reads `(N, C, H, W)`
only, so use a network whose layers are laid out like that).
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import numpy as np
import torch
from captum.attr import LayerGradCam

from lab.attributions.methods import METHODS
from lab.attributions.targets import TargetChoice, class_target
from lab.attributions.task import AttributionTask
from lab.experiments.model_and_picture import load_model_and_picture
from lab.layers import select_layers
from lab.progress import silent

Maps = dict[str, torch.Tensor]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--model", default="tf_efficientnet_lite0")
    parser.add_argument("--picture", default="photo:flower")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    subject = load_model_and_picture(options.model, options.picture, silent)
    layers = select_layers(subject.model.layers, "blocks")
    module, image = subject.model.module, subject.image
    target = class_target(module, image, TargetChoice("auto"))

    def by_lab() -> Maps:
        task = AttributionTask(module, image, layers, target, torch.zeros(1, 3, 1, 1))
        return METHODS["gradcam"].explain(task).maps

    def by_captum() -> Maps:
        found = {}
        for layer in layers:
            cam = LayerGradCam(module, module.get_submodule(layer.name))
            pixels = image.clone().requires_grad_()
            found[layer.name] = cam.attribute(pixels, int(target.index[0]), relu_attributions=True)[:, 0].detach()
        return found

    spent: dict[str, list[float]] = {"lab": [], "Captum": []}
    for turn in range(options.rounds + 1):
        ours, theirs = timed(by_lab), timed(by_captum)
        if turn:  # the first round warms up
            spent["lab"].append(ours[0])
            spent["Captum"].append(theirs[0])
    gap = max(float((ours[1][k] - theirs[1][k]).abs().max() / theirs[1][k].abs().max()) for k in ours[1])
    lab, captum = (float(np.median(seconds)) for seconds in spent.values())
    print(f"{len(layers)} layers: lab {1000 * lab:.0f} ms, Captum {1000 * captum:.0f} ms, ratio {captum / lab:.1f}")
    print(f"largest relative difference of a map: {gap:.1e}")


def timed(work: Callable[[], Maps]) -> tuple[float, Maps]:
    began = time.perf_counter()
    maps = work()
    return time.perf_counter() - began, maps


if __name__ == "__main__":
    main()
