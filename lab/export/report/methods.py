"""How each number of the report is made, in words a reader can check, with the constants the code uses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from lab.experiments.separability.split_notes import split_text
from lab.geometry.neighbours import NEIGHBOURS
from lab.geometry.projection import PERPLEXITY, PRINCIPAL_COMPONENTS
from lab.probing.probes import GRID, INNER_FOLDS, MATCHED_DIMENSION
from lab.stats.intervals import RESAMPLES


def methods(request: Mapping[str, Any], splits: pd.DataFrame) -> list[tuple[str, str]]:
    """Return (what, how) for every kind of number in the report; `request` is the run's request as a dictionary,
    `splits` its table of that name."""
    grid = ", ".join(f"{value:g}" for value in GRID)
    folds, repeats = splits["fold"].nunique(), splits["repeat"].nunique()
    return [
        (
            "Embedding",
            f"Each image passes through the frozen network once, prepared as the network's own configuration says. A "
            f"layer's activation is pooled over positions ({request.get('pooling', 'avg')}) to one vector per image.",
        ),
        (
            "Depth",
            "A layer's position in the order of computation, as a share: 0 is the input, 1 the output.",
        ),
        (
            "Probe accuracy",
            f"Per layer, multinomial logistic regression on standardised vectors. {repeats} times over, the images are "
            f"dealt into {folds} folds, balanced by class ({split_text(splits)}); {_grouped(request)}. Each fold is "
            f"predicted by a probe fitted on the others, with C chosen from {grid} on {INNER_FOLDS} folds inside them. "
            "Accuracy = images predicted right / images, averaged over the repetitions.",
        ),
        (
            "95 % interval of an accuracy",
            "Wilson's interval for a share, with the number of independent images (groups of near-copies) as its "
            "count. It says how far the accuracy would move with other images of the same kind.",
        ),
        (
            "Chance and raw pixels",
            "Chance = the share of the largest class. Raw pixels = the same probe on the images shrunk to a small "
            "square, without any network.",
        ),
        (
            "Untrained twin",
            "The same architecture with random weights, read in the same way: what the wiring gives without training.",
        ),
        (
            "Shuffled labels",
            "The same probe on labels dealt out at random: what the probe can do by memory. Selectivity = accuracy − "
            "accuracy on shuffled labels.",
        ),
        (
            "Matched dimension",
            f"Every layer reduced to {MATCHED_DIMENSION} principal components of the training part, so that a wide "
            "layer cannot win by its width.",
        ),
        (
            "Checks and verdict",
            f"Early = layers in the first third of depth, late = in the last third. Each check is a difference of mean "
            f"accuracies on the same images; its interval comes from {RESAMPLES:,} resamples of the images, drawn once "
            "for all checks. A required check passes when its whole interval lies above 0; the trend and the "
            "comparison of the last layer with the best one are told beside them. The verdict is “for” when all "
            "required checks pass, “against” when early layers are the better ones, and otherwise “undecided”.",
        ),
        (
            "Emergence depth",
            "For two classes: the depth from which accuracy on that pair stays above the level halfway between chance "
            "(0.5) and its best, interpolated between layers; its interval from the same resamples.",
        ),
        (
            "Depth of decision",
            "For one image: the first layer from which its held-out prediction stays right up to the last layer. By "
            "luck alone, half of the images of two classes are right at the first layer.",
        ),
        (
            "k-NN accuracy and silhouette",
            f"Without any fitting: the share of images whose {NEIGHBOURS} nearest neighbours mostly carry their class, "
            "and how much nearer an image lies to its own class than to the next (0 no, 1 entirely).",
        ),
        (
            "Maps",
            f"t-SNE (perplexity {PERPLEXITY:g}) of the first {PRINCIPAL_COMPONENTS} principal components, each layer "
            "started from the map of the layer before. Trustworthiness: how far neighbours on the map are neighbours "
            "in the embedding (1: all). Distances and sizes of groups on such a map mean little; the accuracies are "
            "the evidence.",
        ),
    ]


def _grouped(request: Mapping[str, Any]) -> str:
    return {
        "auto": "copies of a picture that were found stay in one fold",
        "none": "copies were not looked for",
    }.get(str(request.get("groups", "auto")), "images of one group in the user's table stay in one fold")
