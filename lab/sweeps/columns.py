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
_HOURS = {
    "pass_hours": "reading and preparing its images and passing them through the network, by one worker",
    "probe_hours": "fitting its probes, and what follows them (labels needed, maps, tables), by one worker",
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

PLAN = {
    "total": Table(
        "What all that is not finished yet takes.",
        {
            "units": "cells of the plan without a result",
            "passes": "images through networks, untrained twins included",
            "hours": "of one worker",
            "workers": "units at once",
            "wall_hours": "with these workers: a unit is one worker's, so never less than the longest",
            "cost": "hours of all workers from the first to the last, times the price of one",
            "memory": "bytes, of the worker that needs most",
            "disk": "bytes, of vectors and runs",
        },
    ),
    "units": Table(
        "The same by cell. A pass that several share is the first one's.",
        {
            **_PLACE, **_SEED, "passes": "images through networks, untrained twins included", **_HOURS,
            "memory": "bytes of a worker with torch, the vectors and what probes make of the widest layer",
            "disk": "bytes of vectors that are new, and of the run",
        },
    ),
    "images": Table(
        "What the images can tell.",
        {
            "images": _PLACE["images"],
            "count": "images",
            "classes": "classes",
            "groups": "groups of copies, which count once",
            "smallest": "smallest difference of two accuracies that 8 of 10 such sets would show at 5 %, where just "
            "one of the two is right on a fifth of the images",
            "smallest_of_all": "the same when all cells of the plan on these images are looked at (Bonferroni)",
        },
    ),
    "drops": Table(
        "What may be left out, one after the other, least of the answer first.",
        {
            "without": "what is left out, besides all rows above",
            "hours": "from the first unit to the last that remain",
            "saved": "hours less than with it",
            "fits": "whether the hours that are allowed are then enough",
        },
    ),
}  # fmt: skip
