"""Exemplar patches: the places in an image set that excite each channel of a layer most and least.

scan    one pass over the images: per channel the strongest and weakest places, and what every image reaches
reach   which rows and columns of the image each position of a layer can depend on, to the pixel
crop    the patch of a place: exactly the pixels its value can depend on
"""

from lab.exemplars.crops import Crop, Reach, reach
from lab.exemplars.scan import Scan, scan

__all__ = ["Crop", "Reach", "Scan", "reach", "scan"]
