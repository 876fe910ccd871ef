"""Feature Hierarchy Lab: what each layer of a vision network knows, and where in the stack the classes come apart.

    import lab
    model = lab.load_model("tf_efficientnet_lite0")     # or a torch module of your own
    images = lab.open_image_set("drawn:pets", per_class=60)
    result = lab.probe(model, images)
    result.chart("accuracy")

The names below are imported when they are first used, so that `import lab` costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lab.backbone import export_backbone, load_backbone
    from lab.charts.alone import accuracy_by_depth
    from lab.charts.training import checkpoint_layers, checkpoint_probes
    from lab.errors import HubUnreachable, LabError
    from lab.experiments.comparison.compare import compare
    from lab.experiments.equivalence.diff import diff
    from lab.experiments.ladder.run import ladder
    from lab.experiments.result import Result
    from lab.experiments.separability.request import ProbeRequest
    from lab.experiments.separability.run import probe
    from lab.experiments.targets.arrays import probe_arrays
    from lab.experiments.targets.functions import grades, multilabel, regress
    from lab.experiments.training.during import TrainingProbes
    from lab.experiments.training.own_checkpoints import watch
    from lab.experiments.which.run import which
    from lab.export.formats import export_run
    from lab.export.trackers import log
    from lab.images import ImageSet, images_of_arrays, open_image_set
    from lab.images.datasets_in_memory import image_set_of
    from lab.layers import select_layers
    from lab.models import ModelRef, Preprocessing, load_model
    from lab.runs.ask import ask
    from lab.runs.from_python import concat, load_run, runs
    from lab.settings import Compute
    from lab.sweeps.drive import sweep
    from lab.sweeps.shard_units import pass_shards

    __version__: str

_HOMES = {
    "Compute": "lab.settings",
    "HubUnreachable": "lab.errors",
    "ImageSet": "lab.images",
    "LabError": "lab.errors",
    "ModelRef": "lab.models",
    "Preprocessing": "lab.models",
    "ProbeRequest": "lab.experiments.separability.request",
    "Result": "lab.experiments.result",
    "TrainingProbes": "lab.experiments.training.during",
    "accuracy_by_depth": "lab.charts.alone",
    "ask": "lab.runs.ask",
    "checkpoint_layers": "lab.charts.training",
    "checkpoint_probes": "lab.charts.training",
    "compare": "lab.experiments.comparison.compare",
    "concat": "lab.runs.from_python",
    "diff": "lab.experiments.equivalence.diff",
    "export_backbone": "lab.backbone",
    "export_run": "lab.export.formats",
    "foresee": "lab.sweeps.foresight",
    "grades": "lab.experiments.targets.functions",
    "image_set_of": "lab.images.datasets_in_memory",
    "images_of_arrays": "lab.images",
    "ladder": "lab.experiments.ladder.run",
    "load_backbone": "lab.backbone",
    "load_model": "lab.models",
    "load_run": "lab.runs.from_python",
    "multilabel": "lab.experiments.targets.functions",
    "log": "lab.export.trackers",
    "open_image_set": "lab.images",
    "pass_shards": "lab.sweeps.shard_units",
    "probe": "lab.experiments.separability.run",
    "probe_arrays": "lab.experiments.targets.arrays",
    "regress": "lab.experiments.targets.functions",
    "select_layers": "lab.layers",
    "sweep": "lab.sweeps.drive",
    "watch": "lab.experiments.training.own_checkpoints",
    "which": "lab.experiments.which.run",
}

__all__ = [
    "Compute",
    "HubUnreachable",
    "ImageSet",
    "LabError",
    "ModelRef",
    "Preprocessing",
    "ProbeRequest",
    "Result",
    "TrainingProbes",
    "__version__",
    "accuracy_by_depth",
    "ask",
    "checkpoint_layers",
    "checkpoint_probes",
    "compare",
    "concat",
    "diff",
    "export_backbone",
    "export_run",
    "grades",
    "image_set_of",
    "images_of_arrays",
    "ladder",
    "load_backbone",
    "load_model",
    "load_run",
    "log",
    "multilabel",
    "open_image_set",
    "pass_shards",
    "probe",
    "probe_arrays",
    "regress",
    "runs",
    "select_layers",
    "sweep",
    "watch",
    "which",
]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    if name == "runs":  # the package itself, which can be called
        return import_module("lab.runs")
    if name == "__version__":
        return import_module("importlib.metadata").version("feature-hierarchy-lab")
    raise AttributeError(f"module 'lab' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOMES, "__version__", "runs"])
