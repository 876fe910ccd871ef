"""Feature Hierarchy Lab: what each layer of a vision network knows, and where in the stack the classes come apart.

    import lab
    model = lab.load_model("tf_efficientnet_lite0")
    images = lab.open_image_set("drawn:pets", per_class=60)
    result = lab.probe(model, images)
    print(result.tables["summary"])

The names below are imported when they are first used, so that `import lab` costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lab.backbone import export_backbone, load_backbone
    from lab.charts.accuracy import accuracy_by_depth
    from lab.errors import HubUnreachable, LabError
    from lab.experiments.base import Result
    from lab.experiments.ladder.run import ladder
    from lab.experiments.separability.arrays import probe_arrays
    from lab.experiments.separability.request import ProbeRequest
    from lab.experiments.separability.run import probe
    from lab.export.formats import export_run
    from lab.images import ImageSet, open_image_set
    from lab.layers import select_layers
    from lab.models import ModelRef, load_model
    from lab.runs.ask import ask
    from lab.sweeps.drive import sweep

_HOMES = {
    "HubUnreachable": "lab.errors",
    "ImageSet": "lab.images",
    "LabError": "lab.errors",
    "ModelRef": "lab.models",
    "ProbeRequest": "lab.experiments.separability.request",
    "Result": "lab.experiments.base",
    "accuracy_by_depth": "lab.charts.accuracy",
    "ask": "lab.runs.ask",
    "export_backbone": "lab.backbone",
    "export_run": "lab.export.formats",
    "ladder": "lab.experiments.ladder.run",
    "load_backbone": "lab.backbone",
    "load_model": "lab.models",
    "open_image_set": "lab.images",
    "probe": "lab.experiments.separability.run",
    "probe_arrays": "lab.experiments.separability.arrays",
    "select_layers": "lab.layers",
    "sweep": "lab.sweeps.drive",
}

__all__ = [
    "HubUnreachable",
    "ImageSet",
    "LabError",
    "ModelRef",
    "ProbeRequest",
    "Result",
    "accuracy_by_depth",
    "ask",
    "export_backbone",
    "export_run",
    "ladder",
    "load_backbone",
    "load_model",
    "open_image_set",
    "probe",
    "probe_arrays",
    "select_layers",
    "sweep",
]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'lab' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOMES])
