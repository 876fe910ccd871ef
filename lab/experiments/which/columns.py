"""The tables of a search for the best layer."""

from lab.experiments.columns import Table, between, ends, same

_ALL_AT_ONCE = "by who is right on which image; the interval holds for all layers of the table at once"

WHICH = {
    "rounds": Table(
        "A layer in a round of the search.",
        {
            "round": "number of the round, from 1",
            "images": "images that were looked at, one of each group of copies",
            **same("model layer depth"),
            "evidence": "LogME: log evidence of the labels under the best linear model, nats an image",
            "margin": "what ridge regression on all others gives an image's own class above the next, mean over "
            "standard deviation; ranks the round, of fewer than 64 images together with the evidence",
            "accuracy": "share of these images that ridge regression on all others reads right; below chance where "
            "nothing can be read, as an image's own class is the rarer one among the others",
            **between("behind", "how far this is behind the best of the round; the interval holds for all its layers"),
            "kept": "whether it went on to the next round, or after the last to the real probe",
        },
    ),
    "confirmed": Table(
        "A layer that the probe of a probe run read, on all images.",
        {
            **same("model layer depth"),
            "why": "`finalist` of the search, or `cheaper`: the best of the first round for fewer operations",
            **same("accuracy"),
            **ends(),
            "repeats": "repeats of the folds that it was read in: one only, if it was clearly worse then",
            **between("behind", f"how far it is behind the best, {_ALL_AT_ONCE}"),
            "as_good": "whether the best is not clearly better: the tie set",
            "best": "whether it has the highest accuracy",
            "ms": "milliseconds an image takes up to here, median over rounds (batches of 8); empty if not measured",
            "ms_low": "lower quartile of the rounds",
            "ms_high": "upper quartile of the rounds",
            "gflops": "10^9 floating-point operations of an image up to here, a multiply-add counted as two",
            "parameters": "parameters used up to here",
            "frontier": "whether clearly above guessing, and nothing cheaper is as accurate (by time where measured)",
        },
    ),
    "controls": Table(
        "The best layer, or one of its controls.",
        {
            **same("control dim accuracy"),
            **ends(),
            **between(
                "above",
                "how far the best layer is above it, image by image; holds for all controls at once and "
                "whichever of the layers that were searched it had been",
            ),
        },
    ),
    "networks": Table(
        "A network that was searched.",
        {
            **same("model"),
            "layers": "layers that were scored in the first round",
            "rounds": "rounds that one of its layers was in",
            "confirmed": "its layers that the real probe read",
            "best_evidence": "the highest evidence of its layers in the first round",
            "passed": "images that were passed through it, not counting its untrained twins",
        },
    ),
}
