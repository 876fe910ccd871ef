"""The tables of questions that break a network."""

from lab.experiments.columns import PICTURE, Table, between, ends, same

CARRIED = "accuracy of the frozen probe: fitted to the intact network and shown the changed one"
REFITTED = "accuracy of a probe refit to the changed network"
AT_ONCE = "minus that of the intact network, on the same images, the interval for all changes at once"
AT_DEPTHS = AT_ONCE.replace("changes", "depths")
BEND = (
    "how far the map from image to layer is from affine: 0 when the midpoint of two images gives that of their outputs"
)
CONTROLS = Table(
    "What is read without the network, or without its training.",
    {"control": "`chance`, `pixels` (raw) or `untrained` (the twin's last layer)", **same("accuracy"), **ends()},
)
CHANGE = {
    "intervention": "what was done, `intact` for nothing",
    "place": "where it was done",
    "change": "both, as people say it",
}
READER = {
    "reader": "what it sees: the last layer, the best single layer, early and late, all layers, or a layer by name",
    "kind": "`all` (every dimension) or `matched` (equally many principal components)",
    "layers": "the layers it sees",
    "dim": "dimensions it sees",
    **same("accuracy"),
    **ends(),
    **between("gap", "accuracy minus that of the last layer alone, on the same images"),
}

