"""The tables of questions about sliding windows: what they add up, how large their output is, how far they see."""

from lab.experiments.columns import PICTURE, Table, ends, same

WINDOW = {
    "kernel_height": "rows of the kernel",
    "kernel_width": "columns of the kernel",
    "stride_y": "rows between windows",
    "stride_x": "columns between windows",
    "padding_y": "rows added at each end (the mean, if they differ)",
    "padding_x": "columns added at each end (the mean, if they differ)",
    "dilation_y": "rows between the kernel's taps",
    "dilation_x": "columns between the kernel's taps",
}
CONVOLUTION = Table(
    "A convolution of the network, and one of its sums.",
    {
        **same("layer"),
        "kind": "full, 1×1, grouped, depthwise, or single (one input channel)",
        "in_channels": "input channels of the layer",
        "out_channels": "output channels of the layer",
        "spanned": "input channels that one filter sees",
        **WINDOW,
        "groups": "groups of channels that are not mixed",
        "channel": "output channel of the sum, from 0",
        "row": "row of the sum in the output, from 0",
        "column": "column of the sum in the output, from 0",
        "sum": "products added up, plus bias, in double precision",
        "own": "the network's own number there, in double precision",
        "difference": "distance of the two",
        "single": "the network's own number in single precision",
    },
)
MAP = {
    "channel": "its number, from 0",
    "height": "rows",
    "width": "columns",
    "array": "its values, float64, row by row (Parquet only)",
}
FILTER = {
    "layers": CONVOLUTION,
    "chosen": CONVOLUTION.but("The chosen convolution; the same columns as in `layers`."),
    "inputs": Table("An input channel of the chosen layer.", MAP),
    "kernels": Table(
        "A filter of the chosen layer.",
        {
            "channel": "the output channel it makes, from 0",
            "bias": "its bias",
            "array": "its weights, float64, input channel by input channel, row by row (Parquet only)",
        },
    ),
    "outputs": Table("An output channel of the chosen layer.", MAP),
    "terms": Table(
        "One product of the chosen sum.",
        {
            "input_channel": "from 0",
            "row": "row of the kernel, from 0",
            "column": "column of the kernel, from 0",
            "input": "the number under it",
            "weight": "the kernel's weight",
            "product": "the two multiplied",
        },
    ),
    "contributions": Table(
        "What one input channel adds to that sum; the largest in size first.",
        {
            "rank": "from 1",
            "input_channel": "from 0",
            "contribution": "its products added up",
            "sum_so_far": "contributions up to this rank, without bias",
        },
    ),
    "picture": PICTURE,
}
SIZES = {
    "windows": Table(
        "A convolution or pooling, as it slid over its input.",
        {
            **same("layer"),
            "kind": "convolution, max pooling or average pooling",
            "in_height": "rows that came in",
            "in_width": "columns that came in",
            **WINDOW,
            "ceil": "whether the number of windows is rounded up",
            "formula_height": "rows that come out by the formula",
            "formula_width": "columns that come out by the formula",
            "real_height": "rows that came out",
            "real_width": "columns that came out",
            "agrees": "whether both are the same",
        },
    ),
    "weights": Table(
        "A convolution's weights, biases not counted.",
        {
            **same("layer"),
            "per_unit": "weights that one output number is made with",
            "units": "output numbers",
            "shared": "weights as they are, shared between positions",
            "local": "weights without sharing between positions",
            "connected": "weights of a fully connected layer of the same sizes",
        },
    ),
}
SLIDE = {
    "taps": Table(
        "One tap of the kernel at one position of the window.",
        {
            "window": "which position, from 0",
            "tap": "which tap, from 0",
            "pixel": "the pixel under it, from 0; negative or past the end in the padding",
            "inside": "whether it is one of the input's",
        },
    )
}
FIELD = {
    "fields": Table(
        "A layer of a network, or of its untrained twins (named by the first), seen from its middle position.",
        {
            **same("model layer depth height width"),
            "side": "theoretical field: its larger side in pixels; 0 when not known",
            "side_height": "its height in pixels",
            "side_width": "its width in pixels",
            "status": "whether these are exact, an upper bound, global (the whole picture) or unknown",
            "top": "first row of the picture that the position can depend on",
            "left": "first column",
            "bottom": "row after the last one",
            "right": "column after the last one",
            "half_top": "first row of the square that holds half of the mean gradient in the first picture",
            "half_left": "its first column",
            "half_square": "its side in pixels",
            "half_side": "side of the square that holds half of the gradient, mean over pictures (and untrained twins)",
            **ends("of `half_side`, over pictures (and twins), for all layers at once"),
            "most_side": "side of the square that holds 95 % of the mean gradient in the first picture",
            "outside": "share of the gradient outside the theoretical field, mean over pictures and draws",
            "contained": "whether there is none",
            "thumbnail": "the first picture with the gradient over it, JPEG (Parquet only)",
        },
    ),
    "draws": Table(
        "One position of a layer in one picture, in a random direction of the channels.",
        {
            "model": "timm id and weights, `ID@WEIGHTS`",
            "twin": "which untrained twin, from 0; -1 for the network itself",
            **same("layer"),
            "picture": "which, from 0; 0 is the chosen one",
            "draw": "which position and direction, from 0",
            "row": "row of the position in the layer's map, from 0",
            "column": "its column",
            "half_side": "side of the square that holds half of its gradient, in pixels",
            "outside": "share of it outside the theoretical field",
        },
    ),
    "picture": PICTURE,
}
STACK = {
    "stack": Table(
        "The stack up to one layer.",
        {"layer": "how many layers; 0 is the picture", "field": "side that one output sees, in pixels"},
    )
}
FACE = {
    "places": Table(
        "One position of the maps.",
        {
            "row": "from 0",
            "column": "from 0",
            "eyes": "the map of eyes",
            "mouth": "the map of mouths",
            "from_eyes": "what the kernel adds that slides over the eyes",
            "from_mouth": "what the kernel adds that slides over the mouths",
            "sum": "both and the bias",
            "response": "the sum, zero where it is negative",
            "fires_alone": "whether one of the two maps would do without the other",
        },
    )
}
