"""The tables of the question of several labels."""

from lab.experiments.columns import LAYERS, QUARANTINE, SHOWN_IMAGES, SPLITS, Table, ends, same
from lab.experiments.regression.columns import REGRESS

_AREA = "area under the ROC curve, held out"
_PRECISION = "average precision, held out"
_IMAGES = {name: about for name, about in SHOWN_IMAGES.columns.items() if name not in ("image", "class")}
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
