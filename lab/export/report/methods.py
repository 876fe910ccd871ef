"""How each number of the report is made, in words a reader can check, with the constants the code uses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from lab.experiments.separability.fits import CHANNEL_DRAWS
from lab.experiments.separability.measure import TWIN_SEEDS
from lab.experiments.separability.split_notes import calibration_note, split_text
from lab.geometry.neighbours import NEIGHBOURS
from lab.geometry.projection import PERPLEXITY, PRINCIPAL_COMPONENTS
from lab.probing.probes import GRID, INNER_FOLDS, MATCHED_DIMENSION
from lab.probing.ridge_classifier import ALPHAS
from lab.probing.task import LOGISTIC
from lab.stats.image_scores import UNEQUAL
from lab.stats.intervals import REFIT, REFIT_SHARE, RESAMPLES


def methods(request: Mapping[str, Any], images: pd.DataFrame, splits: pd.DataFrame) -> list[tuple[str, str]]:
    """Return (what, how) for every kind of number in the report; `request` is the run's request as a dictionary,
    `images` and `splits` its tables of these names."""
    probe = request.get("probe", LOGISTIC)
    return [
        *_embedding(request),
        (
            "Probe accuracy",
            f"{_probe(request)}. {_split(request, splits)}. "
            "Accuracy = share of images predicted right, averaged over repetitions; copies count as one image.",
        ),
        (
            "95 % interval of an accuracy",
            "For as many other images of the same kind: Wilson's interval of a share, its count the number of "
            "independent "
            f"images (groups of near-copies) over {REFIT_SHARE:g}, since probes would differ too.",
        ),
        (
            "Chance and raw pixels",
            "Chance = the share of the largest class. Raw pixels = the same probe on shrunk images.",
        ),
        (
            "Untrained twin",
            f"The same architecture with random weights, {len(TWIN_SEEDS)} times over: what the wiring gives "
            "without training. Curves show the mean; intervals allow for other random weights.",
        ),
        (
            "Shuffled labels",
            "The same probe on labels shuffled among the images of each fold. Selectivity = accuracy − accuracy on "
            "shuffled labels.",
        ),
        (
            "Matched dimension",
            f"{MATCHED_DIMENSION} random channels of every layer, drawn {CHANNEL_DRAWS} times, so that no layer wins "
            "by "
            "width; the mean is shown, intervals allow for other draws.",
        ),
        (
            "Checks and verdict",
            f"Early = first third of depth, late = last. Each check is a difference of accuracies on the same images, "
            f"classes weighted alike (of AUC where one class has more than {UNEQUAL:g} times the images of another). "
            "Its "
            f"interval comes from {RESAMPLES:,} resamples of the images, widened by {REFIT:g} for the probes. A check "
            "passes when its whole interval lies above 0. The leading one compares late layers with the best early one "
            "and allows for picking it. The verdict is “for” when it and every control pass, “against” when the same "
            "tests the other way round do (early layers above the best late one, at equal numbers of channels, above "
            "chance and shuffled labels), otherwise “undecided”. "
            f"{calibration_note(images, splits, probe)} All simulated sets: docs/calibration.md.",
        ),
        (
            "Emergence depth",
            "For two classes: the depth from which accuracy stays above the level halfway between chance (0.5) and "
            "its best, interpolated between layers; given only when a layer is above 0.5 by more than the largest "
            "deviation of all layers and pairs, with its interval from the same resamples.",
        ),
        (
            "Depth of decision",
            "For one image: the first layer from which its held-out prediction stays right, in every repetition, up "
            "to the last. The share that is so by luck is taken off (correction for guessing, Abbott 1925): only as "
            "many images count as are left, the surest first.",
        ),
        (
            "Code length and few labels",
            "The bits that send all labels to someone who knows the layer (the online code of Voita & Titov 2020); of"
            " copies one counts. Beside it the same for shuffled labels, and the accuracy of probes fitted to a few "
            "images of each class.",
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


def _embedding(request: Mapping[str, Any]) -> list[tuple[str, str]]:
    if request.get("embeddings"):
        return [
            ("Embedding", "The vectors were given, one array a layer and one row an image; no network was run here."),
            (
                "Depth",
                "As the file says, or else a layer's position in the order in which the layers were given, as a share: "
                "0 is the first, 1 the last.",
            ),
        ]
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
    ]


def _probe(request: Mapping[str, Any]) -> str:
    if request.get("probe", LOGISTIC) == LOGISTIC:
        grid = ", ".join(f"{value:g}" for value in GRID)
        return (
            f"Per layer, multinomial logistic regression on standardised vectors, with C chosen from {grid} on "
            f"{INNER_FOLDS} folds inside the training part"
        )
    return (
        "Per layer, ridge regression of the classes (targets -1 and 1) on standardised vectors, in closed form, its "
        f"penalty chosen from {min(ALPHAS):g} to {max(ALPHAS):g} by the squared error on left-out images (groups of "
        "copies) inside the training part; probabilities are a softmax of its values, its temperature fitted there too"
    )


def _split(request: Mapping[str, Any], splits: pd.DataFrame) -> str:
    if (splits["fold"] < 0).any():
        return (
            f"The split is the one that was given ({split_text(splits)}), and everything that was found is told of its "
            "test part; what labels cost is measured on the training part. The test part is predicted by a probe "
            "fitted on the training part"
        )
    folds, repeats = splits["fold"].nunique(), splits["repeat"].nunique()
    return (
        f"{repeats} times over, the images are dealt into {folds} folds, balanced by class ({split_text(splits)}); "
        f"{_grouped(request)}. Each fold is predicted by a probe fitted on the others"
    )


def _grouped(request: Mapping[str, Any]) -> str:
    if request.get("embeddings") and request.get("groups", "auto") == "auto":
        return "rows of one group, where groups were given, stay in one fold"
    return {
        "auto": "copies of a picture that were found stay in one fold",
        "none": "copies were not looked for",
    }.get(str(request.get("groups", "auto")), "images of one group in the user's table stay in one fold")
