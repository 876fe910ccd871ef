"""Where each image is decided beyond luck: the tables `decisions` and `decision_luck`, and what they say.

The arithmetic is in `lab.stats.decision`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from lab.experiments.separability.measure import EmbeddingSource, ProbeResult, ProbeSetup
from lab.stats.decision import Decisions, decisions


def decision_tables(
    question: ProbeSetup, subjects: Sequence[EmbeddingSource], readings: Sequence[ProbeResult]
) -> dict[str, pd.DataFrame]:
    """Return the tables `decisions` (a row per image) and `decision_luck` (a row per layer) of every network."""
    networks = [subject for subject in subjects if subject.layers and not subject.twin]
    images: list[pd.DataFrame] = []
    layers: list[pd.DataFrame] = []
    for network in networks:
        probes = [r.probabilities for r in readings if r.model == network.model and r.control == "probe"]
        found = decisions(np.stack(probes), question.labels, question.images.groups)
        images.append(_of_images(question, network, found))
        layers.append(_of_layers(network, found))
    joined = {"decisions": images, "decision_luck": layers}
    return {name: pd.concat(parts, ignore_index=True) for name, parts in joined.items()}


def decision_findings(tables: Mapping[str, pd.DataFrame], model: str) -> list[str]:
    """Say from where on images of a network are decided, and what luck alone would have given."""
    layers, images = (tables[name][tables[name]["model"] == model] for name in ("decision_luck", "decisions"))
    first, count = layers.iloc[0], len(images)
    found = [
        f"{first.right_from_here} of {count} images are right in every repeat from {first.layer}, the first layer, to "
        f"the last; a layer that names the classes as often but without looking would leave {first.by_luck:.1f}."
    ]
    beyond = layers[layers["decided_low"] > 0]
    if beyond.empty:
        return [*found, "At no layer are more images decided than luck would give."]
    start = beyond.iloc[0]
    found.append(
        f"Beyond luck, decisions begin at {start.layer}: {_share(start)} of the images are decided there or before."
    )
    half = beyond[beyond["decided"] >= 0.5]
    if len(half) and half.iloc[0].layer != start.layer:
        found.append(f"Half of them are decided by {half.iloc[0].layer}: {_share(half.iloc[0])}.")
    lucky = int(((images["layer"] == "") & (images["right_from"] != "")).sum())
    if lucky:
        found.append(f"{lucky} more are right at the end as well, but no more than luck gives.")
    return found


def _share(row: Any) -> str:
    low, high = 100 * row.decided_low, 100 * row.decided_high
    return f"{100 * row.decided:.0f} % ({low:.0f} to {high:.0f} %, for all layers at once)"


def _of_images(question: ProbeSetup, network: EmbeddingSource, found: Decisions) -> pd.DataFrame:
    # Position -1 (never) takes the entry that is appended last.
    depths = np.array([*(layer.depth for layer in network.layers), np.nan])
    names = np.array([*(layer.name for layer in network.layers), ""], dtype=object)
    classes = np.array(question.images.classes, dtype=object)
    return pd.DataFrame(
        {
            "model": network.model,
            "image": [record.id for record in question.images.records],
            "class": classes[question.labels],
            "depth_of_decision": depths[found.decided_at],
            "layer": names[found.decided_at],
            "right_from": names[found.right_from],
            "margin": found.margin,
        }
    )


def _of_layers(network: EmbeddingSource, found: Decisions) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "model": network.model,
            "layer": [layer.name for layer in network.layers],
            "depth": [layer.depth for layer in network.layers],
            "right_from_here": found.right_on,
            "by_luck": found.by_luck,
            "independent": found.independent,
            "decided": [share.value for share in found.decided],
            "decided_low": [share.low for share in found.decided],
            "decided_high": [share.high for share in found.decided],
        }
    )
