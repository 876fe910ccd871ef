"""The tables of probe runs."""

from lab.experiments.columns import EMERGENCE, LAYERS, QUARANTINE, SHOWN_IMAGES, SPLITS, Table, between, ends, same

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
            "C": "inverse strength of regularisation, chosen inside the training part (of ridge probes 1 / 2α)",
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
            "depth_of_decision": "relative depth of that layer; empty when it is right for good nowhere, or by luck",
            "layer": "the layer from which it is right for good beyond luck (`decision_luck`), surest images first",
            "right_from": "the first layer from which it is right in every repeat up to the last, luck included; "
            "empty for never",
            "margin": "probability of the true class less that of the best other one there, mean over repeats",
        },
    ),
    "decision_luck": Table(
        "How many images one layer decides, and how many of them luck alone would.",
        {
            **same("model layer depth"),
            "right_from_here": "images that are right in every repeat at this layer and all later ones",
            "by_luck": "how many there would be if this layer named the classes as often, but without looking "
            "(of those that are right from the next layer on)",
            "independent": "how many there would be if all layers were as accurate, but erred on unrelated images",
            **between("decided", "share of images decided here or before, with luck taken off; for all layers at once"),
        },
    ),
    "code_length": Table(
        "What the labels of all images cost when one layer is known (online code length, Voita & Titov 2020).",
        {
            **same("model layer depth"),
            "images": "images whose labels are sent (one of a group of copies; at most 600)",
            "orders": "orders in which they are sent, each with one permutation of the labels",
            "bits": "bits that their labels cost, on average over orders",
            "control_bits": "bits that shuffled labels cost in the same orders",
            "uniform_bits": "bits that the labels cost without any image (log2 of the number of classes each)",
            **between("saved", "control_bits less bits; the interval is over orders of these images"),
            "labels_saved": "saved, in labels that need not be sent (over log2 of the number of classes)",
            "compression": "uniform_bits over bits",
        },
    ),
    "label_efficiency": Table(
        "The probe on one layer when few labels are known.",
        {
            **same("model layer depth"),
            "per_class": "labels known of each class",
            "draws": "draws of these labels",
            "balanced_accuracy": "mean over classes of the share of the other images predicted right, over all draws",
            "least": "the same in the draw with the lowest",
            "most": "the same in the draw with the highest",
        },
    ),
    "beside": Table(
        "What one layer reads of another factor of the images (only where it was asked for); raw pixels are one row.",
        {
            **same("model layer depth"),
            "factor": "the column of the images' table that is probed in place of the class",
            "values": "values of it with two images or more",
            "images": "images with such a value",
            "accuracy": "share of held-out images whose value is predicted right, over folds of all images",
            **ends(),
            "chance": "accuracy of naming the commonest value",
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
