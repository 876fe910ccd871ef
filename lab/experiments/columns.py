"""What a table of a run means: what one row is, and every column in order. Columns that many tables have are here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

OVER_IMAGES = "over images (copies and near-copies count as one)"

# Columns that mean the same in every table that takes them from here.
SHARED: dict[str, str] = {
    "model": "timm id and weights, `ID@WEIGHTS`; empty where it is about no network (raw pixels, chance)",
    "layer": "the layer's dotted name in the network; empty where it is about no layer",
    "depth": "relative depth of the layer, 0 (input) to 1 (output), by position",
    "image": "the image's id: its path inside the image set",
    "class": "the image's true class",
    "predicted": "the class with the highest mean probability",
    "p_true": "mean probability of the true class",
    "repeat": "which repetition of the cross-validation, from 0",
    "fold": "in which fold of that repetition the image, or the score, is held out, from 0; -1 for training only",
    "group": "images that share a group are copies or near-copies and are never split between training and test",
    "control": "`probe` (the real thing), `untrained`, `shuffled`, `matched`, `pixels` or `chance`",
    "dim": "dimensions of the pooled embedding that the probe sees",
    "accuracy": "share of held-out images predicted right, copies counting as one image together",
    "balanced_accuracy": "mean over classes of the share of held-out images predicted right",
    "auc": "area under the ROC curve, held out; one class against the rest, averaged, for more than two",
    "log_loss": "mean negative log probability of the true class, held out (natural logarithm)",
    "class_a": "one class of the pair",
    "class_b": "the other class of the pair",
    "kind": "what the layer is: stem, block, stage, head, …",
    "layout": "order of the activation's axes: NCHW, NHWC or NLC",
    "channels": "channels of the activation",
    "height": "rows of the activation",
    "width": "columns of the activation",
    "stride": "input pixels between neighbouring positions",
    "receptive_field": "the larger side of the part of the input that one position can see, in pixels",
    "receptive_field_height": "rows of the input that one position can see",
    "receptive_field_width": "columns of the input that one position can see",
    "receptive_field_status": "whether those sides are exact, and if not why",
    "chance": "accuracy of guessing the most frequent class",
    "thumbnail": "the picture itself, PNG or JPEG (Parquet only)",
    "seed": "random seed of the repetition",
    "step": "steps of training so far; 0 is before training",
    "epoch": "the same in epochs",
}


@dataclass(frozen=True)
class Table:
    """What one `row` is, as a sentence, and the meaning of each of the `columns`, in their order."""

    row: str
    columns: Mapping[str, str]

    def but(self, row: str = "", **columns: str) -> Table:
        """Return the table with another sentence or other meanings; new columns come last."""
        return Table(row or self.row, {**self.columns, **columns})


def same(names: str) -> dict[str, str]:
    """Return the columns named, with spaces between them, as many tables have them."""
    return {name: SHARED[name] for name in names.split()}


def ends(over: str = OVER_IMAGES) -> dict[str, str]:
    """Return `ci_low` and `ci_high`."""
    return {
        f"ci_{end}": f"{word} end of the 95 % interval, {over}" for end, word in (("low", "lower"), ("high", "upper"))
    }


def between(name: str, about: str) -> dict[str, str]:
    """Return a column with those of its interval, `NAME_low` and `NAME_high`."""
    interval = {
        f"{name}_{end}": f"{word} end of its 95 % interval" for end, word in (("low", "lower"), ("high", "upper"))
    }
    return {name: about, **interval}


LAYERS = Table(
    "A layer of a network, as it was read.",
    {
        **same("model layer dim kind depth layout channels height width stride receptive_field"),
        **same("receptive_field_height receptive_field_width receptive_field_status"),
    },
)
IMAGES = Table(
    "An image that took part.",
    {
        **same("image class group"),
        "width": "pixels, upright",
        "height": "pixels, upright",
        "digest": "SHA-256 of its content, and of its scale of values where they have more than 8 bits",
    },
)
SHOWN_IMAGES = IMAGES.but(thumbnail="a small JPEG (Parquet only)")
QUARANTINE = Table("An image that was set aside.", {**same("image"), "reason": "why"})
SPLITS = Table("Where one image is held out in one repetition.", same("image group repeat fold"))
EMERGENCE = Table(
    "Where one pair of classes comes apart.",
    {
        **same("model class_a class_b"),
        "depth": "relative depth from which accuracy on the pair stays above halfway between chance and its best",
        **ends(),
        "layer": "the first layer at or past that depth",
        "reached": "whether a layer is above chance by more than a 95 % margin over all layers and pairs of classes",
    },
)
PICTURE = Table(
    "The picture as the network saw it.",
    {"height": "pixels", "width": "pixels", "thumbnail": "the picture, PNG (Parquet only)"},
)
