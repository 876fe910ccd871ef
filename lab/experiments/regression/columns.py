"""The tables of the question of numbers."""

from lab.experiments.columns import LAYERS, QUARANTINE, SHOWN_IMAGES, SPLITS, Table, ends, same

VALUE = "the image's number"
SCORES = {
    "r2": "share of the squared deviations from the training means that held-out predictions explain; 0 for these "
    "means, negative for worse",
    **ends("of R², over images (copies and near-copies count as one)"),
    "spearman": "correlation of the ranks of held-out predictions and numbers",
    "spearman_ci_low": "lower end of its 95 % interval",
    "spearman_ci_high": "upper end of its 95 % interval",
    "mae": "mean absolute error, in the number's own unit",
}
_IMAGES = {name: about for name, about in SHOWN_IMAGES.columns.items() if name not in ("image", "class")}
REGRESS = {
    "layers": LAYERS,
    "summary": Table(
        "How well a ridge regression on one layer predicts the number, out of fold, or one control. Guessing and raw "
        "pixels are one row each.",
        {**same("model layer depth dim control"), **SCORES},
    ),
    "predictions": Table(
        "The held-out prediction for one image at one layer, mean over repetitions.",
        {**same("model layer depth image"), "value": VALUE, "predicted": "what was predicted"},
    ),
    "emergence": Table(
        "From which depth a network reads the number.",
        {
            **same("model"),
            "depth": "relative depth from which R² stays at or above half its best up to the best layer",
            **ends(),
            "layer": "the first layer at or past that depth",
            "reached": "whether a layer's R² is above 0 by more than a 95 % margin over all layers",
            "best": "R² of the best layer",
        },
    ),
    "checks": Table(
        "One number the verdict rests on.",
        {
            **same("model"),
            "check": "its name",
            "statement": "what it says, as a sentence",
            "value": "the number: a difference of R²; for the trend the slope of a line through all layers",
            **ends("over images (copies count as one), random weights and draws of channels"),
            "passed": "whether its whole interval lies above 0, as the statement says",
        },
    ),
    "images": Table(SHOWN_IMAGES.row, {**same("image"), "value": VALUE, **_IMAGES}),
    "splits": SPLITS,
    "quarantine": QUARANTINE,
}
