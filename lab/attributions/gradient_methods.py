"""Methods that are read off the one shared pass (`Task.seen`), for all layers at once.

Grad-CAM: Selvaraju et al., "Grad-CAM: visual explanations from deep networks" (2017). Saliency: Simonyan, Vedaldi and
Zisserman, "Deep inside convolutional networks" (2014). Input × gradient: Shrikumar et al., "Not just a black box"
(2016).
"""

from __future__ import annotations

from lab.activations.pooling import maps
from lab.attributions.task import PICTURE, AttributionMaps, AttributionTask


def gradcam(task: AttributionTask) -> AttributionMaps:
    """Return relu of the channels' sum, each weighted by its gradient's mean over positions."""
    import torch

    seen, found = task.seen, {}
    for layer in task.layers:
        values, gradient = maps(seen.activations[layer.name], layer), maps(seen.gradients[layer.name], layer)
        found[layer.name] = torch.einsum("nc,nchw->nhw", gradient.mean(dim=(2, 3)), values).relu()
    return AttributionMaps(found)


def gradient_times_activation(task: AttributionTask) -> AttributionMaps:
    """Return gradient times activation, summed over channels: signed."""
    seen, found = task.seen, {}
    for layer in task.layers:
        values, gradient = maps(seen.activations[layer.name], layer), maps(seen.gradients[layer.name], layer)
        found[layer.name] = (gradient * values).sum(dim=1)
    return AttributionMaps(found)


def activation(task: AttributionTask) -> AttributionMaps:
    """Return the mean size of the activation over channels: what is there, whatever the target is."""
    values = task.seen.activations
    return AttributionMaps({layer.name: maps(values[layer.name], layer).abs().mean(dim=1) for layer in task.layers})


def saliency(task: AttributionTask) -> AttributionMaps:
    """Return the largest size of the gradient on a pixel's three colours."""
    return AttributionMaps({PICTURE: task.seen.pixels.abs().amax(dim=1)})


def input_times_gradient(task: AttributionTask) -> AttributionMaps:
    """Return gradient times pixel (as normalised for the network), summed over colours: signed."""
    return AttributionMaps({PICTURE: (task.seen.pixels * task.images).sum(dim=1)})
