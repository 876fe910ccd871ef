"""A network's layers: what each one is, how a request picks some. Torch-free; `lab.layers.table` makes the table."""

from lab.layers.types import Exclusion, Kind, Layer, Layout, ReceptiveFieldStatus, select_layers

__all__ = ["Exclusion", "Kind", "Layer", "Layout", "ReceptiveFieldStatus", "select_layers"]
