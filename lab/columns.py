"""What the tables of a run mean: a row of each, and every column. Exports and docs/tables.md say it too."""

from __future__ import annotations

from collections.abc import Mapping

INTERVAL = "end of the 95 % interval, over images (copies and near-copies count as one)"

# Columns that mean the same in every table they are in.
SHARED: dict[str, str] = {
    "model": "timm id and weights, `ID@WEIGHTS`; empty where it is about no network (raw pixels, chance)",
    "layer": "the layer's dotted name in the network; empty where it is about no layer",
    "depth": "relative depth of the layer, 0 (input) to 1 (output), by position",
    "image": "the image's id: its path inside the image set",
    "class": "the image's true class",
    "repeat": "which repetition of the cross-validation, from 0",
    "fold": "in which fold of that repetition the image, or the score, is held out, from 0",
    "group": "images that share a group are copies or near-copies and are never split between training and test",
    "control": "`probe` (the real thing), `untrained`, `shuffled`, `matched`, `pixels` or `chance`",
    "dim": "dimensions of the pooled embedding that the probe sees",
    "accuracy": "share of held-out images predicted right",
    "balanced_accuracy": "mean over classes of the share of held-out images predicted right",
    "auc": "area under the ROC curve, held out; one class against the rest, averaged, for more than two",
    "log_loss": "mean negative log probability of the true class, held out (natural logarithm)",
    "ci_low": f"lower {INTERVAL}",
    "ci_high": f"upper {INTERVAL}",
    "class_a": "one class of the pair",
    "class_b": "the other class of the pair",
}