BREAK = {
    "changes": Table(
        "One intervention at one part; the intact network first.",
        {
            **CHANGE,
            "depth": "relative depth of the part, 0 (input) to 1 (output)",
            "possible": "parts that the intervention can change, of which some are tried",
            "draws": "random draws of a change that differs from seed to seed; accuracies are their mean",
            "made_to_fit": "whether shapes do not fit there and were made to, by repeating and averaging",
            "problem": "why nothing could be read afterwards; empty when it could",
            **between("carried", CARRIED),
            "carried_least": "the same in the worst of the draws",
            "carried_most": "the same in the best of the draws",
            **between("refitted", REFITTED),
            "refitted_least": "the same in the worst of the draws",
            "refitted_most": "the same in the best of the draws",
            **between("carried_gap", f"`carried`: {AT_ONCE}"),
            **between("refitted_gap", f"`refitted`: {AT_ONCE}"),
            **between("carried_above", "`carried` minus chance, the interval for all changes at once"),
            **between(
                "recovered", "`refitted` minus `carried` on the same images, the interval for all changes at once"
            ),
            **between("agree", "share of images that the frozen probe names as it does in the intact network"),
            **between("top1", "share of images that the network's own classifier names as before"),
        },
    ),
    "curve": Table(
        "A probe refit to one layer after one change (the first draw of a random one).",
        {**CHANGE, **same("layer depth dim accuracy"), **ends()},
    ),
    "contrasts": Table(
        "A comparison between changes, paired by image.",
        {
            "contrast": "`branch or shortcut` of the same blocks is taken out; blocks `with or without shortcut` are "
            "taken out; a probe refit where channels were `permuted` against the intact network",
            "place": "which parts, with commas between",
            "places": "how many parts",
            "one": "accuracy with the branch, or a block that has a shortcut, taken out; after the permutation",
            "other": "accuracy with the shortcut, or a block that has none, taken out; of the intact network",
            **between("gap", "the first minus the second, the interval for all comparisons at once"),
        },
    ),
    "reasons": Table(
        "An intervention that is not possible in this network.",
        {"intervention": "its name", "title": "its name for people", "reason": "why it is not possible"},
    ),
    "controls": CONTROLS,
}
LATE_LAYERS_ONLY = {
    "error": Table(
        "What happens when the image itself is handed to the stage.",
        {
            "stage": "its name in the network",
            "expects": "shape of the features it was trained on, channels × rows × columns",
            "given": "shape of the image",
            "kind": "Python's name of the error; empty for none",
            "message": "the error's own first line",
        },
    ),
    "adapters": Table(
        "One way to feed the stage; the real features first.",
        {
            "adapter": "how the image is made to fit",
            **between("r2", "share of the real features' variance that it explains, on held-out images"),
            "r2_mean_map": "the same of their mean over training images at each position, which needs no image",
            **between("r2_beyond", "share of what the mean map leaves that the adapter explains"),
            **between("carried", "accuracy after the stage of the probe fitted to the intact network"),
            **between("refitted", "accuracy after the stage of a refit probe"),
            **between("before", "accuracy of a probe of what enters the stage"),
            **between("carried_gap", "the first accuracy minus that with the real features, for all adapters at once"),
            **between(
                "refitted_gap", "the second accuracy minus that with the real features, for all adapters at once"
            ),
            **between("added", "the second accuracy minus that of what enters, for all adapters at once"),
        },
    ),
    "controls": CONTROLS.but(control="`chance` or `pixels` (raw)"),
}
WITHOUT_ACTIVATIONS = {
    "depths": Table(
        "One depth up to which activations were taken out.",
        {
            "up_to": "the layer there; `none` for the intact network",
            "depth": "its relative depth, 0 (input) to 1 (output)",
            "removed": "activations taken out",
            **between("carried", CARRIED),
            **between("refitted", REFITTED),
            **between("carried_gap", f"`carried`: {AT_DEPTHS}"),
            **between("refitted_gap", f"`refitted`: {AT_DEPTHS}"),
            **between("above_chance", "`refitted` minus chance, the interval for all depths at once"),
            **between("above_pixels", "`refitted` minus that of raw pixels, the interval for all depths at once"),
            "bend": f"{BEND}; of the last layer",
            "directions": "principal directions that hold 99 % of the variance of the last layer's vectors",
            **between("colours", "share of the variance of these vectors that the images' average colours explain"),
        },
    ),
    "curve": Table(
        "A probe refit to one layer with activations taken out up to one depth.",
        {
            "up_to": "the layer up to which they were taken out; `none` for the intact network",
            "up_to_depth": "its relative depth",
            **same("layer depth accuracy"),
            **ends(),
            "bend": BEND,
        },
    ),
    "controls": CONTROLS,
}
COLLAPSE = {
    "layers": Table(
        "A layer, as one convolution of the image.",
        {
            **same("layer depth"),
            "convolutions": "convolutions up to it",
            "stack_weights": "weights they have together",
            "height": "rows of the single kernel, pixels",
            "width": "columns of the single kernel, pixels",
            "stride": "pixels between its positions",
            "channels": "channels it puts out",
            "single_weights": "weights it has",
            "positions": "positions compared: those whose field lies inside the picture",
            "linear": "largest difference to the network without activations, relative to the largest value",
            "active": "largest difference to the network as it is, likewise",
            "border_positions": "positions whose field reaches beyond the picture",
            "border": "largest difference there to the network without activations, with zeros around the picture",
        },
    ),
    "kernels": Table(
        "A channel of the deepest layer.",
        {"channel": "its number, from 0", "thumbnail": "its kernel, PNG (Parquet only)"},
    ),
    "picture": PICTURE,
}
CONCATENATION = {
    "readers": Table("What a probe of one choice of layers finds.", READER),
    "sweep": Table(
        "What a probe of one choice of layers finds at one matched dimension.",
        {
            "reader": "what it sees: the last layer, the best single layer, early and late, or all layers",
            "dim": "principal components it sees",
            **same("accuracy"),
            **ends(),
            **between(
                "gap",
                "accuracy minus that of the last layer alone at the same dimension, on the same images, the interval "
                "for all choices and dimensions at once",
            ),
        },
    ),
    "layers": Table("What a probe of one layer finds.", {**READER, **same("depth")}),
    "chosen": Table(
        "How often one layer was taken for the best single one.",
        {
            "kind": "always `all`: it is chosen with every dimension",
            **same("layer"),
            "times": "folds in which it was",
        },
    ),
    "controls": CONTROLS,
}
