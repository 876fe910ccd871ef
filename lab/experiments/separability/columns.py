"""The tables of probe runs."""

from lab.experiments.columns import EMERGENCE, LAYERS, QUARANTINE, SHOWN_IMAGES, SPLITS, Table, ends, same

SUMMARY = Table(
    "One curve's value at one layer: all folds and repeats together. Chance and raw pixels are one row each.",
    {
        **same("model layer depth dim control accuracy"),
        **ends(),
        **same("balanced_accuracy auc"),
        "auc_ci_low": "lower end of the 95 % interval of the AUC",
        "auc_ci_high": "upper end of the 95 % interval of the AUC",
        **same("log_loss"),
    },
)
PROBE = {
    "layers": LAYERS,
    "folds": Table(
        "The score of one fold of one repetition.",
        {
            **same("model layer control"),
            "repeat": "which repetition of the cross-validation, from 0; where a control was drawn several times "
            "(channels of `matched`, twins of `untrained`) its repetitions follow each other, draw after draw",
            **same("fold"),
            "n_train": "images the probe was fitted on",
            "n_test": "images held out",
            "C": "inverse strength of regularisation, chosen inside the training part",
            **same("accuracy balanced_accuracy auc log_loss"),
        },
    ),
    "summary": SUMMARY.but(
        knn_accuracy="accuracy of the nearest neighbours in the embedding, without any fitting",
        silhouette="mean silhouette of the classes in the embedding, -1 to 1",
    ),
    "predictions": Table(
        "The probe's held-out answer for one image at one layer, averaged over repetitions.",
        {
            **same("model layer depth image class predicted p_true"),
            "correct": "share of repetitions in which the prediction was right",
        },
    ),
    "decisions": Table(
        "One image's depth of decision.",
        {
            **same("model image class"),
            "depth_of_decision": "relative depth of that layer; empty when the prediction is wrong at the last layer",
            "layer": "the first layer from which its held-out prediction stays right; empty for never",
        },
    ),
    "emergence": EMERGENCE,
    "checks": Table(
        "One number the verdict rests on.",
        {
            **same("model"),
            "check": "its name",
            "statement": "what it says, as a sentence",
            "value": "the number: a difference of accuracies (of AUC where classes are very unequal), every class with "
            "the same weight; for the trend the slope of a line through all layers, from input to output",
            **ends(
                "over images (copies count as one), random weights and draws of channels, for other images like these"
            ),
            "passed": "whether its whole interval lies above 0, as the statement says",
        },
    ),
    "projection": Table(
        "One image's place on one layer's map (t-SNE; positions have no unit).",
        {**same("model layer depth image class"), "x": "horizontal position", "y": "vertical position"},
    ),
    "projection_quality": Table(
        "How far one layer's map can be trusted.",
        {
            **same("model layer depth"),
            "trustworthiness": "how far neighbours on the map are neighbours in the embedding, 0 to 1 (Venna & Kaski)",
            "knn_embedding": "accuracy of nearest neighbours in the embedding",
            "knn_projection": "accuracy of nearest neighbours on the map",
            "note": "why there is no map, or why it is no t-SNE; empty for the usual map",
        },
    ),
    "images": SHOWN_IMAGES,
    "splits": SPLITS,
    "quarantine": QUARANTINE,
}
