"""The tables of comparisons."""

from lab.experiments.columns import EMERGENCE, LAYERS, QUARANTINE, SHOWN_IMAGES, SPLITS, Table, between, ends, same
from lab.experiments.separability.columns import SUMMARY

COST = {
    "gflops": "10^9 floating-point operations of an image up to here, a multiply-add counted as two",
    "parameters": "parameters used up to here",
}
PAIR = {"model_a": "the first network of the pair", "model_b": "the second network of the pair"}
PAIR_LAYERS = {"layer_a": "layer of the first network", "layer_b": "layer of the second network"}
ACCURACIES = {"accuracy_a": "accuracy of the first network", "accuracy_b": "accuracy of the second network"}
DIFFERENCE = {"difference": "accuracy of the first minus that of the second, on the same images"}
FOR_ALL_DEPTHS = "for all depths of the pair at once"
RATE = "images that pass through in a second, median of the rounds, measured on the machine that computed the run"


def _pace(name: str, about: str) -> dict[str, str]:
    return {name: about, f"{name}_low": "lower quartile of the rounds", f"{name}_high": "upper quartile of the rounds"}


COMPARE = {
    "models": Table(
        "A network of the comparison.",
        {
            **same("model"),
            "best_layer": "the layer that is best on all images",
            "accuracy": "at its best layer, which is picked on other images than it is judged by",
            **ends(),
            "emergence": "relative depth at which the classes come apart, the mean over pairs of classes that do",
            "emergence_low": "lower end of its 95 % interval, for two classes",
            "emergence_high": "upper end of its 95 % interval, for two classes",
            "pairs_apart": "pairs of classes that come apart",
            "pairs": "pairs of classes",
            "parameters": "all parameters of the network, its classifier's included (as on the page Models)",
            "gflops": "10^9 floating-point operations of an image up to its last layer, a multiply-add counted as two",
            "weights_mb": "megabytes of its weights",
            "activations_mb": "the most megabytes that one image holds on its way",
            "accuracy_per_gflop": "accuracy of its best layer over the operations up to there",
            "cut_layer": "the layer with the fewest operations that its best layer is not clearly above (as `chosen`); "
            "empty where it is not clearly above guessing and the other controls",
            "cut_depth": "relative depth of the cut",
            "cut_accuracy": "accuracy at the cut",
            "cut_parameters": "parameters used up to the cut",
            "cut_gflops": "10^9 floating-point operations of an image up to the cut",
            **_pace("images_per_second", f"{RATE}; missing when speed was not measured"),
            **_pace("cut_images_per_second", "the same, up to the cut"),
        },
    ),
    "speeds": Table(
        "A network, whole or cut, in one round of the measurement of speed; a round times every network once.",
        {
            **same("model"),
            "part": "whole (up to its last layer) or cut (up to its smallest good cut)",
            "round": "number of the round; the rows of one round were measured one right after the other",
            "images_per_second": "images that passed through in a second; where noise has put a cut behind the whole "
            "network, whose work holds the cut's, both have what the two say together",
            "measured_as": "the network that was timed: the first of the same architecture, which does the same work",
        },
    ),
    "layers": LAYERS.but(
        flops="floating-point operations of an image up to here, a multiply-add counted as two",
        parameters="parameters used up to here",
    ),
    "summary": SUMMARY,
    "emergence": EMERGENCE,
    "cuts": Table(
        "A layer of a network, as a place to cut it.",
        {
            **same("model layer depth"),
            **COST,
            **same("accuracy"),
            **ends(),
            "accuracy_per_gflop": "accuracy over these operations",
            **between(
                "behind", "how far its accuracy is below the best of all; the interval holds for all layers at once"
            ),
            **between("above_chance", "accuracy minus that of guessing, likewise"),
            **between("above_pixels", "accuracy minus that of a probe on raw pixels, likewise"),
            **between("above_twin", "accuracy minus that of the untrained twin's layer, likewise"),
            "within": "whether the best of all is not clearly above it",
            "chosen": "whether it takes the fewest operations of those (of those above every control, if any is)",
        },
    ),
    "matched": Table(
        "A pair of networks at one relative depth; between layers each image's correctness is interpolated.",
        {
            **PAIR,
            "depth": "relative depth, 0 (input) to 1 (output)",
            **ACCURACIES,
            **DIFFERENCE,
            **ends(FOR_ALL_DEPTHS),
        },
    ),
    "best": Table(
        "A pair of networks, each at its best layer (picked on other images than it is judged by).",
        {**PAIR, **PAIR_LAYERS, **ACCURACIES, **DIFFERENCE, **ends()},
    ),
    "similarity": Table(
        "A pair of layers, of one network or of two.",
        {
            "model_a": PAIR["model_a"],
            "layer_a": PAIR_LAYERS["layer_a"],
            "depth_a": "relative depth of that layer",
            "model_b": PAIR["model_b"],
            "layer_b": PAIR_LAYERS["layer_b"],
            "depth_b": "relative depth of that layer",
            "cka": "debiased linear centred kernel alignment of their embeddings",
            **ends("over images (block jackknife)"),
            "null_95": "the value below which 95 % of shuffled images stay",
            "p": "share of shuffles that reach the value",
            "images": "images it was computed on",
        },
    ),
    "agreement": Table(
        "A pair of networks at one relative depth, each at its nearest layer.",
        {
            **PAIR,
            "depth": "relative depth, 0 (input) to 1 (output)",
            **PAIR_LAYERS,
            "both_right": "images that both read right",
            "only_a": "images that only the first reads right",
            "only_b": "images that only the second reads right",
            "both_wrong": "images that both read wrong",
            "consistency": "share of images on which both are right or both wrong",
            "expected": "what it would be if their errors had nothing to do with each other",
            "kappa": "error consistency beyond that: 1 always the same images, 0 as expected",
            **ends(),
            "steady_a": "images that the first reads right in every repeat and the second wrong in every repeat",
            "steady_b": "images that the second reads right in every repeat and the first wrong in every repeat",
            "by_accuracy": "images that only one would read right if their errors had nothing to do with each other",
            "by_folds": "images that one and the same network reads right in one repeat and wrong in another, the mean "
            "over pairs of repeats and both networks; empty for a single repeat",
        },
    ),
    "votes": Table(
        "What one network answers for one image at one relative depth (its nearest layer).",
        {**same("depth model layer image class predicted p_true"), "right": "whether that is the true class"},
    ),
    "images": SHOWN_IMAGES,
    "splits": SPLITS,
    "quarantine": QUARANTINE,
}
