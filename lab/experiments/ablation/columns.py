"""The tables of questions that break a network."""

from lab.experiments.columns import PICTURE, Table, between, ends, same

CARRIED = "accuracy of the reader fitted to the intact network and shown the changed one"
REFITTED = "accuracy of a reader fitted anew to the changed network"
GAP = "the same minus that of the intact network, on the same images"
BEND = (
    "how far the map from image to layer is from affine: 0 when the midpoint of two images gives that of their outputs"
)
READERS = {
    **between("carried", CARRIED),
    **between("carried_gap", GAP),
    **between("refitted", REFITTED),
    **between("refitted_gap", GAP),
}
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
        "One intervention at one place; the intact network first.",
        {
            **CHANGE,
            "depth": "relative depth of the place, 0 (input) to 1 (output)",
            "made_to_fit": "whether shapes do not fit there and were made to, by repeating and averaging",
            "problem": "why nothing could be read afterwards; empty when it could",
            **READERS,
            **between("agree", "share of images that the first reader names as it does in the intact network"),
            **between("top1", "share of images that the network's own classifier names as before"),
        },
    ),
    "curve": Table(
        "One layer after one change, read anew.",
        {**CHANGE, **same("layer depth dim accuracy"), **ends()},
    ),
    "reasons": Table(
        "An intervention this network has no place for.",
        {"intervention": "its name", "title": "its name for people", "reason": "why there is no place"},
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
            "r2": "share of the real features' variance that it explains, on held-out images",
            **between("carried", "accuracy after the stage of the reader fitted to the intact network"),
            **between("refitted", "accuracy after the stage of a reader fitted anew"),
            **between("before", "accuracy of a reader of what enters the stage"),
            **between("carried_gap", "the first accuracy minus that with the real features"),
            **between("refitted_gap", "the second accuracy minus that with the real features"),
            **between("added", "what the stage adds: the second accuracy minus that of what enters"),
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
            **READERS,
            "bend": f"{BEND}; of the last layer",
            "directions": "principal directions that hold 99 % of the variance of the last layer's vectors",
        },
    ),
    "curve": Table(
        "One layer with activations taken out up to one depth, read anew.",
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
            "positions": "positions compared",
            "linear": "largest difference to the network without activations, relative to the largest value",
            "active": "largest difference to the network as it is, likewise",
        },
    ),
    "kernels": Table(
        "A channel of the deepest layer.",
        {"channel": "its number, from 0", "thumbnail": "its kernel, PNG (Parquet only)"},
    ),
    "picture": PICTURE,
}
CONCATENATION = {
    "readers": Table("What one reader finds.", READER),
    "layers": Table("What a reader of one layer finds.", {**READER, **same("depth")}),
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