# table -> (what one row is, its further columns)
TABLES: dict[str, tuple[str, dict[str, str]]] = {
    "layers": (
        "A layer of a network, as it was read.",
        {
            "kind": "what the layer is: stem, block, stage, head, …",
            "layout": "order of the activation's axes: NCHW, NHWC or NLC",
            "channels": "channels of the activation",
            "height": "rows of the activation",
            "width": "columns of the activation",
            "stride": "input pixels between neighbouring positions",
            "receptive_field": "side of the input square one position can see, in pixels",
            "receptive_field_status": "whether that side is exact, and if not why",
        },
    ),
    "summary": (
        "One curve's value at one layer: all folds and repeats together. Chance and raw pixels are one row each.",
        {
            "auc_ci_low": f"lower {INTERVAL} of the AUC",
            "auc_ci_high": f"upper {INTERVAL} of the AUC",
            "knn_accuracy": "accuracy of the nearest neighbours in the embedding, without any fitting",
            "silhouette": "mean silhouette of the classes in the embedding, -1 to 1",
        },
    ),
    "folds": (
        "The score of one fold of one repetition.",
        {
            "n_train": "images the probe was fitted on",
            "n_test": "images held out",
            "C": "inverse strength of regularisation, chosen inside the training part",
        },
    ),
    "splits": ("Where one image is held out in one repetition.", {}),
    "predictions": (
        "The probe's held-out answer for one image at one layer, averaged over repetitions.",
        {
            "predicted": "the class with the highest mean probability",
            "p_true": "mean probability of the true class",
            "correct": "share of repetitions in which the prediction was right",
        },
    ),
    "decisions": (
        "One image's depth of decision.",
        {
            "layer": "the first layer from which its held-out prediction stays right; empty for never",
            "depth_of_decision": "that layer's relative depth; empty when the prediction is wrong at the last layer",
        },
    ),
    "emergence": (
        "Where one pair of classes comes apart.",
        {
            "depth": "relative depth from which accuracy on the pair stays above halfway between chance and its best",
            "layer": "the first layer at or past that depth",
            "reached": "whether its best accuracy is above chance by more than a 95 % margin",
        },
    ),
    "checks": (
        "One number the verdict rests on.",
        {
            "check": "its name",
            "statement": "what it says, as a sentence",
            "value": "the number: mostly a difference of accuracies, tau for the trend",
            "passed": "whether its interval supports the statement",
        },
    ),
    "projection": (
        "One image's place on one layer's map (t-SNE; positions have no unit).",
        {"x": "horizontal position", "y": "vertical position"},
    ),
    "projection_quality": (
        "How far one layer's map can be trusted.",
        {
            "trustworthiness": "how far neighbours on the map are neighbours in the embedding, 0 to 1 (Venna & Kaski)",
            "knn_embedding": "accuracy of nearest neighbours in the embedding",
            "knn_projection": "accuracy of nearest neighbours on the map",
            "note": "why there is no map, or why it is no t-SNE; empty for the usual map",
        },
    ),
    "models": (
        "A network of a comparison.",
        {
            "accuracy": "at its best layer, which is picked on other images than it is judged by",
            "best_layer": "the layer that is best on all images",
            "emergence": "relative depth at which the classes come apart, the mean over pairs of classes that do",
            "emergence_low": f"lower {INTERVAL}, for two classes",
            "emergence_high": f"upper {INTERVAL}, for two classes",
            "pairs_apart": "pairs of classes that come apart",
            "pairs": "pairs of classes",
            "parameters": "parameters used up to its last layer",
            "gflops": "10^9 floating-point operations of an image up to its last layer, a multiply-add counted as two",
            "images_per_second": "median of the rounds, measured on the machine that computed the run",
            "images_per_second_low": "lower quartile of the rounds",
            "images_per_second_high": "upper quartile of the rounds",
            "weights_mb": "megabytes of its weights",
            "activations_mb": "the most megabytes that one image holds on its way",
            "accuracy_per_gflop": "accuracy of its best layer over the operations up to there",
            "cut_layer": "the layer with the fewest operations that its best layer is not clearly above",
        },
    ),
    "cuts": (
        "A layer of a network of a comparison, as a place to cut it.",
        {
            "gflops": "10^9 floating-point operations of an image up to here, a multiply-add counted as two",
            "parameters": "parameters used up to here",
            "accuracy_per_gflop": "accuracy over these operations",
            "behind": "how far its accuracy is below the best of all; _low and _high: interval for all layers at once",
            "above_chance": "accuracy minus that of guessing, likewise",
            "above_pixels": "accuracy minus that of a probe on raw pixels, likewise",
            "above_twin": "accuracy minus that of the untrained twin's layer, likewise",
            "within": "whether the best of all is not clearly above it",
            "chosen": "whether it takes the fewest operations of those",
        },
    ),
    "matched": (
        "A pair of networks at one relative depth; between layers each image's correctness is interpolated.",
        {
            "difference": "accuracy of the first minus that of the second, on the same images",
            "ci_low": "lower end of the 95 % interval, for all depths of the pair at once",
            "ci_high": "upper end of the 95 % interval, for all depths of the pair at once",
        },
    ),
    "best": (
        "A pair of networks, each at its best layer (picked on other images than it is judged by).",
        {"difference": "accuracy of the first minus that of the second, on the same images"},
    ),
    "similarity": (
        "A pair of layers.",
        {
            "cka": "debiased linear centred kernel alignment of their embeddings",
            "ci_low": "lower end of the 95 % interval, over images (block jackknife)",
            "ci_high": "upper end of the 95 % interval, over images (block jackknife)",
            "null_95": "the value below which 95 % of shuffled images stay",
            "p": "share of shuffles that reach the value",
            "images": "images it was computed on",
        },
    ),
    "agreement": (
        "A pair of networks at one relative depth, each at its nearest layer.",
        {
            "both_right": "images that both read right",
            "only_a": "images that only the first reads right",
            "only_b": "images that only the second reads right",
            "both_wrong": "images that both read wrong",
            "consistency": "share of images on which both are right or both wrong",
            "expected": "what it would be if their errors had nothing to do with each other",
            "kappa": "error consistency beyond that: 1 always the same images, 0 as expected",
        },
    ),
    "votes": (
        "What one network answers for one image at one relative depth (its nearest layer).",
        {
            "predicted": "the class with the highest mean probability",
            "p_true": "mean probability of the true class",
            "right": "whether that is the true class",
        },
    ),
    "images": (
        "An image that took part.",
        {
            "width": "pixels, upright",
            "height": "pixels, upright",
            "digest": "SHA-256 of its content",
            "thumbnail": "a small JPEG (Parquet only)",
        },
    ),
    "quarantine": ("An image that was set aside.", {"reason": "why"}),
}


def meaning(table: str, column: str) -> str:
    """Return what `column` of `table` means, "" if it is not known."""
    own = TABLES.get(table, ("", {}))[1]
    return own.get(column, SHARED.get(column, ""))


def as_markdown(columns: Mapping[str, list[str]]) -> str:
    """Return a section per table with a line per column; `columns` gives their order."""
    parts = []
    for table, names in columns.items():
        row = TABLES.get(table, ("", {}))[0]
        lines = [f"- `{name}`: {meaning(table, name)}" for name in names]
        parts.append("\n".join([f"## {table}", "", row, "", *lines]))
    return "\n\n".join(parts) + "\n"
