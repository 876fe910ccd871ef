"""A network's untrained twins: the same architecture, each with weights of its own random start.

One random start is no population: what training adds is said over several of them, as a random effect.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace

from lab.experiments.model_and_picture import random_weights
from lab.models import LoadedModel, load_model

TWINS = 3


def untrained_twins(model: LoadedModel, count: int = TWINS) -> Iterator[LoadedModel]:
    """Yield `count` untrained twins of a network, on its device; none for a network that is untrained itself.

    Each has a reference and a digest of its own. Of a network trained here the first twin is what training began with.
    """
    if model.ref.untrained:
        return
    for seed in range(count):
        ref = model.ref.twin(seed)
        if seed == 0 or ref != model.ref.twin(0):
            yield load_model(ref, device=model.device)
            continue
        first = load_model(ref, device=model.device)
        digest = hashlib.sha256(f"{first.weights_digest}\0random start {seed}".encode()).hexdigest()
        known = replace(first.card, ref=replace(ref, weights=f"untrained:{seed}"), weights_digest=digest)
        yield LoadedModel(known, random_weights(model, seed), model.device)
