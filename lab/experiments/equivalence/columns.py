"""The tables of a check of a new network against the one before."""

from lab.experiments.columns import LAYERS, QUARANTINE, SHOWN_IMAGES, SPLITS, Table, between, ends, same
from lab.experiments.equivalence.measure import MEASURES
from lab.experiments.separability.columns import SUMMARY
from lab.experiments.targets.columns import GRADES, MULTILABEL, REGRESS

NEW_LAYER = {"layer_new": "the new network's layer: of the same name, or where names differ nearest in depth"}
SCORES = {
    column: f"{measure.name} of the {whose}"
    for measure in MEASURES.values()
    for column, whose in zip(measure.columns, ("network before", "new network"), strict=True)
}
DIFFERENCE = {
    "difference": "accuracy, or the measure of another target, of the new network minus that of the one before, on the "
    "same images"
}
OF_TARGETS = {name: about for kind in (REGRESS, GRADES, MULTILABEL) for name, about in kind["summary"].columns.items()}
VALUES = {name: about for kind in (REGRESS, GRADES, MULTILABEL) for name, about in kind["images"].columns.items()}
OUTCOME = "`not worse`, `worse` or `cannot tell`"

CHECK = {
    "decision": Table(
        "What was decided.",
        {
            "rule": "the layer that decides: best (each at its best layer, picked on other images), all, or its name",
            **same("layer"),
            **NEW_LAYER,
            **SCORES,
            **DIFFERENCE,
            **ends(),
            "max_drop": "the largest drop that is allowed",
            "outcome": f"{OUTCOME} by more than is allowed",
            "smallest_drop": "the smallest true drop that is detected with 80 % probability",
            "images": "images, copies and near-copies counting as one",
            "images_needed": "about how many would see a drop of max_drop with 80 % probability",
            **between("above_chance", "what the network before reads minus what guessing gives"),
        },
    ),
    "differences": Table(
        "A layer of the network before, beside the new network's.",
        {
            **same("layer"),
            **NEW_LAYER,
            **same("depth"),
            **SCORES,
            **DIFFERENCE,
            **ends(),
            "all_low": "lower end of the interval that holds for all layers at once",
            "all_high": "upper end of the interval that holds for all layers at once",
            "outcome": f"{OUTCOME}, by the interval of this layer alone",
            "smallest_drop": "the smallest true drop that this layer would have shown with 80 % probability",
            **between("cka", "debiased linear centred kernel alignment of both networks' embeddings; 1 is no change"),
            "cka_null_95": "the value below which 95 % of shuffled images stay",
            "lost": "images that the network before reads right in every repeat and the new one wrong in every repeat",
            "gained": "the reverse",
            "by_folds": "images that one and the same network reads right in one repeat and wrong in another, the mean",
        },
    ),
    "changed": Table(
        "An image that one network reads right in every repeat and the other wrong in every repeat, at one layer.",
        {
            **same("layer image class"),
            "predicted_base": "what the network before takes it for",
            "predicted_new": "what the new network takes it for",
            "change": "`lost` (right before, wrong now) or `gained`",
        },
    ),
    "layers": LAYERS,
    "summary": Table(SUMMARY.row, {**OF_TARGETS, **SUMMARY.columns}),
    "images": Table(SHOWN_IMAGES.row, {**VALUES, **SHOWN_IMAGES.columns}),
    "splits": SPLITS,
    "quarantine": QUARANTINE,
}
