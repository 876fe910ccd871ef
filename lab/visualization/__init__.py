"""Feature visualization: the image that a channel, a position or a direction of a layer responds to most.

Four nouns, as in Lucid (Olah, Mordvintsev and Schubert, "Feature Visualization", Distill 2017):

    objective          what is to be raised            a direction in a layer's channels, over all positions or at one
    parametrisation    what the image is made of       its Fourier spectrum in decorrelated colours, or phases only
    transforms         how it is looked at             shifted, scaled and turned a little, anew at each step
    render             the search itself               Adam on a batch of images, the network cut at the layer

How images reached their value, and what they mean, is for experiments to say.
"""

from lab.visualization.objectives import Objective, channel, direction, neuron
from lab.visualization.parametrisation import PARAMETRISATIONS, Fourier, Phases, natural_spectrum
from lab.visualization.render import Rendered, Settings, render
from lab.visualization.transforms import Motion
from lab.visualization.truncation import TruncatedNetwork

__all__ = [
    "PARAMETRISATIONS",
    "Fourier",
    "Motion",
    "Objective",
    "Phases",
    "Rendered",
    "Settings",
    "TruncatedNetwork",
    "channel",
    "direction",
    "natural_spectrum",
    "neuron",
    "render",
]
