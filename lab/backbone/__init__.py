"""A network cut at a layer, with a fitted probe on it, to take along: written, and loaded again."""

from lab.backbone.artifact import Backbone, load_backbone
from lab.backbone.writing import export_backbone

__all__ = ["Backbone", "export_backbone", "load_backbone"]
