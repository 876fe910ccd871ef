"""The tables of questions about what layers make of images: parts and shapes, and what is left of the rest."""

from lab.experiments.columns import IMAGES, PICTURE, Table, between, ends, same

KERNEL = {
    "height": "rows of the kernel",
    "width": "columns of the kernel",
    "array": "its weights, float64, row by row (Parquet only)",
}
R2 = "share of the variance that the linear probe explains, out of fold: 0 is what the mean knows, 1 is all"

EDGES = {
    "accuracy": Table(
        "One network that was trained here.",
        {
            "condition": "two layers, one layer, or shuffled labels",
            **same("seed"),
            "parameters": "parameters it has",
            "accuracy": "share of held-out drawings right",
        },
    ),
    "filters": Table(
        "One filter of the first of two layers.",
        {
            **same("seed"),
            "when": "before or after training",
            "filter": "its number, from 0",
            "angle": "of the bars it answers most, degrees: 0 horizontal, 90 vertical, 45 falls to the right",
            "group": "horizontal, vertical or diagonal, whichever is nearest",
            "selectivity": "how much it prefers that angle, 0 to 1",
            "beyond_random": "whether that is more than 95 % of filters with random weights have",
            **KERNEL,
        },
    ),
    "channels": Table(
        "The second-layer channel that speaks most for one class.",
        {
            **same("seed"),
            "class": "the class it speaks for",
            "channel": "its number, from 0",
            "part": "how far it moves the logit of its class against the others, between drawings of both",
            "on_own": "its mean answer to held-out drawings of the class",
            "on_others": "its mean answer to the others",
            "bias": "of its sum",
            "difference": "by how much contributions and bias miss its value at most",
            **KERNEL,
        },
    ),
    "combinations": Table(
        "What one filter below adds to such a channel.",
        {
            **same("seed"),
            "class": "the class the channel speaks for",
            "channel": "the channel, from 0",
            "filter": "the filter below, from 0",
            "group": "its orientation: horizontal, vertical or diagonal",
            "on_own": "what it adds at the channel's largest answer, mean over drawings of the class",
            "on_others": "the same over the other drawings",
            **KERNEL,
        },
    ),
    "responses": Table(
        "What the channel that speaks for rectangles answers to one kind of stimulus.",
        {
            "condition": "two layers or one layer",
            **same("seed"),
            "stimulus": "what is shown",
            "response": "its mean largest answer",
            "share": "the same as a share of its answer to the whole rectangle",
        },
    ),
    "examples": Table("A drawing.", {"class": "what it shows", **same("thumbnail")}),
}
THUMBNAIL = {
    "rebuilt": Table(
        "What a linear probe of one layer knows of the thumbnail's pixels.",
        {
            **same("model layer depth"),
            "pooling": "`4x4` keeps where things are, `avg` does not; empty for pixels and the mean colour",
            "control": "`real`, `untrained` (mean over twins), `shuffled` (images), `pixels`, or `mean colour` (alone)",
            "dim": "numbers the probe sees",
            "r2": R2,
            **ends(),
        },
    ),
    "contrasts": Table(
        "A difference of R² between two probes, paired by image.",
        {
            "contrast": "which two: the last layer and the first, the mean colour, raw pixels, and so on",
            **same("layer"),
            "one": "R² of the first of the two",
            "other": "R² of the second, the mean over untrained twins where they are it",
            "starts": "how many untrained twins that is, or 1",
            **between("gap", "the first minus the second, the interval at once for all rows of one kind"),
        },
    ),
    "matched": Table(
        "What probes on random sets of equally many of a layer's numbers know of the thumbnail, their mean.",
        {
            **same("model layer depth"),
            "pooling": "always `4x4`",
            "control": "always `matched`",
            "dim": "numbers in each set: those of the narrowest layer",
            "r2": R2,
            **ends(),
        },
    ),
    "learning": Table(
        "What a probe knows that learns from a part of the images.",
        {
            **same("model layer depth"),
            "pooling": "`4x4`; empty for pixels",
            "control": "`real` or `pixels`",
            "dim": "numbers the probe sees",
            "share": "of the training images, from which it learns",
            "r2": R2,
            **ends(),
        },
    ),
    "pictures": Table(
        "One held-out image, as it is read off one layer.",
        {
            **same("model layer depth"),
            "pooling": "as in `rebuilt`; empty for the thumbnail itself",
            **same("image"),
            "thumbnail": "what is read, PNG (Parquet only)",
        },
    ),
    "images": IMAGES,
}
FACTORS = {
    "readings": Table(
        "What a linear probe of one layer knows of one factor.",
        {
            **same("model layer depth"),
            "factor": "the fact about the drawing",
            "control": "`real`, `untrained` (mean of twins), `shuffled` (its interval spans the shuffles) or `pixels`",
            "r2": R2,
            **ends(),
            "accuracy": "for factors with levels: share of held-out drawings whose level is right",
            "chance": "accuracy of guessing the most frequent level",
        },
    ),
    "contrasts": Table(
        "A difference of R² between two probes, paired by image.",
        {
            "contrast": "which two: the last layer and the first, raw pixels, half of the images, and so on",
            **same("layer"),
            "factor": "the fact about the drawing",
            "one": "R² of the first of the two",
            "other": "R² of the second, the mean over untrained twins where they are it",
            "starts": "how many untrained twins that is, or 1",
            **between("gap", "the first minus the second, the interval at once for all rows of one kind"),
        },
    ),
    "factors": Table(
        "A fact that the drawings differ in.",
        {
            "factor": "its name",
            "kind": "number, hue (an angle) or levels",
            "levels": "its levels, with commas between them",
            "same": "factors that always go together with it",
        },
    ),
    "images": IMAGES,
}
TUNING = {
    "tuning": Table(
        "How far the channels of one layer follow one property.",
        {
            **same("model layer depth"),
            "kind": "the property: orientation (of gratings) or shape (of outlines)",
            "control": "`real`, `untrained` (mean over the twins) or `shuffled` (levels)",
            "width": "channels of the narrowest layer, of which `best` is the best",
            **between("mean", "share of a channel's variance that the property explains, mean over channels"),
            **between(
                "best",
                "the same of the best of `width` channels, the mean over all subsets of so many, chosen on other draws "
                "than it is measured on",
            ),
            **between("best_of_all", "the same of the best of all the layer's channels; not comparable between widths"),
        },
    ),
    "draws": Table(
        "The same for one draw of stimuli that no channel was chosen on.",
        {
            **same("model layer depth"),
            "kind": "the property: orientation or shape",
            "twin": "which untrained twin, from 0; -1 for the network itself",
            "control": "`real`, `untrained` or `shuffled` (levels)",
            "draw": "which, from 0; the best channels are chosen on the draws between",
            "channel": "the best one on those, from 0",
            "width": "channels of the narrowest layer",
            "mean": "share of variance that the property explains (epsilon squared), mean over channels",
            "best": "the same of the best of `width` channels, the mean over all subsets of so many",
            "best_of_all": "the same of that channel",
        },
    ),
    "curves": Table(
        "What a layer's best channel answers to one level.",
        {
            **same("model layer depth"),
            "kind": "the property: orientation or shape",
            "channel": "the best one on half of the draws, from 0; measured on the others",
            "level": "the orientation or shape",
            "response": "its mean answer, in its own standard deviations",
            **ends("over stimuli"),
        },
    ),
    "examples": Table("A stimulus.", {"kind": "orientation or shape", "level": "which one", **same("thumbnail")}),
}
INVERSION = {
    "inversions": Table(
        "The picture, rebuilt from one layer's activations, from one random start.",
        {
            "model": "timm id and weights, `ID@WEIGHTS`",
            "twin": "whether it is the untrained twin",
            **same("layer depth"),
            "start": "which start, from 0; every start of the twin has random weights of its own",
            "error_before": "squared distance to the picture's activations over their squared length, at first",
            "error": "the same at the end",
            "likeness": "correlation of the pixels of both thumbnails, each colour's mean taken off",
            "thumbnail": "the rebuilt picture, JPEG (Parquet only)",
        },
    ),
    "summary": Table(
        "The same over starts, with intervals for all layers at once.",
        {
            "model": "timm id and weights, `ID@WEIGHTS`",
            "twin": "whether it is the untrained twin",
            **same("layer depth"),
            **between("error", "squared distance of the activations at the end, mean over starts"),
            **between("likeness", "correlation with the picture, mean over starts"),
        },
    ),
    "picture": PICTURE,
}
