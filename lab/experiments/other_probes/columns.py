"""The tables of several kinds of probe on the same layers."""

from lab.experiments.ablation.columns import CONTROLS
from lab.experiments.columns import Table, between, ends, same

PROBE = {"probe": "which kind: `logistic` (the usual one), `ridge`, `knn` or `attentive`"}

OTHER_PROBES = {
    "accuracies": Table(
        "A layer, as one kind of probe reads it.",
        {
            **PROBE,
            **same("layer depth accuracy"),
            **ends(),
            **between("behind", "how far it is behind the layer that this kind reads best, by its own answers"),
            "numbers": "numbers that the fitted probe holds",
            "seconds": "of fitting it in all folds, on the machine that computed the run",
        },
    ),
    "best": Table(
        "A kind of probe.",
        {
            **PROBE,
            **same("layer depth accuracy"),
            **ends(),
            "usual_layer": "the layer that the usual probe reads best",
            **between("usual_behind", "how far that layer is behind, by this kind of probe's own answers"),
            "agrees": "whether it is not clearly behind: the two kinds do not clearly disagree",
            **between("difference", "its accuracy at its best layer minus the usual probe's at its own, by image"),
            "numbers": "numbers that the probe holds at its best layer",
            "seconds": "of fitting it to all layers",
        },
    ),
    "controls": CONTROLS.but(control="`chance`"),
}

MANY_IMAGES = {
    "accuracies": Table(
        "A layer, as a ridge probe reads it that was fitted to sums over all images of the other folds.",
        {
            "probe": "`ridge`",
            **same("layer depth accuracy"),
            **ends(),
            "shuffled": "accuracy of the same probe fitted to shuffled labels",
            "penalty": "the penalty (scikit-learn's alpha) that was chosen, the median over folds",
            "numbers": "numbers that the fitted probe holds",
            "seconds": "of reading the layer's vectors twice and fitting, on the machine that computed the run",
            "images": "images that it is of",
            "finished": "shards that these images are of; 1 for a set that does not lie in shards",
            "planned": "shards that were asked for",
        },
    ),
    "controls": CONTROLS.but(control="`chance`"),
    "similarity": Table(
        "A pair of layers.",
        {
            "layer_a": "the less deep layer",
            "depth_a": "relative depth of that layer",
            "layer_b": "the deeper layer",
            "depth_b": "relative depth of that layer",
            "cka": "debiased linear centred kernel alignment of their embeddings, over all images",
            "images": "images it was computed on",
        },
    ),
}
