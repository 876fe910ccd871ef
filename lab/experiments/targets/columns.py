"""The tables of the questions of numbers, of grades and of several labels."""

from lab.experiments.columns import LAYERS, QUARANTINE, SHOWN_IMAGES, SPLITS, Table, ends, same

VALUE = "the image's number"
_SPEARMAN = {
    "spearman": "correlation of the ranks of held-out predictions and true values",
    "spearman_ci_low": "lower end of its 95 % interval",
    "spearman_ci_high": "upper end of its 95 % interval",
}
SCORES = {
    "r2": "share of the squared deviations from the training means that held-out predictions explain; 0 for these "
    "means, negative for worse",
    **ends("of R², over images (copies and near-copies count as one)"),
    **_SPEARMAN,
    "mae": "mean absolute error, in the number's own unit",
}
KAPPA_SCORES = {
    "kappa": "quadratic weighted kappa of held-out grades: 1 agrees, 0 as grades drawn at random would, negative worse",
    **ends("of the kappa, over images (copies and near-copies count as one)"),
    **_SPEARMAN,
    "mae": "mean absolute error, in grades",
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
GRADES = {
    **REGRESS,
    "summary": Table(
        "How well a ridge regression on one layer predicts the grade, out of fold, or one control. Guessing and raw "
        "pixels are one row each.",
        {**same("model layer depth dim control"), **KAPPA_SCORES},
    ),
    "predictions": Table(
        "The held-out grade of one image at one layer: the nearest to the mean over repetitions.",
        {**same("model layer depth image"), "class": "the image's grade", "predicted": "which was predicted"},
    ),
    "emergence": Table(
        "From which depth a network reads the grade.",
        {
            **REGRESS["emergence"].columns,
            "depth": "relative depth from which the kappa stays at or above half its best up to the best layer",
            "reached": "whether a layer's kappa is above 0 by more than a 95 % margin over all layers",
            "best": "kappa of the best layer",
        },
    ),
    "checks": Table(
        REGRESS["checks"].row,
        {
            **REGRESS["checks"].columns,
            "value": "the number: a difference of kappa; for the trend the slope of a line through all layers",
        },
    ),
    "images": Table(
        SHOWN_IMAGES.row,
        {**same("image"), "class": "its grade", "grade": "the grade's place, from 0, the lowest", **_IMAGES},
    ),
}
_AREA = "area under the ROC curve, held out"
_PRECISION = "average precision, held out"
_INTERVALS = {
    "ap_ci_low": "lower end of the 95 % interval of the average precision",
    "ap_ci_high": "upper end of the 95 % interval of the average precision",
}
MULTILABEL = {
    "layers": LAYERS,
    "summary": Table(
        "How well probes on one layer read the labels, on average, or one control. Guessing and raw pixels are one row "
        "each.",
        {
            **same("model layer depth dim control"),
            "mean_auc": f"{_AREA}, mean over labels",
            **ends("of the mean AUC, over images (copies and near-copies count as one)"),
            "mean_average_precision": f"{_PRECISION}, mean over labels",
            **_INTERVALS,
        },
    ),
    "labels": Table(
        "How well the probe of one label reads it off one layer, or off raw pixels.",
        {
            **same("model layer depth control"),
            "label": "the label",
            "positives": "tested images that have it",
            "auc": _AREA,
            **ends("of the AUC, over images (copies and near-copies count as one)"),
            "average_precision": _PRECISION,
            **_INTERVALS,
        },
    ),
    "emergence": Table(
        "From which depth a network reads one label.",
        {
            **same("model"),
            "label": "the label",
            "depth": "relative depth from which the AUC stays above halfway between guessing and its best, up to there",
            **ends(),
            "layer": "the first layer at or past that depth",
            "reached": "whether a layer's AUC is above guessing by more than a 95 % margin over all layers",
            "best": "AUC of the best layer",
        },
    ),
    "checks": Table(
        REGRESS["checks"].row,
        {
            **REGRESS["checks"].columns,
            "value": "the number: a difference of mean AUC; for the trend the slope of a line through all layers",
        },
    ),
    "images": Table(SHOWN_IMAGES.row, {**same("image"), "labels": "the labels it has, with ; between them", **_IMAGES}),
    "splits": SPLITS,
    "quarantine": QUARANTINE,
}
