"""The tables of the ladder."""

from lab.experiments.columns import LAYERS, Table, between, ends, same
from lab.experiments.separability.columns import PROBE

_TWIN = "seed of the untrained twin, -1 for the network itself"
_RUNG = {"rung": "what has to be distinguished"}
_WHO = {**same("model"), "twin": _TWIN}

_CHANGE = {"change": "what differs between training and test: position, size, colouring or background"}
_SIDES = {
    "mixed": "accuracy when trained on random halves of the drawings and tested on the others",
    "moved": "accuracy when trained on one side of the change and tested on the other, both ways",
}
_AGAINST = {"against": "the first network"}

_EMERGES = {
    "depth": "relative depth from which accuracy stays above halfway between chance and its best",
    **ends(),
}
_POSITION = {"position": "its place on the ladder, from 1 (lowest)"}
_REACHED = {"reached": "whether its best accuracy is above chance by more than a 95 % margin"}

LADDER = {
    "rungs": Table(
        "A rung of the ladder.",
        {
            **_RUNG,
            **_POSITION,
            "title": "what is drawn",
            "description": "how its classes differ",
            "data": "its image set, with which any other question can be asked",
            "difficulty": "how hard it is drawn, 0 to 1",
            "images": "drawings that were shown",
        },
    ),
    "layers": LAYERS.but(twin=_TWIN),
    "accuracy": Table(
        "What one probe reads of one rung off one layer. Thumbnails of the pixels are a row without a layer.",
        {
            **_WHO,
            **_RUNG,
            **same("layer depth dim"),
            "control": "`probe` (all channels), `matched` (16 random channels, mean of three draws) or `pixels`",
            **same("accuracy"),
            **ends(),
        },
    ),
    "emergence": Table(
        "Where one rung becomes readable in one network.",
        {
            **_WHO,
            **_RUNG,
            **_POSITION,
            **_EMERGES,
            "again_low": "lower end of where other drawings of as many are expected to have it; at most one rung lies "
            "outside in 19 of 20 ladders",
            "again_high": "its upper end",
            "layer": "the first layer at or past that depth; empty where it is not reached",
            **_REACHED,
            "best": "accuracy at its best layer",
            "best_layer": "that layer",
            "last": "accuracy at the last layer",
            **between("decline", "accuracy at the last layer minus that at the best, at once for all rungs"),
            "declines": "whether that is clearly below 0",
        },
    ),
    "order": Table(
        "How far a network's rungs emerge in the order of the ladder.",
        {
            **_WHO,
            "rungs": "rungs that are reached; the others have no place in the order",
            **between("tau", "Kendall's tau-b of place on the ladder and emergence depth, over other drawings"),
            "p": "two-sided, that of rungs in random order",
            "pairs": "pairs of reached rungs",
            "as_expected": "of them, clearly in the order of the ladder (corrected for all pairs)",
            "reversed": "of them, clearly the other way round (corrected for all pairs)",
            "twins": "of a network's untrained twins, those that read three rungs or more; 0 for a twin",
            **between("twins_tau", "their mean tau, each by the rungs it reads, over random starts and drawings"),
        },
    ),
    "pairs": Table(
        "Two rungs of one network, the lower one first.",
        {
            **_WHO,
            "lower": "the rung that is lower on the ladder",
            "higher": "the rung that is higher",
            **between("later", "emergence depth of the lower rung minus that of the higher, at once for all pairs"),
            "reversed": "whether the lower rung clearly emerges later",
        },
    ),
    "gains": Table(
        "What training brings to one rung: the network at its best layer against its untrained twins at the same one.",
        {
            **same("model"),
            **_RUNG,
            **same("layer depth"),
            "accuracy": "accuracy of the network at that layer",
            "untrained": "mean accuracy of the twins there",
            **between("gain", "the difference, over images and random starts of twins, at once for all rungs"),
        },
    ),
    "ease": Table(
        "Whether a network reads best, at its end, what its untrained twins make easy (Hermann & Lampinen 2020).",
        {
            **same("model"),
            "rungs": "rungs that were asked",
            "twins": "untrained twins",
            **between(
                "tau",
                "Kendall's tau-b of the twins' best accuracy and the network's at its last layer, over images and "
                "random starts of twins",
            ),
        },
    ),
    "labels": PROBE["code_length"].but(**_RUNG),
    "moved": Table(
        "One layer on one rung when its probe was trained on one side of a change and tested on the other.",
        {**same("model"), **_RUNG, **_CHANGE, **same("layer depth"), **_SIDES, **between("loss", "mixed less moved")},
    ),
    "invariance": Table(
        "The same, mean over the rungs that the layer reads.",
        {
            **same("model"), **_CHANGE, **same("layer depth"),
            "rungs": "rungs with such a change whose accuracy at the layer lies above chance with its interval",
            **_SIDES, **between("loss", "mixed less moved, over drawings of these rungs, at once for all layers"),
        },
    ),
    "networks": Table(
        "A further network against the first one, each at its best layer of one rung.",
        {
            "model": "the further network",
            **_AGAINST,
            **_RUNG,
            "best": "accuracy of the further network at its best layer",
            "best_against": "that of the first network at its own",
            **between("gain", "the difference, over the same drawings, at once for all rungs"),
            "reached": "whether the further network reads the rung",
            "reached_against": "whether the first one does",
            **between("later", "emergence depth of the further network minus that of the first, at once for all rungs"),
        },
    ),
    "layer_differences": Table(
        "One layer of a further network whose layers have the names of the first one's, such as another checkpoint.",
        {
            "model": "the further network",
            **_AGAINST,
            **_RUNG,
            **same("layer depth accuracy"),
            "accuracy_against": "that of the first network",
            **between("difference", "the difference, over the same drawings, at once for all layers of the rung"),
        },
    ),
    "predictions": Table(
        "The probe's held-out answer for one image at one layer of a network (not of its twins).",
        {**same("model"), **_RUNG, **same("layer image class predicted p_true")},
    ),
    "examples": Table(
        "A drawing of a rung.",
        {**_RUNG, **same("class image thumbnail")},
    ),
}  # fmt: skip
LADDER_STEPS = {
    "steps": Table(
        "One rung at one checkpoint of a training.",
        {
            **same("step epoch"),
            **_RUNG,
            **_POSITION,
            **_REACHED,
            **_EMERGES,
            "layer": "the first layer at or past that depth; empty where it is not reached",
            "best": "accuracy at its best layer",
            "best_layer": "that layer",
        },
    ),
    "learnt": Table(
        "What training added to one rung.",
        {
            **_RUNG,
            **_POSITION,
            "before": "accuracy at the best layer before training",
            "after": "accuracy at the best layer of the last checkpoint",
            **between("gain", "the difference, over the same drawings, for all rungs and checkpoints at once"),
            "onset": "the first checkpoint from which all are clearly better than before training; -1 for none",
        },
    ),
    "accuracy": Table(
        "One layer at one checkpoint on one rung.", {**same("step"), **_RUNG, **same("layer depth accuracy")}
    ),
}
