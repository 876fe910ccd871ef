"""The tables of trainings, of watching one, and of side by side."""

from lab.experiments.columns import Table, between, ends, same

TRAIN = {
    "history": Table(
        "One epoch.",
        {
            "epoch": "epochs so far",
            **same("step"),
            "rate": "learning rate of its last step",
            "training_loss": "mean loss over its training images, as the optimiser sees it",
            "training_accuracy": "share of its training images right, with the weights of that moment",
            "validation_loss": "mean negative log probability of the true class on the validation images",
            "validation_accuracy": "share of the validation images right",
            "seconds": "of computing so far",
            **ends("of the validation accuracy, over images"),
        },
    ),
    "checkpoints": Table(
        "One checkpoint that was kept.",
        {
            "model": "the name that it can be opened by, `ID@lab:NAME/STEP`",
            **same("step epoch"),
            "validation_accuracy": "share of the validation images right; empty where it was not measured",
            "final": "whether it is what `ID@lab:NAME` means: the one of the lowest validation loss",
        },
    ),
    "test": Table(
        "The test, on images that were looked at once, at the end.",
        {
            "images": "images of the test part",
            "accuracy": "share of them right",
            **ends(),
            **same("chance"),
            "loss": "mean negative log probability of the true class (natural logarithm)",
        },
    ),
}
WATCH = {
    "probes": Table(
        "One layer at one checkpoint, on images that no step was computed from; raw pixels are one row.",
        {
            "step": "steps of training so far; 0 is before training, -1 stands for the raw pixels",
            **same("epoch layer depth"),
            "control": "`probe` (the real thing), `shuffled` (labels) or `pixels`",
            **same("accuracy"),
            **ends(),
        },
    ),
    "gains": Table(
        "What training added to one layer.",
        {
            **same("layer depth"),
            **between("gain", "final accuracy minus that before training, paired over images, for all layers at once"),
            **between("lead", "how much more the last layer gained; in the last row, how much more than the first"),
            "onset": "the first checkpoint surely better than before training, all of them allowed for; -1 for none",
        },
    ),
    "filters": Table(
        "One filter of the first convolution at one checkpoint.",
        {
            **same("step layer"),
            "filter": "its number, from 0",
            "norm": "Euclidean length of its weights",
            "cosine": "of the angle to the same filter before training",
            **same("thumbnail"),
        },
    ),
    "maps": Table(
        "One image's place on the t-SNE map of the last layer at one checkpoint; positions have no unit.",
        {**same("step epoch image class"), "x": "horizontal position", "y": "vertical position"},
    ),
    "map_quality": Table(
        "How far the map of one checkpoint can be trusted.",
        {
            **same("step epoch"),
            "trustworthiness": "how far neighbours on the map are neighbours in the embedding, 0 to 1",
            "knn_embedding": "accuracy of nearest neighbours in the embedding",
            "knn_projection": "accuracy of nearest neighbours on the map",
            "note": "why there is no map, or why it is no t-SNE; empty for the usual map",
        },
    ),
}
