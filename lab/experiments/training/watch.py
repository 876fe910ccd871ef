"""What the layers of a network know while it learns: probes, first filters and maps at every checkpoint.

Everything is measured on the images that no step of the training was computed from.

    tables   probes       one row per checkpoint, layer and control (probe, shuffled; pixels once): held-out accuracy of
                          a linear probe with interval
             gains        one row per layer: what training added (final minus step 0, paired, with interval), how much
                          more the last layer gained, and the first checkpoint that beats step 0
             filters      one row per checkpoint and filter of the first convolution: picture, size, and cosine with
                          the same filter at step 0; empty where there is none
             maps         one row per checkpoint and image: its place on the t-SNE map of the last layer
             map_quality  one row per checkpoint: how far to trust the map
"""

from __future__ import annotations

from lab.experiments.base import PartialResults
from lab.experiments.manifest import result_with_findings
from lab.experiments.result import Result
from lab.experiments.training.checkpoint_tables import gain_table, map_tables, probe_table
from lab.experiments.training.checkpoints import checkpoints, fitted, held_out_images, shrunk
from lab.experiments.training.filters import with_cosines
from lab.experiments.training.findings import checkpoint_findings
from lab.experiments.training.request import WatchRequest
from lab.models import ModelRef
from lab.progress import Progress, silent
from lab.settings import Compute
from lab.stats.intervals import chance
from lab.weights.trained import find_trained


def run(
    request: WatchRequest,
    *,
    progress: Progress = silent,
    compute: Compute = Compute(),  # noqa: B008 - frozen
    partial_results: PartialResults | None = None,
) -> Result:
    """Return what every checkpoint knows; raises LabError when the network was not trained here or its images have
    changed since."""
    request.check()
    ref = ModelRef.parse(request.model)
    trained, final = find_trained(ref.id, ref.argument)
    steps = [step for step in trained.steps if step <= final]
    held = held_out_images(trained, request.seed, progress)
    seen = list(
        checkpoints(
            trained,
            steps,
            request.layers,
            held,
            partial_results if partial_results is not None else {},
            progress,
            compute,
        )
    )
    layers, readings = seen[-1].layers, {each.step: each.reading for each in seen}
    pixels = fitted(shrunk(held), held)
    per_epoch = int(trained.about["steps_per_epoch"])
    tables = {
        "probes": probe_table(readings, layers, pixels, held, per_epoch),
        "gains": gain_table(readings, layers, held),
        "filters": with_cosines([row for each in seen for row in each.filters]),
        **map_tables(readings, held, per_epoch, progress),
    }
    return result_with_findings(
        request,
        tables,
        checkpoint_findings(tables),
        hashes={"images": trained.about["images"]},
        chance=chance(held.labels),
        images=len(held.labels),
        classes=list(held.classes),
    )
