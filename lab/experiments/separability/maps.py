"""The maps of a probe run: a t-SNE of every layer of every network.

They do not depend on the request's seed; they are kept in the cache and serve every run on the same images.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Sequence

from lab.experiments.separability.measure import EmbeddingSource, ProbeSetup
from lab.geometry.projection import Projection, last_points, project_layers
from lab.partial_results import PartialResultsFolder
from lab.progress import Progress
from lab.settings import cache_dir

MAPS_VERSION = 2  # raise when `lab.geometry.projection` draws other maps from the same embeddings


def draw_maps(
    question: ProbeSetup, subjects: Sequence[EmbeddingSource], progress: Progress
) -> dict[tuple[str, str], Projection]:
    """Return the map of every layer of every network, by (model, layer)."""
    return {
        (network.model, projection.layer): projection
        for network in subjects
        if network.layers and not network.twin
        for projection in _maps_of(network, question, progress)
    }


def _maps_of(network: EmbeddingSource, question: ProbeSetup, progress: Progress) -> list[Projection]:
    """Return a network's maps in layer order; a chain that was interrupted goes on after its last kept map."""
    kept = PartialResultsFolder(cache_dir("projections"))
    names = [layer.name for layer in network.layers]
    chain = (MAPS_VERSION, network.view, question.request.pooling, question.images.fingerprint)
    keys = {name: _key(*chain, *names[: position + 1]) for position, name in enumerate(names)}
    known = itertools.takewhile(lambda name: keys[name] in kept, names)
    found = [Projection.from_arrays(name, kept[keys[name]]) for name in known]
    rest = {name: network.embeddings[name] for name in names[len(found) :]}

    first = len(found)

    def shown(stage: str, done: int, total: int, unit: str) -> None:
        progress(f"{network.model}: mapping its layers", first + done, first + total, unit)

    made = project_layers(rest, question.labels, question.images.groups, previous=last_points(found), progress=shown)
    for projection in made if rest else ():
        kept[keys[projection.layer]] = projection.as_arrays()
        found.append(projection)
    return found


def _key(*parts: object) -> str:
    return hashlib.sha256("\0".join(map(str, parts)).encode()).hexdigest()
