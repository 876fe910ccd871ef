"""The tables of questions about attributions."""

from lab.experiments.columns import PICTURE, Table, between, ends, same

METHOD = {"method": "the method that made the map"}
ON = "the layer it lies on; empty for the picture's pixels"
SCORE_AT = {"score_at": "the layer whose probe is explained; empty for the network's output"}
SHARE = {
    "share": "share of the map on the parts that differ between the classes",
    "area": "area of those parts, as a share of the picture: what an even map has there",
    "ideal": "the most that a map of so many rows and columns can have there",
}
NOTHING = {
    "edges": "share that a map of the picture's edges has there",
    "middle": "share that a map of its middle has there",
}
ROLE = {"role": "`trained` or `untrained`"}
TWIN = {"twin": "number of the untrained twin, from 0; -1 for the network itself"}
PROBED = "the layer whose probe is explained"
CAPABILITY = Table(
    "One method at one layer.",
    {
        "method": "the method",
        "layer": ON,
        **SCORE_AT,
        "valid": "whether it says something there",
        "asked": "whether it was chosen",
        "reason": "why it is not valid; empty if it is",
    },
)

ATTRIBUTE = {
    "maps": Table(
        "One map.",
        {
            **METHOD,
            "layer": ON,
            **SCORE_AT,
            **same("depth"),
            "height": "rows of the map",
            "width": "columns of the map",
            "signed": "whether its values can speak against the target",
            "problem": "why it cannot be read; empty if it can",
            "sum": "its parts added up, for methods whose parts must add up to something",
            "owed": "what they must add up to: the difference of the scores of picture and blank",
            "incompleteness": "by how much they miss it, as a share of it",
            "array": "its values, float32, row by row (Parquet only)",
            "edges": "rank correlation with a map of the picture's edges, which needs no network",
            "share": "of a drawn picture: share of the map on the parts that differ between the classes",
            "area": "of a drawn picture: area of those parts, as a share of the picture",
            "ideal": "of a drawn picture: the most that a map of so many rows and columns can have there",
            **between("random", "rank correlation with the maps of networks with random weights, mean"),
            "random_pair": "the same between the maps of two such networks",
            "gain": "area under insertion less area under deletion, -1 to 1",
        },
    ),
    "targets": Table(
        "One score that is explained.",
        {
            **SCORE_AT,
            "depth": "relative depth of that layer; 1 for the output",
            "class": "number of the class, from 0",
            "name": "name of the class",
            "score": "its logit",
            "probability": "its probability",
            "accuracy": "held-out accuracy of the probe; empty for the output",
            **ends("over images"),
        },
    ),
    "randomised": Table(
        "A map against that of a network that is random from some layer on.",
        {
            **METHOD,
            "layer": ON,
            **SCORE_AT,
            **same("seed"),
            "step": "how far the randomisation went, from 0; it begins at the output",
            "upto": "the part up to which weights are random",
            "share": "share of all weights that are random",
            "similarity": "rank correlation of the two maps",
        },
    ),
    "curves": Table(
        "One moment of taking positions away, and of putting them back.",
        {
            "method": "the method whose map says which positions come first, or an order that knows no network",
            "layer": ON,
            **SCORE_AT,
            "draw": "which random order, from 0; 0 for maps",
            "share": "share of the picture taken away, or put back",
            "deletion": "probability of the target when so much is taken away",
            "insertion": "probability of the target when so much is put back into the blurred picture",
        },
    ),
    "orders": Table(
        "An order that knows no network.",
        {
            "order": "random squares, edges first or middle first",
            **SCORE_AT,
            "draw": "which random one, from 0",
            "gain": "area under insertion less area under deletion, -1 to 1",
        },
    ),
    "capability": CAPABILITY,
    "picture": PICTURE,
}
ATTRIBUTION_SCORE = {
    "shares": Table(
        "One map of one picture.",
        {
            **ROLE,
            **TWIN,
            **METHOD,
            "layer": PROBED,
            **same("depth image class"),
            "said": "the class that the probe says, which is explained",
            **SHARE,
            **NOTHING,
        },
    ),
    "summary": Table(
        "A method at a layer, over all pictures.",
        {
            **ROLE,
            **METHOD,
            "layer": PROBED,
            **same("depth"),
            "images": "pictures",
            **SHARE,
            **NOTHING,
            **between(
                "over_area", "share minus area, mean over pictures, the interval for all methods and layers at once"
            ),
            **between("over_edges", "share minus that of the edges, likewise"),
            **between("over_untrained", "share minus that of the untrained network, likewise"),
            **between("over_activation", "share minus that of the plain activation at the layer, likewise"),
        },
    ),
    "probes": Table(
        "A probe whose decisions are explained.", {**ROLE, **TWIN, **same("layer depth accuracy"), **ends()}
    ),
    "capability": Table(
        "One method at one layer.",
        {name: CAPABILITY.columns[name] for name in ("method", "layer", "valid", "reason")},
    ),
}
_ON_RUNG = {"rung": "the rung of the ladder that is drawn"}
EXPLANATIONS = {
    "explanations": Table(
        "A method at a layer of the network on one rung, over all pictures.",
        {
            **_ON_RUNG,
            **{name: text for name, text in ATTRIBUTION_SCORE["summary"].columns.items() if name != "role"},
            **same("accuracy"),
            **ends(),
            "right": "whether the share is above area, edges and untrained twins, and the accuracy above one half; of "
            "optimised images, which have no share, whether a reader tells for which class they were made",
        },
    ),
    "optimised": Table(
        "Pairs of images optimised for a layer's probes, one for each class, and a reader that tells them apart.",
        {
            **_ON_RUNG,
            **same("layer depth"),
            "reader": "the network that reads them",
            "reader_layers": "its layers but the explained one that read the rung half as well as its best, or better",
            "reader_accuracy": "their mean accuracy on drawings",
            "pairs": "pairs of images, each for a probe fitted to drawings of its own",
            **between("told", "share judged right, mean over the reader's layers, the interval for all rows at once"),
            **between("random", "the same of pairs for random directions"),
            **between("untrained", "the same of pairs that untrained twins make for their own probes"),
        },
    ),
    "optimised_images": Table(
        "An image of the first pair.",
        {**_ON_RUNG, "layer": PROBED, "class": "the class that it was optimised for", **same("thumbnail")},
    ),
    "probes": ATTRIBUTION_SCORE["probes"].but(**_ON_RUNG),
    "capability": ATTRIBUTION_SCORE["capability"].but(**_ON_RUNG),
}
_CONCEPT = {
    "set": "the image set that holds the concept's examples",
    "concept": "the concept, named as its folder",
    "against": "what its images are held against",
    **same("layer depth"),
}
_LUCK = "of random concepts, as many images drawn from both together"
CONCEPTS = {
    "concepts": Table(
        "What one layer knows of one concept.",
        {
            **_CONCEPT,
            "images": "different images of the concept",
            "others": "different images that it is held against",
            "accuracy": "share classified right by the nearer mean, out of fold, concept and others weighted alike",
            "luck": f"mean accuracy {_LUCK}",
            "luck_most": f"the accuracy that 95 % {_LUCK} stay below",
            "p": "how often a random concept is classified as well or better",
            "q": "the same when all concepts and layers are allowed for (Benjamini & Hochberg)",
            "known": "whether that is at most 0.05",
        },
    ),
    "speaks": Table(
        "What a concept says of a class at one layer whose probe tells the classes apart.",
        {
            **_CONCEPT,
            "class": "the class of the probe; of two classes the second, the first being its opposite",
            "change": "what a step along the concept's vector (from the others' mean to its own) adds to the log-odds",
            "luck_low": f"lower end of the middle 95 % {_LUCK}",
            "luck_high": "its upper end",
            "p": "how often a random concept changes them as much or more, either way",
            "q": "the same when all concepts, layers and classes are allowed for (Benjamini & Hochberg)",
            "clear": "whether that is at most 0.05",
        },
    ),
    "probes": Table(
        "The probe of the classes at one layer.", {**same("layer depth accuracy"), **ends(), **same("chance")}
    ),
}
