"""The tables of a sweep."""

from lab.experiments.columns import Table, ends, same

_PLACE = {
    "network": "timm id and weights, `ID@WEIGHTS`",
    "images": "the image set's name in the plan",
    "layers": "which layers were chosen",
    "probe": "the probe's name in the plan",
}
_COVERAGE = {
    "finished": "units of it that are finished, and that the numbers beside are made of",
    "planned": "units of it in the plan",
}
_SEED = {"seed": "what moves folds and shuffled labels"}

SWEEP = {
    "units": Table(
        "A cell of the plan and the run that answers it.",
        {
            **_PLACE,
            **_SEED,
            "run": "id of the run, which any other command takes",
            "status": "finished, new (not begun), running, or why it has no result: failed, interrupted, cancelled",
            "reason": "a sentence on that; empty for a finished one",
        },
    ),
    "scores": Table(
        "One curve's value at one layer in one unit. Chance and raw pixels are one row each.",
        {
            **_PLACE, **_SEED, **same("layer depth dim control accuracy"), **ends(),
            **same("balanced_accuracy auc log_loss"),
        },
    ),
    "layers": Table(
        "The same over the seeds of the plan.",
        {
            **_PLACE,
            **same("layer depth dim control"),
            "accuracy": "mean over seeds",
            "spread": "standard deviation over seeds; empty for one",
            "balanced_accuracy": "mean over seeds",
            "auc": "mean over seeds",
            **_COVERAGE,
        },
    ),
    "coverage": Table(
        "How much of one network on one image set is there.",
        {
            "network": _PLACE["network"],
            "images": _PLACE["images"],
            **_COVERAGE,
            "set_aside": "units that ended without a result; `units` says why",
            "best_layer": "the layer with the highest accuracy of the probe over all that is finished",
            "best_accuracy": "that accuracy, mean over seeds",
        },
    ),
}  # fmt: skip
