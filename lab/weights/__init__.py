"""Where a network's weights come from: pip packages, timm's hub, files or a seed. Torch-free until one is built."""

from lab.weights.networks import Built, file_stamp
from lab.weights.own_code import MODULE_SCHEME
from lab.weights.packaged import PACKAGES, package_of
from lab.weights.sources import LOCAL_SCHEME, SOURCES, WeightSource

__all__ = ["LOCAL_SCHEME", "MODULE_SCHEME", "PACKAGES", "SOURCES", "Built", "WeightSource", "file_stamp", "package_of"]
