"""The tables of questions about what channels look at."""

from lab.experiments.columns import PICTURE, Table, ends, same

TARGET = "what is looked at in the layer: a channel, a position of one, or a class' direction"
CHOSEN = "the class it tells best from the rest, chosen on half of the images; empty where there are no classes"
AREA = {"auc": "area under the ROC curve for that class on the other half of the images", **ends("over images")}
LAYERS_SEEN = Table(
    "A chosen layer.",
    {
        **same("layer depth kind channels height width receptive_field receptive_field_height"),
        **same("receptive_field_width receptive_field_status model"),
    },
)
PATCHES = Table(
    "A patch of an image on which a channel is strongest, or weakest.",
    {
        **same("layer depth"),
        "target": TARGET,
        "channel": "its number, from 0; -1 for a direction",
        "end": "`most` or `least`",
        "rank": "from 1; an image counts once",
        **same("image class"),
        "value": "the activation there",
        "row": "row of the position in the layer, from 0; -1 for the whole image",
        "column": "its column",
        "top": "first row of the pixels that the value can depend on",
        "left": "first column",
        "bottom": "row after the last one",
        "right": "column after the last one",
        "status": "how the box is known: exact, cut by the border, upper bound, global, unknown, the whole picture",
        "thumbnail": "the patch (Parquet only)",
    },
)
VISUALIZATIONS = Table(
    "An image that was optimised for one target.",
    {
        **same("layer depth"),
        "target": TARGET,
        "end": "`most`: it raises the target; `least`: it lowers it, so its objective is the target's times -1",
        "copy": "which image of the target and end, from 0",
        "kind": "channel, position or direction",
        "channel": "its number, from 0; -1 for a direction",
        "class": CHOSEN,
        **AREA,
        "accuracy": "for a direction: held-out accuracy of its probe",
        "value": "the objective it reaches in the network as it was loaded (a channel's mean over positions)",
        "random_p95": "95th percentile of the objective over random images",
        "photographs_p95": "the same over photographs that come with the lab's packages",
        "images_p95": "the same over the image set",
        "natural_best": "the most that any photograph or image of the set reaches",
        "best_image": "the image of the set that reaches most",
        "above_random": "whether the value is above `random_p95`",
        "above_natural": "whether it is above both natural ones",
        "own_rank": "rank of its channel by how far the image raises (or lowers) each, in natural spreads; 0 for none",
        "alike": "mean cosine of its Gram matrix at the layer with those of the other copies: 1 for the same texture",
        "side": "pixels a side that the network saw",
        "thumbnail": "the image, PNG (Parquet only)",
    },
)
REFERENCES = Table(
    "One image that a visualization is held against.",
    {
        **same("layer depth"),
        "target": TARGET,
        "kind": "random, photographs or images (of the set)",
        "value": "the objective that it reaches",
    },
)
COURSE = Table(
    "One moment of an optimisation.",
    {
        **same("layer depth"),
        "target": TARGET,
        "end": "`most` or `least`",
        "copy": "which image of the target and end, from 0",
        "step": "steps of optimisation so far",
        "value": "the objective of the image as it is shown to the network then",
    },
)
VISUALIZER = {"visualizations": VISUALIZATIONS, "references": REFERENCES, "course": COURSE, "layers": LAYERS_SEEN}

EXEMPLARS = {
    "exemplars": PATCHES,
    "channels": Table(
        "A channel of a chosen layer.",
        {
            **same("layer depth"),
            "channel": "its number, from 0",
            "class": CHOSEN,
            "choosing": "area under the ROC curve for that class on the half it was chosen on",
            **AREA,
            "rank": "by the area it was chosen by, from 1; 0 where there are no classes",
            "highest": "its largest activation over all images",
            "lowest": "its smallest",
            "mean": "its mean",
            "shown": "whether its patches are in `exemplars`",
        },
    ),
    "layers": LAYERS_SEEN,
}
VISUALIZE = {**VISUALIZER, "exemplars": PATCHES}
CHANNEL = {
    **VISUALIZER,
    "exemplars": PATCHES,
    "activations": Table(
        "One image.",
        {**same("image class"), "peak": "the channel's largest value in it", "mean": "its mean over positions"},
    ),
    "contributions": Table(
        "What one channel below adds to this one's value before its activation.",
        {
            "source": "the layer it belongs to",
            "through": "the convolution or block it goes through",
            "channel": "its number, from 0",
            "contribution": "what it adds at the exemplars, mean",
            **ends("over exemplars"),
            "usual": "what it adds at ordinary positions, mean",
        },
    ),
    "sums": Table(
        "One position at which the value was taken apart.",
        {
            **same("image"),
            "at": "`exemplar` or `ordinary place`",
            "value": "the channel's value before its activation",
            "bias": "what is left with all inputs at zero",
            "difference": "what bias and contributions miss, relative to the value (or to 1, if that is larger)",
        },
    ),
    "effects": Table(
        "One channel, held at its average over the images.",
        {
            "channel": "its number, from 0",
            "asked": "whether it is the one of this card; the others are there to compare with",
            "class": "the class whose probe is read at the last layer",
            "change": "change of the probe's logit on images of the class, mean",
            **ends("over images"),
            "rest_change": "the same on the other images",
            "agreement": "share of the probe's decisions that stay",
            "own_agreement": "share of the network's own decisions that stay",
            "images": "images of the class",
        },
    ),
    "classes": Table(
        "One of the network's own classes whose logit falls most when the channel is held.",
        {
            "name": "its name",
            "change": "change of its logit on the exemplars, mean",
            **ends("over exemplars, for all classes at once"),
        },
    ),
}
DEPTH_STRIP = {
    "strip": Table(
        "The channel of one layer that is most selective for one class.",
        {
            **same("layer depth"),
            "class": "the class",
            **AREA,
            "target": TARGET,
            "channel": "its number, from 0",
            "peak": "its largest value in the picture",
            "average": "its mean over the images of the set; the map is dark there",
            "strong": "99th percentile of its largest values in them; the map is brightest there",
            "thumbnail": "the map over the picture (Parquet only)",
        },
    ),
    **VISUALIZER,
    "exemplars": PATCHES,
    "picture": PICTURE,
}
KERNELS = {
    "kernels": Table(
        "A filter of the first convolution that sees red, green and blue.",
        {
            "model": "timm id and weights, `ID@WEIGHTS`; untrained twins too",
            **same("layer"),
            "channel": "its number, from 0",
            "height": "rows of the kernel",
            "width": "columns of the kernel",
            "colour": "share of its squared weights that is not the same for red, green and blue",
            "roughness": "how far neighbouring weights differ, root mean square, in spreads of its weights",
            "thumbnail": "the kernel: gray is zero, PNG (Parquet only)",
        },
    )
}
