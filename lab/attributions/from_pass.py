"""Methods that are read off the one shared pass (`Task.seen`), for all layers at once.

Grad-CAM: Selvaraju et al., "Grad-CAM: visual explanations from deep networks" (2017). Saliency: Simonyan, Vedaldi and
Zisserman, "Deep inside convolutional networks" (2014). Input × gradient: Shrikumar et al., "Not just a black box"
(2016).
"""

from __future__ import annotations

from lab.activations.pooling import maps
from lab.attributions.task import PICTURE, Found, Task


def gradcam(task: Task) -> Found:
    """Return relu of the channels' sum, each weighted by its gradient's mean over positions."""
    seen, found = task.seen, {}
    for layer in task.layers:
        values, gradient = maps(seen.activations[layer.name], layer), maps(seen.gradients[layer.name], layer)
        weights = gradient.mean(dim=(2, 3), keepdim=True)
        found[layer.name] = (weights * values).sum(dim=1).relu()
    return Found(found)


def gradient_times_activation(task: Task) -> Found:
    """Return gradient times activation, summed over channels: signed."""
    seen, found = task.seen, {}
    for layer in task.layers:
        values, gradient = maps(seen.activations[layer.name], layer), maps(seen.gradients[layer.name], layer)
        found[layer.name] = (gradient * values).sum(dim=1)
    return Found(found)


def activation(task: Task) -> Found:
    """Return the mean size of the activation over channels: what is there, whatever the target is."""
    values = task.seen.activations
    return Found({layer.name: maps(values[layer.name], layer).abs().mean(dim=1) for layer in task.layers})


def saliency(task: Task) -> Found:
    """Return the largest size of the gradient on a pixel's three colours."""
    return Found({PICTURE: task.seen.pixels.abs().amax(dim=1)})


def input_times_gradient(task: Task) -> Found:
    """Return gradient times pixel (as normalised for the network), summed over colours: signed."""
    return Found({PICTURE: (task.seen.pixels * task.images).sum(dim=1)})
